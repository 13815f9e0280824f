//! Import of lesson cards: words of the file become people, classes and subjects of the school; then all of it or nothing.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::card::{CardHead, PlanChange, PreparedCard, horizon};
use super::school::School;
use super::sql::{self, int, text, word};
use super::transition::Actor;
use super::{Store, StoreError, Tx};
use crate::domain::archive::ArchiveError;
use crate::domain::calendar::{Calendar, Span};
use crate::domain::card_csv::{CardRow, CellChange, CellCode, CellError, Column, differences, parse};
use crate::domain::consultation::Timings;
use crate::domain::fold::{fold, fold_code, nearest};
use crate::domain::form::Form;
use crate::domain::ids::{GroupId, PartId, PersonId, ProgrammeId, SubjectId, TopicId};
use crate::domain::lesson_card::{CardContent, CardSlot, Homework, Recurrence};
use crate::domain::norm::{Norm, NormMode, check_length};
use crate::domain::role::Role;
use crate::domain::sheet::{self, SheetError};
use crate::domain::timetable::{Skip, expand};

/// What is asked of an import.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    pub school: School,
    /// `None`: the command line.
    pub actor: Option<Actor>,
    /// Only cards held by the actor may be in the file.
    pub own_only: bool,
    /// Look, but change nothing.
    pub dry_run: bool,
    pub timings: Timings,
    pub horizon_days: u32,
    pub now_ms: i64,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    pub dry_run: bool,
    pub rows: usize,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    /// Consultations planned, moved and removed; in a dry run the occurrences of new and changed cards.
    pub consultations: usize,
    /// Remarks by cell that do not hinder.
    pub warnings: Vec<CellError>,
    /// What would be new and what would change, by line.
    pub changes: Vec<RowChange>,
}

/// What one line does to its card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    pub line: u64,
    pub key: String,
    /// Otherwise it changes a card.
    pub is_new: bool,
    pub title: String,
    pub consultations: usize,
    /// Cells that differ from the card in force; none when the card was made with more than a line holds.
    pub cells: Vec<CellChange>,
}

/// Changes told of in one report.
const MOST_CHANGES: usize = 500;

/// Rows of a CSV file or of a workbook's first sheet.
fn read(bytes: &[u8]) -> Result<Vec<CardRow>, Vec<CellError>> {
    if !sheet::is_workbook(bytes) {
        return parse(bytes);
    }
    let text = sheet::to_csv(bytes).map_err(|error| {
        let (code, text) = match error {
            SheetError::TooLarge | SheetError::Archive(ArchiveError::TooLarge | ArchiveError::TooMany) => {
                (CellCode::TooManyRows, "Лист больше, чем можно загрузить за один раз")
            }
            SheetError::Unreadable | SheetError::Archive(ArchiveError::Unreadable) => {
                (CellCode::Empty, "Файл не читается как таблица Excel (XLSX)")
            }
        };
        vec![CellError { line: 1, column: String::new(), code, text: text.to_owned() }]
    })?;
    parse(text.as_bytes())
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// By line; nothing was changed.
    #[error("{} mistakes in the file", .0.len())]
    Rejected(Vec<CellError>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Imports lesson cards from CSV (DOMAIN 8.1). The same file again changes nothing; a changed row gives its card a new
    /// version and re-plans its future consultations. Poke the scheduler afterwards.
    pub async fn import_cards(&self, bytes: &[u8], request: ImportRequest) -> Result<ImportReport, ImportError> {
        let rows = read(bytes).map_err(ImportError::Rejected)?;
        let known = Known::load(self, &request).await?;
        let mut report = ImportReport { dry_run: request.dry_run, rows: rows.len(), ..ImportReport::default() };
        let before = self.export_cards(&request.school, None).await?.rows;
        let before: HashMap<String, CardRow> = before.into_iter().map(|row| (fold(&row.key), row)).collect();
        let mut errors = Vec::new();
        let mut prepared = Vec::new();
        let mut wishes = BTreeSet::new();
        for row in &rows {
            let mut judge = Judge { row, errors: &mut errors, warnings: &mut report.warnings };
            let Some(card) = judge.prepare(&known, &request) else { continue };
            if let (Some(subject), Some(grade)) = (&card.subject, known.grade(row)) {
                wishes.insert(Wish {
                    subject: subject.clone(),
                    grade,
                    parts: row.parts.clone(),
                    topics: row.topics.clone(),
                });
            }
            let is_new = match known.head(row) {
                Some(head) if head.content_hash == card.content_hash() => {
                    report.unchanged += 1;
                    continue;
                }
                Some(_) => {
                    report.updated += 1;
                    false
                }
                None => {
                    report.created += 1;
                    true
                }
            };
            if report.changes.len() < MOST_CHANGES {
                let before = before.get(&fold(&row.key)).filter(|_| !is_new);
                report.changes.push(RowChange {
                    line: row.line,
                    key: row.key.clone(),
                    is_new,
                    title: card.content.title.clone(),
                    consultations: card.occurrences.iter().map(Vec::len).sum(),
                    cells: before.map(|before| differences(before, row)).unwrap_or_default(),
                });
            }
            prepared.push(card);
        }
        if !errors.is_empty() {
            return Err(ImportError::Rejected(errors));
        }
        report.consultations = prepared.iter().flat_map(|card| &card.occurrences).map(Vec::len).sum();
        if request.dry_run || prepared.is_empty() {
            return Ok(report);
        }
        let years = known.year.clone();
        let terms = known.terms;
        let change: PlanChange = self
            .write(move |tx| {
                Box::pin(async move {
                    let school = &request.school.id;
                    if let Some((year, span)) = years {
                        tx.ensure_programmes(&request.school, &year, span, &terms, wishes, request.now_ms).await?;
                    }
                    let timing = request.timings.of(school);
                    tx.publish_cards(school, request.actor.as_ref(), prepared, timing, request.now_ms).await
                })
            })
            .await
            .map_err(ImportError::Store)?;
        report.consultations = change.planned + change.moved + change.removed;
        Ok(report)
    }
}

/// A programme with parts and topics that cards speak of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wish {
    subject: SubjectId,
    grade: u8,
    parts: Vec<String>,
    topics: Vec<String>,
}

/// What words can mean in this school.
struct Known {
    calendar: Calendar,
    /// Class by its folded name: shown name, grade, group of the whole, folded group name to group.
    classes: HashMap<String, KnownClass>,
    subjects: HashMap<String, (SubjectId, String)>,
    people: HashMap<String, KnownPerson>,
    norms: Vec<Norm>,
    /// By the folded `Код`.
    heads: HashMap<String, CardHead>,
    terms: Vec<(String, Span)>,
    /// The newest school year.
    year: Option<(String, Span)>,
    within: Span,
}

struct KnownClass {
    name: String,
    grade: u8,
    groups: HashMap<String, (GroupId, String)>,
}

struct KnownPerson {
    id: PersonId,
    code: String,
    can_host: bool,
    is_student: bool,
}

impl Known {
    async fn load(store: &Store, request: &ImportRequest) -> Result<Self, StoreError> {
        let school = &request.school;
        let calendar = store.calendar(school).await?;
        let rows: Vec<(String, i64, String, String, String)> = sqlx::query_as(
            "SELECT c.name, c.grade, g.id, g.name, g.name_fold FROM school_class c JOIN study_group g ON g.class_id = c.id
             WHERE c.school_id = $1",
        )
        .bind(school.id.as_str())
        .fetch_all(store.readers())
        .await?;
        let mut classes: HashMap<String, KnownClass> = HashMap::new();
        for (name, grade, group, group_name, group_fold) in rows {
            let grade = word(u8::try_from(grade).ok(), "grade")?;
            let class =
                classes.entry(fold_code(&name)).or_insert_with(|| KnownClass { name, grade, groups: HashMap::new() });
            class.groups.insert(group_fold, (GroupId::new(group), group_name));
        }
        let subjects: Vec<(String, String, String)> =
            sqlx::query_as("SELECT id, name, name_fold FROM subject WHERE school_id = $1")
                .bind(school.id.as_str())
                .fetch_all(store.readers())
                .await?;
        let year: Option<(String, String, String)> = sqlx::query_as(
            "SELECT id, starts_on, ends_on FROM school_year WHERE school_id = $1 ORDER BY starts_on DESC LIMIT 1",
        )
        .bind(school.id.as_str())
        .fetch_optional(store.readers())
        .await?;
        let year = year
            .map(|(id, from, to)| Ok::<_, StoreError>((id, Span { from: sql::date(&from)?, to: sql::date(&to)? })))
            .transpose()?;
        Ok(Self {
            within: horizon(calendar.date_at(request.now_ms), request.horizon_days),
            calendar,
            classes,
            subjects: subjects.into_iter().map(|(id, name, fold)| (fold, (SubjectId::new(id), name))).collect(),
            people: people(store, request).await?,
            norms: store.norms(&school.id).await?,
            heads: store.card_heads(&school.id).await?,
            terms: store.terms(&school.id).await?,
            year,
        })
    }

    fn head(&self, row: &CardRow) -> Option<&CardHead> {
        self.heads.get(&fold(&row.key))
    }

    /// The row's `Код`, as it was first written: case does not make another card, nor other consultations.
    fn key<'a>(&'a self, row: &'a CardRow) -> &'a str {
        self.head(row).map_or(&row.key, |head| &head.key)
    }

    fn grade(&self, row: &CardRow) -> Option<u8> {
        self.classes.get(&fold_code(&row.class)).map(|class| class.grade)
    }
}

async fn people(store: &Store, request: &ImportRequest) -> Result<HashMap<String, KnownPerson>, StoreError> {
    let rows = sqlx::query(
        "SELECT p.id, p.code, p.code_fold, r.role FROM person p LEFT JOIN role_assignment r ON r.person_id = p.id
         WHERE p.school_id = $1",
    )
    .bind(request.school.id.as_str())
    .fetch_all(store.readers())
    .await?;
    let mut people: HashMap<String, KnownPerson> = HashMap::new();
    for row in &rows {
        let person = people.entry(text(row, "code_fold")?).or_insert(KnownPerson {
            id: PersonId::new(text(row, "id")?),
            code: text(row, "code")?,
            can_host: false,
            is_student: false,
        });
        if let Some(role) = sql::optional_text(row, "role")? {
            let role = word(Role::parse(&role), "role")?;
            person.can_host |= role.can_host();
            person.is_student |= role == Role::Student;
        }
    }
    Ok(people)
}

/// Looks one row's words up and says what is wrong with them.
struct Judge<'a> {
    row: &'a CardRow,
    errors: &'a mut Vec<CellError>,
    warnings: &'a mut Vec<CellError>,
}

impl Judge<'_> {
    fn cell(&self, column: Column, code: CellCode, text: String) -> CellError {
        CellError { line: self.row.line, column: column.heading().into(), code, text }
    }

    fn error(&mut self, column: Column, code: CellCode, text: String) {
        let error = self.cell(column, code, text);
        self.errors.push(error);
    }

    /// `None`: something is wrong and has been said.
    fn prepare(&mut self, known: &Known, request: &ImportRequest) -> Option<PreparedCard> {
        let row = self.row;
        let class = self.class(known);
        let host = self.host(known, request);
        let subject = self.subject(known);
        let class = class?;
        let (group, student) = self.group(known, class)?;
        let (host, subject) = (host?, subject?);
        let slot = self.slot(known, host.clone(), student)?;
        let expansion = expand(&request.school.id, &slot, false, &known.calendar, known.within);
        self.skipped(&slot, known)?;
        let breach = self.length(known, class, &slot)?;
        let title = match (row.topics.is_empty(), row.subject.is_empty()) {
            (false, _) => row.topics.join(", "),
            (true, false) => std::iter::once(row.subject.as_str())
                .chain(row.parts.iter().map(String::as_str))
                .collect::<Vec<_>>()
                .join(", "),
            (true, true) => known.key(row).to_owned(),
        };
        let content = CardContent {
            title,
            programme: None,
            group,
            teacher: host,
            materials: row.materials.clone(),
            homework: (!row.homework.is_empty() || row.due.is_some()).then(|| Homework {
                text: row.homework.clone(),
                due: row.due,
                est_minutes: None,
            }),
            note: Some(row.note.clone()).filter(|note| !note.is_empty()),
            feedback_channel: None,
            allow_in_break: false,
            slots: vec![slot],
        };
        let occurrences: Vec<_> = expansion.occurrences.into_iter().filter(|one| one.end_ms > request.now_ms).collect();
        if occurrences.is_empty() {
            self.passed(&content.slots, known, request);
        }
        Some(PreparedCard {
            key: known.key(row).to_owned(),
            existing: known.head(row).map(|head| (head.id.clone(), head.version)),
            content,
            subject,
            warnings: breach,
            remarks: HashMap::new(),
            occurrences: vec![occurrences],
        })
    }

    fn class<'k>(&mut self, known: &'k Known) -> Option<&'k KnownClass> {
        let found = known.classes.get(&fold_code(&self.row.class));
        if found.is_none() {
            let hint = hint(&self.row.class, known.classes.values().map(|class| class.name.as_str()));
            self.error(Column::Class, CellCode::UnknownClass, format!("Класса «{}» нет в школе{hint}", self.row.class));
        }
        found
    }

    fn group(&mut self, known: &Known, class: &KnownClass) -> Option<(GroupId, Option<PersonId>)> {
        let wanted = fold_code(&self.row.group);
        let whole = class.groups.get("").map(|(id, _)| id.clone());
        if self.row.form == Form::Individual && !wanted.is_empty() {
            // Individual help for one student.
            if let Some(student) = known.people.get(&wanted).filter(|person| person.is_student) {
                return Some((whole?, Some(student.id.clone())));
            }
        }
        if let Some((id, _)) = class.groups.get(&wanted) {
            return Some((id.clone(), None));
        }
        let hint = hint(&self.row.group, class.groups.values().map(|(_, name)| name.as_str()));
        let text = format!("Группы «{}» нет в классе {}{hint}", self.row.group, class.name);
        self.error(Column::Group, CellCode::UnknownGroup, text);
        None
    }

    fn subject(&mut self, known: &Known) -> Option<Option<SubjectId>> {
        if self.row.subject.is_empty() {
            return Some(None);
        }
        if let Some((id, _)) = known.subjects.get(&fold(&self.row.subject)) {
            return Some(Some(id.clone()));
        }
        let hint = hint(&self.row.subject, known.subjects.values().map(|(_, name)| name.as_str()));
        let text = format!("Предмета «{}» нет в школе{hint}", self.row.subject);
        self.error(Column::Subject, CellCode::UnknownSubject, text);
        None
    }

    fn host(&mut self, known: &Known, request: &ImportRequest) -> Option<PersonId> {
        let Some(person) = known.people.get(&fold_code(&self.row.teacher)) else {
            let hosts = known.people.values().filter(|person| person.can_host);
            let hint = hint(&self.row.teacher, hosts.map(|person| person.code.as_str()));
            let text = format!("Сотрудника с кодом «{}» нет в школе{hint}", self.row.teacher);
            self.error(Column::Host, CellCode::UnknownTeacher, text);
            return None;
        };
        if !person.can_host {
            let text = format!("«{}» не ведёт консультации: это не сотрудник", self.row.teacher);
            self.error(Column::Host, CellCode::CannotHost, text);
            return None;
        }
        if request.own_only && request.actor.as_ref().is_none_or(|actor| actor.person != person.id) {
            let text = format!("Вы загружаете только свои карты, а «{}» — не вы", self.row.teacher);
            self.error(Column::Host, CellCode::CannotHost, text);
            return None;
        }
        Some(person.id.clone())
    }

    fn slot(&mut self, known: &Known, host: PersonId, student: Option<PersonId>) -> Option<CardSlot> {
        let row = self.row;
        let year = known.year.as_ref().map(|(_, span)| *span);
        let recurrence = if !row.form.is_realtime() {
            let from = row.from.or(row.date)?;
            Recurrence::Window { span: Span { from, to: row.to.or(row.due).unwrap_or(from).max(from) } }
        } else if let Some(date) = row.date {
            Recurrence::Once { date }
        } else {
            let (Some(from), Some(to)) = (row.from.or(year.map(|year| year.from)), row.to.or(year.map(|year| year.to)))
            else {
                let text = "Нет учебного года: укажите «С» и «По»".into();
                self.error(Column::From, CellCode::Required, text);
                return None;
            };
            Recurrence::Weekly { weekdays: row.weekdays.clone(), parity: row.parity, span: Span { from, to } }
        };
        Some(CardSlot {
            // One row is one slot; the web editor will number more of them.
            key: format!("{}#1", known.key(row)),
            recurrence,
            at: row.at,
            minutes: row.minutes,
            form: row.form,
            medium: None,
            kind: row.kind,
            coverage: row.coverage,
            parts: row.parts.clone(),
            topics: row.topics.clone(),
            audience: row.audience,
            host,
            student,
            sources: Vec::new(),
            purpose: None,
            appointment_minutes: None,
            capacity: None,
        })
    }

    /// A single date on which nothing can be held is a mistake, whenever it lies.
    fn skipped(&mut self, slot: &CardSlot, known: &Known) -> Option<()> {
        let Recurrence::Once { date } = slot.recurrence else { return Some(()) };
        let whole = Span { from: date, to: date };
        let school = crate::domain::ids::SchoolId::new("");
        let skipped = expand(&school, slot, false, &known.calendar, whole).skipped;
        for (date, skip) in &skipped {
            let date = date.strftime("%d.%m.%Y");
            match skip {
                Skip::NotASchoolDay => {
                    let text = format!("{date}: в этот день нет занятий (выходной, праздник или каникулы)");
                    self.error(Column::Date, CellCode::NotASchoolDay, text);
                }
                Skip::NoSuchPeriod => {
                    let text = format!("{date}: такого урока нет в расписании звонков");
                    self.error(Column::Period, CellCode::NoSuchPeriod, text);
                }
            }
        }
        skipped.is_empty().then_some(())
    }

    /// Says so when all dates of a real-time row lie behind: nobody would see why the timetable stays as it was.
    fn passed(&mut self, slots: &[CardSlot], known: &Known, request: &ImportRequest) {
        for slot in slots {
            let (column, span) = match &slot.recurrence {
                Recurrence::Once { date } => (Column::Date, Span { from: *date, to: *date }),
                Recurrence::Weekly { span, .. } => (Column::To, *span),
                Recurrence::Window { .. } => continue,
            };
            // Beyond the horizon, too: what begins next term has not passed.
            let dates = expand(&request.school.id, slot, false, &known.calendar, span).occurrences;
            if let Some(last) = dates.last().filter(|last| last.end_ms <= request.now_ms) {
                let last = last.date.strftime("%d.%m.%Y");
                let text = format!("Консультаций не будет: все даты прошли (последняя — {last})");
                let cell = self.cell(column, CellCode::DatesPassed, text);
                self.warnings.push(cell);
            }
        }
    }

    /// Codes of norms broken in warn mode; `None`: one is enforced.
    fn length(&mut self, known: &Known, class: &KnownClass, slot: &CardSlot) -> Option<Vec<String>> {
        // A student's time in office hours is one appointment.
        let minutes = slot.office_minutes().or(slot.minutes);
        let (Some(minutes), true) = (minutes, slot.form.is_realtime()) else { return Some(Vec::new()) };
        let day = match &slot.recurrence {
            Recurrence::Once { date } => *date,
            Recurrence::Weekly { span, .. } | Recurrence::Window { span } => span.from,
        };
        let Some(breach) = check_length(&known.norms, slot.audience.students, &[class.grade], day, minutes.into())
        else {
            return Some(Vec::new());
        };
        let text = format!("{minutes} мин: больше нормы ({} мин)", breach.cap_minutes);
        let cell = self.cell(Column::Minutes, CellCode::DurationOverCap, text);
        if breach.mode == NormMode::Enforce {
            self.errors.push(cell);
            return None;
        }
        self.warnings.push(cell);
        Some(vec![breach.code.as_str().to_owned()])
    }
}

/// `. Может быть, «…»?`, or what there is when it is little.
fn hint<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str> + Clone) -> String {
    nearest(wanted, candidates).map(|near| format!(". Может быть, «{near}»?")).unwrap_or_default()
}

impl Tx {
    /// Writes the programmes, parts and topics that are not there yet. A part called like a term has the term's dates.
    async fn ensure_programmes(
        &mut self,
        school: &School,
        year: &str,
        year_span: Span,
        terms: &[(String, Span)],
        wishes: BTreeSet<Wish>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut programmes: HashMap<(String, u8), ProgrammeId> = HashMap::new();
        let mut parts: HashMap<(String, String), PartId> = HashMap::new();
        let mut topics: HashSet<(String, String)> = HashSet::new();
        let rows = sqlx::query("SELECT id, subject_id, grade FROM programme WHERE year_id = $1")
            .bind(year)
            .fetch_all(self.connection())
            .await?;
        for row in &rows {
            let grade = word(u8::try_from(int(row, "grade")?).ok(), "grade")?;
            programmes.insert((text(row, "subject_id")?, grade), ProgrammeId::new(text(row, "id")?));
        }
        let rows = sqlx::query(
            "SELECT p.id, p.programme_id, p.title_fold FROM programme_part p JOIN programme g ON g.id = p.programme_id
             WHERE g.year_id = $1",
        )
        .bind(year)
        .fetch_all(self.connection())
        .await?;
        for row in &rows {
            parts.insert((text(row, "programme_id")?, text(row, "title_fold")?), PartId::new(text(row, "id")?));
        }
        let rows = sqlx::query(
            "SELECT t.part_id, t.title_fold FROM topic t JOIN programme_part p ON p.id = t.part_id
             JOIN programme g ON g.id = p.programme_id WHERE g.year_id = $1",
        )
        .bind(year)
        .fetch_all(self.connection())
        .await?;
        for row in &rows {
            topics.insert((text(row, "part_id")?, text(row, "title_fold")?));
        }
        let (mut new_programmes, mut new_parts, mut new_topics) = (Vec::new(), Vec::new(), Vec::new());
        for wish in wishes {
            let programme = programmes.entry((wish.subject.as_str().to_owned(), wish.grade)).or_insert_with(|| {
                let id = ProgrammeId::fresh();
                new_programmes.push(vec![
                    id.as_str().into(),
                    school.id.as_str().into(),
                    wish.subject.as_str().into(),
                    i64::from(wish.grade).into(),
                    year.into(),
                    year_span.from.to_string().into(),
                    year_span.to.to_string().into(),
                    now_ms.into(),
                ]);
                id
            });
            let programme = programme.as_str().to_owned();
            for part in &wish.parts {
                let count = parts.len();
                let part = parts.entry((programme.clone(), fold(part))).or_insert_with(|| {
                    let id = PartId::fresh();
                    let span =
                        terms.iter().find(|(title, _)| fold(title) == fold(part)).map_or(year_span, |(_, span)| *span);
                    new_parts.push(vec![
                        id.as_str().into(),
                        programme.as_str().into(),
                        i64::try_from(count).unwrap_or_default().into(),
                        part.as_str().into(),
                        fold(part).into(),
                        span.from.to_string().into(),
                        span.to.to_string().into(),
                    ]);
                    id
                });
                for topic in &wish.topics {
                    let count = i64::try_from(topics.len()).unwrap_or_default();
                    if topics.insert((part.as_str().to_owned(), fold(topic))) {
                        new_topics.push(vec![
                            TopicId::fresh().as_str().into(),
                            part.as_str().into(),
                            count.into(),
                            topic.as_str().into(),
                            fold(topic).into(),
                        ]);
                    }
                }
            }
        }
        let connection = self.connection();
        let into = "programme (id, school_id, subject_id, grade, year_id, starts_on, ends_on, created_at)";
        sql::insert_many(connection, into, 8, new_programmes).await?;
        let into = "programme_part (id, programme_id, n, title, title_fold, starts_on, ends_on)";
        sql::insert_many(connection, into, 7, new_parts).await?;
        sql::insert_many(connection, "topic (id, part_id, n, title, title_fold)", 5, new_topics).await
    }
}

#[cfg(test)]
mod tests;

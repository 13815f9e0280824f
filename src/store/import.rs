//! Import of lesson cards: words of the file become people, classes and subjects of the school; then all of it or nothing.

mod check;
mod programmes;

use std::collections::{BTreeSet, HashMap};

use super::card::{CardHead, PreparedCard, horizon};
use super::school::School;
use super::sql::{self, text, word};
use super::transition::Actor;
use super::{Store, StoreError};
use crate::domain::archive::ArchiveError;
use crate::domain::calendar::{Calendar, ForClass, Span};
use crate::domain::card_csv::{CardRow, CellChange, CellCode, CellError, Column, differences, parse};
use crate::domain::consultation::Timings;
use crate::domain::fold::{fold, fold_code, nearest};
use crate::domain::form::Form;
use crate::domain::ids::{GroupId, PersonId, SubjectId};
use crate::domain::lesson_card::{CardContent, CardSlot, Homework, Recurrence};
use crate::domain::role::Role;
use crate::domain::sheet::{self, SheetError};
use crate::domain::timetable::{Skip, expand};
use check::Line;
use programmes::Wish;

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
        let mut lines = Vec::new();
        let mut wishes = BTreeSet::new();
        for row in &rows {
            let mut judge = Judge { row, errors: &mut errors, warnings: &mut report.warnings };
            let Some(card) = judge.prepare(&known, &request) else { continue };
            let grade = known.grade(row);
            if let (Some(subject), Some(grade)) = (&card.subject, grade) {
                wishes.insert(known.wish(row, subject, grade, &card));
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
            lines.push(Line { line: row.line, at: row.at, grade, card });
        }
        if !errors.is_empty() {
            return Err(ImportError::Rejected(errors));
        }
        report.consultations = lines.iter().flat_map(|line| &line.card.occurrences).map(Vec::len).sum();
        if lines.is_empty() {
            return Ok(report);
        }
        if request.dry_run {
            let mut connection = self.readers().acquire().await.map_err(StoreError::from)?;
            let mut programmes = match &known.year {
                Some((year, _)) => programmes::of_year(&mut connection, year).await?,
                None => programmes::Programmes::new(),
            };
            let mut view = check::view(&mut connection, &request, &known.calendar, &lines).await?;
            if let Some((_, span)) = &known.year {
                programmes::add_to(&mut view, &mut programmes, &wishes, &known.terms, *span);
            }
            check::check(&mut view, &programmes, &mut lines, &mut report.warnings)?;
            return Ok(report);
        }
        let (change, warnings) = self
            .write(move |tx| {
                Box::pin(async move {
                    let school = &request.school;
                    tx.lock_planning(school).await?;
                    let programmes = match &known.year {
                        Some((year, span)) => {
                            tx.ensure_programmes(school, (year, *span), &known.terms, &wishes, request.now_ms).await?
                        }
                        None => programmes::Programmes::new(),
                    };
                    let mut view = check::view(tx.connection(), &request, &known.calendar, &lines).await?;
                    let mut warnings = Vec::new();
                    check::check(&mut view, &programmes, &mut lines, &mut warnings)?;
                    let cards = lines.into_iter().map(|line| line.card).collect();
                    let (timing, actor) = (request.timings.of(&school.id), request.actor.as_ref());
                    let change = tx.publish_cards(&school.id, actor, cards, timing, request.now_ms).await?;
                    Ok::<_, ImportError>((change, warnings))
                })
            })
            .await?;
        report.warnings.extend(warnings);
        report.consultations = change.planned + change.moved + change.removed;
        Ok(report)
    }
}

/// What words can mean in this school.
struct Known {
    calendar: Calendar,
    /// As classes of a grade and shift live by it.
    calendars: HashMap<ForClass, Calendar>,
    /// Class by its folded name: shown name, grade, group of the whole, folded group name to group.
    classes: HashMap<String, KnownClass>,
    subjects: HashMap<String, (SubjectId, String)>,
    people: HashMap<String, KnownPerson>,
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
    shift: u8,
    groups: HashMap<String, (GroupId, String)>,
}

impl KnownClass {
    fn lives_by(&self) -> ForClass {
        ForClass { grade: Some(self.grade), shift: self.shift }
    }
}

/// The part of topics whose dates no term holds.
const WHOLE_YEAR: &str = "Учебный год";

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
        let rows: Vec<(String, i64, Option<i64>, String, String, String)> = sqlx::query_as(
            "SELECT c.name, c.grade, c.shift, g.id, g.name, g.name_fold FROM school_class c JOIN study_group g ON g.class_id = c.id
             WHERE c.school_id = $1",
        )
        .bind(school.id.as_str())
        .fetch_all(store.readers())
        .await?;
        let mut classes: HashMap<String, KnownClass> = HashMap::new();
        for (name, grade, shift, group, group_name, group_fold) in rows {
            let grade = word(u8::try_from(grade).ok(), "grade")?;
            let shift = shift.and_then(|shift| u8::try_from(shift).ok()).unwrap_or(1);
            let class = classes.entry(fold_code(&name)).or_insert_with(|| KnownClass {
                name,
                grade,
                shift,
                groups: HashMap::new(),
            });
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
            calendars: classes
                .values()
                .map(KnownClass::lives_by)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .map(|class| (class, calendar.for_class(class)))
                .collect(),
            calendar,
            classes,
            subjects: subjects.into_iter().map(|(id, name, fold)| (fold, (SubjectId::new(id), name))).collect(),
            people: people(store, request).await?,
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

    /// The class's own calendar.
    fn calendar_of(&self, class: &KnownClass) -> &Calendar {
        self.calendars.get(&class.lives_by()).unwrap_or(&self.calendar)
    }

    /// What the programme must have for a row. A topic without a part stands in the terms that the row's dates reach.
    fn wish(&self, row: &CardRow, subject: &SubjectId, grade: u8, card: &PreparedCard) -> Wish {
        let mut parts = row.parts.clone();
        if parts.is_empty() && !row.topics.is_empty() {
            let dates = || card.occurrences.iter().flatten().map(|one| one.date);
            let reached = |span: &Span| dates().any(|date| span.contains(date));
            parts.extend(self.terms.iter().filter(|(_, span)| reached(span)).map(|(title, _)| title.clone()));
            if let (true, Some((_, year))) = (parts.is_empty(), &self.year) {
                parts.extend(dates().any(|date| year.contains(date)).then(|| WHOLE_YEAR.to_owned()));
            }
        }
        Wish { subject: subject.clone(), grade, parts, topics: row.topics.clone() }
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
        let calendar = known.calendar_of(class);
        let expansion = expand(&request.school.id, &slot, false, calendar, known.within);
        self.skipped(&slot, calendar)?;
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
            self.passed(&content.slots, calendar, request);
        }
        Some(PreparedCard {
            key: known.key(row).to_owned(),
            existing: known.head(row).map(|head| (head.id.clone(), head.version)),
            content,
            subject,
            warnings: Vec::new(),
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
            sources: row.source(),
            purpose: None,
            appointment_minutes: None,
            capacity: None,
        })
    }

    /// A single date on which nothing can be held is a mistake, whenever it lies.
    fn skipped(&mut self, slot: &CardSlot, calendar: &Calendar) -> Option<()> {
        let Recurrence::Once { date } = slot.recurrence else { return Some(()) };
        let whole = Span { from: date, to: date };
        let school = crate::domain::ids::SchoolId::new("");
        let skipped = expand(&school, slot, false, calendar, whole).skipped;
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
    fn passed(&mut self, slots: &[CardSlot], calendar: &Calendar, request: &ImportRequest) {
        for slot in slots {
            let (column, span) = match &slot.recurrence {
                Recurrence::Once { date } => (Column::Date, Span { from: *date, to: *date }),
                Recurrence::Weekly { span, .. } => (Column::To, *span),
                Recurrence::Window { .. } => continue,
            };
            // Beyond the horizon, too: what begins next term has not passed.
            let dates = expand(&request.school.id, slot, false, calendar, span).occurrences;
            if let Some(last) = dates.last().filter(|last| last.end_ms <= request.now_ms) {
                let last = last.date.strftime("%d.%m.%Y");
                let text = format!("Консультаций не будет: все даты прошли (последняя — {last})");
                let cell = self.cell(column, CellCode::DatesPassed, text);
                self.warnings.push(cell);
            }
        }
    }
}

/// `. Может быть, «…»?`, or what there is when it is little.
fn hint<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str> + Clone) -> String {
    nearest(wanted, candidates).map(|near| format!(". Может быть, «{near}»?")).unwrap_or_default()
}

#[cfg(test)]
mod tests;

//! Marks: brought in from a file all or nothing, kept as the gradebook has them, and read for findings.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;

use super::school::School;
use super::sql::{self, int, optional_int, optional_text, text, word};
use super::transition::Actor;
use super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::card_csv::{CellCode, CellError};
use crate::domain::fold::{fold, fold_code, nearest};
use crate::domain::ids::{GroupId, PersonId, ProgrammeId, SchoolId, SubjectId, TopicId};
use crate::domain::performance::marks_csv::{MarkRow, parse};
use crate::domain::performance::{Finding, FindingRule, Mark, findings};
use crate::domain::role::Role;

/// What is asked of an import of marks.
#[derive(Clone, Debug)]
pub struct MarksRequest {
    pub school: School,
    pub actor: Actor,
    /// Only groups and subjects that the actor teaches may be in the file.
    pub own_only: bool,
    /// For a grid, which names none.
    pub subject: Option<SubjectId>,
    pub dry_run: bool,
    pub now_ms: i64,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarksReport {
    pub dry_run: bool,
    pub marks: usize,
    /// Days of a student that are new, other than before, the same.
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub students: usize,
    pub findings: usize,
    pub warnings: Vec<CellError>,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum MarksError {
    #[error("{} mistakes in the file", .0.len())]
    Rejected(Vec<CellError>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct Student {
    id: PersonId,
    group: GroupId,
    grade: u8,
}

/// What words of a file can mean.
struct Known {
    students: HashMap<String, Student>,
    subjects: HashMap<String, (SubjectId, String)>,
    programmes: HashMap<(SubjectId, u8), ProgrammeId>,
    topics: HashMap<(ProgrammeId, String), TopicId>,
    /// What the actor teaches; empty when everything may be imported.
    taught: BTreeSet<(GroupId, SubjectId)>,
    year: Option<(Date, Date)>,
}

/// The marks of one student in one programme on one day.
type Day = (PersonId, ProgrammeId, Date);
/// Value, weight, topic.
type Entry = (Option<u8>, u8, Option<TopicId>);

impl Store {
    /// Imports marks (DOMAIN 8.3). A day of a student that is in the file is replaced by what the file says of it; the same
    /// file again changes nothing. Findings of the groups are found anew.
    pub async fn import_marks(&self, bytes: &[u8], request: MarksRequest) -> Result<MarksReport, MarksError> {
        let known = self.known_for_marks(&request).await?;
        let rows = parse(bytes, known.year).map_err(MarksError::Rejected)?;
        let mut report = MarksReport { dry_run: request.dry_run, marks: rows.len(), ..MarksReport::default() };
        let mut errors = Vec::new();
        let mut days: BTreeMap<Day, Vec<Entry>> = BTreeMap::new();
        let mut touched: BTreeSet<(ProgrammeId, GroupId)> = BTreeSet::new();
        for row in &rows {
            match known.look_up(row, &request, &mut report.warnings) {
                Ok((student, programme, topic)) => {
                    touched.insert((programme.clone(), student.group.clone()));
                    let day = (student.id.clone(), programme, row.date);
                    days.entry(day).or_default().push((row.value, row.weight, topic));
                }
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(MarksError::Rejected(errors));
        }
        report.students = days.keys().map(|(student, ..)| student).collect::<BTreeSet<_>>().len();
        let there = self.days_of_marks(days.keys()).await?;
        days.retain(|day, entries| match there.get(day) {
            Some(same) if same == entries => {
                report.unchanged += 1;
                false
            }
            Some(_) => {
                report.updated += 1;
                true
            }
            None => {
                report.created += 1;
                true
            }
        });
        if request.dry_run || days.is_empty() {
            return Ok(report);
        }
        let count = days.len();
        report.findings = self
            .write(move |tx| {
                Box::pin(async move {
                    let school = request.school.id.clone();
                    tx.replace_marks(&school, days, request.now_ms).await?;
                    let mut found = 0;
                    for (programme, group) in &touched {
                        found += tx.find_anew(&school, programme, group, request.now_ms).await?;
                    }
                    let event =
                        AuditEvent::new(school.clone(), request.now_ms, "marks.import", "school", school.as_str())
                            .by(&request.actor.person, request.actor.role.map(Role::as_str))
                            .with(serde_json::json!({ "days": count, "findings": found }));
                    tx.audit(event).await?;
                    Ok::<_, StoreError>(found)
                })
            })
            .await
            .map_err(MarksError::Store)?;
        Ok(report)
    }

    async fn known_for_marks(&self, request: &MarksRequest) -> Result<Known, StoreError> {
        let school = request.school.id.as_str();
        let rows = sqlx::query(
            "SELECT p.id, p.code_fold, g.id AS group_id, c.grade FROM person p
             JOIN enrollment e ON e.person_id = p.id AND e.role = 'student'
             JOIN study_group g ON g.id = e.study_group_id AND g.name_fold = '' JOIN school_class c ON c.id = g.class_id
             WHERE p.school_id = $1",
        )
        .bind(school)
        .fetch_all(self.readers())
        .await?;
        let mut students = HashMap::new();
        for row in &rows {
            let student = Student {
                id: PersonId::new(text(row, "id")?),
                group: GroupId::new(text(row, "group_id")?),
                grade: word(u8::try_from(int(row, "grade")?).ok(), "grade")?,
            };
            students.insert(text(row, "code_fold")?, student);
        }
        let subjects: Vec<(String, String, String)> =
            sqlx::query_as("SELECT id, name, name_fold FROM subject WHERE school_id = $1")
                .bind(school)
                .fetch_all(self.readers())
                .await?;
        let year: Option<(String, String, String)> = sqlx::query_as(
            "SELECT id, starts_on, ends_on FROM school_year WHERE school_id = $1 ORDER BY starts_on DESC LIMIT 1",
        )
        .bind(school)
        .fetch_optional(self.readers())
        .await?;
        let (mut programmes, mut topics) = (HashMap::new(), HashMap::new());
        if let Some((year, ..)) = &year {
            let rows: Vec<(String, String, i64)> =
                sqlx::query_as("SELECT id, subject_id, grade FROM programme WHERE year_id = $1")
                    .bind(year.as_str())
                    .fetch_all(self.readers())
                    .await?;
            for (id, subject, grade) in rows {
                let grade = word(u8::try_from(grade).ok(), "grade")?;
                programmes.insert((SubjectId::new(subject), grade), ProgrammeId::new(id));
            }
            let rows: Vec<(String, String, String)> = sqlx::query_as(
                "SELECT t.id, t.title_fold, g.id FROM topic t JOIN programme_part p ON p.id = t.part_id
                 JOIN programme g ON g.id = p.programme_id WHERE g.year_id = $1",
            )
            .bind(year.as_str())
            .fetch_all(self.readers())
            .await?;
            topics = rows
                .into_iter()
                .map(|(id, title, programme)| ((ProgrammeId::new(programme), title), TopicId::new(id)))
                .collect();
        }
        let mut taught = BTreeSet::new();
        if request.own_only {
            let rows: Vec<(String, String)> = sqlx::query_as(
                "SELECT DISTINCT v.group_id, v.subject_id FROM card_slot s JOIN card_version v ON v.id = s.version_id
                 WHERE s.host_id = $1 AND v.subject_id IS NOT NULL",
            )
            .bind(request.actor.person.as_str())
            .fetch_all(self.readers())
            .await?;
            taught = rows.into_iter().map(|(group, subject)| (GroupId::new(group), SubjectId::new(subject))).collect();
        }
        Ok(Known {
            students,
            subjects: subjects.into_iter().map(|(id, name, fold)| (fold, (SubjectId::new(id), name))).collect(),
            programmes,
            topics,
            taught,
            year: year.map(|(_, from, to)| Ok::<_, StoreError>((sql::date(&from)?, sql::date(&to)?))).transpose()?,
        })
    }

    async fn days_of_marks(&self, days: impl Iterator<Item = &Day>) -> Result<BTreeMap<Day, Vec<Entry>>, StoreError> {
        let students: BTreeSet<&PersonId> = days.map(|(student, ..)| student).collect();
        let students: Vec<&PersonId> = students.into_iter().collect();
        let mut found: BTreeMap<Day, Vec<Entry>> = BTreeMap::new();
        for chunk in students.chunks(500) {
            let sql = format!(
                "SELECT student_id, programme_id, topic_id, date, value, weight FROM mark WHERE student_id IN ({}) ORDER BY n",
                sql::placeholders(1, chunk.len())
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for student in chunk {
                query = query.bind(student.as_str());
            }
            for row in &query.fetch_all(self.readers()).await? {
                let day = (
                    PersonId::new(text(row, "student_id")?),
                    ProgrammeId::new(text(row, "programme_id")?),
                    sql::date(&text(row, "date")?)?,
                );
                let mark = mark(row)?;
                found.entry(day).or_default().push((mark.value, mark.weight, mark.topic));
            }
        }
        Ok(found)
    }

    /// Marks of this school year in the long form of the import, which finds nothing to change in them; with `own_only` those of
    /// groups and subjects that the actor teaches. A topic that two parts of a programme share, or whose name no programme
    /// has any more, is found by its name again.
    pub async fn export_marks(&self, request: &MarksRequest) -> Result<Vec<[String; 6]>, StoreError> {
        let known = self.known_for_marks(request).await?;
        let Some((from, to)) = known.year else { return Ok(Vec::new()) };
        let rows = sqlx::query(
            "SELECT m.student_id, m.topic_id, m.date, m.value, m.weight, p.code, p.code_fold, s.id AS subject_id,
             s.name AS subject, t.title AS topic FROM mark m JOIN person p ON p.id = m.student_id
             JOIN programme g ON g.id = m.programme_id JOIN subject s ON s.id = g.subject_id
             LEFT JOIN topic t ON t.id = m.topic_id WHERE m.school_id = $1 AND m.date >= $2 AND m.date <= $3
             ORDER BY p.code_fold, s.name, m.date, m.n",
        )
        .bind(request.school.id.as_str())
        .bind(from.to_string())
        .bind(to.to_string())
        .fetch_all(self.readers())
        .await?;
        let mut lines = Vec::with_capacity(rows.len());
        for row in &rows {
            // Who has left the school's classes cannot be brought in again.
            let Some(student) = known.students.get(&text(row, "code_fold")?) else { continue };
            let subject = SubjectId::new(text(row, "subject_id")?);
            if request.own_only && !known.taught.contains(&(student.group.clone(), subject)) {
                continue;
            }
            let mark = mark(row)?;
            lines.push([
                text(row, "code")?,
                text(row, "subject")?,
                mark.date.strftime("%d.%m.%Y").to_string(),
                mark.value.map_or_else(|| "н".to_owned(), |value| value.to_string()),
                mark.weight.to_string(),
                optional_text(row, "topic")?.unwrap_or_default(),
            ]);
        }
        Ok(lines)
    }

    /// A student's marks, newest first, with the names of subject and topic.
    pub async fn marks_of(&self, student: &PersonId) -> Result<Vec<(Mark, String, Option<String>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.student_id, m.topic_id, m.date, m.value, m.weight, s.name AS subject, t.title AS topic FROM mark m
             JOIN programme p ON p.id = m.programme_id JOIN subject s ON s.id = p.subject_id
             LEFT JOIN topic t ON t.id = m.topic_id WHERE m.student_id = $1 ORDER BY m.date DESC, m.n LIMIT 500",
        )
        .bind(student.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(|row| Ok((mark(row)?, text(row, "subject")?, optional_text(row, "topic")?))).collect()
    }

    /// Findings about a student, with the names of their subjects.
    pub async fn findings_of(&self, student: &PersonId) -> Result<Vec<(FindingRule, i64, String)>, StoreError> {
        let rows = sqlx::query(
            "SELECT f.rule, f.value, s.name FROM performance_finding f JOIN programme p ON p.id = f.programme_id
             JOIN subject s ON s.id = p.subject_id WHERE f.student_id = $1 ORDER BY s.name, f.rule",
        )
        .bind(student.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok((word(FindingRule::parse(&text(row, "rule")?), "rule")?, int(row, "value")?, text(row, "name")?))
            })
            .collect()
    }
}

pub(super) fn mark(row: &sqlx::any::AnyRow) -> Result<Mark, StoreError> {
    Ok(Mark {
        student: PersonId::new(text(row, "student_id")?),
        topic: optional_text(row, "topic_id")?.map(TopicId::new),
        date: sql::date(&text(row, "date")?)?,
        value: optional_int(row, "value")?.map(|value| word(u8::try_from(value).ok(), "mark")).transpose()?,
        weight: word(u8::try_from(int(row, "weight")?).ok(), "weight")?,
    })
}

impl Known {
    fn look_up(
        &self,
        row: &MarkRow,
        request: &MarksRequest,
        warnings: &mut Vec<CellError>,
    ) -> Result<(&Student, ProgrammeId, Option<TopicId>), CellError> {
        let cell = |column: &str, code, text| CellError { line: row.line, column: column.to_owned(), code, text };
        let student = self.students.get(&fold_code(&row.student)).ok_or_else(|| {
            let text = format!("Ученика «{}» нет в школе", row.student);
            cell("Код ученика", CellCode::UnknownStudent, text)
        })?;
        let subject = match (&request.subject, row.subject.is_empty()) {
            (Some(subject), true) => subject.clone(),
            (None, true) => return Err(cell("Предмет", CellCode::Required, "Укажите предмет".into())),
            (_, false) => match self.subjects.get(&fold(&row.subject)) {
                Some((subject, _)) => subject.clone(),
                None => {
                    let names = self.subjects.values().map(|(_, name)| name.as_str());
                    let hint = nearest(&row.subject, names).map(|near| format!(". Может быть, «{near}»?"));
                    let text = format!("Предмета «{}» нет в школе{}", row.subject, hint.unwrap_or_default());
                    return Err(cell("Предмет", CellCode::UnknownSubject, text));
                }
            },
        };
        if request.own_only && !self.taught.contains(&(student.group.clone(), subject.clone())) {
            let text = "Вы не ведёте этот предмет в классе ученика".to_owned();
            return Err(cell("Предмет", CellCode::CannotHost, text));
        }
        // The first grade learns without marks (INV-62).
        if student.grade == 1 && row.value.is_some() {
            let text = "В первом классе отметок нет".to_owned();
            return Err(cell(&row.column, CellCode::NumericGradeForbidden, text));
        }
        if self.year.is_some_and(|(from, to)| row.date < from || row.date > to) {
            return Err(cell(&row.column, CellCode::BadDate, format!("{} — не этот учебный год", row.date)));
        }
        let Some(programme) = self.programmes.get(&(subject, student.grade)) else {
            let text = format!("Нет программы этого предмета для {} класса", student.grade);
            return Err(cell("Предмет", CellCode::UnknownSubject, text));
        };
        let topic = self.topics.get(&(programme.clone(), fold(&row.topic))).cloned();
        if topic.is_none() && !row.topic.is_empty() {
            // Journals call lessons as they like: the mark counts for the subject.
            warnings.push(cell("Тема", CellCode::UnknownTopic, format!("Темы «{}» нет в программе", row.topic)));
        }
        Ok((student, programme.clone(), topic))
    }
}

impl Tx {
    async fn replace_marks(
        &mut self,
        school: &SchoolId,
        days: BTreeMap<Day, Vec<Entry>>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut rows = Vec::new();
        for ((student, programme, date), entries) in days {
            sqlx::query("DELETE FROM mark WHERE student_id = $1 AND programme_id = $2 AND date = $3")
                .bind(student.as_str())
                .bind(programme.as_str())
                .bind(date.to_string())
                .execute(self.connection())
                .await?;
            for (n, (value, weight, topic)) in (1_i64..).zip(entries) {
                rows.push(vec![
                    uuid::Uuid::now_v7().to_string().into(),
                    school.as_str().into(),
                    student.as_str().into(),
                    programme.as_str().into(),
                    topic.map(|topic| topic.as_str().to_owned()).into(),
                    date.to_string().into(),
                    n.into(),
                    value.map(i64::from).into(),
                    i64::from(weight).into(),
                    "import".into(),
                    now_ms.into(),
                ]);
            }
        }
        let into =
            "mark (id, school_id, student_id, programme_id, topic_id, date, n, value, weight, source, created_at)";
        sql::insert_many(self.connection(), into, 11, rows).await
    }

    /// Finds anew what the rules say of a group in a programme; gives how much.
    async fn find_anew(
        &mut self,
        school: &SchoolId,
        programme: &ProgrammeId,
        group: &GroupId,
        now_ms: i64,
    ) -> Result<usize, StoreError> {
        let rows = sqlx::query(
            "SELECT m.student_id, m.topic_id, m.date, m.value, m.weight FROM mark m
             JOIN enrollment e ON e.person_id = m.student_id AND e.role = 'student'
             WHERE m.programme_id = $1 AND e.study_group_id = $2 ORDER BY m.date, m.n",
        )
        .bind(programme.as_str())
        .bind(group.as_str())
        .fetch_all(self.connection())
        .await?;
        let marks: Vec<Mark> = rows.iter().map(mark).collect::<Result<_, _>>()?;
        sqlx::query("DELETE FROM performance_finding WHERE programme_id = $1 AND group_id = $2")
            .bind(programme.as_str())
            .bind(group.as_str())
            .execute(self.connection())
            .await?;
        let found = findings(&marks);
        let count = found.len();
        let rows = found
            .into_iter()
            .map(|Finding { rule, student, topic, value }| {
                vec![
                    uuid::Uuid::now_v7().to_string().into(),
                    school.as_str().into(),
                    programme.as_str().into(),
                    group.as_str().into(),
                    topic.map(|topic| topic.as_str().to_owned()).into(),
                    student.map(|student| student.as_str().to_owned()).into(),
                    rule.as_str().into(),
                    value.into(),
                    now_ms.into(),
                ]
            })
            .collect();
        let into =
            "performance_finding (id, school_id, programme_id, group_id, topic_id, student_id, rule, value, found_at)";
        sql::insert_many(self.connection(), into, 9, rows).await?;
        Ok(count)
    }
}

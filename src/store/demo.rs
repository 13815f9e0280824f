//! The demo school: loaded into an empty store, and at every start given lessons that are open right now.

mod help;
mod history;
mod planning;

use std::collections::HashMap;

use jiff::civil::{Date, Time, Weekday};
use serde::Deserialize;
use sqlx::AssertSqlSafe;

use super::card::PreparedCard;
use super::consultation::Policy;
use super::import::{ImportError, ImportRequest};
use super::people::NewPerson;
use super::school::{NewYear, School, SchoolClass};
use super::sql::{self, int};
use super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::calendar::{DayKind, Span, plus_days};
use crate::domain::consultation::{Timing, Timings};
use crate::domain::form::{Audience, Coverage, Form, Kind};
use crate::domain::ids::{PersonId, SchoolId, SubjectId, UnitId};
use crate::domain::lesson_card::{At, CardContent, CardSlot, Recurrence};
use crate::domain::norm::NormMode;
use crate::domain::password;
use crate::domain::person::LinkState;
use crate::domain::role::Role;
use crate::domain::timetable::expand;

const SCHOOL: &str = include_str!("../../config/demo/school.toml");
const CALENDAR: &str = include_str!("../../config/demo/calendar.csv");
const BELLS: &str = include_str!("../../config/demo/bells.csv");
const PEOPLE: &str = include_str!("../../config/demo/people.csv");
const GUARDIANS: &str = include_str!("../../config/demo/guardians.csv");
const CARDS: &str = include_str!("../../config/demo/lesson_cards.csv");

const MINUTE_MS: i64 = 60_000;
/// Length of the lessons made at the start.
const LESSON_MINUTES: u16 = 120;
/// An open lesson that ends sooner than this does not serve a visitor who has just come.
const ENOUGH_MS: i64 = 15 * MINUTE_MS;
/// After this one more room opens before the visitor's eyes.
const LATER_MS: i64 = 2 * MINUTE_MS;

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the demo school does not fit: a fault of ours.
    #[error("config/demo/{file} is wrong: {detail}")]
    File { file: &'static str, detail: String },
}

/// What to print at the start.
#[derive(Clone, Debug)]
pub struct Demo {
    pub school: School,
    /// Code (which is the login), name and role of everybody, in the order of the file.
    pub logins: Vec<(String, String, Role)>,
    pub password: String,
}

/// Brings the demo up to now: loads the school into an empty store, then sees to it that one lesson of each real-time form is open
/// and one more opens in two minutes. `Ok(None)`: the store holds a real school, which is left alone.
///
/// Call it before the scheduler starts, or poke that afterwards.
pub async fn start(store: &Store, hub: Timing, horizon_days: u32, now_ms: i64) -> Result<Option<Demo>, DemoError> {
    let files = Files::read()?;
    let school = match store.schools().await?.into_iter().next() {
        Some(school) if school.is_demo => school,
        Some(_) => return Ok(None),
        None => load(store, &files, hub, horizon_days, now_ms).await?,
    };
    let timings = store.timings(hub).await?;
    refresh(store, &school, &timings, now_ms).await?;
    add_later(store, &school, &timings, now_ms).await?;
    let logins = files
        .people
        .iter()
        .map(|person| (person.code.clone(), format!("{} {}", person.given_name, person.family_name), person.role))
        .collect();
    Ok(Some(Demo { school, logins, password: files.school.password }))
}

/// Sees to it that one lesson of each real-time form is open; gives how many had to be made. Harmless to call again: a long-lived
/// demo hub calls it now and then.
pub async fn refresh(store: &Store, school: &School, timings: &Timings, now_ms: i64) -> Result<usize, DemoError> {
    let mut made = 0;
    for lesson in &LESSONS {
        if open_lessons(store, school, lesson.form, now_ms).await? == 0 {
            // The whole minute: people read the start on a clock.
            let start_ms = now_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
            publish(store, school, lesson, start_ms, timings, now_ms).await?;
            made += 1;
        }
    }
    Ok(made)
}

async fn add_later(store: &Store, school: &School, timings: &Timings, now_ms: i64) -> Result<(), DemoError> {
    let waiting = sqlx::query(
        "SELECT COUNT(*) AS n FROM consultation c JOIN lesson_card k ON k.id = c.card_id
         WHERE c.school_id = $1 AND k.external_key LIKE 'ДЕМО-%' AND c.state = 'planned' AND c.opens_at > $2",
    )
    .bind(school.id.as_str())
    .bind(now_ms)
    .fetch_one(store.readers())
    .await
    .map_err(StoreError::from)?;
    if int(&waiting, "n")? == 0 {
        let start_ms = now_ms + LATER_MS + timings.of(&school.id).lead_ms;
        publish(store, school, &LATER, start_ms, timings, now_ms).await?;
    }
    Ok(())
}

struct Lesson {
    key: &'static str,
    form: Form,
    host: &'static str,
    class: &'static str,
    subject: &'static str,
    part: &'static str,
    topic: &'static str,
    guardians: bool,
    student: Option<&'static str>,
}

const LESSONS: [Lesson; 4] = [
    Lesson {
        key: "ДЕМО-вебинар",
        form: Form::Webinar,
        host: "T-014",
        class: "5А",
        subject: "Математика",
        part: "2 четверть",
        topic: "Сложение и вычитание дробей",
        guardians: true,
        student: None,
    },
    Lesson {
        key: "ДЕМО-видео",
        form: Form::VideoConference,
        host: "T-021",
        class: "9Б",
        subject: "Физика",
        part: "2 четверть",
        topic: "Импульс",
        guardians: false,
        student: None,
    },
    Lesson {
        key: "ДЕМО-чат",
        form: Form::Chat,
        host: "T-007",
        class: "5А",
        subject: "Русский язык",
        part: "2 четверть",
        topic: "Безударные гласные",
        guardians: false,
        student: None,
    },
    Lesson {
        key: "ДЕМО-индивидуальная",
        form: Form::Individual,
        host: "T-014",
        class: "5А",
        subject: "Математика",
        part: "2 четверть",
        topic: "Обыкновенные дроби",
        guardians: true,
        student: Some("S-5A-01"),
    },
];

/// Held by the deputy head, so that each teacher is free for the lesson that is theirs.
const LATER: Lesson = Lesson {
    key: "ДЕМО-скоро",
    form: Form::VideoConference,
    host: "D-001",
    class: "9Б",
    subject: "Русский язык",
    part: "2 четверть",
    topic: "Сложное предложение",
    guardians: false,
    student: None,
};

async fn open_lessons(store: &Store, school: &School, form: Form, now_ms: i64) -> Result<i64, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS n FROM consultation c JOIN lesson_card k ON k.id = c.card_id
         WHERE c.school_id = $1 AND k.external_key LIKE 'ДЕМО-%' AND c.form = $2
         AND c.state IN ('planned', 'open', 'live') AND c.start_at <= $3 AND c.end_at > $4",
    )
    .bind(school.id.as_str())
    .bind(form.as_str())
    .bind(now_ms)
    .bind(now_ms + ENOUGH_MS)
    .fetch_one(store.readers())
    .await?;
    int(&row, "n")
}

/// Publishes a card with one slot on one date, whatever the calendar says of that date.
async fn publish(
    store: &Store,
    school: &School,
    lesson: &Lesson,
    start_ms: i64,
    timings: &Timings,
    now_ms: i64,
) -> Result<(), DemoError> {
    let missing = |detail: &str| DemoError::File { file: "people.csv", detail: detail.to_owned() };
    let host = store.person_by_code(&school.id, lesson.host).await?.ok_or_else(|| missing(lesson.host))?;
    let student = match lesson.student {
        Some(code) => Some(store.person_by_code(&school.id, code).await?.ok_or_else(|| missing(code))?.id),
        None => None,
    };
    let class = store.classes(&school.id).await?.into_iter().find(|class| class.name == lesson.class);
    let subject: Option<(String,)> = sqlx::query_as("SELECT id FROM subject WHERE school_id = $1 AND name = $2")
        .bind(school.id.as_str())
        .bind(lesson.subject)
        .fetch_optional(store.readers())
        .await
        .map_err(StoreError::from)?;
    let zone = school.zone();
    let at = jiff::Timestamp::from_millisecond(start_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let local = zone.to_datetime(at);
    let key = format!("{}-{}", lesson.key, local.strftime("%Y%m%d-%H%M%S"));
    let slot = CardSlot {
        key: format!("{key}#1"),
        recurrence: Recurrence::Once { date: local.date() },
        at: Some(At::Start(local.time())),
        minutes: Some(LESSON_MINUTES),
        form: lesson.form,
        medium: None,
        kind: Kind::Current,
        coverage: Coverage::Topics,
        parts: vec![lesson.part.into()],
        topics: vec![lesson.topic.into()],
        audience: Audience { students: true, guardians: lesson.guardians },
        host: host.id.clone(),
        student,
        sources: Vec::new(),
        purpose: None,
        appointment_minutes: None,
        capacity: None,
    };
    let calendar = store.calendar(school).await?;
    let day = Span { from: plus_days(local.date(), -1), to: plus_days(local.date(), 1) };
    let card = PreparedCard {
        key,
        existing: None,
        content: CardContent {
            title: lesson.topic.into(),
            programme: None,
            group: class.ok_or_else(|| missing(lesson.class))?.group,
            teacher: host.id,
            materials: vec![],
            homework: None,
            note: None,
            feedback_channel: None,
            allow_in_break: true,
            slots: vec![slot.clone()],
        },
        subject: subject.map(|(id,)| SubjectId::new(id)),
        // Longer than the norm on purpose; the demo's norms only warn.
        warnings: vec!["duration_over_cap".into()],
        remarks: HashMap::new(),
        occurrences: vec![expand(&school.id, &slot, true, &calendar, day).occurrences],
    };
    let (id, timing) = (school.id.clone(), *timings.of(&school.id));
    store
        .write(move |tx| Box::pin(async move { tx.publish_cards(&id, None, vec![card], &timing, now_ms).await }))
        .await?;
    Ok(())
}

async fn load(store: &Store, files: &Files, hub: Timing, horizon_days: u32, now_ms: i64) -> Result<School, DemoError> {
    let about = &files.school;
    let school = School {
        id: SchoolId::fresh(),
        name: about.name.clone(),
        short_name: about.short_name.clone(),
        tz: about.tz.clone(),
        locale: about.locale.clone(),
        days_a_week: about.days_a_week,
        odd_monday: about.odd_monday,
        parity_skips_breaks: false,
        calendar_version: 1,
        academic_hour_minutes: 45,
        is_demo: true,
    };
    // One hash for all: they share a password that everybody knows.
    let password = about.password.clone();
    let hash = tokio::task::spawn_blocking(move || password::hash(&password)).await;
    let hash = hash.map_err(|_| StoreError::Fault(None))?;
    let (files, written) = (files.clone(), school.clone());
    store.write(move |tx| Box::pin(async move { tx.insert_demo(&written, &files, &hash, now_ms).await })).await?;
    planning::add(store, &school, &about.act, now_ms).await?;
    let request = ImportRequest {
        school: school.clone(),
        actor: None,
        own_only: false,
        dry_run: false,
        timings: store.timings(hub).await?,
        horizon_days,
        now_ms,
    };
    store.import_cards(CARDS.as_bytes(), request).await.map_err(|error| match error {
        ImportError::Store(error) => DemoError::Store(error),
        ImportError::Rejected(errors) => DemoError::File {
            file: "lesson_cards.csv",
            detail: errors.first().map(|error| format!("line {}: {}", error.line, error.text)).unwrap_or_default(),
        },
    })?;
    planning::complete(store, &school, now_ms).await?;
    help::fill(store, &school, now_ms).await?;
    history::write(store, &school, now_ms).await?;
    history::write_privacy(store, &school, now_ms).await?;
    Ok(school)
}

impl Tx {
    async fn insert_demo(&mut self, school: &School, files: &Files, hash: &str, now_ms: i64) -> Result<(), StoreError> {
        let about = &files.school;
        self.insert_school(school, now_ms).await?;
        sqlx::query(AssertSqlSafe("UPDATE school SET policy = $1 WHERE id = $2".to_owned()))
            .bind(sql::to_json(&about.policy))
            .bind(school.id.as_str())
            .execute(self.connection())
            .await?;
        let terms = about.term.iter().zip(1..).map(|(term, n)| (term.kind.clone(), n, term.title.clone(), term.span()));
        let year = NewYear { name: about.year.name.clone(), span: about.year.span(), terms: terms.collect() };
        let year = self.insert_year(&school.id, &year, now_ms).await?;
        self.insert_days(&school.id, &files.days).await?;
        self.insert_bells(&school.id, "Обычные", &files.bells, now_ms).await?;
        for subject in &about.subjects {
            self.insert_subject(&school.id, subject, now_ms).await?;
        }
        let norms: Vec<_> = about
            .norm
            .iter()
            .map(|norm| {
                let [from, to] = norm.grades;
                (
                    format!("pc-{from}-{to}"),
                    from,
                    to,
                    (norm.per_lesson, Some(norm.per_day)),
                    "СанПиН 1.2.3685-21".to_owned(),
                    norm.mode,
                )
            })
            .collect();
        self.insert_norms(&school.id, &norms).await?;
        let unit = self.insert_unit(&school.id, &about.unit, now_ms).await?;
        let mut people: HashMap<&str, PersonId> = HashMap::new();
        for person in &files.people {
            let id = self.insert_demo_person(school, person, hash, now_ms).await?;
            people.insert(&person.code, id);
        }
        let classes = self.insert_demo_classes(school, &year, about, &people, &unit, now_ms).await?;
        for person in &files.people {
            if let (Some(class), Some(id)) = (classes.get(&person.class), people.get(person.code.as_str())) {
                self.enroll(&class.group, id).await?;
            }
        }
        for link in &files.guardians {
            if let (Some(guardian), Some(student)) =
                (people.get(link.guardian.as_str()), people.get(link.student.as_str()))
            {
                let pair = (guardian, student);
                self.insert_guardian_link(&school.id, pair, &link.relation, LinkState::Confirmed, now_ms).await?;
            }
        }
        self.audit(AuditEvent::new(school.id.clone(), now_ms, "school.demo", "school", school.id.as_str())).await
    }

    async fn insert_demo_person(
        &mut self,
        school: &School,
        person: &PersonRow,
        hash: &str,
        now_ms: i64,
    ) -> Result<PersonId, StoreError> {
        let new = NewPerson {
            code: person.code.clone(),
            family_name: person.family_name.clone(),
            given_name: person.given_name.clone(),
            middle_name: person.middle_name.clone(),
            birth_date: person.birth_date,
        };
        let id = self.insert_person(&school.id, &new, now_ms).await?;
        self.insert_account(&school.id, &id, &person.code, hash, now_ms).await?;
        self.insert_role(&school.id, &id, person.role, None, now_ms).await?;
        Ok(id)
    }

    async fn insert_demo_classes(
        &mut self,
        school: &School,
        year: &str,
        about: &About,
        people: &HashMap<&str, PersonId>,
        unit: &UnitId,
        now_ms: i64,
    ) -> Result<HashMap<String, SchoolClass>, StoreError> {
        let mut classes = HashMap::new();
        for class in &about.class {
            let homeroom = people.get(class.homeroom.as_str());
            let grade = (class.grade, class.letter.as_str());
            let made = self.insert_class(&school.id, year, grade, homeroom, Some(unit), now_ms).await?;
            classes.insert(made.name.clone(), made);
        }
        Ok(classes)
    }
}

#[derive(Clone, Debug)]
struct Files {
    school: About,
    days: Vec<(Date, DayKind, Option<Weekday>, String)>,
    bells: Vec<(u8, Time, Time)>,
    people: Vec<PersonRow>,
    guardians: Vec<GuardianRow>,
}

#[derive(Clone, Debug, Deserialize)]
struct About {
    name: String,
    short_name: String,
    tz: String,
    locale: String,
    days_a_week: i8,
    odd_monday: Date,
    password: String,
    unit: String,
    act: planning::ActRow,
    subjects: Vec<String>,
    policy: Policy,
    year: YearRow,
    term: Vec<TermRow>,
    class: Vec<ClassRow>,
    norm: Vec<NormRow>,
}

#[derive(Clone, Debug, Deserialize)]
struct YearRow {
    name: String,
    from: Date,
    to: Date,
}

impl YearRow {
    fn span(&self) -> Span {
        Span { from: self.from, to: self.to }
    }
}

#[derive(Clone, Debug, Deserialize)]
struct TermRow {
    kind: String,
    title: String,
    from: Date,
    to: Date,
}

impl TermRow {
    fn span(&self) -> Span {
        Span { from: self.from, to: self.to }
    }
}

#[derive(Clone, Debug, Deserialize)]
struct ClassRow {
    grade: u8,
    letter: String,
    homeroom: String,
}

#[derive(Clone, Debug, Deserialize)]
struct NormRow {
    grades: [u8; 2],
    per_lesson: u16,
    per_day: u16,
    mode: NormMode,
}

#[derive(Clone, Debug, Deserialize)]
struct DayRow {
    date: Date,
    kind: DayKind,
    use_weekday: Option<i8>,
    title: String,
}

#[derive(Clone, Debug, Deserialize)]
struct BellRow {
    n: u8,
    starts: String,
    ends: String,
}

#[derive(Clone, Debug, Deserialize)]
struct PersonRow {
    code: String,
    family_name: String,
    given_name: String,
    middle_name: Option<String>,
    birth_date: Option<Date>,
    role: Role,
    class: String,
}

#[derive(Clone, Debug, Deserialize)]
struct GuardianRow {
    guardian: String,
    student: String,
    relation: String,
}

impl Files {
    fn read() -> Result<Self, DemoError> {
        let school = toml::from_str(SCHOOL)
            .map_err(|error| DemoError::File { file: "school.toml", detail: error.to_string() })?;
        let weekday = |day: &DayRow| day.use_weekday.and_then(|day| Weekday::from_monday_one_offset(day).ok());
        let bells = rows::<BellRow>("bells.csv", BELLS)?
            .into_iter()
            .map(|bell| Ok((bell.n, sql::time(&bell.starts)?, sql::time(&bell.ends)?)))
            .collect::<Result<_, StoreError>>()?;
        Ok(Self {
            school,
            days: rows::<DayRow>("calendar.csv", CALENDAR)?
                .into_iter()
                .map(|day| (day.date, day.kind, weekday(&day), day.title))
                .collect(),
            bells,
            people: rows("people.csv", PEOPLE)?,
            guardians: rows("guardians.csv", GUARDIANS)?,
        })
    }
}

fn rows<T: serde::de::DeserializeOwned>(file: &'static str, text: &str) -> Result<Vec<T>, DemoError> {
    csv::ReaderBuilder::new()
        .delimiter(b';')
        .from_reader(text.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|error| DemoError::File { file, detail: error.to_string() })
}

#[cfg(test)]
mod tests;

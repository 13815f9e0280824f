//! What the demo school has of individual help: marks, requests in several states, office hours of which one is full.

use super::DemoError;
use crate::domain::appointment::{BookingRules, Origin};
use crate::domain::consultation::State;
use crate::domain::form::Form;
use crate::domain::ids::{GroupId, PersonId, SubjectId, TopicId};
use crate::domain::request::{RequestEvent, due};
use crate::domain::role::Role;
use crate::store::appointment::{Booking, BookingError};
use crate::store::marks::{MarksError, MarksRequest};
use crate::store::request::{Move, NewRequest, RequestError};
use crate::store::school::School;
use crate::store::topics::Teaching;
use crate::store::transition::Actor;
use crate::store::{Store, StoreError};

const MARKS: &str = include_str!("../../../config/demo/marks.csv");
const HOUR_MS: i64 = 3_600_000;

struct Question {
    author: &'static str,
    student: &'static str,
    subject: &'static str,
    topic: Option<&'static str>,
    text: &'static str,
    hours_ago: i64,
    votes: &'static [&'static str],
    is_shared: bool,
    then: Then,
}

enum Then {
    Waits,
    Accepted(&'static str),
    Answered(&'static str, &'static str),
}

const QUESTIONS: [Question; 6] = [
    Question {
        author: "S-5A-02",
        student: "S-5A-02",
        subject: "Математика",
        topic: Some("Сложение и вычитание дробей"),
        text: "Не понимаю, как складывать дроби с разными знаменателями: откуда берётся общий знаменатель?",
        hours_ago: 30,
        votes: &["S-5A-03", "S-5A-05"],
        is_shared: true,
        then: Then::Waits,
    },
    Question {
        author: "S-5A-03",
        student: "S-5A-03",
        subject: "Математика",
        topic: Some("Сложение и вычитание дробей"),
        text: "Пропустил урок 17 ноября. Как вычитать дробь из целого числа?",
        hours_ago: 170,
        votes: &["S-5A-01"],
        is_shared: true,
        then: Then::Waits,
    },
    Question {
        author: "G-03",
        student: "S-5A-05",
        subject: "Математика",
        topic: Some("Обыкновенные дроби"),
        text: "Тимуру трудно сравнивать дроби, дома объяснить не получается. Можно ли разобрать с ним отдельно?",
        hours_ago: 20,
        votes: &[],
        is_shared: false,
        then: Then::Accepted("T-014"),
    },
    Question {
        author: "S-5A-06",
        student: "S-5A-06",
        subject: "Русский язык",
        topic: Some("Безударные гласные"),
        text: "Как проверить безударную гласную, если не подбирается однокоренное слово?",
        hours_ago: 50,
        votes: &["S-5A-04"],
        is_shared: true,
        then: Then::Answered(
            "T-007",
            "Это словарные слова, их запоминают и проверяют по словарю. Список — в учебнике на с. 212, разберём на чате в понедельник.",
        ),
    },
    Question {
        author: "S-9B-02",
        student: "S-9B-02",
        subject: "Физика",
        topic: Some("Импульс"),
        text: "В задаче 3 из §17 не сходится ответ: нужно ли учитывать направление скорости?",
        hours_ago: 6,
        votes: &["S-9B-05", "S-9B-03"],
        is_shared: true,
        then: Then::Waits,
    },
    Question {
        author: "S-9B-05",
        student: "S-9B-05",
        subject: "Физика",
        topic: Some("Законы Ньютона"),
        text: "Пропустила контрольную по законам Ньютона. Как подготовиться, чтобы её написать?",
        hours_ago: 44,
        votes: &[],
        is_shared: false,
        then: Then::Waits,
    },
];

/// Puts it all in; leaves out what does not fit the calendar of the day (a demo in the holidays has no office hours to come).
pub(super) async fn fill(store: &Store, school: &School, now_ms: i64) -> Result<(), DemoError> {
    let wrong = |detail: String| DemoError::File { file: "marks.csv", detail };
    let deputy = person(store, school, "D-001").await?;
    let request = MarksRequest {
        school: school.clone(),
        actor: Actor { person: deputy, role: Some(Role::DeputyHead) },
        own_only: false,
        subject: None,
        dry_run: false,
        now_ms,
    };
    match store.import_marks(MARKS.as_bytes(), request).await {
        Ok(_) => {}
        Err(MarksError::Store(error)) => return Err(error.into()),
        Err(MarksError::Rejected(errors)) => {
            let first = errors.first().map(|error| format!("line {}: {}", error.line, error.text));
            return Err(wrong(first.unwrap_or_default()));
        }
    }
    let taught = store.teachings(&school.id, None).await?;
    for question in &QUESTIONS {
        ask(store, school, &taught, question, now_ms).await?;
    }
    book(store, school, &taught, now_ms).await
}

async fn person(store: &Store, school: &School, code: &str) -> Result<PersonId, DemoError> {
    let found = store.person_by_code(&school.id, code).await?;
    found.map(|person| person.id).ok_or_else(|| DemoError::File { file: "people.csv", detail: code.to_owned() })
}

async fn ask(
    store: &Store,
    school: &School,
    taught: &[Teaching],
    question: &Question,
    now_ms: i64,
) -> Result<(), DemoError> {
    let class = if question.student.starts_with("S-5A") { "5А" } else { "9Б" };
    let Some(place) = taught.iter().find(|one| one.class == class && one.subject_name == question.subject) else {
        return Ok(());
    };
    let (author, student) =
        (person(store, school, question.author).await?, person(store, school, question.student).await?);
    let topic = topic(store, place, question.topic).await?;
    let calendar = store.calendar(school).await?;
    let at_ms = now_ms - question.hours_ago * HOUR_MS;
    let role = if question.author.starts_with('G') { Role::Guardian } else { Role::Student };
    let new = NewRequest {
        school: school.id.clone(),
        author: author.clone(),
        role,
        student,
        group: GroupId::new(place.group.as_str()),
        subject: SubjectId::new(place.subject.as_str()),
        topic,
        text: question.text.to_owned(),
        wish_form: None,
        wish_times: None,
        is_shared: question.is_shared,
        due: due(&calendar, at_ms),
        now_ms: at_ms,
    };
    let id = store.ask(new).await.map_err(stored)?;
    for code in question.votes {
        let voter = person(store, school, code).await?;
        let asked = store.help_request(&school.id, &id).await?;
        let actor = Actor { person: voter.clone(), role: Some(Role::Student) };
        store.vote(asked, voter, actor, true, at_ms + HOUR_MS).await?;
    }
    let (code, event) = match &question.then {
        Then::Waits => return Ok(()),
        Then::Accepted(code) => (code, RequestEvent::Accept),
        Then::Answered(code, text) => (code, RequestEvent::Answer { text: (*text).to_owned() }),
    };
    let asked = store.help_request(&school.id, &id).await?;
    let at_ms = (at_ms + 5 * HOUR_MS).min(now_ms);
    let step = Move {
        event,
        actor: Some(Actor { person: person(store, school, code).await?, role: Some(Role::Teacher) }),
        answered_by: None,
        consultation: None,
        appointment: None,
        today: calendar.date_at(at_ms),
        now_ms: at_ms,
    };
    store.move_request(asked, step).await.map_err(stored)?;
    Ok(())
}

async fn topic(store: &Store, place: &Teaching, title: Option<&str>) -> Result<Option<TopicId>, StoreError> {
    let (Some(programme), Some(title)) = (&place.programme, title) else { return Ok(None) };
    Ok(store.topics_of(programme).await?.into_iter().find(|row| row.title == title).map(|row| row.id))
}

/// Fills the first office hours that are at least a day away, so that the waiting list can be tried.
async fn book(store: &Store, school: &School, taught: &[Teaching], now_ms: i64) -> Result<(), DemoError> {
    let Some(place) = taught.iter().find(|one| one.class == "5А" && one.subject_name == "Математика") else {
        return Ok(());
    };
    let within = (now_ms + 24 * HOUR_MS, now_ms + 14 * 24 * HOUR_MS);
    let hours = store.office_hours(&school.id, std::slice::from_ref(&place.group), None, within).await?;
    let Some(full) = hours.into_iter().find(|one| {
        let lesson = &one.consultation;
        lesson.form == Form::Individual && lesson.state == State::Planned && lesson.start_ms > within.0
    }) else {
        return Ok(());
    };
    let rules = BookingRules { days_ahead: 60, ..BookingRules::default() };
    for (time, code) in full.times.iter().zip(["S-5A-02", "S-5A-03", "S-5A-04", "S-5A-05", "S-5A-06"]) {
        let student = person(store, school, code).await?;
        let booking = Booking {
            appointment: time.id.clone(),
            actor: Actor { person: student.clone(), role: Some(Role::Student) },
            student,
            message: (code == "S-5A-02").then(|| "Дроби с разными знаменателями, № 415".to_owned()),
            origin: Origin::Booked,
            request: None,
            rules: rules.clone(),
            now_ms,
        };
        match store.book(booking).await {
            Ok(_) | Err(BookingError::Refused(_)) => {}
            Err(BookingError::Store(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

fn stored(error: RequestError) -> StoreError {
    match error {
        RequestError::Store(error) => error,
        RequestError::Refused(_) | RequestError::TooMany => StoreError::Conflict,
    }
}

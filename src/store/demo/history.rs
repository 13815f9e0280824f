//! Four weeks behind today, so that the demo's reports have something to report: consultations held, missed and cancelled,
//! who was there, hours and answers. Also consent texts and a data officer.

use jiff::civil::Date;

use super::super::school::School;
use super::super::sql::{self, Value, json, text};
use super::super::{AuditEvent, Store, StoreError};
use crate::domain::calendar::{Span, plus_days};
use crate::domain::consent::Purpose;
use crate::domain::ids::PersonId;
use crate::domain::lesson_card::CardSlot;
use crate::domain::timetable::expand;

const DAYS: i32 = 28;
const MINUTE_MS: i64 = 60_000;

/// What became of one consultation, by its number: mostly good, as in life.
fn outcome(n: usize) -> (&'static str, Option<&'static str>) {
    match n % 13 {
        3 => ("not_held", Some("no_host")),
        7 => ("not_held", Some("technical")),
        11 => ("cancelled", None),
        _ => ("held", None),
    }
}

#[derive(Default)]
struct Rows {
    consultations: Vec<Vec<Value>>,
    stays: Vec<Vec<Value>>,
    load: Vec<Vec<Value>>,
    incidents: Vec<Vec<Value>>,
    lines: Vec<Vec<Value>>,
    feedback: Vec<Vec<Value>>,
}

/// Writes the weeks behind `now_ms`; call it once for a new school.
pub(super) async fn write(store: &Store, school: &School, now_ms: i64) -> Result<(), StoreError> {
    let calendar = store.calendar(school).await?;
    let today = calendar.date_at(now_ms);
    let within = Span { from: plus_days(today, -DAYS), to: plus_days(today, -1) };
    let slots = sqlx::query(
        "SELECT k.id AS card_id, v.group_id, s.id AS slot_id, s.slot_key, s.host_id, s.form, s.body FROM lesson_card k
         JOIN card_version v ON v.card_id = k.id AND v.version = k.version JOIN card_slot s ON s.version_id = v.id
         WHERE k.school_id = $1 ORDER BY k.external_key",
    )
    .bind(school.id.as_str())
    .fetch_all(store.readers())
    .await?;
    let members: Vec<(String, String)> = sqlx::query_as(
        "SELECT e.study_group_id, e.person_id FROM enrollment e JOIN study_group g ON g.id = e.study_group_id
         WHERE g.school_id = $1 AND e.role = 'student' ORDER BY e.person_id",
    )
    .bind(school.id.as_str())
    .fetch_all(store.readers())
    .await?;
    let mut rows = Rows::default();
    let mut n = 0;
    for row in &slots {
        let slot: CardSlot = json(&text(row, "body")?, "slot")?;
        if slot.student.is_some() || slot.appointment_minutes.is_some() {
            continue;
        }
        let group = text(row, "group_id")?;
        let students: Vec<&str> =
            members.iter().filter(|(of, _)| *of == group).map(|(_, person)| person.as_str()).collect();
        for one in expand(&school.id, &slot, false, &calendar, within).occurrences {
            n += 1;
            past(&mut rows, school, row, (one.id.as_str(), one.date, one.start_ms, one.end_ms), &students, n)?;
        }
    }
    let made = rows.consultations.len();
    let school = school.id.clone();
    store
        .write(move |tx| {
            Box::pin(async move {
                let into = "consultation (id, school_id, card_id, slot_id, slot_key, date, start_at, end_at, opens_at, closes_at, form, group_id, host_id, state, not_held_reason, detail, sequence, opened_at, live_at, host_delay_s, shared_s, closed_at, updated_at)";
                sql::insert_many(tx.connection(), into, 23, rows.consultations).await?;
                let into = "participation (id, school_id, room_id, person_id, role, joined_at, left_at, left_reason, seen_at)";
                sql::insert_many(tx.connection(), into, 9, rows.stays).await?;
                let into = "load_entry (id, school_id, host_id, consultation_id, date, kind, minutes, academic_hours, planned, created_at)";
                sql::insert_many(tx.connection(), into, 10, rows.load).await?;
                let into = "media_summary (room_id, person_id, minutes, loss_permille, worst_rtt_ms, freeze_ms, slowest_join_ms)";
                sql::insert_many(tx.connection(), into, 7, rows.lines).await?;
                let into = "incident (id, school_id, consultation_id, n, kind, reason, by_id, role, at)";
                sql::insert_many(tx.connection(), into, 9, rows.incidents).await?;
                let into = "feedback (consultation_id, person_id, school_id, score, helped, text, at)";
                sql::insert_many(tx.connection(), into, 7, rows.feedback).await?;
                let event = AuditEvent::new(school.clone(), now_ms, "demo.history", "school", school.as_str())
                    .with(serde_json::json!({ "consultations": made }));
                tx.audit(event).await
            })
        })
        .await
}

fn past(
    rows: &mut Rows,
    school: &School,
    slot: &sqlx::any::AnyRow,
    (id, date, start_ms, end_ms): (&str, Date, i64, i64),
    students: &[&str],
    n: usize,
) -> Result<(), StoreError> {
    let school = school.id.as_str();
    let (state, reason) = outcome(n);
    let host = text(slot, "host_id")?;
    let is_held = state == "held";
    let delay_s = i64::try_from(n % 5).unwrap_or(0) * 100;
    let live_ms = is_held.then_some(start_ms + delay_s * 1000);
    let closed_ms = if state == "cancelled" { start_ms - 5 * 60 * MINUTE_MS } else { end_ms };
    rows.consultations.push(vec![
        id.into(),
        school.into(),
        text(slot, "card_id")?.into(),
        text(slot, "slot_id")?.into(),
        text(slot, "slot_key")?.into(),
        date.to_string().into(),
        start_ms.into(),
        end_ms.into(),
        (start_ms - 10 * MINUTE_MS).into(),
        (end_ms + 10 * MINUTE_MS).into(),
        text(slot, "form")?.into(),
        text(slot, "group_id")?.into(),
        host.as_str().into(),
        state.into(),
        reason.map(str::to_owned).into(),
        (state == "cancelled").then(|| "Болезнь учителя".to_owned()).into(),
        i64::from(state == "cancelled").into(),
        (state != "cancelled").then_some(start_ms - 10 * MINUTE_MS).into(),
        live_ms.into(),
        is_held.then_some(delay_s).into(),
        is_held.then_some((end_ms - start_ms) / 1000 - delay_s).into(),
        closed_ms.into(),
        closed_ms.into(),
    ]);
    let has_media = text(slot, "form")? != "chat";
    let mut stay = |person: &str, role: &str, from_ms: i64, left: &str| {
        if has_media {
            // Whoever lost the line had a bad one.
            let (loss, join_ms) = if left == "lost" { (80_i64, 12_000_i64) } else { (4, 1_200) };
            rows.lines.push(vec![
                id.into(),
                person.into(),
                ((end_ms - from_ms) / MINUTE_MS).into(),
                loss.into(),
                90_i64.into(),
                0_i64.into(),
                join_ms.into(),
            ]);
        }
        rows.stays.push(vec![
            uuid::Uuid::now_v7().to_string().into(),
            school.into(),
            id.into(),
            person.into(),
            role.into(),
            from_ms.into(),
            end_ms.into(),
            left.into(),
            end_ms.into(),
        ]);
    };
    if reason == Some("technical") {
        rows.incidents.push(vec![
            uuid::Uuid::now_v7().to_string().into(),
            school.into(),
            id.into(),
            1_i64.into(),
            "fault".into(),
            "Отключили свет в школе".into(),
            host.as_str().into(),
            "teacher".into(),
            (start_ms + 3 * MINUTE_MS).into(),
        ]);
    }
    if !is_held {
        return Ok(());
    }
    stay(&host, "host", start_ms + delay_s * 1000, "closed");
    for (at, student) in students.iter().enumerate().filter(|(at, _)| at % 5 != 4 && !(n + at).is_multiple_of(4)) {
        let left = if (n + at).is_multiple_of(9) { "lost" } else { "closed" };
        stay(student, "recipient", start_ms + i64::try_from(at).unwrap_or(0) * MINUTE_MS, left);
        if at % 2 == 0 {
            let score = 3 + i64::try_from((n + at) % 3).unwrap_or(0);
            rows.feedback.push(vec![
                id.into(),
                (*student).into(),
                school.into(),
                score.into(),
                i64::from(score > 3).into(),
                Value::from(None::<String>),
                (end_ms + 5 * MINUTE_MS).into(),
            ]);
        }
    }
    let minutes = (end_ms - start_ms) / MINUTE_MS;
    rows.load.push(vec![
        uuid::Uuid::now_v7().to_string().into(),
        school.into(),
        host.as_str().into(),
        id.into(),
        date.to_string().into(),
        "teaching".into(),
        minutes.into(),
        ((minutes * 100 + 22) / 45).into(),
        1_i64.into(),
        end_ms.into(),
    ]);
    Ok(())
}

/// Texts to sign, and who answers for personal data.
pub(super) async fn write_privacy(store: &Store, school: &School, now_ms: i64) -> Result<(), StoreError> {
    const TEXTS: [(Purpose, &str, &str); 2] = [
        (
            Purpose::Recording,
            "Запись консультаций",
            "Я согласен (согласна) на запись звука и изображения во время консультаций. Запись хранится 30 дней и доступна \
             участникам консультации. Согласие можно отозвать в любой момент; на обучение это не повлияет.",
        ),
        (
            Purpose::Messages,
            "Письма и сообщения в браузере",
            "Я согласен (согласна) получать уведомления о консультациях по электронной почте и через службы уведомлений \
             браузера, которые находятся вне школы. Текст сообщений не содержит имён детей.",
        ),
    ];
    for (purpose, title, body) in TEXTS {
        store.add_consent_text(school.id.clone(), purpose, title.to_owned(), body.to_owned(), None, now_ms).await?;
    }
    let officer = store.person_by_code(&school.id, "Z-001").await?;
    if let Some(officer) = officer {
        let person = PersonId::new(officer.id.as_str());
        store.set_capability(school.id.clone(), person, "data_officer", true, None, now_ms).await?;
    }
    Ok(())
}

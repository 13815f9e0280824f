//! The shape of a card's content: bounds of every field, and that whatever it names is of the school. What the rules say of it is
//! the planning check's business.

use super::super::super::problem::Problem;
use super::{group, people};
use crate::domain::form::Mode;
use crate::domain::lesson_card::{At, CardSlot, Recurrence};
use crate::store::planning::drafts::DraftBody;
use crate::store::planning::options::CardOptions;

/// A card is one page: more slots, materials or words than this are another card.
const MOST_SLOTS: usize = 40;
const MOST_MATERIALS: usize = 30;
const MOST_WORDS: usize = 30;
const MOST_SOURCES: usize = 20;
const TITLE_CHARACTERS: usize = 200;
const TEXT_CHARACTERS: usize = 2000;
const KEY_CHARACTERS: usize = 60;
/// Minutes of a real-time slot.
const LENGTH: std::ops::RangeInclusive<u16> = 5..=240;
/// Days from the first to the last date of a slot: two school years.
const MOST_DAYS: i32 = 800;

/// # Errors
/// `bad_request` with the first field that is wrong.
pub fn check(body: &DraftBody, options: &CardOptions) -> Result<(), Problem> {
    let content = &body.content;
    text("title", &content.title, 1, TITLE_CHARACTERS)?;
    let note = content.note.iter().chain(&content.feedback_channel);
    for one in note.chain(content.homework.iter().map(|homework| &homework.text)) {
        text("text", one, 0, TEXT_CHARACTERS)?;
    }
    wrong(content.materials.len() > MOST_MATERIALS, "materials: too many")?;
    for material in &content.materials {
        text("materials", material, 1, 500)?;
        let is_link = material.starts_with("https://") || material.starts_with("http://");
        wrong(!is_link, "materials: addresses that begin with https://")?;
    }
    wrong(content.slots.is_empty() || content.slots.len() > MOST_SLOTS, "slots: 1 to 40")?;
    wrong(!options.groups.iter().any(|one| one.id == group(body).as_str()), "group: not of this school")?;
    let subject = body.subject.as_ref().map(|id| id.as_str());
    wrong(subject.is_some_and(|id| !options.subjects.iter().any(|one| one.id == id)), "subject: not of this school")?;
    let is_host = |id: &str| options.hosts.iter().any(|one| one.id == id);
    wrong(!people(body).all(|person| is_host(person.as_str())), "host: nobody who may hold consultations")?;
    content.slots.iter().try_for_each(slot)
}

fn slot(slot: &CardSlot) -> Result<(), Problem> {
    let words = slot.parts.iter().chain(&slot.topics);
    for word in words {
        text("parts, topics", word, 1, TITLE_CHARACTERS)?;
    }
    wrong(slot.parts.len() > MOST_WORDS || slot.topics.len() > MOST_WORDS, "parts, topics: too many")?;
    wrong(slot.sources.len() > MOST_SOURCES, "sources: too many")?;
    for source in slot.sources.iter().flat_map(|source| source.text.iter().chain(&source.ref_id)) {
        text("sources", source, 0, 500)?;
    }
    wrong(!slot.audience.students && !slot.audience.guardians, "audience: students, guardians or both")?;
    let is_individual = slot.form.mode() == Mode::Individual;
    wrong(slot.student.is_some() && !is_individual, "student: only for individual help")?;
    wrong(
        slot.appointment_minutes.is_some_and(|minutes| !(5..=120).contains(&minutes)),
        "appointment_minutes: 5 to 120",
    )?;
    let span = match &slot.recurrence {
        Recurrence::Once { date } => (*date, *date),
        Recurrence::Weekly { weekdays, span, .. } => {
            wrong(weekdays.is_empty() || weekdays.len() > 7, "weekdays: 1 to 7")?;
            (span.from, span.to)
        }
        Recurrence::Window { span } => (span.from, span.to),
    };
    wrong(
        span.0 > span.1 || (span.1 - span.0).get_days() > MOST_DAYS,
        "dates: the first before the last, within two years",
    )?;
    let is_window = matches!(slot.recurrence, Recurrence::Window { .. });
    wrong(slot.form.is_realtime() == is_window, "recurrence: dates for real-time forms, a window for deferred ones")?;
    if slot.form.is_realtime() {
        match (slot.at, slot.minutes) {
            (Some(At::Period(number)), None) => wrong(!(1..=20).contains(&number), "at: period 1 to 20")?,
            (Some(_), Some(minutes)) => wrong(!LENGTH.contains(&minutes), "minutes: 5 to 240")?,
            _ => return Err(Problem::bad_request("at, minutes: a period, or a start and a length")),
        }
    } else {
        wrong(slot.at.is_some() || slot.minutes.is_some(), "at, minutes: not for deferred forms")?;
    }
    Ok(())
}

/// The card's key: what was typed, or class, subject and a random end.
///
/// # Errors
/// `bad_request` for one that is too long or has a line feed or `#`, which joins keys and slots.
pub fn key(typed: Option<String>, body: &DraftBody, options: &CardOptions) -> Result<String, Problem> {
    let typed = typed.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
    if let Some(key) = typed {
        text("key", &key, 1, KEY_CHARACTERS)?;
        wrong(key.contains(['#', '\n', '\r']), "key: without # and line feeds")?;
        return Ok(key);
    }
    let class = options.groups.iter().find(|one| one.id == group(body).as_str()).map_or("", |one| one.class.as_str());
    let subject = body.subject.as_ref().and_then(|id| options.subjects.iter().find(|one| one.id == id.as_str()));
    let subject: String = subject.map_or("КАРТ", |one| one.name.as_str()).chars().take(3).collect();
    let end = uuid::Uuid::now_v7().simple().to_string();
    Ok(format!("{}-{class}-{}", subject.to_uppercase(), &end[26..]))
}

fn text(field: &str, text: &str, least: usize, most: usize) -> Result<(), Problem> {
    let characters = text.trim().chars().count();
    if (least..=most).contains(&characters) {
        Ok(())
    } else {
        Err(Problem::bad_request(format!("{field}: {least} to {most} characters")))
    }
}

fn wrong(is_wrong: bool, what: &str) -> Result<(), Problem> {
    if is_wrong { Err(Problem::bad_request(what)) } else { Ok(()) }
}

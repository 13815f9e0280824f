//! What a consultation is about (clauses 1.2, 3.5 to 3.7): programme, parts, topics, sources, and the days it may be on.

use jiff::civil::Date;

use super::Wish;
use super::finding::{Finding, Params, PartDates};
use super::view::{PartFacts, PlanView};
use crate::domain::chosen::about;
use crate::domain::fold::fold;
use crate::domain::form::{Coverage, Kind, Mode};
use crate::domain::refusal::RefusalCode;

pub fn check(view: &PlanView, wish: &Wish<'_>, found: &mut Vec<Finding>) {
    let slot = wish.slot;
    if slot.form.is_realtime() && !wish.allow_in_break && view.calendar.lessons_of(wish.date).is_none() {
        found.push(Finding::of(RefusalCode::NotASchoolDay, Params::Date { date: wish.date }));
    }
    if slot.kind == Kind::AssessmentPrep && slot.form.mode() != Mode::GroupRealtime {
        found.push(Finding::of(RefusalCode::PrepMustBeGroup, Params::None {}));
    }
    if slot.sources.len() + wish.more_sources == 0 {
        found.push(Finding::of(RefusalCode::SourceRequired, Params::None {}));
    }
    let Some(programme) = wish.programme.and_then(|id| view.programmes.get(id)) else {
        if slot.audience.students {
            found.push(Finding::of(RefusalCode::PartRequired, Params::None {}));
        }
        return;
    };
    // A choice for another programme is none: the card has changed its subject since.
    let chosen = view.chosen.get(&wish.id).filter(|chosen| Some(&chosen.programme) == wish.programme);
    let (part_titles, topic_titles) = about(slot, chosen);
    let mut unknown = Vec::new();
    let mut parts: Vec<&PartFacts> = Vec::new();
    for title in &part_titles {
        match programme.parts.iter().find(|part| part.fold == fold(title)) {
            Some(part) => parts.push(part),
            None => unknown.push(title.clone()),
        }
    }
    if slot.coverage == Coverage::Overview && part_titles.is_empty() {
        found.push(Finding::of(RefusalCode::PartRequired, Params::None {}));
    } else if !unknown.is_empty() {
        found.push(Finding::of(RefusalCode::PartRequired, Params::Unknown { unknown }));
    }
    if slot.coverage == Coverage::Topics {
        topics(&topic_titles, wish.date, &programme.parts, &mut parts, found);
    }
    match slot.kind {
        Kind::Current => study_period(&parts, wish.date, found),
        Kind::AssessmentPrep => after_parts(&parts, wish.date, found),
    }
}

/// Codes that depend on parts and topics alone.
pub fn is_about(code: RefusalCode) -> bool {
    matches!(
        code,
        RefusalCode::PartRequired
            | RefusalCode::TopicsRequired
            | RefusalCode::OutsideStudyPeriod
            | RefusalCode::PrepMustBeGroup
            | RefusalCode::PrepBeforePartEnd
    )
}

/// INV-24. A topic brings its part along.
fn topics<'v>(
    titles: &[String],
    date: Date,
    all: &'v [PartFacts],
    parts: &mut Vec<&'v PartFacts>,
    found: &mut Vec<Finding>,
) {
    let mut unknown = Vec::new();
    for title in titles {
        let folded = fold(title);
        // Of the parts that are named, if one has it: titles repeat from quarter to quarter.
        if parts.iter().any(|part| part.topics.contains(&folded)) {
            continue;
        }
        // Where several have it, the one that is being studied.
        let mut having = all.iter().filter(|part| part.topics.contains(&folded));
        let studied = having.clone().find(|part| part.starts_on <= date && date <= part.ends_on);
        match studied.or_else(|| having.next()) {
            Some(part) => parts.push(part),
            None => unknown.push(title.clone()),
        }
    }
    if titles.is_empty() {
        found.push(Finding::of(RefusalCode::TopicsRequired, Params::None {}));
    } else if !unknown.is_empty() {
        found.push(Finding::of(RefusalCode::TopicsRequired, Params::Unknown { unknown }));
    }
}

/// INV-20: inside one of the parts, up to its actual end once there is one.
fn study_period(parts: &[&PartFacts], date: Date, found: &mut Vec<Finding>) {
    let is_inside = |part: &&PartFacts| part.starts_on <= date && date <= part.completed_on.unwrap_or(part.ends_on);
    if !parts.is_empty() && !parts.iter().any(is_inside) {
        found.push(Finding::of(RefusalCode::OutsideStudyPeriod, Params::Parts { parts: dates(parts.iter().copied()) }));
    }
}

/// INV-27: on or after the actual completion of every part.
fn after_parts(parts: &[&PartFacts], date: Date, found: &mut Vec<Finding>) {
    let open: Vec<&PartFacts> =
        parts.iter().copied().filter(|part| part.completed_on.is_none_or(|done| date < done)).collect();
    if !open.is_empty() {
        found.push(Finding::of(RefusalCode::PrepBeforePartEnd, Params::Parts { parts: dates(open.into_iter()) }));
    }
}

fn dates<'v>(parts: impl Iterator<Item = &'v PartFacts>) -> Vec<PartDates> {
    parts
        .map(|part| PartDates {
            title: part.title.clone(),
            starts_on: part.starts_on,
            ends_on: part.ends_on,
            completed_on: part.completed_on,
        })
        .collect()
}

//! What was covered, who was helped, and who never came.

use std::collections::BTreeMap;

use super::Facts;
use super::helped::HelpOutcome;
use crate::domain::consultation::State;
use crate::domain::fold::fold;
use crate::domain::ids::{ConsultationId, PersonId};

/// A topic and the consultations about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRow {
    pub subject: String,
    pub class: String,
    pub topic: String,
    /// Held and still planned, by start.
    pub held: Vec<ConsultationId>,
    pub ahead: Vec<ConsultationId>,
    pub requests: usize,
}

/// Topics by subject and class. `known` are the topics of the programmes (subject, class, topic), so that one that nobody
/// taught shows as an empty row.
pub fn matrix(facts: &Facts, known: &[(String, String, String)]) -> Vec<TopicRow> {
    let mut rows: BTreeMap<(String, String, String), TopicRow> = BTreeMap::new();
    let mut row = |subject: &str, class: &str, topic: &str, change: &mut dyn FnMut(&mut TopicRow)| {
        let key = (fold(subject), fold(class), fold(topic));
        change(rows.entry(key).or_insert_with(|| TopicRow {
            subject: subject.to_owned(),
            class: class.to_owned(),
            topic: topic.to_owned(),
            held: Vec::new(),
            ahead: Vec::new(),
            requests: 0,
        }));
    };
    for (subject, class, topic) in known {
        row(subject, class, topic, &mut |_| {});
    }
    let mut lessons: Vec<_> = facts.lessons.iter().collect();
    lessons.sort_by_key(|one| one.start_ms);
    for one in lessons {
        let (Some(subject), Some(class)) = (&one.subject, &one.class) else { continue };
        for topic in &one.topics {
            row(subject, class, topic, &mut |row| match one.state {
                State::Held => row.held.push(one.id.clone()),
                State::Planned | State::Open | State::Live => row.ahead.push(one.id.clone()),
                State::NotHeld | State::Cancelled => {}
            });
        }
    }
    for one in &facts.requests {
        if let (Some(class), Some(topic)) = (&one.class, &one.topic) {
            row(&one.subject, class, topic, &mut |row| row.requests += 1);
        }
    }
    rows.into_values().collect()
}

/// One student's part in the help.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StudentRow {
    /// Held consultations that the student was invited to, and was at.
    pub invited: usize,
    pub came: usize,
    /// With the host.
    pub minutes: i64,
    /// Questions asked, or shared with somebody who asked.
    pub requests: usize,
    /// Of these: answered, or the student was at the consultation about it.
    pub helped: usize,
    /// Of these: a consultation about it was held, and the student was not there.
    pub missed: usize,
}

impl StudentRow {
    /// Something was held for the student, and they were at none of it.
    pub fn never_came(&self) -> bool {
        self.came == 0 && self.helped == 0 && self.invited + self.missed > 0
    }
}

/// Every student who was invited or asked.
pub fn students(facts: &Facts) -> BTreeMap<PersonId, StudentRow> {
    let mut rows: BTreeMap<PersonId, StudentRow> = BTreeMap::new();
    for one in facts.lessons.iter().filter(|one| one.state == State::Held) {
        for invited in &one.invited {
            let row = rows.entry(invited.person.clone()).or_default();
            row.invited += 1;
            row.came += usize::from(invited.came);
            row.minutes += invited.present_s / 60;
        }
    }
    for seeker in facts.requests.iter().flat_map(|one| &one.seekers) {
        let row = rows.entry(seeker.person.clone()).or_default();
        row.requests += 1;
        row.helped += usize::from(seeker.outcome == HelpOutcome::Helped);
        row.missed += usize::from(seeker.outcome == HelpOutcome::NeverCame);
    }
    rows
}

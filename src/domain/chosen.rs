//! What the host chose for one date (clause 3.5): its parts and topics hold there instead of the card's. Wherever somebody asks
//! what a date is about, this is asked first.

use super::ids::{ProgrammeId, TopicId};
use super::lesson_card::CardSlot;

/// A choice for one date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Whose parts and topics they are. For another programme nothing is chosen: the card has changed its subject since.
    pub programme: ProgrammeId,
    /// Titles of the parts, in their order; the parts of the chosen topics are among them.
    pub parts: Vec<String>,
    pub topics: Vec<ChosenTopic>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenTopic {
    pub id: TopicId,
    pub title: String,
}

impl Chosen {
    /// Nothing yet.
    pub fn of(programme: ProgrammeId) -> Self {
        Self { programme, parts: Vec::new(), topics: Vec::new() }
    }

    /// A topic brings its part along, once.
    pub fn add_part(&mut self, title: String) {
        if !self.parts.contains(&title) {
            self.parts.push(title);
        }
    }

    pub fn topic_titles(&self) -> Vec<String> {
        self.topics.iter().map(|topic| topic.title.clone()).collect()
    }
}

/// Parts and topics of a date, by title: those chosen for it, else the slot's.
pub fn about(slot: &CardSlot, chosen: Option<&Chosen>) -> (Vec<String>, Vec<String>) {
    match chosen {
        Some(chosen) => (chosen.parts.clone(), chosen.topic_titles()),
        None => (slot.parts.clone(), slot.topics.clone()),
    }
}

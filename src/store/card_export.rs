//! The published lesson cards as rows of the import's layout (DOMAIN 8.1): what an import of them finds unchanged.

use std::collections::HashMap;

use super::school::School;
use super::sql::{date, int, json, optional_text, text};
use super::{Store, StoreError};
use crate::domain::card_csv::CardRow;
use crate::domain::ids::PersonId;
use crate::domain::lesson_card::{CardSlot, Homework, Recurrence};

/// The cards of a school.
#[derive(Clone, Debug, Default)]
pub struct ExportedCards {
    pub rows: Vec<CardRow>,
    /// Keys of cards that a row cannot hold: with several slots, or made in the editor with more than a row says.
    pub left_out: Vec<String>,
}

impl Store {
    /// Rows of the cards in force; of one teacher, or all.
    pub async fn export_cards(&self, school: &School, teacher: Option<&PersonId>) -> Result<ExportedCards, StoreError> {
        let rows = sqlx::query(
            "SELECT k.external_key, v.id, v.materials, v.homework, v.note, v.allow_in_break, v.teacher_id, s.body,
             g.name AS group_name, cl.name AS class, sub.name AS subject, p.code AS host,
             (SELECT COUNT(*) FROM card_slot o WHERE o.version_id = v.id) AS slots
             FROM lesson_card k JOIN card_version v ON v.card_id = k.id AND v.version = k.version
             JOIN card_slot s ON s.version_id = v.id JOIN study_group g ON g.id = v.group_id
             LEFT JOIN school_class cl ON cl.id = g.class_id LEFT JOIN subject sub ON sub.id = v.subject_id
             JOIN person p ON p.id = s.host_id
             WHERE k.school_id = $1 AND k.status = 'published' ORDER BY k.external_key, s.slot_key",
        )
        .bind(school.id.as_str())
        .fetch_all(self.readers())
        .await?;
        let codes: Vec<(String, String)> = sqlx::query_as("SELECT id, code FROM person WHERE school_id = $1")
            .bind(school.id.as_str())
            .fetch_all(self.readers())
            .await?;
        let codes: HashMap<String, String> = codes.into_iter().collect();
        let year: Option<(String, String)> = sqlx::query_as(
            "SELECT starts_on, ends_on FROM school_year WHERE school_id = $1 ORDER BY starts_on DESC LIMIT 1",
        )
        .bind(school.id.as_str())
        .fetch_optional(self.readers())
        .await?;
        let mut exported = ExportedCards::default();
        for row in &rows {
            if teacher.is_some_and(|teacher| text(row, "teacher_id").is_ok_and(|id| id != teacher.as_str())) {
                continue;
            }
            let key = text(row, "external_key")?;
            let slot: CardSlot = json(&text(row, "body")?, "slot")?;
            let is_whole = int(row, "slots")? == 1
                && int(row, "allow_in_break")? == 0
                && slot.key == format!("{key}#1")
                && slot.appointment_minutes.is_none()
                && slot.capacity.is_none()
                && slot.purpose.is_none();
            let Some(class) = optional_text(row, "class")?.filter(|_| is_whole) else {
                if exported.left_out.last() != Some(&key) {
                    exported.left_out.push(key);
                }
                continue;
            };
            let student = slot.student.as_ref().and_then(|student| codes.get(student.as_str())).cloned();
            let mut one = CardRow {
                line: exported.rows.len() as u64 + 2,
                key,
                date: None,
                weekdays: Vec::new(),
                parity: None,
                from: None,
                to: None,
                at: slot.at,
                minutes: slot.minutes,
                class,
                group: student.map_or_else(|| text(row, "group_name"), Ok)?,
                subject: optional_text(row, "subject")?.unwrap_or_default(),
                parts: slot.parts,
                topics: slot.topics,
                teacher: text(row, "host")?,
                kind: slot.kind,
                form: slot.form,
                coverage: slot.coverage,
                audience: slot.audience,
                materials: json(&text(row, "materials")?, "materials")?,
                homework: String::new(),
                due: None,
                note: optional_text(row, "note")?.unwrap_or_default(),
            };
            if let Some(homework) = optional_text(row, "homework")? {
                let homework: Homework = json(&homework, "homework")?;
                (one.homework, one.due) = (homework.text, homework.due);
            }
            match slot.recurrence {
                Recurrence::Once { date } => one.date = Some(date),
                Recurrence::Weekly { weekdays, parity, span } => {
                    (one.weekdays, one.parity) = (weekdays, parity);
                    // A card for the whole year was written without dates, and is so again.
                    let is_year = match &year {
                        Some((from, to)) => (span.from, span.to) == (date(from)?, date(to)?),
                        None => false,
                    };
                    if !is_year {
                        (one.from, one.to) = (Some(span.from), Some(span.to));
                    }
                }
                Recurrence::Window { span } => (one.from, one.to) = (Some(span.from), Some(span.to)),
            }
            // Sources that a teacher has written are more than the row says.
            if slot.sources.is_empty() || slot.sources == one.source() {
                exported.rows.push(one);
            } else {
                exported.left_out.push(one.key);
            }
        }
        Ok(exported)
    }
}

//! Parts and topics that hosts chose for single dates, read in one place for the timetable, reports and planning.

use std::collections::HashMap;

use jiff::civil::Date;
use sqlx::AnyConnection;

use super::StoreError;
use super::sql::{placeholders, text};
use crate::domain::chosen::{Chosen, ChosenTopic};
use crate::domain::ids::{ConsultationId, ProgrammeId, SchoolId, TopicId};

/// Of which dates.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of<'a> {
    These(&'a [ConsultationId]),
    /// Of a school, from one date to another, both included.
    Dates(&'a SchoolId, Date, Date),
}

/// The choices there are; who is not in the answer has what the slot says. A choice counts as long as the card keeps its subject.
pub(super) async fn chosen(
    connection: &mut AnyConnection,
    of: Of<'_>,
) -> Result<HashMap<ConsultationId, Chosen>, StoreError> {
    let mut found = HashMap::new();
    match of {
        // One round trip for this many names: SQLite looks each of them up in a list.
        Of::These(ids) => {
            for chunk in ids.chunks(200) {
                let names: Vec<&str> = chunk.iter().map(ConsultationId::as_str).collect();
                let condition = format!("c.id IN ({})", placeholders(1, names.len()));
                add(connection, &condition, &names, &mut found).await?;
            }
        }
        Of::Dates(school, from, to) => {
            let (from, to) = (from.to_string(), to.to_string());
            let condition = "c.school_id = $1 AND c.date >= $2 AND c.date <= $3";
            add(connection, condition, &[school.as_str(), &from, &to], &mut found).await?;
        }
    }
    Ok(found)
}

async fn add(
    connection: &mut AnyConnection,
    condition: &str,
    values: &[&str],
    found: &mut HashMap<ConsultationId, Chosen>,
) -> Result<(), StoreError> {
    // Parts first: those of the topics are added to them, in the order of the programme.
    for (table, join, topic) in [
        ("consultation_part", "JOIN programme_part p ON p.id = x.part_id", "NULL"),
        ("consultation_topic", "JOIN topic t ON t.id = x.topic_id JOIN programme_part p ON p.id = t.part_id", "t.id"),
    ] {
        let (title, order) = if topic == "NULL" { ("NULL", "p.n") } else { ("t.title", "p.n, t.n") };
        let sql = format!(
            "SELECT x.consultation_id, p.programme_id, p.title AS part, CAST({topic} AS TEXT) AS topic_id,
             CAST({title} AS TEXT) AS topic FROM {table} x {join} JOIN programme g ON g.id = p.programme_id
             JOIN consultation c ON c.id = x.consultation_id JOIN card_slot s ON s.id = c.slot_id
             JOIN card_version v ON v.id = s.version_id AND v.subject_id = g.subject_id
             WHERE {condition} ORDER BY x.consultation_id, {order}"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for value in values {
            query = query.bind(*value);
        }
        for row in &query.fetch_all(&mut *connection).await? {
            let programme = ProgrammeId::new(text(row, "programme_id")?);
            let id = ConsultationId::new(text(row, "consultation_id")?);
            let one = found.entry(id).or_insert_with(|| Chosen::of(programme));
            one.add_part(text(row, "part")?);
            let topic = super::sql::optional_text(row, "topic_id")?.zip(super::sql::optional_text(row, "topic")?);
            if let Some((topic, title)) = topic {
                one.topics.push(ChosenTopic { id: TopicId::new(topic), title });
            }
        }
    }
    Ok(())
}

//! Planned dates that stand in the way of a timetable's regular lessons: whoever holds one teaches then, or its class learns.
//! They stay as they are, as nobody asked to move them; those who answer for them are told of what is new.

use std::collections::{BTreeMap, HashSet};

use jiff::civil::Date;

use super::super::calendar::read::calendar;
use super::super::lessons::lessons;
use super::super::outbox::Letter;
use super::super::school::School;
use super::super::sql::{date, int, json, optional_text, text};
use super::super::{StoreError, Tx};
use crate::domain::ids::{CardId, ConsultationId, GroupId, PersonId};
use crate::domain::lesson_card::CardSlot;
use crate::domain::notice::Notice;
use crate::domain::role::Role;

/// Collisions listed in one report; the count is of all.
pub(super) const MOST_LISTED: usize = 200;

/// Who cannot be in two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Busy {
    Host,
    Group,
}

/// A planned date and the regular lesson that it meets.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Collision {
    #[schema(value_type = String)]
    pub consultation: ConsultationId,
    /// The school's date, YYYY-MM-DD.
    #[schema(value_type = String)]
    pub date: Date,
    /// RFC 3339, UTC.
    pub start: String,
    pub title: String,
    pub class: Option<String>,
    /// Who holds it: the substitute, when there is one.
    pub host: String,
    pub busy: Busy,
    pub lesson: MetLesson,
    /// It did not meet this lesson before the import.
    pub is_new: bool,
    #[serde(skip)]
    #[schema(ignore)]
    pub(super) card: CardId,
    #[serde(skip)]
    #[schema(ignore)]
    pub(super) host_id: PersonId,
}

/// The regular lesson of a collision, by the school's clock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, utoipa::ToSchema)]
pub struct MetLesson {
    /// HH:MM.
    pub starts: String,
    pub ends: String,
    pub class: String,
    pub subject: String,
}

/// What makes two collisions the same one.
pub(super) type Same = (ConsultationId, Busy, MetLesson);

impl Collision {
    pub(super) fn same(&self) -> Same {
        (self.consultation.clone(), self.busy, self.lesson.clone())
    }
}

impl Tx {
    /// All dates to come that meet a regular lesson as the store has them now, by start. `known`: those of before, which are
    /// not new.
    pub(super) async fn collisions(
        &mut self,
        school: &School,
        known: &HashSet<Same>,
        now_ms: i64,
    ) -> Result<Vec<Collision>, StoreError> {
        let calendar = calendar(self.connection(), school).await?;
        let lessons = lessons(self.connection(), &school.id, &calendar).await?;
        if lessons.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(
            "SELECT c.id, c.card_id, c.date, c.start_at, c.end_at, c.group_id, s.body, v.title, cl.name AS class,
             COALESCE(c.substitute_host_id, c.host_id) AS host, h.display_name AS host_name
             FROM consultation c JOIN card_slot s ON s.id = c.slot_id JOIN card_version v ON v.id = s.version_id
             JOIN study_group g ON g.id = c.group_id LEFT JOIN school_class cl ON cl.id = g.class_id
             JOIN person h ON h.id = COALESCE(c.substitute_host_id, c.host_id)
             WHERE c.school_id = $1 AND c.state IN ('planned', 'open') AND c.start_at > $2
             ORDER BY c.start_at, c.id",
        )
        .bind(school.id.as_str())
        .bind(now_ms)
        .fetch_all(self.connection())
        .await?;
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        for row in &rows {
            let (start_ms, end_ms) = (int(row, "start_at")?, int(row, "end_at")?);
            let held = lessons.overlapping(start_ms, end_ms);
            if held.is_empty() {
                continue;
            }
            let host = PersonId::new(text(row, "host")?);
            let group = GroupId::new(text(row, "group_id")?);
            let slot: CardSlot = json(&text(row, "body")?, "slot")?;
            // Individual help is held beside the class's lessons; booking asks for each student.
            let is_for_group = slot.student.is_none() && slot.office_minutes().is_none() && slot.audience.students;
            for one in held {
                let of_host = one.lesson.teacher.as_ref() == Some(&host);
                let of_group = is_for_group && one.lesson.groups.contains(&group);
                let lesson = MetLesson {
                    starts: one.starts.strftime("%H:%M").to_string(),
                    ends: one.ends.strftime("%H:%M").to_string(),
                    class: one.lesson.class.clone(),
                    subject: one.lesson.subject.clone(),
                };
                for busy in [of_host.then_some(Busy::Host), of_group.then_some(Busy::Group)].into_iter().flatten() {
                    let mut collision = Collision {
                        consultation: ConsultationId::new(text(row, "id")?),
                        date: date(&text(row, "date")?)?,
                        start: jiff::Timestamp::from_millisecond(start_ms)
                            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
                            .to_string(),
                        title: text(row, "title")?,
                        class: optional_text(row, "class")?,
                        host: text(row, "host_name")?,
                        busy,
                        lesson: lesson.clone(),
                        is_new: false,
                        card: CardId::new(text(row, "card_id")?),
                        host_id: host.clone(),
                    };
                    let same = collision.same();
                    collision.is_new = !known.contains(&same);
                    // A lesson of two teachers or groups stands there more than once.
                    if seen.insert(same) {
                        found.push(collision);
                    }
                }
            }
        }
        Ok(found)
    }

    /// For each card whose dates meet a lesson anew a letter to their hosts, its owner and the deputies.
    pub(super) async fn tell_collisions(
        &mut self,
        school: &School,
        collisions: &[Collision],
        today: Date,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut of_card: BTreeMap<&CardId, Vec<&Collision>> = BTreeMap::new();
        for one in collisions.iter().filter(|one| one.is_new) {
            of_card.entry(&one.card).or_default().push(one);
        }
        for (card, of) in of_card {
            let Some(first) = of.first() else { continue };
            let (owner,): (String,) = sqlx::query_as(
                "SELECT v.teacher_id FROM lesson_card k JOIN card_version v ON v.card_id = k.id AND v.version = k.version
                 WHERE k.id = $1",
            )
            .bind(card.as_str())
            .fetch_one(self.connection())
            .await?;
            let mut to = self.holders(&school.id, &[Role::DeputyHead], &today.to_string()).await?;
            to.push(PersonId::new(owner));
            to.extend(of.iter().map(|one| one.host_id.clone()));
            to.sort();
            to.dedup();
            let dates: HashSet<&ConsultationId> = of.iter().map(|one| &one.consultation).collect();
            let notice = Notice::CardDatesCollide {
                card: card.as_str().to_owned(),
                title: first.title.clone(),
                from: first.date.to_string(),
                count: u32::try_from(dates.len()).unwrap_or(u32::MAX),
            };
            let key = format!("{card}:{}:{now_ms}", first.date);
            self.enqueue(Letter { school: school.id.clone(), to, notice, key, now_ms }).await?;
        }
        Ok(())
    }
}

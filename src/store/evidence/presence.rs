//! Who was in the rooms of some consultations, for the facts of evidence: stays, what was booked and attended, and the
//! corrections of how long host and recipients were together.

use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::any::AnyRow;

use super::super::school::School;
use super::super::sql::{int, optional_int, optional_text, text};
use super::super::{Store, StoreError};
use crate::domain::attendance::{self, Interval};
use crate::domain::calendar::Span;
use crate::domain::evidence::technical::{Measured, Participation, judge};
use crate::domain::ids::PersonId;

/// Which consultations.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope {
    /// Those of these dates.
    Dates(Span),
    /// Those into which requests made from..to (Unix milliseconds) were put, whenever they are.
    AskedIn(i64, i64),
}

impl Scope {
    /// A query for their ids; the school is `$1`, the bounds `$2` and `$3`.
    const fn ids(self) -> &'static str {
        match self {
            Self::Dates(_) => "SELECT id FROM consultation WHERE school_id = $1 AND date >= $2 AND date <= $3",
            Self::AskedIn(..) => {
                "SELECT s.consultation_id FROM help_request r JOIN consultation_source s ON s.ref_id = r.id
                 AND s.kind = 'request' WHERE r.school_id = $1 AND r.created_at >= $2 AND r.created_at < $3
                 UNION SELECT r.consultation_id FROM help_request r WHERE r.consultation_id IS NOT NULL
                 AND r.school_id = $1 AND r.created_at >= $2 AND r.created_at < $3"
            }
        }
    }

    /// Rows of `select`, which ends with the column that holds the consultation's id.
    pub(super) async fn rows(self, store: &Store, school: &School, select: &str) -> Result<Vec<AnyRow>, StoreError> {
        let sql = format!("{select} IN ({})", self.ids());
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(school.id.as_str());
        let query = match self {
            Self::Dates(span) => query.bind(span.from.to_string()).bind(span.to.to_string()),
            Self::AskedIn(from_ms, to_ms) => query.bind(from_ms).bind(to_ms),
        };
        Ok(query.fetch_all(store.readers()).await?)
    }
}

/// One stay in a room.
pub(super) struct Stay {
    pub person: String,
    pub role: String,
    pub joined_ms: i64,
    pub left_ms: i64,
    pub was_lost: bool,
    /// Everybody was told of this observer.
    pub was_announced: bool,
}

impl Stay {
    fn interval(&self) -> Interval {
        Interval { from_ms: self.joined_ms, to_ms: self.left_ms }
    }
}

/// Everything about presence, by consultation.
pub(super) struct Register {
    pub stays: HashMap<String, Vec<Stay>>,
    /// Students of individual help.
    booked: HashMap<String, Vec<String>>,
    /// Those of them who came (their time is shorter than the consultation, and judged by itself).
    attended: HashSet<(String, String)>,
    /// By consultation and field the corrected value that holds.
    pub corrections: HashMap<String, BTreeMap<String, String>>,
    /// Seconds that host and recipients had together: what was recorded, and what holds instead.
    shared: HashMap<String, (i64, i64)>,
    /// By room and person.
    measured: HashMap<(String, String), Measured>,
}

impl Register {
    pub(super) async fn load(store: &Store, school: &School, scope: Scope) -> Result<Self, StoreError> {
        let select =
            "SELECT room_id, person_id, role, joined_at, left_at, seen_at, left_reason, announced_at FROM participation
             WHERE room_id";
        let mut stays: HashMap<String, Vec<Stay>> = HashMap::new();
        for row in &scope.rows(store, school, select).await? {
            let seen_ms = int(row, "seen_at")?;
            stays.entry(text(row, "room_id")?).or_default().push(Stay {
                person: text(row, "person_id")?,
                role: text(row, "role")?,
                joined_ms: int(row, "joined_at")?,
                left_ms: optional_int(row, "left_at")?.unwrap_or(seen_ms),
                was_lost: optional_text(row, "left_reason")?.as_deref() == Some("lost"),
                was_announced: optional_int(row, "announced_at")?.is_some(),
            });
        }
        let mut measured: HashMap<(String, String), (i64, i64, Option<i64>)> = HashMap::new();
        // Minutes, the sum of their losses, and the slowest join, from the raw figures and from what is left of older ones.
        for select in [
            "SELECT room_id, person_id, 1 AS minutes, loss_permille AS loss, NULL AS took FROM media_quality
             WHERE room_id",
            "SELECT room_id, person_id, 0 AS minutes, 0 AS loss, took_ms AS took FROM media_join WHERE room_id",
            "SELECT room_id, person_id, minutes, loss_permille * minutes AS loss, slowest_join_ms AS took
             FROM media_summary WHERE room_id",
        ] {
            for row in &scope.rows(store, school, select).await? {
                let one = measured.entry((text(row, "room_id")?, text(row, "person_id")?)).or_default();
                one.0 += int(row, "minutes")?;
                one.1 += int(row, "loss")?;
                one.2 = one.2.max(optional_int(row, "took")?);
            }
        }
        let measured = measured
            .into_iter()
            .map(|(key, (minutes, loss, slowest_join_ms))| {
                (key, Measured { slowest_join_ms, loss_permille: loss.checked_div(minutes).unwrap_or(0) })
            })
            .collect();
        let select = "SELECT consultation_id, student_id, state FROM appointment WHERE student_id IS NOT NULL
             AND state IN ('booked', 'attended', 'no_show') AND consultation_id";
        let mut booked: HashMap<String, Vec<String>> = HashMap::new();
        let mut attended = HashSet::new();
        for row in &scope.rows(store, school, select).await? {
            let (room, student) = (text(row, "consultation_id")?, text(row, "student_id")?);
            if text(row, "state")? == "attended" {
                attended.insert((room.clone(), student.clone()));
            }
            booked.entry(room).or_default().push(student);
        }
        let select = "SELECT consultation_id, n, field, old_value, new_value FROM correction WHERE consultation_id";
        let mut rows = Vec::new();
        for row in &scope.rows(store, school, select).await? {
            let values = (text(row, "old_value")?, text(row, "new_value")?);
            rows.push((int(row, "n")?, text(row, "consultation_id")?, text(row, "field")?, values));
        }
        rows.sort();
        let mut corrections: HashMap<String, BTreeMap<String, String>> = HashMap::new();
        let mut shared = HashMap::new();
        for (_, consultation, field, (old, new)) in rows {
            if field == "shared_s" {
                // Nothing recorded is no time together.
                let seconds = |value: &str| value.parse().unwrap_or(0);
                shared.insert(consultation.clone(), (seconds(&old), seconds(&new)));
            }
            corrections.entry(consultation).or_default().insert(field, new);
        }
        Ok(Self { stays, booked, attended, corrections, shared, measured })
    }

    pub(super) fn stays_in(&self, room: &str) -> &[Stay] {
        self.stays.get(room).map(Vec::as_slice).unwrap_or_default()
    }

    /// Students of individual help.
    pub(super) fn booked_in(&self, room: &str) -> Vec<String> {
        self.booked.get(room).cloned().unwrap_or_default()
    }

    /// How each participation in a room with media went.
    pub(super) fn participations(&self, room: &str) -> Vec<Participation> {
        let mut stayed: BTreeMap<&str, i64> = BTreeMap::new();
        for stay in self.stays_in(room).iter().filter(|stay| stay.role != "observer") {
            *stayed.entry(stay.person.as_str()).or_default() += (stay.left_ms - stay.joined_ms).max(0);
        }
        let judged = stayed.into_iter().filter_map(|(person, stay_ms)| {
            let measured = self.measured.get(&(room.to_owned(), person.to_owned())).copied();
            judge(stay_ms, measured).map(|verdict| Participation {
                person: PersonId::new(person),
                verdict,
                measured: measured.unwrap_or_default(),
            })
        });
        judged.collect()
    }

    fn hosts(&self, room: &str) -> Vec<Interval> {
        let hosts = self.stays_in(room).iter().filter(|stay| matches!(stay.role.as_str(), "host" | "cohost"));
        hosts.map(Stay::interval).collect()
    }

    fn of(&self, room: &str, people: &[&str]) -> Vec<Interval> {
        let mine = self.stays_in(room).iter().filter(|stay| matches!(stay.role.as_str(), "recipient" | "guardian"));
        mine.filter(|stay| people.contains(&stay.person.as_str())).map(Stay::interval).collect()
    }

    /// Milliseconds of `window` that one of these people and a host were in the room together.
    pub(super) fn with_host_ms(&self, room: &str, people: &[&str], window: Interval) -> i64 {
        let recorded_ms = attendance::shared_ms(&attendance::inside(&self.hosts(room), window), &self.of(room, people));
        self.corrected_ms(room, recorded_ms)
    }

    fn corrected_ms(&self, room: &str, recorded_ms: i64) -> i64 {
        match self.shared.get(room) {
            Some((was_s, is_s)) => attendance::corrected_s(recorded_ms, was_s * 1000, is_s * 1000),
            None => recorded_ms,
        }
    }

    /// Seconds that a correction says host and recipients had together where the register knows of nobody.
    pub(super) fn unnamed_s(&self, room: &str) -> i64 {
        let is_empty = self.stays_in(room).iter().all(|stay| !matches!(stay.role.as_str(), "recipient" | "guardian"));
        self.shared.get(room).filter(|_| is_empty).map_or(0, |(_, is_s)| *is_s)
    }

    /// Whether one of these people was at a consultation.
    pub(super) fn came(&self, room: &str, people: &[&str]) -> bool {
        let booked = people.iter().any(|one| self.attended.contains(&(room.to_owned(), (*one).to_owned())));
        // Time that is said not to have been was nobody's.
        let was_none = self.shared.get(room).is_some_and(|(_, is_s)| *is_s == 0);
        let together_ms = attendance::shared_ms(&self.hosts(room), &self.of(room, people));
        (booked && !was_none) || self.corrected_ms(room, together_ms) >= attendance::CAME_MS
    }
}

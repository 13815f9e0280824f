//! Reading consultations: by name, by viewer and dates, and what the clock must look at.

use std::collections::HashMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::chosen::{Of, chosen};
use super::school::zone;
use super::sql::{date, flag, int, json, optional_int, optional_text, placeholders, text, word};
use super::{Store, StoreError};
use crate::domain::access::{Booked, RoomFacts};
use crate::domain::chosen::Chosen;
use crate::domain::consultation::{Facts, IncidentKind, NotHeldReason, State, Timing, Timings};
use crate::domain::form::{Audience, Coverage, Form, Kind, Medium};
use crate::domain::ids::{CardId, ConsultationId, GroupId, PersonId, SchoolId, UnitId};
use crate::domain::lesson_card::{CardSlot, Homework};
use crate::domain::person::{GuardianRight, PersonFacts};
use crate::domain::role::Role;

/// A consultation with what its card says; all times Unix milliseconds.
#[derive(Clone, Debug)]
pub struct Consultation {
    pub id: ConsultationId,
    pub school: SchoolId,
    /// The school's.
    pub zone: TimeZone,
    pub card: CardId,
    /// The card's `Код`.
    pub card_key: String,
    /// Rises with each change that people are told of.
    pub sequence: i64,
    /// When it was last written.
    pub updated_ms: i64,
    /// The school's date of the start.
    pub date: Date,
    pub start_ms: i64,
    pub end_ms: i64,
    pub opens_ms: i64,
    pub closes_ms: i64,
    pub form: Form,
    pub medium: Option<Medium>,
    pub state: State,
    pub not_held: Option<NotHeldReason>,
    /// A finer word to the state, or the reason of a cancelling or closing.
    pub detail: Option<String>,
    /// What kind of technical failure ended it.
    pub incident: Option<IncidentKind>,
    pub title: String,
    pub subject: Option<String>,
    pub class: Option<String>,
    /// Name of the group when it is not the whole class.
    pub group_name: Option<String>,
    pub group: GroupId,
    pub unit: Option<UnitId>,
    pub host: Named,
    pub substitute: Option<Named>,
    pub kind: Kind,
    pub coverage: Coverage,
    /// Those chosen for the date, else the slot's.
    pub topics: Vec<String>,
    pub parts: Vec<String>,
    pub audience: Audience,
    pub materials: Vec<String>,
    pub homework: Option<Homework>,
    pub note: Option<String>,
    /// Codes of norms that were broken in warn mode.
    pub warnings: Vec<String>,
    /// Individual help: for whom, and when.
    pub booked: Vec<Booked>,
    /// Office hours, cut into appointments.
    pub takes_turns: bool,
    pub opened_ms: Option<i64>,
    /// When the host first came.
    pub live_ms: Option<i64>,
    /// Seconds after the start that the host came; 0 for an early one.
    pub host_delay_s: Option<i64>,
    pub closed_ms: Option<i64>,
    pub shared_s: Option<i64>,
}

/// A person with the name to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub id: PersonId,
    pub display_name: String,
}

impl Consultation {
    /// What `domain::access` asks.
    pub fn room_facts(&self) -> RoomFacts {
        RoomFacts {
            form: self.form,
            state: self.state,
            start_ms: self.start_ms,
            end_ms: self.end_ms,
            opens_ms: self.opens_ms,
            closes_ms: self.closes_ms,
            host: self.host.id.clone(),
            substitute: self.substitute.as_ref().map(|substitute| substitute.id.clone()),
            group: self.group.clone(),
            unit: self.unit.clone(),
            audience: self.audience,
            booked: self.booked.clone(),
        }
    }
}

/// Whose timetable is asked for.
#[derive(Clone, Debug)]
pub struct Viewer {
    school: SchoolId,
    person: PersonId,
    sees_school: bool,
    units: Vec<UnitId>,
    groups: Vec<GroupId>,
    /// The viewer and the children the viewer stands for.
    booked_for: Vec<PersonId>,
}

impl Viewer {
    /// The whole school's, for the hub itself.
    pub fn of_school(school: &SchoolId) -> Self {
        Self {
            school: school.clone(),
            person: PersonId::new(""),
            sees_school: true,
            units: Vec::new(),
            groups: Vec::new(),
            booked_for: Vec::new(),
        }
    }

    /// What a person may see (DOMAIN 5, `timetable.view`): students their groups, guardians those of their minor wards,
    /// hosts what they hold, unit heads their unit, heads and administrators the school.
    pub fn of(facts: &PersonFacts, school: &SchoolId, today: Date) -> Self {
        let mut viewer = Self {
            school: school.clone(),
            person: facts.id.clone(),
            sees_school: facts.has(Role::DeputyHead) || facts.has(Role::Head) || facts.has(Role::Admin),
            units: facts
                .roles
                .iter()
                .filter(|held| held.role == Role::UnitHead)
                .filter_map(|held| held.unit.clone())
                .collect(),
            groups: Vec::new(),
            booked_for: vec![facts.id.clone()],
        };
        if facts.has(Role::Student) {
            viewer.groups.extend(facts.groups.iter().cloned());
        }
        for ward in facts.wards_with(GuardianRight::View, today) {
            viewer.groups.extend(ward.groups.iter().cloned());
            viewer.booked_for.push(ward.id.clone());
        }
        viewer
    }

    /// Without what they see as supervisors: what they hold, are invited to, or their children are.
    #[must_use]
    pub fn own_only(mut self) -> Self {
        self.sees_school = false;
        self.units.clear();
        self
    }
}

/// What the clock needs to know of a consultation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockRow {
    pub id: ConsultationId,
    pub school: SchoolId,
    pub facts: Facts,
}

pub(super) const CLOCK_COLUMNS: &str =
    "id, school_id, state, start_at, end_at, opens_at, closes_at, grace_from, host_lost_at";

pub(super) fn clock_row(row: &AnyRow) -> Result<ClockRow, StoreError> {
    Ok(ClockRow {
        id: ConsultationId::new(text(row, "id")?),
        school: SchoolId::new(text(row, "school_id")?),
        facts: Facts {
            state: word(State::parse(&text(row, "state")?), "state")?,
            start_ms: int(row, "start_at")?,
            end_ms: int(row, "end_at")?,
            opens_ms: int(row, "opens_at")?,
            closes_ms: int(row, "closes_at")?,
            grace_from_ms: optional_int(row, "grace_from")?,
            host_lost_ms: optional_int(row, "host_lost_at")?,
        },
    })
}

const SELECT: &str = "SELECT c.id, c.school_id, c.card_id, k.external_key, c.sequence, c.date, c.start_at, c.end_at,
    c.opens_at, c.closes_at, c.form, s.medium, c.state, c.not_held_reason, c.detail, v.title, sub.name AS subject,
    cl.name AS class, g.name AS group_name, c.group_id, cl.unit_id, c.host_id, h.display_name AS host_name,
    c.substitute_host_id, sh.display_name AS substitute_name, s.kind, s.coverage, s.audience_students,
    s.audience_guardians, s.body, v.materials, v.homework, v.note, c.warnings, c.opened_at, c.live_at, c.host_delay_s,
    c.closed_at, c.shared_s, c.updated_at, sc.tz,
    (SELECT i.kind FROM incident i WHERE i.consultation_id = c.id ORDER BY i.n DESC LIMIT 1) AS incident
    FROM consultation c
    JOIN school sc ON sc.id = c.school_id
    JOIN card_slot s ON s.id = c.slot_id
    JOIN card_version v ON v.id = s.version_id
    JOIN lesson_card k ON k.id = c.card_id
    JOIN study_group g ON g.id = c.group_id
    LEFT JOIN school_class cl ON cl.id = g.class_id
    LEFT JOIN subject sub ON sub.id = v.subject_id
    JOIN person h ON h.id = c.host_id
    LEFT JOIN person sh ON sh.id = c.substitute_host_id";

fn consultation(row: &AnyRow) -> Result<Consultation, StoreError> {
    let slot: CardSlot = json(&text(row, "body")?, "slot")?;
    let named = |id: &'static str, name: &'static str| -> Result<Option<Named>, StoreError> {
        let (id, name) = (optional_text(row, id)?, optional_text(row, name)?);
        Ok(id.zip(name).map(|(id, display_name)| Named { id: PersonId::new(id), display_name }))
    };
    let warnings = optional_text(row, "warnings")?;
    Ok(Consultation {
        id: ConsultationId::new(text(row, "id")?),
        school: SchoolId::new(text(row, "school_id")?),
        zone: zone(&text(row, "tz")?),
        card: CardId::new(text(row, "card_id")?),
        card_key: text(row, "external_key")?,
        sequence: int(row, "sequence")?,
        updated_ms: int(row, "updated_at")?,
        date: date(&text(row, "date")?)?,
        start_ms: int(row, "start_at")?,
        end_ms: int(row, "end_at")?,
        opens_ms: int(row, "opens_at")?,
        closes_ms: int(row, "closes_at")?,
        form: word(Form::parse(&text(row, "form")?), "form")?,
        medium: optional_text(row, "medium")?.map(|medium| word(Medium::parse(&medium), "medium")).transpose()?,
        state: word(State::parse(&text(row, "state")?), "state")?,
        not_held: optional_text(row, "not_held_reason")?
            .map(|reason| word(NotHeldReason::parse(&reason), "reason"))
            .transpose()?,
        detail: optional_text(row, "detail")?,
        incident: optional_text(row, "incident")?
            .map(|kind| word(IncidentKind::parse(&kind), "incident"))
            .transpose()?,
        title: text(row, "title")?,
        subject: optional_text(row, "subject")?,
        class: optional_text(row, "class")?,
        group_name: Some(text(row, "group_name")?).filter(|name| !name.is_empty()),
        group: GroupId::new(text(row, "group_id")?),
        unit: optional_text(row, "unit_id")?.map(UnitId::new),
        host: word(named("host_id", "host_name")?, "host")?,
        substitute: named("substitute_host_id", "substitute_name")?,
        kind: word(Kind::parse(&text(row, "kind")?), "kind")?,
        coverage: word(Coverage::parse(&text(row, "coverage")?), "coverage")?,
        takes_turns: slot.office_minutes().is_some(),
        topics: slot.topics,
        parts: slot.parts,
        audience: Audience { students: flag(row, "audience_students")?, guardians: flag(row, "audience_guardians")? },
        materials: json(&text(row, "materials")?, "materials")?,
        homework: optional_text(row, "homework")?.map(|homework| json(&homework, "homework")).transpose()?,
        note: optional_text(row, "note")?,
        warnings: warnings.map(|warnings| json(&warnings, "warnings")).transpose()?.unwrap_or_default(),
        booked: Vec::new(),
        opened_ms: optional_int(row, "opened_at")?,
        live_ms: optional_int(row, "live_at")?,
        host_delay_s: optional_int(row, "host_delay_s")?,
        closed_ms: optional_int(row, "closed_at")?,
        shared_s: optional_int(row, "shared_s")?,
    })
}

/// What was chosen for a date holds there instead of the slot's.
fn with_choices(mut found: Vec<Consultation>, mut choices: HashMap<ConsultationId, Chosen>) -> Vec<Consultation> {
    for one in &mut found {
        if let Some(chosen) = choices.remove(&one.id) {
            (one.topics, one.parts) = (chosen.topic_titles(), chosen.parts);
        }
    }
    found
}

/// Longest consultation that a query by dates must find from behind its start.
const LONGEST_MS: i64 = 24 * 3_600_000;

impl Store {
    /// One consultation; [`StoreError::NotFound`] if there is none of that name.
    pub async fn consultation(&self, id: &ConsultationId) -> Result<Consultation, StoreError> {
        self.consultations(std::slice::from_ref(id)).await?.pop().ok_or(StoreError::NotFound)
    }

    /// Those of these names that exist, by start.
    pub async fn consultations(&self, ids: &[ConsultationId]) -> Result<Vec<Consultation>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(500) {
            let sql = format!("{SELECT} WHERE c.id IN ({}) ORDER BY c.start_at, c.id", placeholders(1, chunk.len()));
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for id in chunk {
                query = query.bind(id.as_str());
            }
            for row in query.fetch_all(self.readers()).await? {
                found.push(consultation(&row)?);
            }
        }
        let mut connection = self.readers().acquire().await?;
        let choices = chosen(&mut connection, Of::These(ids)).await?;
        drop(connection);
        self.with_bookings(with_choices(found, choices)).await
    }

    /// What a viewer sees of the time from..to (Unix milliseconds): everything that overlaps it, by start.
    pub async fn timetable(&self, viewer: &Viewer, from_ms: i64, to_ms: i64) -> Result<Vec<Consultation>, StoreError> {
        let mut sql = format!(
            "{SELECT} WHERE c.school_id = $1 AND c.start_at > $2 AND c.start_at < $3 AND c.end_at > $4
             AND (c.host_id = $5 OR c.substitute_host_id = $6"
        );
        let groups: Vec<&str> = viewer.groups.iter().map(GroupId::as_str).collect();
        let units: Vec<&str> = viewer.units.iter().map(UnitId::as_str).collect();
        let people: Vec<&str> = viewer.booked_for.iter().map(PersonId::as_str).collect();
        let mut names: Vec<&str> = Vec::new();
        for (before, ids, after) in [
            (" OR (c.form <> 'individual' AND c.group_id", groups, ")"),
            (" OR cl.unit_id", units, ""),
            (" OR EXISTS (SELECT 1 FROM appointment a WHERE a.consultation_id = c.id AND a.student_id", people, ")"),
        ] {
            if !ids.is_empty() {
                sql.push_str(&format!("{before} IN ({}){after}", placeholders(7 + names.len(), ids.len())));
                names.extend(ids);
            }
        }
        if viewer.sees_school {
            sql.push_str(" OR 1 = 1");
        }
        sql.push_str(") ORDER BY c.start_at, c.id");
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(viewer.school.as_str())
            .bind(from_ms.saturating_sub(LONGEST_MS))
            .bind(to_ms)
            .bind(from_ms)
            .bind(viewer.person.as_str())
            .bind(viewer.person.as_str());
        for name in names {
            query = query.bind(name);
        }
        let rows = query.fetch_all(self.readers()).await?;
        let found = rows.iter().map(consultation).collect::<Result<Vec<_>, _>>()?;
        let dates = || found.iter().map(|one| one.date);
        let choices = match (dates().min(), dates().max()) {
            (Some(from), Some(to)) => {
                let mut connection = self.readers().acquire().await?;
                chosen(&mut connection, Of::Dates(&viewer.school, from, to)).await?
            }
            _ => HashMap::new(),
        };
        self.with_bookings(with_choices(found, choices)).await
    }

    async fn with_bookings(&self, mut found: Vec<Consultation>) -> Result<Vec<Consultation>, StoreError> {
        let individual: Vec<ConsultationId> =
            found.iter().filter(|one| one.form == Form::Individual).map(|one| one.id.clone()).collect();
        let mut booked: HashMap<ConsultationId, Vec<Booked>> = HashMap::new();
        for chunk in individual.chunks(500) {
            let sql = format!(
                "SELECT consultation_id, student_id, starts, ends FROM appointment WHERE state IN ('booked', 'attended')
                 AND student_id IS NOT NULL AND consultation_id IN ({}) ORDER BY starts",
                placeholders(1, chunk.len())
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for id in chunk {
                query = query.bind(id.as_str());
            }
            for row in query.fetch_all(self.readers()).await? {
                let id = ConsultationId::new(text(&row, "consultation_id")?);
                booked.entry(id).or_default().push(Booked {
                    student: PersonId::new(text(&row, "student_id")?),
                    starts_ms: int(&row, "starts")?,
                    ends_ms: int(&row, "ends")?,
                });
            }
        }
        for one in &mut found {
            one.booked = booked.remove(&one.id).unwrap_or_default();
        }
        Ok(found)
    }

    /// Consultations that the clock must look at by `now_ms`, the longest due first, at most `limit`.
    pub async fn due(&self, now_ms: i64, limit: i64) -> Result<Vec<ClockRow>, StoreError> {
        let sql = format!("SELECT {CLOCK_COLUMNS} FROM consultation WHERE due_at <= $1 ORDER BY due_at LIMIT $2");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now_ms).bind(limit).fetch_all(self.readers()).await?;
        rows.iter().map(clock_row).collect()
    }

    /// Consultations that own a room now.
    pub async fn with_rooms(&self) -> Result<Vec<ClockRow>, StoreError> {
        let sql = format!("SELECT {CLOCK_COLUMNS} FROM consultation WHERE state IN ('open', 'live')");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(self.readers()).await?;
        rows.iter().map(clock_row).collect()
    }

    /// When the clock must look next; `None`: nothing is planned.
    pub async fn next_due_ms(&self) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query("SELECT due_at FROM consultation WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1")
            .fetch_optional(self.readers())
            .await?;
        row.map(|row| int(&row, "due_at")).transpose()
    }

    /// How many consultations stand in each state; for metrics and `doctor`.
    pub async fn state_counts(&self) -> Result<Vec<(State, i64)>, StoreError> {
        let rows = sqlx::query("SELECT state, COUNT(*) AS n FROM consultation GROUP BY state")
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(|row| Ok((word(State::parse(&text(row, "state")?), "state")?, row.try_get("n")?))).collect()
    }

    /// Times around consultations: the hub's, and each school's own where its policy says so.
    pub async fn timings(&self, hub: Timing) -> Result<Timings, StoreError> {
        let rows = sqlx::query("SELECT id, policy FROM school").fetch_all(self.readers()).await?;
        let mut timings = Timings::new(hub);
        for row in &rows {
            let policy: Policy = json(&text(row, "policy")?, "school policy")?;
            if let Some(minutes) = policy.host_grace_minutes {
                let timing = Timing { host_grace_ms: i64::from(minutes) * 60_000, ..hub };
                timings.set(SchoolId::new(text(row, "id")?), timing);
            }
        }
        Ok(timings)
    }

    /// When the hub last said that it is alive (Unix milliseconds); `None`: never.
    pub async fn last_alive_ms(&self) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query("SELECT value FROM hub_fact WHERE name = 'alive'").fetch_optional(self.readers()).await?;
        row.map(|row| int(&row, "value")).transpose()
    }

    /// Says that the hub is alive, so that its downtime can be told from the people's absence.
    pub async fn note_alive(&self, now_ms: i64) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO hub_fact (name, value) VALUES ('alive', $1)
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                )
                .bind(now_ms)
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await
    }
}

/// What a school decides for itself, as JSON in `school.policy`.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub(super) struct Policy {
    /// How long a room waits for its host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) host_grace_minutes: Option<u32>,
}

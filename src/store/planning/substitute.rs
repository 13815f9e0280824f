//! Substitution: somebody else holds one consultation. The substitute's time and load are checked as for planning; room and hours
//! go to the substitute.

use super::super::chosen::{Of, chosen};
use super::super::school::School;
use super::super::sql::{self, int, json, optional_text, text, word};
use super::super::transition::Actor;
use super::super::{AuditEvent, Store, StoreError, Tx};
use super::{PlanError, view};
use crate::domain::calendar::{Calendar, Span};
use crate::domain::chosen::{Chosen, about};
use crate::domain::consultation::State;
use crate::domain::ids::{ConsultationId, GroupId, PersonId, ProgrammeId, SchoolId};
use crate::domain::lesson_card::CardSlot;
use crate::domain::planning::card::Checked;
use crate::domain::planning::finding::Finding;
use crate::domain::planning::view::PlanView;
use crate::domain::planning::{Wish, conflicts, load};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;
use crate::domain::timetable::Occurrence;

/// A consultation as planning looks at it again.
#[derive(Clone, Debug)]
pub(in crate::store) struct Again {
    pub school: SchoolId,
    pub card: String,
    pub slot_id: String,
    pub slot_key: String,
    pub slot: CardSlot,
    pub date: jiff::civil::Date,
    pub start_ms: i64,
    pub end_ms: i64,
    pub group: GroupId,
    pub programme: Option<ProgrammeId>,
    pub host: PersonId,
    pub substitute: Option<PersonId>,
    pub state: State,
    pub students: Vec<PersonId>,
    pub allow_in_break: bool,
    pub sources: usize,
    /// What its host chose for it.
    pub chosen: Option<Chosen>,
}

impl Again {
    /// Parts and topics of the date, by title.
    pub fn about(&self) -> (Vec<String>, Vec<String>) {
        about(&self.slot, self.chosen.as_ref())
    }

    pub fn wish<'a>(&'a self, id: &ConsultationId, host: &'a PersonId) -> Wish<'a> {
        Wish {
            id: id.clone(),
            date: self.date,
            start_ms: self.start_ms,
            end_ms: self.end_ms,
            group: &self.group,
            programme: self.programme.as_ref(),
            slot: &self.slot,
            host,
            students: self.students.clone(),
            allow_in_break: self.allow_in_break,
            more_sources: self.sources,
        }
    }
}

/// Somebody who could hold it, with what speaks against it.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub id: PersonId,
    pub display_name: String,
    pub findings: Vec<Finding>,
}

impl Store {
    /// Everybody of the school who may host, with what speaks against each for this consultation; the freest first.
    pub async fn substitutes(
        &self,
        school: &School,
        calendar: &Calendar,
        id: &ConsultationId,
    ) -> Result<Vec<Candidate>, StoreError> {
        let mut connection = self.readers().acquire().await?;
        let again = again(&mut connection, id).await?;
        let span = Span { from: again.date, to: again.date };
        let view = view::load(&mut connection, school, calendar.clone(), span).await?;
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT DISTINCT p.id, p.display_name FROM person p JOIN role_assignment r ON r.person_id = p.id
             WHERE p.school_id = $1 AND p.status = 'active' AND r.role IN ('teacher', 'deputy_head', 'unit_head', 'staff', 'head')
             ORDER BY p.display_name",
        )
        .bind(school.id.as_str())
        .fetch_all(&mut *connection)
        .await?;
        let mut all: Vec<Candidate> = rows
            .into_iter()
            .map(|(person, display_name)| {
                let person = PersonId::new(person);
                let findings = against(&view, &again.wish(id, &person));
                Candidate { id: person, display_name, findings }
            })
            .filter(|one| one.id != again.host)
            .collect();
        all.sort_by_key(|one| one.findings.iter().filter(|finding| finding.is_refusal()).count());
        Ok(all)
    }
}

/// What depends on who holds it; the rest was checked when it was planned.
fn against(view: &PlanView, wish: &Wish<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    conflicts::check(view, wish, &mut found);
    found.retain(|one| one.code == RefusalCode::HostConflict);
    load::check(view, wish, &mut found);
    for one in &mut found {
        one.mode = one.mode.min_with(view.rules.mode(one.code));
        let order = view.overrides.get(&(wish.id.clone(), one.code));
        if one.is_overridable() {
            one.order_no = order.filter(|order| order.host == *wish.host).map(|order| order.order_no.clone());
        }
    }
    found.retain(|one| one.mode != crate::domain::norm::NormMode::Off);
    found
}

impl Tx {
    /// Lets somebody else hold a consultation; `to` `None`: the host again. Refusals: `illegal_transition` once it has begun,
    /// `reason_required`, and the planning check's for the substitute.
    #[allow(clippy::too_many_arguments)]
    pub async fn substitute(
        &mut self,
        school: &School,
        calendar: &Calendar,
        id: &ConsultationId,
        to: Option<&PersonId>,
        reason: &str,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), PlanError> {
        self.lock_planning(school).await?;
        let again = again(self.connection(), id).await?;
        if again.school != school.id {
            return Err(StoreError::NotFound.into());
        }
        if !matches!(again.state, State::Planned | State::Open) {
            return Err(PlanError::Refused(RefusalCode::IllegalTransition));
        }
        if reason.trim().is_empty() {
            return Err(PlanError::Refused(RefusalCode::ReasonRequired));
        }
        let from = again.substitute.clone().unwrap_or_else(|| again.host.clone());
        let to = to.filter(|to| **to != again.host);
        if let Some(to) = to {
            self.may_host(school, to).await?;
            let span = Span { from: again.date, to: again.date };
            let view = view::load(self.connection(), school, calendar.clone(), span).await?;
            let findings = against(&view, &again.wish(id, to));
            if findings.iter().any(Finding::is_refusal) {
                return Err(PlanError::Findings(vec![checked(id, &again, findings)]));
            }
        }
        sqlx::query(
            "UPDATE consultation SET substitute_host_id = $1, sequence = sequence + 1, updated_at = $2 WHERE id = $3",
        )
        .bind(to.map(PersonId::as_str))
        .bind(now_ms)
        .bind(id.as_str())
        .execute(self.connection())
        .await
        .map_err(StoreError::from)?;
        self.access_changed();
        let row = vec![
            uuid::Uuid::now_v7().to_string().into(),
            school.id.as_str().into(),
            id.as_str().into(),
            from.as_str().into(),
            to.map(|to| to.as_str().to_owned()).into(),
            actor.person.as_str().into(),
            reason.trim().into(),
            now_ms.into(),
        ];
        let into = "substitution (id, school_id, consultation_id, from_id, to_id, assigned_by, reason, created_at)";
        sql::insert_many(self.connection(), into, 8, vec![row]).await?;
        let event = AuditEvent::new(school.id.clone(), now_ms, "consultation.substitute", "consultation", id.as_str())
            .by(&actor.person, actor.role.map(Role::as_str))
            .because(reason.trim())
            .with(serde_json::json!({ "from": from, "to": to }));
        self.audit(event).await?;
        let after = to.unwrap_or(&again.host);
        let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM substitution WHERE consultation_id = $1")
            .bind(id.as_str())
            .fetch_one(self.connection())
            .await
            .map_err(StoreError::from)?;
        self.tell_substituted(&school.id, id, &from, after, count, now_ms).await?;
        Ok(())
    }

    async fn may_host(&mut self, school: &School, person: &PersonId) -> Result<(), PlanError> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT role FROM role_assignment WHERE person_id = $1 AND school_id = $2")
                .bind(person.as_str())
                .bind(school.id.as_str())
                .fetch_all(self.connection())
                .await
                .map_err(StoreError::from)?;
        if rows.is_empty() {
            return Err(StoreError::NotFound.into());
        }
        let can = rows.iter().filter_map(|(role,)| Role::parse(role)).any(Role::can_host);
        if can { Ok(()) } else { Err(PlanError::Refused(RefusalCode::RoleNotPermitted)) }
    }
}

pub(super) fn checked(id: &ConsultationId, again: &Again, findings: Vec<Finding>) -> Checked {
    let occurrence = Occurrence {
        id: id.clone(),
        slot_key: again.slot_key.clone(),
        date: again.date,
        start_ms: again.start_ms,
        end_ms: again.end_ms,
    };
    Checked {
        slot_key: again.slot_key.clone(),
        slot: 0,
        date: Some(again.date),
        occurrence: Some(occurrence),
        findings,
    }
}

/// A consultation with its slot, as it was planned.
pub(in crate::store) async fn again(
    connection: &mut sqlx::AnyConnection,
    id: &ConsultationId,
) -> Result<Again, StoreError> {
    let row = sqlx::query(
        "SELECT c.school_id, c.card_id, c.slot_id, c.slot_key, c.date, c.start_at, c.end_at, c.group_id, c.host_id,
         c.substitute_host_id, c.state, s.body, v.programme_id, v.subject_id, v.allow_in_break,
         (SELECT COUNT(*) FROM consultation_source x WHERE x.consultation_id = c.id) AS sources
         FROM consultation c JOIN card_slot s ON s.id = c.slot_id JOIN card_version v ON v.id = s.version_id WHERE c.id = $1",
    )
    .bind(id.as_str())
    .fetch_one(&mut *connection)
    .await?;
    let students: Vec<(String,)> = sqlx::query_as(
        "SELECT student_id FROM appointment WHERE consultation_id = $1 AND state = 'booked' AND student_id IS NOT NULL",
    )
    .bind(id.as_str())
    .fetch_all(&mut *connection)
    .await?;
    let group = GroupId::new(text(&row, "group_id")?);
    let subject = optional_text(&row, "subject_id")?.map(crate::domain::ids::SubjectId::new);
    let programme = match optional_text(&row, "programme_id")? {
        Some(id) => Some(ProgrammeId::new(id)),
        None => super::programme_of(connection, subject.as_ref(), &group).await?,
    };
    let chosen = chosen(connection, Of::These(std::slice::from_ref(id))).await?.remove(id);
    Ok(Again {
        chosen,
        school: SchoolId::new(text(&row, "school_id")?),
        card: text(&row, "card_id")?,
        slot_id: text(&row, "slot_id")?,
        slot_key: text(&row, "slot_key")?,
        slot: json(&text(&row, "body")?, "slot")?,
        date: sql::date(&text(&row, "date")?)?,
        start_ms: int(&row, "start_at")?,
        end_ms: int(&row, "end_at")?,
        group,
        programme,
        host: PersonId::new(text(&row, "host_id")?),
        substitute: optional_text(&row, "substitute_host_id")?.map(PersonId::new),
        state: word(State::parse(&text(&row, "state")?), "state")?,
        students: students.into_iter().map(|(id,)| PersonId::new(id)).collect(),
        allow_in_break: int(&row, "allow_in_break")? != 0,
        sources: usize::try_from(int(&row, "sources")?).unwrap_or_default(),
    })
}

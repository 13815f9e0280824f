//! The timetable: what is planned, running and past for the person who asks, and single consultations.

use axum::extract::{Path, Query, State};
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::ApiState;
use super::access::{Seen, relations, role_word, wards_on_roster};
use super::auth::Session;
use super::body::Json;
use super::people;
use super::problem::Problem;
use super::session::rfc3339;
use crate::domain::access::may_close;
use crate::domain::consultation::{IncidentKind, State as ConsultationState};
use crate::domain::form::{Coverage, Form, Kind};
use crate::domain::person::PersonFacts;
use crate::domain::policy::action::kind;
use crate::domain::policy::{Condition, Relation, Relations};
use crate::store::consultation::{Consultation, Viewer};
use crate::store::transition::{Actor, TransitionError};

/// Days shown when nothing is asked for.
const DEFAULT_DAYS: i32 = 14;
/// Most days in one answer.
const MOST_DAYS: i32 = 92;
/// Longest reason of a cancelling, characters.
const REASON_CHARACTERS: usize = 500;

/// Days of the school's calendar, both included.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Days {
    /// First day, YYYY-MM-DD; today without it.
    from: Option<String>,
    /// Last day; 14 days on without it. At most 92 days in one answer.
    to: Option<String>,
}

/// The consultations of some days, by start.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Timetable {
    items: Vec<ConsultationView>,
    /// The hub's clock, Unix milliseconds.
    server_time_ms: i64,
}

/// One dated consultation as the person who asks sees it. Instants are RFC 3339 in UTC.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConsultationView {
    pub id: String,
    /// `webinar`, `video_conference`, `chat` or `individual`.
    pub form: String,
    /// `planned`, `open`, `live`, `held`, `not_held` or `cancelled`.
    pub state: String,
    /// `no_host`, `no_audience` or `technical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_held_reason: Option<String>,
    /// Why it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<String>,
    /// What kind of technical failure ended it: `fault`, `emergency`, `host_lost`, `server_down` or `corrected`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentKind>,
    /// What was said by the one who closed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_reason: Option<String>,
    /// The person may close it at once, for a technical fault or an emergency.
    pub may_close: bool,
    pub start: String,
    pub end: String,
    /// When its room opens and when the clock closes it at the latest.
    pub opens_at: String,
    pub closes_at: String,
    /// Name of its room.
    pub room: String,
    pub title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The group, when it is not the whole class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Who holds it: the substitute, when there is one.
    pub host: PersonRef,
    /// `current` or `assessment_prep`.
    pub kind: String,
    /// `overview` or `topics`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<String>,
    pub topics: Vec<String>,
    pub parts: Vec<String>,
    pub audience: AudienceView,
    /// Addresses of material.
    pub materials: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homework: Option<String>,
    /// The day it is due, YYYY-MM-DD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homework_due: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Key of the lesson card's line.
    pub card_key: String,
    /// What the person is in its room: `host`, `recipient`, `guardian`, `observer` or `none`.
    pub role: String,
    /// The person's children whom it concerns.
    pub wards: Vec<String>,
    /// Codes of norms that it breaks while the school only warns.
    pub warnings: Vec<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PersonRef {
    pub id: String,
    pub display_name: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AudienceView {
    students: bool,
    guardians: bool,
}

impl ConsultationView {
    /// The view of one person, without what the policy keeps from them.
    pub fn of(mut one: Consultation, session: &Session, facts: &PersonFacts, today: Date) -> Self {
        let room = one.room_facts();
        let relations = relations(facts, &one, today);
        // Whoever holds or held it teaches this group, and it was assigned to them.
        let holds = room.host == facts.id || relations.contains(Relation::Host);
        let material = relations.with_if(holds, Relation::Group).with_if(holds, Relation::Assigned);
        if session.allow::<kind::MaterialView>(material).is_err() {
            one.materials = Vec::new();
            one.homework = None;
        }
        let condition = session.allow::<kind::ConsultationView>(relations).ok().and_then(|grant| grant.condition);
        if condition == Some(Condition::NoRecipients) {
            without_recipients(&mut one);
        }
        let host = one.substitute.unwrap_or(one.host);
        let is_cancelled = one.state == ConsultationState::Cancelled;
        let is_said = matches!(one.incident, Some(IncidentKind::Declared | IncidentKind::Emergency));
        Self {
            incident: one.incident,
            close_reason: one.detail.clone().filter(|_| is_said),
            may_close: may_close(facts, &room, today),
            role: role_word(facts, &room, today).to_owned(),
            wards: wards_on_roster(facts, &room, today).iter().map(|ward| ward.as_str().to_owned()).collect(),
            room: one.id.as_str().to_owned(),
            id: one.id.as_str().to_owned(),
            form: Form::as_str(one.form).to_owned(),
            state: one.state.as_str().to_owned(),
            not_held_reason: one.not_held.map(|reason| reason.as_str().to_owned()),
            cancel_reason: one.detail.filter(|_| is_cancelled),
            start: rfc3339(one.start_ms),
            end: rfc3339(one.end_ms),
            opens_at: rfc3339(one.opens_ms),
            closes_at: rfc3339(one.closes_ms),
            title: one.title,
            subject: one.subject,
            class: one.class,
            group: one.group_name,
            host: PersonRef { id: host.id.as_str().to_owned(), display_name: host.display_name },
            kind: Kind::as_str(one.kind).to_owned(),
            coverage: Some(Coverage::as_str(one.coverage).to_owned()),
            topics: one.topics,
            parts: one.parts,
            audience: AudienceView { students: one.audience.students, guardians: one.audience.guardians },
            materials: one.materials,
            homework_due: one.homework.as_ref().and_then(|homework| homework.due).map(|due| due.to_string()),
            homework: one.homework.map(|homework| homework.text),
            note: one.note,
            card_key: one.card_key,
            warnings: one.warnings,
        }
    }
}

/// Individual help is named after whom it is for: its free words tell an administrator who that is (INV-52).
fn without_recipients(one: &mut Consultation) {
    one.note = None;
    if one.form == Form::Individual {
        one.title = one.subject.clone().unwrap_or_else(|| one.card_key.clone());
        one.topics = Vec::new();
        one.detail = None;
    }
}

/// What concerns the person: own lessons, one's children's, one's unit's, or the school's, by role.
#[utoipa::path(get, path = "/api/v1/timetable", tag = "timetable", params(Days), responses(
    (status = 200, body = Timetable), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem)
))]
pub async fn timetable(
    State(state): State<ApiState>,
    session: Session,
    days: Result<Query<Days>, axum::extract::rejection::QueryRejection>,
) -> Result<axum::Json<Timetable>, Problem> {
    let Query(days) = days.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    // Everybody who has a timetable may ask; whose lessons are in it, `Viewer` says by the same table.
    let mine = Relations::own().with(Relation::Ward).with(Relation::Unit);
    session.allow::<kind::TimetableView>(mine)?;
    let now_ms = state.clock.now_ms();
    let school = state.store.school(&session.principal.school).await?;
    let today = people::today(&school, now_ms);
    let from = days.from.as_deref().map(day).transpose()?.unwrap_or(today);
    let to = match days.to.as_deref().map(day).transpose()? {
        Some(to) => to,
        None => plus_days(from, DEFAULT_DAYS)?,
    };
    if to < from || to > plus_days(from, MOST_DAYS - 1)? {
        return Err(Problem::bad_request(format!("to: from {from} on, at most {MOST_DAYS} days")));
    }
    let midnight = |date: Date| {
        date.to_zoned(school.zone())
            .map(|start| start.timestamp().as_millisecond())
            .map_err(|_| Problem::bad_request("a date outside the calendar"))
    };
    let (from_ms, to_ms) = (midnight(from)?, midnight(plus_days(to, 1)?)?);
    let facts = state.store.person_facts(&session.principal.person, today).await?;
    let viewer = Viewer::of(&facts, &session.principal.school, today);
    let found = state.store.timetable(&viewer, from_ms, to_ms).await?;
    let items = found.into_iter().map(|one| ConsultationView::of(one, &session, &facts, today)).collect();
    Ok(axum::Json(Timetable { items, server_time_ms: now_ms }))
}

/// One consultation.
#[utoipa::path(get, path = "/api/v1/consultations/{id}", tag = "timetable", params(("id" = String, Path)), responses(
    (status = 200, body = ConsultationView), (status = 401, body = Problem),
    (status = 403, description = "`not_on_roster`, `guardian_link_missing`, `role_not_permitted`", body = Problem),
    (status = 404, body = Problem)
))]
pub async fn consultation(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<axum::Json<ConsultationView>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    session.allow::<kind::ConsultationView>(seen.relations)?;
    Ok(axum::Json(ConsultationView::of(seen.consultation, &session, &seen.facts, seen.today)))
}

/// Why it will not take place; people are told.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancelling {
    reason: String,
}

/// Cancel a planned or open consultation. Whoever is in its room is told and shown out.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/cancel", tag = "timetable", params(("id" = String, Path)),
    request_body = Cancelling, responses(
    (status = 200, body = ConsultationView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "`illegal_transition`", body = Problem),
    (status = 422, description = "`reason_required`", body = Problem)
))]
pub async fn cancel(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    Json(asked): Json<Cancelling>,
) -> Result<axum::Json<ConsultationView>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    let grant = session.allow::<kind::ConsultationCancel>(seen.relations)?;
    if asked.reason.chars().count() > REASON_CHARACTERS {
        return Err(Problem::bad_request(format!("reason: at most {REASON_CHARACTERS} characters")));
    }
    let actor = Actor { person: session.principal.person.clone(), role: Some(grant.role) };
    let timings = state.store.timings(state.timing).await?;
    let id = seen.consultation.id.clone();
    state.store.cancel_consultation(id.clone(), asked.reason, actor, timings, state.clock.now_ms()).await.map_err(
        |error| match error {
            TransitionError::Refused(code) => Problem::new(code.as_str()),
            TransitionError::Store(error) => error.into(),
        },
    )?;
    (state.poke_schedule)();
    let after = state.store.consultation(&id).await?;
    Ok(axum::Json(ConsultationView::of(after, &session, &seen.facts, seen.today)))
}

fn day(text: &str) -> Result<Date, Problem> {
    text.parse().map_err(|_| Problem::bad_request(format!("not a day (YYYY-MM-DD): {}", text.escape_debug())))
}

fn plus_days(date: Date, days: i32) -> Result<Date, Problem> {
    date.checked_add(days.days()).map_err(|_| Problem::bad_request("a date outside the calendar"))
}

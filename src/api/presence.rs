//! Who is online, for those of the staff who are responsible for them.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::ApiState;
use super::access::{relations, today};
use super::auth::Session;
use super::problem::Problem;
use crate::domain::form::Form;
use crate::domain::ids::{ConsultationId, PersonId, UnitId};
use crate::domain::policy::action::kind;
use crate::domain::policy::{Relation, Relations, authorize};
use crate::domain::role::Role;
use crate::store::consultation::Consultation;

/// People online now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PresenceView {
    people: Vec<OnlinePerson>,
}

/// One person online, once for each room they are in.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OnlinePerson {
    person: String,
    display_name: String,
    /// Missing: in no room, or in one that the asker may not know of (individual help is nobody else's business).
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<String>,
}

/// Who is online: a teacher's students, a unit's people, or the whole school, by role.
#[utoipa::path(get, path = "/api/v1/presence", tag = "presence", responses(
    (status = 200, body = PresenceView), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn presence(State(state): State<ApiState>, session: Session) -> Result<Json<PresenceView>, Problem> {
    let principal = &session.principal;
    // Whether there is anybody at all whom this person may see; whom, is asked below for each.
    let widest = Relations::school().with(Relation::Group).with(Relation::Unit);
    session.allow::<kind::PresenceView>(widest)?;
    let units: Vec<UnitId> = principal
        .roles
        .iter()
        .filter(|held| held.role == Role::UnitHead)
        .filter_map(|held| held.unit.clone())
        .collect();
    let in_units = state.store.people_of_units(&units).await?;
    let taught = if principal.is(Role::Teacher) {
        state.store.people_taught_by(&principal.person).await?
    } else {
        Default::default()
    };
    let online = state.presence.online();
    let ids: Vec<ConsultationId> =
        online.iter().filter_map(|one| one.room.as_ref()).map(|room| ConsultationId::new(room.as_str())).collect();
    let rooms: HashMap<ConsultationId, Consultation> =
        state.store.consultations(&ids).await?.into_iter().map(|one| (one.id.clone(), one)).collect();
    let today = today(&state, &session).await?;
    let facts = state.store.person_facts(&principal.person, today).await?;
    let may_see = |person: &PersonId| {
        let related = Relations::school()
            .with_if(taught.contains(person), Relation::Group)
            .with_if(in_units.contains(person), Relation::Unit);
        authorize::<kind::PresenceView>(principal, related).is_ok()
    };
    let may_know = |room: &ConsultationId| {
        rooms.get(room).is_some_and(|one| {
            let related = relations(&facts, one, today);
            let is_private = one.form == Form::Individual && !related.contains(Relation::Host);
            !is_private && authorize::<kind::RoomView>(principal, related).is_ok()
        })
    };
    let seen: Vec<(PersonId, _)> = online
        .into_iter()
        .map(|one| (PersonId::new(one.person.as_str()), one))
        .filter(|(person, _)| may_see(person))
        .collect();
    // Names of people on other hubs are in the store only.
    let unnamed: Vec<PersonId> =
        seen.iter().filter(|(_, one)| one.display_name.is_none()).map(|(person, _)| person.clone()).collect();
    let names = state.store.display_names(&unnamed).await?;
    let people = seen
        .into_iter()
        .map(|(person, one)| OnlinePerson {
            room: one.room.map(|room| ConsultationId::new(room.as_str())).filter(may_know).map(|room| room.to_string()),
            display_name: one.display_name.or_else(|| names.get(&person).cloned()).unwrap_or_default(),
            person: person.as_str().to_owned(),
        })
        .collect();
    Ok(Json(PresenceView { people }))
}

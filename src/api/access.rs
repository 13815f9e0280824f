//! What a consultation is to the person who asks: the relations that the policy table speaks of.

use jiff::civil::Date;

use super::ApiState;
use super::auth::Session;
use super::people;
use super::problem::Problem;
use crate::domain::access::{RoomFacts, RoomRole, room_role};
use crate::domain::ids::{ConsultationId, PersonId};
use crate::domain::person::{GuardianRight, PersonFacts};
use crate::domain::policy::{Relation, Relations};
use crate::domain::role::Role;
use crate::store::StoreError;
use crate::store::consultation::Consultation;

/// A consultation as one person meets it.
pub struct Seen {
    pub consultation: Consultation,
    pub facts: PersonFacts,
    pub relations: Relations,
    pub today: Date,
}

impl Seen {
    /// Looks a consultation up for a person.
    ///
    /// # Errors
    /// `not_found` when there is none of that name in the person's school: nobody learns of another school's.
    pub async fn look_up(state: &ApiState, session: &Session, id: &str) -> Result<Self, Problem> {
        let consultation = state.store.consultation(&ConsultationId::new(id)).await?;
        let principal = &session.principal;
        if consultation.school != principal.school {
            return Err(Problem::not_found());
        }
        let today = today(state, session).await?;
        let facts = state.store.person_facts(&principal.person, today).await?;
        let mut relations = relations(&facts, &consultation, today);
        if facts.has(Role::Teacher) {
            let group = &consultation.group;
            relations = relations
                .with_if(state.store.teaches(&principal.person, group).await?, Relation::Group)
                .with_if(state.store.is_homeroom_of(&principal.person, group).await?, Relation::Homeroom);
        }
        Ok(Self { consultation, facts, relations, today })
    }
}

/// The date in the person's school.
pub async fn today(state: &ApiState, session: &Session) -> Result<Date, StoreError> {
    let school = state.store.school(&session.principal.school).await?;
    Ok(people::today(&school, state.clock.now_ms()))
}

/// Relations of a person of the same school to a consultation.
pub fn relations(facts: &PersonFacts, consultation: &Consultation, today: Date) -> Relations {
    let room = consultation.room_facts();
    let hosts = is_host(facts, &room);
    // Whoever is replaced sees it still, as the card is theirs, and holds it no longer.
    let is_replaced = !hosts && room.host == facts.id;
    let on_roster = facts.has(Role::Student) && room.is_on_roster(&facts.id, &facts.groups);
    let leads_unit = facts
        .roles
        .iter()
        .any(|held| held.role == Role::UnitHead && (hosts || (held.unit.is_some() && held.unit == room.unit)));
    Relations::school()
        .with_if(hosts || is_replaced || on_roster, Relation::Own)
        .with_if(hosts, Relation::Host)
        .with_if(!wards_on_roster(facts, &room, today).is_empty(), Relation::Ward)
        .with_if(leads_unit, Relation::Unit)
}

/// Minor children, by a confirmed link, whom the consultation is for.
pub fn wards_on_roster(facts: &PersonFacts, room: &RoomFacts, today: Date) -> Vec<PersonId> {
    facts
        .wards_with(GuardianRight::View, today)
        .filter(|ward| room.is_on_roster(&ward.id, &ward.groups))
        .map(|ward| ward.id.clone())
        .collect()
}

fn is_host(facts: &PersonFacts, room: &RoomFacts) -> bool {
    room.substitute.as_ref().unwrap_or(&room.host) == &facts.id
}

/// The word for what a person is in a room; `none` for those who may see it and not enter.
pub fn role_word(facts: &PersonFacts, room: &RoomFacts, today: Date) -> &'static str {
    match room_role(facts, room, today) {
        Ok(RoomRole::Host) => "host",
        Ok(RoomRole::Recipient) => "recipient",
        Ok(RoomRole::Guardian { .. }) => "guardian",
        Ok(RoomRole::Observer) => "observer",
        Err(_) => "none",
    }
}

//! The door as the school keeps it: facts from the store, rules from `domain::access`, and the policy table on top.

use futures_util::future::BoxFuture;
use signaling::ids::{PersonId as WirePerson, RoomId};
use signaling::message::session::RoomRole as WireRole;
use signaling::refusal::RefusalCode;

use super::access::{Entry, Gate, Purpose, Refused, wire_code};
use crate::clock::WallClock;
use crate::domain::access::{RoomRole, admit, is_out_of_turn};
use crate::domain::calendar::date_in;
use crate::domain::ids::ConsultationId;
use crate::domain::policy::{Action, Principal, Relation, Relations, Scope, decide};
use crate::store::{Store, StoreError};

/// Asks the store at every join: what the person may was perhaps changed a moment ago.
#[derive(Clone)]
pub struct SchoolGate {
    store: Store,
    clock: WallClock,
}

impl SchoolGate {
    pub fn new(store: Store, clock: WallClock) -> Self {
        Self { store, clock }
    }

    async fn decide(
        &self,
        who: &Principal,
        room: &RoomId,
        beside: Option<&WirePerson>,
        purpose: Purpose,
    ) -> Result<Entry, Refused> {
        let now_ms = self.clock.now_ms();
        let id = ConsultationId::new(room.as_str());
        let consultation = self.store.consultation(&id).await.map_err(unless_missing)?;
        // Nobody learns of another school's rooms.
        if consultation.school != who.school {
            return Err(RefusalCode::NotOnTimetable.into());
        }
        let today = date_in(&consultation.zone, now_ms);
        let facts = self.store.person_facts(&who.person, today).await.map_err(unless_missing)?;
        let role = admit(&facts, &consultation.room_facts(), today, now_ms).map_err(|refusal| Refused {
            code: wire_code(refusal.code.as_str()),
            retry_after_ms: refusal.retry_after_ms.and_then(|wait| u64::try_from(wait).ok()),
        })?;
        // Roles as of now, not as of the sign-in.
        let who = Principal { roles: facts.roles, ..who.clone() };
        ask_policy(&who, &role, purpose)?;
        Ok(match role {
            RoomRole::Host => Entry { role: WireRole::Host, beside: None },
            RoomRole::Recipient => Entry { role: WireRole::Recipient, beside: None },
            RoomRole::Observer => Entry { role: WireRole::Observer, beside: None },
            RoomRole::Guardian { wards } => {
                let child = match beside {
                    Some(beside) => wards.iter().find(|ward| ward.as_str() == beside.as_str()),
                    None => wards.first(),
                };
                let child = child.ok_or(RefusalCode::GuardianLinkMissing)?;
                Entry { role: WireRole::Guardian, beside: Some(WirePerson::new(child.as_str())) }
            }
        })
    }
}

fn ask_policy(who: &Principal, role: &RoomRole, purpose: Purpose) -> Result<(), Refused> {
    let (action, relations) = match role {
        RoomRole::Host => (Action::RoomHost, Relations::own().with(Relation::Host)),
        RoomRole::Recipient => (Action::RoomJoin, Relations::own()),
        RoomRole::Guardian { .. } => (Action::RoomJoin, Relations::school().with(Relation::Ward)),
        RoomRole::Observer => (Action::RoomObserve, Relations::school().with(Relation::Unit)),
    };
    let ask = |action, relations| match decide(who, action, relations) {
        Ok(_) => Ok(()),
        Err(denied) => Err(Refused::from(wire_code(denied.code()))),
    };
    ask(action, relations)?;
    let seated = relations.with(Relation::Seat);
    match purpose {
        // Moderating, writing and reading come with a person's seat: a token for watching is not for that.
        Purpose::Join if !who.holds(Scope::RoomJoin) => Err(RefusalCode::RoleNotPermitted.into()),
        Purpose::Join => {
            ask(Action::ChatRead, seated)?;
            ask(Action::ChatWrite, seated)?;
            if *role == RoomRole::Host { ask(Action::RoomModerate, seated) } else { Ok(()) }
        }
        Purpose::Publish => ask(Action::MediaPublish, seated),
        Purpose::Watch => ask(Action::MediaWatch, seated),
    }
}

fn unless_missing(error: StoreError) -> Refused {
    match error {
        StoreError::NotFound => RefusalCode::NotOnTimetable.into(),
        error => {
            tracing::warn!(error = %error, "nobody can be let in: the store does not answer");
            Refused { code: RefusalCode::Unavailable, retry_after_ms: Some(1_000) }
        }
    }
}

impl Gate for SchoolGate {
    fn admit<'a>(
        &'a self,
        who: &'a Principal,
        room: &'a RoomId,
        beside: Option<&'a WirePerson>,
        purpose: Purpose,
    ) -> BoxFuture<'a, Result<Entry, Refused>> {
        Box::pin(self.decide(who, room, beside, purpose))
    }

    fn is_out_of_turn<'a>(&'a self, who: &'a Principal, room: &'a RoomId) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let now_ms = self.clock.now_ms();
            let Ok(consultation) = self.store.consultation(&ConsultationId::new(room.as_str())).await else {
                return false;
            };
            let today = date_in(&consultation.zone, now_ms);
            let Ok(facts) = self.store.person_facts(&who.person, today).await else { return false };
            is_out_of_turn(&facts, &consultation.room_facts(), today, now_ms)
        })
    }

    fn is_signed_in<'a>(&'a self, who: &'a Principal) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let session = self.store.session(&who.session, self.clock.now_ms()).await;
            !matches!(session, Ok(None))
        })
    }

    fn in_use<'a>(&'a self, who: &'a Principal) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            // A store that is away is not the caller's trouble, and the next minute tries again.
            let _ = self.store.touch_session(&who.session, self.clock.now_ms()).await;
        })
    }
}

//! Introduces the scheduler and the rooms to each other: neither knows the other.

use futures_util::future::BoxFuture;
use signaling::ids::RoomId;
use signaling::message::session::{CloseReason, Form as WireForm, RoomState};
use signaling::room::Control;
use tokio::sync::broadcast::error::RecvError;

use crate::domain::consultation::{Closing, State};
use crate::domain::form::Form;
use crate::domain::ids::{ConsultationId, PersonId};
use crate::rooms::registry::{RoomEvent, RoomSpec, Rooms};
use crate::schedule::{RoomOpener, ScheduleHandle};
use crate::store::Store;
use crate::store::attendance::shared_ms;
use crate::store::consultation::Consultation;
use crate::store::origin::Origin;

/// The rooms, as the scheduler sees them.
#[derive(Clone)]
pub struct Opener {
    pub rooms: Rooms,
    pub store: Store,
}

impl RoomOpener for Opener {
    fn open_room(&self, consultation: Consultation) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let id = consultation.id.clone();
            let Some(spec) = spec(consultation) else { return true };
            let opened = self.rooms.open(spec).await;
            if let Err(error) = &opened {
                tracing::warn!(room = %id, error = %error, "a room does not open yet");
            }
            opened.is_ok()
        })
    }

    fn close_room(&self, id: ConsultationId, closing: Closing) -> BoxFuture<'_, ()> {
        let reason = match closing {
            Closing::ByClock => CloseReason::Ended,
            Closing::ByHost => CloseReason::EndedByHost,
            Closing::NotHeld => CloseReason::NotHeld,
            Closing::Cancelled => CloseReason::Cancelled,
            Closing::Technical => CloseReason::Technical,
        };
        Box::pin(async move {
            self.rooms.close(&RoomId::new(id.as_str()), reason).await;
        })
    }

    fn state_changed(&self, id: ConsultationId, state: State) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(state) = room_state(state) {
                self.rooms.control(&RoomId::new(id.as_str()), Control::State { state }).await;
            }
        })
    }

    /// Clients know the end from `joined` and `room_changed` and warn by themselves.
    fn warn(&self, _id: ConsultationId, _ends_in_ms: i64) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn open_rooms(&self) -> Vec<ConsultationId> {
        self.rooms.open_rooms().iter().map(|room| ConsultationId::new(room.as_str())).collect()
    }

    fn shared_ms(&self, id: ConsultationId, now_ms: i64) -> BoxFuture<'_, i64> {
        Box::pin(async move {
            match self.store.attendance(&id).await {
                Ok(stays) => shared_ms(&stays, now_ms),
                Err(error) => {
                    tracing::warn!(room = %id, error = %error, "attendance cannot be read");
                    0
                }
            }
        })
    }
}

/// Carries what happens in rooms to the scheduler, until the rooms are gone.
pub async fn carry(rooms: Rooms, schedule: ScheduleHandle) {
    let mut events = rooms.events();
    let id = |room: RoomId| ConsultationId::new(room.as_str());
    loop {
        match events.recv().await {
            Ok(RoomEvent::HostArrived { room, person, at_ms, origin }) => {
                Origin::around_if(origin, schedule.host_arrived(id(room), PersonId::new(person), at_ms)).await;
            }
            Ok(RoomEvent::HostPresence { room, present, at_ms }) => {
                schedule.host_presence(id(room), present, at_ms).await;
            }
            Ok(RoomEvent::EndedByHost { room, person, at_ms, origin }) => {
                Origin::around_if(origin, schedule.ended_by_host(id(room), PersonId::new(person), at_ms)).await;
            }
            // It looks which rooms there are, and opens the missing one anew.
            Ok(RoomEvent::Failed { .. }) | Err(RecvError::Lagged(_)) => schedule.poke(),
            Err(RecvError::Closed) => return,
        }
    }
}

/// `None`: help of this form has no room.
fn spec(consultation: Consultation) -> Option<RoomSpec> {
    let form = match consultation.form {
        Form::Webinar => WireForm::Webinar,
        Form::VideoConference => WireForm::VideoConference,
        Form::Chat => WireForm::Chat,
        Form::Individual => WireForm::Individual,
        Form::Assignment | Form::Workshop | Form::Glossary | Form::Forum => return None,
    };
    let unsigned = |ms: i64| u64::try_from(ms).unwrap_or_default();
    Some(RoomSpec {
        school: consultation.school.as_str().to_owned(),
        room: RoomId::new(consultation.id.as_str()),
        form,
        title: consultation.title,
        start_ms: unsigned(consultation.start_ms),
        end_ms: unsigned(consultation.end_ms),
        closes_ms: unsigned(consultation.closes_ms),
        takes_turns: consultation.takes_turns,
        state: room_state(consultation.state).filter(|state| *state == RoomState::Live).unwrap_or(RoomState::Open),
    })
}

/// `None`: no state of a room.
fn room_state(state: State) -> Option<RoomState> {
    match state {
        State::Planned => None,
        State::Open => Some(RoomState::Open),
        State::Live => Some(RoomState::Live),
        State::Held | State::NotHeld | State::Cancelled => Some(RoomState::Closed),
    }
}

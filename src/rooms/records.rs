//! What a room wants kept, turned into writes. The room never waits for them; chat comes back as [`Stored`].

use std::time::Duration;

use signaling::ids as wire;
use signaling::message::session::{LeftReason, RoomRole};
use signaling::refusal::RefusalCode;
use signaling::room::{Record, Stored};

use tokio::sync::{mpsc, oneshot};

use crate::clock::WallClock;
use crate::domain::consultation::{Event, Timing};
use crate::domain::ids::{ConsultationId, PersonId, SchoolId};
use crate::domain::role::Role;
use crate::store::attendance::shared_ms;
use crate::store::audit::AuditEvent;
use crate::store::chat::{ChangeError, NewMessage};
use crate::store::media_quality::Minute;
use crate::store::origin::Origin;
use crate::store::transition::{Actor, TransitionError};
use crate::store::{Store, StoreError};

/// Evidence is tried again for this long, a second apart, before it is given up and counted.
const TRY_FOR_MS: i64 = 30_000;
/// Evidence of one room that may wait while the store is away; more is given up.
const MOST_WAITING: usize = 4_096;
/// Messages read again at once when the room was not answered for them.
const MOST_MISSING: u16 = 256;
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// One room's evidence, kept in the order in which it happened: the oldest is tried again until it is kept or given up,
/// and no later one overtakes it (a stay that ends before it began would never end). Goes on when the room falls.
#[derive(Clone)]
pub(super) struct Evidence(mpsc::Sender<Job>);

struct Job {
    what: What,
    at_ms: i64,
    /// From where it was asked for; `None`: it came about by itself.
    origin: Option<Origin>,
}

enum What {
    Record(Record),
    /// The host has ended it; told when that is kept or given up.
    End(wire::PersonId, oneshot::Sender<()>),
    /// Those present are still there.
    Beat,
    /// The room fell: everybody was out at that moment.
    Fall,
    Flush(oneshot::Sender<()>),
}

impl Evidence {
    /// Ends by itself when the last handle is gone.
    pub(super) fn start(clerk: Clerk) -> Self {
        let (queue, mut jobs) = mpsc::channel::<Job>(MOST_WAITING);
        tokio::spawn(async move {
            while let Some(job) = jobs.recv().await {
                Origin::around_if(job.origin, clerk.keep_evidence(job)).await;
            }
        });
        Self(queue)
    }

    pub(super) fn record(&self, record: Record, at_ms: i64, origin: Option<Origin>) {
        self.push(What::Record(record), at_ms, origin);
    }

    /// The host has ended it. The answer comes when the consultation's state is kept, or never if that fails for long.
    pub(super) fn end(&self, person: wire::PersonId, at_ms: i64, origin: Option<Origin>) -> oneshot::Receiver<()> {
        let (done, kept) = oneshot::channel();
        self.push(What::End(person, done), at_ms, origin);
        kept
    }

    pub(super) fn beat(&self, at_ms: i64) {
        self.push(What::Beat, at_ms, None);
    }

    pub(super) fn fall(&self, at_ms: i64) {
        self.push(What::Fall, at_ms, None);
    }

    /// Waits until all before it is kept or given up.
    pub(super) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        let job = Job { what: What::Flush(done), at_ms: 0, origin: None };
        if self.0.send(job).await.is_ok() {
            let _ = flushed.await;
        }
    }

    fn push(&self, what: What, at_ms: i64, origin: Option<Origin>) {
        if self.0.try_send(Job { what, at_ms, origin }).is_err() {
            metrics::counter!("kafedra_evidence_lost_total").increment(1);
        }
    }
}

/// Writes one room's records.
#[derive(Clone)]
pub(super) struct Clerk {
    pub(super) store: Store,
    pub(super) clock: WallClock,
    pub(super) school: SchoolId,
    pub(super) room: ConsultationId,
    /// The hub's times around consultations.
    pub(super) timing: Timing,
}

impl Clerk {
    /// Writes a record. `Some`: the room waits for this answer.
    pub(super) async fn keep(self, record: Record) -> Option<Stored> {
        let now_ms = self.clock.now_ms();
        match record {
            Record::Chat { author, author_name, peer, client_msg_id, body, reply_to } => {
                let new = NewMessage {
                    school: self.school,
                    room: self.room,
                    author: person(&author),
                    author_name,
                    peer: peer.clone(),
                    client_msg_id: client_msg_id.clone(),
                    body,
                    reply_to,
                    sent_ms: now_ms,
                };
                let result = self.store.append_message(new).await;
                let result = result.map(|(message, _)| message).map_err(|error| (client_msg_id, code(&error)));
                Some(Stored::Chat { peer, result })
            }
            Record::ChatEdit { peer, by, message, body } => {
                let result = self.store.edit_message(self.room, message, person(&by), body, now_ms).await;
                Some(Stored::ChatChanged { peer, edited: true, result: result.map_err(|error| change_code(&error)) })
            }
            Record::ChatDelete { peer, message, by, moderator } => {
                let result = self.store.hide_message(self.room, message, person(&by), moderator, now_ms).await;
                Some(Stored::ChatChanged { peer, edited: false, result: result.map_err(|error| change_code(&error)) })
            }
            Record::ChatHistory { peer, before_seq, limit } => {
                let result = self.store.message_page(&self.room, before_seq, limit).await;
                Some(Stored::ChatHistory { peer, result: result.map_err(|error| code(&error)) })
            }
            Record::ChatMissing { after_seq, before_seq } => {
                let most = u16::try_from(before_seq.saturating_sub(after_seq + 1)).unwrap_or(MOST_MISSING);
                let result = self.store.message_page(&self.room, Some(before_seq), most.min(MOST_MISSING)).await;
                Some(Stored::ChatMissing { result: result.map(|(page, _)| page).map_err(|error| code(&error)) })
            }
            // Evidence has its own queue.
            _ => None,
        }
    }

    /// Attendance and moderation: tried again while the store is away, because the room has gone on.
    async fn keep_evidence(&self, job: Job) {
        let Job { what, at_ms, .. } = job;
        loop {
            let room = self.room.clone();
            let result = match &what {
                What::Record(record) => self.evidence(record, at_ms).await,
                What::End(who, _) => self.end_by_host(who, at_ms).await,
                What::Beat => {
                    // A missed beat is made good by the next one.
                    let _: Result<(), StoreError> = self.store.beat_attendance(room, at_ms).await;
                    return;
                }
                What::Fall => match self.store.beat_attendance(room.clone(), at_ms).await {
                    Ok(()) => self.store.close_stale_attendance(room).await,
                    Err(error) => Err(error),
                },
                What::Flush(_) => break,
            };
            let Err(error) = result else { break };
            let may_pass = matches!(error, StoreError::Full | StoreError::Unavailable(_));
            if !may_pass || self.clock.now_ms() - at_ms >= TRY_FOR_MS {
                metrics::counter!("kafedra_evidence_lost_total").increment(1);
                tracing::error!(room = %self.room, error = %error, "evidence of a room could not be kept");
                return;
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
        if let What::Flush(done) | What::End(_, done) = what {
            let _ = done.send(());
        }
    }

    async fn evidence(&self, record: &Record, now_ms: i64) -> Result<(), StoreError> {
        let (store, school, room) = (&self.store, self.school.clone(), self.room.clone());
        match record {
            Record::Joined { person: who, role, .. } => {
                store.begin_attendance(school, room.clone(), person(who), role_word(*role), now_ms).await?;
                // The room told everybody before it gave this to be kept (INV-50).
                match role {
                    RoomRole::Observer => store.note_announced(room, person(who), now_ms).await,
                    _ => Ok(()),
                }
            }
            Record::Left { person: who, reason, ago, .. } => {
                let at = now_ms - i64::try_from(ago.as_millis()).unwrap_or(0);
                store.end_attendance(room, person(who), left_word(*reason), at).await
            }
            Record::Removed { person: who, by } => {
                store.remove_from_room(school, room, person(who), person(by), now_ms).await
            }
            // `remove` is written by `Removed`, together with the ban.
            Record::Moderated { action: "remove", .. } => Ok(()),
            Record::Moderated { by, action, target } => {
                let detail =
                    serde_json::json!({ "act": action, "person": target.as_ref().map(wire::PersonId::as_str) });
                self.audit("room.moderate", by, detail, now_ms).await
            }
            // Has a job of its own.
            Record::EndedByHost { .. } => Ok(()),
            Record::Quality { person: who, minute } => {
                let row = Minute {
                    minute: now_ms / 60_000,
                    rtt_ms: minute.rtt_ms.into(),
                    loss_permille: minute.loss_permille.into(),
                    jitter_ms: minute.jitter_ms.into(),
                    freeze_ms: minute.freeze_ms.into(),
                };
                store.add_media_minute(room, person(who), row).await
            }
            Record::MediaJoined { person: who, took } => {
                let took_ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
                store.add_media_join(room, person(who), now_ms, took_ms).await
            }
            // The scheduler hears of these and writes the consultation's own change of state.
            Record::HostArrived { .. } | Record::HostPresence { .. } => Ok(()),
            Record::Chat { .. }
            | Record::ChatEdit { .. }
            | Record::ChatDelete { .. }
            | Record::ChatHistory { .. }
            | Record::ChatMissing { .. } => Ok(()),
        }
    }

    /// The consultation's last state and the row of who ended it, in one transaction: a hub that dies right after does not
    /// open the room again.
    async fn end_by_host(&self, who: &wire::PersonId, at_ms: i64) -> Result<(), StoreError> {
        let timings = self.store.timings(self.timing).await?;
        let shared_ms = shared_ms(&self.store.attendance(&self.room).await?, at_ms);
        let (id, by) = (self.room.clone(), Actor { person: person(who), role: None });
        let row = AuditEvent::new(self.school.clone(), at_ms, "room.end", "consultation", id.as_str());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let by = tx.host_of_room(&by.person, at_ms).await?;
                    let row = row.by(&by.person, by.role.map(Role::as_str)).with(serde_json::json!({}));
                    // Who can end it has come; the scheduler perhaps has not written that yet.
                    for event in [Event::HostJoined, Event::EndedByHost { shared_ms }] {
                        match tx.transition(&id, event, Some(&by), &timings, at_ms).await {
                            Ok(_) | Err(TransitionError::Refused(_)) => {}
                            // Over already, moved by another hub, or a room without a consultation.
                            Err(TransitionError::Store(StoreError::NotFound | StoreError::Conflict)) => {}
                            Err(TransitionError::Store(error)) => return Err(error),
                        }
                    }
                    tx.audit(row).await
                })
            })
            .await
    }

    async fn audit(
        &self,
        action: &'static str,
        by: &wire::PersonId,
        detail: serde_json::Value,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let by = person(by);
        let row = AuditEvent::new(self.school.clone(), now_ms, action, "consultation", self.room.as_str()).with(detail);
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let by = tx.host_of_room(&by, now_ms).await?;
                    tx.audit(row.by(&by.person, by.role.map(Role::as_str))).await
                })
            })
            .await
    }
}

fn person(name: &wire::PersonId) -> PersonId {
    PersonId::new(name.as_str())
}

fn role_word(role: RoomRole) -> &'static str {
    match role {
        RoomRole::Host => "host",
        RoomRole::Cohost => "cohost",
        RoomRole::Recipient => "recipient",
        RoomRole::Guardian => "guardian",
        RoomRole::Observer => "observer",
    }
}

fn left_word(reason: LeftReason) -> &'static str {
    match reason {
        LeftReason::Left => "left",
        LeftReason::Lost => "lost",
        LeftReason::Removed => "removed",
        LeftReason::Closed => "closed",
    }
}

fn code(error: &StoreError) -> RefusalCode {
    match error {
        StoreError::Full => RefusalCode::StorageFull,
        StoreError::Unavailable(_) => RefusalCode::Unavailable,
        StoreError::Conflict => RefusalCode::BadMessage,
        StoreError::NotFound => RefusalCode::NotFound,
        _ => {
            tracing::error!(error = %error, "a chat write failed");
            RefusalCode::Internal
        }
    }
}

fn change_code(error: &ChangeError) -> RefusalCode {
    match error {
        ChangeError::NotFound => RefusalCode::NotFound,
        ChangeError::NotAuthor => RefusalCode::RoleNotPermitted,
        ChangeError::TooLate => RefusalCode::TooLate,
        ChangeError::Store(error) => code(error),
    }
}

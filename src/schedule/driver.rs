//! The reconciler: looks when something is due or has been poked, lets the store decide, then tells the rooms. It keeps nothing that
//! a restart could lose.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::plan::{Action, Look, plan};
use super::{Order, RoomOpener, ScheduleHandle};
use crate::clock::WallClock;
use crate::domain::consultation::{Closing, Downtime, Effect, Event, NotHeldReason, RoomFact, State, Timing, Timings};
use crate::domain::ids::ConsultationId;
use crate::store::consultation::ClockRow;
use crate::store::origin::Origin;
use crate::store::transition::{Actor, Transition, TransitionError};
use crate::store::{Store, StoreError};

/// The wall clock is read this often, whatever was planned: it may jump.
const TICK: Duration = Duration::from_secs(1);
/// The store is looked at this often even when nothing is due here: another hub may have changed it.
const LOOK_MS: i64 = 15_000;
/// After a failure (the store, a room) it is tried again this soon.
const RETRY_MS: i64 = 1000;
/// How often the hub says that it is alive.
const ALIVE_MS: i64 = 10_000;
/// How often the timetable is carried on to the horizon.
const EXTEND_MS: i64 = 6 * 3_600_000;
/// Due rows taken at once, and rows moved in one transaction.
const DUE: i64 = 500;
const CHUNK: usize = 100;
/// Rounds of looking and doing before the orders are served again.
const ROUNDS: usize = 20;
const QUEUE: usize = 1024;

/// What the scheduler is started with.
pub struct Scheduler {
    pub store: Store,
    pub rooms: Arc<dyn RoomOpener>,
    pub clock: WallClock,
    pub timing: Timing,
    pub horizon_days: u32,
}

/// The receiving end of a [`ScheduleHandle`].
#[derive(Debug)]
pub struct Orders(mpsc::Receiver<Order>);

/// Handle and orders, made before the rooms that need the handle and the scheduler that needs the rooms.
pub fn channel() -> (ScheduleHandle, Orders) {
    let (orders, queue) = mpsc::channel(QUEUE);
    (ScheduleHandle { orders }, Orders(queue))
}

impl Scheduler {
    /// Runs until `stop` says true or all handles are gone. The rooms are left as they are: a restart takes them up again.
    pub async fn run(self, orders: Orders, mut stop: watch::Receiver<bool>) {
        let mut driver = Reconciler::new(self);
        let mut orders = orders.0;
        driver.begin().await;
        loop {
            let wait = driver.wait();
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                order = orders.recv() => match order {
                    Some(order) => {
                        driver.order(order);
                        while let Ok(order) = orders.try_recv() {
                            driver.order(order);
                        }
                    }
                    None => break,
                },
                () = tokio::time::sleep_until(Instant::now() + wait) => {}
            }
            driver.turn().await;
        }
        driver.note_alive(driver.hub.clock.now_ms()).await;
    }
}

/// What the scheduler remembers between two looks: nothing that a restart could lose.
pub struct Reconciler {
    hub: Scheduler,
    timings: Timings,
    down: Option<Downtime>,
    warned: HashSet<ConsultationId>,
    /// Reports of the rooms that are not in the store yet, in their order.
    facts: Vec<(RoomFact, Option<Origin>)>,
    /// When to look at the store next (wall clock).
    next_look_ms: i64,
    /// A room has not opened at this look.
    unopened: bool,
    last_alive_ms: i64,
    next_extend_ms: i64,
    last_now_ms: i64,
}

impl Reconciler {
    pub fn new(hub: Scheduler) -> Self {
        let now_ms = hub.clock.now_ms();
        Self {
            timings: Timings::new(hub.timing),
            down: None,
            warned: HashSet::new(),
            facts: Vec::new(),
            next_look_ms: now_ms,
            unopened: false,
            last_alive_ms: i64::MIN,
            next_extend_ms: now_ms,
            last_now_ms: now_ms,
            hub,
        }
    }

    /// After a start: since when was the hub down, and whose host has lost the room with it.
    async fn begin(&mut self) {
        let now_ms = self.hub.clock.now_ms();
        match self.hub.store.last_alive_ms().await {
            Ok(alive) => {
                self.down = alive.filter(|alive| *alive < now_ms).map(|from_ms| Downtime { from_ms, to_ms: now_ms });
            }
            Err(error) => tracing::warn!(%error, "it is not known how long the hub was down"),
        }
        match self.hub.store.with_rooms().await {
            Ok(rows) => {
                let running: HashSet<_> = self.hub.rooms.open_rooms().into_iter().collect();
                let lost = |row: &&ClockRow| row.facts.state == State::Live && !running.contains(&row.id);
                self.facts.extend(rows.iter().filter(lost).map(|row| {
                    let consultation = row.id.clone();
                    (RoomFact::HostPresence { consultation, present: false, at_ms: now_ms }, None)
                }));
            }
            Err(error) => tracing::warn!(%error, "open rooms could not be read"),
        }
        self.turn().await;
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Poke => {}
            Order::Fact(fact, origin) => self.facts.push((fact, origin)),
        }
        self.next_look_ms = i64::MIN;
    }

    /// One look at the timetable and what it leads to, whatever was planned; for whoever measures it.
    pub async fn look_now(&mut self) {
        self.next_look_ms = i64::MIN;
        self.turn().await;
    }

    /// How long to wait for the next look.
    fn wait(&self) -> Duration {
        let left = self.next_look_ms.saturating_sub(self.hub.clock.now_ms()).clamp(0, 1000);
        Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(TICK)
    }

    async fn turn(&mut self) {
        let now_ms = self.hub.clock.now_ms();
        // A clock set back makes the next look lie too far off.
        let set_back = now_ms < self.last_now_ms;
        self.last_now_ms = now_ms;
        if now_ms.saturating_sub(self.last_alive_ms) >= ALIVE_MS || set_back {
            self.note_alive(now_ms).await;
        }
        if now_ms < self.next_look_ms && !set_back {
            return;
        }
        self.unopened = false;
        self.next_look_ms = match self.reconcile().await {
            Ok(next) => next.unwrap_or(i64::MAX).min(now_ms + if self.unopened { RETRY_MS } else { LOOK_MS }),
            Err(error) => {
                tracing::error!(%error, "the timetable could not be looked at; trying again");
                now_ms + RETRY_MS
            }
        };
        if now_ms >= self.next_extend_ms {
            self.next_extend_ms = now_ms + EXTEND_MS;
            self.extend(now_ms).await;
        }
    }

    async fn note_alive(&mut self, now_ms: i64) {
        self.last_alive_ms = now_ms;
        if let Err(error) = self.hub.store.note_alive(now_ms).await {
            tracing::warn!(%error, "the hub could not note that it is alive");
        }
    }

    async fn extend(&mut self, now_ms: i64) {
        let result = self.hub.store.extend_horizon(&self.timings, now_ms, self.hub.horizon_days).await;
        match result {
            Ok(0) => {}
            Ok(planned) => tracing::info!(planned, "the timetable was carried on"),
            Err(error) => tracing::warn!(%error, "the timetable could not be carried on"),
        }
    }

    /// Looks and does until nothing is left. Gives when to look next.
    async fn reconcile(&mut self) -> Result<Option<i64>, StoreError> {
        self.timings = self.hub.store.timings(self.hub.timing).await?;
        self.report_facts().await?;
        let mut next = None;
        for round in 0..ROUNDS {
            let now_ms = self.hub.clock.now_ms();
            let rows = self.near(now_ms).await?;
            let open_rooms: HashSet<_> = self.hub.rooms.open_rooms().into_iter().collect();
            self.warned.retain(|id| open_rooms.contains(id));
            let plan = plan(&Look {
                now_ms,
                rows: &rows,
                open_rooms: &open_rooms,
                warned: &self.warned,
                timings: &self.timings,
            });
            let (steps, others): (Vec<_>, Vec<_>) =
                plan.actions.into_iter().partition(|action| matches!(action, Action::Step(_)));
            let moved = self.step(steps, &rows, now_ms).await?;
            self.act(others).await?;
            next = [plan.next_wake_ms, self.hub.store.next_due_ms().await?].into_iter().flatten().min();
            if moved == 0 {
                // What is due and does not move is not asked in a tight loop.
                next = next.map(|at| at.max(now_ms + 100));
                break;
            }
            if round + 1 == ROUNDS {
                next = Some(now_ms);
            }
        }
        Ok(next)
    }

    /// Rows due by now and those that own a room.
    async fn near(&self, now_ms: i64) -> Result<Vec<ClockRow>, StoreError> {
        let mut rows = self.hub.store.due(now_ms, DUE).await?;
        let seen: HashSet<_> = rows.iter().map(|row| row.id.clone()).collect();
        rows.extend(self.hub.store.with_rooms().await?.into_iter().filter(|row| !seen.contains(&row.id)));
        Ok(rows)
    }

    /// Lets the clock's event happen to what is due; gives how many moved.
    async fn step(&mut self, steps: Vec<Action>, rows: &[ClockRow], now_ms: i64) -> Result<usize, StoreError> {
        let live: HashSet<_> = rows.iter().filter(|row| row.facts.state == State::Live).map(|row| &row.id).collect();
        let mut events = Vec::with_capacity(steps.len());
        for action in steps {
            let Action::Step(id) = action else { continue };
            let shared_ms = match live.contains(&id) {
                true => self.hub.rooms.shared_ms(id.clone(), now_ms).await,
                false => 0,
            };
            events.push((id, Event::Clock { shared_ms, down: self.down }));
        }
        let mut moved = 0;
        for chunk in events.chunks(CHUNK) {
            let transitions = self.write(chunk.to_vec(), now_ms).await?;
            moved += transitions.iter().filter(|transition| transition.step.is_some()).count();
            self.tell(transitions).await?;
        }
        Ok(moved)
    }

    /// One transaction for many consultations. Those that another hub has moved meanwhile are left out.
    async fn write(&self, events: Vec<(ConsultationId, Event)>, now_ms: i64) -> Result<Vec<Transition>, StoreError> {
        let timings = self.timings.clone();
        self.hub
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let mut done = Vec::with_capacity(events.len());
                    for (id, event) in events {
                        match tx.transition(&id, event, None, &timings, now_ms).await {
                            Ok(transition) => done.push(transition),
                            Err(TransitionError::Refused(_) | TransitionError::Store(StoreError::Conflict)) => {}
                            Err(TransitionError::Store(error)) => return Err(error),
                        }
                    }
                    Ok(done)
                })
            })
            .await
    }

    /// After the commit: the rooms follow.
    async fn tell(&mut self, transitions: Vec<Transition>) -> Result<(), StoreError> {
        let mut opened = Vec::new();
        for transition in transitions {
            let Some(step) = transition.step else { continue };
            if transition.before != transition.after {
                tracing::info!(
                    consultation = %transition.id, from = %transition.before, to = %transition.after, "consultation moved"
                );
            }
            let mut closed = false;
            for effect in step.effects {
                match effect {
                    Effect::OpenRoom => opened.push(transition.id.clone()),
                    Effect::CloseRoom(closing) => {
                        closed = true;
                        self.hub.rooms.close_room(transition.id.clone(), closing).await;
                    }
                    _ => {}
                }
            }
            if !closed && transition.before == State::Open && transition.after == State::Live {
                self.hub.rooms.state_changed(transition.id, State::Live).await;
            }
        }
        self.open(opened).await
    }

    async fn open(&mut self, ids: Vec<ConsultationId>) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        for consultation in self.hub.store.consultations(&ids).await? {
            if consultation.state.has_room() && !self.hub.rooms.open_room(consultation).await {
                self.unopened = true;
            }
        }
        Ok(())
    }

    async fn act(&mut self, actions: Vec<Action>) -> Result<(), StoreError> {
        let mut reopen = Vec::new();
        let mut strays = Vec::new();
        for action in actions {
            match action {
                Action::Step(_) => {}
                Action::Reopen(id) => reopen.push(id),
                Action::CloseStray(id) => strays.push(id),
                Action::Warn { id, ends_in_ms } => {
                    self.hub.rooms.warn(id.clone(), ends_in_ms).await;
                    self.warned.insert(id);
                }
            }
        }
        self.open(reopen).await?;
        if strays.is_empty() {
            return Ok(());
        }
        let known: HashMap<_, _> =
            self.hub.store.consultations(&strays).await?.into_iter().map(|one| (one.id.clone(), one)).collect();
        for id in strays {
            let closing = match known.get(&id) {
                // Opened between the two looks: it is no stray.
                Some(one) if one.state.has_room() => continue,
                Some(one) => closing(one.state, one.not_held),
                None => Closing::Cancelled,
            };
            self.hub.rooms.close_room(id, closing).await;
        }
        Ok(())
    }

    /// Takes the rooms' reports into the store, in their order. What the store cannot take now is kept for the next turn.
    async fn report_facts(&mut self) -> Result<(), StoreError> {
        for (done, (fact, origin)) in self.facts.clone().into_iter().enumerate() {
            if let Err(error) = Origin::around_if(origin, self.report(fact)).await {
                self.facts.drain(..done);
                return Err(error);
            }
        }
        self.facts.clear();
        Ok(())
    }

    async fn report(&mut self, fact: RoomFact) -> Result<(), StoreError> {
        let by = |person| Some(Actor { person, role: None });
        let (id, event, actor, at_ms) = match fact {
            RoomFact::HostArrived { consultation, person, at_ms } => {
                (consultation, Event::HostJoined, by(person), at_ms)
            }
            RoomFact::HostPresence { consultation, present, at_ms } => {
                (consultation, Event::HostPresence { present }, None, at_ms)
            }
            RoomFact::EndedByHost { consultation, person, at_ms } => {
                let shared_ms = self.hub.rooms.shared_ms(consultation.clone(), at_ms).await;
                (consultation, Event::EndedByHost { shared_ms }, by(person), at_ms)
            }
        };
        match self.hub.store.transition(id.clone(), event, actor, self.timings.clone(), at_ms).await {
            Ok(transition) => self.tell(vec![transition]).await,
            Err(TransitionError::Refused(code)) => {
                tracing::debug!(consultation = %id, %code, "a room's report came too late");
                Ok(())
            }
            Err(TransitionError::Store(StoreError::NotFound)) => Ok(()),
            Err(TransitionError::Store(error)) => Err(error),
        }
    }
}

/// Why a room without a consultation closes.
fn closing(state: State, reason: Option<NotHeldReason>) -> Closing {
    match (state, reason) {
        (State::Cancelled, _) => Closing::Cancelled,
        (State::NotHeld, Some(NotHeldReason::Technical)) => Closing::Technical,
        // The host was there: people are not told that nobody came.
        (State::NotHeld, Some(NotHeldReason::NoAudience)) => Closing::ByClock,
        (State::NotHeld, _) => Closing::NotHeld,
        _ => Closing::ByClock,
    }
}

#[cfg(test)]
mod tests;

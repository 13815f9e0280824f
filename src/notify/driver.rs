//! The loop: tells those who look, routes what is new, sends what is due, reminds of what begins. It keeps nothing that a
//! restart could lose, and several hubs on one database share the work.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::{broadcast, mpsc, watch};

use super::mail::{Mail, Mailer};
use super::outside::Fence;
use super::push::{MOST_TEXT, Vapid};
use super::words::{Language, words};
use super::{SendError, push, webhook};
use crate::clock::WallClock;
use crate::domain::ids::{PersonId, SchoolId};
use crate::store::deliveries::{Due, Outcome, Way, Ways};
use crate::store::notices::REMINDER_MINUTES;
use crate::store::school::School;
use crate::store::{Store, StoreError};

/// The store is looked at this often, for other hubs and the command line write to it too.
const TICK: Duration = Duration::from_secs(1);
/// The timetable is looked at for reminders this often.
const REMIND_EVERY_MS: i64 = 20_000;
/// Notices routed and deliveries tried in one turn, and tries at once.
const MOST_ROUTED: i64 = 200;
const MOST_SENT: i64 = 100;
const AT_ONCE: usize = 8;
/// Tries before a delivery is given up: with the waits below that is after most of a day.
const MOST_TRIES: u32 = 12;
/// How far back notices are looked for that were written by a slower clock.
const OVERLAP_MS: i64 = 5_000;
/// Notices told to open pages in one turn.
const MOST_TOLD: i64 = 2_000;

/// What the loop works with.
pub struct Notifier {
    pub store: Store,
    pub clock: WallClock,
    /// `None`: no letters.
    pub mailer: Option<Mailer>,
    pub vapid: Arc<Vapid>,
    pub push: Fence,
    pub webhooks: Fence,
    /// Where links lead.
    pub public_url: String,
    /// Who was told something just now: open pages listen.
    pub told: broadcast::Sender<PersonId>,
}

/// How long to wait after so many tries: half a minute, then twice as long each time, at most six hours.
fn backoff_ms(attempts: u32) -> i64 {
    (30_000_i64 << attempts.min(10)).min(6 * 3_600_000)
}

impl Notifier {
    /// Runs until `stop` says true.
    pub async fn run(self, mut poked: mpsc::Receiver<()>, mut stop: watch::Receiver<bool>) {
        let mut seen = Seen { after_ms: self.clock.now_ms(), ids: HashSet::new() };
        let mut reminded_ms = i64::MIN;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                Some(()) = poked.recv() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let now_ms = self.clock.now_ms();
            if now_ms.saturating_sub(reminded_ms) >= REMIND_EVERY_MS {
                reminded_ms = now_ms;
                self.report("reminders", self.remind(now_ms).await);
            }
            self.report("open pages", self.tell(&mut seen).await);
            self.report("routing", self.route(now_ms).await);
            self.report("deliveries", self.deliver(now_ms).await);
        }
    }

    fn report(&self, what: &'static str, result: Result<(), StoreError>) {
        if let Err(error) = result {
            // The next turn tries again.
            tracing::warn!(%error, what, "notices wait");
        }
    }

    async fn remind(&self, now_ms: i64) -> Result<(), StoreError> {
        for minutes in REMINDER_MINUTES {
            self.store.remind(minutes, now_ms).await?;
        }
        Ok(())
    }

    async fn tell(&self, seen: &mut Seen) -> Result<(), StoreError> {
        for (id, at_ms, person) in self.store.told_since(seen.after_ms - OVERLAP_MS, MOST_TOLD).await? {
            if seen.is_new(id, at_ms) {
                // Nobody listens: nobody looks.
                let _ = self.told.send(person);
            }
        }
        Ok(())
    }

    fn ways(&self) -> Ways {
        Ways {
            email: self.mailer.is_some(),
            push: !self.push.hosts.is_empty(),
            webhook: !self.webhooks.hosts.is_empty(),
        }
    }

    async fn route(&self, now_ms: i64) -> Result<(), StoreError> {
        let unrouted = self.store.unrouted(MOST_ROUTED).await?;
        if unrouted.is_empty() {
            return Ok(());
        }
        let schools = self.schools().await?;
        for one in unrouted {
            let zone = schools.get(&one.school).map(School::zone);
            let is_urgent = one.notice.is_urgent();
            let due = move |chosen: &crate::store::notices::NoticeSettings| {
                let quiet = chosen.quiet.filter(|_| !is_urgent).zip(zone.as_ref());
                quiet.and_then(|(quiet, zone)| quiet.until_ms(now_ms, zone)).unwrap_or(now_ms)
            };
            self.store.route(one, self.ways(), now_ms, due).await?;
        }
        Ok(())
    }

    async fn schools(&self) -> Result<HashMap<SchoolId, School>, StoreError> {
        Ok(self.store.schools().await?.into_iter().map(|school| (school.id.clone(), school)).collect())
    }

    async fn deliver(&self, now_ms: i64) -> Result<(), StoreError> {
        let due = self.store.take_due(now_ms, MOST_SENT).await?;
        if due.is_empty() {
            return Ok(());
        }
        let schools = self.schools().await?;
        let tries = due.into_iter().map(|one| {
            let school = schools.get(&one.school);
            async move {
                let result = self.attempt(&one, school).await;
                (one, result)
            }
        });
        let mut tries = futures_util::stream::iter(tries).buffer_unordered(AT_ONCE);
        while let Some((one, result)) = tries.next().await {
            let now_ms = self.clock.now_ms();
            let outcome = outcome(result, one.attempts, now_ms);
            if let Outcome::Later { error, .. } | Outcome::Failed { error } | Outcome::Gone { error } = &outcome {
                tracing::info!(delivery = one.id, error, attempts = one.attempts + 1, "a notice did not get through");
            }
            self.store.settle_delivery(one.id, outcome, now_ms).await?;
        }
        Ok(())
    }

    async fn attempt(&self, due: &Due, school: Option<&School>) -> Result<(), SendError> {
        let language = Language::of(school.map_or("", |school| school.locale.as_str()));
        let zone = school.map_or(jiff::tz::TimeZone::UTC, School::zone);
        let said = words(&due.notice, language, &zone);
        let link = format!("{}{}", self.public_url, due.notice.path());
        match &due.way {
            Way::Email(to) => {
                let Some(mailer) = &self.mailer else { return Err(SendError::Never("no SMTP server".to_owned())) };
                let footer = match language {
                    Language::Russian => "Что присылать, выбирается в настройках уведомлений",
                    Language::English => "What is sent is chosen in the settings of notices",
                };
                let text = format!("{}\n\n{link}\n\n--\n{footer}: {}/notices/settings\n", said.body, self.public_url);
                let mail = Mail { to: to.clone(), subject: said.title, text, id: due.id.clone() };
                mailer.send(&mail).await
            }
            Way::Push(target) => {
                let tag = due.notice.kind();
                let text = serde_json::json!({
                    "title": said.title, "body": said.body, "path": due.notice.path(), "tag": due.id,
                });
                let text: String = text.to_string();
                if text.len() > MOST_TEXT {
                    return Err(SendError::Never("too long for a push".to_owned()));
                }
                let now_ms = self.clock.now_ms();
                push::send(&self.push, &self.vapid, target, &text, tag, due.notice.is_urgent(), now_ms).await
            }
            Way::Webhook(hook) => webhook::call(&self.webhooks, hook, due, self.clock.now_ms()).await,
            Way::Gone => Err(SendError::Never("the receiver was taken away".to_owned())),
        }
    }
}

fn outcome(result: Result<(), SendError>, attempts: u32, now_ms: i64) -> Outcome {
    match result {
        Ok(()) => Outcome::Sent,
        Err(SendError::Later(error)) if attempts + 1 < MOST_TRIES => {
            Outcome::Later { at_ms: now_ms + backoff_ms(attempts), error }
        }
        Err(SendError::Later(error) | SendError::Never(error)) => Outcome::Failed { error },
        Err(SendError::Gone(error)) => Outcome::Gone { error },
    }
}

/// Notices that open pages were told of already, as far back as the overlap.
struct Seen {
    after_ms: i64,
    ids: HashSet<String>,
}

impl Seen {
    fn is_new(&mut self, id: String, at_ms: i64) -> bool {
        if at_ms > self.after_ms + OVERLAP_MS {
            // What lies before the overlap will not be asked for again.
            self.ids.clear();
        }
        self.after_ms = self.after_ms.max(at_ms);
        self.ids.insert(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        assert_eq!((backoff_ms(0), backoff_ms(1), backoff_ms(99)), (30_000, 60_000, 6 * 3_600_000));
        let later = || Err(SendError::Later("x".to_owned()));
        assert_eq!(outcome(later(), 0, 5), Outcome::Later { at_ms: 30_005, error: "x".to_owned() });
        assert_eq!(outcome(later(), MOST_TRIES - 1, 5), Outcome::Failed { error: "x".to_owned() });
        let total: i64 = (0..MOST_TRIES).map(backoff_ms).sum();
        assert!(total > 12 * 3_600_000, "a server that is down for a night loses nothing");
        assert_eq!(outcome(Err(SendError::Gone("x".to_owned())), 0, 5), Outcome::Gone { error: "x".to_owned() });
    }
}

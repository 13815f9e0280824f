//! Ways out of the hub: each notice becomes deliveries (a letter, a push, a call of a webhook), and each delivery is tried
//! until it is done or given up. Also the reminders, which follow from the timetable.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row as _;

use super::notices::{NoticeSettings, PushTarget, SETTING_COLUMNS, Webhook, push_target, settings, webhook};
use super::outbox::Letter;
use super::sql::{self, int, json, optional_text, placeholders, text};
use super::{Store, StoreError, Tx};
use crate::domain::ids::{ConsultationId, PersonId, SchoolId};
use crate::domain::notice::{Channel, Notice};

/// Ways that the hub has at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ways {
    pub email: bool,
    pub push: bool,
    pub webhook: bool,
}

/// A notice that waits to be routed.
#[derive(Clone, Debug)]
pub struct Unrouted {
    pub outbox: String,
    pub school: SchoolId,
    pub notice: Notice,
}

/// One try to make.
#[derive(Clone, Debug)]
pub struct Due {
    pub id: String,
    pub school: SchoolId,
    pub person: Option<PersonId>,
    pub attempts: u32,
    pub created_ms: i64,
    pub notice: Notice,
    pub way: Way,
}

/// Where a delivery goes, with what it takes to get there.
#[derive(Clone, Debug)]
pub enum Way {
    Email(String),
    Push(PushTarget),
    Webhook(Webhook),
    /// The address, browser or webhook is there no more.
    Gone,
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Sent,
    /// Try again at this time.
    Later {
        at_ms: i64,
        error: String,
    },
    /// Never.
    Failed {
        error: String,
    },
    /// Never, and the browser or webhook is to be forgotten.
    Gone {
        error: String,
    },
}

/// A try that another hub makes is left alone for this long.
const LEASE_MS: i64 = 120_000;

impl Store {
    /// Notices that nobody has routed yet, oldest first.
    pub async fn unrouted(&self, limit: i64) -> Result<Vec<Unrouted>, StoreError> {
        let rows =
            sqlx::query("SELECT id, school_id, body FROM outbox WHERE routed_at IS NULL ORDER BY created_at LIMIT $1")
                .bind(limit)
                .fetch_all(self.readers())
                .await?;
        rows.iter()
            .map(|row| {
                Ok(Unrouted {
                    outbox: text(row, "id")?,
                    school: SchoolId::new(text(row, "school_id")?),
                    notice: json(&text(row, "body")?, "notice")?,
                })
            })
            .collect()
    }

    /// Makes the deliveries of a notice. `due` says when, for a person with these settings. Doing it twice makes nothing twice.
    pub async fn route(
        &self,
        one: Unrouted,
        ways: Ways,
        now_ms: i64,
        due: impl Fn(&NoticeSettings) -> i64 + Send + 'static,
    ) -> Result<usize, StoreError> {
        let topic = one.notice.topic();
        let mut rows = Vec::new();
        let delivery = |person: Option<&str>, channel: Channel, target: &str, due_ms: i64| {
            vec![
                uuid::Uuid::now_v7().to_string().into(),
                one.outbox.as_str().into(),
                one.school.as_str().into(),
                person.map(str::to_owned).into(),
                channel.as_str().into(),
                target.into(),
                "waiting".into(),
                due_ms.into(),
                0_i64.into(),
            ]
        };
        if ways.email || ways.push {
            let people: Vec<(String,)> = sqlx::query_as("SELECT person_id FROM notification WHERE outbox_id = $1")
                .bind(one.outbox.as_str())
                .fetch_all(self.readers())
                .await?;
            for chunk in people.chunks(400) {
                let chosen = self.settings_of(chunk).await?;
                let names: Vec<String> = chunk.iter().map(|(person,)| person.clone()).collect();
                let silenced = self.silenced(&names, now_ms).await?;
                let browsers = if ways.push { self.browsers_of(chunk).await? } else { Vec::new() };
                let usual = NoticeSettings::default();
                for (person,) in chunk.iter().filter(|(person,)| !silenced.contains(person)) {
                    let setting = chosen.get(person).unwrap_or(&usual);
                    let is_reachable = setting.email.is_some() && setting.is_email_confirmed;
                    if ways.email && is_reachable && setting.wants(topic, Channel::Email) {
                        rows.push(delivery(Some(person), Channel::Email, person, due(setting)));
                    }
                    if setting.wants(topic, Channel::Push) {
                        for (_, browser) in browsers.iter().filter(|(owner, _)| owner == person) {
                            rows.push(delivery(Some(person), Channel::Push, browser, due(setting)));
                        }
                    }
                }
            }
        }
        if ways.webhook {
            for hook in self.webhooks(&one.school).await?.iter().filter(|hook| !hook.is_disabled) {
                if hook.kinds.is_empty() || hook.kinds.iter().any(|kind| kind == one.notice.kind()) {
                    rows.push(delivery(None, Channel::Webhook, &hook.id, now_ms));
                }
            }
        }
        let made = rows.len();
        let outbox = one.outbox.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let done = sqlx::query("UPDATE outbox SET routed_at = $1 WHERE id = $2 AND routed_at IS NULL")
                    .bind(now_ms)
                    .bind(outbox)
                    .execute(tx.connection())
                    .await?;
                // Another hub was first: its deliveries are there.
                if done.rows_affected() == 0 {
                    return Ok(0);
                }
                let into = "delivery (id, outbox_id, school_id, person_id, channel, target, state, due_at, attempts)";
                sql::insert_many(tx.connection(), into, 9, rows).await?;
                Ok(made)
            })
        })
        .await
    }

    async fn settings_of(&self, people: &[(String,)]) -> Result<BTreeMap<String, NoticeSettings>, StoreError> {
        let sql = format!(
            "SELECT person_id, {SETTING_COLUMNS} FROM notice_setting WHERE person_id IN ({})",
            placeholders(1, people.len())
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for (person,) in people {
            query = query.bind(person);
        }
        let rows = query.fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok((text(row, "person_id")?, settings(row)?))).collect()
    }

    async fn browsers_of(&self, people: &[(String,)]) -> Result<Vec<(String, String)>, StoreError> {
        let sql = format!(
            "SELECT person_id, id FROM push_subscription WHERE person_id IN ({})",
            placeholders(1, people.len())
        );
        let mut query = sqlx::query_as(sqlx::AssertSqlSafe(sql));
        for (person,) in people {
            query = query.bind(person);
        }
        Ok(query.fetch_all(self.readers()).await?)
    }

    /// Takes deliveries that are due for oneself; others leave them alone for two minutes.
    pub async fn take_due(&self, now_ms: i64, limit: i64) -> Result<Vec<Due>, StoreError> {
        let waiting = sqlx::query(
            "SELECT id FROM delivery WHERE state = 'waiting' AND due_at <= $1
             AND (leased_until IS NULL OR leased_until <= $2) ORDER BY due_at LIMIT $3",
        )
        .bind(now_ms)
        .bind(now_ms)
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        let ids: Vec<String> = waiting.iter().map(|row| text(row, "id")).collect::<Result<_, _>>()?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let taken = self
            .write(move |tx| {
                Box::pin(async move {
                    let mut taken = Vec::new();
                    for id in ids {
                        let done = sqlx::query(
                            "UPDATE delivery SET leased_until = $1 WHERE id = $2 AND state = 'waiting'
                             AND (leased_until IS NULL OR leased_until <= $3)",
                        )
                        .bind(now_ms + LEASE_MS)
                        .bind(id.as_str())
                        .bind(now_ms)
                        .execute(tx.connection())
                        .await?;
                        if done.rows_affected() == 1 {
                            taken.push(id);
                        }
                    }
                    Ok::<_, StoreError>(taken)
                })
            })
            .await?;
        let mut due = Vec::with_capacity(taken.len());
        for id in taken {
            due.push(self.due_delivery(&id).await?);
        }
        Ok(due)
    }

    async fn due_delivery(&self, id: &str) -> Result<Due, StoreError> {
        let row = sqlx::query(
            "SELECT d.id, d.school_id, d.person_id, d.channel, d.target, d.attempts, o.body, o.created_at FROM delivery d
             JOIN outbox o ON o.id = d.outbox_id WHERE d.id = $1",
        )
        .bind(id)
        .fetch_one(self.readers())
        .await?;
        let target = text(&row, "target")?;
        let way = match Channel::parse(&text(&row, "channel")?) {
            Some(Channel::Email) => {
                let setting = self.notice_settings(&PersonId::new(target)).await?;
                setting.email.filter(|_| setting.is_email_confirmed).map_or(Way::Gone, Way::Email)
            }
            Some(Channel::Push) => {
                let row = sqlx::query("SELECT id, endpoint, p256dh, auth FROM push_subscription WHERE id = $1")
                    .bind(target)
                    .fetch_optional(self.readers())
                    .await?;
                row.as_ref().map(push_target).transpose()?.map_or(Way::Gone, Way::Push)
            }
            Some(Channel::Webhook) => {
                let row = sqlx::query(
                    "SELECT id, url, secret, kinds, created_at, disabled_at FROM webhook WHERE id = $1 AND disabled_at IS NULL",
                )
                .bind(target)
                .fetch_optional(self.readers())
                .await?;
                row.as_ref().map(webhook).transpose()?.map_or(Way::Gone, Way::Webhook)
            }
            None => Way::Gone,
        };
        Ok(Due {
            id: text(&row, "id")?,
            school: SchoolId::new(text(&row, "school_id")?),
            person: optional_text(&row, "person_id")?.map(PersonId::new),
            attempts: u32::try_from(int(&row, "attempts")?).unwrap_or(u32::MAX),
            created_ms: int(&row, "created_at")?,
            notice: json(&text(&row, "body")?, "notice")?,
            way,
        })
    }

    /// Writes down how a try ended.
    pub async fn settle_delivery(&self, id: String, outcome: Outcome, now_ms: i64) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let (state, due, error) = match &outcome {
                    Outcome::Sent => ("sent", None, None),
                    Outcome::Later { at_ms, error } => ("waiting", Some(*at_ms), Some(error.clone())),
                    Outcome::Failed { error } | Outcome::Gone { error } => ("failed", None, Some(error.clone())),
                };
                sqlx::query(
                    "UPDATE delivery SET state = $1, due_at = COALESCE($2, due_at), last_error = $3, leased_until = NULL,
                     attempts = attempts + 1, done_at = $4 WHERE id = $5",
                )
                .bind(state)
                .bind(due)
                .bind(error)
                .bind((state != "waiting").then_some(now_ms))
                .bind(id.as_str())
                .execute(tx.connection())
                .await?;
                if matches!(outcome, Outcome::Gone { .. }) {
                    sqlx::query(
                        "DELETE FROM push_subscription WHERE id = (SELECT target FROM delivery WHERE id = $1 AND channel = 'push')",
                    )
                    .bind(id.as_str())
                    .execute(tx.connection())
                    .await?;
                    sqlx::query(
                        "UPDATE webhook SET disabled_at = $1 WHERE id =
                         (SELECT target FROM delivery WHERE id = $2 AND channel = 'webhook')",
                    )
                    .bind(now_ms)
                    .bind(id.as_str())
                    .execute(tx.connection())
                    .await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// When a delivery is due next, to sleep until then; `None`: none waits.
    pub async fn next_delivery_ms(&self) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query("SELECT due_at FROM delivery WHERE state = 'waiting' ORDER BY due_at LIMIT 1")
            .fetch_optional(self.readers())
            .await?;
        row.map(|row| int(&row, "due_at")).transpose()
    }

    /// Deliveries by channel and state, for metrics and tests.
    pub async fn delivery_counts(&self) -> Result<BTreeMap<(String, String), i64>, StoreError> {
        let rows = sqlx::query("SELECT channel, state, COUNT(*) AS n FROM delivery GROUP BY channel, state")
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(|row| Ok(((text(row, "channel")?, text(row, "state")?), row.try_get("n")?))).collect()
    }

    /// Reminds of what begins within `minutes`: everybody concerned who chose that many. What has been reminded of (also
    /// before a restart) is left alone; a lesson that has been moved is reminded of anew.
    pub async fn remind(&self, minutes: u32, now_ms: i64) -> Result<usize, StoreError> {
        let until = now_ms + i64::from(minutes) * 60_000;
        let rows = sqlx::query(
            "SELECT id, school_id, start_at FROM consultation WHERE start_at > $1 AND start_at <= $2
             AND state IN ('planned', 'open') ORDER BY start_at",
        )
        .bind(now_ms)
        .bind(until)
        .fetch_all(self.readers())
        .await?;
        let mut reminded = 0;
        for row in &rows {
            let school = SchoolId::new(text(row, "school_id")?);
            let id = ConsultationId::new(text(row, "id")?);
            let key = format!("{id}:{}:{minutes}", int(row, "start_at")?);
            let known = sqlx::query("SELECT 1 FROM outbox WHERE school_id = $1 AND dedup_key = $2")
                .bind(school.as_str())
                .bind(format!("consultation_soon:{key}"))
                .fetch_optional(self.readers())
                .await?;
            if known.is_none() {
                let told =
                    self.write(move |tx| Box::pin(async move { tx.remind_of(school, id, key, minutes, now_ms).await }));
                reminded += usize::from(told.await?);
            }
        }
        Ok(reminded)
    }
}

impl Tx {
    async fn remind_of(
        &mut self,
        school: SchoolId,
        id: ConsultationId,
        key: String,
        minutes: u32,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let people: BTreeSet<PersonId> = self.concerned(&id).await?.into_iter().collect();
        let mut to = Vec::new();
        for person in people {
            let row = sqlx::query("SELECT reminder_minutes FROM notice_setting WHERE person_id = $1")
                .bind(person.as_str())
                .fetch_optional(self.connection())
                .await?;
            let chosen = match row {
                Some(row) => sql::optional_int(&row, "reminder_minutes")?,
                None => NoticeSettings::default().reminder_minutes.map(i64::from),
            };
            if chosen == Some(i64::from(minutes)) {
                to.push(person);
            }
        }
        let lesson = self.lesson_of(&id).await?;
        let minutes_left = u32::try_from((lesson.start_ms - now_ms + 59_999) / 60_000).unwrap_or(minutes);
        let notice = Notice::ConsultationSoon { lesson, minutes: minutes_left };
        self.enqueue(Letter { school, to, notice, key, now_ms }).await
    }
}

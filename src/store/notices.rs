//! What a person sees of their notices, and what they chose about them: list, unread, channels, quiet hours, pushes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Time;

use super::sql::{self, int, json, optional_int, optional_text, text, to_json};
use super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::ids::{PersonId, SchoolId};
use crate::domain::notice::{Channel, Notice, Topic};
use crate::domain::quiet::Quiet;

/// A notice in somebody's list.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: String,
    pub at_ms: i64,
    pub read_ms: Option<i64>,
    pub notice: Notice,
}

/// What a person chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeSettings {
    pub email: Option<String>,
    /// Letters go to a confirmed address only.
    pub is_email_confirmed: bool,
    /// Topics that differ from [`default_channels`].
    pub channels: BTreeMap<Topic, BTreeSet<Channel>>,
    /// Minutes before the start; `None`: no reminders.
    pub reminder_minutes: Option<u32>,
    pub quiet: Option<Quiet>,
}

/// Times before the start that can be chosen: a few, so that one look at the timetable serves everybody.
pub const REMINDER_MINUTES: [u32; 4] = [10, 30, 60, 1440];
const DEFAULT_REMINDER: u32 = 30;

/// Ways out for a topic nobody has chosen about.
pub fn default_channels() -> BTreeSet<Channel> {
    BTreeSet::from([Channel::Email, Channel::Push])
}

impl Default for NoticeSettings {
    fn default() -> Self {
        Self {
            email: None,
            is_email_confirmed: false,
            channels: BTreeMap::new(),
            reminder_minutes: Some(DEFAULT_REMINDER),
            quiet: None,
        }
    }
}

impl NoticeSettings {
    pub fn wants(&self, topic: Topic, channel: Channel) -> bool {
        self.channels.get(&topic).map_or_else(|| default_channels().contains(&channel), |set| set.contains(&channel))
    }
}

/// A browser that takes pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushTarget {
    pub id: String,
    pub endpoint: String,
    /// base64url: the browser's public key and secret.
    pub p256dh: String,
    pub auth: String,
}

/// Browsers of one person; the oldest gives way to one more.
const MOST_BROWSERS: i64 = 10;
/// Wrong codes for one address.
const MOST_TRIES: i64 = 5;
/// A code is good for this long.
const CODE_LIFE_MS: i64 = 30 * 60_000;

pub(super) const SETTING_COLUMNS: &str = "email, email_confirmed_at, channels, reminder_minutes, quiet_from, quiet_to";

pub(super) fn settings(row: &sqlx::any::AnyRow) -> Result<NoticeSettings, StoreError> {
    let clock = |column| -> Result<Option<Time>, StoreError> {
        optional_text(row, column)?.map(|text| sql::time(&text)).transpose()
    };
    Ok(NoticeSettings {
        email: optional_text(row, "email")?,
        is_email_confirmed: optional_int(row, "email_confirmed_at")?.is_some(),
        channels: json(&text(row, "channels")?, "channels")?,
        reminder_minutes: optional_int(row, "reminder_minutes")?.and_then(|minutes| u32::try_from(minutes).ok()),
        quiet: clock("quiet_from")?.zip(clock("quiet_to")?).map(|(from, to)| Quiet { from, to }),
    })
}

impl Store {
    /// The newest notices of a person, older than `before_ms`.
    pub async fn notices(&self, person: &PersonId, before_ms: i64, limit: i64) -> Result<Vec<Told>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, body, created_at, read_at FROM notification WHERE person_id = $1 AND created_at < $2
             ORDER BY created_at DESC, id DESC LIMIT $3",
        )
        .bind(person.as_str())
        .bind(before_ms)
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Told {
                    id: text(row, "id")?,
                    at_ms: int(row, "created_at")?,
                    read_ms: optional_int(row, "read_at")?,
                    notice: json(&text(row, "body")?, "notice")?,
                })
            })
            .collect()
    }

    pub async fn unread_notices(&self, person: &PersonId) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) AS n FROM notification WHERE person_id = $1 AND read_at IS NULL")
            .bind(person.as_str())
            .fetch_one(self.readers())
            .await?;
        int(&row, "n")
    }

    /// Marks a person's notices up to an instant (included) as read.
    pub async fn read_notices(&self, person: PersonId, until_ms: i64, now_ms: i64) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE notification SET read_at = $1 WHERE person_id = $2 AND read_at IS NULL AND created_at <= $3",
                )
                .bind(now_ms)
                .bind(person.as_str())
                .bind(until_ms)
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Who was told something after this instant: (when, who), oldest first.
    pub async fn told_since(&self, after_ms: i64, limit: i64) -> Result<Vec<(String, i64, PersonId)>, StoreError> {
        let rows: Vec<(String, i64, String)> = sqlx::query_as(
            "SELECT id, created_at, person_id FROM notification WHERE created_at > $1 ORDER BY created_at, id LIMIT $2",
        )
        .bind(after_ms)
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        Ok(rows.into_iter().map(|(id, at, person)| (id, at, PersonId::new(person))).collect())
    }

    /// What a person chose; the defaults when nothing.
    pub async fn notice_settings(&self, person: &PersonId) -> Result<NoticeSettings, StoreError> {
        let sql = format!("SELECT {SETTING_COLUMNS} FROM notice_setting WHERE person_id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str()).fetch_optional(self.readers()).await?;
        row.as_ref().map_or_else(|| Ok(NoticeSettings::default()), settings)
    }

    /// Writes channels, reminder and quiet hours; the address has its own way.
    pub async fn set_notice_settings(
        &self,
        school: SchoolId,
        person: PersonId,
        chosen: NoticeSettings,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                tx.ensure_notice_setting(&school, &person, now_ms).await?;
                sqlx::query(
                    "UPDATE notice_setting SET channels = $1, reminder_minutes = $2, quiet_from = $3, quiet_to = $4,
                     updated_at = $5 WHERE person_id = $6",
                )
                .bind(to_json(&chosen.channels))
                .bind(chosen.reminder_minutes.map(i64::from))
                .bind(chosen.quiet.map(|quiet| quiet.from.to_string()))
                .bind(chosen.quiet.map(|quiet| quiet.to.to_string()))
                .bind(now_ms)
                .bind(person.as_str())
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Writes a new address, not confirmed yet; an empty one takes letters away.
    pub async fn set_email(
        &self,
        school: SchoolId,
        person: PersonId,
        email: Option<(String, String)>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                tx.ensure_notice_setting(&school, &person, now_ms).await?;
                let (email, code) = email.unzip();
                sqlx::query(
                    "UPDATE notice_setting SET email = $1, email_confirmed_at = NULL, email_code_hash = $2,
                     email_code_at = $3, email_code_tries = 0, updated_at = $4 WHERE person_id = $5",
                )
                .bind(email)
                .bind(code.map(|code| super::audit::digest(&code)))
                .bind(now_ms)
                .bind(now_ms)
                .bind(person.as_str())
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Confirms the address by the code that was sent there. `false`: wrong, too old, or too many tries.
    pub async fn confirm_email(&self, person: PersonId, code: String, now_ms: i64) -> Result<bool, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let done = sqlx::query(
                    "UPDATE notice_setting SET email_confirmed_at = $1, email_code_hash = NULL WHERE person_id = $2
                     AND email_code_hash = $3 AND email_code_at > $4 AND email_code_tries < $5",
                )
                .bind(now_ms)
                .bind(person.as_str())
                .bind(super::audit::digest(&code))
                .bind(now_ms - CODE_LIFE_MS)
                .bind(MOST_TRIES)
                .execute(tx.connection())
                .await?;
                if done.rows_affected() == 0 {
                    sqlx::query(
                        "UPDATE notice_setting SET email_code_tries = email_code_tries + 1 WHERE person_id = $1",
                    )
                    .bind(person.as_str())
                    .execute(tx.connection())
                    .await?;
                }
                Ok(done.rows_affected() == 1)
            })
        })
        .await
    }

    /// Remembers a browser. One that is known moves to the person who signed in there last.
    pub async fn add_push(
        &self,
        school: SchoolId,
        person: PersonId,
        target: PushTarget,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO push_subscription (id, school_id, person_id, endpoint, p256dh, auth, created_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (endpoint) DO UPDATE SET
                     school_id = excluded.school_id, person_id = excluded.person_id, p256dh = excluded.p256dh,
                     auth = excluded.auth, created_at = excluded.created_at",
                )
                .bind(target.id)
                .bind(school.as_str())
                .bind(person.as_str())
                .bind(target.endpoint)
                .bind(target.p256dh)
                .bind(target.auth)
                .bind(now_ms)
                .execute(tx.connection())
                .await?;
                sqlx::query(
                    "DELETE FROM push_subscription WHERE person_id = $1 AND id NOT IN (SELECT id FROM push_subscription
                     WHERE person_id = $2 ORDER BY created_at DESC LIMIT $3)",
                )
                .bind(person.as_str())
                .bind(person.as_str())
                .bind(MOST_BROWSERS)
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Forgets a browser of this person.
    pub async fn remove_push(&self, person: PersonId, endpoint: String) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query("DELETE FROM push_subscription WHERE person_id = $1 AND endpoint = $2")
                    .bind(person.as_str())
                    .bind(endpoint)
                    .execute(tx.connection())
                    .await?;
                Ok(())
            })
        })
        .await
    }

    pub async fn push_targets(&self, person: &PersonId) -> Result<Vec<PushTarget>, StoreError> {
        let rows = sqlx::query("SELECT id, endpoint, p256dh, auth FROM push_subscription WHERE person_id = $1")
            .bind(person.as_str())
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(push_target).collect()
    }

    /// A secret that the hub makes for itself once: the stored one, or `fresh` when there is none yet.
    pub async fn hub_secret(&self, name: &'static str, fresh: String, now_ms: i64) -> Result<String, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO hub_secret (name, value, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
                )
                .bind(name)
                .bind(fresh)
                .bind(now_ms)
                .execute(tx.connection())
                .await?;
                let row = sqlx::query("SELECT value FROM hub_secret WHERE name = $1")
                    .bind(name)
                    .fetch_one(tx.connection())
                    .await?;
                text(&row, "value")
            })
        })
        .await
    }
}

pub(super) fn push_target(row: &sqlx::any::AnyRow) -> Result<PushTarget, StoreError> {
    Ok(PushTarget {
        id: text(row, "id")?,
        endpoint: text(row, "endpoint")?,
        p256dh: text(row, "p256dh")?,
        auth: text(row, "auth")?,
    })
}

impl Tx {
    async fn ensure_notice_setting(
        &mut self,
        school: &SchoolId,
        person: &PersonId,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO notice_setting (person_id, school_id, email_code_tries, channels, reminder_minutes, updated_at)
             VALUES ($1, $2, 0, '{}', $3, $4) ON CONFLICT (person_id) DO NOTHING",
        )
        .bind(person.as_str())
        .bind(school.as_str())
        .bind(i64::from(DEFAULT_REMINDER))
        .bind(now_ms)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}

/// A subscriber of the school's events: a system of the school or of its region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub id: String,
    pub url: String,
    /// Key of the signatures.
    pub secret: String,
    /// Kinds of notices; empty: all.
    pub kinds: Vec<String>,
    pub created_ms: i64,
    pub is_disabled: bool,
}

pub(super) fn webhook(row: &sqlx::any::AnyRow) -> Result<Webhook, StoreError> {
    Ok(Webhook {
        id: text(row, "id")?,
        url: text(row, "url")?,
        secret: text(row, "secret")?,
        kinds: json(&text(row, "kinds")?, "kinds")?,
        created_ms: int(row, "created_at")?,
        is_disabled: optional_int(row, "disabled_at")?.is_some(),
    })
}

/// Webhooks of one school.
const MOST_WEBHOOKS: usize = 20;

impl Store {
    pub async fn webhooks(&self, school: &SchoolId) -> Result<Vec<Webhook>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, url, secret, kinds, created_at, disabled_at FROM webhook WHERE school_id = $1 ORDER BY created_at",
        )
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(webhook).collect()
    }

    /// [`StoreError::Conflict`]: there are enough already.
    pub async fn add_webhook(
        &self,
        school: SchoolId,
        by: PersonId,
        hook: Webhook,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        if self.webhooks(&school).await?.len() >= MOST_WEBHOOKS {
            return Err(StoreError::Conflict);
        }
        self.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO webhook (id, school_id, url, secret, kinds, created_by, created_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7)",
                )
                .bind(hook.id.as_str())
                .bind(school.as_str())
                .bind(hook.url.as_str())
                .bind(hook.secret.as_str())
                .bind(to_json(&hook.kinds))
                .bind(by.as_str())
                .bind(now_ms)
                .execute(tx.connection())
                .await?;
                let event = AuditEvent::new(school, now_ms, "webhook.add", "webhook", &hook.id).by(&by, None);
                tx.audit(event).await
            })
        })
        .await
    }

    pub async fn remove_webhook(
        &self,
        school: SchoolId,
        by: PersonId,
        id: String,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let done = sqlx::query("DELETE FROM webhook WHERE id = $1 AND school_id = $2")
                    .bind(id.as_str())
                    .bind(school.as_str())
                    .execute(tx.connection())
                    .await?;
                if done.rows_affected() == 0 {
                    return Err(StoreError::NotFound);
                }
                let event = AuditEvent::new(school, now_ms, "webhook.remove", "webhook", &id).by(&by, None);
                tx.audit(event).await
            })
        })
        .await
    }
}

//! Chat of the rooms: appended with a sequence without gaps, idempotent by the client's own name of a message.

use signaling::ids::{ClientMessageId, MessageId, PeerId, PersonId as WirePerson};
use signaling::message::chat::ChatMessage;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Store, StoreError, Tx};
use crate::domain::ids::{ConsultationId, PersonId, SchoolId};

/// An author may edit for this long.
pub const EDIT_WINDOW_MS: i64 = 30 * 60 * 1000;

const COLUMNS: &str =
    "id, seq, author_id, author_name, peer, client_msg_id, body, sent_at, edited_at, hidden_at, reply_to";

/// A message to keep.
#[derive(Clone, Debug)]
pub struct NewMessage {
    pub school: SchoolId,
    pub room: ConsultationId,
    pub author: PersonId,
    pub author_name: String,
    pub peer: PeerId,
    pub client_msg_id: ClientMessageId,
    pub body: String,
    pub reply_to: Option<MessageId>,
    pub sent_ms: i64,
}

/// Why an edit or a deletion did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// No such message in this room, or it is deleted.
    #[error("no such message")]
    NotFound,
    /// Somebody else's.
    #[error("not the author")]
    NotAuthor,
    /// The 30 minutes are over.
    #[error("too late to edit")]
    TooLate,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Keeps a message. The same author's same `client_msg_id` again gives the first row and `true`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name was used in another room.
    pub async fn append_message(&self, new: NewMessage) -> Result<(ChatMessage, bool), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                if let Some((room, message)) = by_client_name(tx, &new.author, &new.client_msg_id).await? {
                    return if room == new.room.as_str() { Ok((message, true)) } else { Err(StoreError::Conflict) };
                }
                let (last,): (i64,) =
                    sqlx::query_as("SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT) FROM message WHERE room_id = $1")
                        .bind(new.room.as_str())
                        .fetch_one(tx.connection())
                        .await?;
                let id = uuid::Uuid::now_v7().to_string();
                sqlx::query(
                    "INSERT INTO message (id, school_id, room_id, seq, author_id, author_name, peer, client_msg_id, body,
                     reply_to, sent_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                )
                .bind(id.as_str())
                .bind(new.school.as_str())
                .bind(new.room.as_str())
                .bind(last + 1)
                .bind(new.author.as_str())
                .bind(new.author_name.as_str())
                .bind(new.peer.as_str())
                .bind(new.client_msg_id.as_str())
                .bind(new.body.as_str())
                .bind(new.reply_to.as_ref().map(MessageId::as_str))
                .bind(new.sent_ms)
                .execute(tx.connection())
                .await?;
                let message = ChatMessage {
                    message: MessageId::new(id),
                    seq: unsigned(last + 1),
                    author: WirePerson::new(new.author.as_str()),
                    author_name: new.author_name,
                    peer: Some(new.peer),
                    client_msg_id: new.client_msg_id,
                    body: new.body,
                    sent_ms: unsigned(new.sent_ms),
                    edited_ms: None,
                    deleted: false,
                    reply_to: new.reply_to,
                };
                Ok((message, false))
            })
        })
        .await
    }

    /// Replaces the text of an own message within [`EDIT_WINDOW_MS`]; the earlier text is kept.
    pub async fn edit_message(
        &self,
        room: ConsultationId,
        id: MessageId,
        by: PersonId,
        body: String,
        now_ms: i64,
    ) -> Result<ChatMessage, ChangeError> {
        self.write(move |tx| {
            Box::pin(async move {
                let mut message = one(tx, &room, &id).await?.ok_or(ChangeError::NotFound)?;
                if message.author.as_str() != by.as_str() {
                    return Err(ChangeError::NotAuthor);
                }
                if message.deleted {
                    return Err(ChangeError::NotFound);
                }
                if now_ms - signed(message.sent_ms) > EDIT_WINDOW_MS {
                    return Err(ChangeError::TooLate);
                }
                if message.body == body {
                    return Ok(message);
                }
                // Two edits of one millisecond: the row keeps the first text of that moment.
                sqlx::query(
                    "INSERT INTO message_edit (message_id, at, body) SELECT id, $2, body FROM message WHERE id = $1
                     ON CONFLICT DO NOTHING",
                )
                .bind(id.as_str())
                .bind(now_ms)
                .execute(tx.connection())
                .await
                .map_err(StoreError::from)?;
                sqlx::query("UPDATE message SET body = $2, edited_at = $3 WHERE id = $1")
                    .bind(id.as_str())
                    .bind(body.as_str())
                    .bind(now_ms)
                    .execute(tx.connection())
                    .await
                    .map_err(StoreError::from)?;
                message.body = body;
                message.edited_ms = Some(unsigned(now_ms));
                Ok(message)
            })
        })
        .await
    }

    /// Hides a message: its author's or, for a moderator, anybody's. The row keeps its text for evidence.
    pub async fn hide_message(
        &self,
        room: ConsultationId,
        id: MessageId,
        by: PersonId,
        moderator: bool,
        now_ms: i64,
    ) -> Result<ChatMessage, ChangeError> {
        self.write(move |tx| {
            Box::pin(async move {
                let mut message = one(tx, &room, &id).await?.ok_or(ChangeError::NotFound)?;
                if !moderator && message.author.as_str() != by.as_str() {
                    return Err(ChangeError::NotAuthor);
                }
                sqlx::query("UPDATE message SET hidden_at = $2, hidden_by = $3 WHERE id = $1 AND hidden_at IS NULL")
                    .bind(id.as_str())
                    .bind(now_ms)
                    .bind(by.as_str())
                    .execute(tx.connection())
                    .await
                    .map_err(StoreError::from)?;
                message.deleted = true;
                message.body = String::new();
                Ok(message)
            })
        })
        .await
    }

    /// Up to `limit` messages with a number below `before_seq` (none: the newest), oldest first, and whether there are
    /// older ones.
    pub async fn message_page(
        &self,
        room: &ConsultationId,
        before_seq: Option<u64>,
        limit: u16,
    ) -> Result<(Vec<ChatMessage>, bool), StoreError> {
        let before = before_seq.map_or(i64::MAX, signed);
        let sql = format!("SELECT {COLUMNS} FROM message WHERE room_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(room.as_str())
            .bind(before)
            .bind(i64::from(limit) + 1)
            .fetch_all(self.readers())
            .await?;
        let more = rows.len() > usize::from(limit);
        let mut messages = rows.iter().take(usize::from(limit)).map(message).collect::<Result<Vec<_>, StoreError>>()?;
        messages.reverse();
        Ok((messages, more))
    }

    /// Highest number of a room; 0: nothing was written.
    pub async fn last_message_seq(&self, room: &ConsultationId) -> Result<u64, StoreError> {
        let (last,): (i64,) =
            sqlx::query_as("SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT) FROM message WHERE room_id = $1")
                .bind(room.as_str())
                .fetch_one(self.readers())
                .await?;
        Ok(unsigned(last))
    }
}

async fn by_client_name(
    tx: &mut Tx,
    author: &PersonId,
    name: &ClientMessageId,
) -> Result<Option<(String, ChatMessage)>, StoreError> {
    let sql = format!("SELECT room_id, {COLUMNS} FROM message WHERE author_id = $1 AND client_msg_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(author.as_str())
        .bind(name.as_str())
        .fetch_optional(tx.connection())
        .await?;
    row.map(|row| Ok((row.try_get("room_id")?, message(&row)?))).transpose()
}

async fn one(tx: &mut Tx, room: &ConsultationId, id: &MessageId) -> Result<Option<ChatMessage>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM message WHERE room_id = $1 AND id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(room.as_str())
        .bind(id.as_str())
        .fetch_optional(tx.connection())
        .await?;
    row.as_ref().map(message).transpose()
}

fn message(row: &AnyRow) -> Result<ChatMessage, StoreError> {
    let deleted = row.try_get::<Option<i64>, _>("hidden_at")?.is_some();
    Ok(ChatMessage {
        message: MessageId::new(row.try_get::<String, _>("id")?),
        seq: unsigned(row.try_get("seq")?),
        author: WirePerson::new(row.try_get::<String, _>("author_id")?),
        author_name: row.try_get("author_name")?,
        peer: row.try_get::<Option<String>, _>("peer")?.map(PeerId::new),
        client_msg_id: ClientMessageId::new(row.try_get::<String, _>("client_msg_id")?),
        body: if deleted { String::new() } else { row.try_get("body")? },
        sent_ms: unsigned(row.try_get("sent_at")?),
        edited_ms: row.try_get::<Option<i64>, _>("edited_at")?.map(unsigned),
        deleted,
        reply_to: row.try_get::<Option<String>, _>("reply_to")?.map(MessageId::new),
    })
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::fresh(dir.path()).await;
        (dir, store)
    }

    fn new(room: &str, author: &str, name: &str) -> NewMessage {
        NewMessage {
            school: SchoolId::new("s"),
            room: ConsultationId::new(room),
            author: PersonId::new(author),
            author_name: "A".into(),
            peer: PeerId::new("p"),
            client_msg_id: ClientMessageId::new(name),
            body: format!("body {name}"),
            reply_to: None,
            sent_ms: 1_000,
        }
    }

    #[tokio::test]
    async fn numbers_have_no_gaps_and_a_repeat_gives_the_first_row() {
        let (_dir, store) = store().await;
        let writes = (0..40).map(|n| store.append_message(new("r", "ann", &format!("{}", n / 2))));
        let written = futures_util::future::try_join_all(writes).await.unwrap();
        let repeats = written.iter().filter(|(_, repeated)| *repeated).count();
        assert_eq!(repeats, 20);
        let (page, more) = store.message_page(&ConsultationId::new("r"), None, 100).await.unwrap();
        assert_eq!(page.iter().map(|message| message.seq).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
        assert!(!more);
        let other = store.append_message(new("other", "ann", "0")).await;
        assert!(matches!(other, Err(StoreError::Conflict)));
    }

    #[tokio::test]
    async fn pages_go_back_to_the_first_message() {
        let (_dir, store) = store().await;
        for n in 0..7 {
            store.append_message(new("r", "ann", &n.to_string())).await.unwrap();
        }
        let room = ConsultationId::new("r");
        let (page, more) = store.message_page(&room, None, 3).await.unwrap();
        assert_eq!((page[0].seq, page[2].seq, more), (5, 7, true));
        let (page, more) = store.message_page(&room, Some(5), 4).await.unwrap();
        assert_eq!((page[0].seq, page[3].seq, more), (1, 4, false));
        assert_eq!(store.last_message_seq(&room).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn only_the_author_edits_and_only_for_half_an_hour() {
        let (_dir, store) = store().await;
        let (message, _) = store.append_message(new("r", "ann", "1")).await.unwrap();
        let edit = |by: &str, now_ms| {
            store.edit_message(
                ConsultationId::new("r"),
                message.message.clone(),
                PersonId::new(by),
                "new".into(),
                now_ms,
            )
        };
        assert!(matches!(edit("bob", 2_000).await, Err(ChangeError::NotAuthor)));
        assert!(matches!(edit("ann", 1_001 + EDIT_WINDOW_MS).await, Err(ChangeError::TooLate)));
        assert_eq!(edit("ann", 2_000).await.unwrap().body, "new");
        let hidden = store
            .hide_message(ConsultationId::new("r"), message.message.clone(), PersonId::new("t"), true, 3_000)
            .await
            .unwrap();
        assert!(hidden.deleted && hidden.body.is_empty());
        assert!(matches!(edit("ann", 4_000).await, Err(ChangeError::NotFound)));
        let (page, _) = store.message_page(&ConsultationId::new("r"), None, 9).await.unwrap();
        assert!(page[0].deleted && page[0].body.is_empty());
    }
}

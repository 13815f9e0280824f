//! Chat: ordered per room by `seq`, acknowledged only after the store has it, idempotent by `client_msg_id`.

use super::wire;
use crate::ids::{ClientMessageId, MessageId, PeerId, PersonId};

wire! {
    /// Write. `body` 1 to 4,000 characters of plain text. Refusals: `role_not_permitted`, `host_absent`,
    /// `room_locked`, `slow_mode` (with `retry_after_ms`), `rate_limited`, `storage_full`, `unavailable`.
    pub struct ChatSend {
        pub client_msg_id: ClientMessageId,
        pub body: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reply_to: Option<MessageId>,
    }
}
wire! { /// Author only, within 30 minutes.
pub struct ChatEdit { pub message: MessageId, pub body: String } }
wire! { /// Author (own) or moderator (hides it). The row stays for evidence.
pub struct ChatDelete { pub message: MessageId } }
wire! {
    /// Ask for messages with `seq` below `before_seq` (none: the newest), newest `limit` (1 to 100) of them.
    pub struct ChatHistoryRequest {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub before_seq: Option<u64>,
        pub limit: u16,
    }
}
wire! {
    /// The store has it. A repeated `client_msg_id` gets the first answer again.
    pub struct ChatAck { pub client_msg_id: ClientMessageId, pub message: MessageId, pub seq: u64 }
}
wire! {
    /// A message; also sent to its author.
    pub struct ChatMessage {
        pub message: MessageId,
        /// 1, 2, 3 … without gaps in one room.
        pub seq: u64,
        pub author: PersonId,
        pub author_name: String,
        /// The author's seat, if it was written in this opening of the room.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub peer: Option<PeerId>,
        pub client_msg_id: ClientMessageId,
        /// Empty when deleted.
        pub body: String,
        pub sent_ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub edited_ms: Option<u64>,
        pub deleted: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reply_to: Option<MessageId>,
    }
}
wire! { /// An earlier message was edited or deleted.
pub struct ChatChanged { pub message: ChatMessage } }
wire! {
    /// A stretch of the chat, oldest first.
    pub struct ChatHistory {
        pub messages: Vec<ChatMessage>,
        /// Highest `seq` of the room; 0 when empty.
        pub last_seq: u64,
        /// There are older ones.
        pub more: bool,
    }
}

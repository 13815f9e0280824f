//! What waits to be written to one WebSocket: bounded in bytes and in time, pushed without ever waiting.
//!
//! A reader that falls behind loses its socket, not its messages: it resumes and gets the chat by sequence number.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use signaling::message::ServerMessage;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Most bytes that may wait.
pub const MOST_BYTES: usize = 1 << 20;
/// Longest that one write may take.
pub const WRITE_WAIT: Duration = Duration::from_secs(10);

/// Why the hub ends a socket: the WebSocket close codes of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// The client left.
    Normal = 1000,
    /// The hub restarts.
    GoingAway = 1001,
    Protocol = 1002,
    /// A binary frame.
    Unsupported = 1003,
    BadUtf8 = 1007,
    /// No `hello`, or a second one.
    Policy = 1008,
    TooBig = 1009,
    /// A fault of ours.
    Internal = 1011,
    /// Not signed in, or not any more.
    NotAuthenticated = 4001,
    /// The client reads too slowly.
    TooSlow = 4008,
    /// The client writes too fast.
    Flood = 4029,
}

/// The next thing for the writer.
#[derive(Debug)]
pub enum Item {
    Text(Utf8Bytes),
    Ping,
    Close(CloseCode, &'static str),
}

/// The sending side; cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbox {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Notify,
    /// Goes off when a close is queued.
    closed: CancellationToken,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    /// Nothing is taken any more: a close is queued, or the writer is gone.
    closed: bool,
}

impl Outbox {
    pub fn new() -> Self {
        let shared = Shared { queue: Mutex::default(), wake: Notify::new(), closed: CancellationToken::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Queues a text that may be shared with other outboxes. Full: everything waiting is dropped and the socket closes
    /// with [`CloseCode::TooSlow`].
    pub fn text(&self, text: Utf8Bytes) {
        let mut queue = self.queue();
        if queue.closed {
            return;
        }
        if queue.bytes + text.len() > MOST_BYTES {
            drop(queue);
            self.give_up();
            return;
        }
        queue.bytes += text.len();
        queue.items.push_back(Item::Text(text));
        drop(queue);
        self.shared.wake.notify_one();
    }

    /// The reader is too slow: whatever waits is dropped, and the socket closes.
    pub fn give_up(&self) {
        metrics::counter!("kafedra_outbox_overflows_total").increment(1);
        let mut queue = self.queue();
        queue.items.clear();
        queue.bytes = 0;
        queue.items.push_back(Item::Close(CloseCode::TooSlow, "reading too slowly"));
        queue.closed = true;
        drop(queue);
        self.shared.closed.cancel();
        self.shared.wake.notify_one();
    }

    pub fn message(&self, message: &ServerMessage) {
        self.text(encode(message));
    }

    pub fn ping(&self) {
        let mut queue = self.queue();
        if !queue.closed {
            queue.items.push_back(Item::Ping);
        }
        drop(queue);
        self.shared.wake.notify_one();
    }

    /// Queues the end, behind what waits.
    pub fn close(&self, code: CloseCode, reason: &'static str) {
        let mut queue = self.queue();
        if !queue.closed {
            queue.items.push_back(Item::Close(code, reason));
            queue.closed = true;
        }
        drop(queue);
        self.shared.closed.cancel();
        self.shared.wake.notify_one();
    }

    /// Waits until a close is queued or done.
    pub async fn closed(&self) {
        self.shared.closed.cancelled().await;
    }

    /// The next item, in order.
    pub async fn next(&self) -> Item {
        loop {
            if let Some(item) = self.pop() {
                return item;
            }
            self.shared.wake.notified().await;
        }
    }

    fn pop(&self) -> Option<Item> {
        let mut queue = self.queue();
        let item = queue.items.pop_front()?;
        if let Item::Text(text) = &item {
            queue.bytes -= text.len();
        }
        Some(item)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.shared.queue.lock().expect("no code panics while it holds the lock")
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}

/// One message as it goes over the wire.
pub fn encode(message: &ServerMessage) -> Utf8Bytes {
    serde_json::to_string(message).expect("messages have string keys and finite numbers").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_outbox_ends_with_one_close_and_nothing_else() {
        let outbox = Outbox::new();
        for _ in 0..3 {
            outbox.text("x".repeat(MOST_BYTES / 2).into());
        }
        outbox.text("late".into());
        assert!(matches!(outbox.next().await, Item::Close(CloseCode::TooSlow, _)));
        outbox.closed().await;
        assert!(outbox.pop().is_none());
    }

    #[tokio::test]
    async fn items_leave_in_order_and_free_their_bytes() {
        let outbox = Outbox::new();
        for n in 0..100 {
            outbox.text(n.to_string().into());
            let Item::Text(text) = outbox.next().await else { panic!("closed") };
            assert_eq!(text.as_str(), n.to_string());
        }
        outbox.close(CloseCode::Normal, "bye");
        assert!(matches!(outbox.next().await, Item::Close(CloseCode::Normal, _)));
    }
}

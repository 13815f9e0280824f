//! Notices on their way out: routed by what people chose, sent as letters, pushes and webhooks, tried again until done.
//!
//! `driver` owns the loop; `mail`, `push` and `webhook` each make one try; `words` puts a notice into words; `outside` keeps
//! every call away from the school's own network. What is to be told stands in the store (`store::outbox`) before this part
//! hears of it, so a crash delays and loses nothing.

pub mod driver;
pub mod mail;
pub mod outside;
pub mod push;
pub mod webhook;
pub mod words;

use tokio::sync::mpsc;

/// Tells the driver that something waits. Cheap to clone; never waited on.
#[derive(Clone, Debug)]
pub struct NotifyHandle {
    pokes: mpsc::Sender<()>,
}

impl NotifyHandle {
    /// A handle and what the driver listens on.
    pub fn new() -> (Self, mpsc::Receiver<()>) {
        let (pokes, poked) = mpsc::channel(1);
        (Self { pokes }, poked)
    }

    pub fn poke(&self) {
        // A full queue holds a poke already.
        let _ = self.pokes.try_send(());
    }
}

/// How a try failed.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Worth another try.
    #[error("for now: {0}")]
    Later(String),
    /// It will never work for this notice.
    #[error("refused: {0}")]
    Never(String),
    /// The receiver is there no more.
    #[error("gone: {0}")]
    Gone(String),
}

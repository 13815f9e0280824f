//! Password checks off the event loop: as many at once as there are cores, one second of queue, then `unavailable`.
//! An unknown login costs the same CPU as a wrong password.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::password;

const LONGEST_QUEUE: Duration = Duration::from_secs(1);

/// Checks passwords; cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// The hash that stands in for people who are not there.
    nobody: Arc<str>,
    checks: Arc<AtomicU64>,
}

/// All permits were taken for a second: try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl Passwords {
    /// As many checks at once as cores. Hashes once, for the stand-in.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            permits: Arc::new(Semaphore::new(cores)),
            nobody: password::hash("nobody").into(),
            checks: Arc::default(),
        }
    }

    /// Whether the password fits. `phc` is `None` for an unknown login: the answer is no after the same work.
    ///
    /// # Errors
    /// [`Busy`] after a second of queueing.
    pub async fn verify(&self, given: String, phc: Option<String>) -> Result<bool, Busy> {
        let permit = self.permit().await?;
        let (nobody, checks) = (Arc::clone(&self.nobody), Arc::clone(&self.checks));
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            checks.fetch_add(1, Ordering::Relaxed);
            let fits = password::verify(&given, phc.as_deref().unwrap_or(&nobody));
            fits && phc.is_some()
        })
        .await
        .map_err(|_| Busy)
    }

    /// The PHC string of a new password.
    ///
    /// # Errors
    /// [`Busy`] after a second of queueing.
    pub async fn hash(&self, new: String) -> Result<String, Busy> {
        let permit = self.permit().await?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            password::hash(&new)
        })
        .await
        .map_err(|_| Busy)
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Busy> {
        let permit = tokio::time::timeout(LONGEST_QUEUE, Arc::clone(&self.permits).acquire_owned()).await;
        permit.map_err(|_| Busy)?.map_err(|_| Busy)
    }

    /// How many passwords were hashed for comparison.
    pub fn checks(&self) -> u64 {
        self.checks.load(Ordering::Relaxed)
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn as_many_at_once_as_cores_and_who_waits_a_second_is_sent_away() {
        let passwords = Passwords::new();
        let cores = std::thread::available_parallelism().unwrap().get();
        assert_eq!(passwords.permits.available_permits(), cores);
        let held = Arc::clone(&passwords.permits).acquire_many_owned(u32::try_from(cores).unwrap()).await.unwrap();
        let start = tokio::time::Instant::now();
        assert_eq!(passwords.verify("x".to_owned(), None).await, Err(Busy));
        assert!(start.elapsed() >= LONGEST_QUEUE);
        assert_eq!(passwords.checks(), 0, "nothing was hashed");
        drop(held);
        assert_eq!(passwords.verify("x".to_owned(), None).await, Ok(false));
    }
}

//! Token buckets by key, a person or an address: so many in a time, so many at once.
//!
//! A bucket that is full again is forgotten, so that the memory follows who is active and not who has ever been here.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

/// Most keys remembered.
const CAPACITY: usize = 20_000;

/// Buckets of one size for many keys.
pub struct Buckets<K: Hash + Eq + Clone, C: Clock = DefaultClock> {
    limiter: RateLimiter<K, DashMapStateStore<K>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
    capacity: usize,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// `count` in `time`, after `burst` at once. Zeros count as one: a limit that lets nobody in is a mistake.
    pub fn new(count: u32, time: Duration, burst: u32) -> Self {
        Self::with_clock(count, time, burst, CAPACITY, DefaultClock::default())
    }
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Buckets<K, C> {
    fn with_clock(count: u32, time: Duration, burst: u32, capacity: usize, clock: C) -> Self {
        let quota = Quota::with_period((time / count.max(1)).max(Duration::from_nanos(1)))
            .expect("the period is at least a nanosecond")
            .allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
        Self { limiter: RateLimiter::dashmap_with_clock(quota, clock.clone()), clock, capacity }
    }

    /// Takes one from the bucket of `key`, or says how long to wait for the next.
    ///
    /// # Errors
    /// The wait.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        if self.limiter.len() >= self.capacity {
            self.forget_idle();
            if self.limiter.len() >= self.capacity {
                // So many keys at once are beyond what counting by key can hold off: memory stays bounded, and nobody
                // is refused for what others do.
                return Ok(());
            }
        }
        self.limiter.check_key(key).map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Forgets the buckets that are full; call it now and then.
    pub fn forget_idle(&self) {
        self.limiter.retain_recent();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_holds_and_others_are_not_held() {
        let clock = FakeRelativeClock::default();
        let buckets = Buckets::with_clock(10, Duration::from_secs(60), 3, 10, clock.clone());
        for _ in 0..3 {
            buckets.take(&"ann").unwrap();
        }
        assert_eq!(buckets.take(&"ann"), Err(Duration::from_secs(6)));
        buckets.take(&"bob").unwrap();
        clock.advance(Duration::from_secs(6));
        buckets.take(&"ann").unwrap();
        assert!(buckets.take(&"ann").is_err());
    }

    #[test]
    fn memory_is_bounded_and_full_buckets_are_forgotten() {
        let clock = FakeRelativeClock::default();
        let buckets = Buckets::with_clock(1, Duration::from_secs(1), 5, 10, clock.clone());
        for key in 0..100 {
            buckets.take(&key).unwrap();
        }
        assert_eq!(buckets.limiter.len(), 10);
        clock.advance(Duration::from_secs(10));
        buckets.take(&1000).unwrap();
        assert_eq!(buckets.limiter.len(), 1);
    }
}

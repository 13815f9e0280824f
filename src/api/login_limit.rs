//! Against guessing: after so many failures in 15 minutes each next try waits longer. Never a lock-out, because that
//! would let anybody lock anybody out (SAFETY HT-02).

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Mutex;

use crate::domain::fold::fold_code;

const WINDOW_MS: i64 = 15 * 60 * 1000;

/// The longest wait between two tries.
const LONGEST_WAIT_S: i64 = 60;

/// Most accounts or addresses remembered; beyond it the ones that failed longest ago are forgotten.
const CAPACITY: usize = 20_000;

/// Failures by account and by address.
#[derive(Debug)]
pub struct LoginLimits {
    per_account: u32,
    per_address: u32,
    accounts: Mutex<HashMap<String, Failures>>,
    addresses: Mutex<HashMap<IpAddr, Failures>>,
}

/// A try that is under way: counted as failed until it is told that it succeeded.
#[derive(Debug)]
pub struct Attempt {
    account: String,
    address: IpAddr,
}

#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    first_ms: i64,
    last_ms: i64,
}

impl LoginLimits {
    pub fn new(per_account: u32, per_address: u32) -> Self {
        Self { per_account, per_address, accounts: Mutex::default(), addresses: Mutex::default() }
    }

    /// Lets a try through, or says how many seconds it has to wait.
    ///
    /// # Errors
    /// Seconds until the next try.
    pub fn begin(&self, account: &str, address: IpAddr, now_ms: i64) -> Result<Attempt, u64> {
        let account = fold_code(account);
        let mut accounts = self.accounts.lock().expect("no code panics while it holds the lock");
        let mut addresses = self.addresses.lock().expect("no code panics while it holds the lock");
        let wait = wait_ms(accounts.get(&account), self.per_account, now_ms).max(wait_ms(
            addresses.get(&address),
            self.per_address,
            now_ms,
        ));
        if wait > 0 {
            return Err((wait as u64).div_ceil(1000));
        }
        count(&mut accounts, account.clone(), now_ms);
        count(&mut addresses, address, now_ms);
        Ok(Attempt { account, address })
    }

    /// The password was right: the account starts anew, the address gets this one try back.
    pub fn succeeded(&self, attempt: Attempt) {
        self.accounts.lock().expect("no code panics while it holds the lock").remove(&attempt.account);
        self.release_address(attempt.address);
    }

    /// The try was not decided (the hub was busy): it counts for nothing.
    pub fn undecided(&self, attempt: Attempt) {
        if let Some(failures) =
            self.accounts.lock().expect("no code panics while it holds the lock").get_mut(&attempt.account)
        {
            failures.count = failures.count.saturating_sub(1);
        }
        self.release_address(attempt.address);
    }

    fn release_address(&self, address: IpAddr) {
        if let Some(failures) = self.addresses.lock().expect("no code panics while it holds the lock").get_mut(&address)
        {
            failures.count = failures.count.saturating_sub(1);
        }
    }
}

/// Milliseconds until a try is let through; 0: now.
fn wait_ms(failures: Option<&Failures>, limit: u32, now_ms: i64) -> i64 {
    let Some(failures) = failures.filter(|failures| now_ms - failures.last_ms < WINDOW_MS) else { return 0 };
    let Some(over) = failures.count.checked_sub(limit) else { return 0 };
    let pause_s = (2_i64 << over.min(10)).min(LONGEST_WAIT_S);
    (failures.last_ms + pause_s * 1000 - now_ms).max(0)
}

fn count<K: Eq + Hash + Clone>(all: &mut HashMap<K, Failures>, key: K, now_ms: i64) {
    if all.len() >= CAPACITY && !all.contains_key(&key) {
        all.retain(|_, failures| now_ms - failures.last_ms < WINDOW_MS);
        if all.len() >= CAPACITY
            && let Some(oldest) = all.iter().min_by_key(|(_, failures)| failures.last_ms).map(|(key, _)| key.clone())
        {
            all.remove(&oldest);
        }
    }
    let failures = all.entry(key).or_default();
    if now_ms - failures.last_ms >= WINDOW_MS || failures.count == 0 {
        *failures = Failures { count: 0, first_ms: now_ms, last_ms: now_ms };
    }
    // Failures spread thinner than the limit in the window are forgiven at the limit's own rate.
    if failures.count > 0 && now_ms - failures.first_ms >= WINDOW_MS {
        failures.first_ms = now_ms;
        failures.count /= 2;
    }
    failures.count += 1;
    failures.last_ms = now_ms;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn the_sixth_try_waits_and_the_next_ones_wait_longer() {
        let limits = LoginLimits::new(5, 20);
        for _ in 0..5 {
            limits.begin("T-014", HERE, 0).unwrap();
        }
        assert_eq!(limits.begin("t-014", HERE, 0).unwrap_err(), 2);
        limits.begin("T-014", HERE, 2_000).unwrap();
        assert_eq!(limits.begin("T-014", HERE, 2_000).unwrap_err(), 4);
    }

    #[test]
    fn the_wait_never_becomes_a_lock_out() {
        let limits = LoginLimits::new(5, 1000);
        let mut now_ms = 0;
        for _ in 0..50 {
            while let Err(wait) = limits.begin("T-014", HERE, now_ms) {
                assert!(wait <= LONGEST_WAIT_S as u64);
                now_ms += wait as i64 * 1000;
            }
        }
    }

    #[test]
    fn success_clears_the_account_and_many_accounts_fill_the_address() {
        let limits = LoginLimits::new(5, 20);
        for _ in 0..30 {
            let attempt = limits.begin("T-014", HERE, 0).unwrap();
            limits.succeeded(attempt);
        }
        for n in 0..20 {
            limits.begin(&format!("S-{n}"), HERE, 0).unwrap();
        }
        assert!(limits.begin("S-100", HERE, 0).is_err());
        assert!(limits.begin("S-100", IpAddr::from([127, 0, 0, 2]), 0).is_ok());
    }

    /// HT-02: credential stuffing from 200 addresses. Each address has its own allowance, the account has one.
    #[test]
    fn two_hundred_addresses_guess_one_account_no_faster_than_one() {
        let limits = LoginLimits::new(5, 20);
        let addresses = (0..200_u32).map(|n| IpAddr::V4(std::net::Ipv4Addr::from_bits(0x7f00_0100 + n)));
        let let_in = addresses.clone().filter(|address| limits.begin("T-014", *address, 0).is_ok()).count();
        assert_eq!(let_in, 5);
        // A whole quarter of an hour of it, one try of each address a second.
        let tries: usize = (1..900_i64)
            .map(|second| {
                addresses.clone().filter(|address| limits.begin("T-014", *address, second * 1_000).is_ok()).count()
            })
            .sum();
        assert!(tries <= 20, "{tries} guesses in 15 minutes");
        // Others sign in meanwhile, from the same addresses.
        assert!(limits.begin("T-021", IpAddr::from([127, 0, 1, 1]), 899_000).is_ok());
    }

    #[test]
    fn a_quarter_of_an_hour_forgives() {
        let limits = LoginLimits::new(5, 20);
        for _ in 0..5 {
            limits.begin("T-014", HERE, 0).unwrap();
        }
        limits.begin("T-014", HERE, WINDOW_MS).unwrap();
        limits.begin("T-014", HERE, WINDOW_MS).unwrap();
    }
}

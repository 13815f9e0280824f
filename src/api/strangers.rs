//! Sockets on which nobody has signed in yet, by network. Each may wait ten seconds for its `hello`, so that without a bound
//! one network could take every place that the hub has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};

/// How many wait, by network. Holds a key only while somebody waits.
#[derive(Debug)]
pub struct Strangers {
    most: u32,
    waiting: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// One that waits; dropped when it has signed in or is gone.
#[derive(Debug)]
pub struct Stranger {
    network: IpAddr,
    waiting: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

impl Strangers {
    /// At most so many of each network; one more is refused.
    pub fn new(most: u32) -> Self {
        Self { most, waiting: Arc::default() }
    }

    /// Lets one more wait; `None`: as many of its network do already.
    pub fn enter(&self, address: IpAddr) -> Option<Stranger> {
        let network = network(address);
        let mut waiting = self.waiting.lock().expect("no code panics while it holds the lock");
        let count = waiting.entry(network).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Stranger { network, waiting: Arc::clone(&self.waiting) })
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut waiting = self.waiting.lock().expect("no code panics while it holds the lock");
        if let Some(count) = waiting.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.network);
            }
        }
    }
}

/// What one attacker easily has: 256 addresses of IPv4, 64 bits of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0xff).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_network_shares_its_places_and_gives_them_back() {
        let strangers = Strangers::new(2);
        let enter = |address: &str| strangers.enter(address.parse().unwrap());
        let held = [enter("192.0.2.1").unwrap(), enter("192.0.2.250").unwrap()];
        assert!(enter("192.0.2.7").is_none());
        let other = enter("192.0.3.1").unwrap();
        let six = [enter("2001:db8::1").unwrap(), enter("2001:db8::2").unwrap()];
        assert!(enter("2001:db8::3").is_none());
        drop(held);
        enter("::ffff:192.0.2.7").unwrap();
        drop((other, six));
        assert!(strangers.waiting.lock().unwrap().is_empty());
    }
}

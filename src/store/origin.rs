//! From where somebody acts, for the journal (INV-71): whoever takes a request in says so once, around all the work it causes,
//! and each row of the journal that this work writes bears it. The clock's own work has none.

use std::net::IpAddr;

use crate::domain::address::is_public;

/// The kind of place, never the address itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line, on the hub's own machine.
    Console,
    /// The hub's own machine.
    Hub,
    /// An address that only the school's own network can have.
    School,
    Outside,
}

tokio::task_local! {
    static ORIGIN: Origin;
}

impl Origin {
    pub fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        match address {
            address if address.is_loopback() => Self::Hub,
            address if is_public(address) => Self::Outside,
            _ => Self::School,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Hub => "hub",
            Self::School => "school",
            Self::Outside => "outside",
        }
    }

    /// Does `work` on behalf of somebody who is there. What it spawns has to say so again.
    pub async fn around<T>(self, work: impl Future<Output = T>) -> T {
        ORIGIN.scope(self, work).await
    }

    /// The same, of what was asked for earlier or elsewhere; `None`: by nobody.
    pub async fn around_if<T>(origin: Option<Self>, work: impl Future<Output = T>) -> T {
        match origin {
            Some(origin) => origin.around(work).await,
            None => work.await,
        }
    }

    /// From where the work is done that asks; `None`: nobody's.
    pub fn current() -> Option<Self> {
        ORIGIN.try_with(|origin| *origin).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_tells_the_kind_of_place() {
        let check = |address: &str, expected: Origin| {
            assert_eq!(Origin::of(address.parse().unwrap()), expected, "{address}");
        };
        check("127.0.0.1", Origin::Hub);
        check("::1", Origin::Hub);
        check("::ffff:127.0.0.1", Origin::Hub);
        check("10.1.2.3", Origin::School);
        check("192.168.0.7", Origin::School);
        check("fd00::1", Origin::School);
        check("100.64.0.1", Origin::School);
        check("93.184.216.34", Origin::Outside);
        check("2a00:1450::1", Origin::Outside);
    }

    #[tokio::test]
    async fn it_holds_around_the_work_and_not_beyond() {
        assert_eq!(Origin::current(), None);
        assert_eq!(Origin::School.around(async { Origin::current() }).await, Some(Origin::School));
        assert_eq!(Origin::around_if(Some(Origin::Hub), async { Origin::current() }).await, Some(Origin::Hub));
        assert_eq!(Origin::around_if(None, async { Origin::current() }).await, None);
        assert_eq!(Origin::current(), None);
    }
}

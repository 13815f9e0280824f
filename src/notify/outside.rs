//! Calls to the outside: to listed hosts only, to public addresses only, to the address that was checked, without redirects.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Url};

use super::SendError;
use crate::domain::address::{is_listed, is_public};

/// A receiver that takes longer is tried again later.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Of an answer nothing but the status is wanted.
const USER_AGENT: &str = concat!("kafedra/", env!("CARGO_PKG_VERSION"));

/// Where calls may go.
#[derive(Clone, Debug, Default)]
pub struct Fence {
    pub hosts: Vec<String>,
    /// Addresses that are not public, and http without TLS: a receiver in the school's own network.
    pub private_addresses: bool,
}

impl Fence {
    /// Whether a URL may be kept at all; the address is looked at with each call, for names change.
    ///
    /// # Errors
    /// [`SendError::Never`] with the reason.
    pub fn check(&self, url: &str) -> Result<Url, SendError> {
        let url = Url::parse(url).map_err(|error| SendError::Never(error.to_string()))?;
        let is_plain = url.scheme() == "http" && self.private_addresses;
        if url.scheme() != "https" && !is_plain {
            return Err(SendError::Never("only https".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SendError::Never("no names in the address".to_owned()));
        }
        let host = url.host_str().unwrap_or_default();
        if !is_listed(host, &self.hosts) {
            return Err(SendError::Never(format!("{host} is not on the list of hosts")));
        }
        Ok(url)
    }

    /// A client that can reach this URL's host at the addresses found now, and nothing else.
    ///
    /// # Errors
    /// [`SendError::Never`] when one of the addresses is inside, [`SendError::Later`] when there is none.
    pub async fn client(&self, url: &str) -> Result<(Client, Url), SendError> {
        let url = self.check(url)?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), port))
            .await
            .map_err(|error| SendError::Later(format!("{host}: {error}")))?
            .collect();
        if found.is_empty() {
            return Err(SendError::Later(format!("{host} has no address")));
        }
        // One inside is enough to refuse: which of them a connection takes is a matter of luck.
        if !self.private_addresses && found.iter().any(|address| !is_public(address.ip())) {
            return Err(SendError::Never(format!("{host} leads inside")));
        }
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(USER_AGENT)
            // The addresses that were checked: a name that answers otherwise the next moment changes nothing.
            .resolve_to_addrs(&host, &found)
            .build()
            .map_err(|error| SendError::Later(error.to_string()))?;
        Ok((client, url))
    }
}

/// What a status means for a delivery. 2xx is done; who says Gone is believed; other 4xx will not change.
///
/// # Errors
/// The meaning.
pub fn judge(status: u16) -> Result<(), SendError> {
    match status {
        200..=299 => Ok(()),
        404 | 410 => Err(SendError::Gone(format!("status {status}"))),
        408 | 425 | 429 | 500..=599 => Err(SendError::Later(format!("status {status}"))),
        _ => Err(SendError::Never(format!("status {status}"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_listed_name_that_leads_inside_is_refused() {
        let fence = Fence { hosts: vec!["localhost".into(), "127.0.0.1".into()], private_addresses: false };
        for url in
            ["https://localhost/x", "https://127.0.0.1/x", "https://[::1]/x", "http://localhost/", "ftp://localhost/"]
        {
            assert!(matches!(fence.client(url).await, Err(SendError::Never(_))), "{url}");
        }
        let open = Fence { private_addresses: true, ..fence };
        assert!(open.client("http://localhost:1/x").await.is_ok());
        assert!(open.client("https://user:secret@localhost/x").await.is_err());
        assert!(open.client("https://other/x").await.is_err());
    }
}

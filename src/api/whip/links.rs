//! STUN and TURN servers as `Link` headers (RFC 9725 section 4.6), for programs that are given nothing but the address.

use axum::http::HeaderValue;
use signaling::message::session::IceServer;

/// One header value for each address of each server. A server that cannot be written into a header is left out.
pub(super) fn of(servers: &[IceServer]) -> Vec<HeaderValue> {
    let mut links = Vec::new();
    for server in servers {
        for url in &server.urls {
            if url.contains(['>', '<', '"', ' ']) {
                continue;
            }
            let mut link = format!("<{url}>; rel=\"ice-server\"");
            if let (Some(username), Some(credential)) = (&server.username, &server.credential) {
                let (username, credential) = (quoted(username), quoted(credential));
                link.push_str(&format!(
                    "; username=\"{username}\"; credential=\"{credential}\"; credential-type=\"password\""
                ));
            }
            if let Ok(mut value) = HeaderValue::from_str(&link) {
                value.set_sensitive(server.credential.is_some());
                links.push(value);
            }
        }
    }
    links
}

/// Inside a quoted string (RFC 9110 section 5.6.4).
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_a_link_of_its_own_with_the_credentials_of_its_server() {
        let servers = [
            IceServer { urls: vec!["stun:stun.example:3478".to_owned()], username: None, credential: None },
            IceServer {
                urls: vec!["turn:turn.example?transport=udp".to_owned(), "turns:turn.example:443".to_owned()],
                username: Some("1795347000:ann".to_owned()),
                credential: Some("a\"b\\c=".to_owned()),
            },
            IceServer { urls: vec!["turn:x>; rel=evil".to_owned()], username: None, credential: None },
        ];
        let password = "username=\"1795347000:ann\"; credential=\"a\\\"b\\\\c=\"; credential-type=\"password\"";
        assert_eq!(
            of(&servers),
            [
                "<stun:stun.example:3478>; rel=\"ice-server\"".to_owned(),
                format!("<turn:turn.example?transport=udp>; rel=\"ice-server\"; {password}"),
                format!("<turns:turn.example:443>; rel=\"ice-server\"; {password}"),
            ]
        );
    }
}

//! SDP fragments of trickle ICE (RFC 8840): what a PATCH says and what it is answered with.

use super::Problem;

/// Most candidates in one fragment.
const MOST_CANDIDATES: usize = 40;

/// What a fragment says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fragment {
    /// User fragment and password.
    pub(super) credentials: Option<(String, String)>,
    pub(super) candidates: Vec<String>,
}

/// Reads a fragment.
///
/// # Errors
/// `bad_request`.
pub(super) fn parse(text: &str) -> Result<Fragment, Problem> {
    let malformed = || Problem::bad_request("not an SDP fragment");
    let (mut ufrag, mut password) = (None, None);
    let mut fragment = Fragment::default();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if line.as_bytes().get(1) != Some(&b'=') || line.chars().any(char::is_control) {
            return Err(malformed());
        }
        if let Some(value) = line.strip_prefix("a=ice-ufrag:") {
            ufrag = Some(value.to_owned());
        } else if let Some(value) = line.strip_prefix("a=ice-pwd:") {
            password = Some(value.to_owned());
        } else if let Some(value) = line.strip_prefix("a=")
            && value.starts_with("candidate:")
        {
            fragment.candidates.push(value.to_owned());
        }
    }
    if fragment.candidates.len() > MOST_CANDIDATES {
        return Err(Problem::bad_request("at most 40 candidates"));
    }
    fragment.credentials = match (ufrag, password) {
        (Some(ufrag), Some(password)) => Some((ufrag, password)),
        (None, None) => None,
        _ => return Err(malformed()),
    };
    Ok(fragment)
}

/// The ICE part of an answer.
pub(super) fn of_answer(sdp: &str) -> String {
    let mut text = String::from("a=ice-lite\r\n");
    let mut said = Vec::new();
    for line in sdp.lines() {
        let is_ice = ["a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates"]
            .iter()
            .any(|prefix| line.starts_with(prefix));
        // Every m-line repeats the credentials.
        if is_ice && !said.contains(&line) {
            said.push(line);
            text.push_str(line);
            text.push_str("\r\n");
        }
    }
    text
}

/// The offer with other ICE credentials.
pub(super) fn with_credentials(offer: &str, ufrag: &str, password: &str) -> String {
    let mut text = String::with_capacity(offer.len());
    for line in offer.lines() {
        if line.starts_with("a=ice-ufrag:") {
            text.push_str("a=ice-ufrag:");
            text.push_str(ufrag);
        } else if line.starts_with("a=ice-pwd:") {
            text.push_str("a=ice-pwd:");
            text.push_str(password);
        } else if line.starts_with("a=candidate:") {
            // Of the generation before.
            continue;
        } else {
            text.push_str(line);
        }
        text.push_str("\r\n");
    }
    text
}

/// The user fragment of an offer.
pub(super) fn ufrag(offer: &str) -> Option<&str> {
    offer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_fragment_has_both_credentials_or_none() {
        let fragment = parse(
            "a=ice-ufrag:abcd\r\na=ice-pwd:secret\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 ::1 9 typ host\r\n",
        );
        let fragment = fragment.unwrap();
        assert_eq!(fragment.credentials, Some(("abcd".to_owned(), "secret".to_owned())));
        assert_eq!(fragment.candidates, ["candidate:1 1 udp 1 ::1 9 typ host"]);
        assert_eq!(parse("a=mid:0\r\na=end-of-candidates\r\n").unwrap(), Fragment::default());
        assert!(parse("a=ice-ufrag:abcd\r\n").is_err());
        assert!(parse("hello").is_err());
        assert!(parse(&"a=candidate:x\r\n".repeat(41)).is_err());
    }

    #[test]
    fn a_restart_changes_the_credentials_of_every_line_and_nothing_else() {
        let offer = "v=0\r\nm=audio 9 X 0\r\na=ice-ufrag:old\r\na=ice-pwd:older\r\na=candidate:1\r\na=mid:0\r\n";
        let new = with_credentials(offer, "u", "p");
        assert_eq!(new, "v=0\r\nm=audio 9 X 0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=mid:0\r\n");
        assert_eq!(ufrag(&new), Some("u"));
        assert_eq!(of_answer(&new), "a=ice-lite\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n");
    }
}

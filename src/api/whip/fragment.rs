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

/// The ICE part of an answer (RFC 8840 section 4.4): what holds for all, then the m-line that the bundle is named after.
pub(super) fn of_answer(sdp: &str) -> String {
    let starts = |line: &str, prefixes: &[&str]| prefixes.iter().any(|prefix| line.starts_with(prefix));
    let (session, lines) = sdp.split_at(sdp.find("\nm=").map_or(sdp.len(), |end| end + 1));
    let tagged = session.lines().find_map(|line| line.strip_prefix("a=group:BUNDLE ")?.split_whitespace().next());
    let is_tagged =
        |line: &&str| tagged.is_none_or(|tag| line.lines().any(|line| line.strip_prefix("a=mid:") == Some(tag)));
    let mut rest = Vec::new();
    for part in lines.split("\nm=") {
        rest.push(part.strip_prefix("m=").unwrap_or(part));
    }
    let line = rest.iter().find(|line| is_tagged(line)).copied().unwrap_or_default();
    let mut text = String::new();
    let mut write = |line: &str| {
        text.push_str(line);
        text.push_str("\r\n");
    };
    for line in session.lines().filter(|line| starts(line, &["a=ice-lite", "a=ice-options:", "a=group:"])) {
        write(line);
    }
    if let Some((media, attributes)) = line.split_once('\n') {
        write(&format!("m={}", media.trim_end()));
        let kept = ["a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates"];
        attributes.lines().filter(|line| starts(line, &kept)).for_each(&mut write);
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_fragment_breaks_a_line_of_the_offer_that_it_changes(
            text in "((a=ice-ufrag:|a=ice-pwd:|a=candidate:|m=|a=mid:|)[\\PC\r\0]{0,12}(\r\n|\n|\r|)){0,12}",
        ) {
            let Ok(fragment) = parse(&text) else { return Ok(()) };
            prop_assert!(fragment.candidates.len() <= MOST_CANDIDATES);
            let is_one_line = |text: &str| !text.chars().any(char::is_control);
            prop_assert!(fragment.candidates.iter().all(|line| is_one_line(line)));
            if let Some((name, password)) = fragment.credentials {
                let offer = "v=0\r\nm=audio 9 X 0\r\na=ice-ufrag:old\r\na=ice-pwd:older\r\na=mid:0\r\n";
                let new = with_credentials(offer, &name, &password);
                prop_assert_eq!(new.lines().count(), 5);
                prop_assert_eq!(ufrag(&new), Some(&name[..]));
            }
        }
    }

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
    }

    #[test]
    fn a_restart_is_answered_with_the_ice_of_the_bundle_and_nothing_else() {
        let answer = "v=0\r\ns=-\r\na=ice-lite\r\na=group:BUNDLE 1\r\nm=audio 0 X 0\r\na=mid:0\r\na=inactive\r\n\
            m=video 9 X 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=sendonly\r\n\
            a=candidate:1 1 udp 1 ::1 9 typ host\r\na=end-of-candidates\r\n";
        let expected = "a=ice-lite\r\na=group:BUNDLE 1\r\nm=video 9 X 96\r\na=mid:1\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n\
            a=candidate:1 1 udp 1 ::1 9 typ host\r\na=end-of-candidates\r\n";
        assert_eq!(of_answer(answer), expected);
    }
}

//! Which ICE session a PATCH means: `If-Match` against the entity tag (RFC 9725 section 4.3.1, RFC 9110 section 13.1.1).

use axum::http::{HeaderMap, HeaderValue, header};

/// Tags compared in one `If-Match`; a client knows one.
const MOST_TAGS: usize = 8;

/// What a request says of the ICE session that it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// No `If-Match`.
    Missing,
    /// Whichever there is.
    Any,
    /// One of these, as written.
    Tags(Vec<String>),
}

impl Condition {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut tags = Vec::new();
        let mut is_there = false;
        for value in headers.get_all(header::IF_MATCH) {
            is_there = true;
            for tag in value.to_str().unwrap_or_default().split(',') {
                match tag.trim() {
                    // RFC 9725 shows the wildcard in quotation marks, RFC 9110 without.
                    "*" | "\"*\"" => return Self::Any,
                    tag if tags.len() < MOST_TAGS => tags.push(tag.to_owned()),
                    _ => {}
                }
            }
        }
        if is_there { Self::Tags(tags) } else { Self::Missing }
    }

    /// By the strong comparison: a weak tag (`W/"1"`) names nothing.
    pub(super) fn holds(&self, generation: u32) -> bool {
        match self {
            Self::Missing => false,
            Self::Any => true,
            Self::Tags(tags) => tags.contains(&quoted(generation)),
        }
    }
}

/// The tag of a generation of ICE.
pub(super) fn etag(generation: u32) -> HeaderValue {
    HeaderValue::from_str(&quoted(generation)).expect("digits and quotation marks may stand in a header")
}

fn quoted(generation: u32) -> String {
    format!("\"{generation}\"")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_tag_is_compared_whole_and_strongly() {
        let check = |value: Option<&str>, expected: (Condition, bool)| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::IF_MATCH, value.parse().unwrap());
            }
            let condition = Condition::of(&headers);
            assert_eq!((condition.clone(), condition.holds(2)), expected, "{value:?}");
        };
        let tags = |tags: &[&str]| Condition::Tags(tags.iter().map(|&tag| tag.to_owned()).collect());
        check(None, (Condition::Missing, false));
        check(Some("*"), (Condition::Any, true));
        check(Some("\"*\""), (Condition::Any, true));
        check(Some("\"2\""), (tags(&["\"2\""]), true));
        check(Some("\"1\", \"2\""), (tags(&["\"1\"", "\"2\""]), true));
        check(Some("W/\"2\""), (tags(&["W/\"2\""]), false));
        check(Some("2"), (tags(&["2"]), false));
        check(Some(""), (tags(&[""]), false));
        assert_eq!(etag(2), "\"2\"");
    }
}

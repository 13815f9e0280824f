//! Video instructions beside the articles of the guide (clause 2.3): for whom an article is, what address a video may have, and
//! which part of a file a player asks for.

super::words!(
    /// As what somebody takes part; several roles of the school do it alike.
    #[derive(utoipa::ToSchema)]
    Part {
        Student = "student",
        Guardian = "guardian",
        Host = "host",
        Observer = "observer",
        Admin = "admin",
    }
);

/// Longest address and title, characters.
pub const LINK_CHARACTERS: usize = 500;
pub const TITLE_CHARACTERS: usize = 120;

/// Whether a person may be sent to this address: `https`, a host with a name, nobody's password in it.
pub fn is_link(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default();
    let is_plain = |next: char| next.is_alphanumeric() || matches!(next, '.' | '-');
    text.chars().count() <= LINK_CHARACTERS
        && !text.chars().any(|next| next.is_whitespace() || next.is_control() || matches!(next, '<' | '>' | '"' | '\\'))
        && !authority.contains('@')
        && host.contains('.')
        && !host.starts_with('.')
        && !host.ends_with('.')
        && host.chars().all(is_plain)
}

/// What a player wants of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Whole,
    /// From and to, both included.
    Part {
        from: u64,
        to: u64,
    },
    /// Beyond its end.
    Beyond,
}

/// Reads `Range` (RFC 9110 section 14.2). What is not one range of bytes is answered with the whole.
pub fn wanted(range: Option<&str>, size: u64) -> Wanted {
    let Some((from, to)) = range.and_then(|range| range.strip_prefix("bytes=")).and_then(|range| range.split_once('-'))
    else {
        return Wanted::Whole;
    };
    let number =
        |text: &str| -> Option<Option<u64>> { if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) } };
    let last = size.saturating_sub(1);
    match (number(from.trim()), number(to.trim())) {
        (Some(Some(from)), Some(to)) if to.is_none_or(|to| from <= to) => {
            if from >= size {
                Wanted::Beyond
            } else {
                Wanted::Part { from, to: to.unwrap_or(last).min(last) }
            }
        }
        (Some(None), Some(Some(0))) => Wanted::Beyond,
        (Some(None), Some(Some(count))) => {
            if size == 0 {
                Wanted::Beyond
            } else {
                Wanted::Part { from: size.saturating_sub(count), to: last }
            }
        }
        _ => Wanted::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_outside_over_https_and_carries_nothing_else() {
        for (text, is_right) in [
            ("https://video.school.example/how?t=1#a", true),
            ("https://школа.рф/видео", true),
            ("https://a.example:8443/x", true),
            ("http://a.example", false),
            ("javascript:alert(1)", false),
            ("https://", false),
            ("https://localhost/x", false),
            ("https://me:secret@a.example", false),
            ("https://a.example/ x", false),
            ("https://a.example/\"onclick", false),
            ("https://.a.example", false),
        ] {
            assert_eq!(is_link(text), is_right, "{text}");
        }
        assert!(!is_link(&format!("https://a.example/{}", "x".repeat(LINK_CHARACTERS))));
    }

    #[test]
    fn a_player_gets_the_part_it_asks_for() {
        let part = |from, to| Wanted::Part { from, to };
        for (range, expected) in [
            (None, Wanted::Whole),
            (Some("bytes=0-"), part(0, 99)),
            (Some("bytes=10-19"), part(10, 19)),
            (Some("bytes=90-500"), part(90, 99)),
            (Some("bytes=-10"), part(90, 99)),
            (Some("bytes=-500"), part(0, 99)),
            (Some("bytes=100-"), Wanted::Beyond),
            (Some("bytes=-0"), Wanted::Beyond),
            (Some("bytes=9-3"), Wanted::Whole),
            (Some("bytes=0-1,5-6"), Wanted::Whole),
            (Some("lines=0-1"), Wanted::Whole),
            (Some("bytes=a-b"), Wanted::Whole),
        ] {
            assert_eq!(wanted(range, 100), expected, "{range:?}");
        }
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Beyond);
    }
}

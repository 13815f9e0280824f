//! A calendar feed (RFC 5545): flat events in UTC, so that no calendar program has to know our parity, breaks and moves.
//!
//! One event a consultation, `UID` its name for ever; `SEQUENCE` rises with each change that people are told of; what is
//! cancelled stays in the feed as `STATUS:CANCELLED`, for what merely vanishes would stay in calendars.

use std::fmt::Write as _;

use jiff::Timestamp;

/// One event. Texts may hold anything: they are escaped and folded here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// With the host of the hub it is the UID.
    pub id: String,
    pub start_ms: i64,
    pub end_ms: i64,
    /// When it was last changed.
    pub changed_ms: i64,
    pub sequence: i64,
    pub is_cancelled: bool,
    pub summary: String,
    pub description: String,
    pub url: String,
}

/// The feed as text. `host` names the hub in UIDs, `name` is what the calendar program shows.
pub fn calendar(events: &[Event], host: &str, name: &str) -> String {
    let mut text = String::new();
    line(&mut text, "BEGIN", "VCALENDAR");
    line(&mut text, "VERSION", "2.0");
    line(&mut text, "PRODID", "-//Kafedra//Consultations//RU");
    line(&mut text, "CALSCALE", "GREGORIAN");
    line(&mut text, "METHOD", "PUBLISH");
    line(&mut text, "X-WR-CALNAME", &escaped(name));
    // How often programs shall look again (RFC 7986, and the older word for the same).
    line(&mut text, "REFRESH-INTERVAL;VALUE=DURATION", "PT15M");
    line(&mut text, "X-PUBLISHED-TTL", "PT15M");
    for event in events {
        line(&mut text, "BEGIN", "VEVENT");
        line(&mut text, "UID", &escaped(&format!("{}@{host}", event.id)));
        line(&mut text, "DTSTAMP", &instant(event.changed_ms));
        line(&mut text, "LAST-MODIFIED", &instant(event.changed_ms));
        line(&mut text, "DTSTART", &instant(event.start_ms));
        line(&mut text, "DTEND", &instant(event.end_ms));
        line(&mut text, "SEQUENCE", &event.sequence.max(0).to_string());
        line(&mut text, "STATUS", if event.is_cancelled { "CANCELLED" } else { "CONFIRMED" });
        line(&mut text, "SUMMARY", &escaped(&event.summary));
        if !event.description.is_empty() {
            line(&mut text, "DESCRIPTION", &escaped(&event.description));
        }
        line(&mut text, "URL", &event.url.replace(['\r', '\n'], ""));
        line(&mut text, "END", "VEVENT");
    }
    line(&mut text, "END", "VCALENDAR");
    text
}

/// `20261122T103000Z`.
fn instant(ms: i64) -> String {
    let at = Timestamp::from_second(ms.div_euclid(1000)).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// TEXT of RFC 5545 section 3.3.11; other control characters have no place in it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.replace("\r\n", "\n").chars() {
        match character {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(character);
            }
            '\n' | '\r' => out.push_str("\\n"),
            character if character.is_control() && character != '\t' => {}
            character => out.push(character),
        }
    }
    out
}

/// A content line, folded at 75 octets without cutting a character (section 3.1).
fn line(text: &mut String, name: &str, value: &str) {
    let mut width = 0;
    let mut put = |text: &mut String, character: char| {
        if width + character.len_utf8() > 75 {
            text.push_str("\r\n ");
            width = 1;
        }
        text.push(character);
        width += character.len_utf8();
    };
    for character in name.chars().chain([':']).chain(value.chars()) {
        put(text, character);
    }
    let _ = write!(text, "\r\n");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use icalendar::{Calendar, CalendarComponent, Component as _};
    use proptest::prelude::*;

    fn event(summary: &str, description: &str) -> Event {
        Event {
            id: "0198".to_owned(),
            start_ms: 1_795_766_400_000,
            end_ms: 1_795_768_200_000,
            changed_ms: 1_795_000_000_000,
            sequence: 3,
            is_cancelled: true,
            summary: summary.to_owned(),
            description: description.to_owned(),
            url: "https://hub.example/room/0198".to_owned(),
        }
    }

    fn property(text: &str, name: &str) -> String {
        let calendar: Calendar = text.parse().unwrap();
        let CalendarComponent::Event(event) = &calendar.components[0] else { panic!("an event") };
        event.property_value(name).unwrap_or_default().to_owned()
    }

    #[test]
    fn a_cancelled_lesson_says_so_and_keeps_its_name() {
        let text = calendar(&[event("Математика, 5А", "")], "hub.example", "Кафедра");
        assert!(text.contains("\r\nSTATUS:CANCELLED\r\n") && text.contains("\r\nSEQUENCE:3\r\n"), "{text}");
        assert!(
            text.contains("\r\nUID:0198@hub.example\r\n") && text.contains("\r\nDTSTART:20261127T080000Z\r\n"),
            "{text}"
        );
        assert!(text.contains("\r\nLAST-MODIFIED:"));
        assert_eq!(property(&text, "SUMMARY").replace('\\', ""), "Математика, 5А");
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_and_no_line_is_too_long(summary in "\\PC{0,200}", description in "[\\PC\n]{0,300}") {
            let text = calendar(&[event(&summary, &description)], "hub.example", "Кафедра");
            for line in text.split("\r\n") {
                prop_assert!(line.len() <= 75, "{} octets", line.len());
                prop_assert!(!line.contains(['\r', '\n']));
            }
            let unescape = |text: String| {
                let mut out = String::new();
                let mut characters = text.chars();
                while let Some(character) = characters.next() {
                    match character {
                        '\\' => match characters.next() { Some('n') => out.push('\n'), Some(other) => out.push(other), None => {} },
                        other => out.push(other),
                    }
                }
                out
            };
            // The reader may have undone the escapes already.
            let read = property(&text, "SUMMARY");
            prop_assert!(read == summary || unescape(read.clone()) == summary, "{read:?} is not {summary:?}");
        }
    }
}

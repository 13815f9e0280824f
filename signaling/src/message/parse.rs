//! From a text frame to a [`ClientMessage`]: strict, bounded, and never handed on raw.
//!
//! Unknown fields and repeated keys are refused (JSA-2023-0001: one of two equal keys was checked, the other relayed),
//! every text and list has a bound, and what leaves the hub is serialised from the parsed value.

use serde::Deserialize;
use thiserror::Error;

use super::ClientMessage;
use crate::ids::{ClientMessageId, MessageId, Mid, PeerId, PersonId, ResumeToken, RoomId, SourceId};

/// Most bytes of one text frame.
pub const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// Most characters of a chat message.
pub const MAX_CHAT_CHARS: usize = 4_000;
/// Most m-lines that an offer may send.
pub const MAX_SENDS: usize = 8;
/// Seconds between two messages that a host may choose; 0 is off. Longer ones would be a locked chat.
pub const SLOW_MODES_S: [u16; 4] = [0, 10, 30, 60];
/// Most slots in one wish.
pub const MAX_SLOTS: usize = 64;
/// Largest integer that JavaScript keeps exactly.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Why a frame is not a message of the protocol. All are `bad_message` on the wire.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ParseError {
    #[error("a message has at most {MAX_MESSAGE_BYTES} bytes")]
    TooLarge,
    #[error("a message is one JSON object")]
    NotAnObject,
    /// Not JSON, or not JSON of this type: unknown or repeated field, wrong kind of value.
    #[error("{detail}")]
    Shape {
        /// The message's type, when it is one of ours.
        request: Option<&'static str>,
        detail: String,
    },
    #[error("`{field}` is out of bounds")]
    Bound { request: &'static str, field: &'static str },
}

impl ParseError {
    /// The `type` of the refused message, if it could be told.
    pub fn request(&self) -> Option<&'static str> {
        match self {
            Self::TooLarge | Self::NotAnObject => None,
            Self::Shape { request, .. } => *request,
            Self::Bound { request, .. } => Some(request),
        }
    }
}

/// Parses one text frame.
pub fn parse_client(text: &str) -> Result<ClientMessage, ParseError> {
    if text.len() > MAX_MESSAGE_BYTES {
        return Err(ParseError::TooLarge);
    }
    // serde would also take `["leave", {}]` for an internally tagged enum.
    if !text.trim_start().starts_with('{') {
        return Err(ParseError::NotAnObject);
    }
    let mut message: ClientMessage = serde_json::from_str(text).map_err(|error| ParseError::Shape {
        request: kind_of(text),
        // serde quotes what it found; the cut keeps a hostile field name from coming back at full length.
        detail: error.to_string().chars().take(160).collect(),
    })?;
    let request = message.kind();
    check(&mut message).map_err(|field| ParseError::Bound { request, field })?;
    Ok(message)
}

/// The `type` of a frame that did not parse as a whole.
fn kind_of(text: &str) -> Option<&'static str> {
    #[derive(Deserialize)]
    struct Probe<'a> {
        #[serde(borrow, rename = "type")]
        kind: std::borrow::Cow<'a, str>,
    }
    let probe: Probe<'_> = serde_json::from_str(text).ok()?;
    ClientMessage::KINDS.iter().find(|kind| **kind == probe.kind).copied()
}

/// Checks every bound; the error names the field. Chat text is cleaned in place.
fn check(message: &mut ClientMessage) -> Result<(), &'static str> {
    use ClientMessage as M;
    match message {
        M::Hello(hello) => {
            bounded(hello.ticket.as_deref(), 256, "ticket")?;
            bounded(hello.client.as_deref(), 100, "client")
        }
        M::Join(join) => {
            id(&join.room, "room")?;
            optional_id(join.beside.as_ref(), "beside")
        }
        M::Resume(resume) => {
            id(&resume.room, "room")?;
            id(&resume.token, "token")?;
            integer(resume.chat_seq, "chat_seq")
        }
        M::Leave(_) | M::Hand(_) | M::EndRoom(_) | M::Mute(_) => Ok(()),
        M::RoomPolicy(change) if !SLOW_MODES_S.contains(&change.policy.slow_mode_s) => Err("slow_mode_s"),
        M::RoomPolicy(_) => Ok(()),
        M::Offer(offer) => {
            if offer.id == 0 {
                return Err("id");
            }
            if offer.sends.len() > MAX_SENDS {
                return Err("sends");
            }
            offer.sends.iter().try_for_each(|send| id(&send.mid, "mid"))
        }
        M::Candidate(candidate) => {
            if candidate.candidate.len() > 1_024 || candidate.candidate.chars().any(char::is_control) {
                return Err("candidate");
            }
            optional_id(candidate.mid.as_ref(), "mid")
        }
        M::Slots(wish) => {
            if wish.slots.len() > MAX_SLOTS {
                return Err("slots");
            }
            for slot in &wish.slots {
                id(&slot.mid, "mid")?;
                optional_id(slot.source.as_ref(), "source")?;
            }
            Ok(())
        }
        M::Quality(report) => {
            if report.unheard.len() > 64 {
                return Err("unheard");
            }
            if report.loss_permille > 1_000 {
                return Err("loss_permille");
            }
            report.unheard.iter().try_for_each(|peer| id(peer, "unheard"))
        }
        M::HandLower(lower) => optional_id(lower.peer.as_ref(), "peer"),
        M::Promote(promote) => id(&promote.peer, "peer"),
        M::MuteMember(mute) => optional_id(mute.peer.as_ref(), "peer"),
        M::RemoveMember(remove) => id(&remove.peer, "peer"),
        M::Admit(admit) => optional_id(admit.peer.as_ref(), "peer"),
        M::ChatSend(send) => {
            id(&send.client_msg_id, "client_msg_id")?;
            optional_id(send.reply_to.as_ref(), "reply_to")?;
            chat_body(&mut send.body)
        }
        M::ChatEdit(edit) => {
            id(&edit.message, "message")?;
            chat_body(&mut edit.body)
        }
        M::ChatDelete(delete) => id(&delete.message, "message"),
        M::ChatHistory(request) => {
            integer(request.before_seq.unwrap_or(0), "before_seq")?;
            if (1..=100).contains(&request.limit) { Ok(()) } else { Err("limit") }
        }
    }
}

fn bounded(text: Option<&str>, most_chars: usize, field: &'static str) -> Result<(), &'static str> {
    match text {
        Some(text) if text.chars().count() > most_chars || text.chars().any(char::is_control) => Err(field),
        _ => Ok(()),
    }
}

fn integer(value: u64, field: &'static str) -> Result<(), &'static str> {
    if value <= MAX_SAFE_INTEGER { Ok(()) } else { Err(field) }
}

/// Names are printable ASCII: nothing that could look like another name, break a log line or an SDP line.
fn id(name: &impl AsRef<str>, field: &'static str) -> Result<(), &'static str> {
    let text = name.as_ref();
    let fits = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(()) } else { Err(field) }
}

fn optional_id(name: Option<&impl AsRef<str>>, field: &'static str) -> Result<(), &'static str> {
    name.map_or(Ok(()), |name| id(name, field))
}

/// Plain text: line ends become `\n`, controls and direction overrides (which can make text read as another) go.
fn chat_body(body: &mut String) -> Result<(), &'static str> {
    let clean: String = body
        .replace("\r\n", "\n")
        .chars()
        .filter(|character| match character {
            '\n' | '\t' => true,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
            other => !other.is_control(),
        })
        .collect();
    let clean = clean.trim();
    if clean.is_empty() || clean.chars().count() > MAX_CHAT_CHARS {
        return Err("body");
    }
    *body = clean.to_owned();
    Ok(())
}

macro_rules! as_text {
    ($($name:ident),*) => { $(impl AsRef<str> for $name { fn as_ref(&self) -> &str { self.as_str() } })* };
}
as_text!(RoomId, PersonId, PeerId, SourceId, ClientMessageId, MessageId, ResumeToken, Mid);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// SG-04: each of these is a typed error, and none panics.
    #[test]
    fn sg_04_hostile_json_is_refused_with_a_typed_error() {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        let wide = format!("[{}]", vec!["1"; 20_000].join(","));
        let cases: Vec<String> = vec![
            String::new(),
            "null".into(),
            "[]".into(),
            "\"hello\"".into(),
            "{}".into(),
            "{\"type\":1}".into(),
            "{\"type\":null}".into(),
            "{\"type\":\"no_such\"}".into(),
            "{\"type\":\"leave\",\"type\":\"leave\"}".into(),
            "{\"type\":\"leave\",\"type\":\"end_room\"}".into(),
            "[\"leave\",{}]".into(),
            "{\"type\":\"leave\",\"extra\":1}".into(),
            "{\"type\":\"leave\"} {\"type\":\"leave\"}".into(),
            "{\"type\":\"leave\",}".into(),
            "{'type':'leave'}".into(),
            "{\"type\":\"leave\"".into(),
            "{\"type\":\"hello\",\"version\":NaN}".into(),
            "{\"type\":\"hello\",\"version\":Infinity}".into(),
            "{\"type\":\"hello\",\"version\":1e999}".into(),
            "{\"type\":\"hello\",\"version\":-1}".into(),
            "{\"type\":\"hello\",\"version\":70000}".into(),
            "{\"type\":\"hello\",\"version\":1.5}".into(),
            "{\"type\":\"hello\",\"version\":\"1\"}".into(),
            "{\"type\":\"hello\",\"version\":1,\"version\":2}".into(),
            format!("{{\"type\":\"hello\",\"version\":1,\"client\":\"{}\"}}", "x".repeat(101)),
            "{\"type\":\"hello\",\"version\":1,\"client\":\"\\ud800\"}".into(),
            format!("{{\"type\":\"hello\",\"version\":{deep}}}"),
            format!("{{\"type\":\"hello\",\"version\":{wide}}}"),
            format!("{{\"type\":\"quality\",\"unheard\":{wide}}}"),
            "{\"type\":\"resume\",\"room\":\"r\",\"token\":\"t\",\"chat_seq\":9223372036854775808}".into(),
            "{\"type\":\"resume\",\"room\":\"r\",\"token\":\"t\",\"chat_seq\":9007199254740992}".into(),
            "{\"type\":\"resume\",\"room\":\"r\",\"token\":\"\",\"chat_seq\":1}".into(),
            "{\"type\":\"join\",\"room\":\"\"}".into(),
            "{\"type\":\"join\",\"room\":\"a b\"}".into(),
            "{\"type\":\"join\",\"room\":\"a\\u0000\"}".into(),
            "{\"type\":\"join\",\"room\":\"\\u202eroom\"}".into(),
            format!("{{\"type\":\"join\",\"room\":\"{}\"}}", "r".repeat(129)),
            "{\"type\":\"join\",\"room\":\"a\",\"room\":\"b\"}".into(),
            "{\"type\":\"chat_send\",\"client_msg_id\":\"1\",\"body\":\"\"}".into(),
            "{\"type\":\"chat_send\",\"client_msg_id\":\"1\",\"body\":\" \\u202e \"}".into(),
            format!("{{\"type\":\"chat_send\",\"client_msg_id\":\"1\",\"body\":\"{}\"}}", "я".repeat(4_001)),
            "{\"type\":\"chat_history\",\"limit\":0}".into(),
            "{\"type\":\"chat_history\",\"limit\":101}".into(),
            "{\"type\":\"candidate\",\"candidate\":\"a\\r\\nb\"}".into(),
            "{\"type\":\"room_policy\",\"policy\":{\"microphones_locked\":true,\"microphones_locked\":false,\"cameras_locked\":false,\"chat_locked\":false,\"admission\":false}}".into(),
            "{\"type\":\"room_policy\",\"policy\":{\"microphones_locked\":true,\"cameras_locked\":false,\"chat_locked\":false,\"admission\":false,\"x\":1}}".into(),
            "{\"type\":\"room_policy\",\"policy\":{\"microphones_locked\":true,\"cameras_locked\":false,\"chat_locked\":false,\"admission\":false,\"slow_mode_s\":11}}".into(),
            format!("{{\"type\":\"leave\",\"pad\":\"{}\"}}", "x".repeat(MAX_MESSAGE_BYTES)),
        ];
        for case in cases {
            let shown: String = case.chars().take(80).collect();
            assert!(parse_client(&case).is_err(), "taken: {shown}");
        }
    }

    /// SG-03: identity comes from the session; a message that names its sender is refused.
    #[test]
    fn sg_03_a_message_cannot_name_its_sender_room_or_role() {
        for field in ["author", "peer", "person", "role", "room", "from", "sender", "author_name"] {
            for rest in [
                "\"type\":\"chat_send\",\"client_msg_id\":\"1\",\"body\":\"x\"",
                "\"type\":\"mute\",\"kind\":\"camera\",\"muted\":true",
                "\"type\":\"hand\",\"raised\":true",
                "\"type\":\"leave\"",
            ] {
                let text = format!("{{{rest},\"{field}\":\"host\"}}");
                assert!(matches!(parse_client(&text), Err(ParseError::Shape { .. })), "taken: {text}");
            }
        }
        for role in ["host", "recipient"] {
            let text = format!("{{\"type\":\"join\",\"room\":\"r\",\"role\":\"{role}\"}}");
            assert!(matches!(parse_client(&text), Err(ParseError::Shape { request: Some("join"), .. })));
        }
    }

    #[test]
    fn every_kind_is_named_as_it_stands_on_the_wire() {
        let leave = parse_client("{\"type\":\"leave\"}").unwrap();
        assert_eq!(leave.kind(), "leave");
        assert!(ClientMessage::KINDS.contains(&"chat_history"));
        let schema = serde_json::to_value(schemars::schema_for!(ClientMessage)).unwrap();
        let named: Vec<&str> = schema["oneOf"]
            .as_array()
            .unwrap()
            .iter()
            .map(|variant| variant["properties"]["type"]["const"].as_str().unwrap())
            .collect();
        assert_eq!(named, ClientMessage::KINDS);
    }

    #[test]
    fn chat_text_loses_controls_and_direction_overrides() {
        let parsed = parse_client(
            "{\"type\":\"chat_send\",\"client_msg_id\":\"1\",\"body\":\" a\\r\\nb\\u0007\\u202ec\\u2066 \"}",
        );
        let Ok(ClientMessage::ChatSend(send)) = parsed else { panic!("{parsed:?}") };
        assert_eq!(send.body, "a\nbc");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
            let _ = parse_client(&text);
        }

        #[test]
        fn nothing_close_to_a_message_makes_the_parser_panic(
            kind in proptest::sample::select(ClientMessage::KINDS.to_vec()),
            field in "[a-z_]{1,12}", value in "\\PC{0,40}",
        ) {
            let text = serde_json::json!({"type": kind, "room": "r", "peer": "p", field: value}).to_string();
            let _ = parse_client(&text);
        }
    }
}

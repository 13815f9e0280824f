//! One WebSocket: a reader that parses, limits and hands on, and a writer that empties the outbox.
//!
//! The three kinds of failure (refused: say why and stay; protocol: say why and close; fault: log) are told apart here.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use signaling::ids::{PersonId, RoomId};
use signaling::message::parse::parse_client;
use signaling::message::session::{Hello, Reconnect, Refused as Refusal, Welcome};
use signaling::message::{ClientMessage, ServerMessage};
use signaling::rate::{RateGate, Verdict};
use signaling::refusal::RefusalCode;
use signaling::room::Seat;
use signaling::version::PROTOCOL_VERSION;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout};

use super::access::Refused;
use super::actor::Sink;
use super::outbox::{CloseCode, Item, Outbox, WRITE_WAIT};
use super::registry::{Bound, Rooms, Signals, SocketCount};
use crate::domain::policy::Principal;
use crate::presence::OnlineSeat;

/// `hello` comes within this.
pub const HELLO_WAIT: Duration = Duration::from_secs(10);
/// The hub pings this often …
pub const PING_EVERY: Duration = Duration::from_secs(10);
/// … and a socket from which nothing at all came for this long (a ping, five seconds, and one more try) is dead.
pub const SILENCE: Duration = Duration::from_secs(20);
/// A room that stops lets its seats go within this.
const STOP_WAIT: Duration = Duration::from_secs(5);
/// After a close the peer gets this long to read it.
const LINGER: Duration = Duration::from_millis(500);
/// Sign-in and access are looked at again this often, besides the moments at which the hub hears of a change.
pub(super) const RECHECK: Duration = Duration::from_secs(60);

/// Who is at the other end, as far as the upgrade could tell.
pub enum Caller {
    Known(Principal),
    /// The credentials were not, or no longer, good: a ticket may still come.
    Expired,
    /// No credentials: a ticket must come.
    Unknown,
}

/// Turns a ticket of `hello` into a person; each works once.
pub type RedeemTicket = Arc<dyn Fn(&str) -> Option<Principal> + Send + Sync>;

/// What a connection is driven with.
pub struct Connection {
    pub rooms: Rooms,
    pub caller: Caller,
    pub redeem: RedeemTicket,
    /// Sign-ins (by their hash) that end.
    pub revoked: broadcast::Receiver<String>,
    /// The place among those who have not signed in, held until they have.
    pub stranger: Option<Box<dyn std::any::Any + Send + Sync>>,
}

/// What the reader woke for.
enum Wake {
    Frame(Option<Result<Message, axum::Error>>),
    Revoked(Result<String, broadcast::error::RecvError>),
    Ping,
    /// Nothing has come for too long.
    Silent,
    Recheck,
    /// The hub stops, or access has changed.
    Signal,
    /// The outbox has been closed: the socket reads too slowly or its writer failed.
    Closed,
}

/// A signed-in connection.
struct Signed {
    who: Principal,
    person: PersonId,
    online: OnlineSeat,
    _count: SocketCount,
    seat: Option<Bound>,
}

impl Connection {
    /// Drives the socket to its end.
    pub async fn run(self, socket: WebSocket) {
        let outbox = Outbox::new();
        let (sink, stream) = socket.split();
        metrics::counter!("kafedra_sockets_opened_total").increment(1);
        let writer = tokio::spawn(write(sink, outbox.clone()));
        let (code, reason) = self.read(stream, &outbox).await;
        // Nothing happens if the outbox has been closed with a code of its own.
        outbox.close(code, reason);
        let _ = writer.await;
    }

    async fn read(mut self, mut stream: SplitStream<WebSocket>, outbox: &Outbox) -> (CloseCode, &'static str) {
        let mut rate = RateGate::new(Instant::now().into_std());
        let mut signed = match timeout(HELLO_WAIT, self.greet(&mut stream, outbox, &mut rate)).await {
            Ok(Ok(signed)) => signed,
            Ok(Err(end)) => return linger(stream, end, outbox).await,
            Err(_) => return (CloseCode::Policy, "no hello in time"),
        };
        self.stranger = None;
        let end = self.serve(&mut signed, &mut stream, outbox, &mut rate).await;
        if let Some(seat) = signed.seat.take() {
            seat.lose().await;
        }
        linger(stream, end, outbox).await
    }

    /// Reads until `hello`.
    async fn greet(
        &mut self,
        stream: &mut SplitStream<WebSocket>,
        outbox: &Outbox,
        rate: &mut RateGate,
    ) -> Result<Signed, (CloseCode, &'static str)> {
        loop {
            let text = match read_frame(stream.next().await)? {
                Some(text) => text,
                None if rate.message(Instant::now().into_std()) != Verdict::Pass => {
                    return Err((CloseCode::Flood, "too many messages"));
                }
                None => continue,
            };
            if rate.message(Instant::now().into_std()) != Verdict::Pass {
                return Err((CloseCode::Flood, "too many messages"));
            }
            let hello = match parse_client(&text) {
                Ok(ClientMessage::Hello(hello)) => hello,
                Ok(other) => {
                    refuse(outbox, Some(other.kind()), RefusalCode::OutOfOrder.into(), Some("hello comes first"));
                    return Err((CloseCode::Policy, "hello comes first"));
                }
                Err(error) => {
                    refuse(outbox, error.request(), RefusalCode::BadMessage.into(), Some(&error.to_string()));
                    return Err((CloseCode::Policy, "hello comes first"));
                }
            };
            return self.sign_in(&hello, outbox);
        }
    }

    fn sign_in(&mut self, hello: &Hello, outbox: &Outbox) -> Result<Signed, (CloseCode, &'static str)> {
        let fail = |code: RefusalCode, close: CloseCode| {
            refuse(outbox, Some("hello"), code.into(), None);
            (close, "not let in")
        };
        if hello.version != PROTOCOL_VERSION {
            return Err(fail(RefusalCode::VersionNotSupported, CloseCode::Policy));
        }
        let by_ticket = hello.ticket.as_deref().map(|ticket| (self.redeem)(ticket));
        let who = match (by_ticket, std::mem::replace(&mut self.caller, Caller::Unknown)) {
            (Some(Some(who)), _) => who,
            (Some(None), _) => return Err(fail(RefusalCode::NotAuthenticated, CloseCode::NotAuthenticated)),
            (None, Caller::Known(who)) => who,
            (None, Caller::Expired) => return Err(fail(RefusalCode::SessionExpired, CloseCode::NotAuthenticated)),
            (None, Caller::Unknown) => return Err(fail(RefusalCode::NotAuthenticated, CloseCode::NotAuthenticated)),
        };
        let person = PersonId::new(who.person.as_str());
        let Some(count) = self.rooms.socket(&person) else {
            return Err(fail(RefusalCode::RateLimited, CloseCode::Policy));
        };
        outbox.message(&ServerMessage::Welcome(Welcome {
            version: PROTOCOL_VERSION,
            person: person.clone(),
            display_name: who.display_name.clone(),
            server_time_ms: u64::try_from(self.rooms.clock().now_ms()).unwrap_or_default(),
            ping_interval_ms: u32::try_from(PING_EVERY.as_millis()).unwrap_or(u32::MAX),
        }));
        let online = self.rooms.presence().enter(person.clone(), &who.display_name, None);
        Ok(Signed { who, person, online, _count: count, seat: None })
    }

    /// Messages, pings and revocations until the end.
    async fn serve(
        &mut self,
        signed: &mut Signed,
        stream: &mut SplitStream<WebSocket>,
        outbox: &Outbox,
        rate: &mut RateGate,
    ) -> (CloseCode, &'static str) {
        let mut heard = Instant::now();
        let mut ping = tokio::time::interval_at(heard + PING_EVERY, PING_EVERY);
        let mut recheck = tokio::time::interval_at(heard + RECHECK, RECHECK);
        let mut signals = self.rooms.signals();
        signals.mark_changed();
        let Signals { mut access, mut sign_ins, .. } = *signals.borrow();
        loop {
            let wake = tokio::select! {
                revoked = self.revoked.recv() => Wake::Revoked(revoked),
                frame = stream.next() => Wake::Frame(frame),
                _ = ping.tick() => Wake::Ping,
                () = tokio::time::sleep_until(heard + SILENCE) => Wake::Silent,
                _ = recheck.tick() => Wake::Recheck,
                _ = signals.changed() => Wake::Signal,
                () = outbox.closed() => Wake::Closed,
            };
            match wake {
                Wake::Frame(frame) => {
                    heard = Instant::now();
                    let text = match read_frame(frame) {
                        Ok(Some(text)) => text,
                        // Pings and pongs cost their reading too; what is over the limit is not answered.
                        Ok(None) if rate.message(heard.into_std()) == Verdict::Close => {
                            return (CloseCode::Flood, "too many messages");
                        }
                        Ok(None) => continue,
                        Err(end) => return end,
                    };
                    if let Err(end) = self.take(signed, &text, outbox, rate).await {
                        return end;
                    }
                }
                // Not at the next ping: that may be ten seconds off.
                Wake::Silent => return (CloseCode::GoingAway, "nothing heard"),
                Wake::Ping => outbox.ping(),
                Wake::Revoked(Ok(session)) if session != signed.who.session => {}
                Wake::Revoked(Ok(_)) => {
                    self.give_up(signed).await;
                    refuse(outbox, None, RefusalCode::SessionExpired.into(), None);
                    return (CloseCode::NotAuthenticated, "signed out");
                }
                // Behind: the store knows.
                Wake::Revoked(Err(broadcast::error::RecvError::Lagged(_))) => {
                    if let Some(end) = self.recheck_sign_in(signed, outbox).await {
                        return end;
                    }
                }
                Wake::Revoked(Err(broadcast::error::RecvError::Closed)) => {
                    outbox.message(&ServerMessage::Reconnect(Reconnect { after_ms: 500 }));
                    return (CloseCode::GoingAway, "the hub stops");
                }
                Wake::Closed => return (CloseCode::TooSlow, "reading too slowly"),
                Wake::Signal | Wake::Recheck => {
                    let seen = *signals.borrow_and_update();
                    if seen.stopping {
                        return stop(signed, outbox).await;
                    }
                    let changed = std::mem::replace(&mut access, seen.access) != seen.access;
                    let signed_out = std::mem::replace(&mut sign_ins, seen.sign_ins) != seen.sign_ins;
                    let end = if changed || matches!(wake, Wake::Recheck) {
                        self.recheck(signed, outbox).await
                    } else if signed_out {
                        self.recheck_sign_in(signed, outbox).await
                    } else {
                        None
                    };
                    if let Some(end) = end {
                        return end;
                    }
                    // After the look: a sign-in that is over is not brought back.
                    if matches!(wake, Wake::Recheck) && signed.seat.as_ref().is_some_and(|seat| !seat.is_gone()) {
                        self.rooms.in_use(&signed.who).await;
                    }
                }
            }
        }
    }

    /// One text frame.
    async fn take(
        &self,
        signed: &mut Signed,
        text: &str,
        outbox: &Outbox,
        rate: &mut RateGate,
    ) -> Result<(), (CloseCode, &'static str)> {
        let now = Instant::now().into_std();
        match rate.message(now) {
            Verdict::Pass => {}
            verdict => return limited(outbox, verdict, None),
        }
        metrics::counter!("kafedra_messages_total").increment(1);
        let message = match parse_client(text) {
            Ok(message) => message,
            Err(error) => {
                refuse(outbox, error.request(), RefusalCode::BadMessage.into(), Some(&error.to_string()));
                return Ok(());
            }
        };
        match rate.heard_by_all(now, &message) {
            Verdict::Pass => {}
            verdict => return limited(outbox, verdict, Some(&message)),
        }
        if signed.seat.as_ref().is_some_and(Bound::is_gone) {
            signed.seat = None;
            signed.online.move_to(None);
        }
        match message {
            ClientMessage::Hello(_) => refuse(outbox, Some("hello"), RefusalCode::OutOfOrder.into(), None),
            ClientMessage::Join(_) | ClientMessage::Resume(_) if signed.seat.is_some() => {
                refuse(
                    outbox,
                    Some(message.kind()),
                    RefusalCode::OutOfOrder.into(),
                    Some("leave the other room first"),
                );
            }
            ClientMessage::Join(join) => {
                let sink = Sink::Socket(outbox.clone());
                let joined = self.rooms.join(&signed.who, &join.room, join.beside.as_ref(), Seat::Person, sink).await;
                seated(signed, outbox, "join", &join.room, joined);
            }
            ClientMessage::Resume(resume) => {
                let sink = Sink::Socket(outbox.clone());
                let resumed = self.rooms.resume(&signed.who, &resume.room, resume.token, resume.chat_seq, sink).await;
                seated(signed, outbox, "resume", &resume.room, resumed);
            }
            other => match &signed.seat {
                Some(seat) => seat.say(other).await,
                None => refuse(outbox, Some(other.kind()), RefusalCode::OutOfOrder.into(), Some("join a room first")),
            },
        }
        Ok(())
    }

    /// Looks whether what was allowed at the door still is (WS-07: sign-ins, roles and links end while people are in).
    async fn recheck(&self, signed: &mut Signed, outbox: &Outbox) -> Option<(CloseCode, &'static str)> {
        if let Some(end) = self.recheck_sign_in(signed, outbox).await {
            return Some(end);
        }
        let seat = signed.seat.as_ref().filter(|seat| !seat.is_gone())?;
        if !self.rooms.may_stay(&signed.who, seat).await {
            self.rooms.expel(&signed.person).await;
        }
        None
    }

    /// The same for the sign-in alone.
    async fn recheck_sign_in(&self, signed: &mut Signed, outbox: &Outbox) -> Option<(CloseCode, &'static str)> {
        if self.rooms.is_signed_in(&signed.who).await {
            return None;
        }
        self.give_up(signed).await;
        refuse(outbox, None, RefusalCode::SessionExpired.into(), None);
        Some((CloseCode::NotAuthenticated, "signed out"))
    }

    /// Leaves the room for good, so that the seat cannot be resumed.
    async fn give_up(&self, signed: &mut Signed) {
        if let Some(seat) = signed.seat.take() {
            seat.say(ClientMessage::Leave(signaling::message::session::Leave {})).await;
        }
    }
}

/// The hub stops. Whoever is in a room hears of it from the room, once what they sent is kept.
async fn stop(signed: &mut Signed, outbox: &Outbox) -> (CloseCode, &'static str) {
    match signed.seat.take().filter(|seat| !seat.is_gone()) {
        Some(seat) => {
            let _ = timeout(STOP_WAIT, seat.gone()).await;
        }
        None => outbox.message(&ServerMessage::Reconnect(Reconnect { after_ms: 500 })),
    }
    (CloseCode::GoingAway, "the hub stops")
}

fn seated(signed: &mut Signed, outbox: &Outbox, request: &'static str, room: &RoomId, result: Result<Bound, Refused>) {
    match result {
        Ok(seat) => {
            signed.online.move_to(Some(room.clone()));
            signed.seat = Some(seat);
        }
        Err(refused) => refuse(outbox, Some(request), refused, None),
    }
}

fn refuse(outbox: &Outbox, request: Option<&str>, refused: Refused, detail: Option<&str>) {
    metrics::counter!("kafedra_refusals_total").increment(1);
    outbox.message(&ServerMessage::Error(Refusal {
        code: refused.code,
        request: request.map(str::to_owned),
        client_msg_id: None,
        retry_after_ms: refused.retry_after_ms,
        detail: detail.map(str::to_owned),
    }));
}

fn limited(
    outbox: &Outbox,
    verdict: Verdict,
    message: Option<&ClientMessage>,
) -> Result<(), (CloseCode, &'static str)> {
    let client_msg_id = match message {
        Some(ClientMessage::ChatSend(send)) => Some(send.client_msg_id.clone()),
        _ => None,
    };
    match verdict {
        Verdict::Pass => {}
        Verdict::Limited(None) => {}
        Verdict::Limited(Some(wait)) => {
            metrics::counter!("kafedra_rate_limited_total").increment(1);
            outbox.message(&ServerMessage::Error(Refusal {
                code: RefusalCode::RateLimited,
                request: message.map(|message| message.kind().to_owned()),
                client_msg_id,
                retry_after_ms: Some(u64::try_from(wait.as_millis()).unwrap_or(1_000).max(1)),
                detail: None,
            }));
        }
        Verdict::Close => return Err((CloseCode::Flood, "too many messages")),
    }
    Ok(())
}

/// Text of a frame; `None`: a ping or pong. The error is how the socket ends.
fn read_frame(
    frame: Option<Result<Message, axum::Error>>,
) -> Result<Option<axum::extract::ws::Utf8Bytes>, (CloseCode, &'static str)> {
    match frame {
        Some(Ok(Message::Text(text))) => Ok(Some(text)),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Binary(_))) => Err((CloseCode::Unsupported, "text frames only")),
        Some(Ok(Message::Close(_))) | None => Err((CloseCode::Normal, "")),
        Some(Err(error)) => Err(close_code(error)),
    }
}

/// tungstenite ends a broken stream without a word; the code tells the client's author what broke.
fn close_code(error: axum::Error) -> (CloseCode, &'static str) {
    use tungstenite::Error as E;
    match error.into_inner().downcast::<E>().map(|error| *error) {
        Ok(E::Capacity(_)) => (CloseCode::TooBig, "at most 64 KiB"),
        Ok(E::Utf8(_)) => (CloseCode::BadUtf8, "not UTF-8"),
        Ok(E::Protocol(_)) => (CloseCode::Protocol, "not RFC 6455"),
        _ => (CloseCode::Normal, ""),
    }
}

/// Sends the close and reads on for a moment: a socket closed with unread bytes is reset, and the reset may overtake
/// the close frame.
async fn linger(
    mut stream: SplitStream<WebSocket>,
    end: (CloseCode, &'static str),
    outbox: &Outbox,
) -> (CloseCode, &'static str) {
    outbox.close(end.0, end.1);
    let drained = async { while let Some(Ok(_)) = stream.next().await {} };
    let _ = timeout(LINGER, drained).await;
    end
}

/// Empties the outbox into the socket.
async fn write(mut sink: SplitSink<WebSocket, Message>, outbox: Outbox) {
    loop {
        let item = outbox.next().await;
        let (message, last) = match item {
            Item::Text(text) => (Message::Text(text), false),
            Item::Ping => (Message::Ping(axum::body::Bytes::new()), false),
            Item::Close(code, reason) => {
                (Message::Close(Some(CloseFrame { code: code as u16, reason: reason.into() })), true)
            }
        };
        let wait = if last { LINGER } else { WRITE_WAIT };
        match timeout(wait, sink.send(message)).await {
            Ok(Ok(())) if !last => {}
            Ok(_) => {
                outbox.close(CloseCode::Normal, "");
                return;
            }
            // The next item is then the close with its own, short wait.
            Err(_) if !last => outbox.give_up(),
            Err(_) => return,
        }
    }
}

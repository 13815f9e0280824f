//! One session: a task that holds the seat, hands offers to the room and, for a watcher, asks for what it wants to see.

use std::time::Duration;

use media::sdp::{Description, Media};
use signaling::ids::{Mid, PeerId, SourceId};
use signaling::message::media::{SlotRequest, SlotRequests, SourceKind, SourceView};
use signaling::message::negotiation::{Candidate, Offer, SendSlot};
use signaling::message::{ClientMessage, ServerMessage};
use tokio::sync::{mpsc, oneshot};

use super::condition::Condition;
use super::fragment::{self, Fragment};
use super::{Kind, Problem};
use crate::rooms::headless::{Headless, Tether};

/// How long the room may take to answer an offer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Requests that may wait for one session.
const REQUESTS: usize = 8;
/// A program shows the whole picture.
const FULL_HEIGHT: u16 = 2160;

/// What a watcher wants.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// It publishes.
    Nothing,
    /// A shared screen, else the speaker; and the loudest voices.
    Speaker,
    /// Picture and sound of each label, in this order.
    Labels(Vec<String>),
}

/// An answer and the generation of ICE that it belongs to.
pub(super) struct Answer {
    pub(super) sdp: String,
    pub(super) generation: u32,
}

enum Ask {
    Patch { fragment: Fragment, condition: Condition, reply: oneshot::Sender<Result<Option<Answer>, Problem>> },
    End,
}

/// The way to a session's task.
#[derive(Clone)]
pub(super) struct Program {
    pub(super) person: String,
    pub(super) room: String,
    pub(super) kind: Kind,
    // Boxed: asks are rare, and a channel holds room for 32 of them.
    asks: mpsc::Sender<Box<Ask>>,
}

impl Program {
    pub(super) fn is_over(&self) -> bool {
        self.asks.is_closed()
    }

    /// Candidates or a restart. `None`: nothing to answer.
    pub(super) async fn patch(&self, fragment: Fragment, condition: Condition) -> Result<Option<Answer>, Problem> {
        let (reply, answer) = oneshot::channel();
        let asked = self.asks.send(Box::new(Ask::Patch { fragment, condition, reply })).await;
        asked.map_err(|_| Problem::not_found())?;
        answer.await.unwrap_or_else(|_| Err(Problem::not_found()))
    }

    /// Gives the seat up, and waits until the task is over.
    pub(super) async fn end(&self) {
        if self.asks.send(Box::new(Ask::End)).await.is_ok() {
            self.asks.closed().await;
        }
    }
}

/// Offers for a seat, and keeps it from then on. `over` is called when the session ends.
///
/// # Errors
/// The room's refusal; the seat is given up.
pub(super) async fn start(
    (seat, mut tether): (Headless, Tether),
    lines: &Description,
    sdp: String,
    wanted: Wanted,
    (person, room, kind): (String, String, Kind),
    over: impl FnOnce() + Send + 'static,
) -> Result<(Program, Answer), Problem> {
    let sends = if kind == Kind::Whip { sends(lines)? } else { Vec::new() };
    let slots = |media| {
        let receives = lines.lines.iter().filter(move |line| line.media == media && line.direction.receives());
        receives.map(|line| Mid::new(line.mid.as_str())).collect::<Vec<_>>()
    };
    let mut task = Task {
        seat,
        offer: sdp,
        sends,
        offers: 0,
        generation: 0,
        wanted,
        video: slots(Media::Video),
        audio: slots(Media::Audio),
        sources: Vec::new(),
        speakers: Vec::new(),
        asked: Vec::new(),
    };
    let answer = task.negotiate().await?;
    task.ask_for_slots().await;
    let (asks, inbox) = mpsc::channel(REQUESTS);
    tokio::spawn(async move {
        // Dropped with the task, the seat is given up.
        // By reference: a future that takes what it works on holds it twice.
        tokio::select! {
            () = task.run(inbox) => {}
            () = tether.ended() => {}
        }
        drop(task);
        over();
    });
    Ok((Program { person, room, kind, asks }, answer))
}

/// The m-lines that send: one audio, one video.
fn sends(lines: &Description) -> Result<Vec<SendSlot>, Problem> {
    let mut sends = Vec::new();
    for (media, kind) in [(Media::Audio, SourceKind::Microphone), (Media::Video, SourceKind::Camera)] {
        let mut sending = lines.lines.iter().filter(|line| line.media == media && line.direction.sends());
        if let Some(line) = sending.next() {
            sends.push(SendSlot { mid: Mid::new(line.mid.as_str()), kind, encrypted: false });
        }
        if sending.next().is_some() {
            return Err(Problem::new("offer_unsupported").detail("at most one audio and one video"));
        }
    }
    if sends.is_empty() {
        return Err(Problem::new("bad_offer").detail("nothing is sent"));
    }
    Ok(sends)
}

struct Task {
    seat: Headless,
    offer: String,
    sends: Vec<SendSlot>,
    offers: u32,
    /// The offer that was answered last: the generation of ICE that stands.
    generation: u32,
    wanted: Wanted,
    video: Vec<Mid>,
    audio: Vec<Mid>,
    sources: Vec<SourceView>,
    speakers: Vec<PeerId>,
    /// What the room was asked for last.
    asked: Vec<SlotRequest>,
}

impl Task {
    async fn run(&mut self, mut inbox: mpsc::Receiver<Box<Ask>>) {
        loop {
            tokio::select! {
                ask = inbox.recv() => match ask.map(|ask| *ask) {
                    None | Some(Ask::End) => return,
                    Some(Ask::Patch { fragment, condition, reply }) => {
                        let answer = Box::pin(self.patch(fragment, condition)).await;
                        // Who asked may have gone away.
                        let _ = reply.send(answer);
                    }
                },
                message = self.seat.next() => match message {
                    None | Some(ServerMessage::Closed(_) | ServerMessage::Reconnect(_)) => return,
                    // Boxed: for a moment it takes more than all the rest.
                    Some(message) => Box::pin(self.note(message)).await,
                },
            }
        }
    }

    /// Sends the offer as it is and waits for the answer.
    async fn negotiate(&mut self) -> Result<Answer, Problem> {
        self.offers += 1;
        let id = self.offers;
        let offer = Offer { id, sdp: self.offer.clone(), sends: self.sends.clone() };
        self.seat.say(ClientMessage::Offer(offer)).await;
        let answer = async {
            loop {
                match self.seat.next().await {
                    None | Some(ServerMessage::Closed(_)) => return Err(Problem::new("unavailable")),
                    Some(ServerMessage::Answer(answer)) if answer.id == id => {
                        self.generation = id;
                        return Ok(Answer { sdp: answer.sdp, generation: id });
                    }
                    Some(ServerMessage::Error(refused)) if refused.request.as_deref() == Some("offer") => {
                        let problem = Problem::from(refused.code);
                        return Err(match refused.detail {
                            Some(detail) => problem.detail(detail),
                            None => problem,
                        });
                    }
                    Some(message) => self.remember(message),
                }
            }
        };
        match tokio::time::timeout(ANSWER_WAIT, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(Problem::new("unavailable").detail("the room does not answer")),
        }
    }

    async fn patch(&mut self, fragment: Fragment, condition: Condition) -> Result<Option<Answer>, Problem> {
        // RFC 9725 section 4.3.1: requests overtake each other, so each names the ICE session that it means.
        match condition {
            Condition::Missing => return Err(Problem::new("precondition_required")),
            condition if !condition.holds(self.generation) => return Err(Problem::new("precondition_failed")),
            _ => {}
        }
        let restart = fragment.credentials.filter(|(ufrag, _)| fragment::ufrag(&self.offer) != Some(ufrag));
        let mut answer = None;
        if let Some((ufrag, password)) = restart {
            let before = std::mem::take(&mut self.offer);
            self.offer = fragment::with_credentials(&before, &ufrag, &password);
            match self.negotiate().await {
                Ok(new) => answer = Some(new),
                Err(problem) => {
                    // The session goes on as it was, under its old name.
                    self.offer = before;
                    return Err(problem);
                }
            }
        }
        for candidate in fragment.candidates {
            self.seat.say(ClientMessage::Candidate(Candidate { candidate, mid: None })).await;
        }
        Ok(answer)
    }

    async fn note(&mut self, message: ServerMessage) {
        self.remember(message);
        self.ask_for_slots().await;
    }

    fn remember(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Joined(joined) => self.sources = joined.sources,
            ServerMessage::Sources(sources) => self.sources = sources.sources,
            ServerMessage::Speakers(speakers) => self.speakers = speakers.peers,
            _ => {}
        }
    }

    /// Asks the room for what the slots are to carry, when that has changed.
    async fn ask_for_slots(&mut self) {
        let slots = match &self.wanted {
            Wanted::Nothing => return,
            Wanted::Speaker => self.speaker_slots(),
            Wanted::Labels(labels) => self.label_slots(labels),
        };
        if slots != self.asked {
            self.asked.clone_from(&slots);
            self.seat.say(ClientMessage::Slots(SlotRequests { slots })).await;
        }
    }

    /// Pictures in the order of interest; audio slots are left to the hub.
    fn speaker_slots(&self) -> Vec<SlotRequest> {
        let rank = |view: &&SourceView| {
            let place = self.speakers.iter().position(|peer| *peer == view.peer).unwrap_or(self.speakers.len());
            // Whoever is shown already stays when nobody speaks.
            let shown = self.asked.iter().any(|slot| slot.source.as_ref() == Some(&view.source));
            (view.kind != SourceKind::Screen, view.muted, place, !shown)
        };
        let mut pictures: Vec<&SourceView> =
            self.sources.iter().filter(|view| matches!(view.kind, SourceKind::Camera | SourceKind::Screen)).collect();
        pictures.sort_by_key(rank);
        let mut pictures = pictures.into_iter().map(|view| view.source.clone());
        self.video.iter().map(|mid| slot(mid, pictures.next())).collect()
    }

    fn label_slots(&self, labels: &[String]) -> Vec<SlotRequest> {
        let find = |label: &str, is_audio: bool| {
            let is_kind =
                |view: &&SourceView| matches!(view.kind, SourceKind::Microphone | SourceKind::ScreenAudio) == is_audio;
            let view = self.sources.iter().filter(is_kind).find(|view| label_of(&view.source) == label)?;
            Some(view.source.clone())
        };
        let mut pictures = labels.iter().filter_map(|label| find(label, false));
        let mut sounds = labels.iter().filter_map(|label| find(&sound_of(label), true));
        let video = self.video.iter().map(|mid| slot(mid, pictures.next()));
        let audio = self.audio.iter().map(|mid| slot(mid, sounds.next()));
        video.chain(audio).collect()
    }
}

fn slot(mid: &Mid, source: Option<SourceId>) -> SlotRequest {
    SlotRequest { mid: mid.clone(), source, max_height: FULL_HEIGHT }
}

/// The part of a source's name behind its seat.
fn label_of(source: &SourceId) -> &str {
    source.as_str().split_once(':').map_or("", |(_, label)| label)
}

/// The label of the sound that goes with a label.
fn sound_of(label: &str) -> String {
    match label {
        "camera" => "microphone".to_owned(),
        "screen" => "screen_audio".to_owned(),
        "microphone" | "screen_audio" => label.to_owned(),
        label => format!("{label}-audio"),
    }
}

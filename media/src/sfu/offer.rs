//! Answers an offer: the plan of `negotiate` becomes a transport, its sources and its slots. Renegotiation keeps every
//! m-line that stayed what it was.

use std::collections::HashMap;
use std::time::Instant;

use super::Sfu;
use crate::bandwidth::Estimator;
use crate::bandwidth::budget::Climb;
use crate::bandwidth::incoming::Incoming;
use crate::error::OfferError;
use crate::forward::keyframe::Throttle;
use crate::forward::layer::Layer;
use crate::forward::slot::{Slot, Stamp};
use crate::forward::{Source, SourceIndex};
use crate::model::{OfferRequest, PeerKey, RoomKey, SfuEvent, SourceKey, SourceKind};
use crate::negotiate::{self, LinePlan, Plan, Purpose, SlotSsrcs};
use crate::pacer::Pacer;
use crate::sdp;
use crate::transport::control::ControlShare;
use crate::transport::dtls::Dtls;
use crate::transport::feedback::ArrivalLog;
use crate::transport::ice::{self, CONNECT, Credentials, Ice};
use crate::transport::{KEPT_STREAMS, Line, MAX_STREAMS, Role, Stream, Timer, Transport, TransportIndex};

impl Sfu {
    /// Answers a peer's offer: its first makes the transport; later ones renegotiate, restart ICE (new user fragment) or,
    /// with another certificate, replace the transport.
    ///
    /// # Errors
    /// See [`OfferError`]; nothing changed then.
    pub fn handle_offer(
        &mut self,
        now: Instant,
        room: RoomKey,
        peer: PeerKey,
        request: &OfferRequest,
    ) -> Result<String, OfferError> {
        self.now = now;
        self.recycle();
        let description = sdp::parse(&request.sdp)?;
        let plan = negotiate::plan(&description, request)?;
        let state = self.rooms.get(&room).ok_or(OfferError::UnknownRoom)?;
        for (_, source, _) in &request.sends {
            let owner = state.sources.get(source).and_then(|source| self.sources[source.0].as_ref());
            if owner.is_some_and(|owner| owner.peer != peer) {
                return Err(OfferError::DuplicateSource);
            }
        }

        let existing = state.peers.get(&peer).copied();
        self.work = existing;
        let same = existing.filter(|index| {
            let transport = self.transports[index.0].as_ref();
            // A transport that has lost its keys cannot go on: the client makes a new one too.
            transport.is_some_and(|transport| {
                transport.dtls.remote() == plan.fingerprint
                    && (transport.srtp.is_some() || !transport.dtls.is_established())
            })
        });
        let index = match same {
            Some(index) => {
                self.restart_if_asked(index, &plan);
                index
            }
            None => {
                let wishes =
                    existing.and_then(|index| self.transport(index)).map(|old| std::mem::take(&mut old.wishes));
                if existing.is_none() && self.load().transports >= self.config.max_transports {
                    return Err(OfferError::Full);
                }
                self.drop_peer(room, peer);
                let index = self.new_transport(room, peer, &plan);
                self.work = Some(index);
                if let Some(transport) = self.transport(index) {
                    transport.wishes = wishes.unwrap_or_default();
                }
                index
            }
        };

        let mut has_new_ids = false;
        if let Some(transport) = self.transport(index) {
            has_new_ids = transport.extensions.forwarded() != plan.extensions.forwarded();
            transport.extensions = plan.extensions;
            transport.reduced_size = plan.reduced_size;
            transport.answers += 1;
        }
        for (line, line_plan) in plan.lines.iter().enumerate() {
            self.apply_line(index, line, line_plan, has_new_ids);
        }
        if let Some(transport) = self.transport(index)
            && transport.slots_mut().any(|(_, slot)| slot.stamp == Stamp::Number)
        {
            transport.estimator.expect_feedback();
        }
        self.bind_announced(index, &plan);
        self.allow(room, peer, request.allowed);
        self.apply_wishes(index);
        self.assign_audio(room);

        let fingerprint = self.identity.fingerprint;
        let transport = self.transports[index.0].as_ref().ok_or(OfferError::Internal)?;
        let local = negotiate::Local {
            session: (transport.session_id, transport.answers),
            credentials: &transport.ice.credentials,
            fingerprint,
            candidates: &self.config.candidates,
            tcp_candidates: &self.config.tcp_candidates,
        };
        Ok(negotiate::write_answer(&plan, &local, |line| match &transport.lines.get(line)?.role {
            Role::Slot(slot) => Some(slot.ssrcs),
            _ => None,
        }))
    }

    fn credentials(&mut self) -> Credentials {
        // RFC 8445 section 5.3 asks for 24 and 128 bits; here 48 and 144.
        let ufrag = ice::worker_prefix(self.config.worker) + &self.random.text(8);
        Credentials { ufrag, password: self.random.text(24) }
    }

    fn new_transport(&mut self, room: RoomKey, peer: PeerKey, plan: &Plan) -> TransportIndex {
        let credentials = self.credentials();
        let ufrag = credentials.ufrag.clone();
        // Below 2^62, so that any SDP parser's signed integer holds it.
        let session_id = u64::from(self.random.u32()) << 16;
        let transport = Transport {
            room,
            peer,
            ice: Ice::new(credentials, plan.remote_ufrag.clone()),
            dtls: Dtls::new(self.identity.clone(), plan.fingerprint),
            srtp: None,
            extensions: plan.extensions,
            reduced_size: plan.reduced_size,
            lines: Vec::new(),
            streams: HashMap::new(),
            slots: HashMap::new(),
            wishes: Vec::new(),
            told: Vec::new(),
            is_connected: false,
            connects_by: Some(self.now + CONNECT),
            arrivals: ArrivalLog::default(),
            incoming: Incoming::default(),
            estimator: Estimator::new(self.now),
            pacer: Pacer::default(),
            climb: Climb::default(),
            clock_offset: None,
            armed: [None; Timer::COUNT],
            answers: 0,
            session_id,
            rejected: 0,
            nacks: 0,
            key_frame_requests: 0,
            control: ControlShare::default(),
            control_ignored: 0,
            fraction_lost: 0,
            rtt: None,
        };
        let index = TransportIndex(Self::place(&mut self.transports, transport));
        self.demux.add_ufrag(ufrag, index);
        if let Some(room) = self.rooms.get_mut(&room) {
            room.peers.insert(peer, index);
        }
        self.arm(index, Timer::Consent, self.now + CONNECT);
        index
    }

    fn restart_if_asked(&mut self, index: TransportIndex, plan: &Plan) {
        let credentials = self.credentials();
        let Some(transport) = self.transport(index) else { return };
        if transport.ice.remote_ufrag() == plan.remote_ufrag {
            return;
        }
        let ufrag = credentials.ufrag.clone();
        let given_up = transport.ice.restart(credentials, plan.remote_ufrag.clone());
        if let Some(old) = given_up {
            self.demux.remove_ufrag(&old.ufrag);
        }
        self.demux.add_ufrag(ufrag, index);
    }

    fn apply_line(&mut self, index: TransportIndex, line: usize, plan: &LinePlan, has_new_ids: bool) {
        let Some(transport) = self.transport(index) else { return };
        if line >= transport.lines.len() {
            transport.lines.push(Line { mid: plan.mid.clone(), role: Role::Idle, rids: Vec::new() });
        }
        let current = &mut transport.lines[line];
        let stays = current.mid == plan.mid
            && match (&mut current.role, &plan.purpose) {
                (Role::Send { key, codecs, .. }, Purpose::Send { source, .. }) if key == source => {
                    codecs.clone_from(&plan.codecs);
                    true
                }
                (Role::Slot(slot), Purpose::Slot) if slot.media == plan.media => {
                    slot.negotiate(plan, has_new_ids);
                    true
                }
                _ => false,
            };
        if stays {
            return;
        }
        self.clear_line(index, line);
        self.unbind(index, line, plan);
        let role = match &plan.purpose {
            Purpose::Refused | Purpose::Inactive => Role::Idle,
            Purpose::Send { source, kind, rids } => {
                let Some(place) = self.new_source(index, *source, *kind, rids) else { return };
                Role::Send { source: place, key: *source, codecs: plan.codecs.clone() }
            }
            Purpose::Slot => {
                let ssrcs = SlotSsrcs { media: self.new_ssrc(index), retransmission: self.new_ssrc(index) };
                let mut slot = Slot::new(plan.mid.clone(), plan.media, ssrcs);
                slot.negotiate(plan, has_new_ids);
                let Some(transport) = self.transport(index) else { return };
                transport.slots.insert(ssrcs.media, line);
                transport.slots.insert(ssrcs.retransmission, line);
                Role::Slot(Box::new(slot))
            }
        };
        let Some(transport) = self.transport(index) else { return };
        let current = &mut transport.lines[line];
        if let Purpose::Send { rids, .. } = &plan.purpose {
            current.rids.clone_from(rids);
        }
        current.mid.clone_from(&plan.mid);
        current.role = role;
    }

    /// Forgets the SSRCs of an m-line that becomes another. One that only pauses (inactive, then sending again) keeps
    /// them: once a report has acknowledged an SSRC, browsers never again send the MID and RID that would identify it.
    fn unbind(&mut self, index: TransportIndex, line: usize, plan: &LinePlan) {
        let Some(transport) = self.transport(index) else { return };
        let Some(current) = transport.lines.get(line) else { return };
        let is_same = current.mid == plan.mid
            && match &plan.purpose {
                Purpose::Inactive => true,
                Purpose::Send { rids, .. } => *rids == current.rids,
                Purpose::Refused | Purpose::Slot => false,
            };
        let bound = transport.streams.values().filter(|stream| stream.line == line).count();
        // A client that comes with new SSRCs each time identifies them each time.
        if !is_same || bound > KEPT_STREAMS {
            transport.streams.retain(|_, stream| stream.line != line);
        }
    }

    fn new_ssrc(&mut self, index: TransportIndex) -> u32 {
        loop {
            let ssrc = self.random.u32();
            let taken = self.transport(index).is_some_and(|transport| transport.slots.contains_key(&ssrc));
            // 0 and small numbers stand for "no source" in feedback.
            if ssrc > 0xffff && !taken {
                return ssrc;
            }
        }
    }

    fn new_source(
        &mut self,
        owner: TransportIndex,
        key: SourceKey,
        kind: SourceKind,
        rids: &[String],
    ) -> Option<SourceIndex> {
        let (room, peer) = {
            let transport = self.transport(owner)?;
            (transport.room, transport.peer)
        };
        // The source may still stand on another m-line of the same peer that this offer moves it from.
        if let Some(earlier) = self.rooms.get(&room)?.sources.get(&key).copied() {
            let line = self
                .transport(owner)?
                .lines
                .iter()
                .position(|line| matches!(&line.role, Role::Send { source, .. } if *source == earlier));
            if let Some(line) = line {
                self.clear_line(owner, line);
            }
        }
        let layers = if rids.is_empty() {
            vec![Layer::new(None, kind.is_audio())]
        } else {
            rids.iter().map(|rid| Layer::new(Some(rid.clone()), kind.is_audio())).collect()
        };
        let source = Source {
            room,
            key,
            kind,
            peer,
            owner,
            layers,
            subscribers: Vec::new(),
            requests: Throttle::default(),
            announced: false,
            // Until the room says otherwise: a re-offer must not carry one packet past a mute.
            paused: true,
            allowed: true,
            is_encrypted: false,
            dirty: false,
            due: self.now,
        };
        let index = SourceIndex(Self::place(&mut self.sources, source));
        self.rooms.get_mut(&room)?.sources.insert(key, index);
        self.apply_wishes_for(room, key);
        Some(index)
    }

    /// Binds the SSRCs that the offer announces, so that clients without the MID extension work too.
    fn bind_announced(&mut self, index: TransportIndex, plan: &Plan) {
        let Some(Some(transport)) = self.transports.get_mut(index.0) else { return };
        for (line, plan) in plan.lines.iter().enumerate() {
            let Purpose::Send { rids, .. } = &plan.purpose else { continue };
            if !rids.is_empty() {
                continue;
            }
            for ssrc in &plan.ssrcs {
                let is_retransmission = plan.retransmission_ssrcs.iter().any(|(_, repair)| repair == ssrc);
                if transport.streams.len() < MAX_STREAMS {
                    let stream = Stream { line, layer: 0, is_retransmission };
                    let bound = transport.streams.entry(*ssrc).or_insert(stream);
                    if bound.line != line {
                        *bound = stream;
                    }
                }
            }
        }
    }

    /// Empties an m-line: its source leaves, its slot is freed.
    pub(super) fn clear_line(&mut self, index: TransportIndex, line: usize) {
        let Some(role) = self.role(index, line) else { return };
        match std::mem::replace(role, Role::Idle) {
            Role::Idle => {}
            Role::Send { source, .. } => {
                self.remove_source(source);
            }
            Role::Slot(slot) => {
                if let Some(transport) = self.transport(index) {
                    transport.slots.retain(|_, owner| *owner != line);
                }
                if let Some(source) = slot.source.and_then(|source| self.source(source)) {
                    source.subscribers.retain(|subscriber| (subscriber.transport, subscriber.line) != (index, line));
                }
            }
        }
    }

    fn remove_source(&mut self, index: SourceIndex) {
        let Some(source) = self.sources[index.0].take() else { return };
        self.dirty.retain(|dirty| *dirty != index);
        if let Some(room) = self.rooms.get_mut(&source.room) {
            room.sources.remove(&source.key);
            room.speakers.remove(index);
        }
        for subscriber in &source.subscribers {
            if let Some(slot) =
                self.transport(subscriber.transport).and_then(|transport| transport.slot(subscriber.line))
            {
                slot.assign(None);
            }
            self.tell_slots(subscriber.transport);
        }
        if source.announced {
            self.tell(source.room, SfuEvent::SourceRemoved { source: source.key });
        }
    }
}

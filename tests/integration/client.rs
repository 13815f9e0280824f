//! A headless WebRTC client on the `webrtc` crate: publishes VP8 and Opus made by hand, counts what it receives.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::rtp::header::Header;
use rtc::rtp::packet::Packet;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCPeerConnectionState, RTCSessionDescription, Registry, register_default_interceptors,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

/// What has arrived, by kind, and the last byte of the newest video packet (who it is from).
#[derive(Default)]
pub struct Seen {
    pub audio: AtomicU64,
    pub video: AtomicU64,
    pub mark: AtomicU64,
    connected: AtomicBool,
    /// By what ends its packets (who it is from): pictures and sounds.
    from: Mutex<BTreeMap<u8, (u64, u64)>>,
    /// By SSRC: who the newest packet is from, and how many came.
    streams: Mutex<BTreeMap<u32, (u8, u64)>>,
}

impl Seen {
    /// Pictures and sounds by who they are from.
    pub fn counts(&self) -> BTreeMap<u8, (u64, u64)> {
        self.from.lock().unwrap().clone()
    }

    /// Who the newest packet of an SSRC is from, and how many have come.
    pub fn stream(&self, ssrc: u32) -> (u8, u64) {
        self.streams.lock().unwrap().get(&ssrc).copied().unwrap_or_default()
    }
}

struct Handler(Arc<Seen>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.0.connected.store(state == RTCPeerConnectionState::Connected, Ordering::SeqCst);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let seen = self.0.clone();
        let is_video = track.kind().await == RtpCodecKind::Video;
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let mark = packet.payload.last().copied().unwrap_or(0);
                    {
                        let mut from = seen.from.lock().unwrap();
                        let (pictures, sounds) = from.entry(mark).or_default();
                        *(if is_video { pictures } else { sounds }) += 1;
                        let mut streams = seen.streams.lock().unwrap();
                        let (newest, count) = streams.entry(packet.header.ssrc).or_default();
                        (*newest, *count) = (mark, *count + 1);
                    }
                    if is_video {
                        seen.mark.store(mark.into(), Ordering::SeqCst);
                        seen.video.fetch_add(1, Ordering::SeqCst);
                    } else {
                        seen.audio.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
        });
    }
}

/// A client that publishes one picture and one sound, or watches.
pub struct Client {
    pub peer: Box<dyn PeerConnection>,
    pub seen: Arc<Seen>,
    tracks: Vec<Arc<TrackLocalStaticRTP>>,
    sent: u16,
}

fn codec(kind: RtpCodecKind) -> RTCRtpCodec {
    let (mime_type, clock_rate, channels) = match kind {
        RtpCodecKind::Audio => ("audio/opus", 48_000, 2),
        _ => ("video/VP8", 90_000, 0),
    };
    RTCRtpCodec { mime_type: mime_type.to_owned(), clock_rate, channels, ..Default::default() }
}

/// Where clients are, unless a test says otherwise.
const LOOPBACK: &str = "127.0.0.1:0";

impl Client {
    async fn new(address: &str) -> Self {
        let seen = Arc::new(Seen::default());
        let mut engine = MediaEngine::default();
        for (kind, payload_type) in [(RtpCodecKind::Video, 96), (RtpCodecKind::Audio, 111)] {
            let parameters = RTCRtpCodecParameters { rtp_codec: codec(kind), payload_type };
            engine.register_codec(parameters, kind).unwrap();
        }
        let registry = register_default_interceptors(Registry::new(), &mut engine).unwrap();
        let peer = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Handler(seen.clone())))
            .with_udp_addrs(vec![address.to_owned()])
            .build()
            .await
            .unwrap();
        Self { peer: Box::new(peer), seen, tracks: Vec::new(), sent: 0 }
    }

    /// Its m-lines send: "0" video, "1" audio.
    pub async fn publisher() -> Self {
        Self::publisher_at(LOOPBACK).await
    }

    pub async fn publisher_at(address: &str) -> Self {
        let mut client = Self::new(address).await;
        for (kind, ssrc) in [(RtpCodecKind::Video, 1000), (RtpCodecKind::Audio, 2000)] {
            let encoding = RTCRtpEncodingParameters {
                rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
                codec: codec(kind),
                ..Default::default()
            };
            let name = format!("{kind}");
            let track = MediaStreamTrack::new("stream".to_owned(), name.clone(), name, kind, vec![encoding]);
            let track = Arc::new(TrackLocalStaticRTP::new(track));
            client.peer.add_track(track.clone() as Arc<dyn TrackLocal>).await.unwrap();
            client.tracks.push(track);
        }
        client
    }

    /// Its m-lines receive: "0" video, "1" audio.
    pub async fn watcher() -> Self {
        Self::watcher_at(LOOPBACK).await
    }

    pub async fn watcher_at(address: &str) -> Self {
        let client = Self::new(address).await;
        for kind in [RtpCodecKind::Video, RtpCodecKind::Audio] {
            let init = RTCRtpTransceiverInit { direction: RTCRtpTransceiverDirection::Recvonly, ..Default::default() };
            client.peer.add_transceiver_from_kind(kind, Some(init)).await.unwrap();
        }
        client
    }

    /// One peer connection that sends ("0" video, "1" audio) and has so many receive slots of each kind.
    pub async fn participant(slots: usize) -> Self {
        let client = Self::publisher().await;
        for kind in [RtpCodecKind::Video, RtpCodecKind::Audio] {
            for _ in 0..slots {
                let init =
                    RTCRtpTransceiverInit { direction: RTCRtpTransceiverDirection::Recvonly, ..Default::default() };
                client.peer.add_transceiver_from_kind(kind, Some(init)).await.unwrap();
            }
        }
        client
    }

    /// The offer, set as local description.
    pub async fn offer(&self) -> String {
        let offer = self.peer.create_offer(None).await.unwrap();
        let sdp = offer.sdp.clone();
        self.peer.set_local_description(offer).await.unwrap();
        // What was set may have gathered candidates; the hub needs none.
        self.peer.local_description().await.map_or(sdp, |description| description.sdp)
    }

    /// An offer with new ICE credentials.
    pub async fn restart(&self) -> String {
        let offer = self.peer.create_offer(Some(RTCOfferOptions { ice_restart: true })).await.unwrap();
        let sdp = offer.sdp.clone();
        self.peer.set_local_description(offer).await.unwrap();
        self.peer.local_description().await.map_or(sdp, |description| description.sdp)
    }

    pub async fn answer(&self, sdp: String) {
        let answer = RTCSessionDescription::answer(sdp).unwrap();
        self.peer.set_remote_description(answer).await.unwrap();
    }

    pub async fn connected(&self) {
        until("the client is connected", || self.seen.connected.load(Ordering::SeqCst)).await;
    }

    /// Sends one picture (a key frame that ends with `mark`) and one sound.
    pub async fn send(&mut self, mark: u8) {
        let picture = [&[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01, 0, 0][..], &[mark]].concat();
        self.send_media(&picture, &[0xfc, 1, 2, mark]).await;
    }

    /// Sends a VP8 key frame of one packet, and 20 ms of Opus.
    pub async fn send_media(&mut self, picture: &[u8], sound: &[u8]) {
        self.sent = self.sent.wrapping_add(1);
        // The payload descriptor of RFC 7741: a partition starts.
        let picture = [&[0x10], picture].concat();
        let payloads = [(96, 1000, 1800, picture), (111, 2000, 960, sound.to_vec())];
        for (track, (payload_type, ssrc, step, payload)) in self.tracks.iter().zip(payloads) {
            let header = Header {
                version: 2,
                marker: true,
                payload_type,
                sequence_number: self.sent,
                timestamp: u32::from(self.sent) * step,
                ssrc,
                ..Default::default()
            };
            // Before the connection is up there is nowhere to send to.
            let _ = track.write_rtp(Packet { header, payload: payload.into() }).await;
        }
    }
}

/// Waits for a condition, half a minute at most.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    until_async(what, async || holds()).await;
}

/// The same for a condition that takes asking.
pub async fn until_async(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), waiting).await.is_ok(), "waited for: {what}");
}

/// Sends pictures and sounds until a condition holds.
pub async fn send_until(what: &str, client: &mut Client, mark: u8, mut holds: impl FnMut() -> bool) {
    let sending = async {
        while !holds() {
            client.send(mark).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), sending).await.is_ok(), "waited for: {what}");
}

//! Descriptions: the clients' own, and what they need of a server's. Nothing here opens a socket or reads a clock.

use std::net::{IpAddr, SocketAddr};

use media::rtp::extension;
use media::sdp::Media;

pub const VIDEO: u8 = 96;
pub const AUDIO: u8 = 111;
pub const MID_EXTENSION: u8 = 4;
pub const LEVEL_EXTENSION: u8 = 1;
pub const NUMBER_EXTENSION: u8 = 3;

/// An m-line of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    pub media: Media,
    pub sends: bool,
}

impl Line {
    /// The lines that answer an offer: everything is received. Clients describe themselves in one way only, so the offer
    /// has to number its mids and its payload types as they do; servers that forward what our publishers offered do.
    ///
    /// # Errors
    /// What the offer has otherwise.
    pub fn answering(offer: &str) -> Result<Vec<Self>, String> {
        let mut sections = offer.split("\nm=");
        // What comes before the first m-line is the session's.
        sections.next();
        let read = |(place, section): (usize, &str)| {
            let (media, format) = match section.split(' ').next() {
                Some("audio") => (Media::Audio, format!("a=rtpmap:{AUDIO} opus/48000/2")),
                Some("video") => (Media::Video, format!("a=rtpmap:{VIDEO} VP8/90000")),
                other => return Err(format!("m-line {place} is {}", other.unwrap_or_default())),
            };
            for wanted in [format!("a=mid:{place}"), format] {
                if !section.lines().any(|line| line == wanted) {
                    return Err(format!("m-line {place} lacks {wanted}"));
                }
            }
            Ok(Self { media, sends: false })
        };
        sections.enumerate().map(read).collect()
    }
}

/// A client's side of a description.
#[derive(Clone, Debug)]
pub struct Local {
    pub ufrag: String,
    pub password: String,
    /// Of its certificate, SHA-256.
    pub fingerprint: String,
    pub address: SocketAddr,
    /// It asks for numbers over all its packets and tells which came when, as browsers do.
    pub gives_feedback: bool,
}

impl Local {
    /// A description with these m-lines; the client is the active side of DTLS in offers and answers alike. `ssrc` is
    /// asked of the lines that send.
    pub fn describe(&self, lines: &[Line], ssrc: impl Fn(Media) -> u32) -> String {
        let mids: Vec<String> = (0..lines.len()).map(|mid| mid.to_string()).collect();
        let Self { ufrag, password, fingerprint, address, .. } = self;
        let ip = address.ip();
        let mut sdp = format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n", mids.join(" "));
        for (mid, line) in lines.iter().enumerate() {
            let (name, payloads) = if line.media == Media::Audio { ("audio", "111") } else { ("video", "96 97") };
            let direction = if line.sends { "sendonly" } else { "recvonly" };
            sdp += &format!(
                "m={name} 9 UDP/TLS/RTP/SAVPF {payloads}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na={direction}\r\n\
                 a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=fingerprint:sha-256 {fingerprint}\r\n\
                 a=setup:active\r\na=rtcp-mux\r\na=extmap:{MID_EXTENSION} {}\r\n",
                extension::MID
            );
            if mid == 0 {
                // The line that carries the bundle.
                sdp += &format!("a=candidate:1 1 udp 2130706431 {ip} {} typ host\r\n", address.port());
            }
            if line.media == Media::Audio {
                sdp += &format!("a=extmap:{LEVEL_EXTENSION} {}\r\n", extension::AUDIO_LEVEL);
                sdp += "a=rtpmap:111 opus/48000/2\r\n";
            } else {
                sdp += "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n\
                        a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";
            }
            if self.gives_feedback {
                let payload = payloads.split(' ').next().unwrap_or_default();
                sdp += &format!("a=extmap:{NUMBER_EXTENSION} {}\r\n", extension::TRANSPORT_CC);
                sdp += &format!("a=rtcp-fb:{payload} transport-cc\r\n");
            }
            if line.sends {
                sdp += &format!("a=msid:load track{mid}\r\na=ssrc:{} cname:load\r\n", ssrc(line.media));
            }
        }
        sdp
    }
}

/// The server's side of a description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remote {
    pub ufrag: String,
    pub password: String,
    /// Of its UDP candidates with IPv4.
    addresses: Vec<SocketAddr>,
}

impl Remote {
    /// Reads an answer (or a server's offer).
    pub fn read(sdp: &str) -> Self {
        let value = |name: &str| sdp.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
        let candidates = sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
        let addresses = candidates.filter_map(|candidate| {
            let mut words = candidate.split(' ').skip(2);
            let is_udp = words.next()?.eq_ignore_ascii_case("udp");
            let ip = words.nth(1)?.parse().ok()?;
            is_udp.then_some(SocketAddr::new(ip, words.next()?.parse().ok()?))
        });
        let addresses = addresses.filter(SocketAddr::is_ipv4).collect();
        Self { ufrag: value("a=ice-ufrag:"), password: value("a=ice-pwd:"), addresses }
    }

    /// Where a client with this address goes: to the server's candidate on the same one, else to the first. `None`: the
    /// server names no candidate.
    pub fn address_for(&self, own: IpAddr) -> Option<SocketAddr> {
        self.addresses.iter().find(|address| address.ip() == own).or(self.addresses.first()).copied()
    }
}

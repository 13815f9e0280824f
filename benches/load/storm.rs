//! One receiver of a room sends a thousand RTCP packets a second (SAFETY MD-20): what that costs the server beside the same
//! room in calm, measured by turns in one run.

use std::time::Duration;

use media::sdp::Media;
use rtc::rtcp::Packet;
use rtc::rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};

use crate::flow::Flow;
use crate::meter::Xcal;
use crate::scenario::{Cast, Figures, Server, connect, measure};
use crate::swarm::Swarm;

/// Between two packets of a storm.
pub const PACE: Duration = Duration::from_millis(1);
/// Packets asked for at once: what one pair of a NACK tells (RFC 4585 section 6.2.1).
const ASKED: u16 = 17;
/// Calm and storm, so often in turn: what else the machine does falls on both.
const TURNS: usize = 3;
/// Part of the packets that the client must have come to send.
const ENOUGH: f64 = 0.95;

/// What a receiver says next while it storms.
#[derive(Debug, Default)]
pub struct Storm {
    number: usize,
    /// The newest feedback on arrivals, told again while nothing new has come.
    feedback: Option<Vec<u8>>,
}

impl Storm {
    /// The next packet: of each kind in turn, and of every picture in turn. `None`: nothing has come yet.
    pub fn next(&mut self, flow: &mut Flow) -> Option<Vec<u8>> {
        self.number += 1;
        let kinds = 5;
        let (media_ssrc, newest) = flow.newest(Media::Video, self.number / kinds)?;
        let (sender_ssrc, bitrate) = (1, if self.number.is_multiple_of(2) { 50e6 } else { 300e3 });
        let packet: Box<dyn Packet> = match self.number % kinds {
            0 => Box::new(PictureLossIndication { sender_ssrc, media_ssrc }),
            1 => {
                let fir = vec![FirEntry { ssrc: media_ssrc, sequence_number: self.number as u8 }];
                Box::new(FullIntraRequest { sender_ssrc, media_ssrc, fir })
            }
            2 => {
                let asked: Vec<u16> = (0..ASKED).rev().map(|back| newest.wrapping_sub(back)).collect();
                let nacks = nack_pairs_from_sequence_numbers(&asked);
                Box::new(TransportLayerNack { sender_ssrc, media_ssrc, nacks })
            }
            3 => Box::new(ReceiverEstimatedMaximumBitrate { sender_ssrc, bitrate, ssrcs: vec![media_ssrc] }),
            _ => {
                self.feedback = flow.feedback_now().or(self.feedback.take());
                return self.feedback.clone();
            }
        };
        rtc::rtcp::packet::marshal(&[packet]).ok().map(|clear| clear.to_vec())
    }
}

/// What a storm costs.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    pub calm: Figures,
    pub storm: Figures,
    /// RTCP packets in a second.
    pub pace: f64,
}

impl Cost {
    /// Processors beyond those of the calm room.
    pub fn extra_load(&self) -> f64 {
        self.storm.load - self.calm.load
    }

    /// For each RTCP packet, in xcal.
    pub fn xcals(&self) -> f64 {
        self.extra_load() * 1e6 / self.pace / self.storm.xcal_us
    }
}

/// The room in calm and in storm, by turns.
///
/// # Errors
/// The server's refusal, a room that does not connect, or a client that is too slow to storm.
pub fn run(
    server: &mut dyn Server,
    cast: &Cast,
    xcal: &Xcal,
    seconds: f64,
) -> Result<Cost, Box<dyn std::error::Error>> {
    let swarm = Swarm::start();
    connect(server, &swarm, cast)?;
    let mut cost = Cost::default();
    let stormy = usize::from(cast.publishers);
    for _ in 0..TURNS {
        for is_storm in [false, true] {
            swarm.storm(is_storm.then_some(stormy));
            let figures = measure(&swarm, server.pid(), xcal, seconds, cast.fan_out());
            let pace = figures.tally.controls as f64 / seconds;
            if is_storm {
                cost.pace += pace / TURNS as f64;
            }
            merge(if is_storm { &mut cost.storm } else { &mut cost.calm }, &figures);
        }
    }
    if cost.pace < ENOUGH / PACE.as_secs_f64() {
        return Err(format!("the client sends {:.0} packets a second", cost.pace).into());
    }
    Ok(cost)
}

/// Means of the turns; counts are sums.
fn merge(all: &mut Figures, turn: &Figures) {
    let mean = |all: &mut f64, turn: f64| *all += turn / TURNS as f64;
    mean(&mut all.us_per_packet, turn.us_per_packet);
    mean(&mut all.xcal_us, turn.xcal_us);
    mean(&mut all.packets_per_second, turn.packets_per_second);
    mean(&mut all.load, turn.load);
    all.missing += turn.missing;
    all.tally.add(&turn.tally);
}

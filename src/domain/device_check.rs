//! What a person's own check of camera, microphone, speakers and line found (clause 2.3, R2.3c): a closed set of words and
//! figures, so that nothing about a person's home can be written into it.

use serde::{Deserialize, Serialize};

super::words!(
    /// How one device did. What was not tried has no word.
    #[derive(utoipa::ToSchema)]
    Device {
        Works = "works",
        /// It is on and gives nothing: a microphone without sound, speakers that were not heard.
        Silent = "silent",
        /// The browser or the system does not let the page have it.
        Denied = "denied",
        Missing = "missing",
        /// Another program holds it.
        Busy = "busy",
        Failed = "failed",
    }
);

super::words!(
    /// By what way media reaches the hub.
    #[derive(utoipa::ToSchema)]
    Way {
        Udp = "udp",
        Tcp = "tcp",
        /// Only by a relay (TURN).
        Relay = "relay",
        /// Not at all.
        Nowhere = "none",
    }
);

/// The fastest line that is told of, kbit/s: beyond 100 Gbit/s a figure is a mistake.
pub const MOST_KBPS: u32 = 100_000_000;

/// What a check found. `None`: not tried, not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Findings {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<Device>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub microphone: Option<Device>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<Device>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<Way>,
    /// Whether a relay answered; nothing where the hub names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<Device>,
    /// Measured from the person to the hub, and back, kbit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_kbps: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_kbps: Option<u32>,
}

impl Findings {
    /// Whether anything was tried at all, and no figure is beyond sense.
    pub fn is_sound(&self) -> bool {
        let figures = [self.up_kbps, self.down_kbps];
        *self != Self::default() && figures.into_iter().flatten().all(|kbps| kbps <= MOST_KBPS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_says_something_and_nothing_beyond_sense() {
        let check = |text: &str| serde_json::from_str::<Findings>(text).map(|found| found.is_sound()).ok();
        assert_eq!(check("{}"), Some(false), "nothing was tried");
        assert_eq!(check(r#"{"camera":"missing"}"#), Some(true));
        assert_eq!(check(r#"{"way":"none"}"#), Some(true));
        assert_eq!(check(r#"{"up_kbps":100000000}"#), Some(true));
        assert_eq!(check(r#"{"up_kbps":100000001}"#), Some(false));
        assert_eq!(check(r#"{"down_kbps":-1}"#), None);
        assert_eq!(check(r#"{"camera":"Logitech C920"}"#), None, "no words of one's own");
        assert_eq!(check(r#"{"camera":"works","address":"192.0.2.1"}"#), None, "no fields of one's own");
    }
}

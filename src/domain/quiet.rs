//! Quiet hours: when a person does not want to be rung, in the school's own time.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// From..to by the clock on the school's wall; over midnight when `to` is not after `from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    pub from: Time,
    pub to: Time,
}

impl Quiet {
    /// When it ends, if `now_ms` lies in it; Unix milliseconds.
    pub fn until_ms(self, now_ms: i64, zone: &TimeZone) -> Option<i64> {
        let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned(zone.clone());
        let time = now.time();
        let over_midnight = self.to <= self.from;
        let inside =
            if over_midnight { time >= self.from || time < self.to } else { time >= self.from && time < self.to };
        if !inside || self.from == self.to {
            return None;
        }
        let day = if over_midnight && time >= self.from { now.date().tomorrow().ok()? } else { now.date() };
        // A time that a clock change leaves out comes as the next one that is.
        Some(day.to_datetime(self.to).to_zoned(zone.clone()).ok()?.timestamp().as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::civil::{date, time};

    fn at(day: i8, hour: i8, zone: &TimeZone) -> i64 {
        let at = date(2026, 11, day).at(hour, 30, 0, 0).to_zoned(zone.clone()).unwrap();
        at.timestamp().as_millisecond()
    }

    #[test]
    fn quiet_hours_reach_over_midnight_in_the_schools_zone() {
        let zone = TimeZone::get("Asia/Yekaterinburg").unwrap();
        let quiet = Quiet { from: time(21, 30, 0, 0), to: time(7, 30, 0, 0) };
        let morning = |day| at(day, 7, &zone);
        assert_eq!(quiet.until_ms(at(20, 22, &zone), &zone), Some(morning(21)));
        assert_eq!(quiet.until_ms(at(21, 3, &zone), &zone), Some(morning(21)));
        assert_eq!(quiet.until_ms(morning(21), &zone), None);
        assert_eq!(quiet.until_ms(at(21, 12, &zone), &zone), None);
        let noon = Quiet { from: time(12, 0, 0, 0), to: time(13, 30, 0, 0) };
        assert_eq!(noon.until_ms(at(21, 12, &zone), &zone), Some(at(21, 13, &zone)));
        let never = Quiet { from: time(12, 0, 0, 0), to: time(12, 0, 0, 0) };
        assert_eq!(never.until_ms(at(21, 12, &zone), &zone), None);
    }
}

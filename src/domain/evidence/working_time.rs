//! Time as a school counts it when it has promised an answer: the hours of its working days.

use jiff::civil::{Date, Time, time};

use crate::domain::calendar::{Calendar, plus_days};

/// The working day of those who answer.
const FROM: Time = time(8, 0, 0, 0);
const TO: Time = time(18, 0, 0, 0);
/// Longest span that is counted day by day: what is older is a matter of years, not of hours.
const MOST_DAYS: i32 = 800;

/// Working minutes between two instants (Unix milliseconds): 8 to 18 o'clock of days with lessons. A request that comes in
/// the evening has lost nothing by morning.
pub fn working_minutes(calendar: &Calendar, from_ms: i64, to_ms: i64) -> i64 {
    if to_ms <= from_ms {
        return 0;
    }
    let (first, last) = (calendar.date_at(from_ms), calendar.date_at(to_ms));
    let mut minutes = 0;
    let mut day: Date = first;
    for _ in 0..MOST_DAYS {
        if day > last {
            break;
        }
        if calendar.lessons_of(day).is_some() {
            let (opens, closes) = (calendar.instant_ms(day, FROM), calendar.instant_ms(day, TO));
            minutes += (closes.min(to_ms) - opens.max(from_ms)).max(0) / 60_000;
        }
        day = plus_days(day, 1);
    }
    minutes
}

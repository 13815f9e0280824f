//! From card slots and a calendar to dated consultations. Expanding again gives the same names, so that a change of the
//! calendar moves or removes consultations instead of doubling them (INV-15, P4).

use jiff::civil::{Date, Weekday};
use uuid::Uuid;

use super::calendar::{Calendar, Span, plus_days};
use super::ids::{ConsultationId, SchoolId};
use super::lesson_card::{At, CardSlot, Recurrence};

/// Namespace of consultation names; never changes.
const CONSULTATIONS: Uuid = Uuid::from_u128(0x6b61_6665_6472_5a00_8c6f_6e73_756c_7400);

/// One dated occurrence of a slot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    pub id: ConsultationId,
    pub slot_key: String,
    /// The school's date of the start.
    pub date: Date,
    pub start_ms: i64,
    pub end_ms: i64,
}

/// Why a wanted date gives no consultation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Holiday, break, or outside the school year (INV-16); said for single dates only.
    NotASchoolDay,
    /// That day's bells do not have the period.
    NoSuchPeriod,
}

/// What expanding one slot gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// In the order of their dates.
    pub occurrences: Vec<Occurrence>,
    pub skipped: Vec<(Date, Skip)>,
}

/// The name of the occurrence of a slot on a date: the same for ever.
pub fn consultation_id(school: &SchoolId, slot_key: &str, date: Date) -> ConsultationId {
    // The slot's key may hold anything but a line feed.
    let name = format!("{school}\n{slot_key}\n{date}");
    ConsultationId::new(Uuid::new_v5(&CONSULTATIONS, name.as_bytes()).to_string())
}

/// Occurrences of `slot` with dates inside `within`. Deferred forms have none.
pub fn expand(
    school: &SchoolId,
    slot: &CardSlot,
    allow_in_break: bool,
    calendar: &Calendar,
    within: Span,
) -> Expansion {
    let mut expansion = Expansion::default();
    let Some(at) = slot.at.filter(|_| slot.form.is_realtime()) else {
        return expansion;
    };
    match &slot.recurrence {
        Recurrence::Window { .. } => {}
        Recurrence::Once { date } if within.contains(*date) => {
            if calendar.lessons_of(*date).is_some() || allow_in_break {
                place(school, slot, at, calendar, *date, &mut expansion);
            } else {
                expansion.skipped.push((*date, Skip::NotASchoolDay));
            }
        }
        Recurrence::Once { .. } => {}
        Recurrence::Weekly { weekdays, parity, span } => {
            let mut date = span.from.max(within.from);
            let last = span.to.min(within.to);
            while date <= last {
                let held = calendar.lessons_of(date).or_else(|| allow_in_break.then(|| date.weekday()));
                if held.is_some_and(|weekday: Weekday| weekdays.contains(&weekday))
                    && parity.is_none_or(|parity| calendar.parity(date) == parity)
                {
                    place(school, slot, at, calendar, date, &mut expansion);
                }
                let next = plus_days(date, 1);
                if next == date {
                    break;
                }
                date = next;
            }
        }
    }
    expansion
}

fn place(school: &SchoolId, slot: &CardSlot, at: At, calendar: &Calendar, date: Date, into: &mut Expansion) {
    let (start, bell_end) = match at {
        At::Start(time) => (time, None),
        At::Period(number) => match calendar.period(date, number) {
            Some((start, end)) => (start, Some(end)),
            None => {
                into.skipped.push((date, Skip::NoSuchPeriod));
                return;
            }
        },
    };
    let start_ms = calendar.instant_ms(date, start);
    // A slot without a length of its own lasts as long as its period.
    let end_ms = match (slot.minutes, bell_end) {
        (Some(minutes), _) => start_ms + i64::from(minutes) * 60_000,
        (None, Some(end)) => calendar.instant_ms(date, end),
        (None, None) => return,
    };
    if end_ms > start_ms {
        let id = consultation_id(school, &slot.key, date);
        into.occurrences.push(Occurrence { id, slot_key: slot.key.clone(), date, start_ms, end_ms });
    }
}

#[cfg(test)]
mod tests;

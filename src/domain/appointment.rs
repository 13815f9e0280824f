//! Individual help by appointment (запись на приём): office hours cut into times, who may take one, who may give one back, and
//! what became of it. Pure; the store asks these rules inside the transaction that writes.

use super::ids::PersonId;
use super::refusal::RefusalCode;

words!(
    /// Where an appointment stands (DOMAIN 2.2). Everything but Free and Booked is final.
    AppointmentState {
        Free = "free",
        Booked = "booked",
        Attended = "attended",
        NoShow = "no_show",
        CancelledByRecipient = "cancelled_by_recipient",
        CancelledByHost = "cancelled_by_host",
    }
);

words!(
    /// How somebody came to an appointment.
    Origin {
        Booked = "booked",
        WaitingList = "waiting_list",
        WalkIn = "walk_in",
        Request = "request",
        /// Named on the lesson card.
        Card = "card",
    }
);

const MINUTE_MS: i64 = 60_000;
/// Most times that one consultation is cut into.
pub const MOST_TIMES: usize = 96;
/// Who was there this long was there.
const ATTENDED_MS: i64 = MINUTE_MS;

/// The times that office hours are cut into, whole ones only: a rest shorter than an appointment is the host's pause.
pub fn cut(start_ms: i64, end_ms: i64, minutes: u16) -> Vec<(i64, i64)> {
    let length = i64::from(minutes.max(1)) * MINUTE_MS;
    (0i64..)
        .map(|n| (start_ms + n * length, start_ms + (n + 1) * length))
        .take_while(|(_, ends)| *ends <= end_ms)
        .take(MOST_TIMES)
        .collect()
}

/// What a school decides about booking; all of it in its policy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct BookingRules {
    /// Times can be taken this many days ahead.
    pub days_ahead: u32,
    /// And up to so many minutes before they begin.
    pub closes_minutes: u32,
    /// A recipient can give a time back up to so many minutes before; later only the host can.
    pub guard_minutes: u32,
    /// Most times that a student holds with one host, not over yet.
    pub most_with_host: u32,
    /// Most times that a student holds in all.
    pub most_in_all: u32,
}

impl Default for BookingRules {
    fn default() -> Self {
        Self { days_ahead: 28, closes_minutes: 10, guard_minutes: 180, most_with_host: 2, most_in_all: 4 }
    }
}

/// What booking one time rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookingFacts {
    pub state: AppointmentState,
    pub starts_ms: i64,
    pub ends_ms: i64,
    /// The consultation is planned, or its room is open.
    pub is_on: bool,
    /// Times that the student holds already and that are not over: with this host, in all.
    pub held_with_host: u32,
    pub held_in_all: u32,
    /// The student is in another consultation at that time (INV-14).
    pub has_conflict: bool,
    /// Minutes of real-time help that the student has that day without this time, and the most of the day; `None`: no norm
    /// is enforced (INV-41).
    pub screen_minutes: i64,
    pub screen_cap: Option<i64>,
}

/// Whether a student may take this time (by themselves, by a guardian, or up from the waiting list).
///
/// Refusals: `slot_taken`, `booking_closed`, `booking_limit`, `student_conflict`, `daily_screen_cap`.
pub fn may_book(facts: &BookingFacts, rules: &BookingRules, now_ms: i64) -> Result<(), RefusalCode> {
    let closes = facts.starts_ms - i64::from(rules.closes_minutes) * MINUTE_MS;
    let opens = facts.starts_ms - i64::from(rules.days_ahead) * 24 * 60 * MINUTE_MS;
    if !facts.is_on || now_ms >= closes || now_ms < opens {
        return Err(RefusalCode::BookingClosed);
    }
    if facts.state != AppointmentState::Free {
        return Err(RefusalCode::SlotTaken);
    }
    if facts.held_with_host >= rules.most_with_host || facts.held_in_all >= rules.most_in_all {
        return Err(RefusalCode::BookingLimit);
    }
    if facts.has_conflict {
        return Err(RefusalCode::StudentConflict);
    }
    let minutes = (facts.ends_ms - facts.starts_ms) / MINUTE_MS;
    if facts.screen_cap.is_some_and(|cap| facts.screen_minutes + minutes > cap) {
        return Err(RefusalCode::DailyScreenCap);
    }
    Ok(())
}

/// Whether a recipient may give a time back now. Refusals: `illegal_transition`, `booking_closed` inside the guard time.
pub fn may_give_back(
    state: AppointmentState,
    starts_ms: i64,
    rules: &BookingRules,
    now_ms: i64,
) -> Result<(), RefusalCode> {
    if state != AppointmentState::Booked {
        return Err(RefusalCode::IllegalTransition);
    }
    if now_ms >= starts_ms - i64::from(rules.guard_minutes) * MINUTE_MS {
        return Err(RefusalCode::BookingClosed);
    }
    Ok(())
}

/// A stay in the room, Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    pub person: PersonId,
    pub is_host: bool,
    pub from_ms: i64,
    pub to_ms: i64,
}

/// What became of a booked time, from who was in the room: the student, or a guardian of that student (`recipients`). A host
/// who was not there at that time is not the student's no-show.
pub fn outcome(starts_ms: i64, ends_ms: i64, recipients: &[PersonId], stays: &[Stay]) -> AppointmentState {
    let (from, to) = (starts_ms - super::access::WAIT_BEFORE_MS, ends_ms + super::access::STAY_AFTER_MS);
    let inside = |stay: &Stay| (stay.to_ms.min(to) - stay.from_ms.max(from)).max(0);
    let there: i64 = stays.iter().filter(|stay| recipients.contains(&stay.person)).map(inside).sum();
    if there >= ATTENDED_MS {
        return AppointmentState::Attended;
    }
    let host_came = stays.iter().any(|stay| stay.is_host && stay.from_ms < ends_ms && stay.to_ms > starts_ms);
    if host_came { AppointmentState::NoShow } else { AppointmentState::CancelledByHost }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000;

    fn facts() -> BookingFacts {
        BookingFacts {
            state: AppointmentState::Free,
            starts_ms: 100 * HOUR,
            ends_ms: 100 * HOUR + 15 * MINUTE_MS,
            is_on: true,
            held_with_host: 0,
            held_in_all: 0,
            has_conflict: false,
            screen_minutes: 0,
            screen_cap: Some(60),
        }
    }

    fn check(change: impl FnOnce(&mut BookingFacts), expected: Result<(), RefusalCode>) {
        let mut facts = facts();
        change(&mut facts);
        assert_eq!(may_book(&facts, &BookingRules::default(), 90 * HOUR), expected, "{facts:?}");
    }

    #[test]
    fn each_rule_of_booking_refuses_with_its_code() {
        check(|_| {}, Ok(()));
        check(|facts| facts.state = AppointmentState::Booked, Err(RefusalCode::SlotTaken));
        check(|facts| facts.is_on = false, Err(RefusalCode::BookingClosed));
        check(|facts| facts.starts_ms = 90 * HOUR + 9 * MINUTE_MS, Err(RefusalCode::BookingClosed));
        check(|facts| facts.starts_ms = 90 * HOUR + 29 * 24 * HOUR, Err(RefusalCode::BookingClosed));
        check(|facts| facts.held_with_host = 2, Err(RefusalCode::BookingLimit));
        check(|facts| facts.held_in_all = 4, Err(RefusalCode::BookingLimit));
        check(|facts| facts.has_conflict = true, Err(RefusalCode::StudentConflict));
        check(|facts| facts.screen_minutes = 46, Err(RefusalCode::DailyScreenCap));
        check(|facts| facts.screen_minutes = 45, Ok(()));
    }

    #[test]
    fn a_time_is_given_back_before_the_guard_time_only() {
        let rules = BookingRules::default();
        let back = |state, now| may_give_back(state, 100 * HOUR, &rules, now);
        assert_eq!(back(AppointmentState::Booked, 97 * HOUR - 1), Ok(()));
        assert_eq!(back(AppointmentState::Booked, 97 * HOUR), Err(RefusalCode::BookingClosed));
        assert_eq!(back(AppointmentState::Attended, 0), Err(RefusalCode::IllegalTransition));
    }

    #[test]
    fn presence_decides_and_an_absent_host_is_not_the_students_fault() {
        let stay =
            |person: &str, is_host, from, to| Stay { person: PersonId::new(person), is_host, from_ms: from, to_ms: to };
        let (from, to) = (100 * HOUR, 100 * HOUR + 15 * MINUTE_MS);
        let ann = [PersonId::new("ann")];
        let host = stay("t", true, 0, 200 * HOUR);
        assert_eq!(
            outcome(from, to, &ann, &[host.clone(), stay("ann", false, from, from + MINUTE_MS)]),
            AppointmentState::Attended
        );
        assert_eq!(outcome(from, to, &ann, &[host.clone(), stay("bob", false, from, to)]), AppointmentState::NoShow);
        assert_eq!(outcome(from, to, &ann, &[host, stay("ann", false, 0, 90 * HOUR)]), AppointmentState::NoShow);
        assert_eq!(outcome(from, to, &ann, &[]), AppointmentState::CancelledByHost);
    }

    proptest! {
        /// The times lie inside the office hours, touch each other and leave less than one appointment over.
        #[test]
        fn office_hours_are_cut_without_gaps(start in 0i64..1_000_000, length in 0i64..600, minutes in 1u16..120) {
            let (start, end) = (start * MINUTE_MS, (start + length) * MINUTE_MS);
            let times = cut(start, end, minutes);
            let mut at = start;
            for (from, to) in &times {
                prop_assert_eq!(*from, at);
                prop_assert_eq!(to - from, i64::from(minutes) * MINUTE_MS);
                at = *to;
            }
            prop_assert!(at <= end);
            prop_assert!(end - at < i64::from(minutes) * MINUTE_MS || times.len() == MOST_TIMES);
        }
    }
}

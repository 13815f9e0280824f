//! The way of a request, what people must say on it, and its times; P3 for requests.
#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;
use crate::domain::calendar::tests::calendar;

fn facts(state: RequestState) -> RequestFacts {
    RequestFacts { state, answered_ms: Some(0), reopened: 0 }
}

fn check(state: RequestState, event: RequestEvent, expected: Result<RequestState, RefusalCode>) {
    assert_eq!(apply(&facts(state), &event, 1), expected, "{state} {event:?}");
}

#[test]
fn a_request_goes_the_way_of_the_regulation() {
    use RequestState as S;
    let answer = || RequestEvent::Answer { text: "Смотрите §15".into() };
    check(S::Submitted, RequestEvent::Accept, Ok(S::Accepted));
    check(S::Accepted, RequestEvent::Schedule, Ok(S::Scheduled));
    check(S::Scheduled, RequestEvent::Helped { attended: true }, Ok(S::Answered));
    check(S::Scheduled, RequestEvent::Helped { attended: false }, Ok(S::Answered));
    check(S::Accepted, RequestEvent::Helped { attended: true }, Err(RefusalCode::IllegalTransition));
    check(S::Answered, RequestEvent::Close, Ok(S::Closed));
    check(S::Submitted, answer(), Ok(S::Answered));
    check(S::Scheduled, RequestEvent::FellThrough, Ok(S::Accepted));
    check(S::Answered, RequestEvent::Reopen { reason: "не понял".into() }, Ok(S::Reopened));
    check(S::Answered, answer(), Err(RefusalCode::IllegalTransition));
    check(S::Submitted, RequestEvent::Close, Err(RefusalCode::IllegalTransition));
}

#[test]
fn what_people_must_say_is_asked_for() {
    use RequestState as S;
    let decline = |reason, text: &str| RequestEvent::Decline { reason, text: text.into() };
    check(S::Submitted, decline(DeclineReason::Duplicate, ""), Ok(S::Declined));
    check(S::Submitted, decline(DeclineReason::Other, " "), Err(RefusalCode::ReasonRequired));
    check(S::Scheduled, decline(DeclineReason::Other, "x"), Err(RefusalCode::IllegalTransition));
    check(S::Submitted, RequestEvent::Answer { text: "\n".into() }, Err(RefusalCode::ReasonRequired));
    check(S::Answered, RequestEvent::Reopen { reason: String::new() }, Err(RefusalCode::ReasonRequired));
}

#[test]
fn an_answer_is_doubted_once_and_within_seven_days() {
    let reopen = RequestEvent::Reopen { reason: "не помогло".into() };
    let at = |facts: &RequestFacts, now| apply(facts, &reopen, now);
    let mut answered = facts(RequestState::Answered);
    assert_eq!(at(&answered, REOPEN_MS - 1), Ok(RequestState::Reopened));
    assert_eq!(at(&answered, REOPEN_MS), Err(RefusalCode::IllegalTransition));
    answered.reopened = 1;
    assert_eq!(at(&answered, 1), Err(RefusalCode::IllegalTransition));
}

#[test]
fn times_are_counted_in_the_schools_working_days() {
    let calendar = calendar("Europe/Moscow");
    let ms = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    // Friday noon: Monday and Tuesday are the two working days; a week later is a Friday.
    let friday = due(&calendar, ms("2026-10-09T09:00:00Z"));
    assert_eq!(friday.first_response_ms, ms("2026-10-13T21:00:00Z"));
    assert_eq!(friday.help_ms, ms("2026-10-16T21:00:00Z"));
    // Asked on a Saturday: the seventh day is a Saturday again, so Monday.
    let saturday = due(&calendar, ms("2026-10-10T09:00:00Z"));
    assert_eq!(saturday.help_ms, ms("2026-10-19T21:00:00Z"));
}

#[test]
fn a_late_reaction_stays_late() {
    let due = Due { first_response_ms: 100_000_000, help_ms: 900_000_000 };
    let at = |state, first, answered, helped, now| {
        SlaFacts { state, due, first_response_ms: first, answered_ms: answered, helped_ms: helped }.sla(now)
    };
    let sla = |state, first, helped, now| at(state, first, helped, helped, now);
    use RequestState as S;
    assert_eq!(sla(S::Submitted, None, None, 0), Sla::Fine);
    assert_eq!(sla(S::Submitted, None, None, 99_000_000), Sla::Soon);
    assert_eq!(sla(S::Submitted, None, None, 100_000_001), Sla::Late);
    assert_eq!(sla(S::Accepted, Some(5), None, 200_000_000), Sla::Fine);
    assert_eq!(sla(S::Answered, Some(5), Some(6), 999_000_000), Sla::Met);
    assert_eq!(sla(S::Answered, Some(100_000_001), Some(100_000_002), 0), Sla::Late);
    assert_eq!(sla(S::Declined, Some(5), None, 999_000_000), Sla::Met);
    // The consultation was held in time and the asker did not come: nothing is owed, and nobody was late.
    assert_eq!(at(S::Answered, Some(5), Some(6), None, 999_000_000), Sla::Met);
    assert_eq!(at(S::Closed, Some(5), Some(900_000_001), None, 999_000_000), Sla::Late);
}

fn any_event() -> impl Strategy<Value = RequestEvent> {
    let text = prop_oneof![Just(String::new()), Just("текст".to_owned())];
    prop_oneof![
        Just(RequestEvent::Accept),
        Just(RequestEvent::Schedule),
        Just(RequestEvent::FellThrough),
        any::<bool>().prop_map(|attended| RequestEvent::Helped { attended }),
        Just(RequestEvent::Withdraw),
        Just(RequestEvent::Close),
        text.clone().prop_map(|text| RequestEvent::Answer { text }),
        text.clone().prop_map(|reason| RequestEvent::Reopen { reason }),
        (proptest::sample::select(DeclineReason::ALL), text)
            .prop_map(|(reason, text)| RequestEvent::Decline { reason, text }),
    ]
}

proptest! {
    #![proptest_config(crate::domain::cases::cases(256))]

    /// P3 for requests: what is over stays over, and whatever happens it is reopened at most once.
    #[test]
    fn p3_final_states_are_final(events in proptest::collection::vec((any_event(), 0..REOPEN_MS), 1..40)) {
        let mut facts = RequestFacts { state: RequestState::Submitted, answered_ms: None, reopened: 0 };
        let mut now = 0;
        for (event, later) in events {
            now += later / 20;
            let before = facts.clone();
            match apply(&facts, &event, now) {
                Ok(state) => {
                    prop_assert!(!before.state.is_final());
                    facts.state = state;
                    if state == RequestState::Answered { facts.answered_ms = Some(now); }
                    if state == RequestState::Reopened { facts.reopened += 1; }
                }
                Err(code) => prop_assert!(
                    matches!(code, RefusalCode::IllegalTransition | RefusalCode::ReasonRequired), "{code}"
                ),
            }
            prop_assert!(facts.reopened <= 1);
        }
    }
}

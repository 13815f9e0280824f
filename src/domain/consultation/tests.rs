#![allow(clippy::unwrap_used)]
//! Every row of the table of DOMAIN 2.2, and that the clock alone ends everything (P3), inside the window (INV-12).

use proptest::prelude::*;

use super::*;

const MIN: i64 = 60_000;
const START: i64 = 1_000 * MIN;
const END: i64 = START + 45 * MIN;

fn facts(state: State) -> Facts {
    Facts {
        state,
        start_ms: START,
        end_ms: END,
        opens_ms: START - 10 * MIN,
        closes_ms: END + 10 * MIN,
        grace_from_ms: None,
        host_lost_ms: None,
    }
}

fn clock(shared_min: i64) -> Event {
    Event::Clock { shared_ms: shared_min * MIN, down: None }
}

fn fault(reason: &str) -> Event {
    Event::Fault { kind: IncidentKind::Declared, reason: reason.to_owned() }
}

fn check(facts: &Facts, event: Event, now_ms: i64) -> Option<(State, Option<NotHeldReason>)> {
    apply(facts, &Timing::default(), event, now_ms).unwrap().map(|step| (step.to, step.not_held))
}

#[test]
fn a_room_opens_ten_minutes_before_the_start() {
    assert_eq!(check(&facts(State::Planned), clock(0), START - 10 * MIN - 1), None);
    assert_eq!(check(&facts(State::Planned), clock(0), START - 10 * MIN), Some((State::Open, None)));
}

#[test]
fn a_host_who_never_comes_makes_it_not_held() {
    assert_eq!(check(&facts(State::Open), clock(0), START + 15 * MIN - 1), None);
    let late = check(&facts(State::Open), clock(0), START + 15 * MIN);
    assert_eq!(late, Some((State::NotHeld, Some(NotHeldReason::NoHost))));
}

#[test]
fn the_hubs_own_downtime_is_not_blamed_on_the_host() {
    let timing = Timing::default();
    assert_eq!(check(&facts(State::Planned), clock(0), END), Some((State::NotHeld, Some(NotHeldReason::Technical))));
    // Down from the start for twenty minutes: the grace counts from the return.
    let down = Some(Downtime { from_ms: START - MIN, to_ms: START + 20 * MIN });
    let mut facts = facts(State::Open);
    let step = apply(&facts, &timing, Event::Clock { shared_ms: 0, down }, START + 20 * MIN).unwrap().unwrap();
    assert_eq!((step.to, step.effects), (State::Open, vec![Effect::GraceFrom { ms: START + 20 * MIN }]));
    facts.grace_from_ms = Some(START + 20 * MIN);
    assert_eq!(facts.due_ms(&timing), Some(START + 35 * MIN));
    let step = apply(&facts, &timing, Event::Clock { shared_ms: 0, down }, START + 35 * MIN).unwrap().unwrap();
    assert_eq!((step.to, step.not_held), (State::NotHeld, Some(NotHeldReason::NoHost)));
    // Too late for a whole grace before the end.
    facts.grace_from_ms = Some(END - 15 * MIN + 1);
    assert_eq!(check(&facts, clock(0), END - 1), None);
    assert_eq!(check(&facts, clock(0), END), Some((State::NotHeld, Some(NotHeldReason::Technical))));
}

#[test]
fn a_short_restart_within_the_grace_excuses_no_host() {
    let down = Some(Downtime { from_ms: START + 5 * MIN, to_ms: START + 6 * MIN });
    let mut facts = facts(State::Open);
    let look = |facts: &Facts, now_ms| {
        apply(facts, &Timing::default(), Event::Clock { shared_ms: 0, down }, now_ms).unwrap().unwrap()
    };
    assert_eq!(look(&facts, START + 15 * MIN).effects, vec![Effect::GraceFrom { ms: START + 6 * MIN }]);
    facts.grace_from_ms = Some(START + 6 * MIN);
    let step = look(&facts, START + 21 * MIN);
    assert_eq!((step.to, step.not_held, step.detail), (State::NotHeld, Some(NotHeldReason::NoHost), None));
    assert!(step.effects.contains(&Effect::AlertDeputy));
}

#[test]
fn a_lesson_shorter_than_the_grace_needs_its_host_all_the_same() {
    let facts = Facts { end_ms: START + 10 * MIN, ..facts(State::Open) };
    let over = check(&facts, clock(0), START + 10 * MIN);
    assert_eq!(over, Some((State::NotHeld, Some(NotHeldReason::NoHost))));
}

#[test]
fn an_early_host_has_no_delay_and_a_late_one_is_marked() {
    for (now, seconds, late) in
        [(START - 5 * MIN, 0, false), (START + 5 * MIN, 300, false), (START + 6 * MIN, 360, true)]
    {
        let step = apply(&facts(State::Open), &Timing::default(), Event::HostJoined, now).unwrap().unwrap();
        assert_eq!((step.to, step.effects), (State::Live, vec![Effect::HostDelay { seconds, late }]));
    }
}

#[test]
fn shared_minutes_decide_between_held_and_no_audience() {
    let past_overrun = END + 10 * MIN;
    assert_eq!(check(&facts(State::Live), clock(5), past_overrun), Some((State::Held, None)));
    assert_eq!(
        check(&facts(State::Live), clock(4), past_overrun),
        Some((State::NotHeld, Some(NotHeldReason::NoAudience)))
    );
    let ended = Event::EndedByHost { shared_ms: 5 * MIN };
    assert_eq!(check(&facts(State::Live), ended, START + 6 * MIN), Some((State::Held, None)));
}

#[test]
fn a_lost_host_has_ten_minutes_to_return() {
    let mut live = facts(State::Live);
    let lost = START + 10 * MIN;
    let step = apply(&live, &Timing::default(), Event::HostPresence { present: false }, lost).unwrap().unwrap();
    assert_eq!(step.effects, vec![Effect::HostLost { since_ms: Some(lost) }]);
    live.host_lost_ms = Some(lost);
    assert_eq!(check(&live, clock(30), lost + 10 * MIN - 1), None);
    assert_eq!(check(&live, clock(30), lost + 10 * MIN), Some((State::NotHeld, Some(NotHeldReason::Technical))));
}

#[test]
fn a_declared_fault_ends_a_live_room_and_an_emergency_an_open_one_too_with_its_reason() {
    for (kind, state) in [
        (IncidentKind::Declared, State::Live),
        (IncidentKind::Emergency, State::Live),
        (IncidentKind::Emergency, State::Open),
    ] {
        let event = |reason: &str| Event::Fault { kind, reason: reason.to_owned() };
        let blank = apply(&facts(state), &Timing::default(), event(" "), START);
        assert_eq!(blank, Err(RefusalCode::ReasonRequired));
        let step = apply(&facts(state), &Timing::default(), event("пожарная тревога"), START).unwrap().unwrap();
        assert_eq!((step.to, step.not_held), (State::NotHeld, Some(NotHeldReason::Technical)));
        assert_eq!((step.detail.as_deref(), step.incident()), (Some("пожарная тревога"), Some(kind)));
        assert!(step.effects.contains(&Effect::CloseRoom(Closing::Technical)));
    }
    // A host who has not come cannot turn that into a fault.
    let absent = Event::Fault { kind: IncidentKind::Declared, reason: "нет интернета".to_owned() };
    assert_eq!(apply(&facts(State::Open), &Timing::default(), absent, START), Err(RefusalCode::IllegalTransition));
    let early = apply(&facts(State::Planned), &Timing::default(), fault("x"), START);
    assert_eq!(early, Err(RefusalCode::IllegalTransition));
}

#[test]
fn p3_what_is_over_cannot_be_changed() {
    for state in [State::Held, State::NotHeld, State::Cancelled] {
        let events = [Event::HostJoined, fault("погас свет"), Event::Cancel { reason: "ill".into() }];
        for event in events {
            assert_eq!(apply(&facts(state), &Timing::default(), event, START), Err(RefusalCode::IllegalTransition));
        }
        assert_eq!(apply(&facts(state), &Timing::default(), clock(9), END * 2), Ok(None));
    }
}

#[test]
fn cancelling_needs_a_reason_and_is_late_within_a_day() {
    let timing = Timing::default();
    let cancel =
        |reason: &str, now| apply(&facts(State::Planned), &timing, Event::Cancel { reason: reason.to_owned() }, now);
    assert_eq!(cancel("  ", START - MIN), Err(RefusalCode::ReasonRequired));
    let step = cancel("teacher is ill", START - MIN).unwrap().unwrap();
    assert!(step.effects.contains(&Effect::Notice { late: true }));
    let step = cancel("teacher is ill", START - 25 * 60 * MIN).unwrap().unwrap();
    assert!(step.effects.contains(&Effect::Notice { late: false }));
    let live = apply(&facts(State::Live), &timing, Event::Cancel { reason: "x".into() }, START);
    assert_eq!(live, Err(RefusalCode::IllegalTransition));
}

proptest! {
    #![proptest_config(crate::domain::cases::cases(256))]

    /// Whatever people do, following `due_ms` ends every consultation, and never before its time.
    #[test]
    fn p3_the_clock_alone_ends_every_consultation(
        host_at in proptest::option::of(-20i64..60), lost_at in proptest::option::of(0i64..70), shared in 0i64..40,
        down in proptest::option::of((-30i64..60, 1i64..60)), minutes in 1i64..90,
    ) {
        let timing = Timing::default();
        let mut facts = facts(State::Planned);
        facts.end_ms = START + minutes * MIN;
        facts.closes_ms = facts.end_ms + 10 * MIN;
        let down = down.map(|(from, long)| Downtime { from_ms: START + from * MIN, to_ms: START + (from + long) * MIN });
        let mut turns = 0;
        while let Some(due) = facts.due_ms(&timing) {
            turns += 1;
            prop_assert!(turns < 20, "the clock does not end {facts:?}");
            // The hub looks when it is due, or when it is back.
            let now = match down { Some(d) if d.from_ms <= due && due < d.to_ms => d.to_ms, _ => due };
            let host = host_at.map(|at| START + at * MIN).filter(|at| facts.state == State::Open && *at < now);
            let (event, now) = match host {
                Some(at) => (Event::HostJoined, at.max(facts.opens_ms)),
                None => (Event::Clock { shared_ms: shared * MIN, down }, now),
            };
            let step = apply(&facts, &timing, event, now).unwrap();
            prop_assert!(step.is_some(), "due but nothing to do: {facts:?} at {now}");
            let step = step.unwrap();
            for effect in &step.effects {
                match effect {
                    Effect::GraceFrom { ms } => facts.grace_from_ms = Some(*ms),
                    Effect::HostDelay { .. } => facts.host_lost_ms = lost_at.map(|at| now.max(START + at * MIN)),
                    _ => {}
                }
            }
            prop_assert!(step.to != State::Open || now >= facts.opens_ms);
            prop_assert!((step.to == State::NotHeld) == step.not_held.is_some());
            facts.state = step.to;
        }
        prop_assert!(facts.state.is_final());
    }

    /// INV-12: with a hub that looks when something is due, a room is never open before its lead nor after its overrun,
    /// whoever comes, goes or ends it.
    #[test]
    fn inv_12_a_room_is_open_within_its_window_only(
        host_at in proptest::option::of(-20i64..60), ends_at in proptest::option::of(-20i64..70), shared in 0i64..40,
        lead in 0i64..30, overrun in 0i64..30, minutes in 1i64..90,
    ) {
        let timing = Timing { lead_ms: lead * MIN, overrun_ms: overrun * MIN, ..Timing::default() };
        let mut facts = Facts { end_ms: START + minutes * MIN, opens_ms: START - lead * MIN, ..facts(State::Planned) };
        facts.closes_ms = facts.end_ms + overrun * MIN;
        let (mut opened, mut closed) = (None, None);
        while let Some(due) = facts.due_ms(&timing) {
            let host = host_at.map(|at| (START + at * MIN).max(facts.opens_ms)).filter(|at| facts.state == State::Open && *at < due);
            let end = ends_at.map(|at| START + at * MIN).filter(|at| facts.state == State::Live && *at < due);
            let (event, now) = match (host, end) {
                (Some(at), _) => (Event::HostJoined, at),
                (None, Some(at)) => (Event::EndedByHost { shared_ms: shared * MIN }, at.max(opened.unwrap_or(at))),
                (None, None) => (Event::Clock { shared_ms: shared * MIN, down: None }, due),
            };
            let Some(step) = apply(&facts, &timing, event, now).unwrap() else {
                return Err(TestCaseError::fail(format!("due but nothing to do: {facts:?}")));
            };
            for effect in &step.effects {
                match effect {
                    Effect::OpenRoom => opened = Some(now),
                    Effect::CloseRoom(_) => closed = Some(now),
                    _ => {}
                }
            }
            facts.state = step.to;
            // INV-03: a room and a state that owns one come and go together.
            prop_assert_eq!(facts.state.has_room(), opened.is_some() && closed.is_none());
        }
        prop_assert!(opened.unwrap() >= START - lead * MIN);
        prop_assert!(closed.unwrap() <= facts.end_ms + overrun * MIN, "{closed:?} of {facts:?}");
    }
}

proptest! {
    #![proptest_config(crate::domain::cases::cases(256))]

    /// Whatever happens at whatever time: a technical failure has its incident and its deputy, and nothing else has one.
    #[test]
    fn every_technical_failure_leaves_one_incident(
        state in proptest::sample::select(State::ALL), after_min in -30_i64..120, shared in 0_i64..10,
        lost in proptest::option::of(0_i64..60), down in proptest::option::of((-20_i64..60, 0_i64..90)), what in 0_u8..5,
    ) {
        let facts = Facts { host_lost_ms: lost.map(|at| START + at * MIN).filter(|_| state == State::Live), ..facts(state) };
        let down = down.map(|(from, long)| Downtime { from_ms: START + from * MIN, to_ms: START + (from + long) * MIN });
        let event = match what {
            0 => fault("связь"),
            1 => Event::HostJoined,
            2 => Event::EndedByHost { shared_ms: shared * MIN },
            _ => Event::Clock { shared_ms: shared * MIN, down },
        };
        if let Ok(Some(step)) = apply(&facts, &Timing::default(), event, START + after_min * MIN) {
            let incidents = step.effects.iter().filter(|effect| matches!(effect, Effect::Incident(_))).count();
            let is_technical = step.not_held == Some(NotHeldReason::Technical);
            prop_assert_eq!(incidents, usize::from(is_technical));
            prop_assert!(!is_technical || step.effects.contains(&Effect::AlertDeputy));
            prop_assert!(!is_technical || step.detail.is_some());
        }
    }
}

#[test]
fn a_date_long_past_is_no_news_after_a_downtime() {
    let day = 24 * 60 * MIN;
    let told = |now_ms: i64| {
        let step = apply(&facts(State::Planned), &Timing::default(), clock(0), now_ms).unwrap().unwrap();
        assert_eq!(step.incident(), Some(IncidentKind::ServerDown));
        step.effects.iter().any(|effect| matches!(effect, Effect::Notice { .. }))
    };
    assert!(told(END + day));
    assert!(!told(END + day + 1));
}

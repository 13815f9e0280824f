#![allow(clippy::unwrap_used)]
//! One row per way in and per way to be turned away; P8 at the birthday.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::domain::calendar::{date_in, plus_days};
use crate::domain::person::LinkState;
use crate::domain::policy::Held;

const TODAY: Date = date(2026, 11, 22);

fn id(text: &str) -> PersonId {
    PersonId::new(text)
}

fn person(name: &str, roles: &[Role]) -> PersonFacts {
    let roles = roles.iter().map(|role| Held { role: *role, unit: None }).collect();
    PersonFacts { id: id(name), roles, groups: vec![], wards: vec![] }
}

fn student(name: &str, group: &str) -> PersonFacts {
    PersonFacts { groups: vec![GroupId::new(group)], ..person(name, &[Role::Student]) }
}

fn guardian(link: LinkState, born: Date) -> PersonFacts {
    let ward = WardFacts {
        id: id("child"),
        birth_date: born,
        link,
        groups: vec![GroupId::new("5A")],
        granted_by_adult: false,
        rights: vec![],
    };
    PersonFacts { wards: vec![ward], ..person("guardian", &[Role::Guardian]) }
}

fn room(form: Form) -> RoomFacts {
    RoomFacts {
        form,
        state: State::Open,
        start_ms: 1_000_000,
        end_ms: 4_000_000,
        opens_ms: 400_000,
        closes_ms: 4_600_000,
        host: id("teacher"),
        substitute: None,
        group: GroupId::new("5A"),
        unit: Some(UnitId::new("u1")),
        audience: Audience { students: true, guardians: true },
        booked: vec![Booked { student: id("child"), starts_ms: 1_000_000, ends_ms: 4_000_000 }],
    }
}

fn check(person: &PersonFacts, room: &RoomFacts, expected: Result<RoomRole, RefusalCode>) {
    assert_eq!(room_role(person, room, TODAY), expected, "{person:?}");
}

#[test]
fn hosts_and_substitutes_host() {
    let teacher = person("teacher", &[Role::Teacher]);
    let other = person("other", &[Role::Staff]);
    let mut room = room(Form::Webinar);
    check(&teacher, &room, Ok(RoomRole::Host));
    check(&other, &room, Err(RefusalCode::RoleNotPermitted));
    room.substitute = Some(id("other"));
    check(&other, &room, Ok(RoomRole::Host));
    check(&teacher, &room, Err(RefusalCode::RoleNotPermitted));
    check(&person("teacher", &[]), &room, Err(RefusalCode::NoRole));
}

#[test]
fn students_need_a_place_on_the_roster() {
    let mut webinar = room(Form::Webinar);
    check(&student("s", "5A"), &webinar, Ok(RoomRole::Recipient));
    check(&student("s", "9B"), &webinar, Err(RefusalCode::NotOnRoster));
    webinar.audience.students = false;
    check(&student("s", "5A"), &webinar, Err(RefusalCode::NotOnRoster));
    let individual = room(Form::Individual);
    check(&student("child", "5A"), &individual, Ok(RoomRole::Recipient));
    check(&student("s", "5A"), &individual, Err(RefusalCode::NotOnRoster));
}

#[test]
fn guardians_come_by_a_confirmed_link_to_a_minor() {
    let minor = date(2015, 1, 1);
    let mut room = room(Form::Individual);
    let wards = vec![id("child")];
    check(&guardian(LinkState::Confirmed, minor), &room, Ok(RoomRole::Guardian { wards }));
    check(&guardian(LinkState::Ended, minor), &room, Err(RefusalCode::GuardianLinkEnded));
    check(&guardian(LinkState::Proposed, minor), &room, Err(RefusalCode::GuardianLinkMissing));
    check(&guardian(LinkState::Confirmed, date(2008, 11, 22)), &room, Err(RefusalCode::WardIsAdult));
    check(&person("g", &[Role::Guardian]), &room, Err(RefusalCode::GuardianLinkMissing));
    room.audience.guardians = false;
    check(&guardian(LinkState::Confirmed, minor), &room, Err(RefusalCode::RoleNotPermitted));
}

#[test]
fn inv_50_supervision_sees_groups_and_never_individual_help() {
    let head_of = |unit: &str| PersonFacts {
        roles: vec![Held { role: Role::UnitHead, unit: Some(UnitId::new(unit)) }],
        ..person("u", &[])
    };
    for form in [Form::Webinar, Form::Individual] {
        let expected =
            if form == Form::Individual { Err(RefusalCode::RoleNotPermitted) } else { Ok(RoomRole::Observer) };
        check(&person("d", &[Role::DeputyHead]), &room(form), expected.clone());
        check(&head_of("u1"), &room(form), expected);
    }
    check(&head_of("u2"), &room(Form::Webinar), Err(RefusalCode::RoleNotPermitted));
    check(&person("a", &[Role::Admin]), &room(Form::Webinar), Err(RefusalCode::RoleNotPermitted));
}

#[test]
fn the_door_is_open_in_its_window_only() {
    let mut room = room(Form::Webinar);
    let pupil = student("s", "5A");
    let code = |room: &RoomFacts, now| admit(&pupil, room, TODAY, now).map_err(|refusal| refusal.code);
    assert_eq!(code(&room, 500_000), Ok(RoomRole::Recipient));
    assert_eq!(code(&room, 4_600_000), Err(RefusalCode::TooLate));
    room.state = State::Planned;
    let early = admit(&pupil, &room, TODAY, 100_000).unwrap_err();
    assert_eq!((early.code, early.retry_after_ms), (RefusalCode::TooEarly, Some(300_000)));
    // Who is not meant learns no times.
    let stranger = admit(&student("x", "9B"), &room, TODAY, 100_000).unwrap_err();
    assert_eq!((stranger.code, stranger.retry_after_ms), (RefusalCode::NotOnRoster, None));
    for (state, expected) in [(State::Held, RefusalCode::TooLate), (State::Cancelled, RefusalCode::NotOnTimetable)] {
        room.state = state;
        assert_eq!(code(&room, 500_000), Err(expected));
    }
}

#[test]
fn office_hours_admit_who_is_booked_at_that_moment() {
    let minute = 60_000;
    let mut room = room(Form::Individual);
    (room.start_ms, room.end_ms, room.closes_ms) = (100 * minute, 160 * minute, 170 * minute);
    let booked =
        |name: &str, from: i64| Booked { student: id(name), starts_ms: from * minute, ends_ms: (from + 15) * minute };
    room.booked = vec![booked("a", 100), booked("b", 115), booked("c", 145)];
    let enter = |name: &str, at: i64| admit(&student(name, "5A"), &room, TODAY, at * minute);
    let code = |name: &str, at: i64| enter(name, at).map_err(|refusal| refusal.code);
    assert_eq!(code("a", 101), Ok(RoomRole::Recipient));
    // The next one may wait in the lobby, the one after is told when to come.
    assert_eq!(code("b", 106), Ok(RoomRole::Recipient));
    assert_eq!(
        enter("c", 101).unwrap_err(),
        Refusal { code: RefusalCode::TooEarly, retry_after_ms: Some(34 * minute) }
    );
    // Past their time, with a moment to say good-bye.
    assert_eq!(code("a", 116), Ok(RoomRole::Recipient));
    assert_eq!(code("a", 117), Err(RefusalCode::TooLate));
    let is_out = |name: &str, at: i64| is_out_of_turn(&student(name, "5A"), &room, TODAY, at * minute);
    assert_eq!([is_out("a", 116), is_out("a", 117), is_out("b", 117), is_out("x", 117)], [false, true, false, false]);
    // The room's own end is the scheduler's.
    assert!(!is_out("a", 170));
    assert_eq!(code("x", 101), Err(RefusalCode::NotOnRoster));
    // Individual help that is not cut has the times of its room.
    room.booked = vec![Booked { student: id("a"), starts_ms: 100 * minute, ends_ms: 160 * minute }];
    assert_eq!(admit(&student("a", "5A"), &room, TODAY, 165 * minute), Ok(RoomRole::Recipient));
}

proptest! {
    #![proptest_config(crate::domain::cases::cases(256))]

    /// The right ends with the school's midnight of the eighteenth birthday, in any zone.
    #[test]
    fn p8_guardian_rights_end_at_the_eighteenth_birthday(days in 0i32..20_000, offset_h in 2i8..=12) {
        let born = plus_days(date(1960, 1, 1), days);
        let tz = jiff::tz::TimeZone::fixed(jiff::tz::offset(offset_h));
        let eighteen = Date::new(born.year() + 18, born.month(), born.day())
            .unwrap_or_else(|_| date(born.year() + 18, 3, 1));
        let midnight = tz.to_timestamp(eighteen.at(0, 0, 0, 0)).unwrap().as_millisecond();
        let at = |now_ms: i64| {
            room_role(&guardian(LinkState::Confirmed, born), &room(Form::Webinar), date_in(&tz, now_ms))
        };
        prop_assert!(at(midnight - 1).is_ok());
        prop_assert_eq!(at(midnight), Err(RefusalCode::WardIsAdult));
    }

    /// INV-05: whoever is let into one student's time as a recipient is that student, or a guardian of that student and of
    /// nobody else there.
    #[test]
    fn inv_05_one_time_holds_one_student_and_the_guardians_of_that_student(
        times in proptest::collection::vec(0usize..4, 1..6), wards in proptest::collection::vec(0usize..4, 0..3), at in 0i64..100,
    ) {
        const QUARTER: i64 = 15 * 60_000;
        let name = |n: usize| format!("s{n}");
        let mut room = room(Form::Individual);
        room.booked = (0..)
            .zip(&times)
            .map(|(n, student)| Booked {
                student: id(&name(*student)),
                starts_ms: room.start_ms + n * QUARTER,
                ends_ms: room.start_ms + (n + 1) * QUARTER,
            })
            .collect();
        room.end_ms = room.start_ms + QUARTER * times.len() as i64;
        room.closes_ms = room.end_ms + 600_000;
        let now_ms = room.start_ms + at * 60_000;
        let is_time_of = |student: &PersonId| {
            let from = |one: &Booked| one.starts_ms - WAIT_BEFORE_MS;
            let is_whole = times.len() == 1;
            room.booked.iter().any(|one| {
                one.student == *student && (is_whole || (from(one)..one.ends_ms + STAY_AFTER_MS).contains(&now_ms))
            })
        };
        for n in 0..4 {
            let entered = admit(&student(&name(n), "5A"), &room, TODAY, now_ms);
            prop_assert_eq!(entered.is_ok(), now_ms < room.closes_ms && is_time_of(&id(&name(n))), "{:?}", entered);
        }
        let mut parent = person("parent", &[Role::Guardian]);
        parent.wards = wards
            .iter()
            .map(|n| WardFacts { id: id(&name(*n)), ..guardian(LinkState::Confirmed, date(2015, 1, 1)).wards[0].clone() })
            .collect();
        if let Ok(role) = admit(&parent, &room, TODAY, now_ms) {
            let RoomRole::Guardian { wards: of } = role else { return Err(TestCaseError::fail("a guardian is a guardian")) };
            prop_assert!(of.iter().all(|ward| room.booked.iter().any(|one| one.student == *ward)), "{:?}", of);
            prop_assert!(of.iter().any(is_time_of), "{:?}", of);
        }
    }

    /// INV-50: whoever gets in holds it, learns there, stands for somebody who does, or supervises it.
    #[test]
    fn inv_50_nobody_else_comes_in(
        who in 0usize..8, form in 0usize..4, in_group in any::<bool>(), substituted in any::<bool>(), holds in any::<bool>(),
    ) {
        let role = [
            Role::Student, Role::Guardian, Role::Teacher, Role::DeputyHead, Role::UnitHead, Role::Staff, Role::Head, Role::Admin,
        ][who];
        let mut room = room(Form::ALL[form]);
        room.booked.clear();
        if substituted {
            room.substitute = Some(id("substitute"));
        }
        let name = match (holds, substituted) {
            (true, false) => "teacher",
            (true, true) => "substitute",
            (false, true) => "teacher",
            (false, false) => "somebody",
        };
        let mut somebody = person(name, &[role]);
        if in_group {
            somebody.groups.push(GroupId::new("5A"));
        }
        let entered = room_role(&somebody, &room, TODAY);
        let is_group = room.form != Form::Individual;
        let expected = match role {
            _ if holds && role.can_host() => Some(RoomRole::Host),
            Role::Student if in_group && is_group => Some(RoomRole::Recipient),
            Role::DeputyHead | Role::Head if is_group => Some(RoomRole::Observer),
            _ => None,
        };
        prop_assert_eq!(entered.ok(), expected, "{:?} {}", role, name);
    }
}

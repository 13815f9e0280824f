//! One rule broken gives exactly its code (P2), with the numbers that the code needs.

use super::*;
use crate::domain::planning::finding::{Params, Period};
use crate::domain::planning::lessons::Regular;

/// A single change to a valid plan, or to the school around it.
type Mutation = fn(&mut PlanView, &mut Draft);

fn other() -> Draft {
    let mut other = Draft::valid();
    other.slot.key = "ДРУГОЙ#1".into();
    other.slot.host = PersonId::new("T3");
    other.group = GroupId::new("9B");
    other.programme = Some(ProgrammeId::new("9B"));
    // S9 is in both groups and would collide as well.
    other.slot.audience = Audience { students: false, guardians: true };
    other
}

fn with(view: &mut PlanView, draft: &Draft) {
    let entry = draft.entry(view);
    view.add(entry);
}

const MUTATIONS: &[(RefusalCode, Mutation)] = &[
    (RefusalCode::NoLocalAct, |view, _| view.acts.clear()),
    (RefusalCode::NotASchoolDay, |_, draft| draft.date = date(2026, 11, 14)),
    (RefusalCode::PartRequired, |_, draft| draft.programme = None),
    (RefusalCode::PartRequired, |_, draft| {
        draft.slot.coverage = Coverage::Overview;
        draft.slot.parts.clear();
    }),
    (RefusalCode::PartRequired, |_, draft| draft.slot.parts.push("5 четверть".into())),
    (RefusalCode::TopicsRequired, |_, draft| draft.slot.topics.clear()),
    (RefusalCode::TopicsRequired, |_, draft| draft.slot.topics = vec!["Тригонометрия".into()]),
    (RefusalCode::SourceRequired, |_, draft| draft.slot.sources.clear()),
    (RefusalCode::OutsideStudyPeriod, |_, draft| {
        draft.slot.parts = vec!["1 четверть".into()];
        draft.slot.topics = vec!["Дроби".into()];
    }),
    (RefusalCode::PrepMustBeGroup, |_, draft| {
        draft.slot.kind = Kind::AssessmentPrep;
        draft.slot.form = Form::Individual;
        draft.slot.parts = vec!["1 четверть".into()];
        draft.slot.topics = vec!["Дроби".into()];
        draft.students = vec![PersonId::new("S1")];
    }),
    (RefusalCode::PrepBeforePartEnd, |_, draft| draft.slot.kind = Kind::AssessmentPrep),
    (RefusalCode::HostConflict, |view, draft| {
        let mut other = other();
        other.slot.host = draft.slot.host.clone();
        with(view, &other);
    }),
    (RefusalCode::GroupConflict, |view, draft| {
        let mut other = other();
        other.group = draft.group.clone();
        with(view, &other);
    }),
    (RefusalCode::StudentConflict, |view, _| {
        let mut other = other();
        other.slot.audience.students = true;
        with(view, &other);
    }),
    (RefusalCode::HostConflict, |view, draft| {
        let teacher = Some(draft.slot.host.clone());
        let lesson = super::lessons::regular(teacher, "9B");
        super::lessons::put(view, Regular { groups: Vec::new(), ..lesson });
    }),
    (RefusalCode::GroupConflict, |view, _| super::lessons::put(view, super::lessons::regular(None, "5A"))),
    // S9 learns in 9Б as well.
    (RefusalCode::StudentConflict, |view, _| super::lessons::put(view, super::lessons::regular(None, "9B"))),
    (RefusalCode::LoadExceeded, |view, draft| {
        let id = ConsultationId::new("held");
        view.count(&draft.slot.host, date(2026, 11, 9), id, 150);
    }),
    (RefusalCode::OutsideWorkingHours, |_, draft| {
        draft.slot.host = PersonId::new("D");
        draft.date = date(2026, 11, 13);
    }),
    (RefusalCode::OutsideWorkingHours, |_, draft| {
        draft.slot.host = PersonId::new("D");
        draft.start = time(16, 45, 0, 0);
    }),
    (RefusalCode::OutsideWorkingHours, |_, draft| {
        draft.slot.host = PersonId::new("D");
        draft.date = date(2026, 11, 17);
    }),
    (RefusalCode::DurationOverCap, |_, draft| draft.minutes = 31),
    (RefusalCode::DailyScreenCap, |view, draft| {
        let mut other = Draft::valid();
        other.slot.host = PersonId::new("T3");
        other.slot.key = "УТРО#1".into();
        other.group = draft.group.clone();
        (other.start, other.minutes) = (time(9, 0, 0, 0), 35);
        with(view, &other);
    }),
    (RefusalCode::AfterHours, |_, draft| draft.start = time(17, 45, 0, 0)),
    (RefusalCode::AfterHours, |_, draft| draft.start = time(7, 30, 0, 0)),
];

#[test]
fn p2_each_broken_rule_gives_exactly_its_code() {
    for (n, (code, mutate)) in MUTATIONS.iter().enumerate() {
        let (mut view, mut draft) = (school(), Draft::valid());
        mutate(&mut view, &mut draft);
        assert_eq!(draft.codes(&view), [*code], "mutation {n}");
    }
}

proptest! {
    #![proptest_config(cases())]

    /// P2 with the rest of the plan at random: the broken rule is always among the codes, and mending it takes it away.
    #[test]
    fn p2_a_broken_rule_is_never_missed(which in 0..MUTATIONS.len(), host in 0_usize..4, minutes in 20_i64..=30, hour in 9_i8..16) {
        let (code, mutate) = MUTATIONS[which];
        let (mut view, mut draft) = (school(), Draft::valid());
        draft.slot.host = PersonId::new(format!("T{host}"));
        (draft.minutes, draft.start) = (minutes, time(hour, 0, 0, 0));
        prop_assert_eq!(draft.codes(&view), []);
        let before = draft.clone();
        mutate(&mut view, &mut draft);
        let time_matters = matches!(code, RefusalCode::HostConflict | RefusalCode::GroupConflict | RefusalCode::StudentConflict);
        if time_matters {
            draft.start = time(15, 0, 0, 0);
        }
        // A third of an hour still fits beside one and a half; T3 has no limit.
        let fits = (code == RefusalCode::LoadExceeded && (host == 3 || minutes <= 22))
            || (code == RefusalCode::DailyScreenCap && (minutes <= 25 || hour == 9));
        prop_assume!(!fits);
        prop_assert!(draft.codes(&view).contains(&code), "{} {:?}", code, draft.codes(&view));
        prop_assert_eq!(before.codes(&school()), []);
    }
}

#[test]
fn a_load_refusal_says_how_much_is_left() {
    let (mut view, draft) = (school(), Draft::valid());
    view.count(&draft.slot.host, date(2026, 11, 13), ConsultationId::new("friday"), 150);
    view.count(&draft.slot.host, date(2026, 11, 16), ConsultationId::new("next week"), 150);
    let found = check(&view, &draft.wish(&view));
    let expected = Params::Load {
        period: Period::Week,
        limit_hours: 2.0,
        planned_hours: 1.5,
        wanted_hours: 0.67,
        left_hours: 0.5,
    };
    assert_eq!(found.iter().map(|one| &one.params).collect::<Vec<_>>(), [&expected]);
    let json = serde_json::to_value(&found[0].params).unwrap();
    assert_eq!((&json["left_hours"], &json["period"]), (&0.5.into(), &"week".into()));
}

#[test]
fn month_and_year_are_limits_of_their_own() {
    for (period, set) in [
        (Period::Month, (|one: &mut Employment| one.month = Some(100)) as fn(&mut Employment)),
        (Period::Year, |one: &mut Employment| one.year = Some(100)),
    ] {
        let (mut view, draft) = (school(), Draft::valid());
        let contract = &mut view.hosts.get_mut(&draft.slot.host).unwrap().employments[0];
        contract.week = None;
        set(contract);
        assert_eq!(draft.codes(&view), []);
        view.count(&draft.slot.host, date(2026, 11, 27), ConsultationId::new("held"), 50);
        let found = check(&view, &draft.wish(&view));
        assert!(matches!(found[..], [Finding { params: Params::Load { period: of, .. }, .. }] if of == period));
    }
}

#[test]
fn hours_follow_the_rule_of_half_a_hundredth() {
    use crate::domain::planning::load::academic_hours;
    for (minutes, whole, expected) in
        [(45, false, 100), (30, false, 67), (40, true, 100), (20, false, 44), (1, false, 2), (0, false, 0)]
    {
        assert_eq!(academic_hours(minutes, whole, 45), expected, "{minutes} {whole}");
    }
    // 9/40 of an hour is 0.225: half up.
    assert_eq!(academic_hours(9, false, 40), 23);
}

#[test]
fn inv_34_an_order_lifts_load_for_its_host_and_never_a_conflict() {
    let (mut view, draft) = (school(), Draft::valid());
    view.count(&draft.slot.host, date(2026, 11, 9), ConsultationId::new("held"), 150);
    let order = Order { order_no: "№ 12".into(), host: draft.slot.host.clone() };
    let wish = draft.wish(&view);
    view.overrides.insert((wish.id.clone(), RefusalCode::LoadExceeded), order.clone());
    let found = check(&view, &wish);
    assert_eq!(found.iter().map(|one| one.order_no.as_deref()).collect::<Vec<_>>(), [Some("№ 12")]);
    assert!(!found[0].is_refusal());
    // Another host needs another order.
    let mut substitute = wish.clone();
    let other = PersonId::new("T1");
    view.count(&other, date(2026, 11, 9), ConsultationId::new("held too"), 150);
    substitute.host = &other;
    assert!(check(&view, &substitute)[0].is_refusal());
    // A conflict is nobody's to lift.
    let mut busy = super::single::other();
    busy.slot.host = draft.slot.host.clone();
    with(&mut view, &busy);
    view.overrides.insert((wish.id.clone(), RefusalCode::HostConflict), order);
    assert!(check(&view, &wish).iter().any(|one| one.code == RefusalCode::HostConflict && one.is_refusal()));
}

#[test]
fn inv_34_who_may_give_an_order() {
    use crate::domain::planning::load::may_override;
    use crate::domain::role::Role;
    let (deputy, teacher) = (PersonId::new("D"), PersonId::new("T0"));
    assert_eq!(may_override(&[Role::DeputyHead], &deputy, &teacher, "№ 1"), Ok(()));
    assert_eq!(may_override(&[Role::Head], &deputy, &teacher, "№ 1"), Ok(()));
    assert_eq!(may_override(&[Role::DeputyHead], &deputy, &deputy, "№ 1"), Err(RefusalCode::RoleNotPermitted));
    assert_eq!(may_override(&[Role::DeputyHead], &deputy, &teacher, "  "), Err(RefusalCode::ReasonRequired));
    for role in [Role::Teacher, Role::UnitHead, Role::Staff, Role::Admin, Role::Student, Role::Guardian] {
        assert_eq!(may_override(&[role], &deputy, &teacher, "№ 1"), Err(RefusalCode::RoleNotPermitted), "{role:?}");
    }
}

#[test]
fn a_school_softens_what_it_may_and_nothing_else() {
    use crate::domain::planning::finding::Rules;
    let soften = |code| Rules::new([(code, NormMode::Warn)]).mode(code);
    assert_eq!(soften(RefusalCode::LoadExceeded), NormMode::Warn);
    assert_eq!(soften(RefusalCode::HostConflict), NormMode::Enforce);
    assert_eq!(soften(RefusalCode::PrepBeforePartEnd), NormMode::Enforce);
    let (mut view, draft) = (school(), Draft::valid());
    view.count(&draft.slot.host, date(2026, 11, 9), ConsultationId::new("held"), 150);
    view.rules = Rules::new([(RefusalCode::LoadExceeded, NormMode::Warn)]);
    assert!(!check(&view, &draft.wish(&view))[0].is_refusal());
    view.rules = Rules::new([(RefusalCode::LoadExceeded, NormMode::Off)]);
    assert_eq!(check(&view, &draft.wish(&view)), []);
}

#[test]
fn no_working_time_on_paper_is_a_remark() {
    let mut view = school();
    view.hosts.get_mut(&PersonId::new("D")).unwrap().employments[0].windows.clear();
    let mut draft = Draft::valid();
    draft.slot.host = PersonId::new("D");
    let found = check(&view, &draft.wish(&view));
    assert_eq!(
        found.iter().map(|one| (one.code, one.mode)).collect::<Vec<_>>(),
        [(RefusalCode::OutsideWorkingHours, NormMode::Warn)]
    );
}

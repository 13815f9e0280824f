//! The invariants of DOMAIN 2.3 for planning, each a property named after its id, and P1, P2, P12.
//!
//! `KAFEDRA_LONG_TESTS=1` runs 10,000 cases of each.
#![allow(clippy::unwrap_used)]

mod lessons;
mod single;
mod whole;

use std::collections::{BTreeSet, HashSet};

use jiff::civil::{Date, Time, Weekday, date, time};
use proptest::prelude::*;

use super::view::*;
use super::*;
use crate::domain::calendar::tests::calendar;
use crate::domain::form::{Audience, Coverage, Form, Kind};
use crate::domain::ids::CardId;
use crate::domain::lesson_card::{At, Recurrence, Source, SourceKind};
use crate::domain::norm::{HoursNorm, Norm};

pub fn cases() -> ProptestConfig {
    crate::domain::cases::cases(96)
}

/// Teachers T0 to T3, the deputy D, groups 5А and 9Б with four students each (S9 learns in both), mathematics for each grade.
pub fn school() -> PlanView {
    let mut view = PlanView::new(calendar("Europe/Moscow"));
    view.acts.push(("act".into(), Some(date(2026, 9, 1)), None));
    for (group, grade, first) in [("5A", 5, 0), ("9B", 9, 4)] {
        let mut members: Vec<_> = (first..first + 4).map(|n| PersonId::new(format!("S{n}"))).collect();
        members.push(PersonId::new("S9"));
        view.groups.insert(GroupId::new(group), GroupFacts { members, grades: BTreeSet::from([grade]) });
        let part = |title: &str, from, to, done, topics: &[&str]| PartFacts {
            title: title.into(),
            fold: crate::domain::fold::fold(title),
            starts_on: from,
            ends_on: to,
            completed_on: done,
            topics: topics.iter().map(|topic| crate::domain::fold::fold(topic)).collect(),
        };
        let parts = vec![
            part("1 четверть", date(2026, 9, 1), date(2026, 10, 25), Some(date(2026, 10, 23)), &["дроби"]),
            part("2 четверть", date(2026, 11, 2), date(2026, 12, 30), None, &["проценты"]),
        ];
        view.programmes.insert(ProgrammeId::new(group), ProgrammeFacts { parts });
    }
    for n in 0..4 {
        let employment = Employment {
            is_teaching: true,
            from: None,
            to: None,
            week: (n != 3).then_some(200),
            month: None,
            year: None,
            windows: Vec::new(),
            absences: Vec::new(),
        };
        let facts = HostFacts { is_teacher: true, employments: vec![employment] };
        view.hosts.insert(PersonId::new(format!("T{n}")), facts);
    }
    let window = |weekday| Window { weekday, starts: time(9, 0, 0, 0), ends: time(17, 0, 0, 0), from: None, to: None };
    let deputy = Employment {
        is_teaching: false,
        from: None,
        to: None,
        week: None,
        month: None,
        year: None,
        windows: [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday].map(window).into(),
        absences: vec![(date(2026, 11, 16), date(2026, 11, 20))],
    };
    view.hosts.insert(PersonId::new("D"), HostFacts { is_teacher: false, employments: vec![deputy] });
    view.norms.push(Norm {
        id: "pc-5-9".into(),
        grade_from: 5,
        grade_to: 9,
        per_lesson_minutes: 30,
        per_day_minutes: Some(60),
        mode: NormMode::Enforce,
        valid_from: None,
        valid_to: None,
    });
    view.hours.push(HoursNorm {
        id: "day".into(),
        grade_from: 1,
        grade_to: 11,
        earliest: time(8, 0, 0, 0),
        latest: time(18, 0, 0, 0),
        mode: NormMode::Enforce,
        valid_from: None,
        valid_to: None,
    });
    view
}

/// A plan for one consultation that nothing speaks against, to be changed by the tests.
#[derive(Clone, Debug)]
pub struct Draft {
    pub slot: CardSlot,
    pub group: GroupId,
    pub programme: Option<ProgrammeId>,
    pub date: Date,
    pub start: Time,
    pub minutes: i64,
    pub students: Vec<PersonId>,
    pub allow_in_break: bool,
}

impl Draft {
    pub fn valid() -> Self {
        let day = date(2026, 11, 10);
        let slot = CardSlot {
            key: "МАТ#1".into(),
            recurrence: Recurrence::Once { date: day },
            at: Some(At::Start(time(15, 0, 0, 0))),
            minutes: Some(30),
            form: Form::Webinar,
            medium: None,
            kind: Kind::Current,
            coverage: Coverage::Topics,
            parts: vec!["2 четверть".into()],
            topics: vec!["Проценты".into()],
            audience: Audience { students: true, guardians: false },
            host: PersonId::new("T0"),
            student: None,
            sources: vec![Source { kind: SourceKind::Note, ref_id: None, text: Some("по плану".into()) }],
            purpose: None,
            appointment_minutes: None,
            capacity: None,
        };
        Self {
            slot,
            group: GroupId::new("5A"),
            programme: Some(ProgrammeId::new("5A")),
            date: day,
            start: time(15, 0, 0, 0),
            minutes: 30,
            students: Vec::new(),
            allow_in_break: false,
        }
    }

    pub fn wish(&self, view: &PlanView) -> Wish<'_> {
        let start_ms = view.calendar.instant_ms(self.date, self.start);
        Wish {
            id: ConsultationId::new(format!("{}/{}/{}", self.slot.key, self.date, self.start)),
            date: self.date,
            start_ms,
            end_ms: start_ms + self.minutes * 60_000,
            group: &self.group,
            programme: self.programme.as_ref(),
            slot: &self.slot,
            host: &self.slot.host,
            students: self.students.clone(),
            allow_in_break: self.allow_in_break,
            more_sources: 0,
        }
    }

    pub fn entry(&self, view: &PlanView) -> Entry {
        Entry::of(&self.wish(view), view, CardId::new("card"))
    }

    pub fn codes(&self, view: &PlanView) -> Vec<RefusalCode> {
        check(view, &self.wish(view)).into_iter().filter(Finding::is_refusal).map(|finding| finding.code).collect()
    }
}

#[test]
fn the_plan_that_the_tests_change_is_accepted() {
    assert_eq!(check(&school(), &Draft::valid().wish(&school())), []);
}

/// INV-02: a function, and closed.
#[test]
fn inv_02_every_form_has_its_mode() {
    for form in Form::ALL {
        let expected = match form.as_str() {
            "webinar" | "video_conference" | "chat" => Mode::GroupRealtime,
            "individual" => Mode::Individual,
            _ => Mode::Deferred,
        };
        assert_eq!((form.mode(), form.is_realtime()), (expected, expected != Mode::Deferred), "{form}");
    }
}

pub fn a_day() -> impl Strategy<Value = Date> {
    (0_i32..110).prop_map(|days| crate::domain::calendar::plus_days(date(2026, 9, 10), days))
}

pub fn a_draft() -> impl Strategy<Value = Draft> {
    let who = (0_usize..5, 0_usize..2, any::<bool>(), any::<bool>());
    let when = (a_day(), 7_i8..20, prop_oneof![Just(0_i8), Just(15), Just(30), Just(45)], 5_i64..50);
    let what = (0_usize..4, any::<bool>(), 0_usize..4, 0_usize..3, any::<bool>(), any::<bool>());
    (who, when, what).prop_map(|(who, when, what)| {
        let mut draft = Draft::valid();
        draft.slot.host = PersonId::new(["T0", "T1", "T2", "T3", "D"][who.0]);
        let group = ["5A", "9B"][who.1];
        draft.group = GroupId::new(group);
        draft.programme = Some(ProgrammeId::new(group));
        draft.slot.audience = Audience { students: who.2 || !who.3, guardians: who.3 };
        (draft.date, draft.start, draft.minutes) = (when.0, time(when.1, when.2, 0, 0), when.3);
        draft.slot.form = [Form::Webinar, Form::VideoConference, Form::Chat, Form::Individual][what.0];
        if draft.slot.form == Form::Individual {
            draft.students = vec![PersonId::new(if who.2 { "S9" } else { "S1" })];
        }
        draft.slot.kind = if what.1 { Kind::Current } else { Kind::AssessmentPrep };
        draft.slot.parts = match what.2 {
            0 => vec![],
            1 => vec!["1 четверть".into()],
            2 => vec!["2 четверть".into()],
            _ => vec!["1 четверть".into(), "2 четверть".into()],
        };
        draft.slot.topics = match what.3 {
            0 => vec![],
            1 => vec!["Дроби".into()],
            _ => vec!["Проценты".into()],
        };
        draft.slot.coverage = if what.4 { Coverage::Overview } else { Coverage::Topics };
        if !what.5 && draft.slot.audience.guardians && !draft.slot.audience.students {
            draft.programme = None;
        }
        draft.slot.key = format!("{}{}", draft.slot.host, draft.slot.form);
        draft
    })
}

/// The same person twice at once?
pub fn overlaps(one: &Entry, other: &Entry) -> bool {
    one.id != other.id && one.start_ms < other.end_ms && other.start_ms < one.end_ms
}

pub fn shares_a_student(one: &Entry, other: &Entry) -> bool {
    let students: HashSet<_> = one.students.iter().collect();
    other.students.iter().any(|student| students.contains(student))
}

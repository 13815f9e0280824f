//! Regular lessons stand in the way on the dates on which the calendar says that they are held, and on no others.

use super::*;
use crate::domain::calendar::{DayKind, DayRule, ForClass, Parity, Span, plus_days};
use crate::domain::planning::finding::{LessonAt, Params};
use crate::domain::planning::lessons::{Lessons, Regular};

/// Tuesdays, the eighth lesson (14:55 to 15:40): the time of the valid draft.
pub fn regular(teacher: Option<PersonId>, group: &str) -> Regular {
    Regular {
        weekday: 2,
        period: 8,
        parity: None,
        terms: None,
        teacher,
        of: ForClass { grade: Some(5), shift: 1 },
        groups: vec![GroupId::new(group)],
        subject: "Физика".into(),
        class: "5А".into(),
    }
}

pub fn put(view: &mut PlanView, lesson: Regular) {
    let lessons = Lessons::new(&view.calendar, vec![lesson]);
    view.set_lessons(lessons);
}

/// Whether the host of the valid draft, on another date, is busy with this lesson.
fn is_busy(change: impl Fn(&mut PlanView, &mut Regular, &mut Draft)) -> bool {
    let (mut view, mut draft) = (school(), Draft::valid());
    let mut lesson = regular(Some(draft.slot.host.clone()), "9B");
    lesson.groups.clear();
    change(&mut view, &mut lesson, &mut draft);
    put(&mut view, lesson);
    check(&view, &draft.wish(&view)).iter().any(|one| one.code == RefusalCode::HostConflict)
}

#[test]
fn a_conflict_names_the_lesson() {
    let (mut view, draft) = (school(), Draft::valid());
    put(&mut view, regular(None, "5A"));
    let found = check(&view, &draft.wish(&view));
    let [Finding { params: Params::Conflict { ids, lessons, .. }, .. }] = &found[..] else { panic!("{found:?}") };
    let (starts, ends) = (time(14, 55, 0, 0), time(15, 40, 0, 0));
    let lesson = LessonAt { starts, ends, class: "5А".into(), subject: "Физика".into() };
    assert_eq!((ids.len(), lessons), (0, &vec![lesson]));
}

#[test]
fn a_lesson_is_held_by_weekday_number_week_term_and_calendar() {
    let even = date(2026, 11, 10);
    assert!(is_busy(|_, _, draft| draft.date = even));
    assert!(!is_busy(|_, lesson, _| lesson.weekday = 3));
    assert!(!is_busy(|_, lesson, _| lesson.period = 7));
    // The week of 9 November is the eleventh: odd.
    assert!(is_busy(|_, lesson, _| lesson.parity = Some(Parity::Odd)));
    assert!(!is_busy(|_, lesson, _| lesson.parity = Some(Parity::Even)));
    assert!(!is_busy(|_, lesson, draft| {
        lesson.parity = Some(Parity::Odd);
        draft.date = date(2026, 11, 17);
    }));
    let halves = |view: &mut PlanView| {
        view.calendar.terms = vec![
            Span { from: date(2027, 1, 11), to: date(2027, 5, 31) },
            Span { from: date(2026, 9, 1), to: date(2026, 12, 30) },
        ];
    };
    for (bits, expected) in [("10", true), ("01", false), ("11", true)] {
        let is = is_busy(|view, lesson, _| {
            halves(view);
            lesson.terms = Some(bits.into());
        });
        assert_eq!(is, expected, "{bits}");
    }
    // Breaks and holidays have no lessons; a moved working day has those of another weekday.
    let rule = |kind, of| DayRule { use_weekday: of, ..DayRule::of(kind) };
    for (kind, of, expected) in [
        (DayKind::Break, None, false),
        (DayKind::Holiday, None, false),
        (DayKind::Moved, Some(Weekday::Monday), false),
        (DayKind::School, None, true),
    ] {
        let is = is_busy(|view, _, draft| {
            view.calendar.days.insert(draft.date, rule(kind, of));
        });
        assert_eq!(is, expected, "{kind}");
    }
    let saturday = date(2026, 11, 14);
    assert!(is_busy(|view, _, draft| {
        draft.date = saturday;
        view.calendar.days.insert(saturday, rule(DayKind::Moved, Some(Weekday::Tuesday)));
    }));
}

#[test]
fn shortened_bells_and_the_second_shift_move_lessons() {
    // A short day: the eighth lesson is over at two.
    let short = |view: &mut PlanView, draft: &Draft| {
        let bells = (1..=8_u8).map(|n| (n, (time(8 + i8::try_from(n / 2).unwrap(), 0, 0, 0), time(13, 59, 0, 0))));
        view.calendar.bells.insert("short".into(), bells.collect());
        let rule = DayRule { bells: Some("short".into()), ..DayRule::of(DayKind::School) };
        view.calendar.days.insert(draft.date, rule);
    };
    assert!(!is_busy(|view, _, draft| short(view, draft)));
    assert!(is_busy(|view, _, draft| {
        short(view, draft);
        draft.start = time(13, 30, 0, 0);
    }));
    // The second shift's first lesson begins at three.
    let second = |view: &mut PlanView, lesson: &mut Regular| {
        view.calendar.bells.insert("second".into(), [(1, (time(15, 0, 0, 0), time(15, 45, 0, 0)))].into());
        view.calendar.shift_bells.insert(("usual".into(), 2), "second".into());
        (lesson.period, lesson.of.shift) = (1, 2);
    };
    assert!(is_busy(|view, lesson, _| second(view, lesson)));
    assert!(!is_busy(|view, lesson, _| {
        second(view, lesson);
        lesson.of.shift = 1;
    }));
    // A grade's own day off is not the other grades'.
    let off = |view: &mut PlanView, draft: &Draft, grade| {
        view.calendar.grade_days.insert((grade, draft.date), DayKind::Break);
    };
    assert!(!is_busy(|view, _, draft| off(view, draft, 5)));
    assert!(is_busy(|view, _, draft| off(view, draft, 1)));
}

#[test]
fn guardians_alone_and_individual_help_meet_the_lessons_of_those_who_come() {
    let codes = |change: fn(&mut Draft)| {
        let (mut view, mut draft) = (school(), Draft::valid());
        change(&mut draft);
        put(&mut view, regular(None, "5A"));
        let found = check(&view, &draft.wish(&view)).into_iter().map(|one| one.code);
        found
            .filter(|code| matches!(code, RefusalCode::GroupConflict | RefusalCode::StudentConflict))
            .collect::<Vec<_>>()
    };
    assert_eq!(codes(|draft| draft.slot.audience = Audience { students: false, guardians: true }), []);
    // Office hours are nobody's yet; a named student has a lesson.
    assert_eq!(codes(|draft| draft.slot.form = Form::Individual), []);
    let named = |draft: &mut Draft| {
        draft.slot.form = Form::Individual;
        draft.students = vec![PersonId::new("S1")];
    };
    assert_eq!(codes(named), [RefusalCode::StudentConflict]);
    let other = |draft: &mut Draft| {
        draft.slot.form = Form::Individual;
        draft.students = vec![PersonId::new("S5")];
    };
    assert_eq!(codes(other), []);
}

proptest! {
    #![proptest_config(cases())]

    /// Against every date of the year written out: busy exactly when some lesson of the host's runs then.
    #[test]
    fn inv_13_nobody_teaches_a_lesson_and_a_consultation_at_once(
        lessons in prop::collection::vec((1_i8..7, 1_u8..9, any::<Option<bool>>(), any::<bool>()), 0..6),
        day in 0_i32..270,
        at in (8_i8..16, 0_i8..60),
        minutes in 5_i64..60,
        breaks in prop::collection::vec(0_i32..270, 0..4),
    ) {
        let (mut view, mut draft) = (school(), Draft::valid());
        let first = date(2026, 9, 1);
        for day in breaks {
            view.calendar.days.insert(plus_days(first, day), DayRule::of(DayKind::Break));
        }
        draft.date = plus_days(first, day);
        (draft.start, draft.minutes) = (time(at.0, at.1, 0, 0), minutes);
        let all: Vec<Regular> = lessons
            .iter()
            .map(|(weekday, period, is_odd, is_own)| Regular {
                weekday: *weekday,
                period: *period,
                parity: is_odd.map(|is_odd| if is_odd { Parity::Odd } else { Parity::Even }),
                groups: Vec::new(),
                ..regular(Some(PersonId::new(if *is_own { "T0" } else { "T1" })), "5A")
            })
            .collect();
        let wish = draft.wish(&view);
        let calendar = &view.calendar;
        let runs = |lesson: &Regular, date| {
            let is_day = calendar.lessons_of(date).map(Weekday::to_monday_one_offset) == Some(lesson.weekday)
                && lesson.parity.is_none_or(|parity| calendar.parity(date) == parity);
            let (starts, ends) = calendar.period(date, lesson.period).unwrap();
            is_day && calendar.instant_ms(date, starts) < wish.end_ms && wish.start_ms < calendar.instant_ms(date, ends)
        };
        let expected = all
            .iter()
            .filter(|lesson| lesson.teacher.as_ref() == Some(&draft.slot.host))
            .any(|lesson| (0..271).any(|day| runs(lesson, plus_days(first, day))));
        let lessons = Lessons::new(calendar, all.clone());
        let mut asked = view.clone();
        asked.set_lessons(lessons);
        let found = check(&asked, &wish);
        prop_assert_eq!(found.iter().any(|one| one.code == RefusalCode::HostConflict), expected, "{:?}", found);
    }
}

//! Plans as a whole: whatever is accepted keeps every invariant (P1), checked against predicates written anew here.

use std::collections::HashMap;

use super::*;
use crate::domain::calendar::{monday_of, plus_days};

/// Plans one after the other; gives what was accepted.
fn planned(drafts: &[Draft]) -> (PlanView, Vec<(Draft, Entry)>) {
    let mut view = school();
    let mut accepted = Vec::new();
    for (n, draft) in drafts.iter().enumerate() {
        let mut draft = draft.clone();
        draft.slot.key = format!("{}-{n}", draft.slot.key);
        if draft.codes(&view).is_empty() {
            let entry = draft.entry(&view);
            view.add(entry.clone());
            accepted.push((draft, entry));
        }
    }
    (view, accepted)
}

fn plans() -> impl Strategy<Value = (PlanView, Vec<(Draft, Entry)>)> {
    proptest::collection::vec(a_draft(), 1..60).prop_map(|drafts| planned(&drafts))
}

fn part<'v>(view: &'v PlanView, draft: &Draft, title: &str) -> &'v PartFacts {
    let programme = view.programmes.get(draft.programme.as_ref().unwrap()).unwrap();
    programme.parts.iter().find(|part| part.title == title).unwrap()
}

/// The parts of a draft: those it names, and those of its topics.
fn parts_of<'v>(view: &'v PlanView, draft: &Draft) -> Vec<&'v PartFacts> {
    let mut parts: Vec<_> = draft.slot.parts.iter().map(|title| part(view, draft, title)).collect();
    if draft.slot.coverage == Coverage::Topics {
        for topic in &draft.slot.topics {
            let title = if topic == "Дроби" { "1 четверть" } else { "2 четверть" };
            if !parts.iter().any(|one| one.title == title) {
                parts.push(part(view, draft, title));
            }
        }
    }
    parts
}

macro_rules! properties {
    ($($(#[$doc:meta])* $name:ident($view:ident, $accepted:ident) $body:block)+) => {
        proptest! {
            #![proptest_config(cases())]
            $(
                $(#[$doc])*
                #[test]
                fn $name(($view, $accepted) in plans()) $body
            )+
        }
    };
}

properties! {
    /// Help for students is always tied to a programme (R1.2).
    inv_01_students_come_with_a_programme(_view, accepted) {
        for (draft, _) in &accepted {
            prop_assert!(draft.programme.is_some() || !draft.slot.audience.students);
        }
    }

    inv_04_the_end_is_the_start_and_the_length(_view, accepted) {
        for (draft, entry) in &accepted {
            prop_assert_eq!(entry.end_ms, entry.start_ms + draft.minutes * 60_000);
            prop_assert!(entry.end_ms > entry.start_ms);
        }
    }

    inv_13_no_host_is_in_two_places(_view, accepted) {
        for (_, one) in &accepted {
            prop_assert!(!accepted.iter().any(|(_, other)| overlaps(one, other) && one.host == other.host));
        }
    }

    inv_14_no_student_and_no_group_is_in_two_places(_view, accepted) {
        for (_, one) in &accepted {
            for (_, other) in accepted.iter().filter(|(_, other)| overlaps(one, other)) {
                prop_assert!(!shares_a_student(one, other), "{} {}", one.id, other.id);
                prop_assert!(one.group != other.group || one.is_individual || other.is_individual);
            }
        }
    }

    inv_16_no_lesson_on_a_free_day(view, accepted) {
        for (draft, entry) in &accepted {
            prop_assert!(draft.allow_in_break || view.calendar.lessons_of(entry.date).is_some());
        }
    }

    inv_20_current_help_lies_inside_a_part(view, accepted) {
        for (draft, entry) in accepted.iter().filter(|(draft, _)| draft.slot.kind == Kind::Current) {
            if draft.programme.is_none() {
                continue;
            }
            let inside = |part: &&PartFacts| {
                part.starts_on <= entry.date && entry.date <= part.completed_on.unwrap_or(part.ends_on)
            };
            prop_assert!(parts_of(&view, draft).iter().any(inside), "{}", entry.id);
        }
    }

    inv_22_everything_has_a_source(_view, accepted) {
        for (draft, _) in &accepted {
            prop_assert!(!draft.slot.sources.is_empty());
        }
    }

    inv_24_topics_are_of_the_programme(view, accepted) {
        for (draft, _) in accepted.iter().filter(|(draft, _)| draft.slot.coverage == Coverage::Topics) {
            let Some(programme) = draft.programme.as_ref().and_then(|id| view.programmes.get(id)) else { continue };
            prop_assert!(!draft.slot.topics.is_empty());
            for topic in &draft.slot.topics {
                let fold = crate::domain::fold::fold(topic);
                prop_assert!(programme.parts.iter().any(|part| part.topics.contains(&fold)));
            }
        }
    }

    inv_25_an_overview_has_a_part(_view, accepted) {
        for (draft, _) in accepted.iter().filter(|(draft, _)| draft.slot.coverage == Coverage::Overview) {
            prop_assert!(draft.programme.is_none() || !draft.slot.parts.is_empty());
        }
    }

    inv_26_preparation_is_for_groups(_view, accepted) {
        for (draft, _) in &accepted {
            prop_assert!(draft.slot.kind != Kind::AssessmentPrep || draft.slot.form.mode() == Mode::GroupRealtime);
        }
    }

    inv_27_preparation_follows_the_end_of_every_part(view, accepted) {
        for (draft, entry) in accepted.iter().filter(|(draft, _)| draft.slot.kind == Kind::AssessmentPrep) {
            if draft.programme.is_none() {
                continue;
            }
            for part in parts_of(&view, draft) {
                prop_assert!(part.completed_on.is_some_and(|done| entry.date >= done), "{}", entry.id);
            }
        }
    }

    inv_30_load_stays_within_the_contract(_view, accepted) {
        let mut weeks: HashMap<(PersonId, Date), i64> = HashMap::new();
        for (_, entry) in &accepted {
            // By minutes, rounded half up: none of these is a whole period.
            let hours = ((entry.end_ms - entry.start_ms) / 60_000 * 200 + 45) / 90;
            *weeks.entry((entry.host.clone(), monday_of(entry.date))).or_default() += hours;
        }
        for ((host, week), hours) in weeks {
            let is_limited = ["T0", "T1", "T2"].contains(&host.as_str());
            prop_assert!(!is_limited || hours <= 200, "{} {}: {}", host, week, hours);
        }
    }

    inv_31_others_are_held_inside_working_time(_view, accepted) {
        for (draft, entry) in accepted.iter().filter(|(_, entry)| entry.host.as_str() == "D") {
            let end = draft.start + jiff::Span::new().minutes(draft.minutes);
            prop_assert!(draft.start >= time(9, 0, 0, 0) && end <= time(17, 0, 0, 0));
            prop_assert!(entry.date.weekday() != Weekday::Friday);
            prop_assert!(!(date(2026, 11, 16)..=date(2026, 11, 20)).contains(&entry.date));
        }
    }

    inv_40_no_lesson_is_longer_than_its_norm(_view, accepted) {
        for (draft, _) in &accepted {
            // In office hours a student sits for one appointment.
            let sitting = draft.slot.office_minutes().map_or(draft.minutes, i64::from);
            prop_assert!(!draft.slot.audience.students || sitting <= 30);
        }
    }

    inv_41_no_student_has_more_minutes_than_the_norm_of_a_day(_view, accepted) {
        let mut days: HashMap<(&PersonId, Date), i64> = HashMap::new();
        for (_, entry) in &accepted {
            for student in &entry.students {
                *days.entry((student, entry.date)).or_default() += (entry.end_ms - entry.start_ms) / 60_000;
            }
        }
        prop_assert!(days.values().all(|minutes| *minutes <= 60), "{:?}", days);
    }

    inv_42_students_come_by_day(_view, accepted) {
        for (draft, _) in accepted.iter().filter(|(draft, _)| draft.slot.audience.students) {
            let end = draft.start + jiff::Span::new().minutes(draft.minutes);
            prop_assert!(draft.start >= time(8, 0, 0, 0) && end <= time(18, 0, 0, 0) && end > draft.start);
        }
    }

    /// The order in which accepted ones are looked at again does not matter: each still stands beside the others.
    p1_an_accepted_plan_stays_acceptable(view, accepted) {
        for (draft, _) in accepted.iter().rev() {
            prop_assert_eq!(draft.codes(&view), []);
        }
    }
}

#[test]
fn the_plans_of_the_properties_are_not_empty() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut kinds = (0, 0, 0);
    for _ in 0..200 {
        let (_, accepted) = plans().new_tree(&mut runner).unwrap().current();
        for (draft, entry) in &accepted {
            kinds.0 += 1;
            kinds.1 += i32::from(draft.slot.kind == Kind::AssessmentPrep && draft.programme.is_some());
            kinds.2 += i32::from(entry.host.as_str() == "D");
        }
    }
    assert!(kinds.0 > 300 && kinds.1 > 10 && kinds.2 > 10, "{kinds:?}");
}

proptest! {
    #![proptest_config(cases())]

    /// Taking something out of the plan gives its time and its hours back.
    #[test]
    fn what_is_removed_leaves_no_trace(draft in a_draft()) {
        let mut view = school();
        let before = view.hours_of(&draft.slot.host, Date::MIN, plus_days(draft.date, 400), &ConsultationId::new(""));
        let codes = draft.codes(&view);
        let entry = draft.entry(&view);
        view.add(entry.clone());
        view.add(entry.clone());
        prop_assert_eq!(view.len(), 1);
        view.remove(&entry.id);
        prop_assert!(view.is_empty());
        prop_assert_eq!(view.hours_of(&draft.slot.host, Date::MIN, plus_days(draft.date, 400), &ConsultationId::new("")), before);
        prop_assert_eq!(draft.codes(&view), codes);
    }
}

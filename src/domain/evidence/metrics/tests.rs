//! Figures recomputed apart from the code that makes them, and what they must never show.
#![allow(clippy::unwrap_used)]

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::domain::evidence::coverage;
use crate::domain::evidence::helped::Seeker;
use crate::domain::evidence::technical::{Measured, Participation, Verdict};
use crate::domain::evidence::{ComplaintFact, Filter, Invited, RequestFact, ScoreFact};
use crate::domain::form::{Form, Kind};
use crate::domain::ids::{ConsultationId, PersonId};

fn lesson(id: usize) -> LessonFact {
    LessonFact {
        id: ConsultationId::new(format!("c{id}")),
        date: date(2026, 11, 20),
        start_ms: 1_000_000,
        end_ms: 1_000_000 + 30 * 60_000,
        state: State::Held,
        not_held: None,
        detail: None,
        is_late_cancel: false,
        host: PersonId::new("t"),
        host_name: "Т".to_owned(),
        title: "Математика".to_owned(),
        subject: Some("Математика".to_owned()),
        class: Some("5А".to_owned()),
        grade: Some(5),
        unit: None,
        form: Form::Webinar,
        kind: Kind::Current,
        purpose: None,
        topics: vec!["Дроби".to_owned()],
        host_delay_s: Some(0),
        invited: Vec::new(),
        unnamed_s: 0,
        hours_planned: 67,
        hours_held: 67,
        violations: Vec::new(),
        without_consent: Vec::new(),
        unannounced: Vec::new(),
        participations: Vec::new(),
        stays_lost: 0,
        is_moved: false,
        incident: None,
        is_corrected: false,
    }
}

fn state() -> impl Strategy<Value = (State, Option<NotHeldReason>)> {
    prop_oneof![
        Just((State::Planned, None)),
        Just((State::Live, None)),
        Just((State::Held, None)),
        Just((State::Cancelled, None)),
        Just((State::NotHeld, Some(NotHeldReason::NoHost))),
        Just((State::NotHeld, Some(NotHeldReason::NoAudience))),
        Just((State::NotHeld, Some(NotHeldReason::Technical))),
    ]
}

prop_compose! {
    fn lessons()(
        rows in proptest::collection::vec(
            (state(), any::<bool>(), 0_i64..900, proptest::collection::vec(0_i64..4000, 0..5), any::<bool>(),
             proptest::collection::vec(proptest::sample::select(Verdict::ALL), 0..6), 0_u8..8),
            0..40,
        )
    ) -> Vec<LessonFact> {
        rows.into_iter().enumerate().map(|(n, ((state, not_held), late, delay, present, broken, verdicts, rare))| LessonFact {
            state,
            not_held,
            is_late_cancel: late,
            host_delay_s: Some(delay),
            invited: present.into_iter().enumerate()
                .map(|(n, present_s)| Invited { person: PersonId::new(format!("s{n}")), present_s, came: present_s >= 300 }).collect(),
            violations: if broken { vec!["after_hours".to_owned()] } else { Vec::new() },
            hours_held: if state == State::Held { 67 } else { 0 },
            participations: verdicts.into_iter().enumerate().map(|(n, verdict)| Participation {
                person: PersonId::new(format!("s{n}")), verdict, measured: Measured::default(),
            }).collect(),
            without_consent: if rare == 1 { vec![PersonId::new("s0")] } else { Vec::new() },
            unannounced: if rare == 2 { vec![PersonId::new("d")] } else { Vec::new() },
            is_moved: rare == 3 && state == State::Cancelled,
            ..lesson(n)
        }).collect()
    }
}

prop_compose! {
    fn facts()(
        lessons in lessons(),
        scores in proptest::collection::vec((0_usize..40, 1_u8..=5, any::<bool>()), 0..60),
        requests in proptest::collection::vec(
            (0_i64..10_000, any::<bool>(), any::<bool>(), any::<Option<bool>>(), proptest::collection::vec(0_usize..4, 1..5)), 0..30,
        ),
        complaints in proptest::collection::vec(0_usize..40, 0..5),
    ) -> Facts {
        let scores = scores.into_iter().filter(|(n, ..)| *n < lessons.len());
        let complaints = complaints.into_iter().filter(|n| *n < lessons.len());
        Facts {
            scores: scores.map(|(n, score, helped)| ScoreFact { lesson: lessons[n].id.clone(), score, helped }).collect(),
            complaints: complaints.map(|n| ComplaintFact {
                id: format!("x{n}"), lesson: lessons[n].id.clone(), kind: "poor".into(), state: "open".into(), created_ms: 0,
            }).collect(),
            requests: requests.into_iter().enumerate().map(|(n, (minutes, answered, open, covered, seekers))| RequestFact {
                id: format!("r{n}"), student: PersonId::new("s"), subject: "Математика".into(), class: None, topic: None,
                state: "submitted".into(), created_ms: 0, help_due_ms: 0, response_minutes: minutes,
                seekers: seekers.into_iter().enumerate().map(|(n, outcome)| Seeker {
                    person: PersonId::new(format!("s{n}")), is_voter: n > 0, outcome: HelpOutcome::ALL[outcome], helped_ms: None,
                }).collect(),
                is_helped_in_time: answered, is_open: open, was_covered: covered,
            }).collect(),
            lessons,
            names: std::collections::HashMap::new(),
        }
    }
}

/// The figure counted anew, straight from the words of the regulation.
fn recount(facts: &Facts, code: MetricCode) -> Option<(f64, f64)> {
    let held = facts.lessons.iter().filter(|one| one.state == State::Held);
    let no_host = facts.lessons.iter().filter(|one| one.not_held == Some(NotHeldReason::NoHost)).count();
    let due = facts.lessons.iter().filter(|one| {
        one.state == State::Held
            || one.state == State::NotHeld
            || (one.state == State::Cancelled && one.is_late_cancel && !one.is_moved)
    });
    match code {
        MetricCode::Punctuality => {
            let in_time = held.clone().filter(|one| one.host_delay_s.unwrap() <= 300).count();
            Some((in_time as f64, (held.count() + no_host) as f64))
        }
        MetricCode::NoShow => Some((no_host as f64, due.count() as f64)),
        MetricCode::Lawful => {
            let is_lawful = |one: &&LessonFact| {
                one.violations.is_empty() && one.without_consent.is_empty() && one.unannounced.is_empty()
            };
            Some((due.clone().filter(is_lawful).count() as f64, due.count() as f64))
        }
        MetricCode::TechOk => {
            let all: Vec<Verdict> =
                facts.lessons.iter().flat_map(|one| &one.participations).map(|part| part.verdict).collect();
            let fine = all.iter().filter(|verdict| **verdict == Verdict::Fine).count();
            let failed = facts.lessons.iter().filter(|one| one.not_held == Some(NotHeldReason::Technical)).count();
            Some((fine as f64, (all.len() + failed) as f64))
        }
        MetricCode::Attendance => {
            let seconds: i64 = held.clone().flat_map(|one| &one.invited).map(|one| one.present_s.min(1800)).sum();
            let invited = held.map(|one| one.invited.len()).sum::<usize>();
            Some((seconds as f64 / 60.0, invited as f64 * 30.0))
        }
        MetricCode::TopicHit => {
            let asked = facts.requests.iter().filter_map(|one| one.was_covered);
            Some((asked.clone().filter(|was| *was).count() as f64, asked.count() as f64))
        }
        MetricCode::RequestResolution => {
            let over = facts.requests.iter().filter(|one| !one.is_open);
            Some((over.clone().filter(|one| one.is_helped_in_time).count() as f64, over.count() as f64))
        }
        MetricCode::HelpGiven => {
            let all: Vec<HelpOutcome> =
                facts.requests.iter().flat_map(|one| &one.seekers).map(|seeker| seeker.outcome).collect();
            let of = |outcome| all.iter().filter(|one| **one == outcome).count();
            let helped = of(HelpOutcome::Helped);
            Some((helped as f64, (helped + of(HelpOutcome::NeverCame)) as f64))
        }
        MetricCode::Helpfulness if facts.scores.len() >= 5 => {
            Some((facts.scores.iter().map(|one| f64::from(one.score)).sum(), facts.scores.len() as f64))
        }
        MetricCode::PlanFulfilment => {
            let over = facts.lessons.iter().filter(|one| one.state.is_final() && !one.is_moved);
            Some((held.count() as f64 * 0.67, over.count() as f64 * 0.67))
        }
        _ => None,
    }
}

proptest! {
    #![proptest_config(crate::domain::cases::cases(256))]

    #[test]
    fn each_figure_is_the_sum_of_its_rows_and_what_counting_anew_gives(facts in facts()) {
        for metric in all(&facts) {
            let sum = |of: fn(&Share) -> f64| metric.rows.iter().map(of).sum::<f64>();
            let is_of_answers = matches!(metric.code, MetricCode::Helpfulness | MetricCode::Solved);
            if !is_of_answers {
                prop_assert!((sum(|row| row.above) - metric.above).abs() < 1e-6, "{:?}", metric.code);
                prop_assert!((sum(|row| row.below) - metric.below).abs() < 1e-6, "{:?}", metric.code);
            }
            if let Some((above, below)) = recount(&facts, metric.code) {
                prop_assert!((above - metric.above).abs() < 1e-6, "{:?}: {above} is not {}", metric.code, metric.above);
                prop_assert!((below - metric.below).abs() < 1e-6, "{:?}: {below} is not {}", metric.code, metric.below);
            }
            if let Some(value) = metric.value.filter(|_| !is_of_answers && metric.code != MetricCode::FirstResponse && metric.code != MetricCode::Complaints) {
                prop_assert!((0.0..=1.000_001).contains(&value), "{:?}: {value}", metric.code);
            }
        }
    }

    #[test]
    fn answers_of_fewer_than_five_show_nowhere(facts in facts()) {
        for code in [MetricCode::Helpfulness, MetricCode::Solved] {
            let metric = metric(&facts, code);
            if facts.scores.len() < 5 {
                prop_assert!(metric.is_hidden && metric.value.is_none() && metric.rows.is_empty() && metric.above == 0.0);
            }
            prop_assert!(metric.rows.iter().all(|row| row.below >= 5.0));
        }
    }

    /// Each student's row is the sum of what the requests and consultations say of that student, and nobody who was at
    /// something, or had an answer, is said never to have come.
    #[test]
    fn rows_of_students_are_the_sums_of_their_own_part(facts in facts()) {
        let rows = coverage::students(&facts);
        let helped: usize = facts.requests.iter().map(|one| one.count(HelpOutcome::Helped)).sum();
        let missed: usize = facts.requests.iter().map(|one| one.count(HelpOutcome::NeverCame)).sum();
        prop_assert_eq!(rows.values().map(|row| row.helped).sum::<usize>(), helped);
        prop_assert_eq!(rows.values().map(|row| row.missed).sum::<usize>(), missed);
        for row in rows.values() {
            prop_assert!(row.came <= row.invited && row.helped + row.missed <= row.requests);
            prop_assert!(!row.never_came() || (row.came == 0 && row.helped == 0));
        }
    }

    #[test]
    fn a_filter_only_takes_away(facts in facts(), late in any::<bool>()) {
        let class = if late { "5А" } else { "9Б" };
        let filter = Filter { class: Some(class.to_owned()), ..Filter::default() };
        let some = facts.clone().filtered(&filter);
        prop_assert!(some.lessons.len() <= facts.lessons.len());
        prop_assert!(some.lessons.iter().all(|one| one.class.as_deref() == Some(class)));
        prop_assert!(some.scores.iter().all(|score| some.lessons.iter().any(|one| one.id == score.lesson)));
    }
}

#[test]
fn a_failure_of_technique_is_not_the_hosts() {
    let technical = LessonFact { state: State::NotHeld, not_held: Some(NotHeldReason::Technical), ..lesson(0) };
    let facts = Facts { lessons: vec![technical, lesson(1)], ..Facts::default() };
    assert_eq!(metric(&facts, MetricCode::Punctuality).value, Some(1.0));
    assert_eq!(metric(&facts, MetricCode::NoShow).value, Some(0.0));
    assert_eq!(metric(&facts, MetricCode::TechOk).value, Some(0.0), "one lesson failed, nobody's stay shows otherwise");
}

#[test]
fn nine_of_ten_is_the_nearest_rank() {
    let sorted: Vec<f64> = (1..=10).map(f64::from).collect();
    assert_eq!(percentile(&sorted, 90), Some(9.0));
    assert_eq!(percentile(&sorted[..1], 90), Some(1.0));
    assert_eq!(percentile(&[], 90), None);
}

//! The figures of DOMAIN 2.6, each with the rows it stands on.

use super::helped::HelpOutcome;
use super::technical::Verdict;
use super::{Facts, LessonFact};
use crate::domain::consultation::{NotHeldReason, State};

/// A host who comes later than this after the start is late.
const PUNCTUAL_S: i64 = 5 * 60;
/// Fewer answers than this would show who said what.
pub const FEWEST_ANSWERS: usize = 5;

crate::domain::words!(
    /// A figure.
    #[derive(utoipa::ToSchema)]
    MetricCode {
        Punctuality = "punctuality",
        NoShow = "no_show_rate",
        LateCancel = "late_cancel_rate",
        FirstResponse = "first_response_p90",
        RequestResolution = "request_resolution",
        HelpGiven = "help_given",
        TopicHit = "topic_hit",
        PlanFulfilment = "plan_fulfilment",
        Attendance = "attendance",
        Helpfulness = "helpfulness",
        Solved = "solved",
        TechOk = "tech_ok",
        Lawful = "lawful",
        Complaints = "complaints",
    }
);

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    Lesson,
    Request,
}

/// One row of a figure: its share above and below the line.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    pub kind: RowKind,
    /// Id of the consultation or request.
    pub id: String,
    pub above: f64,
    pub below: f64,
}

/// A figure with its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    pub code: MetricCode,
    /// `None`: nothing to count, or too few answers to show.
    pub value: Option<f64>,
    pub above: f64,
    pub below: f64,
    pub is_hidden: bool,
    /// Empty when hidden.
    pub rows: Vec<Share>,
}

impl Metric {
    /// The quotient of the rows' sums.
    pub fn of(code: MetricCode, rows: Vec<Share>) -> Self {
        let above = rows.iter().map(|row| row.above).sum::<f64>();
        let below = rows.iter().map(|row| row.below).sum::<f64>();
        Self { code, value: (below > 0.0).then(|| above / below), above, below, is_hidden: false, rows }
    }

    fn hide(self) -> Self {
        Self { value: None, above: 0.0, is_hidden: true, rows: Vec::new(), ..self }
    }
}

/// All figures, in the order of the pages.
pub fn all(facts: &Facts) -> Vec<Metric> {
    MetricCode::ALL.iter().map(|code| metric(facts, *code)).collect()
}

/// One figure.
pub fn metric(facts: &Facts, code: MetricCode) -> Metric {
    let lessons = |pick: fn(&LessonFact) -> Option<(f64, f64)>| {
        let rows =
            facts.lessons.iter().filter_map(|one| pick(one).map(|(above, below)| lesson_share(one, above, below)));
        Metric::of(code, rows.collect())
    };
    match code {
        MetricCode::Punctuality => lessons(punctual),
        MetricCode::NoShow => lessons(|one| one.is_due().then(|| (flag(is_no_host(one)), 1.0))),
        MetricCode::LateCancel => lessons(|one| {
            let is_over = one.is_due() || one.state == State::Cancelled;
            is_over.then(|| (flag(one.state == State::Cancelled && one.is_late_cancel), 1.0))
        }),
        MetricCode::PlanFulfilment => lessons(|one| {
            let is_over = one.state.is_final() && !one.is_moved;
            // Hours that a host waited in vain count for the host, and are no help held.
            let held = if one.state == State::Held { one.hours_held } else { 0 };
            (is_over && one.hours_planned > 0).then(|| (held as f64 / 100.0, one.hours_planned as f64 / 100.0))
        }),
        MetricCode::Attendance => lessons(attendance),
        MetricCode::TechOk => lessons(|one| {
            let fine = one.participations.iter().filter(|part| part.verdict == Verdict::Fine).count() as f64;
            let all = one.participations.len() as f64;
            // A lesson that failed technically counts as one participation that failed, though nobody's figures show it.
            let failed = flag(one.not_held == Some(NotHeldReason::Technical));
            (all + failed > 0.0).then_some((fine, all + failed))
        }),
        MetricCode::Lawful => lessons(|one| one.is_due().then(|| (flag(one.breaches().is_empty()), 1.0))),
        MetricCode::Complaints => Metric::of(code, complaints(facts)),
        MetricCode::Helpfulness => scores(facts, code, |score, _| f64::from(score)),
        MetricCode::Solved => scores(facts, code, |_, helped| flag(helped)),
        MetricCode::FirstResponse => first_response(facts),
        MetricCode::RequestResolution => {
            let rows = facts.requests.iter().filter(|one| !one.is_open && one.state != "withdrawn");
            Metric::of(code, rows.map(|one| request_share(&one.id, flag(one.is_helped_in_time), 1.0)).collect())
        }
        MetricCode::HelpGiven => {
            let rows = facts.requests.iter().filter_map(|one| {
                let (helped, missed) = (one.count(HelpOutcome::Helped), one.count(HelpOutcome::NeverCame));
                (helped + missed > 0).then(|| request_share(&one.id, helped as f64, (helped + missed) as f64))
            });
            Metric::of(code, rows.collect())
        }
        MetricCode::TopicHit => {
            let rows = facts
                .requests
                .iter()
                .filter_map(|one| one.was_covered.map(|was_covered| request_share(&one.id, flag(was_covered), 1.0)));
            Metric::of(code, rows.collect())
        }
    }
}

fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

fn lesson_share(one: &LessonFact, above: f64, below: f64) -> Share {
    Share { kind: RowKind::Lesson, id: one.id.as_str().to_owned(), above, below }
}

fn request_share(id: &str, above: f64, below: f64) -> Share {
    Share { kind: RowKind::Request, id: id.to_owned(), above, below }
}

fn is_no_host(one: &LessonFact) -> bool {
    one.state == State::NotHeld && one.not_held == Some(NotHeldReason::NoHost)
}

/// Held in time, of what was held or failed for want of the host. Failures of technique are not the host's.
fn punctual(one: &LessonFact) -> Option<(f64, f64)> {
    match one.state {
        State::Held => Some((flag(one.host_delay_s.unwrap_or(0) <= PUNCTUAL_S), 1.0)),
        _ if is_no_host(one) => Some((0.0, 1.0)),
        _ => None,
    }
}

/// Minutes that the invited were there, of the minutes they were invited for.
fn attendance(one: &LessonFact) -> Option<(f64, f64)> {
    let planned_s = (one.end_ms - one.start_ms) / 1000;
    if one.state != State::Held || one.invited.is_empty() {
        return None;
    }
    let named: i64 = one.invited.iter().map(|invited| invited.present_s.clamp(0, planned_s)).sum();
    let present = named + one.unnamed_s.clamp(0, planned_s);
    let below = planned_s as f64 * one.invited.len() as f64;
    Some((present as f64 / 60.0, below / 60.0))
}

/// Complaints by consultation, of consultations that were due.
fn complaints(facts: &Facts) -> Vec<Share> {
    facts
        .lessons
        .iter()
        .filter_map(|one| {
            let count = facts.complaints.iter().filter(|complaint| complaint.lesson == one.id).count();
            (one.is_due() || count > 0).then(|| lesson_share(one, count as f64, 1.0))
        })
        .collect()
}

/// Answers of those asked; hidden while they are few, in all and for any single consultation.
fn scores(facts: &Facts, code: MetricCode, value: fn(u8, bool) -> f64) -> Metric {
    let rows: Vec<Share> = facts
        .scores
        .iter()
        .map(|one| Share {
            kind: RowKind::Lesson,
            id: one.lesson.as_str().to_owned(),
            above: value(one.score, one.helped),
            below: 1.0,
        })
        .collect();
    let answers = rows.len();
    let mut metric = Metric::of(code, merged(rows));
    if answers < FEWEST_ANSWERS {
        return metric.hide();
    }
    // The mean stands on all; a row that would show single answers is not listed.
    metric.rows.retain(|row| row.below >= FEWEST_ANSWERS as f64);
    metric
}

/// One row for each consultation.
fn merged(rows: Vec<Share>) -> Vec<Share> {
    let mut by_id: std::collections::BTreeMap<String, Share> = std::collections::BTreeMap::new();
    for row in rows {
        match by_id.get_mut(&row.id) {
            Some(sum) => {
                sum.above += row.above;
                sum.below += row.below;
            }
            None => {
                by_id.insert(row.id.clone(), row);
            }
        }
    }
    by_id.into_values().collect()
}

/// The time within which nine of ten requests had a first reaction, in working hours. Each row's `above` is its own time.
fn first_response(facts: &Facts) -> Metric {
    let code = MetricCode::FirstResponse;
    let mut rows: Vec<Share> = facts
        .requests
        .iter()
        .filter(|one| one.state != "withdrawn")
        .map(|one| request_share(&one.id, one.response_minutes as f64 / 60.0, 1.0))
        .collect();
    rows.sort_by(|a, b| a.above.total_cmp(&b.above));
    let value = percentile(&rows.iter().map(|row| row.above).collect::<Vec<_>>(), 90);
    Metric { value, ..Metric::of(code, rows) }
}

/// Nearest rank of a sorted list; `None`: it is empty.
pub fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests;

//! Teaching load against the contract, and working time of everybody else (clause 3.3, INV-30 to INV-34).

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

use super::Wish;
use super::finding::{Finding, Params, Period};
use super::view::{Employment, PlanView};
use crate::domain::calendar::{monday_of, plus_days};
use crate::domain::consultation::{NotHeldReason, State};
use crate::domain::ids::PersonId;
use crate::domain::lesson_card::{At, CardSlot};
use crate::domain::norm::NormMode;
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

/// Hundredths of an academic hour: sums of them are exact.
pub type Hundredths = i64;

super::super::words!(
    /// What a minute held counts as.
    LoadKind {
        Teaching = "teaching",
        WorkingTime = "working_time",
    }
);

/// Academic hours (DOMAIN 4.4): a whole period is one, whatever its length; other times by minutes, rounded half up.
pub fn academic_hours(minutes: i64, is_whole_period: bool, hour_minutes: u16) -> Hundredths {
    if is_whole_period {
        return 100;
    }
    let hour = i64::from(hour_minutes.max(1));
    (minutes.max(0) * 200 + hour) / (2 * hour)
}

/// State and reason of a consultation that is over.
pub type Outcome = (State, Option<NotHeldReason>);

/// What a school counts for a host to whom nobody came (DOMAIN 2.2). In force from when it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "count", rename_all = "snake_case", deny_unknown_fields)]
pub enum NoAudience {
    /// Nothing. With braces: serde refuses foreign fields only then.
    Never {},
    /// The whole time, once the host has waited so many minutes, or to the end of something shorter.
    Waited { minutes: u8 },
}

impl Default for NoAudience {
    fn default() -> Self {
        Self::Waited { minutes: 15 }
    }
}

impl NoAudience {
    /// Nobody waits longer than a lesson is.
    pub const MOST_MINUTES: u8 = 60;

    pub fn is_sound(self) -> bool {
        match self {
            Self::Never {} => true,
            Self::Waited { minutes } => (1..=Self::MOST_MINUTES).contains(&minutes),
        }
    }
}

/// Whether an outcome counts for the host (INV-32): held always, without an audience as the school says; nothing else ever.
pub fn counts((state, not_held): Outcome, waited_ms: i64, length_ms: i64, policy: NoAudience) -> bool {
    match (state, not_held, policy) {
        (State::Held, ..) => true,
        (State::NotHeld, Some(NotHeldReason::NoAudience), NoAudience::Waited { minutes }) => {
            waited_ms >= (i64::from(minutes) * 60_000).min(length_ms)
        }
        _ => false,
    }
}

/// Whether a slot takes its length from the bells.
pub fn is_whole_period(slot: &CardSlot) -> bool {
    matches!(slot.at, Some(At::Period(_))) && slot.minutes.is_none()
}

pub fn hours(hundredths: Hundredths) -> f64 {
    // Far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let hours = hundredths as f64 / 100.0;
    hours
}

pub fn check(view: &PlanView, wish: &Wish<'_>, found: &mut Vec<Finding>) {
    let Some(host) = view.hosts.get(wish.host) else { return };
    let absent =
        host.on(wish.date).any(|one| one.absences.iter().any(|(from, to)| *from <= wish.date && wish.date <= *to));
    if absent {
        found.push(Finding::of(RefusalCode::OutsideWorkingHours, Params::Hours { windows: Vec::new(), absent: true }));
    }
    if host.teaches_on(wish.date) {
        let own = academic_hours(wish.minutes(), is_whole_period(wish.slot), view.academic_hour_minutes);
        let contracts: Vec<&Employment> = host.on(wish.date).filter(|one| one.is_teaching).collect();
        contract(view, wish, &contracts, own, found);
    } else if !absent {
        working_time(view, wish, host.on(wish.date), found);
    }
}

/// INV-30: planned and held together stay within the contract's share, in each period that the contract names.
fn contract(view: &PlanView, wish: &Wish<'_>, contracts: &[&Employment], own: Hundredths, found: &mut Vec<Finding>) {
    let monday = monday_of(wish.date);
    let month = (wish.date.first_of_month(), wish.date.last_of_month());
    let year = view.calendar.years.iter().find(|year| year.contains(wish.date));
    let spans = [
        (Period::Week, share(contracts, |one| one.week), (monday, plus_days(monday, 6))),
        (Period::Month, share(contracts, |one| one.month), month),
        (Period::Year, share(contracts, |one| one.year), year.map_or(month, |year| (year.from, year.to))),
    ];
    for (period, limit, (from, to)) in spans {
        let Some(limit) = limit else { continue };
        let planned = view.hours_of(wish.host, from, to, &wish.id);
        if planned + own > limit {
            let params = Params::Load {
                period,
                limit_hours: hours(limit),
                planned_hours: hours(planned),
                wanted_hours: hours(own),
                left_hours: hours((limit - planned).max(0)),
            };
            found.push(Finding::of(RefusalCode::LoadExceeded, params));
            // The shortest period says enough.
            return;
        }
    }
}

/// The share of all contracts together; `None`: one of them sets no limit.
fn share(contracts: &[&Employment], of: impl Fn(&Employment) -> Option<Hundredths>) -> Option<Hundredths> {
    if contracts.is_empty() {
        return None;
    }
    contracts.iter().map(|one| of(one)).sum()
}

/// INV-31. Where no working time is written down at all there is nothing to hold it against: a remark, not a refusal.
fn working_time<'v>(
    view: &PlanView,
    wish: &Wish<'_>,
    employments: impl Iterator<Item = &'v Employment>,
    found: &mut Vec<Finding>,
) {
    let employments: Vec<_> = employments.collect();
    let is_written = employments.iter().any(|one| !one.windows.is_empty());
    let windows: Vec<(Time, Time)> = employments.iter().flat_map(|one| windows_on(one, wish.date)).collect();
    let (starts, ends) = local_times(view, wish);
    if !windows.iter().any(|(from, to)| *from <= starts && ends <= *to && starts <= ends) {
        let mode = if is_written { NormMode::Enforce } else { NormMode::Warn };
        let params = Params::Hours { windows, absent: false };
        found.push(Finding::with_mode(RefusalCode::OutsideWorkingHours, params, mode));
    }
}

fn windows_on(employment: &Employment, date: Date) -> impl Iterator<Item = (Time, Time)> {
    employment
        .windows
        .iter()
        .filter(move |window| window.weekday == date.weekday())
        .filter(move |window| crate::domain::person::in_force(date, window.from, window.to))
        .map(|window| (window.starts, window.ends))
}

/// Start and end on the school's clock. An end past midnight is earlier than the start.
pub(super) fn local_times(view: &PlanView, wish: &Wish<'_>) -> (Time, Time) {
    let local = |ms| {
        let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        view.calendar.tz.to_datetime(at).time()
    };
    (local(wish.start_ms), local(wish.end_ms))
}

/// Whether a person may lift a finding for a host (INV-34).
pub fn may_override(roles: &[Role], by: &PersonId, host: &PersonId, order_no: &str) -> Result<(), RefusalCode> {
    let holds = roles.iter().any(|role| matches!(role, Role::DeputyHead | Role::Head));
    if !holds || by == host {
        return Err(RefusalCode::RoleNotPermitted);
    }
    if order_no.trim().is_empty() {
        return Err(RefusalCode::ReasonRequired);
    }
    Ok(())
}

//! Time at the screen (DOMAIN 4.6, INV-40 to INV-43): length of a lesson, sum of a student's day, hours of the day.

use super::Wish;
use super::finding::{Finding, Params};
use super::load::local_times;
use super::view::PlanView;
use crate::domain::norm::{check_daily, check_hours, check_length};
use crate::domain::refusal::RefusalCode;

pub fn check(view: &PlanView, wish: &Wish<'_>, found: &mut Vec<Finding>) {
    if !wish.slot.form.is_realtime() {
        return;
    }
    let minutes = wish.minutes();
    let grades: Vec<u8> = if wish.slot.audience.students { view.grades(wish.group).collect() } else { Vec::new() };
    let has_students = wish.slot.audience.students;
    // A student's time in office hours is one appointment.
    let sitting = wish.slot.office_minutes().map_or(minutes, i64::from);
    if let Some(breach) = check_length(&view.norms, has_students, &grades, wish.date, sitting) {
        let params = Params::Cap { cap_minutes: breach.cap_minutes, minutes: sitting, norm: breach.norm };
        found.push(Finding::with_mode(RefusalCode::DurationOverCap, params, breach.mode));
    }
    if !has_students {
        return;
    }
    day_of_students(view, wish, &grades, minutes, found);
    let (starts, ends) = local_times(view, wish);
    if let Some(breach) = check_hours(&view.hours, &grades, wish.date, starts, ends) {
        let params = Params::Times { earliest: breach.earliest, latest: breach.latest, norm: breach.norm };
        found.push(Finding::with_mode(RefusalCode::AfterHours, params, breach.mode));
    }
}

/// INV-41, for the student whose day is fullest.
fn day_of_students(view: &PlanView, wish: &Wish<'_>, grades: &[u8], minutes: i64, found: &mut Vec<Finding>) {
    let students = wish.students(view);
    if students.is_empty() {
        return;
    }
    let known = view.known(students);
    let sums: Vec<i64> = view.minutes_on(wish.date, &known, &wish.id).collect();
    // Who is planned for nothing yet has an empty day.
    let fullest = sums.iter().copied().max().unwrap_or(0).max(0);
    let Some(breach) = check_daily(&view.norms, grades, wish.date, fullest + minutes) else { return };
    let is_over = |sum: i64| sum + minutes > i64::from(breach.cap_minutes);
    let unknown = students.len() - known.len();
    let over = sums.iter().filter(|sum| is_over(**sum)).count() + if is_over(0) { unknown } else { 0 };
    let params = Params::Daily {
        cap_minutes: breach.cap_minutes,
        planned_minutes: fullest,
        wanted_minutes: minutes,
        students: over,
        norm: breach.norm,
    };
    found.push(Finding::with_mode(RefusalCode::DailyScreenCap, params, breach.mode));
}

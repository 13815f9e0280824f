//! Nobody is in two places at once (INV-13, INV-14): hosts, study groups, students; neither in two consultations nor in one and
//! in a regular lesson.

use std::collections::{BTreeSet, HashSet};

use super::Wish;
use super::finding::{Finding, LessonAt, MOST_IDS, Params};
use super::lessons::Held;
use super::view::PlanView;
use crate::domain::form::Mode;
use crate::domain::ids::{ConsultationId, PersonId};
use crate::domain::refusal::RefusalCode;

/// What somebody is busy with at that time.
#[derive(Default)]
struct Busy {
    ids: Vec<ConsultationId>,
    lessons: Vec<LessonAt>,
}

pub fn check(view: &PlanView, wish: &Wish<'_>, found: &mut Vec<Finding>) {
    let students = view.known(wish.students(view));
    let is_individual = wish.slot.form.mode() == Mode::Individual;
    let (mut of_host, mut of_group, mut of_students) = (Busy::default(), Busy::default(), Busy::default());
    let mut twice = BTreeSet::new();
    for other in view.overlapping(wish.start_ms, wish.end_ms, &wish.id) {
        if other.host == *wish.host {
            of_host.ids.push(other.id.clone());
        }
        if other.group == *wish.group && !is_individual && !other.is_individual {
            // The whole group is there; its students need not be told one by one.
            of_group.ids.push(other.id.clone());
            continue;
        }
        let before = of_students.ids.len();
        for student in view.seated(other, &students) {
            if of_students.ids.len() == before {
                of_students.ids.push(other.id.clone());
            }
            twice.insert(student);
        }
    }
    if !view.lessons().is_empty() {
        let held = view.lessons().overlapping(wish.start_ms, wish.end_ms);
        of_host.lessons.extend(held.iter().filter(|one| one.lesson.teacher.as_ref() == Some(wish.host)).map(told));
        let whole_group = !is_individual && wish.slot.audience.students;
        let (of_whole, others): (Vec<_>, Vec<_>) =
            held.iter().partition(|one| whole_group && one.lesson.groups.contains(wish.group));
        of_group.lessons.extend(of_whole.into_iter().map(told));
        in_lessons(view, &others, &students, (&mut of_students.lessons, &mut twice));
    }
    let mut push = |code, busy: Busy, students: Vec<PersonId>| {
        let Busy { mut ids, mut lessons } = busy;
        if ids.is_empty() && lessons.is_empty() {
            return;
        }
        ids.sort();
        ids.truncate(MOST_IDS);
        lessons.sort();
        lessons.dedup();
        lessons.truncate(MOST_IDS);
        found.push(Finding::of(code, Params::Conflict { ids, students, lessons }));
    };
    push(RefusalCode::HostConflict, of_host, Vec::new());
    push(RefusalCode::GroupConflict, of_group, Vec::new());
    push(RefusalCode::StudentConflict, of_students, twice.into_iter().take(MOST_IDS).cloned().collect());
}

/// Students who learn in one of these lessons.
fn in_lessons<'s>(
    view: &PlanView,
    held: &[&Held<'_>],
    students: &[(u32, &'s PersonId)],
    (lessons, twice): (&mut Vec<LessonAt>, &mut BTreeSet<&'s PersonId>),
) {
    let groups =
        |one: &Held<'_>| one.lesson.groups.iter().filter_map(|group| view.lesson_group(group)).collect::<Vec<_>>();
    let busy: HashSet<u32> = held.iter().flat_map(|one| groups(one)).collect();
    let mut hit = HashSet::new();
    for (number, student) in students {
        for group in view.learns_in(*number).iter().filter(|group| busy.contains(group)) {
            hit.insert(*group);
            twice.insert(*student);
        }
    }
    if !hit.is_empty() {
        lessons
            .extend(held.iter().filter(|one| groups(one).iter().any(|group| hit.contains(group))).map(|one| told(one)));
    }
}

fn told(one: &Held<'_>) -> LessonAt {
    let (class, subject) = (one.lesson.class.clone(), one.lesson.subject.clone());
    LessonAt { starts: one.starts, ends: one.ends, class, subject }
}

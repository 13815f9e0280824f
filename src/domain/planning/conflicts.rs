//! Nobody is in two places at once (INV-13, INV-14): hosts, study groups, students.

use std::collections::BTreeSet;

use super::Wish;
use super::finding::{Finding, MOST_IDS, Params};
use super::view::PlanView;
use crate::domain::form::Mode;
use crate::domain::ids::{ConsultationId, PersonId};
use crate::domain::refusal::RefusalCode;

pub fn check(view: &PlanView, wish: &Wish<'_>, found: &mut Vec<Finding>) {
    let students = view.known(wish.students(view));
    let is_individual = wish.slot.form.mode() == Mode::Individual;
    let (mut of_host, mut of_group, mut of_students) = (Vec::new(), Vec::new(), Vec::new());
    let mut twice = BTreeSet::new();
    for other in view.overlapping(wish.start_ms, wish.end_ms, &wish.id) {
        if other.host == *wish.host {
            of_host.push(other.id.clone());
        }
        if other.group == *wish.group && !is_individual && !other.is_individual {
            // The whole group is there; its students need not be told one by one.
            of_group.push(other.id.clone());
            continue;
        }
        let before = of_students.len();
        for student in view.seated(other, &students) {
            if of_students.len() == before {
                of_students.push(other.id.clone());
            }
            twice.insert(student);
        }
    }
    let mut push = |code, ids: Vec<ConsultationId>, students: Vec<PersonId>| {
        if !ids.is_empty() {
            let mut ids = ids;
            ids.sort();
            ids.truncate(MOST_IDS);
            found.push(Finding::of(code, Params::Conflict { ids, students }));
        }
    };
    push(RefusalCode::HostConflict, of_host, Vec::new());
    push(RefusalCode::GroupConflict, of_group, Vec::new());
    push(RefusalCode::StudentConflict, of_students, twice.into_iter().take(MOST_IDS).cloned().collect());
}

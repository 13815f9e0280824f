//! Departments of a roster as units of the school: who leads them and who works in them. What a file gave a file takes; what
//! was given by hand stays.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::known::{Known, post_source};
use super::{NewRole, Plan, RosterReport, RosterRequest, source_row};
use crate::domain::calendar::plus_days;
use crate::domain::fold::fold;
use crate::domain::ids::{ClassId, PersonId, UnitId};
use crate::domain::role::Role;
use crate::domain::roster::{Mode, Post, Roster, RosterCode, RosterError};
use crate::domain::staffing::may_bring;
use crate::store::sql::{self, Value};
use crate::store::{StoreError, Tx};

/// Units and posts to write.
#[derive(Default)]
pub(super) struct UnitsPlan {
    created: Vec<(UnitId, String)>,
    renamed: Vec<(UnitId, String)>,
    /// With the classes that are in them.
    removed: Vec<(UnitId, Vec<ClassId>)>,
    /// Roles that end in a unit.
    ended: Vec<(PersonId, Role, UnitId)>,
    /// Where the role is held from now on.
    moved: Vec<(PersonId, Role, Option<UnitId>)>,
    /// Posts that this roster vouches for, and those it does no more.
    given: Vec<(PersonId, Role, UnitId)>,
    taken: Vec<(PersonId, Role, UnitId)>,
}

pub(super) fn mistake(file: &str, column: &str, code: RosterCode, text: String) -> RosterError {
    RosterError { file: file.to_owned(), line: 0, column: column.to_owned(), code, text }
}

/// Finds or makes the unit of each department; gives them all by the other system's name.
pub(super) fn plan_units(
    roster: &Roster,
    known: &Known,
    school: &str,
    plan: &mut Plan,
    report: &mut RosterReport,
    errors: &mut Vec<RosterError>,
) -> HashMap<String, UnitId> {
    let mut units = known.units.clone();
    let by_name: HashMap<String, &UnitId> = known.unit_names.iter().map(|(id, name)| (fold(name), id)).collect();
    for unit in &roster.units {
        let namesake = by_name.get(&fold(&unit.name)).copied();
        let id = match known.units.get(&unit.source).or(namesake) {
            Some(id) => {
                let before = known.unit_names.get(id).cloned().unwrap_or_default();
                if namesake.is_some_and(|other| other != id) {
                    let text = format!("Подразделение «{}» уже есть, под другим кодом", unit.name);
                    errors.push(mistake("orgs.csv", "name", RosterCode::Doubled, text));
                } else if before != unit.name {
                    report.units_renamed += 1;
                    report.example("unit_renamed", &unit.source, unit.name.clone(), Some(before));
                    plan.units.renamed.push((id.clone(), unit.name.clone()));
                }
                id.clone()
            }
            None => {
                report.units_created += 1;
                report.example("unit_created", &unit.source, unit.name.clone(), None);
                let id = UnitId::fresh();
                plan.units.created.push((id.clone(), unit.name.clone()));
                id
            }
        };
        if known.units.get(&unit.source) != Some(&id) {
            plan.sources.push(source_row(school, "unit", &unit.source, id.as_str()));
        }
        units.insert(unit.source.clone(), id);
    }
    let named: HashSet<&str> = roster.units.iter().map(|unit| unit.source.as_str()).collect();
    let gone: BTreeSet<&String> = match roster.mode {
        // An archive that names no department says nothing of them.
        Mode::Bulk if roster.units.is_empty() => BTreeSet::new(),
        Mode::Bulk => known.units.keys().filter(|source| !named.contains(source.as_str())).collect(),
        Mode::Delta => roster.gone_units.iter().filter(|source| known.units.contains_key(*source)).collect(),
    };
    for source in gone {
        let Some(id) = units.remove(source) else { continue };
        // Two departments of one name were one unit.
        if units.values().any(|other| *other == id) {
            continue;
        }
        // What was given by hand stays, and so does the unit it was given in.
        let is_by_hand = |(person, role, unit): &(PersonId, Role, Option<UnitId>)| {
            unit.as_ref() == Some(&id) && !known.posts_from_roster.contains(&(person.clone(), *role, id.clone()))
        };
        if known.posts.iter().any(is_by_hand) || known.future_units.contains(&id) {
            let name = known.unit_names.get(&id).cloned().unwrap_or_default();
            report.example("unit_kept", source, name, None);
            continue;
        }
        report.units_removed += 1;
        let name = known.unit_names.get(&id).cloned().unwrap_or_default();
        report.example("unit_removed", source, name, None);
        for (person, role, _) in known.posts.iter().filter(|(.., unit)| unit.as_ref() == Some(&id)) {
            match role {
                Role::UnitHead => {
                    report.roles_taken += 1;
                    plan.units.ended.push((person.clone(), *role, id.clone()));
                }
                role => plan.units.moved.push((person.clone(), *role, None)),
            }
        }
        let taken = known.posts_from_roster.iter().filter(|(.., unit)| *unit == id).cloned();
        plan.units.taken.extend(taken);
        plan.units.removed.push((id.clone(), known.unit_classes.get(&id).cloned().unwrap_or_default()));
    }
    units
}

impl UnitsPlan {
    /// Leaves out the posts of roles that end altogether: one change, one row in the journal.
    pub(super) fn without_ended(&mut self, roles: &[(PersonId, Role)], report: &mut RosterReport) {
        let is_over = |person: &PersonId, role: Role| roles.iter().any(|(one, of)| one == person && *of == role);
        let before = self.ended.len();
        self.ended.retain(|(person, role, _)| !is_over(person, *role));
        report.roles_taken -= before - self.ended.len();
        self.moved.retain(|(person, role, to)| to.is_some() || !is_over(person, *role));
    }
}

/// Gives a role that the actor may give, though nobody to themselves.
pub(super) fn give(
    plan: &mut Plan,
    known: &Known,
    request: &RosterRequest,
    report: &mut RosterReport,
    errors: &mut Vec<RosterError>,
    new: NewRole,
) {
    if request.actor.as_ref().is_some_and(|actor| actor.person == new.person) {
        let text = format!("Себе роль «{}» не дают: попросите другого", new.role.as_str());
        errors.push(mistake("roles.csv", "role", RosterCode::RoleNotPermitted, text));
        return;
    }
    let held = known.roles.get(&new.person).map_or(&[][..], Vec::as_slice);
    if !may_bring(request.assigns, held, new.role) {
        let text =
            format!("Роль «{}» даёт не заместитель: архив загружает директор или администратор", new.role.as_str());
        errors.push(mistake("roles.csv", "role", RosterCode::RoleNotPermitted, text));
        return;
    }
    report.roles_given += 1;
    plan.roles.push(new);
}

/// Lets a person hold a role in a unit: heads lead as many as they are named for, others work in one.
pub(super) fn put(
    plan: &mut Plan,
    known: &Known,
    request: &RosterRequest,
    report: &mut RosterReport,
    errors: &mut Vec<RosterError>,
    (person, code, role, unit): (&PersonId, &str, Role, &UnitId),
) {
    let post = (person.clone(), role, unit.clone());
    if !known.posts_from_roster.contains(&post) {
        plan.units.given.push(post);
    }
    if known.posts.contains(&(person.clone(), role, Some(unit.clone()))) {
        return;
    }
    let name = unit_name(plan, known, unit);
    let is_held = known.roles.get(person).is_some_and(|held| held.contains(&role));
    let is_given = plan.roles.iter().rev().take_while(|new| new.person == *person).any(|new| new.role == role);
    if role == Role::UnitHead {
        report.example("head", code, name, None);
    } else if is_held || is_given {
        let is_by_hand = known.posts.iter().any(|(one, of, at)| {
            let at = at.as_ref().map(|at| (one.clone(), *of, at.clone()));
            one == person && *of == role && at.is_some_and(|post| !known.posts_from_roster.contains(&post))
        });
        // The first of several is where they work, unless somebody said by hand where.
        if !is_given
            && !is_by_hand
            && !plan.units.moved.iter().any(|(one, of, to)| one == person && *of == role && to.is_some())
        {
            report.people_moved += 1;
            report.example("moved", code, name, None);
            // Whose unit goes at the same time moves once.
            plan.units.moved.retain(|(one, of, _)| one != person || *of != role);
            plan.units.moved.push((person.clone(), role, Some(unit.clone())));
        }
        return;
    }
    give(plan, known, request, report, errors, NewRole { person: person.clone(), role, unit: Some(unit.clone()) });
}

/// Takes the posts of a person that an earlier roster gave and this one does not name.
pub(super) fn leave(
    plan: &mut Plan,
    known: &Known,
    report: &mut RosterReport,
    (person, code): (&PersonId, &str),
    wanted: &HashSet<(Role, &UnitId)>,
) {
    let mut over: Vec<_> = known
        .posts_from_roster
        .iter()
        .filter(|(one, role, unit)| one == person && !wanted.contains(&(*role, unit)))
        .cloned()
        .collect();
    over.sort();
    for post in over {
        end(plan, known, report, code, post);
    }
}

/// Ends one post; the role stays, but for a head's.
fn end(plan: &mut Plan, known: &Known, report: &mut RosterReport, code: &str, post: (PersonId, Role, UnitId)) {
    if !known.posts_from_roster.contains(&post) {
        return;
    }
    let (person, role, unit) = post.clone();
    let is_held = known.posts.contains(&(person.clone(), role, Some(unit.clone())));
    let is_done = plan.units.removed.iter().any(|(gone, _)| *gone == unit);
    if !is_done {
        plan.units.taken.push(post);
    }
    if !is_held || is_done {
        return;
    }
    let name = unit_name(plan, known, &unit);
    if role == Role::UnitHead {
        report.roles_taken += 1;
        report.example("head_no_more", code, name, None);
        plan.units.ended.push((person, role, unit));
    } else if !plan.units.moved.iter().any(|(one, of, _)| *one == person && *of == role) {
        report.people_moved += 1;
        report.example("moved", code, String::new(), Some(name));
        plan.units.moved.push((person, role, None));
    }
}

/// Posts that a delta gives and takes of people of whom it says nothing else.
pub(super) fn plan_delta(
    roster: &Roster,
    known: &Known,
    request: &RosterRequest,
    units: &HashMap<String, UnitId>,
    plan: &mut Plan,
    report: &mut RosterReport,
    errors: &mut Vec<RosterError>,
) {
    let find = |post: &Post| known.sources.get(&post.person).and_then(|id| known.people.get(id));
    for post in &roster.posts {
        // The school itself, whose name a delta need not explain, is no unit.
        let Some(unit) = units.get(&post.unit) else { continue };
        let Some(person) = find(post) else {
            let text = format!("Человека «{}» нет ни в архиве, ни в школе", post.person);
            errors.push(mistake("roles.csv", "userSourcedId", RosterCode::UnknownReference, text));
            continue;
        };
        put(plan, known, request, report, errors, (&person.id, &person.code, post.role, unit));
    }
    for post in &roster.gone_posts {
        let (Some(unit), Some(person)) = (known.units.get(&post.unit), find(post)) else { continue };
        end(plan, known, report, &person.code, (person.id.clone(), post.role, unit.clone()));
    }
}

fn unit_name(plan: &Plan, known: &Known, unit: &UnitId) -> String {
    let new = plan.units.created.iter().find(|(id, _)| id == unit).map(|(_, name)| name);
    new.or_else(|| known.unit_names.get(unit)).cloned().unwrap_or_default()
}

impl Tx {
    pub(super) async fn write_units(&mut self, plan: &UnitsPlan, request: &RosterRequest) -> Result<(), StoreError> {
        let school = request.school.id.as_str();
        let row = |(id, name): &(UnitId, String)| -> Vec<Value> {
            vec![id.as_str().into(), school.into(), name.as_str().into(), request.now_ms.into()]
        };
        let rows = plan.created.iter().map(row).collect();
        sql::insert_many(self.connection(), "org_unit (id, school_id, name, created_at)", 4, rows).await?;
        for (id, name) in &plan.created {
            let detail = serde_json::json!({ "name": name });
            self.note_in_import(request, "unit.create", ("org_unit", id.as_str()), detail).await?;
        }
        for (id, name) in &plan.renamed {
            sqlx::query("UPDATE org_unit SET name = $1 WHERE id = $2")
                .bind(name.as_str())
                .bind(id.as_str())
                .execute(self.connection())
                .await?;
            let detail = serde_json::json!({ "name": name });
            self.note_in_import(request, "unit.rename", ("org_unit", id.as_str()), detail).await?;
        }
        Ok(())
    }

    pub(super) async fn write_posts(&mut self, plan: &UnitsPlan, request: &RosterRequest) -> Result<(), StoreError> {
        let (today, yesterday) = (request.today.to_string(), plus_days(request.today, -1).to_string());
        for (person, role, unit) in &plan.ended {
            let done = sqlx::query(
                "UPDATE role_assignment SET valid_to = $1 WHERE person_id = $2 AND role = $3 AND unit_id = $4
                 AND (valid_to IS NULL OR valid_to > $5)",
            )
            .bind(yesterday.as_str())
            .bind(person.as_str())
            .bind(role.as_str())
            .bind(unit.as_str())
            .bind(yesterday.as_str())
            .execute(self.connection())
            .await?;
            if done.rows_affected() == 0 {
                continue;
            }
            let detail = serde_json::json!({ "role": role, "unit": unit });
            self.note_in_import(request, "role.end", ("person", person.as_str()), detail).await?;
        }
        for (person, role, unit) in &plan.moved {
            let done = sqlx::query(
                "UPDATE role_assignment SET unit_id = $1 WHERE person_id = $2 AND role = $3
                 AND (valid_to IS NULL OR valid_to >= $4)",
            )
            .bind(unit.as_ref().map(UnitId::as_str))
            .bind(person.as_str())
            .bind(role.as_str())
            .bind(today.as_str())
            .execute(self.connection())
            .await?;
            if done.rows_affected() == 0 {
                continue;
            }
            let detail = serde_json::json!({ "role": role, "unit": unit });
            self.note_in_import(request, "unit.member", ("person", person.as_str()), detail).await?;
        }
        let school = request.school.id.as_str();
        for (person, role, unit) in &plan.taken {
            sqlx::query("DELETE FROM roster_source WHERE school_id = $1 AND kind = 'post' AND source_id = $2")
                .bind(school)
                .bind(post_source(person, *role, unit))
                .execute(self.connection())
                .await?;
        }
        for (person, role, unit) in &plan.given {
            let name = post_source(person, *role, unit);
            sqlx::query(
                "INSERT INTO roster_source (school_id, kind, source_id, target_id) VALUES ($1, 'post', $2, $3)
                 ON CONFLICT (school_id, kind, source_id) DO NOTHING",
            )
            .bind(school)
            .bind(name.as_str())
            .bind(name.as_str())
            .execute(self.connection())
            .await?;
        }
        for (unit, classes) in &plan.removed {
            for class in classes {
                let detail = serde_json::json!({ "unit": null });
                self.note_in_import(request, "unit.class", ("school_class", class.as_str()), detail).await?;
            }
            for statement in [
                "UPDATE school_class SET unit_id = NULL WHERE unit_id = $1",
                // Roles that are over stay as they were, without the name of what is gone; the journal has it.
                "UPDATE role_assignment SET unit_id = NULL WHERE unit_id = $1",
                "DELETE FROM roster_source WHERE kind = 'unit' AND target_id = $1",
                "DELETE FROM org_unit WHERE id = $1",
            ] {
                sqlx::query(statement).bind(unit.as_str()).execute(self.connection()).await?;
            }
            self.note_in_import(request, "unit.drop", ("org_unit", unit.as_str()), serde_json::json!({})).await?;
        }
        Ok(())
    }
}

//! Brings the school's people, classes and groups in line with a roster (DOMAIN 8.2), all or nothing; and writes one.
//!
//! People are found by the other system's name for them, else by their code. Who has left keeps their past: roles and places
//! end, nothing is deleted. Links of guardians come as proposals that the homeroom teacher confirms.

pub mod export;
mod known;
mod posts;

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::civil::Date;

use super::people::managing::ManageError;
use super::school::School;
use super::sql::{self, Value};
use super::transition::Actor;
use super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::calendar::plus_days;
use crate::domain::fold::{fold, fold_code};
use crate::domain::ids::{ClassId, GroupId, PersonId, SubjectId, UnitId};
use crate::domain::policy::Condition;
use crate::domain::role::Role;
use crate::domain::roster::{Mode, Person, Roster, RosterCode, RosterError, oneroster};
use crate::domain::staffing::may_bring;
use known::Known;
use posts::UnitsPlan;

/// What is asked of an import.
#[derive(Clone, Debug)]
pub struct RosterRequest {
    pub school: School,
    /// `None`: the command line.
    pub actor: Option<Actor>,
    /// What leaves roles out that the actor may not give or take (`role.assign`).
    pub assigns: Option<Condition>,
    pub dry_run: bool,
    pub today: Date,
    pub now_ms: i64,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct RosterReport {
    pub dry_run: bool,
    pub is_delta: bool,
    pub people: usize,
    pub people_created: usize,
    pub people_updated: usize,
    /// Whose roles and places end.
    pub people_left: usize,
    pub classes_created: usize,
    pub groups_created: usize,
    pub subjects_created: usize,
    /// Departments that become units, have another name, are units no more.
    pub units_created: usize,
    pub units_renamed: usize,
    pub units_removed: usize,
    /// Who works in another unit from now on.
    pub people_moved: usize,
    pub roles_given: usize,
    pub roles_taken: usize,
    pub enrollments_made: usize,
    pub enrollments_ended: usize,
    /// Guardian links proposed; the homeroom teacher confirms them.
    pub links_proposed: usize,
    /// The first of those who would come, change or leave, for the eye.
    pub examples: Vec<Example>,
}

/// One change, for the eye.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Example {
    /// `created`, `updated`, `left`; of units `unit_created`, `unit_renamed`, `unit_removed`, `unit_kept` (somebody was put there by hand); of posts `head` (now leads it),
    /// `head_no_more`, `moved`.
    pub what: &'static str,
    pub code: String,
    pub name: String,
    /// What it was before, where something changes.
    pub before: Option<String>,
}

/// Examples of one kind.
const MOST_EXAMPLES: usize = 50;

impl RosterReport {
    /// Whether nothing would change.
    pub fn is_unchanged(&self) -> bool {
        let same = Self { people: self.people, dry_run: self.dry_run, is_delta: self.is_delta, ..Self::default() };
        *self == same
    }

    fn example(&mut self, what: &'static str, code: &str, name: String, before: Option<String>) {
        if self.examples.iter().filter(|example| example.what == what).count() < MOST_EXAMPLES {
            self.examples.push(Example { what, code: code.to_owned(), name, before });
        }
    }
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum RosterImportError {
    #[error("{} mistakes in the roster", .0.len())]
    Rejected(Vec<RosterError>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Everything to write, made before the transaction.
#[derive(Default)]
struct Plan {
    people: Vec<Vec<Value>>,
    updates: Vec<(PersonId, Person)>,
    sources: Vec<Vec<Value>>,
    classes: Vec<Vec<Value>>,
    groups: Vec<Vec<Value>>,
    subjects: Vec<Vec<Value>>,
    units: UnitsPlan,
    roles: Vec<NewRole>,
    roles_ended: Vec<(PersonId, Role)>,
    enrollments: Vec<Vec<Value>>,
    enrollments_ended: Vec<(GroupId, PersonId)>,
    homerooms: Vec<(ClassId, PersonId)>,
    links: Vec<Vec<Value>>,
}

/// A role to give, with the unit that it is held in.
struct NewRole {
    person: PersonId,
    role: Role,
    unit: Option<UnitId>,
}

impl Store {
    /// Imports a OneRoster archive. The same archive again changes nothing.
    pub async fn import_roster(&self, bytes: &[u8], request: RosterRequest) -> Result<RosterReport, RosterImportError> {
        let roster = oneroster::parse(bytes).map_err(RosterImportError::Rejected)?;
        let known = Known::load(self, &request).await?;
        let Some(year) = known.year.clone() else {
            let error = RosterError {
                file: "academicSessions.csv".to_owned(),
                line: 0,
                column: String::new(),
                code: RosterCode::UnknownReference,
                text: "В школе нет учебного года: сначала заведите его в календаре".to_owned(),
            };
            return Err(RosterImportError::Rejected(vec![error]));
        };
        let mut report = RosterReport {
            dry_run: request.dry_run,
            is_delta: roster.mode == Mode::Delta,
            people: roster.people.len(),
            ..RosterReport::default()
        };
        let plan = plan(&roster, &known, &request, &year, &mut report).map_err(RosterImportError::Rejected)?;
        if request.dry_run || report.is_unchanged() {
            return Ok(report);
        }
        let stored = sql::to_json(&RosterReport { examples: Vec::new(), ..report.clone() });
        let digest = super::audit::digest(&hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes)));
        self.write(move |tx| {
            Box::pin(async move {
                tx.end_admins(&plan.roles_ended, &request).await?;
                tx.write_roster(plan, &request).await?;
                tx.note_import("roster", &digest, &stored, &request).await?;
                Ok::<_, RosterImportError>(())
            })
        })
        .await?;
        Ok(report)
    }
}

/// Compares roster and school. `Err`: what must not be.
fn plan(
    roster: &Roster,
    known: &Known,
    request: &RosterRequest,
    year: &str,
    report: &mut RosterReport,
) -> Result<Plan, Vec<RosterError>> {
    let mut plan = Plan::default();
    let school = request.school.id.as_str();
    let now = request.now_ms;
    let mut errors = Vec::new();

    for subject in roster.subjects.iter().filter(|subject| !known.subjects.contains_key(&fold(subject))) {
        report.subjects_created += 1;
        let id = SubjectId::fresh();
        plan.subjects.push(vec![
            id.as_str().into(),
            school.into(),
            subject.as_str().into(),
            fold(subject).into(),
            now.into(),
        ]);
    }

    // Classes and groups: by source, else by name.
    let mut places: HashMap<String, GroupId> = known.places.clone();
    let mut class_of: HashMap<String, ClassId> = HashMap::new();
    let mut whole: HashMap<String, ClassId> = known.classes.clone();
    for class in &roster.classes {
        let name = fold_code(&class.name());
        let (id, group) = match known.classes.get(&name) {
            Some(id) => (id.clone(), known.whole_group(id)),
            None => {
                report.classes_created += 1;
                let (id, group) = (ClassId::fresh(), GroupId::fresh());
                plan.classes.push(vec![
                    id.as_str().into(),
                    school.into(),
                    year.into(),
                    i64::from(class.grade).into(),
                    class.letter.as_str().into(),
                    class.name().into(),
                    name.as_str().into(),
                    now.into(),
                ]);
                plan.groups.push(group_row(&group, school, &id, "", now));
                (id, Some(group))
            }
        };
        if let Some(group) = group {
            if places.get(&class.source) != Some(&group) {
                plan.sources.push(source_row(school, "group", &class.source, group.as_str()));
            }
            places.insert(class.source.clone(), group);
        }
        class_of.insert(class.source.clone(), id.clone());
        whole.insert(name, id);
    }
    for group in &roster.groups {
        let Some(class) = whole.get(&fold_code(&group.class)) else {
            errors.push(RosterError {
                file: "classes.csv".to_owned(),
                line: 0,
                column: "title".to_owned(),
                code: RosterCode::UnknownReference,
                text: format!("Группа «{}»: класса {} нет", group.name, group.class),
            });
            continue;
        };
        let id = match known.groups.get(&(class.as_str().to_owned(), fold_code(&group.name))) {
            Some(id) => id.clone(),
            None => {
                report.groups_created += 1;
                let id = GroupId::fresh();
                plan.groups.push(group_row(&id, school, class, &group.name, now));
                id
            }
        };
        if places.get(&group.source) != Some(&id) {
            plan.sources.push(source_row(school, "group", &group.source, id.as_str()));
        }
        places.insert(group.source.clone(), id);
    }

    let units = posts::plan_units(roster, known, school, &mut plan, report, &mut errors);

    // People.
    let mut ids: HashMap<&str, PersonId> = HashMap::new();
    for person in &roster.people {
        let found = known.person(&person.source, &person.code);
        let id = match found {
            Some(found) => {
                if found.differs(person) {
                    report.people_updated += 1;
                    report.example("updated", &person.code, name(person), Some(found.shown()));
                    plan.updates.push((found.id.clone(), person.clone()));
                }
                found.id.clone()
            }
            None => {
                report.people_created += 1;
                report.example("created", &person.code, name(person), None);
                let id = PersonId::fresh();
                plan.people.push(person_row(&id, school, person, now));
                id
            }
        };
        if known.sources.get(&person.source) != Some(&id) {
            plan.sources.push(source_row(school, "person", &person.source, id.as_str()));
        }
        let held = known.roles.get(&id).cloned().unwrap_or_default();
        for role in &person.roles {
            let in_units = person.in_units.iter().filter(|(of, _)| of == role);
            let in_units: BTreeSet<&UnitId> = in_units.filter_map(|(_, unit)| units.get(unit)).collect();
            if !held.contains(role) && in_units.is_empty() {
                let new = NewRole { person: id.clone(), role: *role, unit: None };
                posts::give(&mut plan, known, request, report, &mut errors, new);
            }
            for unit in in_units {
                posts::put(&mut plan, known, request, report, &mut errors, (&id, &person.code, *role, unit));
            }
        }
        // A delta without roles says nothing of them.
        if !person.roles.is_empty() {
            for role in held.iter().filter(|role| !person.roles.contains(role)) {
                // What was given by hand (head, administrator) is not taken by a file that does not know it.
                if matches!(role, Role::Student | Role::Guardian | Role::Teacher) && known.is_from_roster(&id) {
                    report.roles_taken += 1;
                    plan.roles_ended.push((id.clone(), *role));
                }
            }
        }
        if !person.roles.is_empty() {
            let wanted = person.in_units.iter().filter_map(|(role, unit)| Some((*role, units.get(unit)?)));
            posts::leave(&mut plan, known, report, (&id, &person.code), &wanted.collect());
        }
        ids.insert(person.source.as_str(), id);
    }
    posts::plan_delta(roster, known, request, &units, &mut plan, report, &mut errors);

    // Places.
    let mut wanted: HashSet<(GroupId, PersonId)> = HashSet::new();
    for one in &roster.enrollments {
        let person = ids.get(one.person.as_str()).or_else(|| known.sources.get(&one.person));
        let Some((person, group)) = person.zip(places.get(&one.class)) else {
            errors.push(RosterError {
                file: "enrollments.csv".to_owned(),
                line: 0,
                column: "sourcedId".to_owned(),
                code: RosterCode::UnknownReference,
                text: format!("Запись «{}»: нет человека или класса", one.source),
            });
            continue;
        };
        if one.is_teacher {
            if let Some(class) = class_of.get(&one.class)
                && known.homerooms.get(class) != Some(person)
                && !plan.homerooms.iter().any(|(known, _)| known == class)
            {
                plan.homerooms.push((class.clone(), person.clone()));
            }
            continue;
        }
        wanted.insert((group.clone(), person.clone()));
        if !known.enrolled.contains(&(group.clone(), person.clone())) {
            report.enrollments_made += 1;
            plan.enrollments.push(vec![
                group.as_str().into(),
                person.as_str().into(),
                "student".into(),
                request.today.to_string().into(),
            ]);
        }
        if known.sources_of_enrollments.get(&one.source) != Some(&(group.clone(), person.clone())) {
            let target = format!("{}/{}", group.as_str(), person.as_str());
            plan.sources.push(source_row(school, "enrollment", &one.source, &target));
        }
    }
    let mut dedup = HashSet::new();
    plan.enrollments.retain(|row| match (&row[0], &row[1]) {
        (Value::Text(group), Value::Text(person)) => dedup.insert((group.clone(), person.clone())),
        _ => true,
    });
    report.enrollments_made = plan.enrollments.len();

    // Who has left.
    let left: BTreeSet<PersonId> = match roster.mode {
        Mode::Bulk => {
            let here: HashSet<&PersonId> = ids.values().collect();
            known.from_roster.iter().filter(|id| !here.contains(id)).cloned().collect()
        }
        Mode::Delta => roster.gone_people.iter().filter_map(|source| known.sources.get(source)).cloned().collect(),
    };
    for id in &left {
        let held = known.roles.get(id).cloned().unwrap_or_default();
        if held.is_empty() {
            continue;
        }
        if request.actor.as_ref().is_some_and(|actor| actor.person == *id) {
            continue;
        }
        if let Some(role) = held.iter().find(|role| !may_bring(request.assigns, &held, **role)) {
            let code = known.people.get(id).map_or("", |person| person.code.as_str());
            let text = format!("«{code}» нет в архиве, а роль «{}» снимает не заместитель", role.as_str());
            errors.push(posts::mistake("users.csv", "sourcedId", RosterCode::RoleNotPermitted, text));
            continue;
        }
        report.people_left += 1;
        report.roles_taken += held.len();
        if let Some(person) = known.people.get(id) {
            report.example("left", &person.code, person.shown(), None);
        }
        plan.roles_ended.extend(held.into_iter().map(|role| (id.clone(), role)));
    }
    plan.units.without_ended(&plan.roles_ended, report);
    let gone = roster.gone_enrollments.iter().filter_map(|source| known.sources_of_enrollments.get(source).cloned());
    let mut ended: BTreeSet<(GroupId, PersonId)> = gone.collect();
    for place in &known.enrolled {
        let is_gone = match roster.mode {
            Mode::Bulk => known.is_from_roster(&place.1) && !wanted.contains(place),
            Mode::Delta => left.contains(&place.1),
        };
        if is_gone {
            ended.insert(place.clone());
        }
    }
    report.enrollments_ended = ended.len();
    plan.enrollments_ended = ended.into_iter().collect();

    // Guardians.
    let mut proposed = HashSet::new();
    for person in roster.people.iter().filter(|person| !person.guardians.is_empty()) {
        let Some(student) = ids.get(person.source.as_str()) else { continue };
        for guardian in &person.guardians {
            let guardian = ids.get(guardian.as_str()).or_else(|| known.sources.get(guardian));
            let Some(guardian) = guardian.filter(|guardian| *guardian != student) else { continue };
            let pair = (guardian.clone(), student.clone());
            if known.links.contains(&pair) || !proposed.insert(pair) {
                continue;
            }
            report.links_proposed += 1;
            plan.links.push(vec![
                uuid::Uuid::now_v7().to_string().into(),
                school.into(),
                guardian.as_str().into(),
                student.as_str().into(),
                "guardian".into(),
                "proposed".into(),
                "roster".into(),
                now.into(),
            ]);
        }
    }
    if errors.is_empty() { Ok(plan) } else { Err(errors) }
}

fn name(person: &Person) -> String {
    let parts = [Some(&person.family_name), Some(&person.given_name), person.middle_name.as_ref()];
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn person_row(id: &PersonId, school: &str, person: &Person, now_ms: i64) -> Vec<Value> {
    vec![
        id.as_str().into(),
        school.into(),
        person.code.as_str().into(),
        fold_code(&person.code).into(),
        person.family_name.as_str().into(),
        person.given_name.as_str().into(),
        person.middle_name.clone().into(),
        person.birth_date.map(|date| date.to_string()).into(),
        name(person).into(),
        fold(&name(person)).into(),
        "active".into(),
        now_ms.into(),
    ]
}

fn group_row(id: &GroupId, school: &str, class: &ClassId, name: &str, now_ms: i64) -> Vec<Value> {
    vec![id.as_str().into(), school.into(), class.as_str().into(), name.into(), fold_code(name).into(), now_ms.into()]
}

fn source_row(school: &str, kind: &str, source: &str, target: &str) -> Vec<Value> {
    vec![school.into(), kind.into(), source.into(), target.into()]
}

impl Tx {
    /// Administrators who have left, though never the last one.
    async fn end_admins(
        &mut self,
        ended: &[(PersonId, Role)],
        request: &RosterRequest,
    ) -> Result<(), RosterImportError> {
        for (id, _) in ended.iter().filter(|(_, role)| *role == Role::Admin) {
            self.keep_an_admin(&request.school, id, request.today).await.map_err(|error| match error {
                ManageError::LastAdmin => {
                    let text = "У школы не осталось бы ни одного администратора".to_owned();
                    let error = posts::mistake("users.csv", "sourcedId", RosterCode::RoleNotPermitted, text);
                    RosterImportError::Rejected(vec![error])
                }
                ManageError::Store(error) => error.into(),
            })?;
            self.end_role(id, Role::Admin, plus_days(request.today, -1)).await?;
        }
        Ok(())
    }

    async fn write_roster(&mut self, plan: Plan, request: &RosterRequest) -> Result<(), StoreError> {
        let connection = self.connection();
        let into = "subject (id, school_id, name, name_fold, created_at)";
        sql::insert_many(connection, into, 5, plan.subjects).await?;
        let into = "school_class (id, school_id, year_id, grade, letter, name, name_fold, created_at)";
        sql::insert_many(connection, into, 8, plan.classes).await?;
        let into = "study_group (id, school_id, class_id, name, name_fold, created_at)";
        sql::insert_many(connection, into, 6, plan.groups).await?;
        let into = "person (id, school_id, code, code_fold, family_name, given_name, middle_name, birth_date, display_name, name_fold, status, created_at)";
        sql::insert_many(connection, into, 12, plan.people).await?;
        for (id, person) in &plan.updates {
            sqlx::query(
                "UPDATE person SET code = $1, code_fold = $2, family_name = $3, given_name = $4, middle_name = $5,
                 birth_date = COALESCE($6, birth_date), display_name = $7, name_fold = $8 WHERE id = $9",
            )
            .bind(person.code.as_str())
            .bind(fold_code(&person.code))
            .bind(person.family_name.as_str())
            .bind(person.given_name.as_str())
            .bind(person.middle_name.as_deref())
            .bind(person.birth_date.map(|date| date.to_string()))
            .bind(name(person))
            .bind(fold(&name(person)))
            .bind(id.as_str())
            .execute(self.connection())
            .await?;
        }
        for row in &plan.sources {
            let [Value::Text(school), Value::Text(kind), Value::Text(source), Value::Text(target)] = row.as_slice()
            else {
                continue;
            };
            sqlx::query(
                "INSERT INTO roster_source (school_id, kind, source_id, target_id) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (school_id, kind, source_id) DO UPDATE SET target_id = excluded.target_id",
            )
            .bind(school.as_deref())
            .bind(kind.as_deref())
            .bind(source.as_deref())
            .bind(target.as_deref())
            .execute(self.connection())
            .await?;
        }
        self.write_units(&plan.units, request).await?;
        let actor = request.actor.as_ref().map(|actor| actor.person.as_str().to_owned());
        let row = |one: &NewRole| {
            vec![
                uuid::Uuid::now_v7().to_string().into(),
                request.school.id.as_str().into(),
                one.person.as_str().into(),
                one.role.as_str().into(),
                one.unit.as_ref().map(|unit| unit.as_str().to_owned()).into(),
                request.today.to_string().into(),
                actor.clone().into(),
                request.now_ms.into(),
            ]
        };
        let into = "role_assignment (id, school_id, person_id, role, unit_id, valid_from, assigned_by, created_at)";
        sql::insert_many(self.connection(), into, 8, plan.roles.iter().map(row).collect()).await?;
        for one in &plan.roles {
            let detail = serde_json::json!({ "role": one.role, "unit": one.unit });
            self.note_in_import(request, "role.assign", ("person", one.person.as_str()), detail).await?;
        }
        let yesterday = plus_days(request.today, -1);
        for (id, role) in &plan.roles_ended {
            if *role != Role::Admin {
                self.end_role(id, *role, yesterday).await?;
            }
            let detail = serde_json::json!({ "role": role, "unit": null });
            self.note_in_import(request, "role.end", ("person", id.as_str()), detail).await?;
        }
        self.write_posts(&plan.units, request).await?;
        for row in plan.enrollments {
            let [Value::Text(group), Value::Text(person), _, Value::Text(from)] = row.as_slice() else { continue };
            // Who comes back to a place they once left has it again.
            sqlx::query(
                "INSERT INTO enrollment (study_group_id, person_id, role, valid_from) VALUES ($1, $2, 'student', $3)
                 ON CONFLICT (study_group_id, person_id, role) DO UPDATE SET valid_to = NULL",
            )
            .bind(group.as_deref())
            .bind(person.as_deref())
            .bind(from.as_deref())
            .execute(self.connection())
            .await?;
        }
        for (group, person) in &plan.enrollments_ended {
            sqlx::query(
                "UPDATE enrollment SET valid_to = $1 WHERE study_group_id = $2 AND person_id = $3 AND role = 'student'
                 AND (valid_to IS NULL OR valid_to > $4)",
            )
            .bind(yesterday.to_string())
            .bind(group.as_str())
            .bind(person.as_str())
            .bind(yesterday.to_string())
            .execute(self.connection())
            .await?;
        }
        for (class, teacher) in &plan.homerooms {
            sqlx::query("UPDATE school_class SET homeroom_teacher_id = $1 WHERE id = $2")
                .bind(teacher.as_str())
                .bind(class.as_str())
                .execute(self.connection())
                .await?;
        }
        let into = "guardian_link (id, school_id, guardian_id, student_id, relation, state, source, created_at)";
        sql::insert_many(self.connection(), into, 8, plan.links).await?;
        self.access_changed();
        Ok(())
    }

    /// One change of an import in the journal, beside the row of the import itself (INV-71).
    async fn note_in_import(
        &mut self,
        request: &RosterRequest,
        action: &'static str,
        (kind, id): (&'static str, &str),
        mut detail: serde_json::Value,
    ) -> Result<(), StoreError> {
        detail["import"] = "roster".into();
        let mut event = AuditEvent::new(request.school.id.clone(), request.now_ms, action, kind, id).with(detail);
        if let Some(actor) = &request.actor {
            event = event.by(&actor.person, actor.role.map(Role::as_str));
        }
        self.audit(event).await
    }

    async fn note_import(
        &mut self,
        kind: &'static str,
        file_sha256: &str,
        report: &str,
        request: &RosterRequest,
    ) -> Result<(), StoreError> {
        let id = uuid::Uuid::now_v7().to_string();
        sqlx::query(
            "INSERT INTO import_run (id, school_id, kind, file_sha256, by_id, report, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id.as_str())
        .bind(request.school.id.as_str())
        .bind(kind)
        .bind(file_sha256)
        .bind(request.actor.as_ref().map(|actor| actor.person.as_str()))
        .bind(report)
        .bind(request.now_ms)
        .execute(self.connection())
        .await?;
        let detail = serde_json::from_str(report).unwrap_or_default();
        let school = request.school.id.clone();
        let mut event = AuditEvent::new(school, request.now_ms, "import.roster", "import_run", &id).with(detail);
        if let Some(actor) = &request.actor {
            event = event.by(&actor.person, actor.role.map(Role::as_str));
        }
        self.audit(event).await
    }
}

#[cfg(test)]
mod tests;

//! What a roster meets: the school's people, classes and places as they are today.

use std::collections::{HashMap, HashSet};

use super::super::sql::{optional_text, text, word};
use super::super::{Store, StoreError};
use super::RosterRequest;
use crate::domain::fold::{fold, fold_code};
use crate::domain::ids::{ClassId, GroupId, PersonId, UnitId};
use crate::domain::role::Role;
use crate::domain::roster::Person;

/// A person as stored.
pub(super) struct KnownPerson {
    pub id: PersonId,
    pub code: String,
    family_name: String,
    given_name: String,
    middle_name: Option<String>,
    birth_date: Option<String>,
}

impl KnownPerson {
    pub(super) fn differs(&self, person: &Person) -> bool {
        let born = person.birth_date.map(|date| date.to_string());
        self.code != person.code
            || self.family_name != person.family_name
            || self.given_name != person.given_name
            || self.middle_name != person.middle_name
            || (born.is_some() && self.birth_date != born)
    }

    /// Name and birth date, for the eye.
    pub(super) fn shown(&self) -> String {
        let parts = [Some(&self.family_name), Some(&self.given_name), self.middle_name.as_ref()];
        let name = parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
        match &self.birth_date {
            Some(born) => format!("{name}, {born}"),
            None => name,
        }
    }
}

pub(super) struct Known {
    /// The newest school year.
    pub year: Option<String>,
    pub people: HashMap<PersonId, KnownPerson>,
    by_code: HashMap<String, PersonId>,
    /// By the other system's name.
    pub sources: HashMap<String, PersonId>,
    /// The group of each class or group, by the other system's name.
    pub places: HashMap<String, GroupId>,
    pub sources_of_enrollments: HashMap<String, (GroupId, PersonId)>,
    pub from_roster: HashSet<PersonId>,
    pub roles: HashMap<PersonId, Vec<Role>>,
    /// The same with their units.
    pub posts: HashSet<(PersonId, Role, Option<UnitId>)>,
    /// Posts in units that a roster gave: what was given by hand is not taken by a file.
    pub posts_from_roster: HashSet<(PersonId, Role, UnitId)>,
    /// Units in which a role begins on a later day.
    pub future_units: HashSet<UnitId>,
    /// By the other system's name.
    pub units: HashMap<String, UnitId>,
    pub unit_names: HashMap<UnitId, String>,
    /// Classes of each unit.
    pub unit_classes: HashMap<UnitId, Vec<ClassId>>,
    /// By folded name.
    pub classes: HashMap<String, ClassId>,
    pub homerooms: HashMap<ClassId, PersonId>,
    /// By class and folded name.
    pub groups: HashMap<(String, String), GroupId>,
    pub subjects: HashMap<String, ()>,
    /// In force today.
    pub enrolled: HashSet<(GroupId, PersonId)>,
    /// Links that have not ended.
    pub links: HashSet<(PersonId, PersonId)>,
}

impl Known {
    pub(super) async fn load(store: &Store, request: &RosterRequest) -> Result<Self, StoreError> {
        let school = request.school.id.as_str();
        let today = request.today.to_string();
        let readers = store.readers();
        let year: Option<(String,)> =
            sqlx::query_as("SELECT id FROM school_year WHERE school_id = $1 ORDER BY starts_on DESC LIMIT 1")
                .bind(school)
                .fetch_optional(readers)
                .await?;
        let rows = sqlx::query(
            "SELECT id, code, code_fold, family_name, given_name, middle_name, birth_date FROM person WHERE school_id = $1",
        )
        .bind(school)
        .fetch_all(readers)
        .await?;
        let (mut people, mut by_code) = (HashMap::new(), HashMap::new());
        for row in &rows {
            let id = PersonId::new(text(row, "id")?);
            by_code.insert(text(row, "code_fold")?, id.clone());
            let person = KnownPerson {
                id: id.clone(),
                code: text(row, "code")?,
                family_name: text(row, "family_name")?,
                given_name: text(row, "given_name")?,
                middle_name: optional_text(row, "middle_name")?,
                birth_date: optional_text(row, "birth_date")?,
            };
            people.insert(id, person);
        }
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("SELECT kind, source_id, target_id FROM roster_source WHERE school_id = $1")
                .bind(school)
                .fetch_all(readers)
                .await?;
        let (mut sources, mut places, mut sources_of_enrollments) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut from_roster = HashSet::new();
        let (mut units, mut posts_from_roster) = (HashMap::new(), HashSet::new());
        for (kind, source, target) in rows {
            match kind.as_str() {
                "person" => {
                    from_roster.insert(PersonId::new(target.clone()));
                    sources.insert(source, PersonId::new(target));
                }
                "enrollment" => {
                    if let Some((group, person)) = target.split_once('/') {
                        sources_of_enrollments.insert(source, (GroupId::new(group), PersonId::new(person)));
                    }
                }
                "unit" => {
                    units.insert(source, UnitId::new(target));
                }
                "post" => {
                    posts_from_roster.extend(post_of(&target));
                }
                _ => {
                    places.insert(source, GroupId::new(target));
                }
            }
        }
        let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
            "SELECT person_id, role, unit_id FROM role_assignment WHERE school_id = $1
             AND (valid_from IS NULL OR valid_from <= $2) AND (valid_to IS NULL OR valid_to >= $3)",
        )
        .bind(school)
        .bind(&today)
        .bind(&today)
        .fetch_all(readers)
        .await?;
        let mut roles: HashMap<PersonId, Vec<Role>> = HashMap::new();
        let mut posts = HashSet::new();
        for (person, role, unit) in rows {
            let (person, role) = (PersonId::new(person), word(Role::parse(&role), "role")?);
            posts.insert((person.clone(), role, unit.map(UnitId::new)));
            let held = roles.entry(person).or_default();
            if !held.contains(&role) {
                held.push(role);
            }
        }
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT DISTINCT unit_id FROM role_assignment WHERE school_id = $1 AND unit_id IS NOT NULL AND valid_from > $2",
        )
        .bind(school)
        .bind(&today)
        .fetch_all(readers)
        .await?;
        let future_units = rows.into_iter().map(|(unit,)| UnitId::new(unit)).collect();
        let rows = sqlx::query(
            "SELECT c.id, c.name, c.homeroom_teacher_id FROM school_class c WHERE c.school_id = $1 AND c.year_id = $2",
        )
        .bind(school)
        .bind(year.as_ref().map(|(id,)| id.as_str()))
        .fetch_all(readers)
        .await?;
        let (mut classes, mut homerooms) = (HashMap::new(), HashMap::new());
        for row in &rows {
            let id = ClassId::new(text(row, "id")?);
            if let Some(teacher) = optional_text(row, "homeroom_teacher_id")? {
                homerooms.insert(id.clone(), PersonId::new(teacher));
            }
            classes.insert(fold_code(&text(row, "name")?), id);
        }
        let rows: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT class_id, name_fold, id FROM study_group WHERE school_id = $1 AND class_id IS NOT NULL",
        )
        .bind(school)
        .fetch_all(readers)
        .await?;
        let groups = rows.into_iter().map(|(class, name, id)| ((class, name), GroupId::new(id))).collect();
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT id, name FROM org_unit WHERE school_id = $1")
            .bind(school)
            .fetch_all(readers)
            .await?;
        let unit_names: HashMap<UnitId, String> = rows.into_iter().map(|(id, name)| (UnitId::new(id), name)).collect();
        units.retain(|_, unit| unit_names.contains_key(unit));
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT unit_id, id FROM school_class WHERE school_id = $1 AND unit_id IS NOT NULL ORDER BY id",
        )
        .bind(school)
        .fetch_all(readers)
        .await?;
        let mut unit_classes: HashMap<UnitId, Vec<ClassId>> = HashMap::new();
        for (unit, class) in rows {
            unit_classes.entry(UnitId::new(unit)).or_default().push(ClassId::new(class));
        }
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT name FROM subject WHERE school_id = $1").bind(school).fetch_all(readers).await?;
        let subjects = rows.into_iter().map(|(name,)| (fold(&name), ())).collect();
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT e.study_group_id, e.person_id FROM enrollment e JOIN study_group g ON g.id = e.study_group_id
             WHERE g.school_id = $1 AND e.role = 'student' AND (e.valid_to IS NULL OR e.valid_to >= $2)",
        )
        .bind(school)
        .bind(&today)
        .fetch_all(readers)
        .await?;
        let enrolled = rows.into_iter().map(|(group, person)| (GroupId::new(group), PersonId::new(person))).collect();
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT guardian_id, student_id FROM guardian_link WHERE school_id = $1 AND state <> 'ended'",
        )
        .bind(school)
        .fetch_all(readers)
        .await?;
        let links =
            rows.into_iter().map(|(guardian, student)| (PersonId::new(guardian), PersonId::new(student))).collect();
        Ok(Self {
            year: year.map(|(id,)| id),
            people,
            by_code,
            sources,
            places,
            sources_of_enrollments,
            from_roster,
            roles,
            posts,
            posts_from_roster,
            future_units,
            units,
            unit_names,
            unit_classes,
            classes,
            homerooms,
            groups,
            subjects,
            enrolled,
            links,
        })
    }

    pub(super) fn person(&self, source: &str, code: &str) -> Option<&KnownPerson> {
        let id = self.sources.get(source).or_else(|| self.by_code.get(&fold_code(code)))?;
        self.people.get(id)
    }

    pub(super) fn whole_group(&self, class: &ClassId) -> Option<GroupId> {
        self.groups.get(&(class.as_str().to_owned(), String::new())).cloned()
    }

    pub(super) fn is_from_roster(&self, person: &PersonId) -> bool {
        self.from_roster.contains(person)
    }
}

/// How a post is named among the sources: person, role, unit.
pub(super) fn post_source(person: &PersonId, role: Role, unit: &UnitId) -> String {
    format!("{}/{}/{}", person.as_str(), role.as_str(), unit.as_str())
}

fn post_of(text: &str) -> Option<(PersonId, Role, UnitId)> {
    let mut parts = text.splitn(3, '/');
    let (person, role, unit) = (parts.next()?, parts.next()?, parts.next()?);
    Some((PersonId::new(person), Role::parse(role)?, UnitId::new(unit)))
}

//! The school as a OneRoster archive: what an import of it finds unchanged.

use std::collections::HashMap;

use jiff::civil::Date;

use super::super::school::School;
use super::super::sql::{self, int, optional_text, text, word};
use super::super::{Store, StoreError};
use crate::domain::role::Role;
use crate::domain::roster::{Class, Enrollment, Group, Mode, Person, Roster, Unit, oneroster};

impl Store {
    /// Everybody with a role today, their classes, groups and guardians.
    pub async fn export_roster(&self, school: &School, today: Date) -> Result<Vec<u8>, StoreError> {
        let (roster, year) = self.roster(school, today).await?;
        let (name, from, to) = year;
        oneroster::write(&roster, &school.name, (&name, from, to)).map_err(|_| StoreError::Fault(None))
    }

    async fn roster(&self, school: &School, today: Date) -> Result<(Roster, (String, Date, Date)), StoreError> {
        let id = school.id.as_str();
        let day = today.to_string();
        let readers = self.readers();
        let year: Option<(String, String, String, String)> = sqlx::query_as(
            "SELECT id, name, starts_on, ends_on FROM school_year WHERE school_id = $1 ORDER BY starts_on DESC LIMIT 1",
        )
        .bind(id)
        .fetch_optional(readers)
        .await?;
        let (year, year_name, from, to) = year.ok_or(StoreError::NotFound)?;
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("SELECT kind, source_id, target_id FROM roster_source WHERE school_id = $1")
                .bind(id)
                .fetch_all(readers)
                .await?;
        // Their own name for a thing, where they gave it one.
        let sources: HashMap<(String, String), String> =
            rows.into_iter().map(|(kind, source, target)| ((kind, target), source)).collect();
        let source = |kind: &str, target: &str| {
            sources.get(&(kind.to_owned(), target.to_owned())).cloned().unwrap_or_else(|| target.to_owned())
        };
        let rows = sqlx::query(
            "SELECT g.id, g.name AS group_name, g.name_fold, c.name, c.grade, c.letter, c.homeroom_teacher_id,
             s.name AS subject FROM study_group g JOIN school_class c ON c.id = g.class_id
             LEFT JOIN subject s ON s.id = g.subject_id WHERE g.school_id = $1 AND c.year_id = $2 ORDER BY c.grade, c.name, g.name",
        )
        .bind(id)
        .bind(&year)
        .fetch_all(readers)
        .await?;
        let mut roster = Roster { mode: Mode::Bulk, ..Roster::default() };
        let mut places: HashMap<String, String> = HashMap::new();
        let mut homerooms = Vec::new();
        for row in &rows {
            let group = text(row, "id")?;
            let name = source("group", &group);
            if text(row, "name_fold")?.is_empty() {
                let grade = word(u8::try_from(int(row, "grade")?).ok(), "grade")?;
                roster.classes.push(Class { source: name.clone(), grade, letter: text(row, "letter")? });
                if let Some(teacher) = optional_text(row, "homeroom_teacher_id")? {
                    homerooms.push((name.clone(), teacher));
                }
            } else {
                roster.groups.push(Group {
                    source: name.clone(),
                    class: text(row, "name")?,
                    name: text(row, "group_name")?,
                    subject: optional_text(row, "subject")?,
                });
            }
            places.insert(group, name);
        }
        let units: Vec<(String, String)> =
            sqlx::query_as("SELECT id, name FROM org_unit WHERE school_id = $1 ORDER BY name, id")
                .bind(id)
                .fetch_all(readers)
                .await?;
        roster.units = units.into_iter().map(|(id, name)| Unit { source: source("unit", &id), name }).collect();
        let subjects: Vec<(String,)> = sqlx::query_as("SELECT name FROM subject WHERE school_id = $1 ORDER BY name")
            .bind(id)
            .fetch_all(readers)
            .await?;
        roster.subjects = subjects.into_iter().map(|(name,)| name).collect();
        let rows = sqlx::query(
            "SELECT p.id, p.code, p.family_name, p.given_name, p.middle_name, p.birth_date, r.role, r.unit_id FROM person p
             JOIN role_assignment r ON r.person_id = p.id WHERE p.school_id = $1 AND p.status = 'active'
             AND (r.valid_from IS NULL OR r.valid_from <= $2) AND (r.valid_to IS NULL OR r.valid_to >= $3)
             ORDER BY p.code_fold, p.id",
        )
        .bind(id)
        .bind(&day)
        .bind(&day)
        .fetch_all(readers)
        .await?;
        let mut at: HashMap<String, usize> = HashMap::new();
        for row in &rows {
            let person = text(row, "id")?;
            let role = word(Role::parse(&text(row, "role")?), "role")?;
            let unit = optional_text(row, "unit_id")?.map(|unit| (role, source("unit", &unit)));
            if let Some(at) = at.get(&person) {
                let held: &mut Person = &mut roster.people[*at];
                if !held.roles.contains(&role) {
                    held.roles.push(role);
                    held.roles.sort();
                }
                held.in_units.extend(unit);
                held.in_units.sort();
                held.in_units.dedup();
                continue;
            }
            let line = roster.people.len() as u64 + 2;
            at.insert(person.clone(), roster.people.len());
            roster.people.push(Person {
                source: source("person", &person),
                code: text(row, "code")?,
                family_name: text(row, "family_name")?,
                given_name: text(row, "given_name")?,
                middle_name: optional_text(row, "middle_name")?,
                birth_date: sql::optional_date(optional_text(row, "birth_date")?)?,
                roles: vec![role],
                in_units: unit.into_iter().collect(),
                guardians: Vec::new(),
                line,
            });
        }
        let links: Vec<(String, String)> = sqlx::query_as(
            "SELECT guardian_id, student_id FROM guardian_link WHERE school_id = $1 AND state <> 'ended' ORDER BY guardian_id",
        )
        .bind(id)
        .fetch_all(readers)
        .await?;
        for (guardian, student) in links {
            if at.contains_key(&guardian)
                && let Some(at) = at.get(&student)
            {
                let name = source("person", &guardian);
                let guardians = &mut roster.people[*at].guardians;
                guardians.push(name);
                guardians.sort();
            }
        }
        for (class, teacher) in homerooms {
            if at.contains_key(&teacher) {
                roster.enrollments.push(Enrollment {
                    source: format!("{class}-homeroom"),
                    class,
                    person: source("person", &teacher),
                    is_teacher: true,
                });
            }
        }
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT e.study_group_id, e.person_id FROM enrollment e JOIN study_group g ON g.id = e.study_group_id
             WHERE g.school_id = $1 AND e.role = 'student' AND (e.valid_to IS NULL OR e.valid_to >= $2)
             ORDER BY e.study_group_id, e.person_id",
        )
        .bind(id)
        .bind(&day)
        .fetch_all(readers)
        .await?;
        for (group, person) in rows {
            if let Some(place) = places.get(&group).filter(|_| at.contains_key(&person)) {
                let own = format!("{group}/{person}");
                roster.enrollments.push(Enrollment {
                    source: source("enrollment", &own).replace('/', "-"),
                    class: place.clone(),
                    person: source("person", &person),
                    is_teacher: false,
                });
            }
        }
        Ok((roster, (year_name, sql::date(&from)?, sql::date(&to)?)))
    }
}

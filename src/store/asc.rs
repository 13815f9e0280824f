//! Regular lessons and bells out of a timetable of aSc: what stands in the way of consultations, by name where the school
//! knows the name.

pub mod collisions;

use std::collections::{BTreeSet, HashMap, HashSet};

use super::roster::RosterRequest;
use super::school::School;
use super::sql::{self, Value};
use super::{AuditEvent, Store, StoreError};
use crate::domain::asc::{AscError, Lesson, Timetable, parse};
use crate::domain::fold::{fold, fold_code};
use crate::domain::role::Role;
use collisions::{Collision, MOST_LISTED};

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct AscReport {
    pub dry_run: bool,
    pub bells: usize,
    /// Whether no schedule of the school has these bells; one is made then.
    pub bells_changed: bool,
    pub lessons: usize,
    pub lessons_before: usize,
    /// Names that nobody and nothing of the school has: their lessons stand without them.
    pub unknown_teachers: Vec<String>,
    pub unknown_classes: Vec<String>,
    pub unknown_subjects: Vec<String>,
    /// Planned dates that meet a regular lesson of this timetable, and those of them that met none before.
    pub colliding_dates: usize,
    pub colliding_new: usize,
    /// The first of them, by start. The dates stay as they are; those who hold them and the deputies are told of what is new.
    pub collisions: Vec<Collision>,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum AscImportError {
    #[error(transparent)]
    File(#[from] AscError),
    /// A dry run: this is what would happen. Nothing has.
    #[error("tried only")]
    Tried(Box<AscReport>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who and what the school has, by folded name.
struct Names {
    teachers: HashMap<String, String>,
    classes: HashMap<String, String>,
    subjects: HashMap<String, String>,
    groups: HashMap<(String, String), String>,
}

impl Names {
    async fn load(store: &Store, school: &str) -> Result<Self, StoreError> {
        let readers = store.readers();
        let people: Vec<(String, String, String, Option<String>)> = sqlx::query_as(
            "SELECT p.id, p.family_name, p.given_name, p.middle_name FROM person p WHERE p.school_id = $1 AND EXISTS
             (SELECT 1 FROM role_assignment r WHERE r.person_id = p.id AND r.role NOT IN ('student', 'guardian'))",
        )
        .bind(school)
        .fetch_all(readers)
        .await?;
        let mut teachers: HashMap<String, Option<String>> = HashMap::new();
        for (id, family, given, middle) in people {
            let initial = |name: &str| name.chars().next().map(|letter| format!("{letter}.")).unwrap_or_default();
            let middle = middle.unwrap_or_default();
            // As aSc writes them: whole, with initials, or the family name alone. Two of one name are none.
            for name in [
                format!("{family} {given} {middle}"),
                format!("{family} {} {}", initial(&given), initial(&middle)),
                format!("{family} {}{}", initial(&given), initial(&middle)),
                family.clone(),
            ] {
                let place = teachers.entry(fold(&name)).or_insert_with(|| Some(id.clone()));
                if place.as_deref() != Some(id.as_str()) {
                    *place = None;
                }
            }
        }
        let classes: Vec<(String, String)> =
            sqlx::query_as("SELECT id, name_fold FROM school_class WHERE school_id = $1")
                .bind(school)
                .fetch_all(readers)
                .await?;
        let subjects: Vec<(String, String)> = sqlx::query_as("SELECT id, name_fold FROM subject WHERE school_id = $1")
            .bind(school)
            .fetch_all(readers)
            .await?;
        let groups: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT class_id, name_fold, id FROM study_group WHERE school_id = $1 AND class_id IS NOT NULL",
        )
        .bind(school)
        .fetch_all(readers)
        .await?;
        Ok(Self {
            teachers: teachers.into_iter().filter_map(|(name, id)| id.map(|id| (name, id))).collect(),
            classes: classes.into_iter().map(|(id, name)| (name, id)).collect(),
            subjects: subjects.into_iter().map(|(id, name)| (name, id)).collect(),
            groups: groups.into_iter().map(|(class, name, id)| ((class, name), id)).collect(),
        })
    }
}

impl Store {
    /// Imports a timetable: its regular lessons replace the earlier ones, its bells become a new schedule when none of
    /// the school is the same. The same file again changes nothing.
    pub async fn import_asc(&self, bytes: &[u8], request: RosterRequest) -> Result<AscReport, AscImportError> {
        let timetable = parse(bytes)?;
        let school = request.school.id.as_str().to_owned();
        let names = Names::load(self, &school).await?;
        let calendar = self.calendar(&request.school).await?;
        let is_same = |bells: &crate::domain::calendar::Bells| {
            bells.len() == timetable.bells.len()
                && timetable.bells.iter().all(|(number, from, to)| bells.get(number) == Some(&(*from, *to)))
        };
        // Known already, in use or not: which schedule holds on which day is the calendar's matter.
        let bells_changed = !timetable.bells.is_empty() && !calendar.bells.values().any(is_same);
        let before = sqlx::query_as::<_, (i64,)>("SELECT COUNT(*) FROM regular_lesson WHERE school_id = $1")
            .bind(school.as_str())
            .fetch_one(self.readers())
            .await
            .map_err(StoreError::from)?;
        let rows = rows(&timetable, &names, &school);
        let unknown = |wanted: &[String], has: &dyn Fn(&str) -> bool| -> Vec<String> {
            wanted.iter().filter(|name| !has(name)).take(200).cloned().collect()
        };
        let report = AscReport {
            dry_run: request.dry_run,
            bells: timetable.bells.len(),
            bells_changed,
            lessons: rows.len(),
            lessons_before: usize::try_from(before.0).unwrap_or(0),
            unknown_teachers: unknown(&timetable.teachers, &|name| names.teachers.contains_key(&fold(name))),
            unknown_classes: unknown(&timetable.classes, &|name| names.classes.contains_key(&fold_code(name))),
            unknown_subjects: unknown(&timetable.subjects, &|name| names.subjects.contains_key(&fold(name))),
            ..AscReport::default()
        };
        let (mut told, bells) = (report, timetable.bells);
        let written = self.write(move |tx| {
            Box::pin(async move {
                tx.lock_planning(&request.school).await?;
                let before = tx.collisions(&request.school, &HashSet::new(), request.now_ms).await?;
                let before: HashSet<_> = before.iter().map(Collision::same).collect();
                sqlx::query("DELETE FROM regular_lesson WHERE school_id = $1")
                    .bind(school.as_str())
                    .execute(tx.connection())
                    .await
                    .map_err(StoreError::from)?;
                let into = "regular_lesson (id, school_id, weekday, period, parity, teacher_id, class_id, group_id, subject_id, terms)";
                sql::insert_many(tx.connection(), into, 10, rows).await?;
                let collisions = tx.collisions(&request.school, &before, request.now_ms).await?;
                let dates = |only_new: bool| {
                    let of = collisions.iter().filter(|one| one.is_new || !only_new);
                    of.map(|one| &one.consultation).collect::<HashSet<_>>().len()
                };
                (told.colliding_dates, told.colliding_new) = (dates(false), dates(true));
                told.collisions = collisions.iter().take(MOST_LISTED).cloned().collect();
                if request.dry_run {
                    return Err(AscImportError::Tried(Box::new(told)));
                }
                if told.bells_changed {
                    tx.insert_bells(&request.school.id, "aSc", &bells, request.now_ms).await?;
                }
                let detail = serde_json::json!({ "lessons": told.lessons, "before": told.lessons_before, "bells": told.bells_changed, "colliding": told.colliding_dates });
                let school = request.school.id.clone();
                let mut event = AuditEvent::new(school, request.now_ms, "import.asc", "school", request.school.id.as_str()).with(detail);
                if let Some(actor) = &request.actor {
                    event = event.by(&actor.person, actor.role.map(Role::as_str));
                }
                tx.audit(event).await?;
                tx.tell_collisions(&request.school, &collisions, request.today, request.now_ms).await?;
                Ok(told)
            })
        });
        match written.await {
            Err(AscImportError::Tried(report)) => Ok(*report),
            written => written,
        }
    }
}

impl Store {
    /// The regular lessons and the usual bells as a timetable of aSc: an import of it finds nothing to change. Two teachers of
    /// one whole name cannot be told apart in such a file.
    pub async fn export_asc(&self, school: &School) -> Result<Timetable, StoreError> {
        let rows = sqlx::query(
            "SELECT r.weekday, r.period, r.parity, r.terms, p.family_name, p.given_name, p.middle_name, c.name AS class,
             g.name AS group_name, s.name AS subject FROM regular_lesson r LEFT JOIN person p ON p.id = r.teacher_id
             LEFT JOIN school_class c ON c.id = r.class_id LEFT JOIN study_group g ON g.id = r.group_id
             LEFT JOIN subject s ON s.id = r.subject_id WHERE r.school_id = $1",
        )
        .bind(school.id.as_str())
        .fetch_all(self.readers())
        .await?;
        let calendar = self.calendar(school).await?;
        let usual = calendar.bells.get(&calendar.usual_bells);
        let mut timetable = Timetable {
            bells: usual.into_iter().flatten().map(|(number, (from, to))| (*number, *from, *to)).collect(),
            ..Timetable::default()
        };
        timetable.bells.sort();
        let (mut teachers, mut classes) = (BTreeSet::new(), BTreeSet::new());
        let (mut subjects, mut groups) = (BTreeSet::new(), BTreeSet::new());
        for row in &rows {
            let some = |column| Ok::<_, StoreError>(sql::optional_text(row, column)?.filter(|name| !name.is_empty()));
            let names = [some("family_name")?, some("given_name")?, some("middle_name")?];
            let teacher = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
            let teacher = Some(teacher).filter(|name| !name.is_empty());
            let (class, subject) = (some("class")?, some("subject")?);
            let group = class.clone().zip(some("group_name")?);
            let small = |column| sql::int(row, column);
            timetable.lessons.push(Lesson {
                weekday: sql::word(i8::try_from(small("weekday")?).ok(), "weekday")?,
                period: sql::word(u8::try_from(small("period")?).ok(), "period")?,
                is_odd: some("parity")?.map(|parity| parity == "odd"),
                terms: some("terms")?,
                subject: subject.clone().unwrap_or_default(),
                teachers: teacher.iter().cloned().collect(),
                classes: class.iter().cloned().collect(),
                groups: group.iter().map(|(_, name)| name.clone()).collect(),
            });
            teachers.extend(teacher);
            classes.extend(class);
            subjects.extend(subject);
            groups.extend(group);
        }
        timetable.lessons.sort();
        (timetable.teachers, timetable.classes) = (teachers.into_iter().collect(), classes.into_iter().collect());
        (timetable.subjects, timetable.groups) = (subjects.into_iter().collect(), groups.into_iter().collect());
        Ok(timetable)
    }
}

/// One row for each lesson, teacher and class or group.
fn rows(timetable: &Timetable, names: &Names, school: &str) -> Vec<Vec<Value>> {
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for lesson in &timetable.lessons {
        let teachers: Vec<Option<&String>> = match lesson.teachers.as_slice() {
            [] => vec![None],
            teachers => teachers.iter().map(|name| names.teachers.get(&fold(name))).collect(),
        };
        let classes: Vec<Option<&String>> = match lesson.classes.as_slice() {
            [] => vec![None],
            classes => classes.iter().map(|name| names.classes.get(&fold_code(name))).collect(),
        };
        let parity = lesson.is_odd.map(|is_odd| if is_odd { "odd" } else { "even" });
        let subject = names.subjects.get(&fold(&lesson.subject));
        for teacher in &teachers {
            for class in &classes {
                if teacher.is_none() && class.is_none() {
                    continue;
                }
                let group = class.and_then(|class| {
                    let own =
                        lesson.groups.iter().find_map(|group| names.groups.get(&(class.clone(), fold_code(group))));
                    own.or_else(|| names.groups.get(&(class.clone(), String::new())))
                });
                let key = (lesson.weekday, lesson.period, parity, &lesson.terms, *teacher, *class, group);
                if !seen.insert(format!("{key:?}")) {
                    continue;
                }
                rows.push(vec![
                    uuid::Uuid::now_v7().to_string().into(),
                    school.into(),
                    i64::from(lesson.weekday).into(),
                    i64::from(lesson.period).into(),
                    parity.map(str::to_owned).into(),
                    teacher.cloned().into(),
                    class.cloned().into(),
                    group.cloned().into(),
                    subject.cloned().into(),
                    lesson.terms.clone().into(),
                ]);
            }
        }
    }
    rows
}

//! The newest check of devices and line of each person, and the checks of those whom a consultation is for.

use jiff::civil::Date;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::sql::{self, optional_int, optional_text, text, word};
use super::{Store, StoreError};
use crate::domain::device_check::{Device, Findings, Way};
use crate::domain::form::Audience;
use crate::domain::ids::{ConsultationId, PersonId, SchoolId};
use crate::domain::person::is_minor;

/// A check, and when and where it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCheck {
    pub at_ms: i64,
    /// On whose page; `None`: on none.
    pub consultation: Option<ConsultationId>,
    pub findings: Findings,
}

/// Somebody whom a consultation is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    pub id: PersonId,
    pub display_name: String,
    pub is_guardian: bool,
    /// `None`: they made none that is still kept.
    pub check: Option<DeviceCheck>,
}

/// People asked for at once: the variables of one statement are bounded.
const CHUNK: usize = 500;

const COLUMNS: &str =
    "d.at, d.consultation_id, d.camera, d.microphone, d.speaker, d.way, d.relay, d.up_kbps, d.down_kbps";

fn check(row: &AnyRow) -> Result<Option<DeviceCheck>, StoreError> {
    let Some(at_ms) = optional_int(row, "at")? else { return Ok(None) };
    let device = |column| -> Result<Option<Device>, StoreError> {
        optional_text(row, column)?.map(|device| word(Device::parse(&device), "device")).transpose()
    };
    let kbps = |column| -> Result<Option<u32>, StoreError> {
        Ok(optional_int(row, column)?.and_then(|kbps| u32::try_from(kbps).ok()))
    };
    let findings = Findings {
        camera: device("camera")?,
        microphone: device("microphone")?,
        speaker: device("speaker")?,
        way: optional_text(row, "way")?.map(|way| word(Way::parse(&way), "way")).transpose()?,
        relay: device("relay")?,
        up_kbps: kbps("up_kbps")?,
        down_kbps: kbps("down_kbps")?,
    };
    let consultation = optional_text(row, "consultation_id")?.map(ConsultationId::new);
    Ok(Some(DeviceCheck { at_ms, consultation, findings }))
}

impl Store {
    /// A person's newest check; `None`: there is none that is still kept.
    pub async fn device_check(&self, person: &PersonId) -> Result<Option<DeviceCheck>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM device_check d WHERE d.person_id = $1");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(person.as_str()).fetch_optional(self.readers()).await?;
        row.as_ref().map_or(Ok(None), check)
    }

    /// Keeps a check in the place of the person's earlier one.
    pub async fn keep_device_check(
        &self,
        school: SchoolId,
        person: PersonId,
        new: DeviceCheck,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let found = new.findings;
                sqlx::query(
                    "INSERT INTO device_check (person_id, school_id, consultation_id, at, camera, microphone, speaker, way,
                         relay, up_kbps, down_kbps) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                     ON CONFLICT (person_id) DO UPDATE SET school_id = excluded.school_id,
                         consultation_id = excluded.consultation_id, at = excluded.at, camera = excluded.camera,
                         microphone = excluded.microphone, speaker = excluded.speaker, way = excluded.way,
                         relay = excluded.relay, up_kbps = excluded.up_kbps, down_kbps = excluded.down_kbps",
                )
                .bind(person.as_str())
                .bind(school.as_str())
                .bind(new.consultation.as_ref().map(ConsultationId::as_str))
                .bind(new.at_ms)
                .bind(found.camera.map(Device::as_str))
                .bind(found.microphone.map(Device::as_str))
                .bind(found.speaker.map(Device::as_str))
                .bind(found.way.map(Way::as_str))
                .bind(found.relay.map(Device::as_str))
                .bind(found.up_kbps.map(i64::from))
                .bind(found.down_kbps.map(i64::from))
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Those whom a consultation of this audience is for, by name, with their checks: its group's students on its day, or who
    /// has a time of it or stands in its queue, and their guardians where these are invited.
    pub async fn invited_with_checks(
        &self,
        id: &ConsultationId,
        audience: Audience,
        today: Date,
    ) -> Result<Vec<Invited>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT e.person_id FROM enrollment e JOIN consultation c ON c.group_id = e.study_group_id
             WHERE c.id = $1 AND c.form <> 'individual' AND e.role = 'student'
             AND (e.valid_from IS NULL OR e.valid_from <= c.date) AND (e.valid_to IS NULL OR e.valid_to >= c.date)
             UNION SELECT a.student_id FROM appointment a JOIN consultation c ON c.id = a.consultation_id
             WHERE c.id = $2 AND c.form = 'individual' AND a.student_id IS NOT NULL AND a.state IN ('booked', 'attended')
             UNION SELECT w.student_id FROM walk_in w WHERE w.consultation_id = $3 AND w.state IN ('waiting', 'called')",
        )
        .bind(id.as_str())
        .bind(id.as_str())
        .bind(id.as_str())
        .fetch_all(self.readers())
        .await?;
        let students: Vec<String> = rows.into_iter().map(|(id,)| id).collect();
        let mut invited = Vec::new();
        if audience.guardians {
            invited.extend(self.with_checks(&self.guardians_with_right(&students, today).await?, true).await?);
        }
        if audience.students {
            invited.extend(self.with_checks(&students, false).await?);
        }
        invited
            .sort_by(|one, other| (one.is_guardian, &one.display_name).cmp(&(other.is_guardian, &other.display_name)));
        Ok(invited)
    }

    /// Confirmed guardians of those among these students who are minors today (INV-51), each once.
    async fn guardians_with_right(&self, students: &[String], today: Date) -> Result<Vec<String>, StoreError> {
        let mut guardians = std::collections::BTreeSet::new();
        for chunk in students.chunks(CHUNK) {
            let sql = format!(
                "SELECT l.guardian_id, p.birth_date FROM guardian_link l JOIN person p ON p.id = l.student_id
                 WHERE l.state = 'confirmed' AND p.birth_date IS NOT NULL AND l.student_id IN ({})",
                sql::placeholders(1, chunk.len())
            );
            let mut query = sqlx::query_as::<_, (String, String)>(AssertSqlSafe(sql));
            for id in chunk {
                query = query.bind(id);
            }
            for (guardian, born) in query.fetch_all(self.readers()).await? {
                if is_minor(sql::date(&born)?, today) {
                    guardians.insert(guardian);
                }
            }
        }
        Ok(guardians.into_iter().collect())
    }

    async fn with_checks(&self, people: &[String], is_guardian: bool) -> Result<Vec<Invited>, StoreError> {
        let mut invited = Vec::with_capacity(people.len());
        for chunk in people.chunks(CHUNK) {
            let sql = format!(
                "SELECT p.id, p.display_name, {COLUMNS} FROM person p LEFT JOIN device_check d ON d.person_id = p.id
                 WHERE p.id IN ({})",
                sql::placeholders(1, chunk.len())
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for id in chunk {
                query = query.bind(id);
            }
            for row in query.fetch_all(self.readers()).await? {
                invited.push(Invited {
                    id: PersonId::new(text(&row, "id")?),
                    display_name: text(&row, "display_name")?,
                    is_guardian,
                    check: check(&row)?,
                });
            }
        }
        Ok(invited)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::demo;
    use super::*;
    use crate::domain::consultation::Timing;

    const NOW_MS: i64 = 1_795_600_000_000;

    #[tokio::test]
    async fn the_newest_check_is_the_one_that_is_kept_and_the_host_sees_who_made_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::fresh(folder.path()).await;
        let school = demo::start(&store, Timing::default(), 30, NOW_MS).await.unwrap().unwrap().school;
        let ann = store.person_by_code(&school.id, "S-5A-01").await.unwrap().unwrap().id;
        assert_eq!(store.device_check(&ann).await.unwrap(), None);
        let lesson: (String,) = sqlx::query_as(
            "SELECT c.id FROM consultation c JOIN study_group g ON g.id = c.group_id JOIN school_class k ON k.id = g.class_id
             WHERE c.form = 'video_conference' AND k.name = '5А' LIMIT 1",
        )
        .fetch_one(store.readers())
        .await
        .unwrap();
        let lesson = ConsultationId::new(lesson.0);
        let first = Findings { camera: Some(Device::Missing), way: Some(Way::Relay), ..Findings::default() };
        let second = Findings {
            camera: Some(Device::Works),
            microphone: Some(Device::Silent),
            speaker: Some(Device::Works),
            way: Some(Way::Tcp),
            relay: Some(Device::Failed),
            up_kbps: Some(900),
            down_kbps: Some(4_000),
        };
        for (findings, at_ms) in [(first, NOW_MS), (second, NOW_MS + 1)] {
            let check = DeviceCheck { at_ms, consultation: Some(lesson.clone()), findings };
            store.keep_device_check(school.id.clone(), ann.clone(), check.clone()).await.unwrap();
            assert_eq!(store.device_check(&ann).await.unwrap(), Some(check));
        }
        let today = jiff::civil::date(2026, 11, 25);
        let both = Audience { students: true, guardians: true };
        let invited = store.invited_with_checks(&lesson, both, today).await.unwrap();
        let with: Vec<&PersonId> = invited.iter().filter(|one| one.check.is_some()).map(|one| &one.id).collect();
        assert_eq!(with, [&ann]);
        assert!(invited.iter().any(|one| one.check.is_none() && !one.is_guardian));
        assert!(invited.iter().any(|one| one.is_guardian), "guardians are invited with the class");
        let students = Audience { students: true, guardians: false };
        let invited = store.invited_with_checks(&lesson, students, today).await.unwrap();
        assert!(!invited.is_empty() && invited.iter().all(|one| !one.is_guardian));
    }
}

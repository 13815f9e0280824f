//! Guardian links: proposed, confirmed by somebody of the school, ended by decision or by age (DOMAIN 2.2, INV-51); the rights
//! that come with one; and the grants by which a student of age lets a guardian go on.

use jiff::civil::Date;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::consultation::Named;
use super::school::School;
use super::sql::{self, flag, optional_int, optional_text, text, word};
use super::transition::Actor;
use super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::ids::{ClassId, PersonId, SchoolId};
use crate::domain::notice::Notice;
use crate::domain::person::{GuardianRight, LinkState, SetRight, is_minor};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

crate::domain::words!(
    /// Why a link ended (DOMAIN 2.2).
    EndReason {
        Age18 = "age18",
        Court = "court",
        School = "school",
        Error = "error",
    }
);

/// A link as people see it.
#[derive(Clone, Debug)]
pub struct GuardianLink {
    pub id: String,
    pub guardian: Named,
    pub student: Named,
    pub birth_date: Option<Date>,
    pub class: Option<String>,
    pub class_id: Option<ClassId>,
    /// Homeroom teacher of that class.
    pub homeroom: Option<PersonId>,
    pub relation: String,
    pub state: LinkState,
    /// `roster`, `guardian` or `school`.
    pub source: String,
    pub confirmed_by: Option<String>,
    pub created_ms: i64,
    pub ended_ms: Option<i64>,
    pub reason: Option<String>,
    pub rights: Vec<SetRight>,
}

/// Whose links are asked for.
#[derive(Clone, Debug)]
pub enum LinksOf {
    Guardian(PersonId),
    Student(PersonId),
    /// Of the classes whose homeroom teacher this is.
    Homeroom(PersonId),
    School(SchoolId),
}

/// Why a link does not change.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("refused: {0}")]
    Refused(RefusalCode),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Proposals of one guardian that nobody has looked at yet: more are a mistake or worse.
const MOST_PROPOSED: i64 = 10;
/// Most links in one answer.
const MOST_LINKS: i64 = 2_000;

const SELECT: &str =
    "SELECT l.id, l.guardian_id, g.display_name AS guardian_name, l.student_id, s.display_name AS student_name,
    s.birth_date, l.relation, l.state, l.source, c.display_name AS confirmed_name, l.created_at, l.ended_at, l.reason,
    cl.id AS class_id, cl.name AS class, cl.homeroom_teacher_id
    FROM guardian_link l
    JOIN person g ON g.id = l.guardian_id
    JOIN person s ON s.id = l.student_id
    LEFT JOIN person c ON c.id = l.confirmed_by
    LEFT JOIN school_class cl ON cl.id = (SELECT MIN(sg.class_id) FROM enrollment e
        JOIN study_group sg ON sg.id = e.study_group_id AND sg.name_fold = ''
        WHERE e.person_id = l.student_id AND e.role = 'student')";

fn link(row: &AnyRow) -> Result<GuardianLink, StoreError> {
    let named = |id, name| -> Result<Named, StoreError> {
        Ok(Named { id: PersonId::new(text(row, id)?), display_name: text(row, name)? })
    };
    Ok(GuardianLink {
        id: text(row, "id")?,
        guardian: named("guardian_id", "guardian_name")?,
        student: named("student_id", "student_name")?,
        birth_date: sql::optional_date(optional_text(row, "birth_date")?)?,
        class: optional_text(row, "class")?,
        class_id: optional_text(row, "class_id")?.map(ClassId::new),
        homeroom: optional_text(row, "homeroom_teacher_id")?.map(PersonId::new),
        relation: text(row, "relation")?,
        state: word(LinkState::parse(&text(row, "state")?), "guardian link")?,
        source: text(row, "source")?,
        confirmed_by: optional_text(row, "confirmed_name")?,
        created_ms: sql::int(row, "created_at")?,
        ended_ms: optional_int(row, "ended_at")?,
        reason: optional_text(row, "reason")?,
        rights: Vec::new(),
    })
}

impl Store {
    /// Rights of a link that somebody has set.
    pub(super) async fn guardian_rights(&self, link: &str) -> Result<Vec<SetRight>, StoreError> {
        let rows =
            sqlx::query("SELECT right_name, granted, valid_from, valid_to FROM guardian_right WHERE link_id = $1")
                .bind(link)
                .fetch_all(self.readers())
                .await?;
        rows.iter()
            .map(|row| {
                Ok(SetRight {
                    right: word(GuardianRight::parse(&text(row, "right_name")?), "guardian right")?,
                    granted: flag(row, "granted")?,
                    from: sql::optional_date(optional_text(row, "valid_from")?)?,
                    to: sql::optional_date(optional_text(row, "valid_to")?)?,
                })
            })
            .collect()
    }

    /// Links, by the student's name; at most 2,000, ended ones last.
    pub async fn guardian_links(&self, of: &LinksOf) -> Result<Vec<GuardianLink>, StoreError> {
        let (filter, value) = match of {
            LinksOf::Guardian(person) => ("l.guardian_id = $1", person.as_str()),
            LinksOf::Student(person) => ("l.student_id = $1", person.as_str()),
            LinksOf::Homeroom(person) => ("cl.homeroom_teacher_id = $1", person.as_str()),
            LinksOf::School(school) => ("l.school_id = $1", school.as_str()),
        };
        let sql = format!(
            "{SELECT} WHERE {filter}
             ORDER BY CASE l.state WHEN 'proposed' THEN 0 WHEN 'confirmed' THEN 1 ELSE 2 END, s.family_name, s.given_name, l.id
             LIMIT $2"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(value).bind(MOST_LINKS).fetch_all(self.readers()).await?;
        let mut links = rows.iter().map(link).collect::<Result<Vec<_>, _>>()?;
        for link in &mut links {
            link.rights = self.guardian_rights(&link.id).await?;
        }
        Ok(links)
    }

    /// One link of a school; [`StoreError::NotFound`] for another school's.
    pub async fn guardian_link(&self, school: &SchoolId, id: &str) -> Result<GuardianLink, StoreError> {
        let sql = format!("{SELECT} WHERE l.id = $1 AND l.school_id = $2");
        let row =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(school.as_str()).fetch_one(self.readers()).await?;
        let mut link = link(&row)?;
        link.rights = self.guardian_rights(&link.id).await?;
        Ok(link)
    }

    /// Proposes a link; it gives no right. Nothing happens when there is one already, or the guardian has too many open
    /// proposals: the answer must not tell whether a code exists.
    pub async fn propose_link(
        &self,
        school: &SchoolId,
        (guardian, student): (PersonId, PersonId),
        relation: String,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let school = school.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let row = sqlx::query(
                    "SELECT COUNT(*) AS open, SUM(CASE WHEN student_id = $2 THEN 1 ELSE 0 END) AS same
                     FROM guardian_link WHERE guardian_id = $1 AND (state = 'proposed' OR (state = 'confirmed' AND student_id = $2))",
                )
                .bind(guardian.as_str())
                .bind(student.as_str())
                .fetch_one(tx.connection())
                .await?;
                let same: Option<i64> = row.try_get("same")?;
                if sql::int(&row, "open")? >= MOST_PROPOSED || same.unwrap_or(0) > 0 {
                    return Ok(());
                }
                let pair = (&guardian, &student);
                let id = tx.insert_link(&school, pair, &relation, (LinkState::Proposed, "guardian"), now_ms).await?;
                let event = AuditEvent::new(school.clone(), now_ms, "guardian_link.propose", "guardian_link", &id);
                tx.audit(event.by(&guardian, Some(Role::Guardian.as_str()))).await?;
                let deciders = tx.link_deciders(&school, &student, now_ms).await?;
                let notice = Notice::GuardianLinkProposed { link: id.clone() };
                tx.tell(&school, deciders, notice, id, now_ms).await
            })
        })
        .await
    }

    /// Confirms a proposed link. `illegal_transition` when it is not proposed any more.
    pub async fn confirm_link(
        &self,
        link: GuardianLink,
        actor: Actor,
        school: &School,
        now_ms: i64,
    ) -> Result<(), LinkError> {
        let id = school.id.clone();
        self.write(move |tx| {
            Box::pin(async move {
                tx.access_changed();
                let done = sqlx::query(
                    "UPDATE guardian_link SET state = 'confirmed', confirmed_by = $1 WHERE id = $2 AND state = 'proposed'",
                )
                .bind(actor.person.as_str())
                .bind(link.id.as_str())
                .execute(tx.connection())
                .await
                .map_err(StoreError::from)?;
                if done.rows_affected() != 1 {
                    return Err(LinkError::Refused(RefusalCode::IllegalTransition));
                }
                let event = AuditEvent::new(id.clone(), now_ms, "guardian_link.confirm", "guardian_link", &link.id);
                tx.audit(event.by(&actor.person, actor.role.map(Role::as_str))).await?;
                let both = vec![link.guardian.id.clone(), link.student.id.clone()];
                let notice = Notice::GuardianLinkConfirmed { link: link.id.clone() };
                Ok(tx.tell(&id, both, notice, link.id, now_ms).await?)
            })
        })
        .await
    }

    /// Ends a link that has not ended, by somebody's decision. What was booked by the guardian stays: it is the child's.
    pub async fn end_link(
        &self,
        link: GuardianLink,
        (reason, text): (EndReason, String),
        actor: Actor,
        school: &School,
        now_ms: i64,
    ) -> Result<(), LinkError> {
        let id = school.id.clone();
        self.write(move |tx| {
            Box::pin(async move { tx.end_link(&id, &link.id, (reason, &text), Some(&actor), now_ms).await })
        })
        .await
    }

    /// Ends the links to students who have come of age in their school's time zone. Rights are gone with the birthday by the
    /// rule itself; this writes it down. Gives how many.
    pub async fn end_links_of_adults(&self, now_ms: i64) -> Result<usize, StoreError> {
        let mut ended = 0;
        for school in self.schools().await? {
            let today = crate::domain::calendar::date_in(&school.zone(), now_ms);
            // Nobody younger than 17 years and a half has to be looked at.
            let rows: Vec<(String, String)> = sqlx::query_as(
                "SELECT l.id, p.birth_date FROM guardian_link l JOIN person p ON p.id = l.student_id
                 WHERE l.school_id = $1 AND l.state <> 'ended' AND p.birth_date IS NOT NULL AND p.birth_date <= $2",
            )
            .bind(school.id.as_str())
            .bind(crate::domain::calendar::plus_days(today, -6_390).to_string())
            .fetch_all(self.readers())
            .await?;
            for (link, born) in rows {
                if is_minor(sql::date(&born)?, today) {
                    continue;
                }
                let id = school.id.clone();
                let result: Result<(), LinkError> = self
                    .write(move |tx| {
                        Box::pin(async move { tx.end_link(&id, &link, (EndReason::Age18, ""), None, now_ms).await })
                    })
                    .await;
                match result {
                    Ok(()) => ended += 1,
                    Err(LinkError::Refused(_)) => {}
                    Err(LinkError::Store(error)) => return Err(error),
                }
            }
        }
        Ok(ended)
    }

    /// Sets one right of a link.
    pub async fn set_guardian_right(
        &self,
        link: GuardianLink,
        set: SetRight,
        actor: Actor,
        school: &School,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let id = school.id.clone();
        self.write(move |tx| {
            Box::pin(async move {
                tx.access_changed();
                sqlx::query(
                    "INSERT INTO guardian_right (link_id, right_name, granted, valid_from, valid_to, set_by, set_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (link_id, right_name) DO UPDATE SET
                     granted = excluded.granted, valid_from = excluded.valid_from, valid_to = excluded.valid_to,
                     set_by = excluded.set_by, set_at = excluded.set_at",
                )
                .bind(link.id.as_str())
                .bind(set.right.as_str())
                .bind(i64::from(set.granted))
                .bind(set.from.map(|day| day.to_string()))
                .bind(set.to.map(|day| day.to_string()))
                .bind(actor.person.as_str())
                .bind(now_ms)
                .execute(tx.connection())
                .await?;
                let event = AuditEvent::new(id.clone(), now_ms, "guardian_link.right", "guardian_link", &link.id)
                    .by(&actor.person, actor.role.map(Role::as_str))
                    .with(serde_json::json!({ "right": set.right, "granted": set.granted, "from": set.from, "to": set.to }));
                tx.audit(event).await
            })
        })
        .await
    }

    /// A student of age lets a guardian go on, or not any more. `false`: there was nothing to change.
    pub async fn set_adult_grant(
        &self,
        school: &SchoolId,
        student: PersonId,
        guardian: PersonId,
        is_given: bool,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let school = school.clone();
        self.write(move |tx| {
            Box::pin(async move {
                tx.access_changed();
                let query = match is_given {
                    true => sqlx::query(
                        "INSERT INTO adult_grant (id, school_id, student_id, guardian_id, given_at)
                         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                    )
                    .bind(uuid::Uuid::now_v7().to_string())
                    .bind(school.as_str())
                    .bind(student.as_str())
                    .bind(guardian.as_str())
                    .bind(now_ms),
                    false => sqlx::query(
                        "UPDATE adult_grant SET withdrawn_at = $1
                         WHERE student_id = $2 AND guardian_id = $3 AND withdrawn_at IS NULL",
                    )
                    .bind(now_ms)
                    .bind(student.as_str())
                    .bind(guardian.as_str()),
                };
                if query.execute(tx.connection()).await?.rows_affected() == 0 {
                    return Ok(false);
                }
                let action = if is_given { "adult_grant.give" } else { "adult_grant.withdraw" };
                let event = AuditEvent::new(school.clone(), now_ms, action, "person", guardian.as_str());
                tx.audit(event.by(&student, Some(Role::Student.as_str()))).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Guardians to whom this student has given a grant.
    pub async fn adult_grants(&self, student: &PersonId) -> Result<Vec<PersonId>, StoreError> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT guardian_id FROM adult_grant WHERE student_id = $1 AND withdrawn_at IS NULL")
                .bind(student.as_str())
                .fetch_all(self.readers())
                .await?;
        Ok(rows.into_iter().map(|(id,)| PersonId::new(id)).collect())
    }
}

impl Tx {
    async fn end_link(
        &mut self,
        school: &SchoolId,
        link: &str,
        (reason, words): (EndReason, &str),
        actor: Option<&Actor>,
        now_ms: i64,
    ) -> Result<(), LinkError> {
        self.access_changed();
        let done = sqlx::query(
            "UPDATE guardian_link SET state = 'ended', ended_at = $1, reason = $2 WHERE id = $3 AND state <> 'ended'",
        )
        .bind(now_ms)
        .bind(reason.as_str())
        .bind(link)
        .execute(self.connection())
        .await
        .map_err(StoreError::from)?;
        if done.rows_affected() != 1 {
            return Err(LinkError::Refused(RefusalCode::IllegalTransition));
        }
        let mut event = AuditEvent::new(school.clone(), now_ms, "guardian_link.end", "guardian_link", link)
            .with(serde_json::json!({ "reason": reason }));
        if let Some(actor) = actor {
            event = event.by(&actor.person, actor.role.map(Role::as_str));
        }
        if !words.is_empty() {
            event = event.because(words);
        }
        self.audit(event).await?;
        let row: (String,) = sqlx::query_as("SELECT guardian_id FROM guardian_link WHERE id = $1")
            .bind(link)
            .fetch_one(self.connection())
            .await
            .map_err(StoreError::from)?;
        let notice = Notice::GuardianLinkEnded { link: link.to_owned(), reason: reason.as_str().to_owned() };
        Ok(self.tell(school, vec![PersonId::new(row.0)], notice, link.to_owned(), now_ms).await?)
    }

    /// Who confirms links of this student: the homeroom teacher, else the deputies.
    async fn link_deciders(
        &mut self,
        school: &SchoolId,
        student: &PersonId,
        now_ms: i64,
    ) -> Result<Vec<PersonId>, StoreError> {
        let rows: Vec<(Option<String>,)> = sqlx::query_as(
            "SELECT DISTINCT c.homeroom_teacher_id FROM school_class c JOIN study_group g ON g.class_id = c.id
             JOIN enrollment e ON e.study_group_id = g.id WHERE e.person_id = $1 AND e.role = 'student'",
        )
        .bind(student.as_str())
        .fetch_all(self.connection())
        .await?;
        let mut people: Vec<PersonId> = rows.into_iter().filter_map(|(id,)| id).map(PersonId::new).collect();
        if people.is_empty() {
            let day = crate::domain::calendar::date_in(&jiff::tz::TimeZone::UTC, now_ms).to_string();
            people = self.holders(school, &[Role::DeputyHead], &day).await?;
        }
        Ok(people)
    }

    async fn insert_link(
        &mut self,
        school: &SchoolId,
        (guardian, student): (&PersonId, &PersonId),
        relation: &str,
        (state, source): (LinkState, &str),
        now_ms: i64,
    ) -> Result<String, StoreError> {
        self.access_changed();
        let id = uuid::Uuid::now_v7().to_string();
        let row = vec![
            id.as_str().into(),
            school.as_str().into(),
            guardian.as_str().into(),
            student.as_str().into(),
            relation.into(),
            state.as_str().into(),
            source.into(),
            now_ms.into(),
        ];
        let into = "guardian_link (id, school_id, guardian_id, student_id, relation, state, source, created_at)";
        sql::insert_many(self.connection(), into, 8, vec![row]).await?;
        Ok(id)
    }
}

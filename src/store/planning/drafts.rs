//! Drafts of lesson cards: one for each card, with a revision that answers If-Match. A draft binds nobody.

use sqlx::AnyConnection;

use super::super::sql::{self, int, json, optional_int, optional_text, text, to_json, word};
use super::super::transition::Actor;
use super::super::{AuditEvent, Store, StoreError, Tx};
use super::PlanError;
use crate::domain::fold::fold;
use crate::domain::ids::{CardId, GroupId, PersonId, SchoolId, SubjectId, UnitId};
use crate::domain::lesson_card::{CardContent, CardSlot, CardStatus};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

/// What a draft says: the card's content, and the subject that leads to its programme.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DraftBody {
    pub subject: Option<SubjectId>,
    pub content: CardContent,
}

#[derive(Clone, Debug)]
pub struct Draft {
    pub base_version: i64,
    pub revision: i64,
    pub body: DraftBody,
    pub edited_by: PersonId,
    pub edited_at_ms: i64,
    /// The deputy head has agreed to what stands here now.
    pub is_agreed: bool,
}

/// A card in the list and at the head of its page.
#[derive(Clone, Debug)]
pub struct CardFacts {
    pub id: CardId,
    pub key: String,
    /// 0: never published.
    pub version: i64,
    pub status: CardStatus,
    pub title: String,
    pub group: GroupId,
    pub group_name: String,
    pub class: Option<String>,
    pub unit: Option<UnitId>,
    pub subject: Option<String>,
    pub teacher: PersonId,
    pub teacher_name: String,
    pub has_draft: bool,
    /// Future planned consultations of it.
    pub planned: i64,
    /// Whoever holds one of its slots.
    pub hosts: Vec<PersonId>,
}

/// One version of a card.
#[derive(Clone, Debug)]
pub struct VersionFacts {
    pub version: i64,
    pub status: CardStatus,
    pub title: String,
    pub published_by: Option<String>,
    pub published_at_ms: Option<i64>,
    pub withdrawn_reason: Option<String>,
    pub body: DraftBody,
}

impl Store {
    /// Cards of a school, the newest first, at most `limit`.
    pub async fn cards(&self, school: &SchoolId, now_ms: i64, limit: i64) -> Result<Vec<CardFacts>, StoreError> {
        let rows = sqlx::query(
            "SELECT k.id, k.external_key, k.version, k.status, v.title, v.group_id, v.teacher_id, v.subject_id, d.body,
             (SELECT COUNT(*) FROM consultation c WHERE c.card_id = k.id AND c.state = 'planned' AND c.start_at > $1)
             AS planned
             FROM lesson_card k LEFT JOIN card_version v ON v.card_id = k.id AND v.version = k.version
             LEFT JOIN card_draft d ON d.card_id = k.id WHERE k.school_id = $2 ORDER BY k.created_at DESC, k.id DESC LIMIT $3",
        )
        .bind(now_ms)
        .bind(school.as_str())
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        let names = Names::load(self, school).await?;
        let hosts: Vec<(String, String)> = sqlx::query_as(
            "SELECT DISTINCT k.id, s.host_id FROM lesson_card k JOIN card_version v ON v.card_id = k.id AND v.version = k.version
             JOIN card_slot s ON s.version_id = v.id WHERE k.school_id = $1",
        )
        .bind(school.as_str())
        .fetch_all(self.readers())
        .await?;
        let mut of_card: std::collections::HashMap<String, Vec<PersonId>> = std::collections::HashMap::new();
        for (card, host) in hosts {
            of_card.entry(card).or_default().push(PersonId::new(host));
        }
        rows.iter()
            .map(|row| {
                let id = text(row, "id")?;
                let draft: Option<DraftBody> =
                    optional_text(row, "body")?.map(|body| json(&body, "draft")).transpose()?;
                let group = optional_text(row, "group_id")?.map(GroupId::new);
                let group = group.or_else(|| draft.as_ref().map(|draft| draft.content.group.clone()));
                let group = word(group, "group of a card")?;
                let teacher = optional_text(row, "teacher_id")?.map(PersonId::new);
                let teacher = teacher.or_else(|| draft.as_ref().map(|draft| draft.content.teacher.clone()));
                let teacher = word(teacher, "teacher of a card")?;
                let subject = optional_text(row, "subject_id")?.or_else(|| {
                    draft.as_ref().and_then(|draft| draft.subject.as_ref().map(|id| id.as_str().to_owned()))
                });
                let (class, unit, group_name) = names.groups.get(&group).cloned().unwrap_or_default();
                let title = optional_text(row, "title")?;
                Ok(CardFacts {
                    hosts: of_card.remove(&id).unwrap_or_default(),
                    id: CardId::new(id),
                    key: text(row, "external_key")?,
                    version: int(row, "version")?,
                    status: word(CardStatus::parse(&text(row, "status")?), "card's status")?,
                    title: title
                        .or_else(|| draft.as_ref().map(|draft| draft.content.title.clone()))
                        .unwrap_or_default(),
                    group,
                    group_name,
                    class,
                    unit,
                    subject: subject.and_then(|id| names.subjects.get(&id).cloned()),
                    teacher_name: names.people.get(&teacher).cloned().unwrap_or_default(),
                    teacher,
                    has_draft: draft.is_some(),
                    planned: int(row, "planned")?,
                })
            })
            .collect()
    }

    /// One card; [`StoreError::NotFound`] when the school has none of that name.
    pub async fn card(&self, school: &SchoolId, id: &CardId, now_ms: i64) -> Result<CardFacts, StoreError> {
        // A school has some thousands of cards; this is asked when somebody opens one.
        self.cards(school, now_ms, i64::MAX).await?.into_iter().find(|card| card.id == *id).ok_or(StoreError::NotFound)
    }

    /// All versions of a card, the newest first.
    pub async fn card_versions(&self, id: &CardId) -> Result<Vec<VersionFacts>, StoreError> {
        let mut connection = self.readers().acquire().await?;
        versions(&mut connection, id).await
    }

    pub async fn card_draft(&self, id: &CardId) -> Result<Option<Draft>, StoreError> {
        let mut connection = self.readers().acquire().await?;
        draft(&mut connection, id).await
    }
}

#[derive(Default)]
struct Names {
    groups: std::collections::HashMap<GroupId, (Option<String>, Option<UnitId>, String)>,
    subjects: std::collections::HashMap<String, String>,
    people: std::collections::HashMap<PersonId, String>,
}

impl Names {
    async fn load(store: &Store, school: &SchoolId) -> Result<Self, StoreError> {
        let groups: Vec<(String, String, Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT g.id, g.name, c.name, c.unit_id FROM study_group g LEFT JOIN school_class c ON c.id = g.class_id
             WHERE g.school_id = $1",
        )
        .bind(school.as_str())
        .fetch_all(store.readers())
        .await?;
        let subjects: Vec<(String, String)> = sqlx::query_as("SELECT id, name FROM subject WHERE school_id = $1")
            .bind(school.as_str())
            .fetch_all(store.readers())
            .await?;
        let people: Vec<(String, String)> = sqlx::query_as(
            "SELECT id, display_name FROM person WHERE school_id = $1 AND id IN (SELECT person_id FROM role_assignment
             WHERE role NOT IN ('student', 'guardian'))",
        )
        .bind(school.as_str())
        .fetch_all(store.readers())
        .await?;
        Ok(Self {
            groups: groups
                .into_iter()
                .map(|(id, name, class, unit)| (GroupId::new(id), (class, unit.map(UnitId::new), name)))
                .collect(),
            subjects: subjects.into_iter().collect(),
            people: people.into_iter().map(|(id, name)| (PersonId::new(id), name)).collect(),
        })
    }
}

pub(super) async fn draft(connection: &mut AnyConnection, id: &CardId) -> Result<Option<Draft>, StoreError> {
    let row = sqlx::query(
        "SELECT base_version, revision, body, edited_by, edited_at, agreed_revision FROM card_draft WHERE card_id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        let revision = int(&row, "revision")?;
        Ok(Draft {
            base_version: int(&row, "base_version")?,
            revision,
            body: json(&text(&row, "body")?, "draft")?,
            edited_by: PersonId::new(text(&row, "edited_by")?),
            edited_at_ms: int(&row, "edited_at")?,
            is_agreed: optional_int(&row, "agreed_revision")? == Some(revision),
        })
    })
    .transpose()
}

async fn versions(connection: &mut AnyConnection, id: &CardId) -> Result<Vec<VersionFacts>, StoreError> {
    let rows = sqlx::query(
        "SELECT v.id, v.version, v.status, v.title, v.programme_id, v.subject_id, v.group_id, v.teacher_id, v.materials,
         v.homework, v.note, v.feedback_channel, v.allow_in_break, v.published_at, v.withdrawn_reason,
         p.display_name AS published_by
         FROM card_version v LEFT JOIN person p ON p.id = v.published_by WHERE v.card_id = $1 ORDER BY v.version DESC",
    )
    .bind(id.as_str())
    .fetch_all(&mut *connection)
    .await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        let slots: Vec<(String,)> =
            sqlx::query_as("SELECT body FROM card_slot WHERE version_id = $1 ORDER BY slot_key")
                .bind(text(row, "id")?)
                .fetch_all(&mut *connection)
                .await?;
        let content = CardContent {
            title: text(row, "title")?,
            programme: optional_text(row, "programme_id")?.map(crate::domain::ids::ProgrammeId::new),
            group: GroupId::new(text(row, "group_id")?),
            teacher: PersonId::new(text(row, "teacher_id")?),
            materials: json(&text(row, "materials")?, "materials")?,
            homework: optional_text(row, "homework")?.map(|text| json(&text, "homework")).transpose()?,
            note: optional_text(row, "note")?,
            feedback_channel: optional_text(row, "feedback_channel")?,
            allow_in_break: int(row, "allow_in_break")? != 0,
            slots: slots.into_iter().map(|(body,)| json(&body, "slot")).collect::<Result<Vec<CardSlot>, _>>()?,
        };
        all.push(VersionFacts {
            version: int(row, "version")?,
            status: word(CardStatus::parse(&text(row, "status")?), "version's status")?,
            title: content.title.clone(),
            published_by: optional_text(row, "published_by")?,
            published_at_ms: optional_int(row, "published_at")?,
            withdrawn_reason: optional_text(row, "withdrawn_reason")?,
            body: DraftBody { subject: optional_text(row, "subject_id")?.map(SubjectId::new), content },
        });
    }
    Ok(all)
}

impl Tx {
    /// Makes a card with nothing but a draft. [`RefusalCode::VersionConflict`]: the school has a card of that key.
    pub async fn new_card(
        &mut self,
        school: &SchoolId,
        key: &str,
        body: DraftBody,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<CardId, PlanError> {
        let keys: Vec<(String,)> = sqlx::query_as("SELECT external_key FROM lesson_card WHERE school_id = $1")
            .bind(school.as_str())
            .fetch_all(self.connection())
            .await
            .map_err(StoreError::from)?;
        if keys.iter().any(|(other,)| fold(other) == fold(key)) {
            return Err(PlanError::Refused(RefusalCode::VersionConflict));
        }
        let id = CardId::fresh();
        let row = vec![
            id.as_str().into(),
            school.as_str().into(),
            key.into(),
            0_i64.into(),
            "".into(),
            CardStatus::Draft.as_str().into(),
            now_ms.into(),
        ];
        let into = "lesson_card (id, school_id, external_key, version, content_hash, status, created_at)";
        sql::insert_many(self.connection(), into, 7, vec![row]).await?;
        self.write_draft(&id, key, 0, 1, body, actor, now_ms).await?;
        self.audit_card(school, &id, "card.draft", actor, now_ms).await?;
        Ok(id)
    }

    /// Saves a draft over its revision; a card without one gets one from `revision` 0. [`RefusalCode::VersionConflict`]:
    /// somebody else has saved meanwhile. [`RefusalCode::CardLocked`]: the card is withdrawn.
    pub async fn save_draft(
        &mut self,
        school: &SchoolId,
        id: &CardId,
        revision: i64,
        body: DraftBody,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<i64, PlanError> {
        let (key, version, status) = self.card_head(school, id).await?;
        if status == CardStatus::Withdrawn {
            return Err(PlanError::Refused(RefusalCode::CardLocked));
        }
        let current = draft(self.connection(), id).await?;
        let (base, found) = current.as_ref().map_or((version, 0), |draft| (draft.base_version, draft.revision));
        if base != version {
            // Published over by somebody else: this draft is of a version that is no longer in force.
            return Err(PlanError::Refused(RefusalCode::CardLocked));
        }
        if found != revision {
            return Err(PlanError::Refused(RefusalCode::VersionConflict));
        }
        self.write_draft(id, &key, base, found + 1, body, actor, now_ms).await?;
        self.audit_card(school, id, "card.draft", actor, now_ms).await?;
        Ok(found + 1)
    }

    /// Throws a draft away; a card that was never published goes with it.
    pub async fn drop_draft(
        &mut self,
        school: &SchoolId,
        id: &CardId,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), PlanError> {
        let (_, version, _) = self.card_head(school, id).await?;
        self.forget_draft(id).await?;
        self.audit_card(school, id, "card.draft_drop", actor, now_ms).await?;
        if version == 0 {
            let sql = "DELETE FROM lesson_card WHERE id = $1 AND version = 0";
            sqlx::query(sql).bind(id.as_str()).execute(self.connection()).await.map_err(StoreError::from)?;
        }
        Ok(())
    }

    /// The deputy head agrees to a draft as it stands, so that staff may publish it.
    pub async fn agree_to_draft(
        &mut self,
        school: &SchoolId,
        id: &CardId,
        revision: i64,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), PlanError> {
        self.card_head(school, id).await?;
        let agreed: Option<(i64,)> = sqlx::query_as(
            "SELECT revision FROM card_draft WHERE card_id = $1 AND revision = $2 AND agreed_revision = $2",
        )
        .bind(id.as_str())
        .bind(revision)
        .fetch_optional(self.connection())
        .await
        .map_err(StoreError::from)?;
        if agreed.is_some() {
            return Ok(());
        }
        let done = sqlx::query(
            "UPDATE card_draft SET agreed_revision = revision, agreed_by = $1 WHERE card_id = $2 AND revision = $3",
        )
        .bind(actor.person.as_str())
        .bind(id.as_str())
        .bind(revision)
        .execute(self.connection())
        .await
        .map_err(StoreError::from)?;
        if done.rows_affected() != 1 {
            return Err(PlanError::Refused(RefusalCode::VersionConflict));
        }
        self.audit_card(school, id, "card.agree", actor, now_ms).await?;
        Ok(())
    }

    pub(super) async fn forget_draft(&mut self, id: &CardId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM card_draft WHERE card_id = $1").bind(id.as_str()).execute(self.connection()).await?;
        Ok(())
    }

    /// Key, version in force and status.
    pub(super) async fn card_head(
        &mut self,
        school: &SchoolId,
        id: &CardId,
    ) -> Result<(String, i64, CardStatus), StoreError> {
        let row = sqlx::query("SELECT external_key, version, status FROM lesson_card WHERE id = $1 AND school_id = $2")
            .bind(id.as_str())
            .bind(school.as_str())
            .fetch_one(self.connection())
            .await?;
        let status = word(CardStatus::parse(&text(&row, "status")?), "card's status")?;
        Ok((text(&row, "external_key")?, int(&row, "version")?, status))
    }

    #[allow(clippy::too_many_arguments)]
    async fn write_draft(
        &mut self,
        id: &CardId,
        key: &str,
        base: i64,
        revision: i64,
        mut body: DraftBody,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let all = versions(self.connection(), id).await?;
        let old = draft(self.connection(), id).await?;
        let used = all.iter().map(|version| &version.body).chain(old.as_ref().map(|draft| &draft.body));
        number_slots(key, used, &mut body.content.slots);
        sqlx::query(
            "INSERT INTO card_draft (card_id, base_version, revision, body, edited_by, edited_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (card_id) DO UPDATE SET revision = excluded.revision,
             body = excluded.body, edited_by = excluded.edited_by, edited_at = excluded.edited_at,
             agreed_revision = NULL, agreed_by = NULL",
        )
        .bind(id.as_str())
        .bind(base)
        .bind(revision)
        .bind(to_json(&body))
        .bind(actor.person.as_str())
        .bind(now_ms)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    pub(super) async fn audit_card(
        &mut self,
        school: &SchoolId,
        id: &CardId,
        action: &'static str,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let event = AuditEvent::new(school.clone(), now_ms, action, "lesson_card", id.as_str());
        self.audit(event.by(&actor.person, actor.role.map(Role::as_str))).await
    }
}

/// Gives slots without a key, or with one that is not this card's, the next free `Код#n`. A number is never used twice:
/// consultations are named after it.
fn number_slots<'b>(key: &str, used: impl Iterator<Item = &'b DraftBody>, slots: &mut [CardSlot]) {
    let number = |slot: &str| slot.strip_prefix(key)?.strip_prefix('#')?.parse::<u32>().ok();
    let mut known: std::collections::HashSet<String> = std::collections::HashSet::new();
    let mut last = 0;
    for slot in used.flat_map(|body| &body.content.slots) {
        known.insert(slot.key.clone());
        last = last.max(number(&slot.key).unwrap_or_default());
    }
    let mut taken = std::collections::HashSet::new();
    for slot in slots {
        if !known.contains(&slot.key) || !taken.insert(slot.key.clone()) {
            last += 1;
            slot.key = format!("{key}#{last}");
        }
    }
}

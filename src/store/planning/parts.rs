//! Editing a part of a programme with its consequences: the planned dates that stand against a rule afterwards (INV-20, INV-24 to
//! INV-27). They are found out by doing it; a preview is the same and is undone. The dates stay, because what was promised to
//! people is theirs to take back: each bears a remark, and its host and the deputies are told.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::chosen::{Of, chosen};
use super::super::outbox::Letter;
use super::super::programme::PartPlan;
use super::super::programme::editing::EditError;
use super::super::school::School;
use super::super::sql::{date, flag, int, json, optional_text, text};
use super::super::transition::Actor;
use super::super::{Store, StoreError, Tx};
use super::view;
use crate::domain::calendar::Calendar;
use crate::domain::ids::{CardId, ConsultationId, GroupId, PartId, PersonId, ProgrammeId};
use crate::domain::lesson_card::CardSlot;
use crate::domain::notice::Notice;
use crate::domain::planning::finding::Finding;
use crate::domain::planning::{Wish, check_about};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;
use jiff::civil::Date;

/// What is done to a part.
#[derive(Clone, Debug)]
pub enum PartChange {
    /// Written anew (`part` `None`) or changed.
    Put { part: Option<PartId>, plan: PartPlan },
    /// Finished on that day; `None` takes it back, for a reason.
    Complete { part: PartId, on: Option<Date>, reason: Option<String> },
}

#[derive(Clone, Debug)]
pub struct PartEdit {
    pub school: School,
    pub programme: ProgrammeId,
    pub change: PartChange,
    pub actor: Actor,
    /// Say what would stand against a rule and change nothing.
    pub dry_run: bool,
    pub now_ms: i64,
}

/// A planned date that stands against a rule by the edit.
#[derive(Clone, Debug)]
pub struct Against {
    pub id: ConsultationId,
    pub card: CardId,
    pub title: String,
    pub class: Option<String>,
    pub host: PersonId,
    pub host_name: String,
    pub start_ms: i64,
    pub date: Date,
    pub findings: Vec<Finding>,
}

/// What an edit does to what is planned.
#[derive(Clone, Debug, Default)]
pub struct PartEdited {
    /// By start.
    pub against: Vec<Against>,
    /// Dates that stood against a rule before and do no longer.
    pub cleared: usize,
}

/// Why a part was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// A preview: this is what would happen. Nothing has.
    #[error("tried only")]
    Tried(Box<PartEdited>),
    /// A topic that shall go is in use, or the title is taken.
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Changes a part and tells of what stands against a rule afterwards.
    pub async fn edit_part(&self, edit: PartEdit) -> Result<PartEdited, PartError> {
        let calendar = self.calendar(&edit.school).await?;
        self.write(move |tx| Box::pin(async move { tx.edit_part(&edit, calendar).await })).await
    }
}

/// A planned date of the programme.
struct Planned {
    at: Against,
    end_ms: i64,
    group: GroupId,
    slot: CardSlot,
    allow_in_break: bool,
}

impl Tx {
    async fn edit_part(&mut self, edit: &PartEdit, calendar: Calendar) -> Result<PartEdited, PartError> {
        let (school, actor, now_ms) = (&edit.school, &edit.actor, edit.now_ms);
        self.lock_planning(school).await?;
        let before = self.dates_against(edit, calendar.clone()).await?;
        match &edit.change {
            PartChange::Put { part, plan } => {
                self.put_part(school, &edit.programme, part.as_ref(), plan, actor, now_ms).await?;
            }
            PartChange::Complete { part, on, reason } => {
                self.complete_part(school, part, *on, reason.as_deref(), actor, now_ms).await?;
            }
        }
        let after = self.dates_against(edit, calendar.clone()).await?;
        let codes = |one: &Against| one.findings.iter().map(|finding| finding.code).collect::<Vec<_>>();
        let stood: HashMap<&ConsultationId, Vec<RefusalCode>> =
            before.iter().map(|one| (&one.id, codes(one))).collect();
        let is_news = |one: &&Against| {
            let known = stood.get(&one.id).map(Vec::as_slice).unwrap_or_default();
            codes(one).iter().any(|code| !known.contains(code))
        };
        let still: HashSet<&ConsultationId> = after.iter().map(|one| &one.id).collect();
        let free: Vec<&ConsultationId> = stood.keys().copied().filter(|id| !still.contains(id)).collect();
        let against = after.iter().filter(is_news).cloned().collect();
        let edited = PartEdited { against, cleared: free.len() };
        if edit.dry_run {
            return Err(PartError::Tried(Box::new(edited)));
        }
        for id in free {
            self.put_remarks_about(id, &[]).await?;
        }
        for one in &after {
            self.put_remarks_about(&one.id, &one.findings).await?;
        }
        let today = calendar.date_at(now_ms).to_string();
        self.tell_against(school, &edited.against, &today, now_ms).await?;
        Ok(edited)
    }

    /// Planned dates of the programme that have not begun and stand against a rule of parts, by start.
    async fn dates_against(&mut self, edit: &PartEdit, calendar: Calendar) -> Result<Vec<Against>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.id, c.card_id, c.date, c.start_at, c.end_at, c.group_id, s.body, v.title, v.allow_in_break,
             cl.name AS class, COALESCE(c.substitute_host_id, c.host_id) AS host, h.display_name AS host_name
             FROM consultation c JOIN card_slot s ON s.id = c.slot_id JOIN card_version v ON v.id = s.version_id
             JOIN study_group g ON g.id = c.group_id JOIN school_class cl ON cl.id = g.class_id
             JOIN programme p ON p.subject_id = v.subject_id AND p.grade = cl.grade AND p.year_id = cl.year_id
             JOIN person h ON h.id = COALESCE(c.substitute_host_id, c.host_id)
             WHERE p.id = $1 AND c.school_id = $2 AND c.state IN ('planned', 'open') AND c.start_at > $3
             ORDER BY c.start_at, c.id",
        )
        .bind(edit.programme.as_str())
        .bind(edit.school.id.as_str())
        .bind(edit.now_ms)
        .fetch_all(self.connection())
        .await?;
        let mut planned = Vec::with_capacity(rows.len());
        for row in &rows {
            let at = Against {
                id: ConsultationId::new(text(row, "id")?),
                card: CardId::new(text(row, "card_id")?),
                title: text(row, "title")?,
                class: optional_text(row, "class")?,
                host: PersonId::new(text(row, "host")?),
                host_name: text(row, "host_name")?,
                start_ms: int(row, "start_at")?,
                date: date(&text(row, "date")?)?,
                findings: Vec::new(),
            };
            planned.push(Planned {
                at,
                end_ms: int(row, "end_at")?,
                group: GroupId::new(text(row, "group_id")?),
                slot: json(&text(row, "body")?, "slot")?,
                allow_in_break: flag(row, "allow_in_break")?,
            });
        }
        let (Some(first), Some(last)) = (planned.first(), planned.iter().map(|one| one.at.date).max()) else {
            return Ok(Vec::new());
        };
        let dates = Of::Dates(&edit.school.id, first.at.date, last);
        let mut view = view::about(self.connection(), &edit.school, calendar).await?;
        view.chosen = chosen(self.connection(), dates).await?;
        let mut against = Vec::new();
        for Planned { mut at, end_ms, group, slot, allow_in_break } in planned {
            let wish = Wish {
                id: at.id.clone(),
                date: at.date,
                start_ms: at.start_ms,
                end_ms,
                group: &group,
                programme: Some(&edit.programme),
                slot: &slot,
                host: &at.host,
                students: Vec::new(),
                allow_in_break,
                more_sources: 0,
            };
            at.findings = check_about(&view, &wish);
            if !at.findings.is_empty() {
                against.push(at);
            }
        }
        Ok(against)
    }

    /// For each card a letter to the hosts, its owner and the deputies.
    async fn tell_against(
        &mut self,
        school: &School,
        against: &[Against],
        today: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut of_card: BTreeMap<&CardId, Vec<&Against>> = BTreeMap::new();
        for one in against {
            of_card.entry(&one.card).or_default().push(one);
        }
        for (card, of) in of_card {
            let (owner,): (String,) = sqlx::query_as(
                "SELECT v.teacher_id FROM lesson_card k JOIN card_version v ON v.card_id = k.id AND v.version = k.version
                 WHERE k.id = $1",
            )
            .bind(card.as_str())
            .fetch_one(self.connection())
            .await?;
            let mut to = self.holders(&school.id, &[Role::DeputyHead], today).await?;
            to.push(PersonId::new(owner));
            to.extend(of.iter().map(|one| one.host.clone()));
            to.sort();
            to.dedup();
            let Some(first) = of.first() else { continue };
            let notice = Notice::CardDatesAgainst {
                card: card.as_str().to_owned(),
                title: first.title.clone(),
                from: first.date.to_string(),
                count: u32::try_from(of.len()).unwrap_or(u32::MAX),
                code: first.findings.first().map(|one| one.code.as_str().to_owned()).unwrap_or_default(),
            };
            let key = format!("{card}:{}:{now_ms}", first.date);
            self.enqueue(Letter { school: school.id.clone(), to, notice, key, now_ms }).await?;
        }
        Ok(())
    }
}

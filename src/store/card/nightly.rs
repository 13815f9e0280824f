//! The planning check of what the nightly horizon brings (INV-13 to INV-44): a date that is refused is not planned, and those
//! who answer for the card learn of it; what is only warned of stays on the date as a remark.

use std::collections::{BTreeMap, HashSet};

use jiff::civil::Date;

use super::super::outbox::Letter;
use super::super::planning::view;
use super::super::school::School;
use super::super::{AuditEvent, StoreError, Tx};
use super::Wanted;
use crate::domain::calendar::{Calendar, Span};
use crate::domain::ids::{CardId, ConsultationId, GroupId, PersonId};
use crate::domain::notice::Notice;
use crate::domain::planning::finding::Finding;
use crate::domain::planning::view::Entry;
use crate::domain::planning::{Wish, check};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;
use crate::store::sql::to_json;

/// Dates of one card that were not planned.
#[derive(Default)]
struct Refused {
    dates: Vec<Date>,
    codes: Vec<RefusalCode>,
    hosts: HashSet<PersonId>,
}

impl Tx {
    /// Those of `wanted` that are not there yet and may be planned, with their remarks. The rest is told of.
    pub(super) async fn judge_additions(
        &mut self,
        school: &School,
        calendar: &Calendar,
        wanted: Vec<Wanted>,
        now_ms: i64,
    ) -> Result<Vec<Wanted>, StoreError> {
        let dates = || wanted.iter().map(|one| one.occurrence.date);
        let (Some(from), Some(to)) = (dates().min(), dates().max()) else { return Ok(wanted) };
        self.lock_planning(school).await?;
        let there = self.named_between(school, from, to).await?;
        let wanted: Vec<Wanted> = wanted.into_iter().filter(|one| !there.contains(&one.occurrence.id)).collect();
        if wanted.is_empty() {
            return Ok(wanted);
        }
        let mut view = view::load(self.connection(), school, calendar.clone(), Span { from, to }).await?;
        let mut kept = Vec::with_capacity(wanted.len());
        let mut refused: BTreeMap<CardId, Refused> = BTreeMap::new();
        for mut one in wanted {
            let occurrence = &one.occurrence;
            let group = GroupId::new(one.group.as_str());
            let wish = Wish {
                id: occurrence.id.clone(),
                date: occurrence.date,
                start_ms: occurrence.start_ms,
                end_ms: occurrence.end_ms,
                group: &group,
                programme: one.programme.as_ref(),
                slot: &one.slot,
                host: &one.host,
                students: one.student.iter().cloned().collect(),
                // The class's calendar has decided.
                allow_in_break: true,
                more_sources: 0,
            };
            let found = check(&view, &wish);
            if found.iter().any(Finding::is_refusal) {
                let of = refused.entry(one.card.clone()).or_default();
                of.dates.push(occurrence.date);
                of.hosts.insert(one.host.clone());
                of.codes.extend(found.iter().filter(|one| one.is_refusal()).map(|one| one.code));
                continue;
            }
            view.add(Entry::of(&wish, &view, one.card.clone()));
            let remarks: Vec<&str> = found.iter().map(|one| one.code.as_str()).collect();
            one.warnings = (!remarks.is_empty()).then(|| to_json(&remarks));
            kept.push(one);
        }
        let today = calendar.date_at(now_ms).to_string();
        for (card, of) in refused {
            self.tell_refused(school, &card, of, &today, now_ms).await?;
        }
        Ok(kept)
    }

    /// Names of all consultations on these dates, whatever became of them.
    async fn named_between(
        &mut self,
        school: &School,
        from: Date,
        to: Date,
    ) -> Result<HashSet<ConsultationId>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT id FROM consultation WHERE school_id = $1 AND start_at >= $2 AND date >= $3 AND date <= $4",
        )
        .bind(school.id.as_str())
        // Two days before: dates are the school's, and what was moved by hand keeps its name.
        .bind(
            school.zone().to_timestamp(from.at(0, 0, 0, 0)).map_or(0, jiff::Timestamp::as_millisecond) - 2 * 86_400_000,
        )
        .bind(from.to_string())
        .bind(to.to_string())
        .fetch_all(self.connection())
        .await?;
        Ok(rows.into_iter().map(|(id,)| ConsultationId::new(id)).collect())
    }

    /// The journal and a letter to the hosts, the card's owner and the deputies.
    async fn tell_refused(
        &mut self,
        school: &School,
        card: &CardId,
        mut of: Refused,
        today: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        of.codes.sort();
        of.codes.dedup();
        let (title, owner): (String, String) = sqlx::query_as(
            "SELECT v.title, v.teacher_id FROM lesson_card k JOIN card_version v ON v.card_id = k.id AND v.version = k.version
             WHERE k.id = $1",
        )
        .bind(card.as_str())
        .fetch_one(self.connection())
        .await?;
        let detail = serde_json::json!({ "dates": of.dates, "codes": of.codes });
        let event = AuditEvent::new(school.id.clone(), now_ms, "card.dates_refused", "lesson_card", card.as_str());
        self.audit(event.with(detail)).await?;
        let mut to = self.holders(&school.id, &[Role::DeputyHead], today).await?;
        to.push(PersonId::new(owner));
        to.extend(of.hosts);
        let first = of.dates.iter().min().map(Date::to_string).unwrap_or_default();
        let notice = Notice::CardDatesRefused {
            card: card.as_str().to_owned(),
            title,
            from: first.clone(),
            count: u32::try_from(of.dates.len()).unwrap_or(u32::MAX),
            code: of.codes.first().map(|code| code.as_str().to_owned()).unwrap_or_default(),
        };
        let key = format!("{card}:{first}:{}", of.dates.len());
        self.enqueue(Letter { school: school.id.clone(), to, notice, key, now_ms }).await?;
        Ok(())
    }
}

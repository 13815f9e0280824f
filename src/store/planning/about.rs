//! What dates are about, held against the rules of parts and topics (INV-20, INV-24 to INV-27): when a host chooses for one date.

use super::super::school::School;
use super::super::sql::{json, optional_text, to_json};
use super::super::{StoreError, Tx};
use super::substitute::{Again, checked};
use super::{PlanError, view};
use crate::domain::calendar::Calendar;
use crate::domain::ids::ConsultationId;
use crate::domain::planning::check_about;
use crate::domain::planning::finding::Finding;
use crate::domain::planning::programme::is_about;
use crate::domain::refusal::RefusalCode;

impl Tx {
    /// Asks about a date whose parts or topics have just been chosen. [`PlanError::Findings`]: they may not be; the caller's
    /// transaction ends with it. What is only warned of stays on the date as a remark.
    pub(in crate::store) async fn check_chosen(
        &mut self,
        school: &School,
        calendar: Calendar,
        id: &ConsultationId,
        again: &Again,
    ) -> Result<(), PlanError> {
        let mut view = view::about(self.connection(), school, calendar).await?;
        view.chosen.extend(again.chosen.clone().map(|chosen| (id.clone(), chosen)));
        let host = again.substitute.clone().unwrap_or_else(|| again.host.clone());
        let findings = check_about(&view, &again.wish(id, &host));
        if findings.iter().any(Finding::is_refusal) {
            return Err(PlanError::Findings(vec![checked(id, again, findings)]));
        }
        self.put_remarks_about(id, &findings).await?;
        Ok(())
    }

    /// Remarks of a date about its parts and topics, in place of the earlier ones. Gives whether they are others now.
    pub(in crate::store) async fn put_remarks_about(
        &mut self,
        id: &ConsultationId,
        findings: &[Finding],
    ) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT warnings FROM consultation WHERE id = $1")
            .bind(id.as_str())
            .fetch_one(self.connection())
            .await?;
        let before: Vec<String> = optional_text(&row, "warnings")?
            .map(|warnings| json(&warnings, "warnings"))
            .transpose()?
            .unwrap_or_default();
        let mut after = before.clone();
        after.retain(|code| !RefusalCode::parse(code).is_some_and(is_about));
        for finding in findings {
            let code = finding.code.as_str().to_owned();
            if !after.contains(&code) {
                after.push(code);
            }
        }
        if after == before {
            return Ok(false);
        }
        sqlx::query("UPDATE consultation SET warnings = $1 WHERE id = $2")
            .bind(to_json(&after))
            .bind(id.as_str())
            .execute(self.connection())
            .await?;
        Ok(true)
    }
}

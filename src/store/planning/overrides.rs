//! Orders that lift a refusal for one consultation (INV-34): by the deputy head or the head, with a number, never for oneself.

use super::super::school::School;
use super::super::sql::{self, int, text, word};
use super::super::transition::Actor;
use super::super::{AuditEvent, Store, StoreError, Tx};
use super::PlanError;
use crate::domain::ids::{ConsultationId, PersonId, SchoolId};
use crate::domain::planning::finding::is_overridable;
use crate::domain::planning::load::may_override;
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

/// An order as it is given.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Also one that is not planned yet: the name is derived.
    pub consultation: ConsultationId,
    pub code: RefusalCode,
    pub host: PersonId,
    pub order_no: String,
    pub reason: String,
}

/// An order as it stands in the book.
#[derive(Clone, Debug)]
pub struct OrderRow {
    pub id: String,
    pub consultation: ConsultationId,
    pub code: RefusalCode,
    pub host_name: String,
    pub granted_by: String,
    pub order_no: String,
    pub reason: String,
    pub created_at_ms: i64,
}

impl Store {
    /// Orders of a school, the newest first, at most `limit`.
    pub async fn orders(&self, school: &SchoolId, limit: i64) -> Result<Vec<OrderRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT o.id, o.consultation_id, o.kind, h.display_name AS host, b.display_name AS granted_by, o.order_no,
             o.reason, o.created_at FROM override_grant o JOIN person h ON h.id = o.host_id
             JOIN person b ON b.id = o.granted_by WHERE o.school_id = $1 ORDER BY o.created_at DESC LIMIT $2",
        )
        .bind(school.as_str())
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(OrderRow {
                    id: text(row, "id")?,
                    consultation: ConsultationId::new(text(row, "consultation_id")?),
                    code: word(RefusalCode::parse(&text(row, "kind")?), "kind of override")?,
                    host_name: text(row, "host")?,
                    granted_by: text(row, "granted_by")?,
                    order_no: text(row, "order_no")?,
                    reason: text(row, "reason")?,
                    created_at_ms: int(row, "created_at")?,
                })
            })
            .collect()
    }
}

impl Tx {
    /// Writes an order. Refusals: `role_not_permitted` for one's own hours, `reason_required` without a number or a reason,
    /// `illegal_transition` for what no order lifts, [`StoreError::Conflict`] when there is one already.
    pub async fn grant_override(
        &mut self,
        school: &School,
        order: &NewOrder,
        actor: &Actor,
        now_ms: i64,
    ) -> Result<String, PlanError> {
        let roles: Vec<Role> = actor.role.into_iter().collect();
        may_override(&roles, &actor.person, &order.host, &order.order_no).map_err(PlanError::Refused)?;
        if order.reason.trim().is_empty() {
            return Err(PlanError::Refused(RefusalCode::ReasonRequired));
        }
        if !is_overridable(order.code) {
            return Err(PlanError::Refused(RefusalCode::IllegalTransition));
        }
        let host: Option<(String,)> = sqlx::query_as("SELECT id FROM person WHERE id = $1 AND school_id = $2")
            .bind(order.host.as_str())
            .bind(school.id.as_str())
            .fetch_optional(self.connection())
            .await
            .map_err(StoreError::from)?;
        if host.is_none() {
            return Err(StoreError::NotFound.into());
        }
        let id = uuid::Uuid::now_v7().to_string();
        let row = vec![
            id.as_str().into(),
            school.id.as_str().into(),
            order.consultation.as_str().into(),
            order.code.as_str().into(),
            order.host.as_str().into(),
            actor.person.as_str().into(),
            actor.role.map_or("", Role::as_str).into(),
            order.order_no.trim().into(),
            order.reason.trim().into(),
            now_ms.into(),
        ];
        let into = "override_grant (id, school_id, consultation_id, kind, host_id, granted_by, granted_role, order_no, reason, created_at)";
        sql::insert_many(self.connection(), into, 10, vec![row]).await?;
        let event =
            AuditEvent::new(school.id.clone(), now_ms, "override.grant", "consultation", order.consultation.as_str())
                .by(&actor.person, actor.role.map(Role::as_str))
                .because(order.reason.trim())
                .with(serde_json::json!({ "code": order.code, "order_no": order.order_no.trim(), "host": order.host }));
        self.audit(event).await?;
        let order_no = order.order_no.trim().to_owned();
        self.tell_order(&school.id, &order.consultation, &order.host, &order_no, now_ms).await?;
        Ok(id)
    }
}

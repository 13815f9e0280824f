//! The lists of requests: one's own and one's children's, those of peers without names, and the inbox of those who answer.

use super::{HelpRequest, SELECT, request};
use crate::domain::ids::{GroupId, PersonId, SchoolId, SubjectId, UnitId};
use crate::domain::request::RequestState;
use crate::store::sql::placeholders;
use crate::store::{Store, StoreError};

/// Rows of one list; the inbox of a school is worked off long before.
const MOST_ROWS: i64 = 500;

/// Whose requests are asked for.
#[derive(Clone, Debug)]
pub enum RequestList {
    /// For these students.
    Mine(Vec<PersonId>),
    /// Open and shared ones of these groups, without those for or by these people.
    Peers {
        groups: Vec<GroupId>,
        not_of: Vec<PersonId>,
    },
    /// Of groups and subjects that this person teaches, or assigned to them.
    Inbox(PersonId),
    Unit(Vec<UnitId>),
    School,
}

/// What of a list.
#[derive(Clone, Debug, Default)]
pub struct InboxFilter {
    /// Empty: all.
    pub states: Vec<RequestState>,
    pub subject: Option<SubjectId>,
    pub group: Option<GroupId>,
}

impl Store {
    /// A list, the most urgent first (own ones: the newest first), at most 500.
    pub async fn help_requests(
        &self,
        school: &SchoolId,
        list: &RequestList,
        filter: &InboxFilter,
    ) -> Result<Vec<HelpRequest>, StoreError> {
        let mut sql = format!("{SELECT} WHERE r.school_id = $1");
        let mut values: Vec<&str> = vec![school.as_str()];
        let mut order = "CASE WHEN r.first_response_at IS NULL THEN r.first_response_due ELSE r.help_due END, r.id";
        match list {
            RequestList::Mine(people) => {
                let ids: Vec<&str> = people.iter().map(PersonId::as_str).collect();
                push_in(&mut sql, "r.student_id", &ids, &mut values);
                order = "r.created_at DESC, r.id DESC";
            }
            RequestList::Peers { groups, not_of } => {
                let ids: Vec<&str> = groups.iter().map(GroupId::as_str).collect();
                push_in(&mut sql, "r.group_id", &ids, &mut values);
                sql.push_str(" AND r.is_shared = 1 AND r.state IN ('submitted', 'accepted', 'scheduled', 'reopened')");
                for person in not_of {
                    values.push(person.as_str());
                    sql.push_str(&format!(" AND r.student_id <> ${0} AND r.author_id <> ${0}", values.len()));
                }
                order = "votes DESC, r.created_at DESC, r.id DESC";
            }
            RequestList::Inbox(person) => {
                values.push(person.as_str());
                let n = values.len();
                sql.push_str(&format!(
                    " AND (r.assigned_to = ${n} OR EXISTS (SELECT 1 FROM card_slot cs
                     JOIN card_version cv ON cv.id = cs.version_id
                     WHERE cv.group_id = r.group_id AND cv.subject_id = r.subject_id AND cs.host_id = ${n}))"
                ));
            }
            RequestList::Unit(units) => {
                let ids: Vec<&str> = units.iter().map(UnitId::as_str).collect();
                push_in(&mut sql, "cl.unit_id", &ids, &mut values);
            }
            RequestList::School => {}
        }
        let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        if !states.is_empty() {
            push_in(&mut sql, "r.state", &states, &mut values);
        }
        if let Some(subject) = &filter.subject {
            push_in(&mut sql, "r.subject_id", &[subject.as_str()], &mut values);
        }
        if let Some(group) = &filter.group {
            push_in(&mut sql, "r.group_id", &[group.as_str()], &mut values);
        }
        sql.push_str(&format!(" ORDER BY {order} LIMIT {MOST_ROWS}"));
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for value in values {
            query = query.bind(value);
        }
        query.fetch_all(self.readers()).await?.iter().map(request).collect()
    }

    /// Whether this person holds consultations of the subject for the group: `G` of the policy table for requests.
    pub async fn teaches_subject(
        &self,
        host: &PersonId,
        group: &GroupId,
        subject: &SubjectId,
    ) -> Result<bool, StoreError> {
        let found: Option<(String,)> = sqlx::query_as(
            "SELECT cs.id FROM card_slot cs JOIN card_version cv ON cv.id = cs.version_id
             WHERE cv.group_id = $1 AND cv.subject_id = $2 AND cs.host_id = $3 LIMIT 1",
        )
        .bind(group.as_str())
        .bind(subject.as_str())
        .bind(host.as_str())
        .fetch_optional(self.readers())
        .await?;
        Ok(found.is_some())
    }
}

/// ` AND column IN (…)`; nothing is in an empty list.
fn push_in<'v>(sql: &mut String, column: &str, ids: &[&'v str], values: &mut Vec<&'v str>) {
    if ids.is_empty() {
        sql.push_str(" AND 1 = 0");
        return;
    }
    sql.push_str(&format!(" AND {column} IN ({})", placeholders(values.len() + 1, ids.len())));
    values.extend(ids);
}

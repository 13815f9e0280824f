//! Rooms from outside, and what they leave behind: who was there, what was written.

use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use signaling::ids::RoomId;
use signaling::message::chat::ChatHistory;

use super::ApiState;
use super::access::{Seen, role_word, wards_on_roster};
use super::auth::Session;
use super::problem::Problem;
use super::session::rfc3339;
use super::timetable::PersonRef;
use crate::domain::access::{STAY_AFTER_MS, WAIT_BEFORE_MS};
use crate::domain::ids::PersonId;
use crate::domain::policy::Relation;
use crate::domain::policy::action::kind;
use crate::store::attendance::Interval;

/// Messages in one answer.
const MOST_MESSAGES: u16 = 100;

/// A room.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RoomInfo {
    id: String,
    consultation: String,
    form: String,
    /// The consultation's state.
    state: String,
    /// Whether it can be entered on this hub now.
    open: bool,
    /// Who has a seat; empty for those who could not enter.
    members: Vec<MemberInfo>,
}

/// Somebody in a room.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MemberInfo {
    person: String,
    display_name: String,
    /// `host`, `cohost`, `recipient`, `guardian` or `observer`.
    role: String,
}

/// State and members of a room. It is named by its consultation.
#[utoipa::path(get, path = "/api/v1/rooms/{room}", tag = "rooms", params(("room" = String, Path)), responses(
    (status = 200, body = RoomInfo), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn room(
    State(state): State<ApiState>,
    session: Session,
    Path(room): Path<String>,
) -> Result<Json<RoomInfo>, Problem> {
    let seen = Seen::look_up(&state, &session, &room).await?;
    let may_enter = role_word(&seen.facts, &seen.consultation.room_facts(), seen.today) != "none";
    session.allow::<kind::RoomView>(seen.relations.with_if(may_enter, Relation::Seat))?;
    let view = state.rooms.view(&RoomId::new(room.as_str())).await;
    let open = view.is_some();
    let members = match view {
        Some((_, members)) if may_enter => members
            .into_iter()
            .map(|member| MemberInfo {
                person: member.person.as_str().to_owned(),
                display_name: member.display_name,
                role: word(&member.role),
            })
            .collect(),
        _ => Vec::new(),
    };
    Ok(Json(RoomInfo {
        id: room.clone(),
        consultation: room,
        form: seen.consultation.form.as_str().to_owned(),
        state: seen.consultation.state.as_str().to_owned(),
        open,
        members,
    }))
}

/// The spelling of an enum of the wire.
fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Who was in a consultation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Attendance {
    rows: Vec<AttendanceRow>,
    /// Seconds after the planned start that the host came; 0 when in time, missing when never.
    #[serde(skip_serializing_if = "Option::is_none")]
    host_delay_s: Option<i64>,
}

/// One person's stays.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AttendanceRow {
    person: PersonRef,
    /// `host`, `cohost`, `recipient`, `guardian` or `observer`.
    role: String,
    intervals: Vec<Stay>,
    /// Whole minutes of all stays.
    minutes: i64,
}

/// From when to when; RFC 3339, UTC.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Stay {
    joined_at: String,
    /// Missing: still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_at: Option<String>,
}

/// Who was there and for how long: the whole list for host and heads, one's own or one's children's rows for the others.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/attendance", tag = "rooms", params(("id" = String, Path)),
    responses((status = 200, body = Attendance), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub async fn attendance(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<Attendance>, Problem> {
    let seen = Seen::look_up(&state, &session, &id).await?;
    let grant = session.allow::<kind::AttendanceView>(seen.relations)?;
    let mut stays = state.store.attendance(&seen.consultation.id).await?;
    match grant.relation {
        Relation::Own => stays.retain(|stay| stay.person == session.principal.person),
        Relation::Ward => {
            let wards = wards_on_roster(&seen.facts, &seen.consultation.room_facts(), seen.today);
            stays.retain(|stay| wards.contains(&stay.person));
        }
        _ => {}
    }
    let people: Vec<PersonId> = stays.iter().map(|stay| stay.person.clone()).collect();
    let names = state.store.display_names(&people).await?;
    Ok(Json(Attendance {
        rows: rows(&stays, &names, state.clock.now_ms()),
        host_delay_s: seen.consultation.host_delay_s,
    }))
}

fn rows(stays: &[Interval], names: &HashMap<PersonId, String>, now_ms: i64) -> Vec<AttendanceRow> {
    let mut people: BTreeMap<(usize, &PersonId), Vec<&Interval>> = BTreeMap::new();
    let mut order: Vec<&PersonId> = Vec::new();
    for stay in stays {
        let place = order.iter().position(|person| **person == stay.person).unwrap_or_else(|| {
            order.push(&stay.person);
            order.len() - 1
        });
        people.entry((place, &stay.person)).or_default().push(stay);
    }
    people
        .into_iter()
        .map(|((_, person), stays)| {
            let whole_ms: i64 = stays.iter().map(|stay| stay.left_ms.unwrap_or(now_ms) - stay.joined_ms).sum();
            AttendanceRow {
                person: PersonRef {
                    id: person.as_str().to_owned(),
                    display_name: names.get(person).cloned().unwrap_or_default(),
                },
                role: stays.last().map(|stay| stay.role.clone()).unwrap_or_default(),
                minutes: whole_ms.max(0) / 60_000,
                intervals: stays
                    .into_iter()
                    .map(|stay| Stay { joined_at: rfc3339(stay.joined_ms), left_at: stay.left_ms.map(rfc3339) })
                    .collect(),
            }
        })
        .collect()
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Messages below this number; the newest without it.
    before_seq: Option<u64>,
    /// 1 to 100.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// The chat of a consultation, also after it: oldest first, as `chat_history` on the WebSocket.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/messages", tag = "rooms", params(("id" = String, Path), Page),
    responses((status = 200, description = "`ChatHistory` of signaling.schema.json", body = serde_json::Value),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)
))]
pub async fn messages(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<String>,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<ChatHistory>, Problem> {
    let Query(page) = page.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let limit = page.limit.unwrap_or(MOST_MESSAGES);
    if limit == 0 || limit > MOST_MESSAGES {
        return Err(Problem::bad_request(format!("limit: from 1 to {MOST_MESSAGES}")));
    }
    let seen = Seen::look_up(&state, &session, &id).await?;
    let may_enter = role_word(&seen.facts, &seen.consultation.room_facts(), seen.today) != "none";
    session.allow::<kind::ChatRead>(seen.relations.with_if(may_enter, Relation::Seat))?;
    let room = &seen.consultation.id;
    if state.store.removed_from_room(room).await?.contains(&session.principal.person) {
        return Err(Problem::new("removed_from_room"));
    }
    let (mut messages, more) = state.store.message_page(room, page.before_seq, limit).await?;
    if seen.consultation.takes_turns && !seen.relations.contains(Relation::Host) {
        // Of office hours everybody reads their own time.
        let mine = own_times(&seen);
        messages.retain(|message| {
            let sent = i64::try_from(message.sent_ms).unwrap_or_default();
            mine.iter().any(|(from, to)| (*from..*to).contains(&sent))
        });
    }
    let last_seq = state.store.last_message_seq(room).await?;
    Ok(Json(ChatHistory { messages, last_seq, more }))
}

/// From when to when the person, or a child of theirs, was expected in office hours.
fn own_times(seen: &Seen) -> Vec<(i64, i64)> {
    let wards = wards_on_roster(&seen.facts, &seen.consultation.room_facts(), seen.today);
    let is_mine = |student: &PersonId| *student == seen.facts.id || wards.contains(student);
    let booked = seen.consultation.booked.iter().filter(|one| is_mine(&one.student));
    booked.map(|one| (one.starts_ms - WAIT_BEFORE_MS, one.ends_ms + STAY_AFTER_MS)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_who_came_twice_has_one_row_with_the_sum_of_minutes() {
        let stay = |person: &str, joined_ms, left_ms| Interval {
            person: PersonId::new(person),
            role: "recipient".into(),
            joined_ms,
            left_ms,
        };
        let stays = [stay("b", 0, Some(60_000)), stay("a", 30_000, None), stay("b", 120_000, Some(240_000))];
        let rows = rows(&stays, &HashMap::new(), 150_000);
        let summary: Vec<_> =
            rows.iter().map(|row| (row.person.id.as_str(), row.intervals.len(), row.minutes)).collect();
        assert_eq!(summary, [("b", 2, 3), ("a", 1, 2)]);
    }
}

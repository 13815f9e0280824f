//! Office hours and appointments as one person sees them: others' names are for the host alone.

use serde::Serialize;

use super::super::files::FileView;
use super::relations;
use crate::api::help::Asker;
use crate::api::session::rfc3339;
use crate::api::timetable::PersonRef;
use crate::domain::appointment::{AppointmentState, BookingRules};
use crate::domain::ids::PersonId;
use crate::domain::person::GuardianRight;
use crate::domain::policy::Relation;
use crate::store::appointment::{Appointment, OfficeHours, Waiting, WalkIn};
use crate::store::consultation::Named;
use crate::store::request_file::RequestFile;

/// Office hours. Instants are RFC 3339 in UTC.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct HoursView {
    /// Name of the consultation and of its room.
    id: String,
    title: String,
    subject: Option<String>,
    class: Option<String>,
    host: PersonRef,
    start: String,
    end: String,
    /// `planned`, `open` or `live`.
    state: String,
    /// Whether the person holds them.
    is_host: bool,
    times: Vec<TimeView>,
    /// The waiting list: how long it is, and where one's own stand in it (from 1).
    waiting: Vec<PlaceView>,
    waiting_count: usize,
    /// The queue at the door while the room is open.
    queue: Vec<PlaceView>,
    queue_count: usize,
}

/// One time of office hours.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TimeView {
    id: String,
    starts: String,
    ends: String,
    /// `free`, `taken` (somebody else's), `mine` (one's own or a child's), `booked`, `attended`, `no_show` (for the host).
    state: String,
    /// It is free, and not too late.
    can_book: bool,
    student: Option<PersonRef>,
    message: Option<String>,
}

/// Somebody's place in a line.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PlaceView {
    student: PersonRef,
    /// From 1.
    position: usize,
    message: Option<String>,
}

/// One appointment.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AppointmentView {
    id: String,
    /// Name of the consultation and of its room.
    consultation: String,
    title: String,
    subject: Option<String>,
    class: Option<String>,
    host: PersonRef,
    starts: String,
    ends: String,
    /// `free`, `booked`, `attended`, `no_show`, `cancelled_by_recipient` or `cancelled_by_host`.
    state: String,
    student: Option<PersonRef>,
    booked_by: Option<PersonRef>,
    message: Option<String>,
    reason: Option<String>,
    note_shared: Option<String>,
    /// The host's own; nobody else is told.
    note_private: Option<String>,
    /// `booked`, `waiting_list`, `walk_in`, `request` or `card`.
    origin: Option<String>,
    is_host: bool,
    can_cancel: bool,
    files: Vec<FileView>,
}

fn person(named: Named) -> PersonRef {
    PersonRef { id: named.id.as_str().to_owned(), display_name: named.display_name }
}

impl HoursView {
    pub fn of(hours: OfficeHours, walk_ins: Vec<WalkIn>, asker: &Asker, rules: &BookingRules) -> Self {
        let OfficeHours { consultation, times, waiting } = hours;
        let mine = asker.students(GuardianRight::View);
        let host = consultation.substitute.unwrap_or(consultation.host);
        let is_host = host.id == asker.facts.id;
        let sees = |student: &PersonId| is_host || mine.contains(student);
        let closes_ms = i64::from(rules.closes_minutes) * 60_000;
        let opens_ms = i64::from(rules.days_ahead) * 24 * 3_600_000;
        let in_time = |starts: i64| asker.now_ms < starts - closes_ms && asker.now_ms >= starts - opens_ms;
        let times = times
            .into_iter()
            .map(|time| {
                let is_mine = time.student.as_ref().is_some_and(|student| mine.contains(&student.id));
                let state = match (time.state, is_mine, is_host) {
                    (AppointmentState::Free, ..) => "free",
                    (_, true, false) => "mine",
                    (_, false, false) => "taken",
                    (state, _, true) => state.as_str(),
                };
                let is_shown = is_mine || is_host;
                TimeView {
                    can_book: time.state == AppointmentState::Free && in_time(time.starts_ms),
                    id: time.id.as_str().to_owned(),
                    starts: rfc3339(time.starts_ms),
                    ends: rfc3339(time.ends_ms),
                    state: state.to_owned(),
                    student: time.student.filter(|_| is_shown).map(person),
                    message: time.message.filter(|_| is_shown),
                }
            })
            .collect();
        let (waiting_count, queue_count) = (waiting.len(), walk_ins.len());
        let waiting = waiting.into_iter().enumerate().filter(|(_, one)| sees(&one.student.id)).map(
            |(index, Waiting { student, message, .. })| PlaceView {
                student: person(student),
                position: index + 1,
                message,
            },
        );
        let queue = walk_ins.into_iter().enumerate().filter(|(_, one)| sees(&one.student.id)).map(
            |(index, WalkIn { student, message, .. })| PlaceView {
                student: person(student),
                position: index + 1,
                message,
            },
        );
        Self {
            id: consultation.id.as_str().to_owned(),
            title: consultation.title,
            subject: consultation.subject,
            class: consultation.class,
            host: person(host),
            start: rfc3339(consultation.start_ms),
            end: rfc3339(consultation.end_ms),
            state: consultation.state.as_str().to_owned(),
            is_host,
            times,
            waiting: waiting.collect(),
            waiting_count,
            queue: queue.collect(),
            queue_count,
        }
    }
}

impl AppointmentView {
    pub fn of(one: Appointment, files: Vec<RequestFile>, asker: &Asker, rules: &BookingRules) -> Self {
        let relations = relations(asker, &one, GuardianRight::Book);
        let is_host = relations.contains(Relation::Host);
        let guard_ms = i64::from(rules.guard_minutes) * 60_000;
        let is_booked = one.state == AppointmentState::Booked;
        let may_give_back = (relations.contains(Relation::Own) || relations.contains(Relation::Ward))
            && asker.now_ms < one.starts_ms - guard_ms;
        let may_take_away = is_host && one.ends_ms > asker.now_ms;
        Self {
            id: one.id.as_str().to_owned(),
            consultation: one.consultation.as_str().to_owned(),
            title: one.title,
            subject: one.subject,
            class: one.class,
            host: person(one.host),
            starts: rfc3339(one.starts_ms),
            ends: rfc3339(one.ends_ms),
            state: one.state.as_str().to_owned(),
            student: one.student.map(person),
            booked_by: one.booked_by.map(person),
            message: one.message,
            reason: one.reason,
            note_shared: one.note_shared,
            note_private: one.note_private.filter(|_| is_host),
            origin: one.origin.map(|origin| origin.as_str().to_owned()),
            is_host,
            can_cancel: is_booked && (may_give_back || may_take_away),
            files: files.into_iter().map(FileView::from).collect(),
        }
    }
}

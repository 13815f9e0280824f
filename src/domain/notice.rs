//! What people are told of: the closed list of notices with what each carries, and where and when each may go out.
//!
//! A notice holds what its text needs and nothing more: ids, titles of lessons, instants. Names of children are not among
//! it, because subjects of letters and texts on locked screens are read by others. The words are put by the web client
//! (in the app) and by `notify` (letters, pushes).

use serde::{Deserialize, Serialize};

use super::ids::ConsultationId;

/// A consultation as a notice names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Lesson {
    #[schema(value_type = String)]
    pub id: ConsultationId,
    /// Subject and class: «Математика, 5А».
    pub title: String,
    /// Unix milliseconds.
    pub start_ms: i64,
}

macro_rules! notices {
    ($($(#[$doc:meta])* $variant:ident = $code:literal ($topic:ident $(, $urgent:ident)?)
        { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? }),+ $(,)?) => {
        /// One thing to tell.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(tag = "kind")]
        pub enum Notice {
            $($(#[$doc])* #[serde(rename = $code)] $variant { $($(#[$field_doc])* $field: $type),* }),+
        }

        impl Notice {
            /// Codes of all kinds.
            pub const KINDS: &'static [&'static str] = &[$($code),+];

            pub fn kind(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $code),+ }
            }

            /// By what people choose their channels.
            pub fn topic(&self) -> Topic {
                match self { $(Self::$variant { .. } => Topic::$topic),+ }
            }

            /// Worthless later: quiet hours do not hold it back.
            pub fn is_urgent(&self) -> bool {
                match self { $(Self::$variant { .. } => notices!(@urgent $($urgent)?)),+ }
            }
        }
    };
    (@urgent urgent) => { true };
    (@urgent) => { false };
}

notices! {
    /// It begins in so many minutes.
    ConsultationSoon = "consultation_soon" (Reminders) { lesson: Lesson, minutes: u32 },
    /// The room is open.
    ConsultationOpened = "consultation_opened" (Lessons, urgent) { lesson: Lesson },
    ConsultationMoved = "consultation_moved" (Lessons) { lesson: Lesson, was_ms: i64 },
    ConsultationCancelled = "consultation_cancelled" (Lessons) { lesson: Lesson, reason: String },
    /// Somebody else holds it; `by` is the name of a grown-up of the school.
    ConsultationSubstituted = "consultation_substituted" (Lessons) { lesson: Lesson, by: String },
    /// Form, topics or materials are other than before.
    ConsultationChanged = "consultation_changed" (Lessons) { lesson: Lesson },
    /// For the deputy head: it did not take place.
    ConsultationNotHeld = "consultation_not_held" (Oversight) { lesson: Lesson, reason: String },
    /// It did not take place (`no_host`, `technical`), or broke off; `said` is what the one who closed it wrote.
    ConsultationFellThrough = "consultation_fell_through" (Lessons, urgent)
        { lesson: Lesson, reason: String, said: String },
    /// Planned for you, or asked by you.
    ConsultationPlanned = "consultation_planned" (Lessons) { lesson: Lesson },

    /// For those who answer.
    RequestReceived = "request_received" (Requests) { request: String, subject: String },
    RequestAccepted = "request_accepted" (Requests) { request: String, subject: String },
    RequestAnswered = "request_answered" (Requests) { request: String, subject: String },
    RequestDeclined = "request_declined" (Requests) { request: String, subject: String, reason: String },
    RequestScheduled = "request_scheduled" (Requests) { request: String, subject: String, lesson: Lesson },
    RequestReopened = "request_reopened" (Requests) { request: String, subject: String },
    RequestWithdrawn = "request_withdrawn" (Requests) { request: String, subject: String },
    /// The time to answer has run out.
    RequestOverdue = "request_overdue" (Oversight) { request: String, subject: String, due_ms: i64 },

    AppointmentBooked = "appointment_booked" (Appointments) { lesson: Lesson, appointment: String },
    AppointmentCancelled = "appointment_cancelled" (Appointments) { lesson: Lesson, appointment: String, reason: String },
    /// A place became free and the waiting list moved up.
    AppointmentMovedUp = "appointment_moved_up" (Appointments) { lesson: Lesson, appointment: String },
    /// You are next in the queue.
    AppointmentNext = "appointment_next" (Appointments, urgent) { lesson: Lesson },

    /// Days from..to are other than before, and so many of your consultations with them.
    CalendarChanged = "calendar_changed" (Lessons) { from: String, to: String, affected: u32 },
    OverrideAsked = "override_asked" (Oversight) { lesson: Lesson },
    OverrideGranted = "override_granted" (Cards) { lesson: Lesson, order_no: String },
    CardPublished = "card_published" (Cards) { card: String, title: String },
    /// For the deputy head: waits for consent to be published.
    CardAwaits = "card_awaits" (Oversight) { card: String, title: String },
    CardWithdrawn = "card_withdrawn" (Cards) { card: String, title: String },
    /// So many dates from this one on could not be planned; the first reason is a refusal's code.
    CardDatesRefused = "card_dates_refused" (Cards) { card: String, title: String, from: String, count: u32, code: String },
    /// The programme has changed: so many planned dates from this one on stand against a rule now, the first by its code.
    CardDatesAgainst = "card_dates_against" (Cards) { card: String, title: String, from: String, count: u32, code: String },

    /// The timetable of lessons has changed: so many planned dates from this one on meet a lesson now.
    CardDatesCollide = "card_dates_collide" (Cards) { card: String, title: String, from: String, count: u32 },

    /// For those who decide: a change of the rules waits.
    RuleProposed = "rule_proposed" (Oversight) { proposal: String },
    RuleConfirmed = "rule_confirmed" (Oversight) { proposal: String },
    RuleDeclined = "rule_declined" (Oversight) { proposal: String, reason: String },

    FeedbackAsked = "feedback_asked" (Feedback) { lesson: Lesson },
    ComplaintReceived = "complaint_received" (Feedback) { complaint: String },
    ComplaintAnswered = "complaint_answered" (Feedback) { complaint: String },

    GuardianLinkProposed = "guardian_link_proposed" (People) { link: String },
    GuardianLinkConfirmed = "guardian_link_confirmed" (People) { link: String },
    GuardianLinkEnded = "guardian_link_ended" (People) { link: String, reason: String },

    /// `purpose` is the code of a consent's purpose.
    ConsentNeeded = "consent_needed" (Privacy) { purpose: String },
    ConsentWithdrawn = "consent_withdrawn" (Privacy) { purpose: String },
    ErasureRequested = "erasure_requested" (Privacy) { erasure: String },
    ErasureApproved = "erasure_approved" (Privacy) { erasure: String },
    ErasureDeclined = "erasure_declined" (Privacy) { erasure: String, reason: String },
    ErasureDone = "erasure_done" (Privacy) { erasure: String, act_no: String },
}

super::words!(
    /// What people switch on and off; a row of the settings page.
    #[derive(utoipa::ToSchema)]
    Topic {
        Reminders = "reminders",
        Lessons = "lessons",
        Requests = "requests",
        Appointments = "appointments",
        Cards = "cards",
        Feedback = "feedback",
        People = "people",
        Privacy = "privacy",
        /// Of those who answer for others.
        Oversight = "oversight",
    }
);

super::words!(
    /// A way out of the hub. In the app a notice is always there.
    #[derive(utoipa::ToSchema)]
    Channel {
        Email = "email",
        Push = "push",
        Webhook = "webhook",
    }
);

impl Notice {
    /// The page of the web client that it leads to.
    pub fn path(&self) -> String {
        match self {
            Self::ConsultationSoon { lesson, .. }
            | Self::ConsultationOpened { lesson }
            | Self::AppointmentNext { lesson } => format!("/room/{}", lesson.id),
            Self::RequestReceived { request, .. }
            | Self::RequestAccepted { request, .. }
            | Self::RequestAnswered { request, .. }
            | Self::RequestDeclined { request, .. }
            | Self::RequestScheduled { request, .. }
            | Self::RequestReopened { request, .. }
            | Self::RequestWithdrawn { request, .. }
            | Self::RequestOverdue { request, .. } => format!("/requests/{request}"),
            Self::ComplaintReceived { .. } | Self::ComplaintAnswered { .. } | Self::FeedbackAsked { .. } => {
                "/feedback".to_owned()
            }
            Self::ConsentNeeded { .. }
            | Self::ConsentWithdrawn { .. }
            | Self::ErasureRequested { .. }
            | Self::ErasureApproved { .. }
            | Self::ErasureDeclined { .. }
            | Self::ErasureDone { .. } => "/privacy".to_owned(),
            Self::GuardianLinkProposed { .. } | Self::GuardianLinkConfirmed { .. } | Self::GuardianLinkEnded { .. } => {
                "/guardians".to_owned()
            }
            Self::RuleProposed { .. } | Self::RuleConfirmed { .. } | Self::RuleDeclined { .. } => {
                "/planning?tab=rules".to_owned()
            }
            Self::CardPublished { .. }
            | Self::CardAwaits { .. }
            | Self::CardWithdrawn { .. }
            | Self::CardDatesRefused { .. }
            | Self::CardDatesAgainst { .. }
            | Self::CardDatesCollide { .. } => "/cards".to_owned(),
            _ => "/".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_notice_survives_the_store_and_names_its_kind() {
        let lesson =
            Lesson { id: ConsultationId::new("c"), title: "Математика, 5А".to_owned(), start_ms: 7 };
        let notice = Notice::ConsultationMoved { lesson, was_ms: 5 };
        let json = serde_json::to_value(&notice).unwrap();
        assert_eq!(json["kind"], notice.kind());
        assert_eq!(serde_json::from_value::<Notice>(json).unwrap(), notice);
        assert_eq!((notice.topic(), notice.is_urgent()), (Topic::Lessons, false));
    }

    #[test]
    fn every_kind_has_a_code_of_its_own() {
        let kinds: std::collections::BTreeSet<_> = Notice::KINDS.iter().collect();
        assert_eq!(kinds.len(), Notice::KINDS.len());
    }
}

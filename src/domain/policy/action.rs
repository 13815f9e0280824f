//! What can be done: the closed list of actions, their codes, and the scopes by which tokens reach them.

use serde::{Deserialize, Serialize};

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $code:literal $([$($scope:ident),+])?),+ $(,)?) => {
        /// One column of rights. The code is the one of DOMAIN section 5.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action { $($(#[$doc])* $name),+ }

        impl Action {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// Scopes of which a token needs one; none: a token cannot do it at all.
            pub fn scopes(self) -> &'static [Scope] {
                match self { $(Self::$name => &[$($(Scope::$scope),+)?]),+ }
            }
        }

        /// Each action as a type, for [`super::Grant`].
        pub mod kind {
            use super::super::Kind;
            use super::Action;

            $(
                #[derive(Clone, Copy, Debug)]
                pub struct $name;
                impl Kind for $name { const ACTION: Action = Action::$name; }
            )+
        }
    };
}

actions! {
    /// Materials and homework of a consultation.
    MaterialView = "material.view" [TimetableRead],
    /// The list of what concerns oneself or one's ward, or the whole school's.
    TimetableView = "timetable.view" [TimetableRead, RoomJoin, RoomWatch, RoomPublish],
    TimetableIcs = "timetable.ics",
    /// One consultation with its topics; its materials are [`Action::MaterialView`].
    ConsultationView = "consultation.view" [TimetableRead, RoomJoin, RoomWatch, RoomPublish],
    RequestCreate = "request.create",
    RequestWithdraw = "request.withdraw",
    RequestTriage = "request.triage",
    RequestAnswer = "request.answer",
    CardEdit = "card.edit",
    CardPublish = "card.publish",
    ConsultationCancel = "consultation.cancel",
    ConsultationMove = "consultation.move",
    /// Load, norm or hours; with an order number.
    OverrideGrant = "override.grant",
    AppointmentBook = "appointment.book",
    AppointmentCancel = "appointment.cancel",
    /// State and members of a room.
    RoomView = "room.view" [RoomJoin, RoomWatch, RoomPublish],
    /// Take a recipient's seat.
    RoomJoin = "room.join" [RoomJoin, RoomWatch, RoomPublish],
    RoomHost = "room.host" [RoomJoin, RoomWatch, RoomPublish],
    /// Be there, visible to all, without a part in it.
    RoomObserve = "room.observe" [RoomJoin, RoomWatch],
    /// Send media at all; what the form allows is the room's matter.
    MediaPublish = "media.publish" [RoomPublish, RoomJoin],
    /// Receive media.
    MediaWatch = "media.watch" [RoomWatch, RoomJoin],
    /// Figures of a room's media, for support.
    MediaInspect = "media.inspect",
    ChatRead = "chat.read" [RoomJoin],
    ChatWrite = "chat.write" [RoomJoin],
    /// Mute, admit, remove, lock.
    RoomModerate = "room.moderate" [RoomJoin],
    RoomClose = "room.close" [RoomJoin],
    RecordingStart = "recording.start",
    RecordingView = "recording.view",
    AttendanceView = "attendance.view",
    PerformanceView = "performance.view",
    ActivityManage = "activity.manage",
    ActivityGrade = "activity.grade",
    SubmissionCreate = "submission.create",
    SubmissionView = "submission.view",
    SubmissionComment = "submission.comment",
    ReviewWrite = "review.write",
    LoadView = "load.view",
    EvidenceReport = "evidence.report",
    /// A correction beside what the clock wrote.
    EvidenceCorrect = "evidence.correct",
    PartComplete = "part.complete",
    CardsImport = "import.cards" [CardsImport],
    RosterImport = "import.roster",
    MarksImport = "import.marks",
    GuardianLinkConfirm = "guardian_link.confirm",
    UserManage = "user.manage",
    RoleAssign = "role.assign",
    CalendarManage = "calendar.manage",
    BellsManage = "bells.manage",
    NormManage = "norm.manage",
    PolicyManage = "policy.manage",
    ConsentGive = "consent.give",
    ConsentWithdraw = "consent.withdraw",
    DataExport = "data.export",
    ErasureRequest = "erasure.request",
    ErasureApprove = "erasure.approve",
    /// By the data officer, before it is executed.
    ErasureConfirm = "erasure.confirm",
    ErasureExecute = "erasure.execute",
    /// Acts of destruction with their proof.
    ErasureActs = "erasure.acts",
    /// Keep a person's data from erasure and from its term, and let it go again.
    RetentionHold = "retention.hold",
    AuditView = "audit.view",
    SystemConfigure = "system.configure",
    /// Who is online.
    PresenceView = "presence.view",
    /// One's own sign-in: `me`, ticket, sign-out.
    AccountView = "account.view" [TimetableRead, RoomJoin, RoomWatch, RoomPublish, CardsImport],
    /// A new password for one's own account. A token changes none.
    PasswordChange = "password.change",
    /// One's own notices and what one chose about them.
    NoticeView = "notice.view",
    /// One's own check of devices and line.
    DeviceCheck = "device.check",
    /// What the checks found of those whom a consultation is for.
    DeviceView = "device.view",
    /// Video instructions beside the articles of the guide.
    GuideManage = "guide.manage",
    /// A ticket for the WebSocket, which needs the right to join.
    TicketCreate = "ticket.create" [RoomJoin],
    /// A token for a program of one's own. A token makes no tokens.
    TokenCreate = "token.create",
}

/// What a token may do at most. It never exceeds its owner: the table is asked as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Scope {
    #[serde(rename = "room.publish")]
    RoomPublish,
    #[serde(rename = "room.watch")]
    RoomWatch,
    #[serde(rename = "room.join")]
    RoomJoin,
    #[serde(rename = "timetable.read")]
    TimetableRead,
    #[serde(rename = "cards.import")]
    CardsImport,
}

impl Scope {
    pub const ALL: [Self; 5] =
        [Self::RoomPublish, Self::RoomWatch, Self::RoomJoin, Self::TimetableRead, Self::CardsImport];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::RoomPublish => "room.publish",
            Self::RoomWatch => "room.watch",
            Self::RoomJoin => "room.join",
            Self::TimetableRead => "timetable.read",
            Self::CardsImport => "cards.import",
        }
    }

    /// `None`: no such scope.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

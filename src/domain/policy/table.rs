//! The table itself: DOMAIN section 5, all of it, also for what is built later. `tests/policy.csv` is its review copy.

use super::Relation::{self, Assigned, Group, Homeroom, Host, Own, School, Seat, Unit, Ward};
use super::{Action, Role};

/// One way in which a role may do an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    pub relation: Relation,
    /// What comes with it; the doer's code honours it.
    pub condition: Option<Condition>,
}

/// What a permit owes or leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// Somebody else's matter only, never one's own (INV-34).
    NotSelf,
    /// A stated reason, which goes to the journal.
    WithReason,
    /// Everybody in the room sees that they are there.
    Visible,
    /// Only to end a lesson that must not go on.
    Emergency,
    /// Without the names of recipients (INV-52).
    NoRecipients,
    /// After the deputy head has agreed.
    AfterDeputy,
    /// Pedagogical roles and people only.
    Pedagogical,
    /// Technical events only.
    Technical,
    /// From the age of 14.
    FromFourteen,
    /// A proposal that somebody else confirms.
    Propose,
    /// Together with the data officer (two persons).
    TwoPersons,
    /// Only when the card's audience has guardians.
    GuardianAudience,
    /// Only where the person took part.
    Attended,
}

impl Relation {
    pub fn code(self) -> &'static str {
        match self {
            Own => "own",
            Ward => "ward",
            Group => "group",
            Homeroom => "homeroom",
            Assigned => "assigned",
            Host => "host",
            Seat => "seat",
            Unit => "unit",
            School => "school",
        }
    }
}

impl Condition {
    pub fn code(self) -> &'static str {
        match self {
            Self::NotSelf => "not_self",
            Self::WithReason => "with_reason",
            Self::Visible => "visible",
            Self::Emergency => "emergency",
            Self::NoRecipients => "no_recipients",
            Self::AfterDeputy => "after_deputy",
            Self::Pedagogical => "pedagogical",
            Self::Technical => "technical",
            Self::FromFourteen => "from_14",
            Self::Propose => "propose",
            Self::TwoPersons => "two_persons",
            Self::GuardianAudience => "guardian_audience",
            Self::Attended => "attended",
        }
    }
}

/// A cell; empty means no.
type Cell = &'static [Permit];

const fn may(relation: Relation) -> Permit {
    Permit { relation, condition: None }
}

const fn must(relation: Relation, condition: Condition) -> Permit {
    Permit { relation, condition: Some(condition) }
}

const NO: Cell = &[];
const O: Cell = &[may(Own)];
const W: Cell = &[may(Ward)];
const OW: Cell = &[may(Own), may(Ward)];
const G: Cell = &[may(Group)];
const H: Cell = &[may(Host)];
const A: Cell = &[may(Assigned)];
const U: Cell = &[may(Unit)];
const S: Cell = &[may(School)];
const SEAT: Cell = &[may(Seat)];
const HOST_OR_SEAT: Cell = &[may(Host), may(Seat)];
const HOMEROOM: Cell = &[may(Homeroom)];
const NOT_SELF: Cell = &[must(School, Condition::NotSelf)];
const OBSERVE: Cell = &[must(School, Condition::Visible)];
const OBSERVE_UNIT: Cell = &[must(Unit, Condition::Visible)];
const HOST_OR_CLOSE: Cell = &[may(Host), must(School, Condition::Emergency)];
const CLOSE: Cell = &[must(School, Condition::Emergency)];

/// The row of an action, roles in the order of [`Role::ALL`]:
/// student, guardian, teacher, deputy head, unit head, staff, head, admin.
const fn row(action: Action) -> [Cell; 8] {
    match action {
        Action::MaterialView => [O, W, G, S, U, A, S, NO],
        Action::TimetableView => [O, OW, O, S, U, O, S, const { &[must(School, Condition::NoRecipients)] }],
        Action::TimetableIcs => [O, OW, O, S, U, O, S, const { &[must(School, Condition::NoRecipients)] }],
        Action::ConsultationView => [O, OW, O, S, U, O, S, const { &[must(School, Condition::NoRecipients)] }],
        Action::RequestCreate => [O, W, NO, NO, NO, NO, NO, NO],
        Action::RequestWithdraw => [O, W, NO, NO, NO, NO, NO, NO],
        Action::RequestTriage => [NO, NO, G, S, U, A, S, NO],
        Action::RequestAnswer => [NO, NO, G, S, U, A, S, NO],
        Action::CardEdit => [NO, NO, O, S, U, O, NO, NO],
        Action::CardPublish => [NO, NO, O, S, U, const { &[must(Own, Condition::AfterDeputy)] }, S, NO],
        Action::ConsultationCancel => [NO, NO, O, S, U, O, S, NO],
        Action::ConsultationMove => [NO, NO, O, S, U, O, S, NO],
        Action::OverrideGrant => [NO, NO, NO, NOT_SELF, NO, NO, NOT_SELF, NO],
        Action::AppointmentBook => [O, W, NO, S, NO, NO, NO, NO],
        Action::AppointmentCancel => [O, W, H, S, NO, H, NO, NO],
        Action::RoomView => [O, W, HOST_OR_SEAT, S, U, HOST_OR_SEAT, S, NO],
        Action::RoomJoin => [O, const { &[must(Ward, Condition::GuardianAudience)] }, NO, NO, NO, NO, NO, NO],
        // A substitute is the host of that consultation: relation `Host`.
        Action::RoomHost => [NO, NO, H, H, H, H, H, NO],
        Action::RoomObserve => [NO, NO, NO, OBSERVE, OBSERVE_UNIT, NO, OBSERVE, NO],
        Action::MediaPublish => [SEAT, SEAT, H, H, H, H, H, NO],
        Action::MediaWatch => [SEAT, SEAT, HOST_OR_SEAT, HOST_OR_SEAT, HOST_OR_SEAT, HOST_OR_SEAT, HOST_OR_SEAT, NO],
        // An administrator sees how lines do, not whose they are.
        Action::MediaInspect => [NO, NO, H, S, U, H, S, const { &[must(School, Condition::Technical)] }],
        Action::ChatRead => [SEAT, SEAT, H, HOST_OR_SEAT, HOST_OR_SEAT, H, HOST_OR_SEAT, NO],
        Action::ChatWrite => [SEAT, SEAT, H, HOST_OR_SEAT, HOST_OR_SEAT, H, HOST_OR_SEAT, NO],
        Action::RoomModerate => [NO, NO, H, H, H, H, H, NO],
        Action::RoomClose => [NO, NO, H, HOST_OR_CLOSE, H, H, HOST_OR_CLOSE, CLOSE],
        Action::RecordingStart => [NO, NO, H, H, H, H, H, NO],
        Action::RecordingView => [
            const { &[must(Own, Condition::Attended)] },
            W,
            O,
            const { &[must(School, Condition::WithReason)] },
            const { &[must(Unit, Condition::WithReason)] },
            O,
            const { &[must(School, Condition::WithReason)] },
            NO,
        ],
        Action::DeviceView => [NO, NO, H, H, H, H, H, NO],
        // A teacher sees whole lists of their groups, a homeroom teacher those of the class.
        Action::AttendanceView => [O, W, const { &[may(Host), may(Group), may(Homeroom)] }, S, U, H, S, NO],
        Action::PerformanceView => [O, W, G, S, U, A, S, NO],
        Action::ActivityManage | Action::ActivityGrade => [NO, NO, G, S, U, A, NO, NO],
        Action::SubmissionCreate | Action::ReviewWrite => [O, NO, NO, NO, NO, NO, NO, NO],
        Action::SubmissionView => [O, W, G, S, U, A, NO, NO],
        Action::SubmissionComment => [NO, NO, G, S, U, A, NO, NO],
        Action::LoadView => [NO, NO, O, S, U, O, S, NO],
        Action::EvidenceReport => [NO, NO, O, S, U, O, S, NO],
        Action::EvidenceCorrect => [NO, NO, NO, NOT_SELF, NO, NO, NOT_SELF, NO],
        Action::PartComplete => [NO, NO, G, S, NO, NO, S, NO],
        Action::CardsImport => [NO, NO, O, S, NO, NO, S, NO],
        Action::RosterImport => [NO, NO, NO, S, NO, NO, S, S],
        Action::MarksImport => [NO, NO, G, S, NO, NO, S, NO],
        Action::GuardianLinkConfirm => [NO, NO, HOMEROOM, S, NO, NO, S, NO],
        Action::UserManage => [
            NO,
            NO,
            NO,
            const { &[must(School, Condition::Pedagogical)] },
            NO,
            NO,
            S,
            const { &[must(School, Condition::NotSelf)] },
        ],
        Action::RoleAssign => [
            NO,
            NO,
            NO,
            const { &[must(School, Condition::Pedagogical)] },
            NO,
            NO,
            S,
            const { &[must(School, Condition::NotSelf)] },
        ],
        Action::CalendarManage | Action::BellsManage | Action::GuideManage => [NO, NO, NO, S, NO, NO, S, S],
        Action::NormManage | Action::PolicyManage => {
            [NO, NO, NO, S, NO, NO, S, const { &[must(School, Condition::Propose)] }]
        }
        Action::ConsentGive | Action::ConsentWithdraw => {
            [const { &[must(Own, Condition::FromFourteen)] }, OW, O, O, O, O, O, O]
        }
        Action::DataExport => [O, OW, O, O, O, O, O, O],
        Action::ErasureRequest => [O, OW, O, O, O, O, O, O],
        Action::ErasureApprove => [NO, NO, NO, NO, NO, NO, S, NO],
        // Whoever of the staff is the data officer: relation `Assigned`.
        Action::ErasureConfirm => [NO, NO, A, A, A, A, A, A],
        Action::ErasureExecute => [NO, NO, NO, NO, NO, NO, NO, const { &[must(School, Condition::TwoPersons)] }],
        Action::ErasureActs | Action::RetentionHold => [NO, NO, A, A, A, A, S, S],
        Action::AuditView => [
            O,
            O,
            O,
            const { &[must(School, Condition::Pedagogical)] },
            U,
            O,
            S,
            const { &[must(School, Condition::Technical)] },
        ],
        Action::SystemConfigure => [NO, NO, NO, NO, NO, NO, NO, S],
        Action::PresenceView => [NO, NO, G, S, U, NO, S, NO],
        Action::AccountView
        | Action::NoticeView
        | Action::DeviceCheck
        | Action::PasswordChange
        | Action::TicketCreate
        | Action::TokenCreate => [O, O, O, O, O, O, O, O],
    }
}

/// In what ways a role may do an action; empty: not at all.
pub const fn permits(action: Action, role: Role) -> &'static [Permit] {
    row(action)[role as usize]
}

/// The table as text, one line for each action, for review and for the tests that walk it.
pub fn to_csv() -> String {
    let mut text = String::from("action");
    for role in Role::ALL {
        text.push(',');
        text.push_str(role.as_str());
    }
    text.push_str(",token_scopes\n");
    for action in Action::ALL {
        text.push_str(action.code());
        for role in Role::ALL {
            let cell: Vec<String> = permits(*action, role)
                .iter()
                .map(|permit| match permit.condition {
                    None => permit.relation.code().to_owned(),
                    Some(condition) => format!("{}:{}", permit.relation.code(), condition.code()),
                })
                .collect();
            text.push(',');
            text.push_str(if cell.is_empty() { "-" } else { "" });
            text.push_str(&cell.join(" "));
        }
        let scopes: Vec<&str> = action.scopes().iter().map(|scope| scope.as_str()).collect();
        text.push(',');
        text.push_str(if scopes.is_empty() { "-" } else { "" });
        text.push_str(&scopes.join(" "));
        text.push('\n');
    }
    text
}

//! Why the school's rules say no: the closed list of DOMAIN 2.4. HTTP status and texts are the API's business.

words!(
    /// A refusal's code, the same word over HTTP and on the WebSocket.
    RefusalCode {
        NotAuthenticated = "not_authenticated",
        SessionExpired = "session_expired",
        IdentityNotTrusted = "identity_not_trusted",
        IdpNotAllowed = "idp_not_allowed",
        NoRole = "no_role",
        RoleNotPermitted = "role_not_permitted",
        NotOnRoster = "not_on_roster",
        GuardianLinkMissing = "guardian_link_missing",
        GuardianLinkEnded = "guardian_link_ended",
        WardIsAdult = "ward_is_adult",
        NotOnTimetable = "not_on_timetable",
        TooEarly = "too_early",
        TooLate = "too_late",
        FormMismatch = "form_mismatch",
        CardLocked = "card_locked",
        VersionConflict = "version_conflict",
        IllegalTransition = "illegal_transition",
        ReasonRequired = "reason_required",
        OutsideStudyPeriod = "outside_study_period",
        PrepMustBeGroup = "prep_must_be_group",
        PrepBeforePartEnd = "prep_before_part_end",
        TopicsRequired = "topics_required",
        PartRequired = "part_required",
        SourceRequired = "source_required",
        HostConflict = "host_conflict",
        GroupConflict = "group_conflict",
        StudentConflict = "student_conflict",
        LoadExceeded = "load_exceeded",
        OutsideWorkingHours = "outside_working_hours",
        DurationOverCap = "duration_over_cap",
        DailyScreenCap = "daily_screen_cap",
        AfterHours = "after_hours",
        NotASchoolDay = "not_a_school_day",
        /// R1.1: no local act is in force on that date.
        NoLocalAct = "no_local_act",
        RecordingConsentMissing = "recording_consent_missing",
        RecordingForbidden = "recording_forbidden",
        HostAbsent = "host_absent",
        RoomFull = "room_full",
        RemovedFromRoom = "removed_from_room",
        RoomLocked = "room_locked",
        SlowMode = "slow_mode",
        SlotTaken = "slot_taken",
        BookingClosed = "booking_closed",
        BookingLimit = "booking_limit",
        GradeOutOfScale = "grade_out_of_scale",
        NumericGradeForbidden = "numeric_grade_forbidden",
        SelfReview = "self_review",
        ReviewNotAssigned = "review_not_assigned",
        SubmissionClosed = "submission_closed",
        DuplicateTerm = "duplicate_term",
        RetentionHold = "retention_hold",
        ErasurePending = "erasure_pending",
        ImportRejected = "import_rejected",
    }
);

/// A refusal with what a client needs to explain it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused: {code}")]
pub struct Refusal {
    pub code: RefusalCode,
    /// When trying again can help: milliseconds from the instant that was asked about.
    pub retry_after_ms: Option<i64>,
}

impl From<RefusalCode> for Refusal {
    fn from(code: RefusalCode) -> Self {
        Self { code, retry_after_ms: None }
    }
}

//! Every place where a person's data stands, and what becomes of it.

/// What erasure does with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The row goes.
    Delete,
    /// The row stays with the pseudonym; these columns are emptied.
    Redact(&'static [&'static str]),
    /// The row stays as it is: it names the person by id alone, which is a pseudonym from then on.
    Keep,
}

/// A column that names a person.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub table: &'static str,
    pub column: &'static str,
    /// Whether the rows are the person's own data, for the export; a doer of something to others is not.
    pub is_own: bool,
    pub end: End,
}

const fn own(table: &'static str, column: &'static str, end: End) -> Place {
    Place { table, column, is_own: true, end }
}

const fn doer(table: &'static str, column: &'static str) -> Place {
    Place { table, column, is_own: false, end: End::Keep }
}

/// In the order of erasure: what refers to others first.
pub const PLACES: &[Place] = &[
    own("account", "person_id", End::Delete),
    own("web_session", "person_id", End::Delete),
    own("push_subscription", "person_id", End::Delete),
    own("notice_setting", "person_id", End::Delete),
    own("ics_token", "person_id", End::Delete),
    own("device_check", "person_id", End::Delete),
    own("delivery", "person_id", End::Delete),
    own("notification", "person_id", End::Delete),
    own("role_assignment", "person_id", End::Keep),
    own("enrollment", "person_id", End::Keep),
    own("guardian_link", "student_id", End::Redact(&["reason"])),
    own("guardian_link", "guardian_id", End::Redact(&["reason"])),
    own("adult_grant", "student_id", End::Keep),
    own("adult_grant", "guardian_id", End::Keep),
    own("message", "author_id", End::Redact(&["body", "author_name"])),
    own("participation", "person_id", End::Keep),
    own("media_quality", "person_id", End::Keep),
    own("media_join", "person_id", End::Keep),
    own("media_summary", "person_id", End::Keep),
    own("room_removal", "person_id", End::Keep),
    own("appointment", "student_id", End::Redact(&["message", "reason", "note_shared", "note_private"])),
    own("appointment", "booked_by", End::Redact(&["message"])),
    own("waiting_list", "student_id", End::Redact(&["message"])),
    own("waiting_list", "by_id", End::Redact(&["message"])),
    own("walk_in", "student_id", End::Redact(&["message"])),
    own("walk_in", "by_id", End::Redact(&["message"])),
    own("help_request", "author_id", End::Redact(&["text", "wish_times", "decline_text", "answer"])),
    own("help_request", "student_id", End::Redact(&["text", "wish_times", "decline_text", "answer"])),
    own("request_vote", "student_id", End::Keep),
    own("request_file", "by_id", End::Delete),
    own("mark", "student_id", End::Keep),
    own("performance_finding", "student_id", End::Keep),
    own("feedback", "person_id", End::Redact(&["text"])),
    own("complaint", "author_id", End::Redact(&["text"])),
    own("complaint", "student_id", End::Redact(&["text"])),
    own("complaint_answer", "by_id", End::Keep),
    own("consent", "person_id", End::Keep),
    own("consent", "by_id", End::Keep),
    own("erasure", "person_id", End::Redact(&["reason"])),
    own("capability", "person_id", End::Keep),
    own("employment", "person_id", End::Redact(&["contract_no"])),
    own("load_entry", "host_id", End::Keep),
    own("override_grant", "host_id", End::Keep),
    own("retention_hold", "person_id", End::Keep),
    doer("act_file", "by_id"),
    doer("audit_event", "actor_id"),
    doer("consultation", "host_id"),
    doer("consultation", "substitute_host_id"),
    doer("card_version", "teacher_id"),
    doer("card_slot", "host_id"),
    doer("complaint", "host_id"),
    doer("erasure", "asked_by"),
    doer("erasure", "approved_by"),
    doer("erasure", "confirmed_by"),
    doer("erasure", "declined_by"),
    doer("erasure", "executed_by"),
    doer("guide_video", "by_id"),
    doer("import_run", "by_id"),
    doer("incident", "by_id"),
    doer("load_policy", "by_id"),
    doer("org_unit", "head_person_id"),
    doer("regular_lesson", "teacher_id"),
    doer("rule_proposal", "proposed_by"),
    doer("rule_proposal", "decided_by"),
    doer("request_event", "by_id"),
    doer("request_vote", "by_id"),
    doer("school_class", "homeroom_teacher_id"),
    doer("substitution", "from_id"),
    doer("substitution", "to_id"),
];

/// Columns that are never written out: secrets, and what is another's.
pub const HIDDEN: &[&str] = &[
    "password_hash",
    "id_hash",
    "token_hash",
    "p256dh",
    "auth",
    "endpoint",
    "email_code_hash",
    // The host's own notes, for the host and the substitute alone.
    "note_private",
];

/// Columns whose names show that they name a person, for the test of this list.
pub fn names_a_person(column: &str) -> bool {
    const EXACT: [&str; 10] = [
        "person_id",
        "student_id",
        "guardian_id",
        "author_id",
        "host_id",
        "by_id",
        "actor_id",
        "teacher_id",
        "substitute_host_id",
        "booked_by",
    ];
    EXACT.contains(&column)
}

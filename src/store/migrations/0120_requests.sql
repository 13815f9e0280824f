-- Requests for help (обращения): kept 3 years (DOMAIN 4.7), part of the asker's export.
CREATE TABLE help_request (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    -- Who wrote it: the student, or a guardian.
    author_id TEXT NOT NULL REFERENCES person (id),
    -- The student who needs help.
    student_id TEXT NOT NULL REFERENCES person (id),
    -- The student's group (the whole class) at that time, and the subject; the programme and topic when the school has them.
    group_id TEXT NOT NULL REFERENCES study_group (id),
    subject_id TEXT NOT NULL REFERENCES subject (id),
    programme_id TEXT REFERENCES programme (id),
    topic_id TEXT REFERENCES topic (id),
    text TEXT NOT NULL,
    -- A form that the asker would like, and times in their own words.
    wish_form TEXT,
    wish_times TEXT,
    -- Whether others of the group may read it (without a name) and say that they have the same question.
    is_shared BIGINT NOT NULL,
    -- submitted, accepted, scheduled, answered, closed, declined, withdrawn, reopened
    state TEXT NOT NULL,
    decline_code TEXT,
    decline_text TEXT,
    answer TEXT,
    answered_by TEXT,
    answered_at BIGINT,
    -- Who took it on; NULL: anybody who may answer.
    assigned_to TEXT,
    consultation_id TEXT,
    appointment_id TEXT,
    -- By the school calendar: the first reaction within 2 working days, help within 7 days.
    first_response_due BIGINT NOT NULL,
    help_due BIGINT NOT NULL,
    first_response_at BIGINT,
    helped_at BIGINT,
    reopened BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX help_request_school ON help_request (school_id, state, first_response_due);
CREATE INDEX help_request_student ON help_request (student_id);
CREATE INDEX help_request_author ON help_request (author_id);
CREATE INDEX help_request_topic ON help_request (group_id, topic_id);
-- Each change of state; rows are only appended.
CREATE TABLE request_event (
    request_id TEXT NOT NULL REFERENCES help_request (id),
    n BIGINT NOT NULL,
    at BIGINT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    by_id TEXT,
    role TEXT,
    reason TEXT,
    PRIMARY KEY (request_id, n)
);
-- Others of the group with the same question.
CREATE TABLE request_vote (
    request_id TEXT NOT NULL REFERENCES help_request (id),
    student_id TEXT NOT NULL REFERENCES person (id),
    by_id TEXT NOT NULL REFERENCES person (id),
    at BIGINT NOT NULL,
    PRIMARY KEY (request_id, student_id)
);
-- Files stand in the data folder under `id`; `name` is only what to show.
CREATE TABLE request_file (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    request_id TEXT REFERENCES help_request (id),
    appointment_id TEXT REFERENCES appointment (id),
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    by_id TEXT NOT NULL REFERENCES person (id),
    at BIGINT NOT NULL
);
CREATE INDEX request_file_request ON request_file (request_id);
CREATE INDEX request_file_appointment ON request_file (appointment_id);

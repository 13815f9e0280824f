-- The school, its people and their roles (DOMAIN 6). Names are UUIDs as text, instants Unix milliseconds, dates ISO text.
CREATE TABLE school (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    short_name TEXT NOT NULL,
    tz TEXT NOT NULL,
    locale TEXT NOT NULL,
    academic_hour_minutes BIGINT NOT NULL,
    days_a_week BIGINT NOT NULL,
    odd_monday TEXT NOT NULL,
    usual_bells_id TEXT,
    is_demo BIGINT NOT NULL,
    policy TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE local_act (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    number TEXT NOT NULL,
    dated TEXT NOT NULL,
    title TEXT NOT NULL,
    basis TEXT NOT NULL,
    file_ref TEXT,
    valid_from TEXT NOT NULL,
    valid_to TEXT,
    opinion_refs TEXT,
    created_at BIGINT NOT NULL
);
CREATE TABLE org_unit (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    name TEXT NOT NULL,
    parent_id TEXT,
    head_person_id TEXT,
    created_at BIGINT NOT NULL
);
CREATE TABLE person (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    -- The school's own name for the person (Т-014); `code_fold` is what it is looked up by.
    code TEXT NOT NULL,
    code_fold TEXT NOT NULL,
    family_name TEXT NOT NULL,
    given_name TEXT NOT NULL,
    middle_name TEXT,
    birth_date TEXT,
    display_name TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (school_id, code_fold)
);
CREATE TABLE account (
    person_id TEXT PRIMARY KEY REFERENCES person (id),
    school_id TEXT NOT NULL REFERENCES school (id),
    login TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    disabled_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE TABLE role_assignment (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    person_id TEXT NOT NULL REFERENCES person (id),
    role TEXT NOT NULL,
    unit_id TEXT REFERENCES org_unit (id),
    valid_from TEXT,
    valid_to TEXT,
    assigned_by TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX role_assignment_person ON role_assignment (person_id);
CREATE TABLE guardian_link (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    guardian_id TEXT NOT NULL REFERENCES person (id),
    student_id TEXT NOT NULL REFERENCES person (id),
    relation TEXT NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    confirmed_by TEXT,
    ended_at BIGINT,
    reason TEXT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX guardian_link_active ON guardian_link (guardian_id, student_id) WHERE state <> 'ended';
CREATE INDEX guardian_link_student ON guardian_link (student_id);

-- The calendar and its layers.
CREATE TABLE school_year (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    name TEXT NOT NULL,
    starts_on TEXT NOT NULL,
    ends_on TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE term (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    year_id TEXT NOT NULL REFERENCES school_year (id),
    kind TEXT NOT NULL,
    n BIGINT NOT NULL,
    title TEXT NOT NULL,
    starts_on TEXT NOT NULL,
    ends_on TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE calendar_day (
    school_id TEXT NOT NULL REFERENCES school (id),
    date TEXT NOT NULL,
    kind TEXT NOT NULL,
    use_weekday BIGINT,
    bell_schedule_id TEXT,
    week_override TEXT,
    title TEXT,
    PRIMARY KEY (school_id, date)
);
CREATE TABLE bell_schedule (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    name TEXT NOT NULL,
    shift BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE bell_period (
    schedule_id TEXT NOT NULL REFERENCES bell_schedule (id),
    n BIGINT NOT NULL,
    starts TEXT NOT NULL,
    ends TEXT NOT NULL,
    PRIMARY KEY (schedule_id, n)
);

-- Classes, groups, programmes.
CREATE TABLE subject (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    code TEXT,
    name TEXT NOT NULL,
    name_fold TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (school_id, name_fold)
);
CREATE TABLE school_class (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    year_id TEXT NOT NULL REFERENCES school_year (id),
    grade BIGINT NOT NULL,
    letter TEXT NOT NULL,
    name TEXT NOT NULL,
    name_fold TEXT NOT NULL,
    homeroom_teacher_id TEXT REFERENCES person (id),
    unit_id TEXT REFERENCES org_unit (id),
    created_at BIGINT NOT NULL,
    UNIQUE (year_id, name_fold)
);
CREATE TABLE study_group (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    class_id TEXT REFERENCES school_class (id),
    -- Empty: the whole class.
    name TEXT NOT NULL,
    name_fold TEXT NOT NULL,
    subject_id TEXT REFERENCES subject (id),
    created_at BIGINT NOT NULL,
    UNIQUE (class_id, name_fold)
);
CREATE TABLE enrollment (
    study_group_id TEXT NOT NULL REFERENCES study_group (id),
    person_id TEXT NOT NULL REFERENCES person (id),
    role TEXT NOT NULL,
    valid_from TEXT,
    valid_to TEXT,
    PRIMARY KEY (study_group_id, person_id, role)
);
CREATE INDEX enrollment_person ON enrollment (person_id);
CREATE TABLE programme (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    subject_id TEXT NOT NULL REFERENCES subject (id),
    grade BIGINT NOT NULL,
    year_id TEXT NOT NULL REFERENCES school_year (id),
    starts_on TEXT NOT NULL,
    ends_on TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (subject_id, grade, year_id)
);
CREATE TABLE programme_part (
    id TEXT PRIMARY KEY,
    programme_id TEXT NOT NULL REFERENCES programme (id),
    n BIGINT NOT NULL,
    title TEXT NOT NULL,
    title_fold TEXT NOT NULL,
    starts_on TEXT NOT NULL,
    ends_on TEXT NOT NULL,
    completed_on TEXT,
    completed_by TEXT,
    UNIQUE (programme_id, title_fold)
);
CREATE TABLE topic (
    id TEXT PRIMARY KEY,
    part_id TEXT NOT NULL REFERENCES programme_part (id),
    n BIGINT NOT NULL,
    title TEXT NOT NULL,
    title_fold TEXT NOT NULL,
    UNIQUE (part_id, title_fold)
);
CREATE TABLE norm (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    code TEXT NOT NULL,
    grade_from BIGINT NOT NULL,
    grade_to BIGINT NOT NULL,
    device TEXT NOT NULL,
    per_lesson BIGINT NOT NULL,
    per_day_school BIGINT,
    per_day_home BIGINT,
    continuous BIGINT,
    source TEXT NOT NULL,
    valid_from TEXT,
    valid_to TEXT,
    mode TEXT NOT NULL
);

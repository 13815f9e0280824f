-- Planning: contracts and working time, load, overrides, substitutions, drafts of cards, what the calendar editor needs.
-- Hours of teaching are academic hours in hundredths (150 is 1.5 h); `school.academic_hour_minutes` says what one is.
-- Kept 5 years after the end of the contract (DOMAIN 4.7); in the export of the person whose contract it is.
CREATE TABLE employment (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    person_id TEXT NOT NULL REFERENCES person (id),
    position TEXT NOT NULL,
    -- 'teaching' or 'non_teaching'
    kind TEXT NOT NULL,
    contract_no TEXT,
    valid_from TEXT,
    valid_to TEXT,
    teaching_hours_week BIGINT,
    -- The contract's share for consultations; NULL: recorded, not limited.
    consultation_hours_week BIGINT,
    consultation_hours_month BIGINT,
    consultation_hours_year BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX employment_person ON employment (person_id);
CREATE TABLE working_window (
    id TEXT PRIMARY KEY,
    employment_id TEXT NOT NULL REFERENCES employment (id),
    -- Monday is 1.
    weekday BIGINT NOT NULL,
    starts TEXT NOT NULL,
    ends TEXT NOT NULL,
    valid_from TEXT,
    valid_to TEXT
);
CREATE INDEX working_window_employment ON working_window (employment_id);
CREATE TABLE absence (
    id TEXT PRIMARY KEY,
    employment_id TEXT NOT NULL REFERENCES employment (id),
    starts_on TEXT NOT NULL,
    ends_on TEXT NOT NULL,
    -- 'sick', 'leave', 'trip' or 'other'
    kind TEXT NOT NULL,
    note TEXT,
    created_by TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX absence_employment ON absence (employment_id);
-- Append only (INV-70): one row for each host of a consultation whose hours count (INV-32). The last correction holds.
CREATE TABLE load_entry (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    host_id TEXT NOT NULL REFERENCES person (id),
    consultation_id TEXT NOT NULL REFERENCES consultation (id),
    -- The school's date of the consultation.
    date TEXT NOT NULL,
    -- 'teaching' or 'working_time'
    kind TEXT NOT NULL,
    minutes BIGINT NOT NULL,
    academic_hours BIGINT NOT NULL,
    -- 0: came about otherwise than by the plan (a substitute).
    planned BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (host_id, consultation_id)
);
CREATE INDEX load_entry_host ON load_entry (host_id, date);
CREATE INDEX load_entry_consultation ON load_entry (consultation_id);
CREATE TABLE load_correction (
    entry_id TEXT NOT NULL REFERENCES load_entry (id),
    n BIGINT NOT NULL,
    minutes BIGINT NOT NULL,
    academic_hours BIGINT NOT NULL,
    corrected_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (entry_id, n)
);
-- `consultation_id` is the derived name, so that an order can be there before the consultation is planned.
CREATE TABLE override_grant (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    consultation_id TEXT NOT NULL,
    -- The refusal's code that it lifts.
    kind TEXT NOT NULL,
    host_id TEXT NOT NULL REFERENCES person (id),
    granted_by TEXT NOT NULL REFERENCES person (id),
    granted_role TEXT NOT NULL,
    order_no TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (consultation_id, kind)
);
CREATE TABLE substitution (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    consultation_id TEXT NOT NULL REFERENCES consultation (id),
    from_id TEXT NOT NULL REFERENCES person (id),
    -- NULL: the substitution was taken back.
    to_id TEXT REFERENCES person (id),
    assigned_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX substitution_consultation ON substitution (consultation_id);
-- The draft of a card's next version; published or thrown away it is gone. `body` is the content as the domain knows it.
CREATE TABLE card_draft (
    card_id TEXT PRIMARY KEY REFERENCES lesson_card (id),
    -- The version that was edited; 0: a new card.
    base_version BIGINT NOT NULL,
    -- Rises with each save, for If-Match.
    revision BIGINT NOT NULL,
    body TEXT NOT NULL,
    edited_by TEXT NOT NULL,
    edited_at BIGINT NOT NULL,
    -- Staff publish what the deputy head has agreed to: this revision and no later one.
    agreed_revision BIGINT,
    agreed_by TEXT
);
-- A moved consultation's successor names its predecessor; re-expansion leaves successors alone.
ALTER TABLE consultation ADD COLUMN moved_from TEXT;
-- Why a card was withdrawn; who wrote it.
ALTER TABLE card_version ADD COLUMN withdrawn_reason TEXT;
ALTER TABLE card_version ADD COLUMN withdrawn_at BIGINT;

-- The calendar editor. Bell schedules of one name belong together, one for each shift.
ALTER TABLE school ADD COLUMN parity_skips_breaks BIGINT NOT NULL DEFAULT 0;
-- Rises with each change of the calendar, for If-Match.
ALTER TABLE school ADD COLUMN calendar_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE school_class ADD COLUMN shift BIGINT NOT NULL DEFAULT 1;
-- Grades whose week is not the school's (five days for the first grade).
CREATE TABLE grade_week (
    school_id TEXT NOT NULL REFERENCES school (id),
    grade BIGINT NOT NULL,
    days_a_week BIGINT NOT NULL,
    PRIMARY KEY (school_id, grade)
);
-- Days that are otherwise for one grade (the first grade's break in February).
CREATE TABLE grade_day (
    school_id TEXT NOT NULL REFERENCES school (id),
    date TEXT NOT NULL,
    grade BIGINT NOT NULL,
    kind TEXT NOT NULL,
    title TEXT,
    PRIMARY KEY (school_id, date, grade)
);
-- From when to when students may be at a consultation (INV-42). `norm` has minutes, this has times of the day.
CREATE TABLE hours_norm (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    code TEXT NOT NULL,
    grade_from BIGINT NOT NULL,
    grade_to BIGINT NOT NULL,
    earliest TEXT NOT NULL,
    latest TEXT NOT NULL,
    source TEXT NOT NULL,
    valid_from TEXT,
    valid_to TEXT,
    mode TEXT NOT NULL
);
-- Proposed by an administrator, in force once a deputy or the head confirms (DOMAIN 5, norm.manage).
ALTER TABLE norm ADD COLUMN proposed_by TEXT;
ALTER TABLE norm ADD COLUMN confirmed_by TEXT;

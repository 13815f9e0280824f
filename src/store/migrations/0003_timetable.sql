-- Lesson cards with their versions and slots, and the consultations they expand into.
CREATE TABLE lesson_card (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    external_key TEXT NOT NULL,
    -- The version in force, and the hash of what it says: an import of the same changes nothing.
    version BIGINT NOT NULL,
    content_hash TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (school_id, external_key)
);
CREATE TABLE card_version (
    id TEXT PRIMARY KEY,
    card_id TEXT NOT NULL REFERENCES lesson_card (id),
    version BIGINT NOT NULL,
    status TEXT NOT NULL,
    title TEXT NOT NULL,
    programme_id TEXT REFERENCES programme (id),
    subject_id TEXT REFERENCES subject (id),
    group_id TEXT NOT NULL REFERENCES study_group (id),
    teacher_id TEXT NOT NULL REFERENCES person (id),
    valid_from TEXT,
    valid_to TEXT,
    materials TEXT NOT NULL,
    homework TEXT,
    feedback_channel TEXT,
    note TEXT,
    allow_in_break BIGINT NOT NULL,
    local_act_id TEXT REFERENCES local_act (id),
    published_by TEXT,
    published_at BIGINT,
    UNIQUE (card_id, version)
);
CREATE TABLE card_slot (
    id TEXT PRIMARY KEY,
    version_id TEXT NOT NULL REFERENCES card_version (id),
    slot_key TEXT NOT NULL,
    form TEXT NOT NULL,
    medium TEXT,
    kind TEXT NOT NULL,
    coverage TEXT NOT NULL,
    purpose TEXT,
    audience_students BIGINT NOT NULL,
    audience_guardians BIGINT NOT NULL,
    host_id TEXT NOT NULL REFERENCES person (id),
    -- The slot as the domain knows it (JSON): recurrence, time, parts, topics.
    body TEXT NOT NULL,
    UNIQUE (version_id, slot_key)
);
-- `id` is derived from (school, slot_key, date), which makes these unique too.
CREATE TABLE consultation (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    card_id TEXT NOT NULL REFERENCES lesson_card (id),
    slot_id TEXT NOT NULL REFERENCES card_slot (id),
    slot_key TEXT NOT NULL,
    date TEXT NOT NULL,
    start_at BIGINT NOT NULL,
    end_at BIGINT NOT NULL,
    opens_at BIGINT NOT NULL,
    closes_at BIGINT NOT NULL,
    form TEXT NOT NULL,
    group_id TEXT NOT NULL REFERENCES study_group (id),
    host_id TEXT NOT NULL REFERENCES person (id),
    substitute_host_id TEXT REFERENCES person (id),
    state TEXT NOT NULL,
    not_held_reason TEXT,
    -- A finer word to the state: server_down, host_lost, or the reason of a cancelling.
    detail TEXT,
    moved_to TEXT,
    sequence BIGINT NOT NULL,
    local_act_id TEXT,
    norm_row_id TEXT,
    warnings TEXT,
    opened_at BIGINT,
    grace_from BIGINT,
    live_at BIGINT,
    host_delay_s BIGINT,
    host_lost_at BIGINT,
    shared_s BIGINT,
    closed_at BIGINT,
    -- When the clock looks at it next; NULL once it is over.
    due_at BIGINT,
    updated_at BIGINT NOT NULL
);
CREATE INDEX consultation_due ON consultation (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX consultation_room ON consultation (state) WHERE state IN ('open', 'live');
CREATE INDEX consultation_card ON consultation (card_id);
CREATE INDEX consultation_group ON consultation (group_id, start_at);
CREATE INDEX consultation_host ON consultation (host_id, start_at);
CREATE INDEX consultation_school ON consultation (school_id, start_at);
-- Topics and parts that the teacher has chosen for one date; without rows those of the slot hold.
CREATE TABLE consultation_part (
    consultation_id TEXT NOT NULL REFERENCES consultation (id),
    part_id TEXT NOT NULL REFERENCES programme_part (id),
    PRIMARY KEY (consultation_id, part_id)
);
CREATE TABLE consultation_topic (
    consultation_id TEXT NOT NULL REFERENCES consultation (id),
    topic_id TEXT NOT NULL REFERENCES topic (id),
    PRIMARY KEY (consultation_id, topic_id)
);
CREATE TABLE consultation_source (
    consultation_id TEXT NOT NULL REFERENCES consultation (id),
    n BIGINT NOT NULL,
    kind TEXT NOT NULL,
    ref_id TEXT,
    text TEXT,
    PRIMARY KEY (consultation_id, n)
);
-- Who an individual consultation is booked for; office hours are cut into several.
CREATE TABLE appointment (
    id TEXT PRIMARY KEY,
    consultation_id TEXT NOT NULL REFERENCES consultation (id),
    starts BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    student_id TEXT REFERENCES person (id),
    booked_by TEXT,
    state TEXT NOT NULL
);
CREATE INDEX appointment_consultation ON appointment (consultation_id);
CREATE INDEX appointment_student ON appointment (student_id);
-- Small facts of the hub itself, such as when it was last alive.
CREATE TABLE hub_fact (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

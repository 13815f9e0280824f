-- What a guardian may do for a child, each right with its dates; a link without a row for a right has it from the start.
CREATE TABLE guardian_right (
    link_id TEXT NOT NULL REFERENCES guardian_link (id),
    -- view, book, attend, message, consent
    right_name TEXT NOT NULL,
    granted BIGINT NOT NULL,
    valid_from TEXT,
    valid_to TEXT,
    set_by TEXT NOT NULL REFERENCES person (id),
    set_at BIGINT NOT NULL,
    PRIMARY KEY (link_id, right_name)
);
-- A student of age lets a former guardian go on (INV-51); taken back at any time.
CREATE TABLE adult_grant (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    student_id TEXT NOT NULL REFERENCES person (id),
    guardian_id TEXT NOT NULL REFERENCES person (id),
    given_at BIGINT NOT NULL,
    withdrawn_at BIGINT
);
CREATE UNIQUE INDEX adult_grant_active ON adult_grant (student_id, guardian_id) WHERE withdrawn_at IS NULL;
CREATE INDEX adult_grant_guardian ON adult_grant (guardian_id);

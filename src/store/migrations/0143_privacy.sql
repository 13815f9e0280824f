-- Consents: texts with versions, and one row for each act of giving or withdrawing (appended, never changed). Kept 5 years.
CREATE TABLE consent_text (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    purpose TEXT NOT NULL,
    version BIGINT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    created_by TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (school_id, purpose, version)
);
CREATE TABLE consent (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    -- Whose data it is about, and who signed.
    person_id TEXT NOT NULL REFERENCES person (id),
    by_id TEXT NOT NULL REFERENCES person (id),
    purpose TEXT NOT NULL,
    text_id TEXT NOT NULL REFERENCES consent_text (id),
    -- given or withdrawn
    act TEXT NOT NULL,
    method TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX consent_person ON consent (person_id, purpose, at);
-- Erasure of a person's data: asked, approved by the head, confirmed by the data officer, executed by an administrator.
CREATE TABLE erasure (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    person_id TEXT NOT NULL REFERENCES person (id),
    asked_by TEXT NOT NULL REFERENCES person (id),
    reason TEXT NOT NULL,
    -- requested, approved, confirmed, declined, done
    state TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    approved_by TEXT,
    approved_at BIGINT,
    confirmed_by TEXT,
    confirmed_at BIGINT,
    declined_by TEXT,
    declined_reason TEXT,
    executed_by TEXT,
    executed_at BIGINT,
    act_id TEXT
);
CREATE UNIQUE INDEX erasure_pending ON erasure (person_id) WHERE state IN ('requested', 'approved', 'confirmed');
-- Proof that data was destroyed: the act and the log that goes with it, kept 3 years (INV-73).
CREATE TABLE destruction_act (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    number TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- erasure or retention
    kind TEXT NOT NULL,
    -- Pseudonyms (JSON list); categories with numbers of rows (JSON object).
    subjects TEXT NOT NULL,
    categories TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- Rows of the journal that go with it, one JSON object a line.
    log_export TEXT NOT NULL,
    log_sha256 TEXT NOT NULL,
    keep_until BIGINT NOT NULL,
    UNIQUE (school_id, number)
);
-- Why a person's data must stay for now: a dispute, an order of a court.
CREATE TABLE retention_hold (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    person_id TEXT NOT NULL REFERENCES person (id),
    reason TEXT NOT NULL,
    placed_by TEXT NOT NULL,
    placed_at BIGINT NOT NULL,
    lifted_at BIGINT
);
CREATE INDEX retention_hold_person ON retention_hold (person_id);
-- What one person may do beyond roles: `data_officer` (ответственный за ПДн).
CREATE TABLE capability (
    school_id TEXT NOT NULL REFERENCES school (id),
    person_id TEXT NOT NULL REFERENCES person (id),
    name TEXT NOT NULL,
    given_by TEXT,
    given_at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (person_id, name)
);

-- Names that another system has for our things, so that a roster that comes again changes what it changed before. As long as
-- the things themselves.
CREATE TABLE roster_source (
    school_id TEXT NOT NULL REFERENCES school (id),
    -- person, class, group or enrollment
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    target_id TEXT NOT NULL,
    PRIMARY KEY (school_id, kind, source_id)
);
CREATE INDEX roster_source_target ON roster_source (target_id);
-- What was imported when and by whom, with its report (no names of people in it). Kept 5 years.
CREATE TABLE import_run (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    -- cards, roster or asc
    kind TEXT NOT NULL,
    file_sha256 TEXT NOT NULL,
    by_id TEXT,
    -- JSON
    report TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

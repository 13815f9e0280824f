-- What stands behind a local act (R1.1): the protocols by which opinions were heeded, as JSON (title, number, date), and its file,
-- whose bytes are in the data folder under the row's id. Both are the school's own papers: kept as long as the act.
ALTER TABLE local_act ADD COLUMN opinions TEXT NOT NULL DEFAULT '[]';
CREATE TABLE act_file (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    -- NULL: brought, and no act written with it yet; goes after 30 days
    act_id TEXT REFERENCES local_act (id),
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    by_id TEXT NOT NULL REFERENCES person (id),
    at BIGINT NOT NULL
);
CREATE UNIQUE INDEX act_file_act ON act_file (act_id);
CREATE INDEX act_file_school ON act_file (school_id, at);

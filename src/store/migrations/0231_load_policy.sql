-- What the school counts for a host to whom nobody came (DOMAIN 2.2), from when on; the last row before the end of a consultation
-- holds for it. Appended, never changed; kept as long as the school. Without a row: counted after 15 minutes of waiting.
CREATE TABLE load_policy (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    from_at BIGINT NOT NULL,
    -- never, waited
    counts TEXT NOT NULL,
    -- of waiting; NULL: never
    minutes BIGINT,
    by_id TEXT NOT NULL REFERENCES person (id)
);
CREATE INDEX load_policy_school ON load_policy (school_id, from_at);

-- Where a school's journal begins once its oldest rows have run out (5 years, DOMAIN 4.7): number and hash of the last row that
-- went. A row of the journal itself (`audit.anchor`) says the same, so that nobody cuts it off unseen.
CREATE TABLE audit_anchor (
    school_id TEXT PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    at BIGINT NOT NULL
);

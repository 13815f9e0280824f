-- Changes of the rules that planning is held against, as an administrator proposes them (DOMAIN 5: norm.manage,
-- policy.manage), with who decided and why. One way for all kinds: the columns that `norm` had for it were never written.
-- Who proposed and who decided stays, as in the journal.
CREATE TABLE rule_proposal (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    kind TEXT NOT NULL,
    -- The change, and what stood in its place when it was proposed.
    body TEXT NOT NULL,
    was TEXT,
    state TEXT NOT NULL,
    proposed_by TEXT NOT NULL REFERENCES person (id),
    decided_by TEXT REFERENCES person (id),
    decided_at BIGINT,
    reason TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX rule_proposal_school ON rule_proposal (school_id, created_at);
ALTER TABLE norm DROP COLUMN proposed_by;
ALTER TABLE norm DROP COLUMN confirmed_by;

-- Sign-ins of people and tokens of their programs. The secret itself is nowhere: only its SHA-256.
CREATE TABLE web_session (
    id_hash TEXT PRIMARY KEY,
    school_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    -- 'cookie' or 'token'
    kind TEXT NOT NULL,
    -- JSON list; NULL: everything its owner may
    scopes TEXT,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    -- milliseconds without a request after which it is over; 0: never
    idle BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX web_session_person ON web_session (person_id);
CREATE INDEX web_session_expiry ON web_session (expires_at);

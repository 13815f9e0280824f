-- The journal of everything that happened: append only, each row carries the hash of the one before (INV-70, INV-71).
CREATE TABLE audit_event (
    school_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor_id TEXT,
    acting_role TEXT,
    ip_class TEXT,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    before_hash TEXT,
    after_hash TEXT,
    reason TEXT,
    detail TEXT,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (school_id, seq)
);
CREATE INDEX audit_event_object ON audit_event (object_kind, object_id);

-- Technical failures of consultations (DOMAIN 2.2: "incident record required"): who said so, and what. Appended, never changed;
-- kept as long as the consultations (5 years); in the export of whoever declared it.
CREATE TABLE incident (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    consultation_id TEXT NOT NULL REFERENCES consultation (id),
    n BIGINT NOT NULL,
    -- fault, emergency, host_lost, server_down, corrected
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- NULL: the clock
    by_id TEXT REFERENCES person (id),
    role TEXT,
    at BIGINT NOT NULL,
    UNIQUE (consultation_id, n)
);
CREATE INDEX incident_school ON incident (school_id, at);
-- Failures from before have a record too: all that is known of them is the machine's word.
INSERT INTO incident (id, school_id, consultation_id, n, kind, reason, at)
SELECT 'incident:' || id, school_id, id, 1, CASE WHEN detail = 'host_lost' THEN 'host_lost' ELSE 'server_down' END,
    COALESCE(detail, ''), COALESCE(closed_at, end_at)
FROM consultation WHERE state = 'not_held' AND not_held_reason = 'technical';

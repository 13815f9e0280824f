-- Corrections of what the clock wrote about a consultation (DOMAIN 2.2): appended, never in place of it. The last one of a
-- field holds. Kept as long as the consultations (5 years).
CREATE TABLE correction (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL,
    consultation_id TEXT NOT NULL REFERENCES consultation (id),
    n BIGINT NOT NULL,
    -- outcome, host_delay_s or shared_s
    field TEXT NOT NULL,
    old_value TEXT NOT NULL,
    new_value TEXT NOT NULL,
    reason TEXT NOT NULL,
    corrected_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (consultation_id, n)
);

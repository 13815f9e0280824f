-- Individual help: office hours are cut into appointments; kept as consultations are (5 years), notes included.
ALTER TABLE appointment ADD COLUMN message TEXT;
ALTER TABLE appointment ADD COLUMN booked_at BIGINT;
ALTER TABLE appointment ADD COLUMN ended_by TEXT;
ALTER TABLE appointment ADD COLUMN ended_at BIGINT;
ALTER TABLE appointment ADD COLUMN reason TEXT;
-- Cancelled by the recipient after the guard time.
ALTER TABLE appointment ADD COLUMN late_cancel BIGINT;
-- The host's notes: one for student and guardians, one for the host (and substitute) alone.
ALTER TABLE appointment ADD COLUMN note_shared TEXT;
ALTER TABLE appointment ADD COLUMN note_private TEXT;
ALTER TABLE appointment ADD COLUMN note_at BIGINT;
-- How it came about: booked, waiting_list, walk_in, request, card.
ALTER TABLE appointment ADD COLUMN origin TEXT;
ALTER TABLE appointment ADD COLUMN request_id TEXT;
-- Whatever two hubs do at once: one living row for each time of a consultation.
CREATE UNIQUE INDEX appointment_time ON appointment (consultation_id, starts)
    WHERE state IN ('free', 'booked', 'attended', 'no_show');
-- Who waits for a place in office hours that are full; moves up by itself.
CREATE TABLE waiting_list (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    consultation_id TEXT NOT NULL REFERENCES consultation (id),
    student_id TEXT NOT NULL REFERENCES person (id),
    by_id TEXT NOT NULL REFERENCES person (id),
    message TEXT,
    at BIGINT NOT NULL,
    -- waiting, moved_up, left, over
    state TEXT NOT NULL,
    appointment_id TEXT,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX waiting_list_once ON waiting_list (consultation_id, student_id) WHERE state = 'waiting';
CREATE INDEX waiting_list_student ON waiting_list (student_id);
-- The queue at the door of office hours that run now.
CREATE TABLE walk_in (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    consultation_id TEXT NOT NULL REFERENCES consultation (id),
    student_id TEXT NOT NULL REFERENCES person (id),
    by_id TEXT NOT NULL REFERENCES person (id),
    message TEXT,
    at BIGINT NOT NULL,
    -- waiting, called, left, over
    state TEXT NOT NULL,
    appointment_id TEXT,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX walk_in_once ON walk_in (consultation_id, student_id) WHERE state = 'waiting';
CREATE INDEX walk_in_consultation ON walk_in (consultation_id, at);
UPDATE appointment SET origin = 'card';

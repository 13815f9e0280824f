-- Regular lessons of the week, out of the school's timetable (aSc): what stands in the way of consultations. Replaced by each
-- import; no personal data beyond the teacher's id.
CREATE TABLE regular_lesson (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    -- Monday is 1.
    weekday BIGINT NOT NULL,
    period BIGINT NOT NULL,
    -- NULL: every week; odd or even
    parity TEXT,
    teacher_id TEXT,
    class_id TEXT,
    group_id TEXT,
    subject_id TEXT
);
CREATE INDEX regular_lesson_school ON regular_lesson (school_id, weekday, period);

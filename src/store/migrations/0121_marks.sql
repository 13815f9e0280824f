-- Marks of the school's gradebook as they were last imported: as long as the gradebook itself, part of the student's export.
CREATE TABLE mark (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    student_id TEXT NOT NULL REFERENCES person (id),
    programme_id TEXT NOT NULL REFERENCES programme (id),
    topic_id TEXT REFERENCES topic (id),
    date TEXT NOT NULL,
    -- The how-manyeth of this student, programme and date: two marks of one lesson are two rows.
    n BIGINT NOT NULL,
    -- 2 to 5; NULL: the work is missing.
    value BIGINT,
    weight BIGINT NOT NULL,
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (student_id, programme_id, date, n)
);
CREATE INDEX mark_programme ON mark (programme_id, date);
CREATE INDEX mark_topic ON mark (topic_id);
-- What the rules found in the marks; found anew after each import.
CREATE TABLE performance_finding (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    programme_id TEXT NOT NULL REFERENCES programme (id),
    group_id TEXT NOT NULL REFERENCES study_group (id),
    -- NULL: about the subject as a whole.
    topic_id TEXT REFERENCES topic (id),
    -- NULL: about the group as a whole.
    student_id TEXT REFERENCES person (id),
    -- low_mean, drop, failed_marks, topic_mean, missed_work
    rule TEXT NOT NULL,
    -- Hundredths of a mark, or a number of works.
    value BIGINT NOT NULL,
    found_at BIGINT NOT NULL
);
CREATE INDEX performance_finding_group ON performance_finding (group_id, programme_id);

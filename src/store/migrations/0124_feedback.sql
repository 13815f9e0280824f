-- Feedback after a consultation, one for each person; shown in sums of five and more. Kept 5 years.
CREATE TABLE feedback (
    consultation_id TEXT NOT NULL REFERENCES consultation (id),
    person_id TEXT NOT NULL REFERENCES person (id),
    school_id TEXT NOT NULL REFERENCES school (id),
    score BIGINT NOT NULL,
    helped BIGINT NOT NULL,
    text TEXT,
    at BIGINT NOT NULL,
    PRIMARY KEY (consultation_id, person_id)
);
CREATE INDEX feedback_school ON feedback (school_id, at);
-- Complaints about a consultation, and what the host says to them. Kept 5 years.
CREATE TABLE complaint (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL REFERENCES school (id),
    consultation_id TEXT NOT NULL REFERENCES consultation (id),
    -- The host whom it concerns: the substitute when there was one.
    host_id TEXT NOT NULL REFERENCES person (id),
    author_id TEXT NOT NULL REFERENCES person (id),
    student_id TEXT REFERENCES person (id),
    -- untimely, poor, unlawful (clause 4.1)
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    -- open, answered, closed
    state TEXT NOT NULL,
    decision TEXT,
    closed_by TEXT,
    closed_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX complaint_school ON complaint (school_id, created_at);
CREATE INDEX complaint_host ON complaint (host_id);
CREATE TABLE complaint_answer (
    complaint_id TEXT NOT NULL REFERENCES complaint (id),
    n BIGINT NOT NULL,
    by_id TEXT NOT NULL REFERENCES person (id),
    text TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (complaint_id, n)
);

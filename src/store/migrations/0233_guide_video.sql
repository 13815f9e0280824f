-- Video instructions that the school puts beside articles of the guide (R2.3b): an address outside, or a file whose bytes are in the
-- data folder. The school's own material: kept until it is replaced or taken away.
CREATE TABLE guide_video (
    school_id TEXT NOT NULL REFERENCES school (id),
    -- whose article: student, guardian, host, observer, admin; and of which form
    part TEXT NOT NULL,
    form TEXT NOT NULL,
    title TEXT NOT NULL,
    -- one of both
    link TEXT,
    file_id TEXT,
    media_type TEXT,
    size_bytes BIGINT,
    by_id TEXT NOT NULL REFERENCES person (id),
    at BIGINT NOT NULL,
    PRIMARY KEY (school_id, part, form)
);

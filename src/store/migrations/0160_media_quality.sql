-- How people's lines did, by the minute (DOMAIN section 6): the evidence behind "it worked technically". Figures only, no
-- addresses. Kept and erased with the participation that it belongs to; in an export it stands beside attendance.
CREATE TABLE media_quality (
    room_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    -- Unix minutes
    minute BIGINT NOT NULL,
    -- the longest round trip, the largest jitter, the sum of still pictures in that minute
    rtt_ms BIGINT NOT NULL,
    loss_permille BIGINT NOT NULL,
    jitter_ms BIGINT NOT NULL,
    freeze_ms BIGINT NOT NULL,
    PRIMARY KEY (room_id, person_id, minute)
);

-- From the first offer of a person's connection to standing media.
CREATE TABLE media_join (
    room_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    took_ms BIGINT NOT NULL,
    PRIMARY KEY (room_id, person_id, at)
);

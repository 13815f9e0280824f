-- Who was in a room, from when to when (INV-74). An interval is open while left_at is NULL; once closed it stays.
CREATE TABLE participation (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL,
    room_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    role TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    left_at BIGINT,
    left_reason TEXT,
    -- the last moment at which the hub knew that the person was there: what counts if the hub dies
    seen_at BIGINT NOT NULL
);
CREATE INDEX participation_room ON participation (room_id, joined_at);
CREATE UNIQUE INDEX participation_open ON participation (room_id, person_id) WHERE left_at IS NULL;

-- Who was sent out of a room and may not come back.
CREATE TABLE room_removal (
    room_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    removed_by TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (room_id, person_id)
);

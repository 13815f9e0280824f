-- What is left of a line's figures when the raw ones have run out (30 days, DOMAIN 4.7): the evidence of one participation. Kept and
-- erased with the participation (5 years); in an export it stands beside attendance.
CREATE TABLE media_summary (
    room_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    minutes BIGINT NOT NULL,
    loss_permille BIGINT NOT NULL,
    worst_rtt_ms BIGINT NOT NULL,
    freeze_ms BIGINT NOT NULL,
    -- NULL: media never stood
    slowest_join_ms BIGINT,
    PRIMARY KEY (room_id, person_id)
);
-- When everybody in the room was told that an observer is there (INV-50). NULL for an observer: nobody was.
ALTER TABLE participation ADD COLUMN announced_at BIGINT;
UPDATE participation SET announced_at = joined_at WHERE role = 'observer';

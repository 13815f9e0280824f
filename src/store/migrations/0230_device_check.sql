-- The newest check of devices and line that a person made (R2.3c): words of a closed list and figures, no addresses, no names of
-- devices. Kept 30 days, as raw figures of media are; goes with erasure, stands in the person's export.
CREATE TABLE device_check (
    person_id TEXT PRIMARY KEY REFERENCES person (id),
    school_id TEXT NOT NULL REFERENCES school (id),
    -- whose page it was made on; NULL: none
    consultation_id TEXT,
    at BIGINT NOT NULL,
    -- works, silent, denied, missing, busy, failed; NULL: not tried
    camera TEXT,
    microphone TEXT,
    speaker TEXT,
    -- udp, tcp, relay, none
    way TEXT,
    relay TEXT,
    up_kbps BIGINT,
    down_kbps BIGINT
);
CREATE INDEX device_check_school ON device_check (school_id, at);

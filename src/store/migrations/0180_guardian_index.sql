-- Whose guardian a person is, is asked at every join and request: `guardian_link_active` leaves out ended links and is not used.
CREATE INDEX guardian_link_guardian ON guardian_link (guardian_id);

-- The journal is read by person as well: what somebody did. No data of its own.
CREATE INDEX audit_event_actor ON audit_event (actor_id, seq);

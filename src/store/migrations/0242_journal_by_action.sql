-- Whoever looks for seldom acts does not read the whole journal for them.
CREATE INDEX audit_event_action ON audit_event (school_id, action, seq);
CREATE INDEX audit_event_at ON audit_event (school_id, at);

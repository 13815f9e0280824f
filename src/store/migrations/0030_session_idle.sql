-- Sign-ins whose idle time runs out between two instants are looked up several times a second.
CREATE INDEX web_session_idle ON web_session ((seen_at + idle)) WHERE idle > 0;

-- A hold against erasure is lifted by somebody, for a reason. It is about the person whose data it keeps; its row stays when it
-- is lifted, and goes into that person's export.
ALTER TABLE retention_hold ADD COLUMN lifted_by TEXT;
ALTER TABLE retention_hold ADD COLUMN lifted_reason TEXT;

-- The name as it is looked up and sorted by (case, ё beside е), so that a page of people is read and not the school. Of the person,
-- and erased with the name. What is there already is filled in right after this (`migrate.rs`): SQL does not fold every alphabet.
ALTER TABLE person ADD COLUMN name_fold TEXT NOT NULL DEFAULT '';
CREATE INDEX person_by_name ON person (school_id, status, name_fold, id);

-- In which terms of the year a regular lesson is held, a bit for each term of the timetable it came from («10»: the first half
-- of the year only); NULL: all year. Kept as long as the lesson, which each import replaces.
ALTER TABLE regular_lesson ADD COLUMN terms TEXT;
-- By whom and with whom: conflicts are looked up when somebody books for one student.
CREATE INDEX regular_lesson_group ON regular_lesson (group_id);

-- 1: somebody else chose this password, so it is good for nothing but choosing another. Of the account, and kept like it. Accounts
-- that are there already keep theirs: nobody knows any more who chose it.
ALTER TABLE account ADD COLUMN change_due BIGINT NOT NULL DEFAULT 0;

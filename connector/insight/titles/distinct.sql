-- Titles to read, each once. A contact marked no_profiling is left out here, before anything is computed of it,
-- and so is one that was made after the as-of day.

-- view: profiled_contact
SELECT c.id AS contact_id, c.account_id AS account_id, c.title AS title
FROM contact c
WHERE COALESCE(c.no_profiling, 0) = 0 AND COALESCE(c.created_day, :as_of) <= :as_of

-- near step: distinct_title
SELECT DISTINCT title AS title
FROM profiled_contact
WHERE title IS NOT NULL

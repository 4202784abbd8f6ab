-- Who plays which role in buying, by whom people name and, where they don't, by level and function; and who
-- supports us. Formula: methods, sections 3.3 and 3.4. A champion is never inferred.

-- daily inner: role_told
SELECT h.contact_id AS contact_id, s.account_id AS account_id, h.role AS role, s.present AS present,
  MIN(h.trust) AS trust
FROM (
  SELECT contact_id, role, 1 AS trust FROM stakeholder WHERE role IS NOT NULL
  UNION ALL
  SELECT id AS contact_id, role, 2 AS trust FROM contact WHERE role IS NOT NULL
) h
JOIN contact_strength s ON s.contact_id = h.contact_id
WHERE s.account_id IS NOT NULL
GROUP BY h.contact_id, s.account_id, h.role, s.present

-- daily step: coverage_role
SELECT contact_id, account_id, role FROM role_told WHERE present = 1

-- Where nobody named an economic buyer, the executives of a buying function are likely ones.
-- daily step: coverage_buyer
SELECT s.contact_id AS contact_id, s.account_id AS account_id
FROM contact_strength s
JOIN buying_function b ON b.function = s.function
LEFT JOIN (SELECT DISTINCT account_id FROM coverage_role WHERE role = 'economic_buyer') n ON n.account_id = s.account_id
WHERE s.present = 1 AND s.account_id IS NOT NULL AND s.level >= 4 AND n.account_id IS NULL

-- view: role_known
SELECT t.contact_id AS contact_id, t.account_id AS account_id, k.code AS code
FROM role_told t
JOIN role_rank k ON k.role = t.role AND k.trust = t.trust
UNION ALL
SELECT b.contact_id AS contact_id, b.account_id AS account_id, k.code AS code
FROM coverage_buyer b
JOIN role_rank k ON k.role = 'economic_buyer' AND k.source = 'title'
UNION ALL
SELECT s.contact_id AS contact_id, s.account_id AS account_id, k.code AS code
FROM contact_strength s
JOIN role_prior p ON p.function = s.function AND s.level >= p.low AND s.level <= p.high
JOIN role_rank k ON k.role = p.role AND k.source = 'title'
WHERE s.present = 1 AND s.account_id IS NOT NULL

-- daily step: contact_role_guess
SELECT g.contact_id AS contact_id, g.account_id AS account_id, k.role AS role, k.source AS source
FROM (SELECT contact_id, account_id, MIN(code) AS code FROM role_known GROUP BY contact_id, account_id) g
JOIN role_rank k ON k.code = g.code

-- Whether the champion is still there, of accounts that have or had one.
-- daily step: account_champion
SELECT account_id, MAX(present) AS present
FROM role_told
WHERE role = 'champion'
GROUP BY account_id

-- What is known of who supports us: by role, and by attitude. Who decides or uses may be for or against
-- us: such a role alone tells nothing.
-- view: role_stance
SELECT account_id, contact_id, CASE WHEN role = 'economic_buyer' THEN 1 ELSE 0 END AS decides,
  CASE WHEN role IN ('economic_buyer', 'champion', 'sponsor') THEN 1 ELSE 0 END AS weighs,
  CASE WHEN role IN ('champion', 'sponsor') THEN 1 ELSE 0 END AS friend,
  CASE WHEN role IN ('champion', 'sponsor', 'coach', 'blocker') THEN 1 ELSE 0 END AS told,
  CAST(NULL AS DOUBLE) AS attitude, 0 AS known, 0 AS stale
FROM coverage_role
UNION ALL
SELECT account_id, contact_id, 1 AS decides, 1 AS weighs, 0 AS friend, 0 AS told, CAST(NULL AS DOUBLE) AS attitude,
  0 AS known, 0 AS stale
FROM coverage_buyer
UNION ALL
SELECT s.account_id AS account_id, s.contact_id AS contact_id, 0 AS decides,
  CASE WHEN s.level >= 4 THEN 1 ELSE 0 END AS weighs, 0 AS friend,
  CASE WHEN c.modified_day <= :stale_day THEN 0 ELSE 1 END AS told,
  CASE WHEN c.modified_day <= :stale_day THEN NULL ELSE c.attitude * 1.0E0 END AS attitude, 1 AS known,
  CASE WHEN c.modified_day <= :stale_day THEN 1 ELSE 0 END AS stale
FROM contact c
JOIN contact_strength s ON s.contact_id = c.id
WHERE c.attitude IS NOT NULL AND s.present = 1 AND s.account_id IS NOT NULL

-- view: role_side
SELECT account_id, MAX(decides) AS decides, MAX(weighs) AS weighs, MAX(told) AS told, MAX(known) AS known,
  MAX(stale) AS stale,
  CASE WHEN COALESCE(MAX(attitude), CASE WHEN MAX(friend) = 1 THEN 1.0E0 ELSE 0.0E0 END) >= 1.0E0 THEN 1 ELSE 0 END
    AS supports
FROM role_stance
GROUP BY account_id, contact_id

-- daily step: account_light
SELECT
  account_id,
  CASE
    WHEN MAX(told) = 0 THEN 'unknown'
    WHEN MAX(supports * decides) = 1 THEN 'green'
    WHEN MAX(supports * weighs) = 1 THEN 'amber'
    ELSE 'red'
  END AS light,
  CAST(SUM(known) AS BIGINT) AS attitudes,
  CAST(SUM(stale) AS BIGINT) AS attitudes_stale
FROM role_side
GROUP BY account_id

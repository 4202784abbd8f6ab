-- Which roles each open deal has filled, by people we are in touch with, know, or lack. Formula: methods, section 3.4.

-- kept step: open_opportunity
SELECT id AS opportunity_id, account_id, amount_minor, CASE WHEN state = 'open' THEN 1 ELSE 0 END AS is_open
FROM opportunity
WHERE COALESCE(created_day, :as_of) <= :as_of AND (state = 'open' OR (state IN ('won', 'lost') AND close_day > :as_of))

-- Roles as people set them: on the deal, on its account, on the contact. People who left fill nothing.
-- inner: deal_holder
SELECT h.opportunity_id AS opportunity_id, h.contact_id AS contact_id, h.role AS role, MIN(h.trust) AS trust,
  MAX(s.engaged) AS engaged,
  MAX(CASE WHEN s.strength >= :held_strength AND s.last_two_way_day > :held_day THEN 1 ELSE 0 END) AS held
FROM (
  SELECT k.opportunity_id AS opportunity_id, k.contact_id AS contact_id, k.role AS role, 1 AS trust
  FROM stakeholder k
  JOIN open_opportunity o ON o.opportunity_id = k.opportunity_id
  UNION ALL
  SELECT o.opportunity_id AS opportunity_id, k.contact_id AS contact_id, k.role AS role, 2 AS trust
  FROM stakeholder k
  JOIN open_opportunity o ON o.account_id = k.account_id
  WHERE k.opportunity_id IS NULL
  UNION ALL
  SELECT o.opportunity_id AS opportunity_id, c.id AS contact_id, c.role AS role, 3 AS trust
  FROM contact c
  JOIN open_opportunity o ON o.account_id = c.account_id
  WHERE c.role IS NOT NULL
) h
JOIN contact_strength s ON s.contact_id = h.contact_id
WHERE s.present = 1
GROUP BY h.opportunity_id, h.contact_id, h.role

-- Whom the deal names for a role is asked before whom its account does, and that one before the contact's own record.
-- inner: deal_role
SELECT h.opportunity_id AS opportunity_id, h.role AS role, MAX(h.engaged) AS engaged, MAX(h.held) AS held
FROM deal_holder h
JOIN (SELECT opportunity_id, role, MIN(trust) AS trust FROM deal_holder GROUP BY opportunity_id, role) b
  ON b.opportunity_id = h.opportunity_id AND b.role = h.role AND b.trust = h.trust
GROUP BY h.opportunity_id, h.role

-- step: deal_people
SELECT opportunity_id, COUNT(*) AS contacts, CAST(SUM(engaged) AS BIGINT) AS engaged
FROM (
  SELECT opportunity_id, contact_id, MAX(engaged) AS engaged FROM deal_holder GROUP BY opportunity_id, contact_id
) p
GROUP BY opportunity_id

-- Where nobody at any customer has one of these roles, roles are not kept: then they are unknown, not missing.
-- step: deal_kept
SELECT CASE WHEN COUNT(*) > 0 THEN 1 ELSE 0 END AS kept
FROM (SELECT role FROM stakeholder UNION ALL SELECT role FROM contact) h
JOIN (SELECT DISTINCT role FROM deal_rule) r ON r.role = h.role

-- One digit for each role, as `deals.STATES` counts them; 0 where the role is not asked for.
-- step: deal_code
SELECT
  o.opportunity_id AS opportunity_id,
  CAST(SUM(r.unit * CASE
    WHEN d.role IS NULL THEN 1 WHEN a.known = 0 THEN 2 WHEN d.engaged = 1 THEN 5 WHEN d.held = 1 THEN 4 ELSE 3
  END) AS BIGINT) AS code
FROM (
  SELECT opportunity_id, CASE WHEN amount_minor < :small_minor THEN 'small' ELSE 'full' END AS size FROM open_opportunity
) o
JOIN deal_rule r ON r.size = o.size
CROSS JOIN activity_source a
LEFT JOIN deal_role d ON d.opportunity_id = o.opportunity_id AND d.role = r.role
GROUP BY o.opportunity_id

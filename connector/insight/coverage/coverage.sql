-- Which seats of the customer's organisation we know, and how well. Formula: methods, section 3.4.
-- A person sits in a slot by function and level, or by a role that somebody set; people who left cover nothing.

-- daily inner: coverage_person
SELECT s.contact_id, s.account_id, s.level, s.function, s.strength, s.engaged
FROM contact_strength s
WHERE s.present = 1 AND s.account_id IS NOT NULL

-- Where nobody at any customer has a role, roles are not kept: then their slots are unknown and left out.
-- guard step: coverage_source
SELECT a.known AS activities, c.contacts AS contacts, r.roles AS roles
FROM activity_source a
CROSS JOIN (SELECT CASE WHEN COUNT(*) > 0 THEN 1 ELSE 0 END AS contacts FROM contact_title) c
CROSS JOIN (SELECT CASE WHEN COUNT(*) > 0 THEN 1 ELSE 0 END AS roles FROM coverage_role) r

-- Roles as people set them, and likely economic buyers where they named none.
-- view: coverage_role_all
SELECT contact_id, account_id, role FROM coverage_role
UNION ALL
SELECT contact_id, account_id, 'economic_buyer' AS role FROM coverage_buyer

-- daily inner: coverage_size
SELECT
  a.id AS account_id,
  CASE
    WHEN a.employees > 0 AND a.employees < :small_below THEN 'small'
    WHEN COALESCE(a.employees, 0) < :middle_below THEN 'middle'
    ELSE 'large'
  END || CASE WHEN p.status = 'Key' THEN '_key' ELSE '' END AS size,
  CASE WHEN a.created_day <= :as_of AND a.created_day > :new_day THEN 1 ELSE 0 END AS new
FROM account a
LEFT JOIN programme p ON p.account_id = a.id

-- view: coverage_required
SELECT z.account_id AS account_id, r.slot AS slot, r.weight AS weight, r.place AS place
FROM coverage_size z
JOIN slot_rule r ON r.size = z.size
CROSS JOIN coverage_source s
WHERE r.only_people = 0 OR s.roles = 1

-- view: coverage_fit
SELECT p.account_id AS account_id, r.slot AS slot, p.strength AS strength, p.engaged AS engaged
FROM coverage_person p
JOIN coverage_size z ON z.account_id = p.account_id
JOIN slot_rule r ON r.size = z.size
WHERE (r.function = 'any' OR r.function = p.function) AND p.level >= r.low AND p.level <= r.high
UNION ALL
SELECT p.account_id AS account_id, r.slot AS slot, p.strength AS strength, p.engaged AS engaged
FROM coverage_role_all h
JOIN coverage_person p ON p.contact_id = h.contact_id
JOIN coverage_size z ON z.account_id = p.account_id
JOIN slot_rule r ON r.size = z.size AND r.role = h.role

-- view: coverage_best
SELECT
  account_id,
  slot,
  MAX(CAST(floor(least(strength * 1.0E0 / :full, 1.0E0) * 1.0E6 + 0.5E0) AS BIGINT)) AS micro,
  MAX(CASE WHEN strength >= :warm THEN 1 ELSE 0 END) AS covered,
  MAX(engaged) AS engaged
FROM coverage_fit
GROUP BY account_id, slot

-- daily step: coverage_slot
SELECT
  q.account_id AS account_id,
  q.slot AS slot,
  q.weight AS weight,
  q.place AS place,
  CASE WHEN s.activities = 1 THEN COALESCE(b.micro, 0) END AS micro,
  CASE WHEN s.activities = 1 THEN COALESCE(b.micro, 0) * 1.0E0 / 1.0E6 END AS value,
  CASE WHEN s.activities = 1 THEN COALESCE(b.covered, 0) END AS covered,
  CASE WHEN s.contacts = 1 THEN CASE WHEN b.slot IS NULL THEN 0 ELSE 1 END END AS known,
  CASE WHEN s.activities = 1 THEN COALESCE(b.engaged, 0) END AS engaged
FROM coverage_required q
CROSS JOIN coverage_source s
LEFT JOIN coverage_best b ON b.account_id = q.account_id AND b.slot = q.slot

-- daily inner: coverage_gap
SELECT
  account_id, slot, known,
  row_number() OVER (PARTITION BY account_id ORDER BY weight DESC, known, place, slot) AS place
FROM coverage_slot
WHERE COALESCE(covered, known) = 0

-- view: coverage_gaps
SELECT
  account_id,
  MAX(CASE WHEN place = 1 THEN slot END) AS first_gap,
  MAX(CASE WHEN place = 1 THEN known END) AS first_gap_known,
  MAX(CASE WHEN place = 2 THEN slot END) AS second_gap,
  MAX(CASE WHEN place = 3 THEN slot END) AS third_gap
FROM coverage_gap
WHERE place <= 3
GROUP BY account_id

-- view: coverage_sums
SELECT
  q.account_id AS account_id,
  COUNT(*) AS slots,
  CAST(SUM(q.covered) AS BIGINT) AS covered,
  CAST(SUM(q.known) AS BIGINT) AS known,
  CAST(SUM(q.engaged) AS BIGINT) AS engaged,
  CAST(SUM(q.weight * q.micro) AS BIGINT) AS micro,
  CAST(SUM(q.weight) AS BIGINT) AS weight,
  CAST(SUM(q.weight * q.micro * k.executive) AS BIGINT) AS executive_micro,
  CAST(SUM(q.weight * k.executive) AS BIGINT) AS executive_weight
FROM coverage_slot q
JOIN slot_kind k ON k.slot = q.slot
GROUP BY q.account_id

-- Breadth is of functions that are asked for by name: a small customer is asked for none.
-- view: coverage_breadth
SELECT account_id, COUNT(*) AS required, CAST(SUM(engaged) AS BIGINT) AS engaged
FROM (
  SELECT q.account_id AS account_id, k.function AS function, MAX(q.engaged) AS engaged
  FROM coverage_slot q
  JOIN slot_kind k ON k.slot = q.slot
  WHERE k.function <> ''
  GROUP BY q.account_id, k.function
) f
GROUP BY account_id

-- view: coverage_people
SELECT
  p.account_id AS account_id,
  COUNT(*) AS contacts,
  CAST(SUM(CASE WHEN p.level IS NOT NULL OR r.contact_id IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT) AS placed,
  MAX(CASE WHEN p.level >= 4 THEN 1 ELSE 0 END) AS executive_known,
  MAX(CASE WHEN p.level >= 4 THEN p.engaged WHEN p.engaged IS NOT NULL THEN 0 END) AS executive_engaged
FROM coverage_person p
LEFT JOIN (SELECT DISTINCT contact_id FROM coverage_role) r ON r.contact_id = p.contact_id
GROUP BY p.account_id

-- `judged` says whether a share can be given at all: we know somebody, and where at least one of them sits.
-- view: coverage_state
SELECT
  z.account_id AS account_id,
  CASE
    WHEN s.contacts = 0 THEN 'unknown'
    WHEN z.new = 1 THEN 'getting_to_know'
    WHEN COALESCE(p.contacts, 0) = 0 THEN 'no_contacts'
    WHEN p.placed = 0 THEN 'no_titles'
    WHEN s.activities = 0 THEN 'no_activities'
    ELSE 'ok'
  END AS state,
  CASE WHEN s.contacts = 1 AND COALESCE(p.placed, 0) > 0 THEN 1 ELSE 0 END AS judged,
  CASE WHEN s.contacts = 1 THEN COALESCE(p.contacts, 0) END AS contacts,
  CASE WHEN s.contacts = 1 THEN COALESCE(p.placed, 0) END AS contacts_placed,
  CASE WHEN s.contacts = 1 THEN COALESCE(p.executive_known, 0) END AS executive_known,
  CASE WHEN s.contacts = 1 AND s.activities = 1 THEN COALESCE(p.executive_engaged, 0) END AS executive_engaged,
  s.roles AS roles
FROM coverage_size z
CROSS JOIN coverage_source s
LEFT JOIN coverage_people p ON p.account_id = z.account_id

-- daily step: account_coverage
SELECT
  t.account_id AS account_id,
  COALESCE(m.slots, 0) AS slots,
  CASE WHEN t.judged = 1 THEN m.covered END AS slots_covered,
  CASE WHEN t.judged = 1 THEN m.known END AS slots_known,
  CASE
    WHEN t.judged = 1 THEN CAST(floor(100.0E0 * m.micro / (1.0E6 * m.weight) + 0.5E0) AS BIGINT)
  END AS coverage_percent,
  CASE WHEN t.judged = 1 THEN CAST(floor(100.0E0 * m.known / m.slots + 0.5E0) AS BIGINT) END AS known_percent,
  CASE WHEN t.contacts IS NOT NULL THEN s.engaged_contacts END AS engaged_contacts,
  t.contacts AS contacts,
  t.contacts_placed AS contacts_placed,
  t.executive_known AS executive_known,
  t.executive_engaged AS executive_engaged,
  CASE
    WHEN t.contacts > 0 AND t.state <> 'getting_to_know' AND s.engaged_contacts IS NOT NULL THEN CASE
      WHEN s.engaged_contacts <= 1 OR COALESCE(s.top_contact_share, 0.0E0) >= :single_share THEN 1
      ELSE 0
    END
  END AS single_threaded,
  CASE WHEN t.judged = 1 THEN g.first_gap END AS first_gap,
  CASE WHEN t.judged = 1 THEN g.first_gap_known END AS first_gap_known,
  CASE WHEN t.judged = 1 THEN g.second_gap END AS second_gap,
  CASE WHEN t.judged = 1 THEN g.third_gap END AS third_gap,
  CASE WHEN t.judged = 1 THEN m.engaged END AS slots_engaged,
  CASE
    WHEN t.judged = 1 THEN CAST(floor(100.0E0 * m.engaged / GREATEST(m.slots, 1) + 0.5E0) AS BIGINT)
  END AS engaged_percent,
  CASE
    WHEN t.judged = 1 AND m.executive_weight > 0
      THEN CAST(floor(100.0E0 * m.executive_micro / (1.0E6 * GREATEST(m.executive_weight, 1)) + 0.5E0) AS BIGINT)
  END AS executive_percent,
  CASE WHEN t.judged = 1 THEN b.required END AS functions_required,
  CASE WHEN t.judged = 1 THEN b.engaged END AS functions_engaged,
  CASE
    WHEN t.contacts IS NULL THEN NULL
    WHEN h.present IS NOT NULL THEN 1 - h.present
    WHEN t.roles = 1 THEN 0
  END AS champion_left,
  CASE WHEN t.contacts IS NOT NULL THEN COALESCE(l.light, 'unknown') END AS light,
  CASE WHEN t.contacts IS NOT NULL THEN COALESCE(l.attitudes, 0) END AS attitudes,
  CASE WHEN t.contacts IS NOT NULL THEN COALESCE(l.attitudes_stale, 0) END AS attitudes_stale,
  t.state AS state
FROM coverage_state t
LEFT JOIN coverage_sums m ON m.account_id = t.account_id
LEFT JOIN account_strength s ON s.account_id = t.account_id
LEFT JOIN coverage_gaps g ON g.account_id = t.account_id
LEFT JOIN coverage_breadth b ON b.account_id = t.account_id
LEFT JOIN account_champion h ON h.account_id = t.account_id
LEFT JOIN account_light l ON l.account_id = t.account_id

-- Whom to ask for an introduction to an executive of a function where we are in touch with none: the cheapest way over
-- one of ours, somebody they meet, and lines or meetings among the customer's people, in three hops at most.
-- Each hop costs -ln(strength / 100), in whole millionths.

-- Who of ours talks with whom, by what a mail or calendar link recorded.
-- kept step: contact_talk
SELECT a.account_id AS account_id, a.contact_id AS contact_id, a.owner_id AS owner_id, COUNT(*) AS talks,
  MAX(a.at_day) AS last_day
FROM activity_counted a
JOIN contact_title t ON t.contact_id = a.contact_id
WHERE a.captured = 1 AND a.kind IN ('meeting', 'call', 'chat') AND a.owner_id IS NOT NULL AND t.level IS NOT NULL
GROUP BY a.account_id, a.contact_id, a.owner_id

-- Only who is in touch with us can introduce us, and only by one who still works here.
-- step: introduction_colleague
SELECT k.account_id, k.contact_id, k.owner_id, k.share
FROM (
  SELECT t.account_id AS account_id, t.contact_id AS contact_id, t.owner_id AS owner_id,
    t.talks * 1.0E0 / CAST(SUM(t.talks) OVER (PARTITION BY t.contact_id) AS BIGINT) AS share,
    row_number() OVER (PARTITION BY t.contact_id ORDER BY t.talks DESC, t.last_day DESC, t.owner_id) AS place
  FROM contact_talk t
  JOIN crm_user u ON u.id = t.owner_id
  WHERE COALESCE(u.is_active, 1) = 1
) k
WHERE k.place = 1

-- step: introducer
SELECT o.contact_n AS contact_n, o.account_n AS account_n, s.level AS level, s.function AS function,
  k.owner_id AS owner_id,
  CAST(floor((0.0E0 - ln(s.strength * k.share / 100.0E0)) * 1.0E6 + 0.5E0) AS BIGINT) AS micro
FROM contact_strength s
JOIN introduction_colleague k ON k.contact_id = s.contact_id
JOIN contact_order o ON o.contact_id = s.contact_id
WHERE s.engaged = 1 AND s.present = 1 AND s.level IS NOT NULL

-- The weightiest function where no executive is in touch with us, of accounts where somebody is.
-- step: introduction_gap
SELECT g.account_n AS account_n, g.account_id AS account_id, g.slot AS slot, g.function AS function
FROM (
  SELECT a.account_n AS account_n, q.account_id AS account_id, q.slot AS slot, e.function AS function,
    row_number() OVER (PARTITION BY q.account_id ORDER BY q.place, q.slot) AS place
  FROM coverage_slot q
  JOIN executive_seat e ON e.slot = q.slot
  JOIN account_group a ON a.account_id = q.account_id
  JOIN (SELECT DISTINCT account_n FROM introducer) i ON i.account_n = a.account_n
  WHERE q.engaged = 0
) g
WHERE g.place = 1

-- step: introduction_edge
SELECT p.contact_n AS one_n, p.manager_n AS other_n, CAST(:line AS BIGINT) AS micro
FROM chart_person p
JOIN introduction_gap g ON g.account_n = p.account_n
WHERE p.manager_n >= 0
UNION ALL
SELECT p.manager_n AS one_n, p.contact_n AS other_n, CAST(:line AS BIGINT) AS micro
FROM chart_person p
JOIN introduction_gap g ON g.account_n = p.account_n
WHERE p.manager_n >= 0
UNION ALL
SELECT m.one_n AS one_n, m.other_n AS other_n, CAST(:meeting AS BIGINT) AS micro FROM chart_met m
UNION ALL
SELECT m.other_n AS one_n, m.one_n AS other_n, CAST(:meeting AS BIGINT) AS micro FROM chart_met m

-- step: introduction_target
SELECT g.account_n AS account_n, o.contact_n AS target_n
FROM introduction_gap g
JOIN contact_order o ON o.account_n = g.account_n
LEFT JOIN chart_function f ON f.function_n = o.function_n
WHERE o.present = 1 AND o.level >= 4 AND (g.function = 'any' OR f.function = g.function)

-- step: introduction_near
SELECT t.account_n AS account_n, t.target_n AS target_n, e.one_n AS via_n, MIN(e.micro) AS micro
FROM introduction_target t
JOIN introduction_edge e ON e.other_n = t.target_n
GROUP BY t.account_n, t.target_n, e.one_n

-- Over one person, or over two; and where nobody is known in that seat, over who is in touch with us nearest below it:
-- a director will know the executive above sooner than a clerk.
-- view: introduction_way
SELECT n.account_n AS account_n, 2 AS hops, i.contact_n AS first_n, CAST(NULL AS BIGINT) AS middle_n, i.owner_id AS owner_id,
  i.micro + n.micro AS micro, 1 AS known
FROM introduction_near n
JOIN introducer i ON i.contact_n = n.via_n
UNION ALL
SELECT n.account_n AS account_n, 3 AS hops, i.contact_n AS first_n, n.via_n AS middle_n, i.owner_id AS owner_id,
  i.micro + e.micro + n.micro AS micro, 1 AS known
FROM introduction_near n
JOIN introduction_edge e ON e.other_n = n.via_n
JOIN introducer i ON i.contact_n = e.one_n
WHERE e.one_n <> n.target_n
UNION ALL
SELECT g.account_n AS account_n, 2 AS hops, i.contact_n AS first_n, CAST(NULL AS BIGINT) AS middle_n, i.owner_id AS owner_id,
  i.micro + CASE i.level WHEN 3 THEN CAST(:director AS BIGINT) WHEN 2 THEN CAST(:manager AS BIGINT) ELSE CAST(:below AS BIGINT) END AS micro,
  0 AS known
FROM introduction_gap g
LEFT JOIN introduction_target t ON t.account_n = g.account_n
JOIN introducer i ON i.account_n = g.account_n AND (g.function = 'any' OR i.function = g.function)
WHERE t.account_n IS NULL

-- step: introduction
SELECT g.account_id AS account_id, g.slot AS slot, w.known AS known, w.hops AS hops, w.owner_id AS owner_id,
  o.level AS first_level, f.function AS first_function, q.level AS middle_level, h.function AS middle_function,
  w.micro * 1.0E0 / 1.0E6 AS cost
FROM (
  SELECT v.*, row_number() OVER (PARTITION BY v.account_n ORDER BY v.micro, v.hops, v.first_n, COALESCE(v.middle_n, 0), v.account_n) AS place
  FROM introduction_way v
) w
JOIN introduction_gap g ON g.account_n = w.account_n
JOIN contact_order o ON o.contact_n = w.first_n
LEFT JOIN chart_function f ON f.function_n = o.function_n
LEFT JOIN contact_order q ON q.contact_n = w.middle_n
LEFT JOIN chart_function h ON h.function_n = q.function_n
WHERE w.place = 1

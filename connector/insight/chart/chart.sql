-- The chart told by ids: chart_person and chart_account were loaded by this room's numpy, in whole numbers.
-- Where nobody in the whole CRM reports to anybody, lines are not kept, and what they would say is unknown.

-- step: chart_source
SELECT CASE WHEN COUNT(*) > 0 THEN 1 ELSE 0 END AS known
FROM contact_order
WHERE reports_to_id IS NOT NULL

-- A manager is told where that person is still there, else as the one who left; a suggestion, where it is good enough.
-- view: contact_chart
SELECT
  o.contact_id AS contact_id,
  CASE WHEN p.manager_n >= 0 THEN m.contact_id END AS manager_id,
  CASE WHEN p.manager_n < 0 THEN m.contact_id END AS left_manager_id,
  u.contact_id AS suggested_manager_id,
  CASE WHEN u.contact_id IS NOT NULL THEN p.confidence * 1.0E0 / 1.0E6 END AS suggestion_confidence,
  CASE WHEN p.influence > 0 THEN p.influence END AS influence_rank
FROM contact_order o
JOIN chart_person p ON p.contact_n = o.contact_n
LEFT JOIN contact_order m ON m.contact_n = p.above_n
LEFT JOIN contact_order u ON u.contact_n = p.suggested_n

-- step: account_line
SELECT
  g.account_id AS account_id,
  CASE WHEN c.people > 0 THEN c.people END AS people,
  CASE WHEN c.people > 0 AND s.known = 1 THEN c.with_manager * 1.0E0 / GREATEST(c.people, 1) END AS reach,
  CASE WHEN c.people > 0 AND s.known = 1 THEN c.depth END AS depth,
  CASE WHEN c.people > 0 AND s.known = 1 THEN c.span END AS widest_span,
  CASE WHEN c.people > 0 AND s.known = 1 THEN c.orphans END AS orphans,
  CASE WHEN s.known = 1 THEN c.ghosts END AS ghosts,
  CASE WHEN s.known = 1 THEN c.loops END AS loops_broken,
  CASE WHEN c.people > 0 THEN c.suggested END AS managers_suggested
FROM account_group g
CROSS JOIN chart_source s
JOIN chart_account c ON c.account_n = g.account_n

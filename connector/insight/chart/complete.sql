-- The chart of each account with how complete the map is: of the seats by function and level that coverage asks for,
-- those where somebody is known. Roles are left out: a chart doesn't show them.

-- step: account_chart
SELECT
  l.account_id AS account_id,
  l.people AS chart_people,
  l.reach AS chart_reach,
  l.depth AS chart_depth,
  l.widest_span AS chart_span,
  l.orphans AS chart_orphans,
  l.ghosts AS chart_ghosts,
  l.loops_broken AS chart_loops,
  l.managers_suggested AS chart_suggested,
  CASE WHEN c.known_percent IS NOT NULL THEN m.known * 1.0E0 / GREATEST(m.expected, 1) END AS map_completeness
FROM account_line l
JOIN account_coverage c ON c.account_id = l.account_id
LEFT JOIN (
  SELECT q.account_id AS account_id, COUNT(*) AS expected, CAST(SUM(q.known) AS BIGINT) AS known
  FROM coverage_slot q
  JOIN chart_seat r ON r.slot = q.slot
  GROUP BY q.account_id
) m ON m.account_id = l.account_id

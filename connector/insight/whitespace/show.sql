-- Which ideas are shown, in which order, and how large the account's whitespace is among all. Methods 4.3.

-- kept step: open_case
SELECT account_id
FROM service_case
WHERE priority = 'high' AND opened_day <= :as_of AND (closed_day IS NULL OR closed_day > :as_of)

-- step: whitespace_held
SELECT COALESCE(g.root_id, h.account_id) AS account_id, MIN(h.reason) AS reason
FROM (SELECT account_id, 'case' AS reason FROM open_case
      UNION ALL
      SELECT id, 'satisfaction' FROM account WHERE satisfaction < :least_satisfaction
      UNION ALL
      SELECT account_id, 'streamline' FROM account_quadrant WHERE box = 'Streamline' AND :hold_streamline = 1) AS h
LEFT JOIN whitespace_branch AS g ON g.account_id = h.account_id
GROUP BY COALESCE(g.root_id, h.account_id)

-- The score alone orders ideas: until a back-test has calibrated the probability, weighing it by money would let the
-- dearest family win everywhere.
-- view: whitespace_ranked
SELECT e.account_id, e.family, e.low_minor, e.high_minor, e.typical_minor, e.peers, e.peer_owners, e.pulled_by,
  row_number() OVER (
    PARTITION BY e.account_id
    ORDER BY COALESCE(e.score, -1.0E0) DESC, COALESCE(e.expected_minor, -1) DESC, e.family) AS place
FROM whitespace_estimate AS e
LEFT JOIN whitespace_held AS h ON h.account_id = e.account_id
WHERE e.state = 'whitespace' AND h.account_id IS NULL

-- The family named in the present idea stays first as long as it is among those shown.
-- step: whitespace_shown
SELECT r.account_id, r.family, r.low_minor, r.high_minor, r.typical_minor, r.peers, r.peer_owners, r.pulled_by,
  row_number() OVER (
    PARTITION BY r.account_id
    ORDER BY CASE WHEN v.top_family = r.family THEN 0 ELSE 1 END, r.place, r.family) AS shown
FROM whitespace_ranked AS r
LEFT JOIN present_value AS v ON v.account_id = r.account_id
WHERE r.place <= :shown

-- view: whitespace_cell
SELECT e.account_id, e.family, e.state, e.reason, e.since_day, e.score, e.pulled_by, e.pull_lift, e.peers,
  e.peer_owners, e.typical_minor, e.low_minor, e.high_minor, e.probability, e.expected_minor, e.likelihood,
  e.potential_minor, CAST(COALESCE(s.shown, 0) AS BIGINT) AS shown
FROM whitespace_estimate AS e
LEFT JOIN whitespace_shown AS s ON s.account_id = e.account_id AND s.family = e.family

-- Large begins at the smallest of the largest fifth, Medium at the median; accounts without an idea don't count.
-- inner: whitespace_border
SELECT MIN(CASE WHEN place <= GREATEST(1.0E0, floor(n * :large_share)) THEN expected_minor END) AS large_minor,
  MIN(CASE WHEN place <= GREATEST(1.0E0, floor(n * :medium_share)) THEN expected_minor END) AS medium_minor
FROM (SELECT expected_minor, row_number() OVER (ORDER BY expected_minor DESC, account_id) AS place,
        COUNT(*) OVER () AS n
      FROM account_estimate WHERE expected_minor > 0) AS r

-- inner: whitespace_sum
SELECT account_id, COUNT(*) AS ideas, CAST(SUM(low_minor) AS BIGINT) AS low_minor,
  CAST(SUM(high_minor) AS BIGINT) AS high_minor
FROM whitespace_shown GROUP BY account_id

-- What is told of the money: two digits. What rounds to nothing is not told.
-- inner: whitespace_told
SELECT account_id, ideas, low_minor, high_minor,
  CASE WHEN low_minor > 0
       THEN CAST(floor(floor(low_minor / exp((floor(ln(low_minor * 1.0E0) / ln(1.0E1)) - 1.0E0) * ln(1.0E1)) + 0.5E0)
                       * exp((floor(ln(low_minor * 1.0E0) / ln(1.0E1)) - 1.0E0) * ln(1.0E1)) + 0.5E0) AS BIGINT)
       END AS low_told,
  CASE WHEN low_minor > 0 AND high_minor > 0
       THEN CAST(floor(floor(high_minor / exp((floor(ln(high_minor * 1.0E0) / ln(1.0E1)) - 1.0E0) * ln(1.0E1)) + 0.5E0)
                       * exp((floor(ln(high_minor * 1.0E0) / ln(1.0E1)) - 1.0E0) * ln(1.0E1)) + 0.5E0) AS BIGINT)
       END AS high_told
FROM whitespace_sum

-- The present band stays while the money is within 10 % of the border it would have to cross.
-- step: account_whitespace
SELECT e.account_id, e.state, COALESCE(s.ideas, 0) AS ideas, e.expected_minor, s.low_minor, s.high_minor,
  CASE WHEN e.state = 'ok' THEN s.low_told END AS low_told, CASE WHEN e.state = 'ok' THEN s.high_told END AS high_told,
  CASE WHEN e.state = 'branch' THEN 'None'
       WHEN e.state <> 'ok' OR e.expected_minor IS NULL THEN 'Not enough data'
       WHEN e.expected_minor <= 0 THEN 'None'
       WHEN v.kam_whitespace_band = 'Large' AND e.expected_minor >= b.large_minor * 0.9E0 THEN 'Large'
       WHEN v.kam_whitespace_band = 'Medium' AND e.expected_minor >= b.medium_minor * 0.9E0
            AND e.expected_minor <= b.large_minor * 1.1E0 THEN 'Medium'
       WHEN v.kam_whitespace_band = 'Small' AND e.expected_minor <= b.medium_minor * 1.1E0 THEN 'Small'
       WHEN e.expected_minor >= b.large_minor THEN 'Large'
       WHEN e.expected_minor >= b.medium_minor THEN 'Medium'
       ELSE 'Small' END AS band,
  t.family AS top_family, t.peers AS top_peers, t.peer_owners AS top_peer_owners, t.pulled_by AS top_pulled_by,
  t.typical_minor AS top_typical_minor, h.reason AS held_back
FROM account_estimate AS e
CROSS JOIN whitespace_border AS b
LEFT JOIN whitespace_told AS s ON s.account_id = e.account_id
LEFT JOIN whitespace_shown AS t ON t.account_id = e.account_id AND t.shown = 1
LEFT JOIN whitespace_held AS h ON h.account_id = e.account_id
LEFT JOIN present_value AS v ON v.account_id = e.account_id

-- From patterns back to accounts: how likely a family is within twelve months, and what it is worth. Methods 4.4.
-- whitespace_pattern and whitespace_member were loaded by whitespace.py.

-- Who could have begun a year ago, and who did: the base rate of each family.
-- inner: whitespace_rate
SELECT f.family_n, c.customers - COALESCE(h.had, 0) AS could, COALESCE(h.began, 0) AS began
FROM whitespace_family AS f
CROSS JOIN (SELECT COUNT(*) AS customers FROM whitespace_account WHERE since_day <= :year_day) AS c
LEFT JOIN (SELECT o.family_n,
             CAST(SUM(CASE WHEN o.first_day <= :year_day THEN 1 ELSE 0 END) AS BIGINT) AS had,
             CAST(SUM(CASE WHEN o.first_day > :year_day THEN 1 ELSE 0 END) AS BIGINT) AS began
           FROM whitespace_own AS o JOIN whitespace_account AS a ON a.row_n = o.row_n
           WHERE a.since_day <= :year_day GROUP BY o.family_n) AS h ON h.family_n = f.family_n

-- Five cells of the portfolio's rate, itself five cells of the assumed one, steady a family with few cells.
-- inner: whitespace_base_rate
SELECT r.family_n, (r.began + 5.0E0 * t.rate) / (r.could + 5.0E0) AS rate
FROM whitespace_rate AS r
CROSS JOIN (SELECT (CAST(SUM(began) AS BIGINT) + 5.0E0 * :assumed_rate) / (CAST(SUM(could) AS BIGINT) + 5.0E0) AS rate
            FROM whitespace_rate) AS t

-- inner: whitespace_spend
SELECT o.row_n, o.family_n, o.year_minor, a.size_minor,
  row_number() OVER (PARTITION BY o.family_n ORDER BY o.year_minor, o.row_n) AS place,
  COUNT(*) OVER (PARTITION BY o.family_n) AS adopters
FROM whitespace_own AS o JOIN whitespace_account AS a ON a.row_n = o.row_n
WHERE o.year_minor > 0

-- inner: whitespace_typical
SELECT f.family_n, COALESCE(s.adopters, 0) AS adopters, s.size_minor, s.cap_minor,
  CAST(floor((COALESCE(s.adopters, 0) * COALESCE(s.middle, 0.0E0) + 5.0E0 * g.middle)
       / (COALESCE(s.adopters, 0) + 5.0E0) + 0.5E0) AS BIGINT) AS typical_minor
FROM whitespace_family AS f
CROSS JOIN (SELECT CAST(median(year_minor) AS DOUBLE) AS middle FROM whitespace_spend) AS g
LEFT JOIN (SELECT family_n, MAX(adopters) AS adopters, CAST(median(year_minor) AS DOUBLE) AS middle,
             CAST(median(size_minor) AS DOUBLE) AS size_minor,
             MIN(CASE WHEN place * 10 >= adopters * 9 THEN year_minor END) AS cap_minor
           FROM whitespace_spend GROUP BY family_n) AS s ON s.family_n = f.family_n

-- Real spend over expected spend, in millionths: how far adopters scatter around the expectation.
-- inner: whitespace_scatter
SELECT family_n, ratio,
  row_number() OVER (PARTITION BY family_n ORDER BY ratio, row_n) AS place,
  COUNT(*) OVER (PARTITION BY family_n) AS adopters,
  row_number() OVER (ORDER BY ratio, family_n, row_n) AS place_all,
  COUNT(*) OVER () AS all_adopters
FROM (SELECT s.family_n, s.row_n,
        CAST(floor(s.year_minor * 1.0E6
               / (GREATEST(t.typical_minor, 1) * exp(:exponent * ln(s.size_minor * 1.0E0 / t.size_minor)))
             + 0.5E0) AS BIGINT) AS ratio
      FROM whitespace_spend AS s JOIN whitespace_typical AS t ON t.family_n = s.family_n
      WHERE s.size_minor > 0 AND t.size_minor > 0) AS r

-- inner: whitespace_range_all
SELECT COALESCE(MIN(CASE WHEN place_all * 4 >= all_adopters THEN ratio END), 1000000) AS low,
  COALESCE(MIN(CASE WHEN place_all * 4 >= all_adopters * 3 THEN ratio END), 1000000) AS high
FROM whitespace_scatter

-- inner: whitespace_range
SELECT f.family_n, COALESCE(s.low, g.low) AS low, COALESCE(s.high, g.high) AS high
FROM whitespace_family AS f
CROSS JOIN whitespace_range_all AS g
LEFT JOIN (SELECT family_n, MIN(CASE WHEN place * 4 >= adopters THEN ratio END) AS low,
             MIN(CASE WHEN place * 4 >= adopters * 3 THEN ratio END) AS high
           FROM whitespace_scatter WHERE adopters >= 8 GROUP BY family_n) AS s ON s.family_n = f.family_n

-- Four classes of size to each doubling, -1 for an unknown one: ceilings are read off by them. Who is smaller or larger
-- than all that were drawn counts with the nearest of these.
-- step: whitespace_sized
SELECT r.row_n, r.account_id, a.account_n, a.size_minor,
  CASE WHEN a.size_minor > 0
       THEN LEAST(:most_class, GREATEST(:least_class,
              CAST(floor(4.0E0 * ln(a.size_minor * 1.0E0) / 0.6931471805599453E0 + 1.0E-9) AS BIGINT)))
       ELSE -1 END AS size_class
FROM whitespace_row AS r
LEFT JOIN whitespace_account AS a ON a.row_n = r.row_n

-- The base rate times the odds that the score gives. likelihood: the best twentieth of all ideas, the best fifth, the
-- rest. expected_minor is what the idea brings in twelve months on average; it sizes the account's band. A probability
-- is told only where the company's own history has taught it. potential_minor is the realistic potential, another thing.
-- step: whitespace_idea
SELECT i.row_n, i.family_n, i.related, i.score, i.pulled_by_n, i.pull_lift, i.peers, i.peer_owners, i.typical_minor,
  CAST(floor(i.typical_minor * (i.low * 1.0E-6) + 0.5E0) AS BIGINT) AS low_minor,
  CAST(floor(i.typical_minor * (i.high * 1.0E-6) + 0.5E0) AS BIGINT) AS high_minor,
  CASE WHEN :calibrated = 1 THEN i.chance END AS probability,
  CAST(floor(i.chance * i.typical_minor + 0.5E0) AS BIGINT) AS expected_minor, i.likelihood, i.ceiling_minor
FROM (SELECT a.row_n, p.family_n, p.related, p.score, p.pulled_by_n, p.pull_lift, p.peers, p.peer_owners,
        LEAST(0.9E0, b.rate * p.odds) AS chance,
        CASE WHEN p.percentile >= 0.95E0 THEN 'high' WHEN p.percentile >= 0.80E0 THEN 'medium'
             WHEN p.percentile IS NOT NULL THEN 'low' END AS likelihood,
        CASE WHEN t.typical_minor IS NULL THEN NULL
             WHEN a.size_minor > 0 AND t.size_minor > 0
             THEN LEAST(COALESCE(t.cap_minor, t.typical_minor),
                        CAST(floor(t.typical_minor * exp(:exponent * ln(a.size_minor * 1.0E0 / t.size_minor)) + 0.5E0)
                             AS BIGINT))
             ELSE LEAST(COALESCE(t.cap_minor, t.typical_minor), t.typical_minor) END AS typical_minor,
        r.low, r.high, c.ceiling_minor
      FROM whitespace_member AS m
      JOIN whitespace_sized AS a ON a.account_n = m.account_n
      JOIN whitespace_pattern AS p ON p.pattern = m.pattern
      JOIN whitespace_base_rate AS b ON b.family_n = p.family_n
      JOIN whitespace_typical AS t ON t.family_n = p.family_n
      JOIN whitespace_range AS r ON r.family_n = p.family_n
      JOIN whitespace_ceiling AS c ON c.family_n = p.family_n AND c.size_class = a.size_class
      LEFT JOIN whitespace_state AS s ON s.row_n = a.row_n AND s.family_n = p.family_n
      WHERE s.row_n IS NULL) AS i

-- Whether an account without purchases buys anything at all is unknown, and so is what it brings.
-- step: whitespace_cold_idea
SELECT a.account_id, f.family, p.score, p.peers, p.peer_owners,
  LEAST(COALESCE(t.cap_minor, t.typical_minor), t.typical_minor) AS typical_minor, g.low, g.high
FROM whitespace_cold_member AS m
JOIN whitespace_cold AS a ON a.cold_n = m.cold_n
JOIN whitespace_row AS r ON r.account_id = a.account_id
JOIN whitespace_cold_pattern AS p ON p.pattern = m.pattern
JOIN whitespace_family AS f ON f.family_n = p.family_n
JOIN whitespace_typical AS t ON t.family_n = p.family_n
JOIN whitespace_range AS g ON g.family_n = p.family_n
LEFT JOIN whitespace_state AS s ON s.row_n = r.row_n AND s.family_n = p.family_n
WHERE s.row_n IS NULL

-- The family that pulls an idea; no family has the number -1.
-- step: whitespace_pulling
SELECT family_n AS pulled_by_n, family AS pulled_by FROM whitespace_family
UNION ALL
SELECT CAST(-1 AS BIGINT), CAST(NULL AS STRING)

-- Told by ids and names, and never stored: it is by far the widest table. What somebody has may bring him what accounts
-- of his size spend in it at best, less what he spends himself.
-- view: whitespace_estimate
SELECT a.account_id, f.family, CASE WHEN i.related = 0 THEN 'speculative' ELSE 'whitespace' END AS state,
  CASE i.related WHEN 1 THEN 'catalogue' WHEN 2 THEN 'together' WHEN 3 THEN 'peers' END AS reason,
  CAST(NULL AS BIGINT) AS since_day, i.score, g.pulled_by, i.pull_lift, i.peers, i.peer_owners, i.typical_minor,
  i.low_minor, i.high_minor, i.probability, i.expected_minor, i.likelihood, i.ceiling_minor AS potential_minor
FROM whitespace_idea AS i
JOIN whitespace_row AS a ON a.row_n = i.row_n
JOIN whitespace_family AS f ON f.family_n = i.family_n
JOIN whitespace_pulling AS g ON g.pulled_by_n = i.pulled_by_n
UNION ALL
SELECT c.account_id, c.family, 'whitespace', 'peers', CAST(NULL AS BIGINT), c.score, CAST(NULL AS STRING),
  CAST(NULL AS DOUBLE), c.peers, c.peer_owners, c.typical_minor,
  CAST(floor(c.typical_minor * (c.low * 1.0E-6) + 0.5E0) AS BIGINT),
  CAST(floor(c.typical_minor * (c.high * 1.0E-6) + 0.5E0) AS BIGINT), CAST(NULL AS DOUBLE), CAST(NULL AS BIGINT),
  CAST(NULL AS STRING), CAST(NULL AS BIGINT)
FROM whitespace_cold_idea AS c
UNION ALL
SELECT a.account_id, f.family, s.state, s.reason, s.since_day, CAST(NULL AS DOUBLE), CAST(NULL AS STRING),
  CAST(NULL AS DOUBLE),
  CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), CAST(NULL AS BIGINT),
  CAST(NULL AS DOUBLE), CAST(NULL AS BIGINT), CAST(NULL AS STRING),
  CASE WHEN s.year_minor IS NOT NULL AND c.ceiling_minor IS NOT NULL
       THEN GREATEST(0, c.ceiling_minor - s.year_minor) END
FROM whitespace_state AS s
JOIN whitespace_sized AS a ON a.row_n = s.row_n
JOIN whitespace_family AS f ON f.family_n = s.family_n
JOIN whitespace_ceiling AS c ON c.family_n = s.family_n AND c.size_class = a.size_class

-- Every account: 'ok' only where there was enough to learn from and the account bought something we can place; 'cold'
-- where companies like it speak for it. growth_minor is what the key account score counts: nothing where the order of
-- ideas did no better than popularity.
-- step: account_estimate
SELECT a.id AS account_id,
  CASE WHEN :families_known = 0 THEN 'no_families' WHEN b.account_id IS NOT NULL THEN 'branch'
       WHEN :enough = 0 THEN 'not_enough_data' WHEN w.account_id IS NOT NULL THEN 'ok'
       WHEN c.account_id IS NOT NULL THEN 'cold' ELSE 'not_enough_data' END AS state,
  CASE WHEN :enough = 1 AND w.account_id IS NOT NULL
       THEN CASE WHEN e.row_n IS NULL THEN 0 ELSE e.expected_minor END END AS expected_minor,
  CASE WHEN :enough = 1 AND w.account_id IS NOT NULL
       THEN CASE WHEN e.row_n IS NULL OR :counts = 0 THEN 0 ELSE e.expected_minor END END AS growth_minor
FROM account AS a
LEFT JOIN whitespace_account AS w ON w.account_id = a.id
LEFT JOIN whitespace_branch AS b ON b.account_id = a.id
LEFT JOIN (SELECT row_n, CAST(SUM(expected_minor) AS BIGINT) AS expected_minor
           FROM whitespace_idea WHERE related > 0 GROUP BY row_n) AS e ON e.row_n = w.row_n
LEFT JOIN (SELECT account_id FROM whitespace_cold_idea GROUP BY account_id) AS c ON c.account_id = a.id

-- The whole portfolio in one row: medians add up to too little, so the sum is drawn to the mean.
-- step: whitespace_model
SELECT l.*, t.expected_minor, CAST(floor(t.expected_minor * l.smear + 0.5E0) AS BIGINT) AS total_minor
FROM whitespace_learned AS l
CROSS JOIN (SELECT CAST(SUM(expected_minor) AS BIGINT) AS expected_minor FROM account_estimate) AS t

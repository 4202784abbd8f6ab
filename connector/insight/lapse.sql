-- Who may have stopped buying. Methods, section 1.6. An order day is a day on which something was bought.

-- kept step: order_day
SELECT DISTINCT account_id, close_day AS day
FROM deal WHERE revenue_minor >= 0

-- What was sold for a term ends on a day: there the renewal is the risk, not the gap between two orders.
-- kept step: line_term
SELECT DISTINCT o.account_id AS account_id, l.ends_day AS ends_day
FROM opportunity_line AS l
JOIN opportunity AS o ON o.id = l.opportunity_id
JOIN account AS a ON a.id = o.account_id
WHERE o.state = 'won' AND o.close_day <= :as_of AND l.ends_day IS NOT NULL

-- view: account_term
SELECT account_id, ends_day FROM line_term
UNION ALL
SELECT r.account_id AS account_id, r.ends_day AS ends_day
FROM revenue AS r
WHERE r.source = 'contract' AND r.ends_day IS NOT NULL AND COALESCE(r.starts_day, 0) <= :as_of

-- A group's topmost company carries the orders and terms of its members; a branch carries its own.
-- inner: lapse_key
SELECT account_id, root_id AS key_id, CASE WHEN members > 1 THEN 1 ELSE 0 END AS grouped FROM account_group
UNION ALL
SELECT account_id, account_id AS key_id, 0 AS grouped FROM account_group WHERE account_id <> root_id

-- inner: account_order_days
SELECT account_id, COUNT(*) AS orders, MIN(day) AS first_day, MAX(day) AS last_day,
  CAST(SUM((day - before_day) * (day - before_day)) AS BIGINT) AS squares
FROM (
  SELECT account_id, day,
    MAX(day) OVER (PARTITION BY account_id ORDER BY day, account_id ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS before_day
  FROM (
    SELECT k.key_id AS account_id, d.day AS day FROM order_day AS d
    JOIN lapse_key AS k ON k.account_id = d.account_id WHERE k.grouped = 0
    UNION ALL
    SELECT DISTINCT k.key_id AS account_id, d.day AS day FROM order_day AS d
    JOIN lapse_key AS k ON k.account_id = d.account_id WHERE k.grouped = 1
  ) AS days
) AS gaps
GROUP BY account_id

-- A term that ended within a year makes the account one of contracts, too: it may be renewed late.
-- inner: account_renewal
SELECT k.key_id AS account_id, MIN(CASE WHEN t.ends_day >= :as_of THEN t.ends_day END) AS renewal_day
FROM account_term AS t
JOIN lapse_key AS k ON k.account_id = t.account_id
WHERE t.ends_day > :as_of - 365
GROUP BY k.key_id

-- inner: account_open_deal
SELECT DISTINCT k.key_id AS account_id
FROM opportunity AS o
JOIN lapse_key AS k ON k.account_id = o.account_id
JOIN account_renewal AS r ON r.account_id = k.key_id
WHERE o.state = 'open' AND COALESCE(o.created_day, 0) <= :as_of

-- x repeat orders, the last t weeks after the first, seen for `age` weeks: who shares all three shares the fit's cell.
-- evenness is the sum of the squared shares that the gaps have in their whole time, in millionths.
-- step: lapse_cell
SELECT x, t, age, COUNT(*) AS accounts, CAST(SUM(evenness) AS BIGINT) AS evenness
FROM (
  SELECT o.orders - 1 AS x,
    CAST(floor((o.last_day - o.first_day) * 1.0E0 / 7.0E0) AS BIGINT) AS t,
    CAST(floor((:as_of - o.first_day) * 1.0E0 / 7.0E0) AS BIGINT) AS age,
    CASE WHEN o.orders < 2 THEN 1000000 ELSE
      CAST(floor(o.squares * 1.0E0 / (GREATEST(o.last_day - o.first_day, 1) * 1.0E0 * GREATEST(o.last_day - o.first_day, 1))
        * 1.0E6 + 0.5E0) AS BIGINT) END AS evenness
  FROM account_order_days AS o
  JOIN account_group AS g ON g.account_id = o.account_id AND g.root_id = o.account_id
  LEFT JOIN account_renewal AS r ON r.account_id = o.account_id
  WHERE r.account_id IS NULL
) AS c
GROUP BY x, t, age

-- step: lapse_account
SELECT g.account_id AS account_id, o.orders AS orders, o.first_day AS first_day, o.last_day AS last_day,
  CASE WHEN r.account_id IS NULL THEN 0 ELSE 1 END AS contract, r.renewal_day AS renewal_day,
  CASE WHEN d.account_id IS NULL THEN 0 ELSE 1 END AS open_deal
FROM account_group AS g
LEFT JOIN account_order_days AS o ON o.account_id = g.account_id
LEFT JOIN account_renewal AS r ON r.account_id = g.account_id
LEFT JOIN account_open_deal AS d ON d.account_id = g.account_id
WHERE o.account_id IS NOT NULL OR r.account_id IS NOT NULL

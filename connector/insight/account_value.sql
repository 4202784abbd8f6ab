-- What each account is worth to us: won deals of the last 180 and 365 days, net of cost where cost is known.
-- A group's topmost company carries the sum of its members; a branch carries its own. Methods 1.1 and 1.3.

-- view: deal_lines
SELECT opportunity_id, COUNT(*) AS lines, COUNT(cost_minor) AS costed,
  CAST(SUM(amount_minor) AS BIGINT) AS amount_minor,
  CAST(SUM(cost_minor) AS BIGINT) AS cost_minor
FROM opportunity_line GROUP BY opportunity_id

-- A deal without an amount, or in a currency without a rate, is dark: its value is unknown, not zero.
-- kept step: deal
SELECT o.account_id, o.close_day, COALESCE(o.amount_minor, l.amount_minor, 0) AS revenue_minor,
  CASE WHEN COALESCE(o.amount_minor, l.amount_minor) IS NULL THEN 1 ELSE 0 END AS dark,
  CASE WHEN o.amount IS NOT NULL THEN 1 ELSE 0 END AS priced,
  CASE WHEN l.lines = l.costed THEN l.cost_minor END AS cost_minor
FROM opportunity AS o
JOIN account AS a ON a.id = o.account_id
LEFT JOIN deal_lines AS l ON l.opportunity_id = o.id
WHERE o.state = 'won' AND o.close_day <= :as_of

-- inner: deal_margin_sum
SELECT COALESCE(CAST(SUM(revenue_minor) AS BIGINT), 0) AS revenue_minor,
  COALESCE(CAST(SUM(CASE WHEN cost_minor IS NOT NULL THEN revenue_minor END) AS BIGINT), 0) AS costed_minor,
  COALESCE(CAST(SUM(cost_minor) AS BIGINT), 0) AS cost_minor
FROM deal WHERE close_day > :two_year_day

-- Cost is used when most revenue has it; a deal without it then counts at the portfolio's margin.
-- step: deal_margin
SELECT CASE WHEN costed_minor > 0 AND costed_minor >= revenue_minor * :least_cost_share THEN 1 ELSE 0 END AS net,
  CASE WHEN costed_minor > 0 AND costed_minor >= revenue_minor * :least_cost_share
       THEN GREATEST(0.0E0, (costed_minor - cost_minor) * 1.0E0 / costed_minor) ELSE 1.0E0 END AS margin
FROM deal_margin_sum

-- view: deal_net
SELECT d.account_id, d.close_day, d.revenue_minor, d.dark,
  CASE WHEN m.net = 0 THEN d.revenue_minor
       WHEN d.cost_minor IS NOT NULL THEN d.revenue_minor - d.cost_minor
       ELSE CAST(floor(d.revenue_minor * m.margin + 0.5E0) AS BIGINT) END AS net_minor,
  CASE WHEN m.net = 0 OR d.cost_minor IS NULL THEN 1 ELSE 0 END AS costless
FROM deal AS d CROSS JOIN deal_margin AS m

-- view: account_own
SELECT account_id,
  CAST(SUM(CASE WHEN close_day > :half_year_day THEN revenue_minor ELSE 0 END) AS BIGINT) AS revenue_180_minor,
  CAST(SUM(CASE WHEN close_day > :year_day THEN revenue_minor ELSE 0 END) AS BIGINT) AS revenue_365_minor,
  CAST(SUM(CASE WHEN close_day > :two_year_day AND close_day <= :year_day THEN revenue_minor ELSE 0 END) AS BIGINT)
    AS revenue_before_minor,
  CAST(SUM(CASE WHEN close_day > :half_year_day THEN net_minor ELSE 0 END) AS BIGINT) AS net_180_minor,
  CAST(SUM(CASE WHEN close_day > :year_day THEN net_minor ELSE 0 END) AS BIGINT) AS net_365_minor,
  CAST(SUM(CASE WHEN close_day > :year_day THEN costless ELSE 0 END) AS BIGINT) AS costless,
  CAST(SUM(CASE WHEN close_day > :year_day THEN dark ELSE 0 END) AS BIGINT) AS dark_deals,
  CAST(SUM(CASE WHEN close_day > :year_day THEN 1 - dark ELSE 0 END) AS BIGINT) AS light_deals,
  CAST(SUM(CASE WHEN close_day > :two_year_day THEN 1 ELSE 0 END) AS BIGINT) AS won_deals_24m,
  MIN(close_day) AS first_won_day, MAX(close_day) AS last_won_day
FROM deal_net GROUP BY account_id

-- A deal that was lost or won after the day we look from has a stage today that it did not have then: left out.
-- kept step: account_pipeline
SELECT o.account_id,
  CAST(SUM(CAST(floor(o.amount_minor * (o.probability * 1.0E-2) + 0.5E0) AS BIGINT)) AS BIGINT) AS open_weighted_minor
FROM opportunity AS o
WHERE o.state = 'open' AND COALESCE(o.created_day, 0) <= :as_of AND o.amount_minor > 0
  AND o.probability >= :least_probability AND COALESCE(o.pushed, 0) < :most_pushed
GROUP BY o.account_id

-- inner: account_part
SELECT g.account_id, g.root_id, v.account_id AS buyer_id, v.revenue_180_minor, v.revenue_365_minor,
  v.revenue_before_minor, v.net_180_minor, v.net_365_minor, v.costless, v.dark_deals, v.light_deals, v.won_deals_24m,
  v.first_won_day, v.last_won_day, p.open_weighted_minor,
  CASE WHEN a.cost_to_serve_minor > 0 THEN a.cost_to_serve_minor END AS cost_to_serve_minor
FROM account_group AS g
JOIN account AS a ON a.id = g.account_id
LEFT JOIN account_own AS v ON v.account_id = g.account_id
LEFT JOIN account_pipeline AS p ON p.account_id = g.account_id
WHERE v.account_id IS NOT NULL OR p.account_id IS NOT NULL

-- view: account_sum
SELECT key_id AS account_id, COUNT(buyer_id) AS buyers, CAST(SUM(revenue_180_minor) AS BIGINT) AS revenue_180_minor,
  CAST(SUM(revenue_365_minor) AS BIGINT) AS revenue_365_minor,
  CAST(SUM(revenue_before_minor) AS BIGINT) AS revenue_before_minor,
  CAST(SUM(net_180_minor) AS BIGINT) AS net_180_minor,
  CAST(SUM(net_365_minor) AS BIGINT) AS net_365_minor, CAST(SUM(costless) AS BIGINT) AS costless,
  CAST(SUM(dark_deals) AS BIGINT) AS dark_deals, CAST(SUM(light_deals) AS BIGINT) AS light_deals,
  CAST(SUM(won_deals_24m) AS BIGINT) AS won_deals_24m, MIN(first_won_day) AS first_won_day,
  MAX(last_won_day) AS last_won_day, CAST(SUM(open_weighted_minor) AS BIGINT) AS open_weighted_minor,
  COALESCE(CAST(SUM(cost_to_serve_minor) AS BIGINT), 0) AS serve_minor
FROM (SELECT p.root_id AS key_id, p.* FROM account_part AS p
      UNION ALL
      SELECT q.account_id AS key_id, q.* FROM account_part AS q WHERE q.account_id <> q.root_id) AS u
GROUP BY key_id

-- Where every deal of the year is dark, nothing is known of the account's worth.
-- view: account_lit
SELECT account_id, buyers, costless, COALESCE(dark_deals, 0) AS dark_deals, won_deals_24m, first_won_day, last_won_day,
  open_weighted_minor, serve_minor, revenue_before_minor,
  CASE WHEN dark_deals = 0 OR light_deals > 0 THEN revenue_180_minor END AS revenue_180_minor,
  CASE WHEN dark_deals = 0 OR light_deals > 0 THEN revenue_365_minor END AS revenue_365_minor,
  CASE WHEN dark_deals = 0 OR light_deals > 0 THEN net_180_minor END AS net_180_minor,
  CASE WHEN dark_deals = 0 OR light_deals > 0 THEN net_365_minor END AS net_365_minor
FROM account_sum

-- The yearly cost to serve counts half in a half year. value_minor is half the last 180 days and a quarter of 365.
-- inner: account_worth
SELECT account_id, buyers, dark_deals, revenue_180_minor, revenue_365_minor, revenue_before_minor,
  net_180_minor - CAST(floor(serve_minor * 0.5E0) AS BIGINT) AS net_180_minor,
  net_365_minor - serve_minor AS net_365_minor,
  CAST(floor((net_180_minor - serve_minor * 0.5E0) * 0.5E0 + (net_365_minor - serve_minor) * 0.25E0 + 0.5E0)
       AS BIGINT) AS value_minor,
  CAST(floor(revenue_180_minor * 0.5E0 + revenue_365_minor * 0.25E0 + 0.5E0) AS BIGINT) AS turnover_minor,
  costless, won_deals_24m, first_won_day, last_won_day, open_weighted_minor
FROM account_lit

-- view: account_standing
SELECT w.account_id,
  row_number() OVER (ORDER BY w.turnover_minor DESC, g.account_n) AS revenue_rank,
  row_number() OVER (ORDER BY w.value_minor DESC, g.account_n) AS value_rank,
  CAST(SUM(GREATEST(w.value_minor, 0)) OVER (ORDER BY w.value_minor DESC, g.account_n) AS BIGINT) AS running_minor,
  CAST(SUM(GREATEST(w.value_minor, 0)) OVER () AS BIGINT) AS total_minor
FROM account_worth AS w
JOIN account_group AS g ON g.account_id = w.account_id
WHERE g.account_id = g.root_id AND w.buyers > 0 AND w.value_minor IS NOT NULL

-- How long the group usually waits between two days on which it ordered.
-- view: account_rhythm
SELECT root_id AS account_id, COUNT(*) AS order_days,
  CASE WHEN COUNT(*) >= 4 THEN (MAX(close_day) - MIN(close_day)) * 1.0E0 / (COUNT(*) - 1) END AS usual_gap
FROM (SELECT g.root_id, d.close_day FROM deal AS d JOIN account_group AS g ON g.account_id = d.account_id
      GROUP BY g.root_id, d.close_day) AS days
GROUP BY root_id

-- Pareto class A reaches 80 % of the value of all, B 95 %.
-- step: account_value
SELECT g.account_id, g.root_id, g.members, g.in_loop, w.revenue_180_minor, w.revenue_365_minor,
  w.revenue_before_minor, w.net_180_minor,
  w.net_365_minor, w.value_minor, w.value_minor * 2 AS yearly_minor,
  COALESCE(w.dark_deals, 0) AS dark_deals,
  CASE WHEN w.buyers > 0 THEN CASE WHEN m.net = 0 OR w.costless > 0 THEN 'revenue' ELSE 'net' END END AS cost_state,
  w.won_deals_24m, w.first_won_day, w.last_won_day, w.open_weighted_minor, s.revenue_rank, s.value_rank,
  CASE WHEN s.account_id IS NULL THEN NULL
       WHEN w.value_minor <= 0 THEN 'C'
       WHEN s.running_minor - w.value_minor < s.total_minor * 0.80E0 THEN 'A'
       WHEN s.running_minor - w.value_minor < s.total_minor * 0.95E0 THEN 'B' ELSE 'C' END AS pareto_class,
  r.order_days, r.usual_gap
FROM account_group AS g
CROSS JOIN deal_margin AS m
LEFT JOIN account_worth AS w ON w.account_id = g.account_id
LEFT JOIN account_standing AS s ON s.account_id = g.account_id
LEFT JOIN account_rhythm AS r ON r.account_id = g.account_id

-- What each account is worth to us: revenue of the last 180 and 365 days, net of what it costs us where that is known.
-- A group's topmost company carries the sum of its members; a branch carries its own. Methods 1.1 to 1.3.

-- view: deal_lines
SELECT opportunity_id, COUNT(*) AS lines, COUNT(cost_minor) AS costed,
  CAST(SUM(amount_minor) AS BIGINT) AS amount_minor,
  CAST(SUM(cost_minor) AS BIGINT) AS cost_minor
FROM opportunity_line GROUP BY opportunity_id

-- A deal without an amount, or in a currency without a rate, is dark: its value is unknown, not zero.
-- What has a term lasts from close_day to last_day; a day is what a won deal lasts.
-- kept step: deal
SELECT o.account_id, o.close_day, o.close_day AS last_day,
  COALESCE(o.amount_minor, l.amount_minor, 0) AS revenue_minor,
  CASE WHEN COALESCE(o.amount_minor, l.amount_minor) IS NULL THEN 1 ELSE 0 END AS dark,
  CASE WHEN o.amount IS NOT NULL THEN 1 ELSE 0 END AS priced,
  CASE WHEN l.lines = l.costed THEN l.cost_minor END AS cost_minor
FROM opportunity AS o
JOIN account AS a ON a.id = o.account_id
LEFT JOIN deal_lines AS l ON l.opportunity_id = o.id
WHERE o.state = 'won' AND o.close_day <= :as_of AND :source = 0
UNION ALL
SELECT r.account_id, r.starts_day, GREATEST(r.starts_day, COALESCE(r.ends_day, r.starts_day)),
  COALESCE(r.amount_minor, 0),
  CASE WHEN r.amount_minor IS NULL THEN 1 ELSE 0 END,
  CASE WHEN r.amount IS NOT NULL THEN 1 ELSE 0 END,
  r.cost_minor
FROM revenue AS r
JOIN account AS b ON b.id = r.account_id
WHERE r.starts_day <= :as_of
  AND CASE r.source WHEN 'invoice' THEN 1 WHEN 'order' THEN 2 WHEN 'contract' THEN 3 END = :source

-- inner: deal_margin_sum
SELECT COALESCE(CAST(SUM(revenue_minor) AS BIGINT), 0) AS revenue_minor,
  COALESCE(CAST(SUM(CASE WHEN cost_minor IS NOT NULL THEN revenue_minor END) AS BIGINT), 0) AS costed_minor,
  COALESCE(CAST(SUM(cost_minor) AS BIGINT), 0) AS cost_minor
FROM deal WHERE last_day > :two_year_day

-- Cost is used when most revenue has it; a deal without it then counts at the portfolio's margin.
-- step: deal_margin
SELECT CASE WHEN costed_minor > 0 AND costed_minor >= revenue_minor * :least_cost_share THEN 1 ELSE 0 END AS net,
  CASE WHEN costed_minor > 0 AND costed_minor >= revenue_minor * :least_cost_share
       THEN GREATEST(0.0E0, (costed_minor - cost_minor) * 1.0E0 / costed_minor) ELSE 1.0E0 END AS margin
FROM deal_margin_sum

-- The largest sale of each account in three years; a term is no one-off.
-- inner: account_largest
SELECT account_id, MAX(revenue_minor) AS largest_minor
FROM deal WHERE last_day = close_day AND close_day > :three_year_day AND revenue_minor > 0
GROUP BY account_id

-- What an account's one-off giant counts at most: what 99 of 100 accounts never bought at once, or its own next
-- largest sale if that is more. So only an account's single largest sale is ever cut, and never below its second.
-- step: deal_giant
SELECT d.account_id,
  GREATEST(MAX(d.border_minor), COALESCE(MAX(CASE WHEN d.place = 2 THEN d.revenue_minor END), 0)) AS cap_minor
FROM (SELECT e.account_id, e.revenue_minor, b.border_minor,
        row_number() OVER (PARTITION BY e.account_id ORDER BY e.revenue_minor DESC, e.account_id) AS place
      FROM deal AS e
      JOIN account_largest AS l ON l.account_id = e.account_id
      CROSS JOIN (SELECT MAX(CASE WHEN place = CAST(floor((n - 1) * 0.99E0 + 0.5E0) AS BIGINT) + 1
                                  THEN largest_minor END) AS border_minor
                  FROM (SELECT largest_minor, row_number() OVER (ORDER BY largest_minor, account_id) AS place,
                          COUNT(*) OVER () AS n FROM account_largest) AS p) AS b
      WHERE l.largest_minor > b.border_minor AND e.last_day = e.close_day AND e.close_day > :three_year_day) AS d
GROUP BY d.account_id

-- net_minor is what a deal brought; cut_minor is how much of it a giant counts less, and cap_minor what it counts for.
-- view: deal_net
SELECT n.account_id, n.close_day, n.last_day, n.revenue_minor, n.dark, n.net_minor, n.costless, n.cap_minor,
  CASE WHEN n.cap_minor IS NOT NULL AND n.net_minor > 0
       THEN CAST(floor(n.net_minor * ((n.revenue_minor - n.cap_minor) * 1.0E0 / GREATEST(n.revenue_minor, 1)) + 0.5E0) AS BIGINT)
       ELSE 0 END AS cut_minor
FROM (SELECT d.account_id, d.close_day, d.last_day, d.revenue_minor, d.dark,
        CASE WHEN m.net = 0 THEN d.revenue_minor
             WHEN d.cost_minor IS NOT NULL THEN d.revenue_minor - d.cost_minor
             ELSE CAST(floor(d.revenue_minor * m.margin + 0.5E0) AS BIGINT) END AS net_minor,
        CASE WHEN m.net = 0 OR d.cost_minor IS NULL THEN 1 ELSE 0 END AS costless,
        CASE WHEN d.revenue_minor > g.cap_minor AND d.last_day = d.close_day AND d.close_day > :three_year_day
             THEN g.cap_minor END AS cap_minor
      FROM deal AS d CROSS JOIN deal_margin AS m LEFT JOIN deal_giant AS g ON g.account_id = d.account_id) AS n

-- How many of a deal's days lie in each window: of a single day all or none, of a term its share.
-- view: deal_window
SELECT account_id, close_day, last_day, revenue_minor, net_minor - cut_minor AS net_minor, cap_minor, dark, costless,
  last_day - close_day + 1 AS days,
  GREATEST(LEAST(last_day, :as_of) - GREATEST(close_day - 1, :half_year_day), 0) AS days_180,
  GREATEST(LEAST(last_day, :as_of) - GREATEST(close_day - 1, :year_day), 0) AS days_365,
  GREATEST(LEAST(last_day, :year_day) - GREATEST(close_day - 1, :two_year_day), 0) AS days_before,
  GREATEST(LEAST(last_day, :as_of) - GREATEST(close_day - 1, :two_year_day), 0) AS days_730
FROM deal_net

-- A term that ran for more than one of the last two years counts as two purchases: it is repeat business.
-- view: account_own
SELECT account_id,
  CAST(SUM(CASE WHEN days_180 = days THEN revenue_minor WHEN days_180 > 0
    THEN CAST(floor(revenue_minor * (days_180 * 1.0E0 / days) + 0.5E0) AS BIGINT) ELSE 0 END) AS BIGINT)
    AS revenue_180_minor,
  CAST(SUM(CASE WHEN days_365 = days THEN revenue_minor WHEN days_365 > 0
    THEN CAST(floor(revenue_minor * (days_365 * 1.0E0 / days) + 0.5E0) AS BIGINT) ELSE 0 END) AS BIGINT)
    AS revenue_365_minor,
  CAST(SUM(CASE WHEN days_before = days THEN revenue_minor WHEN days_before > 0
    THEN CAST(floor(revenue_minor * (days_before * 1.0E0 / days) + 0.5E0) AS BIGINT) ELSE 0 END) AS BIGINT)
    AS revenue_before_minor,
  CAST(SUM(CASE WHEN days_180 = days THEN net_minor WHEN days_180 > 0
    THEN CAST(floor(net_minor * (days_180 * 1.0E0 / days) + 0.5E0) AS BIGINT) ELSE 0 END) AS BIGINT) AS net_180_minor,
  CAST(SUM(CASE WHEN days_365 = days THEN net_minor WHEN days_365 > 0
    THEN CAST(floor(net_minor * (days_365 * 1.0E0 / days) + 0.5E0) AS BIGINT) ELSE 0 END) AS BIGINT) AS net_365_minor,
  CAST(SUM(CASE WHEN revenue_minor < 0 AND days_365 = days THEN 0 - revenue_minor ELSE 0 END) AS BIGINT)
    AS returned_365_minor,
  CAST(SUM(CASE WHEN days_365 > 0 THEN costless ELSE 0 END) AS BIGINT) AS costless,
  CAST(SUM(CASE WHEN days_365 > 0 THEN dark ELSE 0 END) AS BIGINT) AS dark_deals,
  CAST(SUM(CASE WHEN days_365 > 0 THEN 1 - dark ELSE 0 END) AS BIGINT) AS light_deals,
  CAST(SUM(CASE WHEN days_730 > 365 THEN 2 WHEN days_730 > 0 THEN 1 ELSE 0 END) AS BIGINT) AS won_deals_24m,
  CAST(SUM(CASE WHEN days_365 > 0 AND cap_minor IS NOT NULL THEN revenue_minor ELSE 0 END) AS BIGINT) AS giant_minor,
  CAST(SUM(CASE WHEN days_365 > 0 AND cap_minor IS NOT NULL THEN cap_minor ELSE 0 END) AS BIGINT) AS giant_cap_minor,
  MIN(close_day) AS first_won_day, MAX(close_day) AS last_won_day
FROM deal_window GROUP BY account_id

-- A deal that was lost or won after the day we look from has a stage today that it did not have then: left out.
-- kept step: account_pipeline
SELECT o.account_id,
  CAST(SUM(CAST(floor(o.amount_minor * (o.probability * 1.0E-2) + 0.5E0) AS BIGINT)) AS BIGINT) AS open_weighted_minor
FROM opportunity AS o
WHERE o.state = 'open' AND COALESCE(o.created_day, 0) <= :as_of AND o.amount_minor > 0
  AND o.probability >= :least_probability AND COALESCE(o.pushed, 0) < :most_pushed
GROUP BY o.account_id

-- What serving took, by what each case, meeting and call is said to cost; nothing is read where that is nothing.
-- view: account_effort
SELECT account_id, CAST(SUM(CASE WHEN day > :half_year_day THEN minor ELSE 0 END) AS BIGINT) AS effort_180_minor,
  CAST(SUM(minor) AS BIGINT) AS effort_365_minor
FROM (SELECT c.account_id, c.opened_day AS day, :case_minor AS minor FROM service_case AS c
      WHERE :case_minor > 0 AND c.opened_day > :year_day AND c.opened_day <= :as_of
      UNION ALL
      SELECT t.account_id, t.at_day, CASE t.kind WHEN 'meeting' THEN :meeting_minor ELSE :call_minor END
      FROM activity AS t WHERE :meeting_minor + :call_minor > 0 AND t.kind IN ('meeting', 'call')
        AND t.at_day > :year_day AND t.at_day <= :as_of) AS e
GROUP BY account_id

-- A mapped yearly cost to serve goes before the sum of efforts, and counts half in a half year. Money that comes late
-- costs its interest; money that comes early earns none.
-- inner: account_part
SELECT g.account_id, g.root_id, v.account_id AS buyer_id, v.revenue_180_minor, v.revenue_365_minor,
  v.revenue_before_minor, v.net_180_minor, v.net_365_minor, v.returned_365_minor, v.costless, v.dark_deals,
  v.light_deals, v.won_deals_24m, v.giant_minor, v.giant_cap_minor, v.first_won_day, v.last_won_day,
  p.open_weighted_minor,
  CASE WHEN a.cost_to_serve_minor IS NOT NULL
       THEN CAST(floor(GREATEST(a.cost_to_serve_minor, 0) * 0.5E0) AS BIGINT) ELSE e.effort_180_minor END
    AS serve_180_minor,
  CASE WHEN a.cost_to_serve_minor IS NOT NULL THEN GREATEST(a.cost_to_serve_minor, 0) ELSE e.effort_365_minor END
    AS serve_365_minor,
  CAST(floor(GREATEST(v.revenue_180_minor, 0) * (GREATEST(a.payment_days, 0.0E0) * (:late_interest / 3.65E2)) + 0.5E0)
       AS BIGINT) AS late_180_minor,
  CAST(floor(GREATEST(v.revenue_365_minor, 0) * (GREATEST(a.payment_days, 0.0E0) * (:late_interest / 3.65E2)) + 0.5E0)
       AS BIGINT) AS late_365_minor
FROM account_group AS g
JOIN account AS a ON a.id = g.account_id
LEFT JOIN account_own AS v ON v.account_id = g.account_id
LEFT JOIN account_pipeline AS p ON p.account_id = g.account_id
LEFT JOIN account_effort AS e ON e.account_id = g.account_id
WHERE v.account_id IS NOT NULL OR p.account_id IS NOT NULL OR a.cost_to_serve_minor > 0 OR e.account_id IS NOT NULL

-- view: account_sum
SELECT key_id AS account_id, COUNT(buyer_id) AS buyers, CAST(SUM(revenue_180_minor) AS BIGINT) AS revenue_180_minor,
  CAST(SUM(revenue_365_minor) AS BIGINT) AS revenue_365_minor,
  CAST(SUM(revenue_before_minor) AS BIGINT) AS revenue_before_minor,
  CAST(SUM(net_180_minor) AS BIGINT) AS net_180_minor,
  CAST(SUM(net_365_minor) AS BIGINT) AS net_365_minor,
  CAST(SUM(returned_365_minor) AS BIGINT) AS returned_365_minor, CAST(SUM(costless) AS BIGINT) AS costless,
  CAST(SUM(dark_deals) AS BIGINT) AS dark_deals, CAST(SUM(light_deals) AS BIGINT) AS light_deals,
  CAST(SUM(won_deals_24m) AS BIGINT) AS won_deals_24m, MIN(first_won_day) AS first_won_day,
  MAX(last_won_day) AS last_won_day, CAST(SUM(open_weighted_minor) AS BIGINT) AS open_weighted_minor,
  CAST(SUM(giant_minor) AS BIGINT) AS giant_minor, CAST(SUM(giant_cap_minor) AS BIGINT) AS giant_cap_minor,
  COALESCE(CAST(SUM(serve_180_minor) AS BIGINT), 0) AS serve_180_minor,
  COALESCE(CAST(SUM(serve_365_minor) AS BIGINT), 0) AS serve_365_minor,
  COALESCE(CAST(SUM(late_180_minor) AS BIGINT), 0) AS late_180_minor,
  COALESCE(CAST(SUM(late_365_minor) AS BIGINT), 0) AS late_365_minor
FROM (SELECT p.root_id AS key_id, p.* FROM account_part AS p
      UNION ALL
      SELECT q.account_id AS key_id, q.* FROM account_part AS q WHERE q.account_id <> q.root_id) AS u
GROUP BY key_id

-- Where every deal of the year is dark, nothing is known of the account's worth.
-- view: account_lit
SELECT account_id, buyers, costless, COALESCE(dark_deals, 0) AS dark_deals, won_deals_24m, first_won_day, last_won_day,
  open_weighted_minor, revenue_before_minor, returned_365_minor, serve_365_minor, late_365_minor,
  giant_minor, giant_cap_minor,
  CASE WHEN dark_deals = 0 OR light_deals > 0 THEN revenue_180_minor END AS revenue_180_minor,
  CASE WHEN dark_deals = 0 OR light_deals > 0 THEN revenue_365_minor END AS revenue_365_minor,
  CASE WHEN dark_deals = 0 OR light_deals > 0 THEN net_180_minor - serve_180_minor - late_180_minor END
    AS net_180_minor,
  CASE WHEN dark_deals = 0 OR light_deals > 0 THEN net_365_minor - serve_365_minor - late_365_minor END
    AS net_365_minor
FROM account_sum

-- value_minor is half of the last 180 days and a quarter of 365: what a half year brings.
-- inner: account_worth
SELECT l.*, CAST(floor(net_180_minor * 0.5E0 + net_365_minor * 0.25E0 + 0.5E0) AS BIGINT) AS value_minor,
  CAST(floor(revenue_180_minor * 0.5E0 + revenue_365_minor * 0.25E0 + 0.5E0) AS BIGINT) AS turnover_minor
FROM account_lit AS l

-- Losses take nothing from the whole: a share of value is a share of what accounts above zero bring.
-- inner: account_standing
SELECT w.account_id, w.value_minor,
  row_number() OVER (ORDER BY w.turnover_minor DESC, g.account_n) AS revenue_rank,
  row_number() OVER (ORDER BY w.value_minor DESC, g.account_n) AS value_rank,
  CAST(SUM(GREATEST(w.value_minor, 0)) OVER (ORDER BY w.value_minor DESC, g.account_n) AS BIGINT) AS running_minor,
  CAST(SUM(GREATEST(w.value_minor, 0)) OVER () AS BIGINT) AS total_minor
FROM account_worth AS w
JOIN account_group AS g ON g.account_id = w.account_id
WHERE g.account_id = g.root_id AND w.buyers > 0 AND w.value_minor IS NOT NULL

-- How the value lies over the accounts that buy, in one row. HHI is the sum of squared shares: 1 is one account that
-- holds all. pareto_share is the real cut: the share of accounts that bring 80 %. Gini by the curve from the top.
-- step: portfolio
SELECT n AS accounts, total_minor * 2 AS total_minor,
  hhi_q / 1.0E12 AS hhi, top_minor * 1.0E0 / total_minor AS top_share,
  pareto_accounts, pareto_accounts * 1.0E0 / n AS pareto_share,
  (running_q * 2.0E-9 - 1.0E0) / n - 1.0E0 AS gini, fifth_minor * 1.0E0 / total_minor AS fifth_share
FROM (SELECT COUNT(*) AS n, MAX(total_minor) AS total_minor, MAX(value_minor) AS top_minor,
        MIN(CASE WHEN running_minor >= total_minor * 0.80E0 THEN value_rank END) AS pareto_accounts,
        MAX(CASE WHEN value_rank <= fifth THEN running_minor END) AS fifth_minor,
        CAST(SUM(CAST(floor(running_minor * 1.0E9 / total_minor + 0.5E0) AS BIGINT)) AS BIGINT) AS running_q,
        CAST(SUM(CAST(floor(share * share * 1.0E12 + 0.5E0) AS BIGINT)) AS BIGINT) AS hhi_q
      FROM (SELECT s.*, GREATEST(s.value_minor, 0) * 1.0E0 / s.total_minor AS share,
              CAST(floor((COUNT(*) OVER () + 4) * 1.0E0 / 5) AS BIGINT) AS fifth
            FROM account_standing AS s WHERE s.total_minor > 0) AS t) AS u

-- How long the group usually waits between two days on which it ordered.
-- view: account_rhythm
SELECT root_id AS account_id, COUNT(*) AS order_days,
  CASE WHEN COUNT(*) >= 4 THEN (MAX(close_day) - MIN(close_day)) * 1.0E0 / (COUNT(*) - 1) END AS usual_gap
FROM (SELECT g.root_id, d.close_day FROM deal AS d JOIN account_group AS g ON g.account_id = d.account_id
      GROUP BY g.root_id, d.close_day) AS days
GROUP BY root_id

-- Pareto class A reaches 80 % of the value of all, B 95 %. The class that the CRM shows stays until the account is
-- some points past its border: else those at a border would swap every night.
-- step: account_value
SELECT g.account_id, g.root_id, g.members, g.in_loop, w.revenue_180_minor, w.revenue_365_minor,
  w.revenue_before_minor, w.net_180_minor,
  w.net_365_minor, w.value_minor, w.value_minor * 2 AS yearly_minor,
  COALESCE(w.dark_deals, 0) AS dark_deals,
  CASE WHEN w.buyers > 0 THEN CASE WHEN m.net = 0 OR w.costless > 0 THEN 'revenue' ELSE 'net' END END AS cost_state,
  w.won_deals_24m, w.first_won_day, w.last_won_day, w.open_weighted_minor, s.revenue_rank, s.value_rank,
  CASE WHEN s.account_id IS NULL THEN NULL
       WHEN w.value_minor <= 0 THEN 'C'
       WHEN s.running_minor - w.value_minor < s.total_minor
            * CASE p.pareto_class WHEN 'A' THEN 0.85E0 WHEN 'B' THEN 0.75E0 WHEN 'C' THEN 0.75E0 ELSE 0.80E0 END THEN 'A'
       WHEN s.running_minor - w.value_minor < s.total_minor
            * CASE p.pareto_class WHEN 'A' THEN 0.95E0 WHEN 'B' THEN 0.97E0 WHEN 'C' THEN 0.93E0 ELSE 0.95E0 END THEN 'B'
       ELSE 'C' END AS pareto_class,
  CASE WHEN s.total_minor > 0 THEN GREATEST(w.value_minor, 0) * 1.0E0 / GREATEST(s.total_minor, 1) END AS value_share,
  w.returned_365_minor, w.serve_365_minor, w.late_365_minor, w.giant_minor, w.giant_cap_minor,
  r.order_days, r.usual_gap
FROM account_group AS g
CROSS JOIN deal_margin AS m
LEFT JOIN account_worth AS w ON w.account_id = g.account_id
LEFT JOIN account_standing AS s ON s.account_id = g.account_id
LEFT JOIN account_rhythm AS r ON r.account_id = g.account_id
LEFT JOIN present_value AS p ON p.account_id = g.account_id

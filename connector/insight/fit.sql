-- What this company's own trade says about key account management, in one row: how long a sale takes, who comes back,
-- how many product families they buy, how long they wait between purchases, and who is there to look after them.

-- view: fit_order_day
SELECT g.root_id, d.close_day, MAX(CASE WHEN d.last_day > d.close_day THEN 1 ELSE 0 END) AS termed
FROM deal AS d JOIN account_group AS g ON g.account_id = d.account_id
GROUP BY g.root_id, d.close_day

-- inner: fit_buyer
SELECT root_id, CAST(SUM(CASE WHEN close_day > :two_year_day THEN 1 ELSE 0 END) AS BIGINT) AS lately,
  MAX(CASE WHEN close_day > :two_year_day THEN termed ELSE 0 END) AS termed,
  CASE WHEN COUNT(*) > 1 THEN (MAX(close_day) - MIN(close_day)) * 1.0E0 / (COUNT(*) - 1) END AS gap
FROM fit_order_day GROUP BY root_id

-- A deal that was closed on the day it was made was entered afterwards: it says nothing about how long it took.
-- view: fit_cycle
SELECT COUNT(*) AS cycles, MEDIAN(close_day - created_day) AS cycle_days
FROM opportunity WHERE state = 'won' AND close_day > :two_year_day AND close_day <= :as_of AND created_day < close_day

-- view: fit_family
SELECT COUNT(*) AS family_accounts, MEDIAN(families) AS families, MAX(known) AS families_known
FROM (SELECT b.root_id, COUNT(*) AS families, MAX(b.known) AS known
      FROM (SELECT g.root_id, p.family, COUNT(*) AS sales, MAX(k.known) AS known
            FROM (SELECT o.account_id, l.product_id FROM opportunity AS o
                  JOIN opportunity_line AS l ON l.opportunity_id = o.id
                  WHERE o.state = 'won' AND o.close_day > :two_year_day AND o.close_day <= :as_of
                  UNION ALL
                  SELECT r.account_id, r.product_id FROM revenue AS r
                  WHERE r.starts_day > :two_year_day AND r.starts_day <= :as_of) AS s
            JOIN product AS p ON p.id = s.product_id
            JOIN account_group AS g ON g.account_id = s.account_id
            CROSS JOIN (SELECT COUNT(DISTINCT family) AS known FROM product) AS k
            WHERE p.family <> '' GROUP BY g.root_id, p.family) AS b
      GROUP BY b.root_id) AS f

-- step: fit
SELECT c.cycles, c.cycle_days, b.buyers, b.repeaters, b.termed, b.waiting, b.gap_days,
  f.family_accounts, f.families, f.families_known, m.managers,
  w.accounts, w.hhi, w.top_share, w.pareto_accounts, w.pareto_share, w.gini, w.fifth_share
FROM (SELECT CAST(SUM(CASE WHEN lately > 0 THEN 1 ELSE 0 END) AS BIGINT) AS buyers,
        CAST(SUM(CASE WHEN lately > 1 THEN 1 ELSE 0 END) AS BIGINT) AS repeaters,
        CAST(SUM(CASE WHEN lately > 0 THEN termed ELSE 0 END) AS BIGINT) AS termed,
        COUNT(gap) AS waiting, MEDIAN(gap) AS gap_days FROM fit_buyer) AS b
CROSS JOIN fit_cycle AS c
CROSS JOIN fit_family AS f
CROSS JOIN (SELECT COUNT(DISTINCT kam_manager_id) AS managers FROM account WHERE kam_manager_id <> '') AS m
CROSS JOIN portfolio AS w

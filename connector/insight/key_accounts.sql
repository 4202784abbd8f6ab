-- Which accounts are key: gates, five criteria, score, rank, cap, proposals with memory. Methods 1.1 to 1.8.
-- A criterion is a whole number of millionths (q_), NULL when unknown; weights are whole points.

-- view: account_raw
SELECT g.root_id AS account_id, MAX(s.strength) AS strength, MAX(a.partnership) AS partnership,
  MAX(a.strategic_fit) AS strategic_fit, MAX(a.payment_days) AS payment_days,
  CAST(SUM(CASE WHEN e.state = 'ok' THEN e.expected_minor END) AS BIGINT) AS expected_minor
FROM account_group AS g
JOIN account AS a ON a.id = g.account_id
LEFT JOIN account_strength AS s ON s.account_id = g.account_id
LEFT JOIN account_estimate AS e ON e.account_id = g.account_id
GROUP BY g.root_id

-- Growth is what the whitespace brings, open deals by their probability, and this year's revenue against last year's
-- (whole years, so that seasons don't count; a customer of less than two years has no trend yet).
-- inner: account_candidate
SELECT g.account_n, g.account_id, v.cost_state, v.value_minor, v.value_rank, v.revenue_rank,
  CASE WHEN r.expected_minor IS NOT NULL
       THEN r.expected_minor + COALESCE(v.open_weighted_minor, 0)
            + CASE WHEN v.first_won_day <= :two_year_day THEN v.revenue_365_minor - v.revenue_before_minor ELSE 0 END
       END AS growth_minor,
  CASE WHEN r.strength IS NOT NULL AND r.partnership IS NOT NULL
       THEN CAST(floor((r.strength * 1.0E4 + r.partnership * 2.0E5) * 0.5E0 + 0.5E0) AS BIGINT)
       ELSE CAST(floor(COALESCE(r.strength * 1.0E4, r.partnership * 2.0E5) + 0.5E0) AS BIGINT) END AS q_relationship,
  CASE WHEN r.strategic_fit IS NOT NULL
       THEN CAST(floor(LEAST(GREATEST(r.strategic_fit, 0.0E0), 5.0E0) * 2.0E5 + 0.5E0) AS BIGINT)
       WHEN n.listed = 1 AND a.industry <> ''
       THEN CASE WHEN t.industry IS NULL THEN 0 ELSE 1000000 END END AS q_alignment,
  CASE WHEN r.payment_days IS NOT NULL
       THEN CAST(floor((1.0E0 - LEAST(GREATEST(r.payment_days * 1.0E0 / :late_days, 0.0E0), 1.0E0)) * 1.0E6
                       + 0.5E0) AS BIGINT) END AS q_payment,
  CASE WHEN p.status = 'Not eligible' THEN 'not_eligible'
       WHEN g.root_id <> g.account_id THEN 'branch'
       WHEN a.type IN ('partner', 'competitor') THEN 'not_customer'
       WHEN a.credit_hold = 1 THEN 'credit_hold'
       WHEN COALESCE(v.won_deals_24m, 0) = 0 THEN 'not_active'
       WHEN v.first_won_day > :emerging_day THEN 'new'
       WHEN v.won_deals_24m < :least_deals THEN 'few_purchases' END AS gate
FROM account_group AS g
JOIN account AS a ON a.id = g.account_id
JOIN account_value AS v ON v.account_id = g.account_id
CROSS JOIN (SELECT CASE WHEN COUNT(*) > 0 THEN 1 ELSE 0 END AS listed FROM strategic_industry) AS n
LEFT JOIN account_raw AS r ON r.account_id = g.account_id
LEFT JOIN strategic_industry AS t ON t.industry = a.industry
LEFT JOIN programme AS p ON p.account_id = g.account_id

-- Percentiles by nearest rank among eligible accounts that bring something; P99 also caps a one-off giant deal.
-- inner: criterion_border
SELECT criterion,
  MAX(CASE WHEN place = CAST(floor((n - 1) * 0.50E0 + 0.5E0) AS BIGINT) + 1 THEN x_minor END) AS middle,
  MAX(CASE WHEN place = CAST(floor((n - 1) * 0.99E0 + 0.5E0) AS BIGINT) + 1 THEN x_minor END) AS top
FROM (SELECT criterion, x_minor, row_number() OVER (PARTITION BY criterion ORDER BY x_minor, account_n) AS place,
        COUNT(*) OVER (PARTITION BY criterion) AS n
      FROM (SELECT 'value' AS criterion, account_n, value_minor AS x_minor FROM account_candidate
            WHERE gate IS NULL AND value_minor > 0
            UNION ALL
            SELECT 'growth', account_n, growth_minor FROM account_candidate
            WHERE gate IS NULL AND growth_minor > 0) AS x) AS placed
GROUP BY criterion

-- step: account_scaled
SELECT c.account_n, c.account_id, c.gate, c.cost_state, c.value_minor, c.value_rank, c.revenue_rank, c.growth_minor,
  CASE WHEN c.value_minor IS NULL THEN NULL WHEN c.value_minor <= 0 THEN 0
       WHEN c.value_minor >= b.value_top THEN 1000000 WHEN c.value_minor <= b.value_middle THEN 0
       ELSE CAST(floor((ln(1.0E0 + c.value_minor) - ln(1.0E0 + b.value_middle))
                 / (ln(1.0E0 + b.value_top) - ln(1.0E0 + b.value_middle)) * 1.0E6 + 0.5E0) AS BIGINT) END AS q_value,
  CASE WHEN c.growth_minor IS NULL THEN NULL WHEN c.growth_minor <= 0 THEN 0
       WHEN c.growth_minor >= b.growth_top THEN 1000000 WHEN c.growth_minor <= b.growth_middle THEN 0
       ELSE CAST(floor((ln(1.0E0 + c.growth_minor) - ln(1.0E0 + b.growth_middle))
                 / (ln(1.0E0 + b.growth_top) - ln(1.0E0 + b.growth_middle)) * 1.0E6 + 0.5E0) AS BIGINT) END AS q_growth,
  CASE WHEN c.q_relationship IS NOT NULL THEN LEAST(GREATEST(c.q_relationship, 0), 1000000) END AS q_relationship,
  c.q_alignment, c.q_payment
FROM account_candidate AS c
CROSS JOIN (SELECT MAX(CASE WHEN criterion = 'value' THEN middle END) AS value_middle,
              MAX(CASE WHEN criterion = 'value' THEN top END) AS value_top,
              MAX(CASE WHEN criterion = 'growth' THEN middle END) AS growth_middle,
              MAX(CASE WHEN criterion = 'growth' THEN top END) AS growth_top
            FROM criterion_border) AS b

-- view: criterion_cell
SELECT s.account_n, s.account_id, s.gate, u.criterion, u.weight, u.place AS criterion_n,
  CASE u.criterion WHEN 'value' THEN s.q_value WHEN 'growth' THEN s.q_growth WHEN 'relationship' THEN s.q_relationship
       WHEN 'alignment' THEN s.q_alignment ELSE s.q_payment END AS q,
  CASE WHEN u.criterion = 'value' AND s.cost_state = 'revenue' AND m.net = 1 THEN 1 ELSE 0 END AS guessed
FROM account_scaled AS s
CROSS JOIN criterion_weight AS u
CROSS JOIN deal_margin AS m
WHERE u.weight > 0 AND s.value_minor IS NOT NULL

-- What the eligible accounts have: quartiles stand in for an unknown, the mean is what an account is compared with.
-- step: criterion_spread
SELECT criterion, MAX(n) AS n, CAST(floor(CAST(SUM(q) AS BIGINT) * 1.0E0 / MAX(n) + 0.5E0) AS BIGINT) AS mean_q,
  MAX(CASE WHEN place = CAST(floor((n - 1) * 0.25E0 + 0.5E0) AS BIGINT) + 1 THEN q END) AS low_q,
  MAX(CASE WHEN place = CAST(floor((n - 1) * 0.75E0 + 0.5E0) AS BIGINT) + 1 THEN q END) AS high_q
FROM (SELECT criterion, q, row_number() OVER (PARTITION BY criterion ORDER BY q, account_n) AS place,
        COUNT(*) OVER (PARTITION BY criterion) AS n
      FROM criterion_cell WHERE gate IS NULL AND q IS NOT NULL) AS placed
GROUP BY criterion

-- Value without its cost, where others have it, is in the lower bound no better than the lower quartile.
-- A criterion nobody has data for stays out of both bounds.
-- view: criterion_point
SELECT c.account_n, c.account_id, c.criterion, c.criterion_n, c.weight, c.q, s.mean_q,
  CASE WHEN s.n IS NULL THEN c.q WHEN c.q IS NULL THEN s.low_q
       WHEN c.guessed = 1 THEN LEAST(c.q, s.low_q) ELSE c.q END AS bound_low,
  CASE WHEN s.n IS NULL THEN c.q WHEN c.q IS NULL THEN s.high_q
       WHEN c.guessed = 1 THEN GREATEST(c.q, s.high_q) ELSE c.q END AS bound_high
FROM criterion_cell AS c
LEFT JOIN criterion_spread AS s ON s.criterion = c.criterion

-- Most wanted is the heaviest unknown; growth comes last, because nobody can type it in.
-- step: account_points
SELECT account_id,
  CAST(SUM(weight) AS BIGINT) AS weight_all,
  CAST(SUM(CASE WHEN q IS NULL THEN 0 ELSE weight END) AS BIGINT) AS weight_known,
  CAST(SUM(CASE WHEN bound_low IS NULL THEN 0 ELSE weight END) AS BIGINT) AS weight_bound,
  COALESCE(CAST(SUM(weight * q) AS BIGINT), 0) AS points,
  COALESCE(CAST(SUM(weight * bound_low) AS BIGINT), 0) AS points_low,
  COALESCE(CAST(SUM(weight * bound_high) AS BIGINT), 0) AS points_high,
  MIN(CASE WHEN q IS NULL THEN CASE WHEN criterion = 'growth' THEN 100000 ELSE 0 END
           + (1000 - weight) * 10 + criterion_n END) AS wanted,
  CAST(SUM(CASE WHEN criterion = 'value' THEN weight * (q - mean_q) END) AS BIGINT) AS c_value,
  CAST(SUM(CASE WHEN criterion = 'growth' THEN weight * (q - mean_q) END) AS BIGINT) AS c_growth,
  CAST(SUM(CASE WHEN criterion = 'relationship' THEN weight * (q - mean_q) END) AS BIGINT) AS c_relationship,
  CAST(SUM(CASE WHEN criterion = 'alignment' THEN weight * (q - mean_q) END) AS BIGINT) AS c_alignment,
  CAST(SUM(CASE WHEN criterion = 'payment' THEN weight * (q - mean_q) END) AS BIGINT) AS c_payment
FROM criterion_point GROUP BY account_id

-- step: account_rated
SELECT s.account_n, s.account_id, p.points_low,
  row_number() OVER (ORDER BY p.points_low DESC, s.value_minor DESC, s.account_n) AS rank
FROM account_scaled AS s JOIN account_points AS p ON p.account_id = s.account_id
WHERE s.gate IS NULL AND p.weight_known >= p.weight_all * :least_confidence

-- step: account_score
SELECT s.account_id, CASE WHEN s.gate IS NULL THEN 1 ELSE 0 END AS eligible, s.gate,
  s.q_value / 1.0E6 AS s_value, s.q_growth / 1.0E6 AS s_growth, s.q_relationship / 1.0E6 AS s_relationship,
  s.q_alignment / 1.0E6 AS s_alignment, s.q_payment / 1.0E6 AS s_payment,
  p.c_value / 1.0E6 AS c_value, p.c_growth / 1.0E6 AS c_growth, p.c_relationship / 1.0E6 AS c_relationship,
  p.c_alignment / 1.0E6 AS c_alignment, p.c_payment / 1.0E6 AS c_payment,
  COALESCE(p.weight_known * 1.0E0 / p.weight_all, 0.0E0) AS confidence,
  CASE WHEN p.weight_known > 0 THEN floor(p.points * 1.0E-1 / p.weight_known + 0.5E0) / 1.0E3 END AS score,
  CASE WHEN p.weight_bound > 0 THEN floor(p.points_low * 1.0E-1 / p.weight_bound + 0.5E0) / 1.0E3 END AS score_low,
  CASE WHEN p.weight_bound > 0 THEN floor(p.points_high * 1.0E-1 / p.weight_bound + 0.5E0) / 1.0E3 END AS score_high,
  r.rank, w.criterion AS most_wanted, s.growth_minor
FROM account_scaled AS s
LEFT JOIN account_points AS p ON p.account_id = s.account_id
LEFT JOIN account_rated AS r ON r.account_id = s.account_id
LEFT JOIN criterion_weight AS w
  ON CASE WHEN w.criterion = 'growth' THEN 100000 ELSE 0 END + (1000 - w.weight) * 10 + w.place = p.wanted

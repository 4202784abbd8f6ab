-- Which accounts are key: gates, three to five chosen criteria, score and rank. Methods 1.1 to 1.8.
-- A criterion is a whole number of millionths (q_), NULL when unknown; weights are whole numbers of any sum.

-- view: account_raw
SELECT g.root_id AS account_id, MAX(s.strength) AS strength, MAX(a.partnership) AS partnership,
  MAX(a.strategic_fit) AS strategic_fit, MAX(a.payment_days) AS payment_days,
  MAX(a.product_fit) AS product_fit, MAX(a.financial_strength) AS financial_strength,
  MAX(a.market_relationships) AS market_relationships, MAX(a.cultural_fit) AS cultural_fit,
  MAX(a.geographic_fit) AS geographic_fit,
  CAST(SUM(CASE WHEN e.state = 'ok' THEN e.growth_minor END) AS BIGINT) AS expected_minor
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
  CASE WHEN r.product_fit IS NOT NULL
       THEN CAST(floor(LEAST(GREATEST(r.product_fit, 0.0E0), 5.0E0) * 2.0E5 + 0.5E0) AS BIGINT) END AS q_product_fit,
  CASE WHEN r.financial_strength IS NOT NULL
       THEN CAST(floor(LEAST(GREATEST(r.financial_strength, 0.0E0), 5.0E0) * 2.0E5 + 0.5E0) AS BIGINT)
       END AS q_financial_strength,
  CASE WHEN r.market_relationships IS NOT NULL
       THEN CAST(floor(LEAST(GREATEST(r.market_relationships, 0.0E0), 5.0E0) * 2.0E5 + 0.5E0) AS BIGINT)
       END AS q_market_relationships,
  CASE WHEN r.cultural_fit IS NOT NULL
       THEN CAST(floor(LEAST(GREATEST(r.cultural_fit, 0.0E0), 5.0E0) * 2.0E5 + 0.5E0) AS BIGINT) END AS q_cultural_fit,
  CASE WHEN r.geographic_fit IS NOT NULL
       THEN CAST(floor(LEAST(GREATEST(r.geographic_fit, 0.0E0), 5.0E0) * 2.0E5 + 0.5E0) AS BIGINT)
       WHEN n.placed = 1 AND (a.country <> '' OR a.region <> '')
       THEN CASE WHEN c.place IS NULL AND e.place IS NULL THEN 0 ELSE 1000000 END END AS q_geographic_fit,
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
CROSS JOIN (SELECT i.listed, l.placed
            FROM (SELECT CASE WHEN COUNT(*) > 0 THEN 1 ELSE 0 END AS listed FROM strategic_industry) AS i
            CROSS JOIN (SELECT CASE WHEN COUNT(*) > 0 THEN 1 ELSE 0 END AS placed FROM strategic_place) AS l) AS n
LEFT JOIN account_raw AS r ON r.account_id = g.account_id
LEFT JOIN strategic_industry AS t ON t.industry = a.industry
LEFT JOIN strategic_place AS c ON c.place = a.country
LEFT JOIN strategic_place AS e ON e.place = a.region
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

-- On a logarithmic scale from P50 to P99: without the 1 that is often added, so that no unit of money matters.
-- step: account_scaled
SELECT c.account_n, c.account_id, c.gate, c.cost_state, c.value_minor, c.value_rank, c.revenue_rank, c.growth_minor,
  CASE WHEN c.value_minor IS NULL THEN NULL WHEN c.value_minor <= 0 THEN 0
       WHEN c.value_minor >= b.value_top THEN 1000000 WHEN c.value_minor <= b.value_middle THEN 0
       ELSE CAST(floor((ln(c.value_minor * 1.0E0) - ln(b.value_middle * 1.0E0))
                 / (ln(b.value_top * 1.0E0) - ln(b.value_middle * 1.0E0)) * 1.0E6 + 0.5E0) AS BIGINT) END AS q_value,
  CASE WHEN c.growth_minor IS NULL THEN NULL WHEN c.growth_minor <= 0 THEN 0
       WHEN c.growth_minor >= b.growth_top THEN 1000000 WHEN c.growth_minor <= b.growth_middle THEN 0
       ELSE CAST(floor((ln(c.growth_minor * 1.0E0) - ln(b.growth_middle * 1.0E0))
                 / (ln(b.growth_top * 1.0E0) - ln(b.growth_middle * 1.0E0)) * 1.0E6 + 0.5E0) AS BIGINT) END AS q_growth,
  CASE WHEN c.q_relationship IS NOT NULL THEN LEAST(GREATEST(c.q_relationship, 0), 1000000) END AS q_relationship,
  c.q_alignment, c.q_payment, c.q_product_fit, c.q_financial_strength, c.q_market_relationships, c.q_cultural_fit,
  c.q_geographic_fit
FROM account_candidate AS c
CROSS JOIN (SELECT MAX(CASE WHEN criterion = 'value' THEN middle END) AS value_middle,
              MAX(CASE WHEN criterion = 'value' THEN top END) AS value_top,
              MAX(CASE WHEN criterion = 'growth' THEN middle END) AS growth_middle,
              MAX(CASE WHEN criterion = 'growth' THEN top END) AS growth_top
            FROM criterion_border) AS b

-- view: criterion_cell
SELECT s.account_n, s.account_id, s.gate, u.criterion, u.weight, u.place AS criterion_n, u.bit, u.heavy,
  CASE u.criterion WHEN 'value' THEN s.q_value WHEN 'growth' THEN s.q_growth WHEN 'relationship' THEN s.q_relationship
       WHEN 'alignment' THEN s.q_alignment WHEN 'payment' THEN s.q_payment WHEN 'product_fit' THEN s.q_product_fit
       WHEN 'financial_strength' THEN s.q_financial_strength
       WHEN 'market_relationships' THEN s.q_market_relationships WHEN 'cultural_fit' THEN s.q_cultural_fit
       ELSE s.q_geographic_fit END AS q,
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
-- A criterion nobody has data for stays out of both bounds. Where fewer than four have some, what is learned of
-- another may be anything.
-- view: criterion_point
SELECT c.account_n, c.account_id, c.criterion, c.criterion_n, c.weight, c.bit, c.heavy, c.q, s.mean_q, c.guessed,
  CASE WHEN s.n IS NULL THEN c.q WHEN c.q IS NULL THEN s.low_q
       WHEN c.guessed = 1 THEN LEAST(c.q, s.low_q) ELSE c.q END AS bound_low,
  CASE WHEN s.n IS NULL THEN c.q WHEN c.q IS NULL THEN s.high_q
       WHEN c.guessed = 1 THEN GREATEST(c.q, s.high_q) ELSE c.q END AS bound_high,
  CASE WHEN s.n >= 4 THEN s.high_q - s.low_q ELSE 1000000 END AS swing_q
FROM criterion_cell AS c
LEFT JOIN criterion_spread AS s ON s.criterion = c.criterion

-- Most wanted is the unknown that may swing the score most: 99 less its place stands in the last two digits. Growth
-- comes last, because nobody can type it in.
-- step: account_points
SELECT account_id,
  CAST(SUM(weight) AS BIGINT) AS weight_all,
  CAST(SUM(CASE WHEN q IS NULL THEN 0 ELSE weight END) AS BIGINT) AS weight_known,
  CAST(SUM(CASE WHEN bound_low IS NULL THEN 0 ELSE weight END) AS BIGINT) AS weight_bound,
  CAST(SUM(CASE WHEN q IS NULL THEN bit ELSE 0 END) AS BIGINT) AS unknown_bits,
  COALESCE(CAST(SUM(weight * q) AS BIGINT), 0) AS points,
  COALESCE(CAST(SUM(weight * bound_low) AS BIGINT), 0) AS points_low,
  COALESCE(CAST(SUM(weight * bound_high) AS BIGINT), 0) AS points_high,
  MAX(CASE WHEN q IS NULL AND criterion <> 'growth' THEN weight * swing_q * 100
           WHEN guessed = 1 THEN weight * (bound_high - bound_low) * 100
           WHEN q IS NULL THEN 0 - 100 END + 99 - criterion_n) AS wanted,
  CAST(SUM(CASE WHEN criterion = 'value' THEN weight * (q - mean_q) END) AS BIGINT) AS c_value,
  CAST(SUM(CASE WHEN criterion = 'growth' THEN weight * (q - mean_q) END) AS BIGINT) AS c_growth,
  CAST(SUM(CASE WHEN criterion = 'relationship' THEN weight * (q - mean_q) END) AS BIGINT) AS c_relationship,
  CAST(SUM(CASE WHEN criterion = 'alignment' THEN weight * (q - mean_q) END) AS BIGINT) AS c_alignment,
  CAST(SUM(CASE WHEN criterion = 'payment' THEN weight * (q - mean_q) END) AS BIGINT) AS c_payment,
  CAST(SUM(CASE WHEN criterion = 'product_fit' THEN weight * (q - mean_q) END) AS BIGINT) AS c_product_fit,
  CAST(SUM(CASE WHEN criterion = 'financial_strength' THEN weight * (q - mean_q) END) AS BIGINT) AS c_financial_strength,
  CAST(SUM(CASE WHEN criterion = 'market_relationships' THEN weight * (q - mean_q) END) AS BIGINT) AS c_market_relationships,
  CAST(SUM(CASE WHEN criterion = 'cultural_fit' THEN weight * (q - mean_q) END) AS BIGINT) AS c_cultural_fit,
  CAST(SUM(CASE WHEN criterion = 'geographic_fit' THEN weight * (q - mean_q) END) AS BIGINT) AS c_geographic_fit
FROM criterion_point GROUP BY account_id

-- Of two with the same lower bound the one of whom more is known comes first: a blank is never the better answer.
-- step: account_rated
SELECT s.account_n, s.account_id, p.points_low, p.weight_bound,
  row_number() OVER (ORDER BY p.points_low DESC, p.weight_known DESC, s.value_minor DESC, s.account_n) AS rank
FROM account_scaled AS s JOIN account_points AS p ON p.account_id = s.account_id
WHERE s.gate IS NULL AND p.weight_known >= p.weight_all * :least_confidence

-- A contribution is in points of the score: what is known makes the whole of it.
-- step: account_score
SELECT s.account_id, CASE WHEN s.gate IS NULL THEN 1 ELSE 0 END AS eligible, s.gate,
  s.q_value / 1.0E6 AS s_value, s.q_growth / 1.0E6 AS s_growth, s.q_relationship / 1.0E6 AS s_relationship,
  s.q_alignment / 1.0E6 AS s_alignment, s.q_payment / 1.0E6 AS s_payment, s.q_product_fit / 1.0E6 AS s_product_fit,
  s.q_financial_strength / 1.0E6 AS s_financial_strength, s.q_market_relationships / 1.0E6 AS s_market_relationships,
  s.q_cultural_fit / 1.0E6 AS s_cultural_fit, s.q_geographic_fit / 1.0E6 AS s_geographic_fit,
  p.c_value * 1.0E-4 / GREATEST(p.weight_known, 1) AS c_value,
  p.c_growth * 1.0E-4 / GREATEST(p.weight_known, 1) AS c_growth,
  p.c_relationship * 1.0E-4 / GREATEST(p.weight_known, 1) AS c_relationship,
  p.c_alignment * 1.0E-4 / GREATEST(p.weight_known, 1) AS c_alignment,
  p.c_payment * 1.0E-4 / GREATEST(p.weight_known, 1) AS c_payment,
  p.c_product_fit * 1.0E-4 / GREATEST(p.weight_known, 1) AS c_product_fit,
  p.c_financial_strength * 1.0E-4 / GREATEST(p.weight_known, 1) AS c_financial_strength,
  p.c_market_relationships * 1.0E-4 / GREATEST(p.weight_known, 1) AS c_market_relationships,
  p.c_cultural_fit * 1.0E-4 / GREATEST(p.weight_known, 1) AS c_cultural_fit,
  p.c_geographic_fit * 1.0E-4 / GREATEST(p.weight_known, 1) AS c_geographic_fit,
  COALESCE(p.weight_known * 1.0E0 / p.weight_all, 0.0E0) AS confidence,
  CASE WHEN p.weight_known > 0 THEN floor(p.points * 1.0E-1 / p.weight_known + 0.5E0) / 1.0E3 END AS score,
  CASE WHEN p.weight_bound > 0 THEN floor(p.points_low * 1.0E-1 / p.weight_bound + 0.5E0) / 1.0E3 END AS score_low,
  CASE WHEN p.weight_bound > 0 THEN floor(p.points_high * 1.0E-1 / p.weight_bound + 0.5E0) / 1.0E3 END AS score_high,
  r.rank, w.criterion AS most_wanted, p.unknown_bits, s.growth_minor
FROM account_scaled AS s
LEFT JOIN account_points AS p ON p.account_id = s.account_id
LEFT JOIN account_rated AS r ON r.account_id = s.account_id
LEFT JOIN criterion_weight AS w
  ON w.place = 99 - (p.wanted - CAST(floor(p.wanted * 1.0E0 / 1.0E2) AS BIGINT) * 100)

-- What the score is held against, one row per chosen criterion: for the texts, and for who wants to check a number.
-- step: criterion_result
SELECT w.criterion, w.weight, COALESCE(s.n, 0) AS known, s.mean_q / 1.0E6 AS mean, s.low_q / 1.0E6 AS low,
  s.high_q / 1.0E6 AS high, b.middle AS middle_minor, b.top AS top_minor
FROM criterion_weight AS w
LEFT JOIN criterion_spread AS s ON s.criterion = w.criterion
LEFT JOIN criterion_border AS b ON b.criterion = w.criterion
WHERE w.weight > 0

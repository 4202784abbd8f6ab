-- What each group bought up to a day, by every window that a value rule looks at: once as revenue, once as net value.

-- What has a term lasts from close_day to last_day and counts in a window by its days there; a won deal is of one day.
-- view: backtest_term
SELECT g.root_n AS account_n, d.close_day, d.last_day, d.revenue_minor, d.net_minor
FROM deal_net AS d JOIN account_group AS g ON g.account_id = d.account_id

-- The same window last year is that of the half year to come. age: days back to the middle of what has passed.
-- view: backtest_window
SELECT account_n, close_day, revenue_minor, net_minor, last_day - close_day + 1 AS days,
  GREATEST(LEAST(last_day, :as_of) - GREATEST(close_day - 1, :quarter_day), 0) AS days_90,
  GREATEST(LEAST(last_day, :as_of) - GREATEST(close_day - 1, :half_year_day), 0) AS days_180,
  GREATEST(LEAST(last_day, :as_of) - GREATEST(close_day - 1, :year_day), 0) AS days_365,
  GREATEST(LEAST(last_day, :same_end_day) - GREATEST(close_day - 1, :year_day), 0) AS days_same,
  LEAST(last_day, :as_of) - close_day + 1 AS days_all,
  :as_of - (LEAST(last_day, :as_of) + close_day) * 0.5E0 AS age
FROM backtest_term

-- view: backtest_money
SELECT 'revenue' AS measure, revenue_minor AS minor, w.* FROM backtest_window AS w
UNION ALL
SELECT 'net', net_minor, w.* FROM backtest_window AS w

-- Decay: half as much after as many days.
-- inner: backtest_bought
SELECT account_n, measure, MIN(close_day) AS first_day, MAX(close_day) AS last_day, COUNT(DISTINCT close_day) AS order_days,
  CAST(SUM(CASE WHEN days_365 > 0 THEN 1 ELSE 0 END) AS BIGINT) AS deals_365,
  CAST(SUM(CAST(floor(minor * (days_90 * 1.0E0 / days) + 0.5E0) AS BIGINT)) AS BIGINT) AS last_90,
  CAST(SUM(CAST(floor(minor * (days_180 * 1.0E0 / days) + 0.5E0) AS BIGINT)) AS BIGINT) AS last_180,
  CAST(SUM(CAST(floor(minor * (days_365 * 1.0E0 / days) + 0.5E0) AS BIGINT)) AS BIGINT) AS last_365,
  CAST(SUM(CAST(floor(minor * (days_same * 1.0E0 / days) + 0.5E0) AS BIGINT)) AS BIGINT) AS same_180,
  CAST(SUM(CAST(floor(minor * (days_all * 1.0E0 / days) + 0.5E0) AS BIGINT)) AS BIGINT) AS all_history,
  CAST(SUM(CAST(floor(minor * (days_all * 1.0E0 / days) * exp(age * (-1.0E0 * ln(2.0E0) / 120.0E0)) + 0.5E0)
                AS BIGINT)) AS BIGINT) AS decay_120,
  CAST(SUM(CAST(floor(minor * (days_all * 1.0E0 / days) * exp(age * (-1.0E0 * ln(2.0E0) / 180.0E0)) + 0.5E0)
                AS BIGINT)) AS BIGINT) AS decay_180,
  CAST(SUM(CAST(floor(minor * (days_all * 1.0E0 / days) * exp(age * (-1.0E0 * ln(2.0E0) / 365.0E0)) + 0.5E0)
                AS BIGINT)) AS BIGINT) AS decay_365
FROM backtest_money GROUP BY account_n, measure

-- ours is four times our value: of net value as the score has it, of revenue by the same windows. bg_nbd: the chance to
-- be alive, times orders a week as the fit expects them, times the usual order, drawn towards everybody's by four orders.
-- step: backtest_sum
SELECT b.*, CASE WHEN b.measure = 'net' THEN 4 * COALESCE(v.value_minor, 0) ELSE 2 * b.last_180 + b.last_365 END AS ours,
  CAST(floor((1.0E0 - COALESCE(l.p_dead, 0.0E0)) * (:r + :k * (b.order_days - 1))
    / GREATEST(:k * (:alpha + (:as_of - b.first_day) / 7.0E0), 1.0E-3)
    * (b.all_history + 4.0E0 * u.minor / u.orders) / (b.order_days + 4) * 1.0E3 + 0.5E0) AS BIGINT) AS bg_nbd
FROM backtest_bought AS b
JOIN (SELECT measure, CAST(SUM(all_history) AS BIGINT) AS minor, CAST(SUM(order_days) AS BIGINT) AS orders
      FROM backtest_bought GROUP BY measure) AS u ON u.measure = b.measure
JOIN account_group AS g ON g.account_n = b.account_n
JOIN account_value AS v ON v.account_id = g.account_id
LEFT JOIN account_lapse AS l ON l.account_id = g.account_id

-- Growth, and what an account will bring in three years. Methods 1.4.
-- Both are told as of the account's last purchase, and after a long silence as of each further half year: they change
-- when it buys or falls silent, not because a window slid on by a day.

-- view: account_anchor
SELECT account_id, first_won_day,
  last_won_day + CAST(floor((:as_of - last_won_day) * 1.0E0 / 182) AS BIGINT) * 182 AS day
FROM account_value WHERE last_won_day IS NOT NULL

-- How many of a deal's days lie in the year up to that day, in the year before, and in three years; and in the two
-- years up to the beginning of this quarter, which show who came again.
-- view: account_year
SELECT k.key_id AS account_id, d.revenue_minor, d.net_minor - d.cut_minor AS net_minor,
  CASE WHEN d.last_day > a.day - 1095 THEN d.dark ELSE 0 END AS dark, d.last_day - d.close_day + 1 AS days,
  GREATEST(LEAST(d.last_day, a.day) - GREATEST(d.close_day - 1, a.day - 365), 0) AS days_this,
  GREATEST(LEAST(d.last_day, a.day - 365) - GREATEST(d.close_day - 1, a.day - 730), 0) AS days_before,
  GREATEST(LEAST(d.last_day, a.day) - GREATEST(d.close_day - 1, a.day - 1095), 0) AS days_three,
  CASE WHEN d.close_day <= :quarter_day AND d.last_day > :quarter_day - 365 THEN 1 ELSE 0 END AS came_again,
  CASE WHEN d.close_day <= :quarter_day - 365 AND d.last_day > :quarter_day - 730 THEN 1 ELSE 0 END AS came_before
FROM deal_net AS d
JOIN (SELECT account_id, root_id AS key_id FROM account_group
      UNION ALL
      SELECT account_id, account_id FROM account_group WHERE root_id <> account_id) AS k
  ON k.account_id = d.account_id
JOIN account_anchor AS a ON a.account_id = k.key_id

-- inner: account_course
SELECT account_id, CAST(SUM(dark) AS BIGINT) AS dark,
  CAST(SUM(CASE WHEN days_this = days THEN revenue_minor
    ELSE CAST(floor(revenue_minor * (days_this * 1.0E0 / days) + 0.5E0) AS BIGINT) END) AS BIGINT) AS this_minor,
  CAST(SUM(CASE WHEN days_before = days THEN revenue_minor
    ELSE CAST(floor(revenue_minor * (days_before * 1.0E0 / days) + 0.5E0) AS BIGINT) END) AS BIGINT) AS before_minor,
  CAST(SUM(CASE WHEN days_three = days THEN net_minor
    ELSE CAST(floor(net_minor * (days_three * 1.0E0 / days) + 0.5E0) AS BIGINT) END) AS BIGINT) AS three_minor,
  MAX(came_before) AS came_before, MAX(came_before) * MAX(came_again) AS stayed
FROM account_year GROUP BY account_id

-- own_minor: net value a year, as the quarters since the first purchase show it, twelve of them at most.
-- inner: account_own_year
SELECT n.*, CAST(floor(n.three_minor * (4.0E0 / n.quarters) + 0.5E0) AS BIGINT) - n.serve_minor AS own_minor
FROM (SELECT c.account_id, v.root_id, COALESCE(b.segment, '') AS segment, a.day, a.first_won_day, c.dark, c.this_minor,
        c.before_minor, c.three_minor, c.came_before, c.stayed, v.won_deals_24m,
        COALESCE(v.serve_365_minor, 0) + COALESCE(v.late_365_minor, 0) AS serve_minor,
        LEAST(CAST(floor((a.day - a.first_won_day) / 9.125E1) AS BIGINT) + 1, 12) AS quarters
      FROM account_course AS c
      JOIN account_anchor AS a ON a.account_id = c.account_id
      JOIN account_value AS v ON v.account_id = c.account_id
      JOIN account AS b ON b.id = c.account_id) AS n

-- What a segment usually brings and how many come again; the whole portfolio is the segment of the empty name, and
-- stands in where a segment is small.
-- inner: segment_usual
SELECT segment, COUNT(*) AS accounts, CAST(floor(median(own_minor) + 0.5E0) AS BIGINT) AS usual_minor,
  CAST(SUM(came_before) AS BIGINT) AS came_before, CAST(SUM(stayed) AS BIGINT) AS stayed
FROM (SELECT segment, own_minor, came_before, stayed FROM account_own_year
      WHERE account_id = root_id AND dark = 0 AND segment <> ''
      UNION ALL
      SELECT '', own_minor, came_before, stayed FROM account_own_year WHERE account_id = root_id AND dark = 0) AS u
GROUP BY segment

-- Stored, because Sail divides by zero in what is read through two outer joins, though no divisor is.
-- inner: account_outlook
SELECT o.*, CASE WHEN s.accounts >= :least_segment THEN s.usual_minor ELSE w.usual_minor END AS usual_minor,
  CASE WHEN s.came_before >= :least_segment THEN s.stayed * 1.0E0 / GREATEST(s.came_before, 1)
       WHEN w.came_before > 0 THEN w.stayed * 1.0E0 / GREATEST(w.came_before, 1) END AS retention
FROM account_own_year AS o
LEFT JOIN segment_usual AS s ON s.segment = o.segment
LEFT JOIN segment_usual AS w ON w.segment = ''

-- Growth needs a whole year before. Whoever bought nothing in two years has left: no lifetime value is told.
-- step: account_lifetime
SELECT account_id, day AS growth_day, this_minor AS growth_this_minor, before_minor AS growth_before_minor,
  CASE WHEN dark = 0 AND before_minor > 0 AND first_won_day <= day - 730
       THEN LEAST(GREATEST(floor((this_minor - before_minor) * 1.0E3 / GREATEST(before_minor, 1) + 0.5E0), -1.0E3), 9.995E4)
       / 1.0E1 END AS growth_percent,
  quarters, own_minor AS own_year_minor, usual_minor AS usual_year_minor, retention,
  CASE WHEN dark = 0 AND won_deals_24m > 0
       THEN CAST(floor((own_minor * quarters + usual_minor * 4) * 1.0E0 / (quarters + 4)
                       * (retention * :year_1 + retention * retention * :year_2
                          + retention * retention * retention * :year_3) + 0.5E0) AS BIGINT) END AS lifetime_minor
FROM account_outlook

-- What each customer bought by product family, and who the customers are. Formulas: methods, section 4.
-- Amounts are corporate minor units, days are epoch days.

-- kept step: whitespace_bought
SELECT o.account_id, p.family,
  MIN(CASE WHEN l.amount_minor IS NULL OR l.amount_minor > 0 THEN o.close_day END) AS first_day,
  MAX(CASE WHEN l.amount_minor IS NULL OR l.amount_minor > 0 THEN o.close_day END) AS last_day,
  CAST(SUM(CASE WHEN o.close_day > :year_day THEN COALESCE(l.amount_minor, 0) ELSE 0 END) AS BIGINT) AS year_minor,
  CAST(SUM(CASE WHEN o.close_day > :halve_day THEN COALESCE(l.amount_minor, 0) ELSE 0 END) AS BIGINT) AS recent_minor
FROM opportunity_line AS l
JOIN opportunity AS o ON o.id = l.opportunity_id
JOIN account AS a ON a.id = o.account_id
JOIN product AS p ON p.id = l.product_id
WHERE o.state = 'won' AND o.close_day <= :as_of AND p.family <> ''
GROUP BY o.account_id, p.family

-- kept step: whitespace_installed
SELECT s.account_id, p.family
FROM asset AS s
JOIN account AS a ON a.id = s.account_id
JOIN product AS p ON p.id = s.product_id
WHERE p.family <> '' AND COALESCE(s.installed_day, 0) <= :as_of AND (s.ends_day IS NULL OR s.ends_day > :as_of)
GROUP BY s.account_id, p.family

-- A family retired from the catalogue, or that nobody bought for a year, is evidence but no idea.
-- view: whitespace_family_all
SELECT f.family, CASE WHEN b.year_owners = 0 THEN 0 ELSE f.sold END AS sold,
  COALESCE(b.recent_minor, 0) AS recent_minor, COALESCE(b.owners, 0) + COALESCE(i.owners, 0) AS owners
FROM (SELECT family, MAX(CASE WHEN COALESCE(is_active, 1) = 0 THEN 0 ELSE 1 END) AS sold
      FROM product WHERE family <> '' GROUP BY family) AS f
LEFT JOIN (SELECT family, CAST(SUM(recent_minor) AS BIGINT) AS recent_minor, COUNT(last_day) AS owners,
             COUNT(CASE WHEN last_day > :year_day THEN 1 END) AS year_owners
           FROM whitespace_bought GROUP BY family) AS b ON b.family = f.family
LEFT JOIN (SELECT family, COUNT(*) AS owners FROM whitespace_installed GROUP BY family) AS i ON i.family = f.family

-- step: whitespace_family
SELECT family, CAST(place - 1 AS BIGINT) AS family_n, CAST(sold AS BIGINT) AS sold, recent_minor
FROM (SELECT family, sold, recent_minor,
             row_number() OVER (ORDER BY recent_minor DESC, owners DESC, family) AS place
      FROM whitespace_family_all WHERE owners > 0) AS ranked
WHERE place <= :families

-- step: whitespace_own
SELECT u.account_id, f.family_n, f.family, MIN(u.first_day) AS first_day, MAX(u.last_day) AS last_day,
  CAST(SUM(u.year_minor) AS BIGINT) AS year_minor, CAST(SUM(u.recent_minor) AS BIGINT) AS recent_minor,
  MAX(u.installed) AS installed,
  CASE WHEN MAX(u.installed) = 1 OR MAX(u.last_day) > :halve_day THEN 2 ELSE 1 END AS level
FROM (SELECT account_id, family, first_day, last_day, year_minor, recent_minor, 0 AS installed
      FROM whitespace_bought WHERE last_day IS NOT NULL
      UNION ALL
      SELECT account_id, family, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), 0, 0, 1 FROM whitespace_installed) AS u
JOIN whitespace_family AS f ON f.family = u.family
GROUP BY u.account_id, f.family_n, f.family

-- kept step: whitespace_size
SELECT o.account_id, MIN(o.close_day) AS since_day,
  CAST(SUM(CASE WHEN o.close_day > :year_day THEN COALESCE(o.amount_minor, 0) ELSE 0 END) AS BIGINT) AS size_minor
FROM opportunity AS o
JOIN account AS a ON a.id = o.account_id
WHERE o.state = 'won' AND o.close_day <= :as_of
GROUP BY o.account_id

-- inner: whitespace_industry
SELECT industry, row_number() OVER (ORDER BY industry) AS code
FROM account WHERE industry <> '' GROUP BY industry

-- inner: whitespace_country
SELECT country, row_number() OVER (ORDER BY country) AS code
FROM account WHERE country <> '' GROUP BY country

-- Size classes double: 1 employee is class 0, 2 are 1, 4 are 2. The tiny addend keeps exact powers in their class.
-- step: whitespace_account
SELECT CAST(row_number() OVER (ORDER BY a.id) - 1 AS BIGINT) AS account_n, a.id AS account_id, z.since_day,
  CASE WHEN z.size_minor > 0 THEN z.size_minor END AS size_minor,
  COALESCE(i.code, -1) AS industry_code, COALESCE(c.code, -1) AS country_code,
  CASE WHEN a.employees >= 1 THEN CAST(floor(ln(a.employees * 1.0E0) / 0.6931471805599453E0 + 1.0E-9) AS BIGINT)
       ELSE -1 END AS employees_class,
  CASE WHEN a.annual_revenue_minor >= 1
       THEN CAST(floor(ln(a.annual_revenue_minor * 1.0E0) / 0.6931471805599453E0 + 1.0E-9) AS BIGINT)
       ELSE -1 END AS revenue_class
FROM account AS a
JOIN (SELECT account_id FROM whitespace_own GROUP BY account_id) AS w ON w.account_id = a.id
LEFT JOIN whitespace_size AS z ON z.account_id = a.id
LEFT JOIN whitespace_industry AS i ON i.industry = a.industry
LEFT JOIN whitespace_country AS c ON c.country = a.country

-- A deal that closed after the day we look from was open on it, if it existed.
-- kept step: whitespace_touched
SELECT o.account_id, p.family,
  MAX(CASE WHEN o.state = 'open' OR o.close_day > :as_of THEN 1 ELSE 0 END) AS pipeline,
  MAX(CASE WHEN o.state = 'lost' AND o.close_day <= :as_of AND o.close_day > :lost_day THEN 1 ELSE 0 END) AS lost
FROM opportunity_line AS l
JOIN opportunity AS o ON o.id = l.opportunity_id
JOIN account AS a ON a.id = o.account_id
JOIN product AS p ON p.id = l.product_id
WHERE COALESCE(o.created_day, 0) <= :as_of AND p.family <> ''
  AND (o.state = 'open' OR o.close_day > :as_of OR (o.state = 'lost' AND o.close_day > :lost_day))
GROUP BY o.account_id, p.family

-- step: whitespace_state
SELECT account_id, family_n, family,
  CASE WHEN MAX(installed) = 1 OR MAX(last_day) > :owned_day THEN 'owned'
       WHEN MAX(pipeline) = 1 THEN 'pipeline'
       WHEN MAX(lost) = 1 THEN 'lost'
       ELSE 'lapsed' END AS state
FROM (SELECT account_id, family_n, family, installed, last_day, 0 AS pipeline, 0 AS lost FROM whitespace_own
      UNION ALL
      SELECT t.account_id, f.family_n, f.family, 0, CAST(NULL AS BIGINT), t.pipeline, t.lost
      FROM whitespace_touched AS t JOIN whitespace_family AS f ON f.family = t.family
      WHERE t.pipeline = 1 OR t.lost = 1) AS u
GROUP BY account_id, family_n, family

-- step: whitespace_relation
SELECT f.family_n AS family_n, g.family_n AS other_n,
  MAX(CASE WHEN r.kind = 'substitute' THEN 1 ELSE 0 END) AS substitute,
  MAX(CASE WHEN r.kind IN ('cross_sell', 'up_sell', 'accessory') THEN 1 ELSE 0 END) AS goes_with
FROM product_relation AS r
JOIN product AS p ON p.id = r.product_id
JOIN product AS q ON q.id = r.other_id
JOIN whitespace_family AS f ON f.family = p.family
JOIN whitespace_family AS g ON g.family = q.family
WHERE f.family_n <> g.family_n
GROUP BY f.family_n, g.family_n

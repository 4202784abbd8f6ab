-- Customers and prospects that bought nothing yet, with what is known of them. Methods 4.3, cold start.

-- The codes that the buying accounts have; another industry or country has no buyer to learn from.
-- inner: cold_industry
SELECT a.industry, MIN(w.industry_code) AS code
FROM whitespace_account AS w JOIN account AS a ON a.id = w.account_id
WHERE w.industry_code >= 0 GROUP BY a.industry

-- inner: cold_country
SELECT a.country, MIN(w.country_code) AS code
FROM whitespace_account AS w JOIN account AS a ON a.id = w.account_id
WHERE w.country_code >= 0 GROUP BY a.country

-- step: whitespace_cold
SELECT CAST(row_number() OVER (ORDER BY a.id) - 1 AS BIGINT) AS cold_n, a.id AS account_id,
  COALESCE(i.code, -1) AS industry_code, COALESCE(c.code, -1) AS country_code,
  CASE WHEN a.employees >= 1 THEN CAST(floor(ln(a.employees * 1.0E0) / 0.6931471805599453E0 + 1.0E-9) AS BIGINT)
       ELSE -1 END AS employees_class,
  CASE WHEN a.annual_revenue_minor >= 1
       THEN CAST(floor(ln(a.annual_revenue_minor * 1.0E0) / 0.6931471805599453E0 + 1.0E-9) AS BIGINT)
       ELSE -1 END AS revenue_class
FROM account AS a
LEFT JOIN whitespace_account AS w ON w.account_id = a.id
LEFT JOIN cold_industry AS i ON i.industry = a.industry
LEFT JOIN cold_country AS c ON c.country = a.country
LEFT JOIN whitespace_branch AS b ON b.account_id = a.id
WHERE w.account_id IS NULL AND b.account_id IS NULL AND a.type IN ('customer', 'prospect')

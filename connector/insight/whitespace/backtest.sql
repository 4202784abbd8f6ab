-- What each account bought of each family on which day, and what it had installed. Formulas: methods, section 4.5.
-- Amounts are corporate minor units, days are epoch days.

-- An installation or a term lasts to ends_day, or beyond today; a purchase has none (-1). Money is that of the source
-- that revenue is read from.
-- inner: replay_bought
SELECT account_id, family, day, ends_day, CAST(SUM(minor) AS BIGINT) AS minor
FROM (SELECT o.account_id, p.family, o.close_day AS day, -1 AS ends_day,
        CASE WHEN :source = 0 THEN COALESCE(l.amount_minor, 0) ELSE 0 END AS minor
      FROM opportunity_line AS l
      JOIN opportunity AS o ON o.id = l.opportunity_id
      JOIN product AS p ON p.id = l.product_id
      WHERE o.state = 'won' AND o.close_day <= :as_of AND p.family <> ''
        AND (l.amount_minor IS NULL OR l.amount_minor > 0)
      UNION ALL
      SELECT r.account_id, p.family, r.starts_day, -1,
        CASE WHEN CASE r.source WHEN 'invoice' THEN 1 WHEN 'order' THEN 2 WHEN 'contract' THEN 3 END = :source
             THEN COALESCE(r.amount_minor, 0) ELSE 0 END
      FROM revenue AS r JOIN product AS p ON p.id = r.product_id
      WHERE r.starts_day <= :as_of AND p.family <> '' AND (r.amount_minor IS NULL OR r.amount_minor > 0)
      UNION ALL
      SELECT r.account_id, p.family, r.starts_day, r.ends_day, 0
      FROM revenue AS r JOIN product AS p ON p.id = r.product_id
      WHERE r.starts_day <= :as_of AND p.family <> '' AND r.ends_day > r.starts_day
        AND (r.amount_minor IS NULL OR r.amount_minor > 0)
      UNION ALL
      SELECT s.account_id, p.family, COALESCE(s.installed_day, 0), COALESCE(s.ends_day, :as_of + 1), 0
      FROM asset AS s JOIN product AS p ON p.id = s.product_id
      WHERE p.family <> '' AND COALESCE(s.rival, 0) = 0 AND COALESCE(s.installed_day, 0) <= :as_of) AS u
GROUP BY account_id, family, day, ends_day

-- step: replay_family
SELECT family, CAST(row_number() OVER (ORDER BY family) - 1 AS BIGINT) AS family_n FROM replay_bought GROUP BY family

-- inner: replay_industry
SELECT industry, row_number() OVER (ORDER BY industry) AS code
FROM account WHERE industry <> '' GROUP BY industry

-- inner: replay_country
SELECT country, row_number() OVER (ORDER BY country) AS code
FROM account WHERE country <> '' GROUP BY country

-- Traits as matrix.sql has them, as they stand now.
-- step: replay_account
SELECT CAST(row_number() OVER (ORDER BY a.id) - 1 AS BIGINT) AS account_n, a.id AS account_id, a.owner_id,
  COALESCE(i.code, -1) AS industry_code, COALESCE(c.code, -1) AS country_code,
  CASE WHEN a.employees >= 1 THEN CAST(floor(ln(a.employees * 1.0E0) / 0.6931471805599453E0 + 1.0E-9) AS BIGINT)
       ELSE -1 END AS employees_class,
  CASE WHEN a.annual_revenue_minor >= 1
       THEN CAST(floor(ln(a.annual_revenue_minor * 1.0E0) / 0.6931471805599453E0 + 1.0E-9) AS BIGINT)
       ELSE -1 END AS revenue_class
FROM account AS a
JOIN (SELECT account_id FROM replay_bought GROUP BY account_id) AS b ON b.account_id = a.id
LEFT JOIN replay_industry AS i ON i.industry = a.industry
LEFT JOIN replay_country AS c ON c.country = a.country

-- step: replay_purchase
SELECT a.account_n, f.family_n, b.day, b.ends_day, b.minor
FROM replay_bought AS b
JOIN replay_account AS a ON a.account_id = b.account_id
JOIN replay_family AS f ON f.family = b.family

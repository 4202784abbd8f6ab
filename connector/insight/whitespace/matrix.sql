-- What each customer has by product family, who the customers are, and what stands between a family and an idea.
-- Amounts are corporate minor units, days are epoch days. Formulas: methods, sections 4.1 and 4.3.
-- A row of the matrix is an account, or in whitespace_branch the topmost company that it counts with.

-- What was invoiced, ordered or contracted with a product is trusted before deals: where it tells money, it alone does.
-- A term counts by its year, while it runs or when it began within the year; it is used until its end.
-- kept step: whitespace_bought
SELECT b.account_id, p.family, MIN(b.day) AS first_day, MAX(b.last_day) AS last_day, MAX(b.runs) AS runs,
  CASE WHEN MAX(b.billed) = 1
       THEN CAST(SUM(CASE WHEN b.billed = 1 AND b.in_year = 1 THEN b.amount_minor ELSE 0 END) AS BIGINT)
       ELSE CAST(SUM(CASE WHEN b.in_year = 1 THEN b.amount_minor ELSE 0 END) AS BIGINT) END AS year_minor,
  CASE WHEN MAX(b.billed) = 1
       THEN CAST(SUM(CASE WHEN b.billed = 1 AND b.recent = 1 THEN b.amount_minor ELSE 0 END) AS BIGINT)
       ELSE CAST(SUM(CASE WHEN b.recent = 1 THEN b.amount_minor ELSE 0 END) AS BIGINT) END AS recent_minor
FROM (SELECT o.account_id, l.product_id, 0 AS runs, 0 AS billed, COALESCE(l.amount_minor, 0) AS amount_minor,
        CASE WHEN l.amount_minor IS NULL OR l.amount_minor > 0 THEN o.close_day END AS day,
        CASE WHEN l.amount_minor IS NULL OR l.amount_minor > 0 THEN o.close_day END AS last_day,
        CASE WHEN o.close_day > :year_day THEN 1 ELSE 0 END AS in_year,
        CASE WHEN o.close_day > :halve_day THEN 1 ELSE 0 END AS recent
      FROM opportunity_line AS l
      JOIN opportunity AS o ON o.id = l.opportunity_id
      WHERE o.state = 'won' AND o.close_day <= :as_of
      UNION ALL
      SELECT r.account_id, r.product_id, CASE WHEN r.ends_day > :as_of THEN 1 ELSE 0 END,
        CASE WHEN r.amount_minor IS NOT NULL
                  AND CASE r.source WHEN 'invoice' THEN 1 WHEN 'order' THEN 2 WHEN 'contract' THEN 3 END = :source
             THEN 1 ELSE 0 END,
        CASE WHEN CASE r.source WHEN 'invoice' THEN 1 WHEN 'order' THEN 2 WHEN 'contract' THEN 3 END = :source
             THEN CAST(floor(COALESCE(r.amount_minor, 0) * 365.0E0
                       / GREATEST(365, COALESCE(r.ends_day, r.starts_day) - r.starts_day) + 0.5E0) AS BIGINT)
             ELSE 0 END,
        CASE WHEN r.amount_minor IS NULL OR r.amount_minor > 0 THEN r.starts_day END,
        CASE WHEN r.amount_minor IS NULL OR r.amount_minor > 0
             THEN CASE WHEN r.ends_day <= :as_of THEN GREATEST(r.starts_day, r.ends_day) ELSE r.starts_day END END,
        CASE WHEN r.starts_day > :year_day OR r.ends_day > :as_of THEN 1 ELSE 0 END,
        CASE WHEN r.starts_day > :halve_day OR r.ends_day > :as_of THEN 1 ELSE 0 END
      FROM revenue AS r
      WHERE r.starts_day <= :as_of) AS b
JOIN account AS a ON a.id = b.account_id
JOIN product AS p ON p.id = b.product_id
WHERE p.family <> ''
GROUP BY b.account_id, p.family

-- kept step: whitespace_installed
SELECT s.account_id, p.family
FROM asset AS s
JOIN account AS a ON a.id = s.account_id
JOIN product AS p ON p.id = s.product_id
WHERE p.family <> '' AND COALESCE(s.rival, 0) = 0
  AND COALESCE(s.installed_day, 0) <= :as_of AND (s.ends_day IS NULL OR s.ends_day > :as_of)
GROUP BY s.account_id, p.family

-- What stands at a customer's and somebody else sold.
-- kept step: whitespace_rival
SELECT s.account_id, p.family
FROM asset AS s
JOIN account AS a ON a.id = s.account_id
JOIN product AS p ON p.id = s.product_id
WHERE p.family <> '' AND s.rival = 1
  AND COALESCE(s.installed_day, 0) <= :as_of AND (s.ends_day IS NULL OR s.ends_day > :as_of)
GROUP BY s.account_id, p.family

-- A family retired from the catalogue, or that nobody bought for a year, is evidence but no idea.
-- view: whitespace_family_all
SELECT f.family, CASE WHEN b.year_owners = 0 THEN 0 ELSE f.sold END AS sold,
  COALESCE(b.recent_minor, 0) AS recent_minor, COALESCE(b.owners, 0) + COALESCE(i.owners, 0) AS owners
FROM (SELECT family, MAX(CASE WHEN COALESCE(is_active, 1) = 0 THEN 0 ELSE 1 END) AS sold
      FROM product WHERE family <> '' GROUP BY family) AS f
LEFT JOIN (SELECT family, CAST(SUM(recent_minor) AS BIGINT) AS recent_minor, COUNT(last_day) AS owners,
             COUNT(CASE WHEN last_day > :year_day OR runs = 1 THEN 1 END) AS year_owners
           FROM whitespace_bought GROUP BY family) AS b ON b.family = f.family
LEFT JOIN (SELECT family, COUNT(*) AS owners FROM whitespace_installed GROUP BY family) AS i ON i.family = f.family

-- The families that the settings name, sold or not; where they name none, those that bring most.
-- step: whitespace_family
SELECT family, CAST(place - 1 AS BIGINT) AS family_n, CAST(sold AS BIGINT) AS sold, recent_minor
FROM (SELECT a.family, a.sold, a.recent_minor,
             row_number() OVER (ORDER BY a.recent_minor DESC, a.owners DESC, a.family) AS place
      FROM whitespace_family_all AS a
      LEFT JOIN whitespace_column AS c ON c.family = a.family
      WHERE c.family IS NOT NULL OR (:named = 0 AND a.owners > 0)) AS ranked
WHERE :named = 1 OR place <= :families

-- The newest answer of people about a family. What was accepted or not needed is asked again after a while.
-- inner: whitespace_answer
SELECT v.account_id, v.family, v.answer, v.day
FROM (SELECT COALESCE(g.root_id, w.account_id) AS account_id, w.subject AS family, w.answer,
        COALESCE(w.answered_day, 0) AS day,
        row_number() OVER (PARTITION BY COALESCE(g.root_id, w.account_id), w.subject
                           ORDER BY COALESCE(w.answered_day, 0) DESC, COALESCE(w.answered_at, '') DESC, w.id) AS place
      FROM verdict AS w
      JOIN account AS a ON a.id = w.account_id
      LEFT JOIN whitespace_branch AS g ON g.account_id = w.account_id
      WHERE COALESCE(w.answered_day, 0) <= :as_of
        AND w.answer IN ('accepted', 'no_need', 'already_has', 'competitor', 'in_house')) AS v
WHERE v.place = 1 AND (v.answer IN ('already_has', 'competitor', 'in_house') OR v.day > :answer_day)

-- Cells are told by numbers, not by ids and names: these are joined and kept far cheaper.
-- step: whitespace_row
SELECT id AS account_id, row_number() OVER (ORDER BY id) AS row_n FROM account

-- The row that each account counts in.
-- inner: whitespace_of
SELECT a.id AS account_id, r.row_n
FROM account AS a
LEFT JOIN whitespace_branch AS g ON g.account_id = a.id
JOIN whitespace_row AS r ON r.account_id = COALESCE(g.root_id, a.id)

-- step: whitespace_own
SELECT n.row_n, f.family_n, MIN(u.first_day) AS first_day, MAX(u.last_day) AS last_day,
  CAST(SUM(u.year_minor) AS BIGINT) AS year_minor, CAST(SUM(u.recent_minor) AS BIGINT) AS recent_minor,
  MAX(u.installed) AS installed,
  CASE WHEN MAX(u.installed) = 1 OR MAX(u.last_day) > :halve_day THEN 2 ELSE 1 END AS level
FROM (SELECT account_id, family, first_day, last_day, year_minor, recent_minor, runs AS installed
      FROM whitespace_bought WHERE last_day IS NOT NULL
      UNION ALL
      SELECT account_id, family, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), 0, 0, 1 FROM whitespace_installed
      UNION ALL
      SELECT account_id, family, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), 0, 0, 1
      FROM whitespace_answer WHERE answer = 'already_has') AS u
JOIN whitespace_family AS f ON f.family = u.family
JOIN whitespace_of AS n ON n.account_id = u.account_id
GROUP BY n.row_n, f.family_n

-- kept step: whitespace_size
SELECT b.account_id, MIN(b.day) AS since_day,
  CASE WHEN MAX(b.billed) = 1
       THEN CAST(SUM(CASE WHEN b.billed = 1 AND b.in_year = 1 THEN b.amount_minor ELSE 0 END) AS BIGINT)
       ELSE CAST(SUM(CASE WHEN b.in_year = 1 THEN b.amount_minor ELSE 0 END) AS BIGINT) END AS size_minor
FROM (SELECT o.account_id, o.close_day AS day, 0 AS billed, COALESCE(o.amount_minor, 0) AS amount_minor,
        CASE WHEN o.close_day > :year_day THEN 1 ELSE 0 END AS in_year
      FROM opportunity AS o
      WHERE o.state = 'won' AND o.close_day <= :as_of
      UNION ALL
      SELECT r.account_id, r.starts_day, 1,
        CAST(floor(COALESCE(r.amount_minor, 0) * 365.0E0
             / GREATEST(365, COALESCE(r.ends_day, r.starts_day) - r.starts_day) + 0.5E0) AS BIGINT),
        CASE WHEN r.starts_day > :year_day OR r.ends_day > :as_of THEN 1 ELSE 0 END
      FROM revenue AS r
      WHERE r.starts_day <= :as_of
        AND CASE r.source WHEN 'invoice' THEN 1 WHEN 'order' THEN 2 WHEN 'contract' THEN 3 END = :source) AS b
JOIN account AS a ON a.id = b.account_id
GROUP BY b.account_id

-- inner: whitespace_row_size
SELECT COALESCE(g.root_id, z.account_id) AS account_id, MIN(z.since_day) AS since_day,
  CAST(SUM(z.size_minor) AS BIGINT) AS size_minor
FROM whitespace_size AS z
LEFT JOIN whitespace_branch AS g ON g.account_id = z.account_id
GROUP BY COALESCE(g.root_id, z.account_id)

-- inner: whitespace_industry
SELECT industry, row_number() OVER (ORDER BY industry) AS code
FROM account WHERE industry <> '' GROUP BY industry

-- inner: whitespace_country
SELECT country, row_number() OVER (ORDER BY country) AS code
FROM account WHERE country <> '' GROUP BY country

-- Size classes double: 1 employee is class 0, 2 are 1, 4 are 2. The tiny addend keeps exact powers in their class.
-- step: whitespace_account
SELECT CAST(row_number() OVER (ORDER BY a.id) - 1 AS BIGINT) AS account_n, a.id AS account_id, r.row_n, z.since_day,
  CASE WHEN z.size_minor > 0 THEN z.size_minor END AS size_minor,
  COALESCE(i.code, -1) AS industry_code, COALESCE(c.code, -1) AS country_code,
  CASE WHEN a.employees >= 1 THEN CAST(floor(ln(a.employees * 1.0E0) / 0.6931471805599453E0 + 1.0E-9) AS BIGINT)
       ELSE -1 END AS employees_class,
  CASE WHEN a.annual_revenue_minor >= 1
       THEN CAST(floor(ln(a.annual_revenue_minor * 1.0E0) / 0.6931471805599453E0 + 1.0E-9) AS BIGINT)
       ELSE -1 END AS revenue_class
FROM account AS a
JOIN whitespace_row AS r ON r.account_id = a.id
JOIN (SELECT row_n FROM whitespace_own GROUP BY row_n) AS w ON w.row_n = r.row_n
LEFT JOIN whitespace_row_size AS z ON z.account_id = a.id
LEFT JOIN whitespace_industry AS i ON i.industry = a.industry
LEFT JOIN whitespace_country AS c ON c.country = a.country

-- near inner: whitespace_lost
SELECT id, account_id, close_day, lost_reason, competitor,
  row_number() OVER (PARTITION BY account_id ORDER BY close_day DESC, id) AS place
FROM opportunity
WHERE state = 'lost' AND close_day > :lost_day AND close_day <= :as_of AND COALESCE(created_day, 0) <= :as_of

-- A deal that closed after the day we look from was open on it, if it existed. Of several lost ones the last tells why.
-- kept step: whitespace_touched
SELECT t.account_id, t.family, t.pipeline, w.close_day AS lost_day, w.lost_reason, w.competitor
FROM (SELECT o.account_id, p.family, MAX(o.pipeline) AS pipeline, MIN(o.place) AS place
      FROM opportunity_line AS l
      JOIN (SELECT q.id, q.account_id, 1 AS pipeline, CAST(NULL AS BIGINT) AS place
            FROM opportunity AS q
            WHERE COALESCE(q.created_day, 0) <= :as_of AND (q.state = 'open' OR q.close_day > :as_of)
            UNION ALL
            SELECT x.id, x.account_id, 0, x.place FROM whitespace_lost AS x) AS o ON o.id = l.opportunity_id
      JOIN account AS a ON a.id = o.account_id
      JOIN product AS p ON p.id = l.product_id
      WHERE p.family <> ''
      GROUP BY o.account_id, p.family) AS t
LEFT JOIN whitespace_lost AS w ON w.account_id = t.account_id AND w.place = t.place

-- The surest fact about a cell makes its state: owned, on offer, answered, held by a competitor, lost, bought long ago.
-- An answer that is older than the last purchase or loss has been overtaken. Reason: why it was lost, or to whom.
-- step: whitespace_known
SELECT k.row_n, k.family_n, k.state,
  CASE WHEN k.state = 'lost' THEN k.lost_reason WHEN k.state = 'competitor' THEN k.competitor END AS reason,
  CASE WHEN k.state IN ('owned', 'lapsed') THEN k.last_day WHEN k.answered = 1 THEN k.answer_day
       WHEN k.state <> 'pipeline' THEN k.lost_day END AS since_day, k.year_minor
FROM (SELECT s.row_n, s.family_n, s.last_day, s.lost_day, s.lost_reason, s.competitor, s.answer_day, s.answered,
        s.year_minor,
        CASE WHEN s.installed = 1 OR s.last_day > :owned_day THEN 'owned'
             WHEN s.pipeline = 1 THEN 'pipeline'
             WHEN s.answered = 1 THEN s.answer
             WHEN s.rival = 1 THEN 'competitor'
             WHEN s.lost_day IS NOT NULL AND s.lost_reason IN ('competitor', 'in_house', 'no_need') THEN s.lost_reason
             WHEN s.lost_day IS NOT NULL AND s.competitor <> '' THEN 'competitor'
             WHEN s.lost_day IS NOT NULL THEN 'lost'
             WHEN s.last_day IS NOT NULL THEN 'lapsed' END AS state
      FROM (SELECT c.row_n, c.family_n, MAX(c.installed) AS installed, MAX(c.last_day) AS last_day,
              MAX(c.year_minor) AS year_minor, MAX(c.pipeline) AS pipeline, MAX(c.lost_day) AS lost_day,
              MAX(c.lost_reason) AS lost_reason, MAX(c.competitor) AS competitor, MAX(c.rival) AS rival,
              MAX(c.answer) AS answer, MAX(c.answer_day) AS answer_day,
              CASE WHEN MAX(c.answer_day) >= GREATEST(COALESCE(MAX(c.last_day), 0), COALESCE(MAX(c.lost_day), 0))
                   THEN 1 ELSE 0 END AS answered
            FROM (SELECT row_n, family_n, installed, last_day, year_minor, 0 AS pipeline,
                    CAST(NULL AS BIGINT) AS lost_day, CAST(NULL AS STRING) AS lost_reason,
                    CAST(NULL AS STRING) AS competitor, 0 AS rival, CAST(NULL AS STRING) AS answer,
                    CAST(NULL AS BIGINT) AS answer_day
                  FROM whitespace_own
                  UNION ALL
                  SELECT n.row_n, f.family_n, 0, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), t.pipeline,
                    CASE WHEN m.meaning = 'passing' THEN CAST(NULL AS BIGINT) ELSE t.lost_day END,
                    COALESCE(m.meaning, t.lost_reason), t.competitor, 0, CAST(NULL AS STRING), CAST(NULL AS BIGINT)
                  FROM whitespace_touched AS t
                  JOIN whitespace_family AS f ON f.family = t.family
                  JOIN whitespace_of AS n ON n.account_id = t.account_id
                  LEFT JOIN whitespace_reason AS m ON m.reason = t.lost_reason
                  UNION ALL
                  SELECT n.row_n, f.family_n, 0, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), 0, CAST(NULL AS BIGINT),
                    CAST(NULL AS STRING), CAST(NULL AS STRING), 1, CAST(NULL AS STRING), CAST(NULL AS BIGINT)
                  FROM whitespace_rival AS r
                  JOIN whitespace_family AS f ON f.family = r.family
                  JOIN whitespace_of AS n ON n.account_id = r.account_id
                  UNION ALL
                  SELECT n.row_n, f.family_n, 0, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), 0, CAST(NULL AS BIGINT),
                    CAST(NULL AS STRING), CAST(NULL AS STRING), 0, v.answer, v.day
                  FROM whitespace_answer AS v
                  JOIN whitespace_family AS f ON f.family = v.family
                  JOIN whitespace_of AS n ON n.account_id = v.account_id
                  WHERE v.answer <> 'already_has') AS c
            GROUP BY c.row_n, c.family_n) AS s) AS k
WHERE k.state IS NOT NULL

-- Rules of the settings that an account breaks; what is unknown of it breaks none.
-- inner: whitespace_broken
SELECT w.row_n, r.rule_n, r.family,
  CASE WHEN a.country <> '' AND (n.word IS NOT NULL OR (r.countries = 1 AND c.word IS NULL)) THEN 'country'
       WHEN a.industry <> '' AND r.industries = 1 AND i.word IS NULL THEN 'industry'
       WHEN a.employees < r.least_employees OR a.employees > r.most_employees THEN 'employees'
       WHEN r.needs = 1 AND h.row_n IS NULL THEN 'needs'
       WHEN e.row_n IS NOT NULL THEN 'excludes' END AS reason
FROM whitespace_account AS w
JOIN account AS a ON a.id = w.account_id
CROSS JOIN whitespace_rule AS r
LEFT JOIN whitespace_word AS c ON c.rule_n = r.rule_n AND c.kind = 'countries' AND c.word = a.country
LEFT JOIN whitespace_word AS n ON n.rule_n = r.rule_n AND n.kind = 'not_countries' AND n.word = a.country
LEFT JOIN whitespace_word AS i ON i.rule_n = r.rule_n AND i.kind = 'industries' AND i.word = a.industry
LEFT JOIN (SELECT k.row_n, x.rule_n FROM whitespace_known AS k JOIN whitespace_family AS f ON f.family_n = k.family_n
           JOIN whitespace_word AS x ON x.word = f.family
           WHERE x.kind = 'needs' AND k.state = 'owned' GROUP BY k.row_n, x.rule_n) AS h
  ON h.row_n = w.row_n AND h.rule_n = r.rule_n
LEFT JOIN (SELECT k.row_n, x.rule_n FROM whitespace_known AS k JOIN whitespace_family AS f ON f.family_n = k.family_n
           JOIN whitespace_word AS x ON x.word = f.family
           WHERE x.kind = 'excludes' AND k.state = 'owned' GROUP BY k.row_n, x.rule_n) AS e
  ON e.row_n = w.row_n AND e.rule_n = r.rule_n

-- step: whitespace_barred
SELECT b.row_n, f.family_n, 'not_eligible' AS state, MIN(b.reason) AS reason, CAST(NULL AS BIGINT) AS since_day,
  CAST(NULL AS BIGINT) AS year_minor
FROM whitespace_broken AS b
JOIN whitespace_family AS f ON f.family = b.family
LEFT JOIN whitespace_known AS k ON k.row_n = b.row_n AND k.family_n = f.family_n
WHERE b.reason IS NOT NULL AND k.row_n IS NULL
GROUP BY b.row_n, f.family_n

-- view: whitespace_state
SELECT row_n, family_n, state, reason, since_day, year_minor FROM whitespace_known
UNION ALL
SELECT row_n, family_n, state, reason, since_day, year_minor FROM whitespace_barred

-- step: whitespace_relation
SELECT f.family_n AS family_n, g.family_n AS other_n,
  MAX(CASE WHEN r.kind = 'substitute' THEN 1 ELSE 0 END) AS substitute,
  MAX(CASE WHEN r.kind IN ('cross_sell', 'up_sell', 'accessory') THEN 1 ELSE 0 END) AS goes_with
FROM (SELECT product_id, other_id, kind FROM product_relation
      UNION ALL
      SELECT other_id, product_id, kind FROM product_relation WHERE both_ways = 1) AS r
JOIN product AS p ON p.id = r.product_id
JOIN product AS q ON q.id = r.other_id
JOIN whitespace_family AS f ON f.family = p.family
JOIN whitespace_family AS g ON g.family = q.family
WHERE f.family_n <> g.family_n
GROUP BY f.family_n, g.family_n

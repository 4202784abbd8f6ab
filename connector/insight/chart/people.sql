-- The people of each account in the order that settles every tie, and who met whom. Only whole numbers leave for numpy.

-- step: chart_department
SELECT department, CAST(row_number() OVER (ORDER BY department) AS BIGINT) AS department_n
FROM (SELECT DISTINCT department FROM contact WHERE department <> '') AS d

-- step: chart_country
SELECT country, CAST(row_number() OVER (ORDER BY country) AS BIGINT) AS country_n
FROM (SELECT DISTINCT country FROM account WHERE country <> '') AS d

-- step: contact_order
SELECT
  CAST(row_number() OVER (
    ORDER BY g.account_n, COALESCE(s.name, ''), COALESCE(s.created_day, 0), s.contact_id
  ) - 1 AS BIGINT) AS contact_n,
  s.contact_id AS contact_id,
  c.reports_to_id AS reports_to_id,
  g.account_n AS account_n,
  COALESCE(s.level, -1) AS level,
  COALESCE(f.function_n, 0) AS function_n,
  COALESCE(d.department_n, 0) AS department_n,
  s.present AS present,
  s.assistant AS assistant,
  COALESCE(s.created_day, 0) AS created_day
FROM contact_strength s
JOIN account_group g ON g.account_id = s.account_id
JOIN contact c ON c.id = s.contact_id
LEFT JOIN chart_function f ON f.function = s.function
LEFT JOIN chart_department d ON d.department = c.department

-- Who sat in captured meetings together, within one account. A gathering of more than :crowd people says nothing.
-- near inner: chart_crowd
SELECT activity_id
FROM activity_pair
GROUP BY activity_id
HAVING COUNT(*) <= :crowd

-- near inner: chart_attendance
SELECT p.activity_id AS activity_id, p.contact_id AS contact_id, t.account_id AS account_id
FROM activity_pair p
JOIN chart_crowd w ON w.activity_id = p.activity_id
JOIN activity a ON a.id = p.activity_id
JOIN contact_title t ON t.contact_id = p.contact_id
WHERE a.kind = 'meeting' AND a.captured = 1 AND a.at_day <= :as_of

-- kept step: chart_meeting
SELECT m.account_id AS account_id, m.contact_id AS contact_id, o.contact_id AS other_id, COUNT(*) AS together
FROM chart_attendance m
JOIN chart_attendance o ON o.activity_id = m.activity_id AND o.account_id = m.account_id
WHERE m.contact_id < o.contact_id
GROUP BY m.account_id, m.contact_id, o.contact_id

-- step: chart_met
SELECT least(a.contact_n, b.contact_n) AS one_n, greatest(a.contact_n, b.contact_n) AS other_n, m.together AS together
FROM chart_meeting m
JOIN contact_order a ON a.contact_id = m.contact_id
JOIN contact_order b ON b.contact_id = m.other_id

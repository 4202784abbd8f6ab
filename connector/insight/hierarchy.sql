-- Which account belongs to which. account_n counts accounts in the order that settles every tie (design, section 3).

-- step: account_order
SELECT CAST(row_number() OVER (
    ORDER BY COALESCE(name, ''), COALESCE(created_day, 0), COALESCE(industry, ''), COALESCE(city, ''), id
  ) - 1 AS BIGINT) AS account_n, id AS account_id, parent_id, group_key
FROM account

-- A group key joins accounts that name no parent; the first of them leads.
-- step: account_parent
SELECT a.account_n, a.account_id,
  CASE WHEN p.account_n IS NOT NULL THEN p.account_n
       WHEN g.first_n < a.account_n THEN g.first_n ELSE -1 END AS parent_n
FROM account_order AS a
LEFT JOIN account_order AS p ON p.account_id = a.parent_id
LEFT JOIN (SELECT o.group_key, MIN(o.account_n) AS first_n
           FROM account_order AS o LEFT JOIN account_order AS q ON q.account_id = o.parent_id
           WHERE o.group_key <> '' AND q.account_id IS NULL GROUP BY o.group_key) AS g
  ON g.group_key = a.group_key AND p.account_n IS NULL

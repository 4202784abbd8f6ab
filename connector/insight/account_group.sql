-- Every account with its topmost company; account_root was loaded by hierarchy.py.

-- step: account_group
SELECT a.account_n, a.account_id, r.root_n, b.account_id AS root_id, m.members, r.in_loop
FROM account_order AS a
JOIN account_root AS r ON r.account_n = a.account_n
JOIN account_order AS b ON b.account_n = r.root_n
JOIN (SELECT root_n, COUNT(*) AS members FROM account_root GROUP BY root_n) AS m ON m.root_n = r.root_n

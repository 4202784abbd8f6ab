-- What is told of an account's sponsor; sponsor_match was loaded by sponsor.py.

-- Where nothing at all was captured, nobody knows who is silent.
-- inner: sponsor_source
SELECT MAX(last_two_way_day) AS last_day FROM contact_strength

-- step: account_sponsor
SELECT s.account_id, m.user_id AS sponsor_suggested, t.two_way_day AS sponsor_day,
  CASE WHEN s.member = 0 THEN NULL
       WHEN s.sponsor_id IS NULL THEN 'none'
       WHEN s.gone = 1 THEN 'left'
       WHEN c.last_day IS NULL THEN NULL
       WHEN t.two_way_day IS NULL THEN 'never'
       WHEN t.two_way_day < :silence_day THEN 'silent' ELSE 'in touch' END AS sponsor_state
FROM sponsor_account AS s
CROSS JOIN sponsor_source AS c
LEFT JOIN sponsor_match AS m ON m.account_id = s.account_id
LEFT JOIN sponsor_touch AS t ON t.account_id = s.account_id AND t.user_id = s.sponsor_id

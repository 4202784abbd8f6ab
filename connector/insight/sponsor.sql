-- Whether a key account's sponsor is in touch with it, and who of ours could be one. Methods 3.4, "Executive match".

-- Key accounts and open promotions. The manager is who looks after the account: nobody is the sponsor of his own work.
-- step: sponsor_account
SELECT k.account_id, g.account_n, a.sponsor_id, COALESCE(a.kam_manager_id, a.owner_id) AS manager_id,
  CASE WHEN k.status = 'Key' THEN 1 ELSE 0 END AS member,
  CASE WHEN u.is_active = 0 THEN 1 ELSE 0 END AS gone, v.sponsor_suggested AS present_id
FROM account_key AS k
JOIN account_group AS g ON g.account_id = k.account_id
JOIN account AS a ON a.id = k.account_id
LEFT JOIN crm_user AS u ON u.id = a.sponsor_id
LEFT JOIN present_value AS v ON v.account_id = k.account_id
WHERE k.status = 'Key' OR k.proposal = 'Promote'

-- The people of a company are those of its branches, too.
-- inner: sponsor_branch
SELECT s.account_id, g.account_id AS branch_id
FROM sponsor_account AS s JOIN account_group AS g ON g.root_id = s.account_id
UNION
SELECT account_id, account_id FROM sponsor_account

-- inner: sponsor_person
SELECT b.account_id, c.contact_id, c.level, c.strength, c.present, c.last_two_way_day, p.owner_id
FROM sponsor_branch AS b
JOIN contact_strength AS c ON c.account_id = b.branch_id
JOIN contact AS p ON p.id = c.contact_id

-- Where no executive of theirs is known, the account itself stands for one of the lowest such level.
-- step: sponsor_need
SELECT s.account_id, COALESCE(MAX(CASE WHEN p.present = 1 AND p.level >= :executive THEN p.level END), :executive)
  AS level
FROM sponsor_account AS s
LEFT JOIN sponsor_person AS p ON p.account_id = s.account_id
GROUP BY s.account_id

-- Two-way is a captured meeting, call or chat, or captured mail in both directions: as in relationship.sql, but between
-- two people.
-- inner: sponsor_talk
SELECT p.account_id, a.owner_id AS user_id, p.contact_id, p.present, p.strength,
  MAX(CASE WHEN a.kind IN ('meeting', 'call', 'chat') THEN a.at_day END) AS talk_day,
  MAX(CASE WHEN a.kind = 'email_in' THEN a.at_day END) AS mail_in_day,
  MAX(CASE WHEN a.kind = 'email_out' THEN a.at_day END) AS mail_out_day
FROM sponsor_person AS p
JOIN activity_contact AS l ON l.contact_id = p.contact_id
JOIN activity AS a ON a.id = l.activity_id
WHERE a.captured = 1 AND a.at_day <= :as_of AND a.owner_id IS NOT NULL
GROUP BY p.account_id, a.owner_id, p.contact_id, p.present, p.strength

-- inner: sponsor_pair
SELECT account_id, user_id, present, strength,
  CASE WHEN mail_in_day IS NULL OR mail_out_day IS NULL THEN talk_day
       ELSE GREATEST(COALESCE(talk_day, LEAST(mail_in_day, mail_out_day)), LEAST(mail_in_day, mail_out_day))
       END AS two_way_day
FROM sponsor_talk

-- step: sponsor_touch
SELECT account_id, user_id, MAX(two_way_day) AS two_way_day
FROM sponsor_pair WHERE two_way_day IS NOT NULL GROUP BY account_id, user_id

-- Who is in two-way contact already: by activities of one's own, or as the owner of a contact that is.
-- step: sponsor_bond
SELECT account_id, user_id, MAX(strength) AS strength
FROM (SELECT account_id, user_id, strength FROM sponsor_pair WHERE two_way_day IS NOT NULL AND present = 1
      UNION ALL
      SELECT account_id, owner_id, strength FROM sponsor_person
      WHERE owner_id IS NOT NULL AND last_two_way_day IS NOT NULL AND present = 1) AS b
WHERE strength IS NOT NULL
GROUP BY account_id, user_id

-- step: sponsor_user
SELECT row_number() OVER (ORDER BY COALESCE(u.name, ''), COALESCE(u.title, ''), u.id) AS user_n, u.id AS user_id,
  u.manager_id, COALESCE(u.is_active, 1) AS is_active, t.level
FROM crm_user AS u
LEFT JOIN user_title AS t ON t.title = u.title

-- Strength of the contact with each person, then with each account. Formula: methods, section 2, "Default".
-- Points are kept in integer millionths: floats are never summed. exp(0.5 * ln(x)) is the square root.
-- They fade towards :reference, a day that stays for a quarter, and :fade brings their sum to the day we look from:
-- so what is kept of a contact holds for many days.
-- "captured" was recorded by a mail or calendar link; "typed" was entered by hand. "plain" has no known direction.

-- view: relationship_contact
SELECT
  c.id AS contact_id,
  c.account_id AS account_id,
  c.name AS name,
  c.created_day AS created_day,
  c.left_day AS left_day,
  t.level AS level,
  t.function AS function,
  t.assistant AS assistant,
  CASE WHEN t.level >= 4 THEN 0.6E0 WHEN t.level = 3 THEN 0.5E0 WHEN t.level = 2 THEN 0.35E0 ELSE 0.2E0 END AS weight,
  CASE
    WHEN COALESCE(c.is_active, 1) = 0 OR COALESCE(c.left_day, :as_of + 1) <= :as_of OR t.former = 1 THEN 0
    ELSE 1
  END AS present
FROM contact_title t
JOIN contact c ON c.id = t.contact_id

-- One person takes part once, however often the CRM lists them (as who it is about, and again as a participant). Only
-- where it lists several can one stand there twice.
-- near step: activity_several
SELECT activity_id
FROM activity_contact
GROUP BY activity_id
HAVING COUNT(*) > 1

-- near step: activity_pair
SELECT DISTINCT ac.activity_id AS activity_id, ac.contact_id AS contact_id
FROM activity_contact ac
JOIN activity_several s ON s.activity_id = ac.activity_id
JOIN contact_title t ON t.contact_id = ac.contact_id

-- view: activity_person
SELECT ac.activity_id AS activity_id, ac.contact_id AS contact_id, 1 AS people
FROM activity_contact ac
LEFT JOIN activity_several s ON s.activity_id = ac.activity_id
WHERE s.activity_id IS NULL
UNION ALL
SELECT p.activity_id AS activity_id, p.contact_id AS contact_id, n.people AS people
FROM activity_pair p
JOIN (SELECT activity_id, COUNT(*) AS people FROM activity_pair GROUP BY activity_id) n
  ON n.activity_id = p.activity_id

-- Who took part in what, once for all who read it. A mail to more than :mass_mail people counts nothing.
-- near step: activity_counted
SELECT
  contact_id,
  account_id,
  owner_id,
  at_day,
  CAST(floor((at_day + 3) * 1.0E0 / 7.0E0) AS BIGINT) AS week,
  captured,
  kind,
  counted,
  CAST(floor(CASE kind
    WHEN 'meeting' THEN 5.0E0 WHEN 'email_in' THEN 2.0E0 WHEN 'call' THEN 1.5E0 WHEN 'email_out' THEN 1.0E0
    WHEN 'chat' THEN 1.0E0 WHEN 'event' THEN 1.0E0 WHEN 'task' THEN 0.5E0 ELSE 0.0E0
  END * exp((at_day - :reference) * :decay - 0.5E0 * ln(people * 1.0E0)) * 1.0E6 + 0.5E0) AS BIGINT) * counted AS points
FROM (
  SELECT
    p.contact_id AS contact_id,
    t.account_id AS account_id,
    a.owner_id AS owner_id,
    a.at_day AS at_day,
    CASE WHEN a.captured = 1 THEN 1 ELSE 0 END AS captured,
    a.kind AS kind,
    CASE WHEN a.kind IN ('email_in', 'email_out') AND p.people > :mass_mail THEN 0 ELSE 1 END AS counted,
    p.people AS people
  FROM activity_person p
  JOIN activity a ON a.id = p.activity_id
  JOIN contact_title t ON t.contact_id = p.contact_id
  WHERE a.at_day <= :as_of
) AS taken

-- Most weeks of a contact hold one activity. Only where there are several must they be summed to be held under the cap.
-- near step: week_several
SELECT contact_id, week
FROM activity_counted
GROUP BY contact_id, week
HAVING COUNT(*) > 1

-- A meeting counts on both sides, a mail on the side that sent it; of the others the direction is not kept, so half
-- goes to each side.
-- view: activity_points
SELECT
  a.contact_id AS contact_id,
  a.week AS week,
  a.at_day AS at_day,
  a.captured AS captured,
  a.kind AS kind,
  a.counted AS counted,
  CASE WHEN a.kind IN ('meeting', 'email_in') THEN a.points ELSE 0 END AS points_in,
  CASE WHEN a.kind IN ('meeting', 'email_out') THEN a.points ELSE 0 END AS points_out,
  CASE WHEN a.kind IN ('meeting', 'email_in', 'email_out') THEN 0 ELSE a.points END AS points_plain
FROM activity_counted a
JOIN week_several s ON s.contact_id = a.contact_id AND s.week = a.week

-- Two-way is a captured meeting, call or chat, or captured mail in both directions.
-- view: week_points
SELECT
  contact_id,
  week,
  CAST(floor(exp((COALESCE(MAX(CASE WHEN counted = 1 THEN at_day END), :reference) - :reference) * :decay)
    * :weekly_cap * 1.0E6 + 0.5E0) AS BIGINT) AS cap,
  CAST(SUM(CASE WHEN captured = 1 THEN points_in ELSE 0 END) AS BIGINT) AS captured_in,
  CAST(SUM(CASE WHEN captured = 1 THEN points_out ELSE 0 END) AS BIGINT) AS captured_out,
  CAST(SUM(CASE WHEN captured = 1 THEN points_plain ELSE 0 END) AS BIGINT) AS captured_plain,
  CAST(SUM(CASE WHEN captured = 0 THEN points_in ELSE 0 END) AS BIGINT) AS typed_in,
  CAST(SUM(CASE WHEN captured = 0 THEN points_out ELSE 0 END) AS BIGINT) AS typed_out,
  CAST(SUM(CASE WHEN captured = 0 THEN points_plain ELSE 0 END) AS BIGINT) AS typed_plain,
  MAX(CASE WHEN captured = 1 AND kind IN ('meeting', 'call', 'chat') THEN at_day END) AS talk_day,
  MAX(CASE WHEN captured = 1 AND counted = 1 AND kind = 'email_in' THEN at_day END) AS mail_in_day,
  MAX(CASE WHEN captured = 1 AND counted = 1 AND kind = 'email_out' THEN at_day END) AS mail_out_day
FROM activity_points
GROUP BY contact_id, week

-- The cap holds for what was typed before it is reduced, so that fifty typed tasks are worth no more than ten.
-- What has a direction takes its room under the cap first.
-- view: week_typed
SELECT
  contact_id, week, cap, captured_in, captured_out, captured_plain, talk_day, mail_in_day, mail_out_day,
  CAST(floor(least(typed_in, cap) * :typed + 0.5E0) AS BIGINT) AS typed_in,
  CAST(floor(least(typed_out, cap) * :typed + 0.5E0) AS BIGINT) AS typed_out,
  CAST(floor(least(typed_plain, cap - least(typed_in, cap)) * :typed + 0.5E0) AS BIGINT) AS typed_plain_in,
  CAST(floor(least(typed_plain, cap - least(typed_out, cap)) * :typed + 0.5E0) AS BIGINT) AS typed_plain_out
FROM week_points

-- What an activity is worth that is alone in its week: the same, of one.
-- view: activity_alone
SELECT
  contact_id,
  week,
  at_day,
  captured,
  kind,
  counted,
  CASE WHEN captured = 1 THEN points ELSE CAST(floor(points * :typed + 0.5E0) AS BIGINT) END AS points
FROM (
  SELECT a.contact_id AS contact_id, a.week AS week, a.at_day AS at_day, a.captured AS captured, a.kind AS kind,
    a.counted AS counted,
    least(a.points, CAST(floor(exp((a.at_day - :reference) * :decay) * :weekly_cap * 1.0E6 + 0.5E0) AS BIGINT)) AS points
  FROM activity_counted a
  LEFT JOIN week_several s ON s.contact_id = a.contact_id AND s.week = a.week
  WHERE s.contact_id IS NULL
) AS capped

-- view: week_sides
SELECT
  contact_id,
  week,
  least(captured_in + typed_in, cap) AS side_in,
  least(captured_out + typed_out, cap) AS side_out,
  least(captured_plain + typed_plain_in, cap - least(captured_in + typed_in, cap)) AS plain_in,
  least(captured_plain + typed_plain_out, cap - least(captured_out + typed_out, cap)) AS plain_out,
  talk_day, mail_in_day, mail_out_day
FROM week_typed
UNION ALL
SELECT
  contact_id,
  week,
  CASE WHEN kind IN ('meeting', 'email_in') THEN points ELSE 0 END AS side_in,
  CASE WHEN kind IN ('meeting', 'email_out') THEN points ELSE 0 END AS side_out,
  CASE WHEN kind IN ('meeting', 'email_in', 'email_out') THEN 0 ELSE points END AS plain_in,
  CASE WHEN kind IN ('meeting', 'email_in', 'email_out') THEN 0 ELSE points END AS plain_out,
  CASE WHEN captured = 1 AND kind IN ('meeting', 'call', 'chat') THEN at_day END AS talk_day,
  CASE WHEN captured = 1 AND counted = 1 AND kind = 'email_in' THEN at_day END AS mail_in_day,
  CASE WHEN captured = 1 AND counted = 1 AND kind = 'email_out' THEN at_day END AS mail_out_day
FROM activity_alone

-- What was there by the end of :then_week makes the strength of that day, by the same formula: a week is whole in both.
-- view: contact_sums
SELECT
  contact_id,
  CAST(SUM(side_in) AS BIGINT) AS side_in,
  CAST(SUM(side_out) AS BIGINT) AS side_out,
  CAST(SUM(plain_in) AS BIGINT) AS plain_in,
  CAST(SUM(plain_out) AS BIGINT) AS plain_out,
  CAST(SUM(CASE WHEN week <= :then_week THEN side_in ELSE 0 END) AS BIGINT) AS then_in,
  CAST(SUM(CASE WHEN week <= :then_week THEN side_out ELSE 0 END) AS BIGINT) AS then_out,
  CAST(SUM(CASE WHEN week <= :then_week THEN plain_in ELSE 0 END) AS BIGINT) AS then_plain_in,
  CAST(SUM(CASE WHEN week <= :then_week THEN plain_out ELSE 0 END) AS BIGINT) AS then_plain_out,
  MIN(week) AS first_week,
  MAX(talk_day) AS talk_day,
  MAX(mail_in_day) AS mail_in_day,
  MAX(mail_out_day) AS mail_out_day
FROM week_sides
GROUP BY contact_id

-- kept step: contact_sides
SELECT t.account_id AS account_id, s.*
FROM contact_sums s
JOIN contact_title t ON t.contact_id = s.contact_id

-- Points that each of ours brought since :then_day, and only their sum and the most of one leave: nobody is listed.
-- The cap of both sides holds for each of us.
-- kept step: account_ours
SELECT account_id, MAX(points) AS most, CAST(SUM(points) AS BIGINT) AS points
FROM (
  SELECT account_id, owner_id, CAST(SUM(least(points, cap)) AS BIGINT) AS points
  FROM (
    SELECT MIN(account_id) AS account_id, owner_id,
      CAST(floor(exp((MAX(at_day) - :reference) * :decay) * :weekly_cap * 2.0E6 + 0.5E0) AS BIGINT) AS cap,
      CAST(SUM(CASE
        WHEN captured = 1 THEN points ELSE CAST(floor(points * :typed + 0.5E0) AS BIGINT)
      END) AS BIGINT) AS points
    FROM (
      SELECT contact_id, account_id, owner_id, week, at_day, captured, counted,
        CASE WHEN kind IN ('email_in', 'email_out') THEN points ELSE 2 * points END AS points
      FROM activity_counted
    ) AS both_sides
    WHERE at_day > :then_day AND counted = 1 AND owner_id IS NOT NULL AND account_id IS NOT NULL
    GROUP BY contact_id, owner_id, week
  ) AS weeks
  GROUP BY account_id, owner_id
) AS ours
GROUP BY account_id

-- Where nothing is on record a half-life before :then_week, all would seem to have become warmer since.
-- guard step: activity_source
SELECT CASE WHEN :has_activity = 1 AND COUNT(*) > 0 THEN 1 ELSE 0 END AS known,
  CASE WHEN :has_activity = 1 AND MIN(first_week) <= :first_week THEN 1 ELSE 0 END AS known_then
FROM contact_sides

-- Reciprocity is 2 * root(in * out) / (in + out) for what has a direction and 0.5 for the rest, weighted by points.
-- view: contact_balance
SELECT
  contact_id,
  side_in + side_out + plain_in + plain_out AS points,
  (1.5E0 * (side_in + plain_in) + (side_out + plain_out)) * :fade / 1.0E6 AS effort,
  CASE
    WHEN side_in + side_out + plain_in + plain_out = 0 THEN 0.0E0
    ELSE (
      CASE
        WHEN side_in > 0 AND side_out > 0 THEN 2.0E0 * exp(0.5E0 * (ln(side_in * 1.0E0) + ln(side_out * 1.0E0)))
        ELSE 0.0E0
      END + 0.5E0 * (plain_in + plain_out)
    ) / (side_in + side_out + plain_in + plain_out)
  END AS reciprocity,
  talk_day, mail_in_day, mail_out_day
FROM contact_sides

-- view: contact_measured
SELECT
  r.contact_id AS contact_id,
  r.account_id AS account_id,
  r.name AS name,
  r.created_day AS created_day,
  r.level AS level,
  r.function AS function,
  r.assistant AS assistant,
  r.weight AS weight,
  r.present AS present,
  s.known AS known,
  COALESCE(b.points, 0) AS points,
  CAST(floor(
    100.0E0 * (1.0E0 - exp(-1.0E0 * COALESCE(b.effort, 0.0E0) * (0.4E0 + 0.6E0 * COALESCE(b.reciprocity, 0.0E0)) / :scale))
    * 1.0E6 + 0.5E0
  ) AS BIGINT) AS micro,
  CASE
    WHEN b.mail_in_day IS NULL OR b.mail_out_day IS NULL THEN b.talk_day
    ELSE greatest(COALESCE(b.talk_day, least(b.mail_in_day, b.mail_out_day)), least(b.mail_in_day, b.mail_out_day))
  END AS found_day
FROM relationship_contact r
CROSS JOIN activity_source s
LEFT JOIN contact_balance b ON b.contact_id = r.contact_id

-- daily step: contact_strength
SELECT
  contact_id,
  account_id,
  CASE WHEN known = 1 THEN micro * 1.0E0 / 1.0E6 END AS strength,
  CASE
    WHEN known = 0 THEN 'Unknown'
    WHEN micro >= :strong * 1.0E6 THEN 'Strong'
    WHEN micro >= :warm * 1.0E6 THEN 'Warm'
    WHEN micro >= :weak * 1.0E6 THEN 'Weak'
    ELSE 'Cold'
  END AS band,
  CASE WHEN known = 1 THEN CASE WHEN found_day > :recent_day THEN 1 ELSE 0 END END AS two_way_90,
  CASE WHEN known = 1 THEN CASE WHEN found_day > :recent_day AND micro >= :warm * 1.0E6 THEN 1 ELSE 0 END END AS engaged,
  CASE WHEN known = 1 THEN found_day END AS last_two_way_day,
  level,
  function,
  assistant,
  present,
  name,
  created_day,
  weight,
  points
FROM contact_measured

-- Only where there are more people than count need they be ranked.
-- daily inner: account_crowded
SELECT account_id
FROM contact_strength
WHERE present = 1 AND account_id IS NOT NULL
GROUP BY account_id
HAVING COUNT(*) > :top

-- view: contact_place
SELECT
  s.account_id AS account_id, s.strength AS strength, s.band AS band, s.two_way_90 AS two_way_90, s.engaged AS engaged,
  s.level AS level, s.weight AS weight, s.points AS points, 1 AS place
FROM contact_strength s
LEFT JOIN account_crowded c ON c.account_id = s.account_id
WHERE s.present = 1 AND s.account_id IS NOT NULL AND c.account_id IS NULL
UNION ALL
SELECT
  s.account_id AS account_id, s.strength AS strength, s.band AS band, s.two_way_90 AS two_way_90, s.engaged AS engaged,
  s.level AS level, s.weight AS weight, s.points AS points,
  row_number() OVER (
    PARTITION BY s.account_id
    ORDER BY COALESCE(s.strength, 0.0E0) * s.weight DESC, COALESCE(s.name, ''), COALESCE(s.created_day, 0), s.contact_id
  ) AS place
FROM contact_strength s
JOIN account_crowded c ON c.account_id = s.account_id
WHERE s.present = 1

-- view: account_strength_raw
SELECT
  account_id,
  COUNT(*) AS contacts,
  COUNT(strength) AS measured,
  100.0E0 * (1.0E0 - exp(CAST(SUM(
    CASE WHEN place <= :top THEN CAST(floor(ln(1.0E0 - strength / 100.0E0 * weight) * 1.0E6 + 0.5E0) AS BIGINT) ELSE 0 END
  ) AS BIGINT) / 1.0E6)) AS raw,
  MAX(CASE WHEN level >= 4 THEN strength END) AS senior,
  CAST(SUM(CASE WHEN band = 'Strong' THEN 1 ELSE 0 END) AS BIGINT) AS strong_contacts,
  CAST(SUM(two_way_90) AS BIGINT) AS two_way_contacts,
  CAST(SUM(engaged) AS BIGINT) AS engaged_contacts,
  CASE
    WHEN CAST(SUM(points) AS BIGINT) > 0 THEN MAX(points) * 1.0E0 / CAST(SUM(points) AS BIGINT)
  END AS top_contact_share
FROM contact_place
GROUP BY account_id

-- view: account_last_two_way
SELECT account_id, MAX(last_two_way_day) AS last_two_way_day
FROM contact_strength
WHERE account_id IS NOT NULL
GROUP BY account_id

-- daily step: account_warmth
SELECT
  l.account_id AS account_id,
  l.last_two_way_day AS last_two_way_day,
  r.contacts AS contacts,
  r.measured AS measured,
  r.raw AS raw,
  r.senior AS senior,
  r.strong_contacts AS strong_contacts,
  r.two_way_contacts AS two_way_contacts,
  r.engaged_contacts AS engaged_contacts,
  r.top_contact_share AS top_contact_share
FROM account_last_two_way l
LEFT JOIN account_strength_raw r ON r.account_id = l.account_id

-- Without a warm contact of level 4 or more an account stays below Strong. Above that the limit rises point by point
-- with this contact, so that no single activity makes the account jump.
-- view: account_strength_capped
SELECT
  a.id AS account_id,
  CASE
    WHEN r.measured > 0 THEN CAST(floor(
      least(r.raw, :strong - 0.1E0 + greatest(COALESCE(r.senior, 0.0E0) - :warm, 0.0E0)) * 1.0E6 + 0.5E0
    ) AS BIGINT) * 1.0E0 / 1.0E6
  END AS strength,
  COALESCE(r.senior, 0.0E0) AS senior,
  COALESCE(r.contacts, 0) AS contacts,
  CASE WHEN s.known = 1 THEN COALESCE(r.strong_contacts, 0) END AS strong_contacts,
  CASE WHEN s.known = 1 THEN COALESCE(r.two_way_contacts, 0) END AS two_way_contacts,
  CASE WHEN s.known = 1 THEN COALESCE(r.engaged_contacts, 0) END AS engaged_contacts,
  CASE WHEN s.known = 1 THEN r.top_contact_share END AS top_contact_share,
  r.last_two_way_day AS last_two_way_day,
  p.kam_relationship_band AS present_band
FROM account a
CROSS JOIN activity_source s
LEFT JOIN account_warmth r ON r.account_id = a.id
LEFT JOIN present_value p ON p.account_id = a.id

-- The present band stays while the strength is within :calm points of its bounds.
-- step: account_strength
SELECT
  account_id,
  strength,
  CASE
    WHEN strength IS NULL THEN 'Unknown'
    WHEN present_band = 'Strong' AND strength >= :strong - :calm AND senior >= :warm - :calm THEN 'Strong'
    WHEN present_band = 'Warm' AND strength >= :warm - :calm AND strength < :strong + :calm THEN 'Warm'
    WHEN present_band = 'Weak' AND strength >= :weak - :calm AND strength < :warm + :calm THEN 'Weak'
    WHEN present_band = 'Cold' AND strength < :weak + :calm THEN 'Cold'
    WHEN strength >= :strong THEN 'Strong'
    WHEN strength >= :warm THEN 'Warm'
    WHEN strength >= :weak THEN 'Weak'
    ELSE 'Cold'
  END AS band,
  strong_contacts,
  two_way_contacts,
  engaged_contacts,
  contacts,
  top_contact_share,
  last_two_way_day
FROM account_strength_capped

-- How an account's contact has changed, and on how few it rests. Methods, section 2, "also report".
-- Strength then is that of :then_day, by the same formula and the same people: who left since was there then.

-- view: contact_then
SELECT
  b.account_id AS account_id,
  b.contact_id AS contact_id,
  b.level AS level,
  b.weight AS weight,
  CASE WHEN b.present = 1 THEN CAST(floor(b.points / 1.0E3 + 0.5E0) AS BIGINT) ELSE 0 END AS points,
  CASE WHEN b.present = 1 OR b.left_day > :then_day THEN CAST(floor(
    100.0E0 * (1.0E0 - exp(-1.0E0 * b.effort * (0.4E0 + 0.6E0 * b.balance / greatest(b.then_points, 1)) / :scale))
    * 1.0E6 + 0.5E0
  ) AS BIGINT) ELSE 0 END AS then_micro
FROM (
  SELECT
    r.account_id AS account_id,
    r.contact_id AS contact_id,
    r.level AS level,
    r.weight AS weight,
    r.present AS present,
    r.left_day AS left_day,
    s.side_in + s.side_out + s.plain_in + s.plain_out AS points,
    s.then_in + s.then_out + s.then_plain_in + s.then_plain_out AS then_points,
    (1.5E0 * (s.then_in + s.then_plain_in) + (s.then_out + s.then_plain_out)) * :then_fade / 1.0E6 AS effort,
    CASE
      WHEN s.then_in > 0 AND s.then_out > 0
      THEN 2.0E0 * exp(0.5E0 * (ln(s.then_in * 1.0E0) + ln(s.then_out * 1.0E0)))
      ELSE 0.0E0
    END + 0.5E0 * (s.then_plain_in + s.then_plain_out) AS balance
  FROM relationship_contact r
  JOIN contact_sides s ON s.contact_id = r.contact_id
  WHERE r.account_id IS NOT NULL
) AS b

-- near inner: then_crowded
SELECT account_id
FROM contact_sides
GROUP BY account_id
HAVING COUNT(*) > :top

-- Of two with the same strength and weight either may stand in tenth place: their terms are the same.
-- view: then_place
SELECT t.account_id AS account_id, t.level AS level, t.weight AS weight, t.points AS points, t.then_micro AS then_micro,
  1 AS place
FROM contact_then t
LEFT JOIN then_crowded c ON c.account_id = t.account_id
WHERE c.account_id IS NULL
UNION ALL
SELECT t.account_id AS account_id, t.level AS level, t.weight AS weight, t.points AS points, t.then_micro AS then_micro,
  row_number() OVER (PARTITION BY t.account_id ORDER BY t.then_micro / 1.0E8 * t.weight DESC, t.contact_id) AS place
FROM contact_then t
JOIN then_crowded c ON c.account_id = t.account_id

-- HHI is the sum of the squared shares: of whole thousandths of points, so that no float is summed.
-- kept step: account_then
SELECT
  account_id,
  CAST(SUM(CASE
    WHEN place <= :top THEN CAST(floor(ln(1.0E0 - then_micro / 1.0E8 * weight) * 1.0E6 + 0.5E0) AS BIGINT) ELSE 0
  END) AS BIGINT) AS then_log,
  MAX(CASE WHEN level >= 4 THEN then_micro END) AS then_senior,
  CAST(SUM(points) AS BIGINT) AS points,
  CAST(SUM(points * points) AS BIGINT) AS squares
FROM then_place
GROUP BY account_id

-- view: account_strength_then
SELECT
  s.account_id AS account_id,
  s.strength AS strength,
  CASE WHEN k.known_then = 1 AND s.strength IS NOT NULL THEN CAST(floor(
    least(
      100.0E0 * (1.0E0 - exp(COALESCE(t.then_log, 0) / 1.0E6)),
      :strong - 0.1E0 + greatest(COALESCE(t.then_senior, 0) / 1.0E6 - :warm, 0.0E0)
    ) * 1.0E6 + 0.5E0
  ) AS BIGINT) * 1.0E0 / 1.0E6 END AS strength_then,
  CASE WHEN t.points > 0 THEN t.squares * 1.0E0 / (GREATEST(t.points, 1) * 1.0E0 * GREATEST(t.points, 1)) END AS contact_hhi,
  CASE WHEN o.points > 0 THEN o.most * 1.0E0 / GREATEST(o.points, 1) END AS our_share
FROM account_strength s
CROSS JOIN activity_source k
LEFT JOIN account_then t ON t.account_id = s.account_id
LEFT JOIN account_ours o ON o.account_id = s.account_id

-- step: account_tie
SELECT account_id, strength_then, strength - strength_then AS trend, our_share, contact_hhi
FROM account_strength_then

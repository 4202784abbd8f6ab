-- Won and lost deals by the number of contacts who were engaged by day :by_days of the deal.
-- Only deals that were still open on that day count: one that was over sooner had less time to meet people, and that,
-- not the people, would make the difference (landmark analysis; Anderson, Cain, Gelber 1983).

-- view: closed_deal
SELECT id AS opportunity_id, account_id, CASE WHEN state = 'won' THEN 1 ELSE 0 END AS won, amount_minor, created_day,
  close_day, created_day + :by_days AS by_day
FROM opportunity
WHERE state IN ('won', 'lost') AND created_day < close_day AND close_day <= :as_of AND account_id IS NOT NULL

-- Two-way as for strength: a captured meeting, call or chat, or captured mail in both directions.
-- view: deal_touch
SELECT d.opportunity_id AS opportunity_id, a.contact_id AS contact_id
FROM closed_deal d
JOIN activity_counted a ON a.account_id = d.account_id
WHERE d.close_day > d.by_day AND a.captured = 1 AND a.counted = 1 AND a.at_day >= d.created_day AND a.at_day <= d.by_day
  AND a.kind IN ('meeting', 'call', 'chat', 'email_in', 'email_out')
GROUP BY d.opportunity_id, a.contact_id
HAVING MAX(CASE WHEN a.kind IN ('meeting', 'call', 'chat') THEN 1 ELSE 0 END) = 1
  OR COUNT(DISTINCT a.kind) = 2

-- kept step: deal_start
SELECT d.account_id AS account_id, d.won AS won, d.amount_minor AS amount_minor, d.created_day AS created_day,
  d.by_day AS by_day, d.close_day AS close_day, COALESCE(t.contacts, 0) AS contacts
FROM closed_deal d
LEFT JOIN (SELECT opportunity_id, COUNT(*) AS contacts FROM deal_touch GROUP BY opportunity_id) t
  ON t.opportunity_id = d.opportunity_id

-- Before the first captured contact, nobody in touch means nobody looked.
-- step: captured_since
SELECT MIN(at_day) AS since_day FROM activity WHERE captured = 1 AND at_day <= :as_of

-- inner: deal_judged
SELECT d.account_id AS account_id, d.won AS won, d.amount_minor AS amount_minor,
  CASE WHEN d.close_day <= d.by_day THEN 1 ELSE 0 END AS early,
  CASE WHEN d.contacts >= 4 THEN 3 WHEN d.contacts >= 2 THEN 2 ELSE d.contacts END AS band
FROM deal_start d
CROSS JOIN captured_since c
WHERE d.close_day > :oldest_day AND d.created_day >= c.since_day

-- Quarters of the amount; equal amounts are never parted, and unknown ones are a group of their own.
-- inner: deal_middle
SELECT MEDIAN(amount_minor) AS middle FROM deal_judged WHERE early = 0

-- inner: deal_cut
SELECT m.middle AS middle, MEDIAN(CASE WHEN d.amount_minor <= m.middle THEN d.amount_minor END) AS low,
  MEDIAN(CASE WHEN d.amount_minor > m.middle THEN d.amount_minor END) AS high
FROM deal_middle m
CROSS JOIN deal_judged d
WHERE d.early = 0
GROUP BY m.middle

-- step: deal_group
SELECT account_id, band, stratum, COUNT(*) AS deals, CAST(SUM(won) AS BIGINT) AS won
FROM (
  SELECT d.account_id AS account_id, d.band AS band, d.won AS won,
    CASE
      WHEN d.amount_minor IS NULL OR c.middle IS NULL THEN 0
      WHEN d.amount_minor <= c.low THEN 1
      WHEN d.amount_minor <= c.middle THEN 2
      WHEN c.high IS NULL OR d.amount_minor <= c.high THEN 3
      ELSE 4
    END AS stratum
  FROM deal_judged d
  CROSS JOIN deal_cut c
  WHERE d.early = 0
) s
GROUP BY account_id, band, stratum

-- step: deal_cell
SELECT band, stratum, CAST(SUM(deals) AS BIGINT) AS deals, CAST(SUM(won) AS BIGINT) AS won
FROM deal_group
GROUP BY band, stratum

-- step: deal_span
SELECT c.since_day AS since_day, COALESCE(j.early, 0) AS early
FROM captured_since c
CROSS JOIN (SELECT CAST(SUM(early) AS BIGINT) AS early FROM deal_judged) j

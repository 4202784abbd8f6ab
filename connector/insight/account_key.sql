-- From scores to proposals and flags, with memory: cap, band, strikes, lock. Methods 1.2, 1.5, 1.6 and 1.8.

-- A nomination holds until its day; without a day it would hold for ever, so it waits until one is given. A branch
-- that a person made Key is judged by its group.
-- inner: key_member
SELECT s.account_id, g.account_n, p.status, s.eligible, s.gate, s.confidence, s.score_low,
  CASE WHEN p.status = 'Key' AND s.gate = 'branch' THEN r.rank ELSE s.rank END AS rank,
  CASE WHEN w.value_minor > 0 THEN 1 ELSE 0 END AS pays,
  CASE WHEN p.nominated = 1 AND p.nominated_until_day >= :as_of AND COALESCE(p.status, '') <> 'Not eligible'
       THEN 1 ELSE 0 END AS nominated,
  CASE WHEN p.nominated = 1 AND p.nominated_until_day IS NULL AND COALESCE(p.status, '') <> 'Not eligible'
       THEN 1 ELSE 0 END AS endless, p.nominated_until_day,
  COALESCE(p.strikes, 0) AS strikes_before, p.last_review_day,
  COALESCE(p.locked_until_day, p.since_day + :lock_days, p.decided_day + :lock_days) AS locked_until_day,
  CASE WHEN p.status IN ('Standard', 'Key') AND COALESCE(p.review_due_day, p.decided_day + :review_days) > :as_of
       THEN 1 ELSE 0 END AS settled, w.dark_deals,
  COALESCE(v.kam_proposal, 'None') AS present_proposal, COALESCE(v.kam_flag, 'None') AS present_flag
FROM account_score AS s
JOIN account_group AS g ON g.account_id = s.account_id
JOIN account_value AS w ON w.account_id = s.account_id
LEFT JOIN account_score AS r ON r.account_id = g.root_id
LEFT JOIN programme AS p ON p.account_id = s.account_id
LEFT JOIN present_value AS v ON v.account_id = s.account_id

-- The cap is never more than a share of those that can be ranked, so a small company has a small programme.
-- inner: key_cap
SELECT cap, GREATEST(1, CAST(floor(cap * :band) AS BIGINT)) AS band_rank,
  GREATEST(1, CAST(floor(cap * :nominated_share) AS BIGINT)) AS reserve, nominated,
  GREATEST(0, cap - LEAST(nominated, GREATEST(1, CAST(floor(cap * :nominated_share) AS BIGINT)))) AS own_cap, held
FROM (SELECT LEAST(:cap, GREATEST(1, CAST(floor(r.rated * :cap_share + 0.999999E0) AS BIGINT))) AS cap, n.nominated,
        n.held
      FROM (SELECT COUNT(*) AS rated FROM account_rated) AS r
      CROSS JOIN (SELECT COUNT(CASE WHEN nominated = 1 AND COALESCE(status, '') <> 'Key' THEN 1 END) AS nominated,
                    COUNT(CASE WHEN status = 'Key' THEN 1 END) AS held FROM key_member) AS n
     ) AS c

-- inner: key_nominee
SELECT account_id, row_number() OVER (ORDER BY COALESCE(score_low, -1.0E0) DESC, account_n) AS place
FROM key_member WHERE nominated = 1 AND COALESCE(status, '') <> 'Key'

-- A review is due a quarter after the last one. Strikes change only at a review. Outside the band is who is known to
-- be: too little data, deals of unknown value, too short a time or a nomination never count against an account.
-- inner: key_review
SELECT m.account_id, m.account_n, m.status, m.gate, m.confidence, m.score_low, m.rank, m.nominated, m.settled, m.pays,
  m.eligible, m.locked_until_day, m.present_proposal, m.present_flag, c.cap, c.own_cap, c.band_rank, c.held,
  CASE WHEN n.place <= c.reserve THEN 1 ELSE 0 END AS nominee,
  CASE WHEN m.nominated = 1 OR m.rank <= c.band_rank OR m.dark_deals > 0 THEN 0 WHEN m.rank IS NOT NULL THEN 1
       WHEN m.gate IS NULL OR m.gate IN ('new', 'branch') THEN 0 ELSE 1 END AS outside,
  CASE WHEN m.gate IN ('credit_hold', 'not_customer') THEN 1 ELSE 0 END AS breach,
  CASE WHEN m.status = 'Key' AND (m.last_review_day IS NULL OR m.last_review_day + :review_days <= :as_of)
       THEN 1 ELSE 0 END AS review,
  m.strikes_before, m.last_review_day, m.endless, m.nominated_until_day
FROM key_member AS m
CROSS JOIN key_cap AS c
LEFT JOIN key_nominee AS n ON n.account_id = m.account_id

-- view: key_strike
SELECT r.account_id,
  CASE WHEN r.status <> 'Key' OR r.status IS NULL THEN 0
    WHEN r.review = 1 AND r.outside = 1 THEN r.strikes_before + 1
    WHEN r.review = 1 THEN 0 ELSE r.strikes_before END AS strikes,
  CASE WHEN r.review = 1 THEN :as_of ELSE r.last_review_day END AS last_review_day
FROM key_review AS r

-- Who may take a seat that is free: what is proposed already comes first, then the better rank.
-- inner: key_seat
SELECT account_id, row_number() OVER (
    ORDER BY CASE WHEN present_proposal = 'Promote' THEN 0 ELSE 1 END, rank, account_n) AS place
FROM key_review
WHERE COALESCE(status, '') NOT IN ('Key', 'Not eligible') AND settled = 0 AND nominee = 0 AND pays = 1
  AND (rank <= own_cap AND score_low >= :threshold
       OR present_proposal = 'Promote' AND rank <= band_rank AND score_low >= :threshold - 3.0E0)

-- What is proposed stays proposed inside the band, so that a night's small move changes nothing. What a person decided
-- holds until the review that was set with it, unless a gate is breached. Who costs more than
-- it brings is proposed by people only.
-- inner: key_proposal
SELECT r.account_id, s.strikes, s.last_review_day,
  CASE WHEN r.status = 'Not eligible' THEN 'None'
       WHEN r.status = 'Key' THEN
         CASE WHEN r.breach = 1 THEN 'Demote'
              WHEN r.settled = 1 OR r.locked_until_day > :as_of OR s.strikes < :strikes THEN 'None'
              WHEN r.outside = 1 OR (r.present_proposal = 'Demote' AND r.rank > r.cap) THEN 'Demote' ELSE 'None' END
       WHEN r.settled = 1 THEN 'None'
       WHEN r.nominee = 1 THEN 'Promote'
       WHEN t.place <= r.own_cap - r.held THEN 'Promote'
       ELSE 'None' END AS proposal
FROM key_review AS r JOIN key_strike AS s ON s.account_id = r.account_id
LEFT JOIN key_seat AS t ON t.account_id = r.account_id

-- Silence counts against the account's own rhythm, and only from a month on; where contracts are sold, the day one ends
-- counts instead.
-- inner: key_silence
SELECT s.account_id, s.silent_days, s.usual_gap, s.gap_ratio, s.p_dead, s.renewal_due,
  CASE WHEN s.gap_ratio > :lapse_ratio AND (s.p_dead IS NULL OR s.p_dead > :lapse_probability) THEN 1
       WHEN s.gap_ratio > :lapse_ratio * 0.9E0 AND (s.p_dead IS NULL OR s.p_dead > :lapse_probability * 0.9E0)
            AND s.present_flag = 'On watch' THEN 1
       ELSE 0 END AS lapsing
FROM (SELECT v.account_id, :as_of - v.last_won_day AS silent_days, v.usual_gap, l.p_dead, l.renewal_due,
        CASE WHEN v.usual_gap > 0.0E0 AND :as_of - v.last_won_day >= :silence_days
                  AND COALESCE(l.basis, '') <> 'contract'
             THEN (:as_of - v.last_won_day) * 1.0E0 / v.usual_gap END AS gap_ratio,
        r.present_flag
      FROM account_value AS v
      JOIN key_review AS r ON r.account_id = v.account_id
      LEFT JOIN account_lapse AS l ON l.account_id = v.account_id
      WHERE v.account_id = v.root_id) AS s

-- view: key_flag
SELECT r.account_id, l.silent_days, l.usual_gap, l.gap_ratio, l.lapsing,
  CASE WHEN r.status = 'Key' THEN
         CASE WHEN r.outside = 1 OR l.lapsing = 1 OR l.renewal_due = 1 THEN 'On watch'
              WHEN r.present_flag = 'On watch' AND r.rank > r.cap THEN 'On watch'
              WHEN r.confidence < :least_confidence THEN 'Needs data' ELSE 'None' END
       WHEN r.gate = 'new' THEN 'Emerging'
       WHEN r.gate IN ('not_eligible', 'branch', 'not_customer') OR COALESCE(v.won_deals_24m, 0) = 0 THEN 'None'
       WHEN p.proposal = 'Promote' THEN 'None'
       WHEN v.revenue_rank <= r.cap
            AND (v.value_rank > r.cap * 2 OR s.growth_minor <= 0 OR s.s_alignment <= :low_fit)
       THEN 'Large, not key'
       WHEN r.present_flag = 'Large, not key' AND v.revenue_rank <= r.band_rank
            AND (v.value_rank > r.band_rank OR s.growth_minor <= v.revenue_365_minor * 0.10E0
                 OR s.s_alignment <= :low_fit)
       THEN 'Large, not key'
       WHEN r.confidence < :least_confidence AND r.eligible = 1 THEN 'Needs data'
       ELSE 'None' END AS flag
FROM key_review AS r
JOIN key_proposal AS p ON p.account_id = r.account_id
JOIN account_score AS s ON s.account_id = r.account_id
JOIN account_value AS v ON v.account_id = r.account_id
LEFT JOIN key_silence AS l ON l.account_id = r.account_id

-- The next border: into the cap for those outside the programme, out of the band for those in it.
-- inner: key_border
SELECT MIN(CASE WHEN r.rank = r.own_cap THEN q.points_low END) AS into_points,
  MAX(CASE WHEN r.rank = r.band_rank + 1 THEN q.points_low END) AS out_points,
  MAX(q.weight_bound) AS weight_bound
FROM key_review AS r JOIN account_rated AS q ON q.account_id = r.account_id

-- inner: key_distance
SELECT r.account_id, q.weight_bound,
  CASE WHEN r.status = 'Key' AND r.outside = 0 THEN 0 ELSE 1 END AS upward,
  CASE WHEN r.status = 'Key' AND r.outside = 0 THEN q.points_low - b.out_points + 1
       ELSE GREATEST(COALESCE(b.into_points + 1, 0),
                     CAST(floor(:threshold * q.weight_bound * 1.0E4 + 0.5E0) AS BIGINT)) - q.points_low END AS points
FROM key_review AS r
JOIN key_proposal AS p ON p.account_id = r.account_id
JOIN account_points AS q ON q.account_id = r.account_id
CROSS JOIN key_border AS b
WHERE r.rank IS NOT NULL AND p.proposal <> 'Promote'

-- The heaviest criterion that can carry the whole distance needs the smallest change: its place by weight stands
-- before the seven digits of where it would have to be. able: every criterion that could carry four fifths of it.
-- inner: key_option
SELECT account_id, CAST(SUM(bit) AS BIGINT) AS able,
  MIN(CASE WHEN to_q >= 0 AND to_q <= 1000000 THEN heavy * 10000000 + to_q END) AS smallest
FROM (SELECT d.account_id, c.bit, c.heavy,
        CASE WHEN d.upward = 1 THEN c.bound_low + CAST(floor(d.points * 1.0E0 / c.weight + 0.999999E0) AS BIGINT)
             ELSE c.bound_low - CAST(floor(d.points * 1.0E0 / c.weight + 0.999999E0) AS BIGINT) END AS to_q
      FROM key_distance AS d
      JOIN criterion_point AS c ON c.account_id = d.account_id
      WHERE c.bound_low IS NOT NULL AND d.points > 0
        AND d.points * 4 <= CASE WHEN d.upward = 1 THEN 1000000 - c.bound_low ELSE c.bound_low END * c.weight * 5) AS o
GROUP BY account_id

-- view: key_change
SELECT o.account_id, w.criterion, o.able, o.smallest - w.heavy * 10000000 AS to_q
FROM key_option AS o
JOIN criterion_weight AS w ON w.heavy = CAST(floor(o.smallest * 1.0E0 / 1.0E7) AS BIGINT)

-- step: account_key
SELECT r.account_id, r.status, p.proposal, f.flag, p.strikes, p.last_review_day, r.review, r.locked_until_day,
  r.nominated, r.endless, r.nominated_until_day, r.outside, r.cap, r.own_cap, r.band_rank, :threshold AS threshold,
  CASE WHEN b.weight_bound > 0 THEN floor(b.into_points * 1.0E-1 / b.weight_bound + 0.5E0) / 1.0E3 END AS into_score,
  CASE WHEN b.weight_bound > 0 THEN floor(b.out_points * 1.0E-1 / b.weight_bound + 0.5E0) / 1.0E3 END AS out_score,
  CASE WHEN r.rank > r.own_cap THEN r.rank - r.own_cap END AS next_rank_gap,
  CASE WHEN d.points > 0 THEN floor(d.points * 1.0E-1 / d.weight_bound + 0.5E0) / 1.0E3 END AS next_score_gap,
  c.criterion AS change_criterion, c.to_q / 1.0E6 AS change_to, c.able AS change_able, d.upward AS change_upward,
  f.silent_days, f.usual_gap, f.gap_ratio, f.lapsing,
  GREATEST(r.own_cap - r.held, 0) AS free_seats, r.settled
FROM key_review AS r
JOIN key_proposal AS p ON p.account_id = r.account_id
JOIN key_flag AS f ON f.account_id = r.account_id
CROSS JOIN key_border AS b
LEFT JOIN key_distance AS d ON d.account_id = r.account_id
LEFT JOIN key_change AS c ON c.account_id = r.account_id

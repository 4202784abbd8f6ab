-- Where an account stands: attractiveness against relationship, cut at the middle of the programme's candidates.
-- Methods 1.7 and 11.

-- A customer's attractiveness is the mean of net value, growth and fit by their weights; relationship is strength and,
-- where the chart is known, coverage. Without activities relationship is unknown. What has no weight in the score has
-- the least here: an axis needs its measures, whichever criteria were chosen.
-- inner: quadrant_axis
SELECT s.account_id, g.account_n, v.value_minor,
  CASE WHEN s.s_value IS NULL OR (s.s_growth IS NULL AND s.s_alignment IS NULL) THEN NULL
       ELSE floor((w.value * s.s_value + COALESCE(w.growth * s.s_growth, 0.0E0)
                   + COALESCE(w.alignment * s.s_alignment, 0.0E0)) * 1.0E5
              / GREATEST(w.value + CASE WHEN s.s_growth IS NULL THEN 0 ELSE w.growth END
                                 + CASE WHEN s.s_alignment IS NULL THEN 0 ELSE w.alignment END, 1) + 0.5E0) / 1.0E3
       END AS attractiveness,
  CASE WHEN r.strength IS NULL THEN NULL
       WHEN c.coverage_percent IS NULL THEN r.strength * 1.0E0
       ELSE floor((r.strength * :strength_share + c.coverage_percent * (1.0E0 - :strength_share)) * 1.0E3
                  + 0.5E0) / 1.0E3 END AS relationship,
  CASE WHEN k.status = 'Key' OR k.proposal = 'Promote' OR k.nominated = 1 OR s.rank <= k.band_rank
       THEN 1 ELSE 0 END AS candidate
FROM account_score AS s
JOIN account_group AS g ON g.account_id = s.account_id
JOIN account_key AS k ON k.account_id = s.account_id
JOIN account_value AS v ON v.account_id = s.account_id
LEFT JOIN account_strength AS r ON r.account_id = s.account_id
LEFT JOIN account_coverage AS c ON c.account_id = s.account_id
CROSS JOIN (SELECT GREATEST(MAX(CASE WHEN criterion = 'value' THEN weight END), 1) AS value,
              GREATEST(MAX(CASE WHEN criterion = 'growth' THEN weight END), 1) AS growth,
              GREATEST(MAX(CASE WHEN criterion = 'alignment' THEN weight END), 1) AS alignment
            FROM criterion_weight) AS w
WHERE g.account_id = g.root_id

-- Candidates weigh by their value, so that the cut parts the programme's money and not its small change.
-- inner: quadrant_weight
SELECT account_id, account_n, attractiveness, relationship,
  GREATEST(COALESCE(value_minor, 0), 1) AS weight
FROM quadrant_axis
WHERE candidate = 1 AND attractiveness IS NOT NULL AND relationship IS NOT NULL

-- inner: quadrant_middle
SELECT COUNT(*) AS candidates,
  MIN(CASE WHEN running_x * 2 >= total THEN attractiveness END) AS x,
  MIN(CASE WHEN running_y * 2 >= total THEN relationship END) AS y
FROM (SELECT attractiveness, relationship,
        CAST(SUM(weight) OVER (ORDER BY attractiveness, account_n) AS BIGINT) AS running_x,
        CAST(SUM(weight) OVER (ORDER BY relationship, account_n) AS BIGINT) AS running_y,
        CAST(SUM(weight) OVER () AS BIGINT) AS total
      FROM quadrant_weight) AS r

-- inner: quadrant_cut
SELECT CASE WHEN :fixed = 1 OR candidates < :least_candidates THEN :fixed_cut ELSE x END AS x,
  CASE WHEN :fixed = 1 OR candidates < :least_candidates THEN :fixed_cut ELSE y END AS y
FROM quadrant_middle

-- Within the dead zone an account stays on the side it is on.
-- view: quadrant_side
SELECT a.account_id, a.attractiveness, a.relationship,
  CASE WHEN a.attractiveness IS NULL OR a.relationship IS NULL THEN NULL
       WHEN v.kam_quadrant IN ('Strategic', 'Star') AND a.attractiveness >= c.x - :dead_zone THEN 1
       WHEN v.kam_quadrant IN ('Status', 'Streamline') AND a.attractiveness <= c.x + :dead_zone THEN 0
       WHEN a.attractiveness >= c.x THEN 1 ELSE 0 END AS attractive,
  CASE WHEN a.attractiveness IS NULL OR a.relationship IS NULL THEN NULL
       WHEN v.kam_quadrant IN ('Strategic', 'Status') AND a.relationship >= c.y - :dead_zone THEN 1
       WHEN v.kam_quadrant IN ('Star', 'Streamline') AND a.relationship <= c.y + :dead_zone THEN 0
       WHEN a.relationship >= c.y THEN 1 ELSE 0 END AS close
FROM quadrant_axis AS a
CROSS JOIN quadrant_cut AS c
LEFT JOIN present_value AS v ON v.account_id = a.account_id

-- step: account_quadrant
SELECT g.account_id, s.attractiveness, s.relationship,
  CASE WHEN s.attractive = 1 AND s.close = 1 THEN 'Strategic'
       WHEN s.attractive = 1 AND s.close = 0 THEN 'Star'
       WHEN s.attractive = 0 AND s.close = 1 THEN 'Status'
       WHEN s.attractive = 0 AND s.close = 0 THEN 'Streamline'
       ELSE 'Unknown' END AS box
FROM account_group AS g
LEFT JOIN quadrant_side AS s ON s.account_id = g.account_id

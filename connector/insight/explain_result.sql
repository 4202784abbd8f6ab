-- What is kept of it all: one row per account and per contact, under the names the CRM fields have.

-- view: account_result
SELECT f.*, f.flag AS kam_flag, f.proposal AS kam_proposal, f.relationship_band AS kam_relationship_band,
  f.whitespace_band AS kam_whitespace_band, f.score AS kam_score, f.rank AS kam_rank, f.confidence AS kam_confidence,
  f.box AS kam_quadrant,
  CASE WHEN f.rateless_deals + f.amountless_deals = 0 THEN f.yearly_minor * :unit END AS net_value_12m,
  f.lifetime_minor * :unit AS lifetime_value,
  CASE WHEN m.total_ratio >= 0.5E0 AND m.total_ratio <= 2.0E0 THEN f.low_told * :unit END AS whitespace_low,
  CASE WHEN m.total_ratio >= 0.5E0 AND m.total_ratio <= 2.0E0 THEN f.high_told * :unit END AS whitespace_high,
  w.kam_why, c.kam_coverage_text, i.kam_top_idea || COALESCE(r.idea_range, '') AS kam_top_idea,
  a.kam_alert, n.insight_json
FROM account_fact AS f
CROSS JOIN whitespace_model AS m
JOIN account_speaker AS s ON s.id = f.id
JOIN account_text AS w ON w.id = s.why_id
JOIN account_text AS c ON c.id = s.coverage_id
JOIN account_text AS i ON i.id = s.idea_id
JOIN account_text AS a ON a.id = s.alert_id
JOIN account_text AS r ON r.id = s.range_id
LEFT JOIN account_numbers AS n ON n.id = f.id

-- view: contact_result
SELECT s.contact_id, s.account_id, s.level, s.function, s.strength, s.band, s.two_way_90, s.engaged, s.last_two_way_day,
  c.manager_id, c.suggested_manager_id, c.suggestion_confidence, c.influence_rank
FROM contact_strength AS s
LEFT JOIN contact_chart AS c ON c.contact_id = s.contact_id

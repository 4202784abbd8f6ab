-- Everything one can say about an account, side by side; then the texts beside it.

-- Won deals of the year whose value we don't know: no amount at all, or one in a currency without a rate.
-- step: account_dark
SELECT g.key_id AS account_id,
  CAST(SUM(d.priced) AS BIGINT) AS rateless_deals,
  CAST(SUM(1 - d.priced) AS BIGINT) AS amountless_deals
FROM deal AS d
JOIN (SELECT account_id, account_id AS key_id FROM account_group
      UNION ALL
      SELECT account_id, root_id FROM account_group WHERE root_id <> account_id) AS g ON g.account_id = d.account_id
WHERE d.dark = 1 AND d.last_day > :as_of - 365
GROUP BY g.key_id

-- Three narrow joins and one of their results: a wide join of everything at once takes all its sides into memory.
-- step: fact_worth
SELECT a.id, a.name, a.type, a.industry, a.country, a.employees, a.owner_id, a.sponsor_id,
  a.kam_manager_id, COALESCE(o.language, :language) AS language,
  v.root_id, v.members, v.in_loop, v.revenue_180_minor, v.revenue_365_minor, v.revenue_before_minor, v.net_180_minor,
  v.net_365_minor, v.value_minor, v.yearly_minor, v.cost_state, m.net AS costs_known,
  COALESCE(d.rateless_deals, 0) AS rateless_deals, COALESCE(d.amountless_deals, 0) AS amountless_deals,
  v.won_deals_24m, v.first_won_day, v.last_won_day,
  v.open_weighted_minor, v.pareto_class, v.revenue_rank, v.value_rank, v.usual_gap AS order_gap,
  v.value_share, v.returned_365_minor, v.serve_365_minor, v.late_365_minor, v.giant_minor, v.giant_cap_minor,
  t.growth_day, t.growth_this_minor, t.growth_before_minor, t.growth_percent, t.quarters, t.own_year_minor,
  t.usual_year_minor, t.retention, t.lifetime_minor
FROM account AS a
CROSS JOIN deal_margin AS m
JOIN account_value AS v ON v.account_id = a.id
LEFT JOIN account_dark AS d ON d.account_id = a.id
LEFT JOIN account_lifetime AS t ON t.account_id = a.id
LEFT JOIN owner_language AS o ON o.owner_id = a.owner_id

-- step: fact_standing
SELECT s.account_id, s.eligible, s.gate, s.s_value, s.s_growth, s.s_relationship, s.s_alignment, s.s_payment,
  s.c_value, s.c_growth, s.c_relationship, s.c_alignment, s.c_payment,
  s.s_product_fit, s.s_financial_strength, s.s_market_relationships, s.s_cultural_fit, s.s_geographic_fit,
  s.c_product_fit, s.c_financial_strength, s.c_market_relationships, s.c_cultural_fit, s.c_geographic_fit,
  s.confidence, s.score, s.score_low, s.score_high, s.rank, s.most_wanted,
  k.status, k.proposal, k.flag, k.strikes, k.last_review_day, k.locked_until_day, k.nominated, k.cap, k.next_rank_gap,
  k.change_criterion, k.change_to, k.silent_days, k.gap_ratio,
  s.unknown_bits, k.endless, k.nominated_until_day, k.own_cap, k.band_rank, k.threshold, k.into_score, k.out_score,
  k.change_able, k.change_upward, k.outside, k.next_score_gap, k.free_seats, k.settled,
  k.lapsing, l.p_dead, l.basis AS lapse_basis, l.renewal_day, l.renewal_due,
  q.attractiveness, q.relationship AS relationship_axis, q.box
FROM account_score AS s
JOIN account_key AS k ON k.account_id = s.account_id
JOIN account_quadrant AS q ON q.account_id = s.account_id
LEFT JOIN account_lapse AS l ON l.account_id = s.account_id

-- step: fact_contact
SELECT r.account_id, r.strength, r.band AS relationship_band, r.strong_contacts, r.two_way_contacts,
  r.top_contact_share, r.last_two_way_day,
  t.strength_then, t.trend, t.our_share, t.contact_hhi,
  c.slots, c.slots_covered, c.slots_known, c.coverage_percent, c.known_percent, c.engaged_contacts, c.executive_known,
  c.executive_engaged, c.single_threaded, c.first_gap, c.first_gap_known, c.state AS coverage_state,
  c.second_gap, c.third_gap, c.slots_engaged, c.engaged_percent, c.executive_percent, c.functions_required,
  c.functions_engaged, c.champion_left, c.light, c.attitudes, c.attitudes_stale,
  CASE WHEN c.single_threaded = 1 THEN 1 ELSE 0 END
    + CASE WHEN c.executive_known = 0 AND c.state IN ('ok', 'no_activities') THEN 2 ELSE 0 END
    + CASE WHEN c.champion_left = 1 THEN 4 ELSE 0 END
    + CASE WHEN n.sponsor_state = 'silent' THEN 8 ELSE 0 END AS risk_bits,
  w.state AS whitespace_state, w.ideas, w.expected_minor, w.low_minor, w.high_minor, w.band AS whitespace_band,
  w.low_told, w.high_told,
  w.top_family, w.top_peers, w.top_peer_owners, w.top_pulled_by, w.top_typical_minor, w.held_back,
  p.kam_why AS present_why,
  n.sponsor_suggested, n.sponsor_state, n.sponsor_day,
  h.chart_people, h.chart_reach, h.chart_depth, h.chart_span, h.chart_orphans, h.chart_ghosts, h.chart_loops,
  h.chart_suggested, h.map_completeness
FROM account_strength AS r
JOIN account_coverage AS c ON c.account_id = r.account_id
JOIN account_whitespace AS w ON w.account_id = r.account_id
JOIN account_tie AS t ON t.account_id = r.account_id
JOIN account_chart AS h ON h.account_id = r.account_id
LEFT JOIN present_value AS p ON p.account_id = r.account_id
LEFT JOIN account_sponsor AS n ON n.account_id = r.account_id

-- view: account_fact
SELECT a.id, a.name, a.type, a.industry, a.country, a.employees, a.owner_id, a.sponsor_id,
  a.language,
  a.root_id, a.members, a.in_loop, a.revenue_180_minor, a.revenue_365_minor, a.revenue_before_minor, a.net_180_minor,
  a.net_365_minor, a.value_minor, a.yearly_minor, a.cost_state, a.costs_known, a.rateless_deals, a.amountless_deals,
  a.won_deals_24m, a.first_won_day, a.last_won_day,
  a.open_weighted_minor, a.pareto_class, a.revenue_rank, a.value_rank, a.order_gap,
  a.value_share, a.returned_365_minor, a.serve_365_minor, a.late_365_minor, a.giant_minor, a.giant_cap_minor,
  a.growth_day, a.growth_this_minor, a.growth_before_minor, a.growth_percent, a.quarters, a.own_year_minor,
  a.usual_year_minor, a.retention, a.lifetime_minor,
  s.eligible, s.gate, s.s_value, s.s_growth, s.s_relationship, s.s_alignment, s.s_payment,
  s.c_value, s.c_growth, s.c_relationship, s.c_alignment, s.c_payment,
  s.s_product_fit, s.s_financial_strength, s.s_market_relationships, s.s_cultural_fit, s.s_geographic_fit,
  s.c_product_fit, s.c_financial_strength, s.c_market_relationships, s.c_cultural_fit, s.c_geographic_fit,
  s.confidence, s.score, s.score_low, s.score_high, s.rank, s.most_wanted,
  s.status, s.proposal, s.flag, s.strikes, s.last_review_day, s.locked_until_day, s.nominated, s.cap, s.next_rank_gap,
  s.change_criterion, s.change_to, s.silent_days, s.gap_ratio,
  s.unknown_bits, s.endless, s.nominated_until_day, s.own_cap, s.band_rank, s.threshold, s.into_score, s.out_score,
  s.change_able, s.change_upward, s.outside, s.next_score_gap, s.free_seats, s.settled,
  s.lapsing, s.p_dead, s.lapse_basis, s.renewal_day, s.renewal_due, c.strength_then, c.trend, c.our_share, c.contact_hhi,
  s.attractiveness, s.relationship_axis, s.box,
  c.strength, c.relationship_band, c.strong_contacts, c.two_way_contacts, c.top_contact_share, c.last_two_way_day,
  c.slots, c.slots_covered, c.slots_known, c.coverage_percent, c.known_percent, c.engaged_contacts, c.executive_known,
  c.executive_engaged, c.single_threaded, c.first_gap, c.first_gap_known, c.coverage_state,
  c.second_gap, c.third_gap, c.slots_engaged, c.engaged_percent, c.executive_percent, c.functions_required,
  c.functions_engaged, c.champion_left, c.light, c.attitudes, c.attitudes_stale, c.risk_bits,
  c.whitespace_state, c.ideas, c.expected_minor, c.low_minor, c.high_minor, c.whitespace_band,
  c.low_told, c.high_told,
  c.top_family, c.top_peers, c.top_peer_owners, c.top_pulled_by, c.top_typical_minor, c.held_back, c.present_why,
  c.sponsor_suggested, c.sponsor_state, c.sponsor_day, a.kam_manager_id,
  c.chart_people, c.chart_reach, c.chart_depth, c.chart_span, c.chart_orphans, c.chart_ghosts, c.chart_loops,
  c.chart_suggested, c.map_completeness,
  CASE WHEN a.type = 'customer' OR a.first_won_day IS NOT NULL THEN 1 ELSE 0 END AS is_customer,
  CASE WHEN s.status = 'Key' OR s.nominated = 1 OR s.endless = 1 OR s.proposal <> 'None' OR s.flag = 'On watch'
       THEN 1 ELSE 0 END AS in_programme
FROM fact_worth AS a
JOIN fact_standing AS s ON s.account_id = a.id
JOIN fact_contact AS c ON c.account_id = a.id

-- The facts that make each text. The money of `why` shows two digits: three digits and whether more follow say how
-- they round. Rank and reasons are told near the programme only: there each account speaks for itself.
-- inner: account_case
SELECT f.id, f.language, f.flag, f.nominated, f.gate, f.cost_state, f.costs_known,
  CASE WHEN f.first_won_day IS NULL THEN 0 ELSE 1 END AS bought,
  CASE WHEN f.size_minor < 1000 THEN f.size_minor
       ELSE f.head_minor + CASE WHEN f.size_minor > f.head_minor THEN 1 ELSE 0 END END AS told_minor,
  CASE WHEN f.yearly_minor < 0 THEN 1 ELSE 0 END AS loss,
  CASE WHEN f.rateless_deals > 0 THEN 2 ELSE 0 END + CASE WHEN f.amountless_deals > 0 THEN 1 ELSE 0 END AS dark,
  CASE WHEN f.score IS NULL THEN 0 ELSE 1 END AS scored, f.unknown_bits,
  CASE WHEN f.flag = 'Needs data' THEN f.most_wanted END AS wanted,
  CASE WHEN f.flag = 'Needs data' THEN f.present_why END AS wanted_before,
  CASE WHEN f.in_programme = 1 OR f.rank <= 3 * f.cap THEN f.id END AS near_id,
  f.coverage_state, f.slots, f.slots_covered, f.slots_known, f.executive_known, f.executive_engaged, f.first_gap,
  f.first_gap_known, f.second_gap, f.third_gap, f.champion_left, f.single_threaded,
  CASE WHEN f.engaged_contacts > 0 THEN 1 ELSE 0 END AS engaged,
  f.sponsor_state, CASE WHEN f.sponsor_state = 'silent' THEN f.sponsor_day END AS sponsor_silent_since,
  f.whitespace_state, f.top_family, f.held_back, f.top_peer_owners, f.top_peers, f.top_pulled_by, f.ideas, f.in_loop,
  f.low_told, f.high_told, CASE WHEN f.high_told IS NULL THEN 0 ELSE 1 END AS ranged,
  CASE WHEN f.lapsing = 1 THEN f.last_won_day END AS silent_since,
  CASE WHEN f.lapsing = 1 THEN CAST(floor(f.order_gap * 2.0E0) AS BIGINT) END AS gap_floor,
  CASE WHEN f.lapsing = 1 AND floor(f.order_gap * 2.0E0) = f.order_gap * 2.0E0 THEN 1 ELSE 0 END AS gap_whole,
  CASE WHEN f.renewal_due = 1 THEN f.renewal_day END AS renewal_told
FROM (
  SELECT r.*,
    CASE WHEN r.size_minor < 1000 THEN 0
      WHEN r.size_minor < 10000 THEN CAST(floor(r.size_minor * 1.0E0 / 1.0E1) AS BIGINT) * 10
      WHEN r.size_minor < 100000 THEN CAST(floor(r.size_minor * 1.0E0 / 1.0E2) AS BIGINT) * 100
      WHEN r.size_minor < 1000000 THEN CAST(floor(r.size_minor * 1.0E0 / 1.0E3) AS BIGINT) * 1000
      WHEN r.size_minor < 10000000 THEN CAST(floor(r.size_minor * 1.0E0 / 1.0E4) AS BIGINT) * 10000
      WHEN r.size_minor < 100000000 THEN CAST(floor(r.size_minor * 1.0E0 / 1.0E5) AS BIGINT) * 100000
      WHEN r.size_minor < 1000000000 THEN CAST(floor(r.size_minor * 1.0E0 / 1.0E6) AS BIGINT) * 1000000
      WHEN r.size_minor < 10000000000 THEN CAST(floor(r.size_minor * 1.0E0 / 1.0E7) AS BIGINT) * 10000000
      WHEN r.size_minor < 100000000000 THEN CAST(floor(r.size_minor * 1.0E0 / 1.0E8) AS BIGINT) * 100000000
      ELSE r.size_minor END AS head_minor
  FROM (SELECT q.*, CASE WHEN q.yearly_minor < 0 THEN 0 - q.yearly_minor ELSE q.yearly_minor END AS size_minor
        FROM account_fact AS q) AS r
) AS f

-- One account speaks for all whose facts make the same text. Each text by itself, and joined: windows of one SELECT
-- would hand each other the whole wide row, in as many pieces as the one before has made.
-- step: account_speaker
SELECT w.id, w.why_id, c.coverage_id, i.idea_id, r.range_id, a.alert_id
FROM (
  SELECT id, MIN(id) OVER (PARTITION BY language,
    flag, nominated, gate, bought, told_minor, loss, cost_state, costs_known, dark, scored,
    unknown_bits, wanted, wanted_before, near_id) AS why_id
  FROM account_case
) AS w
JOIN (
  SELECT id, MIN(id) OVER (PARTITION BY language,
    coverage_state, slots, slots_covered, slots_known, executive_known, first_gap,
    first_gap_known, second_gap, third_gap, champion_left, single_threaded, engaged) AS coverage_id
  FROM account_case
) AS c ON c.id = w.id
JOIN (
  SELECT id, MIN(id) OVER (PARTITION BY language,
    whitespace_state, top_family, held_back, top_peer_owners, top_peers, top_pulled_by,
    ideas, ranged) AS idea_id
  FROM account_case
) AS i ON i.id = w.id
JOIN (
  SELECT id, MIN(id) OVER (PARTITION BY language, ideas, low_told, high_told) AS range_id
  FROM account_case
) AS r ON r.id = w.id
JOIN (
  SELECT id, MIN(id) OVER (PARTITION BY language,
    coverage_state, champion_left, single_threaded, engaged, executive_engaged, in_loop,
    silent_since, gap_floor, gap_whole, renewal_told, sponsor_state, sponsor_silent_since) AS alert_id
  FROM account_case
) AS a ON a.id = w.id

-- Accounts that speak, with what they say.
-- view: account_telling
SELECT f.*, CASE WHEN s.why_id = s.id THEN 1 ELSE 0 END AS tells_why,
  CASE WHEN s.coverage_id = s.id THEN 1 ELSE 0 END AS tells_coverage,
  CASE WHEN s.idea_id = s.id THEN 1 ELSE 0 END AS tells_idea,
  CASE WHEN s.alert_id = s.id THEN 1 ELSE 0 END AS tells_alert,
  CASE WHEN s.range_id = s.id THEN 1 ELSE 0 END AS tells_range
FROM account_fact AS f
JOIN account_speaker AS s ON s.id = f.id
WHERE s.why_id = s.id OR s.coverage_id = s.id OR s.idea_id = s.id OR s.alert_id = s.id
  OR s.range_id = s.id

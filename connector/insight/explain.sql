-- Everything one can say about an account, side by side; then the texts beside it.

-- Won deals of the year whose value we don't know: no amount at all, or one in a currency without a rate.
-- step: account_dark
SELECT g.key_id AS account_id,
  CAST(SUM(CASE WHEN o.amount IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT) AS rateless_deals,
  CAST(SUM(CASE WHEN o.amount IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS amountless_deals
FROM opportunity AS o
JOIN (SELECT account_id, account_id AS key_id FROM account_group
      UNION ALL
      SELECT account_id, root_id FROM account_group WHERE root_id <> account_id) AS g ON g.account_id = o.account_id
LEFT JOIN (SELECT opportunity_id, COUNT(amount_minor) AS valued FROM opportunity_line GROUP BY opportunity_id) AS l
  ON l.opportunity_id = o.id
WHERE o.state = 'won' AND o.close_day <= :as_of AND o.close_day > :as_of - 365
  AND o.amount_minor IS NULL AND COALESCE(l.valued, 0) = 0
GROUP BY g.key_id

-- step: account_fact
SELECT a.id, a.name, a.type, a.industry, a.country, a.employees, a.owner_id, a.sponsor_id,
  v.root_id, v.members, v.in_loop, v.revenue_180_minor, v.revenue_365_minor, v.revenue_before_minor, v.net_180_minor,
  v.net_365_minor, v.value_minor, v.yearly_minor, v.cost_state, m.net AS costs_known,
  COALESCE(d.rateless_deals, 0) AS rateless_deals, COALESCE(d.amountless_deals, 0) AS amountless_deals,
  v.won_deals_24m, v.first_won_day, v.last_won_day,
  v.open_weighted_minor, v.pareto_class, v.revenue_rank, v.value_rank, v.usual_gap AS order_gap,
  s.eligible, s.gate, s.s_value, s.s_growth, s.s_relationship, s.s_alignment, s.s_payment,
  s.c_value, s.c_growth, s.c_relationship, s.c_alignment, s.c_payment,
  s.confidence, s.score, s.score_low, s.score_high, s.rank, s.most_wanted,
  k.status, k.proposal, k.flag, k.strikes, k.last_review_day, k.locked_until_day, k.nominated, k.cap, k.next_rank_gap,
  k.change_criterion, k.change_to, k.silent_days, k.gap_ratio,
  q.attractiveness, q.relationship AS relationship_axis, q.box,
  r.strength, r.band AS relationship_band, r.strong_contacts, r.two_way_contacts, r.top_contact_share, r.last_two_way_day,
  c.slots, c.slots_covered, c.slots_known, c.coverage_percent, c.known_percent, c.engaged_contacts, c.executive_known,
  c.executive_engaged, c.single_threaded, c.first_gap, c.first_gap_known, c.state AS coverage_state,
  w.state AS whitespace_state, w.ideas, w.expected_minor, w.low_minor, w.high_minor, w.band AS whitespace_band,
  w.top_family, w.top_peers, w.top_peer_owners, w.top_pulled_by, w.top_typical_minor, w.held_back,
  p.kam_why AS present_why,
  CASE WHEN a.type = 'customer' OR v.first_won_day IS NOT NULL THEN 1 ELSE 0 END AS is_customer,
  CASE WHEN k.status = 'Key' OR k.nominated = 1 OR k.proposal <> 'None' OR k.flag = 'On watch' THEN 1 ELSE 0 END AS in_programme
FROM account AS a
CROSS JOIN deal_margin AS m
JOIN account_value AS v ON v.account_id = a.id
LEFT JOIN account_dark AS d ON d.account_id = a.id
JOIN account_score AS s ON s.account_id = a.id
JOIN account_key AS k ON k.account_id = a.id
JOIN account_quadrant AS q ON q.account_id = a.id
JOIN account_strength AS r ON r.account_id = a.id
JOIN account_coverage AS c ON c.account_id = a.id
JOIN account_whitespace AS w ON w.account_id = a.id
LEFT JOIN present_value AS p ON p.account_id = a.id

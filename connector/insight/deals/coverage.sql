-- One row for each open deal. An empty missing_roles says that none is missing; NULL that nobody keeps roles here.

-- step: opportunity_coverage
SELECT
  o.opportunity_id AS opportunity_id,
  o.account_id AS account_id,
  o.is_open AS is_open,
  CASE WHEN k.kept = 1 THEN COALESCE(p.contacts, 0) END AS contacts,
  CASE WHEN k.kept = 1 AND a.known = 1 THEN COALESCE(p.engaged, 0) END AS engaged,
  CASE WHEN k.kept = 1 THEN w.roles END AS roles,
  CASE WHEN k.kept = 1 THEN w.roles_known END AS roles_known,
  CASE WHEN k.kept = 1 AND a.known = 1 THEN w.roles_in_touch END AS roles_in_touch,
  CASE WHEN k.kept = 1 THEN w.missing_roles END AS missing_roles,
  CASE WHEN k.kept = 1 THEN w.role_states END AS role_states
FROM open_opportunity o
CROSS JOIN activity_source a
CROSS JOIN deal_kept k
JOIN deal_code c ON c.opportunity_id = o.opportunity_id
JOIN deal_word w ON w.code = c.code
LEFT JOIN deal_people p ON p.opportunity_id = o.opportunity_id

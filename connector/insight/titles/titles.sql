-- What each contact's title says, given where the contact works: in a bank a vice president is in the middle,
-- and a managing director with no parent company above leads the company.

-- kept step: contact_title
SELECT
  p.contact_id AS contact_id,
  p.account_id AS account_id,
  CAST(CASE
    WHEN b.industry IS NOT NULL THEN m.bank_level
    WHEN a.id IS NOT NULL AND a.parent_id IS NULL THEN m.alone_level
    ELSE m.level
  END AS BIGINT) AS level,
  m.function AS function,
  COALESCE(m.former, 0) AS former,
  COALESCE(m.acting, 0) AS acting,
  COALESCE(m.deputy, 0) AS deputy,
  COALESCE(m.assistant, 0) AS assistant
FROM profiled_contact p
LEFT JOIN account a ON a.id = p.account_id
LEFT JOIN bank_industry b ON b.industry = a.industry
LEFT JOIN title_meaning m ON m.title = p.title

-- Each user of ours with the locale that the CRM has.
-- step: owner_locale
SELECT u.id AS owner_id, COALESCE(u.locale, s.locale) AS locale
FROM crm_user AS u
LEFT JOIN user_setting AS s ON s.id = u.id

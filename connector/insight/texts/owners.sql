-- Which of our languages each owner reads; the others read the configured one.
-- step: owner_language
SELECT u.id AS owner_id, l.language
FROM crm_user AS u
JOIN locale_language AS l ON l.locale = u.locale

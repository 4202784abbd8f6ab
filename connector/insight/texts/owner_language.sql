-- Which of our languages each owner reads; the others read the configured one.
-- step: owner_language
SELECT o.owner_id, l.language
FROM owner_locale AS o
JOIN locale_language AS l ON l.locale = o.locale

-- The chance that an account has stopped buying, from the fit of lapse.py, in whole millionths.

-- Fader, Hardie and Lee 2005: the chance to be alive is 1 / (1 + a / (b + x - 1) * ((alpha + T) / (alpha + t)) ** (r + x)).
-- Where orders come as regularly as each k-th of such events (Platzer and Reutterer 2016), x counts k times in the power,
-- and the odds are divided by a sum of k terms: 1 + n * q + n * (n + 1) / 2 * q * q ... with n = r + k * x and
-- q = (T - t) / (alpha + T). more_2 is 1 from k = 2 on, and so forth.
-- Of who bought once the model says nothing: unknown. Without a fit, the silence alone counts: one half at twice the
-- usual gap, from four order days on.
-- view: lapse_odds
SELECT account_id, contract, renewal_day, open_deal,
  CASE WHEN contract = 1 OR orders < 2 OR orders IS NULL THEN NULL
    WHEN :fitted = 1 THEN :a * 1.0E0 / (:b + (orders - 2)) * exp(least(n * (ln(by_now) - ln(by_last)), 5.0E2))
      / (1.0E0 + :more_2 * n * q * (1.0E0 + :more_3 * (n + 1.0E0) * q / 2.0E0 * (1.0E0 + :more_4 * (n + 2.0E0) * q / 3.0E0
        * (1.0E0 + :more_5 * (n + 3.0E0) * q / 4.0E0 * (1.0E0 + :more_6 * (n + 4.0E0) * q / 5.0E0)))))
    WHEN orders >= 4
    THEN exp(least(ln(2.0E0) * silent * (orders - 1) * 0.5E0 / (GREATEST(last_day - first_day, 1) / 7.0E0), 5.0E2)) - 1.0E0
  END AS odds
FROM (
  SELECT w.*, silent * 1.0E0 / by_now AS q
  FROM (
    SELECT o.*, :r + :k * (orders - 1) AS n, 1.0E0 * (:as_of - last_day) / 7.0E0 AS silent,
      :alpha + (:as_of - first_day) / 7.0E0 AS by_now, :alpha + (last_day - first_day) / 7.0E0 AS by_last
    FROM lapse_account AS o
  ) AS w
) AS v

-- step: account_lapse
SELECT account_id,
  CAST(floor(odds / (1.0E0 + odds) * 1.0E6 + 0.5E0) AS BIGINT) / 1.0E6 AS p_dead,
  CASE WHEN contract = 1 THEN 'contract' WHEN odds IS NULL THEN NULL WHEN :fitted = 1 THEN 'bg_nbd' ELSE 'silence' END
    AS basis,
  renewal_day,
  CASE WHEN renewal_day - :as_of <= :renewal_days AND open_deal = 0 THEN 1 ELSE 0 END AS renewal_due
FROM lapse_odds

-- The chance that an account has stopped buying, from the fit of lapse.py, in whole millionths.

-- Fader, Hardie and Lee 2005: the chance to be alive is 1 / (1 + a / (b + x - 1) * ((alpha + T) / (alpha + t)) ** (r + x)).
-- Of who bought once the model says nothing: unknown. Without a fit, the silence alone counts: one half at twice the
-- usual gap, from four order days on.
-- view: lapse_odds
SELECT account_id, contract, renewal_day, open_deal,
  CASE WHEN contract = 1 OR orders < 2 OR orders IS NULL THEN NULL
    WHEN :fitted = 1 THEN :a * 1.0E0 / (:b + (orders - 2)) * exp(least(
      (:r + (orders - 1)) * (ln(:alpha + (:as_of - first_day) / 7.0E0) - ln(:alpha + (last_day - first_day) / 7.0E0)),
      5.0E1))
    WHEN orders >= 4 THEN exp(least(ln(2.0E0) * (:as_of - last_day) * (orders - 1) * 0.5E0 / (last_day - first_day), 5.0E1))
      - 1.0E0
  END AS odds
FROM lapse_account

-- step: account_lapse
SELECT account_id,
  CAST(floor(odds / (1.0E0 + odds) * 1.0E6 + 0.5E0) AS BIGINT) / 1.0E6 AS p_dead,
  CASE WHEN contract = 1 THEN 'contract' WHEN odds IS NULL THEN NULL WHEN :fitted = 1 THEN 'bg_nbd' ELSE 'silence' END
    AS basis,
  renewal_day,
  CASE WHEN renewal_day - :as_of <= :renewal_days AND open_deal = 0 THEN 1 ELSE 0 END AS renewal_due
FROM lapse_odds

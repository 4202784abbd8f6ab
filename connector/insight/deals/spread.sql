-- How much the win rate of each band varies from account to account: the deals of one account go together.

-- What an account adds to its band beyond the expected wins, in thousandths of a deal.
-- inner: deal_residual
SELECT g.account_id AS account_id, g.band AS band,
  CAST(SUM(CAST(floor(f.factor * (g.won - g.deals * f.rate) * 1.0E3 + 0.5E0) AS BIGINT)) AS BIGINT) AS milli
FROM deal_group g
JOIN deal_factor f ON f.band = g.band AND f.stratum = g.stratum
GROUP BY g.account_id, g.band

-- step: deal_spread
SELECT band, COUNT(*) AS accounts, CAST(SUM(milli * milli) AS BIGINT) AS square
FROM deal_residual
GROUP BY band

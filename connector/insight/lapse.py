"""Who may have stopped buying: the chance of it from the rhythm of orders, or the day on which a contract ends.

`deal`, terms of contracts and account_group come in; account_lapse(account_id, p_dead, basis, renewal_day,
renewal_due) leaves, a row for each account that ordered or has a contract. basis: `bg_nbd` where the model of Fader,
Hardie and Lee (2005) was fitted to all accounts, `silence` where there are too few for a fit, `contract` where the
renewal is the risk; nothing where it is unknown. That model takes orders to come at random; where they come regularly,
a long silence says more, so k of Platzer and Reutterer (2016) is taken from the gaps: 1 is the plain model. Formula:
methods, section 1.6. Next room: `key_accounts`.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from connector.insight.arrays import Floats, Ints
from connector.insight.steps import run_steps
from connector.schema import Context, Engine

# Of the logarithms of r, alpha, a and b: one order in a fortnight, and one account in four stops soon.
_START = (0.0, np.log(2.0), 0.0, np.log(3.0))
_BOUND = (np.log(1e-3), np.log(1e4))
_MOST_REGULAR = 6


@dataclass(frozen=True)
class Settings:
    """Settings of lapse; each says its meaning."""

    least_repeaters: int = field(
        default=50, metadata={"meaning": "Fewer accounts that ordered again: no model, silence against the usual gap."}
    )
    renewal_days: int = field(
        default=90, metadata={"meaning": "A contract that ends within these days without an open deal is at risk."}
    )

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        for name in ("least_repeaters", "renewal_days"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1, is {getattr(self, name)}")


class Cells(NamedTuple):
    """Accounts alike: x repeat orders, the last one t weeks after the first, which was `age` weeks ago.

    evenness: sum over these accounts of the squared shares of their gaps, in millionths; all in one gap is a million.
    """

    x: Ints
    t: Ints
    age: Ints
    accounts: Ints
    evenness: Ints


class Fit(NamedTuple):
    """Parameters of BG/NBD, in weeks: events come at gamma(r, alpha) rates, each k-th is an order, each order is the
    last by a beta(a, b) chance."""

    r: float
    alpha: float
    a: float
    b: float
    k: int = 1


def compute(engine: Engine, context: Context, settings: Settings) -> Fit | None:
    """Make account_lapse; the parameters it was judged by, if there are any."""
    run_steps(engine, "lapse", {"as_of": context.as_of})
    rows = engine.arrays("SELECT x, t, age, accounts, evenness FROM lapse_cell")
    made = fit(Cells(*(np.asarray(rows[c], dtype=np.int64) for c in Cells._fields)), settings.least_repeaters)
    judge(engine, context, settings, made)
    return made


def judge(engine: Engine, context: Context, settings: Settings, made: Fit | None) -> None:
    """Make account_lapse of what `lapse.sql` found, with these parameters, or without any."""
    used = made or Fit(1.0, 1.0, 1.0, 1.0)
    params = {
        "as_of": context.as_of,
        "renewal_days": settings.renewal_days,
        "fitted": int(made is not None),
        **used._asdict(),
        **{f"more_{n}": float(used.k >= n) for n in range(2, _MOST_REGULAR + 1)},
    }
    run_steps(engine, "lapse_result", params)


def fit(cells: Cells, least_repeaters: int = 1) -> Fit | None:
    """The parameters that make what was seen likeliest, or None: too few ordered again, or no maximum was found."""
    if cells.accounts[cells.x > 0].sum() < least_repeaters:
        return None
    # It takes longer to import than most commands take.
    from scipy.optimize import minimize  # noqa: PLC0415

    order = np.lexsort(cells[::-1])
    ordered = Cells(*(column[order] for column in cells))
    k = regularity(ordered)
    found = minimize(_loss, _START, args=(ordered, k), method="L-BFGS-B", jac=True, bounds=[_BOUND] * 4)
    if not found.success or not np.isfinite(found.fun):
        return None
    r, alpha, beta_a, beta_b = np.round(np.exp(found.x), 6).tolist()
    return Fit(r, alpha, beta_a, beta_b, k)


def regularity(cells: Cells) -> int:
    """The k whose gaps would be as even as these: n of them then have squared shares of (k + 1) / (n * k + 1)."""
    told = cells.x >= 3
    x, accounts, seen = cells.x[told], cells.accounts[told], cells.evenness[told].sum() / 1e6
    misses = [abs(seen - np.sum(accounts * (k + 1) / (x * k + 1))) for k in range(1, _MOST_REGULAR + 1)]
    return 1 + int(np.argmin(misses))


def _loss(logs: Floats, cells: Cells, k: int) -> tuple[float, Floats]:
    """Minus the mean log-likelihood, and its slope along the parameters' logarithms."""
    from scipy.special import digamma, gammaln  # noqa: PLC0415

    r, alpha, a, b = np.exp(logs)
    # Gamma functions cost most, and repeat orders are few different numbers.
    counts, at = np.unique(cells.x, return_inverse=True)
    x, n, weight = cells.x, r + k * cells.x, cells.accounts / cells.accounts.sum()
    log_age, log_last = np.log(alpha + cells.age), np.log(alpha + cells.t)
    # Alive: of the k events before the next order, 0 to k - 1 have come since. Each term, and its slopes, by the last.
    quiet = (cells.age - cells.t) / (alpha + cells.age)
    term, slope = np.ones(len(x)), np.zeros(len(x))
    terms, slopes_r, events = term, slope, np.zeros(len(x))
    for j in range(1, k):
        slope = (slope * (n + j - 1) + term) * quiet / j
        term = term * (n + j - 1) * quiet / j
        terms, slopes_r, events = terms + term, slopes_r + slope, events + j * term
    alive = np.log(terms) - n * log_age
    dead = np.where(x > 0, np.log(a / (b + np.maximum(x, 1) - 1)) - n * log_last, -np.inf)
    both = np.logaddexp(alive, dead)
    gone = np.exp(dead - both)
    rate = gammaln(r + k * counts) - gammaln(r) + r * np.log(alpha)
    stop = gammaln(a + b) - gammaln(a + b + counts) + gammaln(b + counts) - gammaln(b)
    ended = digamma(a + b) - digamma(a + b + counts)
    slope_r = (digamma(r + k * counts) - digamma(r) + np.log(alpha))[at]
    slope_r += (1 - gone) * (slopes_r / terms - log_age) - gone * log_last
    slope_alpha = r / alpha - (1 - gone) * (n + events / terms) / (alpha + cells.age) - gone * n / (alpha + cells.t)
    slope_a = ended[at] + gone / a
    slope_b = (ended + digamma(b + counts) - digamma(b))[at] - gone / (b + np.maximum(x, 1) - 1)
    slopes = np.array([np.sum(weight * s) for s in (slope_r, slope_alpha, slope_a, slope_b)])
    return -float(np.sum(weight * ((rate + stop)[at] + both))), -slopes * np.exp(logs)

"""How key accounts did since they were chosen, beside those that came near: an association, not an effect.

What is known of each account since the day of its selection comes in; differences with their intervals leave. Who was
chosen was chosen for a reason, so a difference shows what goes together, not what the programme caused. Formula of the
programme view: methods, section 6. Next room: `cli.programme_view`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
# Judged after years, not quarters: a younger selection tells nothing.
LEAST_DAYS = 364
LEAST_ACCOUNTS = 5
DRAWS, SEED = 2000, 20_251
LITERATURE = (
    "+33 % spend, +20 % satisfaction and +15 % revenue after some years: figures of the literature, not of ours"
)


@dataclass(frozen=True)
class Since:
    """One account since its selection: revenue of a year before and now, deals won and closed, satisfaction."""

    chosen: bool
    before_minor: int | None = None
    now_minor: int | None = None
    won: int = 0
    closed: int = 0
    satisfaction: float | None = None


@dataclass(frozen=True)
class Difference:
    """One measure of both groups, their difference and its 95 % interval; None where too few accounts are known."""

    measure: str
    unit: str
    key: float | None
    near: float | None
    key_accounts: int
    near_accounts: int
    difference: float | None = None
    low: float | None = None
    high: float | None = None


def differences(accounts: Sequence[Since]) -> list[Difference]:
    """Growth of revenue, win rate and satisfaction of key accounts against those that came near."""
    key, near = [a for a in accounts if a.chosen], [a for a in accounts if not a.chosen]
    return [
        _of_ratios("growth", _growth(key), _growth(near), less=1.0),
        _of_ratios("win rate", _deals(key), _deals(near)),
        _of_means("satisfaction", _satisfaction(key), _satisfaction(near)),
    ]


def _growth(group: Sequence[Since]) -> list[tuple[int, int]]:
    return [(a.now_minor, a.before_minor or 0) for a in group if a.now_minor is not None and (a.before_minor or 0) > 0]


def _deals(group: Sequence[Since]) -> list[tuple[int, int]]:
    return [(a.won, a.closed) for a in group if a.closed]


def _satisfaction(group: Sequence[Since]) -> list[float]:
    return [a.satisfaction for a in group if a.satisfaction is not None]


def _of_ratios(
    measure: str, key: Sequence[tuple[int, int]], near: Sequence[tuple[int, int]], less: float = 0.0
) -> Difference:
    """Difference of two sums' ratios; percentile interval of a bootstrap by account (Efron, Tibshirani 1993, ch. 13).

    By account, since the deals of one account go together; the seed is fixed, so equal accounts give equal intervals.
    """
    one, other = (_ratio(g) - less if g else None for g in (key, near))
    shown = Difference(measure, "%", one, other, len(key), len(near))
    if min(len(key), len(near)) < LEAST_ACCOUNTS or one is None or other is None:
        return shown
    generator = np.random.default_rng(SEED)
    drawn = _drawn(key, generator) - _drawn(near, generator)
    low, high = (float(q) for q in np.quantile(drawn, (0.025, 0.975)))
    return replace(shown, difference=one - other, low=low, high=high)


def _ratio(group: Sequence[tuple[int, int]]) -> float:
    return sum(over for over, _ in group) / sum(under for _, under in group)


def _drawn(group: Sequence[tuple[int, int]], generator: np.random.Generator) -> Floats:
    values = np.array(group, dtype=np.int64)
    drawn = values[generator.integers(0, len(values), (DRAWS, len(values)))].sum(axis=1)
    return np.asarray(drawn[:, 0] / drawn[:, 1], dtype=np.float64)


def _of_means(measure: str, key: Sequence[float], near: Sequence[float]) -> Difference:
    """Difference of two means; Welch's interval with the degrees of freedom of Satterthwaite (Welch 1947)."""
    from scipy.special import stdtrit  # noqa: PLC0415

    (one, first), (other, second) = _mean(key), _mean(near)
    shown = Difference(measure, "points", one, other, len(key), len(near))
    if min(len(key), len(near)) < LEAST_ACCOUNTS or one is None or other is None:
        return shown
    spread, error = 0.0, first + second
    if error > 0:
        freedom = error**2 / (first**2 / (len(key) - 1) + second**2 / (len(near) - 1))
        spread = float(stdtrit(freedom, 0.975)) * sqrt(error)
    return replace(shown, difference=one - other, low=one - other - spread, high=one - other + spread)


def _mean(values: Sequence[float]) -> tuple[float | None, float]:
    """Mean, and its squared standard error."""
    if not values:
        return None, 0.0
    mean = sum(values) / len(values)
    return mean, sum((v - mean) ** 2 for v in values) / max(len(values) - 1, 1) / len(values)

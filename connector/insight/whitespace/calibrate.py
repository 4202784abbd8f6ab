"""How often what a score promises comes true: two earlier days scored again, held against what was bought since.

When each account bought each family for the first and the last time comes in; a curve from score to odds leaves, an
anchor for each family, and whether our order beat mere popularity. Odds stand beside a family's base rate, so the
probability is base rate x odds. Formulas: methods, sections 4.2 and 4.5. Next room: `gaps`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from connector.insight.arrays import Flags, Floats, Ints, blocks, rounded
from connector.insight.whitespace.history import History, first_days, levels_at
from connector.insight.whitespace.model import scores
from connector.insight.whitespace.propensity import group
from connector.insight.whitespace.settings import Settings
from connector.insight.whitespace.uptake import uptake

# Half a year, or a quarter where less than a year and a half is known.
_HALF_YEAR, _QUARTER, _SHORT_HISTORY = 182, 91, 548
# The newest window ends with one of these periods, so that what is learned here does not move every night.
_PERIOD = 28
_STEPS = 200
# Cells of the mean that steady each step of the curve and each family's anchor.
_STEADY = 5.0
_LIST = 5


class Window(NamedTuple):
    """Open cells of a sample of accounts on one day: family, score, and whether it was bought before the window's end.

    ours, popular: share of what was bought that stood among the first five of a list, account by account. The popular
    list is of the families that most have, or that most bought of late, whichever did better.
    """

    begins: int
    ends: int
    family: Ints
    score: Floats
    bought: Flags
    ours: Floats
    popular: Floats


class Curve(NamedTuple):
    """Odds by score, to be drawn straight between these points, and each family's mean of it.

    A family's cells have on average odds of 1, so that its base rate stays.
    """

    at: Floats
    odds: Floats
    anchor: Floats

    def of(self, score: Floats, family: Ints) -> Floats:
        """Odds of some cells."""
        return rounded(np.interp(score, self.at, self.odds) / self.anchor[family])


class Calibration(NamedTuple):
    """What the windows taught: the curve where there were purchases enough, and how good the scores were.

    error: how far probability and rate lay apart on average in the newest window, by the curve of the one before; None
    where there is no such curve. ours, popular: recall in the first five. beaten: whether popularity was, by more than
    chance; None where nothing was bought or chance may have done it.
    """

    curve: Curve | None
    adoptions: int
    begins: int | None
    ends: int | None
    error: float | None
    ours: float | None
    popular: float | None
    beaten: bool | None


def windows(history: History, families: int, day: int, settings: Settings) -> list[Window]:
    """The last two windows, the older first, as far as history reaches back."""
    bought = history.first_day[history.first_day >= 0]
    if not bought.size:
        return []
    newest = day - day % _PERIOD
    width = _HALF_YEAR if newest - int(bought.min()) >= _SHORT_HISTORY else _QUARTER
    made = [_window(history, families, newest - width * back, width, settings) for back in (2, 1)]
    return [w for w in made if w is not None]


def calibrate(found: Sequence[Window], families: int, settings: Settings) -> Calibration:
    """What the windows teach."""
    if not found:
        return Calibration(None, 0, None, None, None, None, None, None)
    adoptions = sum(int(w.bought.sum()) for w in found)
    curve = fit(found, families) if adoptions >= settings.least_adoptions else None
    error = None
    if len(found) > 1 and int(found[0].bought.sum()) >= settings.least_adoptions:
        error = calibration_error(found[:1], found[-1], families)
    ours, popular = (np.concatenate([w[n] for w in found]) for n in (-2, -1))
    enough = len(ours) >= settings.minimum_accounts
    return Calibration(
        curve,
        adoptions,
        found[0].begins,
        found[-1].ends,
        error,
        float(ours.mean()) if len(ours) else None,
        float(popular.mean()) if len(ours) else None,
        _beats(ours - popular) if enough else None,
    )


def fit(found: Sequence[Window], families: int) -> Curve:
    """Rate of purchases by score: pooled, made to rise, divided by the mean; and each family's mean of it."""
    score, bought, family = (np.concatenate([getattr(w, n) for w in found]) for n in ("score", "bought", "family"))
    step = np.minimum((score * _STEPS).astype(np.int64), _STEPS - 1)
    cells = np.bincount(step, minlength=_STEPS).astype(np.float64)
    # Scores are whole millionths, so that their sums are exact.
    middle = np.bincount(step, weights=np.floor(score * 1e6 + 0.5), minlength=_STEPS) / 1e6
    hits = np.bincount(step, weights=bought, minlength=_STEPS)
    mean = hits.sum() / cells.sum()
    used = cells > 0
    rates = rising((hits[used] + _STEADY * mean) / (cells[used] + _STEADY), cells[used] + _STEADY)
    at, odds = rounded(middle[used] / cells[used]), rounded(rates / mean)
    drawn = np.interp(score, at, odds)
    sums = np.bincount(family, weights=np.floor(drawn * 1e6 + 0.5), minlength=families) / 1e6
    anchor = rounded((sums + _STEADY) / (np.bincount(family, minlength=families) + _STEADY))
    return Curve(at, odds, anchor)


def rising(values: Floats, weights: Floats) -> Floats:
    """The nearest values that never fall, by pooling neighbours that do (pool adjacent violators)."""
    pools: list[list[float]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        pools.append([value, weight, 1])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            last, before = pools.pop(), pools.pop()
            weight_of_both = last[1] + before[1]
            pools.append(
                [(last[0] * last[1] + before[0] * before[1]) / weight_of_both, weight_of_both, last[2] + before[2]]
            )
    return np.repeat([p[0] for p in pools], [int(p[2]) for p in pools]).astype(np.float64)


def calibration_error(past: Sequence[Window], now: Window, families: int) -> float:
    """How far promised and real rates lie apart, in ten groups of equal size by promise (ECE)."""
    curve = fit(past, families)
    family, bought = (np.concatenate([getattr(w, n) for w in past]) for n in ("family", "bought"))
    mean = bought.sum() / len(bought)
    rate = (np.bincount(family, weights=bought, minlength=families) + _STEADY * mean) / (
        np.bincount(family, minlength=families) + _STEADY
    )
    promised = np.minimum(rate[now.family] * curve.of(now.score, now.family), 1.0)
    order = np.argsort(promised, kind="stable")
    groups = np.array_split(order, 10)
    apart = sum(abs(float(promised[g].sum()) - float(now.bought[g].sum())) for g in groups if len(g))
    return float(rounded(np.array([apart / len(order)]))[0])


def _window(history: History, families: int, begins: int, width: int, settings: Settings) -> Window | None:
    """One window, or None where too little was known on its first day."""
    levels = levels_at(history, begins, families, settings.halve_days)
    alive = np.flatnonzero(levels.any(axis=1))
    if len(alive) < settings.minimum_accounts or np.count_nonzero(levels.any(axis=0)) < settings.minimum_families:
        return None
    new: Flags = np.zeros(levels.shape, dtype=np.bool_)
    within = (history.first_day > begins) & (history.first_day <= begins + width)
    new[history.account[within], history.family[within]] = True
    levels, new = levels[alive], new[alive]
    patterns = group(levels, history.traits[alive])
    rates = uptake(first_days(history, families), begins, settings.assumed_rate)
    blend = scores(patterns, settings, rates).blend[patterns.member]
    # Of a family that nobody had, nothing could be learned.
    open_cells = (levels == 0) & levels.any(axis=0)
    new &= open_cells
    row, family = np.nonzero(open_cells)
    owners, lately = (
        np.broadcast_to(np.count_nonzero(levels >= least, axis=0) * 1.0, levels.shape) for least in (1, 2)
    )
    popular = [_recall(values, open_cells, new) for values in (owners, lately)]
    return Window(
        begins,
        begins + width,
        family,
        blend[row, family],
        new[row, family],
        _recall(blend, open_cells, new),
        max(popular, key=lambda found: float(found.mean()) if len(found) else 0.0),
    )


def _recall(values: Floats, open_cells: Flags, new: Flags) -> Floats:
    """Share of what each account bought anew that stood among its first five open cells; equal ones count in part."""
    buyers = np.flatnonzero(new.any(axis=1))
    made = np.zeros(len(buyers))
    for part in blocks(len(buyers), new.shape[1] ** 2):
        rows = buyers[part]
        listed, found = np.where(open_cells[rows], values[rows], -np.inf), new[rows]
        above = (listed[:, None, :] > listed[:, :, None]).sum(axis=2)
        equal = (listed[:, None, :] == listed[:, :, None]).sum(axis=2)
        chance = np.clip((_LIST - above) / equal, 0.0, 1.0)
        made[part] = (chance * found).sum(axis=1) / found.sum(axis=1)
    return made


def _beats(ahead: Floats) -> bool | None:
    """Whether the mean of these differences lies above 0 by more than chance: by two standard errors.

    None where it is above, but may be so by chance: what rests on this then moves only when the mean crosses 0.
    """
    if ahead.mean() <= 0:
        return False
    return True if ahead.mean() > 1.96 * ahead.std() / np.sqrt(len(ahead)) else None

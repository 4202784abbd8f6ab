"""What a family is worth to accounts of a size at best, and whether yesterday's total came true.

A sample of accounts with what they spent comes in; ceilings by family and size leave, and the ratio of the total that
would have been expected a year ago to what was spent. Formulas: methods, section 4.4. Next room: `gaps`.
"""

from typing import NamedTuple

import numpy as np

from connector.insight.arrays import Flags, Floats, Ints, rounded
from connector.insight.whitespace.calibrate import Calibration
from connector.insight.whitespace.history import History
from connector.insight.whitespace.settings import Settings
from connector.schema import Engine

# Adopters nearest in size that a ceiling is read from, and how many it takes.
_PEERS, _LEAST = 20, 8
_STEADY = 5.0
_MOST_SMEAR = 10.0


class Ceilings(NamedTuple):
    """The 80th percentile of what accounts near a size spend in a family in a year, -1 where too few do.

    A row for each family and each class from `least` to `most`, and one for the unknown size, -1.
    """

    least: int
    most: int
    family: Ints
    size_class: Ints
    minor: Ints


class Totals(NamedTuple):
    """smear: what a sum of medians has to be multiplied with, since money is skewed. ratio: what would have been
    expected in sum a year ago, by what was known then, over what was spent; None where less than two years are known
    or nothing was spent."""

    smear: float
    ratio: float | None


def load(
    engine: Engine, history: History, families: int, day: int, settings: Settings, learned: Calibration
) -> dict[str, int]:
    """Load whitespace_ceiling, and whitespace_learned: one row of what the past says about scores and values.

    What is answered are the smallest and the largest class of size.
    """
    found, total = ceilings(history, families), totals(history, families, day, settings)
    # Whole numbers with holes: amounts stay exact.
    minor = np.ma.masked_less(found.minor, 0)
    engine.load(
        "whitespace_ceiling", {"family_n": found.family, "size_class": found.size_class, "ceiling_minor": minor}
    )
    row = {
        "calibrated": learned.curve is not None,
        "adoptions": learned.adoptions,
        "begins_day": learned.begins,
        "ends_day": learned.ends,
        "calibration_error": learned.error,
        "recall_ours": learned.ours,
        "recall_popular": learned.popular,
        "beats_popular": learned.beaten,
        "smear": total.smear,
        "total_ratio": total.ratio,
    }
    engine.load("whitespace_learned", {k: np.array([np.nan if v is None else float(v)]) for k, v in row.items()})
    return {"least_class": found.least, "most_class": found.most}


def ceilings(history: History, families: int) -> Ceilings:
    """Ceilings of every family, for every class of size from the smallest account's to the largest's."""
    known = history.size_class[history.size_class >= 0]
    least, most = (int(known.min()), int(known.max())) if known.size else (0, 0)
    classes = np.arange(least, most + 1)
    spends = (history.year_minor > 0) & (history.size[history.account] > 0)
    minor = np.full((families, 1 + len(classes)), -1)
    for family in range(families):
        cells = np.flatnonzero(spends & (history.family == family))
        if len(cells) < _LEAST:
            continue
        size, spent = np.log2(history.size[history.account[cells]]), history.year_minor[cells]
        for place, size_class in enumerate(classes.tolist(), 1):
            # Nearest to the middle of the class; equal ones as they come, by account.
            near = np.argsort(np.abs(size - (size_class + 0.5) / 4.0), kind="stable")[:_PEERS]
            minor[family, place] = np.sort(spent[near])[-(-len(near) * 4 // 5) - 1]
    table = np.repeat(np.arange(families), 1 + len(classes)), np.tile([-1, *classes.tolist()], families)
    return Ceilings(least, most, *table, minor.ravel())


def totals(history: History, families: int, day: int, settings: Settings) -> Totals:
    """Smearing factor of today, and the ratio of the total on the same day a year ago."""
    now = _typical(history.year_minor, history, families, settings.exponent)
    ratio = None
    bought = history.first_day[history.first_day >= 0]
    if bought.size and settings.halve_days > 365 and day - int(bought.min()) >= 730:
        ratio = _ratio(history, families, day - 365, settings)
    return Totals(now.smear, ratio)


class _Typical(NamedTuple):
    """By family: typical spend, its adopters' typical size, the cap; the smearing factor; each account's size."""

    minor: Floats
    size: Floats
    cap: Floats
    smear: float
    own_size: Floats

    def value(self, family: int, exponent: float) -> Floats:
        """What each account would spend in a family."""
        scaled = np.where(
            (self.own_size > 0) & (self.size[family] > 0),
            self.minor[family] * (np.maximum(self.own_size, 1.0) / max(self.size[family], 1.0)) ** exponent,
            self.minor[family],
        )
        return np.asarray(np.minimum(scaled, self.cap[family]))


def _typical(spent: Ints, history: History, families: int, exponent: float) -> _Typical:
    """The typical values of `estimate.sql`, of what was spent in one year."""
    own_size: Floats = np.zeros(len(history.traits))
    np.add.at(own_size, history.account, np.maximum(spent, 0))
    some = spent > 0
    middle_of_all = float(np.median(spent[some])) if some.any() else 0.0
    minor, size, cap = np.full(families, middle_of_all), np.zeros(families), np.full(families, np.inf)
    logs: list[Floats] = []
    for family in range(families):
        cells = np.flatnonzero(some & (history.family == family))
        if not len(cells):
            continue
        amounts: Floats = np.sort(spent[cells]).astype(np.float64)
        sizes = own_size[history.account[cells]]
        minor[family] = (len(cells) * np.median(amounts) + _STEADY * middle_of_all) / (len(cells) + _STEADY)
        size[family], cap[family] = np.median(sizes), amounts[-(-len(cells) * 9 // 10) - 1]
        logs.append(np.log(spent[cells] / (minor[family] * (sizes / size[family]) ** exponent)))
    spread = float(np.concatenate(logs).var()) if logs else 0.0
    return _Typical(minor, size, cap, float(rounded(np.array([min(_MOST_SMEAR, np.exp(spread / 2.0))]))[0]), own_size)


def _ratio(history: History, families: int, cut: int, settings: Settings) -> float | None:
    """Total expected on a day for the year after it, over all open cells, to what was spent in those then bought."""
    typical = _typical(history.before_minor, history, families, settings.exponent)
    had_then, had = (_had(history, families, day) for day in (cut - 365, cut))
    customers, alive = (np.asarray(table.any(axis=1)) for table in (had_then, had))
    began = (had & ~had_then & customers[:, None]).sum(axis=0)
    could = customers.sum() - had_then[customers].sum(axis=0)
    mean = (began.sum() + _STEADY * settings.assumed_rate) / (could.sum() + _STEADY)
    rate = (began + _STEADY * mean) / (could + _STEADY)
    expected = 0.0
    for family in range(families):
        open_cells = alive & ~had[:, family]
        expected += float(rate[family] * typical.value(family, settings.exponent)[open_cells].sum())
    new = (history.first_day > cut) & alive[history.account]
    spent = int(history.year_minor[new].sum())
    return float(rounded(np.array([expected * typical.smear / spent]))[0]) if spent > 0 else None


def _had(history: History, families: int, day: int) -> Flags:
    """Which cells were bought, or installed, up to a day."""
    had: Flags = np.zeros((len(history.traits), families), dtype=np.bool_)
    known = history.first_day <= day
    had[history.account[known], history.family[known]] = True
    return had

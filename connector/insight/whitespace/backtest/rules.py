"""Ways to score cells at a cut: ours, its parts, and the simple rules it must beat.

What was known at a cut comes in; scores leave, a row for each account and a column for each family. Next room:
`measures`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from connector.insight.arrays import Floats
from connector.insight.whitespace.backtest.history import YEAR, Known
from connector.insight.whitespace.model import scores
from connector.insight.whitespace.propensity import group
from connector.insight.whitespace.settings import Settings
from connector.insight.whitespace.uptake import uptake

OURS, EASE, NEAR = "our default", "item model alone (EASE)", "neighbours alone (account-kNN)"
POPULARITY, RECENT, SEGMENT = "popularity", "recent popularity", "segment popularity"
BASELINES = (POPULARITY, RECENT, SEGMENT)
# So many accounts like everybody stand in each segment.
_SHRINK = 10.0


class Scored(NamedTuple):
    """What a rule says at a cut; chance: the probability that a cell is filled in the window, if the rule has one."""

    name: str
    scores: Floats
    chance: Floats | None = None


def scored(at: Known, settings: Settings) -> Iterator[Scored]:
    """Every rule, one at a time: a table of a million accounts is large."""
    patterns = group(at.levels, at.traits)
    found = scores(patterns, settings, uptake(at.first, at.day, settings.assumed_rate))
    blend = found.blend[patterns.member]
    yield Scored(OURS, blend, chance(at, blend, settings))
    yield Scored(EASE, found.ease[patterns.member].astype(np.float64))
    yield Scored(NEAR, found.near[patterns.member].astype(np.float64))
    del found, blend
    shape = at.levels.shape
    yield Scored(POPULARITY, np.broadcast_to((at.levels > 0).mean(axis=0), shape))
    yield Scored(RECENT, np.broadcast_to(at.recent.mean(axis=0), shape))
    yield Scored(SEGMENT, segment_popularity(at))


def segment_popularity(at: Known) -> Floats:
    """Share of owners among accounts of the same industry and country, drawn towards everybody's share."""
    owned = (at.levels > 0).astype(np.float64)
    _, segment = np.unique(at.traits[:, :2], axis=0, return_inverse=True)
    sums = np.zeros((int(segment.max(initial=0)) + 1, owned.shape[1]))
    np.add.at(sums, segment, owned)
    counts = np.bincount(segment)[:, None]
    result: Floats = ((sums + _SHRINK * owned.mean(axis=0)) / (counts + _SHRINK))[segment]
    return result


def chance(at: Known, blend: Floats, settings: Settings) -> Floats:
    """Probability of each cell within the window, as `estimate.sql` has it within a year: the base rate of the window
    before, five cells of everybody's, itself five of the assumed one, spread over the family's scores by s^3."""
    could, began = at.could.sum(axis=0), at.began.sum(axis=0)
    assumed = settings.assumed_rate * at.window / YEAR
    everybody = (began.sum() + 5.0 * assumed) / (could.sum() + 5.0)
    rate = (began + 5.0 * everybody) / (could + 5.0)
    odds = np.maximum(blend, 0.0) ** 3
    free = np.maximum((blend >= 0).sum(axis=0), 1)
    result: Floats = np.minimum(0.9, rate * odds / np.maximum(odds.sum(axis=0) / free, 0.0025))
    return result

"""What similar accounts bought: the nearest by purchases and by traits (account-kNN).

Next room: `gaps`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from connector.insight.arrays import MILLION, Floats, Ints, blocks, millionths
from connector.insight.whitespace.propensity import Patterns

# A table of similarities that stays in a processor's cache is worked on twice as fast.
_NEAR_CELLS = 250_000


@dataclass(frozen=True)
class Neighbours:
    """What accounts similar to some patterns bought: a score in whole millionths, and how many of the `peers` nearest
    ones bought it recently."""

    score: Ints
    owners: Ints
    peers: Ints


def usable_traits(patterns: Patterns) -> list[int]:
    """Traits that at least half of the accounts have and that tell accounts apart."""
    known = patterns.traits >= 0
    filled = (known * patterns.counts[:, None]).sum(axis=0) * 2 >= patterns.counts.sum()
    several = [len(np.unique(patterns.traits[known[:, t], t])) > 1 for t in range(patterns.traits.shape[1])]
    return [t for t, varied in enumerate(several) if varied and filled[t]]


def neighbours(
    patterns: Patterns, *, k: int, peers: int, firmographic: float, exact_limit: int, reference: int
) -> Callable[[Ints], Neighbours]:
    """For some patterns: similarity-weighted ownership among the k nearest other accounts, by cosine and by traits.

    Traits count when two are usable. Beyond `exact_limit` patterns the neighbours come from a systematic sample of
    `reference` accounts in row order.
    """
    index, counts = _references(patterns, exact_limit, reference)
    features, theirs = _features(patterns, index, firmographic)
    bought, recent = patterns.x(index), (patterns.levels[index] == 2) * 1.0

    def some(rows: Ints) -> tuple[Ints, Ints, Ints]:
        table = features(rows) @ theirs.T
        picked, similarity = _nearest(table, min(k + 1, len(index)))
        # The account itself stands in its own pattern: it is no neighbour of its own.
        available = counts[picked] - (index[picked] == rows[:, None])
        available[similarity == 0] = 0
        used, closest = _first(available, k), _first(available, peers)
        weight = similarity * used
        total = weight.sum(axis=1)
        # Weights are whole numbers and purchases halves: sums are exact in whatever order they are taken.
        table.fill(0.0)
        np.put_along_axis(table, picked, weight, axis=1)
        score = millionths(table @ bought / np.where(total == 0, 1.0, total)[:, None])
        np.put_along_axis(table, picked, closest, axis=1)
        return score, (table @ recent).astype(np.int64), closest.sum(axis=1)

    def near(rows: Ints) -> Neighbours:
        parts = [some(rows[part]) for part in blocks(len(rows), len(index), _NEAR_CELLS)]
        return Neighbours(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    return near


def _references(patterns: Patterns, exact_limit: int, reference: int) -> tuple[Ints, Ints]:
    """Patterns to look for neighbours in and how many accounts each stands for."""
    size = len(patterns.counts)
    if size <= exact_limit:
        return np.arange(size), patterns.counts
    total = int(patterns.counts.sum())
    positions = (np.arange(reference, dtype=np.int64) * 2 + 1) * total // (2 * reference)
    drawn = np.searchsorted(np.cumsum(patterns.counts), positions, side="right")
    index, counts = np.unique(drawn, return_counts=True)
    return index.astype(np.int64), counts.astype(np.int64)


def _features(patterns: Patterns, index: Ints, firmographic: float) -> tuple[Callable[[Ints], Floats], Floats]:
    """Columns of some rows, and of each reference, whose product is their similarity, 0 to 1.

    Cosine of what they bought, and the mean over usable traits: equal industry or country counts 1, sizes lose a
    quarter per doubling, unknown counts 0.
    """
    traits = usable_traits(patterns)
    share = firmographic if len(traits) >= 2 else 0.0
    used = traits if share else []
    codes = {t: np.unique(patterns.traits[patterns.traits[:, t] >= 0, t]) for t in used}

    def unit(rows: Ints) -> Floats:
        x = patterns.x(rows)
        length = np.sqrt((x**2).sum(axis=1, keepdims=True))
        return np.asarray(x / np.where(length == 0, 1.0, length))

    def mine(rows: Ints) -> Floats:
        parts = [unit(rows) * (1.0 - share)]
        for trait in used:
            own = patterns.traits[rows, trait]
            away = np.abs(own[:, None] - codes[trait][None, :])
            near = (away == 0) * 1.0 if trait < 2 else np.maximum(0.0, 1.0 - away / 4.0)
            near[own < 0] = 0.0
            parts.append(near * (share / len(traits)))
        return np.hstack(parts)

    theirs = [unit(index), *((patterns.traits[index, t][:, None] == codes[t][None, :]) * 1.0 for t in used)]
    return mine, np.hstack(theirs)


def _nearest(similarity: Floats, k: int) -> tuple[Ints, Floats]:
    """Columns and similarities, in whole millionths, of the k largest of each row; equal ones in column order.

    Works in place on one table of keys, because that table is what takes the memory.
    """
    width = similarity.shape[1]
    keys = similarity
    keys *= MILLION
    keys += 0.5
    np.floor(keys, out=keys)
    keys *= width
    keys += width - 1 - np.arange(width)
    keys.partition(width - k, axis=1)
    best = np.sort(keys[:, width - k :], axis=1)[:, ::-1]
    similar = np.floor(best / width)
    # A key tells its column, so that the values alone are sorted: a processor does that far faster.
    return (width - 1 - (best - similar * width)).astype(np.int64), similar


def _first(available: Ints, k: int) -> Ints:
    """How many accounts of each neighbour are among the first k accounts."""
    before = np.cumsum(available, axis=1) - available
    result: Ints = np.clip(k - before, 0, available)
    return result

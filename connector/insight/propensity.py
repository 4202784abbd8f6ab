"""The dense algebra of whitespace: which families go together (EASE), and what similar accounts bought (kNN).

An ownership matrix and account traits come in; one score per distinct pattern and family leaves. Accounts with the
same row are one pattern, so a million accounts cost no more than their distinct rows. Everything is rounded to
millionths and ties are settled by the rows themselves, never by ids. Next room: `whitespace`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

# Whole numbers of any width.
Ints = np.ndarray[Any, np.dtype[np.signedinteger[Any]]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
MILLION = 1_000_000
_BLOCK_CELLS = 4_000_000
# A table of similarities that stays in a processor's cache is worked on twice as fast.
_NEAR_CELLS = 250_000


@dataclass(frozen=True)
class Patterns:
    """Distinct rows of the ownership matrix with their traits; `member` gives each account's pattern.

    levels: 0 never bought, 1 long ago, 2 recently. traits: industry, country, size by people, size by revenue as
    codes, -1 where unknown. counts: accounts per pattern.
    """

    levels: Ints
    traits: Ints
    counts: Ints
    member: Ints

    def x(self, rows: Ints | slice) -> Floats:
        """Rows of the matrix of the algebra: 1 bought recently, one half long ago, 0 never."""
        return self.levels[rows] / 2.0


@dataclass(frozen=True)
class Neighbours:
    """What accounts similar to some patterns bought: a score in whole millionths, and how many of the `peers` nearest
    ones bought it recently."""

    score: Ints
    owners: Ints
    peers: Ints


def group(levels: Ints, traits: Ints) -> Patterns:
    """Patterns in the order of their rows, so that neither ids nor the order of accounts matter."""
    keys = [*_words(levels), *traits.T]
    order = np.lexsort(keys[::-1])
    ranked = np.column_stack([key[order] for key in keys]) if len(order) else np.zeros((0, 1), dtype=np.int64)
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
    member = np.empty(len(order), dtype=np.int64)
    member[order] = np.cumsum(begins) - 1
    first = order[begins]
    return Patterns(levels[first], traits[first], np.bincount(member).astype(np.int64), member)


def ease(patterns: Patterns, ridge: float) -> Floats:
    """Item weights of EASE (Steck 2019), λ = `ridge` per account: P = (X'X + λI)^-1, B = -P / diag(P), diagonal 0."""
    # Halves times whole numbers: the sums are exact in whatever order they are taken.
    gram = np.zeros((patterns.levels.shape[1],) * 2)
    for rows in blocks(len(patterns.counts)):
        gram += (patterns.x(rows) * patterns.counts[rows, None]).T @ patterns.x(rows)
    inverse = np.linalg.inv(gram + np.eye(len(gram)) * (ridge * patterns.counts.sum()))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return rounded(weights)


def shrunk_lift(patterns: Patterns) -> tuple[Floats, Ints]:
    """Lift of each pair of families, drawn towards 1 as by ten more owners of both; and how many own both."""
    # Floats, because only they multiply fast; counts below 2^53 stay exact.
    found = np.zeros((patterns.levels.shape[1],) * 2)
    for rows in blocks(len(patterns.counts)):
        owned = (patterns.levels[rows] > 0).astype(np.float64)
        found += (owned * patterns.counts[rows, None]).T @ owned
    joint = found.astype(np.int64)
    total = int(patterns.counts.sum())
    share = np.diag(joint) / total
    expected = np.outer(share, share) * total
    return rounded((joint + 10.0) / (expected + 10.0)), joint


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


class Ranks:
    """Percentile ranks of scores in whole millionths, cells counted by weight; scores may be added in any order."""

    def __init__(self) -> None:
        self._low = 0
        self._mass: Floats = np.zeros(1)

    def add(self, values: Ints, weights: Ints) -> None:
        """Count some cells."""
        if values.size:
            low, high = min(self._low, int(values.min())), max(self._low + len(self._mass) - 1, int(values.max()))
            mass: Floats = np.asarray(np.bincount(values - low, weights=weights, minlength=high - low + 1), np.float64)
            start = self._low - low
            mass[start : start + len(self._mass)] += self._mass
            self._low, self._mass = low, mass

    def of(self, values: Ints) -> Floats:
        """Share of cells below each value plus half of those equal."""
        total = self._mass.sum()
        ranks: Floats = rounded((np.cumsum(self._mass) - self._mass / 2.0) / (total or 1.0))
        return ranks[values - self._low]


def rounded(values: Floats) -> Floats:
    """Values to the nearest millionth, halves up."""
    result: Floats = np.floor(values * MILLION + 0.5) / MILLION
    return result


def millionths(values: Floats) -> Ints:
    """Values in whole millionths, halves up."""
    return np.floor(values * MILLION + 0.5).astype(np.int64)


def _words(levels: Ints) -> list[Ints]:
    """Rows packed into whole numbers, 38 families a word: sorting a few words beats sorting wide rows."""
    words = []
    for start in range(0, levels.shape[1], 38):
        part = levels[:, start : start + 38]
        powers = 3 ** np.arange(part.shape[1], dtype=np.int64)[::-1]
        words.append(np.concatenate([part[rows] @ powers for rows in blocks(len(part))] or [np.zeros(0, np.int64)]))
    return words


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


def blocks(rows: int, width: int = 64, cells: int = _BLOCK_CELLS) -> Iterator[slice]:
    """Rows in blocks whose tables of that width have about so many cells; of even length, to be reckoned alike."""
    step = max(1, cells // max(width, 1) // 64) * 64
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


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

"""How likely each account takes each family: the item model, the neighbours, and their blend, without any SQL.

Patterns of who bought what and how fast each family is taken up come in; scores of every cell leave, for the ideas and
for the back-test alike. Formulas: methods, section 4.2; but a model's score counts by its lift, over its mean in the
family, times the family's uptake: that foretold more at every cut of benchmarks/RESULTS.md, on whose data it was
chosen. Next room: `gaps`.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

from connector.insight.arrays import Floats, Ints, Ranks, blocks, millionths, rounded
from connector.insight.whitespace.neighbours import Neighbours, neighbours
from connector.insight.whitespace.propensity import Patterns, ease
from connector.insight.whitespace.settings import Settings

# Patterns scored at a time, so that no wide table of all of them ever stands in memory.
_PART_WIDTH = 512
# Patterns from which the mean of each family is taken; lifts are counted in hundred-thousandths of a yearly rate.
_SAMPLE, _UNIT, _MOST = 5_000, 100_000, 5_000_000
Made = TypeVar("Made")


class Part(NamedTuple):
    """Some patterns in a row with both models' scores of all their families, in whole millionths.

    first, second: what these count for.
    """

    rows: slice
    ease: Ints
    near: Neighbours
    first: Ints
    second: Ints


class Models(NamedTuple):
    """Both models, ready to score; ease_lift and near_lift: what a score of each counts for in each family.

    sample: some patterns, evenly from all, with what both scores count for.
    """

    weights: Floats
    near: Callable[[Ints], Neighbours]
    ease_lift: Floats
    near_lift: Floats
    sample: tuple[Ints, Ints, Ints]


class Scores(NamedTuple):
    """Scores of every cell, patterns x families: `ease` and `near` of each model alone in whole millionths, `blend` the
    mean of the percentile ranks of what they count for, among the cells not bought, 0 to 1; -1 where it was bought."""

    ease: Ints
    near: Ints
    blend: Floats


class Cells(NamedTuple):
    """Cells not bought of a part: what both models' scores count for, and how many accounts each stands for."""

    first: Ints
    second: Ints
    accounts: Ints

    def add_to(self, firsts: Ranks, seconds: Ranks) -> None:
        """Count them for the percentile ranks of both models."""
        firsts.add(self.first, self.accounts)
        seconds.add(self.second, self.accounts)


def train(patterns: Patterns, settings: Settings, rates: Floats) -> Models:
    """Both models of a matrix; rates: how fast each family is taken up."""
    weights = ease(patterns, settings.ridge)
    near = neighbours(
        patterns,
        k=settings.neighbours,
        peers=settings.peers,
        firmographic=settings.firmographic,
        exact_limit=settings.exact_limit,
    )
    size = len(patterns.counts)
    rows = np.arange(size) if size <= _SAMPLE else (np.arange(_SAMPLE) * 2 + 1) * size // (2 * _SAMPLE)
    counted = (patterns.levels[rows] == 0) * patterns.counts[rows, None]

    def lift(found: Ints) -> Floats:
        # Sums of whole numbers: exact in whatever order they are taken.
        sums = (np.maximum(found, 0) * counted).sum(axis=0)
        return np.asarray(rates * _UNIT * counted.sum(axis=0) / np.maximum(sums, 1))

    beside = near(rows)
    first, second = millionths(patterns.x(rows) @ weights), beside.score
    lifts = lift(first), lift(second)
    sample = (rows, _lifted(first, lifts[0]), _lifted(second, lifts[1]))
    return Models(weights, _remembering(near, rows, beside), *lifts, sample)


def _remembering(near: Callable[[Ints], Neighbours], rows: Ints, seen: Neighbours) -> Callable[[Ints], Neighbours]:
    """The same answers, without looking again for those of these rows."""

    def some(asked: Ints) -> Neighbours:
        place = np.minimum(np.searchsorted(rows, asked), len(rows) - 1)
        fresh = rows[place] != asked
        found = near(asked[fresh])
        made = Neighbours(seen.score[place], seen.owners[place], seen.peers[place])
        made.score[fresh], made.owners[fresh], made.peers[fresh] = found.score, found.owners, found.peers
        return made

    return some


def scores(patterns: Patterns, settings: Settings, rates: Floats) -> Scores:
    """Scores of every cell of a matrix; an account's row is that of its pattern, `patterns.member`."""
    shape = patterns.levels.shape
    first, second = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    models, firsts, seconds = train(patterns, settings, rates), Ranks(), Ranks()
    for part in parts(patterns, models, lambda made: made):
        first[part.rows], second[part.rows] = part.ease, part.near.score
        cells_of(patterns, part).add_to(firsts, seconds)
    blend = np.full(shape, -1.0)
    for rows in blocks(shape[0], shape[1]):
        cells = patterns.levels[rows] == 0
        one, other = _lifted(first[rows], models.ease_lift), _lifted(second[rows], models.near_lift)
        blend[rows][cells] = blended(firsts, seconds, one[cells], other[cells])
    return Scores(first, second, blend)


def parts(patterns: Patterns, models: Models, then: Callable[[Part], Made]) -> Iterator[Made]:
    """What `then` makes of both models' scores of all patterns, some thousands at a time, in order."""

    def made(rows: slice) -> Made:
        found, near = millionths(patterns.x(rows) @ models.weights), models.near(np.arange(rows.start, rows.stop))
        counts_for = _lifted(found, models.ease_lift), _lifted(near.score, models.near_lift)
        return then(Part(rows, found, near, *counts_for))

    # Two parts at a time: numpy lets go of the interpreter while it works.
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(made, blocks(len(patterns.counts), _PART_WIDTH))


def cells_of(patterns: Patterns, part: Part) -> Cells:
    """The cells not bought of a part."""
    cells = patterns.levels[part.rows] == 0
    accounts = np.broadcast_to(patterns.counts[part.rows, None], cells.shape)[cells]
    return Cells(part.first[cells], part.second[cells], accounts)


def blended(firsts: Ranks, seconds: Ranks, first: Ints, second: Ints) -> Floats:
    """Mean of the percentile ranks of what both models' scores count for."""
    return rounded((firsts.of(first) + seconds.of(second)) / 2.0)


def crowding(patterns: Patterns, models: Models, firsts: Ranks, seconds: Ranks) -> Floats:
    """Mean of 4 s^3 over each family's cells not bought: what keeps a family's base rate where it counts in s."""
    rows, first, second = models.sample
    cells = patterns.levels[rows] == 0
    family = np.nonzero(cells)[1]
    score = blended(firsts, seconds, first[cells], second[cells])
    counted = np.broadcast_to(patterns.counts[rows, None], cells.shape)[cells]
    sums = np.bincount(family, millionths(4.0 * score**3) * counted, cells.shape[1])
    return rounded(np.maximum(sums / np.maximum(np.bincount(family, counted, cells.shape[1]), 1) / 1e6, 0.01))


def _lifted(found: Ints, lift: Floats) -> Ints:
    """What scores count for; those below 0 count for nothing."""
    return np.minimum(np.floor(np.maximum(found, 0) * lift + 0.5), _MOST).astype(np.int64)

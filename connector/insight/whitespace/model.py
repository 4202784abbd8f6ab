"""How likely each account takes each family: the item model, the neighbours, and their blend, without any SQL.

Patterns of who bought what and how fast each family is taken up come in; scores of every cell leave, for the ideas and
for the back-test alike. Formulas: methods, section 4.2; but a model's score counts by its lift, over its mean in the
family, times the family's uptake: that foretold more at every cut of benchmarks/RESULTS.md, on whose data it was
chosen. Next room: `gaps`.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from connector.insight.arrays import Floats, Ints, Ranks, blocks, millionths, rounded
from connector.insight.whitespace.neighbours import Neighbours, neighbours
from connector.insight.whitespace.propensity import Patterns, ease
from connector.insight.whitespace.settings import Settings

# Patterns scored at a time, so that no wide table of all of them ever stands in memory.
_PART_WIDTH = 512
# Patterns from which the mean of each family is taken; lifts are counted in hundred-thousandths of a yearly rate.
_SAMPLE, _UNIT, _MOST = 5_000, 100_000, 5_000_000


class Part(NamedTuple):
    """Some patterns in a row with both models' scores of all their families, in whole millionths."""

    rows: slice
    ease: Ints
    near: Neighbours


class Scores(NamedTuple):
    """Scores of every cell, patterns x families: `ease` and `near` of each model alone in whole millionths, `blend` the
    mean of the percentile ranks of their lifts among the cells not bought, 0 to 1; -1 where the family was bought."""

    ease: Ints
    near: Ints
    blend: Floats


class Models(NamedTuple):
    """Both models, ready to score; ease_lift and near_lift: what a score of each counts for in each family.

    sample: some patterns, evenly from all, with both scores.
    """

    weights: Floats
    near: Callable[[Ints], Neighbours]
    ease_lift: Floats
    near_lift: Floats
    sample: tuple[Ints, Ints, Ints]


def train(patterns: Patterns, settings: Settings, rates: Floats) -> Models:
    """Both models of a matrix; rates: how fast each family is taken up."""
    weights, near = ease(patterns, settings.ridge), near_of(patterns, settings)
    size = len(patterns.counts)
    rows = np.arange(size) if size <= _SAMPLE else (np.arange(_SAMPLE) * 2 + 1) * size // (2 * _SAMPLE)
    counted = (patterns.levels[rows] == 0) * patterns.counts[rows, None]

    def lift(found: Ints) -> Floats:
        # Sums of whole numbers: exact in whatever order they are taken.
        sums = (np.maximum(found, 0) * counted).sum(axis=0)
        return np.asarray(rates * _UNIT * counted.sum(axis=0) / np.maximum(sums, 1))

    first, second = millionths(patterns.x(rows) @ weights), near(rows).score
    return Models(weights, near, lift(first), lift(second), (rows, first, second))


def scores(patterns: Patterns, settings: Settings, rates: Floats) -> Scores:
    """Scores of every cell of a matrix; an account's row is that of its pattern, `patterns.member`."""
    shape = patterns.levels.shape
    first, second = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    models, firsts, seconds = train(patterns, settings, rates), Ranks(), Ranks()
    for part in parts(patterns, models):
        first[part.rows], second[part.rows] = part.ease, part.near.score
        count(patterns, part, models, firsts, seconds)
    blend = np.full(shape, -1.0)
    for rows in blocks(shape[0], shape[1]):
        cells = patterns.levels[rows] == 0
        family = np.nonzero(cells)[1]
        blend[rows][cells] = blended(models, firsts, seconds, first[rows][cells], second[rows][cells], family)
    return Scores(first, second, blend)


def parts(patterns: Patterns, models: Models) -> Iterator[Part]:
    """Both models' scores of all patterns, some thousands at a time, in order."""

    def made(rows: slice) -> Part:
        found = millionths(patterns.x(rows) @ models.weights)
        return Part(rows, found, models.near(np.arange(rows.start, rows.stop)))

    # Two parts at a time: numpy lets go of the interpreter while it works.
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(made, blocks(len(patterns.counts), _PART_WIDTH))


def near_of(patterns: Patterns, settings: Settings) -> Callable[[Ints], Neighbours]:
    """What accounts similar to some patterns bought, by these settings."""
    return neighbours(
        patterns,
        k=settings.neighbours,
        peers=settings.peers,
        firmographic=settings.firmographic,
        exact_limit=settings.exact_limit,
    )


def count(patterns: Patterns, part: Part, models: Models, firsts: Ranks, seconds: Ranks) -> None:
    """Count a part's cells not bought for the percentile ranks of both models."""
    cells = patterns.levels[part.rows] == 0
    weights = np.broadcast_to(patterns.counts[part.rows, None], cells.shape)[cells]
    firsts.add(_lifted(part.ease, models.ease_lift)[cells], weights)
    seconds.add(_lifted(part.near.score, models.near_lift)[cells], weights)


def blended(models: Models, firsts: Ranks, seconds: Ranks, first: Ints, second: Ints, family: Ints) -> Floats:
    """Mean of the percentile ranks of both models' scores, cell by cell."""
    one, other = _lifted(first, models.ease_lift[family]), _lifted(second, models.near_lift[family])
    return rounded((firsts.of(one) + seconds.of(other)) / 2.0)


def crowding(patterns: Patterns, models: Models, firsts: Ranks, seconds: Ranks) -> Floats:
    """Mean of 4 s^3 over each family's cells not bought: what keeps a family's base rate where it counts in s."""
    rows, first, second = models.sample
    cells = patterns.levels[rows] == 0
    family = np.nonzero(cells)[1]
    score = blended(models, firsts, seconds, first[cells], second[cells], family)
    counted = np.broadcast_to(patterns.counts[rows, None], cells.shape)[cells]
    sums = np.bincount(family, millionths(4.0 * score**3) * counted, cells.shape[1])
    return rounded(np.maximum(sums / np.maximum(np.bincount(family, counted, cells.shape[1]), 1) / 1e6, 0.01))


def _lifted(found: Ints, lift: Floats) -> Ints:
    """What scores count for, a column or a cell each; what lies below 0 counts as nothing."""
    return np.minimum(np.floor(np.maximum(found, 0) * lift + 0.5), _MOST).astype(np.int64)

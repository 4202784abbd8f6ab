"""How likely each account takes each family: the item model, the neighbours, and their blend, without any SQL.

Patterns of who bought what come in; scores of every cell leave, for the ideas and for the back-test alike. Formulas:
methods, section 4.2. Next room: `gaps`.
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


class Part(NamedTuple):
    """Some patterns in a row with both models' scores of all their families, in whole millionths."""

    rows: slice
    ease: Ints
    near: Neighbours


class Scores(NamedTuple):
    """Scores of every cell, patterns x families: `ease` and `near` of each model alone in whole millionths, `blend` the
    mean of their percentile ranks among the cells not bought, 0 to 1; -1 where the family was bought."""

    ease: Ints
    near: Ints
    blend: Floats


def scores(patterns: Patterns, settings: Settings) -> Scores:
    """Scores of every cell of a matrix; an account's row is that of its pattern, `patterns.member`."""
    shape = patterns.levels.shape
    first, second = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    firsts, seconds = Ranks(), Ranks()
    for part in parts(patterns, settings):
        first[part.rows], second[part.rows] = part.ease, part.near.score
        count(patterns, part, firsts, seconds)
    blend = np.full(shape, -1.0)
    for rows in blocks(shape[0], shape[1]):
        cells = patterns.levels[rows] == 0
        blend[rows][cells] = blended(firsts, seconds, first[rows][cells], second[rows][cells])
    return Scores(first, second, blend)


def parts(patterns: Patterns, settings: Settings) -> Iterator[Part]:
    """Both models' scores of all patterns, some thousands at a time, in order."""
    weights = ease(patterns, settings.ridge)
    near = near_of(patterns, settings)

    def made(rows: slice) -> Part:
        return Part(rows, millionths(patterns.x(rows) @ weights), near(np.arange(rows.start, rows.stop)))

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


def count(patterns: Patterns, part: Part, firsts: Ranks, seconds: Ranks) -> None:
    """Count a part's cells not bought for the percentile ranks of both models."""
    cells = patterns.levels[part.rows] == 0
    weights = np.broadcast_to(patterns.counts[part.rows, None], cells.shape)[cells]
    firsts.add(part.ease[cells], weights)
    seconds.add(part.near.score[cells], weights)


def blended(firsts: Ranks, seconds: Ranks, first: Ints, second: Ints) -> Floats:
    """Mean of the percentile ranks of both models' scores."""
    return rounded((firsts.of(first) + seconds.of(second)) / 2.0)

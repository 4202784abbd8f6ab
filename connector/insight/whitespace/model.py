"""How likely each account takes each family: the item model, the neighbours, and their blend, without any SQL.

Patterns of who bought what come in; scores of every cell leave, for the ideas and for the back-test alike. Formulas:
methods, section 4.2. Next room: `gaps`.
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
Made = TypeVar("Made")


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


class Cells(NamedTuple):
    """Cells not bought of a part: both models' scores, and how many accounts each stands for."""

    first: Ints
    second: Ints
    accounts: Ints

    def add_to(self, firsts: Ranks, seconds: Ranks) -> None:
        """Count them for the percentile ranks of both models."""
        firsts.add(self.first, self.accounts)
        seconds.add(self.second, self.accounts)


def scores(patterns: Patterns, settings: Settings) -> Scores:
    """Scores of every cell of a matrix; an account's row is that of its pattern, `patterns.member`."""
    shape = patterns.levels.shape
    first, second = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    firsts, seconds = Ranks(), Ranks()
    for part in parts(patterns, settings, lambda made: made):
        first[part.rows], second[part.rows] = part.ease, part.near.score
        cells_of(patterns, part).add_to(firsts, seconds)
    blend = np.full(shape, -1.0)
    for rows in blocks(shape[0], shape[1]):
        cells = patterns.levels[rows] == 0
        blend[rows][cells] = blended(firsts, seconds, first[rows][cells], second[rows][cells])
    return Scores(first, second, blend)


def parts(patterns: Patterns, settings: Settings, then: Callable[[Part], Made]) -> Iterator[Made]:
    """What `then` makes of both models' scores of all patterns, some thousands at a time, in order."""
    weights = ease(patterns, settings.ridge)
    near = neighbours(
        patterns,
        k=settings.neighbours,
        peers=settings.peers,
        firmographic=settings.firmographic,
        exact_limit=settings.exact_limit,
    )

    def made(rows: slice) -> Made:
        numbers = np.arange(rows.start, rows.stop)
        return then(Part(rows, millionths(patterns.x(rows) @ weights), near(numbers)))

    # Two parts at a time: numpy lets go of the interpreter while it works.
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(made, blocks(len(patterns.counts), _PART_WIDTH))


def cells_of(patterns: Patterns, part: Part) -> Cells:
    """The cells not bought of a part."""
    cells = patterns.levels[part.rows] == 0
    accounts = np.broadcast_to(patterns.counts[part.rows, None], cells.shape)[cells]
    return Cells(part.ease[cells], part.near.score[cells], accounts)


def blended(firsts: Ranks, seconds: Ranks, first: Ints, second: Ints) -> Floats:
    """Mean of the percentile ranks of both models' scores."""
    return rounded((firsts.of(first) + seconds.of(second)) / 2.0)

"""How well scores foretell which cells are filled, with what each account adds, so that accounts can be drawn anew.

Scores, free cells and filled cells of one cut come in; `Marks` leave, whose `of` answers the measures for accounts that
count so often. Next room: `backtest` itself, which draws.
"""

from dataclasses import dataclass

import numpy as np

from connector.insight.arrays import Flags, Floats, Ints

FIRST = (1, 3, 5)
MEASURES = ("recall_1", "recall_3", "recall_5", "ndcg_5", "auc", "cell_auc", "precision", "captured", "ece")
_BINS = 10


@dataclass(frozen=True)
class Truth:
    """Cells that an idea could fill, those that were filled, and what they brought; bag: each account's place in a
    draw."""

    free: Flags
    new: Flags
    minor: Ints
    bag: Ints
    bags: int


@dataclass(frozen=True)
class Marks:
    """One rule at one cut.

    lists: per bag, sums over accounts that filled a cell of recall and NDCG, and how many those are. areas: both AUC,
    and per bag what a further account would add to them. top_bag, top_new, top_minor: the first cells of all accounts.
    bins: per bag, cells, chance and filled cells of each bin of chance.
    """

    lists: Floats
    areas: tuple[Floats, Floats]
    top_bag: Ints
    top_new: Flags
    top_minor: Ints
    brought: Floats
    picks: int
    bins: Floats | None

    def of(self, times: Floats) -> Floats:
        """MEASURES of each draw, one a row; `times`: how often each bag counts. NaN where nothing can be said."""
        lists = times @ self.lists
        areas = self.areas[0] + (times - 1.0) @ self.areas[1]
        there = times[:, self.top_bag]
        taken = np.clip(self.picks - (np.cumsum(there, axis=1) - there), 0.0, there)
        found = np.full((len(times), len(MEASURES)), np.nan)
        found[:, :4] = _share(lists[:, :4], lists[:, 4:])
        found[:, 4:6] = areas
        found[:, 6] = _share(taken @ self.top_new, taken.sum(axis=1))
        found[:, 7] = _share(taken @ self.top_minor, times @ self.brought)
        if self.bins is not None:
            cells, chance, filled = np.split(np.tensordot(times, self.bins, 1), 3, axis=1)
            found[:, 8] = _share(np.abs(chance - filled).sum(axis=(1, 2)), cells.sum(axis=(1, 2)))
        return found


def _share(part: Floats, whole: Floats) -> Floats:
    found: Floats = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found


def _per_bag(bag: Ints, values: Floats | Ints | Flags, bags: int) -> Floats:
    return np.asarray(np.bincount(bag, values, bags), dtype=np.float64)


def marks(scores: Floats, truth: Truth, picks: int, chance: Floats | None = None) -> Marks:
    """What a rule's scores come to; equal scores stand in the order of accounts and families."""
    row, column = np.nonzero(truth.free)
    cells, new, bag = scores[row, column], truth.new[row, column], truth.bag[row]
    # Beyond these places no draw of accounts will look.
    top = np.argsort(-cells, kind="stable")[: 4 * picks + 100]
    pooled, pooled_adds = area(cells, new, bag, truth.bags)
    macro, macro_adds = _macro(cells, new, bag, column, truth.bags)
    return Marks(
        lists=_lists(scores, truth),
        areas=(np.array([macro, pooled]), np.column_stack([macro_adds, pooled_adds])),
        top_bag=bag[top],
        top_new=new[top],
        top_minor=truth.minor[row[top], column[top]],
        brought=_per_bag(truth.bag, truth.minor.sum(axis=1), truth.bags),
        picks=picks,
        bins=None if chance is None else _bins(chance[row, column], new, bag, truth.bags),
    )


def _lists(scores: Floats, truth: Truth) -> Floats:
    """Recall at 1, 3, 5 and NDCG at 5 of each account that filled a cell, summed per bag; and how many those are."""
    rows = np.flatnonzero(truth.new.any(axis=1))
    ranked = np.argsort(np.where(truth.free[rows], -scores[rows], np.inf), axis=1, kind="stable")[:, : max(FIRST)]
    hits = np.take_along_axis(truth.new[rows], ranked, axis=1)
    filled = truth.new[rows].sum(axis=1)
    weight = 1.0 / np.log2(np.arange(max(FIRST)) + 2.0)
    best = np.concatenate([[0.0], np.cumsum(weight)])[np.minimum(filled, max(FIRST))]
    found = [hits[:, :k].sum(axis=1) / filled for k in FIRST]
    found += [hits @ weight[: hits.shape[1]] / best, np.ones(len(rows))]
    return np.column_stack([_per_bag(truth.bag[rows], values, truth.bags) for values in found])


def area(scores: Floats, new: Flags, bag: Ints, bags: int) -> tuple[float, Floats]:
    """Share of pairs of a filled cell and another in which the filled one scores higher, equal ones half; and what a
    further account like those of each bag would add to it (its influence). NaN where there is no pair."""
    filled = int(new.sum())
    others = len(new) - filled
    if not filled or not others:
        return float("nan"), np.full(bags, np.nan)
    _, place = np.unique(scores, return_inverse=True)
    of_filled, of_others = np.bincount(place, new), np.bincount(place, ~new)
    # Of a filled cell: others below and half of those equal. Of another: filled above and half of those equal.
    below = (np.cumsum(of_others) - of_others / 2.0) / others
    above = (filled - np.cumsum(of_filled) + of_filled / 2.0) / filled
    found = float((below * of_filled).sum() / filled)
    adds = np.where(new, (below[place] - found) / filled, (above[place] - found) / others)
    return found, _per_bag(bag, adds, bags)


def _macro(cells: Floats, new: Flags, bag: Ints, column: Ints, bags: int) -> tuple[float, Floats]:
    """Mean area over the families that somebody filled and somebody else did not."""
    order = np.argsort(column, kind="stable")
    ends = np.cumsum(np.bincount(column))
    parts = [order[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    areas = [found for p in parts if (found := area(cells[p], new[p], bag[p], bags))[0] == found[0]]
    if not areas:
        return float("nan"), np.full(bags, np.nan)
    return float(np.mean([a for a, _ in areas])), np.asarray(sum(adds for _, adds in areas) / len(areas))


def _bins(chance: Floats, new: Flags, bag: Ints, bags: int) -> Floats:
    """Per bag: cells, chance and filled cells in each tenth of the cells by chance; equal chances share a bin."""
    edges = np.quantile(chance, np.arange(1, _BINS) / _BINS) if len(chance) else np.zeros(_BINS - 1)
    place = bag * _BINS + np.searchsorted(edges, chance, side="left")
    sums = [_per_bag(place, values, bags * _BINS).reshape(bags, _BINS) for values in (np.ones(len(new)), chance, new)]
    return np.stack(sums, axis=1)

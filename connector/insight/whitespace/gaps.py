"""Cells that an idea may fill: families an account could have, and what speaks for each.

Who bought what and the catalogue's relations come in; whitespace_member and whitespace_pattern leave: the related gaps
of each distinct row with their score and odds. Formulas: methods, sections 4.2 and 4.3. Next room: `estimate.sql`.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from connector.insight.arrays import Flags, Floats, Ints, Ranks, millionths, rounded
from connector.insight.whitespace.calibrate import Curve
from connector.insight.whitespace.model import Cells, Part, blended, cells_of, crowding, parts, train
from connector.insight.whitespace.propensity import Patterns, shrunk_lift
from connector.insight.whitespace.settings import Settings
from connector.schema import Engine


def read_matrix(engine: Engine) -> tuple[Ints, Ints, Flags]:
    """Ownership levels and traits of each buying account, and which families are still sold."""
    sold = engine.arrays("SELECT sold FROM whitespace_family ORDER BY family_n")["sold"] == 1
    traits = engine.arrays(
        "SELECT industry_code, country_code, employees_class, revenue_class FROM whitespace_account ORDER BY account_n"
    )
    cells = engine.arrays(
        "SELECT a.account_n, o.family_n, o.level FROM whitespace_own AS o"
        " JOIN whitespace_account AS a ON a.row_n = o.row_n"
    )
    table = np.column_stack([_ints(v) for v in traits.values()])
    levels: Ints = np.zeros((len(table), len(sold)), dtype=np.int8)
    levels[_ints(cells["account_n"]), _ints(cells["family_n"])] = _ints(cells["level"])
    return levels, table, np.asarray(sold, dtype=np.bool_)


def _ints(values: np.ndarray[Any, Any]) -> Ints:
    return np.asarray(values, dtype=np.int64)


# Below every score that a model gives.
_NEVER = -1


@dataclass(frozen=True)
class _Gaps:
    """Cells of some patterns that an idea may fill, and what speaks for it, cell by cell.

    related: 0 for a speculative one, else by what it is related, 1 the catalogue, 2 bought together, 3 the peers.
    Pulled_by is -1 where no owned family pulls; first and second are the two models' scores in whole millionths.
    """

    pattern: Ints
    family: Ints
    related: Ints
    pulled_by: Ints
    owners: Ints
    peers: Ints
    first: Ints
    second: Ints

    def narrow(self) -> "_Gaps":
        """The same in half the memory: no pattern, peer or score goes beyond 32 bits."""
        return _Gaps(*(getattr(self, f.name).astype(np.int32) for f in fields(self)))


def load_patterns(
    engine: Engine,
    patterns: Patterns,
    sold: Flags,
    settings: Settings,
    enough: bool,
    curve: Curve | None,
    rates: Floats,
) -> None:
    """Load whitespace_member and whitespace_pattern: the related gaps of each distinct row. rates: uptake."""
    goes_with, substitute = _relations(engine, len(sold))
    # A gap is a family that is still sold, that the account never bought and that replaces nothing it has.
    open_to = _open_to(sold, substitute)
    engine.load("whitespace_member", {"account_n": np.arange(len(patterns.member)), "pattern": patterns.member})
    learn = _learned if enough else _by_catalogue
    gaps, score, lift, crowd = learn(patterns, goes_with > 0, open_to, settings, rates)
    engine.load(
        "whitespace_pattern",
        {
            "pattern": gaps.pattern,
            "family_n": gaps.family,
            "related": gaps.related,
            "score": score,
            "odds": _odds(score, gaps.family, curve, crowd),
            "percentile": _percentile(score, np.where(gaps.related > 0, patterns.counts[gaps.pattern], 0)),
            "pulled_by_n": gaps.pulled_by,
            "pull_lift": lift,
            "peers": gaps.peers,
            "peer_owners": gaps.owners,
        },
    )


def _open_to(sold: Flags, substitute: Ints) -> Callable[[Ints], Flags]:
    replaced = substitute.astype(np.float64)

    def gaps(levels: Ints) -> Flags:
        owned = levels > 0
        return np.asarray(~owned & sold & ~((owned.astype(np.float64) @ replaced) > 0))

    return gaps


def _learned(
    patterns: Patterns, goes_with: Flags, open_to: Callable[[Ints], Flags], settings: Settings, rates: Floats
) -> tuple[_Gaps, Floats, Floats, Floats]:
    """Gaps with their score and lift: from the item model, the neighbours, and pairs that go together in the catalogue
    or in what was bought; and how crowded the upper scores of each family are.

    Patterns are taken some thousands at a time, so that no wide table of all of them ever stands in memory.
    """
    models = train(patterns, settings, rates)
    lift, joint = shrunk_lift(patterns)
    pairs = goes_with | ((lift >= settings.lift) & (joint >= settings.joint_owners))
    firsts, seconds = Ranks(), Ranks()

    def found(part: Part) -> tuple[_Gaps, Cells]:
        levels, beside = patterns.levels[part.rows], part.near
        pulled_by = _pulled(levels, pairs, models.weights)
        related = (pulled_by >= 0) | (beside.owners >= settings.peer_owners)
        fitting = open_to(levels)
        foremost = _foremost(np.where(fitting & ~related, part.first, _NEVER), settings.speculative)
        row, column = np.nonzero(fitting & (related | foremost))
        pulls = pulled_by[row, column]
        why = np.where(pulls >= 0, np.where(goes_with[pulls, column], 1, 2), np.where(related[row, column], 3, 0))
        picked = (why, pulls, beside.owners[row, column], beside.peers[row])
        gaps = _Gaps(row + part.rows.start, column, *picked, part.first[row, column], part.second[row, column])
        return gaps.narrow(), cells_of(patterns, part)

    made = []
    for gaps, cells in parts(patterns, models, found):
        made.append(gaps)
        cells.add_to(firsts, seconds)
    all_gaps = _Gaps(*(np.concatenate([getattr(g, f.name) for g in made]) for f in fields(_Gaps)))
    score = blended(firsts, seconds, all_gaps.first, all_gaps.second)
    pulled = all_gaps.pulled_by
    pull_lift = np.where(pulled >= 0, lift[pulled, all_gaps.family], np.nan)
    return all_gaps, score, pull_lift, crowding(patterns, models, firsts, seconds)


def _by_catalogue(
    patterns: Patterns, goes_with: Flags, open_to: Callable[[Ints], Flags], _: Settings, rates: Floats
) -> tuple[_Gaps, Floats, Floats, Floats]:
    """Gaps where there is not enough to learn from: the catalogue's relations alone, without score or lift."""
    pulled_by = _pulled(patterns.levels, goes_with, goes_with.astype(np.float64))
    row, column = np.nonzero(open_to(patterns.levels) & (pulled_by >= 0))
    nobody, none = np.zeros(len(row), dtype=np.int64), np.full(len(row), np.nan)
    catalogue = np.ones(len(row), dtype=np.int64)
    gaps = _Gaps(row, column, catalogue, pulled_by[row, column], nobody, nobody, nobody, nobody)
    return gaps, none, none, np.ones(len(rates))


def _foremost(values: Ints, most: int) -> Flags:
    """The largest values of each row, `most` of them, that are any at all; of equal ones the first columns."""
    if not most:
        return np.zeros(values.shape, dtype=np.bool_)
    width = values.shape[1]
    # A key tells its column.
    keys, place = values * width + np.arange(width)[::-1], max(width - most, 0)
    return np.asarray((keys >= np.partition(keys, place, axis=1)[:, place, None]) & (values > _NEVER))


def _odds(score: Floats, family: Ints, curve: Curve | None, crowd: Floats) -> Floats:
    """How many times a family's base rate each cell has; 1 where there is no score.

    Without a curve of this company's own: density 4 s^3, by which the mean stays and an adopter outranks others four
    times in five, as measured for this scorer.
    """
    drawn = 4.0 * score**3 / crowd[family] if curve is None else curve.of(np.nan_to_num(score), family)
    return np.where(np.isnan(score), 1.0, rounded(drawn))


def _percentile(score: Floats, counts: Ints) -> Floats:
    """Share of all ideas, counted by accounts, with a lower score; nothing where there is no score."""
    known = ~np.isnan(score)
    ranks, values = Ranks(), millionths(score[known])
    ranks.add(values, counts[known])
    made = np.full(len(score), np.nan)
    made[known] = ranks.of(values)
    return made


def _relations(engine: Engine, families: int) -> tuple[Ints, Ints]:
    """The catalogue's word on families: what goes with what, and what replaces what (both ways)."""
    goes_with = np.zeros((families, families), dtype=np.int64)
    substitute = np.zeros((families, families), dtype=np.int64)
    rows = engine.arrays("SELECT family_n, other_n, goes_with, substitute FROM whitespace_relation")
    one, other = _ints(rows["family_n"]), _ints(rows["other_n"])
    goes_with[one, other] = _ints(rows["goes_with"])
    substitute[one, other] = _ints(rows["substitute"])
    return goes_with, np.maximum(substitute, substitute.T)


def _pulled(levels: Ints, pairs: Flags, weights: Floats) -> Ints:
    """For each cell the owned family that pulls it most among the allowed pairs; -1 where none does."""
    best: Floats = np.full(levels.shape, -np.inf)
    pulled_by: Ints = np.full(levels.shape, -1, dtype=np.int16)
    for family in range(levels.shape[1]):
        owners, others = np.flatnonzero(levels[:, family]), np.flatnonzero(pairs[family])
        if not len(others):
            continue
        cells = np.ix_(owners, others)
        pull, before = levels[owners, family][:, None] * weights[family, others], best[cells]
        better = pull > before
        best[cells] = np.where(better, pull, before)
        pulled_by[cells] = np.where(better, family, pulled_by[cells])
    return pulled_by

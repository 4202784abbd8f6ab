"""Cells that an idea may fill: families an account could have, and what speaks for each.

Who bought what and the catalogue's relations come in; whitespace_member and whitespace_pattern leave: the related gaps
of each distinct row with their score. Formulas: methods, sections 4.2 and 4.3. Next room: `estimate.sql`.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from connector.insight.arrays import Flags, Floats, Ints, Ranks, blocks, millionths, rounded
from connector.insight.whitespace.neighbours import neighbours
from connector.insight.whitespace.propensity import Patterns, ease, group, shrunk_lift
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
        " JOIN whitespace_account AS a ON a.account_id = o.account_id"
    )
    table = np.column_stack([_ints(v) for v in traits.values()])
    levels: Ints = np.zeros((len(table), len(sold)), dtype=np.int8)
    levels[_ints(cells["account_n"]), _ints(cells["family_n"])] = _ints(cells["level"])
    return levels, table, np.asarray(sold, dtype=np.bool_)


def _ints(values: np.ndarray[Any, Any]) -> Ints:
    return np.asarray(values, dtype=np.int64)


# Below every score that a model gives.
_NEVER = np.iinfo(np.int64).min // 2


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


def load_patterns(engine: Engine, levels: Ints, traits: Ints, sold: Flags, settings: Settings, enough: bool) -> None:
    """Load whitespace_member and whitespace_pattern: the related gaps of each distinct row."""
    patterns = group(levels, traits)
    goes_with, substitute = _relations(engine, len(sold))
    # A gap is a family that is still sold, that the account never bought and that replaces nothing it has.
    open_to = _open_to(sold, substitute)
    engine.load("whitespace_member", {"account_n": np.arange(len(levels)), "pattern": patterns.member})
    learn = _learned if enough else _by_catalogue
    gaps, score, lift = learn(patterns, goes_with > 0, open_to, settings)
    engine.load(
        "whitespace_pattern",
        {
            "pattern": gaps.pattern,
            "family_n": gaps.family,
            "related": gaps.related,
            "score": score,
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
    patterns: Patterns, goes_with: Flags, open_to: Callable[[Ints], Flags], settings: Settings
) -> tuple[_Gaps, Floats, Floats]:
    """Gaps with their score and lift: from the item model, the neighbours, and pairs that go together in the catalogue
    or in what was bought.

    Patterns are taken some thousands at a time, so that no wide table of all of them ever stands in memory.
    """
    weights = ease(patterns, settings.ridge)
    lift, joint = shrunk_lift(patterns)
    near = neighbours(
        patterns,
        k=settings.neighbours,
        peers=settings.peers,
        firmographic=settings.firmographic,
        exact_limit=settings.exact_limit,
        reference=settings.reference_accounts,
    )
    pairs = goes_with | ((lift >= settings.lift) & (joint >= settings.joint_owners))
    firsts, seconds = Ranks(), Ranks()

    def found(part: slice) -> tuple[_Gaps, tuple[Ints, Ints, Ints]]:
        rows, levels = np.arange(part.start, part.stop), patterns.levels[part]
        first, beside = millionths(patterns.x(part) @ weights), near(rows)
        pulled_by = _pulled(levels, pairs, weights)
        related = (pulled_by >= 0) | (beside.owners >= settings.peer_owners)
        fitting = open_to(levels)
        foremost = _foremost(np.where(fitting & ~related, first, _NEVER), settings.speculative)
        row, column = np.nonzero(fitting & (related | foremost))
        cells = levels == 0
        counted = np.broadcast_to(patterns.counts[part, None], cells.shape)[cells]
        pulls = pulled_by[row, column]
        why = np.where(pulls >= 0, np.where(goes_with[pulls, column], 1, 2), np.where(related[row, column], 3, 0))
        picked = (why, pulls, beside.owners[row, column], beside.peers[row])
        gaps = _Gaps(row + part.start, column, *picked, first[row, column], beside.score[row, column])
        return gaps, (first[cells], beside.score[cells], counted)

    made = []
    # Two parts at a time: numpy lets go of the interpreter while it works.
    with ThreadPoolExecutor(max_workers=2) as pool:
        for gaps, (first, second, counted) in pool.map(found, blocks(len(patterns.counts), 512)):
            made.append(gaps)
            firsts.add(first, counted)
            seconds.add(second, counted)
    all_gaps = _Gaps(*(np.concatenate([getattr(g, f.name) for g in made]) for f in fields(_Gaps)))
    score = rounded((firsts.of(all_gaps.first) + seconds.of(all_gaps.second)) / 2.0)
    pulled = all_gaps.pulled_by
    return all_gaps, score, np.where(pulled >= 0, lift[pulled, all_gaps.family], np.nan)


def _by_catalogue(
    patterns: Patterns, goes_with: Flags, open_to: Callable[[Ints], Flags], _: Settings
) -> tuple[_Gaps, Floats, Floats]:
    """Gaps where there is not enough to learn from: the catalogue's relations alone, without score or lift."""
    pulled_by = _pulled(patterns.levels, goes_with, goes_with.astype(np.float64))
    row, column = np.nonzero(open_to(patterns.levels) & (pulled_by >= 0))
    nobody, none = np.zeros(len(row), dtype=np.int64), np.full(len(row), np.nan)
    catalogue = np.ones(len(row), dtype=np.int64)
    return _Gaps(row, column, catalogue, pulled_by[row, column], nobody, nobody, nobody, nobody), none, none


def _foremost(values: Ints, most: int) -> Flags:
    """The largest values of each row, `most` of them, that are any at all; of equal ones the first columns."""
    place = np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray((place < most) & (values > _NEVER))


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
    pulled_by: Ints = np.full(levels.shape, -1, dtype=np.int64)
    for family in range(levels.shape[1]):
        owners = np.flatnonzero(levels[:, family])
        pull = np.where(pairs[family], levels[owners, family][:, None] * weights[family], -np.inf)
        better = pull > best[owners]
        best[owners] = np.where(better, pull, best[owners])
        pulled_by[owners] = np.where(better, family, pulled_by[owners])
    return pulled_by

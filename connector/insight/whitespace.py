"""What an account could buy and has not: families like those it has, bought by accounts like it.

Won deal lines, assets, open and lost deals and the accounts' industry, country and size come in. `estimate` leaves
whitespace_estimate and account_estimate, `show` leaves whitespace_cell and account_whitespace. A family an account
neither touched nor is related to has no row. Formulas: methods, section 4. Next room: `key_accounts`, which counts
the estimate as growth; after `quadrant`, `show` picks the ideas.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from connector.insight import propensity
from connector.insight.propensity import Flags, Floats, Ints, Patterns
from connector.insight.steps import run_steps
from connector.schema import Context, Engine


@dataclass(frozen=True)
class Settings:
    """Settings of whitespace; each says its meaning."""

    families: int = field(default=25, metadata={"meaning": "Product families compared, the largest by recent value."})
    owned_days: int = field(default=548, metadata={"meaning": "Days after a purchase that a family counts as owned."})
    halve_days: int = field(default=730, metadata={"meaning": "Purchases older than this count half."})
    lost_days: int = field(default=365, metadata={"meaning": "Days a lost deal keeps its family from being proposed."})
    minimum_accounts: int = field(default=30, metadata={"meaning": "Fewer buying accounts are not enough data."})
    minimum_families: int = field(default=5, metadata={"meaning": "Fewer product families are not enough data."})
    ridge: float = field(default=0.3, metadata={"meaning": "Penalty of the item model, per buying account."})
    neighbours: int = field(default=50, metadata={"meaning": "Similar accounts whose purchases are averaged."})
    firmographic: float = field(default=0.3, metadata={"meaning": "Share of industry, country and size in similarity."})
    peers: int = field(default=10, metadata={"meaning": "Nearest accounts counted as evidence."})
    peer_owners: int = field(default=3, metadata={"meaning": "Of these, how many must own a family to propose it."})
    lift: float = field(default=1.2, metadata={"meaning": "Or how much more often two families go together than not."})
    joint_owners: int = field(default=5, metadata={"meaning": "And how many accounts must own both."})
    shown: int = field(default=3, metadata={"meaning": "Ideas shown per account at most."})
    exponent: float = field(default=0.5, metadata={"meaning": "How spend in a family grows with the account's size."})
    assumed_rate: float = field(default=0.1, metadata={"meaning": "Adoption in a year where history can't tell."})
    large_share: float = field(default=0.2, metadata={"meaning": "Share of accounts with ideas that are Large."})
    medium_share: float = field(default=0.5, metadata={"meaning": "Share that are Large or Medium."})
    least_satisfaction: float = field(
        default=40.0, metadata={"meaning": "Below this satisfaction ideas are held back."}
    )
    hold_streamline: bool = field(default=False, metadata={"meaning": "Hold ideas back from Streamline accounts too."})
    exact_limit: int = field(default=20_000, metadata={"meaning": "Distinct buying patterns compared each with each."})
    reference_accounts: int = field(default=2_000, metadata={"meaning": "Beyond that: accounts compared with."})

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        for name in (
            "families",
            "neighbours",
            "peers",
            "shown",
            "exact_limit",
            "reference_accounts",
            "minimum_families",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1, is {getattr(self, name)}")
        if self.families > 200:
            raise ValueError(f"families: must be at most 200, is {self.families}")
        for name in ("firmographic", "assumed_rate", "large_share", "medium_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: must lie between 0 and 1, is {getattr(self, name)}")
        if self.large_share > self.medium_share:
            raise ValueError("large_share: must not exceed medium_share, which includes it")
        if self.ridge <= 0:
            raise ValueError(f"ridge: must be above 0, is {self.ridge}")


def estimate(engine: Engine, context: Context, settings: Settings) -> None:
    """Make whitespace_estimate (account x family) and account_estimate (every account)."""
    day = context.as_of
    params: dict[str, object] = {
        "as_of": day,
        "year_day": day - 365,
        "halve_day": day - settings.halve_days,
        "owned_day": day - settings.owned_days,
        "lost_day": day - settings.lost_days,
        "families": settings.families,
        "exponent": settings.exponent,
        "assumed_rate": settings.assumed_rate,
    }
    run_steps(engine, "whitespace", params)
    levels, traits, sold = _matrix(engine)
    # A company that stopped recording looks silent, not rich in whitespace: too little data means rules only.
    enough = len(levels) >= settings.minimum_accounts and levels.shape[1] >= settings.minimum_families
    _load_patterns(engine, levels, traits, sold, settings, enough)
    run_steps(engine, "whitespace_estimate", {**params, "enough": int(enough), "families_known": levels.shape[1]})


def show(engine: Engine, context: Context, settings: Settings) -> None:
    """Make whitespace_cell and account_whitespace (every account); `account_quadrant` must exist."""
    params: dict[str, object] = {
        "as_of": context.as_of,
        "shown": settings.shown,
        "least_satisfaction": settings.least_satisfaction,
        "hold_streamline": int(settings.hold_streamline),
        "large_share": settings.large_share,
        "medium_share": settings.medium_share,
    }
    run_steps(engine, "whitespace_show", params)


def _matrix(engine: Engine) -> tuple[Ints, Ints, Flags]:
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


@dataclass(frozen=True)
class _Gaps:
    """Cells of some patterns that an idea may fill, and what speaks for it, cell by cell.

    Pulled_by is -1 where no owned family pulls; first and second are the two models' scores in whole millionths.
    """

    pattern: Ints
    family: Ints
    pulled_by: Ints
    owners: Ints
    peers: Ints
    first: Ints
    second: Ints


def _load_patterns(engine: Engine, levels: Ints, traits: Ints, sold: Flags, settings: Settings, enough: bool) -> None:
    """Load whitespace_member and whitespace_pattern: the related gaps of each distinct row."""
    patterns = propensity.group(levels, traits)
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
    weights = propensity.ease(patterns, settings.ridge)
    lift, joint = propensity.shrunk_lift(patterns)
    near = propensity.neighbours(
        patterns,
        k=settings.neighbours,
        peers=settings.peers,
        firmographic=settings.firmographic,
        exact_limit=settings.exact_limit,
        reference=settings.reference_accounts,
    )
    pairs = goes_with | ((lift >= settings.lift) & (joint >= settings.joint_owners))
    firsts, seconds = propensity.Ranks(), propensity.Ranks()

    def found(part: slice) -> tuple[_Gaps, tuple[Ints, Ints, Ints]]:
        rows, levels = np.arange(part.start, part.stop), patterns.levels[part]
        first, beside = propensity.millionths(patterns.x(part) @ weights), near(rows)
        pulled_by = _pulled(levels, pairs, weights)
        row, column = np.nonzero(open_to(levels) & ((pulled_by >= 0) | (beside.owners >= settings.peer_owners)))
        cells = levels == 0
        counted = np.broadcast_to(patterns.counts[part, None], cells.shape)[cells]
        picked = (pulled_by[row, column], beside.owners[row, column], beside.peers[row])
        gaps = _Gaps(row + part.start, column, *picked, first[row, column], beside.score[row, column])
        return gaps, (first[cells], beside.score[cells], counted)

    made = []
    # Two parts at a time: numpy lets go of the interpreter while it works.
    with ThreadPoolExecutor(max_workers=2) as pool:
        for gaps, (first, second, counted) in pool.map(found, propensity.blocks(len(patterns.counts), 512)):
            made.append(gaps)
            firsts.add(first, counted)
            seconds.add(second, counted)
    all_gaps = _Gaps(*(np.concatenate([getattr(g, f.name) for g in made]) for f in fields(_Gaps)))
    score = propensity.rounded((firsts.of(all_gaps.first) + seconds.of(all_gaps.second)) / 2.0)
    pulled = all_gaps.pulled_by
    return all_gaps, score, np.where(pulled >= 0, lift[pulled, all_gaps.family], np.nan)


def _by_catalogue(
    patterns: Patterns, goes_with: Flags, open_to: Callable[[Ints], Flags], _: Settings
) -> tuple[_Gaps, Floats, Floats]:
    """Gaps where there is not enough to learn from: the catalogue's relations alone, without score or lift."""
    pulled_by = _pulled(patterns.levels, goes_with, goes_with.astype(np.float64))
    row, column = np.nonzero(open_to(patterns.levels) & (pulled_by >= 0))
    nobody, none = np.zeros(len(row), dtype=np.int64), np.full(len(row), np.nan)
    return _Gaps(row, column, pulled_by[row, column], nobody, nobody, nobody, nobody), none, none


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

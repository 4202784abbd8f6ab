"""Settings of whitespace, and the rules that say which accounts a product family suits.

Next room: `propensity`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

# What a reason for a lost deal may mean besides a loss; `passing` holds nothing back.
REASONS = ("competitor", "in_house", "no_need", "passing")
_RULE = """\
A rule for each family that does not suit every account: an account that breaks one of its rules is never offered it.
What is not known of an account breaks no rule; needs: it has one of these families; excludes: it has none of these.
[[whitespace.eligible]]
family = "Machine Safety"
countries = ["Germany", "Austria"]          # or not_countries, as the CRM writes them
industries = []
least_employees = 50
most_employees = 5000
needs = ["Conveyors"]
excludes = []"""


@dataclass(frozen=True)
class Eligible:
    """Which accounts a product family suits; what is left out asks nothing, what is unknown breaks no rule."""

    family: str
    countries: tuple[str, ...] = ()
    not_countries: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()
    least_employees: int = 0
    most_employees: int = 0
    needs: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a rule that says nothing, or that no account could keep."""
        if not any(getattr(self, f.name) for f in fields(self) if f.name != "family"):
            raise ValueError(f'family: the rule for "{self.family}" asks nothing; give it a country, a size, or needs')
        if self.least_employees < 0 or self.most_employees < 0:
            raise ValueError("least_employees: must not be below 0, nor most_employees")
        if 0 < self.most_employees < self.least_employees:
            raise ValueError(f"most_employees: must not be below least_employees, is {self.most_employees}")
        if self.family in (*self.needs, *self.excludes):
            raise ValueError(f'needs: "{self.family}" can neither need nor exclude itself')
        if both := {*self.countries} & {*self.not_countries} | {*self.needs} & {*self.excludes}:
            raise ValueError(f'not_countries: "{min(both)}" is both asked for and ruled out')


@dataclass(frozen=True)
class Settings:
    """Settings of whitespace; each says its meaning."""

    rows: Literal["account", "group"] = field(
        default="account", metadata={"meaning": "account: each for itself, branches too; group: with its parents."}
    )
    families: int = field(default=25, metadata={"meaning": "Product families compared, the largest by recent value."})
    columns: tuple[str, ...] = field(
        default=(), metadata={"meaning": "Or these product families, by the CRM's names; empty: the largest."}
    )
    owned_days: int = field(default=548, metadata={"meaning": "Days after a purchase that a family counts as owned."})
    halve_days: int = field(default=730, metadata={"meaning": "Purchases older than this count half."})
    lost_days: int = field(default=365, metadata={"meaning": "Days a lost deal keeps its family from being proposed."})
    answer_days: int = field(
        default=365, metadata={"meaning": 'Days that "accepted" and "no need" keep a family from being proposed.'}
    )
    lost_reasons: Mapping[str, str] = field(
        default_factory=lambda: {"In-house": "in_house", "No need": "no_need"},
        metadata={"meaning": "What a lost deal's reason says: competitor, in_house, no_need, or passing (no loss)."},
    )
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
    speculative: int = field(
        default=5, metadata={"meaning": "Unrelated families kept beside them per account, never in the CRM."}
    )
    exponent: float = field(default=0.5, metadata={"meaning": "How spend in a family grows with the account's size."})
    assumed_rate: float = field(default=0.1, metadata={"meaning": "Adoption in a year where history can't tell."})
    least_adoptions: int = field(
        default=200, metadata={"meaning": "Fewer past adoptions give bands instead of a probability."}
    )
    large_share: float = field(default=0.2, metadata={"meaning": "Share of accounts with ideas that are Large."})
    medium_share: float = field(default=0.5, metadata={"meaning": "Share that are Large or Medium."})
    least_satisfaction: float = field(
        default=40.0, metadata={"meaning": "Below this satisfaction ideas are held back."}
    )
    hold_streamline: bool = field(default=True, metadata={"meaning": "Hold ideas back from Streamline accounts too."})
    exact_limit: int = field(
        default=20_000, metadata={"meaning": "Distinct buying patterns compared each with each; beyond it by an index."}
    )
    eligible: tuple[Eligible, ...] = field(default=(), metadata={"example": _RULE})

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        for name in (
            "families",
            "neighbours",
            "peers",
            "shown",
            "exact_limit",
            "minimum_families",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1, is {getattr(self, name)}")
        if self.families > 200:
            raise ValueError(f"families: must be at most 200, is {self.families}")
        if len(self.columns) > 200 or len(set(self.columns)) < len(self.columns):
            raise ValueError("columns: give at most 200 families, each once")
        if not 0 <= self.speculative <= 20:
            raise ValueError(f"speculative: must lie between 0 and 20, is {self.speculative}")
        if self.answer_days < 0:
            raise ValueError(f"answer_days: must not be below 0, is {self.answer_days}")
        for reason, meaning in self.lost_reasons.items():
            if meaning not in REASONS:
                raise ValueError(f'lost_reasons: "{reason}" means {meaning}; write one of: {", ".join(REASONS)}')
        for name in ("firmographic", "assumed_rate", "large_share", "medium_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: must lie between 0 and 1, is {getattr(self, name)}")
        if self.large_share > self.medium_share:
            raise ValueError("large_share: must not exceed medium_share, which includes it")
        if self.ridge <= 0:
            raise ValueError(f"ridge: must be above 0, is {self.ridge}")

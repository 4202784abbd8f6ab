"""Settings of whitespace.

Next room: `propensity`.
"""

from dataclasses import dataclass, field


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
    least_adoptions: int = field(
        default=200, metadata={"meaning": "Fewer past adoptions give bands instead of a probability."}
    )
    large_share: float = field(default=0.2, metadata={"meaning": "Share of accounts with ideas that are Large."})
    medium_share: float = field(default=0.5, metadata={"meaning": "Share that are Large or Medium."})
    least_satisfaction: float = field(
        default=40.0, metadata={"meaning": "Below this satisfaction ideas are held back."}
    )
    hold_streamline: bool = field(default=False, metadata={"meaning": "Hold ideas back from Streamline accounts too."})
    exact_limit: int = field(
        default=20_000, metadata={"meaning": "Distinct buying patterns compared each with each; beyond it by an index."}
    )

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
        for name in ("firmographic", "assumed_rate", "large_share", "medium_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: must lie between 0 and 1, is {getattr(self, name)}")
        if self.large_share > self.medium_share:
            raise ValueError("large_share: must not exceed medium_share, which includes it")
        if self.ridge <= 0:
            raise ValueError(f"ridge: must be above 0, is {self.ridge}")

"""Which accounts are key, how they stand, and what would change it.

Won deals with their cost, the whitespace estimate, relationship strength, typed judgements and the programme's memory
come in; account_value, account_score and account_key leave. Nothing is Key here until a person approved it: this room
only proposes. Formulas: methods, section 1. Next room: `quadrant`.
"""

from dataclasses import dataclass, field

import numpy as np

from connector.insight.steps import run_steps
from connector.schema import Context, Engine

CRITERIA = ("value", "growth", "relationship", "alignment", "payment")


@dataclass(frozen=True)
class Settings:
    """Settings of key account status; each says its meaning."""

    cap: int = field(default=25, metadata={"meaning": "Most key accounts the programme can look after."})
    cap_share: float = field(
        default=0.1,
        metadata={"meaning": "And never more than this share of the accounts that can be ranked, rounded up."},
    )
    band: float = field(default=1.5, metadata={"meaning": "A key account stays while its rank is within band x cap."})
    strikes: int = field(
        default=2, metadata={"meaning": "Reviews in a row outside the band before demotion is proposed."}
    )
    review_days: int = field(default=91, metadata={"meaning": "Days between two reviews."})
    lock_days: int = field(default=365, metadata={"meaning": "Days after promotion without a proposal to demote."})
    threshold: float = field(default=50.0, metadata={"meaning": "Least lower bound of the score to be proposed."})
    nominated_share: float = field(default=0.2, metadata={"meaning": "Share of the cap kept for nominated accounts."})
    weight_value: int = field(default=35, metadata={"meaning": "Weight of net value."})
    weight_growth: int = field(default=25, metadata={"meaning": "Weight of growth potential."})
    weight_relationship: int = field(default=15, metadata={"meaning": "Weight of relationship and partnership."})
    weight_alignment: int = field(default=15, metadata={"meaning": "Weight of strategic fit."})
    weight_payment: int = field(default=10, metadata={"meaning": "Weight of payment and ease."})
    least_confidence: float = field(default=0.6, metadata={"meaning": "Less known weight than this means Needs data."})
    least_deals: int = field(default=2, metadata={"meaning": "Won deals in two years that make repeat business."})
    emerging_days: int = field(default=183, metadata={"meaning": "Younger customers are Emerging and not ranked."})
    lapse_ratio: float = field(default=2.0, metadata={"meaning": "Silence over usual order gap that puts on watch."})
    silence_days: int = field(default=30, metadata={"meaning": "Shorter silence never counts."})
    low_fit: float = field(
        default=0.2, metadata={"meaning": "Strategic fit (0 to 1) up to this makes a large one not key."}
    )
    late_days: float = field(default=60.0, metadata={"meaning": "Days beyond terms at which payment counts nothing."})
    least_probability: float = field(default=50.0, metadata={"meaning": "Open deals below it are no growth."})
    most_pushed: int = field(default=2, metadata={"meaning": "Open deals pushed back so often are no growth."})
    least_cost_share: float = field(
        default=0.5, metadata={"meaning": "Share of revenue that needs a cost to count net."}
    )
    strategic_industries: tuple[str, ...] = field(
        default=(), metadata={"meaning": "Industries that fit the strategy, where no fit was typed."}
    )

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if self.cap < 1:
            raise ValueError(f"cap: must be at least 1, is {self.cap}")
        if self.band < 1:
            raise ValueError(f"band: must be at least 1, is {self.band}")
        if self.strikes < 1:
            raise ValueError(f"strikes: must be at least 1, is {self.strikes}")
        for name in ("cap_share", "nominated_share", "least_confidence", "least_cost_share", "low_fit"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: must lie between 0 and 1, is {getattr(self, name)}")
        if any(w < 0 for w in self.weights) or sum(self.weights) != 100:
            raise ValueError(
                f"weight_value: the five weights must be 0 or more and sum to 100, not {sum(self.weights)}"
            )
        if sum(w > 0 for w in self.weights) < 3:
            raise ValueError("weight_value: at least three criteria need a weight; revenue alone makes no key account")
        if self.late_days <= 0:
            raise ValueError(f"late_days: must be above 0, is {self.late_days}")

    @property
    def weights(self) -> tuple[int, ...]:
        """Weights in the order of CRITERIA."""
        return tuple(int(getattr(self, f"weight_{c}")) for c in CRITERIA)


def compute(engine: Engine, context: Context, settings: Settings) -> None:
    """Make account_group, account_value, account_score and account_key, each with a row for every account."""
    params = parameters(context, settings)
    engine.load(
        "criterion_weight",
        {"criterion": list(CRITERIA), "weight": np.array(settings.weights), "place": np.arange(1, len(CRITERIA) + 1)},
    )
    engine.load("strategic_industry", {"industry": np.array(sorted(set(settings.strategic_industries)), dtype=object)})
    for name in ("account_value", "key_accounts", "account_key"):
        run_steps(engine, name, params)


def parameters(context: Context, settings: Settings) -> dict[str, object]:
    """What the SQL is told: windows as epoch days, and the settings."""
    day = context.as_of
    windows = {
        "as_of": day,
        "half_year_day": day - 180,
        "year_day": day - 365,
        "two_year_day": day - 730,
        "emerging_day": day - settings.emerging_days,
    }
    counts = ("cap", "strikes", "review_days", "lock_days", "least_deals", "silence_days", "most_pushed")
    shares = ["cap_share", "band", "threshold", "nominated_share", "least_confidence", "least_cost_share"]
    shares += ["lapse_ratio", "low_fit", "late_days", "least_probability"]
    whole = {n: int(getattr(settings, n)) for n in counts}
    return {**windows, **whole, **{n: float(getattr(settings, n)) for n in shares}}

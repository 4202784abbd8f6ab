"""Which accounts are key, how they stand, and what would change it.

account_value, account_lapse, the whitespace estimate, relationship strength, typed judgements and the programme's
memory come in; account_score and account_key leave. Nothing is Key here until a person approved it: this room
only proposes. Formulas: methods, section 1. Next room: `quadrant`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from connector.insight import criteria
from connector.insight.steps import run_steps
from connector.schema import Context, Engine


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
    criteria: Mapping[str, int] = field(
        default_factory=lambda: dict(criteria.DEFAULT),
        metadata={"meaning": "Three to five of the ten of README.md, with weights of any sum."},
    )
    least_confidence: float = field(default=0.6, metadata={"meaning": "Less known weight than this means Needs data."})
    least_deals: int = field(default=2, metadata={"meaning": "Won deals in two years that make repeat business."})
    emerging_days: int = field(default=183, metadata={"meaning": "Younger customers are Emerging and not ranked."})
    lapse_ratio: float = field(default=2.0, metadata={"meaning": "Silence over usual order gap that puts on watch."})
    lapse_probability: float = field(
        default=0.5, metadata={"meaning": "And only above this chance that it stopped buying, where it is known."}
    )
    silence_days: int = field(default=30, metadata={"meaning": "Shorter silence never counts."})
    low_fit: float = field(
        default=0.2, metadata={"meaning": "Strategic fit (0 to 1) up to this makes a large one not key."}
    )
    late_days: float = field(default=60.0, metadata={"meaning": "Days beyond terms at which payment counts nothing."})
    strategic_industries: tuple[str, ...] = field(
        default=(), metadata={"meaning": "Industries that fit the strategy, where no fit was typed."}
    )
    strategic_places: tuple[str, ...] = field(
        default=(), metadata={"meaning": "Countries and regions that suit us, where no geographic fit was typed."}
    )

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if self.cap < 1:
            raise ValueError(f"cap: must be at least 1, is {self.cap}")
        if self.band < 1:
            raise ValueError(f"band: must be at least 1, is {self.band}")
        if self.strikes < 1:
            raise ValueError(f"strikes: must be at least 1, is {self.strikes}")
        for name in ("cap_share", "nominated_share", "least_confidence", "low_fit", "lapse_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: must lie between 0 and 1, is {getattr(self, name)}")
        if wrong := criteria.complaint(self.criteria):
            raise ValueError(f"criteria: {wrong}")
        if self.late_days <= 0:
            raise ValueError(f"late_days: must be above 0, is {self.late_days}")


def compute(engine: Engine, context: Context, settings: Settings) -> None:
    """Make account_score and account_key, each with a row for every account."""
    params = parameters(context, settings)
    criteria.load(engine, settings.criteria)
    engine.load("strategic_industry", {"industry": np.array(sorted(set(settings.strategic_industries)), dtype=object)})
    engine.load("strategic_place", {"place": np.array(sorted(set(settings.strategic_places)), dtype=object)})
    for name in ("key_accounts", "account_key"):
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
    counts = ("cap", "strikes", "review_days", "lock_days", "least_deals", "silence_days")
    shares = ["cap_share", "band", "threshold", "nominated_share", "least_confidence"]
    shares += ["lapse_ratio", "lapse_probability", "low_fit", "late_days"]
    whole = {n: int(getattr(settings, n)) for n in counts}
    return {**windows, **whole, **{n: float(getattr(settings, n)) for n in shares}}

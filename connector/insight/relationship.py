"""How warm the contact is: with each person, and with each account.

Activities with their participants and `contact_title` come in; `contact_strength`, `account_strength` and
`account_tie` leave, the latter two with a row for every account. account_tie(account_id, strength_then, trend,
our_share, contact_hhi) says how the contact has changed since `then_day`, which share of it one of us carries, and how
it is spread over the customer's people. Formula: methods, section 2. Where no activity names a contact, all is
unknown; so is an account of which we know nobody. Next room: `coverage`.
"""

import math
from dataclasses import dataclass, field

from connector.insight.steps import run_steps
from connector.schema import Context, Engine


@dataclass(frozen=True)
class Settings:
    """Settings of relationship strength; each says its meaning."""

    half_life_days: float = field(default=90.0, metadata={"meaning": "Days after which an activity counts half."})
    scale: float = field(default=57.0, metadata={"meaning": "Points that bring strength to 63; more = slower growth."})
    typed_weight: float = field(default=0.3, metadata={"meaning": "Weight of what was typed, not captured by a link."})
    weekly_cap: float = field(default=5.0, metadata={"meaning": "Most points per contact, side and ISO week."})
    mass_mail_over: int = field(default=10, metadata={"meaning": "A mail with more contacts than this counts nothing."})
    top_contacts: int = field(default=10, metadata={"meaning": "Contacts of an account that count, the best first."})
    two_way_days: int = field(default=90, metadata={"meaning": "Two-way contact within these days is recent."})
    strong: float = field(default=60.0, metadata={"meaning": "Strength from which a relationship is Strong."})
    warm: float = field(default=40.0, metadata={"meaning": "From which it is Warm, and a contact can be engaged."})
    weak: float = field(default=15.0, metadata={"meaning": "From which it is Weak; below it is Cold."})
    calm_points: float = field(default=3.0, metadata={"meaning": "Points beyond a bound before a band changes."})

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        for name in ("half_life_days", "scale", "weekly_cap"):
            if not (getattr(self, name) > 0 and math.isfinite(getattr(self, name))):
                raise ValueError(f"{name}: must be above 0, is {getattr(self, name)}")
        for name in ("mass_mail_over", "top_contacts", "two_way_days"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1, is {getattr(self, name)}")
        if not 0 <= self.typed_weight <= 1:
            raise ValueError(f"typed_weight: must lie between 0 and 1, is {self.typed_weight}")
        if not 0 < self.weak < self.warm < self.strong < 100:
            raise ValueError(f"strong: must hold 0 < weak < warm < strong < 100, is {self.strong}")
        if not 0 <= self.calm_points < min(self.weak, self.warm - self.weak, self.strong - self.warm):
            raise ValueError(f"calm_points: must be at least 0 and less than each band is wide, is {self.calm_points}")


def reference_day(as_of: int) -> int:
    """Day towards which points fade: the same for a quarter of a year, so that points need no new sum every night."""
    return as_of // 91 * 91


def then_week(as_of: int) -> int:
    """The ISO week, counted from that of 1970-01-01, at whose end strength is looked at again for the trend.

    It ended 90 to 117 days ago and stays for four weeks: moved each week, it would have a third of all accounts
    summed anew in one night.
    """
    return (as_of - 93) // 28 * 4


def then_day(as_of: int) -> int:
    """The Sunday that ends this week."""
    return then_week(as_of) * 7 + 3


def compute(engine: Engine, context: Context, settings: Settings) -> None:
    """Make `contact_strength` (contacts that may be profiled), `account_strength` and `account_tie` (every account)."""
    decay, reference = math.log(2.0) / settings.half_life_days, reference_day(context.as_of)
    then = then_day(context.as_of)
    params = {
        "as_of": context.as_of,
        "has_activity": context.has("activity"),
        "decay": decay,
        "reference": reference,
        "fade": math.exp((reference - context.as_of) * decay),
        "then_week": then_week(context.as_of),
        "then_day": then,
        "then_fade": math.exp((reference - then) * decay),
        "first_week": math.floor(then_week(context.as_of) - settings.half_life_days / 7),
        "scale": float(settings.scale),
        "typed": float(settings.typed_weight),
        "weekly_cap": float(settings.weekly_cap),
        "mass_mail": settings.mass_mail_over,
        "top": settings.top_contacts,
        "recent_day": context.as_of - settings.two_way_days,
        "strong": float(settings.strong),
        "warm": float(settings.warm),
        "weak": float(settings.weak),
        "calm": float(settings.calm_points),
    }
    run_steps(engine, "relationship", params)
    run_steps(engine, "relationship_trend", params)

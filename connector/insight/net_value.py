"""What each account is worth to us: net value of the last half year and year, growth, lifetime value, concentration.

Won deals, invoices, orders or contracts with their cost, cases and cost to serve come in; `deal`, `account_value` and
`account_lifetime` leave, with a row for every account where one can be, and `portfolio` with one row. A giant sale
that an account made once is cut at what 99 of 100 accounts never bought at once. Formulas: methods, sections 1.1 to
1.4. Next room: `key_accounts`.
"""

from dataclasses import dataclass, field

from connector.insight.steps import run_steps
from connector.schema import REVENUE_SOURCES, Context, Engine


@dataclass(frozen=True)
class Settings:
    """Settings of net value; each says its meaning. Costs are in corporate currency."""

    least_cost_share: float = field(
        default=0.5, metadata={"meaning": "Share of revenue that needs a cost to count net."}
    )
    cost_per_case: float = field(
        default=0.0, metadata={"meaning": "Cost of a case, where an account has no cost_to_serve of its own."}
    )
    cost_per_meeting: float = field(
        default=0.0, metadata={"meaning": "The same of a meeting; above 0 it punishes visits."}
    )
    cost_per_call: float = field(default=0.0, metadata={"meaning": "And of a call."})
    late_interest: float = field(
        default=0.0, metadata={"meaning": "Yearly interest on what is paid beyond terms, as 0.08."}
    )
    discount_rate: float = field(default=0.1, metadata={"meaning": "Yearly discount of what later years will bring."})
    least_segment: int = field(
        default=10, metadata={"meaning": "Smaller segments are expected to do as the whole portfolio does."}
    )
    least_probability: float = field(default=50.0, metadata={"meaning": "Open deals below it are no growth."})
    most_pushed: int = field(default=2, metadata={"meaning": "Open deals pushed back so often are no growth."})

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if not 0 <= self.least_cost_share <= 1:
            raise ValueError(f"least_cost_share: must lie between 0 and 1, is {self.least_cost_share}")
        for name in ("cost_per_case", "cost_per_meeting", "cost_per_call"):
            if not 0 <= getattr(self, name) <= 1e9:
                raise ValueError(f"{name}: must lie between 0 and a billion, is {getattr(self, name)}")
        for name in ("late_interest", "discount_rate"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 0 and below 1, is {getattr(self, name)}")
        if self.least_segment < 1:
            raise ValueError(f"least_segment: must be at least 1, is {self.least_segment}")


def compute(engine: Engine, context: Context, settings: Settings) -> None:
    """Make account_value, account_lifetime and portfolio."""
    params = parameters(context, settings)
    for name in ("net_value", "lifetime"):
        run_steps(engine, name, params)


def parameters(context: Context, settings: Settings) -> dict[str, object]:
    """What the SQL is told: windows as epoch days, costs in minor units, and the settings."""
    day, unit = context.as_of, 10.0**context.digits
    windows = {"half_year_day": 180, "year_day": 365, "two_year_day": 730, "three_year_day": 1095}
    costs = {"case": settings.cost_per_case, "meeting": settings.cost_per_meeting, "call": settings.cost_per_call}
    rate = 1.0 + settings.discount_rate
    return {
        "as_of": day,
        # A segment's rate of return moves with the quarter: it would move every account with it.
        "quarter_day": day // 91 * 91,
        "source": REVENUE_SOURCES.index(context.revenue),
        **{name: day - back for name, back in windows.items()},
        **{f"{name}_minor": round(cost * unit) for name, cost in costs.items()},
        # What a year from now is worth today, counted from its middle.
        **{f"year_{n}": rate ** (0.5 - n) for n in (1, 2, 3)},
        "least_cost_share": float(settings.least_cost_share),
        "late_interest": float(settings.late_interest),
        "least_segment": settings.least_segment,
        "least_probability": float(settings.least_probability),
        "most_pushed": settings.most_pushed,
    }

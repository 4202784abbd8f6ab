"""Where an account stands among the others: how attractive it is against how close we are.

account_score, account_key, account_strength and account_coverage come in; account_quadrant leaves, a row for every
account and Unknown where either side is. The boxes and their treatments: methods, sections 1.7 and 11. Next room:
`whitespace.show`.
"""

from dataclasses import dataclass, field

from connector.insight.steps import run_steps
from connector.schema import Context, Engine


@dataclass(frozen=True)
class Settings:
    """Settings of the quadrant; each says its meaning."""

    cut: str = field(default="candidates", metadata={"meaning": "candidates: their weighted median; fixed: fixed_cut."})
    fixed_cut: float = field(default=50.0, metadata={"meaning": "Cut when fixed, or when candidates are too few."})
    least_candidates: int = field(default=5, metadata={"meaning": "Fewer candidates don't make a median."})
    dead_zone: float = field(default=5.0, metadata={"meaning": "Points around the cut in which the present box stays."})
    strength_share: float = field(
        default=0.7, metadata={"meaning": "Share of strength in closeness; the rest is coverage of the org chart."}
    )

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if self.cut not in ("candidates", "fixed"):
            raise ValueError(f'cut: must be "candidates" or "fixed", is "{self.cut}"')
        if not 0 <= self.fixed_cut <= 100:
            raise ValueError(f"fixed_cut: must lie between 0 and 100, is {self.fixed_cut}")
        if not 0 <= self.dead_zone <= 50:
            raise ValueError(f"dead_zone: must lie between 0 and 50, is {self.dead_zone}")
        if not 0 <= self.strength_share <= 1:
            raise ValueError(f"strength_share: must lie between 0 and 1, is {self.strength_share}")


def compute(engine: Engine, context: Context, settings: Settings) -> None:
    """Make account_quadrant, a row for every account."""
    params: dict[str, object] = {
        "as_of": context.as_of,
        "fixed": int(settings.cut == "fixed"),
        "fixed_cut": settings.fixed_cut,
        "least_candidates": settings.least_candidates,
        "dead_zone": settings.dead_zone,
        "strength_share": settings.strength_share,
    }
    run_steps(engine, "quadrant", params)

"""The ten criteria that a programme may choose from: three to five of them, by weight, make the score.

A table of weights comes in, checked; the chosen criteria and their columns leave. Each is computed or typed by a person
as 0 to 5, and a typed scale has its anchors in the help of its CRM field. Next room: `key_accounts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from connector.errors import nearest
from connector.schema import WRITE_COLUMNS, Engine

FEWEST, MOST = 3, 5
# Larger weights say nothing more, and the sums of the SQL have room for these.
HEAVIEST = 1000


@dataclass(frozen=True)
class Criterion:
    """One criterion: where it comes from, and the column of `account` in which a person types it, if one does."""

    name: str
    needs: str
    typed: str = ""

    @property
    def anchors(self) -> str:
        """What 0, 3 and 5 mean on the typed scale; empty where nothing is typed."""
        return WRITE_COLUMNS["account", self.typed].help if self.typed else ""


# The order is that of every list and text. A family that an account lacks is growth, not a lack of fit: product fit is
# therefore typed, never taken from what was bought.
CATALOGUE = {
    c.name: c
    for c in (
        Criterion("value", "its won deals and their cost (opportunity_line.cost)"),
        Criterion("growth", "the product families it lacks (product.family), its open deals and its trend"),
        Criterion("relationship", "activities that name its contacts, and account.partnership", "partnership"),
        Criterion("alignment", "account.strategic_fit, or its industry and strategic_industries", "strategic_fit"),
        Criterion("payment", "days paid beyond the agreed terms (account.payment_days)"),
        Criterion("product_fit", "account.product_fit", "product_fit"),
        Criterion("financial_strength", "account.financial_strength", "financial_strength"),
        Criterion("market_relationships", "account.market_relationships", "market_relationships"),
        Criterion("cultural_fit", "account.cultural_fit", "cultural_fit"),
        Criterion("geographic_fit", "account.geographic_fit, or its address and strategic_places", "geographic_fit"),
    )
}
NAMES = tuple(CATALOGUE)
DEFAULT = {"value": 35, "growth": 25, "relationship": 15, "alignment": 15, "payment": 10}


def complaint(weights: Mapping[str, object]) -> str:
    """What is wrong with a definition, empty when nothing is: names, weights, and how many there are."""
    for name, weight in weights.items():
        if name not in CATALOGUE:
            return f"{name} is no criterion.{nearest(name, NAMES)} There are: {', '.join(NAMES)}."
        if not isinstance(weight, int) or isinstance(weight, bool):
            return f"{name} must be a whole number, not {weight!r}."
        if not 0 <= weight <= HEAVIEST:
            return f"{name} must lie between 0 and {HEAVIEST}, is {weight}."
    names = chosen(weights)
    if not names:
        return f"none has a weight. Give {FEWEST} to {MOST} of them one: {', '.join(NAMES)}."
    if names == ("value",):
        return f"value alone makes no key account: give {FEWEST - 1} to {MOST - 1} other criteria a weight beside it."
    if not FEWEST <= len(names) <= MOST:
        return f"{FEWEST} to {MOST} criteria need a weight above 0, not {len(names)}: {', '.join(names)}."
    return ""


def chosen(weights: Mapping[str, object]) -> tuple[str, ...]:
    """Names of the criteria with a weight, in the order of the catalogue."""
    return tuple(name for name in NAMES if weights.get(name))


def left_out(weights: Mapping[str, object]) -> frozenset[str]:
    """Columns that people would type for criteria that nobody chose: setup makes no fields for them."""
    return frozenset(c.typed for c in CATALOGUE.values() if c.typed and not weights.get(c.name))


def load(engine: Engine, weights: Mapping[str, int]) -> None:
    """Make `criterion_weight`: every criterion with its weight, place, bit, and its place by weight."""
    heavy = sorted(NAMES, key=lambda name: (-weights.get(name, 0), NAMES.index(name)))
    engine.load(
        "criterion_weight",
        {
            "criterion": list(NAMES),
            "weight": np.array([weights.get(name, 0) for name in NAMES]),
            "place": np.arange(1, len(NAMES) + 1),
            "bit": 2 ** np.arange(len(NAMES)),
            "heavy": np.array([heavy.index(name) + 1 for name in NAMES]),
        },
    )


def of_bits(bits: int | None) -> tuple[str, ...]:
    """Criteria that a sum of bits names."""
    return tuple(name for n, name in enumerate(NAMES) if (bits or 0) >> n & 1)

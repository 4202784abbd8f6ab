"""Which seats of the customer's organisation we know and how well: per slot and per account.

`contact_title`, `contact_strength` and `account_strength` come in with the stakeholder roles people set;
`coverage_slot` and `account_coverage` (every account) leave, and what `roles` leaves. Formula: methods, section 3.4.

A slot is `function.level` (`finance.executive`, `any.manager`) or `role.name`. States of an account: `ok`,
`getting_to_know` (new), `no_contacts`, `no_titles` (we know people, but not where one of them sits), `no_activities`
(we know who sits where, but not how warm: known_percent only), `unknown` (no contacts anywhere).
Next room: `deals`.
"""

from dataclasses import dataclass, field

import numpy as np

from connector.insight.coverage import roles
from connector.insight.steps import run_steps
from connector.insight.titles.lexicon import FUNCTIONS
from connector.schema import Context, Engine

# Word of a slot's level: lowest and highest level that fill it, and the slot's weight. `middle` is for small companies.
LEVELS = {"executive": (4, 5, 3), "director": (3, 3, 2), "manager": (2, 2, 1), "middle": (2, 3, 1)}
GRID = ("executive", "director", "manager")
# Role, its weight, and whether only people can say who has it (an economic buyer can be inferred).
ROLES = {"economic_buyer": (2, False), "champion": (1, True), "sponsor": (1, True)}


@dataclass(frozen=True)
class Settings:
    """Settings of coverage; each says its meaning."""

    functions: tuple[str, ...] = field(
        default=("finance", "operations", "procurement"),
        metadata={"meaning": "Functions a large customer's grid asks for, the most important first."},
    )
    executive_functions: tuple[str, ...] = field(
        default=("general", "it"),
        metadata={"meaning": "Functions of which a large customer is asked for the executive only."},
    )
    buying_functions: tuple[str, ...] = field(
        default=("procurement", "finance", "general"),
        metadata={
            "meaning": "Functions whose executive is the likely economic buyer where nobody named one, and whose"
            " directors and managers are likely users or technical buyers."
        },
    )
    small_below: int = field(default=50, metadata={"meaning": "Below this many employees small_slots are asked for."})
    middle_below: int = field(default=500, metadata={"meaning": "Below this, or unknown: middle_slots; else the grid."})
    small_slots: tuple[str, ...] = field(
        default=("any.executive", "any.middle", "role.economic_buyer"),
        metadata={"meaning": "Slots of a small customer."},
    )
    middle_slots: tuple[str, ...] = field(
        default=("any.executive", "any.director", "any.manager", "role.economic_buyer", "role.champion"),
        metadata={"meaning": "Slots of a middle-sized customer."},
    )
    key_slots: tuple[str, ...] = field(
        default=("role.economic_buyer", "role.champion", "role.sponsor"),
        metadata={"meaning": "Slots that a key account is asked for besides those of its size."},
    )
    full_strength: float = field(default=60.0, metadata={"meaning": "Strength with which a slot counts in full."})
    warm: float = field(default=40.0, metadata={"meaning": "Strength from which a slot is called covered."})
    single_share: float = field(
        default=0.7, metadata={"meaning": "Share of one contact that makes us single-threaded."}
    )
    new_days: int = field(default=90, metadata={"meaning": "An account younger than this is still being got to know."})
    attitude_days: int = field(
        default=180, metadata={"meaning": "An attitude on a contact unchanged for so many days counts no more."}
    )

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        self._check_functions()
        self._check_slots()
        if not 0 <= self.small_below <= self.middle_below:
            raise ValueError(f"small_below: must lie between 0 and middle_below, is {self.small_below}")
        if not 0 < self.warm <= self.full_strength <= 100:
            raise ValueError(f"warm: must lie above 0 and up to full_strength, is {self.warm}")
        if not 0 < self.single_share <= 1:
            raise ValueError(f"single_share: must lie above 0 and up to 1, is {self.single_share}")
        for name in ("new_days", "attitude_days"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: must be at least 0, is {getattr(self, name)}")

    def _check_functions(self) -> None:
        for name in ("functions", "executive_functions", "buying_functions"):
            for word in getattr(self, name):
                if word not in FUNCTIONS:
                    raise ValueError(f'{name}: unknown function "{word}". Known: {", ".join(FUNCTIONS)}')

    def _check_slots(self) -> None:
        for name in ("functions", "executive_functions", "small_slots", "middle_slots", "key_slots"):
            given = getattr(self, name)
            if len(set(given)) < len(given) or not (given or name in ("executive_functions", "key_slots")):
                raise ValueError(f"{name}: give at least one, each once")
        for name in ("small_slots", "middle_slots", "key_slots"):
            for slot in getattr(self, name):
                _check_slot(name, slot)
        for name in ("small_slots", "middle_slots"):
            if all(slot.startswith("role.") and ROLES[slot.removeprefix("role.")][1] for slot in getattr(self, name)):
                raise ValueError(f"{name}: give at least one slot besides champion and sponsor")


def compute(engine: Engine, context: Context, settings: Settings) -> None:
    """Make `coverage_slot` and `account_coverage`."""
    _load_rules(engine, settings)
    params = {
        "as_of": context.as_of,
        "new_day": context.as_of - settings.new_days,
        "small_below": settings.small_below,
        "middle_below": settings.middle_below,
        "full": float(settings.full_strength),
        "warm": float(settings.warm),
        "single_share": float(settings.single_share),
        "stale_day": context.as_of - settings.attitude_days,
    }
    roles.compute(engine, params, settings.buying_functions)
    run_steps(engine, "coverage/coverage", params)


def slots(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Slots asked for by size of the customer: small, middle, large; `_key` after it where it is a key account."""
    grid = [f"{function}.{level}" for function in settings.functions for level in GRID]
    grid += [f"{function}.executive" for function in settings.executive_functions]
    sizes = {
        "small": settings.small_slots,
        "middle": settings.middle_slots,
        "large": (*dict.fromkeys(grid), *(f"role.{role}" for role in ROLES)),
    }
    return sizes | {f"{size}_key": tuple(dict.fromkeys((*s, *settings.key_slots))) for size, s in sizes.items()}


def _load_rules(engine: Engine, settings: Settings) -> None:
    """Make `slot_rule`: for each size and slot, who fills it and what it weighs; and `slot_kind`: what sort it is."""
    rows = [
        (size, slot, place, *_rule(slot)) for size, names in slots(settings).items() for place, slot in enumerate(names)
    ]
    names = ("size", "slot", "place", "function", "role", "low", "high", "weight", "only_people")
    texts = {"size", "slot", "function", "role"}
    columns = zip(names, zip(*rows, strict=True), strict=True)
    engine.load("slot_rule", {n: np.array(v, dtype=object if n in texts else np.int64) for n, v in columns})
    kinds = {slot: (function, low) for _, slot, _, function, _, low, *_ in rows}
    kind = {
        "slot": np.array(list(kinds), dtype=object),
        "function": np.array(["" if f == "any" else f for f, _ in kinds.values()], dtype=object),
        "executive": np.array([int(low >= LEVELS["executive"][0]) for _, low in kinds.values()], dtype=np.int64),
    }
    engine.load("slot_kind", kind)


def _rule(slot: str) -> tuple[str, str, int, int, int, int]:
    """Function, role, lowest and highest level, weight, and whether only people can fill it."""
    kind, word = slot.split(".")
    if kind == "role":
        weight, only_people = ROLES[word]
        return "", word, 1, 0, weight, int(only_people)
    low, high, weight = LEVELS[word]
    return kind, "", low, high, weight, 0


def _check_slot(name: str, slot: str) -> None:
    kind, _, word = slot.partition(".")
    good = word in ROLES if kind == "role" else word in LEVELS and kind in ("any", *FUNCTIONS)
    if not good:
        raise ValueError(
            f'{name}: unknown slot "{slot}". Write function.level ({", ".join(("any", *FUNCTIONS))}; '
            f"{', '.join(LEVELS)}) or role.name ({', '.join(ROLES)})"
        )

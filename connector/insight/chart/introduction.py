"""Whom to ask for an introduction to the executive we don't reach: the cheapest way in three hops at most.

The chart, shared meetings, who of ours talks with whom, and the gaps of `coverage` come in; `introduction` leaves, one
row for each account with such a gap and somebody in touch. Formula: methods, section 3.4. `kam explain` and the
report tell it, and how much of our colleague they say is a setting: a field of the CRM never says it. Next room:
`whitespace`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from connector.insight.arrays import MILLION
from connector.insight.steps import run_steps
from connector.schema import Context, Engine

# Strength of what ties two people of the customer, and of a guess that somebody of a level knows the one above.
LINE, MEETING = 80.0, 60.0
GUESS = {"director": 60.0, "manager": 40.0, "below": 20.0}


@dataclass(frozen=True)
class Privacy:
    """What is told of our own people."""

    colleagues: Literal["off", "team", "named"] = field(
        default="team",
        metadata={
            "meaning": 'Who of ours knows whom: "off", "team" (the colleague who …) or "named" (by name; account'
            " pages of the report then name contacts, too)."
        },
    )


def compute(engine: Engine, context: Context, settings: object) -> None:
    """Make `introduction`, after `coverage`."""
    slots = engine.arrays("SELECT DISTINCT slot FROM coverage_slot ORDER BY slot")["slot"]
    seats = [str(s) for s in slots if str(s).endswith(".executive")]
    functions = [s.partition(".")[0] for s in seats]
    engine.load(
        "executive_seat", {"slot": np.array(seats, dtype=object), "function": np.array(functions, dtype=object)}
    )
    costs = {name: _cost(strength) for name, strength in {"line": LINE, "meeting": MEETING, **GUESS}.items()}
    run_steps(engine, "chart/introduction", {"as_of": context.as_of, **costs})


def _cost(strength: float) -> int:
    return round(-math.log(strength / 100.0) * MILLION)


def asking(row: Mapping[str, Any], said: Mapping[str, Any], privacy: Privacy, colleague: str | None) -> str:
    """Whom to ask, in one line of a catalogue. Contacts are told by role, whatever the setting."""
    words = said["introduction"]
    named = privacy.colleagues == "named" and colleague
    form = "named" if named else "off" if privacy.colleagues == "off" else "team"
    told = words[form].format(
        colleague=colleague,
        first=_seat(row["first_function"], row["first_level"], said),
        aim=_seat(*_aimed(row["slot"]), said),
    )
    if row["middle_level"] is not None:
        told = words["over"].format(ask=told, middle=_seat(row["middle_function"], row["middle_level"], said))
    return str(told if row["known"] else words["guess"].format(ask=told))


def _aimed(slot: str) -> tuple[str | None, int]:
    function = slot.partition(".")[0]
    return None if function == "any" else function, 4


def _seat(function: str | None, level: int, said: Mapping[str, Any]) -> str:
    words = said["slot"]
    rank = "executive" if level >= 4 else {3: "director", 2: "manager"}.get(level, "specialist")
    what = str(words.get(rank, rank))
    if function is None:
        return what
    return str(said["introduction"]["seat"].format(function=words.get(function, function), level=what))

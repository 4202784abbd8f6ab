"""An account's organisation as tables: which seats are covered, and how warm the contacts of each level are.

Rows of coverage_slot and counts of contact_result come in; rows and columns leave. Next room: `pages`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.schema import RELATIONSHIP_BANDS

Row = Mapping[str, Any]
_LEVELS = ("executive", "director", "manager", "middle")


@dataclass(frozen=True)
class Seat:
    """One seat: its state (covered, thin, known, gap or unknown), its weight and the share covered, if known."""

    state: str
    weight: int
    share: float | None


@dataclass(frozen=True)
class Grid:
    """Seats by function (rows) and level (columns); None where nobody is asked for. `roles` stand on their own."""

    columns: Sequence[str]
    rows: Mapping[str, Sequence[Seat | None]]
    roles: Mapping[str, Seat]


def grid(slots: Sequence[Row]) -> Grid:
    """Seats of one account, each where it belongs."""
    seats = {tuple(s["slot"].split(".", 1)): _seat(s) for s in slots}
    levels = {level for first, level in seats if first != "role"}
    columns = [level for level in _LEVELS if level in levels] + sorted(levels - set(_LEVELS))
    functions = dict.fromkeys(first for first, _ in seats if first != "role")
    return Grid(
        columns,
        {f: [seats.get((f, level)) for level in columns] for f in functions},
        {second: seat for (first, second), seat in seats.items() if first == "role"},
    )


def _seat(slot: Row) -> Seat:
    if slot["known"] is None:
        state = "unknown"
    elif slot["covered"]:
        state = "covered"
    elif slot["value"]:
        state = "thin"
    else:
        state = "known" if slot["known"] else "gap"
    return Seat(state, slot["weight"], slot["value"])


@dataclass(frozen=True)
class Level:
    """The contacts of one level (None: unknown): how many, in each band, and in two-way contact (None: unknown)."""

    level: int | None
    contacts: int
    bands: Sequence[int]
    engaged: int | None


def levels(people: Sequence[Row]) -> list[Level]:
    """Contacts by level, the highest first."""
    made = []
    for level in sorted({p["level"] for p in people}, key=lambda n: -1 if n is None else n, reverse=True):
        rows = [p for p in people if p["level"] == level]
        known = [p["engaged"] for p in rows if p["engaged"] is not None]
        bands = [sum(p["contacts"] for p in rows if (p["band"] or "Unknown") == band) for band in RELATIONSHIP_BANDS]
        made.append(Level(level, sum(bands), bands, int(sum(known)) if known else None))
    return made

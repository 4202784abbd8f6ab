"""What is said of a person or an empty seat: a few short lines for a box, and a sentence for whoever points or listens.

A Person or the seats of coverage_slot come in with the catalogue; words leave, roles and never titles. Next room:
`drawing`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.report.org.people import Person

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """State (of a Person, or gap), the lines of a box, what a list says, and all of it with whom the line leads to."""

    state: str
    lines: Sequence[str]
    short: str
    sentence: str


def person(who: Person, over: Person | None, said: Mapping[str, Any]) -> Told:
    """What is told of a person; `over` is who stands above, on this page."""
    t = said["report"]["org"]
    comma = t["comma"]
    roles = [str(said["slot"].get(r) or t["role"].get(r, r)) for r in who.roles]
    left, outside = who.state == "left", who.outside
    remark = t["left"] if left else ", ".join(roles) or (t["outside"] if outside else "")
    short = t["told"].format(seat=comma.join([*_seat(who, said), *roles]), state=_state(who, said))
    guess = None if who.sure is None else t["suggested"].format(sure=percent(who.sure))
    above = "" if over is None else t["reports"].format(seat=comma.join(_seat(over, said)))
    more = [above, guess, t["outside"] if outside else ""]
    return Told(
        who.state,
        [*_seat(who, said), *([remark] if remark else [])],
        f"{short} ({guess})" if guess else short,
        "; ".join(x for x in (short, *more) if x),
    )


def gap(slot: str, said: Mapping[str, Any]) -> Told:
    """What is told of a seat in which nobody is known."""
    words, t, nobody = said["slot"], said["report"]["org"], said["report"]["seat"]["gap"]
    lines = [words.get(n, n.replace("_", " ")) for n in slot.split(".", 1) if n not in ("role", "any")]
    short = t["told"].format(seat=t["comma"].join(lines), state=nobody)
    return Told("gap", [*lines, nobody], short, short)


def gaps(slots: Sequence[Row]) -> list[str]:
    """Seats in which nobody is known, the weightiest first."""
    return [s["slot"] for s in sorted(slots, key=lambda s: -s["weight"]) if s["known"] == 0]


def percent(share: float) -> str:
    """A share as the report writes it."""
    return f"{share * 100:.0f} %"


def _state(who: Person, said: Mapping[str, Any]) -> str:
    own = {"left": said["report"]["org"]["left"], "unknown": said["report"]["org"]["untold"]}
    return str(own.get(who.state) or said["report"]["seat"][who.state])


def _seat(who: Person, said: Mapping[str, Any]) -> list[str]:
    """The name where it may be told, function and level."""
    t = said["report"]
    function = t["org"]["no_function"] if who.function is None else said["slot"].get(who.function, who.function)
    level = t["level"]["none" if who.level is None else str(int(who.level))]
    return [*([who.name] if who.name else []), str(function), str(level)]

"""Who stands under whom on an account's page, and what is said of each: words, never a name unless it is given.

Rows of contact_result come in with the roles people set; a Chart leaves: trees, and who stands in none. Next room:
`tidy`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.report.org.tidy import children

Row = Mapping[str, Any]
# More people than these are a wall; the weightiest stay, with those above them.
MOST_PEOPLE = 400


@dataclass(frozen=True)
class Person:
    """One person: state (covered, thin, known, unknown or left), what is known of the seat, and whose line it is.

    sure: None where the CRM names the manager, else how sure the suggestion is. outside: the manager named works for
    another account of the group. name: None unless names may be told.
    """

    state: str
    level: int | None
    function: str | None
    roles: Sequence[str] = ()
    name: str | None = None
    sure: float | None = None
    outside: bool = False


@dataclass(frozen=True)
class Tree:
    """People who stand under one: each after the one above, whose place in the list `above` names (-1: the top)."""

    people: Sequence[Person]
    above: Sequence[int]


@dataclass(frozen=True)
class Chart:
    """The trees, the widest responsibility first; people without any line; and how many were left out."""

    trees: Sequence[Tree]
    alone: Sequence[Person]
    left_out: int = 0


@dataclass(frozen=True)
class _Line:
    manager: str | None
    sure: float | None = None
    outside: bool = False


def chart(rows: Sequence[Row], roles: Mapping[str, Sequence[str]], names: Mapping[str, str], warm: float) -> Chart:
    """The chart of one account; a person is covered from the strength `warm` on, as the seats are."""
    shown, left_out = _shown(rows)
    order = sorted(shown, key=_weight)
    lines = _lines(order)
    people = {
        row["contact_id"]: Person(
            _state(row, warm),
            row["level"],
            row["function"],
            tuple(roles.get(row["contact_id"], ())),
            names.get(row["contact_id"]),
            line.sure,
            line.outside,
        )
        for row in order
        for line in [lines[row["contact_id"]]]
    }
    trees, alone = [], []
    for ids, above in _trees([row["contact_id"] for row in order], lines):
        if len(ids) == 1:
            alone.append(people[ids[0]])
        else:
            trees.append(Tree([people[i] for i in ids], above))
    trees.sort(key=lambda tree: -len(tree.people))
    return Chart(trees, alone, left_out)


def _state(row: Row, warm: float) -> str:
    if not row["present"]:
        return "left"
    if row["strength"] is None:
        return "unknown"
    return "covered" if row["strength"] >= warm else "thin" if row["strength"] > 0 else "known"


def _weight(row: Row) -> tuple[int, str, float, str]:
    """The highest level first, then by function; ids settle ties."""
    level = -1 if row["level"] is None else row["level"]
    return -level, row["function"] or "~", row["influence_rank"] or 0, row["contact_id"]


def _manager(row: Row) -> tuple[str | None, float | None]:
    said = row["manager_id"] or row["left_manager_id"]
    return (said, None) if said is not None else (row["suggested_manager_id"], row["suggestion_confidence"])


def _shown(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """Those who are here, and of those who left whom a line still needs; not more than can be read."""
    by_id = {row["contact_id"]: row for row in rows}
    here = sorted((r for r in rows if r["present"]), key=_weight)
    kept: dict[str, Row] = {}
    for row in here[:MOST_PEOPLE]:
        at: Row | None = row
        while at is not None and at["contact_id"] not in kept:
            kept[at["contact_id"]] = at
            at = by_id.get(_manager(at)[0] or "")
    return list(kept.values()), sum(row["contact_id"] not in kept for row in here)


def _lines(rows: Sequence[Row]) -> dict[str, _Line]:
    """The line of each person: as the CRM has it, else as it is suggested; none that would close a loop."""
    known = {row["contact_id"] for row in rows}
    made: dict[str, _Line] = {}
    for row in sorted(rows, key=lambda r: _manager(r)[1] is not None):
        manager, sure = _manager(row)
        if manager is not None and manager not in known:
            made[row["contact_id"]] = _Line(None, outside=row["manager_id"] is not None)
        elif manager is None or row["contact_id"] in _upwards(manager, made):
            made[row["contact_id"]] = _Line(None)
        else:
            made[row["contact_id"]] = _Line(manager, sure)
    return made


def _upwards(person: str, lines: Mapping[str, _Line]) -> Iterator[str]:
    at: str | None = person
    while at is not None:
        yield at
        at = lines[at].manager if at in lines else None


def _trees(ids: Sequence[str], lines: Mapping[str, _Line]) -> Iterator[tuple[list[str], list[int]]]:
    """Each tree from its top downwards, whoever leads before those below."""
    place = {person: n for n, person in enumerate(ids)}
    below = children([place.get(lines[person].manager or "", -1) for person in ids])
    for top in (n for n, person in enumerate(ids) if lines[person].manager is None):
        made: list[str] = []
        above: list[int] = []
        waiting = [(top, -1)]
        while waiting:
            at, over = waiting.pop()
            waiting += [(n, len(made)) for n in reversed(below[at])]
            made.append(ids[at])
            above.append(over)
        yield made, above

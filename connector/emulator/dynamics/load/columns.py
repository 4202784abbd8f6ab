"""Which column of the org each column of an export is; new ones are made where the org has none.

A table of the org and an export's header and values come in; one `Match` per position leaves. Next room: `load`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connector.emulator.dynamics.org.model import CHOICES, LOOKUPS, Column, Option, Table
from connector.emulator.dynamics.org.records import Org
from connector.emulator.dynamics.org.rows.values import guid
from connector.emulator.export import Export, LoadError, kind_of, places_of

PREFIX = "new"
"""What begins the name of a column that an export brings and the org does not know."""

FIRST_OPTION = 100_000_000
"""The number of the first option that the default publisher gives out."""

_OWN_NAME = re.compile(r"[a-z][a-z0-9]{1,7}_\w+")
_LABEL = "_label"
_LONGEST_LINE, _LONGEST_TEXT = 4000, 1_048_576
_SMALL = 2**31


@dataclass
class Match:
    """The column that a position of the export fills; with `numbers`, its values are labels of a choice."""

    column: Column
    numbers: dict[str, int] = field(default_factory=dict)


def match(org: Org, table: Table, export: Export, homes: dict[str, str], notes: list[str]) -> dict[int, Match]:
    """Find or make the column of each position; what repeats other columns is left aside with a note.

    `homes` tells the table of every id that the exports bring: a column of such ids becomes a lookup.
    """
    found: dict[int, Match] = {}
    for index, header in enumerate(export.header):
        name = _plain(header)
        if "@" in header or _repeats(table, name):
            notes.append(f"{export.path.name}: column {header} left aside; it repeats what other columns hold")
        elif name.endswith(_LABEL) and name not in table.columns:
            found[index] = _choice(org, table, name.removesuffix(_LABEL), list(export.column(index)))
        else:
            column = table.columns.get(name) or _make(org, table, name, list(export.column(index)), homes)
            found[index] = Match(column)
    names = [one.column.name for one in found.values()]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise LoadError(export.path, 1, f"two columns are {double}; leave one of them out")
    return found


def _plain(header: str) -> str:
    """The logical name behind a header: lookups may stand as the Web API names them, `_x_value`."""
    name = header.lower()
    return name[1 : -len("_value")] if name.startswith("_") and name.endswith("_value") else name


def _repeats(table: Table, name: str) -> bool:
    """Columns that say the table a lookup leads to, or that hold no value of their own."""
    lookup = table.columns.get(name.removesuffix("type"))
    own = table.columns.get(name)
    of_lookup = name.endswith("type") and lookup is not None and lookup.type in LOOKUPS and own is None
    return of_lookup or (own is not None and not own.stored)


def _choice(org: Org, table: Table, name: str, labels: Sequence[str]) -> Match:
    """The choice that labels stand for, with every label among its options; a new choice where there is none."""
    candidates = [table.columns.get(one) for one in (f"{name}code", name, _own(name))]
    column = next((one for one in candidates if one is not None and one.type in CHOICES), None)
    if column is None:
        made = Column(_own(name), "picklist", name, _own(name), option_set=f"{table.name}_{_own(name)}", custom=True)
        column = org.add_column(table.name, made)
    numbers = offer(org, table.name, column.name, labels)
    return Match(table.column(column.name), numbers)


def offer(org: Org, table: str, name: str, labels: Iterable[str]) -> dict[str, int]:
    """Give a choice the options that it lacks; the numbers of all its options come back by label."""
    column = org.table(table).column(name)
    known = {option.label: option.value for option in reversed(column.options)}
    lacking = [label for label in dict.fromkeys(labels) if label not in known]
    if lacking:
        made = numbered(lacking, max([FIRST_OPTION - 1, *known.values()]) + 1)
        org.replace_column(table, column.with_(options=(*column.options, *made)))
        known |= {option.label: option.value for option in made}
    return known


def numbered(labels: Iterable[str], first: int = FIRST_OPTION) -> tuple[Option, ...]:
    """Options with these labels, numbered onward from the first."""
    return tuple(Option(number, label) for number, label in enumerate(labels, first))


def _own(name: str) -> str:
    """The name of a custom column: with a prefix, and without what a name cannot hold."""
    plain = re.sub(r"_+", "_", re.sub(r"\W", "_", name.lower(), flags=re.ASCII)).strip("_") or "column"
    return plain if _OWN_NAME.fullmatch(plain) else f"{PREFIX}_{plain}"[:50]


def _make(org: Org, table: Table, name: str, values: Sequence[str], homes: dict[str, str]) -> Column:
    own = table.columns.get(_own(name))
    return own or org.add_column(table.name, _guess(_own(name), name, values, homes))


def _guess(name: str, label: str, values: Sequence[str], homes: dict[str, str]) -> Column:
    """The narrowest type that holds all values."""
    made = Column(name, "string", label, name, max_length=_LONGEST_LINE, format="Text", custom=True)
    match kind_of(values, datetime.fromisoformat):
        case "boolean":
            options = (Option(1, "Yes"), Option(0, "No"))
            return made.with_(type="boolean", max_length=0, format="", options=options)
        case "number":
            return _number(made, values)
        case "day":
            return made.with_(type="datetime", max_length=0, format="DateOnly", behavior="DateOnly")
        case "moment":
            return made.with_(type="datetime", max_length=0, format="DateAndTime", behavior="UserLocal")
    ids = {_guid(value) for value in values}
    if ids and None not in ids:
        tables = {homes.get(str(one)) for one in ids}
        target = tables.pop() if len(tables) == 1 else None
        if target is None:
            return made.with_(type="uniqueidentifier", max_length=0, format="")
        return made.with_(type="lookup", max_length=0, format="", targets=(target,), navigation={target: name})
    if any(len(value) > _LONGEST_LINE or "\n" in value for value in values):
        return made.with_(type="memo", max_length=_LONGEST_TEXT, format="TextArea")
    return made


def _number(made: Column, values: Sequence[str]) -> Column:
    places = places_of(values)
    largest = max(abs(float(value)) for value in values)
    if places == 0 and largest < _SMALL:
        return made.with_(type="integer", max_length=0, format="", min_value=-_SMALL, max_value=_SMALL - 1)
    if largest < 1e11:
        bounds = {"min_value": -1e11, "max_value": 1e11}
        return made.with_(type="decimal", max_length=0, format="", precision=min(places, 10), **bounds)
    return made.with_(type="double", max_length=0, format="", precision=min(places, 5))


def _guid(value: str) -> str | None:
    try:
        return guid(value)
    except ValueError:
        return None

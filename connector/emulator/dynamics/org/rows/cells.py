"""Whole columns of cells at once: the usual spellings are recognised in bulk, others are read one by one.

In: the cells of one column, as text or Python values; out: what the column stores. Next room: `filling`.
"""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from connector.emulator.dynamics.org.model import LOOKUPS, Column
from connector.emulator.dynamics.org.rows.values import GUID, MOMENT, Stored, guid, reader
from connector.emulator.dynamics.org.storage import quoted

if TYPE_CHECKING:
    from connector.emulator.dynamics.org.records import Org

_NONE = type(None)
_TEXTS = frozenset({str, _NONE})
_DIGITS = frozenset("0123456789")
_NUMERALS = _DIGITS | frozenset("+-.eE")
_NUMBERS = frozenset({"decimal", "double", "money"})
_INTEGERS = frozenset({"integer", "bigint", "picklist", "state", "status", "boolean"})


class Cells:
    """One SQL column of the rows to come: where its cells are, and how they are read."""

    def __init__(self, name: str, place: int, column: Column) -> None:
        self.name, self.place, self.column = name, place, column
        self.text = column.type in ("string", "memo", "entityname")
        self.read: Callable[[object], Stored] = _bare if column.type in LOOKUPS else reader(column)

    def values(self, cells: Sequence[object]) -> Sequence[object]:
        """Read the cells of many rows; an empty text stays one here, the insert makes it NULL."""
        kinds = set(map(type, cells))
        if kinds == {_NONE} or (self.text and kinds <= _TEXTS):
            return cells
        known = _known(self.column, cells) if kinds <= _TEXTS else None
        return [self.read(cell) for cell in cells] if known is None else known

    def parameter(self, number: int) -> str:
        """Give the SQL expression of a bound cell."""
        return f"NULLIF(?{number}, '')" if self.text else f"?{number}"


class Targets(Cells):
    """The logical names of the tables that the cells of a lookup point at, found out where only ids are given."""

    def __init__(self, org: "Org", place: int, column: Column) -> None:
        super().__init__(f"{column.name}.type", place, column)
        self._org = org
        self._known: dict[str, str] = {}
        self.text = False

    def values(self, cells: Sequence[object]) -> Sequence[object]:
        """Name the targets: those of pairs as given, those of ids by the rows there are, else the first."""
        bare = {str(cell): str(_bare(cell)) for cell in set(cells) if cell and not isinstance(cell, tuple)}
        wanted = {row_id for row_id in bare.values() if row_id not in self._known}
        for target in self.column.targets if wanted else ():
            wanted -= self._rows(target, wanted)
        first = self.column.targets[0]
        known = self._known
        return [
            None if not cell else cell[0] if isinstance(cell, tuple) else known.get(bare[str(cell)], first)
            for cell in cells
        ]

    def _rows(self, target: str, wanted: set[str]) -> set[str]:
        """Remember which of these ids rows of one table have."""
        table = self._org.tables.get(target)
        if table is None:
            return set()
        key = quoted(table.primary_id)
        sql = f"SELECT {key} FROM {quoted(target)} WHERE {key} IN (SELECT value FROM json_each(?))"
        found = {str(one) for (one,) in self._org.rows(sql, json.dumps(sorted(wanted)))}
        self._known |= dict.fromkeys(found, target)
        return found


def _known(column: Column, cells: Sequence[object]) -> Sequence[Stored] | None:
    """Read texts in the usual spellings; None when some are spelt otherwise."""
    texts: list[str] = [cell for cell in cells if cell]  # type: ignore[misc]
    full = len(texts) == len(cells)
    if column.type in LOOKUPS or column.type == "uniqueidentifier":
        shape = GUID
    elif column.type == "datetime" and column.behavior != "DateOnly":
        shape = MOMENT
    elif column.type in _INTEGERS:
        if set("".join(texts)) <= _DIGITS and (column.type != "boolean" or set(texts) <= {"0", "1"}):
            return [int(cell) if cell else None for cell in cells]  # type: ignore[call-overload]
        return None
    elif column.type in _NUMBERS:
        if set("".join(texts)) <= _NUMERALS:
            return [float(cell) if cell else None for cell in cells]  # type: ignore[arg-type]
        return None
    else:
        return None
    if not all(map(shape.fullmatch, texts)):
        return None
    return cells if full else [cell or None for cell in cells]  # type: ignore[misc, return-value]


def _bare(value: object) -> Stored:
    if value is None or value == "":
        return None
    return guid(value[1]) if isinstance(value, tuple) else guid(value)

"""The JSON text of rows: columns without annotations are written by SQLite itself, the others here, value by value.

Cells come in; the columns to select, and then the texts of the rows found, leave. Next room: `query`.

A page has thousands of rows, so everything that can be said once for a column is: annotations are made once for each
distinct value of a page.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any

from connector.emulator.dynamics.odata.rows.formats import formatter, money_shape, names_of, number_shape
from connector.emulator.dynamics.org.model import LOOKUPS, Column
from connector.emulator.dynamics.org.records import Org

FORMATTED = "OData.Community.Display.V1.FormattedValue"
ATTRIBUTE = "OData.Community.Display.V1.AttributeName"
TARGET = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
MOST_PAIRS = 60  # SQLite takes 127 arguments
Row = tuple[Any, ...]
Make = Callable[[Any], list[str]]


@dataclass(frozen=True)
class Cell:
    """One value of a row: its key on the wire, the column it is of, and SQL that gives it."""

    key: str
    column: Column
    sql: str
    kind_sql: str = ""  # logical name of the table that a lookup points at
    currency_sql: str = "NULL"  # id of the currency that money is in
    silent: bool = False  # an empty value is left out instead of said to be null
    alias_of: str = ""  # the column that an alias stands for, when that is to be said


@dataclass(frozen=True)
class Wanted:
    """The annotations a caller asked for."""

    formatted: bool = False
    target: bool = False
    navigation: bool = False
    attribute: bool = False

    @property
    def any(self) -> bool:
        """Say whether any of them was asked for."""
        return self.formatted or self.target or self.navigation or self.attribute


def wanted_by(wants: Callable[[str], bool]) -> Wanted:
    """The annotations that a caller's preference includes."""
    return Wanted(wants(FORMATTED), wants(TARGET), wants(NAVIGATION), wants(ATTRIBUTE))


class Writer:
    """Writes rows of one shape; `selects` is what SQL must select for it, beginning at column `start` of each row."""

    def __init__(self, org: Org, cells: Sequence[Cell], wanted: Wanted, etag_sql: str = "", start: int = 0) -> None:
        self.org, self.wanted = org, wanted
        self.selects: list[str] = []
        self._start = start
        self._silent = any(cell.silent for cell in cells)
        self._parts: list[tuple[int, int, Make]] = []
        self._pairs: list[str] = []
        if etag_sql:
            self._pairs.append(f"'@odata.etag', 'W/\"' || {etag_sql} || '\"'")
        for cell in cells:
            self._add(cell)
        self._parts = self._by_sqlite() + self._parts

    def _add(self, cell: Cell) -> None:
        if not cell.silent and not self._annotated(cell):
            self._pairs.append(f"{_literal(cell.key)}, {_json(cell)}")
        elif cell.column.type in LOOKUPS:
            one = cell.column.targets[0] if len(cell.column.targets) == 1 else ""
            self._part([cell.sql] if one else [cell.sql, cell.kind_sql], self._lookup(cell, one))
        elif cell.column.type == "money" and self.wanted.formatted:
            self._part([cell.sql, cell.currency_sql], self._money(cell))
        elif self.wanted.formatted and number_shape(cell.column):
            self._part([cell.sql], self._number(cell))
        else:
            self._part([cell.sql], self._value(cell))

    def _annotated(self, cell: Cell) -> bool:
        if cell.alias_of and self.wanted.attribute:
            return True
        if cell.column.type in LOOKUPS:
            return self.wanted.formatted or self.wanted.target or self.wanted.navigation
        if not self.wanted.formatted:
            return False
        number = cell.column.type == "money" or number_shape(cell.column) != ""
        return number or formatter(self.org, cell.column) is not None

    def _by_sqlite(self) -> list[tuple[int, int, Make]]:
        """What SQLite writes: as few objects as its functions can take arguments for."""
        parts: list[tuple[int, int, Make]] = []
        for start in range(0, len(self._pairs), MOST_PAIRS):
            parts.append((self._start + len(self.selects), 1, _inside))
            self.selects.append(f"json_object({', '.join(self._pairs[start : start + MOST_PAIRS])})")
        return parts

    def _part(self, selects: list[str], make: Make) -> None:
        self._parts.append((self._start + len(self.selects), len(selects), make))
        self.selects += selects

    def texts(self, rows: Sequence[Row]) -> list[str]:
        """The JSON text of each row."""
        if not rows:
            return []
        columns = list(zip(*rows, strict=True))
        if len(self._parts) == 1 and self._parts[0][2] is _inside:
            return list(columns[self._start])
        parts = [
            make(columns[at] if n == 1 else zip(*columns[at : at + n], strict=True)) for at, n, make in self._parts
        ]
        together = zip(*parts, strict=True)
        if self._silent:
            return ["{" + ",".join(filter(None, row)) + "}" for row in together]
        return ["{" + text + "}" for text in map(",".join, together)]

    def _value(self, cell: Cell) -> Make:
        rule = formatter(self.org, cell.column) if self.wanted.formatted else None
        note, name, empty = self._around(cell)
        write = _encoder(cell.column)

        def fragment(value: Any) -> str:
            if value is None:
                return empty
            if rule is None:
                return name + write(value)
            return f"{note}{encode_basestring(rule(value))},{name}{write(value)}"

        return _remembered(fragment)

    def _number(self, cell: Cell) -> Make:
        note, name, empty = self._around(cell)
        shape = number_shape(cell.column)

        def fragments(values: Iterable[Any]) -> list[str]:
            return [empty if v is None else f'{note}"{v:{shape}}",{name}{v!r}' for v in values]

        return fragments

    def _money(self, cell: Cell) -> Make:
        note, name, empty = self._around(cell)

        def fragment(value: float, start: str, shape: str) -> str:
            sign = "-" if value < 0 else ""
            return f'{note}"{sign}{start}{abs(value):{shape}}",{name}{value!r}'

        def fragments(pairs: Iterable[tuple[Any, Any]]) -> list[str]:
            values, currencies = zip(*pairs, strict=True)
            if cell.column.base_of:
                currencies = (None,) * len(values)
            shapes = {one: money_shape(self.org, cell.column, one) for one in set(currencies)}
            known = {one: (encode_basestring(symbol)[1:-1], shape) for one, (symbol, shape) in shapes.items()}
            return [
                empty if value is None else fragment(value, *known[currency])
                for value, currency in zip(values, currencies, strict=True)
            ]

        return fragments

    def _lookup(self, cell: Cell, one: str) -> Make:
        """Lookups; `one` is the only table they can point at."""
        note, name, empty = self._around(cell)
        key = encode_basestring(cell.key)[:-1]

        def fragment(guid: str, target: str, formatted: str | None) -> str:
            text = "" if formatted is None else f"{note}{encode_basestring(formatted)},"
            if self.wanted.navigation and target in cell.column.navigation:
                text += f'{key}@{NAVIGATION}":"{cell.column.navigation[target]}",'
            if self.wanted.target:
                text += f'{key}@{TARGET}":"{target}",'
            return f'{text}{name}"{guid}"'

        def fragments(values: Iterable[Any]) -> list[str]:
            values = list(values)
            places: dict[Any, tuple[Any, Any]] = {value: (value, one) if one else value for value in set(values)}
            names = names_of(self.org, places.values()) if self.wanted.formatted else {}
            made = {
                value: empty if place[0] is None else fragment(*place, names.get(place))
                for value, place in places.items()
            }
            return list(map(made.__getitem__, values))

        return fragments

    def _around(self, cell: Cell) -> tuple[str, str, str]:
        """What stands before a formatted value, what before the value itself, and what instead of an empty one."""
        key = encode_basestring(cell.key)
        alias = f'{key[:-1]}@{ATTRIBUTE}":"{cell.alias_of}",' if self.wanted.attribute and cell.alias_of else ""
        return f'{key[:-1]}@{FORMATTED}":', f"{alias}{key}:", "" if cell.silent else f"{key}:null"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _json(cell: Cell) -> str:
    if cell.column.type == "boolean":
        return f"json(CASE {cell.sql} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)"
    return cell.sql


def _inside(column: Sequence[str]) -> list[str]:
    return [text[1:-1] for text in column]


def _encoder(column: Column) -> Callable[[Any], str]:
    if column.type == "boolean":
        return lambda value: "true" if value else "false"
    return lambda value: encode_basestring(value) if isinstance(value, str) else repr(value)


def _remembered(fragment: Callable[[Any], str]) -> Make:
    def fragments(values: Iterable[Any]) -> list[str]:
        values = list(values)
        made = {value: fragment(value) for value in set(values)}
        return list(map(made.__getitem__, values))

    return fragments

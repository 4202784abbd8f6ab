"""The SELECT list: which SQL columns it needs, and how a row of them becomes a record.

In: the items of a query and its scope; out: a list of SQL columns and, compiled once, the function from a row to its
JSON. Attributes come first, then the fields in the order in which they were asked for, parents nested. Next room:
`query`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from connector.emulator.salesforce.org.catalogue import quoted
from connector.emulator.salesforce.org.model import Field, ObjectType
from connector.emulator.salesforce.soql.names import Node, Scope
from connector.emulator.salesforce.soql.tree import Call, Item, Path, Query, TypeOf

Row = tuple[Any, ...]
Make = Callable[[Row], object]
Convert = Callable[[Any], object]

_BOOLEAN: Convert = {0: False, 1: True, None: None}.get
_SHAPING = {"TOLABEL", "FORMAT", "CONVERTCURRENCY"}
_MOST_FIELDS_ROWS = 200


@dataclass(frozen=True)
class Cell:
    """One value of a record: its place in the row, and what to do with it."""

    index: int
    convert: Convert | None
    type: str
    path: str


@dataclass(frozen=True)
class Made:
    """One value of a record that is put together from several columns, or from rows of another query."""

    make: Make
    type: str
    path: str


@dataclass
class Shape:
    """A record in the making: what its attributes say, and its entries in order."""

    type_name: str
    id_index: int
    kind_index: int | None = None  # where the row says of which kind the record is; None when there is only one
    entries: "dict[str, Cell | Made | Shape]" = field(default_factory=dict)


class ChildPlan(Protocol):
    """What `query` gives for a subquery: the function from a parent's row to its list of children."""

    def __call__(self, query: Query, scope: Scope, id_index: int) -> tuple[str, Make]:
        """Plan a subquery; gives the list's name and the function."""
        ...


class Selection:
    """The SELECT list of one query that has no aggregates."""

    def __init__(self, scope: Scope, child: ChildPlan) -> None:
        self.scope, self.statement, self._child = scope, scope.statement, child
        self.columns: list[str] = []
        self._known: dict[str, int] = {}
        self.shape = Shape(scope.kind.name, self.index(scope.root.id_sql))
        self.has_children = False

    def index(self, sql: str) -> int:
        """Give the place of a column in the row, adding it when it is new."""
        if sql not in self._known:
            self._known[sql] = len(self.columns)
            self.columns.append(sql)
        return self._known[sql]

    def take(self, query: Query) -> None:
        """Take all items of the query."""
        for item in query.items:
            if isinstance(item.what, Call) and item.what.name == "FIELDS":
                for path in self._all_fields(item.what, query):
                    self._field(path, None)
            elif isinstance(item.what, Query):
                self.has_children = True
                name, make = self._child(item.what, self.scope, self.shape.id_index)
                self._put(self.shape, name, Made(make, "list", name), item.what.sources[0].path.place)
            elif isinstance(item.what, TypeOf):
                self._type_of(item.what)
            else:
                self._value(item.what, item)

    def _value(self, what: Path | Call, item: Item) -> None:
        if isinstance(what, Path):
            if item.alias is not None:
                message = "only aggregate expressions use field aliasing"
                self.statement.text.refuse(what.place, "MALFORMED_QUERY", message)
            self._field(what, None)
            return
        inner, shaping = what, []
        while isinstance(inner, Call) and inner.name in _SHAPING and len(inner.arguments) == 1:
            shaping.append(inner.name)
            argument = inner.arguments[0]
            if not isinstance(argument, Path | Call):
                break
            if isinstance(argument, Path):
                self._field(argument, item.alias, shaping)
                return
            inner = argument
        self.statement.text.refuse(what.place, "MALFORMED_QUERY", f"unexpected token: '{what.name}'")

    def _field(self, path: Path, alias: str | None, shaping: Sequence[str] = ()) -> None:
        column = self.scope.column(path)
        shape = self._parent(column.node)
        full = column.path if alias is None else alias
        entry: Cell | Made
        if column.field.stored:
            convert = converter(column.field, shaping, self.statement.org.currency)
            kind = "string" if shaping and "CONVERTCURRENCY" not in shaping else column.field.type
            entry = Cell(self.index(column.sql), convert, kind, full)
        else:
            entry = self._composed(column.node, column.field, full)
        self._put(shape if alias is None else self.shape, alias or column.field.name, entry, path.place)

    def _put(self, shape: Shape, key: str, entry: Cell | Made | Shape, place: int) -> None:
        if key in shape.entries:
            self.statement.text.refuse(place, "INVALID_FIELD", f"duplicate field selected: {key}")
        shape.entries[key] = entry

    def _parent(self, node: Node) -> Shape:
        """Find the nested record that a path leads to, making those on the way."""
        shape = self.shape
        for step in range(1, len(node.path) + 1):
            label = node.path[step - 1]
            if label not in shape.entries:
                above = self.scope.nodes[tuple(name.lower() for name in node.path[:step])]
                kind_index = None if above.kind else self.index(self.scope.type_of(above))
                shape.entries[label] = Shape(above.name, self.index(above.id_sql), kind_index)
            found = shape.entries[label]
            assert isinstance(found, Shape)  # noqa: S101 - a field and a relationship never share a name
            shape = found
        return shape

    def _composed(self, node: Node, compound: Field, path: str) -> Made:
        """Put an address together from the fields that are its parts."""
        kind, readable = node.kind, frozenset[str]()
        if kind is not None:
            readable = self.statement.readable(kind)
        parts = [
            f for f in (kind.fields.values() if kind else ()) if f.compound == compound.name and f.name in readable
        ]
        prefix = compound.name.removesuffix("Address").removesuffix("__c")
        names = {}
        for part in parts:
            short = part.name.removesuffix("__s").removeprefix(prefix).strip("_")
            names[short[:1].lower() + short[1:]] = self.index(f"{node.table}.{quoted(part.name)}")
        order = sorted(names.items())

        def make(row: Row) -> object:
            value = {name: row[index] for name, index in order}
            return value if any(v is not None for v in value.values()) else None

        return Made(make, compound.type, path)

    def _all_fields(self, call: Call, query: Query) -> list[Path]:
        """List the fields of FIELDS(ALL), FIELDS(STANDARD) or FIELDS(CUSTOM)."""
        text, argument = self.statement.text, call.arguments[0] if len(call.arguments) == 1 else None
        wanted = argument.text.upper() if isinstance(argument, Path) else ""
        if wanted not in ("ALL", "STANDARD", "CUSTOM"):
            text.refuse(call.place, "MALFORMED_QUERY", "FIELDS() takes ALL, STANDARD or CUSTOM")
        if wanted != "STANDARD" and (query.limit is None or query.limit > _MOST_FIELDS_ROWS):
            message = f"The SOQL FIELDS function must have a LIMIT of at most {_MOST_FIELDS_ROWS}"
            text.refuse(call.place, "MALFORMED_QUERY", message)
        readable, kind = self.statement.readable(self.scope.kind), self.scope.kind
        chosen = [f for f in kind.fields.values() if wanted == "ALL" or f.custom == (wanted == "CUSTOM")]
        return [Path((f.name,), call.place) for f in chosen if f.name in readable]

    def _type_of(self, item: TypeOf) -> None:
        node, _reference = self.scope.node(item.path)
        text = self.statement.text
        if node.kind is not None:
            message = f"TYPEOF can only be used on a polymorphic relationship: '{item.path.text}'"
            text.refuse(item.path.place, "MALFORMED_QUERY", message)
        kinds = self.index(self.scope.type_of(node))
        choices: dict[str, Make] = {}
        for of, fields in item.branches:
            kind = self.statement.find(of)
            if kind not in node.targets:
                text.refuse(
                    of.place, "INVALID_TYPE", f"'{kind.name}' is not a type that '{item.path.text}' can point at"
                )
            shape = Shape(kind.name, self.index(node.id_sql))
            for path in fields:
                self._put(shape, *self._branch_cell(node, kind, path), path.place)
            choices[kind.name] = record_maker(shape, self.statement.version)
        fallback: Make | None = None
        if item.otherwise is not None:
            shape = Shape("Name", self.index(node.id_sql), kinds)
            for path in item.otherwise:
                column = self.scope.column(Path((*item.path.names, *path.names), path.place))
                cell = Cell(self.index(column.sql), converter(column.field), column.field.type, column.path)
                self._put(shape, column.field.name, cell, path.place)
            fallback = record_maker(shape, self.statement.version)

        def make(row: Row) -> object:
            chosen = choices.get(row[kinds], fallback)
            return chosen(row) if chosen is not None and row[kinds] is not None else None

        self._put(self.shape, node.path[-1], Made(make, "complexvalue", ".".join(node.path)), item.path.place)

    def _branch_cell(self, node: Node, kind: ObjectType, path: Path) -> tuple[str, Cell]:
        own = kind.field(path.names[-1])
        if len(path.names) != 1 or own is None or not own.stored or own.name not in self.statement.readable(kind):
            self.scope.missing(path, path.text, kind.name)
        sql = self.scope.by_kind(
            node.id_sql, {kind.key_prefix or "": self.scope.within(node, kind, own.name, node.id_sql)}
        )
        return own.name, Cell(self.index(sql), converter(own), own.type, own.name)


def cells(shape: Shape) -> list[Cell | Made]:
    """List the values of a shape in order, those of nested parents at the place of the parent."""
    found: list[Cell | Made] = []
    for entry in shape.entries.values():
        found.extend(cells(entry) if isinstance(entry, Shape) else [entry])
    return found


def record_maker(shape: Shape, version: str) -> Callable[[Row], dict[str, object] | None]:
    """Compile the function from a row to the record; it gives None for a parent that is not there.

    It is one dict display, which is three times as fast as filling a dict: half of a large answer's time is spent here.
    """
    tools: list[Callable[[Any], object]] = []
    source = _display(shape, f"/services/data/v{version.removeprefix('v')}/sobjects/", tools)
    # Only numbers and names that went through repr() are in the source.
    made: Callable[[Row], dict[str, object] | None] = eval(f"lambda row: {source}", {"tools": tools})  # noqa: S307
    return made


def _display(shape: Shape, base: str, tools: list[Callable[[Any], object]]) -> str:
    record_id = f"row[{shape.id_index}]"
    start = repr(f"{base}{shape.type_name}/")
    if shape.kind_index is not None:
        start = f"{base!r} + row[{shape.kind_index}] + '/'"
    parts = [f"'attributes': {{'type': {shape.type_name!r}, 'url': {start} + {record_id}}}"]
    for key, entry in shape.entries.items():
        if isinstance(entry, Shape):
            value = _display(entry, base, tools)
        elif isinstance(entry, Cell) and entry.convert is None:
            value = f"row[{entry.index}]"
        else:
            tools.append(entry.make if isinstance(entry, Made) else entry.convert or str)
            value = f"tools[{len(tools) - 1}](" + (f"row[{entry.index}])" if isinstance(entry, Cell) else "row)")
        parts.append(f"{key!r}: {value}")
    return f"(None if {record_id} is None else {{{', '.join(parts)}}})"


def converter(of: Field, shaping: Sequence[str] = (), currency: str = "") -> Convert | None:
    """Give the function from a stored value to its JSON value; None where they are the same."""
    if "TOLABEL" in shaping and of.picklist:
        labels = {entry.value: entry.label for entry in of.picklist}
        return lambda value: None if value is None else ";".join(labels.get(part, part) for part in value.split(";"))
    if "FORMAT" in shaping:
        return lambda value: None if value is None else formatted(of, value, currency)
    return _BOOLEAN if of.type == "boolean" else None


def formatted(of: Field, value: Any, currency: str) -> str:
    """Write a value the way an org set to English (United States) shows it."""
    if of.type == "date":
        day = date.fromisoformat(value)
        return f"{day.month}/{day.day}/{day.year}"
    if of.type == "datetime":
        moment = datetime.fromisoformat(value[:23])
        clock = f"{moment.hour % 12 or 12}:{moment:%M} {'AM' if moment.hour < 12 else 'PM'}"
        return f"{moment.month}/{moment.day}/{moment.year}, {clock}"
    if of.type == "boolean":
        return "true" if value else "false"
    if of.type in ("double", "currency", "percent", "int"):
        text = f"{value:,.{of.scale if of.type != 'int' else 0}f}"
        return f"{currency} {text}" if of.type == "currency" else text + ("%" if of.type == "percent" else "")
    return str(value)

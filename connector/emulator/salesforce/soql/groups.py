"""Aggregates: COUNT, SUM, MIN … over all rows or by GROUP BY, with HAVING and the names that results get.

In: a query with aggregates and its scope; out: the SQL columns, GROUP BY, HAVING and ORDER BY of it, and the function
from a row to an AggregateResult. Next room: `query`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from connector.emulator.salesforce.soql.names import Scope
from connector.emulator.salesforce.soql.select import Cell, Convert, Row, converter
from connector.emulator.salesforce.soql.terms import FOLD, FUNCTIONS, ORDER, Term, term
from connector.emulator.salesforce.soql.tree import Call, Operand, Order, Path, Query
from connector.emulator.salesforce.soql.where import Filter

MOST_GROUPS = 2_000
_NUMBERS = {"int", "double", "currency", "percent"}
_NEVER = {"boolean", "multipicklist", "address", "location", "base64"}
_AGGREGATES = {
    "COUNT": "count({0})", "COUNT_DISTINCT": "count(DISTINCT {0})", "SUM": "sum({0})", "AVG": "avg({0})",
    "MIN": "min({0})", "MAX": "max({0})",
}  # fmt: skip
_SHAPING = {"FORMAT", "CONVERTCURRENCY", "TOLABEL"}


def is_aggregate(query: Query) -> bool:
    """Say whether the query answers with aggregate results."""
    return bool(query.group) or any(
        isinstance(i.what, Call) and _inmost(i.what).name in _AGGREGATES for i in query.items
    )


def is_count(query: Query) -> bool:
    """Say whether the query is SELECT COUNT(), which answers with a number of rows and no rows."""
    first = query.items[0].what
    return len(query.items) == 1 and isinstance(first, Call) and first.name == "COUNT" and not first.arguments


def _inmost(call: Call) -> Call:
    while call.name in _SHAPING and len(call.arguments) == 1 and isinstance(call.arguments[0], Call):
        call = call.arguments[0]
    return call


@dataclass(frozen=True)
class Grouped:
    """What `query` needs to run an aggregate query."""

    columns: tuple[str, ...]
    cells: tuple[Cell, ...]
    group: str
    having: str
    order: str
    build: Callable[[Row], dict[str, object]]


class Grouping:
    """The aggregates and groups of one query."""

    def __init__(self, scope: Scope, query: Query) -> None:
        self.scope, self.text, self.query = scope, scope.statement.text, query
        self.groups = [self._group(operand) for operand in query.group]

    def plan(self) -> Grouped:
        """Write the parts of the statement."""
        if not self.query.group and self.query.limit is not None:
            message = "Non-grouped query that uses overall aggregate functions cannot also use LIMIT"
            raise_at = self.query.sources[0].path.place
            self.text.refuse(raise_at, "MALFORMED_QUERY", message)
        columns, cells = self._cells()
        having = (
            "" if self.query.having is None else Filter(self.scope, self._aggregate_or_group).sql(self.query.having)
        )
        order = ", ".join(self._order(entry) for entry in self.query.order)
        group = ", ".join(_key(term) for term in self.groups)
        return Grouped(tuple(columns), tuple(cells), group, having, order, _maker(cells))

    def _cells(self) -> tuple[list[str], list[Cell]]:
        columns: list[str] = []
        cells: list[Cell] = []
        unnamed = 0
        for item in self.query.items:
            if not isinstance(item.what, Path | Call):
                place = self.query.sources[0].path.place
                self.text.refuse(
                    place, "MALFORMED_QUERY", "Subqueries and TYPEOF are not allowed with aggregate functions"
                )
            found, convert = self._selected(item.what)
            name = item.alias
            if name is None and isinstance(item.what, Call) and found.field is None:
                name, unnamed = f"expr{unnamed}", unnamed + 1
            name = name or found.name
            if any(cell.path == name for cell in cells):
                self.text.refuse(item.what.place, "MALFORMED_QUERY", f"duplicate alias: {name}")
            cells.append(Cell(len(columns), convert, found.type, name))
            columns.append(found.sql)
        return columns, cells

    def _selected(self, operand: Operand) -> tuple[Term, Convert | None]:
        shaping: list[str] = []
        inner = operand
        while isinstance(inner, Call) and inner.name in _SHAPING and len(inner.arguments) == 1:
            argument = inner.arguments[0]
            if not isinstance(argument, Path | Call):
                break
            shaping.append(inner.name)
            inner = argument
        source = inner.arguments[0] if isinstance(inner, Call) and len(inner.arguments) == 1 else inner
        found = self._aggregate_or_group(inner)
        convert = None
        if found.type not in ("int", "count") and isinstance(source, Path):
            convert = converter(self.scope.column(source).field, shaping, self.scope.statement.org.currency)
        return found, convert

    def _aggregate_or_group(self, operand: Operand) -> Term:
        if isinstance(operand, Call) and operand.name in _AGGREGATES:
            return self._aggregate(operand)
        found = term(self.scope, operand)
        if not any(found.sql == group.sql for group in self.groups):
            self.text.refuse(operand.place, "MALFORMED_QUERY", f"Field must be grouped or aggregated: {found.name}")
        return found

    def _aggregate(self, call: Call) -> Term:
        argument = call.arguments[0] if len(call.arguments) == 1 else None
        if isinstance(argument, Call) and argument.name == "CONVERTCURRENCY" and len(argument.arguments) == 1:
            argument = argument.arguments[0]
        if not isinstance(argument, Path) and not (isinstance(argument, Call) and argument.name in FUNCTIONS):
            self.text.refuse(call.place, "MALFORMED_QUERY", f"{call.name} takes one field")
        found = term(self.scope, argument)
        long_text = found.field is not None and not found.field.filterable
        if found.type in _NEVER or long_text or (call.name in ("SUM", "AVG") and found.type not in _NUMBERS):
            message = f"field {found.name} does not support aggregate operator {call.name}"
            self.text.refuse(call.place, "MALFORMED_QUERY", message)
        sql = found.sql
        if found.family == "string" and call.name == "COUNT_DISTINCT":
            sql = f"{FOLD}({sql})"
        elif found.family == "string" and call.name in ("MIN", "MAX"):
            sql += " COLLATE NOCASE"
        kind = {"COUNT": "int", "COUNT_DISTINCT": "int", "AVG": "double"}.get(call.name, found.type)
        return Term(_AGGREGATES[call.name].format(sql), kind, found.name, call.place)

    def _group(self, operand: Operand) -> Term:
        found = term(self.scope, operand)
        if found.field is not None and not found.field.groupable:
            message = f"field '{found.field.name}' can not be grouped in a query call"
            self.text.refuse(operand.place, "MALFORMED_QUERY", message)
        return found

    def _order(self, entry: Order) -> str:
        what = entry.what
        if isinstance(what, Call) and what.name in _AGGREGATES:
            found = self._aggregate(what)
        else:
            found = term(self.scope, what)
            if not any(found.sql == group.sql for group in self.groups):
                message = f"Ordered field must be grouped or aggregated: {found.name}"
                self.text.refuse(what.place, "MALFORMED_QUERY", message)
        sql = f"{ORDER}({found.sql})" if found.family == "string" else found.sql
        return directed(sql, entry)


def directed(sql: str, entry: Order, *, nullable: bool = True) -> str:
    """Add direction and place of nulls, which come first in either direction unless the query says otherwise."""
    direction = " DESC" if entry.descending else ""
    if not nullable or entry.descending == entry.nulls_last:
        return sql + direction  # what SQLite does by itself: nulls first going up, last going down
    return f"{sql}{direction} NULLS {'LAST' if entry.nulls_last else 'FIRST'}"


def _key(term: Term) -> str:
    return f"{FOLD}({term.sql})" if term.family == "string" else term.sql


def _maker(cells: list[Cell]) -> Callable[[Row], dict[str, object]]:
    """Compile the function from a row to an AggregateResult."""
    names = [cell.path for cell in cells]
    repairs = [(cell.path, cell.index, cell.convert) for cell in cells if cell.convert is not None]

    def build(row: Row) -> dict[str, object]:
        record: dict[str, object] = {"attributes": {"type": "AggregateResult"}}
        record.update(zip(names, row, strict=True))
        for name, index, convert in repairs:
            record[name] = convert(row[index])
        return record

    return build

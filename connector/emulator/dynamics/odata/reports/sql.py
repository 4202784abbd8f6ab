"""`?sql=`: one SELECT statement over a table and what is joined to it.

The text of the statement comes in; a `Page` leaves. Next room: `read`.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token
from lark.exceptions import UnexpectedInput

from connector.emulator.dynamics.odata.names import bad_query, wire_name
from connector.emulator.dynamics.odata.operators import apply_operator, shift
from connector.emulator.dynamics.odata.options import Options
from connector.emulator.dynamics.odata.reports.report import Report, aggregated, columns_named, group_key
from connector.emulator.dynamics.odata.rows.links import link
from connector.emulator.dynamics.odata.rows.pages import Frame, Page
from connector.emulator.dynamics.odata.rows.paging import Order, cookie, read_skiptoken, skiptoken
from connector.emulator.dynamics.odata.rows.reads import cell_of
from connector.emulator.dynamics.odata.rows.writer import Cell
from connector.emulator.dynamics.odata.scope import Term, quoted
from connector.emulator.dynamics.odata.values import stamp
from connector.emulator.dynamics.org.model import Table

_OPERATORS = {"=": "eq", "<>": "ne", "!=": "ne", "<": "lt", ">": "gt", "<=": "le", ">=": "ge"}
_UNITS = {"year": "years", "month": "months", "week": "weeks", "day": "days", "hour": "hours", "minute": "minutes"}


def sql_page(frame: Frame, table: Table, text: str, options: Options) -> Page:
    """The page of a SELECT statement; pages are cut by the caller's preference."""
    report = _Reader(frame, table, text).report
    token = read_skiptoken(options.skiptoken) if options.skiptoken else None
    number = token.page if token else 1
    rows, texts, more = report.run(frame.size, (number - 1) * frame.size)
    page = Page(f"{frame.call.root}$metadata#{table.set_name}{columns_named(report.cells)}", texts)
    if more:
        key = Order("", table.columns[table.primary_id], table.primary_id)
        inner = cookie([key], [rows[0][0]], [rows[-1][0]], number)
        page.next_link = link(frame.link_root, frame.call, "$skiptoken", skiptoken(inner, number + 1))
    return page


@cache
def _grammar() -> Lark:
    text = files(__package__).joinpath("sql.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", maybe_placeholders=True, lexer="contextual")


class _Reader:
    """Reads a statement into a report."""

    def __init__(self, frame: Frame, table: Table, text: str) -> None:
        self.frame = frame
        self.report = Report(frame, table)
        try:
            tree = _grammar().parse(text)
        except UnexpectedInput as error:
            place = f"line {error.line}, column {error.column}"
            raise bad_query(f"The SQL statement cannot be read at {place}: '{text}'.") from error
        self._read(tree)

    def _read(self, tree: Any) -> None:
        distinct, *parts, where, group, order = tree.children
        named = {kind: [p for p in parts if p.data == kind] for kind in ("item", "table", "join")}
        report = self.report
        report.distinct = distinct is not None
        self._root(named["table"][0])
        for join in named["join"]:
            self._join(join)
        if where is not None:
            report.conditions.append(self._condition(where))
        report.aggregate = group is not None or any(_kind(i.children[0]) == "aggregate" for i in named["item"])
        if not (report.aggregate or report.distinct):
            self._cell(report.term(self.root, report.table.primary_id), "")
        for item in named["item"]:
            self._item(item)
        if group is not None:
            report.groups = [group_key(self._term(column)) for column in group.children]
        self._order(order)

    def _root(self, tree: Any) -> None:
        name, alias = (_name(part) for part in tree.children)
        if name.lower() != self.report.table.name:
            raise bad_query(
                f"The statement reads '{name}', which is not the entity '{self.report.table.name}' of the set asked."
            )
        self.root = (alias or name).lower()
        self.report.name(self.root, self.report.table, self.report.scope.alias)

    def _join(self, tree: Any) -> None:
        kind, source, left, right = tree.children
        name, alias = (_name(part) for part in source.children)
        table, joined = self.frame.org.table(name.lower()), self.report.statement.alias()
        self.report.name((alias or name).lower(), table, joined)
        word = "LEFT" if kind is not None and kind.lower().startswith("left") else "INNER"
        on = f"{self._term(left).sql} = {self._term(right).sql}"
        self.report.scope.joins.append(f"{word} JOIN {quoted(table.name)} AS {joined} ON {on}")

    def _term(self, tree: Any) -> Term:
        alias, name = (_name(part).lower() for part in tree.children)
        if alias:
            return self.report.term(alias, name)
        owners = [one for one, (table, _) in self.report.sources.items() if name in table.columns]
        if len(owners) > 1:
            raise bad_query(f"The column name '{name}' is ambiguous: put the table's alias before it.")
        return self.report.term(owners[0] if owners else self.root, name)

    def _item(self, tree: Any) -> None:
        expression, alias = tree.children[0], _name(tree.children[1])
        if _kind(expression) == "column":
            self._cell(self._term(expression), alias)
            return
        function, inside, *column = expression.children
        term = self._term(column[0]) if column else None
        sql, kind = aggregated(function, term, distinct=bool(column) and inside is not None)
        source = term.column.name if term is not None else ""
        self.report.cells.append(
            Cell(alias or f"{function.lower()}{len(self.report.cells) + 1}", kind, sql, alias_of=source)
        )

    def _cell(self, term: Term, alias: str) -> None:
        key = alias or wire_name(term.column)
        if any(cell.key == key for cell in self.report.cells):
            if term.sql == self.report.key:
                return
            raise bad_query(f"The column '{key}' is selected more than once: give one of them an alias.")
        source = term.column.name if alias else ""
        cell = cell_of(self.report.scope, term.table, term.alias, term.column, key, alias_of=source)
        self.report.cells.append(cell)

    def _order(self, tree: Any) -> None:
        report = self.report
        for sorting in tree.children if tree is not None else []:
            column, way = sorting.children
            name = _name(column.children[1])
            sql = next((cell.sql for cell in report.cells if cell.key == name and column.children[0] is None), None)
            term = None if sql is not None else self._term(column)
            sql = sql if term is None else group_key(term)
            report.orders.append(f"{sql}{' DESC' * (way is not None and way.lower() == 'desc')}")
        if not (report.aggregate or report.distinct):
            report.orders.append(report.key)
        elif report.aggregate:
            report.orders += report.groups

    def _condition(self, tree: Any) -> str:
        if tree.data in ("any_of", "all_of"):
            word = " OR " if tree.data == "any_of" else " AND "
            return "(" + word.join(self._condition(child) for child in tree.children) + ")"
        term, rest = self._term(tree.children[0]), tree.children[1:]
        if tree.data == "compared":
            return self._operator(term, _OPERATORS[rest[0]], rest[1:])
        negated = "not-" if rest[0] is not None else ""
        if tree.data == "empty":
            return self._operator(term, f"{negated}null", [])
        return self._operator(term, {"member": f"{negated}in"}.get(tree.data, f"{negated}{tree.data}"), rest[1:])

    def _operator(self, term: Term, operator: str, values: Sequence[Any]) -> str:
        return apply_operator(self.report.scope, term, operator, [self._value(value) for value in values])

    def _value(self, tree: Any) -> str:
        inside = tree.children[0]
        if isinstance(inside, Token):
            return inside[inside.index("'") + 1 : -1].replace("''", "'") if inside.type == "TEXT" else str(inside)
        return stamp(self._moment(inside))

    def _moment(self, tree: Any) -> Any:
        if tree.data != "shifted":
            return self.frame.org.clock()
        unit, count, inner = tree.children
        if unit.lower() not in _UNITS:
            raise bad_query(f"DATEADD knows no unit '{unit}': use one of {', '.join(_UNITS)}.")
        return shift(self._moment(inner), _UNITS[unit.lower()], int(count))


def _name(token: Any) -> str:
    return "" if token is None else str(token).strip("[]")


def _kind(tree: Any) -> str:
    return str(tree.data)

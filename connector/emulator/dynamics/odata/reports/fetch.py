"""FetchXML, read: the element tree becomes a `Report`.

The XML of a query comes in; the report, and what it says about pages, leave. Next room: `sql`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from connector.emulator.dynamics.odata.names import bad_query, wire_name
from connector.emulator.dynamics.odata.operators import apply_operator
from connector.emulator.dynamics.odata.reports.report import Report, aggregated, group_key
from connector.emulator.dynamics.odata.rows.pages import MOST_ROWS, Frame
from connector.emulator.dynamics.odata.rows.paging import Order, after
from connector.emulator.dynamics.odata.rows.reads import cell_of
from connector.emulator.dynamics.odata.rows.writer import Cell
from connector.emulator.dynamics.odata.scope import Term, quoted
from connector.emulator.dynamics.odata.values import SIGNS
from connector.emulator.dynamics.org.model import CHOICES, LOOKUPS, Column, Table

BAD_XML = "Invalid XML."
_DATE_PARTS = {
    "year": "CAST(strftime('%Y', {0}) AS INTEGER)", "month": "CAST(strftime('%m', {0}) AS INTEGER)",
    "day": "CAST(strftime('%d', {0}) AS INTEGER)", "week": "CAST(strftime('%W', {0}) AS INTEGER) + 1",
    "quarter": "(CAST(strftime('%m', {0}) AS INTEGER) + 2) / 3",
}  # fmt: skip


@dataclass
class Fetch:
    """A query in FetchXML; `orders` say how the cookie looks, and are empty where there is none."""

    report: Report
    orders: list[Order]
    page: int
    size: int
    top: int | None
    last: tuple[str | None, ...] | None
    total: bool


def read_fetch(frame: Frame, table: Table, text: str) -> Fetch:
    """Read a query in FetchXML on a table."""
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - expat itself refuses what would grow without end
    except ElementTree.ParseError as error:
        raise bad_query(f"{BAD_XML} {error}") from error
    entity = root.find("entity")
    if root.tag != "fetch" or entity is None:
        raise bad_query(f"{BAD_XML} A query has a fetch element with one entity element in it.")
    if entity.get("name") != table.name:
        raise bad_query(
            f"The entity '{entity.get('name')}' of the query is not the entity '{table.name}' of the set asked."
        )
    return _Reader(frame, table, root).read(entity)


class _Reader:
    def __init__(self, frame: Frame, table: Table, root: Element) -> None:
        self.root = root
        self.report = Report(frame, table, aggregate=_flag(root, "aggregate"), distinct=_flag(root, "distinct"))
        self.report.name("", table, self.report.scope.alias)
        self.keyed = not (self.report.aggregate or self.report.distinct)
        self.links = 0
        self.orders: list[Order] = []

    def read(self, entity: Element) -> Fetch:
        report, table = self.report, self.report.table
        self._contents(entity, "", report.conditions.append)
        if self.keyed:
            key = table.columns[table.primary_id]
            if all(cell.sql != report.key for cell in report.cells):
                report.cells.append(Cell(key.name, key, report.key))
            self.orders.append(Order(report.key, key, key.name))
            report.orders.append(report.key)
        elif not report.cells:
            raise bad_query(f"{BAD_XML} A query with aggregate or distinct needs at least one attribute.")
        elif not report.orders:
            report.orders += report.groups or [cell.sql for cell in report.cells if not report.aggregate]
        last = self._cookie()
        if last is not None:
            report.conditions.append(after(report.statement.bind, self.orders, last))
        wish = report.frame.page_size or _number(self.root, "count", MOST_ROWS)
        top = _number(self.root, "top", 0) if self.root.get("top") else None
        page = max(1, _number(self.root, "page", 1))
        orders = self.orders if self.keyed and len(self.orders) == len(report.orders) else []
        return Fetch(report, orders, page, min(wish, MOST_ROWS), top, last, _flag(self.root, "returntotalrecordcount"))

    def _cookie(self) -> tuple[str | None, ...] | None:
        """The last row of the page before; of use only where every row of the root table comes once."""
        text = self.root.get("paging-cookie")
        if not text or self.links or not self.keyed:
            return None
        try:
            cookie = ElementTree.fromstring(text)  # noqa: S314 - as above
        except ElementTree.ParseError as error:
            raise bad_query(f"Malformed XML in the Paging Cookie: {error}") from error
        return tuple(None if item.get("lastnull") else item.get("last", "") for item in cookie)

    def _contents(self, element: Element, alias: str, add: Callable[[str], None]) -> None:
        """Read what stands in an entity or a link-entity; conditions go to `add`."""
        for child in element:
            if child.tag == "attribute":
                self._attribute(child, alias)
            elif child.tag == "all-attributes":
                table, sql_alias = self.report.sources[alias]
                for column in table.columns.values():
                    if column.stored and column.read:
                        self._cell(table, sql_alias, alias, column, "")
            elif child.tag == "order":
                self._order(child, alias)
            elif child.tag == "filter":
                add(self._filter(child, alias))
            elif child.tag == "link-entity":
                self._link(child, alias, add)

    def _cell(self, table: Table, sql_alias: str, alias: str, column: Column, renamed: str) -> None:
        key = renamed or (f"{alias}.{column.name}" if alias else wire_name(column))
        source = column.name if renamed or alias else ""
        self.report.cells.append(
            cell_of(self.report.scope, table, sql_alias, column, key, silent=True, alias_of=source)
        )

    def _attribute(self, element: Element, alias: str) -> None:
        report, name, renamed = self.report, _need(element, "name"), element.get("alias", "")
        table, sql_alias = report.sources[alias]
        if not report.aggregate:
            column = table.column(name)
            self._cell(table, sql_alias, alias, column, renamed)
            if column.type == "money" and "transactioncurrencyid" in table.columns and self.keyed and not alias:
                currency = table.columns["transactioncurrencyid"]
                if all(cell.key != wire_name(currency) for cell in report.cells):
                    self._cell(table, sql_alias, alias, currency, "")
            return
        term = report.term(alias, name)
        if not renamed:
            raise bad_query(f"{BAD_XML} The attribute '{name}' of an aggregate query needs an alias.")
        function = element.get("aggregate", "")
        if function:
            distinct = _flag(element, "distinct")
            counted = None if function == "count" else term
            sql, column = aggregated("count" if function == "countcolumn" else function, counted, distinct=distinct)
            report.cells.append(Cell(renamed, column, sql, silent=True, alias_of=name))
        elif _flag(element, "groupby"):
            self._group(element, term, renamed)
        else:
            raise bad_query(f"{BAD_XML} The attribute '{name}' of an aggregate query needs aggregate or groupby.")

    def _group(self, element: Element, term: Term, alias: str) -> None:
        part = element.get("dategrouping")
        if part is None:
            kind = term.kind_sql if term.column.type in LOOKUPS else ""
            self.report.cells.append(Cell(alias, term.column, term.sql, kind, silent=True, alias_of=term.column.name))
            self.report.groups.append(group_key(term))
            return
        if part not in _DATE_PARTS:
            raise bad_query(f"{BAD_XML} dategrouping '{part}' is not one of {', '.join(_DATE_PARTS)}.")
        sql = _DATE_PARTS[part].format(term.sql)
        self.report.cells.append(Cell(alias, Column(alias, "integer"), sql, silent=True, alias_of=term.column.name))
        self.report.groups.append(sql)

    def _order(self, element: Element, alias: str) -> None:
        report, descending = self.report, _flag(element, "descending")
        named = element.get("alias")
        if named is not None:
            found = next((cell.sql for cell in report.cells if cell.key == named), None)
            if found is None:
                raise bad_query(f"{BAD_XML} The order names the alias '{named}', which no attribute before it has.")
            report.orders.append(found + " DESC" * descending)
            return
        owner = element.get("entityname", alias)
        term = report.term(owner, _need(element, "attribute"))
        sql, column = _by_label(term)
        order = Order(sql, column, term.column.name, descending)
        report.orders.append(order.by)
        if owner == "":
            self.orders.append(order)

    def _link(self, element: Element, parent: str, add: Callable[[str], None]) -> None:
        kind = element.get("link-type", "inner")
        if kind not in ("inner", "outer", "exists", "in"):
            raise bad_query(f"{BAD_XML} The link-type '{kind}' is not supported here.")
        if kind in ("exists", "in"):
            add(self._exists(element, parent))
            return
        report = self.report
        self.links += 1
        table = report.frame.org.table(_need(element, "name"))
        alias, joined = element.get("alias") or f"{table.name}{self.links}", report.statement.alias()
        report.name(alias, table, joined)
        on = [self._joined(element, alias, parent)]
        place = len(report.scope.joins)
        conditions: list[str] = []
        self._contents(element, alias, conditions.append)
        outer = kind == "outer"
        if outer:
            on += conditions
        else:
            report.conditions += conditions
        join = f"{'LEFT' if outer else 'INNER'} JOIN {quoted(table.name)} AS {joined} ON {' AND '.join(on)}"
        report.scope.joins.insert(place, join)

    def _joined(self, element: Element, alias: str, parent: str) -> str:
        own = self.report.term(alias, _need(element, "from"))
        return f"{own.sql} = {self.report.term(parent, _need(element, 'to')).sql}"

    def _exists(self, element: Element, parent: str) -> str:
        """A condition that related rows are there, which adds no columns."""
        report = self.report
        table = report.frame.org.table(_need(element, "name"))
        joined = report.statement.alias()
        alias = element.get("alias") or f"{table.name}.{joined}"
        report.name(alias, table, joined)
        conditions = [self._joined(element, alias, parent)]
        for child in element:
            if child.tag == "filter":
                conditions.append(self._filter(child, alias))
            elif child.tag == "link-entity":
                conditions.append(self._exists(child, alias))
        return f"EXISTS (SELECT 1 FROM {quoted(table.name)} AS {joined} WHERE {' AND '.join(conditions)})"

    def _filter(self, element: Element, alias: str) -> str:
        word = " OR " if element.get("type", "and").lower() == "or" else " AND "
        parts = []
        for child in element:
            if child.tag == "condition":
                parts.append(self._condition(child, alias))
            elif child.tag == "filter":
                parts.append(self._filter(child, alias))
            elif child.tag == "link-entity":
                kind = child.get("link-type", "any")
                if kind not in ("any", "not any"):
                    raise bad_query(f"{BAD_XML} The link-type '{kind}' is not supported within a filter.")
                parts.append("NOT " * (kind == "not any") + self._exists(child, alias))
        return f"({word.join(parts)})" if parts else "1"

    def _condition(self, element: Element, alias: str) -> str:
        term = self.report.term(element.get("entityname", alias), _need(element, "attribute"))
        operator = _need(element, "operator")
        other = element.get("valueof")
        if other is not None:
            sign = SIGNS.get({"neq": "ne"}.get(operator, operator))
            if sign is None:
                raise bad_query(f"{BAD_XML} The operator '{operator}' cannot compare two attributes.")
            owner, _, name = other.rpartition(".")
            return f"{term.sql} {sign} {self.report.term(owner or alias, name).sql} COLLATE NOCASE"
        values = [child.text or "" for child in element if child.tag == "value"]
        given = element.get("value")
        return apply_operator(self.report.scope, term, operator, values if given is None else [given, *values])


def _by_label(term: Term) -> tuple[str, Column]:
    """Choices are ordered by their labels, in FetchXML."""
    if term.column.type not in CHOICES or not term.column.options:
        return term.sql, term.column
    cases = " ".join(
        f"WHEN {option.value} THEN '{option.label.replace(chr(39), chr(39) * 2)}'" for option in term.column.options
    )
    return f"CASE {term.sql} {cases} END", Column(term.column.name, "string")


def _need(element: Element, name: str) -> str:
    value = element.get(name)
    if not value:
        raise bad_query(f"{BAD_XML} The element '{element.tag}' needs the attribute '{name}'.")
    return value


def _flag(element: Element, name: str) -> bool:
    return element.get(name, "false").lower() in ("true", "1")


def _number(element: Element, name: str, default: int) -> int:
    text = element.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise bad_query(f"{BAD_XML} The attribute '{name}' of '{element.tag}' must be a number, not '{text}'.")
    return int(text)

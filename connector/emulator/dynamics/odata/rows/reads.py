"""Reading the rows of one table as a query asks for them: columns, condition, order, page.

A table and options come in; a page of JSON texts leaves. Next room: `expand`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from connector.emulator.dynamics.odata.filters import where
from connector.emulator.dynamics.odata.names import need_property, wire_name
from connector.emulator.dynamics.odata.options import Options
from connector.emulator.dynamics.odata.rows.paging import Order, after
from connector.emulator.dynamics.odata.rows.writer import Cell, Row, Wanted, Writer
from connector.emulator.dynamics.odata.scope import Scope, Statement, Term, kind_sql, prepare, quoted
from connector.emulator.dynamics.org.model import LOOKUPS, Column, Table
from connector.emulator.dynamics.org.records import Org

PRINCIPALS = ("systemuser", "team")  # their rows also show the id that they share as owners


@dataclass
class Reading:
    """One reading of one table while it is prepared; conditions and columns may be added until it runs.

    `extra` are columns of SQL that the caller wants to see beside the texts: of each row after its id.
    """

    org: Org
    user_id: str
    table: Table
    options: Options
    wanted: Wanted = field(default_factory=Wanted)
    back: Column | None = None  # the lookup that leads back to the parent, shown in rows of a child collection
    etag: bool = True

    def __post_init__(self) -> None:
        prepare(self.org)
        self.org.demand(self.user_id, self.table.name, "Read")
        self.statement = Statement(self.org, self.user_id)
        self.scope = Scope(self.statement, self.table)
        self.extra: list[str] = []
        self.key = f"{self.scope.alias}.{quoted(self.table.primary_id)}"
        self.conditions: list[str] = []
        if self.options.filter:
            self.conditions.append(where(self.scope, self.options.filter, self.options.aliases))
        self.orders = orders_of(self.scope, self.options.orderby)

    def run(self, limit: int, last: Sequence[str | None] | None = None, first: Sequence[str] = ()) -> "Found":
        """The rows behind `last`, at most so many; `first` are orders that go before those asked for."""
        conditions = list(self.conditions)
        if last is not None:
            conditions.append(after(self.statement.bind, self.orders, last))
        cells = cells_of(self.scope, self.options.select, self.back)
        etag = f'{self.scope.alias}."versionnumber"' if self.etag and "versionnumber" in self.table.columns else ""
        writer = Writer(self.org, cells, self.wanted, etag, start=1 + len(self.extra))
        by = ", ".join([*first, *(order.by for order in self.orders)])
        sql = (
            f"SELECT {', '.join([self.key, *self.extra, *writer.selects])} FROM {self.scope.source}{said(conditions)} "
            f"ORDER BY {by} LIMIT {limit + 1}"
        )
        with self.org.lock:
            rows = self.org.db.execute(sql, self.statement.params).fetchall()
            more = len(rows) > limit
            rows = rows[:limit]
            return Found(rows, writer.texts(rows), more)

    def count(self) -> int:
        """How many rows meet the condition, of whatever page."""
        sql = f"SELECT count(*) FROM {self.scope.source}{said(self.conditions)}"
        with self.org.lock:
            return int(self.org.db.execute(sql, self.statement.params).fetchone()[0])

    def ends(self, rows: Sequence[Row]) -> tuple[Row, Row]:
        """The values that the first and the last of these rows have in the columns of the order."""
        statement = Statement(self.org, self.user_id)
        scope = Scope(statement, self.table)
        orders = orders_of(scope, self.options.orderby)
        found = []
        for row in (rows[0], rows[-1]):
            columns = ", ".join(order.sql for order in orders)
            sql = f"SELECT {columns} FROM {scope.source} WHERE {scope.alias}.{quoted(self.table.primary_id)} = :id"
            found.append(self.org.db.execute(sql, {"id": row[0]}).fetchone())
        return found[0], found[1]


@dataclass
class Found:
    """Rows with their texts: `rows` hold the id, the extra columns, and what only the writer understands."""

    rows: list[Row]
    texts: list[str]
    more: bool


def said(conditions: Sequence[str]) -> str:
    """The WHERE of these conditions, or nothing."""
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def orders_of(scope: Scope, orderby: Sequence[tuple[str, bool]]) -> list[Order]:
    """The columns that rows are ordered by: those asked for, and behind them the primary key."""
    orders: list[Order] = []
    table = scope.table
    for path, descending in orderby:
        term = scope.property(path.split("/"))
        name = term.column.name if "/" not in path else path.replace("/", ".")
        sql, column = _sorted_by(scope, term)
        orders.append(Order(sql, column, name, descending))
        if "/" not in path and term.column.name == table.primary_id:
            return orders
    key = table.columns[table.primary_id]
    return [*orders, Order(f"{scope.alias}.{quoted(key.name)}", key, key.name)]


def _sorted_by(scope: Scope, term: Term) -> tuple[str, Column]:
    """Lookups are ordered by the names of the rows they point at."""
    if term.column.type not in LOOKUPS:
        return term.sql, term.column
    org = scope.statement.org
    names = []
    for target in term.column.targets:
        table = org.tables.get(target)
        if table is not None and table.primary_name:
            joined = scope.statement.alias()
            scope.joins.append(f"LEFT JOIN {scope.to(table, joined, term.sql, term.alias, term.column)}")
            names.append(f"{joined}.{quoted(table.primary_name)}")
    text = Column(term.column.name, "string")
    return (f"coalesce({', '.join(names)})" if len(names) > 1 else names[0], text) if names else (term.sql, term.column)


def columns_of(table: Table, select: tuple[str, ...] | None, back: Column | None = None) -> list[Column]:
    """The columns that a row shows: those asked for, and those that come along."""
    if select is None:
        return [column for column in table.columns.values() if column.stored and column.read]
    columns = {column.name: column for column in (need_property(table, name) for name in select)}
    if any(column.type == "money" for column in columns.values()) and "transactioncurrencyid" in table.columns:
        columns.setdefault("transactioncurrencyid", table.columns["transactioncurrencyid"])
    if back is not None:
        columns.setdefault(back.name, back)
    columns.setdefault(table.primary_id, table.columns[table.primary_id])
    return list(columns.values())


def cells_of(scope: Scope, select: tuple[str, ...] | None, back: Column | None = None) -> list[Cell]:
    """The cells of a row; secured columns that the user may not read are empty."""
    table, alias = scope.table, scope.alias
    cells = [cell_of(scope, table, alias, column, wire_name(column)) for column in columns_of(table, select, back)]
    if table.name in PRINCIPALS:
        key = table.columns[table.primary_id]
        cells.append(Cell("ownerid", key, f"{alias}.{quoted(key.name)}"))
    return cells


def cell_of(
    scope: Scope, table: Table, alias: str, column: Column, key: str, *, silent: bool = False, alias_of: str = ""
) -> Cell:
    """The cell of a column, under a key."""
    hidden = column.name in scope.statement.hidden(table)
    sql = "NULL" if hidden else f"{alias}.{quoted(column.name)}"
    kind = kind_sql(alias, column) if column.type in LOOKUPS and column.targets else ""
    has_currency = column.type == "money" and "transactioncurrencyid" in table.columns
    currency = f'{alias}."transactioncurrencyid"' if has_currency else "NULL"
    return Cell(key, column, sql, kind, currency, silent, alias_of)

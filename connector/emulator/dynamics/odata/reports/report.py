"""A query over joined tables while it is put together, whatever language it was written in.

Tables, cells, conditions, groups and orders come in; rows leave. Next room: `apply`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from connector.emulator.dynamics.odata.names import bad_query
from connector.emulator.dynamics.odata.rows.pages import Frame
from connector.emulator.dynamics.odata.rows.reads import said
from connector.emulator.dynamics.odata.rows.writer import Cell, Row, Writer, wanted_by
from connector.emulator.dynamics.odata.scope import Scope, Statement, Term, prepare, quoted
from connector.emulator.dynamics.org.model import Column, Problem, Table

MOST_AGGREGATED = 50_000
_AGGREGATES = {"sum": "sum", "avg": "avg", "average": "avg", "min": "min", "max": "max", "count": "count"}


@dataclass
class Report:
    """One query; `sources` are its tables by the names that the query gives them."""

    frame: Frame
    table: Table
    cells: list[Cell] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    distinct: bool = False
    aggregate: bool = False

    def __post_init__(self) -> None:
        prepare(self.frame.org)
        self.statement = Statement(self.frame.org, self.frame.call.user_id)
        self.scope = Scope(self.statement, self.table)
        self.sources: dict[str, tuple[Table, str]] = {}
        self._demand(self.table)

    @property
    def key(self) -> str:
        """The primary key of the root table."""
        return f"{self.scope.alias}.{quoted(self.table.primary_id)}"

    def _demand(self, table: Table) -> None:
        self.frame.org.demand(self.frame.call.user_id, table.name, "Read")

    def name(self, alias: str, table: Table, sql_alias: str) -> None:
        """Give a table of the query its name in it."""
        if alias in self.sources:
            raise bad_query(f"The table alias '{alias}' is used more than once in this query.")
        if table is not self.table:
            self._demand(table)
        self.sources[alias] = table, sql_alias

    def term(self, alias: str, name: str) -> Term:
        """A column of a named table."""
        if alias not in self.sources:
            raise bad_query(f"The table alias '{alias}' is unknown in this query.")
        table, sql_alias = self.sources[alias]
        return self.scope.secure(table, sql_alias, table.column(name))

    def run(self, limit: int, offset: int = 0) -> tuple[list[Row], list[str], bool]:
        """The rows: their ids where they are rows of the root table, their texts, and whether more follow."""
        plain = not (self.aggregate or self.distinct)
        etag = f'{self.scope.alias}."versionnumber"' if plain and "versionnumber" in self.table.columns else ""
        writer = Writer(self.frame.org, self.cells, wanted_by(self.frame.call.wants), etag, start=1)
        with self.frame.org.lock:
            if self.aggregate:
                self._check_size()
            columns = ", ".join([self.key if plain else "NULL", *writer.selects])
            group = f" GROUP BY {', '.join(self.groups)}" if self.groups else ""
            order = f" ORDER BY {', '.join(self.orders)}" if self.orders else ""
            sql = (
                f"SELECT {'DISTINCT ' * self.distinct}{columns} FROM {self.scope.source}{said(self.conditions)}{group}"
                f"{order} LIMIT {limit + 1} OFFSET {offset}"
            )
            rows = self.frame.org.db.execute(sql, self.statement.params).fetchall()
            return rows[:limit], writer.texts(rows[:limit]), len(rows) > limit

    def count(self) -> int:
        """How many rows the query has, of whatever page."""
        sql = f"SELECT count(*) FROM {self.scope.source}{said(self.conditions)}"
        return int(self.frame.org.db.execute(sql, self.statement.params).fetchone()[0])

    def _check_size(self) -> None:
        most = int(self.frame.org.setting("aggregate_limit", MOST_AGGREGATED))
        if self.count() > most:
            raise Problem(400, "0x8004E023", "AggregateQueryRecordLimit exceeded. Cannot perform this operation.")


def aggregated(function: str, term: Term | None, *, distinct: bool = False) -> tuple[str, Column]:
    """SQL for an aggregate, and the column whose kind its values have; without a term rows are counted."""
    name = _AGGREGATES.get(function.lower())
    if name is None:
        raise bad_query(f"The aggregate function '{function}' is not supported.")
    if term is None or name == "count":
        inside = "*" if term is None else f"{'DISTINCT ' * distinct}{term.sql}"
        return f"count({inside})", Column("count", "integer")
    numeric = ("integer", "bigint", "decimal", "double", "money")
    if term.column.type not in (*numeric, "datetime") or (name in ("sum", "avg") and term.column.type == "datetime"):
        raise bad_query(f"The aggregate function '{function}' is not supported for the attribute '{term.column.name}'.")
    column = term.column
    if name == "avg" and column.type in ("integer", "bigint"):
        column = Column(column.name, "decimal", precision=2)
    return f"{name}({term.sql})", column


def group_key(term: Term) -> str:
    """What stands in GROUP BY for a column; texts that differ only in capitals are one group."""
    return term.sql + (" COLLATE NOCASE" if term.column.type in ("string", "memo") else "")


def columns_named(cells: Sequence[Cell]) -> str:
    """The part of `@odata.context` in brackets."""
    return f"({','.join(cell.key for cell in cells)})"

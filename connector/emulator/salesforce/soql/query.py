"""Running a query: text in, a result out whose pages stay the same however the records change meanwhile.

In: an org, the asking user's id and SOQL; out: a `Result`. The statement runs once, under the org's lock; pages are
cut from the rows it gave and become JSON only when they are asked for. Next room: the wire modules.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from connector.emulator.salesforce.org.catalogue import quoted
from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.soql import terms, where
from connector.emulator.salesforce.soql.groups import MOST_GROUPS, Grouping, directed, is_aggregate, is_count
from connector.emulator.salesforce.soql.names import Scope, Statement, child
from connector.emulator.salesforce.soql.parse import parse
from connector.emulator.salesforce.soql.select import Cell, Made, Make, Row, Selection, cells, record_maker
from connector.emulator.salesforce.soql.tree import Order, Query, Text

MOST_OFFSET, MOST_CHILD_LISTS = 2_000, 20
_OWN = {"mine", "mineandmygroups"}
_SCOPES = _OWN | {"everything", "delegated", "my_territory", "my_team_territory", "team", "allprivate", "scopingrule"}


@dataclass(frozen=True)
class Result:
    """The answer to a query, as it stood when the query ran."""

    object_name: str
    total: int
    columns: tuple[str, ...]  # paths or aliases in select order, lists of children left out
    types: tuple[str, ...]  # describe's type of each column
    aggregate: bool = False
    count_only: bool = False  # SELECT COUNT(): `total` is the answer, there are no rows
    has_children: bool = False
    _rows: Sequence[Row] = ()
    _build: Callable[[Row], dict[str, object] | None] = field(default=lambda row: None)
    _values: tuple[Make, ...] = ()

    def page(self, start: int = 0, count: int | None = None) -> list[dict[str, object] | None]:
        """Give some of the records, ready for JSON."""
        stop = len(self._rows) if count is None else start + count
        return [self._build(row) for row in self._rows[start:stop]]

    def flat(self, start: int = 0, count: int | None = None) -> list[list[object]]:
        """Give some of the records as lists of values in the order of `columns`, as a table has them."""
        stop = len(self._rows) if count is None else start + count
        return [[make(row) for make in self._values] for row in self._rows[start:stop]]


@dataclass(frozen=True)
class Plan:
    """A query for flat rows as SQL, for a reader that takes the records a stretch at a time."""

    object_name: str
    cells: tuple[Cell | Made, ...]  # the values in select order; a Made needs more than one column
    columns: tuple[str, ...]  # SQL of the columns that cells count
    tables: str  # FROM … WHERE …, narrowed to the stretch
    order: str
    limit: str
    values: tuple[object, ...]
    stretch: tuple[int, int]  # places in `values` of the first and the last rowid of the stretch

    def bound(self, first: int, last: int) -> list[object]:
        """Give the values to bind for one stretch of rowids."""
        values = list(self.values)
        values[self.stretch[0]], values[self.stretch[1]] = first, last
        return values


def plan(org: Org, user_id: str, query: Query, text: str, *, include_deleted: bool, version: str) -> Plan:
    """Write the SQL of a parsed query without aggregates and subqueries, and check all its names."""
    with org.lock:
        prepare(org.db)
        return _Run(Statement(org, user_id, Text(text), org.clock(), include_deleted, version), query).plan()


def run(org: Org, user_id: str, text: str, include_deleted: bool = False, version: str = "66.0") -> Result:
    """Run a query as a user; `include_deleted` is queryAll."""
    query = parse(text)
    with org.lock:
        prepare(org.db)
        statement = Statement(org, user_id, Text(text), org.clock(), include_deleted, version)
        return _Run(statement, query).result()


def explain(org: Org, user_id: str, text: str) -> dict[str, object]:
    """Say how a query would be run, in the form of `?explain=`."""
    result = run(org, user_id, text)
    with org.lock:
        size = org.db.execute(f"SELECT count(*) FROM {quoted(result.object_name)}").fetchone()[0]
    plan = {
        "cardinality": result.total, "fields": [], "leadingOperationType": "TableScan", "notes": [],
        "relativeCost": round(result.total / size, 3) if size else 0.0, "sobjectCardinality": size,
        "sobjectType": result.object_name,
    }  # fmt: skip
    return {"plans": [plan], "sourceQuery": text}


def prepare(db: sqlite3.Connection) -> None:
    """Give the connection the text functions that comparisons and sorting use."""
    known = db.execute("SELECT 1 FROM pragma_function_list WHERE name = ?", (terms.ORDER,)).fetchone()
    if known is None:
        db.create_function(terms.FOLD, 1, terms.fold, deterministic=True)
        db.create_function(terms.ORDER, 1, terms.order_key, deterministic=True)


class _Run:
    """One query being run."""

    def __init__(self, statement: Statement, query: Query) -> None:
        self.statement, self.query = statement, query
        self.scope = where.opened(statement, query.sources)

    def result(self) -> Result:
        self._check()
        if is_count(self.query):
            return self._count()
        return self._groups() if is_aggregate(self.query) else self._records()

    def plan(self) -> Plan:
        """Write the SQL of a query for flat rows."""
        self._check()
        selection = Selection(self.scope, lambda query, scope, index: _plan_child([], query, scope, index))
        selection.take(self.query)
        order, bind, root = self._order(self.query.order), self.statement.bind, self.scope.root.table
        place = len(self.statement.values)
        stretch = f"{root}.rowid BETWEEN {bind(0)} AND {bind(0)}"
        body = where.body(self.scope, self.query, [*self._conditions(), stretch])
        return Plan(
            self.scope.kind.name, tuple(cells(selection.shape)), tuple(selection.columns), body,
            order or f" ORDER BY {root}.rowid DESC", self._limit(), tuple(self.statement.values), (place, place + 1),
        )  # fmt: skip

    def _check(self) -> None:
        query, refuse, place = self.query, self.statement.text.refuse, self.query.sources[0].path.place
        if (query.offset or 0) > MOST_OFFSET:
            raise Problem(400, "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MOST_OFFSET}")
        if "ALL ROWS" in query.tail:
            refuse(place, "MALFORMED_QUERY", "ALL ROWS not allowed in this context")
        if query.having is not None and not query.group:
            refuse(place, "MALFORMED_QUERY", "HAVING needs a GROUP BY")
        if sum(isinstance(item.what, Query) for item in query.items) > MOST_CHILD_LISTS:
            refuse(place, "MALFORMED_QUERY", f"A query may hold at most {MOST_CHILD_LISTS} subqueries.")
        if query.scope is not None and query.scope.lower() not in _SCOPES:
            refuse(place, "INVALID_QUERY_SCOPE", f"Invalid query scope: {query.scope}")

    def _conditions(self) -> list[str]:
        """Give what USING SCOPE adds: only `mine` narrows an org without territories, teams and delegates."""
        owned = self.scope.kind.field("OwnerId")
        if self.query.scope is None or self.query.scope.lower() not in _OWN or owned is None:
            return []
        return [f'{self.scope.root.table}."OwnerId" = {self.statement.bind(self.statement.user_id)}']

    def _fetch(self, sql: str) -> list[Row]:
        cursor = self.statement.org.db.cursor()
        cursor.row_factory = None
        return cursor.execute(sql, self.statement.values).fetchall()

    def _count(self) -> Result:
        if self.query.group:
            place = self.query.sources[0].path.place
            self.statement.text.refuse(
                place, "MALFORMED_QUERY", "COUNT() can not be used with GROUP BY: name a field to count"
            )
        self._order(self.query.order)
        body = where.body(self.scope, self.query, self._conditions())
        found = self._fetch(f"SELECT count(*) FROM (SELECT 1 {body}{self._limit()})")
        return Result(self.scope.kind.name, found[0][0], (), (), count_only=True)

    def _groups(self) -> Result:
        plan = Grouping(self.scope, self.query).plan()
        body = where.body(self.scope, self.query, self._conditions())
        parts = [f"SELECT {', '.join(plan.columns)} {body}"]
        for word, part in (("GROUP BY", plan.group), ("HAVING", plan.having), ("ORDER BY", plan.order)):
            parts.extend([f"{word} {part}"] if part else [])
        rows = self._fetch(" ".join(parts) + self._limit())
        if len(rows) > MOST_GROUPS:
            message = (
                "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"
            )
            raise Problem(400, "EXCEEDED_ID_LIMIT", message)
        return self._answer(rows, plan.cells, plan.build, aggregate=True)

    def _records(self) -> Result:
        lists: list[ChildList] = []
        selection = Selection(self.scope, lambda query, scope, index: _plan_child(lists, query, scope, index))
        selection.take(self.query)
        order = self._order(self.query.order)
        body = where.body(self.scope, self.query, self._conditions())
        rows = self._fetch(f"SELECT {', '.join(selection.columns)} {body}{order}{self._limit()}")
        for entry in lists:
            entry.load([row[entry.id_index] for row in rows])
        made = [value for value in cells(selection.shape) if value.type != "list"]
        build = record_maker(selection.shape, self.statement.version)
        return replace(self._answer(rows, made, build, aggregate=False), has_children=selection.has_children)

    def _answer(
        self,
        rows: list[Row],
        made: Sequence[Cell | Made],
        build: Callable[[Row], dict[str, object] | None],
        *,
        aggregate: bool,
    ) -> Result:
        columns, types = tuple(value.path for value in made), tuple(value.type for value in made)
        values = tuple(_value(value) for value in made)
        return Result(self.scope.kind.name, len(rows), columns, types, aggregate, False, False, rows, build, values)

    def _order(self, entries: Iterable[Order]) -> str:
        parts = [order_sql(self.scope, entry) for entry in entries]
        return f" ORDER BY {', '.join(parts)}" if parts else ""

    def _limit(self) -> str:
        if self.query.limit is None and self.query.offset is None:
            return ""
        limit = -1 if self.query.limit is None else self.query.limit
        return f" LIMIT {limit} OFFSET {self.query.offset or 0}"


def _value(value: Cell | Made) -> Make:
    if isinstance(value, Made):
        return value.make
    index, convert = value.index, value.convert
    return (lambda row: row[index]) if convert is None else lambda row: convert(row[index])


def order_sql(scope: Scope, entry: Order) -> str:
    """Write one entry of ORDER BY; picklists sort in the order of their values, texts without regard to case."""
    found = terms.term(scope, entry.what)
    if found.field is not None and not found.field.sortable:
        message = f"field '{found.field.name}' can not be sorted in a query call"
        scope.statement.text.refuse(entry.what.place, "MALFORMED_QUERY", message)
    if found.family == "string":
        parts = [directed(f"{terms.ORDER}({found.sql})", entry)]
        if found.type == "picklist" and found.field is not None and found.field.picklist:
            bind = scope.statement.bind
            cases = "".join(f" WHEN {bind(v.value)} THEN {n}" for n, v in enumerate(found.field.picklist))
            last = f"CASE WHEN {found.sql} IS NOT NULL THEN {len(found.field.picklist)} END"
            place = f"CASE {found.sql}{cases} ELSE {last} END"
            parts.insert(0, directed(place, entry))
        return ", ".join(parts)
    own = found.field is not None and not found.field.nillable and found.sql.startswith(scope.root.table + ".")
    return directed(found.sql, entry, nullable=not own)


class ChildList:
    """The lists of children that one subquery gives, for all parents of a result."""

    def __init__(self, query: Query, parent: Scope, id_index: int) -> None:
        above = parent.statement
        kind, reference, self.name = child(parent, query.sources[0])
        self.id_index, self._query = id_index, query
        self._statement = replace(above, values=[], tables=0)
        self._scope = Scope(self._statement, kind, query.sources[0])
        self._parent_sql = f"{self._scope.root.table}.{quoted(reference.name)}"
        self._lists: list[ChildList] = []
        self._selection = Selection(self._scope, lambda q, scope, index: _plan_child(self._lists, q, scope, index))
        if is_aggregate(query) or len(query.sources) > 1 or query.tail:
            message = "Aggregates, further FROM entries and FOR are not allowed in a subquery"
            above.text.refuse(query.sources[0].path.place, "MALFORMED_QUERY", message)
        self._selection.take(query)
        self._parent_index = self._selection.index(self._parent_sql)
        self._build = record_maker(self._selection.shape, above.version)
        self._found: dict[object, list[Row]] = {}

    def load(self, parents: list[object]) -> None:
        """Read the children of these parents, and theirs."""
        rows = self._rows(parents)
        for row in rows:
            self._found.setdefault(row[self._parent_index], []).append(row)
        for entry in self._lists:
            entry.load([row[entry.id_index] for row in rows])

    def records(self, row: Row) -> dict[str, object] | None:
        """Give the list of a parent's row, None where there are no children."""
        found = self._found.get(row[self.id_index])
        if not found:
            return None
        return {"totalSize": len(found), "done": True, "records": [self._build(child) for child in found]}

    def _rows(self, parents: list[object]) -> list[Row]:
        statement, query = self._statement, self._query
        order = ", ".join(order_sql(self._scope, entry) for entry in query.order)
        ours = f"{self._parent_sql} IN (SELECT value FROM json_each({statement.bind(json.dumps(parents))}))"
        body = where.body(self._scope, query, [ours])
        sorting = f" ORDER BY {order}" if order else ""
        columns = ", ".join(f"{sql} AS c{index}" for index, sql in enumerate(self._selection.columns))
        sql = f"SELECT {columns} {body}{sorting}"
        if query.limit is not None or query.offset:
            first, count = query.offset or 0, query.limit
            place = f"row_number() OVER (PARTITION BY {self._parent_sql}{sorting}) AS place"
            upto = "" if count is None else f" AND place <= {first + count}"
            names = ", ".join(f"c{index}" for index in range(len(self._selection.columns)))
            sql = f"SELECT {names} FROM (SELECT {columns}, {place} {body}) WHERE place > {first}{upto} ORDER BY place"
        cursor = statement.org.db.cursor()
        cursor.row_factory = None
        return cursor.execute(sql, statement.values).fetchall()


def _plan_child(lists: list[ChildList], query: Query, scope: Scope, id_index: int) -> tuple[str, Make]:
    entry = ChildList(query, scope, id_index)
    lists.append(entry)
    return entry.name, entry.records

"""Many rows at once: whole columns are read by one function each and stored together, without asking who may.

In: a table, its columns and rows, as text from an export or as Python values; out: stored rows, completed, with their
twins. Next room: `records`.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from connector.emulator.dynamics.org.model import Column, Table
from connector.emulator.dynamics.org.rows import twins
from connector.emulator.dynamics.org.rows.cells import Cells, Targets
from connector.emulator.dynamics.org.rows.filling import expressions
from connector.emulator.dynamics.org.rows.values import Row, Stored
from connector.emulator.dynamics.org.storage import NODE, quoted

if TYPE_CHECKING:
    from connector.emulator.dynamics.org.records import Org

_CHUNK = 5000


class Unreadable(ValueError):
    """A value that its column cannot hold: which row (from 0), which column, which value."""

    def __init__(self, row: int, column: Column, value: object) -> None:
        super().__init__(f"{column.name}: {value!r} is not a {column.type}")
        self.row, self.column, self.value = row, column, value


def load(org: "Org", table: Table, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Store the rows, complete what they do not bring and give their number; Unreadable names the first bad value."""
    after = _last(org, table)
    cells = _cells(org, table, columns)
    made: list[tuple[str, Iterator[Any]]] = [("versionnumber", count(org.version + 1))]
    if table.primary_id not in columns:  # ids that rows bring are theirs to keep
        made.append((table.primary_id, iter(lambda: org.new_guid(table.name), None)))
    given = {cell.name: cell.parameter(number) for number, cell in enumerate(cells, 1)}
    for number, (name, _) in enumerate(made, len(cells) + 1):
        given[name] = f"COALESCE({given[name]}, ?{number})" if name in given else f"?{number}"
    filled = expressions(org, table, given)
    names = ", ".join(map(quoted, filled))
    sql = f"INSERT INTO {quoted(table.name)} ({names}) VALUES ({', '.join(filled.values())})"
    number, total = 0, iter(rows)
    while chunk := list(islice(total, _CHUNK)):
        columns_read = _read(chunk, cells, len(columns), number)
        org.db.executemany(sql, zip(*columns_read, *(values for _, values in made), strict=False))  # those never end
        number += len(chunk)
    _keep_clear(org, table, after, "versionnumber" in columns or number > 0, table.primary_id in columns)
    _after(org, table, columns, after)
    return number


def _cells(org: "Org", table: Table, columns: Sequence[str]) -> list[Cells]:
    cells: list[Cells] = []
    for place, name in enumerate(columns):
        plain, _, companion = name.partition(".")
        column = table.column(plain)
        cells.append(Cells(name, place, Column(name, "entityname") if companion == "type" else column))
        if column.many_targets and f"{plain}.type" not in columns:
            cells.append(Targets(org, place, column))
    return cells


def _read(chunk: list[Sequence[object]], cells: Sequence[Cells], width: int, first: int) -> list[Sequence[object]]:
    for number, row in enumerate(chunk, first):
        if len(row) != width:
            raise ValueError(f"row {number}: {len(row)} values for {width} columns")
    turned = list(zip(*chunk, strict=True))
    try:
        return [cell.values(turned[cell.place]) for cell in cells]
    except (ValueError, TypeError, OverflowError) as error:
        raise _culprit(chunk, cells, first) from error


def _culprit(chunk: list[Sequence[object]], cells: Sequence[Cells], first: int) -> ValueError:
    for number, row in enumerate(chunk, first):
        for cell in cells:
            try:
                cell.read(row[cell.place])
            except (ValueError, TypeError, OverflowError):
                return Unreadable(number, cell.column, row[cell.place])
    return ValueError(f"rows {first} to {first + len(chunk) - 1} cannot be read")


def _last(org: "Org", table: Table) -> int:
    return int(org.rows(f"SELECT COALESCE(MAX(rowid), 0) FROM {quoted(table.name)}")[0][0])


def _keep_clear(org: "Org", table: Table, after: int, versions: bool, ids: bool) -> None:
    """Count on from the ids and versions that were stored."""
    name, key = quoted(table.name), quoted(table.primary_id)
    if versions:
        org.keep_clear_of(None, org.rows(f'SELECT MAX("versionnumber") FROM {name} WHERE rowid > ?', after)[0][0])
    if ids:
        sql = f"SELECT MAX({key}) FROM {name} WHERE rowid > ? AND {key} LIKE ?"
        org.keep_clear_of(org.rows(sql, after, f"%-{NODE}")[0][0], None)


def _after(org: "Org", table: Table, columns: Sequence[str], after: int) -> None:
    """Carry the new rows over to where they show as well."""
    if twins.concrete(table):
        _pointers(org, table, after)
    elif table.name == "connection":
        _connections(org, table, after)
    elif table.name == "transactioncurrency":
        _adopt(org, after)
    elif table.name == "product" and "hierarchypath" not in columns:
        _paths(org)


def _pointers(org: "Org", table: Table, after: int) -> None:
    pointer = org.tables["activitypointer"]
    columns = twins.pointer_columns(org, table)
    shared, last = ", ".join(map(quoted, columns)), _last(org, table)
    first = org.next_version(last - after) if last > after else 0
    org.db.execute(
        f'INSERT OR REPLACE INTO {quoted(pointer.name)} ({shared}, "statuscode", "versionnumber")'
        f' SELECT {shared}, "statecode" + 1, rowid - ? FROM {quoted(table.name)} WHERE rowid > ?',
        (after + 1 - first, after),
    )


def _adopt(org: "Org", after: int) -> None:
    """Take over a loaded currency that is the base currency of the organisation by its code and rate."""
    sql = (
        'SELECT n."transactioncurrencyid" FROM "transactioncurrency" n JOIN "transactioncurrency" o'
        ' ON o."transactioncurrencyid" = ? AND n."isocurrencycode" = o."isocurrencycode"'
        ' WHERE n.rowid > ? AND n."exchangerate" = 1'
    )
    for (currency_id,) in org.rows(sql, org.currency_id, after)[:1]:
        org.adopt_currency(str(currency_id))


def _paths(org: "Org") -> None:
    """Write the hierarchy path of every product, from the roots down."""
    org.db.execute(r"""
        WITH RECURSIVE tree("id", "path", "depth") AS (
            SELECT "productid", "name", 0 FROM "product"
            WHERE "parentproductid" IS NULL OR "parentproductid" NOT IN (SELECT "productid" FROM "product")
            UNION ALL
            SELECT p."productid", tree."path" || '\' || p."name", tree."depth" + 1
            FROM "product" p JOIN tree ON p."parentproductid" = tree."id" WHERE tree."depth" < 20)
        UPDATE "product" SET "hierarchypath" = SUBSTR(tree."path", 1, 450) FROM tree WHERE tree."id" = "productid"
    """)


def _connections(org: "Org", table: Table, after: int) -> None:
    """Complete loaded connections: a row whose reverse was loaded too is linked to it, another gets one made."""
    loaded = org.dicts('SELECT * FROM "connection" WHERE rowid > ? ORDER BY rowid', after)
    waiting: dict[tuple[Stored, ...], list[Row]] = {}
    for row in loaded:
        if row["relatedconnectionid"] is None:
            ends = ("record1id", "record2id", "record1roleid", "record2roleid")
            reverse = tuple(row[name] for name in ("record2id", "record1id", "record2roleid", "record1roleid"))
            if waiting.get(reverse):
                other = waiting[reverse].pop()
                org.rewrite(table, other, {"relatedconnectionid": row["connectionid"], "ismaster": 1}, stamps=False)
                org.rewrite(table, row, {"relatedconnectionid": other["connectionid"], "ismaster": 0}, stamps=False)
            else:
                waiting.setdefault(tuple(row[name] for name in ends), []).append(row)
    for row in loaded:
        filled = dict(row)
        twins.prepare_connection(org, filled)
        change: Row = {name: value for name, value in filled.items() if row[name] is None and value is not None}
        if change:
            org.rewrite(table, row, change, stamps=False)
    for row in (row for alone in waiting.values() for row in alone):
        org.rewrite(table, row, {"ismaster": 1}, stamps=False)
        twins.follow(org, table, row, None)

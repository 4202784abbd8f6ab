"""The SQL side of the schema: making tables and indexes, and keeping descriptions as JSON.

In: tables and columns of the model; out: SQL tables, and descriptions read back. Next room: `access`.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from connector.emulator.dynamics.org.model import LOOKUPS, Column, Key, Option, Relationship, Table
from connector.emulator.dynamics.org.storage import quoted

_SQL_TYPES = {
    "integer": "INTEGER", "bigint": "INTEGER", "boolean": "INTEGER", "picklist": "INTEGER", "state": "INTEGER",
    "status": "INTEGER", "decimal": "REAL", "double": "REAL", "money": "REAL",
}  # fmt: skip
_UNINDEXED = frozenset({
    "createdby", "modifiedby", "ownerid", "owningbusinessunit", "owninguser", "owningteam", "organizationid",
    "transactioncurrencyid",
})  # fmt: skip


def prepare(db: sqlite3.Connection) -> None:
    """Make the tables that hold schema changes and deletions."""
    db.execute(
        'CREATE TABLE IF NOT EXISTS "_schema" ("kind" TEXT, "owner" TEXT, "name" TEXT, "body" TEXT,'
        ' PRIMARY KEY ("kind", "owner", "name"))'
    )
    db.execute('CREATE TABLE IF NOT EXISTS "_deleted" ("version" INTEGER PRIMARY KEY, "table" TEXT, "id" TEXT)')
    db.execute('CREATE INDEX IF NOT EXISTS "_deleted.table" ON "_deleted" ("table", "version")')


def make(db: sqlite3.Connection, table: Table) -> None:
    """Make the SQL table where there is none, and its columns and indexes that are lacking."""
    wanted = sql_columns(table)
    present = {str(row[1]) for row in db.execute(f"PRAGMA table_info({quoted(table.name)})")}
    if not present:
        body = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.items())
        db.execute(f"CREATE TABLE {quoted(table.name)} ({body})")
    else:
        for name in wanted.keys() - present:
            db.execute(f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(name)} {wanted[name]}")
        if wanted.keys() <= present:
            return
    for column in table.columns.values():
        lookup = column.type in LOOKUPS and column.name not in _UNINDEXED and column.name not in table.primary_id
        if lookup or column.name in ("versionnumber", "modifiedon"):
            index = quoted(f"{table.name}.{column.name}")
            some = f" WHERE {quoted(column.name)} IS NOT NULL" if lookup else ""  # most lookups are empty
            db.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {quoted(table.name)} ({quoted(column.name)}){some}")


def sql_columns(table: Table) -> dict[str, str]:
    """List the columns of the SQL table with their SQL types."""
    wanted = {}
    for column in table.columns.values():
        if column.stored:
            wanted[column.name] = (
                "TEXT PRIMARY KEY NOT NULL" if column.primary_id else _SQL_TYPES.get(column.type, "TEXT")
            )
        if column.many_targets:
            wanted[f"{column.name}.type"] = "TEXT"
    return wanted


def drop_column(db: sqlite3.Connection, table: Table, column: Column) -> None:
    """Take a column out of its SQL table."""
    db.execute(f"DROP INDEX IF EXISTS {quoted(f'{table.name}.{column.name}')}")
    present = {str(row[1]) for row in db.execute(f"PRAGMA table_info({quoted(table.name)})")}
    for name in {column.name, f"{column.name}.type"} & present:
        db.execute(f"ALTER TABLE {quoted(table.name)} DROP COLUMN {quoted(name)}")


def forget(db: sqlite3.Connection, name: str) -> None:
    """Drop the SQL table, and all that was kept about it."""
    db.execute(f"DROP TABLE {quoted(name)}")
    db.execute('DELETE FROM "_schema" WHERE "owner" = ?', (name,))
    db.execute('DELETE FROM "_deleted" WHERE "table" = ?', (name,))


def name_targets(db: sqlite3.Connection, table: Table, column: Column) -> None:
    """Write down what a lookup with one target pointed at, now that it has several."""
    if len(column.targets) == 1:
        kind, name = quoted(f"{column.name}.type"), quoted(column.name)
        db.execute(f"UPDATE {quoted(table.name)} SET {kind} = ? WHERE {name} IS NOT NULL", column.targets)


def index_key(db: sqlite3.Connection, table: Table, key: Key) -> None:
    """Make the index that finds rows by an alternate key."""
    columns = ", ".join(f"{quoted(name)} COLLATE NOCASE" for name in key.columns)
    index = quoted(f"key.{table.name}.{key.name}")
    db.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {quoted(table.name)} ({columns})")


def has_duplicates(db: sqlite3.Connection, table: Table, key: Key) -> bool:
    """Say whether two rows have the same values in all columns of a key; empty values are never the same."""
    columns = [quoted(name) for name in key.columns]
    where = " AND ".join(f"{name} IS NOT NULL" for name in columns)
    group = ", ".join(f"{name} COLLATE NOCASE" for name in columns)
    sql = f"SELECT 1 FROM {quoted(table.name)} WHERE {where} GROUP BY {group} HAVING COUNT(*) > 1 LIMIT 1"
    return db.execute(sql).fetchone() is not None


def keep(db: sqlite3.Connection, kind: str, owner: str, name: str, body: Mapping[str, Any] | None) -> None:
    """Keep a description, or that there is none any more, over what the catalogue says."""
    sql = (
        'INSERT INTO "_schema" VALUES (?, ?, ?, ?)'
        ' ON CONFLICT ("kind", "owner", "name") DO UPDATE SET "body" = excluded."body"'
    )
    db.execute(sql, (kind, owner, name, None if body is None else json.dumps(body)))


def table_body(table: Table) -> dict[str, Any]:
    """Give the description of a table without its columns and keys."""
    return {name: value for name, value in vars(table).items() if name not in ("columns", "keys")}


def column_body(column: Column) -> dict[str, Any]:
    """Give the description of a column as JSON takes it."""
    return asdict(column)


def apply_changes(db: sqlite3.Connection, tables: dict[str, Table], relationships: dict[str, Relationship]) -> None:
    """Put what was kept on top of the catalogue, in the order in which it was first kept."""
    order = """CASE "kind" WHEN 'table' THEN 0 ELSE 1 END, rowid"""
    for kind, owner, name, text in db.execute(f'SELECT * FROM "_schema" ORDER BY {order}').fetchall():
        body = None if text is None else json.loads(text)
        if kind == "table":
            before = tables.get(owner)
            tables[owner] = Table(**json.loads(text))
            if before is not None:
                tables[owner].columns, tables[owner].keys = before.columns, before.keys
        elif kind == "relationship":
            _put(relationships, name, body and Relationship(**body))
        elif kind == "column":
            _put(tables[owner].columns, name, body and _column(body))
        else:
            _put(tables[owner].keys, name, body and Key(**{**body, "columns": tuple(body["columns"])}))


def _put(into: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        into.pop(name, None)
    else:
        into[name] = value


def _column(body: dict[str, Any]) -> Column:
    options = tuple(
        Option(**{**option, "labels": {int(code): text for code, text in option["labels"].items()}})
        for option in body["options"]
    )
    return Column(**{**body, "options": options, "targets": tuple(body["targets"])})

"""How the two SQLite files are opened and grow; the binding to one org.

A folder comes in, open databases leave. Next room: `mirror`.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database, Migrations

from connector.errors import StoreFault
from connector.schema import TABLES, mirror_columns

MIRROR = Migrations("kam_mirror")
JOURNAL = Migrations("kam_journal")
# The CRM's own id of the record that a row came from; with _record it is every table's key.
SOURCE = "_source"
_NOT_OURS = "move it away or set [store] dir to another folder"
_DAMAGED = f"is damaged or not a store of kam-connector; {_NOT_OURS}."
_MEANING = {
    sqlite3.SQLITE_FULL: "the disk is full; nothing of the last step was kept. Free room, then run again.",
    sqlite3.SQLITE_READONLY: "is read-only. Give this user the right to write there, then run again.",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened. Give this user the right to write in its folder, then run again.",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_BUSY: "another program holds it. Close what reads it (a browser of the file?), then run again.",
}


@MIRROR()
def tables_of_the_schema(db: Database) -> None:
    """Rows, the fields we write as the CRM has them, and how far each pull has come."""
    _add(db)
    db.conn.execute(
        'CREATE TABLE present ("table" TEXT NOT NULL, id TEXT NOT NULL, "column" TEXT NOT NULL, value ANY,'
        ' PRIMARY KEY ("table", id, "column")) STRICT'
    )
    db.conn.execute(
        "CREATE TABLE cursors (record TEXT NOT NULL, place TEXT NOT NULL, cursor TEXT, fields TEXT NOT NULL,"
        " full_count INTEGER, pulled_at TEXT, PRIMARY KEY (record, place)) STRICT"
    )
    db.conn.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) STRICT")
    # The only look-up that isn't by id: lines of deals whose rate changed. DuckDB reads whole columns, and every
    # further index costs a quarter of the speed of a load.
    db.conn.execute("CREATE INDEX opportunity_line_opportunity_id ON opportunity_line (opportunity_id)")


@MIRROR()
def columns_the_schema_gained(db: Database) -> None:
    """Columns that a mirror of an older version lacks; the next pull reads them, as the mapping then asks for more."""
    _grow(db)


@MIRROR()
def rows_changed_since_something_was_kept(db: Database) -> None:
    """Records that changed since the last full enrich, and how many were noted of each table."""
    db.conn.execute(
        'CREATE TABLE changed ("table" TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY ("table", source))'
        " STRICT, WITHOUT ROWID"
    )
    db.conn.execute("CREATE TABLE noted (name TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT")


@MIRROR()
def selections_of_the_programme(db: Database) -> None:
    """Who was chosen and who came near, on the day of each selection: what no CRM has and a comparison needs."""
    db.conn.execute(
        "CREATE TABLE selection (account_id TEXT PRIMARY KEY, day INTEGER NOT NULL, rank INTEGER, cap INTEGER NOT NULL,"
        " chosen INTEGER NOT NULL, revenue_minor INTEGER) STRICT"
    )


@MIRROR()
def columns_of_the_typed_criteria(db: Database) -> None:
    """The scales that people type, and whatever else the schema gained with them."""
    _grow(db)


@MIRROR()
def answers_of_people(db: Database) -> None:
    """What people answered to ideas, and whatever else the schema gained with it."""
    _add(db)
    _grow(db)


def _add(db: Database) -> None:
    """Tables of the schema that the file lacks."""
    for table in TABLES.values():
        columns = ", ".join(f'"{n}" {t}' for n, t in mirror_columns(table.name))
        db.conn.execute(
            f'CREATE TABLE IF NOT EXISTS "{table.name}" ({columns}, "{SOURCE}" TEXT NOT NULL, _record TEXT NOT NULL,'
            f' _pull INTEGER NOT NULL, PRIMARY KEY ("{SOURCE}", _record)) STRICT'
        )


def _grow(db: Database) -> None:
    for table in TABLES.values():
        held = {row[1] for row in db.conn.execute(f'PRAGMA table_info("{table.name}")')}
        for name, kind in mirror_columns(table.name):
            if name not in held:
                db.conn.execute(f'ALTER TABLE "{table.name}" ADD COLUMN "{name}" {kind}')


@JOURNAL()
def runs_changes_and_rejects(db: Database) -> None:
    """Who ran and how it ended; every change that was sent; every row the CRM refused."""
    for sql in (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) STRICT",
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, job TEXT NOT NULL, as_of TEXT NOT NULL, started_at TEXT NOT NULL,"
        " ended_at TEXT, state TEXT NOT NULL, step TEXT, code INTEGER, message TEXT, undoes INTEGER, counts TEXT)"
        " STRICT",
        'CREATE TABLE journal (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, "table" TEXT NOT NULL,'
        ' record_id TEXT NOT NULL, "column" TEXT NOT NULL, field TEXT NOT NULL, before TEXT, after TEXT,'
        " why TEXT NOT NULL, who TEXT, state TEXT NOT NULL, code TEXT, message TEXT, at TEXT NOT NULL) STRICT",
        "CREATE INDEX journal_run ON journal (run)",
        'CREATE INDEX journal_cell ON journal ("table", record_id, "column", id)',
        "CREATE INDEX journal_open ON journal (state) WHERE state = 'sent'",
        'CREATE TABLE halted (run INTEGER NOT NULL, "table" TEXT NOT NULL, record_id TEXT NOT NULL,'
        ' "column" TEXT NOT NULL, before TEXT, after TEXT, why TEXT NOT NULL) STRICT',
        'CREATE TABLE rejects (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, "table" TEXT NOT NULL,'
        " record_id TEXT NOT NULL, code TEXT, message TEXT, at TEXT NOT NULL, settled_by INTEGER) STRICT",
    ):
        db.conn.execute(sql)


def open_database(path: Path, migrations: Migrations, *, synchronous: str) -> Database:
    """Open one file of the store, growing it when needed; raises StoreFault when it can't be used."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not path.exists()
        with guarded(path):
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        if fresh:
            os.chmod(path, 0o600)  # noqa: PTH101 (people's data: for the owner's eyes)
    except OSError as error:
        raise StoreFault(
            f"{path}: cannot be made: {error.strerror}. Give this user the right to write there."
        ) from error
    try:
        with guarded(path):
            return _prepared(connection, path, migrations, synchronous)
    except BaseException:
        connection.close()
        raise


def _prepared(connection: sqlite3.Connection, path: Path, migrations: Migrations, synchronous: str) -> Database:
    connection.execute("PRAGMA busy_timeout = 10000")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA temp_store = MEMORY")
    _refuse_foreign(connection, path, migrations)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    db = Database(connection)
    if migrations.pending(db):
        migrations.apply(db)
    return db


def _refuse_foreign(connection: sqlite3.Connection, path: Path, migrations: Migrations) -> None:
    """Refuse a file of somebody else, or of a newer version of ours."""
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not names:
        return
    if Migrations.migrations_table not in names:
        raise StoreFault(f"{path}: this is not a store of kam-connector; {_NOT_OURS}.")
    applied = {
        row[0]
        for row in connection.execute(
            f"SELECT name FROM {Migrations.migrations_table} WHERE migration_set = ?", [migrations.name]
        )
    }
    ours = {m.name for m in migrations._migrations}
    if not applied:
        raise StoreFault(f"{path}: this is not a store of kam-connector; {_NOT_OURS}.")
    if applied - ours:
        raise StoreFault(f"{path}: was written by a newer version of kam-connector; install that version again.")


def store_fault(path: Path, error: sqlite3.Error) -> StoreFault:
    """What an SQLite error means to an operator."""
    # The low byte is the kind of error, the others tell its variety; errors of Python's own have no code.
    said = _MEANING.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, f"{error}. Check the disk, then run again.")
    return StoreFault(f"{path}: {said}")


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Turn SQLite's errors inside the block into StoreFault."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_fault(path, error) from error


def bind(db: Database, path: Path, org: dict[str, str]) -> None:
    """Tie a file to one org and environment on first use; refuse any other one ever after."""
    for key, value in org.items():
        known = get_meta(db, key)
        if known is None:
            db.conn.execute("INSERT INTO meta VALUES (?, ?)", [key, value])
        elif known != value:
            raise StoreFault(
                f"{path}: this store belongs to {key} {known}, but the login answered {value}."
                " Correct [crm] url, or set [store] dir to a new folder."
            )


def get_meta(db: Database, key: str) -> str | None:
    """One value of a file's `meta` table."""
    row: Any = db.conn.execute("SELECT value FROM meta WHERE key = ?", [key]).fetchone()
    return row[0] if row else None


def set_meta(db: Database, key: str, value: str) -> None:
    """Set one value of a file's `meta` table."""
    db.conn.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", [key, value]
    )

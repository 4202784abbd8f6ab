"""Which rows of the mirror changed since something was kept of them.

Every writer of the mirror notes here what it touches, in its own transaction; `kept` starts the list anew. While
nothing is kept, nothing is noted: a first load pays nothing. Next room: `kept`.
"""

import json
from collections.abc import Iterable

from sqlite_utils import Database

from connector.store.migrations import get_meta, set_meta

KEY = "kept"
# Rows of a table that may be stored again before what is kept is worth nothing: a third, for a first run that wrote to
# a quarter of all accounts brings them back unchanged; and always some.
_SHARE, _LEAST = 3, 1_000


def watched(db: Database) -> bool:
    """Whether something is kept, so that changes count."""
    return "folder" in _note(db)


def note(db: Database, table: str, ids: Iterable[str]) -> None:
    """Note records of a table as changed: rows that were stored, altered or dropped."""
    kept = _note(db)
    if "folder" not in kept or table not in kept["rows"]:
        return
    rows = [(table, i) for i in ids]
    db.conn.executemany("INSERT OR IGNORE INTO changed VALUES (?, ?)", rows)
    db.conn.execute(
        "INSERT INTO noted VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET number = number + excluded.number",
        [table, len(rows)],
    )
    (number,) = db.conn.execute("SELECT number FROM noted WHERE name = ?", [table]).fetchone()
    if number > max(_LEAST, kept["rows"][table] // _SHARE):
        give_up(db, f"much of {table} changed")


def give_up(db: Database, why: str) -> None:
    """Let nothing count as kept any more; `why` is told by the next enrich."""
    if watched(db):
        set_meta(db, KEY, json.dumps({"lost": why}))
    clear(db)


def clear(db: Database) -> None:
    """Begin a new list."""
    db.conn.execute("DELETE FROM changed")
    db.conn.execute("DELETE FROM noted")


def _note(db: Database) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(get_meta(db, KEY) or "{}")
    return found

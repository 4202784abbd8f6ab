"""Fresh tables: what a full read brings stands beside the live tables, and takes their place when the pull ends.

Why so: a reader of the file (a browser of it, `kam explain`, `kam report`) sees the mirror of before or the mirror of
after, never rows without their amounts or deals without their accounts; and whatever stops a pull leaves what was
there. So the unit is the whole pull, and one transaction swaps. A table is fed by several records, and a pull may read
only one of them in full: the rows of the others are copied first, and from then on everything goes into the fresh
table. `present` and `cursors` follow the same way, so a cursor never stands for rows that are not there. What we
remember and no CRM has is carried over at the swap.

A pull that was killed or halted leaves its fresh tables; the next full pull of the same question takes them up within
a day. The price is room for both on the disk, given back by `give_back`.

A plan (table → the records that are read in full) comes in; live tables leave. Next room: `cursors`.
"""

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from connector.store import changed
from connector.store.migrations import SOURCE, guarded, store_fault
from connector.store.mirror import Mirror

PREFIX = "fresh_"
KEPT = timedelta(days=1)  # fresh tables older than that are begun anew
SHARE = 0.25  # of the file that may be free before it is rewritten
LEAST = 64 << 20  # bytes that are worth it
_META = "fresh"
# A fresh table without rows of old: its key tells which rows are left out.
_KEY = {"present": '"table"', "cursors": "record || char(10) || place"}


def begin(mirror: Mirror, plan: Mapping[str, frozenset[str]], mark: str, now: str) -> bool:
    """Make the fresh tables of a plan; True when those of an earlier pull with the same mark are taken up."""
    wanted = {f"{PREFIX}{table}" for table in plan}
    held = json.loads(mirror.meta(_META) or "{}")
    if held.get("mark") == mark and set(_left(mirror)) == wanted and _age(held["began"], now) <= KEPT:
        mirror.fresh = dict(plan)
        return True
    drop(mirror)
    with mirror.atomic():
        for table, leaving in plan.items():
            _make(mirror, table, leaving)
        mirror.meta(_META, json.dumps({"mark": mark, "began": now}))
    mirror.fresh = dict(plan)
    return False


def add(mirror: Mirror, plan: Mapping[str, frozenset[str]]) -> None:
    """Make more fresh tables in the middle of a pull, whose rows so far are copied."""
    more = {table: leaving for table, leaving in plan.items() if table not in mirror.fresh}
    with mirror.atomic():
        for table, leaving in more.items():
            _make(mirror, table, leaving)
    mirror.fresh.update(more)


def drop(mirror: Mirror) -> None:
    """Throw fresh tables away."""
    mirror.fresh = {}
    if left := _left(mirror):
        with mirror.atomic():
            for name in left:
                mirror.db.conn.execute(f'DROP TABLE "{name}"')


@contextmanager
def swap(mirror: Mirror, memory: Mapping[str, Sequence[str]]) -> Iterator[dict[str, int]]:
    """One transaction in which the fresh tables have become the live ones; rows dropped by table.

    What the block does belongs to it. `memory` names the columns of a table that are carried over.
    """
    plan, execute = mirror.fresh, mirror.db.conn.execute
    with guarded(mirror.path):
        execute("PRAGMA temp_store = FILE")  # an index of many rows is sorted outside of memory
    try:
        with mirror.atomic():
            dropped = {table: _replace(mirror, table, plan[table], memory.get(table, ())) for table in plan}
            mirror.meta(_META, "{}")
            changed.give_up(mirror.db, f"{', '.join(t for t in plan if t not in _KEY)} were read in full")
            mirror.fresh = {}
            yield {table: rows for table, rows in dropped.items() if rows and table not in _KEY}
    except BaseException:
        mirror.fresh = plan
        raise
    finally:
        with guarded(mirror.path):
            execute("PRAGMA temp_store = MEMORY")


def give_back(mirror: Mirror) -> str:
    """Give the disk back what the file does not use, when that is much; what was done, or why not, in words.

    Rewriting the file wants room for two copies of what it holds, and nobody who reads meanwhile: without them, the
    free pages are left for the next full pull. What fails here harms nothing.
    """
    execute = mirror.db.conn.execute
    with guarded(mirror.path):
        pages, free, size = (
            int(execute(f"PRAGMA {p}").fetchone()[0]) for p in ("page_count", "freelist_count", "page_size")
        )
    if free * size < LEAST or free < SHARE * pages:
        return ""
    told, wanted = (
        f"{free * size >> 20} of {pages * size >> 20} MB of {mirror.path.name} are free",
        2 * (pages - free) * size,
    )
    room = shutil.disk_usage(mirror.path.parent).free
    if room < wanted + LEAST:
        return f"{told}, and stay so: giving them back wants {wanted >> 20} MB of room, and the disk has {room >> 20}"
    try:
        execute("PRAGMA busy_timeout = 0")
        execute("PRAGMA temp_store = FILE")
        if execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            return f"{told}, and stay so: somebody reads the file"
        execute("VACUUM")
        if execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            return f"{told}: given back to the disk as soon as nobody reads the file"
    except sqlite3.Error as error:
        return f"{told}, and stay so: {store_fault(mirror.path, error)}"
    finally:
        with guarded(mirror.path):
            execute("PRAGMA temp_store = MEMORY")
            execute("PRAGMA busy_timeout = 10000")
    return f"{told}: given back to the disk"


def _left(mirror: Mirror) -> list[str]:
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, ?) = ?"
    return [row["name"] for row in mirror.rows(sql, [len(PREFIX), PREFIX])]


def _age(began: str, now: str) -> timedelta:
    return abs(datetime.fromisoformat(now) - datetime.fromisoformat(began))


def _make(mirror: Mirror, table: str, leaving: frozenset[str]) -> None:
    """A table like the live one, without its further indexes, with its rows but for those that come anew."""
    sql = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
    (told,) = [str(row["sql"]) for row in mirror.rows(sql, [table])]
    execute = mirror.db.conn.execute
    execute(re.sub(rf'^CREATE TABLE "?{table}"?', f'CREATE TABLE "{PREFIX}{table}"', told, count=1))
    marks, key = ", ".join("?" * len(leaving)), _KEY.get(table, "_record")
    execute(
        f'INSERT INTO "{PREFIX}{table}" SELECT * FROM "{table}" WHERE {key} NOT IN ({marks}) ORDER BY rowid',
        sorted(leaving),
    )


def _replace(mirror: Mirror, table: str, leaving: frozenset[str], memory: Sequence[str]) -> int:
    """Put a fresh table in the place of the live one; number of rows of old that are not in it."""
    execute, gone = mirror.db.conn.execute, 0
    if table not in _KEY:
        same = f'n."{SOURCE}" = o."{SOURCE}" AND n._record = o._record'
        old = f'FROM "{table}" AS o WHERE o._record IN ({", ".join("?" * len(leaving))})'
        unseen = f'NOT EXISTS (SELECT 1 FROM "{PREFIX}{table}" AS n WHERE {same})'
        gone = int(execute(f"SELECT count(*) {old} AND {unseen}", sorted(leaving)).fetchone()[0])
        if memory:
            sets = ", ".join(f'"{c}" = o."{c}"' for c in memory)
            execute(f'UPDATE "{PREFIX}{table}" AS n SET {sets} FROM "{table}" AS o WHERE {same}')
    indexes = execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql > ''", [table])
    made = [sql for (sql,) in indexes.fetchall()]
    execute(f'DROP TABLE "{table}"')
    execute(f'ALTER TABLE "{PREFIX}{table}" RENAME TO "{table}"')
    for sql in made:
        execute(sql)
    return gone

"""Who ran, when, how it ended; and the lock that lets one run at a time touch the store.

The clock's reading comes in as text. Next room: `rejects`.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.errors import BusyFault
from connector.store.journal import Journal
from connector.store.migrations import guarded

RUNNING = "running"


@dataclass(frozen=True)
class Run:
    """One execution: as_of is the ISO day it computes for, state is running, done, failed or halted."""

    id: int
    job: str
    as_of: str
    started_at: str
    ended_at: str | None
    state: str
    step: str | None
    code: int | None
    message: str | None
    undoes: int | None
    counts: dict[str, Any]


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the store for one run; raises BusyFault when another holds it. The system frees it when a run is killed."""
    path = folder / "lock.db"
    with guarded(path):
        connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        with guarded(path):
            _seize(connection, folder)
        yield
    finally:
        connection.close()


def _seize(connection: sqlite3.Connection, folder: Path) -> None:
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        raise BusyFault(f"{folder}: another run is active on this store. Wait for it, or look: kam status") from error


def begin(journal: Journal, job: str, as_of: str, now: str, undoes: int | None = None) -> Run:
    """Note a new run."""
    with journal.atomic():
        done = journal.db.conn.execute(
            "INSERT INTO runs (job, as_of, started_at, state, undoes, counts) VALUES (?, ?, ?, ?, ?, '{}')",
            [job, as_of, now, RUNNING, undoes],
        )
    return get(journal, int(done.lastrowid or 0)) or _lost()


def interrupted(journal: Journal, job: str) -> Run | None:
    """The newest run of a job if it never came to an end: killed, or the machine went down."""
    rows = _rows(journal, "WHERE job = ? ORDER BY id DESC LIMIT 1", [job])
    return rows[0] if rows and rows[0].state == RUNNING else None


def note(journal: Journal, run: int, step: str, counts: Mapping[str, Any]) -> None:
    """Note which step a run is in and what it has counted so far."""
    with journal.atomic():
        journal.db.conn.execute("UPDATE runs SET step = ?, counts = ? WHERE id = ?", [step, json.dumps(counts), run])


def end(journal: Journal, run: int, state: str, code: int, message: str, now: str) -> None:
    """Note how a run ended."""
    with journal.atomic():
        journal.db.conn.execute(
            "UPDATE runs SET state = ?, code = ?, message = ?, ended_at = ? WHERE id = ?",
            [state, code, message, now, run],
        )


def get(journal: Journal, run: int) -> Run | None:
    """One run by its number."""
    rows = _rows(journal, "WHERE id = ?", [run])
    return rows[0] if rows else None


def latest(journal: Journal, limit: int = 20) -> list[Run]:
    """The newest runs, newest first."""
    return _rows(journal, "ORDER BY id DESC LIMIT ?", [limit])


def _rows(journal: Journal, where: str, values: list[Any]) -> list[Run]:
    names = "id, job, as_of, started_at, ended_at, state, step, code, message, undoes, counts"
    found = journal.execute(f"SELECT {names} FROM runs {where}", values).fetchall()
    runs = [dict(zip(names.split(", "), row, strict=True)) for row in found]
    return [Run(**{**run, "counts": json.loads(run["counts"] or "{}")}) for run in runs]


def _lost() -> Run:
    raise AssertionError("a run that was just noted can't be read back")

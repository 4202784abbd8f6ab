"""Every change that was sent, with its outcome: committed before anything is sent.

Changes come in, journal rows leave; `undo` reads them backwards. A row's state goes from `sent` to written, refused,
gone or kept (somebody else's value stands there). Next room: `runs`.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from connector.schema import Change
from connector.store.migrations import JOURNAL, bind, get_meta, guarded, open_database, set_meta

UNSETTLED = "sent"


@dataclass(frozen=True)
class Entry:
    """One journalled change."""

    number: int
    run: int
    table: str
    id: str
    column: str
    field: str
    before: Any
    after: Any
    why: str
    who: str | None
    state: str


class Journal:
    """The open `journal.db`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.db"
        self.db = open_database(self.path, JOURNAL, synchronous="FULL")
        with guarded(self.path):
            if get_meta(self.db, "installation") is None:
                set_meta(self.db, "installation", uuid4().hex[:8])

    def close(self) -> None:
        """Close the file."""
        self.db.conn.close()

    @property
    def installation(self) -> str:
        """Mark of this installation, carried by every field that setup makes."""
        with guarded(self.path):
            return str(get_meta(self.db, "installation"))

    def bind(self, org: dict[str, str]) -> None:
        """Tie the file to one org; StoreFault when it belongs to another."""
        with guarded(self.path):
            bind(self.db, self.path, org)

    def meta(self, key: str, value: str | None = None) -> str | None:
        """Read one remembered value, or set it when `value` is given."""
        with guarded(self.path):
            if value is not None:
                set_meta(self.db, key, value)
            return get_meta(self.db, key)

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """One durable transaction; SQLite's errors become StoreFault."""
        with guarded(self.path), self.db.atomic():
            yield

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Run one statement; SQLite's errors become StoreFault."""
        with guarded(self.path):
            return self.db.conn.execute(sql, values)

    def announce(self, run: int, changes: Sequence[tuple[Change, str]], now: str, who: str | None = None) -> range:
        """Journal changes (each with its field) that are about to be sent; their numbers. Durable on return."""
        sql = (
            'INSERT INTO journal (run, "table", record_id, "column", field, before, after, why, who, state, at)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        rows = (
            (run, c.table, c.id, c.column, field, _text(c.before), _text(c.after), c.why, who, UNSETTLED, now)
            for c, field in changes
        )
        with self.atomic():
            self.db.conn.executemany(sql, rows)
            # Nobody else writes here meanwhile, so the new rows have the highest numbers, one after the other.
            last = int(self.db.conn.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()[0])
        return range(last - len(changes) + 1, last + 1)

    def settle(self, outcomes: Sequence[tuple[int, str, str, str]], now: str) -> None:
        """Note what became of journal rows: (number, state, code, message)."""
        with self.atomic():
            self.db.conn.executemany(
                "UPDATE journal SET state = ?, code = ?, message = ?, at = ? WHERE id = ?",
                [(state, code, message, now, number) for number, state, code, message in outcomes],
            )

    def unsettled(self) -> list[Entry]:
        """Rows that were announced and whose outcome is unknown, oldest first."""
        return self._entries("WHERE state = ? ORDER BY id", [UNSETTLED])

    def of_run(self, run: int) -> list[Entry]:
        """Rows of one run in the order they were sent."""
        return self._entries("WHERE run = ? ORDER BY id", [run])

    def last_after(self, table: str, columns: Sequence[str]) -> dict[tuple[str, str], Any]:
        """Last value of some columns that we are known to have written, by (id, column)."""
        if not columns:
            return {}
        marks = ", ".join("?" * len(columns))
        sql = (
            'SELECT record_id, "column", after FROM journal WHERE id IN (SELECT max(id) FROM journal WHERE "table" = ?'
            f""" AND state = 'written' AND "column" IN ({marks}) GROUP BY record_id, "column")"""
        )
        return {(i, c): json.loads(v) for i, c, v in self.execute(sql, [table, *columns])}

    def halt(self, run: int, changes: Sequence[Change]) -> None:
        """Keep the list a guard stopped, so that exactly this list can be approved."""
        with self.atomic():
            self.db.conn.execute("DELETE FROM halted WHERE run = ?", [run])
            self.db.conn.executemany(
                "INSERT INTO halted VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(run, c.table, c.id, c.column, _text(c.before), _text(c.after), c.why) for c in changes],
            )

    def halted(self, run: int) -> list[Change]:
        """The list a guard stopped in a run."""
        sql = 'SELECT "table", record_id, "column", before, after, why FROM halted WHERE run = ? ORDER BY rowid'
        return [
            Change(t, i, "", c, json.loads(b), json.loads(a), why) for t, i, c, b, a, why in self.execute(sql, [run])
        ]

    def _entries(self, where: str, values: Sequence[Any]) -> list[Entry]:
        sql = (
            f'SELECT id, run, "table", record_id, "column", field, before, after, why, who, state FROM journal {where}'
        )
        return [
            Entry(n, r, t, i, c, f, json.loads(b), json.loads(a), why, who, state)
            for n, r, t, i, c, f, b, a, why, who, state in self.execute(sql, values)
        ]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

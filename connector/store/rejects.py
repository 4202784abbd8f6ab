"""Rows the CRM refused, and why, until a later write of the same record succeeds.

Outcomes come in, lists for people and for `kam retry` leave.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from connector.store.journal import Journal


@dataclass(frozen=True)
class Reject:
    """One refused record."""

    run: int
    table: str
    id: str
    code: str
    message: str
    at: str


def add(journal: Journal, rejects: Sequence[Reject]) -> None:
    """Note refused records; an older open reject of the same record is replaced."""
    with journal.atomic():
        for reject in rejects:
            journal.db.conn.execute(
                'DELETE FROM rejects WHERE "table" = ? AND record_id = ? AND settled_by IS NULL',
                [reject.table, reject.id],
            )
            journal.db.conn.execute(
                'INSERT INTO rejects (run, "table", record_id, code, message, at) VALUES (?, ?, ?, ?, ?, ?)',
                [reject.run, reject.table, reject.id, reject.code, reject.message, reject.at],
            )


def settle(journal: Journal, run: int, written: Sequence[tuple[str, str]]) -> None:
    """Close the open rejects of (table, id)s that were written."""
    with journal.atomic():
        journal.db.conn.executemany(
            'UPDATE rejects SET settled_by = ? WHERE "table" = ? AND record_id = ? AND settled_by IS NULL',
            [(run, table, record_id) for table, record_id in written],
        )


def open_rejects(journal: Journal) -> list[Reject]:
    """Records whose last write was refused."""
    sql = 'SELECT run, "table", record_id, code, message, at FROM rejects WHERE settled_by IS NULL ORDER BY id'
    return [Reject(*row) for row in journal.execute(sql)]

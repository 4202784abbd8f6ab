"""How far the pull of each record has come.

A cursor is set in the transaction that stores the rows it stands for. Next room: `steps.pull`.
"""

from connector.store.mirror import CursorRow, Mirror


def get(mirror: Mirror, record: str, place: str) -> CursorRow | None:
    """Cursor of one read; None when it never came to its end."""
    row = next(
        mirror.rows("SELECT cursor, fields, full_count FROM cursors WHERE record = ? AND place = ?", [record, place]),
        None,
    )
    return CursorRow(**row) if row else None


def put(mirror: Mirror, record: str, place: str, row: CursorRow, now: str) -> None:
    """Set the cursor of one read; call it inside the transaction that stored the rows."""
    mirror.db.conn.execute(
        "INSERT INTO cursors VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (record, place) DO UPDATE SET"
        " cursor = excluded.cursor, fields = excluded.fields, full_count = excluded.full_count,"
        " pulled_at = excluded.pulled_at",
        [record, place, row.cursor, row.fields, row.full_count, now],
    )


def places(mirror: Mirror) -> list[tuple[str, str]]:
    """Every (record, place) that has a cursor."""
    return [(r["record"], r["place"]) for r in mirror.rows("SELECT record, place FROM cursors ORDER BY 1, 2")]


def drop(mirror: Mirror, record: str, place: str) -> None:
    """Forget one cursor; call it inside a transaction."""
    mirror.db.conn.execute("DELETE FROM cursors WHERE record = ? AND place = ?", [record, place])


def oldest(mirror: Mirror) -> str | None:
    """Instant of the last good pull of the record that was pulled longest ago."""
    row = next(mirror.rows("SELECT min(pulled_at) AS at FROM cursors"), None)
    return row["at"] if row else None

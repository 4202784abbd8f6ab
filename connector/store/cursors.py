"""How far the pull of each record has come.

A cursor is set in the transaction that stores the rows it stands for. Next room: `steps.pull`.
"""

from connector.store.mirror import CursorRow, Mirror


def get(mirror: Mirror, record: str, place: str, *, live: bool = False) -> CursorRow | None:
    """Cursor of one read; None when it never came to its end. `live` looks past what a pull under way has noted."""
    at = "cursors" if live else mirror.at("cursors")
    sql = f"SELECT cursor, fields, full_count FROM {at} WHERE record = ? AND place = ?"
    row = next(mirror.rows(sql, [record, place]), None)
    return CursorRow(**row) if row else None


def put(mirror: Mirror, record: str, place: str, row: CursorRow, now: str) -> None:
    """Set the cursor of one read; call it inside the transaction that stored the rows."""
    mirror.db.conn.execute(
        f"INSERT INTO {mirror.at('cursors')} VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (record, place) DO UPDATE SET"
        " cursor = excluded.cursor, fields = excluded.fields, full_count = excluded.full_count,"
        " pulled_at = excluded.pulled_at",
        [record, place, row.cursor, row.fields, row.full_count, now],
    )


def places(mirror: Mirror) -> list[tuple[str, str]]:
    """Every (record, place) that has a cursor."""
    return [
        (r["record"], r["place"])
        for r in mirror.rows(f"SELECT record, place FROM {mirror.at('cursors')} ORDER BY 1, 2")
    ]


def drop(mirror: Mirror, record: str, place: str) -> None:
    """Forget one cursor; call it inside a transaction."""
    mirror.db.conn.execute(f"DELETE FROM {mirror.at('cursors')} WHERE record = ? AND place = ?", [record, place])


def oldest(mirror: Mirror) -> str | None:
    """Instant of the last good pull of the record that was pulled longest ago."""
    row = next(mirror.rows("SELECT min(pulled_at) AS at FROM cursors"), None)
    return row["at"] if row else None

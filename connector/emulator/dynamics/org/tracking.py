"""What changed since when: every stored row takes a version number, deletions are remembered, tokens expire.

In: rows to store, deletions, tokens that callers bring back; out: version numbers. Next room: `rows`.
"""

import re
from datetime import UTC, datetime, timedelta

from connector.emulator.dynamics.org.model import Problem, Table
from connector.emulator.dynamics.org.rows.values import Row
from connector.emulator.dynamics.org.schema import Schema
from connector.emulator.dynamics.org.storage import quoted

_TOKEN = re.compile(r"(\d+)!(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)")
_SHAPE = "%m/%d/%Y %H:%M:%S"
_EXPIRED = "Version stamp associated with the client has expired. Please perform a full sync."


class Tracking(Schema):
    """Change tracking of one organisation."""

    def deleted_since(self, name: str, version: int) -> list[tuple[str, int]]:
        """List the rows of a table deleted after a version, oldest first, with the version of each deletion."""
        sql = 'SELECT "id", "version" FROM "_deleted" WHERE "table" = ? AND "version" > ? ORDER BY "version"'
        return [(str(row_id), int(number)) for row_id, number in self.rows(sql, name, version)]

    def tracking_token(self) -> str:
        """Give the token that stands for now."""
        with self.lock:
            return f"{self.version}!{self.ticks():{_SHAPE}}"

    def tracking_start(self, token: str) -> int:
        """Read the version out of a token; 0x80044352 when it is too old."""
        match = _TOKEN.fullmatch(token)
        try:
            made = datetime.strptime(match[2], _SHAPE).replace(tzinfo=UTC) if match else None
        except ValueError:
            made = None
        if match is None or made is None:
            raise Problem(400, "0x80060888", f"The delta token '{token}' is not one that this organization made.")
        days = timedelta(days=float(self.setting("tracking_days", 7)))
        if self.ticks() - made > days or int(match[1]) <= int(self.setting("tracking_floor", 0)):
            raise Problem(400, "0x80044352", _EXPIRED)
        return int(match[1])

    def expire_tracking(self) -> None:
        """Let every token given so far be too old."""
        with self.transaction():
            self.set_setting("tracking_floor", self.version)
            self.next_version()

    def note_deletion(self, name: str, row_id: str) -> None:
        """Remember that a row went."""
        self.db.execute('INSERT INTO "_deleted" VALUES (?, ?, ?)', (self.next_version(), name, row_id))

    def raw(self, table: Table, row_id: str) -> Row | None:
        """Read a row's stored values, or None."""
        sql = f"SELECT * FROM {quoted(table.name)} WHERE {quoted(table.primary_id)} = ?"
        found = self.dicts(sql, row_id.lower())
        return found[0] if found else None

    def insert(self, table: Table, row: Row) -> None:
        """Store a row as it is, with the next version number."""
        row["versionnumber"] = self.next_version()
        names = [name for name, value in row.items() if value is not None]
        marks = ", ".join("?" * len(names))
        sql = f"INSERT INTO {quoted(table.name)} ({', '.join(map(quoted, names))}) VALUES ({marks})"
        self.db.execute(sql, [row[name] for name in names])

    def rewrite(self, table: Table, row: Row, change: Row, *, stamps: bool = True) -> None:
        """Change columns of a stored row as they are given, with the next version number."""
        change = {**change, "versionnumber": self.next_version()}
        if stamps and "modifiedon" in table.columns:
            change["modifiedon"] = self.stamp()
        row.update(change)
        places = ", ".join(f"{quoted(name)} = ?" for name in change)
        sql = f"UPDATE {quoted(table.name)} SET {places} WHERE {quoted(table.primary_id)} = ?"
        self.db.execute(sql, [*change.values(), row[table.primary_id]])

"""The organisation's database: transactions, settings, the clock, guids and version numbers.

In: a path, a clock; out: one SQLite connection that all other rooms share. Next room: `schema`.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import blake2s
from pathlib import Path
from typing import Any

NODE = "0022480b5c7d"
"""How the guids end that the organisation makes itself; those of other origin end otherwise."""

_LEASE = 1000
_FIRST_GUID = 0x5E000000
_FIRST_VERSION = 1_000_000


def quoted(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def instant(moment: datetime) -> str:
    """Write a moment as rows hold it: UTC, whole seconds, `Z`."""
    return f"{moment.astimezone(UTC).isoformat()[:19]}Z"


def compose(number: int) -> str:
    """Make the guid of a number; the text order of guids is that of their numbers."""
    noise = blake2s(number.to_bytes(8), digest_size=5).hexdigest()
    return f"{number:08x}-{noise[:4]}-4{noise[4:7]}-8{noise[7:10]}-{NODE}"


class Storage:
    """One SQLite database, its transactions and its counters; class Schema adds the tables."""

    def __init__(self, path: Path | None, clock: Callable[[], datetime]) -> None:
        self.db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self.lock = threading.RLock()
        self.clock = clock
        self.base_url = "https://localhost"  # the server puts its own address here
        self._last = datetime.min.replace(tzinfo=UTC)
        self._began: datetime | None = None
        self._depth = 0
        self._whole = False
        self.db.create_collation("UNICODE_NOCASE", _compare)
        if path is not None:
            self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.execute('CREATE TABLE IF NOT EXISTS "_org" ("key" TEXT PRIMARY KEY, "value" TEXT)')
        self._guids = _Counter(self, "next_guid", _FIRST_GUID)
        self._versions = _Counter(self, "next_version", _FIRST_VERSION)

    @property
    def version(self) -> int:
        """Tell the last version number that a row, or a deletion, was given."""
        return self._versions.last

    def next_version(self, count: int = 1) -> int:
        """Take the next version number, or the first of several."""
        return self._versions.take(count)

    def new_guid(self, name: str) -> str:
        """Make a guid that no row of this organisation has had, of whatever table."""
        return compose(self._guids.take(1))

    def keep_clear_of(self, guid: str | None, version: int | None) -> None:
        """Count on from guids of our own making and from version numbers that were loaded."""
        if guid is not None and guid.endswith(NODE):
            self._guids.rise(int(guid[:8], 16))
        if version is not None:
            self._versions.rise(version)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a query and give all its rows."""
        with self.lock:
            return self.db.execute(sql, values).fetchall()

    def dicts(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Run a query and give its rows by column."""
        with self.lock:
            cursor = self.db.execute(sql, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep everything done inside, or nothing of it when an exception comes out; may be nested."""
        if self._whole:
            yield
            return
        with self.lock:
            name = f"level{self._depth}"
            self._began = self._began if self._depth else None
            self.db.execute(f"SAVEPOINT {name}")
            self._depth += 1
            mark = self._mark()
            try:
                yield
            except BaseException:
                self.db.execute(f"ROLLBACK TO {name}")
                self._depth -= 1
                self._after_rollback(mark)
                self.db.execute(f"RELEASE {name}")
                raise
            self._depth -= 1
            self.db.execute(f"RELEASE {name}")

    @contextmanager
    def as_one(self) -> Iterator[None]:
        """Like `transaction`, and none inside it can be taken back alone: cheaper for many rows that stand or fall."""
        with self.transaction():
            before, self._whole = self._whole, True
            try:
                yield
            finally:
                self._whole = before

    def ticks(self) -> datetime:
        """Tell the organisation's time: whole seconds, never backwards, standing still within a transaction."""
        with self.lock:
            if self._depth and self._began is not None:
                return self._began
            self._last = max(self._last, self.clock().astimezone(UTC).replace(microsecond=0))
            self._began = self._last
            return self._last

    def stamp(self) -> str:
        """Give the organisation's time as rows hold it."""
        return instant(self.ticks())

    def setting(self, name: str, default: Any) -> Any:
        """Read one of the organisation's own settings."""
        found = self.rows('SELECT "value" FROM "_org" WHERE "key" = ?', name)
        return json.loads(str(found[0][0])) if found else default

    def set_setting(self, name: str, value: Any) -> None:
        """Keep one of the organisation's own settings."""
        with self.lock:
            self.db.execute('INSERT OR REPLACE INTO "_org" VALUES (?, ?)', (name, json.dumps(value)))

    def _mark(self) -> int:
        return 0

    def _after_rollback(self, mark: int) -> None:
        """Bring memory back to what the database holds again; counters stay ahead."""
        self._guids.confirm()
        self._versions.confirm()


class _Counter:
    """Numbers in order that survive a restart: the database knows a number that none given out has reached yet."""

    def __init__(self, storage: Storage, key: str, first: int) -> None:
        self._storage, self._key = storage, key
        self.last = int(storage.setting(key, first - 1))
        self._leased = self.last

    def take(self, count: int) -> int:
        with self._storage.lock:
            first = self.last + 1
            self.rise(self.last + count)
            return first

    def rise(self, number: int) -> None:
        with self._storage.lock:
            self.last = max(self.last, number)
            if self.last > self._leased:
                self._leased = self.last + _LEASE
                self._storage.set_setting(self._key, self._leased)

    def confirm(self) -> None:
        if self._leased > int(self._storage.setting(self._key, 0)):
            self._storage.set_setting(self._key, self._leased)


def _compare(a: str, b: str) -> int:
    left, right = a.casefold(), b.casefold()
    return (left > right) - (left < right)

"""The org itself: its records in SQLite, and every way to change them.

In: writes by users, whole exports, schema changes by deploys; out: stored rows that SOQL reads and the wire answers with.
Every write is one transaction, moves SystemModstamp and is checked by `writing`. Next room: `describe`.
"""

import json
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from connector.emulator.salesforce.org import catalogue, ids, values, writing
from connector.emulator.salesforce.org.access import SETUP, SOURCES, Access
from connector.emulator.salesforce.org.catalogue import quoted
from connector.emulator.salesforce.org.model import Field, ObjectType, PicklistValue, Problem
from connector.emulator.salesforce.org.values import Stored
from connector.emulator.salesforce.org.writing import Row, Rule

FEATURES = ("AccountContactRelation", "AccountTeamMember", "TaskRelation", "EventRelation", "MultiCurrency")
"""What an admin can switch on; a fresh org has none of it."""

_INSTANCE = "Em0"  # characters 4 to 6 of the ids that the emulator makes


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


class Org:
    """One emulated org: objects, records, users and their rights, in one SQLite database."""

    def __init__(
        self, path: Path | None = None, *, clock: Callable[[], datetime] = utc_now, is_sandbox: bool = True,
        currency: str = "EUR", multi_currency: bool = False,
    ) -> None:  # fmt: skip
        self.db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self.lock = threading.RLock()
        self.clock, self.currency = clock, currency
        self.validation_rules: list[Rule] = []
        self.loading = False
        self._last = datetime.min.replace(tzinfo=UTC)
        self._depth = 0
        self._next = self._leased = 0
        self._writers: dict[tuple[str, tuple[str, ...], str], Callable[[Mapping[str, Stored]], dict[str, object]]] = {}
        self._catalogue, self._stages = catalogue.standard()
        self._features: set[str] = set()
        self.db.create_collation("UNICODE_NOCASE", lambda a, b: (a.casefold() > b.casefold()) - (a.casefold() < b.casefold()))
        if path is not None:
            self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.execute('CREATE TABLE IF NOT EXISTS "_org" ("key" TEXT PRIMARY KEY, "value" TEXT)')
        self.db.execute('CREATE TABLE IF NOT EXISTS "_schema" ("object" TEXT, "field" TEXT, "body" TEXT, PRIMARY KEY ("object", "field"))')
        self.db.execute('CREATE TABLE IF NOT EXISTS "_bin" ("root" TEXT, "object" TEXT, "id" TEXT)')
        self.objects: dict[str, ObjectType] = {}
        self.access = Access(self)
        self._open(is_sandbox)
        if multi_currency:
            self.enable_feature("MultiCurrency")

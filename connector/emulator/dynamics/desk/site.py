"""The desk of the Dynamics 365 face: everything that the rooms behind it share, and how refusals look.

Org, keys, sessions, faults and limits come in; rooms are handed the `Site` with each `Call`. Next room: `login`.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from connector.emulator.dynamics.desk.call import Answer, Call, json_answer
from connector.emulator.dynamics.desk.protect import Protection, Throttled
from connector.emulator.dynamics.org.model import Problem
from connector.emulator.dynamics.org.records import Org
from connector.emulator.faults import Faults
from connector.emulator.keys import Keys, Sessions
from connector.emulator.writes import Writes

BUSY = "Cannot start another [EntityCustomization] because there is a previous [EntityCustomization] running."
DEADLOCK = "Generic SQL error. Sql ErrorCode: -2146232060 Sql Message: Transaction was deadlocked. Sql Number: 1205"
ANNOTATIONS = "Microsoft.PowerApps.CDS."


@dataclass
class Usage:
    """Requests by method and path template, for tests, and operations that count for the daily entitlement."""

    used: int = 0
    calls: Counter[str] = field(default_factory=Counter)

    def count(self, template: str, operations: int = 1) -> None:
        """Count one request that carries out so many operations."""
        self.calls[template] += 1
        self.used += operations


@dataclass
class Site:
    """One emulated org with everything its rooms share."""

    org: Org
    keys: Keys
    sessions: Sessions
    faults: Faults
    writes: Writes = field(default_factory=Writes)
    usage: Usage = field(default_factory=Usage)
    protection: Protection = field(default_factory=Protection)
    page_size: int | None = None  # tests may make pages smaller than callers ask for
    url: str = ""  # where the site listens, known once the socket is bound
    next_link_host: str | None = None  # tests may make links to next pages point at another host
    dop_hint: int = 4  # requests the server advises to send at a time
    secret_expired: bool = False
    customization_lock: float = 0.0  # moment, by `now`, until which definitions cannot be changed
    now: Callable[[], float] = time.monotonic
    _customizing: Any = field(default_factory=threading.RLock)

    @property
    def tenant(self) -> str:
        """Id of the tenant that the org belongs to."""
        return self.org.tenant

    @property
    def clock(self) -> Callable[[], datetime]:
        """The org's clock."""
        return self.org.clock

    def link_root(self, call: Call) -> str:
        """Address that links to next pages and changes begin with: the caller's own, unless a test changed the host."""
        if self.next_link_host is None:
            return call.root
        parts = urlsplit(call.root)
        return parts._replace(netloc=self.next_link_host).geturl()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Change rows in this block all or not at all, the log of writes with them."""
        with self.writes.transaction(), self.org.transaction():
            yield

    @contextmanager
    def as_one(self) -> Iterator[None]:
        """The same for many rows that stand or fall together."""
        with self.writes.transaction(), self.org.as_one():
            yield

    @contextmanager
    def customizing(self) -> Iterator[None]:
        """Change definitions in this block; refused while somebody else does. A block may hold another."""
        if self.now() < self.customization_lock or not self._customizing.acquire(blocking=False):
            raise Problem(429, "0x80071151", BUSY)
        try:
            yield
        finally:
            self._customizing.release()

    def locked_rows(self, call: Call, count: int) -> frozenset[int]:
        """Positions of rows that a fault rule locks in this write of `count` rows."""
        return call.lock.rows_hit(count) if call.lock else frozenset()

    def unlocked(self, call: Call, count: int = 1) -> None:
        """Refuse a write of which a fault rule locks any row."""
        if self.locked_rows(call, count):
            raise Problem(500, "0x80044150", DEADLOCK)


def refusal(problem: Problem, annotated: bool = False) -> Answer:
    """A refusal in the envelope of the Web API; with the annotations of errors when they were asked for."""
    error: dict[str, Any] = {"code": problem.code, "message": problem.message}
    if annotated:
        error |= {
            f"@{ANNOTATIONS}HelpLink": f"http://go.microsoft.com/fwlink/?LinkID=398563&error={problem.code}",
            f"@{ANNOTATIONS}TraceText": "",
            f"@{ANNOTATIONS}InnerError.Message": problem.message,
        }
    headers = [("Retry-After", str(problem.retry_after))] if isinstance(problem, Throttled) else []
    return json_answer({"error": error}, problem.status, headers)


def base_of(scheme: str, host: str, site: Site) -> str:
    """The site's address under the host name the caller used."""
    return f"{scheme}://{host}" if host else site.url

"""One process invents the company and makes its records, another stores them: what passes between the two.

The end of a pipe comes in at either side; batches go through it as they are made, with what is told of the progress.
Both sides end when the other one has gone. Next room: the package itself.
"""

import marshal  # both ends are the same program, and it takes a third of the time of pickle
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from queue import Queue
from threading import Thread
from typing import Any

from connector.emulator.company import begin, grow
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.seed.records import finish, records, store
from connector.emulator.salesforce.seed.rows import Batch, Ids
from connector.emulator.salesforce.seed.setup import Facts, facts, set_up

_WAITING = 40  # batches, of about a megabyte each, that may wait while an index is made


def invent(pipe: Connection, size: str, seed: int) -> None:
    """Invent a company for the org at the other end of the pipe."""
    company = begin(size, seed)
    ids = Ids(Facts(*pipe.recv()))
    outbox = _Outbox(pipe)
    for batch in records(company, ids, grow(company, outbox.put, keep=False)):
        outbox.put(tuple(batch))
    outbox.put((ids.numbers.next, ids.numbers.leased))
    outbox.close()


def receive(org: Org, pipe: Connection, size: str, seed: int, tell: Callable[[str], None]) -> None:
    """Fill an empty org with the company that is invented at the other end of the pipe."""
    with org.transaction():
        set_up(org, begin(size, seed).products)
        pipe.send(tuple(facts(org)))
        end: list[tuple[int, int]] = []
        store(org, _received(pipe, tell, end), tell)
        finish(org, *end[0])


def _received(pipe: Connection, tell: Callable[[str], None], end: list[tuple[int, int]]) -> Iterator[Batch]:
    while True:
        try:
            data = pipe.recv_bytes()
        except OSError as error:  # it ended in the middle of a batch
            raise EOFError from error
        found = marshal.loads(data)  # noqa: S302 - from the process that was begun beside this one
        if isinstance(found, str):
            tell(found)
        elif len(found) == len(Batch._fields):
            yield Batch(*found)
        else:
            end.append(found)
            return


class _Outbox:
    """Sends from a thread of its own, so that inventing goes on while the other side is busy; not endlessly far."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._queue = pipe, Queue[bytes](_WAITING)
        self._broken: OSError | None = None
        self._thread = Thread(target=self._send, name="kam-outbox", daemon=True)
        self._thread.start()

    def put(self, what: Any) -> None:
        """Send something that consists of plain values."""
        if self._broken is not None:
            raise self._broken
        self._queue.put(marshal.dumps(what))

    def close(self) -> None:
        """Wait until all is sent."""
        self._queue.put(b"")
        self._thread.join()
        if self._broken is not None:
            raise self._broken

    def _send(self) -> None:
        while data := self._queue.get():
            try:
                if self._broken is None:
                    self._pipe.send_bytes(data)
            except OSError as error:  # nobody listens any more: whoever puts something is told
                self._broken = error

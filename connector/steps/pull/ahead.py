"""Several reads under way at once, each a few batches ahead of the one that is being stored.

SQLite has one writer, so reads are stored one after the other, in their order: what is stored, and which guard or error
speaks first, does not depend on who was quicker. The next reads meanwhile wait for the CRM (a Bulk job may take minutes
before its first row), each in a thread of its own. Next room: `step`.
"""

from collections.abc import Callable, Iterator, Sequence
from queue import Full, Queue
from threading import Event, Thread
from time import monotonic
from typing import TypeVar

from connector.crm.protocol import Batch

AT_ONCE = 3
BATCHES = 2  # of one read that wait to be stored
FAREWELL = 3.0  # seconds that a stopped read has to end; a slower one is left to the end of the process
_PAUSE = 0.1

T = TypeVar("T")
Reading = Iterator[Batch]


def under_way(reads: Sequence[tuple[T, Callable[[], Reading]]], at_once: int = AT_ONCE) -> Iterator[tuple[T, Batch]]:
    """Batches of all reads, read by read; whatever ends this early (an error of a read, too) ends the others."""
    stopped = Event()
    readers = [_Reader(begin, stopped) for _, begin in reads]
    try:
        for place, (who, _) in enumerate(reads):
            for reader in readers[place : place + at_once]:
                reader.begin_once()
            while (item := readers[place].queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield who, item
    finally:
        stopped.set()
        until = monotonic() + FAREWELL
        for reader in readers:
            if reader.ident is not None:
                reader.join(max(0.0, until - monotonic()))


class _Reader(Thread):
    """Takes one read's batches to its queue, and closes it however it ends."""

    def __init__(self, begin: Callable[[], Reading], stopped: Event) -> None:
        super().__init__(name="pull-ahead", daemon=True)
        self.queue: Queue[Batch | BaseException | None] = Queue(maxsize=BATCHES)
        self._begin, self._stopped = begin, stopped

    def begin_once(self) -> None:
        """Start, unless it has started."""
        if self.ident is None:
            self.start()

    def run(self) -> None:
        """Read until the end, an error, or until nobody takes any more."""
        try:
            batches = self._begin()
            try:
                for batch in batches:
                    if not self._put(batch):
                        return
            finally:
                getattr(batches, "close", lambda: None)()
            self._put(None)
        except BaseException as error:  # handed to the taker, which raises it
            self._put(error)

    def _put(self, item: Batch | BaseException | None) -> bool:
        while not self._stopped.is_set():
            try:
                self.queue.put(item, timeout=_PAUSE)
            except Full:
                continue
            return True
        return False

"""A few words that outlive a process: the ids of jobs that the CRM works on for us.

Keys and values come in and go out; each is durable as soon as it is set. Next room: `crm.salesforce.bulk`.
"""

import threading
from collections.abc import Iterator, MutableMapping

from connector.store.journal import Journal


class Remembered(MutableMapping[str, str]):
    """Part of the journal's `meta`, told apart by a prefix; several threads may use it."""

    def __init__(self, journal: Journal, prefix: str = "crm ") -> None:
        self._journal, self._prefix, self._lock = journal, prefix, threading.Lock()

    def __getitem__(self, key: str) -> str:
        with self._lock:
            found = self._journal.meta(self._prefix + key)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: str, value: str) -> None:
        with self._lock:
            self._journal.meta(self._prefix + key, value)

    def __delitem__(self, key: str) -> None:
        with self._lock:
            done = self._journal.execute("DELETE FROM meta WHERE key = ?", [self._prefix + key]).rowcount
        if not done:
            raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            found = self._journal.execute(
                "SELECT key FROM meta WHERE substr(key, 1, ?) = ? ORDER BY key", [len(self._prefix), self._prefix]
            ).fetchall()
        return iter([key[len(self._prefix) :] for (key,) in found])

    def __len__(self) -> int:
        return len(list(iter(self)))

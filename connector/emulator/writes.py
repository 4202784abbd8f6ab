"""Every write the emulated CRM carried out, per record, so that a test can prove that nothing was written twice.

Routes report their writes; what a rolled-back transaction reported is forgotten again.
Next room: `control`, which shows them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Write:
    """One write that was carried out; `values` as the caller sent them, `number` counts up over all records."""

    number: int
    action: str
    object: str
    id: str
    user: str
    values: dict[str, Any]


class Writes:
    """The log of writes since the last reset."""

    def __init__(self) -> None:
        self.entries: list[Write] = []
        self._count = 0

    def add(self, action: str, object_name: str, record_id: str, user: str, values: dict[str, Any]) -> None:
        """Note one write."""
        self._count += 1
        self.entries.append(Write(self._count, action, object_name, record_id, user, dict(values)))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Forget the writes of this block when it fails."""
        mark = len(self.entries)
        try:
            yield
        except BaseException:
            del self.entries[mark:]
            raise

    def by_record(
        self, record_id: str | None = None, object_name: str | None = None
    ) -> dict[str, list[dict[str, Any]]]:
        """Writes by record id in the order carried out, of one record or one object when named."""
        found: dict[str, list[dict[str, Any]]] = {}
        for entry in self.entries:
            if record_id and not _same(entry.id, record_id):
                continue
            if object_name and entry.object.lower() != object_name.lower():
                continue
            found.setdefault(entry.id, []).append(asdict(entry))
        return found

    def clear(self) -> None:
        """Forget everything noted so far."""
        self.entries.clear()


def _same(one: str, other: str) -> bool:
    """Whether two ids name one record: Salesforce writes an id in 15 or 18 characters, others in any case."""
    lengths = {len(one), len(other)}
    return one[:15] == other[:15] if lengths <= {15, 18} else one.lower() == other.lower()

"""The reads that a mapping asks for: sources of the same record under the same filter are read in one pass.

A resolved mapping comes in, Groups leave. Next room: `step`.
"""

from dataclasses import dataclass

from connector.mapping import FieldMap, Source
from connector.schema import TABLES
from connector.store.mirror import mark_of


@dataclass(frozen=True)
class Group:
    """Sources that are read in one pass: the same record under the same filter."""

    record: str
    where: str | None
    key: str
    sources: tuple[Source, ...]
    fields: tuple[str, ...]
    written: tuple[tuple[str, str, str], ...]  # (table, column, field) of the fields we write on this record

    @property
    def place(self) -> str:
        """What tells the cursors of one record's reads apart."""
        return self.where or ""

    @property
    def mark(self) -> str:
        """What a cursor was for: rows made by another mapping have to be read again."""
        rules = [
            (s.table, r.column.name, r.fields, r.joined, r.values, r.other, r.empty)
            for s in self.sources
            for r in s.read
        ]
        return mark_of([self.where, self.fields, rules, [dict(s.constant) for s in self.sources]])

    @property
    def feeds(self) -> frozenset[tuple[str, str]]:
        """The (table, record)s that this read fills."""
        return frozenset((s.table, s.record) for s in self.sources)

    @property
    def tables(self) -> frozenset[str]:
        """What its batches are stored in."""
        return frozenset({s.table for s in self.sources} | ({"present"} if self.written else set()))


def groups(fieldmap: FieldMap) -> list[Group]:
    """Sources of a resolved mapping, grouped into the reads that are made."""
    made: dict[tuple[str, str | None, str], list[Source]] = {}
    for source in fieldmap.sources:
        # An id is always read, so a record whose table keys on another field still has its own id.
        made.setdefault((source.record, source.where, _id_field(source)), []).append(source)
    result = []
    for (record, where, key), sources in made.items():
        written = {(w.table, w.column): w.field for s in sources for w in s.write}
        fields = dict.fromkeys([key, *(f for s in sources for r in s.read for f in r.fields), *written.values()])
        named = tuple((table, column, name) for (table, column), name in written.items())
        result.append(Group(record, where, key, tuple(sources), tuple(fields), named))
    return result


def feeders(reads: list[Group]) -> dict[tuple[str, str], list[Group]]:
    """(table, record) → the reads that fill it."""
    found: dict[tuple[str, str], list[Group]] = {}
    for group in reads:
        for feed in sorted(group.feeds):
            found.setdefault(feed, []).append(group)
    return found


def _id_field(source: Source) -> str:
    """Field that holds the record's own id: what the `id` column is mapped to, else the CRM's name for it."""
    return source.key if TABLES[source.table].key == ("id",) or source.table == "programme" else source.id_field

"""CRM to mirror: what changed since the cursor, what was deleted, and our own fields as the CRM has them.

A logged-in CRM, a resolved mapping and the mirror come in; counts leave. Next room: `money`, then `enrich`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import Queue
from threading import Thread
from typing import Any

from connector.crm.protocol import Batch, Crm, ReadRequest
from connector.errors import GuardHalt
from connector.mapping import FieldMap, Source, row_columns
from connector.schema import TABLES
from connector.steps import money
from connector.store import cursors
from connector.store.mirror import CursorRow, Mirror, fields_mark


@dataclass(frozen=True)
class Group:
    """Sources that are read in one pass: the same record under the same filter."""

    record: str
    where: str | None
    key: str
    sources: tuple[Source, ...]
    fields: tuple[str, ...]
    written: tuple[tuple[str, str], ...]  # (column, field) of the fields we write on this record

    @property
    def table(self) -> str:
        """Table whose `present` these written fields belong to."""
        return self.sources[0].table


@dataclass
class Pulled:
    """What a pull did: rows stored and deleted per table, tables read in full, and money that has no rate."""

    rows: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    full: list[str] = field(default_factory=list)
    no_rate: dict[str, int] = field(default_factory=dict)

    def counts(self) -> dict[str, Any]:
        """For the run's record and the one line of output."""
        return {"rows": self.rows, "deleted": self.deleted, "full": self.full, "no_rate": self.no_rate}


def pull(
    crm: Crm,
    fieldmap: FieldMap,
    mirror: Mirror,
    *,
    now: str,
    money_settings: money.Corporate,
    tables: tuple[str, ...] = (),
    full: bool = False,
    min_share: float = 0.5,
    say: Callable[[str], None] = lambda _: None,
) -> Pulled:
    """Bring the mirror up to date; raises GuardHalt when a full pull sees far fewer rows than the last one did."""
    done = Pulled()
    with mirror.atomic():
        number = mirror.next_pull()
    for group in groups(fieldmap):
        if tables and not any(s.table in tables for s in group.sources):
            continue
        _pull_group(crm, group, mirror, number, now, full, min_share, done)
        say(f"{group.record}: {done.rows.get(group.table, 0)} rows")
    done.no_rate = money.fill(mirror, number, money_settings)
    return done


def groups(fieldmap: FieldMap) -> list[Group]:
    """Sources of a resolved mapping, grouped into the reads that are made."""
    made: dict[tuple[str, str | None, str], list[Source]] = {}
    for source in fieldmap.sources:
        # An id is always read, so a record whose table keys on another field still has its own id.
        made.setdefault((source.record, source.where, _id_field(source)), []).append(source)
    result = []
    for (record, where, key), sources in made.items():
        written = {w.column: w.field for s in sources for w in s.write}
        fields = dict.fromkeys([key, *(f for s in sources for r in s.read for f in r.fields), *written.values()])
        result.append(Group(record, where, key, tuple(sources), tuple(fields), tuple(written.items())))
    return result


def _id_field(source: Source) -> str:
    """Field that holds the record's own id: what the `id` column is mapped to, else Salesforce's name for it."""
    return source.key if TABLES[source.table].key == ("id",) or source.table == "programme" else "Id"


def _pull_group(
    crm: Crm, group: Group, mirror: Mirror, number: int, now: str, full: bool, min_share: float, done: Pulled
) -> None:
    mark = fields_mark(group.fields, group.where)
    place = group.where or ""
    last = cursors.get(mirror, group.record, place)
    since = last.cursor if last and last.fields == mark and not full else None
    request = ReadRequest(group.record, group.fields, group.where)
    seen = 0
    for batch in _ahead(crm.read(request, since)):
        with mirror.atomic():
            seen += len(batch.rows)
            _store(mirror, group, batch, number, done)
            if batch.cursor is not None:
                count = last.full_count if last else None
                if since is None:
                    count = _sweep(mirror, group, number, seen, last, min_share, done)
                cursors.put(mirror, group.record, place, CursorRow(batch.cursor, mark, count), now)
    _refuse_storm(mirror, group, last, min_share)


def _store(mirror: Mirror, group: Group, batch: Batch, number: int, done: Pulled) -> None:
    at = group.fields.index(group.key)
    ids = [row[at] for row in batch.rows]
    for source in group.sources:
        columns = row_columns(source, group.fields, batch.rows)
        if ids:
            mirror.upsert(source.table, source.record, ids, columns, number)
        mirror.delete(source.table, source.record, batch.deleted)
        done.rows[source.table] = done.rows.get(source.table, 0) + len(ids)
        if batch.deleted:
            done.deleted[source.table] = done.deleted.get(source.table, 0) + len(batch.deleted)
    if group.written:
        positions = {c: group.fields.index(f) for c, f in group.written}
        mirror.set_present(group.table, ids, {c: [row[i] for row in batch.rows] for c, i in positions.items()})
        mirror.forget_present(group.table, batch.deleted)


def _sweep(
    mirror: Mirror, group: Group, number: int, seen: int, last: CursorRow | None, min_share: float, done: Pulled
) -> int:
    """After a full pull: drop what was not seen, unless far too little was."""
    before = last.full_count if last and last.full_count else 0
    if seen < min_share * before:
        raise _storm(group, seen, before)
    for source in group.sources:
        dropped = mirror.sweep(source.table, source.record, number)
        if dropped:
            done.deleted[source.table] = done.deleted.get(source.table, 0) + dropped
        if source.table not in done.full:
            done.full.append(source.table)
    return seen


def _refuse_storm(mirror: Mirror, group: Group, last: CursorRow | None, min_share: float) -> None:
    """After an incremental pull: a mass deletion halts the run before anything is computed from it."""
    before = last.full_count if last and last.full_count else 0
    left = mirror.count(group.table, group.record)
    if len(group.sources) == 1 and group.where is None and left < min_share * before:
        raise _storm(group, left, before)


def _storm(group: Group, seen: int, before: int) -> GuardHalt:
    return GuardHalt(
        f"{group.record}: only {seen} of {before} rows are left since the last full pull. A changed permission or an"
        " emptied org looks like this; nothing was written to the CRM. Give the user its rights back, or lower"
        " [guards] min_pulled_share in the job for one run."
    )


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Fetch the next batch while this one is stored."""
    queue: Queue[Batch | BaseException | None] = Queue(maxsize=2)

    def fetch() -> None:
        try:
            for batch in batches:
                queue.put(batch)
            queue.put(None)
        except BaseException as error:  # handed to the reader below, which raises it
            queue.put(error)

    Thread(target=fetch, name="pull-ahead", daemon=True).start()
    while (item := queue.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield item

"""CRM to mirror: what changed since the cursor, what was deleted, and our own fields as the CRM has them.

A logged-in CRM, a resolved mapping and the mirror come in; counts leave. A read that a guard halts moves no cursor and
drops no row. Next room: `money`, then `enrich`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any

from connector.crm.protocol import Batch, Crm, ReadRequest
from connector.errors import GuardHalt
from connector.mapping import FieldMap, Source, row_columns
from connector.schema import TABLES, mirror_columns, twin
from connector.steps import managers, money
from connector.store import cursors
from connector.store.mirror import CursorRow, Mirror, mark_of

# What we remember of an account and no CRM has: it stays when the mapping changes.
_MEMORY = frozenset(
    {"since", "since_day", "locked_until", "locked_until_day", "strikes", "last_review", "last_review_day"}
)


_FAREWELL = 60  # twentieths of a second


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


@dataclass
class Pulled:
    """What a pull did: rows stored and deleted per table, tables read in full, and money that has no rate."""

    rows: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    full: list[str] = field(default_factory=list)
    no_rate: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    ways: list[str] = field(default_factory=list)  # how each record was read, and why so

    def counts(self) -> dict[str, Any]:
        """For the run's record and the one line of output."""
        return {"rows": self.rows, "deleted": self.deleted, "full": self.full, "no_rate": self.no_rate}

    def count(self, table: str, dropped: int) -> None:
        """Count rows that went."""
        if dropped:
            self.deleted[table] = self.deleted.get(table, 0) + dropped


@dataclass
class _Pull:
    """One pull under way; `feeders` lists the reads that fill a (table, record), `whole` those read in full."""

    mirror: Mirror
    number: int
    now: str
    full: bool
    min_share: float
    feeders: dict[tuple[str, str], list[Group]]
    whole: set[tuple[str, str]] = field(default_factory=set)
    alive: dict[tuple[str, str], set[str]] = field(default_factory=dict)  # by read: the ids that exist
    done: Pulled = field(default_factory=Pulled)

    def alone(self, group: Group) -> bool:
        """Whether nothing else fills the tables of this read."""
        return all(len(self.feeders[s.table, s.record]) == 1 for s in group.sources)


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
    """Bring the mirror up to date; raises GuardHalt when far fewer rows are left than after the last full pull."""
    reads = groups(fieldmap)
    with mirror.atomic():
        number = mirror.next_pull()
    feeders: dict[tuple[str, str], list[Group]] = {}
    for group in reads:
        for source in group.sources:
            feeders.setdefault((source.table, source.record), []).append(group)
    work = _Pull(mirror, number, now, full, min_share, feeders)
    if not tables:
        _forget_unread(work, reads)
    for group in reads:
        if tables and not any(s.table in tables for s in group.sources):
            continue
        before = work.done.rows.get(group.sources[0].table, 0)
        _pull_group(crm, group, work)
        say(f"{group.record}: {work.done.rows.get(group.sources[0].table, 0) - before} rows")
    work.done.no_rate = money.fill(mirror, number, money_settings)
    managers.fill(mirror, fieldmap.known())
    return work.done


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


def _id_field(source: Source) -> str:
    """Field that holds the record's own id: what the `id` column is mapped to, else the CRM's name for it."""
    return source.key if TABLES[source.table].key == ("id",) or source.table == "programme" else source.id_field


def _forget_unread(work: _Pull, reads: list[Group]) -> None:
    """Drop cursors of reads that are no longer made; rows of a record that vanished go only when the guard is off."""
    places = {(g.record, g.place) for g in reads}
    records = {g.record for g in reads}
    old = [c for c in cursors.places(work.mirror) if c not in places]
    held = {r: sum(work.mirror.count(t, r) for t in TABLES) for r, _ in old if r not in records}
    if lost := {r: n for r, n in held.items() if n and work.min_share > 0}:
        raise GuardHalt(
            *(
                f"{record}: cannot be read any more, and {rows} rows of it were pulled: it is hidden from this user, or"
                " the mapping does not name it now."
                for record, rows in lost.items()
            ),
            "Nothing was written to the CRM. Give the user its rights back; or, if it is meant to go, set [guards]"
            " min_pulled_share = 0 in the job for one run.",
        )
    with work.mirror.atomic():
        for record, place in old:
            cursors.drop(work.mirror, record, place)
        for record in held:
            for table in TABLES:
                work.done.count(table, work.mirror.sweep(table, record, work.number))


def _pull_group(crm: Crm, group: Group, work: _Pull) -> None:
    last = cursors.get(work.mirror, group.record, group.place)
    changed = last is None or last.fields != group.mark
    since = None if work.full or changed or last is None else last.cursor
    before = 0 if since is not None or work.alone(group) else _seen(work, group)
    gone = dict[str, None]()
    for batch in _ahead(crm.read(ReadRequest(group.record, group.fields, group.where), since)):
        if batch.restart:
            since, before = None, 0 if work.alone(group) else _seen(work, group)
            gone.clear()
        if batch.note:
            work.done.notes.append(f"{group.record}: {batch.note}")
        if batch.alive is not None:
            work.alive.setdefault((group.record, group.place), set()).update(batch.alive)
        if batch.way is not None:
            work.done.ways.append(f"{group.record}: {batch.way}")
        with work.mirror.atomic():
            _store(group, batch, work)
            for key in _ids(group, batch):
                gone.pop(key, None)
            gone.update(dict.fromkeys(batch.deleted))
            if batch.cursor is None:
                continue
            # One transaction decides: a guard that speaks here takes deletions, sweep and cursor back with it.
            _delete(group, list(gone), work)
            if since is None:
                count: int | None = _sweep(group, _seen(work, group) - before, last, work)
                _drop_unlisted(group, work)
                if changed and work.alone(group):
                    _blank(group, work)
            else:
                _drop_unlisted(group, work)
                count = _left(group, last, work)
            cursors.put(work.mirror, group.record, group.place, CursorRow(batch.cursor, group.mark, count), work.now)


def _ids(group: Group, batch: Batch) -> list[str]:
    at = group.fields.index(group.key)
    return [row[at] for row in batch.rows]


def _seen(work: _Pull, group: Group) -> int:
    """Rows of this record that this pull has stored: a page that comes twice counts once."""
    source = group.sources[0]
    return work.mirror.count(source.table, source.record, work.number)


def _store(group: Group, batch: Batch, work: _Pull) -> None:
    ids = _ids(group, batch)
    if not ids:
        return
    for source in group.sources:
        columns = row_columns(source, group.fields, batch.rows)
        work.mirror.upsert(source.table, source.record, ids, columns, work.number)
        work.done.rows[source.table] = work.done.rows.get(source.table, 0) + len(ids)
    for table in {t for t, _, _ in group.written}:
        positions = {c: group.fields.index(f) for t, c, f in group.written if t == table}
        work.mirror.set_present(table, ids, {c: [row[i] for row in batch.rows] for c, i in positions.items()})


def _delete(group: Group, ids: list[str], work: _Pull) -> None:
    """Drop deleted rows; those that another read of the same record brought in this pull stay."""
    for source in group.sources:
        shared = len(work.feeders[source.table, source.record]) > 1
        kept = work.number if shared else None
        work.done.count(source.table, work.mirror.delete(source.table, source.record, ids, kept))
    for table in {t for t, _, _ in group.written}:
        work.mirror.forget_present(table, ids)


def _drop_unlisted(group: Group, work: _Pull) -> None:
    """After reads that told which ids exist: drop the others, once every read of the same rows has told."""
    reads = {(s.table, s.record): work.feeders[s.table, s.record] for s in group.sources}
    for (table, record), feeders in reads.items():
        places = [(g.record, g.place) for g in feeders]
        if all(p in work.alive or p in work.whole for p in places) and any(p in work.alive for p in places):
            listed = set[str]().union(*(work.alive.get(p, ()) for p in places))
            gone = work.mirror.unlisted(table, record, listed, work.number)
            work.done.count(table, work.mirror.delete(table, record, gone))
            if any(t == table for t, _, _ in group.written):
                work.mirror.forget_present(table, gone)


def _sweep(group: Group, seen: int, last: CursorRow | None, work: _Pull) -> int:
    """After a full read: drop what was not seen, unless far too little was; rows seen."""
    before = last.full_count if last and last.full_count else 0
    if seen < work.min_share * before:
        raise _storm(group, seen, before)
    work.whole.add((group.record, group.place))
    for source in group.sources:
        if source.table not in work.done.full:
            work.done.full.append(source.table)
        # Several reads of one record: only when all of them came to their end is it known what is unseen.
        if all((g.record, g.place) in work.whole for g in work.feeders[source.table, source.record]):
            work.done.count(source.table, work.mirror.sweep(source.table, source.record, work.number))
    return seen


def _left(group: Group, last: CursorRow | None, work: _Pull) -> int | None:
    """After an incremental read: a mass deletion halts the run; the count that the next one is held against."""
    before = last.full_count if last else None
    if before is None or not work.alone(group):
        return before
    left = work.mirror.count(group.sources[0].table, group.record)
    if left < work.min_share * before:
        raise _storm(group, left, before)
    # A loss that a person let pass is the new measure, or it would halt every night after.
    return left if 2 * left < before else before


def _blank(group: Group, work: _Pull) -> None:
    """After a change of the mapping: what nothing fills now is unknown, not what it was."""
    for source in group.sources:
        filled = {r.column.name for r in source.read} | set(source.constant)
        filled |= {name for c in TABLES[source.table].columns if c.name in filled and (name := twin(c))}
        names = [n for n, _ in mirror_columns(source.table) if n not in filled and n not in _MEMORY]
        work.mirror.blank(source.table, source.record, names)


def _storm(group: Group, seen: int, before: int) -> GuardHalt:
    return GuardHalt(
        f"{group.record}: only {seen} of {before} rows are left since the last full pull. A changed permission or an"
        " emptied org looks like this; nothing was written to the CRM. Give the user its rights back, or lower"
        " [guards] min_pulled_share in the job for one run."
    )


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Fetch the next batch while this one is stored."""
    queue: Queue[Batch | BaseException | None] = Queue(maxsize=2)
    stopped = Event()

    def fetch() -> None:
        try:
            for batch in batches:
                queue.put(batch)
                if stopped.is_set():
                    return
            queue.put(None)
        except BaseException as error:  # handed to the reader below, which raises it
            queue.put(error)

    thread = Thread(target=fetch, name="pull-ahead", daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        # The reader gave up midway: the page under way is let in, so that the thread can end; a slow one is left to it.
        stopped.set()
        for _ in range(_FAREWELL):
            if not thread.is_alive():
                break
            try:
                queue.get(timeout=0.05)
            except Empty:
                continue

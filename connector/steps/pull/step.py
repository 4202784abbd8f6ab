"""The pull: what changed since the cursors goes into the mirror, and what was deleted goes out of it.

A logged-in CRM, a resolved mapping and the mirror come in; counts leave. A read that a guard halts moves no cursor and
drops no row. What is read in full goes into fresh tables that are swapped in at the end (`store.fresh` says why).
Next room: `reconcile`; then `money`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from connector.crm.protocol import Batch, Crm, ReadRequest, columns_of
from connector.errors import GuardHalt
from connector.mapping import FieldMap, made_of
from connector.schema import TABLES, mirror_columns
from connector.steps import managers, money
from connector.steps.pull.ahead import under_way
from connector.steps.pull.groups import Group, feeders, groups
from connector.store import cursors, fresh
from connector.store.beside import WORTH
from connector.store.mirror import CursorRow, Mirror, mark_of

log = logging.getLogger(__name__)
# What we remember of an account and no CRM has: it outlives every kind of pull.
_MEMORY = frozenset(
    {"since", "since_day", "locked_until", "locked_until_day", "strikes", "last_review", "last_review_day"}
)


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
class Work:
    """One pull under way; `feeders` lists the reads that fill a (table, record), `whole` those read in full."""

    mirror: Mirror
    number: int
    now: str
    full: bool
    min_share: float
    feeders: dict[tuple[str, str], list[Group]]
    tell: Callable[[str], None] = lambda _: None
    whole: set[tuple[str, str]] = field(default_factory=set)
    alive: dict[tuple[str, str], set[str]] = field(default_factory=dict)  # by read: the ids that exist
    done: Pulled = field(default_factory=Pulled)

    def alone(self, group: Group) -> bool:
        """Whether nothing else fills the tables of this read."""
        return all(len(self.feeders[feed]) == 1 for feed in group.feeds)

    def in_full(self, group: Group) -> bool:
        """Whether a read can't go on from where it was."""
        last = cursors.get(self.mirror, group.record, group.place, live=True)
        return self.full or last is None or last.fields != group.mark


@dataclass
class _State:
    """One read under way: the cursor it began from (None: everything), the last full one, and what came so far."""

    group: Group
    since: str | None
    last: CursorRow | None
    before: int | None = None  # rows of other reads of the same record, which don't count as seen
    gone: dict[str, None] = field(default_factory=dict)
    rows: int = 0
    whole: str = ""  # how many there may be


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
    tell: Callable[[str], None] = lambda _: None,
) -> Pulled:
    """Bring the mirror up to date; raises GuardHalt when far fewer rows are left than after the last full pull.

    `say` hears of each record that is done, `tell` of each batch.
    """
    reads = groups(fieldmap)
    with mirror.atomic():
        number = mirror.next_pull()
    work = Work(mirror, number, now, full, min_share, feeders(reads), tell)
    mirror.fresh = {}
    if not tables:
        _refuse_unread(work, reads)
    chosen = [g for g in reads if not tables or any(s.table in tables for s in g.sources)]
    states = _begin(work, chosen)
    if not tables:
        _forget_unread(work, reads)
    try:
        for state, batch in under_way([(s, _opening(crm, s)) for s in states]):
            _take(state, batch, work)
            if batch.cursor is not None:
                say(f"{state.group.record}: {state.rows} rows")
        mirror.settled()
    finally:
        mirror.alone()
    _settle(work, fieldmap, money_settings)
    return work.done


def _begin(work: Work, chosen: list[Group]) -> list[_State]:
    """Where each read begins; fresh tables for those in full, unless a pull that was cut off has left its own."""
    whole = [g for g in chosen if work.in_full(g)]
    if whole:
        shape = [mirror_columns(table) for table in TABLES]
        mark = mark_of([[(g.record, g.place, g.mark) for g in whole], shape])
        fresh.begin(work.mirror, _plan(work, whole), mark, work.now)
    else:
        fresh.drop(work.mirror)
    states = []
    for group in chosen:
        last = cursors.get(work.mirror, group.record, group.place, live=True)
        since = last.cursor if last and group not in whole else None
        # A read that came to its end before its pull was cut off goes on from there; one that shares its rows begins
        # anew, as only reads of one pull tell together what is gone.
        if group in whole and work.alone(group):
            taken = cursors.get(work.mirror, group.record, group.place)
            since, last = (taken.cursor, taken) if taken else (None, last)
        states.append(_State(group, since, last))
    return states


def _plan(work: Work, whole: list[Group]) -> dict[str, frozenset[str]]:
    """Tables that get a fresh one, each with what is not copied into it because it is read anew."""
    keys = {(g.record, g.place) for g in whole}
    anew = {feed for feed, of in work.feeders.items() if all((g.record, g.place) in keys for g in of)}
    tables = sorted({table for g in whole for table, _ in g.feeds})
    plan = {t: frozenset(record for table, record in anew if table == t) for t in tables}
    writers: dict[str, list[Group]] = {}
    for group in {id(g): g for of in work.feeders.values() for g in of}.values():
        for table in {t for t, _, _ in group.written}:
            writers.setdefault(table, []).append(group)
    plan["present"] = frozenset(t for t, of in writers.items() if all((g.record, g.place) in keys for g in of))
    plan["cursors"] = frozenset(f"{record}\n{place}" for record, place in keys)
    return plan


def _refuse_unread(work: Work, reads: list[Group]) -> None:
    """Halt when rows of a record were pulled that is not read any more, unless the guard is off."""
    records = {g.record for g in reads}
    old = {record for record, _ in cursors.places(work.mirror) if record not in records}
    held = {record: sum(work.mirror.count(t, record) for t in TABLES) for record in sorted(old)}
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


def _forget_unread(work: Work, reads: list[Group]) -> None:
    """Drop cursors of reads that are no longer made, and the rows of a record that vanished."""
    places = {(g.record, g.place) for g in reads}
    old = [c for c in cursors.places(work.mirror) if c not in places]
    vanished = {record for record, _ in old} - {g.record for g in reads}
    with work.mirror.atomic():
        for record, place in old:
            cursors.drop(work.mirror, record, place)
        for record in vanished:
            for table in TABLES:
                work.done.count(table, work.mirror.sweep(table, record, work.number))


def _opening(crm: Crm, state: _State) -> Callable[[], Any]:
    group = state.group
    return lambda: crm.read(ReadRequest(group.record, group.fields, group.where), state.since)


def _take(state: _State, batch: Batch, work: Work) -> None:
    """Store one batch; the last one of a read decides about deletions, guards and the cursor."""
    group = state.group
    if batch.restart:
        fresh.add(work.mirror, _plan(work, [group]))
        state.since, state.before = None, None
        state.last = cursors.get(work.mirror, group.record, group.place, live=True)
        state.gone.clear()
    if state.before is None:
        state.before = 0 if state.since is not None or work.alone(group) else _seen(work, group)
    if batch.note:
        work.done.notes.append(f"{group.record}: {batch.note}")
    if batch.alive is not None:
        work.alive.setdefault((group.record, group.place), set()).update(batch.alive)
    if batch.way is not None:
        work.done.ways.append(f"{group.record}: {batch.way}")
        state.whole = f" of about {batch.way.records:,}"
        if batch.way.records >= WORTH:
            work.mirror.helped()
    hand_over = batch.cursor is None and work.mirror.may_hand(group.tables)
    with work.mirror.handed() if hand_over else work.mirror.atomic():
        ids = store(group, batch, work)
        state.rows += len(ids)
        for key in ids if state.gone else ():
            state.gone.pop(key, None)
        state.gone.update(dict.fromkeys(batch.deleted))
        if batch.cursor is not None:
            # One transaction decides: a guard that speaks here takes deletions, sweep and cursor back with it.
            _end(state, batch.cursor, work)
    work.tell(f"pull: {state.rows:,}{state.whole} rows of {group.record}")


def _end(state: _State, cursor: str, work: Work) -> None:
    group = state.group
    _delete(group, list(state.gone), work)
    if state.since is None:
        count: int | None = _sweep(group, _seen(work, group) - (state.before or 0), state.last, work)
        drop_unlisted(group, work)
    else:
        drop_unlisted(group, work)
        count = left(group, state.last, work)
    cursors.put(work.mirror, group.record, group.place, CursorRow(cursor, group.mark, count), work.now)


def _settle(work: Work, fieldmap: FieldMap, money_settings: money.Corporate) -> None:
    """Swap what was read in full in, and fill what is computed from several rows, in one transaction."""
    mirror, done = work.mirror, work.done
    work.tell("pull: what was read is put in its place")
    memory = {t: [n for n, _ in mirror_columns(t) if n in _MEMORY] for t in mirror.fresh if t in TABLES}
    if mirror.fresh:
        with fresh.swap(mirror, memory) as dropped:
            fill(work, fieldmap, money_settings)
        for table, rows in dropped.items():
            done.count(table, rows)
        if told := fresh.give_back(mirror):
            log.info("%s", told)
    else:
        fill(work, fieldmap, money_settings)


def fill(work: Work, fieldmap: FieldMap, money_settings: money.Corporate) -> None:
    """Fill what is computed from several rows: money in the corporate currency, managers by their names."""
    work.done.no_rate = money.fill(work.mirror, work.number, money_settings)
    managers.fill(work.mirror, fieldmap.known())


def _seen(work: Work, group: Group) -> int:
    """Rows of this record that this pull has stored: a page that comes twice counts once."""
    source = group.sources[0]
    return work.mirror.count(source.table, source.record, work.number)


def store(group: Group, batch: Batch, work: Work) -> list[str]:
    """Store the rows of a batch and what the CRM holds in our fields; their ids."""
    raw = columns_of(batch.rows, len(group.fields))
    ids = list(raw[group.fields.index(group.key)])
    if not ids:
        return ids
    for source in group.sources:
        columns = made_of(source, group.fields, raw)
        work.mirror.upsert(source.table, source.record, ids, columns, work.number)
        work.done.rows[source.table] = work.done.rows.get(source.table, 0) + len(ids)
    for table in {t for t, _, _ in group.written}:
        positions = {c: group.fields.index(f) for t, c, f in group.written if t == table}
        work.mirror.set_present(table, ids, {c: raw[i] for c, i in positions.items()})
    return ids


def _delete(group: Group, ids: list[str], work: Work) -> None:
    """Drop deleted rows; those that another read of the same record brought in this pull stay."""
    for source in group.sources:
        shared = len(work.feeders[source.table, source.record]) > 1
        kept = work.number if shared else None
        work.done.count(source.table, work.mirror.delete(source.table, source.record, ids, kept))
    for table in {t for t, _, _ in group.written}:
        work.mirror.forget_present(table, ids)


def drop_unlisted(group: Group, work: Work) -> None:
    """After reads that told which ids exist: drop the others, once every read of the same rows has told."""
    for table, record in sorted(group.feeds):
        places = [(g.record, g.place) for g in work.feeders[table, record]]
        if all(p in work.alive or p in work.whole for p in places) and any(p in work.alive for p in places):
            listed = set[str]().union(*(work.alive.get(p, ()) for p in places))
            gone = work.mirror.unlisted(table, record, listed, work.number)
            work.done.count(table, work.mirror.delete(table, record, gone))
            if any(t == table for t, _, _ in group.written):
                work.mirror.forget_present(table, gone)


def _sweep(group: Group, seen: int, last: CursorRow | None, work: Work) -> int:
    """After a full read: drop what was not seen, unless far too little was; rows seen."""
    before = last.full_count if last and last.full_count else 0
    if seen < work.min_share * before:
        raise storm(group, seen, before)
    work.whole.add((group.record, group.place))
    for source in group.sources:
        if source.table not in work.done.full:
            work.done.full.append(source.table)
        # Several reads of one record: only when all of them came to their end is it known what is unseen.
        if all((g.record, g.place) in work.whole for g in work.feeders[source.table, source.record]):
            dropped = work.mirror.sweep(source.table, source.record, work.number)
            # Of a record that is read anew the swap counts: what was only in its fresh table was never seen.
            anew = source.record in work.mirror.fresh.get(source.table, ())
            work.done.count(source.table, 0 if anew else dropped)
    return seen


def left(group: Group, last: CursorRow | None, work: Work) -> int | None:
    """After an incremental read: a mass deletion halts the run; the count that the next one is held against."""
    before = last.full_count if last else None
    if before is None or not work.alone(group):
        return before
    held = work.mirror.count(group.sources[0].table, group.record)
    if held < work.min_share * before:
        raise storm(group, held, before)
    # A loss that a person let pass is the new measure, or it would halt every night after.
    return held if 2 * held < before else before


def storm(group: Group, seen: int, before: int) -> GuardHalt:
    """The guard's words when far too few rows are left."""
    return GuardHalt(
        f"{group.record}: only {seen} of {before} rows are left since the last full pull. A changed permission or an"
        " emptied org looks like this; nothing was written to the CRM. Give the user its rights back, or lower"
        " [guards] min_pulled_share in the job for one run."
    )

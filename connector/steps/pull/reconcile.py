"""What leaves no trace since the cursor: records deleted for good, records that came into sight, changed formulas.

After a pull of what changed, one read of every id (and of the fields whose change leaves the record's stamp as it was:
formulas, and fields over a lookup) is held against the mirror: ids that the mirror has besides are dropped, those that
it lacks are read, and what differs is replaced. So the cost follows the number of ids, not the width of the records.
A logged-in CRM, the mapping and the mirror come in; counts leave. Next room: `money`.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from connector.crm.protocol import Batch, Crm, ReadRequest
from connector.mapping import FieldMap, Source, row_columns
from connector.steps import money
from connector.steps.pull.ahead import under_way
from connector.steps.pull.groups import Group, feeders, groups
from connector.steps.pull.step import Pulled, Work, drop_unlisted, fill, pull, store, storm
from connector.store import cursors, fresh
from connector.store.mirror import Mirror

log = logging.getLogger(__name__)
LATE = 10_000  # more records than that come into sight by a full read, not by their ids


def reconcile(
    crm: Crm,
    fieldmap: FieldMap,
    mirror: Mirror,
    *,
    now: str,
    money_settings: money.Corporate,
    min_share: float = 0.5,
    say: Callable[[str], None] = lambda _: None,
    tell: Callable[[str], None] = lambda _: None,
) -> Pulled:
    """Hold the mirror against the ids that exist; raises GuardHalt when far too few do. Pull first."""
    reads = groups(fieldmap)
    fresh.drop(mirror)
    with mirror.atomic():
        number = mirror.next_pull()
    work = Work(mirror, number, now, False, min_share, feeders(reads), tell)
    known = [g for g in reads if cursors.get(mirror, g.record, g.place) is not None]
    told = {id(g): _untraced(crm, g) for g in known}
    again = list[str]()
    asked: list[tuple[Group, Callable[[], Any]]] = [(g, _opening(crm, g, told[id(g)])) for g in known]
    for group, batch in under_way(asked):
        if batch.way is not None:
            work.done.ways.append(f"{group.record} ids: {batch.way}")
        with mirror.atomic():
            ids = [row[0] for row in batch.rows]
            work.alive.setdefault((group.record, group.place), set()).update(ids)
            _refresh(group, told[id(group)], batch, ids, work)
            tell(f"reconcile: {len(work.alive[group.record, group.place]):,} ids of {group.record}")
            if batch.cursor is not None:
                _check(group, work)
                drop_unlisted(group, work)
        if batch.cursor is not None:
            late = _late(group, work)
            if len(late) > LATE:
                again += [s.table for s in group.sources]
            elif late:
                _read_late(crm, group, late, work)
            say(f"{group.record}: {len(work.alive[group.record, group.place])} ids, {len(late)} late")
    fill(work, fieldmap, money_settings)
    if again:
        more = pull(
            crm, fieldmap, mirror, now=now, money_settings=money_settings, tables=tuple(again), full=True,
            min_share=min_share, say=say, tell=tell,
        )  # fmt: skip
        return _together(work.done, more)
    if words := fresh.give_back(mirror):
        log.info("%s", words)
    return work.done


def _untraced(crm: Crm, group: Group) -> dict[str, Source]:
    """By table: the source with those rules only whose fields may change without a trace."""
    fact = crm.describe(group.record)
    calculated = {name for name, f in fact.fields.items() if f.calculated} if fact else set[str]()
    made = {}
    for source in group.sources:
        rules = tuple(r for r in source.read if any("." in f or f in calculated for f in r.fields))
        if rules:
            made[source.table] = replace(source, read=rules, constant={})
    return made


def _fields(group: Group, untraced: dict[str, Source]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([group.key, *(f for s in untraced.values() for r in s.read for f in r.fields)]))


def _opening(crm: Crm, group: Group, untraced: dict[str, Source]) -> Callable[[], Any]:
    return lambda: crm.read(ReadRequest(group.record, _fields(group, untraced), group.where), None)


def _refresh(group: Group, untraced: dict[str, Source], batch: Batch, ids: list[str], work: Work) -> None:
    """Replace what differs in the columns whose fields leave no trace."""
    for table, source in untraced.items() if ids else ():
        columns = row_columns(source, _fields(group, untraced), batch.rows)
        changed = work.mirror.refresh(table, source.record, ids, columns, work.number)
        if changed:
            work.done.rows[table] = work.done.rows.get(table, 0) + changed


def _check(group: Group, work: Work) -> None:
    last = cursors.get(work.mirror, group.record, group.place)
    before = last.full_count if last and last.full_count else 0
    seen = len(work.alive[group.record, group.place])
    if seen < work.min_share * before:
        raise storm(group, seen, before)


def _late(group: Group, work: Work) -> list[str]:
    """Ids that exist and that the mirror lacks in a table that this read fills."""
    alive = work.alive[group.record, group.place]
    lacking = set[str]()
    for table, record in group.feeds:
        lacking |= alive.difference(work.mirror.sources(table, record))
    return sorted(lacking)


def _read_late(crm: Crm, group: Group, late: list[str], work: Work) -> None:
    """Read these records in full; the cursor stays where it is."""
    request = ReadRequest(group.record, group.fields, group.where, ids=tuple(late))
    for _, batch in under_way([(group, lambda: crm.read(request, None))]):
        with work.mirror.atomic():
            store(group, batch, work)


def _together(one: Pulled, other: Pulled) -> Pulled:
    for mine, more in ((one.rows, other.rows), (one.deleted, other.deleted)):
        for table, rows in more.items():
            mine[table] = mine.get(table, 0) + rows
    one.full, one.no_rate = other.full, other.no_rate
    one.notes += other.notes
    one.ways += other.ways
    return one

"""Changed and deleted records since a cursor, page by page, as tuples in the order of the fields asked for.

A ReadRequest and a cursor come in; Batches leave, the last with the new cursor. Next room: `write`.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from operator import itemgetter
from typing import Any

import orjson

from connector.crm.failures import Refusal
from connector.crm.protocol import Batch, ReadRequest, RecordFact, Way
from connector.crm.salesforce.bulk import choose, ingest, query
from connector.crm.salesforce.describe import describe
from connector.crm.salesforce.faults import fault_of
from connector.crm.salesforce.login import Client
from connector.crm.salesforce.parts import STAMP, Plan, Record, queries, records, soql
from connector.errors import UsageFault, nearest

OVERLAP = timedelta(minutes=10)  # rows become visible after their stamp
ID_ROOM = 6_000  # of these, what a list of ids may take
TOO_LONG = ("QUERY_TIMEOUT", "OPERATION_TOO_LARGE")
log = logging.getLogger(__name__)


def count(client: Client, record: str, where: str | None = None) -> int:
    """Number of records, exact; raises UsageFault when `where` isn't understood."""
    words = f"SELECT COUNT() FROM {_known(client, record).name}" + (f" WHERE {where}" if where else "")  # noqa: S608
    try:
        return int(next(client.pages(words))["totalSize"])
    except Refusal as refusal:
        raise _where_fault(refusal, record, where) from None


def read(client: Client, request: ReadRequest, since: str | None, overlap: timedelta = OVERLAP) -> Iterator[Batch]:
    """Batches of a read; a locator that expired midway starts the query over once, so rows may come twice."""
    ingest.finish_left(client)  # what an earlier run sent must have arrived, or the org's values are not its last
    plan = make_plan(_known(client, request.record), request)
    for attempt in (1, 2):
        try:
            if request.ids is not None and request.by:
                yield from _by_key(client, plan, request.ids)
            elif request.ids is not None:
                yield from _by_ids(client, plan, request.ids)
            else:
                yield from _changed(client, plan, since, overlap)
            return
        except Refusal as refusal:
            if refusal.code != "INVALID_QUERY_LOCATOR" or attempt == 2:
                raise _where_fault(refusal, request.record, request.where) from None


def make_plan(fact: RecordFact, request: ReadRequest) -> Plan:
    """The read of a request, every field checked against the description; complaints are gathered."""
    known = {name.lower(): name for name in fact.fields}
    ways = {f.relationship_name.lower(): f.relationship_name for f in fact.fields.values() if f.relationship_name}
    complaints, paths = [], []
    for path in request.fields:
        first, dot, rest = path.partition(".")
        real = (ways if dot else known).get(first.lower())
        if real is None:
            what = "lookup" if dot else "field"
            complaints.append(
                f'{fact.name} has no {what} "{first}", or field-level security hides it.'
                f"{nearest(first, list((ways if dot else known).values()))} Correct the mapping, then run: kam check"
            )
        else:
            paths.append(real + dot + rest)
    if complaints:
        raise UsageFault(*complaints)
    stamp = fact.fields.get(STAMP)
    return Plan(
        fact.name,
        tuple(paths),
        row_maker(paths),
        "IsDeleted" in fact.fields,
        bool(stamp and stamp.filterable),
        request.where,
        choose.hindrance(fact, tuple(paths)),
    )


def row_maker(paths: Sequence[str]) -> Callable[[Record], tuple[Any, ...]]:
    """A function that turns a record into the tuple of these paths; lookups that are empty give None."""
    dotted = [(path, path.split(".")) for path in dict.fromkeys(paths) if "." in path]
    if not paths:
        return lambda record: ()
    pick: Callable[[Record], Any] = itemgetter(*paths)
    take: Callable[[Record], tuple[Any, ...]] = pick if len(paths) > 1 else lambda record: (pick(record),)
    if not dotted:
        return take

    def follow(record: Record) -> tuple[Any, ...]:
        for path, steps in dotted:
            value: Any = record
            for step in steps:
                value = None if value is None else value[step]
            record[path] = value
        return take(record)

    return follow


def _changed(
    client: Client, plan: Plan, since: str | None, overlap: timedelta, *, after: bool = False
) -> Iterator[Batch]:
    """What changed, by the way that fits the number of records; either way may turn into the other before its end.

    `after` marks what is read after a job that took long: nothing is read after that again.
    """
    start, now = _start(plan, since, overlap), client.session.server_now()
    bounds = _bounds(plan, start, now)
    way = _way(client, plan, start)
    if (left := query.left(client, plan, start, now)) is not None:
        way = Way(
            choose.BULK, left.rows, 6 + left.rows // client.settings.bulk_page_rows, "a job of an earlier run waits"
        )
    if way is None or way.by == choose.REST:
        try:
            yield from _by_rest(client, plan, start, bounds, now, way)
            return
        except choose.Better as better:
            way = better.way
    try:
        yield from _by_bulk(client, plan, start, now, overlap, way, after)
    except choose.NoBulk as no:
        way = Way(choose.REST, way.records, -(-way.records // choose.PAGE), str(no))
        yield from _by_rest(client, plan, start, bounds, now, way)


def _bounds(plan: Plan, start: str | None, now: float | None) -> list[str]:
    bounds = []
    if plan.stamped and start:
        bounds.append(f"{STAMP} >= {start}")
    if plan.stamped and now is not None:
        # stamps and Date headers are whole seconds: one more, so that what was saved just now is not left out
        bounds.append(f"{STAMP} <= {_instant(ceil(now) + 1)}")
    return bounds


def _way(client: Client, plan: Plan, start: str | None) -> Way | None:
    """The way of a read, as far as it is known before the first call: None when the first page is to tell."""
    if client.settings.bulk == "never" or plan.closed:
        return None
    if client.settings.bulk == "always":
        return choose.reading(client, choose.expected(client, plan.record) or 0, 1, "")
    if start or plan.where or (total := choose.expected(client, plan.record)) is None:
        return None
    way = choose.reading(client, total, _wide(client, plan), "")
    return way if way.by == choose.BULK else None


def _wide(client: Client, plan: Plan) -> int:
    return choose.width(_known(client, plan.record), plan.paths, queries(client, plan))


def _by_rest(
    client: Client, plan: Plan, start: str | None, bounds: Sequence[str], now: float | None, way: Way | None
) -> Iterator[Batch]:
    """Page after page; without a `way` the first page decides, and may raise Better."""
    newest, kept, ways = "", set[str](), [way] if way else []

    def told(total: int) -> None:
        if not way:
            ways.append(choose.reading(client, total, _wide(client, plan), plan.closed))
            log.info("%s: %s", plan.record, ways[0])
            if ways[0].by == choose.BULK:
                raise choose.Better(ways[0])

    if way:
        log.info("%s: %s", plan.record, way)
    try:
        for found in records(client, plan, bounds, told):
            if plan.stamped:
                newest = max((newest, *(r[STAMP] for r in found)))
            if start and plan.where:
                kept.update(r["Id"] for r in found)
            yield replace(_batch(plan, found), way=ways.pop() if ways else None)
    except Refusal as refusal:
        if refusal.code not in TOO_LONG or way or plan.closed:
            raise
        why = f"REST answered {refusal.code}"
        raise choose.Better(Way(choose.BULK, client.counted.get(plan.record) or 0, 10, why)) from None
    left = _left(client, plan, bounds, kept) if start and plan.where else []
    stamp = newest if now is None else _instant(int(now))
    yield Batch([], left, _cursor(plan, stamp or None))


def _by_bulk(
    client: Client, plan: Plan, start: str | None, now: float | None, overlap: timedelta, way: Way, after: bool
) -> Iterator[Batch]:
    """A job's rows; after a job that took long, or was taken up, what has changed since it began."""
    log.info("%s: %s", plan.record, way)
    job = query.opened(client, plan, start, _bounds(plan, start, now), now, way.records)
    newest, kept, ways = "", set[str](), [way]
    for found in job.found():
        newest = max(newest, found.newest)
        if start and plan.where:
            kept.update(found.ids)
        yield Batch(found.rows, found.deleted, None, way=ways.pop() if ways else None)
    left = _left(client, plan, job.bounds, kept) if start and plan.where else []
    stamp = newest if job.now is None else _instant(int(job.now))
    cursor = _cursor(plan, stamp or None)
    if plan.stamped and job.old and not after:
        yield Batch([], left, None, way=ways.pop() if ways else None)
        job.close()
        yield from _changed(client, plan, cursor, overlap, after=True)
    else:
        yield Batch([], left, cursor, way=ways.pop() if ways else None)
        job.close()


def _left(client: Client, plan: Plan, bounds: Sequence[str], kept: set[str]) -> list[str]:
    """Ids that changed and no longer meet the mapping's `where`: to the mirror they are gone."""
    words = soql(plan.record, ("Id",), bounds)
    return [
        r["Id"] for page in client.pages(words, include_deleted=True) for r in page["records"] if r["Id"] not in kept
    ]


def _by_ids(client: Client, plan: Plan, ids: Sequence[str]) -> Iterator[Batch]:
    """These records, wherever they are; what can't be found any more counts as deleted."""
    if bad := [i for i in ids if not re.fullmatch(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", i)]:
        raise UsageFault(f"{plan.record}: {len(bad)} of {len(ids)} ids are no Salesforce ids. Correct the list of ids.")
    size = ID_ROOM // len("'001000000000000AAA',")
    for first in range(0, len(ids), size):
        some = ids[first : first + size]
        missing = {i[:15]: i for i in some}
        inside = ",".join(f"'{i}'" for i in some)
        for found in records(client, plan, [f"Id IN ({inside})"]):
            for record in found:
                missing.pop(record["Id"][:15], None)
            yield _batch(plan, found)
        if missing:
            yield Batch([], list(missing.values()), None)
    yield Batch([], [], _cursor(plan, None))


def _by_key(client: Client, plan: Plan, keys: Sequence[str]) -> Iterator[Batch]:
    """Records by a key of ours, the first of the fields; what can't be found, or lies in the bin, counts as deleted."""
    size = ID_ROOM // (max(map(len, keys), default=0) + 3)
    for first in range(0, len(keys), size):
        missing = dict.fromkeys(keys[first : first + size])
        inside = ",".join("'" + k.replace("\\", "\\\\").replace("'", "\\'") + "'" for k in missing)
        for found in records(client, plan, [f"{plan.paths[0]} IN ({inside})"]):
            live = _batch(plan, found).rows
            for row in live:
                missing.pop(row[0], None)
            yield Batch(live, [], None)
        yield Batch([], list(missing), None)
    yield Batch([], [], _cursor(plan, None))


def _batch(plan: Plan, found: list[Record]) -> Batch:
    gone = [r["Id"] for r in found if r["IsDeleted"]] if plan.deletable else []
    live = [r for r in found if not r["IsDeleted"]] if gone else found
    try:
        return Batch(list(map(plan.row, live)), gone, None)
    except (KeyError, TypeError) as error:
        raise UsageFault(
            f"{plan.record}: the path {error} is not spelt as Salesforce spells it. Correct the mapping, then "
            "run: kam check"
        ) from None


def _start(plan: Plan, since: str | None, overlap: timedelta) -> str | None:
    """Where to begin, the overlap taken off; None for everything."""
    if since is None or not plan.stamped:
        return None
    try:
        cursor = orjson.loads(since)
        stamp = datetime.fromisoformat(cursor["stamp"]) if cursor["asked"] == plan.asked and cursor["stamp"] else None
    except (ValueError, KeyError, TypeError):
        raise UsageFault(f"{plan.record}: the stored cursor can't be read. Run: kam pull --full") from None
    return None if stamp is None else _instant((stamp - overlap).timestamp())


def _cursor(plan: Plan, stamp: str | None) -> str:
    return orjson.dumps({"stamp": stamp if plan.stamped else None, "asked": plan.asked}).decode()


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _known(client: Client, record: str) -> RecordFact:
    fact = describe(client, record)
    if fact is None:
        raise UsageFault(
            f'Salesforce has no record type "{record}", or it is hidden from this user. Correct the mapping, or '
            "assign the permission set KAM Connector."
        )
    return fact


def _where_fault(refusal: Refusal, record: str, where: str | None) -> Exception:
    """A refusal of a query that has the mapping's own words in it, told as such."""
    if refusal.status != 400 or not where or refusal.code not in (
        "MALFORMED_QUERY", "INVALID_FIELD", "INVALID_QUERY_FILTER_OPERATOR", "INVALID_TYPE",
    ):  # fmt: skip
        return fault_of(refusal)
    named = fault_of(refusal).faults[0]
    return UsageFault(f"{record}: `where` is not understood by Salesforce: {named}")

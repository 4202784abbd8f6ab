"""Changed and deleted records since a cursor, page by page, as tuples in the order of the fields asked for.

A ReadRequest and a cursor come in; Batches leave, the last with the new cursor. Next room: `write`.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson

from connector.crm.dynamics.describe import TableFact, table
from connector.crm.dynamics.faults import fault_of
from connector.crm.dynamics.login import Client, escaped, is_guid
from connector.crm.dynamics.parts import SMALL, STAMP, VERSION, Plan, Record, columns_of, row_maker
from connector.crm.failures import Refusal
from connector.crm.protocol import Batch, ReadRequest, RecordFact
from connector.errors import UsageFault

OVERLAP = timedelta(minutes=10)  # rows become visible after their stamp
VERSIONS_BACK = 1_000  # the same for tables that count versions only: a long transaction keeps an old number
IDS_AT_ONCE = 250
TRACK = "odata.track-changes"
EXPIRED = "0x80044352"
CLOSED = ("0x80072491", "0x80040220", "0x80048306")  # change tracking wants the right to read every record
CAPPED = 5_000  # where a plain count stops counting

_READING_SMALL = threading.Lock()
Rows = Callable[[list[Record]], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Cursor:
    """How far a read has come: a link to the changes since, or the stamp or version to go on from."""

    asked: str
    delta: str = ""
    stamp: str = ""
    version: int = 0

    def text(self) -> str:
        """The cursor as the pull keeps it."""
        return orjson.dumps({k: v for k, v in vars(self).items() if v}).decode()


def count(client: Client, record: str, where: str | None = None) -> int:
    """Number of records, exact; raises UsageFault when `where` isn't understood."""
    plan = make_plan(_known(client, record), ReadRequest(record, (), where))
    condition = f"$filter={escaped(where)}" if where else ""
    try:
        number = int(client.get(f"{plan.set_name}/$count{'?' if where else ''}{condition}"))
        if number < CAPPED:
            return number
        return sum(len(page["value"]) for page in client.pages(plan.keys()))
    except Refusal as refusal:
        raise _where_fault(refusal, record, where) from None


def read(client: Client, request: ReadRequest, since: str | None, overlap: timedelta = OVERLAP) -> Iterator[Batch]:
    """Batches of a read; records that were saved meanwhile may come twice."""
    plan = make_plan(_known(client, request.record), request)
    rows = row_maker(plan.columns, lambda column: _small(client, column))
    try:
        if request.ids is not None:
            yield from _by_ids(client, plan, rows, request.ids, request.by)
        else:
            yield from _changed(client, plan, rows, _cursor(plan, since) if since is not None else None, overlap)
    except Refusal as refusal:
        raise _where_fault(refusal, request.record, request.where) from None


def make_plan(fact: RecordFact, request: ReadRequest) -> Plan:
    """The read of a request, every field checked against the description; complaints are gathered."""
    if not isinstance(fact, TableFact):
        raise TypeError("a description of another CRM")
    columns, paths, complaints = columns_of(fact, request.fields)
    if complaints:
        raise UsageFault(*complaints)
    joined = any(c.inner for c in columns)
    return Plan(
        fact.name,
        fact.set_name,
        fact.id_field,
        tuple(columns),
        tuple(paths),
        request.where,
        fact.tracked and not request.where and not joined and request.ids is None,
        next((name for name in (STAMP, VERSION) if name in fact.fields), ""),
    )


def _changed(client: Client, plan: Plan, rows: Rows, start: Cursor | None, overlap: timedelta) -> Iterator[Batch]:
    """Everything when there is no start, else what changed; each way of telling keeps to its own cursors."""
    if start is None:
        yield from _everything(client, plan, rows, overlap)
    elif start.asked != plan.asked:
        yield Batch([], [], None, restart=True, note="its columns or their choices changed; everything was read anew.")
        yield from _everything(client, plan, rows, overlap)
    elif not start.delta:
        yield from _stamped(client, replace(plan, tracked=False), rows, start, overlap)
    else:
        try:
            yield from _tracked(client, plan, rows, start.delta)
        except Refusal as refusal:
            if refusal.code.lower() != EXPIRED:
                raise
            yield Batch([], [], None, restart=True, note="the change token had expired; everything was read anew.")
            yield from _everything(client, plan, rows, overlap)


def _everything(client: Client, plan: Plan, rows: Rows, overlap: timedelta) -> Iterator[Batch]:
    """All records, and a cursor of the best kind that the table allows."""
    if plan.tracked:
        try:
            yield from _tracked(client, plan, rows, "")
            return
        except Refusal as refusal:
            if refusal.code.lower() not in CLOSED:
                raise
    yield from _stamped(client, replace(plan, tracked=False), rows, None, overlap)


def _tracked(client: Client, plan: Plan, rows: Rows, link: str) -> Iterator[Batch]:
    """Changes behind a link, or everything together with the link to what changes from now on."""
    follow = ""
    first = client.url + link if link else plan.address()
    for page in client.pages(first, (TRACK, *plan.prefer)):
        live = page["value"]
        gone = [str(r["id"]) for r in live if _is_deleted(r)]
        if gone:
            live = [r for r in live if not _is_deleted(r)]
        follow = page.get("@odata.deltaLink") or ""
        yield Batch(_rows(plan, rows, live), gone, None)
    if not follow:
        raise Refusal(f"GET {plan.set_name}", 400, CLOSED[0], "no link to further changes")
    there = urlsplit(client.follow(follow))
    yield Batch([], [], Cursor(plan.asked, delta=f"{there.path}?{there.query}").text())


def _stamped(client: Client, plan: Plan, rows: Rows, start: Cursor | None, overlap: timedelta) -> Iterator[Batch]:
    """Records stamped since, then the ids of all that are there now: what the mirror has besides was deleted."""
    now = client.session.server_now()
    newest: Any = (start.version if plan.stamp == VERSION else start.stamp) if start else None
    whole = start is not None and not plan.stamp  # nothing tells what changed: everything is read each time
    for page in client.pages(plan.address(_bounds(plan, start, overlap)), plan.prefer):
        live = page["value"]
        if plan.stamp:
            newest = max((s for s in (newest, *(r[plan.stamp] for r in live)) if s), default=None)
        alive = [str(r[plan.key]) for r in live] if whole else None
        yield Batch(_rows(plan, rows, live), [], None, alive=alive)
    if start is not None and plan.stamp:
        for page in client.pages(plan.keys()):
            yield Batch([], [], None, alive=[str(r[plan.key]) for r in page["value"]])
    if plan.stamp == VERSION:
        cursor = Cursor(plan.asked, version=int(newest or 0))
    else:
        stamp = newest if now is None else _instant(now)
        cursor = Cursor(plan.asked, stamp=str(stamp or "") if plan.stamp else "")
    yield Batch([], [], cursor.text())


def _by_ids(client: Client, plan: Plan, rows: Rows, ids: Sequence[str], by: str) -> Iterator[Batch]:
    """These records, wherever they are, by their ids or a key of ours; what can't be found counts as deleted."""
    name = by or plan.key
    if bad := [i for i in ids if not by and not is_guid(i)]:
        raise UsageFault(f"{plan.record}: {len(bad)} of {len(ids)} ids are no Dynamics ids. Correct the list of ids.")
    for first in range(0, len(ids), IDS_AT_ONCE):
        some = ids[first : first + IDS_AT_ONCE]
        missing = {i.lower(): i for i in some}
        listed = ",".join("'" + i.replace("'", "''") + "'" for i in some)
        bound = f"Microsoft.Dynamics.CRM.In(PropertyName='{name}',PropertyValues=[{listed}])"
        for page in client.pages(plan.address([bound]), plan.prefer):
            for record in page["value"]:
                missing.pop(str(record[name]).lower(), None)
            yield Batch(_rows(plan, rows, page["value"]), [], None)
        if missing:
            yield Batch([], list(missing.values()), None)
    yield Batch([], [], Cursor(plan.asked).text())


def _rows(plan: Plan, rows: Rows, live: list[Record]) -> list[tuple[Any, ...]]:
    try:
        return rows(live)
    except (KeyError, TypeError) as error:
        raise UsageFault(
            f"{plan.record}: Dynamics left {error} out of its answer. Correct the mapping, then run: kam check"
        ) from None


def _is_deleted(record: Record) -> bool:
    return str(record.get("@odata.context", "")).endswith("$deletedEntity")


def _bounds(plan: Plan, start: Cursor | None, overlap: timedelta) -> list[str]:
    if start is None or not plan.stamp:
        return []
    if plan.stamp == VERSION:
        return [f"{VERSION} ge {max(0, start.version - VERSIONS_BACK)}"]
    return (
        [f"{STAMP} ge {_instant((datetime.fromisoformat(start.stamp) - overlap).timestamp())}"] if start.stamp else []
    )


def _cursor(plan: Plan, since: str) -> Cursor:
    """Where to begin, as an earlier read has noted it."""
    try:
        cursor = Cursor(**orjson.loads(since))
        if cursor.stamp:
            datetime.fromisoformat(cursor.stamp)
        known = isinstance(cursor.version, int) and cursor.delta[:1] in ("", "/")
    except (ValueError, TypeError):
        known = False
    if not known:
        raise UsageFault(f"{plan.record}: the stored cursor can't be read. Run: kam pull --full")
    return cursor


def _small(client: Client, column: str) -> Mapping[Any, Any]:
    """A column of the small table by id, read once in a run."""
    with _READING_SMALL:  # several reads begin at once
        return _small_once(client, column)


def _small_once(client: Client, column: str) -> Mapping[Any, Any]:
    kept = client.remembered.setdefault(SMALL, {})
    if column not in kept:
        fact = _known(client, SMALL)
        request = ReadRequest(SMALL, (fact.id_field, column))
        plan = replace(make_plan(fact, request), tracked=False)
        rows = row_maker(plan.columns, lambda other: {})
        found = [row for page in client.pages(plan.address(), plan.prefer) for row in _rows(plan, rows, page["value"])]
        kept[column] = dict(found)
    return dict(kept[column])


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _known(client: Client, record: str) -> TableFact:
    fact = table(client, record)
    if fact is None:
        raise UsageFault(
            f'Dynamics has no table "{record}", or no role of this user lets it read it. `record` is the logical name, '
            'like "account": correct the mapping, or give the user the security role KAM Connector.'
        )
    return fact


def _where_fault(refusal: Refusal, record: str, where: str | None) -> Exception:
    """A refusal of a query that has the mapping's own words in it, told as such."""
    if refusal.status not in (400, 501) or not where:
        return fault_of(refusal)
    named = fault_of(refusal).faults[0]
    return UsageFault(f"{record}: `where` is not understood by Dynamics: {named}")

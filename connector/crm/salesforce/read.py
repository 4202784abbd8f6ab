"""Changed and deleted records since a cursor, page by page, as tuples in the order of the fields asked for.

A ReadRequest and a cursor come in; Batches leave, the last with the new cursor. Next room: `write`.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count as numbers
from itertools import zip_longest
from math import ceil
from operator import itemgetter
from typing import Any

import orjson

from connector.crm.failures import Refusal
from connector.crm.protocol import Batch, ReadRequest, RecordFact
from connector.crm.salesforce.describe import describe
from connector.crm.salesforce.faults import fault_of
from connector.crm.salesforce.login import Client
from connector.errors import UnreachableFault, UsageFault, nearest

OVERLAP = timedelta(minutes=10)  # rows become visible after their stamp
URL_ROOM = 12_000  # of 16,384 bytes for address and headers together, the token among them
ID_ROOM = 6_000  # of these, what a list of ids may take
STAMP = "SystemModstamp"

Record = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """One read worked out: the paths to select, the row of a record, the WHERE, and what the cursor belongs to."""

    record: str
    paths: tuple[str, ...]
    row: Callable[[Record], tuple[Any, ...]]
    deletable: bool
    stamped: bool
    where: str | None

    @property
    def asked(self) -> str:
        """Mark of what was asked for: a cursor of another mapping doesn't count, so that new fields get filled."""
        return hashlib.sha256(orjson.dumps([self.record, self.paths, self.where])).hexdigest()[:12]


def count(client: Client, record: str, where: str | None = None) -> int:
    """Number of records, exact; raises UsageFault when `where` isn't understood."""
    soql = f"SELECT COUNT() FROM {_known(client, record).name}" + (f" WHERE {where}" if where else "")  # noqa: S608
    try:
        return int(next(client.pages(soql))["totalSize"])
    except Refusal as refusal:
        raise _where_fault(refusal, record, where) from None


def read(client: Client, request: ReadRequest, since: str | None, overlap: timedelta = OVERLAP) -> Iterator[Batch]:
    """Batches of a read; a locator that expired midway starts the query over once, so rows may come twice."""
    plan = make_plan(_known(client, request.record), request)
    for attempt in (1, 2):
        try:
            if request.ids is not None:
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


def _changed(client: Client, plan: Plan, since: str | None, overlap: timedelta) -> Iterator[Batch]:
    start = _start(plan, since, overlap)
    now = client.session.server_now()
    bounds = []
    if plan.stamped and start:
        bounds.append(f"{STAMP} >= {start}")
    if plan.stamped and now is not None:
        # stamps and Date headers are whole seconds: one more, so that what was saved just now is not left out
        bounds.append(f"{STAMP} <= {_instant(ceil(now) + 1)}")
    newest, kept = "", set[str]()
    for records in _records(client, plan, bounds):
        if plan.stamped and records:
            newest = max(newest, *(r[STAMP] for r in records))
        batch = _batch(plan, records)
        if start and plan.where:
            kept.update(r["Id"] for r in records)
        yield batch
    left = _left(client, plan, bounds, kept) if start and plan.where else []
    stamp = newest if now is None else _instant(int(now))
    yield Batch([], left, _cursor(plan, stamp or None))


def _left(client: Client, plan: Plan, bounds: Sequence[str], kept: set[str]) -> list[str]:
    """Ids that changed and no longer meet the mapping's `where`: to the mirror they are gone."""
    soql = _soql(plan.record, ("Id",), bounds)
    return [
        r["Id"] for page in client.pages(soql, include_deleted=True) for r in page["records"] if r["Id"] not in kept
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
        for records in _records(client, plan, [f"Id IN ({inside})"]):
            for record in records:
                missing.pop(record["Id"][:15], None)
            yield _batch(plan, records)
        if missing:
            yield Batch([], list(missing.values()), None)
    yield Batch([], [], _cursor(plan, None))


def _batch(plan: Plan, records: list[Record]) -> Batch:
    gone = [r["Id"] for r in records if r["IsDeleted"]] if plan.deletable else []
    live = [r for r in records if not r["IsDeleted"]] if gone else records
    try:
        return Batch(list(map(plan.row, live)), gone, None)
    except (KeyError, TypeError) as error:
        raise UsageFault(
            f"{plan.record}: the path {error} is not spelt as Salesforce spells it. Correct the mapping, then "
            "run: kam check"
        ) from None


def _records(client: Client, plan: Plan, bounds: Sequence[str]) -> Iterator[list[Record]]:
    """Pages of records; too many fields for one address are asked for in parts and joined."""
    where = [*bounds, *([f"({plan.where})"] if plan.where else [])]
    parts = _parts(client, plan, where)
    pages = [client.pages(soql, include_deleted=True) for soql in parts]
    if len(pages) == 1:
        yield from (page["records"] for page in pages[0])
        return
    joined = Join(len(parts))
    for together in zip_longest(*pages):
        yield joined.add([page["records"] if page else [] for page in together])
    yield from _again(client, plan, parts, joined.torn())


def _again(client: Client, plan: Plan, parts: Sequence[str], ids: list[str]) -> Iterator[list[Record]]:
    """Records that were saved while their parts were read, read until the parts fit."""
    for _ in numbers():
        if not ids:
            return
        again, joined = ids[:50], Join(len(parts))
        chosen = f" WHERE Id IN ({','.join(repr(i) for i in again)})"
        heads = [soql.partition(" WHERE ")[0].partition(" ORDER BY ")[0] for soql in parts]
        pages = [[r for p in client.pages(head + chosen, include_deleted=True) for r in p["records"]] for head in heads]
        yield joined.add(pages)
        torn = joined.torn()
        if len(torn) == len(again):
            raise UnreachableFault(
                f"{plan.record}: records change faster than they can be read in parts. Try again later."
            )
        ids = torn + ids[50:]


class Join:
    """Parts of records put together by id; parts of different stamps are held back as torn."""

    def __init__(self, parts: int) -> None:
        self._waiting: list[dict[str, Record]] = [{} for _ in range(parts)]
        self._torn: dict[str, None] = {}

    def add(self, pages: Sequence[list[Record]]) -> list[Record]:
        """Records that became whole with these pages, one of each part, in the first part's order."""
        for waiting, records in zip(self._waiting, pages, strict=True):
            waiting.update((r["Id"], r) for r in records)
        whole = []
        for key in [k for k in self._waiting[0] if all(k in w for w in self._waiting)]:
            parts = [w.pop(key) for w in self._waiting]
            if len({p.get(STAMP) for p in parts}) > 1:
                self._torn[key] = None
            else:
                whole.append(_merged(parts))
        return whole

    def torn(self) -> list[str]:
        """Ids whose parts did not fit, or of which some part never came."""
        return list(self._torn | {key: None for waiting in self._waiting for key in waiting})


def _merged(parts: Sequence[Record]) -> Record:
    """One record of its parts; a lookup that several parts follow keeps what each found."""
    whole = dict(parts[0])
    for part in parts[1:]:
        for key, value in part.items():
            old = whole.get(key)
            whole[key] = _merged([old, value]) if isinstance(old, dict) and isinstance(value, dict) else value
    return whole


def _parts(client: Client, plan: Plan, where: Sequence[str]) -> list[str]:
    """The query, or several with some of the fields each, none longer than an address may be."""
    base = ["Id", *(["IsDeleted"] if plan.deletable else []), *([STAMP] if plan.stamped else [])]
    fields = [p for p in dict.fromkeys(plan.paths) if p not in base]
    order = (STAMP, "Id") if plan.stamped else ("Id",)
    make = partial(_soql, plan.record, where=where, order=order)
    found: list[list[str]] = [[]]
    for field in fields:
        if found[-1] and len(client.query_url(make([*base, *found[-1], field]), include_deleted=True)) > URL_ROOM:
            found.append([])
        found[-1].append(field)
    return [make([*base, *part]) for part in found]


def _soql(record: str, fields: Sequence[str], where: Sequence[str], order: Sequence[str] = ()) -> str:
    conditions = f" WHERE {' AND '.join(where)}" if where else ""
    ordered = f" ORDER BY {', '.join(order)}" if order else ""
    return f"SELECT {', '.join(fields)} FROM {record}{conditions}{ordered}"  # noqa: S608 - names checked by describe


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

"""Queries that fit an address: the fields of a wide record are asked for in parts and joined by id.

A Plan and conditions come in; pages of whole records leave. Next room: back to `read`.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import Any

import orjson

from connector.crm.salesforce.login import Client
from connector.errors import UnreachableFault

URL_ROOM = 12_000  # of 16,384 bytes for address and headers together, the token among them
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
    closed: str = ""  # why Bulk can't read it

    @property
    def asked(self) -> str:
        """Mark of what was asked for: a cursor of another mapping doesn't count, so that new fields get filled."""
        return hashlib.sha256(orjson.dumps([self.record, self.paths, self.where])).hexdigest()[:12]


def soql(record: str, fields: Sequence[str], where: Sequence[str], order: Sequence[str] = ()) -> str:
    """A query in SOQL."""
    conditions = f" WHERE {' AND '.join(where)}" if where else ""
    ordered = f" ORDER BY {', '.join(order)}" if order else ""
    return f"SELECT {', '.join(fields)} FROM {record}{conditions}{ordered}"  # noqa: S608 - names checked by describe


def records(
    client: Client, plan: Plan, bounds: Sequence[str], told: Callable[[int], None] = lambda total: None
) -> Iterator[list[Record]]:
    """Pages of records; too many fields for one address are asked for in parts and joined.

    `told` hears the number of all records as soon as the first page says it, and may raise to go another way.
    """
    where = [*bounds, *([f"({plan.where})"] if plan.where else [])]
    parts = _parts(client, plan, where)
    pages = [client.pages(part, include_deleted=True) for part in parts]
    if len(pages) == 1:
        for number, page in enumerate(pages[0]):
            if number == 0:
                told(int(page.get("totalSize", 0)))
            yield page["records"]
        return
    joined = Join(len(parts))
    for number, together in enumerate(zip_longest(*pages)):
        if number == 0:
            told(int(together[0].get("totalSize", 0)))
        yield joined.add([page["records"] if page else [] for page in together])
    yield from _reread(client, plan, parts, joined.torn())


def queries(client: Client, plan: Plan) -> int:
    """How many queries the fields of this read take by REST."""
    return len(_parts(client, plan, [plan.where] if plan.where else []))


def _reread(client: Client, plan: Plan, parts: Sequence[str], ids: list[str]) -> Iterator[list[Record]]:
    """Records that were saved while their parts were read, read until the parts fit."""
    heads = [part.partition(" WHERE ")[0].partition(" ORDER BY ")[0] for part in parts]
    while ids:
        again, joined = ids[:50], Join(len(parts))
        inside = ",".join(f"'{i}'" for i in again)
        pages = [
            [
                record
                for page in client.pages(f"{head} WHERE Id IN ({inside})", include_deleted=True)
                for record in page["records"]
            ]
            for head in heads
        ]
        yield joined.add(pages)
        torn = joined.torn()
        if len(torn) == len(again):
            raise UnreachableFault(
                f"{plan.record}: records change faster than they can be read in parts. Try again later."
            )
        ids = torn + ids[50:]


def _parts(client: Client, plan: Plan, where: Sequence[str]) -> list[str]:
    """The query, or several with some of the fields each, none longer than an address may be."""
    base = ["Id", *(["IsDeleted"] if plan.deletable else []), *([STAMP] if plan.stamped else [])]
    fields = [p for p in dict.fromkeys(plan.paths) if p not in base]
    order = (STAMP, "Id") if plan.stamped else ("Id",)
    make = partial(soql, plan.record, where=where, order=order)
    # Letters are quoted one by one, so the lengths of pieces add up.
    bare, length = len(client.query_url("")), len(client.query_url(make(base), include_deleted=True))
    found: list[list[str]] = [[]]
    used = length
    for field in fields:
        more = len(client.query_url(f", {field}")) - bare
        if found[-1] and used + more > URL_ROOM:
            found.append([])
            used = length
        found[-1].append(field)
        used += more
    return [make([*base, *part]) for part in found]


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

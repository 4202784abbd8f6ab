"""REST, collections or Bulk: chosen by count, width, the calls that are left, and what the org still allows.

A logged-in Client and a number of records come in; a Way with its reason leaves. Next room: `jobs`.
"""

import logging
from math import ceil
from typing import Any

from connector.crm.failures import Refusal
from connector.crm.protocol import RecordFact, Way
from connector.crm.salesforce.login import Client

REST, COLLECTIONS, BULK = "REST", "collections", "Bulk"
AT_ONCE = 200_000  # records handed over for one ingest job: about half of what an upload may hold
PAGE = 2_000  # records of a REST page; half of that once a long text is among the fields
GROUP = 200  # records of one call to collections
SERVER_BATCH = 10_000
SCARCE = 0.1  # of the calls left: a read that would take more by REST goes by Bulk if that takes fewer
LONG_TEXT = 4_000
_CLOSED = {"address": "a compound field", "location": "a compound field", "base64": "a file"}
log = logging.getLogger(__name__)


class NoBulk(Exception):
    """The org takes no job for this: the words say why, and the other way is open."""


class Better(Exception):
    """The first page told that another way is better."""

    def __init__(self, way: Way) -> None:
        super().__init__(str(way))
        self.way = way


def hindrance(fact: RecordFact, paths: tuple[str, ...]) -> str:
    """Why Bulk can't read these fields; empty when it can."""
    for path in paths:
        field = fact.fields.get(path)
        if field is not None and field.type in _CLOSED:
            return f"{path} is {_CLOSED[field.type]}, which Bulk does not give"
    return ""


def width(fact: RecordFact, paths: tuple[str, ...], queries: int) -> int:
    """How many times as many calls as a narrow record these fields take by REST."""
    long = any((f := fact.fields.get(p)) is not None and f.length > LONG_TEXT for p in paths)
    return queries * (2 if long else 1)


def expected(client: Client, record: str) -> int | None:
    """About how many records there are, by the org's own statistics; None when it doesn't tell."""
    with client.lock:  # several reads begin at once, and one answer tells all
        if record not in client.counted:
            _count(client, record)
        return client.counted[record]


def _count(client: Client, record: str) -> None:
    names = sorted({record, *(f.name for f in client.described.values() if f is not None)})
    try:
        told = client.get("limits/recordCount", {"sObjects": ",".join(names)})
        counted: dict[str, int | None] = {one["name"]: int(one["count"]) for one in told["sObjects"]}
        client.counted |= {name: counted.get(name, 0) for name in names}  # empty ones are left out of the answer
    except (Refusal, KeyError, TypeError, ValueError) as error:
        log.debug("limits/recordCount: %s; the first page of a query will tell", type(error).__name__)
        client.counted[record] = None


def reading(client: Client, total: int, wide: int, closed: str) -> Way:
    """How to read so many records; `wide` as `width` says, `closed` as `hindrance` does."""
    settings = client.settings
    rest = Way(REST, total, max(1, ceil(wide * total / PAGE)), "")
    bulk = Way(BULK, total, 6 + ceil(total / settings.bulk_page_rows), "")
    why_rest = 'crm.bulk = "never"' if settings.bulk == "never" else closed
    if why_rest:
        return _because(rest, why_rest)
    few = wide * total < settings.bulk_read_rows
    left = client.session.usage.remaining
    scarce = left is not None and bulk.calls < rest.calls and rest.calls > SCARCE * left
    if settings.bulk == "auto" and few and not scarce:
        return _because(rest, f"they are fewer than {settings.bulk_read_rows:,} (crm.bulk_read_rows)")
    if spent := _none_left(client, "DailyBulkV2QueryJobs", 1) or _none_left(client, "DailyBulkV2QueryFileStorageMB", 1):
        return _because(rest, spent)
    if settings.bulk == "always":
        return _because(bulk, 'crm.bulk = "always"')
    if few:
        return _because(bulk, f"REST would take {rest.calls:,} of the {left:,} calls that are left")
    wider = f", their width counted {wide}-fold" if wide > 1 else ""
    return _because(bulk, f"they are {settings.bulk_read_rows:,} or more (crm.bulk_read_rows){wider}")


def writing(client: Client, count: int) -> Way:
    """How to write so many records."""
    settings = client.settings
    small = Way(COLLECTIONS, count, ceil(count / GROUP), "")
    size = SERVER_BATCH if settings.bulk_serial else AT_ONCE
    bulk = Way(BULK, count, 4 + 6 * ceil(count / size), "", AT_ONCE)
    serial = f", in jobs of {size:,} one after the other (crm.bulk_serial)" if settings.bulk_serial else ""
    if settings.bulk == "never":
        return _because(small, 'crm.bulk = "never"')
    if settings.bulk == "auto" and count < settings.bulk_write_rows:
        return _because(small, f"they are fewer than {settings.bulk_write_rows:,} (crm.bulk_write_rows)")
    if spent := _none_left(client, "DailyBulkApiBatches", ceil(count / SERVER_BATCH)):
        return _because(small, spent)
    if settings.bulk == "always":
        return _because(bulk, f'crm.bulk = "always"{serial}')
    return _because(bulk, f"they are {settings.bulk_write_rows:,} or more (crm.bulk_write_rows){serial}")


def _none_left(client: Client, name: str, needed: int) -> str:
    """That too little of an allowance is left; empty when there is enough or the org doesn't tell."""
    with client.lock:
        if client.allowances is None:
            try:
                client.allowances = client.get("limits/")
            except Refusal as refusal:
                if refusal.status != 403 or refusal.code == "REQUEST_LIMIT_EXCEEDED":
                    raise
                client.allowances = {}  # this user may not look: the job itself will be refused if need be
    told: Any = (client.allowances or {}).get(name)
    left = told.get("Remaining") if isinstance(told, dict) else None
    if isinstance(left, int | float) and left < needed:
        return f"only {left:,} of today's {name} are left and {needed:,} would be needed"
    return ""


def _because(way: Way, why: str) -> Way:
    return Way(way.by, way.records, way.calls, why, way.at_once)

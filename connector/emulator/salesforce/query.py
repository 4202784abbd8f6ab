"""Reading many rows: SOQL answers in pages whose size the server decides, and the two replication calls.

A query or a time window comes in; pages with locators, or lists of ids, leave. Next room: `metadata`.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from connector.emulator.salesforce.directory import DATA
from connector.emulator.salesforce.org.model import ObjectType, Problem
from connector.emulator.salesforce.site import Call, Site, object_of
from connector.emulator.salesforce.soql.query import Result, run

PAGE, SMALLEST_PAGE, LONG_TEXT_PAGE = 2000, 200, 1000
LONG_TEXT = 32_000  # length of a text field whose selection makes the server halve its pages (recorded)
TYPE_NAMES = {"id": "Id", "reference": "Id", "boolean": "Boolean", "int": "Integer", "double": "Double", "date": "Date"}
MOST_OPEN = 10  # queries a user may have open; the oldest gives way
KEPT_FOR = timedelta(days=2)
UPDATED_REACH, DELETED_REACH = timedelta(days=30), timedelta(days=15)
MOST_IDS = 600_000


@dataclass
class Opened:
    """A query whose pages are still to be had."""

    result: Result
    user_id: str
    since: datetime
    size: int


class Locators:
    """Open queries by locator; the rows of each were fixed when it was asked."""

    def __init__(self) -> None:
        self.open: OrderedDict[str, Opened] = OrderedDict()

    def keep(self, locator: str, opened: Opened) -> None:
        """Hold a query open, and let go of the user's oldest beyond what one user may hold."""
        self.open[locator] = opened
        own = [name for name, other in self.open.items() if other.user_id == opened.user_id]
        for name in own[:-MOST_OPEN]:
            del self.open[name]

    def find(self, text: str, user_id: str, now: datetime) -> tuple[str, Opened, int]:
        """The query and offset that a locator means; refuses stale ones, others' and garbled ones."""
        locator, _, offset = text.partition("-")
        opened = self.open.get(locator)
        if opened is None or opened.user_id != user_id or now - opened.since > KEPT_FOR or not offset.isdigit():
            raise Problem(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        if int(offset) >= opened.result.total:
            raise Problem(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return locator, opened, int(offset)


def routes(site: Site) -> list[Route]:
    """Queries, their further pages, and what was updated or deleted in a window of time."""
    locators = Locators()

    def of(fn: Callable[..., Response], *more: Any) -> Any:
        return site.handler(partial(fn, site, *more))

    return [
        Route(f"{DATA}/query", of(_query, locators, False), methods=["GET"]),
        Route(f"{DATA}/queryAll", of(_query, locators, True), methods=["GET"]),
        Route(f"{DATA}/query/{{locator}}", of(_more, locators), methods=["GET"]),
        Route(f"{DATA}/queryAll/{{locator}}", of(_more, locators), methods=["GET"]),
        Route(f"{DATA}/sobjects/{{object}}/updated", of(_updated), methods=["GET"]),
        Route(f"{DATA}/sobjects/{{object}}/deleted", of(_deleted), methods=["GET"]),
    ]


def _query(site: Site, locators: Locators, include_deleted: bool, call: Call) -> Response:
    text = call.query.get("q")
    if not text:
        raise Problem(400, "MALFORMED_QUERY", "The q parameter must hold a SOQL query")
    result = run(site.org, call.user_id, text, include_deleted=include_deleted, version=call.version)
    size = page_size(site, call, result)
    opened = Opened(result, call.user_id, site.org.clock(), size)
    locator = ""
    if result.total > size and not result.count_only:
        locator = site.org.new_id("0r8")
        locators.keep(locator, opened)
    answer = _page(call, locator, opened, 0)
    if call.query.get("columns", "").lower() == "true":
        answer["columnMetadata"] = column_metadata(result)
    return site.json(_truncated(call, answer))


def _more(site: Site, locators: Locators, call: Call) -> Response:
    locator, opened, offset = locators.find(call.path["locator"], call.user_id, site.org.clock())
    return site.json(_truncated(call, _page(call, locator, opened, offset)))


def _truncated(call: Call, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer without its last records, when a fault rule says so; its numbers stay as they were."""
    rule = call.request.scope.get("emulator.truncate")
    records = answer["records"]
    return {**answer, "records": records[: len(records) - rule.share(len(records))]} if rule else answer


def _page(call: Call, locator: str, opened: Opened, start: int) -> dict[str, Any]:
    records = opened.result.page(start, opened.size)
    upto = opened.result.total if opened.result.count_only else start + len(records)
    answer: dict[str, Any] = {"totalSize": opened.result.total, "done": upto >= opened.result.total}
    if not answer["done"]:
        answer["nextRecordsUrl"] = f"/services/data/v{call.version}/query/{locator}-{upto}"
    return {**answer, "records": records}


def page_size(site: Site, call: Call, result: Result) -> int:
    """Rows of one page: the server's choice, to which the caller's wish is a hint."""
    if site.page_size is not None:
        return site.page_size
    size = LONG_TEXT_PAGE if _has_long_text(site, result) else PAGE
    options = call.header("sforce-query-options") or ""
    name, _, wish = options.replace(" ", "").partition("=")
    if name.lower() == "batchsize" and wish.isdigit():
        size = min(size, max(SMALLEST_PAGE, int(wish)))
    return size


def _has_long_text(site: Site, result: Result) -> bool:
    if result.aggregate or result.count_only:
        return False
    for path, type_name in zip(result.columns, result.types, strict=True):
        parent, _, name = path.rpartition(".")
        if type_name != "textarea":
            continue
        kinds = list(site.org.objects.values()) if parent else [site.org.object(result.object_name)]
        fields = [kind.field(name) for kind in kinds]
        if any(field is not None and field.length >= LONG_TEXT for field in fields):
            return True
    return False


def column_metadata(result: Result) -> list[dict[str, Any]]:
    """What `columns=true` adds: the columns of the answer, those of parents as columns joined to their relationship."""
    top: dict[str, dict[str, Any]] = {}
    for path, kind in zip(result.columns, result.types, strict=True):
        level, parts = top, path.split(".")
        for depth, name in enumerate(parts):
            entry = level.setdefault(name, _column(name, result, kind if depth == len(parts) - 1 else ""))
            level = entry["joined"]
    return [_listed(entry) for entry in top.values()]


def _column(name: str, result: Result, kind: str) -> dict[str, Any]:
    return {
        "aggregate": result.aggregate,
        "apexType": TYPE_NAMES.get(kind, "String") if kind else None,
        "booleanType": kind == "boolean",
        "columnName": name,
        "custom": name.endswith("__c"),
        "displayName": name,
        "foreignKeyName": None,
        "insertable": False,
        "joined": {},
        "numberType": kind in ("int", "double", "currency", "percent"),
        "textType": kind in ("string", "textarea", "email", "phone", "url", "picklist", "combobox", "multipicklist"),
        "updatable": False,
    }


def _listed(entry: dict[str, Any]) -> dict[str, Any]:
    joined = [_listed(one) for one in entry["joined"].values()]
    return {**{name: value for name, value in entry.items() if name != "joined"}, "joinColumns": joined}


def _window(call: Call, now: datetime, reach: timedelta) -> tuple[str, str]:
    """The window of a replication call, in whole minutes; refuses one that is turned round or too long ago."""
    moments: list[datetime] = []
    for name in ("start", "end"):
        text = call.query.get(name)
        if not text:
            raise Problem(400, "MISSING_ARGUMENT", f"The {name} parameter must hold a date and time")
        try:
            moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
        except ValueError as error:
            raise Problem(400, "INVALID_REPLICATION_DATE", f"{name} is no date and time: {text}") from error
        moments.append(
            (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(second=0, microsecond=0)
        )
    start, end = moments
    if start >= end:
        raise Problem(
            400, "INVALID_REPLICATION_DATE", "startDate before endDate is required: the window has no minute in it"
        )
    if start < now - reach:
        raise Problem(400, "INVALID_REPLICATION_DATE", f"startDate cannot be more than {reach.days} days ago")
    return _wire(start), _wire(end)


def _wire(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _covered(site: Site, end: str) -> str:
    now = _wire(site.org.clock().astimezone(UTC).replace(second=0, microsecond=0))
    return min(end, now)


def _changed(
    site: Site, call: Call, kind: ObjectType, window: tuple[str, str], *, deleted: bool
) -> list[tuple[str, str]]:
    if not kind.replicateable or not site.org.access.readable(call.user_id, kind.name):
        raise Problem(400, "INVALID_TYPE", f"The entity '{kind.name}' is not replicateable")
    gone = f' AND "IsDeleted" = {int(deleted)}' if kind.soft_delete else ""
    sql = (
        f'SELECT "Id", "SystemModstamp" FROM "{kind.name}" '
        f'WHERE "SystemModstamp" >= ? AND "SystemModstamp" < ?{gone} ORDER BY "SystemModstamp", "Id"'
    )
    rows = [(str(row[0]), str(row[1])) for row in site.org.db.execute(sql, window)]
    if len(rows) > MOST_IDS:
        raise Problem(400, "EXCEEDED_ID_LIMIT", f"The window holds more than {MOST_IDS} ids; ask for a shorter one")
    return rows


def _updated(site: Site, call: Call) -> Response:
    kind = object_of(site, call.user_id, call.path["object"])
    window = _window(call, site.org.clock(), UPDATED_REACH)
    rows = _changed(site, call, kind, window, deleted=False)
    return site.json({"ids": [row[0] for row in rows], "latestDateCovered": _covered(site, window[1])})


def _deleted(site: Site, call: Call) -> Response:
    kind = object_of(site, call.user_id, call.path["object"])
    window = _window(call, site.org.clock(), DELETED_REACH)
    rows = _changed(site, call, kind, window, deleted=True) if kind.soft_delete else []
    earliest = site.org.clock().astimezone(UTC).replace(second=0, microsecond=0) - DELETED_REACH
    return site.json(
        {
            "deletedRecords": [{"deletedDate": row[1], "id": row[0]} for row in rows],
            "earliestDateAvailable": _wire(earliest),
            "latestDateCovered": _covered(site, window[1]),
        }
    )

"""What the API offers and what the org holds: versions, resources, limits, record counts, and the two describes.

Calls come in; lists of names, numbers and key sets leave, with the times that let a client skip an unchanged describe.
Next room: `rest`, for single rows.
"""

import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.emulator.salesforce.org.describe import describe, describe_global
from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.site import NEWEST, OLDEST, PRIVATE, Call, Site, base_url, object_of

DATA = "/services/data/{version}"
RESOURCES = (
    "analytics", "appMenu", "composite", "connect", "jobs", "limits", "metadata", "query", "queryAll", "recent",
    "search", "sobjects", "support", "tabs", "theme", "tooling", "ui-api",
)  # fmt: skip


def routes(site: Site) -> list[Route]:
    """Versions, resources, limits, record counts and describes."""

    clock = MetadataClock()

    async def versions(_request: Request) -> Response:
        return site.json([version_entry(number) for number in range(OLDEST, NEWEST + 1)])

    return [
        Route("/services/data", versions, methods=["GET"]),
        Route(DATA, site.handler(partial(_resources, site)), methods=["GET"]),
        Route(f"{DATA}/limits", site.handler(partial(_limits, site)), methods=["GET"]),
        Route(f"{DATA}/limits/recordCount", site.handler(partial(_record_count, site)), methods=["GET"]),
        Route(f"{DATA}/sobjects", site.handler(partial(_global, clock, site)), methods=["GET"]),
        Route(f"{DATA}/sobjects/{{object}}/describe", site.handler(partial(_describe, clock, site)), methods=["GET"]),
    ]


class MetadataClock:
    """Tells when what a user's describes say last changed: schema and the user's own rights."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, datetime]] = {}

    def changed(self, site: Site, user_id: str) -> datetime:
        """Time of the last change; always a later second than the change before, so that no 304 hides one."""
        readable, editable = site.org.access.readable, site.org.access.editable
        content = tuple(
            (kind.name, tuple(kind.fields.values()), readable(user_id, kind.name), editable(user_id, kind.name))
            for kind in site.org.objects.values()
        )
        # Compared, not hashed: fields that are the same objects are passed over at once.
        seen, moment = self._known.get(user_id, (None, None))
        if moment is None or seen != content:
            now = site.org.clock().replace(microsecond=0)
            moment = now if moment is None else max(now, moment + timedelta(seconds=1))
            self._known[user_id] = (content, moment)
        return moment


def version_entry(number: int) -> dict[str, str]:
    """One line of the list of versions; seasons turn Summer, Winter, Spring from Summer '14 on."""
    turns = number - OLDEST
    season, year = ("Summer", "Winter", "Spring")[turns % 3], 14 + (turns + 2) // 3
    apostrophe = "’" if number == 42 else "'"  # recorded so
    return {"label": f"{season} {apostrophe}{year}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"}


def http_date(moment: datetime) -> str:
    """A time as HTTP headers write it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def unchanged_since(header: str | None, moment: datetime) -> bool:
    """Whether `moment` is no later, in whole seconds, than the time in a conditional header."""
    if header is None:
        return False
    try:
        limit = parsedate_to_datetime(header)
    except ValueError as error:
        raise Problem(
            400, "INVALID_HEADER", f"'{header}' is no date of the form Sun, 06 Nov 1994 08:49:37 GMT"
        ) from error
    limit = limit.replace(tzinfo=UTC) if limit.tzinfo is None else limit
    return int(moment.timestamp()) <= int(limit.timestamp())


def _resources(site: Site, call: Call) -> Response:
    base = f"/services/data/v{call.version}"
    listed: dict[str, str] = {name: f"{base}/{name}" for name in RESOURCES}
    listed["identity"] = f"{base_url(site, call.request)}/id/{site.org.org_id}/{call.user_id}"
    return site.json(listed)


def _limits(site: Site, _call: Call) -> Response:
    most, left = site.allowances.most, site.allowances.left
    answer: dict[str, Any] = {name: {"Max": int(most[name]), "Remaining": int(left(name))} for name in most}
    answer["DailyApiRequests"] = {"Max": site.usage.limit, "Remaining": max(0, site.usage.limit - site.usage.used)}
    sets = {"Max": 1500, "Remaining": 1499}
    answer["PermissionSets"] = {**sets, "CreateCustom": {"Max": 1000, "Remaining": 999}}
    return site.json(dict(sorted(answer.items())))


def _record_count(site: Site, call: Call) -> Response:
    """Counts of live rows; unknown and empty objects are left out, as in the service."""
    asked = call.query.get("sObjects")
    names = asked.split(",") if asked else list(site.org.objects)
    counts: list[dict[str, Any]] = []
    for name in names:
        kind = site.org.objects.get(name.strip().lower())
        if kind is None:
            continue
        where = ' WHERE "IsDeleted" = 0' if kind.soft_delete else ""
        (count,) = site.org.db.execute(f'SELECT COUNT(*) FROM "{kind.name}"{where}').fetchone()
        if count:
            counts.append({"count": count, "name": kind.name})
    return site.json({"sObjects": counts})


def _global(clock: MetadataClock, site: Site, call: Call) -> Response:
    return _conditional(clock, site, call, lambda: describe_global(site.org, call.user_id, call.version))


def _describe(clock: MetadataClock, site: Site, call: Call) -> Response:
    kind = object_of(site, call.user_id, call.path["object"])
    return _conditional(clock, site, call, lambda: describe(site.org, call.user_id, kind.name, call.version))


def _conditional(clock: MetadataClock, site: Site, call: Call, make: Callable[[], Any]) -> Response:
    """A describe with the org's metadata time; nothing is sent to a caller who has it already."""
    changed = clock.changed(site, call.user_id)
    zipped = "--gzip" if "gzip" in (call.header("accept-encoding") or "") else ""
    mark = zlib.crc32(f"{changed.isoformat()} {call.user_id} {call.version}".encode())
    headers = {"ETag": f'"{mark:08x}{zipped}"', "Last-Modified": http_date(changed), "Cache-Control": PRIVATE}
    if unchanged_since(call.header("if-modified-since"), changed) or call.header("if-none-match") == headers["ETag"]:
        return site.empty(304, headers)
    return site.json(make(), headers=headers)

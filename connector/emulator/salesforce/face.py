"""The Salesforce face as one ASGI app: all routes, and what the edge must know about this CRM's manners.

A `Site` comes in; the app that the server runs leaves. Next room: `site`.
"""

import secrets
import uuid
from collections.abc import Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from connector.emulator import control
from connector.emulator.edge import Edge
from connector.emulator.faults import Rule
from connector.emulator.salesforce import collections, composite, directory, query, rest, tooling, trees
from connector.emulator.salesforce.bulk import ingest_jobs, query_jobs
from connector.emulator.salesforce.bulk.jobs import Jobs
from connector.emulator.salesforce.bulk.settings import Settings
from connector.emulator.salesforce.login import identity, soap, token
from connector.emulator.salesforce.metadata import answer
from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.site import JSON_TYPE, Site, error_entry

CODES = {
    404: ("NOT_FOUND", "The requested resource does not exist"),
    410: ("GONE", "The requested resource is no longer there"),
    420: ("UNKNOWN_EXCEPTION", "The request was routed to an instance that does not hold this org"),
    429: ("REQUEST_LIMIT_EXCEEDED", "Too many requests were sent in a short time"),
    500: ("UNKNOWN_EXCEPTION", "An unexpected error occurred"),
    502: ("SERVER_UNAVAILABLE", "The instance did not answer"),
    503: ("SERVER_UNAVAILABLE", "The server is unavailable for a while"),
}
STANDING = [
    ("Strict-Transport-Security", "max-age=63072000; includeSubDomains"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Robots-Tag", "none"),
    ("Vary", "Accept-Encoding"),
    ("Server", "sfdcedge"),
    ("X-SFDC-Edge-Cache", "none"),
]

KEY_SWITCHES = ("approved", "client_credentials", "rotate_refresh_tokens", "password_logins")


def _set_api(site: Site, value: bool) -> None:
    for table in ("Profile", "PermissionSet"):  # each profile has a permission set of its own with the same rights
        kept = "" if table == "Profile" else ' WHERE "ProfileId" IS NOT NULL'
        site.org.db.execute(f'UPDATE "{table}" SET "PermissionsApiEnabled" = ?{kept}', (int(value),))
    site.org.access.clear()


def _set_sandbox(site: Site, value: bool) -> None:
    site.org.set_sandbox(bool(value))


def _set_features(site: Site, value: dict[str, bool] | list[str]) -> None:
    for name, on in (value if isinstance(value, dict) else dict.fromkeys(value, True)).items():
        (site.org.enable_feature if on else site.org.disable_feature)(name)


def _set_hidden(site: Site, value: list[str]) -> None:
    """Hide exactly these fields, written Object.Field."""
    wanted = {tuple(name.lower().split(".", 1)) for name in value}
    for pair in wanted:
        kind = site.org.objects.get(pair[0])
        if len(pair) != 2 or kind is None or kind.field(pair[1]) is None:
            raise ValueError(f"field {'.'.join(pair)!r} is not in this org; write Object.Field")
    for kind_name, field_name in set(site.org.access.hidden) - wanted:
        site.org.show(kind_name, field_name)
    for kind_name, field_name in wanted:
        site.org.hide(kind_name, field_name)


def _set_rules(site: Site, value: list[dict[str, Any]]) -> None:
    """Put exactly these validation rules in force; a wrong one leaves those before it in place."""
    site.org.clear_rules()
    for rule in value:
        site.org.add_rule(rule)


def _end_sessions(site: Site, value: bool) -> None:
    if value:
        site.sessions.end()


def _set_on(holder: str, name: str) -> Callable[[Site, Any], None]:
    def change(site: Site, value: Any) -> None:
        setattr(getattr(site, holder) if holder else site, name, value)

    return change


SETTERS: dict[str, Callable[[Site, Any], None]] = {
    "api_enabled": _set_api,
    "is_sandbox": _set_sandbox,
    "features": _set_features,
    "hidden_fields": _set_hidden,
    "validation_rules": _set_rules,
    "session_expired": _end_sessions,
    "session_seconds": _set_on("sessions", "seconds"),
    "api_limit": _set_on("usage", "limit"),
    "api_used": _set_on("usage", "used"),
    "page_size": _set_on("", "page_size"),
    **{name: _set_on("keys", name) for name in KEY_SWITCHES},
}


class Manners:
    """What the edge and the control endpoint ask of this face."""

    longest_uri = largest_head = 16_384  # URI and headers together
    json_type = JSON_TYPE
    fragment = b'{"totalSize":2000,"rec'

    def __init__(self, site: Site) -> None:
        self.site = site
        self.bulk = Settings()
        self.jobs = Jobs(site.org, self.bulk)
        site.closing.append(self.jobs.close)
        self._own: dict[str, Callable[[Any], None]] = {
            "bulk": self._set_bulk, "bulk_jobs": self.jobs.steer, "limits": site.allowances.set,
        }  # fmt: skip
        self.browser = secrets.token_urlsafe(16)

    def headers(self, path: str) -> list[tuple[str, str]]:
        """Headers of every answer; cookies on data answers as the service sets them."""
        request_id = uuid.uuid4().hex
        ids = [("X-Request-Id", request_id), ("X-SFDC-Request-Id", request_id)]
        year = "expires=Thu, 31-Dec-2037 23:55:55 GMT; Max-Age=31536000"
        cookies = [
            ("Set-Cookie", f"BrowserId={self.browser}; domain=.salesforce.com; path=/; {year}"),
            ("Set-Cookie", f"CookieConsentPolicy=0:1; path=/; {year}; SameSite=lax"),
            ("Set-Cookie", f"LSKey-c$CookieConsentPolicy=0:1; path=/; {year}; SameSite=lax"),
        ]
        return ids + STANDING + (cookies if path.startswith("/services/data") else [])

    def refusal(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a fault: the rule's own, or the service's way to say it."""
        if rule.kind == "limit":
            return 403, {}, _body(Problem(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))
        if rule.body is not None:
            return rule.status, {}, rule.body.encode() if isinstance(rule.body, str) else orjson.dumps(rule.body)
        code, message = CODES.get(rule.status, ("UNKNOWN_EXCEPTION", f"A fault rule answers {rule.status}"))
        return rule.status, {}, _body(Problem(rule.status, code, message))

    def too_long(self, status: int) -> bytes:
        """Body of a 414 or 431."""
        text = "URI" if status == 414 else "URI and headers"
        return _body(
            Problem(status, "URI_TOO_LONG" if status == 414 else "HEADER_TOO_LONG", f"{text} exceed 16,384 bytes")
        )

    def crashed(self, error: Exception) -> bytes:
        """Body of a 500 that the emulator itself is to blame for."""
        return _body(Problem(500, "UNKNOWN_EXCEPTION", f"The emulator failed: {type(error).__name__}: {error}"))

    def end_sessions(self) -> None:
        """End every session."""
        self.site.sessions.end()

    def state(self) -> dict[str, Any]:
        """The settings that `steer` changes, as they stand."""
        site, keys = self.site, self.site.keys
        return {
            "url": site.url,
            "org_id": site.org.org_id,
            "is_sandbox": site.org.is_sandbox,
            "features": sorted(site.org.features),
            "hidden_fields": [".".join(pair) for pair in sorted(site.org.access.hidden)],
            "api_limit": site.usage.limit,
            "api_used": site.usage.used,
            "page_size": site.page_size,
            "bulk": self.bulk.shown(),
            "session_seconds": site.sessions.seconds,
            **{name: getattr(keys, name) for name in KEY_SWITCHES},
        }

    def steer(self, wish: dict[str, Any]) -> None:
        """Change settings by name; all names are checked before the first is changed."""
        for name in wish:
            if name not in SETTERS and name not in self._own:
                known = sorted([*SETTERS, *self._own])
                raise ValueError(f"setting {name!r} is unknown; use one of {', '.join(known)}")
        for name, value in wish.items():
            if name in self._own:
                self._own[name](value)
            else:
                SETTERS[name](self.site, value)

    def _set_bulk(self, value: dict[str, Any]) -> None:
        self.bulk.take(value)
        self.jobs.changed()

    def counted(self) -> dict[str, Any]:
        """Calls by method and path template, and the day's count against its limit."""
        usage = self.site.usage
        return {"calls": dict(usage.calls), "used": usage.used, "limit": usage.limit}

    def reset(self) -> None:
        """Forget counts, writes, faults, jobs and fixed sizes; records and schema stay."""
        for job in self.jobs.listed("query", "ingest"):
            self.jobs.delete(job)
        self.bulk.take(Settings().shown())
        self.site.allowances.reset()
        self.site.usage.calls.clear()
        self.site.usage.used = 0
        self.site.writes.clear()
        self.site.faults.clear()
        self.site.page_size = None


def build(site: Site) -> Edge:
    """The whole app of an emulated org."""
    manners = Manners(site)
    routes: list[BaseRoute] = [
        *token.routes(site),
        *soap.routes(site),
        *identity.routes(site),
        *control.routes(manners, site.org.lock, site.faults, site.writes),
        *directory.routes(site),
        *query.routes(site),
        *collections.routes(site),
        *query_jobs.routes(site, manners.jobs),
        *ingest_jobs.routes(site, manners.jobs),
        *trees.routes(site),
        *tooling.routes(site),
        *answer.routes(site),
        *rest.routes(site),
    ]
    routes[:0] = composite.routes(site, routes)  # first: `composite/sobjects` is a name, `composite` a resource

    async def refused(request: Request, error: Exception) -> Response:
        return site.problem(_routing_problem(request, error, routes))

    app = Starlette(routes=routes, exception_handlers={HTTPException: refused})
    app.router.redirect_slashes = False
    return Edge(app, manners, site.faults, site.org.clock)


def _routing_problem(request: Request, error: Exception, routes: list[BaseRoute]) -> Problem:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status != 405:
        return Problem(404, "NOT_FOUND", "The requested resource does not exist")
    allowed: set[str] = set()
    for route in routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            allowed |= set(getattr(route, "methods", None) or ())
    text = f"HTTP Method '{request.method}' not allowed. Allowed are {','.join(sorted(allowed))}"
    return Problem(405, "METHOD_NOT_ALLOWED", text)


def _body(problem: Problem) -> bytes:
    entries: list[dict[str, Any]] = [error_entry(problem)]
    return orjson.dumps(entries)

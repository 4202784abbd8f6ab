"""What the edge and the control endpoint ask of this face: headers, refusals, settings that tests change.

A `Site` comes in; headers and bodies of the whole face leave, and settings change by name. Next room: `face`.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import orjson

from connector.emulator.dynamics.desk.call import JSON_TYPE
from connector.emulator.dynamics.desk.site import Site, refusal
from connector.emulator.dynamics.org.access import ADMINISTRATOR
from connector.emulator.dynamics.org.model import Problem
from connector.emulator.faults import Rule

CODES = {
    429: ("0x80072322", "Number of requests exceeded the limit of 6000 over time window of 300 seconds."),
    500: ("0x80040216", "An unexpected error occurred."),
    502: ("0x80040216", "The server did not answer."),
    503: ("0x80040216", "The service is unavailable."),
    504: ("0x80040216", "The server did not answer in time."),
}
STANDING = [
    ("Cache-Control", "no-cache"),
    ("Expires", "-1"),
    ("OData-Version", "4.0"),
    ("Allow", "OPTIONS,GET,HEAD,POST"),
    ("Public", "OPTIONS,GET,HEAD,POST"),
    ("CRM.ServiceId", "framework"),
    ("X-Source", "1921684612013224720815119024321072"),
]
SECURE = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
WAIT = "30"  # seconds that a fault of kind `limit` tells to wait
ROLES = "systemuserroles_association"
Setter = Callable[[Site, Any], None]


def _set_user(name: str, kept: Callable[[Site, Any], Any]) -> Setter:
    def change(site: Site, value: Any) -> None:
        site.org.update(site.org.admin_id, "systemuser", site.org.admin_id, {name: kept(site, value)}, system=True)

    return change


def _set_no_role(site: Site, value: Any) -> None:
    org = site.org
    held = org.rows(
        'SELECT r."roleid" FROM "systemuserroles" u JOIN "role" r ON r."roleid" = u."roleid" '
        'WHERE u."systemuserid" = ? ORDER BY r."name" = ?',
        org.admin_id,
        ADMINISTRATOR,
    )
    if value and org.access.is_admin(org.admin_id):  # the administrator's role goes last: it lets the others go
        for (role,) in held:
            org.disassociate(org.admin_id, org.relationships[ROLES], org.admin_id, str(role))
    elif value:
        org.db.execute('DELETE FROM "systemuserroles" WHERE "systemuserid" = ?', (org.admin_id,))
        org.access.clear()
    elif not held:
        (role,) = org.rows('SELECT "roleid" FROM "role" WHERE "name" = ?', ADMINISTRATOR)[0]
        org.create(org.admin_id, "systemuserroles", {"systemuserid": org.admin_id, "roleid": role}, system=True)


def _set_tracking_expired(site: Site, value: Any) -> None:
    if value:
        site.org.expire_tracking()


def _end_sessions(site: Site, value: Any) -> None:
    if value:
        site.sessions.end()


def _set_lock(site: Site, value: Any) -> None:
    site.customization_lock = site.now() + float(value)


def _set_on(holder: str, name: str, kind: Callable[[Any], Any] = lambda value: value) -> Setter:
    def change(site: Site, value: Any) -> None:
        setattr(getattr(site, holder) if holder else site, name, kind(value))

    return change


SETTERS: dict[str, Setter] = {
    "tracking_expired": _set_tracking_expired,
    "secret_expired": _set_on("", "secret_expired", bool),
    "user_disabled": _set_user("isdisabled", lambda _site, value: bool(value)),
    "user_missing": _set_user("applicationid", lambda site, value: None if value else site.keys.client_id),
    "no_role": _set_no_role,
    "is_sandbox": lambda site, value: site.org.set_sandbox(bool(value)),
    "page_size": _set_on("", "page_size"),
    "secured_columns": lambda site, value: site.org.secure_columns(list(value)),
    "request_limit": _set_on("protection", "requests", int),
    "time_limit": _set_on("protection", "milliseconds", float),
    "concurrency_limit": _set_on("protection", "at_once", int),
    "window_seconds": _set_on("protection", "window", float),
    "session_seconds": _set_on("sessions", "seconds", float),
    "session_expired": _end_sessions,
    "next_link_host": _set_on("", "next_link_host"),
    "dop_hint": _set_on("", "dop_hint", int),
    "customization_lock_seconds": _set_lock,
}


class Manners:
    """What the edge and the control endpoint ask of this face."""

    longest_uri, largest_head = 32_768, 65_536
    json_type = JSON_TYPE
    fragment = b'{"@odata.context":"'

    def __init__(self, site: Site) -> None:
        self.site = site
        self.affinity = uuid4().hex
        self.browser = str(uuid4())

    def headers(self, path: str) -> list[tuple[str, str]]:
        """Headers of every answer of this path; data answers carry ids and cookies as the service sets them."""
        if not path.startswith("/api/data"):
            return [SECURE, ("x-ms-request-id", str(uuid4()))]
        cookies = [
            ("Set-Cookie", f"ARRAffinity={self.affinity}; path=/; secure; HttpOnly"),
            ("Set-Cookie", f"ReqClientId={self.browser}; expires=Thu, 22-Nov-2076 00:00:00 GMT; path=/; HttpOnly"),
            ("Set-Cookie", f"orgId={self.site.org.org_id}; expires=Thu, 22-Nov-2076 00:00:00 GMT; path=/; HttpOnly"),
        ]
        ids = [("x-ms-service-request-id", str(uuid4())), ("REQ_ID", str(uuid4())), ("AuthActivityId", str(uuid4()))]
        return [*STANDING, SECURE, *ids, *cookies]

    def refusal(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a fault: the rule's own, or the service's way to say it."""
        if rule.kind == "limit":
            return 429, {"Retry-After": WAIT}, refusal(Problem(429, *CODES[429])).body
        if rule.body is not None:
            return rule.status, {}, rule.body.encode() if isinstance(rule.body, str) else orjson.dumps(rule.body)
        code, text = CODES.get(rule.status, ("0x80040216", f"A fault rule answers {rule.status}."))
        return rule.status, {}, refusal(Problem(rule.status, code, text)).body

    def too_long(self, status: int) -> bytes:
        """Body of a 414 or 431."""
        text = f"The address is longer than {self.longest_uri:,} bytes."
        if status == 431:
            text = f"Address and headers together are longer than {self.largest_head:,} bytes."
        return refusal(Problem(status, "0x80060888", text)).body

    def crashed(self, error: Exception) -> bytes:
        """Body of a 500 that the emulator itself is to blame for."""
        return refusal(Problem(500, "0x80040216", f"The emulator failed: {type(error).__name__}: {error}")).body

    def end_sessions(self) -> None:
        """End every session."""
        self.site.sessions.end()

    def state(self) -> dict[str, Any]:
        """The settings that `steer` changes, as they stand."""
        site, org = self.site, self.site.org
        disabled, application = org.rows(
            'SELECT "isdisabled", "applicationid" FROM "systemuser" WHERE "systemuserid" = ?', org.admin_id
        )[0]
        return {
            "url": site.url,
            "org_id": org.org_id,
            "tenant": site.tenant,
            "is_sandbox": org.is_sandbox,
            "secret_expired": site.secret_expired,
            "user_disabled": bool(disabled),
            "user_missing": application is None,
            "no_role": not org.rows('SELECT 1 FROM "systemuserroles" WHERE "systemuserid" = ?', org.admin_id),
            "page_size": site.page_size,
            "secured_columns": sorted(
                f"{table.name}.{column.name}"
                for table in org.tables.values()
                for column in table.columns.values()
                if column.secured
            ),
            "request_limit": site.protection.requests,
            "time_limit": site.protection.milliseconds,
            "concurrency_limit": site.protection.at_once,
            "window_seconds": site.protection.window,
            "session_seconds": site.sessions.seconds,
            "next_link_host": site.next_link_host,
            "dop_hint": site.dop_hint,
            "customization_lock_seconds": max(0.0, site.customization_lock - site.now()),
        }

    def steer(self, wish: dict[str, Any]) -> None:
        """Change settings by name; all names are checked before the first is changed."""
        for name in wish:
            if name not in SETTERS:
                raise ValueError(f"setting {name!r} is unknown; use one of {', '.join(sorted(SETTERS))}")
        for name, value in wish.items():
            SETTERS[name](self.site, value)

    def counted(self) -> dict[str, Any]:
        """Requests by method and path template, and the operations that count for the daily entitlement."""
        return {"calls": dict(self.site.usage.calls), "used": self.site.usage.used, "limit": None}

    def reset(self) -> None:
        """Forget counts, writes, faults, limits and a fixed page size; rows and definitions stay."""
        site = self.site
        site.usage.calls.clear()
        site.usage.used = 0
        site.writes.clear()
        site.faults.clear()
        site.protection.reset()
        site.page_size = site.next_link_host = None
        site.customization_lock = 0.0

"""The Dynamics 365 face as one ASGI app: its routes, who asks, and what the edge must know about this CRM's manners.

A `Site` comes in; the app that the server runs leaves. Next room: `resources`.
"""

import gzip
import time
import zlib

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connector.emulator import control
from connector.emulator.dynamics import login, resources
from connector.emulator.dynamics.desk.call import Answer, Call
from connector.emulator.dynamics.desk.site import Site, base_of, refusal
from connector.emulator.dynamics.manners import Manners
from connector.emulator.dynamics.org.model import Problem
from connector.emulator.edge import Edge

VERSIONS = ("v9.0", "v9.1", "v9.2")
METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"]
ACT_FOR_OTHERS = "prvActOnBehalfOfAnotherUser"


def build(site: Site) -> Edge:
    """The whole app of an emulated org."""
    manners = Manners(site)

    async def data(request: Request) -> Response:
        body = await request.body()
        return await _served(site, request, body)

    async def lost(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return _sent(refusal(Problem(status, "0x8006088a", f"Nothing is served at {request.url.path}.")))

    routes: list[BaseRoute] = [
        *control.routes(manners, site.org.lock, site.faults, site.writes),
        Route("/api/data/{version}", data, methods=METHODS),
        Route("/api/data/{version}/{path:path}", data, methods=METHODS),
        *login.routes(site),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: lost})
    app.router.redirect_slashes = False
    return Edge(app, manners, site.faults, site.org.clock)


async def _served(site: Site, request: Request, body: bytes) -> Response:
    """One request of the data API: token and limits first, then the work in the thread pool."""
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    client_id = site.sessions.user_of(token.strip()) if scheme.lower() == "bearer" else None
    if client_id is None:
        return _sent(_unknown(site, request, token))
    try:
        site.protection.enter(client_id)
    except Problem as problem:
        return _sent(_with_limits(site, client_id, refusal(problem)))
    begun = time.perf_counter()
    try:
        made = await run_in_threadpool(_answered, site, request, body, client_id)
    finally:
        site.protection.leave(client_id, time.perf_counter() - begun)
    return _sent(_with_limits(site, client_id, made))


def _unknown(site: Site, request: Request, token: str) -> Answer:
    code, text = ("0x8004A102", "The ticket has expired.") if token else ("0x8004A100", "A ticket is missing.")
    made = refusal(Problem(401, code, text))
    base = base_of(request.url.scheme, request.headers.get("host", ""), site)
    made.headers.append(("WWW-Authenticate", login.challenge(site, base)))
    return made


def _answered(site: Site, request: Request, body: bytes, client_id: str) -> Answer:
    call = None
    try:
        call = _call(site, request, _unpacked(body, request.headers.get("content-encoding")))
        if not resources.customizes(call):
            return _locked(site, call, client_id)
        with site.customizing():
            return _locked(site, call, client_id)
    except Problem as problem:
        return refusal(problem, call is not None and call.wants("Microsoft.PowerApps.CDS.TraceText"))


def _locked(site: Site, call: Call, client_id: str) -> Answer:
    with site.org.lock:
        call.caller_id = _user(site, client_id)
        call.user_id = _acting(site, call)
        return resources.answer(site, call)


def _call(site: Site, request: Request, body: bytes) -> Call:
    version = str(request.path_params["version"])
    if version not in VERSIONS:
        text = f"The version '{version}' of the API is unknown; use {', '.join(VERSIONS)}."
        raise Problem(404, "0x8006088a", text)
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Call(
        method=request.method,
        path=str(request.path_params.get("path", "")),
        raw_query=request.scope["query_string"].decode("utf-8", "replace"),
        headers=headers,
        body=body,
        user_id="",
        root=f"{base_of(request.url.scheme, headers.get('host', ''), site)}/api/data/{version}/",
        lock=request.scope.get("emulator.lock"),
    )


def _user(site: Site, client_id: str) -> str:
    """The application user of an app; without one, or with a disabled one, nothing is served."""
    user_id = site.org.user_of_application(client_id)
    if user_id is None:
        raise Problem(403, "0x80072560", "The user is not a member of the organization.")
    return _enabled(site, user_id)


def _enabled(site: Site, user_id: str) -> str:
    found = site.org.rows('SELECT "isdisabled" FROM "systemuser" WHERE "systemuserid" = ?', user_id)
    if not found:
        raise Problem(403, "0x80072560", "The user is not a member of the organization.")
    if found[0][0]:
        raise Problem(403, "0x80040225", f"The specified user (Id={user_id}) is disabled.")
    return user_id


def _acting(site: Site, call: Call) -> str:
    """The user that the request acts for: its own, or the one it names and may stand in for."""
    by_object, by_id = call.header("callerobjectid"), call.header("mscrmcallerid")
    if by_object is None and by_id is None:
        return call.caller_id
    column, value = ("systemuserid", by_id) if by_object is None else ("azureactivedirectoryobjectid", by_object)
    if not _may_act_for_others(site, call.caller_id):
        text = f"Principal user (Id={call.caller_id}, type=8) is missing {ACT_FOR_OTHERS} privilege."
        raise Problem(403, "0x80040220", text)
    found = site.org.rows(f'SELECT "systemuserid" FROM "systemuser" WHERE "{column}" = ?', str(value).strip().lower())
    return _enabled(site, str(found[0][0]) if found else "")


def _may_act_for_others(site: Site, user_id: str) -> bool:
    if site.org.is_admin(user_id):
        return True
    sql = (
        'SELECT 1 FROM "systemuserroles" ur JOIN "roleprivileges" rp ON rp."roleid" = ur."roleid" '
        'JOIN "privilege" p ON p."privilegeid" = rp."privilegeid" WHERE ur."systemuserid" = ? AND p."name" = ?'
    )
    return bool(site.org.rows(sql, user_id, ACT_FOR_OTHERS))


def _unpacked(body: bytes, encoding: str | None) -> bytes:
    if not encoding or encoding.strip().lower() == "identity":
        return body
    try:
        return gzip.decompress(body) if encoding.strip().lower() == "gzip" else zlib.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise Problem(400, "0x80048d19", f"The body is announced as {encoding} but does not unpack: {error}") from error


def _with_limits(site: Site, client_id: str, made: Answer) -> Answer:
    """Add what is left of the caller's allowance."""
    requests, seconds = site.protection.left(client_id)
    made.headers += [
        ("x-ms-dop-hint", str(site.dop_hint)),
        ("x-ms-ratelimit-time-remaining-xrm-requests", f"{seconds:,.2f}"),
        ("x-ms-ratelimit-burst-remaining-xrm-requests", str(requests)),
    ]
    return made


def _sent(made: Answer) -> Response:
    response = Response(made.body, made.status)
    for name, value in made.headers:
        response.headers.append(name, value)
    return response

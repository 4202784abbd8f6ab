"""The desk every route of the Salesforce face sits at: who calls, what the body says, how answers and refusals look.

A Starlette request comes in; a `Call` goes to the route's function, and its `Response` (or `Problem`) leaves as JSON.
Next room: `call`, then `login`, `directory`, `rest`, `collections`, `query`, `composite`, `bulk` and `metadata`, which
hold the routes.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from connector.emulator.faults import Faults, Rule
from connector.emulator.keys import Keys, Sessions
from connector.emulator.salesforce.call import Call, unzip
from connector.emulator.salesforce.org.model import ObjectType, Problem
from connector.emulator.salesforce.org.records import Org
from connector.emulator.writes import Writes

OLDEST, NEWEST = 31, 67
JSON_TYPE = "application/json;charset=UTF-8"
PRIVATE = "no-cache,must-revalidate,max-age=0,no-store,private"
__all__ = ["Call", "Site", "Usage", "base_url", "error_entry", "not_found", "object_of", "unzip", "user_row"]
_pretty: ContextVar[bool] = ContextVar("pretty", default=False)


Handler = Callable[[Call], Response]


@dataclass
class Usage:
    """API calls counted against the org's daily allowance, and by method and path template for tests."""

    limit: int = 100_000
    used: int = 0
    calls: Counter[str] = field(default_factory=Counter)

    def count(self, template: str) -> None:
        """Count one call, or refuse it when the day's allowance is spent."""
        self.calls[template] += 1
        if self.used >= self.limit:
            raise Problem(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.used += 1


def _limits() -> dict[str, float]:
    text = files("connector.emulator.salesforce").joinpath("limits.json").read_text(encoding="utf-8")
    return {str(name): most for name, most in json.loads(text).items()}


@dataclass
class Allowances:
    """What the org may use in a day of other things than API calls, under the names of the limits resource."""

    most: dict[str, float] = field(default_factory=_limits)
    used: Counter[str] = field(default_factory=Counter)

    def left(self, name: str) -> float:
        """What is left of one of them."""
        return max(0.0, self.most[name] - self.used[name])

    def use(self, name: str, amount: float = 1) -> None:
        """Use some of it; who uses it up is refused by the asker, not here."""
        self.used[name] += amount  # type: ignore[assignment]

    def reset(self) -> None:
        """Have everything again."""
        self.most, self.used = _limits(), Counter()

    def set(self, wish: Mapping[str, Mapping[str, float]]) -> None:
        """Set `Max` and `Remaining` of some of them, as the limits resource shows them."""
        for name, value in wish.items():
            if name not in self.most or not set(value) <= {"Max", "Remaining"}:
                raise ValueError(f"limit {name!r}: write a name of the limits resource, and Max and Remaining for it")
        for name, value in wish.items():
            self.most[name] = value.get("Max", self.most[name])
            self.used[name] = self.most[name] - value.get("Remaining", self.left(name))  # type: ignore[assignment]


@dataclass
class Site:
    """One emulated org with everything its routes share."""

    org: Org
    keys: Keys
    sessions: Sessions
    faults: Faults
    writes: Writes = field(default_factory=Writes)
    usage: Usage = field(default_factory=Usage)
    page_size: int | None = None  # tests may fix the size of query pages; None: the server decides
    url: str = ""  # where the site listens, known once the socket is bound
    allowances: Allowances = field(default_factory=Allowances)
    closing: list[Callable[[], None]] = field(default_factory=list)  # what is to be ended with the server

    def authenticate(self, request: Request) -> str:
        """Id of the user whose session the request carries; refuses missing, garbled and expired sessions."""
        scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
        if scheme.lower() not in ("bearer", "oauth") or not token.strip():
            raise Problem(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
        user_id = self.sessions.user_of(token.strip())
        if user_id is None:
            raise Problem(401, "INVALID_SESSION_ID", "Session expired or invalid")
        return user_id

    def version(self, request: Request) -> str:
        """API version of the request's path as `66.0`; 410 for retired ones, 404 for unknown ones."""
        text = str(request.path_params.get("version", ""))
        number, dot, tail = text[1:].partition(".")
        if not (text[:1] == "v" and number.isdigit() and len(number) <= 3 and dot and tail == "0"):
            raise not_found()
        if int(number) < OLDEST:
            raise Problem(410, "GONE", f"API version {text[1:]} is retired; use {OLDEST}.0 to {NEWEST}.0")
        if int(number) > NEWEST:
            raise not_found()
        return f"{int(number)}.0"

    def json(self, data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """An answer in JSON, indented when the caller asked for it."""
        body = orjson.dumps(data, option=orjson.OPT_INDENT_2 if _pretty.get() else None)
        return Response(body, status, {"Cache-Control": PRIVATE, **(headers or {})}, JSON_TYPE)

    def empty(self, status: int = 204, headers: Mapping[str, str] | None = None) -> Response:
        """An answer without a body."""
        return Response(None, status, {"Cache-Control": PRIVATE, **(headers or {})})

    def problem(self, problem: Problem) -> Response:
        """A refusal in the envelope of the REST API: an array of one error."""
        return self.json([error_entry(problem)], problem.status)

    def faulty_rows(self, call: Call, count: int) -> frozenset[int]:
        """Positions of rows that a fault rule locks in this write of `count` rows."""
        rule: Rule | None = call.request.scope.get("emulator.lock")
        return rule.rows_hit(count) if rule else frozenset()

    def handler(self, fn: Handler, *, free: bool = False) -> Callable[[Request], Awaitable[Response]]:
        """Endpoint around `fn`: version, session, counting, body, the org's lock, error envelopes, limit header.

        `fn` is synchronous and runs in the thread pool with `Org.lock` held, or, when `free`, without it.
        """

        async def endpoint(request: Request) -> Response:
            _pretty.set(request.headers.get("x-prettyprint") == "1")
            body = await request.body()
            return await run_in_threadpool(self.answer, fn, request, body, free=free)

        endpoint.plain = fn  # type: ignore[attr-defined]  # what a composite request calls
        return endpoint

    def answer(self, fn: Handler, request: Request, body: bytes, *, free: bool = False) -> Response:
        """Carry out `fn` for a request whose body has been read, and put its refusals into the error envelope."""
        try:
            with self.org.lock:
                version = self.version(request)
                user_id = self.authenticate(request)
                self.org.access.require_api(user_id)
                self.usage.count(f"{request.method} {request.scope['route'].path}")
            with nullcontext() if free else self.org.lock:
                response = fn(Call(request, user_id, version, unzip(body, request.headers.get("content-encoding"))))
        except Problem as problem:
            response = self.problem(problem)
        response.headers["Sforce-Limit-Info"] = f"api-usage={self.usage.used}/{self.usage.limit}"
        return response


def not_found() -> Problem:
    """The refusal of a path that leads nowhere."""
    return Problem(404, "NOT_FOUND", "The requested resource does not exist")


def object_of(site: Site, user_id: str, name: str) -> ObjectType:
    """The object a path names; paths answer 404 where SOQL answers INVALID_TYPE."""
    kind = site.org.objects.get(name.lower())
    if kind is None or not site.org.access.can(user_id, name, "read"):
        raise not_found()
    return kind


def base_url(site: Site, request: Request) -> str:
    """The site's address under the host name the caller used."""
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host}" if host else site.url


def user_row(site: Site, column: str, value: str) -> dict[str, Any] | None:
    """One user's record by Id or Username; user names know no case."""
    quoted = {"Id": '"Id"', "Username": '"Username"'}[column]
    cursor = site.org.db.execute(f'SELECT * FROM "User" WHERE {quoted} = ? COLLATE NOCASE', (value,))
    row = cursor.fetchone()
    return dict(zip((item[0] for item in cursor.description), row, strict=True)) if row else None


def error_entry(problem: Problem) -> dict[str, Any]:
    """One error as the REST API spells it; routing errors name the code first, as recorded."""
    if problem.code == "NOT_FOUND":
        return {"errorCode": problem.code, "message": problem.message}
    entry: dict[str, Any] = {"message": problem.message, "errorCode": problem.code}
    if problem.fields is not None:
        entry["fields"] = problem.fields
    return entry

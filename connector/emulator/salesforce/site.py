"""The desk every route of the Salesforce face sits at: who calls, what the body says, how answers and refusals look.

A Starlette request comes in; a `Call` goes to the route's function, and its `Response` (or `Problem`) leaves as JSON.
Next room: `login`, then `directory`, `rest`, `query`, `collections` and `metadata`, which hold the routes.
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import orjson
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from connector.emulator.faults import Faults, Rule
from connector.emulator.keys import Keys, Sessions
from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.org.records import Org
from connector.emulator.writes import Writes

OLDEST, NEWEST = 31, 67
JSON_TYPE = "application/json;charset=UTF-8"
PRIVATE = "no-cache,must-revalidate,max-age=0,no-store,private"
_pretty: ContextVar[bool] = ContextVar("pretty", default=False)


@dataclass(frozen=True)
class Part:
    """One part of a multipart body; `content_type` is empty when the part names none."""

    name: str
    filename: str | None
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Call:
    """One authenticated request with its body read and unzipped; `version` is the number alone, as `66.0`."""

    request: Request
    user_id: str
    version: str
    body: bytes

    @property
    def path(self) -> Mapping[str, Any]:
        """Parameters of the route's path."""
        return self.request.path_params

    @property
    def query(self) -> QueryParams:
        """Parameters behind the question mark."""
        return self.request.query_params

    def header(self, name: str) -> str | None:
        """A request header, or None."""
        return self.request.headers.get(name)

    def json(self) -> Any:
        """The body as JSON; refuses what is not JSON, and a content type other than JSON."""
        kind = (self.header("content-type") or "application/json").split(";")[0].strip().lower()
        if kind not in ("application/json", "text/json", "application/octet-stream"):
            raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-type '{kind}' is not supported, send application/json")
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise Problem(400, "JSON_PARSER_ERROR", f"{error.msg} at [line:{error.lineno}, column:{error.colno}]") from error

    def json_object(self) -> dict[str, Any]:
        """The body as one JSON object; anything else is refused."""
        value = self.json()
        if not isinstance(value, dict):
            raise Problem(400, "JSON_PARSER_ERROR", "The HTTP entity body must hold one JSON object here")
        return value

    def parts(self) -> list[Part]:
        """The parts of a multipart body, in the order sent."""
        kind, options = parse_options_header(self.header("content-type") or "")
        if not kind.startswith(b"multipart/") or b"boundary" not in options:
            raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", "A multipart body with a boundary is needed here")
        return _parse_parts(self.body, options[b"boundary"])


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
        option = orjson.OPT_INDENT_2 if _pretty.get() else 0
        body = orjson.dumps(data, option=option | orjson.OPT_NON_STR_KEYS)
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

    def handler(self, fn: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Endpoint around `fn`: version, session, counting, body, the org's lock, error envelopes, limit header.

        `fn` is synchronous and runs in the thread pool with `Org.lock` held.
        """

        async def endpoint(request: Request) -> Response:
            _pretty.set(request.headers.get("x-prettyprint") == "1")
            body = await request.body()
            return await run_in_threadpool(self._answer, fn, request, body)

        return endpoint

    def _answer(self, fn: Handler, request: Request, body: bytes) -> Response:
        with self.org.lock:
            try:
                version = self.version(request)
                user_id = self.authenticate(request)
                self.usage.count(f"{request.method} {request.scope['route'].path}")
                response = fn(Call(request, user_id, version, unzip(body, request.headers.get("content-encoding"))))
            except Problem as problem:
                response = self.problem(problem)
            response.headers["Sforce-Limit-Info"] = f"api-usage={self.usage.used}/{self.usage.limit}"
            return response


def not_found() -> Problem:
    """The refusal of a path that leads nowhere."""
    return Problem(404, "NOT_FOUND", "The requested resource does not exist")


def base_url(site: Site, request: Request) -> str:
    """The site's address under the host name the caller used."""
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host}" if host else site.url


def user_row(site: Site, column: str, value: str) -> dict[str, Any] | None:
    """One user's record by Id or Username; user names know no case."""
    quoted = {"Id": '"Id"', "Username": '"Username"'}[column]
    cursor = site.org.db.execute(f'SELECT * FROM "User" WHERE {quoted} = ? COLLATE NOCASE', (value,))  # noqa: S608
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


def unzip(body: bytes, encoding: str | None) -> bytes:
    """The body as its sender wrote it, before any gzip."""
    if not encoding or encoding.strip().lower() == "identity":
        return body
    if encoding.strip().lower() != "gzip":
        raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Encoding '{encoding}' is not supported, send gzip")
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise Problem(400, "MALFORMED_REQUEST", f"The body is announced as gzip but does not unpack: {error}") from error


def _parse_parts(body: bytes, boundary: bytes) -> list[Part]:
    parts: list[Part] = []
    headers: dict[str, str] = {}
    content = bytearray()
    name, value = bytearray(), bytearray()

    def end_header() -> None:
        headers[name.decode("latin-1").lower()] = value.decode("utf-8", "replace")
        name.clear()
        value.clear()

    def end_part() -> None:
        _, options = parse_options_header(headers.get("content-disposition", ""))
        filename = options.get(b"filename")
        label = options.get(b"name", b"").decode("utf-8", "replace")
        shown = filename.decode("utf-8", "replace") if filename is not None else None
        parts.append(Part(label, shown, headers.get("content-type", ""), bytes(content)))
        headers.clear()
        content.clear()

    parser = MultipartParser(
        boundary,
        {
            "on_header_field": lambda data, start, end: name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: value.extend(data[start:end]),
            "on_header_end": end_header,
            "on_part_data": lambda data, start, end: content.extend(data[start:end]),
            "on_part_end": end_part,
        },
    )
    parser.write(body)
    parser.finalize()
    return parts

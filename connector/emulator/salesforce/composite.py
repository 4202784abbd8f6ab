"""Several requests in one: composite with references between them, batch, and graph.

One call comes in; each request inside it is answered by the route that would have answered it alone, with the same
user and under one hold of the org's lock. Next room: `trees`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from connector.emulator.salesforce.directory import DATA
from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.site import Call, Handler, Site, error_entry, not_found

MOST_PARTS, MOST_HEAVY = 25, 5
MOST_GRAPHS, MOST_NODES = 75, 500
REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\.\w+|\[\d+\])*)\}")
STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
NAME = re.compile(r"[A-Za-z0-9_]+")
HALTED = "The transaction was rolled back since another operation in the same transaction failed."
FORBIDDEN = {"accept", "authorization", "content-type"}
TOLD = ("location", "etag", "last-modified")


@dataclass(frozen=True)
class Part:
    """One request inside another."""

    method: str
    url: str
    body: Any = None
    headers: Mapping[str, str] | None = None
    name: str = ""


@dataclass(frozen=True)
class Answered:
    """What became of a part."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def good(self) -> bool:
        """Whether the part did what it should."""
        return self.status < 400


class _UndoneError(Exception):
    """A part failed and the caller wants all or none."""


def routes(site: Site, known: Sequence[BaseRoute]) -> list[Route]:
    """Composite resources; `known` are the routes that may be asked inside, looked at when a call comes in."""

    def of(fn: Any, *more: Any) -> Any:
        return site.handler(partial(fn, site, *more))

    return [
        Route(f"{DATA}/composite", of(_composite, known), methods=["POST"]),
        Route(f"{DATA}/composite/batch", of(_batch, known), methods=["POST"]),
        Route(f"{DATA}/composite/graph", of(_graph, known), methods=["POST"]),
    ]


def _composite(site: Site, known: Sequence[BaseRoute], call: Call) -> Response:
    body = call.json_object()
    parts = _parts(body.get("compositeRequest"), MOST_PARTS)
    answers, _ = _together(site, known, call, parts, all_or_none=body.get("allOrNone") is True)
    return site.json({"compositeResponse": answers})


def _graph(site: Site, known: Sequence[BaseRoute], call: Call) -> Response:
    graphs = call.json_object().get("graphs")
    if not isinstance(graphs, list) or not all(isinstance(one, dict) for one in graphs) or not graphs:
        raise Problem(400, "JSON_PARSER_ERROR", "The body must hold a list of graphs")
    if len(graphs) > MOST_GRAPHS:
        raise Problem(400, "LIMIT_EXCEEDED", f"A call may hold {MOST_GRAPHS} graphs")
    found = []
    for one in graphs:
        parts = _parts(one.get("compositeRequest"), MOST_NODES)
        answers, good = _together(site, known, call, parts, all_or_none=True)
        response = {"compositeResponse": answers}
        found.append({"graphId": one.get("graphId"), "graphResponse": response, "isSuccessful": good})
    return site.json({"graphs": found})


def _batch(site: Site, known: Sequence[BaseRoute], call: Call) -> Response:
    body = call.json_object()
    wanted, halt = body.get("batchRequests"), body.get("haltOnError") is True
    if not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted) or not wanted:
        raise Problem(400, "JSON_PARSER_ERROR", "The body must hold a list of batchRequests")
    if len(wanted) > MOST_PARTS:
        raise Problem(400, "LIMIT_EXCEEDED", f"A batch may hold {MOST_PARTS} requests")
    results: list[dict[str, Any]] = []
    failed = False
    for one in wanted:
        if failed and halt:
            text = "Batch processing halted per request"
            results.append({"statusCode": 412, "result": [{"errorCode": "BATCH_PROCESSING_HALTED", "message": text}]})
            continue
        part = Part(str(one.get("method", "GET")).upper(), _from_root(str(one.get("url", ""))), one.get("richInput"))
        site.usage.used += 1  # every request inside a batch counts, beside the batch itself
        answered = _ask(site, known, call, part)
        failed = failed or not answered.good
        results.append({"statusCode": answered.status, "result": answered.body})
    return site.json({"hasErrors": failed, "results": results})


def _from_root(url: str) -> str:
    return url if url.startswith("/") else f"/services/data/{url.removeprefix('services/data/')}"


def _parts(wanted: Any, most: int) -> list[Part]:
    if not isinstance(wanted, list) or not wanted or not all(isinstance(one, dict) for one in wanted):
        raise Problem(400, "JSON_PARSER_ERROR", "The body must hold a list of compositeRequest")
    if len(wanted) > most:
        raise Problem(400, "LIMIT_EXCEEDED", f"A composite request may hold {most} subrequests")
    parts = [_part(one) for one in wanted]
    names = [part.name for part in parts]
    for name in names:
        if not NAME.fullmatch(name) or names.count(name) > 1:
            raise Problem(400, "INVALID_INPUT", f"referenceId '{name}' must be made of letters, digits and _, and once")
    heavy = [part for part in parts if re.search(r"/(query|queryAll|composite/sobjects)\b", part.url)]
    if most == MOST_PARTS and len(heavy) > MOST_HEAVY:
        raise Problem(400, "LIMIT_EXCEEDED", f"A composite request may hold {MOST_HEAVY} queries and collections")
    return parts


def _part(one: Mapping[str, Any]) -> Part:
    for key in ("method", "url", "referenceId"):
        if not isinstance(one.get(key), str):
            raise Problem(400, "JSON_PARSER_ERROR", f"A subrequest needs the text {key}")
    headers = one.get("httpHeaders") or {}
    if not isinstance(headers, dict) or FORBIDDEN & {str(name).lower() for name in headers}:
        raise Problem(400, "INVALID_INPUT", "httpHeaders must be an object without Accept, Authorization, Content-Type")
    return Part(one["method"].upper(), one["url"], one.get("body"), headers, one["referenceId"])


def _together(
    site: Site, known: Sequence[BaseRoute], call: Call, parts: Sequence[Part], *, all_or_none: bool
) -> tuple[list[dict[str, Any]], bool]:
    """Answer parts in order, each seeing the answers before it; with `all_or_none` a failure undoes them all."""
    told: dict[str, Answered] = {}
    try:
        with site.org.transaction(), site.writes.transaction():
            for part in parts:
                told[part.name] = _referring(site, known, call, part, told)
                if all_or_none and not told[part.name].good:
                    raise _UndoneError
    except _UndoneError:
        culprit = parts[len(told) - 1].name
        halted = Answered(400, [error_entry(Problem(400, "PROCESSING_HALTED", HALTED))], {})
        told = {part.name: told[culprit] if part.name == culprit else halted for part in parts}
    answers = [
        {"body": one.body, "httpHeaders": one.headers, "httpStatusCode": one.status, "referenceId": name}
        for name, one in told.items()
    ]
    return answers, all(one.good for one in told.values())


def _referring(
    site: Site, known: Sequence[BaseRoute], call: Call, part: Part, told: Mapping[str, Answered]
) -> Answered:
    try:
        url, body = _filled(part.url, told), _filled(part.body, told)
    except Problem as problem:
        return Answered(problem.status, [error_entry(problem)], {})
    return _ask(site, known, call, replace(part, url=str(url), body=body))


def _filled(value: Any, told: Mapping[str, Answered]) -> Any:
    """The value with what earlier answers said in place of references to them."""
    if isinstance(value, dict):
        return {key: _filled(one, told) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, told) for one in value]
    if not isinstance(value, str):
        return value
    whole = REFERENCE.fullmatch(value)
    if whole is not None:
        return _looked_up(whole, told)
    return REFERENCE.sub(lambda found: str(_looked_up(found, told)), value)


def _looked_up(reference: re.Match[str], told: Mapping[str, Answered]) -> Any:
    name, steps = reference[1], reference[2]
    value = told[name].body if name in told else None
    for key, place in STEP.findall(steps):
        if key and isinstance(value, dict) and key in value:
            value = value[key]
        elif place and isinstance(value, list) and int(place) < len(value):
            value = value[int(place)]
        else:
            value = None
    if value is None or isinstance(value, dict | list):
        shown = f"{name}{steps}"
        text = f"Invalid reference specified. No value for {shown} found in {name}. Please check your request."
        raise Problem(400, "PROCESSING_HALTED", text)
    return value


def _ask(site: Site, known: Sequence[BaseRoute], call: Call, part: Part) -> Answered:
    """Answer one part as its own route would."""
    try:
        with site.org.transaction():
            response = _dispatch(site, known, call, part)
    except Problem as problem:
        response = site.problem(problem)
    body = orjson.loads(response.body) if response.body else None
    headers = {_titled(name): response.headers[name] for name in TOLD if name in response.headers}
    return Answered(response.status_code, body, headers)


def _titled(name: str) -> str:
    return "ETag" if name == "etag" else name.title()


def _dispatch(site: Site, known: Sequence[BaseRoute], call: Call, part: Part) -> Response:
    parts = urlsplit(part.url)
    path = parts.path.rstrip("/")
    if re.search(r"/(composite(?!/sobjects)|jobs|metadata|tooling)(/|$)", path):
        raise Problem(400, "INVALID_INPUT", f"'{path}' cannot be asked inside a composite request")
    headers = [(b"host", (call.header("host") or "").encode())]
    headers += [(name.lower().encode(), str(value).encode("latin-1")) for name, value in (part.headers or {}).items()]
    scope = {
        **call.request.scope,
        "method": part.method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": parts.query.encode(),
        "headers": headers,
        "path_params": {},
    }
    fn, scope = _route(known, scope)
    request = Request(scope)
    body = orjson.dumps(part.body) if part.body is not None else b""
    return fn(Call(request, call.user_id, site.version(request), body))


def _route(known: Sequence[BaseRoute], scope: dict[str, Any]) -> tuple[Handler, dict[str, Any]]:
    wrong_method = False
    for route in known:
        match, child = route.matches(scope)
        fn: Handler | None = getattr(getattr(route, "endpoint", None), "plain", None)
        if match is Match.FULL and fn is not None:
            return fn, {**scope, **child, "route": route}
        wrong_method = wrong_method or match is Match.PARTIAL
    if wrong_method:
        raise Problem(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{scope['method']}' not allowed")
    raise not_found()

"""The emulator's own address /_emulator/…, by which tests of another process steer the org and read what it was told.

Only callers on this machine are served. Wishes come in as JSON; settings, faults and counters are changed or told.
Next room: `faults`.
"""

import ipaddress
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector.emulator.faults import FaultError, Faults
from connector.emulator.writes import Writes


class ControlError(ValueError):
    """A wish that cannot be understood."""


class Steered(Protocol):
    """What a face lets the control endpoint do."""

    def state(self) -> dict[str, Any]:
        """Present settings."""

    def steer(self, wish: dict[str, Any]) -> None:
        """Change settings; raises ValueError or KeyError with a plain message for what it does not know."""

    def counted(self) -> dict[str, Any]:
        """Calls counted so far."""

    def reset(self) -> None:
        """Forget counts, writes, faults and overrides."""


Act = Callable[[Any, Any], Any]


def routes(steered: Steered, lock: threading.RLock, faults: Faults, writes: Writes) -> list[Route]:
    """The control endpoint of a face; `lock` guards its org."""
    acts: list[tuple[str, str, Act]] = [
        ("GET", "calls", lambda _wish, _query: steered.counted()),
        ("POST", "reset", lambda _wish, _query: steered.reset()),
        ("GET", "faults", lambda _wish, _query: _shown(faults)),
        ("POST", "faults", lambda wish, _query: _replace(faults, wish)),
        ("DELETE", "faults", lambda _wish, _query: faults.clear()),
        ("GET", "org", lambda _wish, _query: steered.state()),
        ("POST", "org", lambda wish, _query: steered.steer(wish)),
        ("GET", "writes", lambda _wish, query: {"writes": writes.by_record(query.get("id"), query.get("object"))}),
    ]
    return [Route(f"/_emulator/{name}", _endpoint(lock, act), methods=[method]) for method, name, act in acts]


def _endpoint(lock: threading.RLock, act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        host = request.client.host if request.client else ""
        if not host or not ipaddress.ip_address(host).is_loopback:
            return JSONResponse({"error": "the control endpoint answers only this machine"}, 403)
        body = await request.body()
        return await run_in_threadpool(_act, lock, act, body, request.query_params)

    return answer


def _act(lock: threading.RLock, act: Act, body: bytes, query: Any) -> Response:
    try:
        wish = json.loads(body) if body else {}
        if not isinstance(wish, dict):
            raise ControlError("the body must be one JSON object")
        with lock:
            answer = act(wish, query)
    except (ValueError, KeyError, TypeError) as error:  # FaultError, ControlError and JSON errors are ValueErrors
        return JSONResponse({"error": str(error)}, 400)
    return JSONResponse({"done": True} if answer is None else answer)


def _shown(faults: Faults) -> dict[str, Any]:
    return {
        "faults": [
            {"kind": rule.kind, "path": rule.path, "seen": rule.seen, "struck": rule.struck} for rule in faults.rules
        ]
    }


def _replace(faults: Faults, wish: dict[str, Any]) -> None:
    rules = wish.get("faults", wish.get("fault"))
    if not isinstance(rules, list):
        raise FaultError("the body must hold a list of rules under the key faults")
    faults.replace(rules)

"""The outermost layer of the server: carries out faults, packs answers, and puts on the headers every answer has.

A raw request comes in from uvicorn and goes to the face's app; the app's whole answer is held, changed and sent.
Next room: `salesforce.site` or `dynamics.site`.
"""

import asyncio
import gzip
import logging
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from connector.emulator.faults import Faults, Rule

SMALLEST_GZIP = 256
CLOSING = 0.2  # seconds until a cut connection is gone for good
log = logging.getLogger(__name__)


class Face(Protocol):
    """What a CRM's face tells the edge about itself.

    `longest_uri` and `largest_head` are bytes: of the URI, and of URI and headers together. `json_type` is the content
    type of refusals, `fragment` the beginning of an answer that a fault cuts off before it was asked for.
    """

    longest_uri: int
    largest_head: int
    json_type: str
    fragment: bytes

    def headers(self, path: str) -> list[tuple[str, str]]:
        """Headers that every answer of this path carries."""

    def refusal(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body with which this CRM refuses for a fault rule; the rule's own headers win."""

    def too_long(self, status: int) -> bytes:
        """Body of a 414 or 431."""

    def crashed(self, error: Exception) -> bytes:
        """Body of a 500."""

    def end_sessions(self) -> None:
        """End every session."""


class Answer:
    """An app's whole answer, held back until the edge has decided what becomes of it."""

    def __init__(self, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None, body: bytes = b"") -> None:
        self.status, self.headers, self.body = status, headers or [], body

    async def take(self, message: Message) -> None:
        """Receive one ASGI message of the app."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def header(self, name: bytes) -> bytes | None:
        """One header of the answer."""
        return next((value for key, value in self.headers if key.lower() == name), None)


class Edge:
    """ASGI app around a face's app."""

    def __init__(self, app: ASGIApp, face: Face, faults: Faults, clock: Callable[[], datetime]) -> None:
        self.app, self.face, self.faults, self.clock = app, face, faults, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; requests of the control endpoint know neither faults nor limits."""
        path = scope["path"]
        if len(path) > 1 and path.endswith("/"):
            scope = {**scope, "path": path.rstrip("/") or "/"}
        if scope["path"].startswith("/_emulator"):
            await self.app(scope, receive, send)
            return
        rules = self.faults.striking(scope["method"], scope["path"])
        if await self._suffer([rule for rule in rules if rule.when == "before"], scope, receive, send, None):
            return
        answer = await self._ask(scope, receive)
        if await self._suffer([rule for rule in rules if rule.when == "after"], scope, receive, send, answer):
            return
        await self._send(scope, send, answer)

    async def _ask(self, scope: Scope, receive: Receive) -> Answer:
        size = len(scope["raw_path"]) + len(scope["query_string"])
        whole = size + sum(len(key) + len(value) + 4 for key, value in scope["headers"])
        if size > self.face.longest_uri or whole > self.face.largest_head:
            status = 414 if size > self.face.longest_uri else 431
            return Answer(status, self._json_type(), self.face.too_long(status))
        answer = Answer()
        try:
            await self.app(scope, receive, answer.take)
        except Exception as error:  # the emulator's own fault: it must show, in the log and to the caller
            log.exception("%s %s failed inside the emulator", scope["method"], scope["path"])
            return Answer(500, self._json_type(), self.face.crashed(error))
        return answer

    async def _suffer(
        self, rules: list[Rule], scope: Scope, receive: Receive, send: Send, answer: Answer | None
    ) -> bool:
        """Carry out rules; True when the request has had all the answer it will get."""
        for rule in rules:
            if rule.kind == "latency":
                await asyncio.sleep(rule.seconds)
            elif rule.kind == "session":
                self.face.end_sessions()
            elif rule.kind == "lock":
                scope["emulator.lock"] = rule
            elif rule.kind == "hangup":
                scope["emulator.transport"].abort()
                await _gone(receive)
                return True
            elif rule.kind == "drop":
                await self._send(scope, send, answer or Answer(200, self._json_type(), self.face.fragment), rule)
                transport = scope["emulator.transport"]
                transport.close()  # what is written still goes out
                asyncio.get_running_loop().call_later(
                    CLOSING, transport.abort
                )  # TLS would wait for the client's farewell
                await _gone(receive)
                return True
            else:
                status, headers, body = self.face.refusal(rule)
                kept = [(name.encode(), value.encode()) for name, value in {**headers, **rule.headers}.items()]
                await self._send(scope, send, Answer(status, self._json_type() + kept, body))
                return True
        return False

    async def _send(self, scope: Scope, send: Send, answer: Answer, cut: Rule | None = None) -> None:
        headers = [(key, value) for key, value in answer.headers if key.lower() != b"content-length"]
        headers += [(name.encode(), value.encode("latin-1")) for name, value in self._common(scope["path"])]
        body = answer.body
        sent = dict(scope["headers"])
        if (
            b"gzip" in sent.get(b"accept-encoding", b"").lower()
            and len(body) >= SMALLEST_GZIP
            and answer.header(b"content-encoding") is None
        ):
            body = gzip.compress(body, 1)
            headers.append((b"content-encoding", b"gzip"))
        if b"close" not in sent.get(b"connection", b"").lower():
            headers.append((b"connection", b"keep-alive"))
        if cut is not None and cut.declared:
            headers.append((b"content-length", str(max(1, len(body))).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if cut is None:
            await send({"type": "http.response.body", "body": body})
            return
        await send({"type": "http.response.body", "body": body[: int(len(body) * cut.at)], "more_body": True})

    def _common(self, path: str) -> list[tuple[str, str]]:
        return [("Date", format_datetime(self.clock(), usegmt=True)), *self.face.headers(path)]

    def _json_type(self) -> list[tuple[bytes, bytes]]:
        return [(b"content-type", self.face.json_type.encode())]


class HttpProtocol(H11Protocol):
    """uvicorn's HTTP protocol, which here also tells the app its connection, so that a fault can cut it."""

    def connection_made(self, transport: Any) -> None:
        """Take the connection and hand it to the app with every request."""
        super().connection_made(transport)
        self.app = partial(_with_transport, self.app, transport)


async def _with_transport(
    app: ASGIApp, transport: asyncio.Transport, scope: Scope, receive: Receive, send: Send
) -> None:
    await app({**scope, "emulator.transport": transport}, receive, send)


async def _gone(receive: Receive) -> None:
    """Wait until the connection is closed, which uvicorn would otherwise take for a forgotten answer."""
    while (await receive())["type"] != "http.disconnect":
        pass

"""The outermost layer of the server: carries out faults, packs answers, and puts on the headers every answer has.

A raw request comes in from uvicorn and goes to the face's app; the app's whole answer is held, changed and sent, but
one that comes in pieces, such as a page of bulk results, passes through piece by piece. Next room:
`salesforce.site` or `dynamics.site`.
"""

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from typing import Any, Protocol

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from connector.emulator.faults import MARKS, Faults, Rule

SMALLEST_GZIP, LARGE_PIECE = 256, 65_536
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
    """An app's answer, held back until the edge has decided what becomes of it; `begin` does so for one in pieces."""

    def __init__(
        self,
        status: int = 200,
        headers: list[tuple[bytes, bytes]] | None = None,
        body: bytes = b"",
        begin: "Callable[[Answer], Awaitable[Outlet]] | None" = None,
    ) -> None:
        self.status, self.headers, self.body = status, headers or [], body
        self.begin = begin
        self.outlet: Outlet | None = None

    async def take(self, message: Message) -> None:
        """Receive one ASGI message of the app."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            more = message.get("more_body", False)
            if more and self.outlet is None and self.begin is not None:
                self.outlet = await self.begin(self)
            if self.outlet is not None:
                await self.outlet.write(message.get("body", b""), more=more)
            else:
                self.body += message.get("body", b"")

    def header(self, name: bytes) -> bytes | None:
        """One header of the answer."""
        return next((value for key, value in self.headers if key.lower() == name), None)


class Outlet:
    """The body on its way out: packed, sent in small pieces over time, or cut off, as the request and the rules say."""

    def __init__(self, send: Send, *, packed: bool, size: int | None, cut: Rule | None, trickle: Rule | None) -> None:
        self._send, self._size, self._trickle = send, size, trickle
        self._packer = zlib.compressobj(1, wbits=31) if packed else None
        self._room = None if cut is None or size is None else int(size * cut.at)  # bytes that may still go out
        self.cut = cut is not None
        self.closed = False  # nothing more goes out: all is sent, or cut, or the caller has had another answer

    async def write(self, body: bytes, *, more: bool) -> None:
        """Send one piece of the body."""
        if self.closed:
            return
        if self._room is not None:
            body, more = body[: self._room], True
            self._room -= len(body)
        if self._packer is not None:
            body = await self._packed(body, more)
        step = max(1, len(body))
        if self._trickle is not None:
            step = max(1, -(-(self._size or len(body)) // self._trickle.pieces))
        for at in range(0, len(body), step):
            if self._trickle is not None:
                await asyncio.sleep(self._trickle.seconds / self._trickle.pieces)
            rest = more or at + step < len(body)
            await self._send({"type": "http.response.body", "body": body[at : at + step], "more_body": rest})
        if not body and not more:
            await self._send({"type": "http.response.body", "body": b""})
        self.closed = not more or self._room == 0

    async def _packed(self, body: bytes, more: bool) -> bytes:
        end = zlib.Z_FINISH if not more else zlib.Z_SYNC_FLUSH if self._room == 0 else zlib.Z_NO_FLUSH
        if len(body) < LARGE_PIECE:
            return self._pack(body, end)
        return await asyncio.to_thread(self._pack, body, end)  # other requests are served meanwhile

    def _pack(self, body: bytes, end: int) -> bytes:
        assert self._packer is not None  # noqa: S101 - only called where there is one
        packed = self._packer.compress(body)
        return packed if end == zlib.Z_NO_FLUSH else packed + self._packer.flush(end)


class Edge:
    """ASGI app around a face's app."""

    def __init__(self, app: ASGIApp, face: Face, faults: Faults, clock: Callable[[], datetime]) -> None:
        self.app, self.face, self.faults, self.clock = app, face, faults, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; requests of the control endpoint know neither faults nor limits."""
        path = scope["path"]
        if len(path) > 1 and (path.endswith("/") or path.startswith("//")):
            # Salesforce's own CLI keeps the slash that ends an instance's address, and so sends two.
            scope = {**scope, "path": "/" + path.strip("/")}
        if scope["path"].startswith("/_emulator"):
            await self.app(scope, receive, send)
            return
        rules = self.faults.striking(scope["method"], scope["path"])
        for rule in rules:
            if rule.kind in MARKS:
                scope[f"emulator.{rule.kind}"] = rule
        late = [rule for rule in rules if rule.when == "after" and rule.kind not in MARKS]
        early = [rule for rule in rules if rule.when == "before" and rule.kind not in MARKS]
        if await self._suffer(early, scope, receive, send, None):
            return

        async def begin(answer: Answer) -> Outlet:
            return await self._in_pieces(answer, late, scope, receive, send)

        answer = await self._ask(scope, receive, begin)
        if answer.outlet is None:
            if not await self._suffer(late, scope, receive, send, answer):
                await self._send(scope, send, answer)
        elif answer.outlet.cut:
            await self._close(scope, receive)

    async def _ask(self, scope: Scope, receive: Receive, begin: Callable[[Answer], Awaitable[Outlet]]) -> Answer:
        size = len(scope["raw_path"]) + len(scope["query_string"])
        whole = size + sum(len(key) + len(value) + 4 for key, value in scope["headers"])
        if size > self.face.longest_uri or whole > self.face.largest_head:
            status = 414 if size > self.face.longest_uri else 431
            return Answer(status, self._json_type(), self.face.too_long(status))
        answer = Answer(begin=begin)
        try:
            await self.app(scope, receive, answer.take)
        except ClientDisconnect:  # nobody is left to answer
            return Answer(400, self._json_type(), b"")
        except Exception as error:  # the emulator's own fault: it must show, in the log and to the caller
            log.exception("%s %s failed inside the emulator", scope["method"], scope["path"])
            if answer.outlet is not None:  # too late for another answer: the caller must see that this one broke off
                answer.outlet.cut = True
                return answer
            return Answer(500, self._json_type(), self.face.crashed(error))
        return answer

    async def _in_pieces(self, answer: Answer, late: list[Rule], scope: Scope, receive: Receive, send: Send) -> Outlet:
        """Begin to send an answer whose body comes in pieces, after what the rules for sent answers do to it."""
        cut = next((rule for rule in late if rule.kind == "drop"), None)
        if await self._suffer([rule for rule in late if rule is not cut], scope, receive, send, answer):
            refused = Outlet(send, packed=False, size=None, cut=None, trickle=None)
            refused.closed = True
            return refused
        return await self._begin(scope, send, answer, cut, _declared_size(answer))

    async def _suffer(
        self, rules: list[Rule], scope: Scope, receive: Receive, send: Send, answer: Answer | None
    ) -> bool:
        """Carry out rules; True when the request has had all the answer it will get."""
        for rule in rules:
            if rule.kind == "latency":
                await asyncio.sleep(rule.seconds)
            elif rule.kind == "session":
                self.face.end_sessions()
            elif rule.kind == "hangup":
                scope["emulator.transport"].abort()
                await _gone(receive)
                return True
            elif rule.kind == "drop":
                await self._send(scope, send, answer or Answer(200, self._json_type(), self.face.fragment), rule)
                await self._close(scope, receive)
                return True
            else:
                status, headers, body = self.face.refusal(rule)
                kept = [(name.encode(), value.encode()) for name, value in {**headers, **rule.headers}.items()]
                await self._send(scope, send, Answer(status, self._json_type() + kept, body))
                return True
        return False

    async def _close(self, scope: Scope, receive: Receive) -> None:
        """Close a connection whose answer is not whole."""
        transport = scope["emulator.transport"]
        transport.close()  # what is written still goes out
        asyncio.get_running_loop().call_later(CLOSING, transport.abort)  # TLS would wait for the client's farewell
        await _gone(receive)

    async def _send(self, scope: Scope, send: Send, answer: Answer, cut: Rule | None = None) -> None:
        outlet = await self._begin(scope, send, answer, cut, len(answer.body))
        await outlet.write(answer.body, more=False)

    async def _begin(self, scope: Scope, send: Send, answer: Answer, cut: Rule | None, size: int | None) -> Outlet:
        """Send the head of an answer whose body has `size` bytes, as far as that is known."""
        headers = [(key, value) for key, value in answer.headers if key.lower() != b"content-length"]
        headers += [(name.encode(), value.encode("latin-1")) for name, value in self._common(scope["path"])]
        sent = dict(scope["headers"])
        packed = b"gzip" in sent.get(b"accept-encoding", b"").lower() and answer.header(b"content-encoding") is None
        packed = packed and (size is None or size >= SMALLEST_GZIP) and "emulator.trickle" not in scope
        if packed:
            headers.append((b"content-encoding", b"gzip"))
        if b"close" not in sent.get(b"connection", b"").lower():
            headers.append((b"connection", b"keep-alive"))
        if cut is not None and cut.declared:
            headers.append((b"content-length", str(max(1, size or 0)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        return Outlet(send, packed=packed, size=size, cut=cut, trickle=scope.get("emulator.trickle"))

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


def _declared_size(answer: Answer) -> int | None:
    text = answer.header(b"content-length")
    return int(text) if text else None

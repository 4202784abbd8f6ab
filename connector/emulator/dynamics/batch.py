"""`$batch`: many requests in one, in order; those of a change set all or not at all.

A multipart body comes in and is taken apart; each part goes to the same dispatcher as a request of its own, and the
answers leave as one multipart body. Next room: `face`, which serves them all.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from connector.emulator.dynamics.desk.call import Answer, Call, payload_problem
from connector.emulator.dynamics.desk.site import DEADLOCK, Site, refusal
from connector.emulator.dynamics.org.model import Problem

MOST_REQUESTS, LONGEST_LINE = 1000, 65_536
BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
API = re.compile(r"^/?api/data/v[0-9.]+/?")
REFERENCE = re.compile(r"^/?(\$[^/?()]+)")
Dispatch = Callable[[Site, Call], Answer]


@dataclass
class Part:
    """One request of a batch: its line and headers, and what names it inside its change set."""

    call: Call
    content_id: str | None
    locked: bool = False  # a fault rule locks its row


@dataclass
class ChangeSet:
    """Requests that are carried out together."""

    parts: list[Part] = field(default_factory=list)


Item = Part | ChangeSet


def answer(site: Site, call: Call, dispatch: Dispatch) -> Answer:
    """Carry out a batch; without `continue-on-error` it ends at the first failure, whose status becomes its own."""
    items = _items(call, call.headers.get("content-type", ""), call.body, inside=False)
    parts = [part for item in items for part in (item.parts if isinstance(item, ChangeSet) else [item])]
    if len(parts) > MOST_REQUESTS:
        text = f"The batch holds {len(parts)} requests; at most {MOST_REQUESTS} are allowed."
        raise Problem(400, "0x80040203", text)
    _lock(site, call, parts)
    boundary, status, body = f"batchresponse_{uuid4()}", 200, []
    for item in items:
        piece, worst = _set_answer(site, item, dispatch) if isinstance(item, ChangeSet) else _one(site, item, dispatch)
        body.append(f"--{boundary}\r\n".encode() + piece)
        if worst >= 400 and not call.prefer["continue_on_error"]:
            status = worst
            break
    body.append(f"--{boundary}--\r\n".encode())
    return Answer(status, [("Content-Type", f"multipart/mixed; boundary={boundary}")], b"".join(body))


def _lock(site: Site, call: Call, parts: list[Part]) -> None:
    """Lock the rows that a fault rule picks among the writes of this batch."""
    writes = [part for part in parts if part.call.method != "GET"]
    for place in site.locked_rows(call, len(writes)):
        writes[place].locked = True


def _items(call: Call, content_type: str, body: bytes, *, inside: bool) -> list[Item]:
    """The parts of a multipart body."""
    found = BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/mixed") or found is None:
        raise payload_problem("", "A batch needs the content type 'multipart/mixed' with a boundary.")
    items: list[Item] = []
    for chunk in _chunks(body, (found[1] or found[2]).encode()):
        headers, content = _head(chunk)
        kind = headers.get("content-type", "")
        if kind.lower().startswith("multipart/mixed") and not inside:
            parts = _items(call, kind, content, inside=True)
            items.append(ChangeSet([part for part in parts if isinstance(part, Part)]))
        elif kind.lower().startswith("application/http"):
            items.append(_part(call, headers, content, inside=inside))
        else:
            raise payload_problem("", f"A part of a batch cannot have the content type '{kind}'.")
    return items


def _chunks(body: bytes, boundary: bytes) -> list[bytes]:
    """What stands between the delimiters; lines may end with or without a carriage return."""
    pieces = re.split(rb"(?:^|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|$)", body)
    if len(pieces) < 3:
        raise payload_problem("", f"The boundary '{boundary.decode('latin-1')}' does not occur in the body.")
    chunks = []
    for end, chunk in zip(pieces[1::2], pieces[2::2], strict=True):
        if end:
            break
        chunks.append(re.sub(rb"^\r?\n", b"", chunk, count=1))
    return chunks


def _head(chunk: bytes) -> tuple[dict[str, str], bytes]:
    """The headers of a part, by lower-case name, and what follows the blank line."""
    if re.match(rb"\r?\n", chunk):
        return {}, re.sub(rb"^\r?\n", b"", chunk, count=1)
    pieces = re.split(rb"\r?\n\r?\n", chunk, maxsplit=1)
    headers: dict[str, str] = {}
    for line in re.split(rb"\r?\n", pieces[0].rstrip()) if pieces[0].strip() else []:
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if not colon:
            raise payload_problem("", f"The line '{name}' of a batch is not a header.")
        key = name.strip().lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    return headers, pieces[1] if len(pieces) > 1 else b""


def _part(call: Call, outer: dict[str, str], content: bytes, *, inside: bool) -> Part:
    line, _, rest = content.lstrip(b"\r\n").partition(b"\n")
    text = line.decode("utf-8", "replace").strip()
    if len(text) > LONGEST_LINE:
        raise payload_problem("", f"A request line of a batch is longer than {LONGEST_LINE} characters.")
    method, _, remainder = text.partition(" ")
    url, space, protocol = remainder.rpartition(" ")  # the address itself may hold spaces
    if not space or not protocol.upper().startswith("HTTP/"):
        raise payload_problem("", f"The request line '{text}' of a batch must be: METHOD address HTTP/1.1")
    headers, body = _head(rest)
    path, query = _split(url.strip())
    if inside and method.upper() == "GET":
        raise payload_problem("", "A change set cannot hold GET requests.")
    inherited = {name: call.headers[name] for name in ("authorization",) if name in call.headers}
    made = replace(
        call,
        method=method.upper(),
        path=path,
        raw_query=query,
        headers={**inherited, **headers},
        body=body.strip(),
        in_batch=True,
        lock=None,
    )
    return Part(made, outer.get("content-id") or headers.get("content-id"))


def _split(url: str) -> tuple[str, str]:
    """Path below the root, decoded, and query of an address that may be absolute, rooted or relative."""
    address, _, query = url.partition("?")
    if "://" in address.partition("(")[0]:
        address = urlsplit(address).path
    return API.sub("", unquote(address)).lstrip("/"), query


def _one(site: Site, part: Part, dispatch: Dispatch) -> tuple[bytes, int]:
    made = _carried_out(site, part, part.call, dispatch)
    return _shown(part, made), made.status


def _set_answer(site: Site, changes: ChangeSet, dispatch: Dispatch) -> tuple[bytes, int]:
    """The nested answers of a change set; of one that failed, only the refusal."""
    boundary, pieces = f"changesetresponse_{uuid4()}", []
    references: dict[str, str] = {}
    try:
        with site.transaction():
            for part in changes.parts:
                made = _carried_out(site, part, _resolved(part.call, references), dispatch)
                if made.status >= 400:
                    raise _Failed(part, made)
                if part.content_id and made.entity:
                    references[f"${part.content_id}"] = made.entity
                pieces.append(f"--{boundary}\r\n".encode() + _shown(part, made))
    except _Failed as failed:
        return _shown(failed.part, failed.made), failed.made.status
    head = f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode()
    return head + b"".join(pieces) + f"--{boundary}--\r\n".encode(), 200


class _Failed(Exception):
    """Takes back what a change set did so far."""

    def __init__(self, part: Part, made: Answer) -> None:
        super().__init__()
        self.part, self.made = part, made


def _resolved(call: Call, references: dict[str, str]) -> Call:
    """The request with `$1` at the head of its path replaced by the row that part 1 made."""
    named = REFERENCE.match(call.path)
    path = call.path
    if named and named[1] in references:
        path = references[named[1]] + call.path[named.end() :]
    return replace(call, path=path, references=dict(references))


def _carried_out(site: Site, part: Part, call: Call, dispatch: Dispatch) -> Answer:
    annotated = call.wants("Microsoft.PowerApps.CDS.TraceText")
    try:
        if part.locked:
            raise Problem(500, "0x80044150", DEADLOCK)
        if call.path.startswith("$batch"):
            raise payload_problem("", "A batch cannot hold a batch.")
        named = REFERENCE.match(call.path)
        if named and named[1] != "$metadata":
            text = f"Content-ID Reference: '{named[1]}' does not exist in the batch context."
            raise Problem(400, "0x0", text)
        return dispatch(site, call)
    except Problem as problem:
        return refusal(problem, annotated)


def _shown(part: Part, made: Answer) -> bytes:
    """One answer as a part of the batch's own."""
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if part.content_id:
        lines.append(f"Content-ID: {part.content_id}")
    lines += ["", f"HTTP/1.1 {made.status} {HTTPStatus(made.status).phrase}"]
    if made.status >= 400:
        lines.append(f"REQ_ID: {uuid4()}")
    entity = made.header("odata-entityid")
    lines += [f"Location: {entity}"] if entity else []
    lines += [f"{name}: {value}" for name, value in made.headers]
    lines.append("OData-Version: 4.0")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + made.body + b"\r\n"

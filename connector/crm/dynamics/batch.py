"""Several requests in one: the multipart body of a `$batch`, and the answers in it.

Parts come in; one Reply for each leaves, or AnswerLost when the answer isn't whole. Next room: back to `describe`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson
import requests

from connector.crm.dynamics.login import Client

_LINE = re.compile(rb"\r?\n")
_GAP = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.\d (\d{3})")
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.I)


@dataclass(frozen=True)
class Part:
    """One request of a batch; `path` stands below `/api/data/v9.2/`."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """The answer to one part; `body` is its JSON."""

    status: int
    body: Any = None


def together(client: Client, parts: Sequence[Part], *, repeatable: bool) -> list[Reply]:
    """Answers to parts that are carried out one by one, each whatever became of the others."""
    client.spend(len(parts) - 1)
    mark = f"batch_{uuid4()}"

    def whole(response: requests.Response) -> list[Reply]:
        replies = decode(response.headers.get("Content-Type", ""), response.content)
        if len(replies) != len(parts):
            raise ValueError("answers that do not fit the requests")
        return replies

    replies: list[Reply] = client.send(
        "POST",
        "$batch",
        repeatable=repeatable,
        data=encode(client.base, parts, mark),
        headers={
            "Content-Type": f'multipart/mixed; boundary="{mark}"',
            "Prefer": "odata.continue-on-error",
            **({} if repeatable else client.acting),
        },
        parse=whole,
    )
    return replies


def encode(base: str, parts: Sequence[Part], mark: str) -> bytes:
    """The body of a batch."""
    lines = []
    for part in parts:
        lines += [f"--{mark}", "Content-Type: application/http", "Content-Transfer-Encoding: binary", ""]
        lines += [f"{part.method} {base}{part.path} HTTP/1.1", "Accept: application/json"]
        lines += [f"{name}: {value}" for name, value in part.headers.items()]
        if part.body is not None:
            lines.append("Content-Type: application/json")
        lines += ["", "" if part.body is None else orjson.dumps(part.body).decode()]
    return "\r\n".join([*lines, f"--{mark}--", ""]).encode()


def decode(content_type: str, content: bytes) -> list[Reply]:
    """The answers in a body; a ValueError when it isn't whole."""
    found = _BOUNDARY.search(content_type)
    if not found:
        raise ValueError("no answers in parts")
    mark = f"--{found[1]}".encode()
    _, *pieces = (b"\n" + content).split(b"\n" + mark)
    if not pieces or not pieces[-1].startswith(b"--"):
        raise ValueError("parts without an end")
    return [_reply(piece) for piece in pieces[:-1]]


def _reply(piece: bytes) -> Reply:
    """The answer in one part: headers of the part, an empty line, the answer's own head, an empty line, its body."""
    _, _, answer = _cut(piece)
    head, _, body = _cut(answer)
    status = _STATUS.match(_LINE.split(head.lstrip(), maxsplit=1)[0])
    if not status:
        raise ValueError("a part without a status")
    body = body.strip()
    return Reply(int(status[1]), orjson.loads(body) if body[:1] in (b"{", b"[") else None)


def _cut(text: bytes) -> tuple[bytes, bytes, bytes]:
    gap = _GAP.search(text)
    return (text[: gap.start()], gap[0], text[gap.end() :]) if gap else (text.rstrip(), b"", b"")

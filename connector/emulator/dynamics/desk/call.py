"""One request to the Web API, at the top level or inside a batch, and the answer to it.

Method, path, query, headers and body come in; segments, options, preferences and JSON leave. Next room: `site`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypedDict
from urllib.parse import unquote_plus

import orjson

from connector.emulator.dynamics.org.model import Problem
from connector.emulator.faults import Rule

JSON_TYPE = "application/json; odata.metadata=minimal"
HELP = "For more information on this error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293"
Headers = list[tuple[str, str]]


class Prefer(TypedDict):
    """What the caller prefers; every key is always there."""

    maxpagesize: int | None
    annotations: str | None
    representation: bool
    track: bool
    continue_on_error: bool
    respond_async: bool


@dataclass
class Answer:
    """What goes back to the caller, before the headers that every answer has.

    `entity` is the row that a write made or changed, as `accounts(<guid>)`, for references inside a change set.
    """

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    entity: str = ""

    def header(self, name: str) -> str | None:
        """One header of the answer, by its name in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class Call:
    """One authenticated request; `path` and `query` are decoded, `headers` have lower-case names.

    `root` is the address below which the caller asked, `segments` what follows it. `user_id` is the user the request
    acts for. `references` are the rows that earlier parts of the same change set made, as `$1` to `accounts(<guid>)`.
    """

    method: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes
    user_id: str
    root: str
    in_batch: bool = False
    references: Mapping[str, str] = field(default_factory=dict)
    lock: Rule | None = None  # the fault rule that locks rows of this request
    caller_id: str = ""  # who really asks, when the request acts for somebody else

    @cached_property
    def segments(self) -> list[str]:
        """The path's parts between slashes; a slash inside quotes parts nothing."""
        return split_outside(self.path.strip("/"), "/") if self.path.strip("/") else []

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """Names and values behind the question mark, in the order sent; a plus is a space."""
        pairs = (item.partition("=") for item in self.raw_query.split("&") if item)
        return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]

    def option(self, name: str) -> str | None:
        """A query option by its name in any case, as `$select`; None when it was not sent."""
        wanted = name.lower()
        return next((value for key, value in self.query if key.lower() == wanted), None)

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Parameter aliases: what `@p1` stands for."""
        return {name: value for name, value in self.query if name.startswith("@")}

    @cached_property
    def prefer(self) -> Prefer:
        """The preferences of all Prefer headers together."""
        return read_preferences(self.headers.get("prefer", ""))

    def wants(self, annotation: str) -> bool:
        """Whether the caller asked for this annotation, by its full name, a wildcard or `*`."""
        return _included(self.prefer["annotations"], annotation)

    def header(self, name: str) -> str | None:
        """A request header, or None; the literal `null` means it was not sent."""
        value = self.headers.get(name.lower())
        return None if value is None or value.strip().lower() == "null" else value

    def json(self) -> dict[str, Any]:
        """The body as one JSON object; refuses anything else."""
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise payload_problem("", f"{error.msg} at line {error.lineno}, column {error.colno}") from error
        if not isinstance(value, dict):
            raise payload_problem("", "A node of type 'StartObject' was expected when reading the request body.")
        return value


def json_answer(data: Any, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """An answer in JSON; `data` may be bytes that are JSON already."""
    body = data if isinstance(data, bytes) else orjson.dumps(data)
    return Answer(status, [("Content-Type", JSON_TYPE), *headers], body)


def empty(status: int = 204, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """An answer without a body."""
    return Answer(status, list(headers))


def payload_problem(set_name: str, reason: str) -> Problem:
    """The refusal of a body that does not fit the table it is meant for."""
    about = f" for Entity :'{set_name}'" if set_name else ""
    text = (
        f"Error identified in Payload provided by the user{about}, {HELP}"
        f"  ---->  InnerException : Microsoft.OData.ODataException: {reason}"
    )
    return Problem(400, "0x80048d19", text)


def split_outside(text: str, separator: str) -> list[str]:
    """Parts of a text between separators that stand outside quotes and brackets."""
    parts, start, depth, quoted = [], 0, 0, False
    for place, letter in enumerate(text):
        if letter == "'":
            quoted = not quoted  # a doubled quote switches twice
        elif quoted:
            continue
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == separator and depth <= 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def read_preferences(header: str) -> Prefer:
    """The preferences of a Prefer header; several may be joined by commas, unknown ones are passed over."""
    found: dict[str, str] = {}
    for item in _items(header):
        name, _, value = item.partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    size = found.get("odata.maxpagesize", found.get("maxpagesize", ""))
    return {
        "maxpagesize": int(size) if size.isascii() and size.isdigit() and int(size) > 0 else None,
        "annotations": found.get("odata.include-annotations", found.get("include-annotations")),
        "representation": found.get("return") == "representation",
        "track": "odata.track-changes" in found,
        "continue_on_error": "odata.continue-on-error" in found or "continue-on-error" in found,
        "respond_async": "respond-async" in found,
    }


def _items(header: str) -> list[str]:
    """Parts of a header between commas outside double quotes."""
    items, start, quoted = [], 0, False
    for place, letter in enumerate(header):
        if letter == '"':
            quoted = not quoted
        elif letter == "," and not quoted:
            items.append(header[start:place])
            start = place + 1
    return [item.strip() for item in [*items, header[start:]] if item.strip()]


def _included(wanted: str | None, annotation: str) -> bool:
    if wanted is None:
        return False
    name = annotation.lower()
    for pattern in (item.strip().lower() for item in wanted.split(",")):
        if pattern in ("*", name) or (pattern.endswith("*") and name.startswith(pattern[:-1])):
            return True
    return False

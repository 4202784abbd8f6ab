"""One request as a route sees it: who asks, in which version, and the body unzipped and parsed.

A Starlette request and its raw body come in; JSON, parameters and multipart parts leave. Next room: `directory`.
"""

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import QueryParams
from starlette.requests import Request

from connector.emulator.salesforce.org.model import Problem


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
            raise Problem(
                415, "UNSUPPORTED_MEDIA_TYPE", f"Content-type '{kind}' is not supported, send application/json"
            )
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise Problem(
                400, "JSON_PARSER_ERROR", f"{error.msg} at [line:{error.lineno}, column:{error.colno}]"
            ) from error

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


def unzip(body: bytes, encoding: str | None) -> bytes:
    """The body as its sender wrote it, before any gzip."""
    if not encoding or encoding.strip().lower() == "identity":
        return body
    if encoding.strip().lower() != "gzip":
        raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Encoding '{encoding}' is not supported, send gzip")
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise Problem(
            400, "MALFORMED_REQUEST", f"The body is announced as gzip but does not unpack: {error}"
        ) from error


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

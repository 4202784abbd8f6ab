"""Results kept as CSV in a file without a name: written once, line by line, read in pages.

Lines come in from a job's work; a page of them leaves as an answer that is sent piece by piece. Next room: `extract`.
"""

import csv
import tempfile
import threading
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PIECE = 512 * 1024
DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}


class Table:
    """CSV in a file: the header, then records whose places are known."""

    def __init__(self, header: Sequence[str], delimiter: str, line_ending: str, *, bare: Sequence[str] = ()) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as its job, or a page on its way
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._ends = array("Q")
        self._lines: list[str] = []
        dialect: dict[str, Any] = {"delimiter": DELIMITERS[delimiter], "lineterminator": LINE_ENDINGS[line_ending]}
        self._cut, self._end = f'"{DELIMITERS[delimiter]}"', LINE_ENDINGS[line_ending]
        names = [f'"{name}"' for name in header] + list(bare)  # an upload's own names come back as they were sent
        self.header = (DELIMITERS[delimiter].join(names) + LINE_ENDINGS[line_ending]).encode()
        self._writer = csv.writer(_Lines(self._lines), quoting=csv.QUOTE_ALL, **dialect)

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def size(self) -> int:
        """Bytes of all records."""
        return self._ends[-1] if self._ends else 0

    def write(self, rows: Iterable[Iterable[object]]) -> None:
        """Add records."""
        self._writer.writerows(rows)
        self._keep(self._lines)
        self._lines.clear()

    def write_full(self, rows: Sequence[Sequence[object]]) -> None:
        """Add records of one width none of whose values is None; texts without a quote are joined as they are."""
        try:
            lines = [self._cut.join(row) for row in rows]  # type: ignore[arg-type]
        except TypeError:  # a number
            lines = []
        if "".join(lines).count('"') == len(rows) * (2 * len(rows[0]) - 2):
            self._keep([f'"{line}"{self._end}' for line in lines])
        else:
            self.write(rows)

    def _keep(self, lines: Sequence[str]) -> None:
        blobs = [line.encode("utf-8", "surrogatepass") for line in lines]
        with self._lock:
            start = self.size
            self._file.seek(start)
            self._file.write(b"".join(blobs))
            self._ends.extend(_ends(start, blobs))

    def span(self, first: int, count: int) -> tuple[int, int]:
        """Where in the file some records begin and end."""
        last = min(len(self._ends), first + count)
        if last <= first:
            return (0, 0)
        return (self._ends[first - 1] if first else 0, self._ends[last - 1])

    def pieces(self, first: int, count: int) -> Iterator[bytes]:
        """The header and some records, piece by piece."""
        at, end = self.span(first, count)
        yield self.header
        while at < end:
            with self._lock:
                self._file.seek(at)
                piece = self._file.read(min(PIECE, end - at))
            at += len(piece)
            yield piece


class _Lines:
    """Takes the writer's lines."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append


def _ends(start: int, blobs: list[bytes]) -> Iterator[int]:
    ends = accumulate(map(len, blobs), initial=start)
    next(ends)
    return ends


class Page(Response):
    """An answer that sends some records of a table without holding them; `missing` of the last are left out."""

    def __init__(self, table: Table, first: int, count: int, headers: dict[str, str], missing: int = 0) -> None:
        self.status_code, self.background = 200, None
        self._pieces = table.pieces(first, max(0, count - missing))
        start, end = table.span(first, max(0, count - missing))
        size = len(table.header) + end - start
        self.init_headers({"Content-Type": "text/csv", "Content-Length": str(size), **headers})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, then piece after piece."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for piece in iterate_in_threadpool(self._pieces):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

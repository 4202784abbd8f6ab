"""Results of a query job: several pages on their way at once, each into a file of its own, none passed on unchecked.

A job's id comes in; files of CSV leave, in order, each with exactly the rows that its header promised. Memory holds a
piece of each page under way, never a page. Next room: `table`.
"""

import errno
import tempfile
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import IO
from urllib.parse import urlencode

import numpy as np
import requests

from connector.crm.failures import Broken
from connector.crm.salesforce.login import Client
from connector.errors import StoreFault

AT_ONCE = 4  # engine.md: more than that gains little
PIECE = 1 << 19
QUOTE, NEWLINE = ord('"'), ord("\n")


@dataclass
class _Page:
    """A page on its way: where the next one starts is known as soon as its answer begins."""

    following: Future[str | None] = field(default_factory=Future)


def pages(client: Client, path: str, rows: int) -> Generator[tuple[IO[bytes], int], None, None]:
    """Files of a job's result pages and their numbers of rows, up to `rows` each; the taker closes a file.

    The next page is asked for as soon as the head of the one before has come.
    """
    with ThreadPoolExecutor(AT_ONCE, "bulk-page") as pool:
        seen: set[str] = set()
        waiting: deque[tuple[_Page, Future[tuple[IO[bytes], int]]]] = deque()

        def ask(locator: str | None) -> None:
            page = _Page()
            waiting.append((page, pool.submit(_fetch, client, path, rows, locator, page)))

        def ask_ahead(*, patient: bool) -> None:
            while len(waiting) < AT_ONCE and (patient or waiting[-1][0].following.done()):
                if (locator := waiting[-1][0].following.result()) is None or locator in seen:
                    return
                seen.add(locator)
                ask(locator)

        ask(None)
        try:
            while waiting:
                ask_ahead(patient=len(waiting) == 1)
                yield waiting[0][1].result()
                if len(waiting) == 1:
                    ask_ahead(patient=True)
                waiting.popleft()
        finally:
            for _, coming in waiting:
                coming.cancel()
            for _, coming in waiting:
                if not coming.cancelled() and coming.exception() is None:
                    coming.result()[0].close()


def download(client: Client, path: str, rows: int | None = None) -> IO[bytes]:
    """One CSV table in a file; with `rows`, exactly so many rows, or it is fetched again."""
    return _get(client, path, lambda _: rows)[0]


def _fetch(client: Client, path: str, rows: int, locator: str | None, page: _Page) -> tuple[IO[bytes], int]:
    query = urlencode({"maxRecords": rows, **({"locator": locator} if locator else {})})

    def begun(response: requests.Response) -> int:
        count = response.headers.get("Sforce-NumberOfRecords", "")
        following = response.headers.get("Sforce-Locator", "null")
        if not count.isdigit():
            raise Broken("a page of results without its number of records")
        if not page.following.done():
            page.following.set_result(None if following in ("", "null") else following)
        return int(count)

    try:
        return _get(client, f"{path}?{query}", begun)
    except BaseException as error:
        if not page.following.done():
            page.following.set_exception(error)
        raise


def _get(client: Client, path: str, promised: Callable[[requests.Response], int | None]) -> tuple[IO[bytes], int]:
    return client.session.exchange(
        "GET", client.url + client.base + path, parse=partial(_save, promised), stream=True,
        headers={"Accept": "text/csv"},
    )  # fmt: skip


def _save(promised: Callable[[requests.Response], int | None], response: requests.Response) -> tuple[IO[bytes], int]:
    """The body in a file without a name; Broken when it holds another number of rows than promised."""
    wanted = promised(response)
    file = temporary()
    try:
        count = Counter()
        for piece in response.iter_content(PIECE):
            count.take(piece)
            file.write(piece)
        file.flush()
        if not count.whole or (wanted is not None and count.rows != wanted):
            raise Broken(f"a table of {count.rows} rows came, and {'?' if wanted is None else wanted} were promised")
    except BaseException as error:
        file.close()
        response.close()
        raise _meaning(error) from None
    return file, count.rows


def _meaning(error: BaseException) -> BaseException:
    if isinstance(error, requests.RequestException):
        return Broken(f"the download broke off ({type(error).__name__})")
    return no_room(error) if isinstance(error, OSError) else error


def temporary() -> IO[bytes]:
    """A file without a name; the taker closes it."""
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise no_room(error) from None


def no_room(error: OSError) -> Exception:
    """What to tell of a temporary file that could not be written; the error itself when the disk isn't full."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return error
    return StoreFault(
        f"{tempfile.gettempdir()}: the disk is full, and what a Bulk job reads or writes goes there first."
        " Free room, or set the environment variable TMPDIR to a folder that has some; then run again."
    )


class Counter:
    """Counts the rows of a CSV piece by piece: newlines outside quotes, less the header."""

    def __init__(self) -> None:
        self._lines, self._quotes, self._last = 0, 0, b"\n"

    def take(self, piece: bytes) -> None:
        """Count one more piece."""
        if not piece:
            return
        bytes_ = np.frombuffer(piece, np.uint8)
        quotes, newlines = np.flatnonzero(bytes_ == QUOTE), np.flatnonzero(bytes_ == NEWLINE)
        before = np.searchsorted(quotes, newlines) + self._quotes
        self._lines += int(np.count_nonzero(before % 2 == 0))
        self._quotes += len(quotes)
        self._last = piece[-1:]

    @property
    def whole(self) -> bool:
        """Whether the text ends outside quotes, after a header."""
        return self._quotes % 2 == 0 and self._lines + (self._last != b"\n") > 0

    @property
    def rows(self) -> int:
        """Rows so far, the header not counted."""
        return max(0, self._lines + (self._last != b"\n") - 1)

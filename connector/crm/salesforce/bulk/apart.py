"""CSV to columns in a process of its own: parsing takes as long as storing, and both want the interpreter's one lock.

A checked page goes in by a pipe; columns of texts come out, some thousand rows at a time. The process knows this file
and nothing else of ours, has no login and no name of a file, and ends with the pipe, so also when we are killed.
Run as a script it is that process. Next room: `table`.
"""

import csv
import io
import marshal
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from threading import Thread
from typing import IO, Any, cast

AT_ONCE = 10_000
WORTH = 100_000  # rows of a job from which on a process of its own is quicker
PIECE = 1 << 20
_SIZE = 8
_LINE, _CUT = '"\n"', '","'
_BETWEEN = "\x1f"  # a column travels as one text when no value has this in it
Columns = list[Sequence[str]]


class Died(Exception):
    """The process ended before its page."""


def columns(file: IO[bytes]) -> Iterator[Columns]:
    """Columns of a CSV table without its header; lines that don't fit each other raise ValueError."""
    with io.TextIOWrapper(file, "utf-8", "replace", newline="") as text:
        try:
            width = len(next(csv.reader([text.readline()], strict=True), ()))
            rest = text.read(1)
            if rest == '"':
                yield from _quoted(text, width)
            elif rest:
                lines = csv.reader(chain([rest + text.readline()], text), strict=True)
                while some := list(islice(lines, AT_ONCE)):
                    yield list(zip(*some, strict=True))
        except csv.Error as error:
            raise ValueError(str(error)) from None


def _quoted(text: IO[str], width: int) -> Iterator[Columns]:
    """Columns of lines whose first value is in quotes, that quote not among them.

    Salesforce quotes every value, so a line is cut at `"` newline `"` and a value at `","`: a third of what a reader of
    CSV costs. A line in which that leaves a quote over has one in a value, or a value without any: the reader takes it.
    """
    rest, last = "", False
    while not last:
        piece = text.read(PIECE)
        last = len(piece) < PIECE
        lines = (rest + piece).split(_LINE)
        rest = lines.pop()
        if ended := last and rest.endswith('"\n'):
            lines, rest = [*lines, rest[:-2]], ""
        if (values := _plain(lines, width)) is not None:
            unended, some = list[str](), [values[place::width] for place in range(width)]
        else:
            mixed, unended = _mixed(lines, width)
            some = list(zip(*mixed, strict=True))
        if some:
            yield some
        rest = _LINE.join([*unended, rest])
        if last and (unended or not ended):
            yield list(zip(*_read(f'"{rest[:-1] if ended else rest}'), strict=True))


def _plain(lines: list[str], width: int) -> list[str] | None:
    """Values of lines none of which has a quote in a value; None of others.

    No line has a quote more than its cuts, and all values together none, so these are the cuts of a reader of CSV too.
    """
    if not lines or [line.count('"') for line in lines].count(2 * width - 2) != len(lines):
        return None
    values = _CUT.join(lines).split(_CUT)
    return values if len(values) == width * len(lines) else None


def _mixed(lines: Iterable[str], width: int) -> tuple[list[list[str]], list[str]]:
    """Values of lines some of which have quotes in them, and those at the end that are the beginning of one."""
    made, open_, quotes = list[list[str]](), list[str](), 0
    for line in lines:
        open_.append(line)
        quotes += line.count('"')
        # An odd number so far: the cut was inside of a value.
        if quotes % 2 == 0:
            values = line.split(_CUT) if len(open_) == 1 else []
            fits = len(values) == width and quotes == 2 * width - 2
            made += [values] if fits else _read(f'"{_LINE.join(open_)}"')
            open_.clear()
            quotes = 0
    return made, open_


def _read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


class Parser:
    """The process, begun when it is made; `columns` gives it one page after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 (this very file)
            [sys.executable, "-I", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._to, self._from = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def columns(self, file: IO[bytes]) -> Iterator[Columns]:
        """As `columns`; Died when the process is gone, ValueError when the table is wrong."""
        giver = Thread(target=self._give, args=[file], name="bulk-parse", daemon=True)
        giver.start()
        try:
            while (told := self._told()) is not None:
                if isinstance(told, str):
                    raise ValueError(told)
                yield [c.decode().split(_BETWEEN) if isinstance(c, bytes) else c for c in told]
        finally:
            if giver.is_alive():  # left before the end: what it still gives would be taken for the next page
                self._process.kill()
            giver.join()

    def _give(self, file: IO[bytes]) -> None:
        pipe = self._to
        try:
            file.seek(0, os.SEEK_END)
            pipe.write(file.tell().to_bytes(_SIZE, "big"))
            file.seek(0)
            while piece := file.read(PIECE):
                pipe.write(piece)
            pipe.flush()
        except OSError:  # it is gone: the reading end sees that too
            return

    def _told(self) -> Any:
        size = self._from.read(_SIZE)
        body = self._from.read(int.from_bytes(size, "big")) if len(size) == _SIZE else b""
        if not body or len(body) < int.from_bytes(size, "big"):
            raise Died
        return marshal.loads(body)  # noqa: S302 (from our own process)


class _Page(io.RawIOBase):
    """The next so many bytes of a pipe, as a file."""

    def __init__(self, pipe: IO[bytes], size: int) -> None:
        self._pipe, self._left = pipe, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        body = self._pipe.read(min(self._left, len(buffer)))
        self._left -= len(body)
        buffer[: len(body)] = body
        return len(body)


def _serve(given: IO[bytes], told: IO[bytes]) -> None:
    """Answer each page with its columns, then nothing; a table that is wrong with what is wrong."""

    def tell(what: Any) -> None:
        body = marshal.dumps(what)
        told.write(len(body).to_bytes(_SIZE, "big") + body)
        told.flush()

    while len(size := given.read(_SIZE)) == _SIZE:
        page = _Page(given, int.from_bytes(size, "big"))
        try:
            for some in columns(io.BufferedReader(page, PIECE)):
                tell([_joined(c) for c in some])
            tell(None)
        except ValueError as error:
            tell(str(error))
            return


def _joined(values: Sequence[str]) -> bytes | Sequence[str]:
    text = _BETWEEN.join(values)
    return text.encode() if text.count(_BETWEEN) == len(values) - 1 else tuple(values)


csv.field_size_limit(1 << 26)  # a long text may have 131,072 characters, and base64 in a text even more
if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)

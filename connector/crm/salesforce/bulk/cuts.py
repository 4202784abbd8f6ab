"""CSV to columns of texts, some thousand rows at a time: cut at its quotes, which is a third of a reader's work.

A checked page comes in; columns leave. Next room: `table`, which knows what they mean.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import IO

AT_ONCE = 10_000  # rows, where the reader reads
PIECE = 1 << 20  # letters, where they are cut
_LINE, _CUT = '"\n"', '","'
Columns = list[Sequence[str]]
csv.field_size_limit(1 << 26)  # a long text may have 131,072 characters, and base64 in a text even more


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

    Salesforce quotes every value, so a line is cut at `"` newline `"` and a value at `","`. A line in which that leaves
    a quote over has one in a value, or a value without any: the reader takes it.
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
            unended = list[str]()
            some: Columns = [values[place::width] for place in range(width)]
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

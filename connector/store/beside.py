"""Rows of a large load are stored by a process of its own: binding them takes as long as reading and turning them.

Statements and columns come in by a pipe, a batch at a time; each batch is one transaction, and is told of when it is
committed. The process knows this file and nothing else of ours, and ends with the pipe, so also when we are killed.
Run as a script it is that process. Next room: `mirror`, which hands over and decides what may be.
"""

import marshal
import sqlite3
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from operator import le
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

WORTH = 100_000  # rows of a read from which on a process of its own is quicker
AHEAD = 2  # batches that may wait: each is held here until it is committed
AT_ONCE = 50  # rows of one INSERT: each statement costs as much as storing half a row
BINDINGS = 900  # of one statement; a SQLite that was built sparingly takes 999
_SIZE = 8


class Statement(NamedTuple):
    """SQL for many rows: a whole one, or an INSERT's parts before, of and behind the values of a row."""

    sql: str
    values: tuple[str, ...]
    after: str
    columns: Sequence[Sequence[Any]]


def carry_out(connection: sqlite3.Connection, what: Statement) -> None:
    """Carry a statement out for each row of its columns; an INSERT in the order of the first of them."""
    columns, keys = what.columns, what.columns[0]
    if not what.values:
        connection.executemany(what.sql, zip(*columns, strict=True))
        return
    width, count = len(columns), len(keys)
    if not all(map(le, keys, islice(keys, 1, None))):
        # random order costs half as much again
        order = sorted(range(count), key=keys.__getitem__)
        columns = [list(map(column.__getitem__, order)) for column in columns]
    given = chain.from_iterable(zip(*columns, strict=True))
    at_once = max(1, min(AT_ONCE, BINDINGS // width))
    for many, times in ((at_once, count // at_once), (1, count % at_once)):
        if times:
            lines = (_shifted(what.values, width * n) for n in range(many))
            connection.executemany(
                f"{what.sql} VALUES {', '.join(lines)} {what.after}",
                islice(zip(*[given] * (width * many), strict=False), times),
            )


def _shifted(values: Iterable[str], places: int) -> str:
    """Values of a row as SQL, its place holders moved on to those of a further row."""
    return "(" + ", ".join(f"?{int(v[1:]) + places}" if v[0] == "?" else v for v in values) + ")"


class Writer:
    """The process, begun when it is made. What it could not do is done by `connection`, or raised from there."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._waiting: deque[list[Statement]] = deque()
        self._process = subprocess.Popen(  # noqa: S603 (this very file)
            [sys.executable, "-I", __file__, str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._to, self._from = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)

    def put(self, batch: list[Statement]) -> None:
        """Hand a transaction over; sqlite3.Error when an earlier one failed."""
        self._settle(AHEAD - 1)
        self._waiting.append(batch)
        try:
            _tell(self._to, [tuple(one) for one in batch])
        except (OSError, ValueError):  # it is gone, which the reading end sees too; or a value that can't travel
            self._do_without()

    def settle(self) -> None:
        """Wait until all that was handed over is committed; sqlite3.Error when something was not."""
        self._settle(0)

    def close(self) -> None:
        """End the process once it is done with what it has."""
        try:
            self._process.communicate()
        except OSError:  # it was gone before us
            self._process.wait()

    def _settle(self, most: int) -> None:
        while len(self._waiting) > most:
            told = _taken(self._from)
            if told is None:
                self._do_without()
            elif told:
                self._waiting.clear()
                error = sqlite3.OperationalError(told[1])
                error.sqlite_errorcode = told[0]
                raise error
            else:
                self._waiting.popleft()

    def _do_without(self) -> None:
        """The process ended, as the system may end one: what it may have left undone is done here, maybe once more."""
        self._process.kill()
        while self._waiting:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for one in self._waiting.popleft():
                    carry_out(self._connection, one)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise


def _tell(pipe: IO[bytes], what: Any) -> None:
    body = marshal.dumps(what)
    pipe.write(len(body).to_bytes(_SIZE, "big") + body)
    pipe.flush()


def _taken(pipe: IO[bytes]) -> Any:
    """What the other side told; None when it is gone."""
    size = pipe.read(_SIZE)
    wanted = int.from_bytes(size, "big")
    body = pipe.read(wanted) if len(size) == _SIZE else b""
    return marshal.loads(body) if body and len(body) == wanted else None  # noqa: S302 (from our own process)


def _serve(path: str, given: IO[bytes], told: IO[bytes]) -> None:
    """Store batch after batch; the first that can't be stored is told of, and is the last."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA busy_timeout = 10000")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA synchronous = NORMAL")
    while (batch := _taken(given)) is not None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for one in batch:
                carry_out(connection, Statement(*one))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            _tell(told, (error.sqlite_errorcode, str(error)))
            return
        _tell(told, ())
    connection.close()


if __name__ == "__main__":
    _serve(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)

"""Rows out of the mirror's SQLite file into Parquet, in a process of its own.

DuckDB brings an SQLite of its own. Two of them in one process don't see each other's locks: the second empties the
shared memory of the write-ahead log under the first, which kills it. Two processes get along, as SQLite promises.
SELECTs and files come in; the files leave. The process knows this file and DuckDB, and ends with its work. Run as a
script it is that process. Next room: `duck`.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

FromMirror = tuple[str, Path]  # a SELECT over `mirror."table"`, and the file its rows go to


def take(mirror: Path, extension: Path, wanted: Sequence[FromMirror], config: dict[str, Any]) -> list[int]:
    """Write the rows of each SELECT to its Parquet file; their numbers. OSError says what DuckDB complained of."""
    told = {
        "mirror": str(mirror),
        "extension": str(extension),
        "wanted": [[sql, str(file)] for sql, file in wanted],
        "config": config,
    }
    done = subprocess.run(  # noqa: S603 (this very file)
        [sys.executable, "-I", __file__], input=json.dumps(told), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise OSError((done.stderr.strip() or f"the process ended with code {done.returncode}").splitlines()[-1])
    return [int(n) for n in json.loads(done.stdout)]


def _serve(told: dict[str, Any]) -> list[int]:
    db = duckdb.connect(":memory:", config=told["config"])
    db.execute(f"LOAD '{_quoted(told['extension'])}'")
    db.execute(f"ATTACH '{_quoted(told['mirror'])}' AS mirror (TYPE sqlite, READ_ONLY)")
    return [_count(db.execute(copy(sql, file)).fetchone()) for sql, file in told["wanted"]]


def copy(sql: str, file: str, group: int = 122_880) -> str:
    """The statement that writes the rows of a SELECT to a Parquet file, in groups of so many that memory holds at once.

    The second version packs numbers and ids closer, and is read in half the time; only DuckDB reads these files.
    """
    how = f"FORMAT parquet, COMPRESSION lz4_raw, PARQUET_VERSION v2, ROW_GROUP_SIZE {group}"
    return f"COPY ({sql}) TO '{_quoted(file)}' ({how})"


def _count(row: tuple[Any, ...] | None) -> int:
    return int(row[0]) if row else 0


def _quoted(text: str) -> str:
    return text.replace("'", "''")


if __name__ == "__main__":
    try:
        print(json.dumps(_serve(json.load(sys.stdin))))
    except duckdb.Error as error:
        sys.exit(str(error).partition("\n")[0])

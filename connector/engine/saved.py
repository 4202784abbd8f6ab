"""Reads what an engine saved: a folder of Parquet files, each a table named like its file, or a part of it (`T.0`).

A folder and a SELECT come in; rows leave, all of them or some thousands at a time, or a further file of the folder.
DuckDB does it, whichever engine has saved them. Next room: `cli.explain` and `report.book`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from connector.engine import apart
from connector.engine.duck import quoted
from connector.errors import StoreFault

_BATCH = 20_000
_WORD = re.compile(r"\w+")


def query(folder: Path, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Rows of a SELECT as dicts."""
    with _opened(folder, sql) as db:
        found = db.execute(sql, list(values))
        names = [d[0] for d in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def batches(folder: Path, sql: str, memory: str = "500MB") -> Iterator[list[tuple[Any, ...]]]:
    """Rows of a SELECT as tuples, some thousands at a time: a large result never stands in memory as a whole."""
    with _opened(folder, sql) as db:
        db.execute(f"SET memory_limit = '{memory}'")
        db.execute(f"SET temp_directory = '{quoted(folder / 'spill')}'")
        found = db.execute(sql)
        while rows := found.fetchmany(_BATCH):
            yield rows


def add(folder: Path, table: str, sql: str, beside: Mapping[str, Path | str], memory: str = "500MB") -> None:
    """Add a table to a folder, made of the others and of those given beside: a Parquet file each, or a SELECT."""
    with _opened(folder, sql, *(source for source in beside.values() if isinstance(source, str))) as db:
        db.execute(f"SET memory_limit = '{memory}'")
        db.execute(f"SET temp_directory = '{quoted(folder / 'spill')}'")
        for name, source in beside.items():
            rows = source if isinstance(source, str) else f"SELECT * FROM read_parquet('{quoted(source)}')"
            db.execute(f'CREATE VIEW "{name}" AS {rows}')
        db.execute(apart.copy(sql, str(folder / f"{table}.parquet")))


@contextmanager
def _opened(folder: Path, *texts: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the tables of a folder that these texts name: to name one, its file is opened."""
    db = duckdb.connect(":memory:")
    try:
        words = set(_WORD.findall(" ".join(texts)))
        for table in sorted(words & {file.name.partition(".")[0] for file in folder.glob("*.parquet")}):
            files = quoted(folder / f"{table}.*parquet")
            db.execute(f"CREATE VIEW \"{table}\" AS SELECT * FROM read_parquet('{files}')")
        yield db
    except duckdb.Error as error:
        raise StoreFault(f"{folder}: the results could not be read: {error}. Run: kam enrich") from error
    finally:
        db.close()

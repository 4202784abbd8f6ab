"""Runs insight SQL: DuckDB, embedded, on what it takes out of the mirror's SQLite file.

The mirror's path and a memory limit come in; temp tables, numpy columns and Parquet files leave. DuckDB's own SQLite
must not open the mirror in this process (`apart` says why): a small mirror is copied and the copy is read; of a large
one, `apart` takes what is read. Both lie beside the store and live as long as the engine.
DuckDB is imported only in this folder. Next room: `steps.enrich`, which hands the engine to the insights.
"""

import re
import shutil
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import duckdb
import numpy as np

from connector.engine import apart
from connector.errors import StoreFault
from connector.schema import EXPOSED, TABLES, Read, mirror_columns

_MARK = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")
_DUCK_TYPE = {"TEXT": "VARCHAR", "INTEGER": "BIGINT", "REAL": "DOUBLE"}
_CHUNK = 50_000
# Mirrors from this size on are read by a process of its own; below it a copy is made sooner.
LARGE = 200_000_000
# Below this size one thread is enough: to hand the pieces round would take longer than they do.
_SMALL = 20_000_000
# There, too, these take longer to think about a statement than they save of its work. Results are the same.
_DEAR = (
    *("join_order", "reorder_filter", "join_filter_pushdown", "statistics_propagation"),
    *("common_subplan", "common_subexpressions", "duplicate_groups", "column_lifetime"),
)
# What "auto" means below a size of the mirror: the tables of a million accounts don't fit into the usual.
ENOUGH = ((1_500_000_000, "700MB"), (4_000_000_000, "1GB"))
_MUCH = "2GB"
# The widest results have two hundred columns: a usual group of rows would be a third of the memory.
_GROUP = 20_480
_SNAPSHOT = "snapshot-"
# Extensions whose signature DuckDB has checked in this process: hashing 35 MB anew costs 0.2 s at every start.
_CHECKED: set[Path] = set()


class DuckEngine:
    """One DuckDB connection over one mirror; use as a context manager."""

    def __init__(
        self, mirror: Path, *, memory: str = "auto", threads: int = 0, scanner: bool = True, large: int = LARGE
    ) -> None:
        memory = allowed(memory, mirror)
        small = mirror.exists() and mirror.stat().st_size < _SMALL
        if small and not threads:
            threads = 1
        # What outgrows the memory is spilled beside the store, not into whatever folder the command was started in.
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory,
            "temp_directory": str(mirror.parent / "spill"),
            # The order of rows means nothing in a table; keeping it takes memory and one core.
            "preserve_insertion_order": False,
        }
        self._mirror = mirror
        self.keeper: Any = None
        for left in mirror.parent.glob(f"{_SNAPSHOT}*"):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        self._snapshot = Path(mkdtemp(prefix=_SNAPSHOT, dir=mirror.parent))
        self._extension = scanner_file() if scanner else None
        self._large = self._extension is not None and mirror.exists() and mirror.stat().st_size >= large
        self._limits = {"memory_limit": memory, **({"threads": int(threads)} if threads else {})}
        if self._extension in _CHECKED and not self._large:
            config["allow_unsigned_extensions"] = True
        self._db = duckdb.connect(":memory:", config=config)
        if threads:
            self._db.execute(f"SET threads = {int(threads)}")
        if small:
            self._db.execute(f"SET disabled_optimizers = '{','.join(_DEAR)}'")
        if self._extension is None:
            _load(self._db, mirror)
        elif not self._large:
            _attach(self._db, self._extension, _copied(mirror, self._snapshot / mirror.name))

    def __enter__(self) -> "DuckEngine":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        shutil.rmtree(self._snapshot, ignore_errors=True)

    def snapshot(self, reads: Mapping[str, Read]) -> list[str]:
        """Take what is read out of the mirror: of a large one into files, else into memory; names of the tables."""
        if self._large:
            self._take_tables(reads, {name: self._snapshot / f"{name}.parquet" for name in reads})
        elif self._extension is not None:
            for name, read in reads.items():  # a table is read by many steps, and SQLite hands out cell by cell
                self._db.execute(f'DROP VIEW IF EXISTS "{name}"')
                rows = f'SELECT {", ".join(_named(read.columns))} FROM mirror."{read.table}"'
                self._db.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {rows}')
        return list(reads)

    def _take_tables(self, reads: Mapping[str, Read], files: Mapping[str, Path]) -> None:
        """Take what is read of these tables out of the mirror, and name it as the insights do."""
        self._take(
            [
                (f'SELECT {", ".join(_named(reads[name].columns))} FROM mirror."{reads[name].table}"', file)
                for name, file in files.items()
            ]
        )
        for name, file in files.items():
            self._db.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS SELECT * FROM {in_place(file)}')

    def _take(self, wanted: Sequence[apart.FromMirror]) -> list[int]:
        """Write rows of the mirror to Parquet files; how many each."""
        if not self._large or self._extension is None:
            return [self.save(sql, file) for sql, file in wanted]
        spill = {"temp_directory": str(self._mirror.parent / "spill"), "preserve_insertion_order": False}
        try:
            return apart.take(self._mirror, self._extension, wanted, {**self._limits, **spill})
        except OSError as error:
            shutil.rmtree(self._snapshot, ignore_errors=True)
            raise StoreFault(
                f"{self._mirror}: DuckDB could not read the mirror: {error}. Nothing was computed. If the disk is full,"
                " make room; else run: kam pull --full"
            ) from error

    def run(self, name: str, sql: str, params: Mapping[str, object], scope: str = "") -> None:
        """Make temp table `name` from one SELECT; `:word` is bound from params, unused params are ignored."""
        # A bound value makes DuckDB look for pandas, to know its type: one that is written costs less.
        self._db.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {written(sql, params)}')

    def view(self, name: str, sql: str, params: Mapping[str, object]) -> None:
        """Name one SELECT without storing its rows; `:word` is written into it."""
        self._db.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {written(sql, params)}')

    def drop(self, names: Sequence[str]) -> None:
        """Forget temp tables, and with them the room they take."""
        if names:
            self._db.execute("; ".join(f'DROP TABLE IF EXISTS "{name}"' for name in names))

    def save(self, sql: str, file: Path) -> int:
        """Write the rows of a SELECT to a Parquet file; their number."""
        done = self._db.execute(apart.copy(sql, str(file), _GROUP)).fetchone()
        return int(done[0]) if done else 0

    def arrays(self, sql: str) -> dict[str, np.ndarray[Any, Any]]:
        """Columns of a SELECT as numpy arrays, masked where null."""
        return dict(self._db.execute(sql).fetchnumpy())

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """Rows of a SELECT as tuples."""
        return self._db.execute(sql).fetchall()

    def export(self, sql: str, folder: Path, file_size: str) -> None:
        """Write the rows of a SELECT into a new folder of Parquet files of about this size."""
        folder.mkdir()
        self._db.execute(f"COPY ({sql}) TO '{quoted(folder)}' (FORMAT parquet, FILE_SIZE_BYTES '{file_size}')")

    def load(self, name: str, arrays: Mapping[str, np.ndarray[Any, Any] | Sequence[Any]]) -> None:
        """Make temp table `name` from columns of equal length; None and NaN become null."""
        _fill(self._db, name, {k: _plain(v) for k, v in arrays.items()})


def allowed(memory: str, mirror: Path, enough: Sequence[tuple[int, str]] = ENOUGH) -> str:
    """The memory that a setting means for a mirror."""
    if memory != "auto":
        return memory
    size = mirror.stat().st_size if mirror.exists() else 0
    return next((this for below, this in enough if size < below), _MUCH)


def written(sql: str, params: Mapping[str, object]) -> str:
    """A statement with its parameters written into it."""
    return _MARK.sub(lambda mark: _literal(params[mark[1]]), sql)


def _named(columns: Iterable[str]) -> list[str]:
    return [f'"{c}"' for c in columns]


def _literal(value: object) -> str:
    """A parameter as SQL text of the same type and value."""
    if isinstance(value, float):
        return f"CAST('{float(value)!r}' AS DOUBLE)"
    if isinstance(value, int | np.integer):
        return f"CAST({int(value)} AS BIGINT)"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise TypeError(f"a statement takes numbers and texts, not {value!r}")


_Plain = tuple[np.ndarray[Any, Any] | list[Any], str]


def _plain(values: np.ndarray[Any, Any] | Sequence[Any]) -> _Plain:
    """Values and SQL type of a column: a numpy array of numbers, or a list of texts or of whole numbers with holes."""
    array = values if isinstance(values, np.ndarray) else np.array(values, dtype=_guess(values))
    if array.dtype.kind in "iub":
        # DuckDB looks past the mask of a whole-number array: holes travel as text.
        return (array.tolist() if np.ma.is_masked(array) else np.asarray(array)), "BIGINT"
    if array.dtype.kind == "f":
        return np.ma.filled(array, np.nan), "DOUBLE"
    listed = array.tolist()
    if array.dtype.kind == "O" and _guess(listed) is not object:
        return _plain(listed)
    return listed, "VARCHAR"


def _fill(db: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, _Plain]) -> None:
    """Make a temp table of columns, chunk by chunk.

    Texts travel as one joined parameter: for each value of an object array DuckDB looks for pandas anew, which
    costs a hundred times as much.
    """
    made = f'CREATE OR REPLACE TEMP TABLE "{name}"'
    length = len(next(iter(columns.values()))[0]) if columns else 0
    if not length:
        listed = ", ".join(f'"{k}" {t}' for k, (_, t) in columns.items())
        db.execute(f"{made} ({listed})")
    texts = [k for k, (v, _) in columns.items() if isinstance(v, list)]
    numbers = [k for k in columns if k not in texts]
    unnested = ", ".join(f'nullif(unnest(string_split($t{i}, chr(31))), chr(30)) AS "{k}"' for i, k in enumerate(texts))
    source = " POSITIONAL JOIN ".join([f"(SELECT {unnested})"] * bool(texts) + ["given"] * bool(numbers))
    picked = ", ".join(f'CAST("{k}" AS {t}) AS "{k}"' for k, (_, t) in columns.items())
    for start in range(0, length, _CHUNK):
        end = start + _CHUNK
        bound = {f"t{i}": "\x1f".join(_joinable(columns[k][0][start:end])) for i, k in enumerate(texts)}
        if numbers:
            db.register("given", {k: columns[k][0][start:end] for k in numbers})
        into = f'INSERT INTO "{name}"' if start else f"{made} AS"
        db.execute(f"{into} SELECT {picked} FROM {source}", bound or None)
        if numbers:
            db.unregister("given")


def _joinable(values: Iterable[Any]) -> list[str]:
    return ["\x1e" if v is None else str(v).replace("\x1f", " ") for v in values]


def _guess(values: Sequence[Any]) -> Any:
    """Dtype of a Python list: int64, float64 (None becomes NaN) or object for text."""
    kinds = {type(v) for v in values}
    if kinds and kinds <= {int, bool}:
        return np.int64
    if kinds and kinds <= {int, bool, float, type(None)} and kinds != {type(None)}:
        return np.float64
    return object


def scanner_file() -> Path | None:
    """The SQLite extension of the same DuckDB version from its PyPI wheel, or None when it isn't installed."""
    spec = find_spec("duckdb_extension_sqlite_scanner")
    if spec is None or spec.origin is None:
        return None
    version = metadata.version("duckdb")
    file = Path(spec.origin).parent / "extensions" / f"v{version}" / "sqlite_scanner.duckdb_extension"
    return file if file.exists() else None


def _copied(mirror: Path, to: Path) -> Path:
    """The mirror as it is now, in a file that nobody else opens; StoreFault when there is no room for it."""
    source, made = sqlite3.connect(f"file:{mirror}?mode=ro", uri=True), sqlite3.connect(to, isolation_level=None)
    try:
        for word in ("journal_mode = OFF", "synchronous = OFF"):
            made.execute(f"PRAGMA {word}")
        source.backup(made)
    except sqlite3.Error as error:
        shutil.rmtree(to.parent, ignore_errors=True)
        raise StoreFault(
            f"{mirror.parent}: the mirror could not be copied to be computed on: {error}. Nothing was computed; the"
            f" disk needs room for {mirror.name} once more."
        ) from error
    finally:
        source.close()
        made.close()
    return to


def _attach(db: duckdb.DuckDBPyConnection, extension: Path, mirror: Path) -> None:
    """Let DuckDB read the SQLite file."""
    try:
        db.execute(f"LOAD '{quoted(extension)}'")
        _CHECKED.add(extension)
        db.execute(f"ATTACH '{quoted(mirror)}' AS mirror (TYPE sqlite, READ_ONLY)")
        for table in TABLES:
            db.execute(f'CREATE TEMP VIEW "{EXPOSED.get(table, table)}" AS SELECT * FROM mirror."{table}"')
    except duckdb.Error as error:
        raise StoreFault(f"{mirror}: DuckDB could not open the mirror: {error}. Run: kam pull --full") from error


def _load(db: duckdb.DuckDBPyConnection, mirror: Path) -> None:
    """Fallback without the extension: bring the mirror's tables over through the standard library."""
    source = sqlite3.connect(f"file:{mirror}?mode=ro", uri=True)
    try:
        for table in TABLES.values():
            columns = mirror_columns(table.name)
            picked = ", ".join(f'"{c}"' for c, _ in columns)
            rows = source.execute(f'SELECT {picked} FROM "{table.name}"').fetchall()
            values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
            _fill(
                db,
                EXPOSED.get(table.name, table.name),
                {c: _typed(v, _DUCK_TYPE[t]) for (c, t), v in zip(columns, values, strict=True)},
            )
    finally:
        source.close()


def _typed(values: Sequence[Any], kind: str) -> _Plain:
    """A column of the mirror as `_fill` takes it; its declared type counts, not what its values look like."""
    if kind == "DOUBLE":
        return np.array([np.nan if v is None else v for v in values], dtype=np.float64), kind
    return list(values), kind


def in_place(file: Path) -> str:
    """What a FROM says to read a Parquet file."""
    return f"read_parquet('{quoted(file)}')"


def quoted(path: Path) -> str:
    """A path inside an SQL text's quotes."""
    return str(path).replace("'", "''")

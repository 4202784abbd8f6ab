"""Runs insight SQL on Spark: a master of one's own, or a server that speaks Spark Connect.

The mirror's path and where Spark is come in; tables and numpy columns leave. Spark reads no SQLite: DuckDB exports the
mirror as Parquet into a folder that this machine and every worker see under the same path, and what is loaded goes the
same way. Each step's table is written there, too: a plan that is only named would be computed again by each reader.
pyspark is imported only here, and only when asked for. Next room: `steps.enrich`.
"""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from connector.engine.duck import ENOUGH, DuckEngine, allowed, quoted
from connector.errors import StoreFault, UsageFault
from connector.schema import Read

_MARK = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")
_PORT = 15002  # of Spark Connect, when the address names none
_LEAST_JAVA = 17
# A file is what one task of Spark reads at least.
_FILE_SIZE = "128MB"


class SparkEngine:
    """One Spark session over one mirror's export; use as a context manager.

    One of master (`local[2]`, `spark://host:7077`) and remote (`sc://host:15002`). folder: where the export goes;
    beside the mirror unless given.
    """

    def __init__(
        self,
        mirror: Path,
        *,
        master: str = "",
        remote: str = "",
        folder: Path | None = None,
        memory: str = "auto",
        threads: int = 0,
    ) -> None:
        self.keeper: Any = None
        self._spark = (
            _connect(remote) if remote else _start(master, allowed(memory, mirror, ENOUGH[1:]))
        )  # Java takes a share of it
        self._number = count()
        self._folder = _room(folder or mirror.parent, mirror)
        try:
            # The go-between: it writes what Spark reads, and reads what Spark writes.
            self._duck = DuckEngine(mirror, memory=memory, threads=threads)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def __enter__(self) -> "SparkEngine":
        return self

    def __exit__(self, *_: object) -> None:
        self._duck.__exit__()
        try:
            self._spark.stop()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def snapshot(self, reads: Mapping[str, Read]) -> list[str]:
        """Hand Spark what is read of the mirror; names of the tables handed over."""
        self._duck.snapshot(reads)
        for name, read in reads.items():
            self._hand_over(name, f"SELECT {', '.join(read.columns)} FROM {name}")
        return list(reads)

    def run(self, name: str, sql: str, params: Mapping[str, object], scope: str = "") -> None:
        """Make table `name` from one SELECT; `:word` is bound from params, unused params are ignored."""
        place, made = self._place(name), self._bound(sql, params)
        made.write.parquet(str(place))
        if any(place.glob("*.parquet")):
            self._show(name, place)
        else:  # not every server writes a file of no rows
            self._spark.createDataFrame([], made.schema).createOrReplaceTempView(name)

    def view(self, name: str, sql: str, params: Mapping[str, object]) -> None:
        """The same SELECT under a name without storing its rows: for a step that is read once."""
        self._bound(sql, params).createOrReplaceTempView(name)

    def drop(self, names: Sequence[str]) -> None:
        """Forget tables, and give back the room they take."""
        for name in names:
            self._spark.catalog.dropTempView(name)
            for place in self._folder.glob(f"{name}-*"):
                shutil.rmtree(place, ignore_errors=True)

    def save(self, sql: str, file: Path) -> int:
        """Write the rows of a SELECT to a Parquet file; their number."""
        place = self._place("saved")
        self._spark.sql(sql).write.parquet(str(place))
        if any(place.glob("*.parquet")):
            return self._duck.save(f"SELECT * FROM read_parquet('{quoted(place / '*.parquet')}')", file)
        self._duck.load("handed_over", self.arrays(sql))  # not every server writes a file of no rows
        return self._duck.save("SELECT * FROM handed_over", file)

    def arrays(self, sql: str) -> dict[str, np.ndarray[Any, Any]]:
        """Columns of a SELECT as numpy arrays, masked where null."""
        table = self._spark.sql(sql).toArrow()
        return {name: _masked(table.column(name)) for name in table.column_names}

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """Rows of a SELECT as tuples."""
        table = self._spark.sql(sql).toArrow()
        return list(zip(*(c.to_pylist() for c in table.columns), strict=True))

    def load(self, name: str, arrays: Mapping[str, np.ndarray[Any, Any] | Sequence[Any]]) -> None:
        """Make table `name` from columns of equal length; None and NaN become null."""
        self._duck.load("handed_over", arrays)
        self._hand_over(name, "SELECT * FROM handed_over")

    def _bound(self, sql: str, params: Mapping[str, object]) -> Any:
        return self._spark.sql(sql, args={w: params[w] for w in sorted(set(_MARK.findall(sql)))})

    def _place(self, name: str) -> Path:
        """A folder of its own for each table made: an older one of the same name may still be read."""
        return self._folder / f"{name}-{next(self._number)}"

    def _hand_over(self, name: str, sql: str) -> None:
        """Give Spark what DuckDB selects."""
        place = self._place(name)
        self._duck.export(sql, place, _FILE_SIZE)
        self._show(name, place)

    def _show(self, name: str, place: Path) -> None:
        self._spark.read.parquet(str(place)).createOrReplaceTempView(name)


def _room(parent: Path, mirror: Path) -> Path:
    """A new folder for one engine's files; what a killed run of the same mirror left is swept away."""
    # Several mirrors may share the folder.
    prefix = f"spark-{sha256(str(mirror.resolve()).encode()).hexdigest()[:8]}-"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for left in parent.glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)
        made = Path(mkdtemp(prefix=prefix, dir=parent)).resolve()
        made.chmod(0o777)  # Spark's workers may be another user
    except OSError as error:
        raise StoreFault(f"{parent}: can't be written to: {error}. Correct config.toml [engine] folder") from error
    return made


def _builder() -> Any:
    """pyspark's maker of sessions; UsageFault where it isn't installed."""
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ImportError as error:
        raise UsageFault(
            f'config.toml [engine] kind: "spark" needs pyspark, which can\'t be imported ({error}).'
            " Run: pip install 'kam-connector[spark]'"
        ) from error
    return SparkSession.builder.appName("kam").config("spark.sql.session.timeZone", "UTC")


def _connect(remote: str) -> Any:
    """Session on a Spark Connect server that listens; the client itself would go on knocking for minutes."""
    builder = _builder()
    address = urlsplit(remote)
    try:
        socket.create_connection((address.hostname or "", address.port or _PORT), timeout=10).close()
    except (OSError, ValueError) as error:
        raise UsageFault(
            f'config.toml [engine] remote: nothing answers at "{remote}" ({error}). Start a Spark Connect server'
            " there, or correct the address"
        ) from error
    return builder.remote(remote).getOrCreate()


def _start(master: str, memory: str) -> Any:
    """Session of a master, driven from here, which takes Java and the whole of pyspark."""
    builder = _builder()
    if find_spec("py4j") is None:
        raise UsageFault(
            "config.toml [engine] master: pyspark-client alone can't drive a master. Set remote to a Spark Connect"
            " server, or run: pip uninstall pyspark-client && pip install 'kam-connector[spark]'"
        )
    found = java_version()
    if found < _LEAST_JAVA:
        raise UsageFault(
            f'config.toml [engine] master: "{master}" needs Java {_LEAST_JAVA} or newer;'
            f" {f'found Java {found}' if found else 'there is none'}. Install it, or set JAVA_HOME, or set remote to a"
            " Spark Connect server instead of master"
        )
    builder = (
        builder.master(master).config("spark.driver.memory", _java_size(memory)).config("spark.ui.enabled", "false")
    )
    if master.startswith("local"):
        # 200 shares of a table are for clusters.
        builder = builder.config("spark.sql.shuffle.partitions", "8")
    session = builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _java_size(memory: str) -> str:
    """`1GB` as Java writes it: `1g`."""
    return re.sub(r"i?b$", "", memory.lower().replace(" ", ""))


def java_version() -> int:
    """Major version of the Java that Spark would start; 0 when there is none."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None:
        return 0
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    except OSError:
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr)
    return int(found[1]) if found else 0


def _masked(column: Any) -> np.ndarray[Any, Any]:
    """An Arrow column as DuckDB's arrays are: masked where null."""
    if str(column.type) in ("int64", "int32", "double"):
        values = column.fill_null(0).to_numpy()
    else:
        values = np.array(column.to_pylist(), dtype=object)
    return np.ma.masked_array(values, mask=column.is_null().to_numpy())

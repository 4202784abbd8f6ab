"""The same enrich on Spark `local[2]` and on DuckDB: every row of the results compared, and the time of both.

Run: .venv-spark/bin/python benchmarks/spark.py [--accounts 20000] [--keep FOLDER]; `make test-spark` makes that
environment, and Spark takes Java 17 or newer. The mirror is made up as in enrich.py. Says so and does nothing where
there is no Spark; exits with 1 when a row differs.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import duckdb
from enrich import DAY, make

from connector.config import Config, CrmSettings
from connector.engine import DuckEngine, SparkEngine
from connector.engine.spark import java_version
from connector.job import INSIGHTS, known_names
from connector.schema import ASKED, Context
from connector.steps.enrich import RESULTS, ResultEngine, enrich
from connector.store import results
from connector.store.mirror import Mirror


def main() -> int:
    """Measure, compare and print; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--keep", type=Path, help="Folder to keep the mirror in, made when it is not there.")
    given = parser.parse_args()
    if find_spec("pyspark") is None or java_version() < 17:
        print("SKIPPED: pyspark and Java 17 or newer are not both here.")
        return 0
    folder = given.keep or Path(tempfile.mkdtemp(prefix="kam-bench-"))
    try:
        if not (folder / "mirror.db").exists():
            make(folder, given.accounts)
        ways: dict[str, Callable[[Path], ResultEngine]] = {
            "duckdb": DuckEngine,
            "spark": lambda mirror: SparkEngine(mirror, master="local[2]"),
        }
        spent = {name: _timed(folder, way, folder / name) for name, way in ways.items()}
        print(f"{spent['spark'] / spent['duckdb']:.1f} times DuckDB's {spent['duckdb']:.0f} s: {spent['spark']:.0f} s")
        wrong = [table for table in RESULTS if _differ(folder, table)]
        print(f"results that differ: {', '.join(wrong) or 'none'}")
        return int(bool(wrong))
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)


def _timed(folder: Path, way: Callable[[Path], ResultEngine], to: Path) -> float:
    """Seconds of an enrich by this engine, its results copied."""
    mirror = Mirror(folder)
    config = Config(folder=folder, crm=CrmSettings(kind="salesforce", url="https://x.example", auth="token"))
    context = Context(as_of=DAY, known=known_names(mirror, ASKED))
    began = time.monotonic()
    enrich(mirror, way, context, {n: getattr(config, n) for n in INSIGHTS})
    spent = time.monotonic() - began
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(results.folder(mirror), to)
    mirror.close()
    return spent


def _differ(folder: Path, table: str) -> bool:
    one, other = (f"SELECT * FROM read_parquet('{folder / name}/{table}.*parquet')" for name in ("duckdb", "spark"))
    sql = f"SELECT count(*) FROM (({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one}))"
    found = duckdb.sql(sql).fetchone()
    return found is None or found[0] > 0


if __name__ == "__main__":
    sys.exit(main())

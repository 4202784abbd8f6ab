"""What the insight tests share: a small mirror made from rows written in the test.

`engine_with({"account": [{"id": "A1"}], ...})` answers a DuckEngine over a SQLite file with every mirror table.
Columns not given are NULL. Days (`2024-05-01` or an instant) fill their `_day` twin, amounts their `_minor` twin with
two decimal places, each only where the row doesn't give the twin itself. `present_value` is always made.
"""

import sqlite3
from collections.abc import Callable
from datetime import date
from itertools import count
from typing import Any

import numpy as np
import pytest

from connector.engine import DuckEngine
from connector.schema import TABLES, mirror_columns, twin

Rows = dict[str, list[dict[str, Any]]]
EPOCH = date(1970, 1, 1).toordinal()
PRESENT_TEXT = (
    "kam_flag",
    "kam_why",
    "kam_proposal",
    "kam_relationship_band",
    "kam_whitespace_band",
    "kam_quadrant",
    "kam_top_idea",
    "top_family",
    "pareto_class",
    "sponsor_suggested",
)


def epoch_day(text: str) -> int:
    """Epoch day of an ISO day or instant."""
    return date.fromisoformat(text[:10]).toordinal() - EPOCH


@pytest.fixture(scope="session")
def engine_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Rows], DuckEngine]:
    """Maker of engines; of the whole session, so that hypothesis may call it in every example."""
    folder = tmp_path_factory.mktemp("mirrors")
    numbers = count()

    def make(rows: Rows) -> DuckEngine:
        unknown = set(rows) - set(TABLES) - {"present_value"}
        assert not unknown, f"no such table: {sorted(unknown)}"
        file = folder / f"mirror-{next(numbers)}.db"
        db = sqlite3.connect(file)
        try:
            # The file lives for one test: it needs no safety on disk.
            db.execute("PRAGMA synchronous = OFF")
            db.execute("PRAGMA journal_mode = MEMORY")
            for table in TABLES:
                _fill(db, table, rows.get(table, []))
            db.commit()
        finally:
            db.close()
        engine = DuckEngine(file, memory="512MB", threads=1)
        _present(engine, rows.get("present_value", []))
        return engine

    return make


def _fill(db: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    columns = mirror_columns(table)
    names = [c for c, _ in columns]
    db.execute(f'CREATE TABLE "{table}" (' + ", ".join(f'"{c}" {t}' for c, t in columns) + ")")
    marks = ", ".join("?" for _ in names)
    for row in rows:
        full = _with_twins(table, row)
        wrong = set(full) - set(names)
        assert not wrong, f"{table} has no column {sorted(wrong)}"
        db.execute(f'INSERT INTO "{table}" VALUES ({marks})', [full.get(c) for c in names])


def _with_twins(table: str, row: dict[str, Any]) -> dict[str, Any]:
    full = dict(row)
    for column in TABLES[table].columns:
        value, other = row.get(column.name), twin(column)
        if value is None or other is None or other in row:
            continue
        full[other] = round(float(value) * 100) if column.kind == "money" else epoch_day(str(value))
    return full


def _present(engine: DuckEngine, rows: list[dict[str, Any]]) -> None:
    texts = {c: np.array([r.get(c) for r in rows], dtype=object) for c in ("account_id", *PRESENT_TEXT)}
    score = np.array([np.nan if r.get("kam_score") is None else r["kam_score"] for r in rows], dtype=np.float64)
    engine.load("present_value", {**texts, "kam_score": score})

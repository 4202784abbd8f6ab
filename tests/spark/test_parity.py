"""Every cell of every step of every insight is the same on DuckDB and on Spark, to the bit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from invented import invented

from connector import config, job
from connector.convert import listed
from connector.engine import DuckEngine, SparkEngine, query
from connector.insight import (
    chart,
    coverage,
    deals,
    key_accounts,
    lapse,
    net_value,
    quadrant,
    relationship,
    sponsor,
    titles,
)
from connector.insight.whitespace.settings import Eligible
from connector.insight.whitespace.settings import Settings as WhitespaceSettings
from connector.schema import Context, Engine, Read
from connector.steps.enrich import RESULTS, enrich
from connector.store import results
from connector.store.mirror import Mirror

# Java has an exp and a ln of its own, a bit beside the machine's. These columns stand between them and the step that
# makes whole millionths of them; on Spark itself, and only there, they may differ in the last digits.
LAST_DIGITS = {
    "contact_balance": "reciprocity",
    "account_strength_raw": "raw",
    "account_warmth": "raw",
    "lapse_odds": "odds",
}
# Spark plans and compiles each of the hundred steps for seconds on a slow machine; Sail needs none of it.
pytestmark = pytest.mark.timeout(900)
SAIL = find_spec("pysail") is not None
Table = tuple[tuple[str, ...], list[str]]
CONFIG = """
[crm]
kind = "salesforce"
url = "https://x.my.salesforce.com"
auth = "token"
secret_env = "S"
[engine]
kind = "spark"
{0} = "{1}"
folder = "exchange"
"""
SETTINGS = {
    "titles": titles.Settings(),
    "relationship": relationship.Settings(),
    "chart": chart.Settings(),
    "coverage": coverage.Settings(),
    "deals": deals.Settings(small_below=20_000.0),
    "whitespace": WhitespaceSettings(
        rows="group",
        columns=(
            *("Pumps", "Sealing Systems", "Compressors", "Air Treatment", "Drives", "Automation", "Conveyors"),
            *("Machine Safety", "Hydraulics", "Measuring Instruments", "Lubricants", "Training"),
        ),
        lost_reasons={"No budget": "no_need", "Timing": "passing"},
        eligible=(
            Eligible("Hydraulics", not_countries=("France",), industries=("Energy", "Chemicals"), least_employees=20),
            Eligible("Lubricants", needs=("Pumps", "Drives"), excludes=("Training",)),
        ),
    ),
    "net_value": net_value.Settings(cost_per_case=50.0, cost_per_meeting=80.0, cost_per_call=9.5, late_interest=0.08),
    "lapse": lapse.Settings(),
    "key_accounts": key_accounts.Settings(strategic_industries=("Energy", "Chemicals"), strategic_places=("Germany",)),
    "quadrant": quadrant.Settings(),
    "sponsor": sponsor.Settings(),
}


class Witness:
    """An engine that notes what it is told to make, and reads all of it before it closes."""

    def __init__(self, engine: DuckEngine | SparkEngine) -> None:
        self.engine = engine
        self.keeper = None  # nothing is taken over: every step is computed
        self.names: dict[str, None] = {}
        self.tables: dict[str, Table] = {}

    def __enter__(self) -> "Witness":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self.engine:
            if kind is None:
                self.tables = {name: content(self.engine, name) for name in self.names}

    def snapshot(self, reads: Mapping[str, Read]) -> list[str]:
        return self.engine.snapshot(reads)

    def save(self, sql: str, file: Path) -> int:
        return self.engine.save(sql, file)

    def view(self, name: str, sql: str, params: Mapping[str, object]) -> None:
        self.names[name] = None
        self.engine.view(name, sql, params)

    def drop(self, names: Sequence[str]) -> None:
        """Keep everything, to read it at the end."""

    def run(self, name: str, sql: str, params: Mapping[str, object], scope: str = "") -> None:
        self.names[name] = None
        self.engine.run(name, sql, params, scope)

    def load(self, name: str, arrays: Mapping[str, np.ndarray[Any, Any] | Sequence[Any]]) -> None:
        self.names[name] = None
        self.engine.load(name, arrays)

    def arrays(self, sql: str) -> dict[str, np.ndarray[Any, Any]]:
        return self.engine.arrays(sql)


def content(engine: Engine, name: str) -> Table:
    """Names of the columns, and the rows as text that differs when a bit differs, in one order for both engines."""
    columns = {c: listed(a) for c, a in engine.arrays(f"SELECT * FROM {name}").items()}
    if not SAIL and name in LAST_DIGITS:
        near = LAST_DIGITS[name]
        columns[near] = [None if v is None else f"{v:.11e}" for v in columns[near]]
    return tuple(columns), sorted(map(repr, zip(*columns.values(), strict=True)))


def witnessed(
    mirror: Mirror, context: Context, opened: Callable[[Path], DuckEngine | SparkEngine]
) -> tuple[dict[str, Table], dict[str, list[str]]]:
    """All tables that one engine made, and the results as they are stored."""
    kept: list[Witness] = []

    def witness(path: Path) -> Witness:
        kept.append(Witness(opened(path)))
        return kept[0]

    enrich(mirror, witness, context, SETTINGS)
    folder = results.folder(mirror)
    stored = {t: sorted(map(repr, query(folder, f"SELECT * FROM {t}"))) for t in RESULTS}
    stored["listed"] = sorted(map(repr, mirror.rows("SELECT * FROM account_result")))
    return kept[0].tables, stored


@pytest.fixture(scope="module")
def both(tmp_path_factory, where) -> Iterator[tuple[Any, Any]]:
    folder = tmp_path_factory.mktemp("deployment")
    mirror, context = invented(folder)
    (address,) = where.items()
    (folder / "config.toml").write_text(CONFIG.format(*address), encoding="utf-8")
    settings = config.load(folder)
    yield (
        witnessed(mirror, context, lambda path: DuckEngine(path, threads=1)),
        witnessed(mirror, context, lambda path: job.open_engine(settings, path)),
    )
    mirror.close()


def test_both_engines_make_the_same_tables_of_which_nearly_all_have_rows(both):
    (duck, _), (spark, _) = both
    empty = [name for name, (_, rows) in duck.items() if not rows]

    assert list(duck) == list(spark)
    assert len(duck) > 100
    assert empty == []


def test_every_cell_of_every_step_is_the_same_to_the_bit(both):
    (duck, _), (spark, _) = both
    told = [line for name in duck for line in differences(name, duck[name], spark[name])]

    assert not told, "\n".join(told)


def test_the_results_that_are_stored_are_the_same(both):
    (_, duck), (_, spark) = both

    assert {t: len(rows) for t, rows in duck.items()} == {t: len(rows) for t, rows in spark.items()}
    assert duck == spark


def differences(name: str, one: Table, other: Table) -> list[str]:
    """What differs, in words; empty when nothing does."""
    if one[0] != other[0]:
        return [f"{name}: columns {one[0]} on DuckDB, {other[0]} on Spark"]
    if one[1] == other[1]:
        return []
    duck, spark = sorted(set(one[1]) - set(other[1])), sorted(set(other[1]) - set(one[1]))
    shown = [f"  DuckDB {a}\n  Spark  {b}" for a, b in zip(duck[:2], spark[:2], strict=False)]
    return [f"{name}: {len(one[1])} rows on DuckDB, {len(other[1])} on Spark, {len(duck)} differ {one[0]}", *shown]

"""The engine keeps unknown unknown and whole numbers whole, with the SQLite extension and without it."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from connector.engine import DuckEngine, SparkEngine, batches, query
from connector.engine.duck import scanner_file
from connector.engine.spark import java_version
from connector.errors import StoreFault, UsageFault
from connector.schema import TABLES, Read, mirror_columns


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    path = tmp_path / "mirror.db"
    db = sqlite3.connect(path)
    for table in TABLES:
        made = ", ".join(f'"{name}" {kind}' for name, kind in mirror_columns(table))
        db.execute(f'CREATE TABLE "{table}" ({made}) STRICT')
    db.execute(
        "INSERT INTO account (id, name, employees, annual_revenue)"
        " VALUES ('a', '😀 نام', 5, 1.5), ('b', NULL, NULL, NULL)"
    )
    db.execute("INSERT INTO opportunity (id, amount_minor) VALUES ('o', 9007199254740993), ('p', NULL)")
    db.execute("""INSERT INTO "case" (id, account_id) VALUES ('c', 'a')""")
    db.commit()
    db.close()
    return path


@pytest.fixture(params=[True, False], ids=["extension", "without"])
def engine(request, mirror):
    with DuckEngine(mirror, scanner=request.param) as opened:
        yield opened


def test_both_ways_of_reading_the_mirror_keep_null_and_big_whole_numbers(engine):
    accounts = engine.rows("SELECT id, name, employees, annual_revenue FROM account ORDER BY id")
    deals = engine.rows("SELECT amount_minor FROM opportunity ORDER BY id")

    assert accounts == [("a", "😀 نام", 5, 1.5), ("b", None, None, None)]
    assert deals == [(9007199254740993,), (None,)]


def test_reserved_words_have_names_that_need_no_quotes(engine):
    assert engine.rows("SELECT account_id FROM service_case") == [("a",)]
    assert engine.rows("SELECT count(*) FROM crm_user") == [(0,)]


def test_a_step_is_bound_by_name_and_replaces_its_table(engine):
    engine.run("big", "SELECT id FROM account WHERE coalesce(employees, 0) >= :least", {"least": 5, "unused": 1})
    engine.run("big", "SELECT id FROM account WHERE coalesce(employees, 0) >= :least", {"least": 0})

    assert engine.rows("SELECT count(*) FROM big") == [(2,)]


def test_loaded_columns_keep_their_holes(engine):
    holed = np.ma.array(np.array([7, 0], dtype=np.int64), mask=[False, True])
    engine.load(
        "loaded",
        {
            "text": ["x", None],
            "whole": holed,
            "mixed": [1, None],
            "real": np.array([0.5, np.nan]),
            "sep": ["a\x1fb", ""],
        },
    )

    assert engine.rows("SELECT * FROM loaded") == [("x", 7, 1.0, 0.5, "a b"), (None, None, None, None, "")]


def test_an_empty_table_can_be_loaded(engine):
    engine.load("nothing", {"id": [], "n": np.array([], dtype=np.int64)})

    assert engine.rows("SELECT * FROM nothing") == []


def test_arrays_are_masked_where_null(engine):
    employees = engine.arrays("SELECT employees FROM account ORDER BY id")["employees"]

    assert employees.tolist() == [5, None]


def test_a_file_that_is_no_database_is_a_store_fault(tmp_path):
    path = tmp_path / "mirror.db"
    path.write_text("not a database, but long enough to look at it twice" * 100)

    with pytest.raises(StoreFault, match="mirror"):
        DuckEngine(path)


def test_the_mirror_itself_is_never_opened_by_duckdb_whose_sqlite_sees_no_lock_of_ours(mirror):
    with DuckEngine(mirror) as engine:
        opened = [path for (path,) in engine.rows("SELECT path FROM duckdb_databases()") if path]
    assert str(mirror) not in opened


def test_a_view_holds_its_parameters_and_stores_nothing(engine):
    engine.view("big", "SELECT id, :share AS share FROM account WHERE coalesce(employees, 0) >= :least",
                {"least": 5, "share": 0.1, "unused": None})  # fmt: skip

    assert engine.rows("SELECT * FROM big") == [("a", 0.1)]
    engine.view("said", "SELECT :word AS w", {"word": "it's :least"})
    assert engine.rows("SELECT * FROM said") == [("it's :least",)]
    with pytest.raises(TypeError, match="numbers and texts"):
        engine.view("odd", "SELECT :word AS w", {"word": None})


def test_a_dropped_table_is_gone_and_dropping_twice_is_no_fault(engine):
    engine.run("made", "SELECT 1 AS n", {})
    for _ in range(2):
        engine.drop(["made"])

    assert engine.rows("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'made'") == [(0,)]


@pytest.mark.skipif(scanner_file() is None, reason="the SQLite extension isn't installed: mirrors are copied")
def test_a_large_mirror_is_read_by_another_process_while_it_is_open_here(mirror):
    left = mirror.parent / "snapshot-killed"
    left.mkdir()
    here = sqlite3.connect(mirror)
    here.execute("PRAGMA journal_mode = WAL")
    here.execute("UPDATE account SET employees = 6 WHERE id = 'a'")
    here.commit()
    shared = mirror.with_name(mirror.name + "-shm").stat().st_size
    with DuckEngine(mirror, large=0) as engine:
        reads = {"account": Read("account", ("id", "employees"), 3), "service_case": Read("case", ("id",), 2)}
        assert engine.snapshot(reads) == ["account", "service_case"]
        assert engine.rows("SELECT * FROM account ORDER BY id") == [("a", 6), ("b", None)]
        assert engine.rows("SELECT * FROM service_case") == [("c",)]
        assert len(list(mirror.parent.glob("snapshot-*"))) == 1
        assert not left.exists()
    assert not list(mirror.parent.glob("snapshot-*"))
    assert mirror.with_name(mirror.name + "-shm").stat().st_size == shared
    here.close()


@pytest.mark.skipif(scanner_file() is None, reason="the SQLite extension isn't installed: mirrors are copied")
def test_a_large_mirror_that_cannot_be_read_is_a_store_fault(mirror):
    with DuckEngine(mirror, large=0) as engine, pytest.raises(StoreFault, match="no_such_column"):
        engine.snapshot({"account": Read("account", ("no_such_column",), 1)})


def test_saved_rows_are_read_back_and_handed_out_in_batches(engine, tmp_path):
    saved = engine.save("SELECT id, employees FROM account", tmp_path / "staff.parquet")

    assert saved == 2
    assert query(tmp_path, "SELECT * FROM staff WHERE id = ?", ["a"]) == [{"id": "a", "employees": 5}]
    assert list(batches(tmp_path, "SELECT id FROM staff ORDER BY id")) == [[("a",), ("b",)]]
    with pytest.raises(StoreFault, match="Run: kam enrich"):
        query(tmp_path, "SELECT * FROM nothing_saved")


def test_spark_without_its_package_says_what_to_install(mirror):
    with pytest.raises(UsageFault, match=r"pip install 'kam-connector\[spark\]'"):
        SparkEngine(mirror, master="local[1]")


@pytest.mark.parametrize(
    ("said", "version"), [('openjdk version "17.0.15" 2025-04-15', 17), ('java version "1.8.0_412"', 8), ("?", 0)]
)
def test_the_version_of_java_is_what_java_says(said, version, tmp_path, monkeypatch):
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    assert java_version() == version


def test_where_there_is_no_java_its_version_is_zero(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    assert java_version() == 0

"""The engine on Spark keeps what the embedded one keeps, and leaves nothing behind."""

from pathlib import Path

import numpy as np
import pytest

from connector.engine import SparkEngine, query
from connector.errors import UsageFault
from connector.schema import Read
from connector.store.mirror import Mirror

READS = {
    "account": Read("account", ("id", "name", "employees", "annual_revenue"), 1),
    "opportunity": Read("opportunity", ("id", "amount_minor"), 1),
    "service_case": Read("case", ("account_id",), 1),
    "crm_user": Read("user", ("id",), 1),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("store")
    mirror = Mirror(made)
    with mirror.atomic():
        columns = {"id": ["a", "b"], "name": ["😀 نام", None], "employees": [5, None], "annual_revenue": [1.5, None]}
        mirror.upsert("account", "Account", ["a", "b"], columns, 1)
        deals = {"id": ["o", "p"], "amount_minor": [9007199254740993, None]}
        mirror.upsert("opportunity", "Opportunity", ["o", "p"], deals, 1)
        mirror.upsert("case", "Case", ["c"], {"id": ["c"], "account_id": ["a"]}, 1)
    mirror.close()
    return made


@pytest.fixture(scope="module")
def engine(folder, where):
    with SparkEngine(folder / "mirror.db", **where) as opened:
        assert opened.snapshot(READS) == list(READS)
        yield opened
    left = [f.name for f in folder.iterdir() if f.is_dir()]
    assert left == [], "an engine leaves nothing behind"


def test_the_mirror_keeps_null_text_and_big_whole_numbers(engine):
    accounts = engine.rows("SELECT id, name, employees, annual_revenue FROM account ORDER BY id")
    deals = engine.rows("SELECT amount_minor FROM opportunity ORDER BY id")

    assert accounts == [("a", "😀 نام", 5, 1.5), ("b", None, None, None)]
    assert deals == [(9007199254740993,), (None,)]


def test_reserved_words_have_names_that_need_no_quotes_and_empty_tables_are_there(engine):
    assert engine.rows("SELECT account_id FROM service_case") == [("a",)]
    assert engine.rows("SELECT COUNT(*) FROM crm_user") == [(0,)]


def test_a_step_is_bound_by_name_and_replaces_a_table_that_it_reads(engine):
    engine.run("big", "SELECT id FROM account WHERE COALESCE(employees, 0) >= :least", {"least": 0, "unused": 1})
    engine.run("big", "SELECT id FROM big WHERE id = :id AND 0.5E0 = :half", {"id": "a", "half": 0.5})

    assert engine.rows("SELECT id FROM big") == [("a",)]


def test_loaded_columns_keep_their_holes(engine):
    holed = np.ma.array(np.array([7, 0], dtype=np.int64), mask=[False, True])
    real = np.array([0.5, np.nan])
    engine.load("loaded", {"text": ["it's", None], "whole": holed, "mixed": [1, None], "real": real, "none": ["", ""]})
    found = engine.arrays("SELECT * FROM loaded")

    assert engine.rows("SELECT * FROM loaded") == [("it's", 7, 1.0, 0.5, ""), (None, None, None, None, "")]
    assert {c: a.tolist() for c, a in found.items()} == {
        "text": ["it's", None], "whole": [7, None], "mixed": [1.0, None], "real": [0.5, None], "none": ["", ""]
    }  # fmt: skip
    assert (found["whole"].dtype, found["real"].dtype) == (np.int64, np.float64)


def test_a_view_is_bound_and_a_dropped_table_gives_back_its_room(engine, folder):
    engine.run("some", "SELECT id, employees FROM account", {})
    engine.view("few", "SELECT id FROM some WHERE employees >= :least", {"least": 5, "unused": 1})
    seen = engine.rows("SELECT * FROM few")
    before = len(list(folder.glob("spark-*/some-*")))
    engine.drop(["some"])

    assert seen == [("a",)]
    assert (before, list(folder.glob("spark-*/some-*"))) == (1, [])


def test_what_is_saved_is_one_file_even_without_rows(engine, tmp_path):
    saved = engine.save("SELECT id, employees FROM account", tmp_path / "staff.parquet")
    none = engine.save("SELECT id FROM account WHERE id = 'z'", tmp_path / "nobody.parquet")

    assert (saved, none) == (2, 0)
    assert query(tmp_path, "SELECT * FROM staff WHERE id = 'a'") == [{"id": "a", "employees": 5}]
    assert query(tmp_path, "SELECT * FROM nobody") == []


def test_an_empty_table_can_be_loaded(engine):
    engine.load("nothing", {"id": [], "n": np.array([], dtype=np.int64)})

    assert engine.arrays("SELECT n FROM nothing")["n"].tolist() == []


def test_a_server_that_does_not_listen_is_named_at_once(folder):
    with pytest.raises(UsageFault, match=r"remote: nothing answers at .sc://127\.0\.0\.1:1"):
        SparkEngine(folder / "mirror.db", remote="sc://127.0.0.1:1")

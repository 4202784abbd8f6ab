"""Raw CRM values to column values: whatever arrives, SQLite can keep it, and unknown stays unknown."""

import math
import sqlite3
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.convert import convert, epoch_day, iso_day, listed
from connector.schema import SQL_TYPE, Column

JSON = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just({"a": 1}), st.just([1]),
    st.sampled_from(["2026-06-30", "2026-06-30T23:59:59.000+0000", "0001-01-01T00:00:00+14:00",
                     "9999-12-31T23:59:59-12:00", "2026-13-45T00:00:00.000+0000", "2026-W27-2", "1e999", "NaN", "\0",
                     "a\0b", 10**400, -(2**63), 2**63]),
)  # fmt: skip


@given(kind=st.sampled_from(sorted(SQL_TYPE)), values=st.lists(JSON, max_size=6))
@settings(max_examples=200, deadline=None)
def test_whatever_arrives_can_be_kept_in_a_strict_table(kind: str, values: list[Any]) -> None:
    made = convert(Column("x", kind, ""), values)
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(f"CREATE TABLE t (v {SQL_TYPE[kind]}) STRICT")
        connection.executemany("INSERT INTO t VALUES (?)", [(v,) for v in made["x"]])
    finally:
        connection.close()
    assert all(len(column) == len(values) for column in made.values())


@pytest.mark.parametrize("text", ["a\0b", "\0ab", "ab\0\0"])
def test_nul_is_dropped_from_texts(text: str) -> None:
    assert convert(Column("name", "text", ""), [text])["name"] == ["ab"]


def test_a_text_of_nothing_but_nul_is_unknown() -> None:
    assert convert(Column("name", "text", ""), ["\0", "", None])["name"] == [None, None, None]


def test_zero_and_negative_amounts_stay_and_nan_is_unknown() -> None:
    assert convert(Column("amount", "money", ""), [0, -5.5, None, math.nan, "x"])["amount"] == [
        0.0,
        -5.5,
        None,
        None,
        None,
    ]


def test_instants_become_utc() -> None:
    given_values = ["2026-06-30T01:00:00.000+0200", "2026-06-30", "2026-06-30T10:00:00.000+0000", "junk"]
    assert convert(Column("at", "instant", ""), given_values)["at"] == [
        "2026-06-29T23:00:00Z",
        "2026-06-30T00:00:00Z",
        "2026-06-30T10:00:00Z",
        None,
    ]


def test_days_and_epoch_days_are_each_others_inverse() -> None:
    assert iso_day(epoch_day("2026-06-30") or 0) == "2026-06-30"


def test_masked_and_nan_become_none() -> None:
    assert listed(np.ma.MaskedArray([1, 2], mask=[False, True])) == [1, None]
    assert listed(np.array([1.5, math.nan])) == [1.5, None]

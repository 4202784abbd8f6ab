"""Amounts to corporate minor units: rates of the day, unknown instead of zero, and rows of a pull that was cut off."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.steps.money import Corporate, Rates, fill
from connector.store.mirror import Mirror

DATED = [("USD", 100, 1.1, 2), ("USD", 200, 1.25, 2), ("JPY", None, 160.0, 0), ("BAD", None, 0.0, 2)]


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """An empty mirror."""
    made = Mirror(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("amount", "currency", "day", "minor"),
    [
        (10.0, "EUR", 150, 1000),
        (10.0, None, 150, 1000),
        (11.0, "USD", 150, 1000),
        (12.5, "USD", 200, 1000),
        (12.5, "USD", None, 1000),
        (11.0, "USD", 5, 1000),
        (160.0, "JPY", 150, 100),
        (None, "EUR", 150, None),
        (10.0, "XYZ", 150, None),
        (10.0, "BAD", 150, None),
        (0.0, "EUR", 150, 0),
        (-0.005, "EUR", 150, -1),
        (0.005, "EUR", 150, 1),
        (-3.0, "EUR", 150, -300),
        (0.1 + 0.2, "EUR", 150, 30),
    ],
)
def test_an_amount_is_taken_at_the_rate_of_its_day(
    amount: float | None, currency: str | None, day: int | None, minor: int | None
) -> None:
    assert Rates(DATED, Corporate("EUR")).minor(amount, currency, day) == minor


def test_a_configured_rate_serves_where_the_crm_has_none() -> None:
    assert Rates([], Corporate("EUR", {"CHF": 0.5})).minor(1.0, "CHF", 10) == 200


def test_digits_are_those_of_the_corporate_currency() -> None:
    assert Rates([], Corporate("JPY")).minor(12.4, "JPY", 1) == 12
    assert Rates([("KWD", None, 1.0, 3)], Corporate("KWD")).digits == 3


def deals(mirror: Mirror, pull: int, **amounts: float) -> None:
    """Store deals as a pull does."""
    with mirror.atomic():
        keys = list(amounts)
        columns = {
            "id": keys,
            "amount": list(amounts.values()),
            "amount_minor": [None] * len(keys),
            "currency": ["USD"] * len(keys),
            "close_day": [150] * len(keys),
        }
        mirror.upsert("opportunity", "Opportunity", keys, columns, pull)


def minors(mirror: Mirror) -> dict[str, int | None]:
    """What each deal is worth."""
    return {r["id"]: r["amount_minor"] for r in mirror.rows("SELECT id, amount_minor FROM opportunity ORDER BY id")}


def test_deals_without_a_rate_are_unknown_and_counted_by_currency(mirror: Mirror) -> None:
    deals(mirror, 1, a=11.0, b=22.0)
    assert fill(mirror, 1, Corporate("EUR")) == {"USD": 2}
    assert minors(mirror) == {"a": None, "b": None}


def test_a_new_rate_fills_old_rows_too(mirror: Mirror) -> None:
    deals(mirror, 1, a=11.0)
    fill(mirror, 1, Corporate("EUR"))
    assert fill(mirror, 2, Corporate("EUR", {"USD": 1.1})) == {}
    assert minors(mirror) == {"a": 1000}


def test_rows_of_a_pull_that_was_cut_off_before_the_fill_are_filled_by_the_next(mirror: Mirror) -> None:
    home = Corporate("EUR", {"USD": 1.1})
    deals(mirror, 1, a=11.0)
    fill(mirror, 1, home)
    deals(mirror, 2, b=22.0)  # killed here: pull 3 does not read b again
    deals(mirror, 3, c=33.0)
    fill(mirror, 3, home)
    assert minors(mirror) == {"a": 1000, "b": 2000, "c": 3000}


def test_the_rate_kept_with_a_deal_counts_before_the_rate_of_its_day() -> None:
    assert Rates([("CHF", 0, 2.0, 2)], Corporate("EUR")).minor(10.0, "CHF", 5, 0.5) == 2000
    assert Rates([("CHF", 0, 2.0, 2)], Corporate("EUR")).minor(10.0, "CHF", 5, None) == 500

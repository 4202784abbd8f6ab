"""Key accounts against those that came near: differences and intervals worked out by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.insight.programme_effect import Difference, Since, differences


def both(key: list[Since], near: list[Since]) -> dict[str, Difference]:
    return {d.measure: d for d in differences([*key, *near])}


def test_growth_is_the_ratio_of_sums_and_equal_accounts_have_no_spread() -> None:
    # Each key account grew by a quarter, each near-miss by a tenth: whatever is drawn, 1.25 - 1.10 = 0.15.
    key = [Since(True, n * 100_00, n * 125_00) for n in range(1, 6)]
    near = [Since(False, n * 100_00, n * 110_00) for n in range(1, 7)]
    found = both(key, near)["growth"]
    assert (found.key, found.near) == (pytest.approx(0.25), pytest.approx(0.10))
    assert (found.key_accounts, found.near_accounts) == (5, 6)
    assert (found.difference, found.low, found.high) == tuple(pytest.approx(0.15) for _ in range(3))


def test_the_win_rate_is_over_all_deals_and_accounts_without_one_are_left_out() -> None:
    # Key: 5 + 4 x 1 of 10 + 4 x 2 = 9 of 18; near-miss: 5 x 1 of 5 x 4. The account without a deal is no zero.
    key = [Since(True, won=5, closed=10), *[Since(True, won=1, closed=2)] * 4, Since(True)]
    found = both(key, [Since(False, won=1, closed=4)] * 5)["win rate"]
    assert (found.key, found.near, found.key_accounts) == (0.5, 0.25, 5)
    # Every key account wins half: no draw differs.
    assert (found.low, found.high) == (0.25, 0.25)


def test_satisfaction_has_the_interval_of_welch() -> None:
    key = [Since(True, satisfaction=v) for v in (70.0, 75.0, 80.0, 85.0, 90.0)]
    near = [Since(False, satisfaction=v) for v in (60.0, 65.0, 70.0, 75.0, 80.0)]
    found = both(key, near)["satisfaction"]
    # Means 80 and 70; each variance (100 + 25 + 0 + 25 + 100) / 4 = 62.5, so the squared error is 12.5 + 12.5 = 25 and
    # the error 5; freedom 25² / (12.5² / 4 + 12.5² / 4) = 8; t(0.975, 8) = 2.3060: 10 ± 11.530.
    assert (found.key, found.near, found.difference) == (80.0, 70.0, 10.0)
    assert (found.low, found.high) == (pytest.approx(-1.530, abs=1e-3), pytest.approx(21.530, abs=1e-3))


def test_few_accounts_make_no_difference() -> None:
    found = both([Since(True, 100, 300, 1, 1, 90.0)] * 4, [Since(False, 100, 100, 0, 1, 50.0)] * 9)
    assert {(d.difference, d.low, d.key_accounts) for d in found.values()} == {(None, None, 4)}
    assert both([], [])["growth"] == Difference("growth", "%", None, None, 0, 0)


def test_an_account_without_revenue_before_or_of_unknown_revenue_has_no_growth() -> None:
    found = both([Since(True, 0, 500), Since(True, None, 500), Since(True, 200, 300)], [])["growth"]
    # What is known now and was nothing then cannot be divided; what is unknown now is unknown.
    assert (found.key, found.key_accounts) == (0.5, 1)
    assert both([Since(True, 200, None)], [])["growth"].key_accounts == 0


VALUES = st.lists(st.tuples(st.integers(1, 10**9), st.integers(0, 10**9)), min_size=5, max_size=9)


@given(VALUES, VALUES, st.sampled_from([10, 1000]))
@settings(max_examples=20, deadline=None)
def test_neither_the_unit_of_money_nor_a_second_look_moves_an_interval(
    key: list[tuple[int, int]], near: list[tuple[int, int]], scale: int
) -> None:
    def seen(unit: int) -> Difference:
        made = [Since(c, b * unit, n * unit) for c, g in ((True, key), (False, near)) for b, n in g]
        return differences(made)[0]

    one, other = seen(1), seen(scale)
    assert (one.difference, one.low, one.high) == pytest.approx((other.difference, other.low, other.high))
    assert seen(1) == one
    assert one.low is not None and one.high is not None and one.low <= one.high

"""What whitespace learns from the past: rates by score, ceilings, and whether totals came true; all by hand."""

import numpy as np
import pytest

from connector.insight.whitespace import calibrate, cold, values
from connector.insight.whitespace.calibrate import Window
from connector.insight.whitespace.history import History, levels_at
from connector.insight.whitespace.propensity import group
from connector.insight.whitespace.settings import Settings

DAY = 20_000
Cell = tuple[int, int, int, int, int, int]


def history(accounts: int, cells: list[Cell], sizes: list[int] | None = None) -> History:
    """Cells are account, family, first day, last day, spent this year, spent the year before."""
    size = np.array(sizes or [0] * accounts)
    classes = [-1 if s <= 0 else int(np.floor(4 * np.log2(s) + 1e-9)) for s in size]
    return History(
        np.full((accounts, 4), -1), size, np.array(classes), *np.array(cells, dtype=np.int64).reshape(-1, 6).T
    )


def window(score: list[float], bought: list[int], family: list[int] | None = None) -> Window:
    nothing = np.zeros(0)
    cells = np.array(family or [0] * len(score))
    return Window(0, 182, cells, np.array(score), np.array(bought, dtype=np.bool_), nothing, nothing)


def test_pools_of_neighbours_that_fall_share_their_mean() -> None:
    # 0.1 stands. 0.5 and 0.3 fall: (0.5 x 1 + 0.3 x 3) / 4 = 0.35; then 0.2 falls below that:
    # (0.35 x 4 + 0.2 x 1) / 5 = 0.32. 0.9 stands.
    found = calibrate.rising(np.array([0.1, 0.5, 0.3, 0.2, 0.9]), np.array([2.0, 1.0, 3.0, 1.0, 1.0]))

    assert found.tolist() == pytest.approx([0.1, 0.32, 0.32, 0.32, 0.9])


def test_odds_are_rates_by_score_over_the_mean() -> None:
    # 100 cells at 0.1 of which 10 were bought, 100 at 0.9 of which 30: mean 0.2. Five cells of the mean steady each:
    # (10 + 1) / 105 and (30 + 1) / 105, over 0.2.
    curve = calibrate.fit([window([0.1] * 100 + [0.9] * 100, [1] * 10 + [0] * 90 + [1] * 30 + [0] * 70)], 1)

    assert curve.at.tolist() == pytest.approx([0.1, 0.9])
    assert curve.odds.tolist() == pytest.approx([11 / 21, 31 / 21], abs=1e-6)
    # Between the two: straight. The family's mean of its 200 cells is 1, so its anchor is 1.
    assert curve.of(np.array([0.5]), np.array([0])) == pytest.approx([1.0], abs=1e-5)


def test_a_family_with_high_scores_has_odds_of_one_on_average() -> None:
    # Family 1 stands at 0.9 only: its odds there are drawn to 1 (by five cells of 1), so that its base rate stays.
    family = [0] * 100 + [1] * 100
    curve = calibrate.fit([window([0.1] * 100 + [0.9] * 100, [0] * 100 + [1] * 40 + [0] * 60, family)], 2)

    high = curve.of(np.array([0.9]), np.array([1]))[0]
    assert high == pytest.approx(curve.odds[1] / ((100 * curve.odds[1] + 5) / 105), abs=1e-5)
    assert 1 <= high < 1.05


def test_too_few_adoptions_teach_no_curve() -> None:
    settings = Settings(least_adoptions=41)
    found = calibrate.calibrate([window([0.1] * 60 + [0.9] * 40, [0] * 60 + [1] * 40)], 1, settings)

    assert (found.curve, found.adoptions, found.error, found.beaten) == (None, 40, None, None)


def test_the_error_is_the_mean_distance_of_promise_and_rate() -> None:
    # The past: 0.25 at every score. Now 20 cells, all promised alike; 10 of them bought: 0.5 - 0.25.
    past, now = window([0.5] * 1000, [1] * 250 + [0] * 750), window([0.5] * 20, [1, 0] * 10)

    assert calibrate.calibration_error([past], now, 1) == pytest.approx(0.25, abs=1e-3)


def test_the_matrix_of_an_earlier_day_knows_nothing_of_later() -> None:
    cells = [(0, 0, DAY - 900, DAY - 800, 0, 0), (0, 1, DAY - 100, DAY - 50, 9, 0), (1, 0, -1, -1, 0, 0)]
    past = history(2, [*cells, (1, 1, DAY - 600, DAY - 10, 5, 0)])

    assert levels_at(past, DAY - 200, 2, 730).tolist() == [[2, 0], [2, 2]]
    assert levels_at(past, DAY - 60, 2, 730).tolist() == [[1, 2], [2, 2]]
    assert levels_at(past, DAY - 1000, 2, 730).tolist() == [[0, 0], [2, 0]]


def test_windows_hold_what_was_bought_after_their_first_day_only() -> None:
    # Forty accounts with families 0 to 4, half of whom buy family 5 ten days ago; ten more had it all along.
    cells = [(a, f, DAY - 900, DAY - 200, 1, 1) for a in range(50) for f in range(5) if (a + f) % 7]
    cells += [(a, 5, DAY - 10, DAY - 10, 1, 0) for a in range(20)]
    cells += [(a, 5, DAY - 900, DAY - 20, 1, 0) for a in range(40, 50)]
    older, newer = calibrate.windows(history(50, cells), 6, DAY, Settings())

    # 20,000 is eight days after the last four weeks' end: there both windows of half a year meet their ends.
    assert (older.begins, older.ends, newer.begins, newer.ends) == (19_628, 19_810, 19_810, 19_992)
    assert older.bought.sum() == 0
    assert newer.bought.sum() == 20
    assert set(newer.family[newer.bought]) == {5}
    assert len(newer.ours) == 20


def test_a_ceiling_is_the_fourth_fifth_of_those_nearest_in_size() -> None:
    # Ten adopters of one size spend 1 to 10: the 80th percentile is the 8th. A class far above has the same nearest.
    cells = [(a, 0, DAY - 300, DAY - 300, a + 1, 0) for a in range(10)]
    found = values.ceilings(history(11, cells, [64] * 10 + [1024]), 2)

    # Class 24 is 64 (four to each of six doublings), 40 is 1024; -1 is the unknown size.
    assert (found.least, found.most) == (24, 40)
    table = dict(zip(zip(found.family.tolist(), found.size_class.tolist(), strict=True), found.minor, strict=True))
    assert table[0, 24] == table[0, 40] == 8
    assert table[0, -1] == -1
    assert table[1, 24] == -1


def test_seven_adopters_are_too_few_for_a_ceiling() -> None:
    cells = [(a, 0, DAY - 300, DAY - 300, a + 1, 0) for a in range(7)]

    assert set(values.ceilings(history(7, cells, [64] * 7), 1).minor.tolist()) == {-1}


def test_the_total_of_a_year_ago_is_held_against_what_was_spent() -> None:
    # Ten accounts buy family 0 for 100 each year. Five began family 1 between two years and one year ago, for 100 a
    # year; three did in the last year, for 50 each.
    cells = [(a, 0, DAY - 1500, DAY - 10, 100, 100) for a in range(10)]
    cells += [(a, 1, DAY - 500, DAY - 10, 100, 100) for a in range(5)]
    cells += [(a, 1, DAY - 50, DAY - 10, 50, 0) for a in range(5, 8)]
    found = values.totals(history(10, cells), 2, DAY, Settings())

    # A year ago five of ten had begun family 1, and family 0 was open in none: together (5 + 5 x 0.1) / (10 + 5), and
    # family 1 alone (5 + 5 x 0.366667) / (10 + 5) = 0.455556. Five cells are still open. It was bought for 100, by
    # accounts of 200 each; those without it are of 100: 100 x (1/2)^0.5 = 70.71. Family 0 is bought for 100 by five
    # accounts of 200 and five of 100, in the middle 150: by how far these miss it, the sum is smeared.
    ratios = np.array([100 / (100 * (200 / 150) ** 0.5)] * 5 + [100 / (100 * (100 / 150) ** 0.5)] * 5 + [1.0] * 5)
    smear = np.exp(np.log(ratios).var() / 2)
    assert found.ratio == pytest.approx(0.455556 * 5 * 70.710678 * smear / 150, rel=1e-4)


def test_money_in_another_unit_changes_values_alone() -> None:
    cells = [
        (a, f, DAY - 1500 + 15 * a + 400 * f, DAY - 10, 7 * a + 90 + f, 60 + a) for a in range(30) for f in range(3)
    ]
    ten = [(*c[:4], 10 * c[4], 10 * c[5]) for c in cells]
    one, other = (values.totals(history(30, c), 3, DAY, Settings()) for c in (cells, ten))

    assert one.smear == other.smear
    assert one.ratio == pytest.approx(other.ratio, rel=1e-6)


def test_without_two_years_there_is_no_ratio() -> None:
    assert values.totals(history(1, [(0, 0, DAY - 700, DAY, 5, 5)]), 1, DAY, Settings()).ratio is None


def test_an_account_without_purchases_is_told_what_its_like_bought() -> None:
    # Industry 1 in country 1 buys family 0, industry 2 in country 2 family 1; half of the latter family 2 as well.
    levels = np.array([[2, 0, 0]] * 12 + [[0, 2, 0]] * 6 + [[0, 2, 2]] * 6)
    traits = np.array([[1, 1, -1, -1]] * 12 + [[2, 2, -1, -1]] * 12)
    asking = group(np.zeros((2, 1), dtype=np.int64), np.array([[1, 1, -1, -1], [2, 2, -1, -1]]))
    found = cold.ideas(group(levels, traits), asking, np.array([True, True, True]), Settings(neighbours=12, peers=10))

    assert list(zip(found.pattern, found.family, found.owners, found.peers, strict=True)) == [
        (0, 0, 10, 10), (1, 1, 10, 10), (1, 2, 5, 10),
    ]  # fmt: skip
    # Six cells asked: scores 1, 0, 0 and 0, 1, 1/2: the two 1 are above four and count themselves by half.
    assert found.score.tolist() == pytest.approx([5 / 6, 5 / 6, 3.5 / 6], abs=1e-6)


def test_a_family_no_longer_sold_is_proposed_to_nobody() -> None:
    levels, traits = np.array([[2, 2]] * 12), np.array([[1, 1, -1, -1]] * 6 + [[2, 2, -1, -1]] * 6)
    asking = group(np.zeros((1, 1), dtype=np.int64), np.array([[1, 1, -1, -1]]))

    assert cold.ideas(group(levels, traits), asking, np.array([False, True]), Settings()).family.tolist() == [1]

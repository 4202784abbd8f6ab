"""The algebra of whitespace on matrices small enough to work out by hand."""

import math

import numpy as np
import pytest

from connector.insight.arrays import Ranks
from connector.insight.whitespace import model, neighbours, propensity
from connector.insight.whitespace.settings import Settings
from connector.insight.whitespace.uptake import NEVER, uptake

# Six accounts x four families; 2 bought recently, 1 long ago.
LEVELS = np.array([[2, 2, 0, 0], [2, 2, 0, 0], [2, 0, 0, 0], [0, 0, 2, 2], [0, 0, 2, 1], [0, 2, 0, 0]])
NO_TRAITS = np.full((6, 4), -1)


def by_account(patterns: propensity.Patterns, values: np.ndarray) -> np.ndarray:
    return np.asarray(values[patterns.member])


def near(
    levels: np.ndarray, traits: np.ndarray, k: int = 2, **more: int
) -> tuple[propensity.Patterns, neighbours.Neighbours]:
    patterns = propensity.group(levels, traits)
    limits = {"exact_limit": 100, **more}
    found = neighbours.neighbours(patterns, k=k, peers=2, firmographic=0.3, **limits)
    return patterns, found(np.arange(len(patterns.counts)))


def test_equal_rows_are_one_pattern() -> None:
    patterns = propensity.group(LEVELS, NO_TRAITS)

    assert len(patterns.counts) == 5
    assert patterns.counts.sum() == 6
    assert patterns.member[0] == patterns.member[1]
    assert (by_account(patterns, patterns.levels) == LEVELS).all()


def test_patterns_do_not_depend_on_the_order_of_accounts() -> None:
    one, other = propensity.group(LEVELS, NO_TRAITS), propensity.group(LEVELS[::-1], NO_TRAITS)

    assert (one.levels == other.levels).all()
    assert (one.member == other.member[::-1]).all()


def test_ease_is_what_one_works_out_by_hand() -> None:
    # Families 0 and 1 touch neither 2 nor 3: X'X is two blocks. With λ = 0.5 x 6 = 3 the first is [[3+3, 2], [2, 3+3]],
    # its inverse [[6, -2], [-2, 6]] / 32, so B01 = -(-2/32) / (6/32) = 1/3. The second is [[2+3, 1.5], [1.5, 1.25+3]]:
    # B23 = 1.5 / 5 (divided by P33 = 5/d), B32 = 1.5 / 4.25.
    weights = propensity.ease(propensity.group(LEVELS, NO_TRAITS), 0.5)

    expected = np.zeros((4, 4))
    expected[0, 1] = expected[1, 0] = 0.333333
    expected[2, 3], expected[3, 2] = 0.3, 0.352941
    assert weights == pytest.approx(expected, abs=1e-9)


def test_neighbours_are_what_one_works_out_by_hand() -> None:
    patterns, found = near(LEVELS, NO_TRAITS)

    # Account 2 has family 0 alone: cosine with accounts 0 and 1 is 1/√2, with all others 0. Both own 0 and 1.
    assert by_account(patterns, found.score / 1e6)[2] == pytest.approx([1, 1, 0, 0])
    assert by_account(patterns, found.owners)[2].tolist() == [2, 2, 0, 0]
    # Account 4 knows only account 3 (the rest share nothing): it owns 2 and 3.
    assert by_account(patterns, found.score / 1e6)[4] == pytest.approx([0, 0, 1, 1])
    assert by_account(patterns, found.peers)[4] == 1
    # Account 3's only peer bought family 3 long ago: half a purchase, and nobody who owns it.
    assert by_account(patterns, found.score / 1e6)[3] == pytest.approx([0, 0, 1, 0.5])
    assert by_account(patterns, found.owners)[3].tolist() == [0, 0, 1, 0]
    # Account 0: its twin (1), then account 2 and 5 equally near (1/√2); pattern order puts 5 (0,2,0,0) first.
    weight = round(1e6 / math.sqrt(2)) / 1e6
    assert by_account(patterns, found.score / 1e6)[0] == pytest.approx([1 / (1 + weight), 1, 0, 0], abs=1e-6)


def test_an_account_is_no_neighbour_of_its_own() -> None:
    patterns, found = near(np.array([[2, 0], [0, 2]]), np.full((2, 4), -1))

    assert by_account(patterns, found.score).tolist() == [[0, 0], [0, 0]]
    assert found.peers.tolist() == [0, 0]


def test_firmographics_count_when_two_fields_are_usable() -> None:
    # Account 3 bought nothing in common with anybody but shares industry 1 and country 1 with accounts 0 and 1.
    levels = np.array([[2, 2, 0], [2, 2, 0], [2, 0, 0], [0, 0, 2]])
    traits = np.array([[1, 1, -1, -1], [1, 1, -1, -1], [2, 2, -1, -1], [1, 1, -1, -1]])
    patterns, found = near(levels, traits)

    assert neighbours.usable_traits(patterns) == [0, 1]
    assert by_account(patterns, found.score / 1e6)[3] == pytest.approx([1, 1, 0])


def test_one_usable_field_is_not_enough_for_firmographics() -> None:
    levels = np.array([[2, 2, 0], [2, 2, 0], [2, 0, 0], [0, 0, 2]])
    traits = np.array([[1, -1, -1, -1], [1, -1, -1, -1], [2, -1, -1, -1], [1, -1, -1, -1]])
    patterns, found = near(levels, traits)

    assert by_account(patterns, found.score / 1e6)[3].tolist() == [0, 0, 0]


def test_sizes_lose_a_quarter_of_similarity_per_doubling() -> None:
    # Same industry everywhere would be no usable field, so country differs; sizes 3 and 4 classes against 3.
    levels = np.array([[2, 0], [0, 2], [0, 2]])
    traits = np.array([[-1, 1, 3, -1], [-1, 1, 4, -1], [-1, 2, 7, -1]])
    patterns = propensity.group(levels, traits)
    features, theirs = neighbours._features(patterns, np.arange(3), 0.3)
    place = patterns.member
    table = (features(np.arange(3)) @ theirs.T)[np.ix_(place, place)]

    # 0 and 1: country equal 1, size 3/4 → mean 0.875; 0 and 2: country 0, four doublings apart → 0.
    assert table[0, 1] == pytest.approx(0.3 * 0.875)
    assert table[0, 2] == pytest.approx(0)


def test_beyond_the_limit_an_index_finds_most_neighbours_and_the_same_twice() -> None:
    levels = np.random.default_rng(5).integers(0, 3, (900, 8))
    traits = np.random.default_rng(6).integers(-1, 4, (900, 4))
    patterns = propensity.group(levels, traits)
    rows = np.arange(len(patterns.counts))
    exact = neighbours._compared(patterns, 20, 0.3)(rows)
    likely = neighbours._found(patterns, 20, 0.3)(rows)
    again = neighbours._found(patterns, 20, 0.3)(rows)

    assert all((one == other).all() for one, other in zip(likely, again, strict=True))
    # Whoever is as similar as the twentieth is as good as it.
    assert (likely[1] >= exact[1][:, -1:] - 1).mean() > 0.8
    _, sampled = near(levels, traits, k=20, exact_limit=10)
    _, compared = near(levels, traits, k=20, exact_limit=1000)
    assert np.abs(sampled.score - compared.score).mean() < 100_000


def test_what_an_index_finds_is_compared_as_exactly_as_each_with_each() -> None:
    # Everything is looked through: 60 patterns have few lists, and all are asked for.
    levels = np.random.default_rng(7).integers(0, 3, (60, 5))
    patterns = propensity.group(levels, np.random.default_rng(8).integers(-1, 3, (60, 4)))
    rows = np.arange(len(patterns.counts))
    exact, likely = (make(patterns, 60, 0.3)(rows) for make in (neighbours._compared, neighbours._found))

    found = likely[1] > 0
    table = np.zeros((len(rows), len(rows)))
    np.put_along_axis(table, exact[0], exact[1], axis=1)
    assert np.abs(np.take_along_axis(table, likely[0], axis=1) - likely[1])[found].max() <= 1


def test_every_cell_is_scored_by_both_models_and_their_blend() -> None:
    patterns = propensity.group(LEVELS, NO_TRAITS)
    alike, faster = (
        by_account(patterns, model.scores(patterns, Settings(neighbours=2, peers=2), np.array(rates)).blend)
        for rates in ([0.1, 0.1, 0.1, 0.1], [0.1, 0.2, 0.1, 0.1])
    )

    assert (alike[LEVELS > 0] == -1).all()
    # Of account 2's open cells family 1 leads by both models; its blend is the mean of both percentile ranks. 14 cells
    # are open. Item model: 2 -> 1 and 5 -> 0 score B = 2 / (3 + 1.8) = 0.416667, the highest: (12 + 2 / 2) / 14. By the
    # neighbours these two score 1, the highest too. Each alone has a score of the three open cells of its family: its
    # lift is 3 by both.
    assert alike[2, 1] == alike[5, 0] == pytest.approx(13 / 14, abs=1e-6)
    assert alike[2, 1] > max(alike[2, 2], alike[2, 3])
    # Where family 1 is taken up twice as fast, its cell comes first alone: (13 + 1/2) / 14 and (12 + 1/2) / 14.
    assert [faster[2, 1], faster[5, 0]] == pytest.approx([27 / 28, 25 / 28], abs=1e-6)


def test_uptake_is_the_mean_of_two_rates_of_those_who_could_begin() -> None:
    # Day 700; the windows begin with the weeks of days 520 and 335: on 518 and 329.
    always, never = -1, NEVER
    first = np.array([[always, 600], [100, never], [560, 400]])
    # Since 518 one account without family 0 began with it, of one; with family 1 one of two. Since 329 the third had
    # bought nothing before: nobody was without family 0; with family 1 one began of two.
    # Each rate is steadied by 0.015 cells for each of the three accounts.
    few = 0.045
    half, year = (2 + few * 0.1 * 180 / 365) / (3 + few), (1 + few * 0.1) / (2 + few)
    rates = [
        ((1 + few * half) / (1 + few) * 365 / 180, few * year / few),
        ((1 + few * half) / (2 + few) * 365 / 180, (1 + few * year) / (2 + few)),
    ]

    assert uptake(first, 700, 0.1) == pytest.approx([math.sqrt(a * b) for a, b in rates], abs=1e-6)


def test_lift_is_drawn_towards_one() -> None:
    lift, joint = propensity.shrunk_lift(propensity.group(LEVELS, NO_TRAITS))

    # Families 0 and 1: 2 joint owners, p = 1/2 each, n = 6: (2 + 10) / (6/4 + 10) = 12 / 11.5.
    assert joint[0, 1] == 2
    assert lift[0, 1] == pytest.approx(12 / 11.5, abs=1e-6)


def test_percentile_ranks_count_accounts_and_split_ties() -> None:
    values, weights = np.array([100_000, -5, 500_000, 500_000]), np.array([2, 4, 1, 1])
    whole, parts = Ranks(), Ranks()
    whole.add(values, weights)
    for cell in ([2, 3], [1], [0], []):
        parts.add(values[cell], weights[cell])

    assert whole.of(values).tolist() == [0.625, 0.25, 0.875, 0.875]
    assert parts.of(values).tolist() == whole.of(values).tolist()

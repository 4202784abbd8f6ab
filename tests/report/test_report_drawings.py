"""The drawings: where marks, labels and lines go."""

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.report.curve import curve
from connector.report.plot import SIZE, Box, room, shortened
from connector.report.scatter import Scatter, scatter
from connector.report.seats import grid, levels


def row(name: str, x: float | None, y: float | None) -> dict[str, Any]:
    return {"id": name, "name": name, "relationship_axis": x, "attractiveness": y}


def boxes(drawn: Scatter) -> list[Box]:
    made = []
    for label in (m.label for m in drawn.marks if m.label):
        left = label.x - room(label.text) if label.anchor == "end" else label.x
        made.append(Box(left, label.y - SIZE * 0.8, left + room(label.text), label.y + SIZE * 0.2))
    return made


def meetings(found: list[Box]) -> int:
    return sum(a.meets(b) for i, a in enumerate(found) for b in found[:i])


@pytest.mark.parametrize("seed", range(5))
def test_twenty_five_accounts_all_get_a_label_and_none_lies_on_another(seed: int) -> None:
    chance = random.Random(seed)
    rows = [row(f"Company number {i} Limited", chance.uniform(40, 90), chance.uniform(60, 100)) for i in range(25)]
    drawn = scatter(rows, (80.0, 70.0))
    assert drawn.unlabelled == 0
    assert meetings(boxes(drawn)) == 0


def test_accounts_in_one_heap_lose_labels_rather_than_legibility() -> None:
    drawn = scatter([row(f"Company number {i} Limited", 50, 50) for i in range(60)], (None, None))
    assert len(drawn.marks) == 60
    assert 0 < drawn.unlabelled < 60
    assert meetings(boxes(drawn)) == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1, max_size=40), st.floats(0, 100), st.floats(0, 100)), max_size=30))
def test_nothing_is_drawn_outside_the_drawing(points: list[tuple[str, float, float]]) -> None:
    drawn = scatter([row(*p) for p in points], (50.0, 50.0))
    area = drawn.area
    assert all(area.left <= m.x <= area.right and area.top <= m.y <= area.bottom for m in drawn.marks)
    assert all(area.left <= b.x0 and b.x1 <= area.right + 1 for b in boxes(drawn))


def test_an_account_with_an_unknown_side_is_counted_and_not_drawn_at_zero() -> None:
    drawn = scatter([row("a", 50, 50), row("b", None, 50), row("c", 50, None)], (None, None))
    assert [m.row["id"] for m in drawn.marks] == ["a"]
    assert drawn.left_out == 2


def test_the_axes_follow_the_accounts_and_hold_the_cuts() -> None:
    drawn = scatter([row("a", 81, 95), row("b", 88, 97)], (62.0, 55.0))
    assert (drawn.area.across, drawn.area.up) == ((50, 90), (60, 100))
    assert drawn.cut_x is not None
    assert drawn.area.left <= drawn.cut_x <= drawn.area.right


def test_wide_letters_take_more_room_and_marks_none() -> None:
    assert room("東京") == room("abcd")
    assert room("e\u0301") == room("e")
    assert shortened("abcdefghij", room("abcde")) == "abcd…"
    assert shortened("abc", room("abc")) == "abc"


def test_the_curve_says_how_many_accounts_bring_four_fifths() -> None:
    drawn = curve([50, 30, 10, 5, 5])
    assert drawn is not None
    assert (drawn.most, drawn.accounts, drawn.losing) == (2, 5, 0)
    assert drawn.line.split(" ")[-1] == f"{drawn.area.right:.1f},{drawn.area.top:.1f}"


@pytest.mark.parametrize("loss", [50, 149, 151, 1_000, 70_000])
def test_losses_let_the_curve_come_down_again_even_below_zero(loss: int) -> None:
    drawn = curve([100, 50, 0, -loss])
    assert drawn is not None
    assert (drawn.losing, drawn.loss) == (1, loss / 150)
    assert 0 in [tick for _, tick in drawn.ticks]
    places = [place for place, _ in drawn.ticks]
    assert min(abs(a - b) for a, b in pairwise(places)) > SIZE
    heights = [float(p.split(",")[1]) for p in drawn.line.split(" ")]
    assert all(drawn.area.top <= h <= drawn.area.bottom for h in heights)
    assert heights[-1] == drawn.area.y(100 - loss * 100 / 150)


@pytest.mark.parametrize("worth", [[], [0, 0], [0, -10]])
def test_without_value_there_is_no_curve(worth: list[int]) -> None:
    assert curve(worth) is None


def test_a_hundred_thousand_accounts_make_a_short_line() -> None:
    drawn = curve(list(range(100_000, 0, -1)))
    assert drawn is not None
    assert len(drawn.line) < 5000


def slot(name: str, **state: Any) -> dict[str, Any]:
    return {"slot": name, "weight": 1, "known": 1, "covered": 0, "value": 0.0} | state


def test_seats_stand_by_function_and_level_and_roles_apart() -> None:
    made = grid([slot("finance.executive", covered=1, value=1.0), slot("it.manager", known=0), slot("role.champion")])
    assert made.columns == ["executive", "manager"]
    assert [[s and s.state for s in seats] for seats in made.rows.values()] == [["covered", None], [None, "gap"]]
    assert made.roles["champion"].state == "known"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"known": None, "covered": None, "value": None}, "unknown"),
        ({"covered": None, "value": None}, "known"),
        ({"value": 0.3}, "thin"),
        ({"known": 0}, "gap"),
    ],
)
def test_a_seat_says_what_is_known_of_it(state: dict[str, Any], told: str) -> None:
    assert grid([slot("any.director", **state)]).rows["any"][0].state == told  # type: ignore[union-attr]


def test_contacts_are_counted_by_level_with_the_unknown_level_last() -> None:
    made = levels(
        [
            {"level": None, "band": None, "contacts": 2, "engaged": None},
            {"level": 4, "band": "Strong", "contacts": 1, "engaged": 1},
            {"level": 4, "band": "Cold", "contacts": 3, "engaged": 0},
        ]
    )
    assert [(m.level, m.contacts, m.engaged) for m in made] == [(4, 4, 1), (None, 2, None)]
    assert made[0].bands == [1, 0, 0, 3, 0]

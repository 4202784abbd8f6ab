"""The org chart of a page: who stands under whom, where the boxes go, and what is told of each."""

import copy
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.insight.texts import catalogue
from connector.report.org.drawing import COLUMNS, WIDE, WIDTH, Drawing, Listing, drawing, mirror
from connector.report.org.people import MOST_PEOPLE, Chart, chart
from connector.report.org.tidy import children, hung, tidy
from connector.report.org.words import gaps
from connector.report.plot import Box

Row = dict[str, Any]
SAID = catalogue("en")
WARM = 40.0


def person(id: str, level: int | None = 2, function: str | None = "it", **more: object) -> Row:
    row = dict.fromkeys(("manager_id", "left_manager_id", "suggested_manager_id", "suggestion_confidence", "strength"))
    return row | {"contact_id": id, "level": level, "function": function, "influence_rank": 1, "present": 1} | more


def of(*rows: Row, **names: str) -> Chart:
    return chart(rows, {}, names, WARM)


def drawn(made: Chart, *empty: str) -> Drawing:
    found = drawing(made, empty, SAID)
    assert isinstance(found, Drawing)
    return found


def told(made: Drawing | Listing | None) -> list[str]:
    assert made is not None
    return [one.sentence for one in made.told]


def rooms(made: Drawing) -> list[Box]:
    return [Box(b.x, b.y, b.x + WIDE, b.y + made.tall) for b in made.boxes]


def test_boxes_stand_where_they_were_put_by_hand() -> None:
    # One leads L, s and R; L and R lead three each. Below, L and R take three columns each, 3 apart from middle to
    # middle; packed to the left s stands 1 from L, packed to the right 1 from R: in the middle of both, 1.5 from each.
    above = [-1, 0, 0, 0, 1, 1, 1, 3, 3, 3]
    below = [(0, 2), (1, 2), (2, 2), (3, 2), (4, 2), (5, 2)]
    assert tidy(above) == [(2.5, 0), (1, 1), (2.5, 1), (4, 1), *below]


def test_a_small_branch_may_stand_over_a_wide_one_of_its_neighbour() -> None:
    # The first of two leads one who leads three: that layer has three columns, the one above needs 1 between the two.
    assert tidy([-1, 0, 0, 1, 3, 3, 3]) == [(1.5, 0), (1, 1), (2, 1), (1, 2), (0, 3), (1, 3), (2, 3)]


def test_those_who_lead_nobody_hang_under_each_other_where_there_are_three() -> None:
    # 1, 2 and 3 hang below each other; 5 and 6 are two only.
    assert hung([-1, 0, 0, 0, 0, 4, 4]) == [-1, 0, 1, 2, 0, 4, 4]


@st.composite
def trees(draw: st.DrawFn) -> list[int]:
    size = draw(st.integers(1, 30))
    return [-1, *(draw(st.integers(0, at - 1)) for at in range(1, size))]


def reflected(above: list[int]) -> tuple[list[int], list[int]]:
    """The tree with everybody's reports in reverse; and for each of its places the one it had."""
    below, order, waiting = children(above), [], [0]
    while waiting:
        at = waiting.pop(0)
        order.append(at)
        waiting += reversed(below[at])
    return [-1 if above[n] < 0 else order.index(above[n]) for n in order], order


@settings(max_examples=60, deadline=None)
@given(trees())
def test_in_any_tree_nobody_stands_on_another_and_everybody_in_the_middle_over_their_reports(above: list[int]) -> None:
    places = tidy(above)
    by_layer: dict[int, list[float]] = {}
    for x, layer in places:
        by_layer.setdefault(layer, []).append(x)
    for columns in by_layer.values():
        columns.sort()
        assert all(b - a >= 1 for a, b in pairwise(columns))
    for at, below in enumerate(children(above)):
        if below:
            assert places[at][0] == (places[below[0]][0] + places[below[-1]][0]) / 2
            assert {places[n][1] for n in below} == {places[at][1] + 1}
    assert min(x for x, _ in places) == 0


@settings(max_examples=60, deadline=None)
@given(trees())
def test_the_mirrored_tree_has_the_mirrored_layout(above: list[int]) -> None:
    places, (other, order) = tidy(above), reflected(above)
    widest = max(x for x, _ in places)
    assert tidy(other) == [(widest - places[n][0], places[n][1]) for n in order]


STAFF = st.lists(
    st.tuples(st.integers(-3, 19), st.integers(-9, 19), st.sampled_from([None, 0, 2, 5]), st.integers(0, 4)),
    max_size=20,
)


def staff(people: list[tuple[int, int, int | None, int]]) -> list[Row]:
    """People whose managers may be anybody: themselves, each other in circles, somebody of another account (P18)."""

    def who(n: int) -> str | None:
        return f"P{n}" if n >= 0 else None

    return [
        person(
            f"P{n}",
            level,
            manager_id=who(manager) if kind else None,
            left_manager_id=None if kind else who(manager),
            suggested_manager_id=who(guess),
            suggestion_confidence=0.8 if guess >= 0 else None,
            present=int(kind != 1),
        )
        for n, (manager, guess, level, kind) in enumerate(people)
    ]


@settings(max_examples=60, deadline=None)
@given(STAFF)
def test_whatever_the_lines_everybody_is_drawn_once_and_no_box_lies_on_another(people: Any) -> None:
    rows = staff(people)
    made = chart(rows, {}, {r["contact_id"]: f"<{r['contact_id']}>" for r in rows}, WARM)
    found = drawing(made, ["role.champion"], SAID)
    names = [one.lines[0] for one in found.told if one.state != "gap"] if found else []
    assert len(set(names)) == len(names)
    assert {f"<{r['contact_id']}>" for r in rows if r["present"]} <= set(names)
    if isinstance(found, Drawing):
        places = rooms(found)
        assert not any(a.meets(b) for n, a in enumerate(places) for b in places[:n])
        assert all(b.x0 >= 0 and b.x1 <= WIDTH and b.y1 <= found.height for b in places)
        assert mirror(mirror(found)) == found
        assert {(WIDTH - b.x0 - WIDE, b.y0) for b in places} == {(b.x0, b.y0) for b in rooms(mirror(found))}


def test_from_right_to_left_the_chart_is_the_mirror_image() -> None:
    said = copy.deepcopy(SAID)
    said["report"]["direction"] = "rtl"
    made = of(person("A", 5), person("B", 3, manager_id="A"), person("C", 2, manager_id="A"))
    assert drawing(made, ["any.director"], said) == mirror(drawn(made, "any.director"))


def test_a_line_says_whether_the_crm_has_it_or_it_is_a_guess() -> None:
    made = drawn(of(person("A", 5), person("B", 3, manager_id="A"), guessed := person("C", 2)))
    assert [line.label for line in made.lines] == [None]
    guessed |= {"suggested_manager_id": "A", "suggestion_confidence": 0.84}
    made = drawn(of(person("A", 5), person("B", 3, manager_id="A"), guessed))
    assert sorted(line.label or "" for line in made.lines) == ["", "84 %"]
    assert told(made)[2] == "IT, manager: known, contact unknown; reports to: IT, board; suggested, 84 %"


def test_a_box_says_how_we_stand_with_a_person() -> None:
    # From 40 on a seat is covered, and so is the person; a strength nobody knows is not one of 0.
    strengths = {"A": 40.0, "B": 39.9, "C": 0.0, "D": None}
    made = drawn(of(*(person(i, strength=s) for i, s in strengths.items())))
    assert [box.told.state for box in made.boxes] == ["covered", "thin", "known", "unknown"]


def test_who_left_is_drawn_where_others_still_report_there_and_only_there() -> None:
    gone = {"present": 0, "strength": 80.0}
    made = drawn(of(person("A", 1, left_manager_id="G"), person("G", 3, **gone), person("H", 3, **gone)))
    assert [(box.told.state, *box.texts) for box in made.boxes] == [
        ("left", "IT", "director", "left the company"), ("unknown", "IT", "specialist"),
    ]  # fmt: skip
    assert len(made.lines) == 1


def test_a_manager_in_another_account_of_the_group_is_told_and_not_drawn() -> None:
    made = drawn(of(person("A", 3, manager_id="ELSEWHERE")))
    assert told(made) == ["IT, director: known, contact unknown; reports to another account of the group"]
    assert not made.lines


def test_roles_are_told_and_a_name_only_where_it_is_given() -> None:
    row = person("A", 4, "finance", strength=50.0)
    made = drawing(chart([row], {"A": ["economic_buyer", "coach"]}, {}, WARM), [], SAID)
    assert told(made) == ["finance, vice president, economic buyer, coach: in touch"]
    made = drawing(chart([row], {}, {"A": "Ann Ode"}, WARM), [], SAID)
    assert told(made) == ["Ann Ode, finance, vice president: in touch"]


def test_seats_in_which_nobody_is_known_stand_at_the_end_the_weightiest_first() -> None:
    slots = [("any.director", 2, 0), ("role.champion", 1, 0), ("finance.executive", 3, 0), ("any.manager", 1, 1)]
    empty = gaps([{"slot": s, "weight": w, "known": k} for s, w, k in [*slots, ("it.director", 5, None)]])
    assert empty == ["finance.executive", "any.director", "role.champion"]
    made = drawn(of(person("A")), *empty)
    assert [box.texts[0] for box in made.boxes if box.told.state == "gap"] == ["finance", "director", "champion"]
    assert [text for _, _, text in made.headings] == [
        "Seats in which nobody is known",
        "Without a known reporting line",
    ]


@pytest.mark.parametrize(("reports", "kind"), [(6, Drawing), (40, Drawing), (120, Listing)])
def test_few_are_drawn_beside_each_other_more_hang_and_too_many_are_listed(reports: int, kind: type) -> None:
    # Up to seven beside each other; 40 under five managers hang in five columns; 120 under 15 would need fifteen.
    rows = [person("TOP", 5)]
    rows += [person(f"M{n}", 3, manager_id="TOP") for n in range(reports // 8)]
    rows += [person(f"R{n}", 2, manager_id=f"M{n // 8}" if reports > 8 else "TOP") for n in range(reports)]
    found = drawing(of(*rows), [], SAID)
    assert isinstance(found, kind)
    assert len(told(found)) == len(rows)


def test_a_tree_that_has_no_room_beside_the_one_before_stands_below_it() -> None:
    # Two of four columns each, where seven fit; a third of two columns fits beside the second.
    rows = [person(f"TOP{n}", 5) for n in range(3)]
    rows += [person(f"R{n}{m}", 2, manager_id=f"TOP{n}") for n, size in enumerate((4, 4, 2)) for m in range(size)]
    made = drawn(of(*rows))
    tops = [box for box in made.boxes if box.texts[1] == "board"]
    assert tops[0].y < made.boxes[1].y < tops[1].y == tops[2].y
    assert not any(a.meets(b) for n, a in enumerate(rooms(made)) for b in rooms(made)[:n])


def test_the_list_is_indented_by_who_stands_under_whom_and_ends_each_list_it_begins() -> None:
    rows = [person("TOP", 5), *(person(f"M{n}", 3, manager_id="TOP") for n in range(COLUMNS + 1))]
    rows += [person(f"R{n}", 2, manager_id=f"M{n}") for n in range(COLUMNS + 1)]
    found = drawing(of(*rows), [], SAID)
    assert isinstance(found, Listing)
    items = found.parts[0][1]
    assert [(i.told.lines[1], i.deeper, i.ends) for i in items[:3]] == [
        ("board", True, 0), ("director", True, 0), ("manager", False, 1),
    ]  # fmt: skip
    assert sum(i.deeper for i in items) == sum(i.ends for i in items)


def test_a_chain_of_a_thousand_ends_and_the_least_weighty_are_left_out() -> None:
    # The last of the chain weighs most, and is told with all who stand above.
    chain = [person(f"P{n}", 5 if n == 999 else 1, manager_id=f"P{n - 1}" if n else None) for n in range(1000)]
    assert len(told(drawing(of(*chain), [], SAID))) == 1000
    made = of(*(person(f"Q{n:03}", 0) for n in range(500)), person("BOSS", 5))
    assert (len(made.alone), made.left_out, made.alone[0].level) == (MOST_PEOPLE, 101, 5)


def test_where_there_is_nobody_and_no_gap_nothing_is_drawn() -> None:
    assert drawing(of(), [], SAID) is None

"""The org chart: which lines hold, what is told of them, who is suggested as a manager, and who weighs most."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.engine import DuckEngine
from connector.insight import chart, coverage, hierarchy, relationship, titles
from connector.insight.chart.influence import _weights, ranks
from connector.insight.chart.lines import People, charted
from connector.insight.chart.suggest import GENERAL, Meetings, confident, suggested
from connector.insight.titles.lexicon import FUNCTIONS
from connector.schema import Context

Row = dict[str, Any]
Maker = Callable[[dict[str, list[Row]]], DuckEngine]
DAY = 20000
FINANCE, IT = FUNCTIONS.index("finance") + 1, FUNCTIONS.index("it") + 1
NOBODY = Meetings(*(np.zeros(0, dtype=np.int64) for _ in range(3)))


def people(*rows: Row, roots: list[int] | None = None, countries: list[int] | None = None) -> People:
    """People in order; an account's rows stand together. A manager is a place in the list."""

    def column(name: str, empty: int) -> Any:
        return np.array([row.get(name, empty) for row in rows], dtype=np.int32)

    account = column("account", 0)
    size = int(account.max(initial=0)) + 1
    return People(
        account,
        column("level", -1),
        column("function", 0),
        column("department", 0),
        column("present", 1) == 1,
        column("assistant", 0) == 1,
        column("created", 0),
        column("manager", -1),
        np.array(roots or range(size), dtype=np.int32),
        np.array(countries or [0] * size, dtype=np.int32),
    )


def figures(given: People, account: int = 0) -> dict[str, int]:
    return {name: int(values[account]) for name, values in charted(given).figures(given).items()}


def managers(given: People) -> list[int]:
    return charted(given).manager.tolist()


def candidates(given: People, meetings: Meetings = NOBODY) -> dict[int, tuple[int, float, float]]:
    """Of each person the best candidate, its cost, and by how much it beats the second."""
    found = suggested(given, charted(given), meetings)
    costs = zip((found.cost / 1e6).tolist(), (found.margin / 1e6).tolist(), strict=True)
    pairs = zip(found.person.tolist(), found.manager.tolist(), costs, strict=True)
    return {person: (manager, *cost) for person, manager, cost in pairs}


def test_a_chart_is_told_by_hand_counted_figures() -> None:
    # 0 leads; 1 and 2 report to 0, 3 and 4 to 1; 5 has left, and 6 still reports there; 7 (a manager) to nobody.
    given = people(
        {"level": 5},
        {"level": 4, "manager": 0},
        {"level": 3, "manager": 0},
        {"level": 2, "manager": 1},
        {"level": 2, "manager": 1},
        {"level": 3, "present": 0, "manager": 0},
        {"level": 1, "manager": 5},
        {"level": 2},
        {"manager": -1},
    )
    # 8 people are here, 4 with a manager who is; 6 and 7 sit below director without one; of 8 no level is known.
    assert figures(given) == {
        "people": 8, "with_manager": 4, "depth": 3, "span": 2, "orphans": 2, "ghosts": 1, "loops": 0,
    }  # fmt: skip
    assert charted(given).layer.tolist() == [1, 2, 2, 3, 3, 2, 3, 1, 1]


def test_nobody_is_their_own_manager_and_managers_belong_to_the_group() -> None:
    rows = [{"manager": 0}, {"account": 1, "manager": 0}, {"account": 2, "manager": 0}]
    # Account 1 belongs to 0, account 2 to nobody.
    assert managers(people(*rows, roots=[0, 0, 2])) == [-1, 0, -1]


@pytest.mark.parametrize(
    ("rows", "cut"),
    [
        # The CEO would report to a manager: 3 levels down, the least plausible of the three.
        ([{"level": 2, "manager": 1}, {"level": 4, "manager": 2}, {"level": 5, "manager": 0}], 2),
        # Both gaps are 0: the line recorded first goes; then the first in order.
        ([{"level": 3, "manager": 1, "created": 9}, {"level": 3, "manager": 0, "created": 8}], 1),
        ([{"level": 3, "manager": 1}, {"level": 3, "manager": 0}], 0),
        # Unknown levels speak neither for nor against.
        ([{"manager": 1}, {"level": 5, "manager": 2}, {"level": 1, "manager": 0}], 1),
    ],
)
def test_a_loop_is_cut_at_its_least_plausible_line(rows: list[Row], cut: int) -> None:
    given = people(*rows, {"manager": 0})
    assert np.flatnonzero(charted(given).cut).tolist() == [cut]
    assert managers(given) == [-1 if n == cut else row["manager"] for n, row in enumerate([*rows, {"manager": 0}])]
    assert figures(given)["loops"] == 1


def test_costs_are_worked_out_by_level_function_and_department() -> None:
    given = people(
        {"level": 1, "function": FINANCE, "department": 7},
        {"level": 2, "function": FINANCE, "department": 7},  # gap 1, all the same: 0
        {"level": 2, "function": FINANCE, "department": 8},  # another department: 1
        {"level": 2, "function": IT, "department": 7},  # another function: 2
        {"level": 4, "function": FINANCE, "department": 7},
    )
    found = candidates(given)
    assert found[0] == (1, 0.0, 1.0)
    # Level 2 in finance, department 7, to level 4: gap 2 costs 3. Nobody else stands above: the margin is unbounded.
    assert found[1] == (4, 3.0, 3.0)
    assert found[2] == (4, 4.0, 3.0)
    assert found[3] == (4, 5.0, 3.0)
    assert 4 not in found


def test_who_leads_the_whole_is_at_home_in_every_function_and_an_unknown_one_in_none() -> None:
    given = people(
        {"level": 4, "function": IT, "department": 1}, {"level": 5, "function": GENERAL, "department": 2}, {"level": 4}
    )
    assert candidates(given) == {0: (1, 0.0, 3.0), 2: (1, 0.0, 3.0)}
    assert candidates(people({"level": 4}, {"level": 5, "function": IT})) == {0: (1, 2.0, 3.0)}


def test_two_equal_candidates_are_told_apart_by_shared_meetings_only() -> None:
    given = people(*[{"level": 1, "function": IT}] * 2, *[{"level": 2, "function": IT}] * 3)
    assert candidates(given) == {0: (2, 0.0, 0.0), 1: (2, 0.0, 0.0)}
    # Three meetings: half of ln(4) = 0.693; a hundred: 2.307, at most 1.5. The second of 0 is whoever it didn't meet.
    met = Meetings(*(np.array(c) for c in ([0, 1, 1], [3, 3, 4], [3, 3, 100])))
    found = candidates(given, met)
    assert found[0] == (3, pytest.approx(-0.693147), pytest.approx(0.693147))
    assert found[1] == (4, -1.5, pytest.approx(1.5 - 0.693147))


def test_the_group_helps_where_nobody_in_the_account_stands_above() -> None:
    rows = [
        {"level": 4, "function": IT},
        {"account": 1, "level": 5, "function": IT},
        {"account": 2, "level": 5, "function": IT},
        {"account": 3, "level": 5, "function": IT},
    ]
    # Accounts 0 to 2 are one group; 1 lies in another country, which costs 1; account 3 is a stranger.
    assert candidates(people(*rows, roots=[0, 0, 0, 3], countries=[4, 5, 4, 4])) == {0: (2, 0.0, 1.0)}
    own = {"level": 5, "function": FINANCE}
    moved = [rows[0], own, *rows[1:]]
    # As soon as somebody in the account stands above, the group is not asked: 2 for the function.
    assert candidates(people(*moved, roots=[0, 0, 0, 3]))[0] == (1, 2.0, 3.0)


@pytest.mark.parametrize(
    "rows",
    [
        [{"level": 1, "present": 0}, {"level": 2}],  # left
        [{"level": 1, "assistant": 1}, {"level": 2}],
        [{"level": 1}, {"level": 2, "present": 0}],
        [{}, {"level": 2}],
        [{"level": 1, "manager": 1}, {"level": 2, "manager": 0}, {"level": 3, "manager": 1}],  # all but one have one
    ],
)
def test_nobody_is_suggested_without_ground(rows: list[Row]) -> None:
    assert 0 not in candidates(people(*rows))


def test_nobody_is_proposed_to_whom_the_proposed_one_reports() -> None:
    # 0 stands on top of 1, though 1 has the higher title: without 2 there is nobody to propose.
    rows = [{"level": 2, "function": IT}, {"level": 3, "function": IT, "manager": 0}]
    assert candidates(people(*rows)) == {}


def test_who_reports_to_a_ghost_gets_a_suggestion() -> None:
    rows = [{"level": 1, "function": IT, "manager": 1}, {"level": 2, "present": 0}, {"level": 2, "function": IT}]
    assert candidates(people(*rows)) == {0: (2, 0.0, 3.0)}


def test_confidence_falls_with_the_cost_and_rises_with_the_margin() -> None:
    cost, margin = np.array([0, 0, 0, 6, 0]) * 10**6, np.array([1, 2, 3, 3, 99]) * 10**6
    home = np.array([True] * 5)
    # 1 / (1 + exp(0)), exp(-0.75), exp(-1.5), exp(-0.9); a margin beyond 3 counts as 3.
    assert (confident(cost, margin, home) / 1e6).round(3).tolist() == [0.5, 0.679, 0.818, 0.711, 0.818]
    assert confident(cost, margin, ~home).max() < 150_000


def test_in_a_small_chart_the_level_counts_and_in_a_larger_one_who_is_reported_to() -> None:
    small = people({"level": 1}, {"level": 3, "manager": 0}, {"level": 3}, {"present": 0, "level": 5})
    assert ranks(small, charted(small), NOBODY).tolist() == [3, 1, 2, 0]
    # Seven report to a manager without a high title; with eight people the lines count.
    large = people({"level": 2}, *[{"level": 3, "manager": 0}] * 7)
    assert ranks(large, charted(large), NOBODY).tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    # Whoever meets two others comes before those who meet nobody: 0.3 of a line is still one.
    met = Meetings(*(np.array(c) for c in ([5, 6], [7, 7], [1, 1])))
    assert ranks(large, charted(large), met)[7] == 2


def test_the_influence_of_a_chain_is_the_page_rank_worked_out_by_hand() -> None:
    # Seven report to the eighth, who leads nowhere and starts anew: with x for each of the seven, y for the eighth,
    # y = 0.15/8 + 0.85 (7x + y/8) and x = 0.15/8 + 0.85 y/8, 7x + y = 1: y = (0.15/8 + 0.85) / 1.74375 = 0.498208.
    # Thirty rounds come as near as 0.74^30 of the first error.
    given = people(*[{"manager": 7}] * 7, {"level": 5})
    assert _weights(given, charted(given), NOBODY)[7] == pytest.approx(498_208, abs=100)


LEVELS = st.integers(-1, 5)
PERSON = st.tuples(LEVELS, st.integers(0, 3), st.booleans(), st.integers(-1, 11), st.integers(0, 2))


@settings(max_examples=60, deadline=None)
@given(st.lists(PERSON, min_size=1, max_size=12))
def test_no_reporting_loop_hangs_or_stays_and_each_is_cut_once(drawn: list[tuple[int, int, bool, int, int]]) -> None:
    rows = [
        {"level": level, "function": f, "present": int(here), "manager": m if m < len(drawn) else -1, "created": day}
        for level, f, here, m, day in drawn
    ]
    given = people(*rows)
    lines = charted(given)
    for start in range(len(rows)):
        at, steps = start, 0
        while lines.manager[at] >= 0:
            at, steps = int(lines.manager[at]), steps + 1
            assert steps <= len(rows)
        assert (lines.top[start], lines.layer[start]) == (at, steps + 1)
    assert int(lines.cut.sum()) == _loops([m if m != n else -1 for n, m in enumerate(given.manager.tolist())])
    found = suggested(given, lines, NOBODY)
    assert (given.level[found.manager] > given.level[found.person]).all()
    assert sorted(ranks(given, lines, NOBODY)[given.present]) == list(range(1, int(given.present.sum()) + 1))


def _loops(manager: list[int]) -> int:
    """Loops, found by walking."""
    found = set()
    for start in range(len(manager)):
        walked: list[int] = []
        at = start
        while at >= 0 and at not in walked:
            walked.append(at)
            at = manager[at]
        if at >= 0:
            found.add(min(walked[walked.index(at) :]))
    return len(found)


@settings(max_examples=40, deadline=None)
@given(st.lists(PERSON, min_size=1, max_size=10), st.lists(PERSON, max_size=6))
def test_people_elsewhere_change_nothing_here(
    drawn: list[tuple[int, int, bool, int, int]], others: list[tuple[int, int, bool, int, int]]
) -> None:
    def rows(some: list[tuple[int, int, bool, int, int]], account: int, first: int) -> list[Row]:
        return [
            {
                "account": account, "level": level, "function": f, "present": int(here), "created": day,
                "manager": first + m if 0 <= m < len(some) else -1,
            }
            for level, f, here, m, day in some
        ]  # fmt: skip

    alone = people(*rows(drawn, 0, 0))
    both = people(*rows(drawn, 0, 0), *rows(others, 1, len(drawn)))

    def told(given: People) -> Any:
        lines = charted(given)
        mine = {p: c for p, c in candidates(given).items() if p < len(drawn)}
        return lines.manager[: len(drawn)].tolist(), mine, ranks(given, lines, NOBODY)[: len(drawn)].tolist()

    assert told(alone) == told(both)


def person(id: str, title: str | None = None, account: str = "A1", **more: object) -> Row:
    return {"id": id, "name": id, "account_id": account, "title": title, **more}


def computed(maker: Maker, contacts: list[Row], meetings: list[tuple[str, ...]] = [], **more: list[Row]) -> DuckEngine:  # noqa: B006
    """Charts of these people; each meeting names those who sat in it."""
    rows = {
        "account": [{"id": a} for a in sorted({c["account_id"] for c in contacts})],
        "contact": contacts,
        "activity": [{"id": f"T{n}", "kind": "meeting", "at_day": DAY, "captured": 1} for n, _ in enumerate(meetings)],
        "activity_contact": [{"activity_id": f"T{n}", "contact_id": c} for n, all in enumerate(meetings) for c in all],
        **more,
    }
    engine, context = maker(rows), Context(DAY, known=frozenset({"activity"}))
    hierarchy.compute(engine, context)
    titles.compute(engine, context, titles.Settings())
    relationship.compute(engine, context, relationship.Settings())
    chart.compute(engine, context, chart.Settings())
    coverage.compute(engine, context, coverage.Settings())
    chart.complete(engine, context, chart.Settings())
    return engine


PEOPLE = [
    person("C1", "CEO", reports_to_id="C2"),
    person("C2", "CFO", reports_to_id="C1"),
    person("C3", "Finance Director", reports_to_id="C2"),
    person("C4", "Finance Manager"),
    person("C5", "Accountant", reports_to_id="GONE"),
    person("GONE", "Finance Manager", left_day=DAY - 9),
    person("SHY", "IT Director", reports_to_id="C1", no_profiling=1),
    person("C6", "IT Manager", reports_to_id="SHY"),
    person("D1", "CEO", "A2", reports_to_id="C1"),
]


def test_the_chart_of_an_account_is_told_with_ids(engine_with: Maker) -> None:
    engine = computed(engine_with, PEOPLE, [("C1", "C2", "SHY")])
    columns = "people, reach, depth, widest_span, orphans, ghosts, loops_broken"
    # Of C1 … C6 (who must not be profiled isn't there at all): C2 or C1 is cut, C3 has a manager; C4, C5, C6 have none.
    assert engine.rows(f"SELECT {columns} FROM account_line WHERE account_id = 'A1'") == [
        (6, pytest.approx(2 / 6), 3, 1, 3, 1, 1)
    ]
    # A2 belongs to no group with A1: its line is dropped.
    assert engine.rows(f"SELECT {columns} FROM account_line WHERE account_id = 'A2'") == [(1, 0.0, 1, 0, 0, 0, 0)]
    found = {r[0]: r[1:] for r in engine.rows("SELECT contact_id, manager_id, suggested_manager_id FROM contact_chart")}
    assert (found["C3"], found["C4"]) == (("C2", None), (None, "C3"))
    assert "SHY" not in found
    left = engine.rows("SELECT contact_id, left_manager_id FROM contact_chart WHERE left_manager_id IS NOT NULL")
    assert left == [("C5", "GONE")]
    # Executive, director and manager are known: three of the three seats by level of a middle-sized account.
    assert engine.rows("SELECT map_completeness FROM account_chart WHERE account_id = 'A1'") == [(1.0,)]


def test_where_nobody_reports_to_anybody_the_lines_are_unknown_and_not_missing(engine_with: Maker) -> None:
    engine = computed(engine_with, [person("C1", "CEO"), person("C2", "Clerk")])
    columns = "people, reach, depth, orphans, loops_broken"
    assert engine.rows(f"SELECT {columns} FROM account_line") == [(2, None, None, None, None)]


@settings(max_examples=3, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(engine_with: Maker, chance: Any) -> None:
    meetings = [("C1", "C2"), ("C3", "C4", "C5")]
    mixed = computed(engine_with, chance.sample(PEOPLE, len(PEOPLE)), chance.sample(meetings, 2))
    straight = computed(engine_with, PEOPLE, meetings)
    for table in ("contact_chart", "account_chart"):
        one, other = (sorted(e.rows(f"SELECT * FROM {table}"), key=repr) for e in (straight, mixed))
        assert one == other


@pytest.mark.parametrize(
    ("given", "key"),
    [({"confidence": 0.0}, "confidence"), ({"margin": -1.0}, "margin"), ({"meeting_people": 1}, "meeting_people")],
)
def test_settings_that_make_no_sense_are_refused_by_name(given: dict[str, Any], key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key}: "):
        chart.Settings(**given)

"""Introductions: the cheapest way to an executive whom we don't reach, and how it is told."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from connector.engine import DuckEngine
from connector.insight import chart, coverage, hierarchy, relationship, titles
from connector.insight.chart import introduction
from connector.insight.texts import catalogue
from connector.schema import Context

Row = dict[str, Any]
Maker = Callable[[dict[str, list[Row]]], DuckEngine]
DAY = 20000


def person(id: str, title: str, account: str = "A1", **more: object) -> Row:
    return {"id": id, "name": id, "account_id": account, "title": title, **more}


def test_the_cheapest_way_to_an_executive_nobody_reaches_is_told_by_roles(engine_with: Maker) -> None:
    contacts = [
        person("C1", "COO"),
        person("C2", "Operations Director", reports_to_id="C1"),
        person("C3", "Operations Manager", reports_to_id="C2"),
        person("C4", "IT Manager", "A2"),
    ]
    # The managers of A1 and A2 meet us every eight days: Kim twice as often as Jo, who works here no more.
    talks = [(f"{c}-{n}", c, "KIM" if n % 3 else "JO", DAY - 8 * n) for c in ("C3", "C4") for n in range(6)]
    rows = {
        "account": [{"id": "A1"}, {"id": "A2"}],
        "user": [{"id": "KIM", "is_active": 1}, {"id": "JO", "is_active": 0}],
        "contact": contacts,
        "activity": [
            {"id": i, "kind": "meeting", "at_day": d, "captured": 1, "owner_id": u, "account_id": "A1"}
            for i, _, u, d in talks
        ],
        "activity_contact": [{"activity_id": i, "contact_id": c} for i, c, _, _ in talks],
    }
    engine, context = engine_with(rows), Context(DAY, known=frozenset({"activity"}))
    hierarchy.compute(engine, context)
    titles.compute(engine, context, titles.Settings())
    relationship.compute(engine, context, relationship.Settings())
    chart.compute(engine, context, chart.Settings())
    coverage.compute(engine, context, coverage.Settings())
    introduction.compute(engine, context, chart.Settings())
    # Of those still here only Kim meets them. Two reporting lines of 80 each: -ln(S/100) + 2 · -ln(.8).
    columns = "account_id, slot, known, hops, owner_id, first_level, middle_level, cost"
    strength = engine.rows("SELECT strength FROM contact_strength WHERE contact_id = 'C3'")[0][0]
    assert engine.rows(f"SELECT {columns} FROM introduction ORDER BY account_id") == [
        ("A1", "any.executive", 1, 3, "KIM", 2, 3, pytest.approx(-np.log(strength / 100 * 0.8 * 0.8), abs=1e-5)),
        # Nobody is known above the manager of A2: a guess, worth 40.
        ("A2", "any.executive", 0, 2, "KIM", 2, None, pytest.approx(-np.log(strength / 100 * 0.4), abs=1e-5)),
    ]  # fmt: skip


END = "for an introduction to the engineering executive"
WAY = {
    "slot": "engineering.executive", "known": 1, "hops": 2, "first_level": 3, "first_function": "engineering",
    "middle_level": None, "middle_function": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("colleagues", "more", "told"),
    [
        ("team", {}, f"ask the colleague who meets their engineering director {END}"),
        ("off", {}, f"ask their engineering director {END}"),
        ("named", {}, f"ask Kim Ode, who meets their engineering director, {END}"),
        (
            "off",
            {"slot": "any.executive", "known": 0, "middle_level": 4, "middle_function": "it", "first_level": 1},
            "ask their engineering specialist for an introduction to the executive over their IT executive; nobody is"
            " known in that seat yet, so this is a guess",
        ),
    ],
)
def test_how_much_is_told_of_our_colleague_is_a_setting(colleagues: Any, more: Row, told: str) -> None:
    said = catalogue("en")
    assert introduction.asking(WAY | more, said, introduction.Privacy(colleagues), "Kim Ode") == told

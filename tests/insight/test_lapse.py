"""Lapse: the chance to have stopped buying by hand, the fit on a made-up crowd, and the ends of contracts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from connector.engine import DuckEngine
from connector.insight import hierarchy, lapse, net_value
from connector.insight.lapse import Cells, Fit
from connector.schema import Context

DAY = 20_000
NOW = Context(as_of=DAY)
Rows = dict[str, list[dict[str, Any]]]
Maker = Callable[[Rows], DuckEngine]


def trade(orders: dict[str, list[int]], **more: list[dict[str, Any]]) -> Rows:
    """Accounts, and deals they won so many days ago."""
    deals = [
        {"id": f"{a}-{n}", "account_id": a, "state": "won", "close_day": DAY - age}
        for a, ages in orders.items()
        for n, age in enumerate(ages)
    ]
    return {"account": [{"id": a, "name": a} for a in orders], "opportunity": deals, **more}


def found(engine: DuckEngine, *columns: str) -> dict[str, Any]:
    rows = engine.rows(f"SELECT account_id, {', '.join(columns)} FROM account_lapse")
    return {r[0]: r[1] if len(columns) == 1 else r[1:] for r in rows}


def crowd(size: int, made: Fit, weeks: int) -> Cells:
    """Customers as the model imagines them, first seen at some time of these weeks; a gap is a sum of k waits."""
    dice = np.random.default_rng(1)
    rates, chances = dice.gamma(made.r, 1 / made.alpha, size), dice.beta(made.a, made.b, size)
    seen = dice.uniform(weeks / 3, weeks, size)
    rows = []
    for rate, chance, age in zip(rates, chances, seen, strict=True):
        count, last, squares = 0, 0.0, 0.0
        while dice.random() > chance or count == 0:
            following = last + dice.gamma(made.k, 1 / rate)
            if following > age:
                break
            squares += (following - last) ** 2
            count, last = count + 1, following
        rows.append((count, int(last), int(age), 1, int(1e6 * squares / last**2) if count else 0))
    return Cells(*np.array(rows).T)


def test_the_chance_to_have_stopped_is_that_of_the_closed_form(engine_with: Maker) -> None:
    rows = trade({"A": [210, 100, 70], "B": [210, 70, 7], "ONCE": [210]})
    # A's branch orders on one more day and on one that A ordered on, too: the group has four days, the branch its two.
    rows["account"].append({"id": "A2", "name": "A2", "parent_id": "A"})
    rows["opportunity"] += [
        {"id": f"Z{age}", "account_id": "A2", "state": "won", "close_day": DAY - age} for age in (210, 140)
    ]
    with engine_with(rows) as engine:
        hierarchy.compute(engine, NOW)
        net_value.compute(engine, NOW, net_value.Settings())
        lapse.compute(engine, NOW, lapse.Settings())
        lapse.judge(engine, NOW, lapse.Settings(), Fit(0.5, 10.0, 1.0, 2.0))
        # odds = a / (b + x - 1) * ((alpha + T) / (alpha + t)) ** (r + x), p = odds / (1 + odds); T = 30 weeks.
        # A: x 3, t 20: 1/4 * (40/30)^3.5 = 0.684267; p 0.406270. B: x 2, t 29: 1/3 * (40/39)^2.5 = 0.355114; 0.262054.
        # A2: x 1, t 10: 1/2 * (40/20)^1.5 = 1.414214; 0.585786. ONCE: the model can't tell.
        closed = found(engine, "p_dead", "basis")
        # k = 2: n = 0.5 + 2 * x, and divided by 1 + n * (T - t) / (alpha + T). B: n 4.5, 1/3 * (40/39)^4.5 = 0.373558
        # over 1 + 4.5 * 1/40 = 1.1125: 0.335782; 0.251375.
        lapse.judge(engine, NOW, lapse.Settings(), Fit(0.5, 10.0, 1.0, 2.0, k=2))
        assert found(engine, "p_dead")["B"] == 0.251375
        assert closed == {
            "A": (0.406270, "bg_nbd"), "B": (0.262054, "bg_nbd"), "A2": (0.585786, "bg_nbd"), "ONCE": (None, None)
        }  # fmt: skip


def test_too_few_repeat_buyers_are_judged_by_silence_and_it_says_so(engine_with: Maker) -> None:
    with engine_with(trade({"A": [133, 109, 85, 61], "B": [120, 96, 72, 48], "THREE": [90, 60, 30]})) as engine:
        hierarchy.compute(engine, NOW)
        net_value.compute(engine, NOW, net_value.Settings())
        lapse.compute(engine, NOW, lapse.Settings())
        # Usually every 24 days, now 61: 1 - 2^(-61 / 48) = 0.585580. At twice the gap it is one half.
        assert found(engine, "p_dead", "basis") == {
            "A": (0.585580, "silence"), "B": (0.5, "silence"), "THREE": (None, None)
        }  # fmt: skip


@pytest.mark.parametrize("truth", [Fit(0.8, 5.0, 0.9, 3.0), Fit(2.0, 6.0, 0.5, 3.0, k=3)])
def test_the_fit_finds_the_parameters_a_crowd_was_made_with_and_no_order_of_rows_changes_it(truth: Fit) -> None:
    cells = crowd(4000, truth, 150)
    made = lapse.fit(cells)
    assert made is not None
    assert made.k == truth.k
    assert made.r / made.alpha == pytest.approx(truth.r / truth.alpha, rel=0.1)
    assert made.a / (made.a + made.b) == pytest.approx(truth.a / (truth.a + truth.b), rel=0.1)
    assert list(made) == pytest.approx(list(truth), rel=0.25)
    mixed = np.random.default_rng(2).permutation(4000)
    assert lapse.fit(Cells(*(c[mixed] for c in cells))) == made
    assert lapse.fit(cells, least_repeaters=4001) is None


@pytest.mark.parametrize(
    ("ends", "open_deal", "expected"),
    [
        ([60, 400], False, (DAY + 60, 1)),
        ([60], True, (DAY + 60, 0)),
        ([91], False, (DAY + 91, 0)),
        ([-30], False, (None, 0)),
    ],
)
def test_for_contracts_the_risk_is_the_next_end_without_an_open_deal(
    engine_with: Maker, ends: list[int], open_deal: bool, expected: tuple[int | None, int]
) -> None:
    rows = trade({"A": [133, 109, 85, 61], "B": [133, 109, 85, 61]})
    rows["opportunity_line"] = [{"id": f"L{e}", "opportunity_id": "A-0", "ends_day": DAY + e} for e in ends]
    rows["revenue"] = [
        {"id": f"R{e}", "account_id": "B", "source": "contract", "starts_day": DAY - 300, "ends_day": DAY + e}
        for e in ends
    ]
    if open_deal:
        rows["opportunity"] += [{"id": a, "account_id": a, "state": "open", "created_day": DAY - 5} for a in "AB"]
    with engine_with(rows) as engine:
        hierarchy.compute(engine, NOW)
        net_value.compute(engine, NOW, net_value.Settings())
        lapse.compute(engine, NOW, lapse.Settings())
        assert set(found(engine, "renewal_day", "renewal_due", "p_dead", "basis").values()) == {
            (*expected, None, "contract")
        }


@pytest.mark.parametrize("key", ["least_repeaters", "renewal_days"])
def test_settings_that_make_no_sense_are_refused_by_name(key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key}: "):
        lapse.Settings(**{key: 0})

"""How well each value rule would have picked: catches worked out by hand, and what a cut must never see."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from connector.engine import DuckEngine
from connector.insight import backtest
from connector.insight.backtest import ORACLE, OURS, PLAIN, Replay
from connector.insight.net_value import Settings
from connector.schema import Context

CUT = 20_000
Rows = dict[str, list[dict[str, Any]]]
Maker = Callable[[Rows], DuckEngine]
# Deals of four accounts as days from the cut, amount and cost; what comes after the cut is the half year to catch.
#   old:    400 a year ago, 0 since; then 50.        last 90: 0    180: 0    365: 400  all: 400
#   steady: 100 each 100 days; then 200.             last 90: 100  180: 200  365: 400  all: 500
#   fresh:  150 a month ago; then 300.               last 90: 150  180: 150  365: 150  all: 150
#   loss:   300 four months ago at a cost of 390;    last 90: 0    180: 300  365: 300  all: 300
#           then 250 at a cost of 320.
DEALS = {
    "old": [(-300, 400, 100), (20, 50, 10)],
    "steady": [(d, 100, 50) for d in (-410, -310, -210, -110, -10)] + [(90, 100, 50), (180, 100, 50)],
    "fresh": [(-30, 150, 120), (0, 0, 0), (100, 300, 240)],
    "loss": [(-120, 300, 390), (60, 250, 320)],
    "later": [(1, 900, 100)],  # had bought nothing before the cut: nobody can pick it
}


def rows(deals: dict[str, list[tuple[int, int, int | None]]], **more: Any) -> Rows:
    made = [(f"{name}-{n}", name, deal) for name, many in deals.items() for n, deal in enumerate(many)]
    return {
        "account": [{"id": name, "name": name, "type": "customer", **more.get(name, {})} for name in deals],
        "opportunity": [
            {"id": i, "account_id": name, "state": "won", "amount_minor": amount * 100, "close_day": CUT + day}
            for i, name, (day, amount, _) in made
        ],
        "opportunity_line": [
            {"id": f"L-{i}", "opportunity_id": i, "amount_minor": amount * 100,
             "cost_minor": None if cost is None else cost * 100}
            for i, _, (_, amount, cost) in made
        ],
    }  # fmt: skip


def replayed(engine: DuckEngine, picks: int = 1, cuts: tuple[int, ...] = (CUT,)) -> dict[str, Replay]:
    """The first cut, by measure."""
    with engine:
        found = backtest.replay(engine, Context(as_of=0), Settings(), cuts, picks)
    return {r.measure: r for r in found if r.cut == cuts[0]}


def points(replay: Replay) -> dict[str, float]:
    """What each rule caught, in whole units."""
    return {name: found.point / 100 for name, found in replay.caught.items()}


@pytest.fixture(scope="module")
def found(engine_with: Maker) -> dict[str, Replay]:
    return replayed(engine_with(rows(DEALS)))


def test_one_pick_by_each_rule_catches_what_that_account_brought_next(found: dict[str, Replay]) -> None:
    # After the cut: old 50, steady 100 + 100 (the last on day 180), fresh 300, loss 250; 800 in all.
    revenue = found["revenue"]
    assert (revenue.accounts, revenue.total) == (4, 800_00)
    assert points(revenue) == {
        # ½ x last 180 + ¼ x last 365: old 100, steady 200, fresh 112.50, loss 225
        OURS: 250,
        "last 90 days": 300,  # fresh 150
        "last 180 days": 250,  # loss 300
        "last 365 days": 50,  # old and steady 400: the first by name
        # 400 x ½^(300/120) = 71; steady 94 + 53 + 30 + 17 + 9 = 203; fresh 150 x ½^(30/120) = 126; loss 300 x ½ = 150
        "decay, half after 120 days": 200,
        "decay, half after 180 days": 200,  # old 126, steady 96 + 65 + 45 + 30 + 21 = 257, fresh 134, loss 189
        "decay, half after 365 days": 200,  # old 226, steady 98 + 81 + 67 + 55 + 46 = 348, fresh 142, loss 239
        # Too few for a fit: orders a week so far, times an order's worth, drawn towards 1,350 / 9 = 150 by four of it.
        # steady, alive by 0.97: 4 / 58.6 weeks x 1,100 / 9 = 8; fresh 1 / 4.3 weeks x 750 / 6 = 29; others came once.
        "BG/NBD x shrunk order value": 300,
        "all history": 200,  # steady 500
        "same window last year": 50,  # days -365 to -185: old 400, steady 100 + 100
        # Recency fresh, steady, loss, old: 4 3 2 1; deals of a year steady 4, fresh 2, loss and old 1: 4 3 1½ 1½;
        # money of a year old = steady 3½, loss 2, fresh 1. steady 10½, fresh 8, old 6, loss 5½
        "RFM percentile mean": 200,
        PLAIN: 50,
        # Net: ½ x 180 + ¼ x 365: old 75, steady 50 + 50, fresh 22.50, loss -67.50
        "our value, picked as net value": 200,
        ORACLE: 300,
    }
    assert revenue.shares[OURS].point == 250 / 800


def test_net_value_is_picked_and_caught_after_its_cost(found: dict[str, Replay]) -> None:
    # Net before: old 300 (long ago), steady 50 each, fresh 30, loss -90. After: old 40, steady 100, fresh 60, loss -70.
    net = points(found["net"])
    assert found["net"].total == 130_00
    assert (net["last 90 days"], net["last 365 days"], net["all history"], net[ORACLE]) == (100, 40, 40, 100)
    assert (net[OURS], net[PLAIN], net["our value, picked as net value"]) == (100, 40, 100)


def test_the_best_other_rule_ranks_by_what_is_measured(found: dict[str, Replay]) -> None:
    assert found["revenue"].best == "last 90 days"
    assert found["revenue"].ahead.point == 200_00  # 250 less the 50 of plain last-year revenue


def test_no_share_is_given_of_a_total_that_is_nothing_or_less(engine_with: Maker) -> None:
    deals = {"a": [(-10, 100, 50), (10, 100, 90)], "b": [(-20, 100, 50), (20, 100, 110)]}
    found = replayed(engine_with(rows(deals)))["net"]
    assert (found.total, found.shares, found.caught[ORACLE].point) == (0, {}, 10_00)


def test_without_any_cost_only_revenue_is_told(engine_with: Maker) -> None:
    deals = {name: [(day, amount, None) for day, amount, _ in many] for name, many in DEALS.items()}
    assert set(replayed(engine_with(rows(deals)))) == {"revenue"}


def test_branches_are_picked_as_the_group_they_belong_to(engine_with: Maker) -> None:
    # Together 120 + 100 before and 70 + 60 after; apart, solo's 150 would come first.
    deals = {"head": [(-10, 120, 0), (10, 70, 0)], "branch": [(-20, 100, 0), (20, 60, 0)], "solo": [(-5, 150, 0)]}
    found = replayed(engine_with(rows(deals, branch={"parent_id": "head"})))["revenue"]
    assert (found.accounts, found.caught["last 90 days"].point) == (2, 130_00)


def test_the_order_of_rows_changes_nothing(engine_with: Maker, found: dict[str, Replay]) -> None:
    dice = np.random.default_rng(5)
    mixed = {table: [made[i] for i in dice.permutation(len(made))] for table, made in rows(DEALS).items()}
    assert replayed(engine_with(mixed)) == found


@pytest.mark.parametrize(("measure", "brought"), [("revenue", 50_00), ("net", 40_00)])
def test_a_cut_never_sees_a_later_deal(
    engine_with: Maker, found: dict[str, Replay], measure: str, brought: int
) -> None:
    # The account of a year ago wins a giant in the half year to come: a million at a cost of 400,000.
    giant = {**DEALS, "old": [*DEALS["old"], (60, 1_000_000, 400_000)]}
    before, later = found[measure], replayed(engine_with(rows(giant)))[measure]
    gained = {n: later.caught[n].point - c.point for n, c in before.caught.items() if later.caught[n].point != c.point}
    # Only those that had picked this account anyhow catch more, and the oracle.
    picked = {name for name, caught in before.caught.items() if caught.point == brought}
    assert set(gained) == {*picked, ORACLE}
    assert {gained[name] for name in picked} == {1_000_000_00 if measure == "revenue" else 600_000_00}


def test_a_claim_needs_an_interval_above_nothing(engine_with: Maker) -> None:
    small = {f"s{n:02}": [(-30, 10, None), (30, 10, None)] for n in range(30)}
    # Our value picks "a" (75 to 30) and catches 300, plain revenue of a year "b" (120 to 100) and catches 200. Where a
    # draw has only one of the two, both pick that one: 100 ahead or nothing.
    two = {"a": [(-30, 100, None), (30, 300, None)], "b": [(-300, 120, None), (30, 200, None)]}
    found = replayed(engine_with(rows({**small, **two})))["revenue"]
    assert (found.ahead, found.verdict) == ((100_00, 0, 100_00), "no difference can be claimed")
    # Thirty like each of them: no draw is without an "a" and a "b".
    many = {f"{name}{n:02}": deals for name, deals in two.items() for n in range(30)}
    found = replayed(engine_with(rows({**small, **many})))["revenue"]
    assert (found.ahead, found.verdict) == ((100_00, 100_00, 100_00), "better")


def test_cuts_go_back_from_the_last_day_half_a_year_at_a_time_and_leave_a_year_before_the_first() -> None:
    assert backtest.days_back(0, 905, 3) == (365, 545, 725)
    assert backtest.days_back(1, 905, 3) == (545, 725)

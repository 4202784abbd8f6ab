"""The back-test of whitespace: measures worked out by hand, what counts as new, and what a cut must never see."""

import csv
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connector.engine import DuckEngine
from connector.insight import whitespace
from connector.insight.backtest import Range
from connector.insight.whitespace import backtest, gaps
from connector.insight.whitespace.backtest import history, rules
from connector.insight.whitespace.backtest.history import History
from connector.insight.whitespace.backtest.measures import MEASURES, Marks, Truth, area, marks
from connector.insight.whitespace.settings import Settings
from connector.schema import Context

Maker = Callable[[dict[str, list[dict[str, Any]]]], DuckEngine]
# Accounts A, B, C x families 0 to 3; B has family 0 and C families 0 and 2. Filled later: A 0 and 2, B 3.
FREE = np.array([[1, 1, 1, 1], [0, 1, 1, 1], [0, 1, 0, 1]], dtype=bool)
NEW = np.array([[1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], dtype=bool)
MINOR = np.array([[100, 0, 50, 0], [0, 0, 0, 350], [0, 0, 0, 0]])
SCORES = np.array([[0.9, 0.8, 0.7, 0.1], [0.99, 0.6, 0.5, 0.4], [0.95, 0.3, 0.97, 0.4]])
CHANCE = np.array([[0.6, 0.6, 0.6, 0.2], [0.2, 0.2, 0.2, 0.2], [0.2, 0.2, 0.2, 0.2]])
TRUTH = Truth(FREE, NEW, MINOR, np.arange(3), 3)


def told(found: Marks, times: tuple[float, ...] = (1, 1, 1)) -> dict[str, float]:
    return dict(zip(MEASURES, found.of(np.array([times], dtype=np.float64))[0], strict=True))


def test_the_measures_are_what_one_works_out_by_hand() -> None:
    assert told(marks(SCORES, TRUTH, 3, CHANCE)) == pytest.approx(
        {
            # A's list is 0, 1, 2, 3: one of two at 1, both at 3. B's is 1, 2, 3: its one comes third. C has none.
            "recall_1": (1 / 2 + 0) / 2,
            "recall_3": 1,
            "recall_5": 1,
            # A: (1 + 1/log2(4)) / (1 + 1/log2(3)); B: 1/log2(4), of 1.
            "ndcg_5": (1.5 / (1 + 1 / math.log2(3)) + 0.5) / 2,
            # Family 0: nobody else is free; 1: nobody filled it; 2: A before B, 1; 3: B before A, equal to C, 3/4.
            "auc": (1 + 0.75) / 2,
            # 0.9 beats all six others, 0.7 five of them (not 0.8), 0.4 beats 0.1 and 0.3 and equals 0.4: 13.5 of 18.
            "cell_auc": 13.5 / 18,
            # The three best are 0.9, 0.8 and 0.7, all of A: two hits, 150 of 500.
            "precision": 2 / 3,
            "captured": 0.3,
            # 0.6 is said of three cells and two were filled: 1.8 and 2; 0.2 of six, one filled: 1.2 and 1.
            "ece": 0.4 / 9,
        }
    )


def test_an_account_drawn_twice_counts_twice_and_one_not_drawn_not_at_all() -> None:
    twice = told(marks(SCORES, TRUTH, 3, CHANCE), (2, 0, 1))

    # Only A filled a cell. The three best are now its 0.9 twice and its 0.8; of 2 x 150 there are 2 x 100 in them.
    assert [twice[m] for m in ("recall_1", "recall_3", "precision")] == pytest.approx([0.5, 1, 2 / 3])
    assert twice["captured"] == pytest.approx(200 / 300)
    # 0.6 of six cells, four filled: 3.6 and 4; 0.2 of two of A and of C's two, none filled: 2 x 0.2 + 2 x 0.2 = 0.8.
    assert twice["ece"] == pytest.approx((0.4 + 0.8) / 10)


def test_what_nobody_filled_tells_nothing() -> None:
    none = told(marks(SCORES, replace(TRUTH, new=NEW & False, minor=MINOR * 0), 3))

    assert {m for m, value in none.items() if value == value} == {"precision"}


def test_the_influence_of_accounts_on_the_area_is_its_slope() -> None:
    dice = np.random.default_rng(3)
    scores, new, bag = dice.integers(0, 9, 400) / 9, dice.random(400) < 0.3, dice.integers(0, 40, 400)
    at, adds = area(scores, new, bag, 40)
    more = np.concatenate([np.arange(400)] * 50 + [np.flatnonzero(bag == 7)])
    further, _ = area(scores[more], new[more], bag[more], 40)

    assert adds.sum() == pytest.approx(0, abs=1e-12)
    assert further - at == pytest.approx(adds[7] / 50, rel=0.05)


CUT, WINDOW = 20_000, 180
SMALL = Settings(minimum_accounts=1, minimum_families=1)


def past(bought: list[tuple[int, int, int, int]], installed: tuple[tuple[int, int, int, int], ...] = ()) -> History:
    """Purchases as account, family, days from the cut and amount; installations as account, family, from and to."""
    rows = [(a, f, CUT + d, -1, minor) for a, f, d, minor in bought]
    rows += [(a, f, CUT + start, CUT + end, 0) for a, f, start, end in installed]
    columns = np.array(rows, dtype=np.int64).T
    size, families = columns[0].max() + 1, columns[1].max() + 1
    return History(*columns, np.full((size, 4), -1), [f"F{n}" for n in range(families)], 1)


def test_only_what_an_account_never_had_is_new_and_only_accounts_alive_on_both_sides_count() -> None:
    found = past(
        [
            (0, 0, -400, 10), (0, 1, -30, 10), (0, 0, 20, 5), (0, 2, 30, 7), (0, 2, 180, 8), (0, 3, 60, 9),
            (1, 2, -20, 10), (1, 1, 181, 10),  # nothing within the window after the cut
            (2, 1, -366, 10), (2, 2, 10, 10),  # nothing within the year before it
            (3, 2, -10, 10), (3, 1, 5, 10), (4, 3, 7, 10),
        ],
        ((3, 0, -900, -800),),
    )  # fmt: skip
    at = history.known(found, CUT, WINDOW, SMALL)
    then = history.after(found, at)

    # Family 3 is bought after the cut only: no column, and 0's purchase of it nobody could propose.
    assert (sorted(at.columns), at.members.tolist()) == ([0, 1, 2], [0, 1, 2, 3])
    place = {family: n for n, family in enumerate(at.columns)}
    levels = at.levels[:, [place[f] for f in (0, 1, 2)]]
    assert levels.tolist() == [[2, 2, 0], [0, 0, 2], [0, 2, 0], [0, 0, 2]]
    assert at.members[then.rows].tolist() == [0, 3]
    filled = {
        (int(at.members[then.rows][a]), int(at.columns[f])): int(then.minor[a, f]) for a, f in np.argwhere(then.new)
    }
    assert filled == {(0, 2): 15, (3, 1): 10}
    assert then.beyond == 1
    # Family 0 was last sold more than a year before, and account 3 once had it installed: neither is free.
    assert not then.free[:, place[0]].any()


def test_what_is_installed_counts_as_owned_for_as_long_as_it_is() -> None:
    found = past([(0, 1, -10, 10), (1, 1, -10, 10)], ((0, 0, -900, 1), (1, 0, -900, 0)))
    at = history.known(found, CUT, WINDOW, SMALL)

    assert at.levels[:, list(at.columns).index(0)].tolist() == [2, 0]


def random_past(seed: int = 1) -> History:
    dice = np.random.default_rng(seed)
    rows = [(int(a), int(f), int(d), 10) for a, f, d in zip(
        dice.integers(0, 60, 900), dice.integers(0, 6, 900), dice.integers(-700, 400, 900), strict=True
    )]  # fmt: skip
    return replace(past(rows), traits=dice.integers(0, 3, (60, 4)))


def test_nothing_after_a_cut_changes_a_score_at_it() -> None:
    known = random_past()
    later = known.day > CUT
    otherwise = replace(
        known,
        family=np.where(later, 5 - known.family, known.family),
        minor=np.where(later, 999, known.minor),
    )
    one, other = (history.known(h, CUT, WINDOW, SMALL) for h in (known, otherwise))

    assert (history.after(known, one).new != history.after(otherwise, other).new).any()
    for a, b in zip(rules.scored(one, SMALL), rules.scored(other, SMALL), strict=True):
        assert (a.scores == b.scores).all(), a.name
        assert a.chance is None or (a.chance == b.chance).all()


def test_of_random_purchases_no_improvement_is_claimed_and_the_intervals_are_the_same_every_time() -> None:
    made = [backtest.replay(random_past(), (CUT, CUT + 180), WINDOW, 10, SMALL) for _ in range(2)]

    assert made[0] == made[1]
    whole = made[0][-1]
    assert whole.claim == "no difference can be claimed"
    assert whole.new == sum(r.new for r in made[0][:-1]) > 20
    assert whole.found[rules.OURS]["recall_5"].point == pytest.approx(
        np.mean([r.found[rules.OURS]["recall_5"].point for r in made[0][:-1]])
    )


@pytest.mark.parametrize(
    ("ahead", "verdict"),
    [
        (Range(0.2, 0.001, 0.4), "better"),
        (Range(0.2, 0.0, 0.4), "no difference can be claimed"),
        (Range(0.2, -0.1, 0.4), "no difference can be claimed"),
        (Range(-0.2, -0.4, -0.1), "worse"),
        (None, "no difference can be claimed"),
    ],
)
def test_a_claim_never_says_more_than_the_interval_bears(ahead: Range | None, verdict: str) -> None:
    sure = {"recall_5": Range(0.3, 0.2, 0.4)}
    others = dict.fromkeys(rules.BASELINES, sure) | {rules.POPULARITY: {"recall_5": ahead} if ahead else {}}
    found = backtest.Replay(CUT, WINDOW, 9, 9, 9, 9, 9, 0, 5, {}, others)

    assert found.verdict(rules.POPULARITY) == verdict
    assert found.claim == verdict


def test_windows_are_half_years_or_quarters_and_a_whole_one_lies_before_the_first_cut() -> None:
    assert [history.window_of(0, days) for days in (546, 547)] == [90, 180]
    assert history.cuts_of(0, 547, 180, 4) == (187, 367)
    assert history.cuts_of(0, 269, 90, 4) == (179,)


def test_segments_are_drawn_towards_everybody() -> None:
    # Of industry 1 two accounts, one has family 0: (1 + 10 x 1/3) / (2 + 10); of industry 2 one, without: (10/3) / 11.
    found = replace(
        past([(0, 0, -1, 1), (1, 1, -1, 1), (2, 1, -1, 1)]), traits=np.array([[1], [1], [2]]) * [1, 1, -1, -1]
    )
    shares = rules.segment_popularity(history.known(found, CUT, WINDOW, SMALL))

    column = list(history.known(found, CUT, WINDOW, SMALL).columns).index(0)
    assert shares[:, column] == pytest.approx([13 / 36, 13 / 36, 10 / 33])


def test_the_matrix_of_today_is_the_one_the_ideas_are_made_from(engine_with: Maker) -> None:
    dice, day = np.random.default_rng(7), 20_000
    deals = [
        {"id": f"O{n}", "account_id": f"A{dice.integers(0, 40):02}", "state": "won", "amount_minor": 100,
         "created_day": 1, "close_day": int(day - dice.integers(0, 1500))}
        for n in range(160)
    ]  # fmt: skip
    lines = [
        {"id": f"L{n}", "opportunity_id": f"O{n}", "product_id": f"P{dice.integers(0, 6)}",
         "amount_minor": int(dice.integers(-1, 20)) * 100}
        for n in range(160)
    ]  # fmt: skip
    rows = {
        "account": [
            {"id": f"A{n:02}", "name": "A", "type": "customer", "industry": ("x", "y", None)[n % 3],
             "owner_id": f"U{n % 4}", "country": ("DE", "FR")[n % 2], "employees": n * n,
             "annual_revenue_minor": None if n % 5 else n * 1000}
            for n in range(40)
        ],
        "product": [{"id": f"P{n}", "family": f"F{n}", "is_active": 1} for n in range(6)],
        "opportunity": deals,
        "opportunity_line": lines,
        "asset": [{"id": "S1", "account_id": "A00", "product_id": "P0", "installed_day": day - 1200}],
    }  # fmt: skip
    with engine_with(rows) as engine:
        found = history.read(engine, Context(as_of=day))
        whitespace.estimate(engine, Context(as_of=day), Settings())
        levels, traits, sold = gaps.read_matrix(engine)
    at = history.known(found, day, WINDOW, Settings())

    assert (at.levels == levels).all()
    assert (at.traits == traits).all()
    assert (at.sold == sold).all()
    assert found.reps == 4


@pytest.mark.shared
def test_on_public_data_ours_beats_every_simple_rule(shared_data: Path) -> None:
    found = adventureworks(shared_data / "adventureworks" / "salesforce")
    cuts = [(date(2012, 12, 1) - date(1970, 1, 1)).days, (date(2013, 3, 1) - date(1970, 1, 1)).days]
    whole = backtest.replay(found, cuts, WINDOW, found.reps * 5, Settings(families=200))[-1]

    assert whole.claim == "better"
    assert min(whole.ahead[name]["recall_5"].point for name in rules.BASELINES) >= 0.1


def adventureworks(folder: Path) -> History:
    """The export's lines as a History; industry and country are all that is read of the accounts."""

    def rows(name: str) -> list[dict[str, str]]:
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    deals = {r["Id"]: r for r in rows("Opportunity")}
    accounts = {r["Id"]: r for r in rows("Account")}
    family = {r["Id"]: r["Family"] for r in rows("Product2")}
    buyers = {i: n for n, i in enumerate(sorted({d["AccountId"] for d in deals.values()}))}
    families = {f: n for n, f in enumerate(sorted(set(family.values())))}
    lines = [
        (buyers[deal["AccountId"]], families[family[r["Product2Id"]]],
         (date.fromisoformat(deal["CloseDate"]) - date(1970, 1, 1)).days, -1, round(float(r["TotalPrice"]) * 100))
        for r in rows("OpportunityLineItem") for deal in [deals[r["OpportunityId"]]]
    ]  # fmt: skip
    names = [sorted({r[c] for r in accounts.values()}) for c in ("Industry", "BillingCountry")]
    traits = [
        [names[0].index(accounts[i]["Industry"]), names[1].index(accounts[i]["BillingCountry"]), -1, -1] for i in buyers
    ]
    reps = len({r["OwnerId"] for r in accounts.values()})
    return History(*np.array(lines, dtype=np.int64).T, np.array(traits), list(families), reps)

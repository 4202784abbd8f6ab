"""Which accounts are key: scores worked out by hand, proposals with memory, and what must never matter."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.engine import DuckEngine
from connector.insight import hierarchy, key_accounts, lapse, net_value
from connector.insight.key_accounts import Settings
from connector.schema import Context

AS_OF = 20_000
Rows = dict[str, list[dict[str, Any]]]
Maker = Callable[[Rows], DuckEngine]
# Six customers; each won two deals lately and one two and a half years ago, so value is 0.75 x the sum of the two.
SUMS = {"A": 100_00, "B": 200_00, "C": 400_00, "D": 800_00, "E": 1600_00, "F": 3200_00}


def won(account: str, amount: int | None, day: int, **more: Any) -> dict[str, Any]:
    return {"account_id": account, "state": "won", "amount_minor": amount, "close_day": day, **more}


def customer(name: str, amount: int, **more: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An account and its deals: `amount` over the last half year in two equal deals, and an old one of nothing."""
    deals = [won(name, amount // 2, AS_OF - 10), won(name, amount // 2, AS_OF - 100), won(name, 0, AS_OF - 900)]
    return {"id": name, "name": name, "type": "customer", **more}, deals


def portfolio(sums: dict[str, int] | None = None, **more: dict[str, Any]) -> Rows:
    made = [customer(name, amount, **more.get(name, {})) for name, amount in (sums or SUMS).items()]
    return {"account": [a for a, _ in made], "opportunity": numbered([d for _, many in made for d in many])}


def numbered(deals: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": f"O{n}", **d} for n, d in enumerate(deals)]


def computed(
    engine: DuckEngine,
    wanted: Settings | None = None,
    *,
    strength: dict[str, float] | None = None,
    expected: dict[str, int] | None = None,
) -> DuckEngine:
    """Key accounts, with strength and whitespace as given; an account not named there is unknown."""
    ids = [str(r[0]) for r in engine.rows("SELECT id FROM account ORDER BY id")]
    strong = [(strength or {}).get(i, np.nan) for i in ids]
    engine.load("account_strength", {"account_id": ids, "strength": np.array(strong, dtype=np.float64)})
    known = [i for i in ids if expected and i in expected]
    engine.load(
        "account_estimate",
        {
            "account_id": known,
            "state": ["ok"] * len(known),
            "growth_minor": np.array([(expected or {})[i] for i in known], dtype=np.int64),
        },
    )
    hierarchy.compute(engine, Context(as_of=AS_OF))
    net_value.compute(engine, Context(as_of=AS_OF), net_value.Settings())
    lapse.compute(engine, Context(as_of=AS_OF), lapse.Settings())
    key_accounts.compute(engine, Context(as_of=AS_OF), wanted or Settings())
    return engine


def column(engine: DuckEngine, table: str, name: str) -> dict[str, Any]:
    return dict(engine.rows(f"SELECT account_id, {name} FROM {table}"))


def rated(engine: DuckEngine, wanted: Settings | None = None, unit: int = 1) -> DuckEngine:
    """With strength 50 and whitespace of 100.00 for everybody, so that all are known well enough to be ranked."""
    ids = [str(r[0]) for r in engine.rows("SELECT id FROM account")]
    return computed(engine, wanted, strength=dict.fromkeys(ids, 50.0), expected=dict.fromkeys(ids, 100_00 * unit))


def test_value_is_half_the_half_year_and_a_quarter_of_the_year(engine_with: Maker) -> None:
    rows = portfolio({"A": 0})
    rows["opportunity"] = numbered(
        [won("A", 100_00, AS_OF - 10), won("A", 60_00, AS_OF - 300), won("A", 7_00, AS_OF - 400)]
    )
    with computed(engine_with(rows)) as engine:
        # ½ x 100 + ½ x 160 / 2 = 90
        assert engine.rows("SELECT net_180_minor, net_365_minor, value_minor, cost_state FROM account_value") == [
            (100_00, 160_00, 90_00, "revenue")
        ]


def test_cost_is_taken_off_where_every_line_has_it(engine_with: Maker) -> None:
    rows = portfolio({"A": 0, "B": 0})
    rows["opportunity"] = numbered([won("A", 100_00, AS_OF - 10), won("B", 50_00, AS_OF - 10)])
    rows["opportunity_line"] = [
        {"id": "L1", "opportunity_id": "O0", "amount_minor": 60_00, "cost_minor": 45_00},
        {"id": "L2", "opportunity_id": "O0", "amount_minor": 40_00, "cost_minor": 15_00},
        {"id": "L3", "opportunity_id": "O1", "amount_minor": 50_00},
    ]
    with computed(engine_with(rows)) as engine:
        # A: 100 - 60 = 40. Two thirds of revenue have a cost, so B counts at A's margin of 40 %: 20, and says so.
        found = engine.rows("SELECT account_id, net_180_minor, cost_state FROM account_value ORDER BY 1")
        assert found == [("A", 40_00, "net"), ("B", 20_00, "revenue")]


def test_unknown_cost_alone_never_makes_an_account_unrated(engine_with: Maker) -> None:
    with rated(engine_with(portfolio())) as engine:
        assert set(column(engine, "account_value", "cost_state").values()) == {"revenue"}
        assert set(column(engine, "account_key", "flag").values()) & {"Needs data"} == set()


def test_money_is_scaled_by_logarithm_between_median_and_p99(engine_with: Maker) -> None:
    with rated(engine_with(portfolio())) as engine:
        # Values 75, 150, … 2400: P50 is the fourth of six (600), P99 the last (2400); E = 1200 lies half way.
        value = column(engine, "account_score", "s_value")
        assert [value[n] for n in "ABCDF"] == [0, 0, 0, 0, 1]
        assert value["E"] == pytest.approx(0.5, abs=1e-5)


def test_score_is_the_mean_over_known_criteria_and_confidence_their_weight(engine_with: Maker) -> None:
    rows = portfolio(F={"strategic_fit": 4}, E={"payment_days": 15})
    with computed(engine_with(rows), strength={"F": 80.0}) as engine:
        # F: (35 x 1 + 15 x 0.8 + 15 x 0.8) / 65 = 59/65; E: (35 x 0.5 + 10 x 0.75) / 45.
        score, confidence = column(engine, "account_score", "score"), column(engine, "account_score", "confidence")
        assert (score["F"], confidence["F"]) == (pytest.approx(90.769), 0.65)
        assert (score["E"], confidence["E"]) == (pytest.approx(55.556, abs=0.01), 0.45)
        assert column(engine, "account_score", "s_growth")["F"] is None
        assert column(engine, "account_key", "flag")["E"] == "Needs data"
        assert column(engine, "account_score", "most_wanted") == {
            **dict.fromkeys("ABCD", "relationship"), "E": "relationship", "F": "payment",
        }  # fmt: skip


def test_a_blank_never_beats_an_honest_low_value(engine_with: Maker) -> None:
    # E and e are worth the same; e left its fit blank, E says 1 of 5, and so do most others.
    rows = portfolio({**SUMS, "e": SUMS["E"]}, **{n: {"strategic_fit": 1} for n in "ABCDEF"})
    with rated(engine_with(rows)) as engine:
        low, high = column(engine, "account_score", "score_low"), column(engine, "account_score", "score")
        assert low["e"] <= low["E"]
        assert high["e"] > high["E"]


@pytest.mark.parametrize(
    ("more", "gate"),
    [
        ({"type": "partner"}, "not_customer"),
        ({"credit_hold": 1}, "credit_hold"),
        ({"parent_id": "A"}, "branch"),
    ],
)
def test_a_gate_keeps_an_account_out_and_says_which(engine_with: Maker, more: dict[str, Any], gate: str) -> None:
    with rated(engine_with(portfolio(F=more))) as engine:
        assert engine.rows("SELECT eligible, gate, rank FROM account_score WHERE account_id = 'F'") == [(0, gate, None)]
        assert column(engine, "account_key", "proposal")["F"] == "None"


def test_a_single_deal_and_a_long_silence_are_gates_and_a_new_customer_is_emerging(engine_with: Maker) -> None:
    rows = portfolio({"A": 100_00})
    rows["account"] += [{"id": n, "name": n, "type": "customer"} for n in ("one", "old", "new")]
    rows["opportunity"] += [
        {"id": "X1", **won("one", 500_00, AS_OF - 300)},
        {"id": "X2", **won("old", 500_00, AS_OF - 800)},
        {"id": "X3", **won("new", 500_00, AS_OF - 100)},
    ]
    with rated(engine_with(rows)) as engine:
        assert column(engine, "account_score", "gate") == {
            "A": None,
            "one": "few_purchases",
            "old": "not_active",
            "new": "new",
        }
        assert column(engine, "account_key", "flag")["new"] == "Emerging"


def test_the_group_is_scored_at_its_top_and_a_loop_is_broken(engine_with: Maker) -> None:
    rows = portfolio({"A": 100_00, "B": 200_00, "C": 400_00, "D": 800_00})
    for account, parent in (("B", "A"), ("C", "D"), ("D", "C"), ("A", "gone")):
        next(a for a in rows["account"] if a["id"] == account)["parent_id"] = parent
    with rated(engine_with(rows)) as engine:
        found = engine.rows("SELECT account_id, root_id, value_minor, in_loop, members FROM account_value ORDER BY 1")
        # A carries 100 + 200; C comes before D and leads their loop with 400 + 800. Times 0.75.
        assert found == [
            ("A", "A", 225_00, 0, 2), ("B", "A", 150_00, 0, 2), ("C", "C", 900_00, 1, 2), ("D", "C", 600_00, 1, 2),
        ]  # fmt: skip


def test_roots_of_a_long_chain_and_of_a_tail_into_a_loop() -> None:
    chain = np.arange(-1, 999)
    tail = np.array([1, 2, 3, 1, -1])

    assert set(hierarchy.roots(chain)[0]) == {0}
    root, looped = hierarchy.roots(tail)
    assert root.tolist() == [1, 1, 1, 1, 4]
    assert looped.tolist() == [False, True, True, True, False]


def test_the_first_run_proposes_within_a_tenth_of_the_ranked_accounts(engine_with: Maker) -> None:
    with rated(engine_with(portfolio()), Settings(threshold=0)) as engine:
        assert column(engine, "account_key", "proposal") == {**dict.fromkeys("ABCDE", "None"), "F": "Promote"}
        assert set(column(engine, "account_key", "status").values()) == {None}


def test_below_the_threshold_nobody_is_proposed(engine_with: Maker) -> None:
    with rated(engine_with(portfolio()), Settings(threshold=99)) as engine:
        assert set(column(engine, "account_key", "proposal").values()) == {"None"}


WIDE = Settings(cap=2, cap_share=1.0, threshold=0)  # cap 2, band to rank 3: F, E | D | C, B, A


def proposal(engine_with: Maker, account: str, programme: dict[str, Any], present: str = "None") -> tuple[Any, ...]:
    rows = portfolio(F={"strategic_fit": 3}, E={"strategic_fit": 3}, D={"strategic_fit": 3}, C={"strategic_fit": 2})
    rows["programme"] = [{"account_id": account, **programme}]
    rows["present_value"] = [{"account_id": account, "kam_proposal": present}]
    with rated(engine_with(rows), WIDE) as engine:
        return engine.rows(f"SELECT proposal, flag, strikes, review FROM account_key WHERE account_id = '{account}'")[0]


def test_a_key_account_inside_the_band_stays(engine_with: Maker) -> None:
    assert proposal(engine_with, "D", {"status": "Key", "strikes": 1, "last_review_day": AS_OF - 100}) == (
        "None",
        "None",
        0,
        1,
    )


def test_outside_the_band_it_is_watched_before_demotion_is_proposed(engine_with: Maker) -> None:
    assert proposal(engine_with, "A", {"status": "Key"}) == ("None", "On watch", 1, 1)


def test_the_second_strike_proposes_demotion(engine_with: Maker) -> None:
    found = proposal(engine_with, "A", {"status": "Key", "strikes": 1, "last_review_day": AS_OF - 91})
    assert found == ("Demote", "On watch", 2, 1)


def test_between_two_reviews_strikes_do_not_grow(engine_with: Maker) -> None:
    found = proposal(engine_with, "A", {"status": "Key", "strikes": 1, "last_review_day": AS_OF - 90})
    assert found == ("None", "On watch", 1, 0)


def test_the_lock_keeps_a_young_key_account(engine_with: Maker) -> None:
    found = proposal(engine_with, "A", {"status": "Key", "strikes": 1, "since_day": AS_OF - 300})
    assert found == ("None", "On watch", 2, 1)


def test_demotion_stays_proposed_until_the_account_is_back_within_the_cap(engine_with: Maker) -> None:
    memory = {"status": "Key", "strikes": 2, "last_review_day": AS_OF - 10}
    assert proposal(engine_with, "D", memory, present="Demote")[0] == "Demote"
    assert proposal(engine_with, "D", memory)[0] == "None"
    assert proposal(engine_with, "E", memory, present="Demote")[0] == "None"


def test_a_promotion_stays_proposed_inside_the_band(engine_with: Maker) -> None:
    assert proposal(engine_with, "D", {}, present="Promote")[0] == "Promote"
    assert proposal(engine_with, "D", {})[0] == "None"
    assert proposal(engine_with, "C", {}, present="Promote")[0] == "None"


def test_a_nomination_proposes_until_its_day(engine_with: Maker) -> None:
    assert proposal(engine_with, "A", {"nominated": 1, "nominated_until_day": AS_OF})[0] == "Promote"
    assert proposal(engine_with, "A", {"nominated": 1, "nominated_until_day": AS_OF - 1})[0] == "None"


def test_a_person_who_declined_is_not_asked_again_before_the_review(engine_with: Maker) -> None:
    assert proposal(engine_with, "F", {"status": "Standard", "decided_day": AS_OF - 10})[0] == "None"
    assert proposal(engine_with, "F", {"status": "Standard", "decided_day": AS_OF - 100})[0] == "Promote"
    assert proposal(engine_with, "F", {"status": "Not eligible"})[0] == "None"


def test_a_declined_nomination_and_a_declined_demotion_wait_for_their_review(engine_with: Maker) -> None:
    nominee = {"nominated": 1, "nominated_until_day": AS_OF + 300, "status": "Standard"}
    assert proposal(engine_with, "A", {**nominee, "review_due_day": AS_OF + 1})[0] == "None"
    assert proposal(engine_with, "A", {**nominee, "review_due_day": AS_OF})[0] == "Promote"
    outside = {"status": "Key", "strikes": 2, "last_review_day": AS_OF - 10}
    assert proposal(engine_with, "A", {**outside, "review_due_day": AS_OF + 1}, present="Demote")[0] == "None"
    assert proposal(engine_with, "A", {**outside, "review_due_day": AS_OF}, present="Demote")[0] == "Demote"


def test_deals_of_unknown_value_are_unknown_and_never_a_strike(engine_with: Maker) -> None:
    rows = portfolio()
    for deal in rows["opportunity"]:
        if deal["account_id"] == "F":
            deal["amount_minor"] = None  # a currency without a rate
        if deal["account_id"] == "E" and deal["close_day"] == AS_OF - 10:
            deal["amount_minor"] = None
    rows["programme"] = [{"account_id": i, "status": "Key", "strikes": 1} for i in "EF"]
    with rated(engine_with(rows), WIDE) as engine:
        # F: nothing is known of its worth. E: half of it is, which counts, but is no reason to demote it.
        worth = "SELECT value_minor, revenue_365_minor FROM account_value WHERE account_id = "
        assert engine.rows(worth + "'F'") == [(None, None)]
        assert engine.rows(worth + "'E'") == [(600_00, 800_00)]
        assert engine.rows("SELECT score, rank FROM account_score WHERE account_id = 'F'") == [(None, None)]
        kept = engine.rows("SELECT proposal, strikes FROM account_key WHERE account_id IN ('E', 'F')")
        assert kept == [("None", 0), ("None", 0)]


def test_too_little_data_never_counts_as_a_strike(engine_with: Maker) -> None:
    rows = portfolio()
    rows["programme"] = [{"account_id": "A", "status": "Key", "strikes": 1}]
    with computed(engine_with(rows)) as engine:
        assert engine.rows("SELECT proposal, flag, strikes FROM account_key WHERE account_id = 'A'") == [
            ("None", "Needs data", 0)
        ]


def test_silence_of_more_than_twice_the_usual_gap_puts_a_key_account_on_watch(engine_with: Maker) -> None:
    rows = portfolio()
    rows["opportunity"] = [d for d in rows["opportunity"] if d["account_id"] != "F"]
    # Every 40 days, last 85 days ago: ratio 2.125.
    days = [AS_OF - 85 - 40 * n for n in range(12)]
    rows["opportunity"] += [{"id": f"F{d}", **won("F", 1600_00, d)} for d in days]
    rows["programme"] = [{"account_id": "F", "status": "Key", "last_review_day": AS_OF}]
    with rated(engine_with(rows), WIDE) as engine:
        assert engine.rows("SELECT flag, outside, usual_gap, gap_ratio FROM account_key WHERE account_id = 'F'") == [
            ("On watch", 0, 40.0, 2.125)
        ]
        # Among so few accounts the chance is that of its silence: 1 - 2^(-2.125 / 2) = 0.521, and calm from 0.9 of it.
        for least, shown, flag in ((0.51, "None", "On watch"), (0.55, "None", "None"), (0.55, "On watch", "On watch")):
            engine.load("present_value", {"account_id": ["F"], "kam_proposal": ["None"], "kam_flag": [shown]})
            key_accounts.compute(engine, Context(as_of=AS_OF), replace(WIDE, lapse_probability=least))
            assert column(engine, "account_key", "flag")["F"] == flag


def test_a_contract_that_ends_soon_without_an_open_deal_puts_a_key_account_on_watch(engine_with: Maker) -> None:
    rows = portfolio()
    rows["opportunity_line"] = [{"id": "L", "opportunity_id": rows["opportunity"][-1]["id"], "ends_day": AS_OF + 60}]
    rows["programme"] = [{"account_id": "F", "status": "Key", "last_review_day": AS_OF}]
    with rated(engine_with(rows), WIDE) as engine:
        assert column(engine, "account_key", "flag")["F"] == "On watch"


def test_a_large_account_that_costs_more_than_it_brings_is_large_not_key(engine_with: Maker) -> None:
    rows = portfolio()
    rows["opportunity"] += [{"id": f"G{n}", **won("G", 9000_00, AS_OF - 30 * n)} for n in (1, 2, 30)]
    rows["account"].append({"id": "G", "name": "G", "type": "customer"})
    rows["opportunity_line"] = [
        {"id": f"L{d['id']}", "opportunity_id": d["id"], "amount_minor": d["amount_minor"],
         "cost_minor": 9100_00 if d["account_id"] == "G" else 0} for d in rows["opportunity"]
    ]  # fmt: skip
    with rated(engine_with(rows), WIDE) as engine:
        assert engine.rows("SELECT revenue_rank, value_rank FROM account_value WHERE account_id = 'G'") == [(1, 7)]
        assert column(engine, "account_key", "flag")["G"] == "Large, not key"


def test_open_deals_count_only_past_the_stage_and_when_not_pushed_twice(engine_with: Maker) -> None:
    rows = portfolio({"A": 0})
    deal = {
        "account_id": "A",
        "state": "open",
        "amount_minor": 100_00,
        "close_day": AS_OF + 30,
        "created_day": AS_OF - 5,
    }
    rows["opportunity"] += [
        {"id": "Y1", **deal, "probability": 60},
        {"id": "Y2", **deal, "probability": 40},
        {"id": "Y3", **deal, "probability": 90, "pushed": 2},
        {"id": "Y4", **deal, "probability": 90, "created_day": AS_OF + 1},
        {"id": "Y5", **{**deal, "state": "won"}, "probability": 100},
    ]
    with computed(engine_with(rows)) as engine:
        assert engine.rows("SELECT open_weighted_minor FROM account_value") == [(60_00,)]


def test_the_smallest_change_that_crosses_the_border_is_named(engine_with: Maker) -> None:
    fit = {n: {"strategic_fit": 2} for n in "ABCDEF"}
    with rated(engine_with(portfolio(**fit)), Settings(threshold=60, cap=6, cap_share=1.0)) as engine:
        change = engine.rows("SELECT change_criterion, change_to FROM account_key WHERE account_id = 'E'")[0]
        before = column(engine, "account_score", "score_low")["E"]
    # E: value 0.5; growth (100 + 1600) between P50 900 and P99 3300: ln(17/9) / ln(33/9) = 0.4895; strength 0.5;
    # fit 0.4: (17.5 + 12.24 + 7.5 + 6) / 90 = 48.04. To 60 are 10.764 of 90 points: value + 0.3075.
    assert before == pytest.approx(48.04, abs=0.01)
    assert change == ("value", pytest.approx(0.8075, abs=1e-3))


def outcome(engine: DuckEngine, unit: int = 1) -> list[tuple[Any, ...]]:
    """Rank, score, proposal and flag of everybody; strength and whitespace are the same for all."""
    sql = (
        "SELECT k.account_id, s.rank, s.score, k.proposal, k.flag FROM account_key AS k"
        " JOIN account_score AS s ON s.account_id = k.account_id ORDER BY k.account_id"
    )
    with rated(engine, Settings(cap_share=0.3, threshold=40), unit):
        return list(engine.rows(sql))


CUSTOMER = st.tuples(st.integers(0, 10**9), st.one_of(st.none(), st.integers(0, 5)))
PORTFOLIO = st.lists(CUSTOMER, min_size=12, max_size=40)
FEW = settings(max_examples=3, deadline=None)


def drawn(customers: list[tuple[int, int | None]], scale: int = 1) -> Rows:
    named = {f"A{n:02}": c for n, c in enumerate(customers)}
    fits = {name: {"strategic_fit": fit} for name, (_, fit) in named.items() if fit is not None}
    return portfolio({name: amount * 2 * scale for name, (amount, _) in named.items()}, **fits)


@given(PORTFOLIO, st.integers(0, 2), st.integers(0, 10**9))
@FEW
def test_more_net_value_never_lowers_the_score(
    engine_with: Maker, customers: list[tuple[int, int | None]], which: int, more: int
) -> None:
    account, (amount, fit) = f"A{which:02}", customers[which]
    richer = [*customers[:which], (amount + more, fit), *customers[which + 1 :]]
    before = {r[0]: r for r in outcome(engine_with(drawn(customers)))}[account]
    after = {r[0]: r for r in outcome(engine_with(drawn(richer)))}[account]
    assert after[2] >= before[2]


@given(PORTFOLIO)
@FEW
def test_the_unit_of_money_changes_no_status_no_rank_and_no_score(
    engine_with: Maker, customers: list[tuple[int, int | None]]
) -> None:
    # Amounts in fours, so that half and quarter of them are whole in every unit.
    even = [(4 * amount, fit) for amount, fit in customers]
    assert outcome(engine_with(drawn(even, scale=1000)), unit=1000) == outcome(engine_with(drawn(even)))


@given(PORTFOLIO)
@FEW
def test_an_account_without_data_changes_nobody_else(
    engine_with: Maker, customers: list[tuple[int, int | None]]
) -> None:
    rows = drawn(customers)
    before = outcome(engine_with(rows))
    rows["account"] = [*rows["account"], {"id": "empty"}, {"id": "prospect", "name": "A", "type": "prospect"}]

    assert [r for r in outcome(engine_with(rows)) if r[0].startswith("A")] == before


@given(PORTFOLIO, st.randoms(use_true_random=False))
@FEW
def test_the_order_of_rows_changes_nothing(
    engine_with: Maker, customers: list[tuple[int, int | None]], chance: Random
) -> None:
    rows = drawn(customers)
    rows["account"][2] = {**rows["account"][1], "id": rows["account"][2]["id"]}  # only the id tells them apart
    mixed = {table: chance.sample(many, len(many)) for table, many in rows.items()}

    assert outcome(engine_with(mixed)) == outcome(engine_with(rows))


def test_an_empty_mirror_is_no_fault(engine_with: Maker) -> None:
    with computed(engine_with({})) as engine:
        assert engine.rows("SELECT * FROM account_key") == []


@pytest.mark.parametrize(
    ("name", "value"), [("cap", 0), ("band", 0.5), ("cap_share", 2.0), ("criteria", {"value": 90}), ("late_days", 0.0)]
)
def test_a_setting_that_makes_no_sense_is_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        Settings(**{name: value})


def test_a_full_programme_proposes_nobody_until_a_seat_is_free(engine_with: Maker) -> None:
    # Two seats. E and F rank first, but D and E hold them: nobody is proposed. Without D one is free, and F has it.
    full = [{"account_id": name, "status": "Key", "since_day": AS_OF - 30} for name in "DE"]
    settings = Settings(cap=2, cap_share=1.0, threshold=0.0)
    with rated(engine_with(portfolio() | {"programme": full}), settings) as engine:
        assert set(column(engine, "account_key", "proposal").values()) == {"None"}
    with rated(engine_with(portfolio() | {"programme": full[1:]}), settings) as engine:
        proposal = column(engine, "account_key", "proposal")
        assert {name for name, what in proposal.items() if what == "Promote"} == {"F"}

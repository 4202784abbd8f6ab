"""Net value: every figure worked out by hand, and what must never matter to it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.engine import DuckEngine
from connector.insight import fit, hierarchy, key_accounts, net_value
from connector.insight.net_value import Settings
from connector.schema import Context

AS_OF = 20_000  # a quarter (days ÷ 91) began on 19,929
Rows = dict[str, list[dict[str, Any]]]
Maker = Callable[[Rows], DuckEngine]


def world(sales: list[tuple[str, int | None, int]], accounts: Rows | None = None, **more: Any) -> Rows:
    """Won deals as (account, minor units, days ago), and their accounts."""
    names = dict.fromkeys([a for a, _, _ in sales])
    return {
        "account": [{"id": n, "name": n, "type": "customer", **more.get(n, {})} for n in names],
        "opportunity": [
            {"id": f"O{i}", "account_id": a, "state": "won", "amount_minor": m, "close_day": AS_OF - ago}
            for i, (a, m, ago) in enumerate(sales)
        ],
        **(accounts or {}),
    }


def computed(engine: DuckEngine, given_settings: Settings | None = None, *, revenue: str = "won_deals") -> DuckEngine:
    context = Context(as_of=AS_OF, revenue=revenue)
    hierarchy.compute(engine, context)
    net_value.compute(engine, context, given_settings or Settings())
    return engine


def values(engine: DuckEngine, *columns: str, table: str = "account_value") -> dict[str, tuple[Any, ...]]:
    found = engine.rows(f"SELECT account_id, {', '.join(columns)} FROM {table}")
    return {row[0]: tuple(row[1:]) for row in found}


def revenue(*rows: tuple[str, str, int | None, int, int | None]) -> Rows:
    """Rows of revenue as (account, source, minor units, first day's and last day's distance from AS_OF)."""
    made = [
        {
            "id": f"R{i}", "account_id": a, "source": s, "amount_minor": m, "starts_day": AS_OF - start,
            "ends_day": None if end is None else AS_OF - end,
        }
        for i, (a, s, m, start, end) in enumerate(rows)
    ]  # fmt: skip
    return {"account": [{"id": a, "name": a} for a in dict.fromkeys(r[0] for r in rows)], "revenue": made}


def test_a_contract_is_spread_over_its_days(engine_with: Maker) -> None:
    # Three years (1,095 days) signed 13 months (395 days) ago for 1,095.00, so 1.00 a day: 180 days lie in the half
    # year, 365 in the year, and of the 395 + 1 days so far 31 in the year before. Value 180 ÷ 2 + 365 ÷ 4 = 181.25.
    rows = revenue(("A", "contract", 1_095_00, 395, 395 - 1_094), ("B", "contract", 90_00, 400, 371))
    with computed(engine_with(rows), revenue="contracts") as engine:
        columns = ("revenue_180_minor", "revenue_365_minor", "revenue_before_minor", "value_minor", "won_deals_24m")
        found = values(engine, *columns)
    # A began over a year ago: two purchases of one term. B is over: 30 days, all of them in the year before.
    assert found == {"A": (180_00, 365_00, 31_00, 181_25, 2), "B": (0, 0, 90_00, 0, 1)}


def test_only_the_configured_source_counts_and_what_has_no_term_counts_on_its_day(engine_with: Maker) -> None:
    rows = revenue(("A", "invoice", 100_00, 10, None), ("A", "order", 900_00, 10, 20), ("A", "invoice", 1_00, -1, -300))
    rows["opportunity"] = world([("A", 5_000_00, 3)])["opportunity"]
    for source, sum_minor in (("invoices", 100_00), ("orders", 900_00), ("contracts", None), ("won_deals", 5_000_00)):
        with computed(engine_with(rows), revenue=source) as engine:
            assert values(engine, "revenue_180_minor")["A"] == (sum_minor,), source


def test_costs_to_serve_and_late_payment_are_taken_off(engine_with: Maker) -> None:
    more = {"A": {"cost_to_serve_minor": 30_00}, "B": {"payment_days": 36.5}, "C": {"payment_days": -20}}
    rows = world([(n, 1_000_00, ago) for n in "ABC" for ago in (10, 300)], **more)
    rows["case"] = [
        {"id": f"K{i}", "account_id": a, "opened_day": AS_OF - ago}
        for i, (a, ago) in enumerate([("A", 5), ("B", 5), ("B", 200), ("B", 400), ("C", -5)])
    ]
    rows["activity"] = [
        {"id": f"T{i}", "account_id": "C", "kind": k, "at_day": AS_OF - ago}
        for i, (k, ago) in enumerate([("meeting", 5), ("call", 5), ("call", 200), ("email_out", 5)])
    ]
    given_settings = Settings(cost_per_case=20, cost_per_meeting=100, cost_per_call=7.5, late_interest=0.10)
    with computed(engine_with(rows), given_settings) as engine:
        found = values(engine, "net_180_minor", "net_365_minor", "serve_365_minor", "late_365_minor")
    assert found == {
        # Its own figure, half of it in the half year; the case costs nothing more.
        "A": (985_00, 1_970_00, 30_00, 0),
        # Cases: one in the half year, two in the year. 36.5 days at 10 % a year are 1 % of 1,000 and of 2,000.
        "B": (970_00, 1_940_00, 40_00, 20_00),
        # A meeting and a call in the half year, two calls in the year; mails cost nothing, paying early earns nothing.
        "C": (892_50, 1_885_00, 115_00, 0),
    }
    with computed(engine_with(rows)) as engine:  # by default activities, cases and interest cost nothing
        assert values(engine, "net_365_minor") == {"A": (1_970_00,), "B": (2_000_00,), "C": (2_000_00,)}


def test_what_was_taken_back_is_off_and_told(engine_with: Maker) -> None:
    with computed(engine_with(world([("A", 500_00, 20), ("A", -120_00, 10)]))) as engine:
        assert values(engine, "revenue_180_minor", "returned_365_minor") == {"A": (380_00, 120_00)}


def test_a_one_off_giant_counts_as_the_99th_of_100_accounts_or_its_own_next(engine_with: Maker) -> None:
    # 98 accounts whose largest sale is 1.00 … 98.00, and two giants: the 99th of 100 by size is Y's 500.00
    # (place floor(99 x 0.99 + 0.5) + 1 = 99). X sold 9,000.00 once: it counts 500.00, so 500 x 0.75 = 375 for
    # 500 ÷ 2 + 500 ÷ 4. Y is at the border itself. Z sold two giants: it counts its larger as its smaller, below.
    small = [(f"A{n:02}", n * 100, 10) for n in range(1, 99)]
    columns = ("value_minor", "giant_minor", "giant_cap_minor", "revenue_365_minor")
    with computed(engine_with(world([*small, ("X", 9_000_00, 10), ("Y", 500_00, 10)]))) as engine:
        found = values(engine, *columns)
    assert found["X"] == (375_00, 9_000_00, 500_00, 9_000_00)
    assert found["Y"] == (375_00, 0, 0, 500_00)
    with computed(engine_with(world([*small, ("X", 9_000_00, 10), ("X", 8_000_00, 20), ("Y", 500_00, 9)]))) as engine:
        assert values(engine, *columns)["X"] == (12_000_00, 9_000_00, 8_000_00, 17_000_00)  # (8,000 + 8,000) x 0.75


def test_growth_is_the_year_up_to_the_last_purchase_against_the_year_before(engine_with: Maker) -> None:
    sales = [("A", 120_00, 30), ("A", 30_00, 390), ("A", 100_00, 400), ("A", 9_00, 900), ("B", 50_00, 30)]
    sales += [("B", 10_00, 500), ("C", 10_00, 250), ("C", 40_00, 700), ("C", 40_00, 1_200)]
    sales += [("D", 5_000_00, 30), ("D", 1, 400), ("D", 1, 900)]
    with computed(engine_with(world(sales))) as engine:
        found = values(engine, "growth_percent", "growth_day", table="account_lifetime")
    # A: the year up to 30 days ago holds 120 + 30 (360 days earlier), the one before it 100: + 50 %. B bought first
    # 500 days ago: no whole year before. C: silent for 250 days, so one half year of 182 after its last purchase: day
    # AS_OF − 68; that year holds 10, the one before (68 + 365 … 68 + 730 days ago) 40: − 75 %.
    # D: from a cent to thousands; told in steps of five, it must still fit a field of four digits before the point.
    assert found == {
        "A": (50.0, AS_OF - 30),
        "B": (None, AS_OF - 30),
        "C": (-75.0, AS_OF - 68),
        "D": (9995.0, AS_OF - 30),
    }


def test_lifetime_value_leans_on_what_is_usual_and_on_who_comes_again(engine_with: Maker) -> None:
    # Quarter day 19,929 = AS_OF − 71: who bought 436 … 800 days ago (A, B) and again 71 … 435 days ago (A)? Half.
    sales = [("A", 100_00, 100), ("A", 300_00, 500), ("B", 80_00, 60), ("B", 40_00, 600), ("C", 100_00, 10)]
    with computed(engine_with(world(sales))) as engine:
        columns = ("quarters", "own_year_minor", "usual_year_minor", "retention", "lifetime_minor")
        found = values(engine, *columns, table="account_lifetime")
    # A: first purchase 400 days before its last: floor(400 / 91.25) + 1 = 5 quarters, 400 x 4 / 5 = 320 a year.
    # B: 540 days: 6 quarters, 120 x 4 / 6 = 80. C: 1 quarter, 100 x 4 = 400. The middle of 80, 320, 400 is 320.
    # Factor: 0.5 / 1.1^0.5 + 0.25 / 1.1^1.5 + 0.125 / 1.1^2.5 = 0.476731 + 0.216696 + 0.098498 = 0.791925.
    # A: 320. B: (6 x 80 + 4 x 320) / 10 = 176. C: (400 + 4 x 320) / 5 = 336. Times the factor:
    assert found == {
        "A": (5, 320_00, 320_00, 0.5, 253_42),
        "B": (6, 80_00, 320_00, 0.5, 139_38),
        "C": (1, 400_00, 320_00, 0.5, 266_09),
    }


def test_the_portfolio_in_one_row(engine_with: Maker) -> None:
    # Five accounts worth 50, 30, 10, 6, 4 of 100, and one that loses: value is 0.75 of a half year's sales.
    sales = [(n, v * 100_00, 10) for n, v in zip("ABCDEF", (50, 30, 10, 6, 4, -5), strict=True)]
    with computed(engine_with(world(sales))) as engine:
        row = engine.arrays("SELECT * FROM portfolio")
        classes = values(engine, "pareto_class", "value_share")
    found = {c: v[0].item() for c, v in row.items()}
    # HHI .25 + .09 + .01 + .0036 + .0016 = .3552. 80 % takes two of six. The best fifth of six is two: 80 %.
    # Gini: shares from the top add up to .5 .8 .9 .96 1 1 = 5.16; (2 x 5.16 − 1) / 6 − 1 = .5533.
    assert found == {
        "accounts": 6, "total_minor": 15_000_00, "hhi": pytest.approx(0.3552), "top_share": 0.5, "pareto_accounts": 2,
        "pareto_share": pytest.approx(1 / 3), "gini": pytest.approx(0.55333, abs=1e-5), "fifth_share": 0.8,
    }  # fmt: skip
    # Before C stand 80 %, before D 90 %, before E 96 %; a loss is C whatever stands before it.
    assert {n: c for n, (c, _) in classes.items()} == dict(zip("ABCDEF", "AABBCC", strict=True))
    assert classes["A"][1] == 0.5


def test_the_class_that_the_crm_shows_stays_near_its_border(engine_with: Maker) -> None:
    sales = [(n, v * 100_00, 10) for n, v in zip("ABCDE", (50, 32, 11, 4, 3), strict=True)]
    for shown, classes in ((None, "AABBC"), ("A", "AAABC"), ("C", "AABCC")):
        rows = world(sales)
        rows["present_value"] = [{"account_id": n, "pareto_class": shown} for n in "ABCDE" if shown]
        with computed(engine_with(rows)) as engine:  # before C stand 82 %, before D 93 %, before E 97 %
            found = values(engine, "pareto_class")
        assert found == {n: (c,) for n, c in zip("ABCDE", classes, strict=True)}, shown


def test_an_empty_mirror_has_a_portfolio_of_nobody(engine_with: Maker) -> None:
    with computed(engine_with({})) as engine:
        assert engine.rows("SELECT accounts, gini FROM portfolio") == [(0, None)]


SALES = st.lists(
    st.tuples(st.sampled_from([f"A{n}" for n in range(9)]), st.integers(-50_00, 9_000_00), st.integers(0, 900)),
    min_size=1, max_size=25,
)  # fmt: skip
FEW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TOLD = ("net_180_minor", "net_365_minor", "value_minor", "value_rank", "pareto_class", "cost_state")


def told(engine: DuckEngine) -> dict[str, tuple[Any, ...]]:
    """What matters of every account, lifetime value included."""
    with engine:
        more = values(engine, "growth_percent", "lifetime_minor", table="account_lifetime")
        return {n: (*v, *more.get(n, ())) for n, v in values(engine, *TOLD).items()}


@given(sales=SALES, shuffled=st.randoms(use_true_random=False))
@FEW
def test_neither_the_order_of_rows_nor_the_unit_of_money_changes_anything(
    engine_with: Maker, sales: list[tuple[str, int, int]], shuffled: Any
) -> None:
    # Multiples of four have no halves to round, and a thousand small units make one large.
    one = told(computed(engine_with(world([(a, m * 4, ago) for a, m, ago in sales]))))
    rows = world([(a, m * 4_000, ago) for a, m, ago in sales])
    other = told(computed(engine_with({t: shuffled.sample(many, len(many)) for t, many in rows.items()})))
    assert {n: v[3:7] for n, v in other.items()} == {n: v[3:7] for n, v in one.items()}
    assert {n: v[:3] for n, v in other.items()} == {n: tuple(x * 1_000 for x in v[:3]) for n, v in one.items()}


@given(sales=SALES, more=st.integers(1, 20_000_00), place=st.integers(0, 24))
@FEW
def test_more_net_value_never_lowers_the_rank_by_value(
    engine_with: Maker, sales: list[tuple[str, int, int]], more: int, place: int
) -> None:
    account, amount, ago = sales[place % len(sales)]
    grown = [*sales]
    grown[place % len(sales)] = (account, amount + more, ago)
    before, after = told(computed(engine_with(world(sales)))), told(computed(engine_with(world(grown))))
    assert after[account][2] >= before[account][2]
    assert after[account][3] <= before[account][3]


def measured(engine: DuckEngine, source: str = "won_deals") -> dict[str, fit.Finding]:
    with engine:
        row = fit.measure(engine, Context(as_of=AS_OF, revenue=source), Settings())
    return {f.measure: f for f in fit.findings(row, key_accounts.Settings(), source.replace("_", " "))}


def test_the_fit_check_says_what_suits_and_what_does_not(engine_with: Maker) -> None:
    # Ten accounts; seven bought twice, 100 days apart; each deal took 40 days; all of two families.
    sales = [(f"A{n}", (n + 1) ** 4 * 100, 10) for n in range(10)] + [(f"A{n}", 100, 110) for n in range(7)]
    rows = world(sales, A0={"kam_manager_id": "U1"})
    for deal in rows["opportunity"]:
        deal["created_day"] = deal["close_day"] - 40
    rows["product"] = [{"id": "P1", "family": "Pumps"}, {"id": "P2", "family": "Valves"}, {"id": "P3", "family": "Oil"}]
    rows["opportunity_line"] = [
        {"id": f"L{d['id']}{p}", "opportunity_id": d["id"], "product_id": p}
        for d in rows["opportunity"]
        for p in ("P1", "P2")
    ]
    found = measured(engine_with(rows))
    assert {m: f.says for m, f in found.items()} == dict.fromkeys(found, "for")
    assert found["sales cycle"].figure == "40 days (median of 17 won deals)"
    assert found["repeat business"].figure.startswith("70% of 10 buying accounts")
    assert found["products per account"].figure == "2 of 3 families (median of 10 accounts)"
    assert found["gap between purchases"].figure == "100 days (median of 7 accounts that bought twice)"
    assert found["capacity"].figure == "up to 1 key accounts for 1 managers: 1.0 each"
    assert fit.verdict(list(found.values())) == "Key account management suits this company."


def test_a_gap_that_is_longer_than_the_window_is_a_fault_unless_terms_fill_it(engine_with: Maker) -> None:
    rows = world([(f"A{n}", 100_00, ago) for n in range(5) for ago in (10, 410)])
    found = measured(engine_with(rows))
    assert (found["gap between purchases"].says, found["concentration"].says) == ("fault", "against")
    assert "[revenue] source" in found["gap between purchases"].because
    yearly = [(f"A{n}", "contract", 100_00, ago, ago - 364) for n in range(5) for ago in (10, 375)]
    assert measured(engine_with(revenue(*yearly)), "contracts")["gap between purchases"].says == "for"


def test_too_little_data_is_said_to_be_too_little(engine_with: Maker) -> None:
    found = measured(engine_with({"account": [{"id": "A"}]}))
    assert {f.says for f in found.values()} == {"unknown"}
    assert fit.verdict(list(found.values())).startswith("Too little is known")


@pytest.mark.parametrize(
    ("name", "value"),
    [("least_cost_share", 2.0), ("cost_per_case", -1.0), ("late_interest", 8.0), ("discount_rate", -0.1)],
)
def test_a_setting_that_makes_no_sense_is_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        replace(Settings(), **{name: value})

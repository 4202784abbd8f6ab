"""What each cell of the matrix is, by which source, and which comes first; who a family suits; what is never a gap."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from test_whitespace import AS_OF, OLD, OWN, RECENT, Maker, Rows, buy, portfolio, shown, states

from connector.insight import explain, hierarchy, whitespace
from connector.insight.whitespace import evidence
from connector.insight.whitespace.settings import Eligible, Settings
from connector.schema import Context

Cells = dict[str, dict[str, tuple[Any, ...]]]
HOSES = "P hoses"
# What is planted about hoses at one account that has pumps alone, by the account's name; then the state and its reason.
CASES: dict[str, tuple[Callable[[Rows, str], None], str, str | None]] = {}


def case(state: str, reason: str | None = None) -> Callable[[Callable[[Rows, str], None]], Callable[[Rows, str], None]]:
    """Plant something at an account of its own and expect a state of it."""

    def note(plant: Callable[[Rows, str], None]) -> Callable[[Rows, str], None]:
        CASES[plant.__name__] = (plant, state, reason)
        return plant

    return note


def add(rows: Rows, table: str, account: str, **values: Any) -> None:
    many = rows.setdefault(table, [])
    many.append({"id": f"{table} {len(many)}", "account_id": account, **values})


def asset(rows: Rows, account: str, **values: Any) -> None:
    add(rows, "asset", account, product_id=HOSES, installed_day=AS_OF - 2000, **values)


def contract(rows: Rows, account: str, starts: int, ends: int | None, source: str = "contract") -> None:
    days = {"starts_day": AS_OF + starts, "ends_day": None if ends is None else AS_OF + ends}
    add(rows, "revenue", account, product_id=HOSES, source=source, amount_minor=500_00, **days)


def lose(rows: Rows, account: str, ago: int = 100, reason: str | None = "Price", competitor: str | None = None) -> None:
    buy(rows, account, "hoses", day=AS_OF - ago, state="lost")
    rows["opportunity"][-1] |= {"lost_reason": reason, "competitor": competitor}


def answer(rows: Rows, account: str, said: str, ago: int = 10, family: str = "hoses") -> None:
    add(rows, "verdict", account, subject=family, answer=said, answered_day=AS_OF - ago)


@case("whitespace", "together")
def nothing(rows: Rows, account: str) -> None: ...


@case("owned")
def asset_of_ours(rows: Rows, account: str) -> None:
    asset(rows, account, rival=0)


@case("competitor")
def asset_of_somebody_else(rows: Rows, account: str) -> None:
    asset(rows, account, rival=1)


@case("owned")
def asset_of_somebody_else_and_bought_from_us(rows: Rows, account: str) -> None:
    asset(rows, account, rival=1)
    buy(rows, account, "hoses", day=AS_OF - 547)


@case("owned")
def running_contract(rows: Rows, account: str) -> None:
    contract(rows, account, -3000, 1)


@case("lapsed")
def contract_that_ended_long_ago(rows: Rows, account: str) -> None:
    contract(rows, account, -3000, -600)


@case("owned")
def contract_that_ended_lately(rows: Rows, account: str) -> None:
    contract(rows, account, -3000, -500)


@case("owned")
def invoice(rows: Rows, account: str) -> None:
    contract(rows, account, -30, None, "invoice")


@case("lapsed")
def bought_a_day_too_long_ago(rows: Rows, account: str) -> None:
    buy(rows, account, "hoses", day=AS_OF - 548)


@case("pipeline")
def open_deal_after_a_lost_one_and_an_answer(rows: Rows, account: str) -> None:
    lose(rows, account)
    buy(rows, account, "hoses", day=AS_OF + 50, state="open")
    answer(rows, account, "no_need")


@case("lost", "Price")
def lost_for_its_price(rows: Rows, account: str) -> None:
    lose(rows, account)


@case("whitespace", "together")
def lost_a_year_ago(rows: Rows, account: str) -> None:
    lose(rows, account, ago=365)


@case("competitor", "Orvanta")
def lost_to_a_competitor(rows: Rows, account: str) -> None:
    lose(rows, account, reason="Price", competitor="Orvanta")


@case("in_house")
def lost_to_themselves_after_a_loss_for_its_price(rows: Rows, account: str) -> None:
    lose(rows, account, ago=200, reason="Price", competitor="Orvanta")
    lose(rows, account, ago=100, reason="In-house")


@case("no_need")
def lost_for_want_of_a_need(rows: Rows, account: str) -> None:
    lose(rows, account, reason="No need")


@case("whitespace", "together")
def lost_for_a_reason_that_passes(rows: Rows, account: str) -> None:
    lose(rows, account, reason="Timing")


@case("accepted")
def accepted_lately(rows: Rows, account: str) -> None:
    answer(rows, account, "no_need", ago=20)
    answer(rows, account, "accepted", ago=10)


@case("whitespace", "together")
def accepted_more_than_a_year_ago(rows: Rows, account: str) -> None:
    answer(rows, account, "accepted", ago=365)


@case("whitespace", "together")
def answered_after_the_day_we_look_from(rows: Rows, account: str) -> None:
    answer(rows, account, "no_need", ago=-1)


@case("competitor")
def competitor_for_years(rows: Rows, account: str) -> None:
    answer(rows, account, "competitor", ago=900)


@case("owned")
def has_it_as_somebody_says(rows: Rows, account: str) -> None:
    answer(rows, account, "already_has", ago=900)


@case("in_house")
def makes_it_as_somebody_says(rows: Rows, account: str) -> None:
    answer(rows, account, "in_house")


@case("whitespace", "together")
def answered_with_a_word_we_do_not_know(rows: Rows, account: str) -> None:
    answer(rows, account, "perhaps")


@case("lost", "Price")
def lost_after_it_was_accepted(rows: Rows, account: str) -> None:
    answer(rows, account, "accepted", ago=101)
    lose(rows, account, ago=100)


@case("accepted")
def accepted_after_it_was_lost(rows: Rows, account: str) -> None:
    lose(rows, account, ago=100)
    answer(rows, account, "accepted", ago=99)


@case("competitor")
def competitor_after_the_last_purchase(rows: Rows, account: str) -> None:
    buy(rows, account, "hoses", day=OLD)
    answer(rows, account, "competitor", ago=500)


@case("lapsed")
def competitor_before_the_last_purchase(rows: Rows, account: str) -> None:
    buy(rows, account, "hoses", day=OLD)
    answer(rows, account, "competitor", ago=700)


@case("not_eligible", "country")
def in_a_country_where_it_is_not_sold(rows: Rows, account: str) -> None:
    rows["account"][-1]["country"] = "France"


@case("not_eligible", "employees")
def too_small(rows: Rows, account: str) -> None:
    rows["account"][-1] |= {"country": "Germany", "employees": 9}


@case("not_eligible", "employees")
def too_large(rows: Rows, account: str) -> None:
    rows["account"][-1]["employees"] = 1001


@case("whitespace", "together")
def just_large_enough(rows: Rows, account: str) -> None:
    rows["account"][-1] |= {"country": "Germany", "employees": 10}


@case("not_eligible", "industry")
def of_another_industry(rows: Rows, account: str) -> None:
    rows["account"][-1]["industry"] = "Banking"


@case("not_eligible", "excludes")
def with_what_excludes_it(rows: Rows, account: str) -> None:
    buy(rows, account, "lamps")


@case("whitespace", "together")
def with_what_excluded_it_once(rows: Rows, account: str) -> None:
    buy(rows, account, "lamps", day=OLD)


@case("owned")
def owned_though_not_eligible(rows: Rows, account: str) -> None:
    buy(rows, account, "hoses")
    rows["account"][-1]["country"] = "France"


RULES = Settings(
    lost_reasons={"In-house": "in_house", "No need": "no_need", "Timing": "passing"},
    eligible=(
        Eligible("hoses", countries=("Germany", "Austria"), least_employees=10, most_employees=1000),
        Eligible("hoses", industries=("Chemicals",), excludes=("lamps",)),
        Eligible("bulbs", needs=("lamps", "torches")),
    ),
)


@pytest.fixture(scope="module")
def cells(engine_with: Maker) -> Iterator[Cells]:
    """States and reasons by account and family, all cases planted side by side in one portfolio."""
    rows = portfolio()
    for name, (plant, *_) in CASES.items():
        buy(rows, name, "pumps")
        plant(rows, name)
    found: Cells = {}
    with shown(engine_with(rows), RULES) as engine:
        for account, family, *rest in engine.rows("SELECT account_id, family, state, reason FROM whitespace_cell"):
            found.setdefault(account, {})[family] = tuple(rest)
    yield found


@pytest.mark.parametrize("name", list(CASES))
def test_a_cell_is_what_the_surest_source_says(cells: Cells, name: str) -> None:
    _, state, reason = CASES[name]
    assert cells[name]["hoses"] == (state, reason)


def test_a_family_that_needs_another_is_for_those_who_have_it(cells: Cells) -> None:
    assert cells["nothing"]["bulbs"] == ("not_eligible", "needs")
    assert cells["T2"]["bulbs"] == ("whitespace", "together")


def test_unrelated_families_are_speculative_few_and_never_shown(engine_with: Maker) -> None:
    with shown(engine_with(portfolio()), Settings(speculative=1)) as engine:
        # T1 has pumps and grease: lamps and bulbs are open to it, and nothing relates them to what it has.
        assert sorted(states(engine, "T1").values()) == ["owned", "owned", "speculative", "whitespace"]
        assert engine.rows("SELECT COUNT(*) FROM whitespace_cell WHERE state = 'speculative' AND shown > 0") == [(0,)]


def test_a_relation_that_holds_both_ways_pulls_from_either_product(engine_with: Maker) -> None:
    rows: Rows = {}
    for n in range(40):
        for family in ("pumps", "hoses", "lamps", "bulbs", "grease")[n % 5 :: 2]:
            buy(rows, f"A{n:02}", family)
    buy(rows, "T1", "hoses")
    relation = {"other_id": HOSES, "kind": "accessory"}
    rows["product_relation"] = [
        {**relation, "id": "R1", "product_id": "P bulbs", "both_ways": 1},
        {**relation, "id": "R2", "product_id": "P lamps", "both_ways": 0},
    ]
    with shown(engine_with(rows), Settings(lift=99.0, peer_owners=11)) as engine:
        found = engine.rows(
            "SELECT family, reason FROM whitespace_cell WHERE account_id = 'T1' AND state = 'whitespace'"
        )
        assert found == [("bulbs", "catalogue")]


def test_chosen_columns_are_the_matrix_sold_or_not(engine_with: Maker) -> None:
    rows = portfolio()
    rows["product"].append({"id": "P new", "family": "new", "is_active": 1})
    with shown(engine_with(rows), Settings(columns=("pumps", "new", "hoses"))) as engine:
        assert engine.rows("SELECT family FROM whitespace_family ORDER BY family") == [("hoses",), ("new",), ("pumps",)]


def test_a_group_is_one_row_at_its_topmost_company(engine_with: Maker) -> None:
    # T1's branch has hoses and an open case: the group has them, and nothing is proposed to either.
    rows = portfolio()
    for branch, top in (("T1b", "T1"), ("T2b", "T2")):
        buy(rows, branch, "grease")
        rows["account"][-1]["parent_id"] = top
    buy(rows, "T1b", "hoses")
    rows["case"] = [{"id": "C", "account_id": "T2b", "opened_day": RECENT, "priority": "high"}]
    engine = engine_with(rows)
    hierarchy.compute(engine, Context(as_of=AS_OF))
    with shown(engine, Settings(rows="group")) as engine:
        assert states(engine, "T1")["hoses"] == "owned"
        assert states(engine, "T1b") == {}
        found = engine.rows("SELECT account_id, state, band, ideas, held_back FROM account_whitespace ORDER BY 1")
        told = {account: rest for account, *rest in found if account.startswith("T")}
        assert told["T1b"] == ["branch", "None", 0, None]
        assert told["T2"][0] == "ok"
        assert told["T2"][2:] == [0, "case"]


def scattered(seed: int, money: int = 1) -> Rows:
    """Forty accounts with some of eight families each, of which some go together; the catalogue replaces a few."""
    generator, rows = np.random.default_rng(seed), Rows()
    for n in range(40):
        for number, family in enumerate("abcdefgh"):
            if generator.random() < (0.8 if number // 2 == n % 4 else 0.2):
                day = int(AS_OF - generator.integers(1, 900))
                buy(rows, f"A{n:02}", family, day=day, amount=money * int(generator.integers(1_000, 1_000_000)))
    pairs = [("a", "c"), ("d", "g")]
    rows["product_relation"] = [
        {"id": f"R{a}", "product_id": f"P {a}", "other_id": f"P {b}", "kind": "substitute"} for a, b in pairs
    ]
    return rows


def doubled(rows: Rows) -> Rows:
    """Every account and its deals twice."""
    twins = {
        "account": [{**a, "id": f"Z{a['id']}"} for a in rows["account"]],
        "opportunity": [{**o, "id": f"Z{o['id']}", "account_id": f"Z{o['account_id']}"} for o in rows["opportunity"]],
        "opportunity_line": [
            {**x, "id": f"Z{x['id']}", "opportunity_id": f"Z{x['opportunity_id']}"} for x in rows["opportunity_line"]
        ],
    }
    return {table: many + twins.get(table, []) for table, many in rows.items()}


@pytest.fixture(scope="module")
def properties(engine_with: Maker) -> dict[str, dict[str, Any]]:
    """What comes of the scattered portfolio, of the same with a hundred times the money, and with everybody twice.

    As many neighbours as there are accounts, so that an account's twin, which lacks what it lacks, pushes nobody out;
    and no guard, because evidence that is twice as much passes it sooner.
    """
    made = {}
    for name, rows in (("plain", scattered(0)), ("scaled", scattered(0, 100)), ("doubled", doubled(scattered(0)))):
        with shown(engine_with(rows), Settings(neighbours=200, lift=0.0, joint_owners=0)) as engine:
            ours = "WHERE account_id LIKE 'A%' ORDER BY account_id, family"
            made[name] = {
                "ranking": engine.rows(f"SELECT account_id, family, state, shown FROM whitespace_cell {ours}"),
                "values": engine.rows(f"SELECT typical_minor, low_minor, high_minor FROM whitespace_estimate {ours}"),
                "bought": engine.rows(f"SELECT account_id, family FROM {OWN} {ours}"),
            }
    return made


def test_an_owned_family_and_what_replaces_one_are_never_a_gap(properties: dict[str, dict[str, Any]]) -> None:
    replaced = {"a": "c", "c": "a", "d": "g", "g": "d"}
    found, bought = properties["plain"]["ranking"], set(properties["plain"]["bought"])
    gaps = {(account, family) for account, family, state, _ in found if state in ("whitespace", "speculative")}
    assert gaps
    assert not gaps & bought
    assert not gaps & {(account, replaced[family]) for account, family in bought if family in replaced}


def test_scaling_all_money_scales_values_and_nothing_else(properties: dict[str, dict[str, Any]]) -> None:
    plain, scaled = properties["plain"], properties["scaled"]
    assert plain["ranking"] == scaled["ranking"]
    # To the rounding of a minor unit, and of a ratio in millionths.
    values = [np.array(p["values"], dtype=float) for p in (plain, scaled)]
    assert np.allclose(values[1], 100 * values[0], rtol=1e-3, atol=100, equal_nan=True)


def test_duplicating_all_accounts_changes_no_ranking(properties: dict[str, dict[str, Any]]) -> None:
    assert properties["plain"]["ranking"] == properties["doubled"]["ranking"]


SLOTS = [
    {"slot": "role.champion", "known": 1, "value": 1.0, "weight": 1},
    {"slot": "finance.director", "known": 1, "value": 0.4, "weight": 2},
    {"slot": "operations.manager", "known": 1, "value": 0.9, "weight": 1},
    {"slot": "any.executive", "known": 0, "value": 0.0, "weight": 3},
]


@pytest.mark.parametrize(
    ("state", "slots", "said"),
    [
        ("whitespace", SLOTS, "ask the operations manager whether Pumps is needed"),
        ("whitespace", SLOTS[3:], "find out who decides about Pumps"),
        ("lapsed", SLOTS, "ask the operations manager why Pumps is not bought any more"),
        ("lost", SLOTS, "come back to Pumps after 1971-01-01"),
        ("accepted", SLOTS, "open a deal about Pumps"),
        ("owned", SLOTS, None),
    ],
)
def test_the_next_step_names_a_role_and_never_a_person(
    state: str, slots: list[dict[str, Any]], said: str | None
) -> None:
    cell = {"family": "Pumps", "state": state, "shown": 1, "since_day": 0}
    seat = evidence.talk_to(slots)
    assert evidence.next_step(cell, seat, explain.catalogue("en"), lost_days=365) == said


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "asks nothing"),
        ({"least_employees": 10, "most_employees": 5}, "most_employees: must not be below least_employees"),
        ({"needs": ("pumps",)}, "neither need nor exclude itself"),
        ({"countries": ("A",), "not_countries": ("A",)}, '"A" is both asked for and ruled out'),
    ],
)
def test_a_rule_that_no_account_could_keep_is_refused(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Eligible("pumps", **rule)


def test_whitespace_reads_contracts_once_where_they_are_the_revenue(engine_with: Maker) -> None:
    # A contract of two years over 1,000.00 is 500.00 a year, whatever the won deal that began it said.
    rows = portfolio()
    buy(rows, "T1", "hoses", amount=77_00)
    add(rows, "revenue", "T1", product_id=HOSES, source="contract", amount_minor=1000_00, starts_day=AS_OF - 365,
        ends_day=AS_OF + 365)  # fmt: skip
    with engine_with(rows) as engine:
        whitespace.estimate(engine, Context(as_of=AS_OF, revenue="contracts"), Settings())
        sql = f"SELECT year_minor FROM {OWN} WHERE account_id = 'T1' AND family = 'hoses'"
        assert engine.rows(sql) == [(500_00,)]

"""What an account could buy and has not, on portfolios of forty accounts that one can overlook."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from connector.engine import DuckEngine
from connector.insight import whitespace
from connector.insight.whitespace.settings import Settings
from connector.schema import Context

AS_OF = 20_000
RECENT, OLD, ANCIENT = AS_OF - 100, AS_OF - 600, AS_OF - 800
# What is owned, with ids and names.
OWN = "whitespace_own JOIN whitespace_row USING (row_n) JOIN whitespace_family USING (family_n)"
Rows = dict[str, list[dict[str, Any]]]
Maker = Callable[[Rows], DuckEngine]


def buy(rows: Rows, account: str, family: str, day: int = RECENT, amount: int = 100_00, state: str = "won") -> None:
    """One deal of one line; makes account and product when they are new."""
    if not any(a["id"] == account for a in rows.setdefault("account", [])):
        rows["account"].append({"id": account, "name": account, "type": "customer"})
    if not any(p["family"] == family for p in rows.setdefault("product", [])):
        rows["product"].append({"id": f"P {family}", "family": family, "is_active": 1})
    number = len(rows.setdefault("opportunity", []))
    deal = {
        "id": f"O{number}",
        "account_id": account,
        "state": state,
        "close_day": day,
        "created_day": min(day, AS_OF) - 30,
    }
    rows["opportunity"].append({**deal, "amount_minor": amount})
    line = {"id": f"L{number}", "opportunity_id": f"O{number}", "product_id": f"P {family}", "amount_minor": amount}
    rows.setdefault("opportunity_line", []).append(line)


def portfolio() -> Rows:
    """Pumps and hoses go together, so do lamps and bulbs; T1 has pumps alone, T2 lamps alone; everybody has grease."""
    rows: Rows = {}
    for n in range(20):
        for family in ("pumps", "hoses", "grease"):
            buy(rows, f"P{n:02}", family)
        for family in ("lamps", "bulbs", "grease"):
            buy(rows, f"Q{n:02}", family)
    for account, family in (("T1", "pumps"), ("T2", "lamps"), ("T1", "grease"), ("T2", "grease")):
        buy(rows, account, family)
    return rows


def shown(engine: DuckEngine, settings: Settings | None = None) -> DuckEngine:
    """Both halves of whitespace, with every account in an unknown box between them."""
    settings = settings or Settings()
    context = Context(as_of=AS_OF)
    whitespace.estimate(engine, context, settings)
    engine.run("account_quadrant", "SELECT id AS account_id, 'Unknown' AS box FROM account", {})
    whitespace.show(engine, context, settings)
    return engine


def ideas(engine: DuckEngine, account: str) -> list[str]:
    sql = f"SELECT family FROM whitespace_cell WHERE account_id = '{account}' AND shown > 0 ORDER BY shown"
    return [r[0] for r in engine.rows(sql)]


def states(engine: DuckEngine, account: str) -> dict[str, str]:
    return dict(engine.rows(f"SELECT family, state FROM whitespace_cell WHERE account_id = '{account}'"))


def test_what_goes_with_an_owned_family_is_the_first_idea(engine_with: Maker) -> None:
    with shown(engine_with(portfolio())) as engine:
        row = engine.rows(
            "SELECT state, top_family, top_pulled_by, top_peers FROM account_whitespace WHERE account_id = 'T1'"
        )

        assert row == [("ok", "hoses", "pumps", 10)]


def test_an_unrelated_family_is_no_idea(engine_with: Maker) -> None:
    # Lamps and bulbs never went with pumps, and no neighbour of T1 has them.
    with shown(engine_with(portfolio())) as engine:
        assert ideas(engine, "T1") == ["hoses"]


def test_an_owned_family_is_never_a_gap(engine_with: Maker) -> None:
    generator = np.random.default_rng(3)
    rows: Rows = {}
    for n in range(40):
        for family in generator.choice(list("abcdefgh"), size=4, replace=False):
            buy(rows, f"A{n:02}", str(family), day=int(AS_OF - generator.integers(1, 1000)))
    with shown(engine_with(rows)) as engine:
        gaps = engine.rows("SELECT account_id, family FROM whitespace_cell WHERE state = 'whitespace'")
        bought = engine.rows(f"SELECT account_id, family FROM {OWN}")

        assert gaps
        assert not set(gaps) & set(bought)


def test_states_say_what_became_of_a_family(engine_with: Maker) -> None:
    rows = portfolio()
    buy(rows, "T1", "lamps", day=OLD)
    buy(rows, "T1", "bulbs", day=RECENT, state="lost")
    buy(rows, "T1", "hoses", day=AS_OF + 50, state="open")
    with shown(engine_with(rows)) as engine:
        assert states(engine, "T1") == {
            "pumps": "owned", "grease": "owned", "lamps": "lapsed", "bulbs": "lost", "hoses": "pipeline",
        }  # fmt: skip
        assert ideas(engine, "T1") == []


def test_a_loss_of_more_than_a_year_ago_holds_nothing_back(engine_with: Maker) -> None:
    rows = portfolio()
    buy(rows, "T1", "hoses", day=AS_OF - 400, state="lost")
    with shown(engine_with(rows)) as engine:
        assert ideas(engine, "T1") == ["hoses"]


def test_a_deal_won_after_the_day_we_look_from_was_in_the_pipeline(engine_with: Maker) -> None:
    rows = portfolio()
    buy(rows, "T1", "hoses", day=AS_OF + 10)
    with shown(engine_with(rows)) as engine:
        assert states(engine, "T1")["hoses"] == "pipeline"


def test_an_installed_asset_is_owned(engine_with: Maker) -> None:
    rows = portfolio()
    rows["asset"] = [
        {"id": "X1", "account_id": "T1", "product_id": "P hoses", "installed_day": ANCIENT},
        {"id": "X2", "account_id": "T2", "product_id": "P hoses", "installed_day": ANCIENT, "ends_day": AS_OF - 1},
    ]
    with shown(engine_with(rows)) as engine:
        assert states(engine, "T1")["hoses"] == "owned"
        assert states(engine, "T2")["hoses"] == "speculative"


def test_a_substitute_of_an_owned_family_is_never_proposed(engine_with: Maker) -> None:
    rows = portfolio()
    rows["product_relation"] = [{"id": "R", "product_id": "P hoses", "other_id": "P pumps", "kind": "substitute"}]
    with shown(engine_with(rows)) as engine:
        assert ideas(engine, "T1") == []


def test_a_family_nobody_bought_for_a_year_is_no_idea(engine_with: Maker) -> None:
    rows = portfolio()
    for deal, line in zip(rows["opportunity"], rows["opportunity_line"], strict=True):
        if line["product_id"] == "P hoses":
            deal["close_day"] = AS_OF - 500
    with shown(engine_with(rows)) as engine:
        assert ideas(engine, "T1") == []


def test_too_few_accounts_are_not_enough_data(engine_with: Maker) -> None:
    rows = portfolio()
    rows["account"] = [a for a in rows["account"] if a["id"] < "P10"]
    with shown(engine_with(rows)) as engine:
        assert engine.rows("SELECT DISTINCT state, band, ideas, expected_minor FROM account_whitespace") == [
            ("not_enough_data", "Not enough data", 0, None)
        ]


def test_too_few_families_leave_the_word_to_the_catalogue(engine_with: Maker) -> None:
    rows: Rows = {}
    for n in range(40):
        buy(rows, f"A{n:02}", "pumps")
        if n:
            buy(rows, f"A{n:02}", "hoses")
    rows["product_relation"] = [{"id": "R", "product_id": "P pumps", "other_id": "P hoses", "kind": "accessory"}]
    with shown(engine_with(rows)) as engine:
        answer = engine.rows(
            "SELECT w.band, c.family, c.pulled_by, c.score FROM account_whitespace AS w"
            " JOIN whitespace_cell AS c ON c.account_id = w.account_id WHERE c.shown = 1"
        )
        assert answer == [("Not enough data", "hoses", "pumps", None)]


@pytest.mark.parametrize("rows", [{}, {"account": [{"id": "A", "name": "A"}]}])
def test_without_families_every_account_says_so(engine_with: Maker, rows: Rows) -> None:
    with shown(engine_with(rows)) as engine:
        found = engine.rows("SELECT state, band FROM account_whitespace")
        assert found == [("no_families", "Not enough data")] * len(rows.get("account", []))


def test_an_account_that_bought_nothing_has_not_enough_data(engine_with: Maker) -> None:
    rows = portfolio()
    rows["account"].append({"id": "New", "name": "New"})
    with shown(engine_with(rows)) as engine:
        found = engine.rows("SELECT state, band, ideas FROM account_whitespace WHERE account_id = 'New'")
        assert found == [("not_enough_data", "Not enough data", 0)]


def test_typical_value_grows_with_the_square_root_of_size(engine_with: Maker) -> None:
    # Every adopter of hoses spends 100.00 in it and is worth 300.00 (three families): median, shrunk towards the same
    # global median, 100.00. T1 is worth 1,200.00, four times as much: √4 = 2, but never above P90 = 100.00.
    # T2 is worth 75.00: √(75/300) = 1/2 → 50.00 for bulbs.
    rows = portfolio()
    buy(rows, "T1", "grease", amount=1000_00)
    for deal, line in zip(rows["opportunity"], rows["opportunity_line"], strict=True):
        if deal["account_id"] == "T2":
            deal["amount_minor"] = line["amount_minor"] = 37_50
    with shown(engine_with(rows)) as engine:
        found = engine.rows(
            "SELECT account_id, family, typical_minor, low_minor, high_minor FROM whitespace_cell"
            " WHERE account_id IN ('T1', 'T2') AND shown > 0 ORDER BY account_id"
        )
        assert found == [("T1", "hoses", 100_00, 100_00, 100_00), ("T2", "bulbs", 50_00, 50_00, 50_00)]


def test_at_most_three_ideas_are_shown(engine_with: Maker) -> None:
    rows: Rows = {}
    for n in range(40):
        for family in "abcdef":
            buy(rows, f"A{n:02}", family)
    buy(rows, "T", "a")
    with shown(engine_with(rows)) as engine:
        assert len(ideas(engine, "T")) == 3
        assert len(states(engine, "T")) == 6


def test_the_present_top_idea_stays_first_while_it_is_shown(engine_with: Maker) -> None:
    rows: Rows = {}
    for n in range(40):
        for family in "abcdef":
            buy(rows, f"A{n:02}", family)
    buy(rows, "T", "a")
    with shown(engine_with(rows)) as engine:
        before = ideas(engine, "T")
    rows["present_value"] = [{"account_id": "T", "top_family": before[2]}]
    with shown(engine_with(rows)) as engine:
        assert ideas(engine, "T") == [before[2], before[0], before[1]]


def test_an_open_case_of_high_priority_holds_ideas_back(engine_with: Maker) -> None:
    rows = portfolio()
    rows["case"] = [{"id": "C", "account_id": "T1", "opened_day": RECENT, "priority": "high"}]
    with shown(engine_with(rows)) as engine:
        assert ideas(engine, "T1") == []
        held = engine.rows("SELECT ideas, held_back, band FROM account_whitespace WHERE account_id = 'T1'")
        assert held[0][:2] == (0, "case")
        assert held[0][2] != "None"


def banded(engine_with: Maker, present: dict[str, str]) -> dict[str, str]:
    """Bands of ten accounts whose whitespace is worth 100 to 1,000."""
    names = [f"A{n:02}" for n in range(10)]
    now = [{"account_id": a, "kam_whitespace_band": b} for a, b in present.items()]
    with engine_with({"account": [{"id": n} for n in names], "present_value": now}) as engine:
        engine.run("whitespace_estimate", _NO_CELLS, {})
        engine.run("account_quadrant", "SELECT id AS account_id, 'Unknown' AS box FROM account", {})
        amounts = np.arange(100, 1001, 100)
        engine.load("account_estimate", {"account_id": names, "state": ["ok"] * 10, "expected_minor": amounts})
        whitespace.show(engine, Context(as_of=AS_OF), Settings())
        return dict(engine.rows("SELECT account_id, band FROM account_whitespace"))


_NO_CELLS = """
SELECT id AS account_id, '' AS family, 'owned' AS state, '' AS reason, 0 AS since_day,
  0.0E0 AS score, '' AS pulled_by, 0.0E0 AS pull_lift, 0 AS peers, 0 AS peer_owners, 0 AS typical_minor, 0 AS low_minor,
  0 AS high_minor, 0.0E0 AS probability, 0 AS expected_minor, '' AS likelihood, 0 AS potential_minor
FROM account WHERE 1 = 0
"""


def test_a_fifth_is_large_and_half_is_medium_or_more(engine_with: Maker) -> None:
    bands = banded(engine_with, {})

    assert [b for _, b in sorted(bands.items())] == ["Small"] * 5 + ["Medium"] * 3 + ["Large"] * 2


def test_a_band_stays_while_the_money_is_near_its_border(engine_with: Maker) -> None:
    # Large begins at 900: 800 is more than 10 % below, 900 stays Medium up to 990; Medium begins at 600, Small to 660.
    bands = banded(engine_with, {"A07": "Large", "A08": "Medium", "A05": "Small", "A06": "Small"})

    assert (bands["A07"], bands["A08"], bands["A05"], bands["A06"]) == ("Medium", "Medium", "Small", "Medium")


def test_the_order_of_rows_changes_nothing(engine_with: Maker) -> None:
    rows = portfolio()
    query = "SELECT * FROM whitespace_cell ORDER BY account_id, family"
    with shown(engine_with(rows)) as engine:
        one = engine.rows(query)
    turned = {table: list(reversed(many)) for table, many in rows.items()}
    with shown(engine_with(turned)) as engine:
        assert engine.rows(query) == one


@pytest.mark.parametrize(
    ("name", "value"), [("families", 0), ("families", 500), ("ridge", 0), ("large_share", 0.9), ("firmographic", 2)]
)
def test_a_setting_that_makes_no_sense_is_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        Settings(**{name: value})  # type: ignore[arg-type]

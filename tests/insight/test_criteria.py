"""The criteria: which may be chosen, scores by hand under other choices, what is asked for first, and the JSON."""

import json
from typing import Any

import pytest
from test_explain import CONTEXT, PLAIN
from test_key_accounts import AS_OF, SUMS, Maker, column, computed, portfolio, rated

from connector.insight import criteria, explain, numbers
from connector.insight.key_accounts import Settings
from connector.insight.story import story
from connector.workspace import setup_fields

THREE = {"value": 2, "product_fit": 1, "financial_strength": 1}


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"value": 100}, "criteria: value alone makes no key account"),
        ({"value": 50, "growth": 50, "payment": 0}, "3 to 5 criteria need a weight above 0, not 2: value, growth"),
        (dict.fromkeys(criteria.NAMES[:6], 10), "3 to 5 criteria need a weight above 0, not 6"),
        ({"value": 1, "growth": 1, "paymnt": 1}, 'paymnt is no criterion. Nearest: "payment"'),
        ({"value": 1, "growth": 1, "payment": 1.5}, "payment must be a whole number, not 1.5"),
        ({"value": 1, "growth": True, "payment": 1}, "growth must be a whole number, not True"),
        ({"value": 1, "growth": 1, "payment": -1}, "payment must lie between 0 and 1000, is -1"),
        ({"value": 0, "growth": 0, "payment": 0}, "none has a weight"),
        ({}, "none has a weight"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(weights: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r"^criteria: ") as refused:
        Settings(criteria=weights)
    assert said in str(refused.value)


def test_setup_makes_fields_for_the_typed_criteria_that_have_a_weight_only() -> None:
    typed = {c.typed for c in criteria.CATALOGUE.values() if c.typed}
    assert {f.column for f in setup_fields(("inputs",))} & typed == {"strategic_fit", "partnership"}
    assert {f.column for f in setup_fields(("inputs",), THREE)} & typed == {"product_fit", "financial_strength"}
    assert all(f"{n} = " in criteria.CATALOGUE[c].anchors for c in THREE if c != "value" for n in (0, 3, 5))


def test_scores_bounds_and_contributions_under_other_criteria(engine_with: Maker) -> None:
    typed = {"F": {"product_fit": 4}, "E": {"product_fit": 2, "financial_strength": 5}}
    with computed(engine_with(portfolio(**typed)), Settings(criteria=THREE)) as engine:
        told = {c: column(engine, "account_score", c) for c in ("score", "score_low", "confidence")}
        points = {c: column(engine, "account_score", f"c_{c}") for c in THREE}
    # Value is 1 for F, ½ for E, 0 for the other four: mean ¼. F: (2 x 1 + 0.8) / 3; E: (2 x ½ + 0.4 + 1) / 4.
    assert (told["score"]["F"], told["score"]["E"]) == (93.333, 60.0)
    assert (told["confidence"]["F"], told["confidence"]["E"]) == (0.75, 1.0)
    # The one known financial strength, 1, stands in for F's: (2 x 1 + 0.8 + 1) / 4.
    assert (told["score_low"]["F"], told["score_low"]["E"]) == (95.0, 60.0)
    # Against peers: 100 x 2 x (1 - ¼) / 3 and 100 x 2 x (½ - ¼) / 4; 100 x (0.8 - 0.6) / 3 and 100 x (0.4 - 0.6) / 4.
    assert (points["value"]["F"], points["value"]["E"]) == (pytest.approx(50), pytest.approx(12.5))
    assert (points["product_fit"]["F"], points["product_fit"]["E"]) == (
        pytest.approx(6.6667, abs=1e-4),
        pytest.approx(-5),
    )
    assert points["financial_strength"]["F"] is None


def test_only_the_shares_of_weights_count(engine_with: Maker) -> None:
    typed = {"F": {"product_fit": 4}, "E": {"product_fit": 2, "financial_strength": 5}}
    scores = "SELECT * FROM account_score ORDER BY account_id"
    with computed(engine_with(portfolio(**typed)), Settings(criteria=THREE)) as one:
        few = one.rows(scores)
    with computed(engine_with(portfolio(**typed)), Settings(criteria={n: 10 * w for n, w in THREE.items()})) as ten:
        assert ten.rows(scores) == few


def test_a_place_is_typed_or_listed_and_unknown_without_an_address(engine_with: Maker) -> None:
    places = {"A": {"country": "Germany"}, "B": {"country": "France", "region": "North"}, "C": {"country": "France"},
              "E": {"country": "France", "geographic_fit": 3}}  # fmt: skip
    settings = Settings(criteria={"value": 1, "payment": 1, "geographic_fit": 1}, strategic_places=("Germany", "North"))
    with computed(engine_with(portfolio(**places)), settings) as engine:
        found = column(engine, "account_score", "s_geographic_fit")
    assert found == {"A": 1.0, "B": 1.0, "C": 0.0, "D": None, "E": 0.6, "F": None}


FOUR = {"value": 40, "relationship": 25, "alignment": 20, "payment": 15}
KNOWN = {n: {"strategic_fit": i, "payment_days": 15 * i} for i, n in enumerate("ABCDE")}


def test_an_unknown_counts_as_the_weak_and_as_the_good_account_of_the_portfolio(engine_with: Maker) -> None:
    strength = {n: 40.0 + 2 * i for i, n in enumerate("ABCDE")}
    with computed(engine_with(portfolio(**KNOWN)), Settings(criteria=FOUR), strength=strength) as engine:
        row = engine.rows("SELECT score, score_low, score_high, confidence, most_wanted, rank FROM account_score"
                          " WHERE account_id = 'F'")[0]  # fmt: skip
        flag = column(engine, "account_key", "flag")["F"]
    # Of five known values the second is P25 and the fourth P75. Strength 0.42 and 0.46, fit 0.2 and 0.6, payment 0.25
    # and 0.75. Low: 40 + 25 x 0.42 + 20 x 0.2 + 15 x 0.25; high: 40 + 25 x 0.46 + 20 x 0.6 + 15 x 0.75.
    assert row[:4] == (100.0, 58.25, 74.75, 0.4)
    # What may swing: 25 x 0.04 = 1, 20 x 0.4 = 8, 15 x 0.5 = 7.5. The heaviest unknown is not the one to ask for.
    assert (row[4], row[5], flag) == ("alignment", None, "Needs data")


def test_of_two_with_the_same_lower_bound_the_better_known_comes_first(engine_with: Maker) -> None:
    # "0" would come before E by name; it left its fit blank, E and all others say 1.
    rows = portfolio({**SUMS, "0": SUMS["E"]}, **{n: {"strategic_fit": 1} for n in "ABCDEF"})
    with rated(engine_with(rows)) as engine:
        low, rank = column(engine, "account_score", "score_low"), column(engine, "account_score", "rank")
    assert low["0"] == low["E"]
    assert rank["E"] < rank["0"]


def test_a_nomination_with_an_end_passes_a_gate_and_one_without_waits_for_it(engine_with: Maker) -> None:
    rows = portfolio(A={"credit_hold": 1}, B={"credit_hold": 1})
    rows["programme"] = [{"account_id": "A", "nominated": 1, "nominated_until_day": AS_OF + 30},
                         {"account_id": "B", "nominated": 1}]  # fmt: skip
    with rated(engine_with(rows)) as engine:
        found = engine.rows("SELECT account_id, proposal, nominated, endless FROM account_key"
                            " WHERE account_id IN ('A', 'B') ORDER BY 1")  # fmt: skip
    assert found == [("A", "Promote", 1, 0), ("B", "None", 0, 1)]


def test_a_fifth_of_the_cap_is_kept_for_nominations(engine_with: Maker) -> None:
    rows = portfolio()
    rows["programme"] = [{"account_id": n, "nominated": 1, "nominated_until_day": AS_OF} for n in "AB"]
    with rated(engine_with(rows), Settings(cap=5, cap_share=1.0, threshold=0)) as engine:
        proposed = {n for n, p in column(engine, "account_key", "proposal").items() if p == "Promote"}
    # One of five places is kept, for the better of the two; the other four are the first four by rank.
    assert proposed == {"F", "E", "D", "C", "A"}


def why(**facts: Any) -> str:
    return explain.account_texts({**PLAIN, **facts}, CONTEXT)["kam_why"]


def test_what_to_learn_first_is_said_and_stays_until_it_is_known() -> None:
    facts = {"flag": "Needs data", "score": 50.0, "in_programme": 0, "unknown_bits": 8 + 16, "most_wanted": "payment"}
    told = why(**facts)
    assert "to learn first: payment; unknown: strategic fit, payment" in told
    # Tomorrow another one would swing more: nothing became known, so nothing is said anew.
    assert why(**{**facts, "most_wanted": "alignment", "present_why": told}) == told
    later = {**facts, "unknown_bits": 8, "most_wanted": "alignment", "present_why": told}
    assert "to learn first: strategic fit" in why(**later)


def test_the_nearest_way_in_is_said_and_stays_while_it_nearly_reaches() -> None:
    facts = {"score": 50.0, "rank": 7, "change_upward": 1, "change_criterion": "value", "change_able": 1 + 2}
    told = why(**facts)
    assert told.endswith("nearest way in: net value")
    assert why(**{**facts, "change_criterion": "growth", "present_why": told}) == told
    assert why(**{**facts, "change_criterion": None, "present_why": told}) == told
    assert "nearest" not in why(**{**facts, "change_criterion": None, "change_able": None, "present_why": told})
    assert why(**{**facts, "change_upward": 0}).endswith("nearest way out: net value")


STORY = {
    **dict.fromkeys(f"{kind}_{name}" for kind in "sc" for name in criteria.NAMES), **PLAIN, "score": 48.0, "rank": 30,
    "confidence": 0.5, "strikes": 0, "s_value": 0.5, "c_value": 3.2, "most_wanted": "product_fit", "threshold": 50.0,
    "next_score_gap": 4.2, "into_score": 52.2, "change_criterion": "value", "change_to": 0.8, "change_upward": 1,
    "box": "Star", "attractiveness": 72.0, "relationship_axis": 31.0, "kam_coverage_text": "", "kam_top_idea": "x",
    "kam_whitespace_band": "Small", "members": 1, "kam_why": "x", "kam_proposal": "None", "kam_flag": "None",
    "score_low": 40.0, "score_high": 60.0,
}  # fmt: skip


def test_the_story_tells_scales_what_to_learn_what_would_change_it_and_the_treatment() -> None:
    held = [{"criterion": "value", "middle_minor": 1000_00, "top_minor": 32_000_00}]
    parts = dict(
        story(STORY, [], [], CONTEXT, Settings(criteria=THREE), weighed=held, fields={"product_fit": "Fit__c"})
    )
    score = "\n".join(parts["Score"])
    assert "net value          weight  2 of 4: 50%, +3.2 points" in score
    assert "typed in Fit__c: 0 = needs what we don't make, 3 =" in score
    assert "unrated, needs data: less than 60%" in score
    assert "what would move it most to know: product fit, from account.product_fit" in score
    # 1000 x (32000 / 1000) ^ 0.8 = 1000 x 2 ^ 4 a half year.
    assert parts["What would change it"][1] == (
        "smallest change that crosses it: net value to 80%, about 32k EUR a year"
    )
    assert parts["Quadrant"] == [
        "Star: attractiveness 72 of 100, relationship 31 of 100",
        "put time and money into it now; it need not pay yet",
    ]


def test_the_json_holds_numbers_and_says_its_version() -> None:
    row = {**STORY, "name": "Quetzalcoatl", "kam_why": "Quetzalcoatl", "cap": 25, "own_cap": 24, "band_rank": 37,
           "out_score": None, "value_rank": 4, "revenue_rank": 2, "gate": None}  # fmt: skip
    weighed = [{"criterion": "value", "weight": 2, "mean": 0.25, "low": 0.0, "high": 0.5, "middle_minor": 1}]
    text = numbers.as_json(row, weighed)
    assert json.loads(text) == {
        "v": 1, "gate": None, "confidence": 0.5,
        "score": {"is": 48.0, "low": 40.0, "high": 60.0}, "rank": {"is": 30, "value": 4, "revenue": 2},
        "criteria": {"value": {"weight": 2, "is": 0.5, "points": 3.2, "mean": 0.25, "low": 0.0, "high": 0.5}},
        "threshold": {"score": 50.0, "cap": 25, "own_cap": 24, "band": 37, "into": 52.2, "out": None},
        "change": {"criterion": "value", "to": 0.8, "up": 1},
    }  # fmt: skip
    assert "Quetzalcoatl" not in text

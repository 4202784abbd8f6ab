"""The texts of the CRM fields: at most 255 characters, roles only, one wording per fact, whatever the facts are."""

from typing import Any
from unicodedata import category

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.insight import criteria, explain, key_accounts
from connector.insight.story import _sponsor, story
from connector.insight.texts import LANGUAGES
from connector.insight.texts.line import joined
from connector.schema import Context
from connector.steps.diff import settled

CONTEXT = Context(as_of=20634)
GATES = (None, "not_eligible", "branch", "not_customer", "not_active", "credit_hold", "new", "few_purchases", "odd")
STATES = ("ok", "no_activities", "getting_to_know", "no_contacts", "no_titles", "unknown")
FLAGS = ("On watch", "Large, not key", "Emerging", "Needs data", "None")
TEXT = st.text(max_size=300)
SHARE = st.one_of(st.none(), st.floats(0, 1))
POINTS = st.one_of(st.none(), st.floats(-100, 100))
COUNT = st.one_of(st.none(), st.integers(0, 10**6))
MONEY = st.one_of(st.none(), st.integers(-(10**15), 10**15))
BIT = st.sampled_from([0, 1])
MAYBE = st.sampled_from([None, 0, 1])
SLOT = st.sampled_from([None, "finance.executive", "role.champion", "any.executive", "odd_function.odd_level"])

FACTS: dict[str, st.SearchStrategy[Any]] = {
    "language": st.sampled_from(LANGUAGES),
    "id": st.just("001"), "name": TEXT, "root_id": st.sampled_from(["001", "002"]), "flag": st.sampled_from(FLAGS),
    "kam_flag": st.sampled_from(FLAGS), "kam_proposal": st.just("None"), "nominated": BIT,
    "gate": st.sampled_from(GATES), "status": st.sampled_from([None, "Key"]),
    "first_won_day": st.one_of(st.none(), st.integers(0, 20000)),
    "last_won_day": st.integers(0, 20000), "yearly_minor": MONEY, "value_minor": MONEY,
    "cost_state": st.sampled_from([None, "net", "revenue"]), "costs_known": BIT, "rateless_deals": st.integers(0, 3),
    "amountless_deals": st.integers(0, 3), "rank": COUNT, "score": SHARE, "value_rank": COUNT, "revenue_rank": COUNT,
    "pareto_class": st.sampled_from(["A", None]), "won_deals_24m": COUNT, "members": st.integers(1, 9),
    "in_loop": BIT, "coverage_state": st.sampled_from(STATES), "slots": st.integers(0, 15), "slots_covered": COUNT,
    "slots_known": COUNT,
    "executive_known": MAYBE, "executive_engaged": MAYBE, "engaged_contacts": COUNT, "single_threaded": MAYBE,
    "second_gap": SLOT, "third_gap": SLOT, "champion_left": MAYBE, "slots_engaged": COUNT, "engaged_percent": COUNT,
    "executive_percent": COUNT, "functions_engaged": COUNT, "functions_required": COUNT, "attitudes": COUNT,
    "light": st.sampled_from([None, "red", "amber", "green", "unknown"]), "attitudes_stale": st.integers(0, 9),
    "coverage_risk": st.sampled_from([None, "Single-threaded", "No executive;Champion left"]),
    "first_gap": SLOT, "first_gap_known": MAYBE, "coverage_percent": COUNT, "known_percent": COUNT,
    "whitespace_state": st.sampled_from(["ok", "not_enough_data", "no_families", "cold", "odd"]),
    "top_family": st.one_of(st.none(), TEXT), "top_peer_owners": COUNT, "top_peers": COUNT,
    "top_pulled_by": st.one_of(st.none(), TEXT), "ideas": COUNT, "held_back": st.sampled_from([None, "case", "odd"]),
    "low_told": st.integers(1, 10**15), "high_told": st.one_of(st.none(), st.integers(1, 10**15)),
    "gap_ratio": st.one_of(st.none(), st.floats(0, 1000)), "order_gap": st.floats(0, 1000), "lapsing": BIT,
    "silent_days": COUNT, "p_dead": SHARE, "lapse_basis": st.sampled_from(["bg_nbd", "silence", "contract"]),
    "renewal_day": st.integers(0, 25000), "renewal_due": BIT, "strength_then": st.floats(0, 100), "trend": POINTS,
    "our_share": SHARE, "contact_hhi": SHARE,
    "confidence": st.floats(0, 1),
    "score_low": POINTS, "score_high": POINTS, "most_wanted": st.sampled_from([None, "growth"]), "strikes": st.just(0),
    "locked_until_day": st.just(None), "next_rank_gap": COUNT, "cap": st.integers(1, 20), "strength": POINTS,
    "change_criterion": st.sampled_from([None, "value"]), "change_to": st.floats(0, 1), "strong_contacts": COUNT,
    "two_way_contacts": COUNT, "top_contact_share": SHARE,
    "last_two_way_day": st.one_of(st.none(), st.integers(0, 20000)),
    "sponsor_state": st.sampled_from([None, "none", "left", "never", "silent", "in touch"]),
    "sponsor_day": st.integers(0, 20000), "sponsor_suggested": st.sampled_from([None, "005"]),
    "in_programme": BIT, "present_why": st.one_of(st.none(), TEXT),
    "kam_relationship_band": st.just("Warm"), "kam_whitespace_band": st.just("Small"),
    "chart_people": COUNT, "chart_reach": SHARE, "chart_depth": st.integers(0, 9), "chart_span": st.integers(0, 99),
    "chart_orphans": COUNT, "chart_ghosts": COUNT, "chart_loops": COUNT, "chart_suggested": COUNT,
    "map_completeness": SHARE,
    **{f"{kind}_{days}_minor": MONEY for kind in ("net", "revenue") for days in (180, 365)},
    **{f"s_{c}": SHARE for c in criteria.NAMES}, **{f"c_{c}": POINTS for c in criteria.NAMES},
    "unknown_bits": st.one_of(st.none(), st.integers(0, 1023)), "change_able": st.just(1), "change_upward": MAYBE,
    "next_score_gap": SHARE, "into_score": POINTS, "out_score": POINTS, "threshold": st.just(50.0), "endless": BIT,
    "nominated_until_day": st.one_of(st.none(), st.integers(0, 20000)), "own_cap": COUNT, "band_rank": COUNT,
    "attractiveness": POINTS, "relationship_axis": POINTS, "outside": BIT, "settled": BIT, "free_seats": COUNT,
    "box": st.sampled_from(["Strategic", "Star", "Status", "Streamline", "Unknown"]),
    "value_share": SHARE, "growth_percent": POINTS, "growth_day": st.just(19900), "retention": st.floats(0, 1),
    "quarters": st.integers(1, 12), "giant_minor": COUNT, "giant_cap_minor": st.integers(0, 10**6),
    **{f"{name}_365_minor": MONEY for name in ("returned", "serve", "late")},
    **{f"{name}_minor": MONEY for name in ("growth_this", "growth_before", "own_year", "usual_year", "lifetime")},
}  # fmt: skip
ROWS = st.fixed_dictionaries(FACTS)
PLAIN: dict[str, Any] = {
    **dict.fromkeys(FACTS), "id": "001", "root_id": "001", "flag": "None", "first_won_day": 19000,
    "last_won_day": 20000, "yearly_minor": 12_345_600, "cost_state": "net", "costs_known": 1, "rateless_deals": 0,
    "amountless_deals": 0, "coverage_state": "ok", "slots": 9, "slots_covered": 5, "slots_known": 6,
    "executive_known": 1,
    "engaged_contacts": 3,
    "whitespace_state": "ok", "nominated": 0, "in_loop": 0, "in_programme": 1, "cap": 25,
}  # fmt: skip


def texts(**facts: Any) -> dict[str, str]:
    return explain.account_texts({**PLAIN, **facts}, CONTEXT)


@given(ROWS)
@settings(max_examples=100, deadline=None)
def test_every_text_is_one_filled_line_of_at_most_255_characters(row: dict[str, Any]) -> None:
    for text in explain.account_texts(row, CONTEXT).values():
        # As a CRM counts them: in UTF-16, in which half of a character may be drawn, too.
        assert 0 < len(text.encode("utf-16-le", "surrogatepass")) <= 2 * 255
        assert not [c for c in text if category(c) == "Cc" or "\u202a" <= c <= "\u202e"]
        assert closed(text)


def closed(text: str) -> bool:
    """Whether every isolate is closed, and nothing is closed that was not opened."""
    depth = 0
    for letter in text:
        depth += (letter == "\u2068") - (letter == "\u2069")
        if depth < 0:
            return False
    return depth == 0


@given(ROWS)
@settings(max_examples=50, deadline=None)
def test_the_story_of_any_account_can_be_told(row: dict[str, Any]) -> None:
    told = {**row, **explain.account_texts(row, CONTEXT)}
    slots = [{"slot": "finance.executive", "weight": 3, "known": known, "value": None} for known in (None, 0, 1)]
    cell = {"family": "Pumps", "state": "whitespace", "score": 0.5, "peer_owners": 1, "peers": 10, "pulled_by": None}
    parts = list(story(told, slots, [{**cell, "typical_minor": 1, "shown": 1}], CONTEXT, key_accounts.Settings()))
    assert next(title for title, _ in parts) == "Key account status"
    assert all(lines for _, lines in parts)


@given(ROWS)
@settings(max_examples=50, deadline=None)
def test_no_text_depends_on_the_name_of_an_account_or_anything_a_person_is_called(row: dict[str, Any]) -> None:
    others = {"name": "Quetzalcoatl", "contact_name": "Quetzalcoatl", "title": "Quetzalcoatl", "nominated_reason": "x"}
    assert explain.account_texts(row, CONTEXT) == explain.account_texts({**row, **others}, CONTEXT)


def test_parts_that_do_not_fit_are_left_out_whole() -> None:
    assert joined(["a" * 200, "b" * 200, "c" * 10], "; ") == "A" + "a" * 199 + "; " + "c" * 10
    assert len(joined(["x" * 400, "and 2 more"], "; ")) == 255


@pytest.mark.parametrize(
    ("minor", "shown"),
    [(0, "0 EUR"), (-40, "0 EUR"), (49, "0 EUR"), (12_345, "120 EUR"), (1_234_567, "12k EUR"), (99_999_900, "1M EUR"),
     (123_456_789_00, "120M EUR"), (9_999_999_999_99, "10bn EUR"), (-1_234_567, "-12k EUR")],
)  # fmt: skip
def test_money_has_two_digits_and_no_negative_zero(minor: int, shown: str) -> None:
    assert explain.money(minor, CONTEXT) == shown


def test_money_of_a_currency_without_cents_is_not_a_hundredth() -> None:
    assert explain.money(12_345, Context(0, "JPY", 0)) == "12k JPY"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "120k EUR a year, net of cost"),
        ({"cost_state": "revenue", "costs_known": 0}, "120k EUR a year, revenue, not net"),
        ({"cost_state": "revenue", "costs_known": 1}, "120k EUR a year, net by the usual margin"),
        ({"yearly_minor": -500_000}, "Loses 5k EUR a year"),
        ({"rateless_deals": 1}, "At least 120k EUR a year"),
        ({"rateless_deals": 1, "yearly_minor": 0}, "Value unknown: no exchange rate"),
        ({"amountless_deals": 1, "yearly_minor": None}, "Value unknown: its purchases have no amount"),
        ({"first_won_day": None}, "No purchases yet"),
        ({"rank": 7}, "ranks among the first 10"),
        ({"rank": 5000}, "ranks behind the first 1000"),
        ({"gate": "branch"}, "Counted with its parent company"),
        ({"gate": "odd"}, "A gate is closed: odd"),
        ({"gate": "not_active"}, "No purchase in two years; 120k EUR a year"),
        ({"gate": "new", "flag": "Emerging"}, "Customer for less than half a year; 120k EUR a year, net of cost"),
        ({"nominated": 1}, "Nominated by a person"),
        ({"endless": 1}, "Nominated without an end: it counts once a day is given; 120k EUR"),
    ],
)
def test_why_says_what_is_known(facts: dict[str, Any], expected: str) -> None:
    assert expected in texts(**facts)["kam_why"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"gate": "not_active", "first_won_day": None, "yearly_minor": None}, "No purchases yet"),
        ({"gate": "not_active", "yearly_minor": 0}, "No purchase in two years"),
    ],
)
def test_no_purchase_is_said_once(facts: dict[str, Any], expected: str) -> None:
    assert texts(**facts)["kam_why"] == expected


def test_a_known_value_is_never_called_unknown_for_want_of_peers() -> None:
    # Every one of the five default criteria is unknown: 1 + 2 + 4 + 8 + 16.
    assert "net value" not in texts(score=50.0, unknown_bits=31)["kam_why"]
    told = texts(score=50.0, unknown_bits=31)["kam_why"]
    assert "unknown: growth potential, relationship, strategic fit, payment" in told


def test_rank_and_reasons_are_told_near_the_programme_and_stay_while_nearly_true() -> None:
    scored = {"score": 0.8, "rank": 11, "in_programme": 0, "cap": 5, "c_value": 9.0, "c_growth": 5.0, "c_payment": 5.5}
    assert "ranks" not in texts(**scored)["kam_why"]
    told = texts(**{**scored, "rank": 10})["kam_why"]
    assert "ranks among the first 10; for: net value, payment" in told
    # One place further and growth a little ahead of payment: what the CRM shows is still nearly true.
    later = {**scored, "c_growth": 5.6, "present_why": told}
    assert texts(**later)["kam_why"] == told
    assert "ranks" not in texts(**{**later, "rank": 13})["kam_why"]
    assert "for: net value;" in texts(**{**later, "rank": 10, "c_growth": -5, "c_payment": -6})["kam_why"]


def test_what_speaks_for_an_account_that_cannot_be_proposed_is_left_out() -> None:
    assert "unknown" not in texts(score=50.0, gate="not_active")["kam_why"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "5 of 9 roles covered"),
        ({"executive_known": 0}, "5 of 9 roles covered, no executive"),
        ({"first_gap": "finance.executive"}, "5 of 9 roles covered, first gap: finance executive"),
        (
            {"first_gap": "role.champion", "first_gap_known": 1},
            "5 of 9 roles covered, known but not in touch: champion",
        ),
        (
            {"first_gap": "any.executive", "second_gap": "finance.director", "third_gap": "role.champion"},
            "5 of 9 roles covered, first gap: executive, then finance director, champion",
        ),
        ({"champion_left": 1}, "The champion left, 5 of 9 roles covered"),
        ({"single_threaded": 1, "engaged_contacts": 1}, "5 of 9 roles covered, only one contact in touch"),
        ({"single_threaded": 1, "engaged_contacts": 0}, "5 of 9 roles covered, nobody in touch"),
        ({"coverage_state": "no_activities"}, "6 of 9 roles known, activities are not connected"),
        ({"coverage_state": "no_contacts"}, "No contacts yet"),
    ],
)
def test_coverage_in_words(facts: dict[str, Any], expected: str) -> None:
    assert texts(**facts)["kam_coverage_text"] == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "None open"),
        ({"executive_engaged": 0}, "No executive in touch"),
        ({"executive_engaged": 0, "single_threaded": 1}, "Only one contact in touch; no executive in touch"),
        ({"executive_engaged": 0, "single_threaded": 1, "engaged_contacts": 0}, "Nobody in touch"),
        ({"executive_engaged": 0, "coverage_state": "no_contacts"}, "No contacts yet"),
        ({"executive_engaged": 0, "coverage_state": "getting_to_know"}, "None open"),
        ({"champion_left": 1}, "The champion left"),
        ({"in_loop": 1}, "Its parent accounts form a loop"),
        ({"lapsing": 1, "order_gap": 30.4}, "Usually orders every 30 days, nothing since 2024-10"),
        ({"lapsing": 1, "order_gap": 0.4}, "Usually orders every day, nothing since 2024-10"),
        ({"sponsor_state": "none"}, "No sponsor named"),
        ({"sponsor_state": "in touch", "sponsor_day": 20600}, "None open"),
        # The month, so that the text stays the same tomorrow.
        (
            {"sponsor_state": "silent", "sponsor_day": 20491, "executive_engaged": 0},
            "No executive in touch; sponsor silent since 2026-02",
        ),
        ({"sponsor_state": "never"}, "Sponsor never in two-way contact"),
        ({"sponsor_state": "left"}, "The sponsor named is not active any more"),
    ],
)
def test_alerts_in_words(facts: dict[str, Any], expected: str) -> None:
    assert texts(**facts)["kam_alert"] == expected


def test_explain_counts_the_days_of_a_silent_sponsor() -> None:
    row = {**PLAIN, "sponsor_state": "silent", "sponsor_day": 20634 - 143, "sponsor_suggested": None}
    # The 143rd day before the end of June is the seventh of February.
    expected = "sponsor silent 143 days: last two-way contact with this account's contacts on 2026-02-07"
    assert list(_sponsor(row, CONTEXT)) == [expected]
    row |= {"sponsor_state": "none", "sponsor_suggested": "005", "suggested_name": "Kim"}
    assert list(_sponsor(row, CONTEXT)) == ["No sponsor named", "suggested: Kim; a person names the sponsor in the CRM"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "None open"),
        ({"held_back": "case"}, "None open: a severe case is open"),
        ({"whitespace_state": "no_families"}, "Not enough data: products have no families"),
        ({"top_family": "Pumps"}, "Pumps"),
        ({"top_family": "Pumps", "top_peer_owners": 1, "top_peers": 10}, "Pumps: 1 of 10 similar accounts has it"),
        (
            {"top_family": "Pumps", "top_peer_owners": 4, "top_peers": 10, "top_pulled_by": "Seals", "ideas": 3},
            "Pumps: 4 of 10 similar accounts have it, goes with Seals, and 2 more",
        ),
        (
            {"top_family": "Pumps", "ideas": 3, "low_told": 40_000_00, "high_told": 180_000_00},
            "Pumps; 3 ideas, roughly 40k–180k EUR a year, an estimate, not a forecast",
        ),
        (
            {"top_family": "Pumps", "ideas": 1, "low_told": 9_000_00, "high_told": 9_000_00},
            "Pumps; 1 idea, roughly 9k EUR a year, an estimate, not a forecast",
        ),
    ],
)
def test_ideas_in_words(facts: dict[str, Any], expected: str) -> None:
    assert texts(**facts)["kam_top_idea"] == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_family_of_an_idea_is_read_back_in_every_language(language: str) -> None:
    facts = {"top_peer_owners": 4, "top_peers": 10, "language": language}
    for family in ("Pumps (large)", "eBikes", "مضخات"):
        assert explain.family_of(texts(top_family=family, **facts)["kam_top_idea"]) == family
    assert explain.family_of(texts(language=language)["kam_top_idea"]) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_another_language_rewrites_a_text_once_and_is_calm_again(language: str) -> None:
    now = {"score": 0.8, "rank": 10, "in_programme": 0, "cap": 5, "c_value": 9.0, "c_growth": 5.0, "c_payment": 5.5}
    # One place further and growth a little ahead of payment: nearly what was said.
    later = {**now, "rank": 11, "c_growth": 5.6, "language": language}
    told = texts(**now, language=language)["kam_why"]
    other = texts(**now, language="fr" if language != "fr" else "fa")["kam_why"]
    # What another language said holds nothing back: the account is too far from the programme for its rank.
    assert texts(**later, present_why=other)["kam_why"] == texts(**later)["kam_why"] != told
    assert texts(**later, present_why=told)["kam_why"] == told
    assert settled("account", "kam_why", told.replace("120k", "130k"), told) == told


@pytest.mark.parametrize(("accounts", "sizes"), [(3, [3]), (4, [3, 1]), (6, [3, 3]), (0, [0])])
def test_accounts_are_parted_and_one_part_that_is_all_has_no_condition(engine_with, monkeypatch, accounts, sizes):
    monkeypatch.setattr(explain, "_PART", 3)
    with engine_with({"account": [{"id": f"it's {n}"} for n in range(accounts)]}) as engine:
        parts = explain.parts(engine)
        counts = [engine.rows(f"SELECT COUNT(*) FROM account WHERE {part}")[0][0] for part in parts]
    assert counts == sizes
    assert (parts == ["TRUE"]) == (len(sizes) == 1)

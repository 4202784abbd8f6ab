"""Results against what the CRM has: which changes are found, which stay away, and what the guards say."""

from typing import Any

import pytest

from connector.mapping import WriteRule
from connector.schema import Change
from connector.steps.diff import Diff, Guards, Wanted, _is_news, breaches, diff, same, settled, two_digits

COLUMNS = ("kam_flag", "kam_why", "kam_score", "kam_as_of", "kam_status")
RULES = {c: WriteRule("account", c, f"X_{c}") for c in COLUMNS}


def found(
    values: dict[str, Any],
    here: dict[str, Any],
    rules: dict[str, WriteRule] = RULES,
    last: dict[tuple[str, str], Any] | None = None,
    scope: tuple[str, ...] = COLUMNS,
) -> Diff:
    """The diff of one account."""
    row = Wanted("1", "One", values, {"": "because"}, frozenset(scope))
    return diff("account", [row], {"1": here} if here else {}, rules, last or {})


def edits(result: Diff) -> dict[str, tuple[Any, Any]]:
    """Column → (before, after) of the changes."""
    return {c.column: (c.before, c.after) for c in result.changes}


def test_a_difference_becomes_a_change_with_before_after_and_why() -> None:
    assert found({"kam_flag": "On watch"}, {"kam_flag": "None"}).changes == [
        Change("account", "1", "One", "kam_flag", "None", "On watch", "because")
    ]


@pytest.mark.parametrize(
    ("wanted", "here"),
    [
        ({"kam_flag": "None"}, {"kam_flag": "None"}),
        ({"kam_why": ""}, {}),
        ({"kam_why": "  one "}, {"kam_why": "one"}),
        ({"kam_score": 50.0}, {"kam_score": 50}),
        ({"kam_score": 50.04}, {"kam_score": 50.0}),
        ({}, {"kam_flag": "On watch"}),
    ],
)
def test_equal_within_the_fields_precision_is_no_change(wanted: dict[str, Any], here: dict[str, Any]) -> None:
    assert found(wanted, here).changes == []


def test_the_stamp_is_sent_only_with_another_change() -> None:
    assert (
        found({"kam_flag": "None", "kam_as_of": "2026-06-30"}, {"kam_flag": "None", "kam_as_of": "2026-06-29"}).changes
        == []
    )
    together = edits(found({"kam_flag": "On watch", "kam_as_of": "2026-06-30"}, {"kam_as_of": "2026-06-29"}))
    assert together == {"kam_flag": (None, "On watch"), "kam_as_of": ("2026-06-29", "2026-06-30")}


def test_the_numbers_travel_with_another_change_as_they_are_and_are_filled_at_once_where_empty() -> None:
    rules = {**RULES, "insight_json": WriteRule("account", "insight_json", "X_json")}
    scope, old, new = (*COLUMNS, "insight_json"), '{"v":1,"score":50}', '{"v":1,"score":51}'
    calm = {"kam_flag": "None", "insight_json": new}
    assert edits(found(calm, {"kam_flag": "None", "insight_json": old}, rules, scope=scope)) == {}
    assert edits(found(calm, {"kam_flag": "None"}, rules, scope=scope)) == {"insight_json": (None, new)}
    # Two numbers that are about equal would be one text elsewhere; these belong together.
    moved = edits(found(calm, {"kam_flag": "Emerging", "insight_json": old}, rules, scope=scope))
    assert moved == {"kam_flag": ("Emerging", "None"), "insight_json": (old, new)}


def test_inputs_of_people_are_never_written_even_when_results_hold_them() -> None:
    assert found({"kam_status": "Key"}, {}).changes == []


def test_out_of_scope_nothing_is_begun_but_what_was_written_is_kept_true() -> None:
    assert found({"kam_flag": "On watch"}, {}, scope=()).changes == []
    assert edits(found({"kam_flag": "On watch"}, {"kam_flag": "None"}, scope=())) == {"kam_flag": ("None", "On watch")}


@pytest.mark.parametrize(
    ("rule", "here", "last", "written", "kept", "rejected"),
    [
        ("overwrite", "typed by hand", "ours", True, 0, 0),
        ("keep", "typed by hand", "ours", False, 1, 0),
        ("reject", "typed by hand", "ours", False, 0, 1),
        ("keep", "ours", "ours", True, 0, 0),
        ("reject", "ours", "ours", True, 0, 0),
        ("keep", "who knows whose", None, False, 1, 0),
        ("reject", "who knows whose", None, True, 0, 0),
        ("keep", None, None, True, 0, 0),
        ("keep", None, "ours", False, 1, 0),
    ],
)
def test_a_persons_edit_is_treated_as_the_mapping_says(
    rule: str, here: str | None, last: str | None, written: bool, kept: int, rejected: int
) -> None:
    rules = {"kam_why": WriteRule("account", "kam_why", "X", rule)}
    present = {"kam_why": here} if here else {}
    result = found({"kam_why": "new"}, present, rules, {("1", "kam_why"): last} if last else {})
    assert (bool(result.changes), len(result.kept), len(result.rejected)) == (written, kept, rejected)


@pytest.mark.parametrize(
    ("column", "wanted", "before", "after"),
    [
        ("kam_score", 62.0, None, 60.0),
        ("kam_score", 63.0, None, 65.0),
        ("kam_score", 65.0, 60.0, 60.0),
        ("kam_score", 65.6, 60.0, 65.0),
        ("kam_score", 54.4, 60.0, 55.0),
        ("net_value_12m", 123_456.0, None, 120_000.0),
        ("net_value_12m", 131_000.0, 120_000.0, 120_000.0),
        ("net_value_12m", 133_000.0, 120_000.0, 130_000.0),
        ("net_value_12m", -109.0, -100.0, -100.0),
        ("kam_rank", 9.0, 11.0, 9.0),
        ("kam_rank", 105.0, 100.0, 100.0),
        ("kam_why", "worth 1.2M EUR a year", "worth 1.25M EUR a year", "worth 1.25M EUR a year"),
        ("kam_why", "worth 1.6M EUR a year", "worth 1.2M EUR a year", "worth 1.6M EUR a year"),
        ("kam_why", "5 of 9 roles", "4 of 9 roles", "5 of 9 roles"),
        ("kam_why", "34 of 50 similar accounts", "33 of 50 similar accounts", "33 of 50 similar accounts"),
        ("kam_why", "last in 2026", "last in 2025", "last in 2026"),
        ("kam_why", "1 contact, no executive", "1 contact", "1 contact, no executive"),
        ("kam_why", None, "something", None),
        ("kam_why", "", "something", None),
    ],
)
def test_the_value_that_stands_stays_within_its_dead_band(column: str, wanted: Any, before: Any, after: Any) -> None:
    assert settled("account", column, wanted, before) == after


def test_what_is_settled_on_stays_settled() -> None:
    for wanted in (0.0, 2.4, 2.6, 49.9, 57.6, 100.0):
        once = settled("account", "kam_score", wanted, 35.0)
        assert settled("account", "kam_score", wanted, once) == once


def test_a_creeping_value_moves_in_the_end() -> None:
    shown = settled("account", "net_value_12m", 100_000.0, None)
    for night in range(30):
        shown = settled("account", "net_value_12m", 100_000.0 * 1.01**night, shown)
    assert shown > 120_000


@pytest.mark.parametrize(
    ("column", "a", "b", "equal"),
    [
        ("nominated", None, False, True),
        ("nominated", True, 1, True),
        ("nominated", True, None, False),
        ("kam_score", 50, 50.04, True),
        ("kam_score", 50, 50.06, False),
        ("kam_score", "fifty", 50.0, False),
        ("kam_score", None, 0.0, False),
        ("kam_why", "", None, True),
        ("kam_why", "a", "A", False),
        ("kam_as_of", "2026-06-30", "2026-06-30", True),
    ],
)
def test_equality_is_that_of_the_fields_kind(column: str, a: Any, b: Any, equal: bool) -> None:
    assert same("account", column, a, b) is equal
    assert same("account", column, b, a) is equal


def test_two_digits_are_kept() -> None:
    assert [two_digits(v) for v in (0.0, 12_345.0, -98_765.0, 1.25)] == [0.0, 12_000.0, -99_000.0, 1.2]


def change(key: int, column: str = "kam_flag", before: Any = "None", after: Any = "On watch") -> Change:
    """One change of an account."""
    return Change("account", str(key), "", column, before, after, "")


def test_guards_let_a_calm_night_pass() -> None:
    assert breaches(Diff([change(n) for n in range(20)], scope=100), Guards()) == []


@pytest.mark.parametrize(
    ("changes", "guards", "word"),
    [
        ([change(n) for n in range(21)], Guards(), "max_changed_share"),
        ([change(n, "kam_proposal", "None", "Promote") for n in range(4)], Guards(), "max_key_changes"),
        ([change(1, after=None)], Guards(), "max_blanked"),
    ],
)
def test_a_guard_speaks_when_its_limit_is_passed(changes: list[Change], guards: Guards, word: str) -> None:
    (said,) = breaches(Diff(changes, scope=100), guards)
    assert said.startswith(word)


def test_a_first_fill_and_the_stamp_do_not_count_as_changed() -> None:
    filling = [change(n, before=None) for n in range(100)]
    stamps = [change(n, "kam_as_of", "2026-06-29", "2026-06-30") for n in range(100)]
    assert breaches(Diff(filling + stamps, scope=100), Guards()) == []


def test_withdrawn_proposals_are_no_key_changes_and_minus_one_lifts_the_guard() -> None:
    back = [change(n, "kam_proposal", "Promote", "None") for n in range(4)]
    assert breaches(Diff(back, scope=100), Guards()) == []
    out = [change(n, "kam_proposal", "None", "Demote") for n in range(4)]
    assert breaches(Diff(out, scope=100), Guards(max_key_changes=-1)) == []


def test_a_share_beyond_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="max_changed_share"):
        Guards(max_changed_share=1.5)


@pytest.mark.parametrize(
    ("column", "before", "after", "news"),
    [
        ("kam_rank", 10, 14, False),
        ("kam_rank", 10, 25, True),
        ("net_value_12m", 100_000.0, 60_000.0, False),
        ("net_value_12m", 100_000.0, 50_000.0, True),
        ("engaged_contacts", 3, 1, False),
        ("engaged_contacts", None, 1, True),
        ("kam_as_of", None, "2026-06-30", False),
    ],
)
def test_what_travels_with_others_is_news_when_it_is_off_by_half(column, before, after, news) -> None:
    assert _is_news(Change("account", "A", "A", column, before, after, "")) is news

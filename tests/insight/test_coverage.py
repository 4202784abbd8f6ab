"""Coverage: slots by size, what fills them, what is unknown, and what must never happen to the percentages."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.engine import DuckEngine
from connector.insight import coverage, relationship, titles
from connector.schema import Context

Row = dict[str, Any]
Rows = dict[str, list[Row]]
Maker = Callable[[Rows], DuckEngine]
DAY = 20000
KNOWN = Context(DAY, known=frozenset({"activity", "activity_contact", "stakeholder"}))
OLD = {"created_day": DAY - 1000}
# Captured meetings every 8 days: 2 give strength 34.7, 3 give 46.2, 12 give 85.3.
WEAK, WARM, STRONG = 2, 3, 12


def world(contacts: list[Row], meetings: dict[str, int], accounts: list[Row] | None = None, **more: list[Row]) -> Rows:
    """Rows in which each contact had so many captured meetings, one every eight days up to today."""
    given = accounts or [{"id": a} for a in sorted({c["account_id"] for c in contacts})]
    made = [(f"{c}-{n}", c, DAY - 8 * n) for c, number in meetings.items() for n in range(number)]
    return {
        "account": [{**OLD, **a} for a in given],
        "contact": contacts,
        "activity": [{"id": i, "kind": "meeting", "at_day": d, "captured": 1} for i, _, d in made],
        "activity_contact": [{"activity_id": i, "contact_id": c} for i, c, _ in made],
        **more,
    }


def person(id: str, title: str | None = None, account: str = "A1", **more: object) -> Row:
    return {"id": id, "account_id": account, "title": title, **more}


def computed(maker: Maker, rows: Rows, context: Context = KNOWN, given: coverage.Settings | None = None) -> DuckEngine:
    engine = maker(rows)
    titles.compute(engine, context, titles.Settings())
    relationship.compute(engine, context, relationship.Settings())
    coverage.compute(engine, context, given or coverage.Settings())
    return engine


def account(engine: DuckEngine, columns: str, id: str = "A1") -> tuple[Any, ...]:
    return tuple(engine.rows(f"SELECT {columns} FROM account_coverage WHERE account_id = '{id}'")[0])


def slots(engine: DuckEngine, column: str = "value", id: str = "A1") -> dict[str, Any]:
    rows = engine.rows(f"SELECT slot, {column} FROM coverage_slot WHERE account_id = '{id}' ORDER BY place")
    return {r[0]: r[1] for r in rows}


def test_a_middle_sized_account_is_covered_by_hand_computed_shares(engine_with: Maker) -> None:
    people = [person("C1", "Sales Director"), person("C2", "Purchasing Manager"), person("C3", "CFO"), person("C4")]
    rows = world(people, {"C1": STRONG, "C2": WEAK}, stakeholder=[{"id": "S1", "contact_id": "C2", "role": "champion"}])
    engine = computed(engine_with, rows)
    # C1 fills director in full. C2 stands at 100 * (1 - exp(-12.5 * (1 + 0.5^(8/90)) / 57)) = 34.66; / 60 = 0.578,
    # as manager and champion; the CFO, never met, is executive and, of a buying function, likely economic buyer.
    assert slots(engine) == {
        "any.executive": 0.0,
        "any.director": 1.0,
        "any.manager": pytest.approx(0.578, abs=0.001),
        "role.economic_buyer": 0.0,
        "role.champion": pytest.approx(0.578, abs=0.001),
    }
    # (2 * 1 + 1 * 0.578 + 1 * 0.578) / (3 + 2 + 1 + 2 + 1) = 35 %; all five are known; one is covered.
    assert account(engine, "coverage_percent, known_percent, slots, slots_known, slots_covered, state") == (
        35, 100, 5, 5, 1, "ok",
    )  # fmt: skip
    assert account(engine, "executive_known, executive_engaged, first_gap, first_gap_known") == (
        1,
        0,
        "any.executive",
        1,
    )
    assert account(engine, "engaged_contacts, contacts, contacts_placed, single_threaded") == (1, 4, 3, 1)


def test_the_slots_asked_for_depend_on_size(engine_with: Maker) -> None:
    sizes = {"A1": 49, "A2": 50, "A3": 499, "A4": 500, "A5": None, "A6": 0}
    accounts = [{"id": a, "employees": n} for a, n in sizes.items()]
    champion = [{"id": "S1", "contact_id": "C1", "role": "champion"}]
    engine = computed(engine_with, world([person("C1", "CEO")], {"C1": 1}, accounts, stakeholder=champion))
    found = dict(engine.rows("SELECT account_id, slots FROM account_coverage"))  # type: ignore[arg-type]
    assert found == {"A1": 3, "A2": 5, "A3": 5, "A4": 14, "A5": 5, "A6": 5}
    assert list(slots(engine, id="A4"))[:4] == [
        "finance.executive", "finance.director", "finance.manager", "operations.executive",
    ]  # fmt: skip
    assert list(slots(engine, id="A4"))[9:] == [
        "general.executive", "it.executive", "role.economic_buyer", "role.champion", "role.sponsor",
    ]  # fmt: skip


def test_a_key_account_is_asked_for_more_than_others_of_its_size(engine_with: Maker) -> None:
    accounts = [{"id": f"{size}{n}", "employees": n} for size in ("K", "S") for n in (9, 99, 999)]
    decided = [{"account_id": a["id"], "status": "Key" if a["id"][0] == "K" else "Standard"} for a in accounts]
    rows = world([person("C1", "Engineer", "K9", role="champion")], {"C1": 1}, accounts, programme=decided)
    engine = computed(engine_with, rows)
    found = dict(engine.rows("SELECT account_id, slots FROM account_coverage"))  # type: ignore[arg-type]
    # Small: 3 and champion and sponsor; middle: 5 and sponsor; the grid asks for all of them already.
    assert found == {"K9": 5, "S9": 3, "K99": 6, "S99": 5, "K999": 14, "S999": 14}
    engine = computed(engine_with, rows, given=coverage.Settings(key_slots=()))
    assert account(engine, "slots", "K9") == (3,)


def test_a_grid_slot_needs_the_function_and_the_level(engine_with: Maker) -> None:
    people = [person("C1", "CFO"), person("C2", "Operations Manager"), person("C3", "Marketing Director")]
    engine = computed(engine_with, world(people, {"C1": WARM, "C2": 1}, [{"id": "A1", "employees": 900}]))
    known = slots(engine, "known")
    assert {s for s, k in known.items() if k} == {"finance.executive", "operations.manager", "role.economic_buyer"}
    # The grid has 9 seats, 2 executives beyond it, 3 roles; nobody here keeps roles: champion and sponsor are unknown.
    assert account(engine, "slots, slots_known, known_percent") == (12, 3, 25)
    # The CFO alone is engaged: 2 of 12 slots, 1 of the functions finance, operations, procurement, general and IT; and
    # of five executives of equal weight a fifth of min(1, 46.2 / 60).
    assert account(engine, "slots_engaged, engaged_percent, functions_engaged, functions_required") == (2, 17, 1, 5)
    assert account(engine, "executive_percent") == (15,)
    assert account(engine, "first_gap, second_gap, third_gap") == (
        "operations.executive", "procurement.executive", "general.executive",
    )  # fmt: skip


def test_where_nobody_keeps_roles_champions_are_not_missed(engine_with: Maker) -> None:
    engine = computed(engine_with, world([person("C1", "CEO")], {"C1": 1}))
    assert "role.champion" not in slots(engine)
    assert "role.economic_buyer" in slots(engine)


def test_a_named_economic_buyer_replaces_the_likely_one(engine_with: Maker) -> None:
    people = [person("C1", "CFO"), person("C2", "Engineer", role="economic_buyer")]
    engine = computed(engine_with, world(people, {"C1": STRONG, "C2": 1}))
    assert slots(engine)["role.economic_buyer"] < 0.5
    engine = computed(engine_with, world([people[0], person("C2", "Engineer")], {"C1": STRONG, "C2": 1}))
    assert slots(engine)["role.economic_buyer"] == 1.0


@pytest.mark.parametrize("gone", [{"is_active": 0}, {"left_day": DAY}, {"title": "Former CEO"}, {"no_profiling": 1}])
def test_people_who_left_or_must_not_be_profiled_cover_nothing(engine_with: Maker, gone: Row) -> None:
    people = [person("C1", "CEO", role="champion") | gone, person("C2", "Manager")]
    engine = computed(engine_with, world(people, {"C1": STRONG, "C2": 1}))
    assert account(engine, "executive_known, contacts, engaged_contacts") == (0, 1, 0)
    assert {s for s, k in slots(engine, "known").items() if k} == {"any.manager"}


def test_without_activities_coverage_is_unknown_but_what_we_know_is_told(engine_with: Maker) -> None:
    rows = world([person("C1", "CEO"), person("C2", "Manager")], {"C1": STRONG})
    engine = computed(engine_with, rows, Context(DAY))
    # Slots: executive, director, manager, economic buyer (inferred); all but the director are known.
    assert account(engine, "coverage_percent, slots_covered, engaged_contacts, single_threaded") == (None,) * 4
    assert account(engine, "known_percent, slots_known, executive_known, executive_engaged") == (75, 3, 1, None)
    assert account(engine, "first_gap, state") == ("any.director", "no_activities")
    assert set(slots(engine).values()) == {None}


def test_without_any_contact_in_the_crm_everything_is_unknown(engine_with: Maker) -> None:
    engine = computed(engine_with, world([], {}, [{"id": "A1"}]))
    columns = (
        "coverage_percent, known_percent, slots_known, engaged_contacts, executive_known, single_threaded, first_gap"
    )
    assert account(engine, columns) == (None,) * 7
    assert account(engine, "state") == ("unknown",)


def test_states_of_accounts(engine_with: Maker) -> None:
    accounts = [
        {"id": "A1"},
        {"id": "EMPTY"},
        {"id": "NEW", "created_day": DAY - 89},
        {"id": "OLDER", "created_day": DAY - 90},
        {"id": "LOADED", "created_day": DAY + 500},
        {"id": "FOREIGN"},
        {"id": "UNDATED", "created_day": None},
    ]
    people = [person(f"C-{a['id']}", "CEO", a["id"]) for a in accounts if a["id"] not in ("EMPTY", "FOREIGN")]
    people.append(person("C-FOREIGN", "Beszerzési vezető", "FOREIGN"))
    engine = computed(engine_with, world(people, {"C-A1": WARM}, accounts))
    assert dict(engine.rows("SELECT account_id, state FROM account_coverage")) == {  # type: ignore[arg-type]
        "A1": "ok",
        "EMPTY": "no_contacts",
        "NEW": "getting_to_know",
        "OLDER": "ok",
        "LOADED": "ok",
        "FOREIGN": "no_titles",
        "UNDATED": "ok",
    }
    assert account(engine, "coverage_percent, known_percent, first_gap, contacts", "FOREIGN") == (None, None, None, 1)
    assert account(engine, "coverage_percent, known_percent, first_gap, contacts", "EMPTY") == (None, None, None, 0)
    assert account(engine, "single_threaded", "NEW") == (None,)


@pytest.mark.parametrize(
    ("meetings", "single"),
    [
        ({"C1": WARM, "C2": WARM}, 0),
        ({"C1": WARM, "C2": WEAK}, 1),  # one engaged contact
        ({"C1": 40, "C2": WARM}, 1),  # two, but the first carries 82 % of the points
        ({"C1": 0, "C2": 1}, 1),
    ],
)
def test_single_threaded_is_one_engaged_contact_or_one_that_carries_nearly_all(
    engine_with: Maker, meetings: dict[str, int], single: int
) -> None:
    engine = computed(engine_with, world([person("C1", "CEO"), person("C2", "CFO")], meetings))
    assert account(engine, "single_threaded") == (single,)


def test_a_circle_of_bosses_and_contacts_without_account_do_no_harm(engine_with: Maker) -> None:
    people = [
        person("C1", "CEO", reports_to_id="C2"),
        person("C2", "CFO", reports_to_id="C1"),
        person("C3", "COO", reports_to_id="C3"),
        {"id": "C4", "title": "CEO", "account_id": None},
    ]
    engine = computed(engine_with, world(people, {"C1": 1}, [{"id": "A1"}]))
    assert account(engine, "contacts") == (3,)


TITLES = st.sampled_from(
    ["CEO", "CFO", "VP Operations", "Purchasing Director", "Finance Manager", "Buyer", "Clerk", None]
)
CONTACTS = st.lists(st.tuples(TITLES, st.integers(0, 12)), max_size=5)
WORLDS = st.lists(st.tuples(CONTACTS, st.sampled_from([None, 20, 200, 2000])), min_size=1, max_size=6)


def of_worlds(worlds: list[tuple[list[tuple[str | None, int]], int | None]]) -> Rows:
    accounts: list[Row] = [{"id": f"A{w}", "employees": size} for w, (_, size) in enumerate(worlds)]
    people, meetings = [person("X1", "CEO", "X")], {"X1": 1}
    for w, (contacts, _) in enumerate(worlds):
        for n, (title, number) in enumerate(contacts):
            people.append(person(f"A{w}-{n}", title, f"A{w}"))
            meetings[f"A{w}-{n}"] = number
    return world(people, meetings, [*accounts, {"id": "X"}])


@settings(max_examples=5, deadline=None)
@given(WORLDS, TITLES)
def test_one_more_engaged_contact_never_lowers_coverage(
    engine_with: Maker, worlds: list[tuple[list[tuple[str | None, int]], int | None]], title: str | None
) -> None:
    more = [([*contacts, (title, STRONG)], size) for contacts, size in worlds]
    columns = (
        "coverage_percent, known_percent, slots_covered, slots_known, engaged_contacts, engaged_percent,"
        " executive_percent, functions_engaged"
    )
    before, after = (computed(engine_with, of_worlds(w)) for w in (worlds, more))
    for w in range(len(worlds)):
        old, new = (account(e, columns, f"A{w}") for e in (before, after))
        assert all((n or 0) >= (o or 0) for o, n in zip(old, new, strict=True)), (old, new)
        assert all(n is not None or o is None for o, n in zip(old, new, strict=True)), (old, new)


@settings(max_examples=4, deadline=None)
@given(WORLDS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(
    engine_with: Maker, worlds: list[tuple[list[tuple[str | None, int]], int | None]], chance: Any
) -> None:
    rows = of_worlds(worlds)
    mixed = {table: chance.sample(content, len(content)) for table, content in rows.items()}
    sides = [computed(engine_with, r) for r in (rows, mixed)]
    for table in ("account_coverage", "coverage_slot"):
        one, other = (sorted(e.rows(f"SELECT * FROM {table}"), key=repr) for e in sides)
        assert one == other


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"functions": ("finance", "magic")}, "functions"),
        ({"functions": ()}, "functions"),
        ({"functions": ("it", "it")}, "functions"),
        ({"executive_functions": ("hr", "hr")}, "executive_functions"),
        ({"key_slots": ("role.king",)}, "key_slots"),
        ({"attitude_days": -1}, "attitude_days"),
        ({"small_slots": ("any.boss",)}, "small_slots"),
        ({"middle_slots": ("role.king",)}, "middle_slots"),
        ({"middle_slots": ("executive",)}, "middle_slots"),
        ({"small_slots": ("role.champion",)}, "small_slots"),
        ({"small_below": 600}, "small_below"),
        ({"warm": 70.0}, "warm"),
        ({"single_share": 0.0}, "single_share"),
        ({"new_days": -1}, "new_days"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(given: dict[str, Any], key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key}: "):
        coverage.Settings(**given)


@pytest.mark.parametrize(
    ("asked", "gap"),
    [
        (("any.manager", "any.executive"), "any.executive"),  # the heavier first
        (("any.middle", "any.manager"), "any.manager"),  # of equal weight the one where we know nobody
        (("any.director",), "any.director"),  # known, but never met
    ],
)
def test_the_first_gap_is_the_heaviest_slot_and_then_the_least_known(
    engine_with: Maker, asked: tuple[str, ...], gap: str
) -> None:
    rows = world([person("C1", "Sales Director"), person("C2", "Clerk")], {"C2": 1})
    engine = computed(engine_with, rows, given=coverage.Settings(middle_slots=asked))
    assert account(engine, "first_gap") == (gap,)


def test_the_grid_follows_the_settings(engine_with: Maker) -> None:
    rows = world([person("C1", "IT Director")], {"C1": WARM}, [{"id": "A1", "employees": 900}])
    engine = computed(engine_with, rows, given=coverage.Settings(functions=("it",), executive_functions=("it",)))
    assert slots(engine, "known") == {
        "it.executive": 0, "it.director": 1, "it.manager": 0, "role.economic_buyer": 0,
    }  # fmt: skip

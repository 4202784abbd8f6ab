"""Relationship strength: the formula against an independent computation, and what must never happen to it."""

import math
import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.engine import DuckEngine
from connector.insight import relationship, titles
from connector.schema import Context

Row = dict[str, Any]
Rows = dict[str, list[Row]]
Maker = Callable[[Rows], DuckEngine]
DAY = 20000
KNOWN = Context(DAY, known=frozenset({"activity", "activity_contact"}))


def activity(number: int, kind: str, age: int, *people: str, captured: int | None = 1) -> tuple[Row, list[Row]]:
    row = {"id": f"T{number}", "kind": kind, "at_day": DAY - age, "captured": captured, "owner_id": f"U{number % 3}"}
    return row, [{"activity_id": row["id"], "contact_id": p} for p in people]


def world(people: Rows | list[Row], activities: list[tuple[Row, list[Row]]], **more: list[Row]) -> Rows:
    contacts = people["contact"] if isinstance(people, dict) else people
    accounts = [{"id": a} for a in sorted({c["account_id"] for c in contacts if c.get("account_id")})]
    return {
        "account": accounts,
        "contact": contacts,
        "activity": [a for a, _ in activities],
        "activity_contact": [p for _, ps in activities for p in ps],
        **more,
    }


def computed(maker: Maker, rows: Rows, context: Context = KNOWN) -> DuckEngine:
    engine = maker(rows)
    titles.compute(engine, context, titles.Settings())
    relationship.compute(engine, context, relationship.Settings())
    return engine


def contact_values(engine: DuckEngine, column: str = "strength") -> dict[str, Any]:
    return dict(engine.rows(f"SELECT contact_id, {column} FROM contact_strength"))  # type: ignore[arg-type]


def account_values(engine: DuckEngine, column: str = "strength") -> dict[str, Any]:
    return dict(engine.rows(f"SELECT account_id, {column} FROM account_strength"))  # type: ignore[arg-type]


ONE = [{"id": "C1", "account_id": "A1", "title": "CFO"}]


def test_one_captured_meeting_a_fortnight_ago_gives_about_eighteen(engine_with: Maker) -> None:
    engine = computed(engine_with, world(ONE, [activity(1, "meeting", 14, "C1")]))
    # A = 5 * 0.5^(14/90) = 4.4889 each side; R = 1; (1.5 + 1) * 4.4889 / 57 = 0.19688; 100 * (1 - e^-0.19688) = 17.87
    assert contact_values(engine)["C1"] == pytest.approx(17.87, abs=0.01)
    # One contact of level 5: 100 * (1 - (1 - 0.1787 * 0.6)) = 10.72
    assert account_values(engine)["A1"] == pytest.approx(10.72, abs=0.01)


def test_a_meeting_and_a_mail_each_way_a_month_give_fifty_after_three_months_and_sixty_five_after_six(
    engine_with: Maker,
) -> None:
    def months(number: int) -> float:
        made = []
        for m in range(number):
            made.append(activity(3 * m, "meeting", 30 * m, "C1"))
            made.append(activity(3 * m + 1, "email_in", 30 * m + 10, "C1"))
            made.append(activity(3 * m + 2, "email_out", 30 * m + 12, "C1"))
        return float(contact_values(computed(engine_with, world(ONE, made)))["C1"])

    assert months(3) == pytest.approx(50, abs=2)
    assert months(6) == pytest.approx(65, abs=2)


def test_a_mail_out_alone_is_one_way(engine_with: Maker) -> None:
    engine = computed(engine_with, world(ONE, [activity(1, "email_out", 0, "C1")]))
    # A_out = 1, R = 0: 100 * (1 - exp(-1 * 0.4 / 57)) = 0.6993
    assert contact_values(engine)["C1"] == pytest.approx(0.6993, abs=0.0001)
    assert contact_values(engine, "two_way_90")["C1"] == 0


def test_a_typed_task_counts_three_tenths_with_half_to_each_side(engine_with: Maker) -> None:
    engine = computed(engine_with, world(ONE, [activity(1, "task", 0, "C1", captured=None)]))
    # 1 point, half to each side, * 0.3 = 0.15 each; R = 0.5: (1.5 + 1) * 0.15 * 0.7 / 57 = 0.004605
    assert contact_values(engine)["C1"] == pytest.approx(0.4595, abs=0.0001)


def test_a_crowd_divides_by_the_root_of_its_people(engine_with: Maker) -> None:
    people = [{"id": f"C{n}", "account_id": "A1"} for n in range(4)]
    engine = computed(engine_with, world(people, [activity(1, "meeting", 0, *(p["id"] for p in people))]))
    # 5 / root(4) = 2.5 each side: 100 * (1 - exp(-2.5 * 2.5 / 57)) = 10.385
    assert list(contact_values(engine).values()) == [pytest.approx(10.385, abs=0.001)] * 4


def test_a_mail_to_more_than_ten_counts_nothing_and_to_ten_it_counts(engine_with: Maker) -> None:
    for number, counts in ((10, True), (11, False)):
        people = [{"id": f"C{n}", "account_id": "A1"} for n in range(number)]
        made = [activity(1, "email_in", 0, *(p["id"] for p in people))]
        engine = computed(engine_with, world(people, made))
        assert all((v > 0) == counts for v in contact_values(engine).values())


def test_no_more_than_five_points_count_per_side_in_an_iso_week(engine_with: Maker) -> None:
    monday = (DAY + 3) // 7 * 7 - 3
    made = [activity(n, "meeting", DAY - monday + 7 - n, "C1") for n in range(7)]  # Monday to Sunday of the week before
    assert len({(a["at_day"] + 3) // 7 for a, _ in made}) == 1
    busy = contact_values(computed(engine_with, world(ONE, made)))["C1"]
    last = contact_values(computed(engine_with, world(ONE, made[-1:])))["C1"]
    assert busy == pytest.approx(last, abs=1e-5)
    across = [made[0], activity(8, "meeting", DAY - monday + 8, "C1")]  # that Monday and the Sunday before
    assert contact_values(computed(engine_with, world(ONE, across)))["C1"] > 1.6 * last


def test_the_weekly_cap_also_holds_for_captured_calls(engine_with: Maker) -> None:
    engine = computed(engine_with, world(ONE, [activity(n, "call", 0, "C1") for n in range(10)]))
    # Half of 3 points on each side, ten times, capped at 5; R = 0.5: 100 * (1 - exp(-2.5 * 5 * 0.7 / 57)) = 14.23
    assert contact_values(engine)["C1"] == pytest.approx(14.23, abs=0.01)
    assert contact_values(engine, "two_way_90")["C1"] == 1


def test_typed_activities_never_make_a_contact_engaged(engine_with: Maker) -> None:
    typed = [activity(n, "meeting", 3 * n, "C1", captured=0) for n in range(200)]
    engine = computed(engine_with, world(ONE, typed))
    assert contact_values(engine)["C1"] > 40
    assert contact_values(engine, "engaged") == {"C1": 0}
    assert contact_values(engine, "last_two_way_day") == {"C1": None}
    mixed = computed(engine_with, world(ONE, [*typed, activity(900, "meeting", 89, "C1")]))
    assert contact_values(mixed, "engaged") == {"C1": 1}
    late = computed(engine_with, world(ONE, [*typed, activity(900, "meeting", 90, "C1")]))
    assert contact_values(late, "engaged") == {"C1": 0}


def test_mail_is_two_way_on_the_earlier_day_of_the_last_mails_in_and_out(engine_with: Maker) -> None:
    mails = [activity(1, "email_in", 100, "C1"), activity(2, "email_out", 5, "C1")]
    assert contact_values(computed(engine_with, world(ONE, mails)), "last_two_way_day") == {"C1": DAY - 100}
    mails.append(activity(3, "email_in", 2, "C1"))
    assert contact_values(computed(engine_with, world(ONE, mails)), "last_two_way_day") == {"C1": DAY - 5}
    mails.append(activity(4, "meeting", 40, "C1"))
    assert contact_values(computed(engine_with, world(ONE, mails)), "last_two_way_day") == {"C1": DAY - 5}


def test_activities_after_the_day_are_not_seen(engine_with: Maker) -> None:
    engine = computed(engine_with, world(ONE, [activity(1, "email_out", 0, "C1"), activity(2, "meeting", -1, "C1")]))
    assert contact_values(engine)["C1"] == pytest.approx(0.6993, abs=0.0001)


@pytest.mark.parametrize("case", ["not connected", "empty", "nobody named", "only later"])
def test_without_activities_everything_is_unknown_and_nothing_cold(engine_with: Maker, case: str) -> None:
    context, made = KNOWN, [activity(1, "meeting", 5, "C1")]
    if case == "not connected":
        context = Context(DAY)
    elif case == "empty":
        made = []
    elif case == "nobody named":
        made = [activity(1, "meeting", 5)]
    else:
        made = [activity(1, "meeting", -5, "C1")]
    engine = computed(engine_with, world(ONE, made), context)
    contact = engine.rows("SELECT strength, band, two_way_90, engaged, last_two_way_day FROM contact_strength")
    assert contact == [(None, "Unknown", None, None, None)]
    account = engine.rows("SELECT strength, band, strong_contacts, engaged_contacts, contacts FROM account_strength")
    assert account == [(None, "Unknown", None, None, 1)]


def test_an_account_without_contacts_is_unknown_and_one_with_silent_contacts_is_cold(engine_with: Maker) -> None:
    rows = world([*ONE, {"id": "C2", "account_id": "A2"}], [activity(1, "meeting", 5, "C1")])
    rows["account"].append({"id": "A3"})
    engine = computed(engine_with, rows)
    assert account_values(engine, "band") == {"A1": "Cold", "A2": "Cold", "A3": "Unknown"}
    assert account_values(engine) == {"A1": pytest.approx(11.42, abs=0.01), "A2": 0.0, "A3": None}


def meetings(contact: str, number: int, every: int = 8) -> list[tuple[Row, list[Row]]]:
    return [(dict(a, id=f"{contact}-{a['id']}"), [dict(p, activity_id=f"{contact}-{a['id']}") for p in ps])
            for a, ps in (activity(n, "meeting", n * every, contact) for n in range(number))]  # fmt: skip


def test_without_a_warm_executive_an_account_stays_below_strong(engine_with: Maker) -> None:
    people = [{"id": f"C{n}", "account_id": "A1", "title": "Director"} for n in range(6)]
    friends = [a for p in people for a in meetings(p["id"], 12)]
    engine = computed(engine_with, world(people, friends))
    assert account_values(engine)["A1"] == pytest.approx(59.9)
    assert account_values(engine, "band") == {"A1": "Warm"}
    people.append({"id": "BOSS", "account_id": "A1", "title": "CEO"})
    engine = computed(engine_with, world(people, friends))
    assert account_values(engine, "band") == {"A1": "Warm"}, "known, but not warm"
    engine = computed(engine_with, world(people, friends + meetings("BOSS", 12)))
    assert account_values(engine, "band") == {"A1": "Strong"}


@pytest.mark.parametrize("gone", [{"is_active": 0}, {"left_day": DAY}, {"title": "Former CEO"}])
def test_people_who_left_do_not_carry_an_account(engine_with: Maker, gone: Row) -> None:
    people = [{"id": "C1", "account_id": "A1", "title": "CEO", "is_active": 1} | gone, {"id": "C2", "account_id": "A1"}]
    engine = computed(engine_with, world(people, meetings("C1", 12)))
    assert contact_values(engine)["C1"] > 60
    assert account_values(engine) == {"A1": 0.0}
    assert account_values(engine, "contacts") == {"A1": 1}


def test_contacts_that_must_not_be_profiled_have_no_row_and_no_effect(engine_with: Maker) -> None:
    people = [{"id": "C1", "account_id": "A1", "title": "CEO", "no_profiling": 1}, {"id": "C2", "account_id": "A1"}]
    engine = computed(engine_with, world(people, [activity(1, "meeting", 0, "C1", "C2")]))
    # C2 alone is counted, so the crowd is one person: 100 * (1 - exp(-12.5 / 57)) = 19.69
    assert contact_values(engine) == {"C2": pytest.approx(19.69, abs=0.01)}


@pytest.mark.parametrize(
    ("present", "band"),
    [(None, "Weak"), ("Unknown", "Weak"), ("Weak", "Weak"), ("Warm", "Warm"), ("Cold", "Weak"), ("Strong", "Weak")],
)
def test_a_present_band_stays_within_three_points_of_its_bounds(
    engine_with: Maker, present: str | None, band: str
) -> None:
    # Five weekly meetings with the head of the company: the account stands at about 37.6, below Warm at 40.
    people = [{"id": "C1", "account_id": "A1", "title": "CEO"}]
    rows = world(people, meetings("C1", 5, 7), present_value=[{"account_id": "A1", "kam_relationship_band": present}])
    engine = computed(engine_with, rows)
    assert 37 <= account_values(engine)["A1"] < 40
    assert account_values(engine, "band") == {"A1": band}


def test_the_share_of_the_top_contact_is_by_points(engine_with: Maker) -> None:
    people = [{"id": "C1", "account_id": "A1"}, {"id": "C2", "account_id": "A1"}]
    engine = computed(engine_with, world(people, [activity(1, "meeting", 0, "C1"), activity(2, "email_in", 0, "C2")]))
    assert account_values(engine, "top_contact_share") == {"A1": pytest.approx(10 / 12)}


# Strength is compared with that of this day: the last Sunday of a week in four that is at least 90 days ago.
THEN = 19883


def test_the_cap_of_a_week_holds_for_one_activity_too(engine_with: Maker) -> None:
    people = [*ONE, {"id": "C2", "account_id": "A1"}]
    engine = engine_with(world(people, [activity(1, "meeting", 0, "C1"), activity(2, "meeting", 0, "C2", captured=0)]))
    titles.compute(engine, KNOWN, titles.Settings())
    relationship.compute(engine, KNOWN, relationship.Settings(weekly_cap=2.0))
    # 2 points each side instead of 5, and three tenths of them where it was typed: 100 * (1 - exp(-2.5 * 2 / 57))
    assert contact_values(engine) == {"C1": pytest.approx(8.398, abs=0.001), "C2": pytest.approx(2.597, abs=0.001)}


def test_beyond_the_best_contacts_of_an_account_nobody_counts_now_or_then(engine_with: Maker) -> None:
    def values(number: int, top: int) -> tuple[float, float]:
        people = [{"id": f"C{n}", "account_id": "A1"} for n in range(number)]
        # The best stand last by id, and everyone was met then as now.
        made = [activity(n, "meeting", 40 - 10 * n, f"C{n}") for n in range(number)]
        made += [activity(9 + n, "meeting", DAY - THEN + 40 - 10 * n, f"C{n}") for n in range(number)]
        rows = world([*people, {"id": "X", "account_id": "A2"}], [*made, activity(99, "task", DAY - THEN + 100, "X")])
        engine = engine_with(rows)
        titles.compute(engine, KNOWN, titles.Settings())
        relationship.compute(engine, KNOWN, relationship.Settings(top_contacts=top))
        then = dict(engine.rows("SELECT account_id, strength_then FROM account_tie"))  # type: ignore[arg-type]
        return account_values(engine)["A1"], then["A1"]

    # All three count, then the two best, then the best alone.
    three, two, one = (values(3, top) for top in (3, 2, 1))
    assert three[0] > two[0] > one[0] > 0
    assert three[1] > two[1] > one[1] > 0
    assert values(3, 10) == three


def test_trend_bus_factor_and_spread_of_six_activities(engine_with: Maker) -> None:
    people = [*ONE, {"id": "C2", "account_id": "A1"}, {"id": "C9", "account_id": "A2"}]
    made = [
        activity(1, "meeting", DAY - THEN + 14, "C1"),
        activity(3, "email_out", DAY - THEN, "C2"),
        activity(4, "meeting", 0, "C1"),
        activity(2, "email_in", 0, "C2"),
        activity(5, "task", 0, "C2", captured=0),
        activity(6, "task", DAY - THEN + 100, "C9"),
    ]
    engine = computed(engine_with, world(people, made))
    assert relationship.then_day(DAY) == THEN
    tie = engine.rows("SELECT strength_then, trend, our_share, contact_hhi FROM account_tie WHERE account_id = 'A1'")[0]
    # Then: C1 17.87 as above, with weight 0.6; C2 one mail out, 0.6993, with weight 0.2:
    # 100 * (1 - (1 - 0.17871 * 0.6) * (1 - 0.006993 * 0.2)) = 10.847
    assert tie[0] == pytest.approx(10.847, abs=0.002)
    # Now C1 has 5 * 2^(-131/90) + 5 = 6.8232 on each side: 100 * (1 - e^(-2.5 * 6.8232 / 57)) = 25.864. C2 has in
    # 2 + 0.15, out 2^(-117/90) + 0.15 = 0.5561: R = (2 * root(2 * 0.4061) + 0.5 * 0.3) / 2.7061 = 0.7216, S =
    # 100 * (1 - e^(-(1.5 * 2.15 + 0.5561) * (0.4 + 0.6 * 0.7216) / 57)) = 5.376. Together 16.428.
    assert account_values(engine)["A1"] == pytest.approx(16.428, abs=0.003)
    assert tie[1] == pytest.approx(16.428 - 10.847, abs=0.004)
    # Since then U1 met C1 (5 + 5); U2 had the mail (2) and typed the task (0.3): 10 / 12.3
    assert tie[2] == pytest.approx(10 / 12.3, abs=1e-6)
    # C1 has 2 * 6.8232 = 13.6463 points, C2 2.7061: (13.6463^2 + 2.7061^2) / 16.3524^2 = 0.7238
    assert tie[3] == pytest.approx(0.7238, abs=0.0002)
    young = computed(engine_with, world(people, made[:5]))
    assert set(account_values_of(young, "account_tie", "trend").values()) == {None}, "nothing is known from before"


def account_values_of(engine: DuckEngine, table: str, column: str) -> dict[str, Any]:
    return dict(engine.rows(f"SELECT account_id, {column} FROM {table}"))  # type: ignore[arg-type]


def expected_strengths(rows: Rows, half_life: float = 90, scale: float = 57) -> dict[str, float]:
    """Contact strengths by the formula of methods §2 in plain floats, written without a look at the SQL."""
    crowd: dict[str, int] = defaultdict(int)
    for link in rows["activity_contact"]:
        crowd[link["activity_id"]] += 1
    by_id = {a["id"]: a for a in rows["activity"]}
    weeks: dict[tuple[str, int], list[tuple[Row, float]]] = defaultdict(list)
    for link in rows["activity_contact"]:
        item, people = by_id[link["activity_id"]], crowd[link["activity_id"]]
        if item["at_day"] > DAY or (item["kind"].startswith("email") and people > 10):
            continue
        fade = 0.5 ** ((DAY - item["at_day"]) / half_life) / math.sqrt(people)
        weeks[(link["contact_id"], (item["at_day"] + 3) // 7)].append((item, fade))
    sides = {"meeting": (5, 5, 0), "call": (0, 0, 3), "email_in": (2, 0, 0), "email_out": (0, 1, 0)}
    sides |= {"chat": (0, 0, 2), "event": (0, 0, 2), "task": (0, 0, 1)}
    totals: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    for (contact, _), items in weeks.items():
        cap = 5 * 0.5 ** ((DAY - max(i["at_day"] for i, _ in items)) / half_life)
        for side in (0, 1):
            known, plain = 0.0, 0.0
            typed_known = sum(sides[i["kind"]][side] * f for i, f in items if not i["captured"])
            typed_plain = sum(sides[i["kind"]][2] / 2 * f for i, f in items if not i["captured"])
            typed_known = min(typed_known, cap)
            typed_plain = min(typed_plain, cap - typed_known)
            known = sum(sides[i["kind"]][side] * f for i, f in items if i["captured"]) + 0.3 * typed_known
            plain = sum(sides[i["kind"]][2] / 2 * f for i, f in items if i["captured"]) + 0.3 * typed_plain
            known = min(known, cap)
            totals[contact][side] += known
            totals[contact][2 + side] += min(plain, cap - known)
    found = {c["id"]: 0.0 for c in rows["contact"]}
    for contact, (k_in, k_out, p_in, p_out) in totals.items():
        both = k_in + k_out + p_in + p_out
        balance = (2 * math.sqrt(k_in * k_out) + 0.5 * (p_in + p_out)) / both if both else 0
        effort = 1.5 * (k_in + p_in) + k_out + p_out
        found[contact] = 100 * (1 - math.exp(-effort * (0.4 + 0.6 * balance) / scale))
    return found


Item = tuple[str, int, set[int], bool]
KINDS = st.sampled_from(["meeting", "call", "email_in", "email_out", "chat", "event", "task"])
TITLES = ["CEO", "Director", "Manager", None, "Buyer", "VP"]
WEIGHTS = [0.6, 0.5, 0.35, 0.2, 0.2, 0.6]
ITEM = st.tuples(KINDS, st.integers(0, 400), st.sets(st.integers(0, 5), min_size=1), st.booleans())
# Several worlds stand side by side in one mirror, because making the mirror takes longer than the sums.
WORLDS = st.lists(st.lists(ITEM, min_size=1, max_size=12), min_size=1, max_size=6)


def of_worlds(worlds: list[list[Item]]) -> Rows:
    people, made = [], []
    for w, items in enumerate(worlds):
        people += [
            {"id": f"W{w}-C{n}", "account_id": f"W{w}-A{n % 2}", "title": t, "name": f"N{n % 3}"}
            for n, t in enumerate(TITLES)
        ]
        for n, (kind, age, who, captured) in enumerate(items):
            made.append(activity(1000 * w + n, kind, age, *(f"W{w}-C{p}" for p in sorted(who)), captured=int(captured)))
    return world(people, made)


@settings(max_examples=4, deadline=None)
@given(WORLDS)
def test_the_sql_agrees_with_the_formula_in_plain_python(engine_with: Maker, worlds: list[list[Item]]) -> None:
    rows = of_worlds(worlds)
    engine = computed(engine_with, rows)
    found, expected = contact_values(engine), expected_strengths(rows)
    assert found == {c: pytest.approx(s, abs=1e-3) for c, s in expected.items()}
    weight = {c["id"]: WEIGHTS[n % 6] for n, c in enumerate(rows["contact"])}
    for account, value in account_values(engine).items():
        ours = [c["id"] for c in rows["contact"] if c["account_id"] == account]
        raw = 100 * (1 - math.prod(1 - expected[c] / 100 * weight[c] for c in ours))
        boss = max(expected[c] for c in ours if weight[c] == 0.6)
        assert value == pytest.approx(min(raw, 59.9 + max(boss - 40, 0)), abs=1e-2)


@settings(max_examples=3, deadline=None)
@given(WORLDS)
def test_the_strength_then_is_that_of_a_run_on_that_day(engine_with: Maker, worlds: list[list[Item]]) -> None:
    oldest: Item = ("meeting", 400, {5}, True)
    engine = computed(engine_with, of_worlds([[oldest, *items] for items in worlds]))
    now = account_values_of(engine, "account_tie", "strength_then")
    relationship.compute(engine, Context(THEN, known=KNOWN.known), relationship.Settings())
    assert now == {a: pytest.approx(s, abs=1e-3) for a, s in account_values(engine).items()}


@settings(max_examples=4, deadline=None)
@given(WORLDS, st.integers(0, 30), st.sampled_from(["task", "call", "chat", "event"]))
def test_fifty_typed_tasks_in_one_day_move_no_strength_by_more_than_five_points(
    engine_with: Maker, worlds: list[list[Item]], age: int, kind: str
) -> None:
    clicks: list[Item] = [(kind, age, {0}, False)] * 50
    before = computed(engine_with, of_worlds(worlds))
    after = computed(engine_with, of_worlds([[*items, *clicks] for items in worlds]))
    for values in (contact_values, account_values):
        old, new = values(before), values(after)
        assert all(abs(new[k] - old[k]) <= 5 for k in old)


def test_typed_tasks_that_warm_an_executive_do_not_make_the_account_jump(engine_with: Maker) -> None:
    people = [{"id": f"C{n}", "account_id": "A1", "title": "Director"} for n in range(8)]
    people.append({"id": "BOSS", "account_id": "A1", "title": "CEO"})
    made = [a for p in people[:8] for a in meetings(p["id"], 12)] + meetings("BOSS", 3, 40)
    clicks = [activity(5000 + n, "task", 12, "BOSS", captured=0) for n in range(50)]
    before, after = (computed(engine_with, world(people, m)) for m in (made, made + clicks))
    assert contact_values(before)["BOSS"] < 40 < contact_values(after)["BOSS"]
    assert 0 <= account_values(after)["A1"] - account_values(before)["A1"] <= 5


@settings(max_examples=4, deadline=None)
@given(WORLDS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(engine_with: Maker, worlds: list[list[Item]], chance: random.Random) -> None:
    rows = of_worlds(worlds)
    mixed = {table: chance.sample(content, len(content)) for table, content in rows.items()}
    sides = [computed(engine_with, r) for r in (rows, mixed)]
    for table, key in (
        ("contact_strength", "contact_id"),
        ("account_strength", "account_id"),
        ("account_tie", "account_id"),
    ):
        one, other = (e.rows(f"SELECT * FROM {table} ORDER BY {key}") for e in sides)
        assert one == other


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"half_life_days": 0}, "half_life_days"),
        ({"scale": float("nan")}, "scale"),
        ({"typed_weight": 1.5}, "typed_weight"),
        ({"warm": 70.0}, "strong"),
        ({"top_contacts": 0}, "top_contacts"),
        ({"calm_points": 15.0}, "calm_points"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(given: dict[str, Any], key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key}: "):
        relationship.Settings(**given)


def test_a_longer_half_life_keeps_old_meetings_longer(engine_with: Maker) -> None:
    engine = computed(engine_with, world(ONE, [activity(1, "meeting", 180, "C1")]))
    short = contact_values(engine)["C1"]
    relationship.compute(engine, KNOWN, relationship.Settings(half_life_days=180))
    # 5 * 0.5 = 2.5 each side: 100 * (1 - exp(-2.5 * 2.5 / 57)) = 10.385
    assert short < contact_values(engine)["C1"] == pytest.approx(10.385, abs=0.001)

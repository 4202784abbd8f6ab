"""The executive match: who could sponsor a key account, and whether its sponsor is in touch, worked out by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.engine import DuckEngine
from connector.insight import sponsor, titles
from connector.insight.sponsor import Settings, User, Wish, placed, suggested
from connector.schema import Context

AS_OF = 20_000
Rows = dict[str, list[dict[str, Any]]]
Maker = Callable[[Rows], DuckEngine]


def person(user: str, title: str | None, manager: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": user, "name": f"Name {user}", "title": title, "manager_id": manager, "is_active": 1, **more}


def talk(number: int, owner: str, contact: str, day: int, kind: str = "meeting", captured: int = 1) -> Rows:
    """An activity of one of ours with one of theirs."""
    activity = {"id": f"T{number}", "kind": kind, "at_day": day, "captured": captured, "owner_id": owner}
    return {"activity": [activity], "activity_contact": [{"activity_id": f"T{number}", "contact_id": contact}]}


def company(**accounts: dict[str, Any]) -> Rows:
    """Accounts, each with a vice president C-ACCOUNT; managed by M."""
    return {
        "account": [{"id": a, "name": a, "owner_id": "M", **more} for a, more in accounts.items()],
        "contact": [{"id": f"C-{a}", "account_id": a, "name": f"C-{a}"} for a in accounts],
        "user": [person("M", "Account Manager"), person("D", "Director of Sales"), person("V", "Vice President Sales")],
        "activity": [],
        "activity_contact": [],
    }


def computed(
    engine: DuckEngine,
    *,
    status: dict[str, str | None] | None = None,
    levels: dict[str, int] | None = None,
    strength: dict[str, float] | None = None,
    two_way: dict[str, int] | None = None,
    settings: Settings | None = None,
) -> DuckEngine:
    """Every account is Key unless told otherwise; every contact is a vice president of strength 50 unless told."""
    context = Context(as_of=AS_OF)
    titles.compute(engine, context, titles.Settings())
    ids = [str(r[0]) for r in engine.rows("SELECT id FROM account ORDER BY id")]
    states = [(status or {}).get(i, "Key") for i in ids]
    engine.load("account_order", {"account_id": ids})
    engine.load(
        "account_key",
        {
            "account_id": ids,
            "status": np.array([s if s == "Key" else None for s in states], dtype=object),
            "proposal": np.array(["Promote" if s == "Promote" else "None" for s in states], dtype=object),
        },
    )
    roots = dict(engine.rows("SELECT id, COALESCE(parent_id, id) FROM account"))
    engine.load(
        "account_group",
        {"account_id": ids, "root_id": [roots[i] for i in ids], "account_n": np.arange(len(ids))},
    )
    people = engine.rows("SELECT id, account_id FROM contact ORDER BY id")
    days = [(two_way or {}).get(str(c), np.nan) for c, _ in people]
    engine.load(
        "contact_strength",
        {
            "contact_id": [str(c) for c, _ in people],
            "account_id": [str(a) for _, a in people],
            "level": np.array([(levels or {}).get(str(c), 4) for c, _ in people], dtype=np.int64),
            "strength": np.array([(strength or {}).get(str(c), 50.0) for c, _ in people]),
            "present": np.ones(len(people), dtype=np.int64),
            "last_two_way_day": np.array(days, dtype=np.float64),
        },
    )
    sponsor.compute(engine, context, settings or Settings())
    return engine


def told(engine: DuckEngine, column: str) -> dict[str, Any]:
    return dict(engine.rows(f"SELECT account_id, {column} FROM account_sponsor"))


def test_who_talks_with_them_already_is_suggested_when_the_level_suffices(engine_with: Maker) -> None:
    rows = company(A={}, B={}, C={})
    # A's vice president (4) needs one of ours from 3 on: the director. B's chief (5) needs 4: the director talks with
    # it, yet only the vice president will do. M talks with C, but looks after it.
    for number, (owner, account) in enumerate([("D", "A"), ("D", "B"), ("M", "C")]):
        for table, more in talk(number, owner, f"C-{account}", AS_OF - 10).items():
            rows[table] += more
    with computed(engine_with(rows), levels={"C-B": 5}) as engine:
        found = told(engine, "sponsor_suggested")
    # C is left: D and V have one account each now, and the lower level comes first.
    assert found == {"A": "D", "B": "V", "C": "D"}


def test_typed_talk_and_a_mail_in_one_direction_are_no_tie_and_the_owner_of_a_warm_contact_has_one(
    engine_with: Maker,
) -> None:
    rows = company(A={}, B={})
    rows["user"] = [person("W", "Director"), person("X", "Director"), person("Y", "Director")]
    rows["contact"][1]["owner_id"] = "Y"
    for number, (owner, kind, captured) in enumerate([("X", "meeting", 0), ("X", "email_out", 1)]):
        for table, more in talk(number, owner, "C-A", AS_OF - 10, kind, captured).items():
            rows[table] += more
    with computed(engine_with(rows), two_way={"C-B": AS_OF - 20}) as engine:
        # B goes to the owner of its contact; for A nobody is nearer than the others: the first by name.
        assert told(engine, "sponsor_suggested") == {"A": "W", "B": "Y"}


def test_mail_in_both_directions_is_a_tie(engine_with: Maker) -> None:
    rows = company(A={})
    rows["user"] = [person("W", "Director"), person("X", "Director")]
    for number, kind in enumerate(["email_in", "email_out"]):
        for table, more in talk(number, "X", "C-A", AS_OF - 10, kind).items():
            rows[table] += more
    with computed(engine_with(rows)) as engine:
        assert told(engine, "sponsor_suggested") == {"A": "X"}


def test_only_key_accounts_and_proposals_without_a_sponsor_get_a_suggestion(engine_with: Maker) -> None:
    rows = company(A={}, B={}, C={}, D={"sponsor_id": "V"}, E={"sponsor_id": "gone"})
    rows["user"].append(person("gone", "Chief Executive Officer", is_active=0))
    status: dict[str, str | None] = {"B": "Promote", "C": None}
    with computed(engine_with(rows), status=status) as engine:
        # V sponsors D already. A: the director has none. B: one each, so the lower level again. E: V has one, D two.
        assert told(engine, "sponsor_suggested") == {"A": "D", "B": "D", "D": None, "E": "V"}
        assert told(engine, "sponsor_state") == {"A": "none", "B": None, "D": None, "E": "left"}


def test_a_suggestion_stays_while_it_is_valid(engine_with: Maker) -> None:
    rows = company(A={}, B={})
    for table, more in talk(1, "D", "C-A", AS_OF - 10).items():
        rows[table] += more
    rows["present_value"] = [
        {"account_id": "A", "sponsor_suggested": "V"}, {"account_id": "B", "sponsor_suggested": "M"},
    ]  # fmt: skip
    with computed(engine_with(rows)) as engine:
        # V was suggested for A and stays, though D talks with it; M looks after B and was never valid.
        assert told(engine, "sponsor_suggested") == {"A": "V", "B": "D"}


@pytest.mark.parametrize(
    ("day", "state"), [(AS_OF - 120, "in touch"), (AS_OF - 121, "silent"), (AS_OF + 1, "never"), (None, "never")]
)
def test_a_sponsor_is_silent_after_120_days_without_two_way_contact(
    engine_with: Maker, day: int | None, state: str
) -> None:
    rows = company(A={"sponsor_id": "V"}, B={"parent_id": "A"})
    # A branch's people are the company's; somebody else's talk says nothing about the sponsor.
    for number, (owner, when) in enumerate([("V", day), ("D", AS_OF - 1)]):
        if when is not None:
            for table, more in talk(number, owner, "C-B", when).items():
                rows[table] += more
    with computed(engine_with(rows), two_way={"C-B": AS_OF - 1}, status={"B": None}) as engine:
        assert told(engine, "sponsor_state") == {"A": state}


def test_where_nothing_is_captured_nobody_is_called_silent(engine_with: Maker) -> None:
    with computed(engine_with(company(A={"sponsor_id": "V"}))) as engine:
        assert told(engine, "sponsor_state") == {"A": None}


def test_without_a_known_executive_the_account_stands_for_the_lowest_such_level(engine_with: Maker) -> None:
    rows = company(A={})
    rows["user"] = [person("M", "Manager of Sales"), person("D", "Director of Sales")]
    with computed(engine_with({**rows, "contact": []})) as engine:
        assert told(engine, "sponsor_suggested") == {"A": "D"}


def test_nobody_gets_more_accounts_than_the_most() -> None:
    wishes = [Wish(f"A{n}", 4) for n in range(7)]
    users = [User("D", 3), User("V", 4), User("gone", 5, active=False)]
    # D sponsors four already and has room for one; V takes five; the seventh gets none.
    found = suggested(wishes, users, {("A6", "D"): 60.0}, {"D": 4}, 5)
    assert found == {"A6": "D", **{f"A{n}": "V" for n in range(5)}}


def test_equal_ties_are_settled_by_the_order_of_accounts_and_users() -> None:
    wishes, users = [Wish("A0", 4), Wish("A1", 4)], [User("D", 3), User("V", 3)]
    equal = {("A1", "V"): 50.0, ("A1", "D"): 50.0, ("A0", "V"): 50.0, ("A0", "D"): 50.0}
    # Each has room for one: the first account gets the first user.
    assert suggested(wishes, users, equal, {}, 1) == {"A0": "D", "A1": "V"}
    only = {("A1", "D"): 50.0, ("A0", "D"): 50.0}
    assert suggested(wishes, users[:1], only, {}, 1) == {"A0": "D"}


def test_who_leads_others_stands_as_far_below_the_top_as_the_chain_is_long() -> None:
    chain = [User("top", None), User("next", None, "top"), User("low", None, "next"), User("read", 2, "top"),
             User("loop", None, "pool"), User("pool", None, "loop")]  # fmt: skip
    # low leads nobody; of loop and pool each leads the other.
    assert {u.id: u.level for u in placed(chain)} == {
        "top": 5, "next": 4, "low": None, "read": 2, "loop": None, "pool": None,
    }  # fmt: skip


@given(
    st.lists(st.integers(4, 5), max_size=12),
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=4),
    st.dictionaries(st.tuples(st.integers(0, 11), st.integers(0, 3)), st.integers(0, 3)),
    st.lists(st.integers(-1, 3), min_size=12, max_size=12),
)
@settings(max_examples=100, deadline=None)
def test_whatever_comes_in_every_suggestion_is_valid_and_stays(
    levels: list[int], people: list[tuple[int, bool]], ties: dict[tuple[int, int], int], present: list[int]
) -> None:
    users = [User(f"U{n}", level, active=active) for n, (level, active) in enumerate(people)]
    shown = {n: f"U{u}" for n, u in enumerate(present) if u >= 0}
    wishes = [Wish(f"A{n}", level, "U0", shown.get(n)) for n, level in enumerate(levels)]
    bonds = {(f"A{a}", f"U{u}"): float(s) for (a, u), s in ties.items()}
    found = suggested(wishes, users, bonds, {}, 5)
    by_id = {u.id: u for u in users}
    for wish in wishes:
        if wish.id in found:
            user = by_id[found[wish.id]]
            assert user.active and user.level is not None and user.level >= wish.level - 1 and user.id != "U0"
    assert all(list(found.values()).count(u) <= 5 for u in by_id)
    again = suggested([Wish(w.id, w.level, "U0", found.get(w.id)) for w in wishes], users, bonds, {}, 5)
    assert again == found


def test_a_setting_that_makes_no_sense_is_named() -> None:
    for name, value in (("accounts_each", 0), ("silence_days", 0), ("executive_level", 6)):
        with pytest.raises(ValueError, match=f"^{name}: "):
            Settings(**{name: value})

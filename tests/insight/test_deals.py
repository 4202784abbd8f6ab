"""Roles on open deals, and the win rate by contacts engaged early: both worked out by hand."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.engine import DuckEngine
from connector.insight import deals, relationship, titles
from connector.insight.deals import win_rate
from connector.insight.deals.told import deal_lines, missing_roles, stakeholder_text, win_rate_about, win_rates
from connector.schema import DEAL_ROLES, Context

Row = dict[str, Any]
Rows = dict[str, list[Row]]
Maker = Callable[[Rows], DuckEngine]
DAY = 20000
KNOWN = frozenset({"activity", "activity_contact", "stakeholder"})


def met(last: dict[str, int], number: int = 12) -> Rows:
    """Captured meetings with each contact, one every eight days up to the day given."""
    made = [(f"{c}-{n}", c, day - 8 * n) for c, day in last.items() for n in range(number)]
    return {
        "activity": [{"id": i, "kind": "meeting", "at_day": d, "captured": 1} for i, _, d in made],
        "activity_contact": [{"activity_id": i, "contact_id": c} for i, c, _ in made],
    }


def person(id: str, account: str = "A1", **more: object) -> Row:
    return {"id": id, "account_id": account, **more}


def open_deal(id: str = "O1", **more: object) -> Row:
    return {"id": id, "account_id": "A1", "state": "open", "amount_minor": 1_000_00, **more}


def named(contact: str, role: str | None, deal: str | None = "O1", account: str | None = None) -> Row:
    return {"id": f"{contact}{role}{deal}", "contact_id": contact, "role": role, "opportunity_id": deal,
            "account_id": account}  # fmt: skip


def computed(maker: Maker, rows: Rows, day: int = DAY, given: deals.Settings | None = None, known: Any = KNOWN) -> Any:
    engine, context = maker({"account": [{"id": "A1"}], **rows}), Context(day, known=known)
    titles.compute(engine, context, titles.Settings())
    relationship.compute(engine, context, relationship.Settings())
    deals.compute(engine, context, given or deals.Settings())
    return engine


def covered(engine: DuckEngine, columns: str) -> list[tuple[Any, ...]]:
    return list(engine.rows(f"SELECT {columns} FROM opportunity_coverage ORDER BY opportunity_id"))


def test_a_role_is_filled_by_whom_the_deal_names_then_its_account_then_the_contact(engine_with: Maker) -> None:
    people = [
        person("C1"), person("C2"), person("C3", role="user"), person("C4", role="technical"),
        person("GONE", is_active=0), person("SHY", no_profiling=1),
    ]  # fmt: skip
    roles = [
        named("C1", "economic_buyer"),
        named("C2", "champion"),
        named("C3", "champion", None, "A1"),  # in touch, but the deal names another champion
        named("GONE", "user"),  # has left: the contact whose own record says user counts
        named("SHY", "technical"),  # is left out of everything
        named("C1", None),
    ]
    rows = {"contact": people, "stakeholder": roles, "opportunity": [open_deal()], **met({"C1": DAY, "C3": DAY})}
    engine = computed(engine_with, rows)
    assert covered(engine, "role_states, missing_roles, roles, roles_known, roles_in_touch, contacts, engaged") == [
        ("economic_buyer=in_touch,champion=silent,technical=silent,user=in_touch", "", 4, 4, 2, 4, 2)
    ]
    ((states,),) = covered(engine, "role_states")
    assert stakeholder_text(states, None, "en") == "2 of 4 roles in touch; not in touch: champion, technical buyer"
    assert missing_roles(states) == "None"


def test_open_deals_name_the_roles_that_nobody_has(engine_with: Maker) -> None:
    opportunities = [
        open_deal("O1"),
        {"id": "O2", "account_id": "A1", "state": "won", "close_day": DAY},
        {"id": "O3", "account_id": "A1", "state": "lost", "close_day": DAY + 1},  # open still, as of this day
        open_deal("O4", account_id=None),
        open_deal("O5", created_day=DAY + 1),
        open_deal("O6", amount_minor=99_99),
        open_deal("O7", amount_minor=None),  # of unknown size: not small
    ]
    roles = [named("C1", "economic_buyer"), named("C2", "user", None, "A1")]
    rows = {"contact": [person("C1"), person("C2")], "opportunity": opportunities, "stakeholder": roles}
    engine = computed(engine_with, {**rows, **met({"C1": DAY})}, given=deals.Settings(small_below=100.0))
    assert covered(engine, "opportunity_id, is_open, contacts, engaged, roles, missing_roles") == [
        ("O1", 1, 2, 1, 4, "champion,technical"),
        ("O3", 0, 1, 0, 4, "economic_buyer,champion,technical"),
        ("O4", 1, 0, 0, 4, "economic_buyer,champion,technical,user"),
        ("O6", 1, 1, 0, 2, "economic_buyer"),
        ("O7", 1, 1, 0, 4, "economic_buyer,champion,technical"),
    ]
    ((states,), *_) = covered(engine, "role_states")
    assert stakeholder_text(states, None, "en") == (
        "1 of 4 roles in touch; not in touch: user; missing: champion, technical buyer"
    )
    assert missing_roles(states) == "Champion; Technical buyer"
    row = {"name": "Plant 2", "shown": None, "role_states": states, "contacts": 2, "engaged": 1}
    told = "1 of 4 roles in touch; not in touch: user; missing: champion, technical buyer"
    assert list(deal_lines([row], "en")) == [f"Plant 2: {told} (2 people named for it, 1 in touch)"]


def test_where_nobody_keeps_roles_they_are_unknown_and_without_activities_only_known(engine_with: Maker) -> None:
    rows = {"contact": [person("C1")], "opportunity": [open_deal()], "stakeholder": [named("C1", "other")]}
    engine = computed(engine_with, {**rows, **met({"C1": DAY})})
    assert covered(engine, "contacts, engaged, roles, missing_roles, role_states") == [(None,) * 5]
    assert stakeholder_text(None, None, "en") == "Unknown: nobody's role is kept on deals"
    assert missing_roles(None) == "Unknown"
    rows["stakeholder"] = [named("C1", "champion")]
    engine = computed(engine_with, rows, known=frozenset())
    assert covered(engine, "engaged, roles_known, roles_in_touch") == [(None, 1, None)]
    ((states,),) = covered(engine, "role_states")
    told = "1 of 4 roles known; missing: economic buyer, technical buyer, user"
    assert stakeholder_text(states, None, "en") == told


def test_a_role_in_touch_falls_silent_once_and_no_day_brings_it_back(engine_with: Maker) -> None:
    rows = {"contact": [person("C1")], "opportunity": [open_deal()], "stakeholder": [named("C1", "champion")]}
    shown, told = None, []
    # Two-way contact is recent for 90 days; what is shown as in touch stays so for 104.
    for passed in (0, 91, 103, 105):
        ((states,),) = covered(computed(engine_with, {**rows, **met({"C1": DAY})}, DAY + passed), "role_states")
        shown = stakeholder_text(states, shown, "en")
        told.append((passed, shown.partition(";")[0], stakeholder_text(states, None, "en").partition(";")[0]))
    assert told == [
        (0, "1 of 4 roles in touch", "1 of 4 roles in touch"),
        (91, "1 of 4 roles in touch", "0 of 4 roles in touch"),
        (103, "1 of 4 roles in touch", "0 of 4 roles in touch"),
        (105, "0 of 4 roles in touch", "0 of 4 roles in touch"),
    ]


STATES = st.dictionaries(st.sampled_from(sorted(DEAL_ROLES)), st.sampled_from(deals.STATES[1:]), min_size=1)


@given(STATES, st.one_of(st.none(), st.text()))
def test_any_states_make_one_text_that_is_calm_from_the_first_time_on(found: dict[str, str], shown: str | None) -> None:
    states = ",".join(f"{role}={state}" for role, state in found.items())
    text = stakeholder_text(states, shown, "en")
    assert 0 < len(text) <= 255
    assert stakeholder_text(states, text, "en") == text
    # Falling silent of late changes nothing that is shown; coming into touch again does not, either.
    touched = states.replace("lately", "in_touch")
    assert stakeholder_text(states, stakeholder_text(touched, None, "en"), "en") == stakeholder_text(
        touched, None, "en"
    )


# Of the small deals 30 were begun with nobody and 10 with four people, of the large ones the other way round.
CELLS = {(0, 100): (30, 15), (0, 900): (10, 2), (4, 100): (10, 6), (4, 900): (30, 12)}


def closed(engine_with: Maker, **more: list[Row]) -> list[Row]:
    """Win rates of eighty deals, each of an account of its own, with the contacts of CELLS met on day 30."""
    rows: Rows = {t: [] for t in ("account", "contact", "opportunity", "activity", "activity_contact")}
    for (contacts, amount), (number, won) in CELLS.items():
        for n in range(number):
            key = f"{contacts}-{amount}-{n}"
            rows["account"].append({"id": key})
            rows["opportunity"].append(
                {"id": key, "account_id": key, "state": "won" if n < won else "lost", "amount_minor": amount,
                 "created_day": DAY - 300, "close_day": DAY - 200}
            )  # fmt: skip
            for c in range(contacts):
                rows["contact"].append(person(f"{key}-{c}", key))
                rows["activity"].append({"id": f"{key}-{c}", "kind": "call", "at_day": DAY - 270, "captured": 1})
                rows["activity_contact"].append({"activity_id": f"{key}-{c}", "contact_id": f"{key}-{c}"})
    # The calendar link is older than any deal.
    rows["activity"].append({"id": "first", "kind": "meeting", "at_day": DAY - 400, "captured": 1})
    engine = computed(engine_with, {t: [*rows.get(t, []), *more.get(t, [])] for t in {*rows, *more}})
    found = engine.arrays("SELECT * FROM deal_win_rate ORDER BY place")
    return [dict(zip(found, values, strict=True)) for values in zip(*(a.tolist() for a in found.values()), strict=True)]


def test_adjusting_for_the_amount_tells_contacts_from_sizes(engine_with: Maker) -> None:
    nobody, one, some, many = closed(engine_with)
    # 17 of 40 and 18 of 40. Wilson: (0.425 + 3.8415 / 80 ± 1.96 · root(0.425 · 0.575 / 40 + 3.8415 / 6400)) / 1.0960.
    assert (nobody["deals"], nobody["won"], nobody["rate"]) == (40, 17, 0.425)
    assert (nobody["low"], nobody["high"]) == (pytest.approx(0.2851, abs=1e-4), pytest.approx(0.5780, abs=1e-4))
    assert (many["deals"], many["won"], many["rate"]) == (40, 18, 0.45)
    # Half of all deals are small and half large: 0.5 · 15/30 + 0.5 · 2/10 and 0.5 · 6/10 + 0.5 · 12/30.
    assert (nobody["adjusted"], many["adjusted"]) == (0.35, 0.5)
    # Variance 0.25 · 0.25/30 + 0.25 · 0.16/10 = 0.0060833, times 40/39 for forty accounts: as of
    # 0.35 · 0.65 / 0.0062393 = 36.46 deals. Wilson:
    # (0.35 + 3.8415 / 72.92 ± 1.96 · root(0.2275 / 36.46 + 3.8415 / 5317.9)) / 1.1054.
    assert (nobody["adjusted_low"], nobody["adjusted_high"]) == (
        pytest.approx(0.2163, abs=2e-4), pytest.approx(0.5123, abs=2e-4),
    )  # fmt: skip
    assert [(b["deals"], b["state"], b["rate"]) for b in (one, some)] == [(0, "few", None)] * 2
    assert (nobody["state"], many["state"], nobody["since_day"], nobody["early"]) == ("ok", "ok", DAY - 400, 0)
    assert win_rates(one, "en") == ("too few deals: fewer than 30", "")
    assert win_rates(nobody, "en") == ("42 % (29 to 58)", "35 % (22 to 51)")
    assert "since 2021-10-05, made since contact is captured (2023-08-31)" in win_rate_about(one, "en")


def test_only_two_way_contact_by_day_30_of_a_deal_that_was_still_open_counts(engine_with: Maker) -> None:
    deal = {"account_id": "X", "state": "won", "amount_minor": 100, "created_day": DAY - 100, "close_day": DAY - 50}
    opportunities = [
        {**deal, "id": "X"},
        {**deal, "id": "EARLY", "close_day": DAY - 70},
        {**deal, "id": "ENTERED", "close_day": DAY - 100},
        {**deal, "id": "OLD", "created_day": DAY - 1300, "close_day": DAY - 1200},
        {**deal, "id": "BEFORE", "created_day": DAY - 401},
        {**deal, "id": "OPEN", "state": "open"},
        {**deal, "id": "NOT YET", "close_day": DAY + 1},
    ]
    notes = [
        ("typed", "call", DAY - 90, 0), ("heard", "email_in", DAY - 90, 1), ("wrote", "email_out", DAY - 90, 1),
        ("late", "meeting", DAY - 69, 1), ("soon", "meeting", DAY - 101, 1), ("task", "task", DAY - 90, 1),
        ("first", "meeting", DAY - 100, 1), ("last", "chat", DAY - 70, 1),
    ]  # fmt: skip
    acts = [{"id": f"X{who}", "kind": kind, "at_day": day, "captured": done} for who, kind, day, done in notes]
    acts += [{"id": f"X{kind}", "kind": kind, "at_day": DAY - 80, "captured": 1} for kind in ("email_in", "email_out")]
    took = [{"activity_id": f"X{who}", "contact_id": who} for who, *_ in notes]
    took += [{"activity_id": f"X{kind}", "contact_id": "both"} for kind in ("email_in", "email_out")]
    people = [person(who, "X") for who in ("both", *(who for who, *_ in notes))]
    more = {"account": [{"id": "X"}], "contact": people, "activity": acts, "activity_contact": took}
    # Whom we met on its first and last day, and who wrote and was written to: three.
    found = closed(engine_with, opportunity=opportunities, **more)
    assert [(b["band"], b["deals"]) for b in found] == [("0", 40), ("1", 0), ("2-3", 1), ("4+", 40)]
    assert found[0]["early"] == 1


def cell(band: int, stratum: int, deals: int, won: int) -> Row:
    return {"band": band, "stratum": stratum, "deals": deals, "won": won}


def test_deals_of_one_account_go_together() -> None:
    cells = [cell(0, 1, 20, 10), cell(0, 3, 20, 10), cell(3, 1, 20, 10), cell(3, 3, 20, 10)]
    terms = win_rate.factors(cells, 30)
    assert {(t["share"], t["rate"], t["factor"]) for t in terms} == {(0.5, 0.5, 1.0)}
    # Ten accounts of four deals, which win all or none: ten residuals of ±2 deals, their squares in millionths.
    spreads = {0: {"accounts": 10, "square": 40 * 10**6}, 3: {"accounts": 40, "square": 10 * 10**6}}
    together, _, _, single = win_rate.bands(cells, terms, spreads, 30)
    # 40 / 40² · 10/9 = 0.02778: as 0.25 / 0.02778 = 9 deals. Alone, 10 / 40² · 40/39: as 39.
    nine, many = win_rate.wilson(0.5, 9), win_rate.wilson(0.5, 39)
    assert (together["adjusted_low"], together["adjusted_high"]) == tuple(pytest.approx(v, abs=1e-6) for v in nine)
    assert (single["adjusted_low"], single["adjusted_high"]) == tuple(pytest.approx(v, abs=1e-6) for v in many)


def test_sizes_that_some_band_lacks_are_left_out_for_all_and_said() -> None:
    cells = [cell(0, 1, 40, 20), cell(0, 3, 4, 0), cell(1, 1, 36, 9), cell(1, 3, 40, 30), cell(2, 3, 9, 9)]
    terms = win_rate.factors(cells, 30)
    spreads = {band: {"accounts": 30, "square": 9 * 10**6} for band in (0, 1)}
    nobody, one, some, _ = win_rate.bands(cells, terms, spreads, 30)
    # The large ones, of which the first has four deals only, count for none; 76 of 129 deals are left.
    assert (nobody["adjusted"], one["adjusted"], one["rate"]) == (0.5, 0.25, round(39 / 76, 6))
    assert (some["state"], some["rate"], some["adjusted"]) == ("few", None, None)
    assert one["adjusted_share"] == round(76 / 129, 6)
    told = win_rate_about({**one, "since_day": 0, "oldest_day": 0, "by_days": 30, "early": 2}, "en")
    assert told.endswith("Adjusted over 59 % of the deals: of the other sizes some row has too few.")
    # Where that leaves less than half of all deals, nothing is adjusted.
    cells = [cell(0, 1, 40, 20), cell(0, 3, 4, 0), cell(1, 1, 4, 2), cell(1, 3, 40, 10)]
    assert win_rate.factors(cells, 30) == []
    nobody, *_ = win_rate.bands(cells, [], {}, 30)
    assert (nobody["state"], nobody["adjusted"], nobody["adjusted_share"]) == ("apart", None, None)
    assert win_rates({**nobody, "least_deals": 30}, "en") == (
        "45 % (32 to 60)",
        "not adjusted: its deals are of other sizes",
    )


def test_without_captured_contact_the_win_rate_is_unknown(engine_with: Maker) -> None:
    closed_deal = {"id": "O", "account_id": "A1", "state": "won", "created_day": DAY - 90, "close_day": DAY - 9}
    engine = computed(engine_with, {"contact": [person("C1")], "opportunity": [closed_deal]})
    found = engine.arrays("SELECT since_day, deals, state FROM deal_win_rate")
    assert found["since_day"].mask.all() and set(found["state"]) == {"few"} and not found["deals"].any()
    assert win_rate_about({"since_day": None}, "en").startswith("Unknown: ")


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"roles": ()}, "roles"),
        ({"roles": ("user", "user")}, "roles"),
        ({"small_roles": ("blocker",)}, "small_roles"),
        ({"small_below": -1.0}, "small_below"),
        ({"held_days": -1}, "held_days"),
        ({"held_strength": 101.0}, "held_strength"),
        ({"by_days": 0}, "by_days"),
        ({"least_deals": 0}, "least_deals"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(given: dict[str, Any], key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key}: "):
        deals.Settings(**given)

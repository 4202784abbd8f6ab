"""The invented company: the same for a seed, whole in itself, and its planted truth found again by independent sums."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from functools import cache

import pytest

from connector.emulator.company import ACCOUNTS, FIRST_DAY, LAST_DAY, Company, Exchange, build, truth_in

TABLES = ["users", "products", "accounts", "contacts", "opportunities", "lines"]
TABLES += ["contact_roles", "activities", "cases", "assets"]
built = cache(build)  # tests run in random order, which would end a wider fixture after each test


@pytest.fixture(params=[7, 2026])
def company(request: pytest.FixtureRequest) -> Company:
    return built("small", request.param)


def planted(company: Company, name: str) -> list[int]:
    return company.truth["accounts"][name]


def won(company: Company) -> Iterator:
    return (deal for deal in company.opportunities if deal.state == "won" and deal.account)


def root(company: Company, no: int) -> int:
    seen = set()
    while (parent := company.accounts[no - 1].parent) and no not in seen:
        seen.add(no)
        no = parent
    return no


def value(company: Company, *, first: int, last: int) -> tuple[dict[int, float], dict[int, float]]:
    """Net value and revenue of each group in euro, between `first` and `last` days before the end."""
    exchange = Exchange(company.rates)
    net, revenue = defaultdict(float), defaultdict(float)
    for line in company.lines:
        deal = company.opportunities[line.opportunity - 1]
        if deal.state == "won" and first <= (LAST_DAY - deal.close_day).days < last:
            rate = exchange.rate(deal.currency, deal.close_day)
            top = root(company, deal.account)
            revenue[top] += line.quantity * line.unit_price / rate
            net[top] += (line.quantity * line.unit_price - (line.cost or 0)) / rate
    for account in company.accounts:
        if account.cost_to_serve:
            net[root(company, account.no)] -= account.cost_to_serve / exchange.rate(account.currency, LAST_DAY)
    return net, revenue


def ranked(amounts: dict[int, float]) -> dict[int, int]:
    return {no: at for at, no in enumerate(sorted(amounts, key=lambda no: -amounts[no]), 1)}


def owned(company: Company) -> dict[int, set[str]]:
    families = defaultdict(set)
    for line in company.lines:
        deal = company.opportunities[line.opportunity - 1]
        if deal.state == "won":
            families[deal.account].add(company.products[line.product - 1].family)
    return families


def lift(owners: dict[int, set[str]], one: str, other: str) -> float:
    ones = sum(one in held for held in owners.values())
    others = sum(other in held for held in owners.values())
    both = sum(one in held and other in held for held in owners.values())
    return both * len(owners) / (ones * others)


def strengths(company: Company) -> dict[int, tuple[float, bool]]:
    """Strength and two-way contact of each contact by methods §2: type points, weekly cap, half-life of 90 days."""
    points = {"meeting": (5, 5), "call": (1.5, 1.5), "email_in": (2, 0), "email_out": (0, 1), "task": (0.5, 0.5)}
    week, sums, sides = defaultdict(float), defaultdict(lambda: [0.0, 0.0]), defaultdict(set)
    for one in company.activities:
        age = (LAST_DAY - one.at.date()).days
        if age < 0 or one.contact is None:
            continue
        people = (one.contact, *one.others)
        for who in people:
            for side in (0, 1):
                earned = points[one.kind][side] * (1 if one.captured else 0.3) / math.sqrt(len(people))
                key = (who, side, one.at.isocalendar()[:2])
                earned = min(earned, 5 - week[key])
                week[key] += earned
                sums[who][side] += earned * 0.5 ** (age / 90)
                if (
                    one.captured
                    and age <= 90
                    and one.kind in ("meeting", "email_in", "email_out")
                    and points[one.kind][side]
                ):
                    sides[who].add(side)
    found = {}
    for who, (theirs, ours) in sums.items():
        balance = 2 * math.sqrt(theirs * ours) / (theirs + ours)
        found[who] = (100 * (1 - math.exp(-(1.5 * theirs + ours) * (0.4 + 0.6 * balance) / 57)), len(sides[who]) == 2)
    return found


def engaged(company: Company) -> dict[int, list[int]]:
    by_account = defaultdict(list)
    for who, (strength, two_way) in strengths(company).items():
        if strength >= 40 and two_way:
            by_account[company.contacts[who - 1].account].append(who)
    return by_account


def rhythm(company: Company) -> dict[int, float]:
    """Days since the last purchase over the account's own mean gap, for accounts with four purchase days or more."""
    days = defaultdict(set)
    for deal in won(company):
        days[deal.account].add(deal.close_day)
    gaps = {no: (max(found) - min(found)).days / (len(found) - 1) for no, found in days.items() if len(found) >= 4}
    return {no: (LAST_DAY - max(days[no])).days / gap for no, gap in gaps.items()}


def test_the_same_size_and_seed_give_the_same_company() -> None:
    assert build("small", 7) == built("small", 7)


def test_another_seed_gives_another_company_of_the_same_shape() -> None:
    one, other = built("small", 7), built("small", 2026)
    assert {a.name for a in one.accounts[:-12]} != {a.name for a in other.accounts[:-12]}
    assert one.truth["accounts"]["key"] != other.truth["accounts"]["key"]
    assert len(one.accounts) == len(other.accounts) == ACCOUNTS["small"]


def test_an_unknown_size_is_refused_with_the_sizes_there_are() -> None:
    with pytest.raises(ValueError, match=r"huge.*small, medium, large"):
        build("huge", 1)


def test_rows_are_numbered_by_their_place(company: Company) -> None:
    for table in TABLES:
        rows = getattr(company, table)
        assert [row.no for row in rows] == list(range(1, len(rows) + 1)), table


def test_every_reference_finds_its_row(company: Company) -> None:
    targets = {
        "owner": "users", "manager": "users", "parent": "accounts", "account": "accounts", "contact": "contacts",
        "reports_to": "contacts", "opportunity": "opportunities", "product": "products",
    }  # fmt: skip
    for table in TABLES:
        for row in getattr(company, table):
            for name, target in targets.items():
                no = getattr(row, name, None)
                assert no is None or 1 <= no <= len(getattr(company, target)), (table, row)
    assert all(1 <= who <= len(company.contacts) for one in company.activities for who in one.others)


def test_people_on_deals_and_activities_belong_to_the_same_account(company: Company) -> None:
    at = {contact.no: contact.account for contact in company.contacts}
    for role in company.contact_roles:
        assert at[role.contact] == company.opportunities[role.opportunity - 1].account
    for one in company.activities:
        assert {at[who] for who in (one.contact, *one.others)} == {one.account}
        assert one.opportunity is None or company.opportunities[one.opportunity - 1].account == one.account


def test_a_deal_is_worth_the_sum_of_its_lines(company: Company) -> None:
    sums = defaultdict(float)
    for line in company.lines:
        sums[line.opportunity] += line.quantity * line.unit_price
    for no, total in sums.items():
        assert company.opportunities[no - 1].amount == pytest.approx(total, abs=0.01)


def test_nothing_is_stamped_before_its_account_or_after_the_last_day(company: Company) -> None:
    for table in ("accounts", "contacts", "opportunities"):
        for row in getattr(company, table):
            assert row.created <= row.modified, row
            assert row.modified.date() <= LAST_DAY, row
    assert all(one.logged.date() <= LAST_DAY for one in company.activities)
    hostile = set(planted(company, "hostile"))
    for table in ("contacts", "opportunities", "cases"):
        for row in getattr(company, table):
            if row.account and row.account not in hostile:
                assert getattr(row, "created", None) or row.opened >= company.accounts[row.account - 1].created, row


def test_closed_deals_lie_in_the_36_months_and_open_ones_near_their_end(company: Company) -> None:
    closed = [deal.close_day for deal in company.opportunities if deal.state != "open"]
    assert all(FIRST_DAY <= day <= LAST_DAY for day in closed)
    assert all(deal.close_day > LAST_DAY - timedelta(days=15) for deal in company.opportunities if deal.state == "open")


def test_trade_and_contact_do_not_break_off_before_the_last_day(company: Company) -> None:
    deals = Counter((LAST_DAY - deal.close_day).days // 30 for deal in won(company))
    touches = Counter((LAST_DAY - one.at.date()).days // 30 for one in company.activities)
    for months in (deals, touches):
        usual = sum(months[at] for at in range(1, 12)) / 11
        assert 0.7 * usual <= months[0] <= 1.4 * usual


def test_key_accounts_are_at_the_top_by_net_value_and_grow(company: Company) -> None:
    net, revenue = value(company, first=0, last=365)
    _, before = value(company, first=365, last=730)
    ranks, keys = ranked(net), planted(company, "key")
    assert 10 <= len(keys) <= 12
    assert max(ranks[no] for no in keys) <= 2 * len(keys)
    assert sum(revenue[no] for no in keys) > 1.1 * sum(before[no] for no in keys)


def test_large_but_not_key_accounts_have_top_revenue_and_lose_money(company: Company) -> None:
    net, revenue = value(company, first=0, last=365)
    ranks = ranked(revenue)
    for no in planted(company, "large_not_key"):
        assert ranks[no] <= 25
        assert net[no] < 0


def test_faded_accounts_are_valuable_but_shrink(company: Company) -> None:
    net, revenue = value(company, first=0, last=365)
    _, before = value(company, first=365, last=730)
    ranks = ranked(net)
    assert all(ranks[no] <= 30 for no in planted(company, "faded"))
    assert sum(revenue[no] for no in planted(company, "faded")) < 0.9 * sum(
        before[no] for no in planted(company, "faded")
    )


def test_planted_affinities_show_as_lift_and_non_relations_do_not(company: Company) -> None:
    owners = owned(company)
    for pair in company.truth["affinities"]:
        assert lift(owners, *pair) > 1.5, pair
    for pair in company.truth["non_relations"]:
        assert 0.8 < lift(owners, *pair) < 1.2, pair


def test_ripe_families_are_pulled_by_an_owned_one_and_neither_bought_nor_tried(company: Company) -> None:
    owners, pulls = owned(company), {pulled: name for name, pulled in company.truth["affinities"]}
    tried = defaultdict(set)
    for line in company.lines:
        tried[company.opportunities[line.opportunity - 1].account].add(company.products[line.product - 1].family)
    assert company.truth["ripe"]
    for no, families in company.truth["ripe"].items():
        for family in families:
            assert pulls[family] in owners[no]
            assert family not in tried[no]


def test_accounts_about_to_lapse_are_overdue_by_their_own_rhythm_and_others_are_not(company: Company) -> None:
    ratios, lapsing, gone = rhythm(company), planted(company, "about_to_lapse"), planted(company, "lapsed")
    assert all(ratios[no] > 2 for no in lapsing)
    assert [no for no, ratio in ratios.items() if ratio > 2 and no not in lapsing and no not in gone] == []


def test_single_threaded_accounts_have_exactly_one_engaged_contact_and_others_none_or_more(company: Company) -> None:
    found = {no for no, people in engaged(company).items() if len(people) == 1}
    assert found == set(planted(company, "single_threaded"))
    assert len(found) >= 10


def test_key_accounts_are_engaged_with_an_executive_among_several(company: Company) -> None:
    people = engaged(company)
    for no in planted(company, "key"):
        assert len(people[no]) >= 3
        assert any(company.truth["seats"][who][1] >= 4 for who in people[no])


def test_accounts_busy_on_paper_have_many_typed_activities_and_nobody_engaged(company: Company) -> None:
    people = engaged(company)
    for no in planted(company, "busy_on_paper"):
        here = [one for one in company.activities if one.account == no]
        assert len(here) >= 40
        assert not any(one.captured for one in here)
        assert people.get(no, []) == []


def test_executives_are_missing_exactly_where_that_was_planted(company: Company) -> None:
    functions = {"general", "finance", "it", "operations", "procurement"}
    customers = {deal.account for deal in won(company)} - set(planted(company, "hostile"))
    found = {}
    for account in company.accounts:
        if account.no in customers and account.employees >= 500:
            seats = [company.truth["seats"][c.no] for c in company.contacts if c.account == account.no]
            lacking = functions - {function for function, level in seats if level >= 4}
            if lacking:
                found[account.no] = sorted(lacking)
    assert found == company.truth["missing_executives"]


def test_three_reporting_lines_in_ten_are_deleted_and_a_few_are_wrong(company: Company) -> None:
    true = {no: manager for no, manager in company.truth["managers"].items() if manager}
    said = {no: company.contacts[no - 1].reports_to for no in true}
    assert 0.25 < sum(said[no] is None for no in true) / len(true) < 0.35
    assert 0 < sum(said[no] not in (None, true[no]) for no in true) / len(true) < 0.06


def test_true_managers_sit_higher_in_the_same_account_and_reach_a_top(company: Company) -> None:
    managers, seats = company.truth["managers"], company.truth["seats"]
    for no, manager in managers.items():
        if manager:
            assert company.contacts[manager - 1].account == company.contacts[no - 1].account
            assert seats[manager][1] >= seats[no][1]
            assert manager < no  # rows run from the top down, so every chain ends


def test_reporting_loops_stand_only_in_the_accounts_that_are_named(company: Company) -> None:
    looped = set()
    for contact in company.contacts:
        at, seen = contact, set()
        while at.reports_to and at.no not in seen:
            seen.add(at.no)
            at = company.contacts[at.reports_to - 1]
        if at.no in seen:
            looped.add(at.account)
    assert looped == set(planted(company, "reporting_loops"))
    assert looped


def test_accounts_without_data_have_nothing_at_all(company: Company) -> None:
    empty = set(planted(company, "no_data"))
    for table in ("contacts", "opportunities", "activities", "cases", "assets"):
        assert not empty & {row.account for row in getattr(company, table)}


def test_emerging_accounts_are_younger_than_six_months_and_buy(company: Company) -> None:
    purchases = Counter(deal.account for deal in won(company))
    for no in planted(company, "emerging"):
        assert (LAST_DAY - company.accounts[no - 1].created.date()).days < 183
        assert purchases[no] >= 2


def test_costs_are_unknown_only_where_that_was_planted(company: Company) -> None:
    unknown = {company.opportunities[line.opportunity - 1].account for line in company.lines if line.cost is None}
    assert unknown == set(planted(company, "cost_unknown"))


def test_account_loops_stand_where_they_are_named(company: Company) -> None:
    looped = set()
    for account in company.accounts:
        no, seen = account.no, []
        while (parent := company.accounts[no - 1].parent) and no not in seen:
            seen.append(no)
            no = parent
        if account.no in seen and no == account.no:
            looped.add(account.no)
    assert looped == set(planted(company, "account_loops"))


def test_the_hostile_corner_holds_what_breaks_careless_code(company: Company) -> None:
    names = [company.accounts[no - 1].name for no in planted(company, "hostile")]
    assert any("🚀" in name for name in names) and any(len(name) == 300 for name in names)
    assert max(Counter(names).values()) == 2
    assert any(contact.title and len(contact.title) == 300 for contact in company.contacts)
    assert any(contact.account is None for contact in company.contacts)
    amounts = [deal.amount for deal in company.opportunities]
    assert None in amounts and 0 in amounts and any(amount is not None and amount < 0 for amount in amounts)
    assert any(deal.account is None for deal in company.opportunities)


def test_four_currencies_trade_and_one_has_a_single_rate(company: Company) -> None:
    assert {account.currency for account in company.accounts} == {"EUR", "USD", "GBP", "JPY"}
    counts = Counter(rate.currency for rate in company.rates)
    assert counts["JPY"] == counts["EUR"] == 1 and counts["USD"] == counts["GBP"] > 12
    exchange = Exchange(company.rates)
    assert exchange.rate("JPY", FIRST_DAY) == exchange.rate("JPY", LAST_DAY)
    assert exchange.rate("USD", FIRST_DAY) != exchange.rate("USD", LAST_DAY)
    assert exchange.digits("JPY") == 0


def test_seven_languages_are_spoken_in_names_and_titles(company: Company) -> None:
    text = " ".join(f"{c.first} {c.last} {c.title}" for c in company.contacts)
    for sample in ("Geschäftsführer", "Directeur", "Gerente", "مدیر", "مدير", "Начальник", "Manager"):
        assert sample in text, sample


def test_the_truth_speaks_in_ids_and_survives_json(company: Company) -> None:
    accounts, contacts = [f"A{a.no}" for a in company.accounts], [f"C{c.no}" for c in company.contacts]
    told = json.loads(json.dumps(truth_in(company, accounts, contacts)))
    assert told["accounts"]["key"] == [f"A{no}" for no in planted(company, "key")]
    for no, manager in company.truth["managers"].items():
        assert told["managers"][f"C{no}"] == (f"C{manager}" if manager else None)
    assert set(told["engaged"]) == {f"A{no}" for no in company.truth["engaged"]}


def test_medium_has_5000_accounts_and_25_key_accounts_near_the_top() -> None:
    medium = build("medium", 3)
    assert len(medium.accounts) == 5_000 and len({account.name for account in medium.accounts}) >= 4_999
    ranks = ranked(value(medium, first=0, last=365)[0])
    keys = planted(medium, "key")
    assert len(keys) == 25 and max(ranks[no] for no in keys) <= 50
    owners = owned(medium)
    assert all(lift(owners, *pair) > 1.5 for pair in medium.truth["affinities"])
    assert all(0.9 < lift(owners, *pair) < 1.1 for pair in medium.truth["non_relations"])

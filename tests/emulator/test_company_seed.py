"""The invented company in a Salesforce org: every row arrives, in the org's own terms, as people and links left it."""

from multiprocessing import Pipe
from threading import Thread

import pytest

from connector.emulator.company import LAST_DAY, Company, build
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.seed import FIELDS, STAGES, invent, receive, seed


@pytest.fixture(scope="module")
def company() -> Company:
    return build("small", 11)


@pytest.fixture(scope="module")
def seeded(company: Company):
    org = Org()
    ids = seed(org, company)
    yield org, ids
    org.db.close()


@pytest.fixture(scope="module")
def again(company: Company):
    org = Org()
    ids = seed(org, company)
    yield org, ids
    org.db.close()


def column(org: Org, name: str, *fields: str) -> list[tuple]:
    listed = ", ".join(f'"{field}"' for field in fields)
    return org.rows(f'SELECT {listed} FROM "{name}"')


def test_every_row_becomes_a_record(seeded, company: Company) -> None:
    org, _ = seeded
    tables = {
        "Account": "accounts", "Contact": "contacts", "Opportunity": "opportunities", "OpportunityLineItem": "lines",
        "OpportunityContactRole": "contact_roles", "Product2": "products", "Case": "cases", "Asset": "assets",
    }  # fmt: skip
    for name, table in tables.items():
        assert len(column(org, name, "Id")) == len(getattr(company, table)), name
    assert len(column(org, "Task", "Id")) + len(column(org, "Event", "Id")) == len(company.activities)


def test_ids_follow_the_order_of_the_company(seeded) -> None:
    _, ids = seeded
    for table, found in ids.items():
        assert found == sorted(found, key=lambda one: one[:15]) or table == "activities", table


def test_two_orgs_get_the_same_company_record_for_record(seeded, again) -> None:
    (org, ids), (other, other_ids) = seeded, again
    assert ids == other_ids
    for name in ("Account", "Contact", "Opportunity", "OpportunityLineItem", "Task", "Event"):
        fields = [field.name for field in org.object(name).fields.values() if field.stored]
        assert column(org, name, *fields) == column(other, name, *fields)


def test_the_two_halves_of_seeding_make_the_same_records_as_the_whole(seeded) -> None:
    org, _ = seeded
    other, (makers, takers) = Org(), Pipe()
    inventing = Thread(target=invent, args=(makers, "small", 11))
    inventing.start()
    receive(other, takers, "small", 11, lambda _: None)
    inventing.join()
    tables = [
        name for (name,) in org.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_*'")
    ]
    own = {"Organization", "User"}  # each org has an id of its own
    assert {"Task", "OpportunityLineItem", "PricebookEntry"} <= set(tables)
    for name in set(tables) - own:
        fields = [f.name for f in org.object(name).fields.values() if f.stored] if name.lower() in org.objects else []
        fields = [field for field in fields if field not in ("CreatedDate", "LastModifiedDate", "SystemModstamp")]
        if fields:
            assert column(org, name, *fields) == column(other, name, *fields), name
    assert other.numbers.next == org.numbers.next
    other.db.close()


def test_every_reference_finds_its_record(seeded) -> None:
    org, _ = seeded
    for name in (
        "Account",
        "Contact",
        "Opportunity",
        "OpportunityLineItem",
        "OpportunityContactRole",
        "Task",
        "Event",
        "Case",
        "Asset",
    ):
        for field in org.object(name).fields.values():
            if field.type == "reference" and field.stored:
                tables = [target for target in field.reference_to if target.lower() in org.objects]
                known = {row[0] for target in tables for row in column(org, target, "Id")}
                assert {row[0] for row in column(org, name, field.name)} - {None} <= known, (name, field.name)


def test_history_is_stamped_in_history(seeded) -> None:
    org, _ = seeded
    for name in ("Account", "Contact", "Opportunity", "Task", "Event", "Case"):
        stamps = column(org, name, "CreatedDate", "LastModifiedDate", "SystemModstamp")
        assert all(
            created <= modified <= stamp and stamp[:10] <= LAST_DAY.isoformat() for created, modified, stamp in stamps
        ), name
        assert len({stamp for *_, stamp in stamps}) > 0.9 * len(stamps)


def test_values_fit_the_fields_that_hold_them(seeded) -> None:
    org, _ = seeded
    for name in ("Account", "Contact", "Opportunity", "Product2", "User", "Case", "Asset", "Task", "Event"):
        for field in org.object(name).fields.values():
            if field.stored and field.length and field.type not in ("id", "reference"):
                longest = max(
                    (len(str(row[0])) for row in column(org, name, field.name) if row[0] is not None), default=0
                )
                assert longest <= field.length, (name, field.name)


def test_picklists_hold_only_values_they_offer(seeded) -> None:
    org, _ = seeded
    for name in (
        "Account",
        "Contact",
        "Opportunity",
        "Product2",
        "User",
        "Case",
        "Asset",
        "Task",
        "Event",
        "OpportunityContactRole",
    ):
        for field in org.object(name).fields.values():
            if field.type == "picklist" and field.stored and field.picklist:
                offered = {value.value for value in field.picklist}
                assert {row[0] for row in column(org, name, field.name)} - {None} <= offered, (name, field.name)


def test_deals_are_closed_and_won_by_their_stage_and_keep_their_amount(seeded, company: Company) -> None:
    org, ids = seeded
    records = {
        row[0]: row[1:]
        for row in column(org, "Opportunity", "Id", "StageName", "IsClosed", "IsWon", "Amount", "CurrencyIsoCode")
    }
    for deal in company.opportunities:
        expected = (STAGES[deal.stage], int(deal.state != "open"), int(deal.state == "won"), deal.amount, deal.currency)
        assert records[ids["opportunities"][deal.no - 1]] == expected


def test_lines_carry_price_cost_and_the_price_book_entry_of_their_currency(seeded, company: Company) -> None:
    org, ids = seeded
    rows = org.rows(
        'SELECT l."Id", l."TotalPrice", l."Cost__c", l."Product2Id",'
        ' e."Product2Id", e."CurrencyIsoCode", o."CurrencyIsoCode" FROM "OpportunityLineItem" l'
        ' JOIN "PricebookEntry" e ON e."Id" = l."PricebookEntryId"'
        ' JOIN "Opportunity" o ON o."Id" = l."OpportunityId"'
    )
    found = {row[0]: row[1:] for row in rows}
    assert len(found) == len(company.lines)
    for line in company.lines:
        total, cost, product, priced, currency, deal_currency = found[ids["lines"][line.no - 1]]
        assert total == pytest.approx(line.quantity * line.unit_price, abs=0.01)
        assert (cost, product, currency) == (line.cost, priced, deal_currency)


def test_the_tokens_user_sees_and_may_edit_the_custom_fields(seeded) -> None:
    org, _ = seeded
    for name, fields in FIELDS.items():
        names = {field.name for field in fields}
        assert names <= org.readable(org.admin_id, name)
        assert names <= org.editable(org.admin_id, name)
    assert "Cost__c" not in org.readable(org.user_id("Standard User"), "OpportunityLineItem")


def test_currencies_are_those_of_an_org_with_several(seeded) -> None:
    org, _ = seeded
    types = {row[0]: row[1:] for row in column(org, "CurrencyType", "IsoCode", "IsCorporate", "DecimalPlaces")}
    assert types == {"EUR": (1, 2), "USD": (0, 2), "GBP": (0, 2), "JPY": (0, 0)}
    dated = column(org, "DatedConversionRate", "IsoCode", "StartDate", "NextStartDate")
    assert {code for code, *_ in dated} == {"USD", "GBP"}
    ends = {(code, end) for code, _, end in dated if end}
    assert ends <= {(code, start) for code, start, _ in dated}


def test_mails_say_which_way_they_went_and_meetings_who_came(seeded, company: Company) -> None:
    org, ids = seeded
    types = dict(column(org, "Task", "Id", "Type"))
    wanted = {"email_in": "Email Received", "email_out": "Email Sent", "call": "Call", "task": "Other"}
    came = {}
    for event, who in column(org, "EventRelation", "EventId", "RelationId"):
        came.setdefault(event, set()).add(who)
    for one in company.activities:
        record = ids["activities"][one.no - 1]
        if one.kind == "meeting":
            assert came[record] == {ids["contacts"][who - 1] for who in (one.contact, *one.others)}
        else:
            assert types[record] == wanted[one.kind]


def test_a_new_case_gets_the_next_number(again, company: Company) -> None:
    org, _ = again
    made = org.create(org.admin_id, "Case", {"Subject": "New"})
    assert org.get(org.admin_id, "Case", made)["CaseNumber"] == f"{len(company.cases) + 1:08d}"

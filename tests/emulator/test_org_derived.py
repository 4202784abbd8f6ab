"""What follows from what: stages, line totals, roll-ups, activities, dates."""

from datetime import UTC, datetime

import pytest

from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.org.records import Org


@pytest.fixture
def org() -> Org:
    return Org(clock=lambda: datetime(2026, 5, 2, 12, tzinfo=UTC))


def row(org: Org, kind: str, record_id: str) -> dict[str, object]:
    return dict(org.get(org.admin_id, kind, record_id))


def deal(org: Org, **more: object) -> str:
    values = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-05-31", **more}
    return org.create(org.admin_id, "Opportunity", values)


def product(org: Org, price: float = 100) -> tuple[str, str]:
    made = org.create(org.admin_id, "Product2", {"Name": "Pump", "ProductCode": "P1", "IsActive": True})
    entry = {"Product2Id": made, "Pricebook2Id": org.pricebook_id, "UnitPrice": price, "IsActive": True}
    return made, org.create(org.admin_id, "PricebookEntry", entry)


def test_a_deal_takes_state_probability_and_forecast_from_its_stage(org: Org) -> None:
    made = deal(org, Amount=200)
    before = row(org, "Opportunity", made)
    assert [before[key] for key in ("IsClosed", "IsWon", "Probability", "ExpectedRevenue")] == [0, 0, 10.0, 20.0]
    assert [before[key] for key in ("FiscalYear", "FiscalQuarter", "Fiscal")] == [2026, 2, "2026 2"]
    org.update(org.admin_id, "Opportunity", made, {"StageName": "Closed Won"})
    after = row(org, "Opportunity", made)
    assert [after[key] for key in ("IsClosed", "IsWon", "Probability", "ForecastCategory")] == [1, 1, 100.0, "Closed"]
    assert after["LastStageChangeDate"] is not None


def test_a_given_probability_wins_over_the_stage_s(org: Org) -> None:
    assert row(org, "Opportunity", deal(org, Probability=35))["Probability"] == 35.0


def test_lines_fill_themselves_from_the_price_book_and_roll_up_into_the_deal(org: Org) -> None:
    made, (thing, entry) = deal(org, Amount=7), product(org)
    line = org.create(
        org.admin_id,
        "OpportunityLineItem",
        {"OpportunityId": made, "PricebookEntryId": entry, "Quantity": 3, "UnitPrice": 90},
    )
    held = row(org, "OpportunityLineItem", line)
    assert [held[key] for key in ("Product2Id", "ProductCode", "Name")] == [thing, "P1", "Deal Pump"]
    assert [held[key] for key in ("ListPrice", "TotalPrice", "Subtotal")] == [100.0, 270.0, 270.0]
    owner = row(org, "Opportunity", made)
    assert [owner[key] for key in ("Amount", "HasOpportunityLineItem", "ExpectedRevenue")] == [270.0, 1, 27.0]
    org.update(org.admin_id, "Opportunity", made, {"Amount": 5})
    assert row(org, "Opportunity", made)["Amount"] == 270.0
    org.delete(org.admin_id, "OpportunityLineItem", line)
    owner = row(org, "Opportunity", made)
    assert (owner["Amount"], owner["HasOpportunityLineItem"]) == (270.0, 0)


def test_a_total_price_gives_the_unit_price_and_both_are_refused(org: Org) -> None:
    made, (_, entry) = deal(org), product(org)
    values = {"OpportunityId": made, "PricebookEntryId": entry, "Quantity": 4}
    line = org.create(org.admin_id, "OpportunityLineItem", {**values, "TotalPrice": 200})
    assert row(org, "OpportunityLineItem", line)["UnitPrice"] == 50.0
    org.update(org.admin_id, "OpportunityLineItem", line, {"Quantity": 2})
    assert row(org, "OpportunityLineItem", line)["TotalPrice"] == 100.0
    org.update(org.admin_id, "OpportunityLineItem", line, {"TotalPrice": 80})
    assert row(org, "OpportunityLineItem", line)["UnitPrice"] == 40.0
    with pytest.raises(Problem, match="either the unit price or the total price"):
        org.create(org.admin_id, "OpportunityLineItem", {**values, "TotalPrice": 200, "UnitPrice": 50})


def test_a_line_needs_a_product(org: Org) -> None:
    with pytest.raises(Problem, match=r"Required fields are missing: \[PricebookEntryId\]"):
        org.create(org.admin_id, "OpportunityLineItem", {"OpportunityId": deal(org), "Quantity": 1})


def test_an_activity_belongs_to_the_account_of_what_or_whom_it_is_about(org: Org) -> None:
    account = org.create(org.admin_id, "Account", {"Name": "A"})
    contact = org.create(org.admin_id, "Contact", {"LastName": "C", "AccountId": account})
    for link in ({"WhatId": account}, {"WhatId": deal(org, AccountId=account)}, {"WhoId": contact}):
        task = org.create(org.admin_id, "Task", dict(link))
        assert row(org, "Task", task)["AccountId"] == account
    assert row(org, "Task", org.create(org.admin_id, "Task", {}))["AccountId"] is None


def test_a_completed_task_moves_the_last_activity_without_touching_the_stamps(org: Org) -> None:
    account = org.create(org.admin_id, "Account", {"Name": "A"})
    before = row(org, "Account", account)
    task = org.create(org.admin_id, "Task", {"WhatId": account, "ActivityDate": "2020-03-01"})
    assert row(org, "Account", account)["LastActivityDate"] is None
    org.update(org.admin_id, "Task", task, {"Status": "Completed"})
    after = row(org, "Account", account)
    assert after["LastActivityDate"] == "2020-03-01"
    assert after["SystemModstamp"] == before["SystemModstamp"]
    assert row(org, "Task", task)["CompletedDateTime"] is not None


def test_an_event_works_out_its_end_or_its_length(org: Org) -> None:
    by_length = org.create(
        org.admin_id, "Event", {"StartDateTime": "2026-05-01T23:30:00+02:00", "DurationInMinutes": 60}
    )
    held = row(org, "Event", by_length)
    assert (held["StartDateTime"], held["EndDateTime"]) == (
        "2026-05-01T21:30:00.000+0000",
        "2026-05-01T22:30:00.000+0000",
    )
    assert (held["ActivityDateTime"], held["ActivityDate"]) == ("2026-05-01T21:30:00.000+0000", "2026-05-01")
    span = {"ActivityDateTime": "2026-05-01T10:00:00Z", "EndDateTime": "2026-05-01T11:30:00Z"}
    by_end = org.create(org.admin_id, "Event", dict(span))
    assert row(org, "Event", by_end)["DurationInMinutes"] == 90
    with pytest.raises(Problem, match="DurationInMinutes"):
        org.create(org.admin_id, "Event", {"StartDateTime": "2026-05-01T10:00:00Z"})


def test_a_closed_case_knows_when_and_its_account_from_its_contact(org: Org) -> None:
    account = org.create(org.admin_id, "Account", {"Name": "A"})
    contact = org.create(org.admin_id, "Contact", {"LastName": "C", "AccountId": account})
    case = org.create(org.admin_id, "Case", {"ContactId": contact})
    held = row(org, "Case", case)
    assert (held["AccountId"], held["IsClosed"], held["Status"], held["CaseNumber"]) == (account, 0, "New", "00001001")
    org.update(org.admin_id, "Case", case, {"Status": "Closed"})
    assert row(org, "Case", case)["ClosedDate"] == org.get(org.admin_id, "Case", case)["LastModifiedDate"]


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [("2026-01-01", 12, "2026-12-31"), ("2026-01-31", 1, "2026-02-27"), ("2025-12-15", 3, "2026-03-14"),
     ("2024-02-29", 12, "2025-02-27")],
)  # fmt: skip
def test_a_contract_ends_the_day_before_its_term_is_over(org: Org, start: str, months: int, end: str) -> None:
    account = org.create(org.admin_id, "Account", {"Name": "A"})
    made = org.create(org.admin_id, "Contract", {"AccountId": account, "StartDate": start, "ContractTerm": months})
    assert row(org, "Contract", made)["EndDate"] == end


def test_bulk_loading_derives_the_same_as_single_writes(org: Org) -> None:
    account = org.create(org.admin_id, "Account", {"Name": "A"})
    contact = org.create(org.admin_id, "Contact", {"LastName": "C", "FirstName": "F", "AccountId": account})
    thing, entry = product(org)
    single = deal(org, AccountId=account, Amount=50)
    day = {"WhatId": account, "StartDateTime": "2026-05-01T10:00:00Z", "DurationInMinutes": 45}
    start = "2026-05-01T10:00:00Z"
    for kind, values in (
        ("Contact", {"LastName": "C", "FirstName": "F", "AccountId": account}),
        ("Opportunity", {"Name": "Deal", "StageName": "Closed Won", "CloseDate": "2026-05-31", "Amount": 50}),
        ("OpportunityLineItem", {"OpportunityId": single, "PricebookEntryId": entry, "Quantity": 2, "UnitPrice": 25}),
        ("Task", {"WhoId": contact, "Status": "Completed", "ActivityDate": "2026-01-02"}),
        ("Event", day),
        ("Event", {"WhoId": contact, "ActivityDateTime": start, "EndDateTime": "2026-05-01T12:00:00Z"}),
        ("Case", {"ContactId": contact, "Status": "Closed"}),
        ("Contract", {"AccountId": account, "StartDate": "2026-01-15", "ContractTerm": 6}),
    ):
        one = row(org, kind, org.create(org.admin_id, kind, dict(values)))
        org.bulk_load(kind, list(values), [list(values.values())])
        many = row(org, kind, str(org.rows(f'SELECT "Id" FROM "{kind}" ORDER BY rowid DESC LIMIT 1')[0][0]))
        own = {"Id", "CaseNumber", "ContractNumber", "ClosedDate", "CompletedDateTime"}
        assert {key: value for key, value in many.items() if key not in own and key[:6] != "System"} == {
            key: value for key, value in one.items() if key not in own and key[:6] != "System"
        }, kind
    assert row(org, "Account", account)["LastActivityDate"] is not None
    assert thing


def test_a_deleted_deal_hides_its_lines_and_an_undelete_brings_them_back(org: Org) -> None:
    made, (_, entry) = deal(org), product(org)
    line = org.create(
        org.admin_id, "OpportunityLineItem", {"OpportunityId": made, "PricebookEntryId": entry, "Quantity": 1}
    )
    org.delete(org.admin_id, "Opportunity", made)
    assert org.rows('SELECT "IsDeleted" FROM "OpportunityLineItem"') == [(1,)]
    org.undelete(org.admin_id, "Opportunity", made)
    assert row(org, "OpportunityLineItem", line)["TotalPrice"] == 100.0

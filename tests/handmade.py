"""Hand-made accounts, contacts, deals with lines and calls, the same in an org of either CRM.

An empty org comes in; the ids of its accounts leave. Next room: `world`.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

AS_OF = date(2026, 6, 30)
ACCOUNTS = 30
_FAMILIES = ("Pumps", "Valves", "Seals", "Service")
_INDUSTRIES = ("Energy", "Chemicals")
_TITLES = ("Chief Executive Officer", "Head of Procurement", "IT Manager", "Plant Engineer", "Chief Financial Officer")
_STAMP = datetime(2025, 1, 1, tzinfo=UTC)


def _is_prospect(account: int) -> bool:
    return account % 6 == 5


def _people(accounts: int) -> list[tuple[int, int]]:
    """Account and number of every contact."""
    return [(n, k) for n in range(accounts) for k in range(1 + n % 4)]


def _deals(accounts: int) -> list[tuple[int, int]]:
    """Account and number of every deal, all of them won."""
    return [(n, k) for n in range(accounts) if not _is_prospect(n) for k in range(2 + n % 5)]


def _calls(accounts: int) -> list[tuple[int, int, int]]:
    """Account, contact and number of every call."""
    return [(n, k, i) for n, k in _people(accounts) if n % 3 for i in range(1 + n % 3)]


def _amount(account: int, deal: int) -> float:
    return 1000.0 * (account + 1) * (1 + deal % 2)


def _closed(deal: int) -> date:
    return AS_OF - timedelta(days=40 + 80 * deal)


def _called(call: int) -> date:
    return AS_OF - timedelta(days=5 + 7 * call)


def _title(account: int, contact: int) -> str:
    return _TITLES[(account + contact) % len(_TITLES)]


def fill_salesforce(org: Any, accounts: int) -> list[str]:
    """Put them into a Salesforce org."""
    stamps = ["CreatedDate", "LastModifiedDate", "SystemModstamp"]

    def load(name: str, columns: list[str], rows: list[list[object]]) -> None:
        org.bulk_load(name, [*columns, *stamps], [[*row, _STAMP, _STAMP, _STAMP] for row in rows])

    ids = [org.new_id("001") for _ in range(accounts)]
    kinds = ["Prospect" if _is_prospect(n) else "Customer - Direct" for n in range(accounts)]
    load(
        "Account",
        ["Id", "Name", "Type", "Industry", "BillingCountry", "NumberOfEmployees", "AnnualRevenue"],
        [
            [ids[n], f"Company {n:02d}", kinds[n], _INDUSTRIES[n % 2], "DE", 20 + 30 * n, 1e6 + 2e5 * n]
            for n in range(accounts)
        ],
    )
    products = [org.new_id("01t") for _ in _FAMILIES]
    family = org.field(org.object("Product2"), "Family")
    org.add_field("Product2", family.with_(restricted=False))
    load(
        "Product2",
        ["Id", "Name", "Family", "IsActive"],
        [[p, f"{f} 1", f, True] for p, f in zip(products, _FAMILIES, strict=True)],
    )
    entries = [org.new_id("01u") for _ in products]
    load(
        "PricebookEntry",
        ["Id", "Product2Id", "Pricebook2Id", "UnitPrice", "IsActive"],
        [[e, p, org.pricebook_id, 100, True] for e, p in zip(entries, products, strict=True)],
    )
    people = {who: org.new_id("003") for who in _people(accounts)}
    load(
        "Contact",
        ["Id", "AccountId", "FirstName", "LastName", "Title"],
        [[c, ids[n], "Kim", f"Person {n}-{k}", _title(n, k)] for (n, k), c in people.items()],
    )
    deals = {deal: org.new_id("006") for deal in _deals(accounts)}
    load(
        "Opportunity",
        ["Id", "AccountId", "Name", "StageName", "Amount", "CloseDate"],
        [[o, ids[n], f"Deal {n}-{k}", "Closed Won", _amount(n, k), _closed(k)] for (n, k), o in deals.items()],
    )
    load(
        "OpportunityLineItem",
        ["Id", "OpportunityId", "PricebookEntryId", "Product2Id", "Quantity", "UnitPrice", "TotalPrice"],
        [
            [org.new_id("00k"), o, entries[(n + k) % 3], products[(n + k) % 3], 10, 100.0 * (n + 1), 1000.0 * (n + 1)]
            for (n, k), o in deals.items()
        ],
    )
    load(
        "Task",
        ["Id", "WhoId", "WhatId", "AccountId", "Subject", "Type", "ActivityDate", "Status"],
        [
            [org.new_id("00T"), people[n, k], ids[n], ids[n], "Call", "Call", _called(i), "Completed"]
            for n, k, i in _calls(accounts)
        ],
    )
    return ids


def fill_dynamics(org: Any, accounts: int) -> list[str]:
    """Put them into a Dynamics org."""
    euro = org.currency_id

    def load(name: str, columns: list[str], rows: list[list[object]]) -> None:
        org.bulk_load(name, [*columns, "createdon", "modifiedon"], [[*row, _STAMP, _STAMP] for row in rows])

    def option(column: str, label: str) -> int:
        options = org.table("account").columns[column].options
        return int(next(o.value for o in options if o.label == label))

    ids = [org.new_guid("account") for _ in range(accounts)]
    kinds = [option("customertypecode", "Prospect" if _is_prospect(n) else "Customer") for n in range(accounts)]
    trades = [o.value for o in org.table("account").columns["industrycode"].options[:2]]
    load(
        "account",
        ["accountid", "name", "customertypecode", "industrycode", "address1_country", "numberofemployees", "revenue",
         "transactioncurrencyid"],
        [
            [ids[n], f"Company {n:02d}", kinds[n], trades[n % 2], "DE", 20 + 30 * n, 1e6 + 2e5 * n, euro]
            for n in range(accounts)
        ],
    )  # fmt: skip
    families = [org.new_guid("product") for _ in _FAMILIES]
    products = [org.new_guid("product") for _ in _FAMILIES]
    load(
        "product",
        ["productid", "name", "productnumber", "productstructure", "parentproductid", "statecode", "statuscode"],
        [
            *([f, name, f"F{n}", 2, None, 0, 1] for n, (f, name) in enumerate(zip(families, _FAMILIES, strict=True))),
            *([p, f"{_FAMILIES[n]} 1", f"P{n}", 1, families[n], 0, 1] for n, p in enumerate(products)),
        ],
    )
    people = {who: org.new_guid("contact") for who in _people(accounts)}
    load(
        "contact",
        ["contactid", "parentcustomerid", "accountid", "firstname", "lastname", "fullname", "jobtitle"],
        [
            [c, ("account", ids[n]), ids[n], "Kim", f"Person {n}-{k}", f"Kim Person {n}-{k}", _title(n, k)]
            for (n, k), c in people.items()
        ],
    )
    deals = {deal: org.new_guid("opportunity") for deal in _deals(accounts)}
    load(
        "opportunity",
        ["opportunityid", "customerid", "accountid", "parentaccountid", "name", "statecode", "statuscode",
         "actualvalue", "estimatedvalue", "totalamount", "actualclosedate", "estimatedclosedate",
         "transactioncurrencyid", "exchangerate"],
        [
            [o, ("account", ids[n]), ids[n], ids[n], f"Deal {n}-{k}", 1, 3,
             *[_amount(n, k)] * 3, *[_closed(k)] * 2, euro, 1.0]
            for (n, k), o in deals.items()
        ],
    )  # fmt: skip
    load(
        "opportunityproduct",
        ["opportunityproductid", "opportunityid", "productid", "quantity", "priceperunit", "baseamount",
         "extendedamount", "transactioncurrencyid", "exchangerate"],
        [
            [org.new_guid("opportunityproduct"), o, products[(n + k) % 3], 10, 100.0 * (n + 1),
             *[1000.0 * (n + 1)] * 2, euro, 1.0]
            for (n, k), o in deals.items()
        ],
    )  # fmt: skip
    _load_calls(org, load, ids, people)
    return ids


def _load_calls(org: Any, load: Any, ids: list[str], people: dict[tuple[int, int], str]) -> None:
    """The calls, and the parties that each was between; the org itself lists them among all activities."""
    calls = [(org.new_guid("phonecall"), n, k, i) for n, k, i in _calls(len(ids))]
    load(
        "phonecall",
        ["activityid", "subject", "regardingobjectid", "statecode", "statuscode", "actualend", "sortdate"],
        [[a, "Call", ("account", ids[n]), 1, 2, *[f"{_called(i)}T12:00:00Z"] * 2] for a, n, _, i in calls],
    )
    parties = [(a, ("contact", people[n, k]), 2) for a, n, k, _ in calls]
    parties += [(a, ("account", ids[n]), 8) for a, n, _, _ in calls]
    org.bulk_load(
        "activityparty",
        ["activitypartyid", "activityid", "partyid", "participationtypemask"],
        [[org.new_guid("activityparty"), ("phonecall", a), who, how] for a, who, how in parties],
    )


FILLS = {"salesforce": fill_salesforce, "dynamics": fill_dynamics}

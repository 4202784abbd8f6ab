"""SOQL over a small org with known records: which rows come, in which order and in which shape."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.emulator.salesforce.org.model import Field, PicklistValue, Problem
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.soql.query import Result, explain, run
from connector.emulator.salesforce.soql.terms import span
from connector.emulator.salesforce.soql.tree import Literal

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)  # a Wednesday


class Company:
    """An org with a handful of records whose ids go by short names."""

    def __init__(self) -> None:
        self.org = Org(clock=lambda: NOW)
        self.ids: dict[str, str] = {}
        regions = tuple(PicklistValue(name, f"The {name}") for name in ("North", "South", "East"))
        self.org.add_field("Account", Field("Regions__c", "multipicklist", custom=True, picklist=regions))
        admin = self.org.admin_id
        seeing = self.org.create(admin, "PermissionSet", {"Name": "Sees", "Label": "Sees"}, system=True)
        self.org.create(admin, "PermissionSetAssignment", {"AssigneeId": admin, "PermissionSetId": seeing}, system=True)
        self.org.grant(seeing, "Account", "Regions__c", edit=True)

    def add(self, key: str, kind: str, created: str = "2026-05-20T08:00:00.000+0000", **values: object) -> str:
        self.ids[key] = self.org.create(
            self.org.admin_id, kind, values | {"CreatedDate": created, "SystemModstamp": created}, system=True
        )
        return self.ids[key]

    def run(self, soql: str, **more: Any) -> Result:
        return run(self.org, self.org.admin_id, soql, **more)

    def records(self, soql: str, **more: Any) -> list[Any]:
        return self.run(soql, **more).page()

    def names(self, soql: str, **more: Any) -> list[str]:
        """Give the short names of the records that came."""
        short = {record_id: key for key, record_id in self.ids.items()}
        return [short[record["Id"]] for record in self.records(soql, **more)]

    def refused(self, soql: str) -> Problem:
        with pytest.raises(Problem) as caught:
            self.run(soql)
        return caught.value


def fill(company: Company) -> None:
    add = company.add
    acme = add("acme", "Account", "2024-02-29T23:59:59.000+0000", Name="Acme", Industry="Banking", AnnualRevenue=100,
               NumberOfEmployees=10, BillingCity="Ulm", Regions__c="North;South", Description="long")  # fmt: skip
    boese = add("boese", "Account", "2026-05-19T00:00:00.000+0000", Name="BÖSE GmbH", Industry="Energy", ParentId=acme,
                AnnualRevenue=250.5, Regions__c="East")  # fmt: skip
    add("discount", "Account", "2026-04-30T10:00:00.000+0000", Name="100%_off \\ Bob's", ParentId=boese)
    add("gone", "Account", "2026-01-01T00:00:00.000+0000", Name="Gone", Industry="Banking")
    add(
        "al", "Contact", LastName="Zed", FirstName="Al", AccountId=acme, Email="al@acme.example", Birthdate="1980-05-20"
    )
    add("bo", "Contact", LastName="Young", FirstName="Bo", AccountId=acme)
    add("cy", "Contact", LastName="Änne", AccountId=company.ids["gone"], Birthdate="2026-05-20")
    add("di", "Contact", LastName="anna")
    add("won", "Opportunity", Name="Won", AccountId=acme, StageName="Closed Won", CloseDate="2026-03-31", Amount=10)
    add("open", "Opportunity", Name="Open", AccountId=boese, StageName="Prospecting", CloseDate="2026-06-30", Amount=30)
    add("none", "Opportunity", Name="None", AccountId=acme, StageName="Prospecting", CloseDate="2026-05-20")
    add("call", "Task", Subject="Call", WhatId=acme, WhoId=company.ids["al"])
    add("mail", "Task", Subject="Mail", WhatId=company.ids["open"])
    add("note", "Task", Subject="Note")
    company.org.delete(company.org.admin_id, "Account", company.ids["gone"])
    # Deleting the account took its contact along; this one came back with the reference still pointing at it.
    company.org.db.execute(
        'UPDATE "Contact" SET "IsDeleted" = 0, "AccountId" = ? WHERE "Id" = ?', (company.ids["gone"], company.ids["cy"])
    )


@pytest.fixture(scope="module")
def company() -> Iterator[Company]:
    made = Company()
    fill(made)
    yield made
    made.org.db.close()


ROWS = [
    ("Account WHERE Name = 'ACME'", ["acme"]),
    ("Account WHERE Name = 'böse gmbh'", ["boese"]),
    ("Account WHERE Name != 'acme'", ["boese", "discount"]),
    ("Account WHERE Name <> 'acme' AND Industry = null", ["discount"]),
    ("Account WHERE Industry != 'Energy'", ["acme", "discount"]),
    ("Account WHERE Industry = ''", ["discount"]),
    ("Account WHERE Industry IN ('energy', null)", ["boese", "discount"]),
    ("Account WHERE Industry NOT IN ('Energy')", ["acme", "discount"]),
    ("Account WHERE Name IN ('BÖSE GMBH', 'acme')", ["acme", "boese"]),
    ("Account WHERE NOT Industry = 'Energy'", ["acme", "discount"]),
    ("Account WHERE NOT (AnnualRevenue > 200)", ["acme", "discount"]),
    ("Account WHERE AnnualRevenue >= 100 AND AnnualRevenue < 250.5", ["acme"]),
    ("Account WHERE AnnualRevenue = 250.50", ["boese"]),
    ("Account WHERE NumberOfEmployees IN (9, 10)", ["acme"]),
    ("Account WHERE AnnualRevenue > -1", ["acme", "boese"]),
    ("Account WHERE Name LIKE '%off%'", ["discount"]),
    ("Account WHERE Name LIKE '100\\%\\_off%'", ["discount"]),
    ("Account WHERE Name LIKE '100_\\_off%'", ["discount"]),
    ("Account WHERE Name LIKE '1000%\\_'", []),
    ("Account WHERE Name LIKE '%\\\\\\\\ Bob\\'s'", []),
    ("Account WHERE Name LIKE '%\\\\ Bob\\'s'", ["discount"]),
    ("Account WHERE Name = '100%_off \\\\ Bob\\'s'", ["discount"]),
    ("Account WHERE Name LIKE 'bö_e%'", ["boese"]),
    ("Account WHERE (NOT Name LIKE 'a%') AND Name != null", ["boese", "discount"]),
    ("Account WHERE Name > 'b'", ["boese"]),
    ("Account WHERE Regions__c INCLUDES ('north;SOUTH')", ["acme"]),
    ("Account WHERE Regions__c INCLUDES ('East', 'North')", ["acme", "boese"]),
    ("Account WHERE Regions__c INCLUDES ('North;East')", []),
    ("Account WHERE Regions__c EXCLUDES ('East')", ["acme", "discount"]),
    ("Account WHERE Regions__c = 'North;South'", ["acme"]),
    ("Account WHERE Parent.Name = 'acme'", ["boese"]),
    ("Account WHERE Parent.Parent.Name LIKE 'ac%'", ["discount"]),
    ("Account WHERE Account.Parent.Name = null", ["acme"]),
    ("Account a WHERE a.Name = 'acme'", ["acme"]),
    ("Account WHERE (Name = 'acme' OR Industry = 'Energy') AND AnnualRevenue > 200", ["boese"]),
    ("Account WHERE CreatedDate = YESTERDAY", ["boese"]),
    ("Account WHERE CreatedDate < THIS_YEAR", ["acme"]),
    ("Account WHERE CreatedDate = LAST_MONTH", ["discount"]),
    ("Account WHERE CreatedDate > LAST_MONTH", ["boese"]),
    ("Account WHERE CreatedDate >= LAST_N_DAYS:1", ["boese"]),
    ("Account WHERE CreatedDate = LAST_N_DAYS:20", ["boese", "discount"]),
    ("Account WHERE CreatedDate = N_DAYS_AGO:1", ["boese"]),
    ("Contact WHERE CreatedDate = LAST_N_DAYS:1 AND FirstName != null", ["al", "bo"]),
    ("Opportunity WHERE CloseDate = NEXT_N_DAYS:60", ["open"]),
    ("Opportunity WHERE CloseDate = LAST_90_DAYS", ["won", "none"]),
    ("Contact WHERE Birthdate = TODAY", ["cy"]),
    ("Account WHERE CreatedDate = THIS_WEEK", ["boese"]),
    ("Account WHERE CreatedDate != THIS_QUARTER", ["acme"]),
    ("Account WHERE CreatedDate IN (YESTERDAY, 2024-02-29T23:59:59Z)", ["acme", "boese"]),
    ("Account WHERE CreatedDate = 2024-03-01T00:59:59.000+01:00", ["acme"]),
    ("Account WHERE CreatedDate > 2026-05-18T22:00:00.500-02:00", []),
    ("Account WHERE CreatedDate >= 2026-05-18T22:00:00-0200", ["boese"]),
    ("Account WHERE CALENDAR_YEAR(CreatedDate) = 2024 AND DAY_IN_MONTH(CreatedDate) = 29", ["acme"]),
    ("Account WHERE DAY_ONLY(CreatedDate) = 2024-02-29 AND HOUR_IN_DAY(CreatedDate) = 23", ["acme"]),
    ("Account WHERE DAY_IN_WEEK(CreatedDate) = 3", ["boese"]),
    ("Opportunity WHERE CloseDate = NEXT_N_MONTHS:1", ["open"]),
    ("Opportunity WHERE CloseDate <= TODAY", ["won", "none"]),
    ("Opportunity WHERE CloseDate = LAST_FISCAL_QUARTER", ["won"]),
    ("Opportunity WHERE CloseDate = 2026-06-30", ["open"]),
    ("Opportunity WHERE IsClosed = TRUE", ["won"]),
    ("Opportunity WHERE IsWon != true AND Amount = NULL", ["none"]),
    ("Opportunity WHERE Account.Parent.Name = 'Acme'", ["open"]),
    ("Contact WHERE Account.Name = null", ["cy", "di"]),
    ("Contact WHERE Account.Name != 'Acme'", ["cy", "di"]),
    ("Task WHERE What.Type = 'account'", ["call"]),
    ("Task WHERE What.Name = 'Open'", ["mail"]),
    ("Task WHERE Who.LastName = 'zed'", ["call"]),
    ("Task WHERE What.Type IN ('Account', 'Opportunity')", ["call", "mail"]),
    ("Account WHERE Id IN (SELECT AccountId FROM Contact WHERE LastName = 'Zed')", ["acme"]),
    ("Account WHERE Id NOT IN (SELECT AccountId FROM Contact)", ["boese", "discount"]),
    ("Account WHERE Id NOT IN (SELECT AccountId FROM Contact WHERE LastName = 'anna')", ["acme", "boese", "discount"]),
    ("Contact WHERE AccountId IN (SELECT Id FROM Account WHERE Industry = 'Banking') AND FirstName = 'Bo'", ["bo"]),
    ("Account USING SCOPE everything WHERE Industry = 'Energy'", ["boese"]),
    ("Account WHERE Name = 'acme' FOR VIEW", ["acme"]),
    ("Account WHERE toLabel(Industry) = 'banking'", ["acme"]),
]


SPANS = [
    ("LAST_WEEK", None, "2026-05-10", "2026-05-17"),
    ("NEXT_N_WEEKS", 2, "2026-05-24", "2026-06-07"),
    ("N_WEEKS_AGO", 1, "2026-05-10", "2026-05-17"),
    ("LAST_N_MONTHS", 5, "2025-12-01", "2026-05-01"),
    ("NEXT_MONTH", None, "2026-06-01", "2026-07-01"),
    ("THIS_QUARTER", None, "2026-04-01", "2026-07-01"),
    ("LAST_N_QUARTERS", 2, "2025-10-01", "2026-04-01"),
    ("NEXT_FISCAL_QUARTER", None, "2026-07-01", "2026-10-01"),
    ("N_YEARS_AGO", 3, "2023-01-01", "2024-01-01"),
    ("LAST_N_DAYS", 0, "2026-05-20", "2026-05-21"),
    ("NEXT_90_DAYS", None, "2026-05-21", "2026-08-19"),
]


@pytest.mark.parametrize(("name", "count", "first", "after"), SPANS)
def test_a_date_literal_spans_whole_days(name: str, count: int | None, first: str, after: str) -> None:
    found = span(Literal("word", name.lower(), 0, count=count), NOW.date())
    assert tuple(day.isoformat() for day in found) == (first, after)


@pytest.mark.parametrize(("rest", "expected"), ROWS, ids=[rest for rest, _ in ROWS])
def test_a_condition_finds_exactly_the_rows_that_meet_it(company: Company, rest: str, expected: list[str]) -> None:
    assert sorted(company.names(f"SELECT Id FROM {rest}")) == sorted(expected)


ORDERS = [
    ("Contact ORDER BY LastName", ["di", "cy", "bo", "al"]),
    ("Contact ORDER BY LastName DESC", ["al", "bo", "cy", "di"]),
    ("Contact ORDER BY FirstName, LastName", ["di", "cy", "al", "bo"]),
    ("Contact ORDER BY FirstName DESC, LastName", ["di", "cy", "bo", "al"]),
    ("Contact ORDER BY FirstName DESC NULLS LAST, LastName", ["bo", "al", "di", "cy"]),
    ("Contact ORDER BY FirstName ASC NULLS LAST, LastName DESC", ["al", "bo", "cy", "di"]),
    ("Opportunity ORDER BY StageName, CloseDate", ["none", "open", "won"]),
    ("Opportunity ORDER BY StageName DESC, Amount DESC NULLS LAST", ["won", "open", "none"]),
    ("Opportunity ORDER BY Account.Name, CloseDate", ["won", "none", "open"]),
    ("Account ORDER BY CreatedDate DESC LIMIT 2", ["boese", "discount"]),
    ("Account ORDER BY CreatedDate LIMIT 1 OFFSET 1", ["discount"]),
    ("Account ORDER BY Id LIMIT 0", []),
]


@pytest.mark.parametrize(("rest", "expected"), ORDERS, ids=[rest for rest, _ in ORDERS])
def test_order_by_sorts_as_an_org_sorts(company: Company, rest: str, expected: list[str]) -> None:
    assert company.names(f"SELECT Id FROM {rest}") == expected


def test_a_record_has_attributes_first_and_its_fields_in_select_order(company: Company) -> None:
    soql = "select isdeleted, ID, account.name, Name, account.annualrevenue FROM CONTACT where lastname = 'Zed'"
    record = company.records(soql, version="58.0")[0]
    assert list(record) == ["attributes", "IsDeleted", "Id", "Account", "Name"]
    assert record["attributes"] == {
        "type": "Contact",
        "url": f"/services/data/v58.0/sobjects/Contact/{company.ids['al']}",
    }
    assert record["Account"] == {
        "attributes": {"type": "Account", "url": f"/services/data/v58.0/sobjects/Account/{company.ids['acme']}"},
        "Name": "Acme",
        "AnnualRevenue": 100.0,
    }
    assert record["IsDeleted"] is False


def test_a_double_stays_a_double_and_an_int_an_int(company: Company) -> None:
    record = company.records("SELECT AnnualRevenue, NumberOfEmployees FROM Account WHERE Name = 'Acme'")[0]
    assert (repr(record["AnnualRevenue"]), repr(record["NumberOfEmployees"])) == ("100.0", "10")


def test_an_absent_parent_is_null_and_so_is_a_deleted_one(company: Company) -> None:
    soql = "SELECT Id, Account.Name FROM Contact WHERE FirstName = null ORDER BY LastName"
    assert [record["Account"] for record in company.records(soql)] == [None, None]


def test_query_all_shows_deleted_rows_and_deleted_parents(company: Company) -> None:
    assert company.names("SELECT Id FROM Account WHERE IsDeleted = true", include_deleted=True) == ["gone"]
    soql = "SELECT Account.Name FROM Contact WHERE LastName = 'Änne'"
    assert company.records(soql, include_deleted=True)[0]["Account"]["Name"] == "Gone"


def test_a_parent_of_several_kinds_answers_with_the_name_fields(company: Company) -> None:
    records = company.records("SELECT What.Type, What.Name, Who.Name, Owner.Name FROM Task ORDER BY Subject")
    assert records[0]["What"] == {
        "attributes": {"type": "Name", "url": f"/services/data/v66.0/sobjects/Account/{company.ids['acme']}"},
        "Type": "Account",
        "Name": "Acme",
    }
    assert [r["Who"] and r["Who"]["Name"] for r in records] == ["Al Zed", None, None]
    assert [r["What"] and r["What"]["Type"] for r in records] == ["Account", "Opportunity", None]


def test_typeof_gives_each_kind_of_parent_its_own_fields(company: Company) -> None:
    soql = (
        "SELECT TYPEOF What WHEN Account THEN Industry WHEN Opportunity THEN StageName, Amount END"
        " FROM Task ORDER BY Subject"
    )
    found = [record["What"] for record in company.records(soql)]
    assert [what and {key: what[key] for key in what if key != "attributes"} for what in found] == [
        {"Industry": "Banking"},
        {"StageName": "Prospecting", "Amount": 30.0},
        None,
    ]


def test_typeof_falls_back_to_its_else(company: Company) -> None:
    soql = "SELECT TYPEOF What WHEN Account THEN Industry ELSE Name END FROM Task WHERE Subject = 'Mail'"
    assert company.records(soql)[0]["What"]["Name"] == "Open"


def test_a_child_list_is_a_nested_result_or_null(company: Company) -> None:
    soql = (
        "SELECT Name, (SELECT Id, FirstName, Account.Name FROM Contacts ORDER BY FirstName) FROM Account ORDER BY Name"
    )
    by_name = {record["Name"]: record["Contacts"] for record in company.records(soql)}
    assert by_name["BÖSE GmbH"] is None
    contacts = by_name["Acme"]
    assert (contacts["totalSize"], contacts["done"]) == (2, True)
    assert [(c["FirstName"], c["Account"]["Name"]) for c in contacts["records"]] == [("Al", "Acme"), ("Bo", "Acme")]


def test_limit_and_conditions_of_a_child_list_count_for_each_parent(company: Company) -> None:
    soql = (
        "SELECT Id, (SELECT Name FROM Opportunities WHERE Amount != 10 ORDER BY CloseDate LIMIT 1),"
        " (SELECT Id FROM ChildAccounts) FROM Account a ORDER BY CreatedDate"
    )
    found = company.records(soql)
    names = [record["Opportunities"] and [o["Name"] for o in record["Opportunities"]["records"]] for record in found]
    assert names == [["None"], None, ["Open"]]
    assert [record["ChildAccounts"] and record["ChildAccounts"]["totalSize"] for record in found] == [1, None, 1]


def test_child_lists_nest(company: Company) -> None:
    inner = "(SELECT Name, (SELECT Name FROM ChildAccounts) FROM ChildAccounts)"
    soql = f"SELECT Name, {inner} FROM Account WHERE Name = 'acme'"
    child = company.records(soql)[0]["ChildAccounts"]["records"][0]
    assert child["ChildAccounts"]["records"][0]["Name"] == "100%_off \\ Bob's"


def test_an_address_is_put_together_from_its_parts(company: Company) -> None:
    records = company.records("SELECT BillingAddress FROM Account ORDER BY CreatedDate LIMIT 2")
    assert records[0]["BillingAddress"] == {
        "city": "Ulm", "country": None, "geocodeAccuracy": None, "latitude": None, "longitude": None,
        "postalCode": None, "state": None, "street": None,
    }  # fmt: skip
    assert records[1]["BillingAddress"] is None


AGGREGATES: list[tuple[str, list[dict[str, object]]]] = [
    ("COUNT(Id) FROM Account", [{"expr0": 3}]),
    ("COUNT(Industry) n, COUNT_DISTINCT(Industry) d FROM Account", [{"n": 2, "d": 2}]),
    (
        "MAX(Name), MIN(CreatedDate) first FROM Account",
        [{"expr0": "BÖSE GmbH", "first": "2024-02-29T23:59:59.000+0000"}],
    ),
    ("SUM(Amount) s, AVG(Amount) FROM Opportunity", [{"s": 40.0, "expr0": 20.0}]),
    ("SUM(NumberOfEmployees) FROM Account WHERE Name = 'nobody'", [{"expr0": None}]),
    (
        "StageName, COUNT(Id) n FROM Opportunity GROUP BY StageName ORDER BY COUNT(Id) DESC",
        [{"StageName": "Prospecting", "n": 2}, {"StageName": "Closed Won", "n": 1}],
    ),
    (
        "Account.Name who, SUM(Amount) FROM Opportunity GROUP BY Account.Name HAVING SUM(Amount) > 10",
        [{"who": "BÖSE GmbH", "expr0": 30.0}],
    ),
    (
        "CALENDAR_YEAR(CreatedDate), CALENDAR_MONTH(CreatedDate) m, COUNT(Id) FROM Account"
        " GROUP BY CALENDAR_YEAR(CreatedDate), CALENDAR_MONTH(CreatedDate) ORDER BY CALENDAR_MONTH(CreatedDate)",
        [{"expr0": 2024, "m": 2, "expr1": 1}, {"expr0": 2026, "m": 4, "expr1": 1}, {"expr0": 2026, "m": 5, "expr1": 1}],
    ),
    (
        "What.Type, COUNT(Id) FROM Task GROUP BY What.Type ORDER BY What.Type NULLS LAST LIMIT 1",
        [{"Type": "Account", "expr0": 1}],
    ),
    ("IsClosed FROM Opportunity GROUP BY IsClosed ORDER BY IsClosed", [{"IsClosed": False}, {"IsClosed": True}]),
]


@pytest.mark.parametrize(("rest", "expected"), AGGREGATES, ids=[rest for rest, _ in AGGREGATES])
def test_aggregates_answer_with_their_names_and_values(
    company: Company, rest: str, expected: list[dict[str, object]]
) -> None:
    result = company.run(f"SELECT {rest}")
    assert result.aggregate
    assert result.page() == [{"attributes": {"type": "AggregateResult"}, **row} for row in expected]


def test_count_without_a_field_is_a_total_and_no_rows(company: Company) -> None:
    result = company.run("SELECT COUNT() FROM Contact WHERE Account.Name = 'acme'")
    assert (result.total, result.count_only, result.page()) == (2, True, [])
    assert company.run("SELECT COUNT() FROM Contact LIMIT 1").total == 1


def test_fields_lists_what_the_user_can_read(company: Company) -> None:
    record = company.records("SELECT FIELDS(ALL) FROM Account ORDER BY CreatedDate LIMIT 1")[0]
    assert set(record) - {"attributes"} == set(company.org.readable(company.org.admin_id, "Account"))
    assert "Regions__c" not in company.records("SELECT FIELDS(STANDARD) FROM Account")[0]
    assert list(company.records("SELECT FIELDS(CUSTOM) FROM Account LIMIT 1")[0]) == ["attributes", "Regions__c"]


def test_labels_and_formats_are_texts_for_people(company: Company) -> None:
    soql = (
        "SELECT toLabel(Regions__c), FORMAT(AnnualRevenue) money, FORMAT(CreatedDate) FROM Account WHERE Name = 'acme'"
    )
    record = company.records(soql)[0]
    assert record["Regions__c"] == "The North;The South"
    assert record["money"].startswith("EUR 100")
    assert record["CreatedDate"] == "2/29/2024, 11:59 PM"


def test_the_older_way_of_naming_parents_in_from_works(company: Company) -> None:
    soql = "SELECT c.FirstName, a.Name FROM Contact c, c.Account a WHERE a.Industry = 'Banking' ORDER BY c.FirstName"
    assert [record["Account"]["Name"] for record in company.records(soql)] == ["Acme", "Acme"]


def test_an_id_is_taken_with_15_characters_and_is_case_sensitive(company: Company) -> None:
    acme = company.ids["acme"]
    assert company.names(f"SELECT Id FROM Account WHERE Id = '{acme[:15]}'") == ["acme"]
    assert company.names(f"SELECT Id FROM Account WHERE ParentId IN ('{acme[:15]}', '{acme}')") == ["boese"]
    assert (
        company.refused(f"SELECT Id FROM Account WHERE Id = '{acme.swapcase()}'").code
        == "INVALID_QUERY_FILTER_OPERATOR"
    )


def test_pages_stay_as_they_were_when_the_query_ran(company: Company) -> None:
    company.add("brief", "Product2", Name="Before")
    result = company.run("SELECT Name FROM Product2")
    company.org.update(company.org.admin_id, "Product2", company.ids["brief"], {"Name": "After"})
    assert [record["Name"] for record in result.page(0, 10) if record] == ["Before"]
    assert (result.page(1, 10), result.total, result.columns, result.flat()) == ([], 1, ("Name",), [["Before"]])


def test_flat_gives_the_values_of_nested_parents_in_column_order(company: Company) -> None:
    result = company.run("SELECT Account.Name, IsDeleted, Id FROM Contact WHERE FirstName = 'Al'")
    assert (result.columns, result.types) == (("Account.Name", "IsDeleted", "Id"), ("string", "boolean", "id"))
    assert result.flat() == [["Acme", False, company.ids["al"]]]


def test_scope_mine_shows_only_what_the_user_owns(company: Company) -> None:
    other = company.org.user_id("Standard User")
    company.add("theirs", "Case", Subject="Theirs", OwnerId=other)
    company.add("ours", "Case", Subject="Ours")
    assert company.names("SELECT Id FROM Case USING SCOPE mine") == ["ours"]


def test_a_hidden_field_is_refused_exactly_like_a_missing_one() -> None:
    org = Org(clock=lambda: NOW)
    org.hide("Contact", "Title")
    messages = []
    for name in ("Title", "Titel"):
        with pytest.raises(Problem) as caught:
            run(org, org.admin_id, f"SELECT {name} FROM Contact")
        messages.append((caught.value.code, caught.value.message.replace(name, "X")))
    org.db.close()
    assert messages[0] == messages[1]


def test_explain_names_the_object_and_its_size(company: Company) -> None:
    plan = explain(company.org, company.org.admin_id, "SELECT Id FROM Account")
    assert plan["sourceQuery"] == "SELECT Id FROM Account"
    assert isinstance(plan["plans"], list)
    assert plan["plans"][0]["sobjectType"] == "Account"


@pytest.mark.parametrize(
    "value",
    ["x' OR Name != 'x", "'; DROP TABLE Account; --", 'a" OR 1=1 --', "%", "_", "\\", "' || Name || '", "\x00", "🙂"],
)
def test_a_quoted_value_finds_only_itself(company: Company, value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    assert company.names(f"SELECT Id FROM Account WHERE Name = '{quoted}'") == []
    assert company.run("SELECT COUNT() FROM Account").total == 3


def test_very_long_lists_and_chains_still_run(company: Company) -> None:
    many = ", ".join(f"'{company.ids['acme']}'" for _ in range(4_000))
    assert company.names(f"SELECT Id FROM Account WHERE Id IN ({many})") == ["acme"]
    chain = " OR ".join(f"Name = 'n{n}'" for n in range(4_000))
    assert company.names(f"SELECT Id FROM Account WHERE {chain}") == []
    nested = "(NOT " * 19 + "Name = 'acme'" + ")" * 19
    assert company.names(f"SELECT Id FROM Account WHERE {nested}") == ["boese", "discount"]
    mixed = "Name = 'a' AND (Name = 'b' OR (" * 9 + "Name = 'c'" + "))" * 9
    assert company.names(f"SELECT Id FROM Account WHERE {mixed}") == []

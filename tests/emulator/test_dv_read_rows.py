"""Rows as the Web API shows them: shape, annotations, conditions, order, expansion, single properties."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from dv_caller import Dataverse, refusal, serving

from connector.emulator.dynamics.odata.options import Options
from connector.emulator.dynamics.odata.rows.reads import Reading
from connector.emulator.dynamics.org.model import Column, Key, Option

FORMATTED = "OData.Community.Display.V1.FormattedValue"
ALL = {"Prefer": 'odata.include-annotations="*"'}


@pytest.fixture(scope="module")
def call() -> Iterator[Dataverse]:
    """Three accounts, the first with a parent in another currency, and four contacts."""
    with serving() as caller:
        org = caller.org
        options = (Option(1, "Gold"), Option(2, "Silver"))
        org.add_column("account", Column("kam_tags", "multiselect", "Tags", "kam_Tags", options=options, custom=True))
        org.add_key("account", Key("kam_number", "kam_Number", ("accountnumber",)))
        org.add_key("contact", Key("kam_place", "kam_Place", ("employeeid", "parentcustomerid")))
        user = org.admin_id
        rows = (
            {"name": "Alpha O'Neil", "revenue": 20000, "numberofemployees": 1200, "industrycode": 1, "kam_tags": "1,2"},
            {"name": "beta 100% Größe", "revenue": -5.5, "numberofemployees": 50, "accountnumber": "B-1"},
            {"name": "Gamma", "address1_city": "gamma"},
        )
        caller.accounts = [org.create(user, "account", row) for row in rows]
        caller.contacts = []
        for number, owner in enumerate((0, 0, 1, 2)):
            values = {
                "firstname": "F", "lastname": f"L{number}", "employeeid": f"E{number}",
                "parentcustomerid": ("account", caller.accounts[owner]),
            }  # fmt: skip
            caller.contacts.append(org.create(user, "contact", values))
        org.update(user, "account", caller.accounts[0], {"primarycontactid": caller.contacts[0]})
        org.update(user, "account", caller.accounts[2], {"parentaccountid": caller.accounts[0]})
        org.create(user, "task", {"subject": "Ring", "regardingobjectid": ("account", caller.accounts[0])})
        yield caller


def get(call: Dataverse, path: str, **options: str) -> requests.Response:
    """Read with query options whose names lack the dollar sign."""
    query = {(name if name in ("sql", "fetchXml") else f"${name}"): value for name, value in options.items()}
    return call("GET", path, params=query)


def names(call: Dataverse, condition: str, table: str = "accounts", column: str = "name") -> list[Any]:
    """One column of the rows that meet a condition."""
    answer = get(call, table, select=column, filter=condition)
    assert answer.status_code == 200, answer.text
    return [row[column] for row in answer.json()["value"]]


def test_a_page_has_the_published_shape(call):
    answer = get(call, "accounts", select="name,revenue", top="1")
    row = answer.json()["value"][0]
    assert answer.headers["Content-Type"] == "application/json; odata.metadata=minimal"
    assert answer.json()["@odata.context"] == f"{call.root}$metadata#accounts(name,revenue)"
    assert list(row) == ["@odata.etag", "name", "revenue", "_transactioncurrencyid_value", "accountid"]
    assert row["@odata.etag"].startswith('W/"')
    assert row["revenue"] == 20000.0


def test_without_select_every_column_comes_and_empty_ones_are_null(call):
    answer = get(call, "accounts", top="1")
    row = answer.json()["value"][0]
    assert answer.json()["@odata.context"] == f"{call.root}$metadata#accounts"
    assert row["accountnumber"] is None
    assert row["kam_tags"] == "1,2"
    assert row["donotemail"] is False
    assert {"revenue_base", "_ownerid_value", "versionnumber", "_primarycontactid_value"} <= set(row)


def test_annotations_come_on_request_and_before_what_they_describe(call):
    select = "name,revenue,numberofemployees,industrycode,kam_tags,statecode,_ownerid_value,createdon,accountnumber"
    path = f"accounts({call.accounts[0]})?$select={select}"
    plain, row = call("GET", path).json(), call("GET", path, headers=ALL).json()
    assert not [name for name in plain if "@" in name and not name.startswith("@odata")]
    assert row[f"revenue@{FORMATTED}"] == "€20,000.00"
    assert row[f"numberofemployees@{FORMATTED}"] == "1,200"
    assert row[f"industrycode@{FORMATTED}"] == "Accounting"
    assert row[f"kam_tags@{FORMATTED}"] == "Gold; Silver"
    assert row["_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "systemuser"
    assert row["_ownerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"] == "ownerid"
    assert row[f"_ownerid_value@{FORMATTED}"]
    assert f"accountnumber@{FORMATTED}" not in row
    keys = list(row)
    assert keys.index(f"revenue@{FORMATTED}") < keys.index("revenue")
    some = {"Prefer": 'odata.include-annotations="OData.Community.*"'}
    assert not [name for name in call("GET", path, headers=some).json() if "lookuplogicalname" in name]


def test_moments_are_formatted_in_english(call):
    row = call("GET", f"accounts({call.accounts[0]})?$select=createdon", headers=ALL).json()
    year, month, day = row["createdon"][:10].split("-")
    assert row[f"createdon@{FORMATTED}"].startswith(f"{int(month)}/{int(day)}/{year} ")
    assert row[f"createdon@{FORMATTED}"][-2:] in ("AM", "PM")


def test_totals_are_annotations_of_the_page(call):
    counted = call("GET", "accounts?$select=name&$count=true", headers=ALL).json()
    assert counted["@odata.count"] == counted["@Microsoft.Dynamics.CRM.totalrecordcount"] == 3
    assert counted["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is False
    assert "@Microsoft.Dynamics.CRM.globalmetadataversion" in counted
    plain = get(call, "accounts", select="name").json()
    assert set(plain) == {"@odata.context", "value"}


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("name eq 'ALPHA o''neil'", [0]),
        ("name ne 'Gamma'", [0, 1]),
        ("accountnumber ne 'B-1'", [0, 2]),
        ("numberofemployees gt 50 and numberofemployees le 1200", [0]),
        ("100 gt numberofemployees", [1]),
        ("not(startswith(name,'a')) and (contains(name,'größe') or endswith(name,'MMA'))", [1, 2]),
        ("contains(name,'100%')", [1]),
        ("contains(name,'[ab]lph')", [0]),
        ("name eq 'BETA 100% GRÖSSE'", [1]),
        ("accountnumber eq null", [0, 2]),
        ("name eq address1_city", [2]),
        ("numberofemployees in (50, 51)", [1]),
        ("name in ('gamma')", [2]),
        ("primarycontactid/fullname eq 'F L0'", [0]),
        ("parentaccountid/primarycontactid/lastname eq 'L0'", [2]),
        ("_primarycontactid_value ne null", [0]),
        ("primarycontactid/contactid ne null", [0]),
        ("contact_customer_accounts/any(c:c/lastname eq 'L1' or c/lastname eq 'L3')", [0, 2]),
        ("contact_customer_accounts/all(c:c/lastname eq 'L2')", [1]),
        ("account_parent_account/any()", [0]),
        ("contact_customer_accounts/any(c:c/account_primary_contact/any(a:a/numberofemployees eq 1200))", [0]),
        ("Microsoft.Dynamics.CRM.In(PropertyName='numberofemployees',PropertyValues=['50','7'])", [1]),
        ('Microsoft.Dynamics.CRM.Between(PropertyName=\'numberofemployees\',PropertyValues=["50","60"])', [1]),
        ("Microsoft.Dynamics.CRM.ContainValues(PropertyName='kam_tags',PropertyValues=['2'])", [0]),
        ("Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=1)", [0, 1, 2]),
        ("Microsoft.Dynamics.CRM.OnOrAfter(PropertyName='createdon',PropertyValue='2999-01-01')", []),
        ("Microsoft.Dynamics.CRM.EqualUserId(PropertyName='ownerid')", [0, 1, 2]),
        ("createdon ge 2020-01-01T00:00:00Z and createdon lt 2999-01-01", [0, 1, 2]),
        ("donotemail eq false and statecode eq 0", [0, 1, 2]),
        ("revenue lt 0", [1]),
    ],
)
def test_a_condition_finds_its_rows(call, condition, found):
    if "ownerid" in condition:
        condition = condition.replace("ownerid", "_ownerid_value")
    assert names(call, condition, column="accountid") == [call.accounts[n] for n in found]


def test_under_finds_the_rows_below_one(call):
    condition = f"Microsoft.Dynamics.CRM.Under(PropertyName='accountid',PropertyValue='{call.accounts[0]}')"
    assert names(call, condition) == ["Gamma"]


def test_a_parameter_alias_stands_for_a_literal(call):
    answer = call("GET", "accounts?$select=name&$filter=name eq @p1&@p1='gamma'")
    assert [row["name"] for row in answer.json()["value"]] == ["Gamma"]


def test_a_long_row_of_alternatives_is_no_problem(call):
    condition = " or ".join(f"numberofemployees eq {number}" for number in range(49, 1200))
    reading = Reading(call.org, call.org.admin_id, call.org.table("account"), Options(filter=condition))
    assert reading.count() == 1


def test_a_polymorphic_lookup_is_followed_only_to_the_table_meant(call):
    assert names(call, "parentcustomerid_account/name eq 'Gamma'", "contacts", "lastname") == ["L3"]
    assert names(call, "parentcustomerid_contact/lastname ne null", "contacts", "lastname") == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("$filter=nope eq 1", "Could not find a property named 'nope' on type 'Microsoft.Dynamics.CRM.account'."),
        ("$select=nope", "Could not find a property named 'nope' on type 'Microsoft.Dynamics.CRM.account'."),
        ("$filter=primarycontactid/nope eq 1", "named 'nope' on type 'Microsoft.Dynamics.CRM.contact'."),
        ("$filter=name eq 5", "Found operand types 'Edm.String' and 'Edm.Int32' for operator kind 'Equal'."),
        ("$filter=name eq 'O'Bryan'", "Syntax error at position 16"),
        ("$filter=Microsoft.Dynamics.CRM.Nope(PropertyName='name')", "An unknown function"),
        ("$filter=numberofemployees add 1 eq 2", "Only a property can be compared"),
        ("$skip=2", "Skip Clause is not supported in CRM"),
        ("$search=x", "The query parameter '$search' is not supported."),
        ("$top=-1", "requires a non-negative integer"),
        ("$orderby=name up", "Syntax error in $orderby"),
        ("$expand=Account_Tasks/$ref", "Expand with $ref is only supported on lookup type navigation property."),
        ("$expand=primarycontactid($orderby=fullname)", "Only $select and $filter clause can be provided"),
        ("$expand=" + ",".join(["primarycontactid"] * 16), "the maximum of 15"),
    ],
)
def test_a_query_that_cannot_be_read_is_refused_in_the_services_words(call, query, message):
    answer = call("GET", f"accounts?{query}")
    assert refusal(answer) == (400, "0x80060888")
    assert message in answer.json()["error"]["message"]


def test_lookups_are_ordered_by_name_and_choices_by_number(call):
    by_parent = get(call, "contacts", select="lastname", orderby="_parentcustomerid_value desc,lastname").json()
    assert [row["lastname"] for row in by_parent["value"]] == ["L3", "L2", "L0", "L1"]
    by_number = get(call, "accounts", select="name", orderby="industrycode desc,name desc").json()
    assert [row["name"][0] for row in by_number["value"]] == ["A", "G", "b"]


def test_a_single_valued_expand_is_an_object_without_etag(call):
    answer = get(call, "accounts", select="name", expand="primarycontactid($select=fullname;$expand=owninguser)").json()
    first, second = answer["value"][:2]
    assert list(first["primarycontactid"])[:2] == ["fullname", "contactid"]
    user = first["primarycontactid"]["owninguser"]
    assert user["ownerid"] == user["systemuserid"]
    assert second["primarycontactid"] is None
    assert answer["@odata.context"].endswith("#accounts(name,primarycontactid(fullname,owninguser()))")


def test_a_collection_expand_has_its_rows_their_way_back_and_a_link(call):
    expand = "contact_customer_accounts($select=lastname;$filter=lastname ne 'L3';$orderby=lastname desc;$top=1)"
    row, _, third = get(call, "accounts", select="name", expand=expand).json()["value"]
    child = row["contact_customer_accounts"][0]
    assert list(child) == ["@odata.etag", "lastname", "_parentcustomerid_value", "contactid"]
    assert (child["lastname"], child["_parentcustomerid_value"]) == ("L1", call.accounts[0])
    assert third["contact_customer_accounts"] == []
    again = call.session.get(row["contact_customer_accounts@odata.nextLink"], timeout=30).json()
    assert [one["lastname"] for one in again["value"]] == ["L1"]


def test_beside_a_nested_expand_collections_are_paged(call):
    query = (
        "accounts?$select=name&$expand=contact_customer_accounts($select=lastname;$expand=owninguser($select=fullname))"
    )
    row = call("GET", query, headers={"Prefer": "odata.maxpagesize=1"}).json()["value"][0]
    assert [one["lastname"] for one in row["contact_customer_accounts"]] == ["L0"]
    rest = call.session.get(row["contact_customer_accounts@odata.nextLink"], timeout=30).json()
    assert [one["lastname"] for one in rest["value"]] == ["L1"]


def test_an_activity_expands_to_what_it_regards(call):
    rows = get(call, "tasks", select="subject", expand="regardingobjectid_account_task($select=name)").json()["value"]
    assert rows[0]["regardingobjectid_account_task"]["name"] == "Alpha O'Neil"


def test_a_reference_is_expanded_to_an_address(call):
    row = get(call, "accounts", select="name", expand="primarycontactid/$ref").json()["value"][0]
    assert row["primarycontactid"] == {"@odata.id": f"{call.root}contacts({call.contacts[0]})"}


def test_one_row_has_an_etag_and_answers_304_to_who_knows_it(call):
    path = f"accounts({call.accounts[0]})?$select=name"
    answer = call("GET", path)
    etag = answer.headers["ETag"]
    assert answer.json()["@odata.context"].endswith("#accounts(name)/$entity")
    assert answer.json()["@odata.etag"] == etag
    assert call("GET", path, headers={"If-None-Match": etag}).status_code == 304
    assert call("GET", path, headers={"If-None-Match": "null"}).status_code == 200
    assert call("GET", path, headers={"If-None-Match": etag, **ALL}).status_code == 200


@pytest.mark.parametrize(
    "key", ["{guid}", "accountid={guid}", "accountnumber='b-1'", "accountnumber=%27B-1%27"]
)  # fmt: skip
def test_a_row_is_found_by_any_of_its_keys(call, key):
    answer = call("GET", f"accounts({key.format(guid=call.accounts[1])})?$select=accountnumber")
    assert answer.json()["accountnumber"] == "B-1"


def test_a_key_may_hold_a_lookup(call):
    answer = call("GET", f"contacts(employeeid='E2',_parentcustomerid_value={call.accounts[1]})?$select=lastname")
    assert answer.json()["lastname"] == "L2"


def test_keys_that_fit_nothing_are_refused(call):
    nobody = "00000000-0000-0000-0000-0000000000aa"
    missing = call("GET", f"accounts({nobody})")
    assert refusal(missing) == (404, "0x80040217")
    assert missing.json()["error"]["message"] == f"Account With Id = {nobody} Does Not Exist"
    assert refusal(call("GET", "accounts(name='Gamma')")) == (400, "0x80060888")
    assert call("GET", "accounts(accountnumber='none')").status_code == 404


def test_a_property_is_read_alone_and_raw(call):
    path = f"accounts({call.accounts[0]})"
    answer = call("GET", f"{path}/numberofemployees").json()
    assert answer == {"@odata.context": f"{call.root}$metadata#{path}/numberofemployees", "value": 1200}
    raw = call("GET", f"{path}/name/$value")
    assert (raw.text, raw.headers["Content-Type"]) == ("Alpha O'Neil", "text/plain")
    assert call("GET", f"{path}/accountnumber").status_code == 204


def test_rows_beside_a_row_are_read_by_its_navigation_properties(call):
    path = f"accounts({call.accounts[0]})"
    rows = get(call, f"{path}/contact_customer_accounts", select="lastname", orderby="lastname desc").json()
    assert rows["@odata.context"].endswith("#contacts(lastname)")
    assert [row["lastname"] for row in rows["value"]] == ["L1", "L0"]
    assert get(call, f"{path}/primarycontactid", select="lastname").json()["lastname"] == "L0"
    assert call("GET", f"accounts({call.accounts[1]})/primarycontactid").status_code == 204


def test_rows_of_a_many_to_many_relationship_are_read_and_expanded(call):
    user = call.org.admin_id
    path = f"systemusers({user})/systemuserroles_association"
    assert "System Administrator" in [row["name"] for row in get(call, path, select="name").json()["value"]]
    expand = "systemuserroles_association($select=name)"
    row = call("GET", f"systemusers({user})?$select=fullname&$expand={expand}").json()
    assert "System Administrator" in [role["name"] for role in row["systemuserroles_association"]]
    condition = "systemuserroles_association/any(r:r/name eq 'System Administrator')"
    assert user in names(call, condition, "systemusers", "systemuserid")


def test_the_count_of_a_set_is_plain_text(call):
    answer = call("GET", "accounts/$count?$filter=revenue gt 0")
    assert (answer.text, answer.headers["Content-Type"]) == ("1", "text/plain")


def test_a_secured_column_is_empty_for_who_may_not_read_it_and_no_filter(call):
    org = call.org
    user = org.add_user("Plain Reader")
    role = org.create(org.admin_id, "role", {"name": "Reads accounts", "businessunitid": org.business_unit_id})
    (right,) = org.rows('SELECT "privilegeid" FROM "privilege" WHERE "name" = ?', "prvReadAccount")[0]
    values = {"roleid": role, "privilegeid": right, "privilegedepthmask": 8}
    org.create(org.admin_id, "roleprivileges", values, system=True)
    org.assign_role(user, "Reads accounts")
    column = org.table("account").columns["revenue"]
    org.replace_column("account", column.with_(secured=True))
    as_user = {"MSCRMCallerID": user}
    path = "accounts?$select=name,revenue"
    assert {row["revenue"] for row in call("GET", path, headers=as_user).json()["value"]} == {None}
    refused = call("GET", f"{path}&$filter=revenue gt 0", headers=as_user)
    assert refusal(refused) == (403, "0x8004F504")
    assert refusal(call("GET", f"{path}&$orderby=revenue", headers=as_user)) == (403, "0x8004F504")
    assert refusal(call("GET", "contacts?$select=lastname", headers=as_user)) == (403, "0x80040220")
    org.replace_column("account", column)

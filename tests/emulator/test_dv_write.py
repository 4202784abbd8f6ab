"""Rows written one at a time: create, upsert, guarded update, single properties, ties, deep insert."""

from collections.abc import Iterator

import pytest
from dv_caller import Dataverse, guid_in, refusal, serving

from connector.emulator.dynamics.org.model import Key

NOBODY = "00000000-0000-0000-0000-0000000000aa"
ANNOTATED = {"Prefer": 'odata.include-annotations="*"'}


@pytest.fixture(scope="module")
def call() -> Iterator[Dataverse]:
    with serving() as caller:
        caller.org.add_key("account", Key("kam_number", "kam_Number", ("accountnumber",)))
        yield caller


def publisher(call: Dataverse) -> dict[str, str]:
    names = {"uniquename": "kam", "friendlyname": "K", "customizationprefix": "kam"}
    made = call.create("publishers", **names, customizationoptionvalueprefix=72700)
    return {"publisherid@odata.bind": f"publishers({made})"}


def test_a_new_row_is_named_by_its_address(call):
    answer = call("POST", "accounts", json={"name": "A"})
    assert (answer.status_code, answer.text) == (204, "")
    assert answer.headers["OData-EntityId"] == f"{call.root}accounts({guid_in(answer)})"
    assert call.stored("account", guid_in(answer))["name"] == "A"


def test_a_new_row_comes_back_when_that_is_preferred(call):
    prefer = {"Prefer": "return=representation"}
    answer = call("POST", "accounts?$select=name", json={"name": "A"}, headers=prefer)
    assert (answer.status_code, answer.json()["name"]) == (201, "A")
    assert answer.headers["Preference-Applied"] == "return=representation"
    assert "OData-EntityId" not in answer.headers
    path = f"accounts({answer.json()['accountid']})?$select=name"
    assert call("PATCH", path, json={"name": "B"}, headers=prefer).json()["name"] == "B"


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ({"nme": "A"}, "0x80048d19", "The property 'nme' does not exist on type 'Microsoft.Dynamics.CRM.account'"),
        ({"name": 1}, "0x80048d19", "Edm.String"),
        ({"name": "A", "numberofemployees": "7"}, "0x80048d19", "Edm.Int32"),
        ({"name": "A", "revenue": "much"}, "0x80048d19", "Edm.Decimal"),
        ({"name": "A", "creditonhold": 1}, "0x80048d19", "Edm.Boolean"),
        ({"name": "A", "PrimaryContactId@odata.bind": "/contacts(x)"}, "0x80048d19", "An undeclared property"),
        ({"name": "A", "_primarycontactid_value": NOBODY}, "0x80060888", "Use Navigation properties"),
        ({"name": "A", "primarycontactid": NOBODY}, "0x80048d19", "'primarycontactid'"),
        ({"name": "A" * 161}, "0x80044331", "160"),
        ({"name": "A", "industrycode": 4711}, "0x8004431A", "4711"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_with_the_reason(call, body, code, told):
    before = call.count("account")
    answer = call("POST", "accounts", json=body)
    assert (answer.status_code, answer.json()["error"]["code"].lower()) == (400, code.lower())
    assert told in answer.json()["error"]["message"]
    assert call.count("account") == before


def test_what_is_no_json_is_refused_and_annotated_errors_say_more(call):
    assert refusal(call("POST", "accounts", data="{no json")) == (400, "0x80048d19")
    error = call("POST", "accounts", json={"nme": "A"}, headers=ANNOTATED).json()["error"]
    assert "@Microsoft.PowerApps.CDS.HelpLink" in error and "@Microsoft.PowerApps.CDS.TraceText" in error


def test_annotations_that_came_with_a_read_may_be_sent_back(call):
    body = {"@odata.etag": 'W/"1"', "name": "A", "revenue@OData.Community.Display.V1.FormattedValue": "1 €"}
    call.create("accounts", **body)


@pytest.mark.parametrize("form", ["/contacts({0})", "contacts({0})", "{1}contacts({0})"])
def test_a_lookup_is_bound_by_an_address_and_cleared_by_null(call, form):
    contact = call.create("contacts", lastname="L")
    bound = call.create("accounts", **{"name": "A", "primarycontactid@odata.bind": form.format(contact, call.root)})
    assert call.stored("account", bound)["primarycontactid"] == contact
    assert call("PATCH", f"accounts({bound})", json={"primarycontactid@odata.bind": None}).status_code == 204
    assert call.stored("account", bound)["primarycontactid"] is None


def test_a_lookup_with_several_targets_is_bound_by_the_name_for_each(call):
    account, user = call.create("accounts", name="A", accountnumber="BIND"), call.org.admin_id
    values = {"parentcustomerid_account@odata.bind": "accounts(accountnumber='BIND')"}
    owner = {"ownerid@odata.bind": f"/systemusers({user})"}
    row = call.stored("contact", call.create("contacts", lastname="L", **values, **owner))
    assert (row["parentcustomerid"], row["parentcustomerid.type"], row["ownerid"]) == (account, "account", user)
    wrong = call(
        "POST", "contacts", json={"lastname": "L", "parentcustomerid_contact@odata.bind": f"accounts({account})"}
    )
    assert refusal(wrong) == (400, "0x80048d19")
    gone = call(
        "POST", "contacts", json={"lastname": "L", "parentcustomerid_account@odata.bind": f"accounts({NOBODY})"}
    )
    assert refusal(gone) == (404, "0x80040217")


def test_a_patch_makes_the_row_unless_that_is_forbidden(call):
    row = "00000000-0000-0000-0000-0000000000bb"
    assert refusal(call("PATCH", f"accounts({row})", json={"name": "A"}, headers={"If-Match": "*"})) == (
        404,
        "0x80040217",
    )
    assert call("PATCH", f"accounts({row})", json={"name": "A"}, headers={"If-None-Match": "null"}).status_code == 204
    assert call.stored("account", row)["name"] == "A"
    again = call("PATCH", f"accounts({row})", json={"name": "B"}, headers={"If-None-Match": "*"})
    assert refusal(again) == (412, "0x80040237")
    assert refusal(call("POST", "accounts", json={"accountid": row, "name": "B"})) == (412, "0x80040237")


def test_an_alternate_key_updates_or_makes_its_one_row(call):
    made = guid_in(call("PATCH", "accounts(accountnumber='K-1')", json={"name": "A"}))
    assert guid_in(call("PATCH", "accounts(accountnumber='K-1')", json={"name": "B"})) == made
    row = call.stored("account", made)
    assert (row["name"], row["accountnumber"]) == ("B", "K-1")
    absent = call("PATCH", "accounts(accountnumber='K-2')", json={"name": "A"}, headers={"If-Match": "*"})
    assert refusal(absent) == (404, "0x80060891")
    assert refusal(call("PATCH", "accounts(accountnumber='a/b')", json={"name": "A"}))[0] == 400


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_row_that_changed_meanwhile_is_left_alone(call, method):
    row = call.create("accounts", name="A")
    known = f'W/"{call.stored("account", row)["versionnumber"]}"'
    call("PATCH", f"accounts({row})", json={"name": "B"})
    body = {"json": {"name": "C"}} if method == "PATCH" else {}
    stale = call(method, f"accounts({row})", headers={"If-Match": known}, **body)
    assert refusal(stale) == (412, "0x80060882")
    assert call.stored("account", row)["name"] == "B"
    fresh = f'W/"{call.stored("account", row)["versionnumber"]}"'
    assert call(method, f"accounts({row})", headers={"If-Match": fresh}, **body).status_code == 204


def test_one_property_may_be_set_and_cleared(call):
    row = call.create("accounts", name="A", telephone1="1")
    assert call("PUT", f"accounts({row})/name", json={"value": "B"}).status_code == 204
    assert call("DELETE", f"accounts({row})/telephone1").status_code == 204
    assert (call.stored("account", row)["name"], call.stored("account", row)["telephone1"]) == ("B", None)
    assert refusal(call("PUT", f"accounts({row})/nme", json={"value": "B"})) == (404, "0x8006088a")


def test_a_deleted_row_is_gone_and_every_write_is_logged_once(call):
    row = call.create("accounts", name="A")
    call("PATCH", f"accounts({row})", json={"name": "B"})
    assert call("DELETE", f"accounts({row})").status_code == 204
    assert refusal(call("DELETE", f"accounts({row})")) == (404, "0x80040217")
    written = call("GET", "/_emulator/writes", params={"id": row.upper()}).json()["writes"][row]
    assert [entry["action"] for entry in written] == ["create", "update", "delete"]


def test_nested_rows_are_made_along_all_or_not_at_all(call):
    body = {
        "name": "Parent of tasks",
        "primarycontactid": {"lastname": "Inner"},
        "Account_Tasks": [{"subject": "One"}, {"subject": "Two"}],
    }
    row = call.create("accounts", **body)
    assert call.org.rows('SELECT "subject" FROM "task" WHERE "regardingobjectid" = ? ORDER BY 1', row) == [
        ("One",),
        ("Two",),
    ]
    contact = call.stored("account", row)["primarycontactid"]
    assert call.stored("contact", contact)["lastname"] == "Inner"
    counts = call.count("account"), call.count("contact"), call.count("task")
    body["Account_Tasks"] = [{"subject": "One"}, {"subject": "T" * 400}]
    assert refusal(call("POST", "accounts", json=body))[0] == 400
    assert (call.count("account"), call.count("contact"), call.count("task")) == counts


def test_activity_parties_are_written_with_their_activity(call):
    contact = call.create("contacts", lastname="Called")
    party = {"partyid_contact@odata.bind": f"/contacts({contact})", "participationtypemask": 2}
    row = call.create("phonecalls", subject="S", phonecall_activity_parties=[party])
    sql = 'SELECT "partyid" FROM "activityparty" WHERE "activityid" = ? AND "participationtypemask" = 2'
    assert call.org.rows(sql, row) == [(contact,)]


def test_ties_are_made_and_cut_by_reference(call):
    account, contact = call.create("accounts", name="A"), call.create("contacts", lastname="L")
    to_contact = {"@odata.id": f"{call.root}contacts({contact})"}
    assert call("PUT", f"accounts({account})/primarycontactid/$ref", json=to_contact).status_code == 204
    shown = call("GET", f"accounts({account})/primarycontactid/$ref").json()
    assert shown["@odata.id"] == to_contact["@odata.id"]
    assert call("DELETE", f"accounts({account})/primarycontactid/$ref").status_code == 204
    assert call.stored("account", account)["primarycontactid"] is None
    assert call("POST", f"accounts({account})/contact_customer_accounts/$ref", json=to_contact).status_code == 204
    assert call.stored("contact", contact)["parentcustomerid"] == account
    assert call("DELETE", f"accounts({account})/contact_customer_accounts({contact})/$ref").status_code == 204
    assert call.stored("contact", contact)["parentcustomerid"] is None


def test_roles_and_column_profiles_are_given_by_reference(call):
    user = call.org.add_user("New Seller")
    role = call.create(
        "roles", name="R", **{"businessunitid@odata.bind": f"businessunits({call.org.business_unit_id})"}
    )
    path = f"systemusers({user})/systemuserroles_association"
    assert call("POST", f"{path}/$ref", json={"@odata.id": f"roles({role})"}).status_code == 204
    sql = 'SELECT COUNT(*) FROM "systemuserroles" WHERE "systemuserid" = ?'
    assert call.org.rows(sql, user) == [(1,)]
    assert call("DELETE", f"{path}({role})/$ref").status_code == 204
    assert call.org.rows(sql, user) == [(0,)]
    profile = call.create("fieldsecurityprofiles", name="P")
    back = f"fieldsecurityprofiles({profile})/systemuserprofiles_association/$ref"
    assert call("POST", back, json={"@odata.id": f"systemusers({user})"}).status_code == 204
    found = call.org.rows('SELECT "systemuserid" FROM "systemuserprofiles" WHERE "fieldsecurityprofileid" = ?', profile)
    assert found == [(user,)]


def test_a_view_goes_into_the_solution_that_the_caller_names(call):
    solution = call.create("solutions", uniquename="kam", friendlyname="K", version="1.0.0.0", **publisher(call))
    view = {"name": "V", "returnedtypecode": "account", "fetchxml": "<fetch/>", "layoutxml": "<grid/>", "querytype": 0}
    made = guid_in(call("POST", "savedqueries", json=view, headers={"MSCRM.SolutionUniqueName": "kam"}))
    sql = 'SELECT "objectid", "componenttype" FROM "solutioncomponent" WHERE "solutionid" = ?'
    assert call.org.rows(sql, solution) == [(made, 26)]
    before = call.count("savedquery")
    lost = call("POST", "savedqueries", json=view, headers={"MSCRM.SolutionUniqueName": "no_such"})
    assert refusal(lost)[0] == 400
    assert call.count("savedquery") == before


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "acounts", 404, "0x8006088a"),
        ("POST", "NoSuchAction", 404, "0x8006088a"),
        ("DELETE", "accounts", 405, "0x80060888"),
        ("GET", "WinOpportunity", 405, "0x80060888"),
        ("GET", f"accounts({NOBODY})", 404, "0x80040217"),
        ("GET", "/api/data/v4.0/accounts", 404, "0x8006088a"),
        ("GET", "/nowhere", 404, "0x8006088a"),
    ],
)
def test_a_path_that_leads_nowhere_says_so(call, method, path, status, code):
    assert refusal(call(method, path)) == (status, code)

"""Functions and actions: who am I, bulk writes, privileges, closing opportunities, counts."""

from collections.abc import Iterator

import pytest
from dv_caller import NAMESPACE, Dataverse, refusal, serving

from connector.emulator.dynamics.org.model import Key

NOBODY = "00000000-0000-0000-0000-0000000000aa"
ACCOUNT = {"@odata.type": f"{NAMESPACE}.account"}


@pytest.fixture(scope="module")
def call() -> Iterator[Dataverse]:
    with serving() as caller:
        caller.org.add_key("account", Key("kam_number", "kam_Number", ("accountnumber",)))
        yield caller


def many(call: Dataverse, message: str, *targets: dict, set_name: str = "accounts"):
    typed = [{**ACCOUNT, **target} if set_name == "accounts" else target for target in targets]
    return call("POST", f"{set_name}/{NAMESPACE}.{message}", json={"Targets": typed})


@pytest.mark.parametrize("path", ["WhoAmI", "WhoAmI()", f"{NAMESPACE}.WhoAmI"])
@pytest.mark.parametrize("version", ["v9.0", "v9.2"])
def test_who_am_i_has_the_documented_shape(call, path, version):
    root = f"{call.running.url}/api/data/{version}/"
    answer = call("GET", f"/api/data/{version}/{path}")
    org = call.org
    assert answer.json() == {
        "@odata.context": f"{root}$metadata#{NAMESPACE}.WhoAmIResponse",
        "BusinessUnitId": org.business_unit_id,
        "UserId": org.admin_id,
        "OrganizationId": org.org_id,
    }


@pytest.mark.parametrize(("sandbox", "kind"), [(True, "CustomerTest"), (False, "Customer")])
def test_the_organization_tells_its_type(call, sandbox, kind):
    call.steer(is_sandbox=sandbox)
    path = f"RetrieveCurrentOrganization(AccessType=@p1)?@p1={NAMESPACE}.EndpointAccessType'Default'"
    detail = call("GET", path).json()["Detail"]
    assert (detail["OrganizationType"], detail["TenantId"], detail["State"]) == (kind, call.org.tenant, "Enabled")
    assert detail["Endpoints"]["Keys"][0] == "WebApplication"
    assert refusal(call("GET", "RetrieveCurrentOrganization"))[0] == 400


def test_counts_are_told_for_several_tables(call):
    call.create("accounts", name="A")
    told = call("GET", "RetrieveTotalRecordCount(EntityNames=['account','systemuser'])").json()
    counts = told["EntityRecordCountCollection"]
    assert counts["Keys"] == ["account", "systemuser"]
    assert counts["Values"] == [call.count("account"), call.count("systemuser")]
    assert call("GET", "RetrieveVersion()").json()["Version"].startswith("9.2.")


def test_many_rows_are_made_in_the_order_sent(call):
    answer = many(call, "CreateMultiple", {"name": "M-1"}, {"name": "M-2"})
    assert answer.json()["@odata.context"].endswith(f"$metadata#{NAMESPACE}.CreateMultipleResponse")
    assert [call.stored("account", row)["name"] for row in answer.json()["Ids"]] == ["M-1", "M-2"]


def test_many_rows_are_changed_together_or_not_at_all(call):
    rows = many(call, "CreateMultiple", {"name": "A"}, {"name": "B"}).json()["Ids"]
    changed = [{"accountid": row, "telephone1": "1"} for row in rows]
    done = many(call, "UpdateMultiple", *changed)
    assert (done.status_code, done.text) == (204, "")
    bad = many(
        call, "UpdateMultiple", {"accountid": rows[0], "telephone1": "2"}, {"accountid": NOBODY, "telephone1": "2"}
    )
    assert refusal(bad) == (404, "0x80040217")
    assert [call.stored("account", row)["telephone1"] for row in rows] == ["1", "1"]
    log = call("GET", "/_emulator/writes", params={"id": rows[0]}).json()["writes"][rows[0]]
    assert [entry["action"] for entry in log] == ["create", "update"]


def test_many_rows_are_upserted_by_key_without_the_key_in_the_body(call):
    known = call.create("accounts", name="Old", accountnumber="U-1")
    addressed = [{"@odata.id": f"accounts(accountnumber='{number}')", "name": "New"} for number in ("U-1", "U-2")]
    assert many(call, "UpsertMultiple", *addressed).status_code == 204
    assert call.stored("account", known)["name"] == "New"
    assert call.org.find("account", {"accountnumber": "U-2"})
    repeated = {"@odata.id": "accounts(accountnumber='U-3')", "accountnumber": "U-3", "name": "A"}
    assert refusal(many(call, "UpsertMultiple", repeated)) == (400, "0x80048d19")


@pytest.mark.parametrize(
    ("targets", "told"),
    [([], "at least one"), ([{"@odata.type": "", "name": "A"}], "@odata.type"), ([{"name": "A", "x": 1}], "'x'")],
)
def test_many_rows_that_do_not_fit_are_refused_whole(call, targets, told):
    before = call.count("account")
    answer = many(call, "CreateMultiple", *targets)
    assert answer.status_code == 400 and told in answer.json()["error"]["message"]
    assert call.count("account") == before


def test_tables_without_bulk_messages_say_so(call):
    answer = many(call, "UpdateMultiple", {"@odata.type": f"{NAMESPACE}.connection"}, set_name="connections")
    assert refusal(answer) == (400, "0x80040800")
    assert refusal(many(call, "DeleteMultiple", {"accountid": NOBODY})) == (501, "0x80040203")


def test_a_deadlock_refuses_the_whole_of_a_bulk_write(call):
    before = call.count("account")
    call.running.faults.add(kind="lock", times=1)
    assert refusal(many(call, "CreateMultiple", {"name": "A"}, {"name": "B"})) == (500, "0x80044150")
    assert call.count("account") == before
    assert many(call, "CreateMultiple", {"name": "A"}).status_code == 200


def test_each_row_of_a_bulk_write_counts_for_the_entitlement(call):
    before = call("GET", "/_emulator/calls").json()["used"]
    many(call, "CreateMultiple", {"name": "A"}, {"name": "B"}, {"name": "C"})
    assert call("GET", "/_emulator/calls").json()["used"] == before + 3


def test_rows_may_be_deleted_by_a_query_as_a_job(call):
    rows = many(call, "CreateMultiple", {"name": "Bulk 1"}, {"name": "Bulk 2"}, {"name": "Stays"}).json()["Ids"]
    values = [{"Value": row.upper(), "Type": "System.Guid"} for row in rows[:2]]
    condition = {"AttributeName": "accountid", "Operator": "In", "Values": values}
    query = {"EntityName": "account", "Criteria": {"FilterOperator": "And", "Conditions": [condition]}}
    answer = call("POST", "BulkDelete", json={"JobName": "J", "QuerySet": [query], "RecurrencePattern": ""})
    assert answer.status_code == 200
    assert call.stored("asyncoperation", answer.json()["JobId"])["statuscode"] == 30
    assert call.org.find("account", {"name": "Stays"}) == [rows[2]] and not call.org.find("account", {"name": "Bulk 1"})


@pytest.mark.parametrize(("message", "status", "state"), [("WinOpportunity", 3, 1), ("LoseOpportunity", 4, 2)])
def test_an_opportunity_is_closed_by_its_action_once(call, message, status, state):
    account = call.create("accounts", name="A")
    row = call.create("opportunities", name="O", **{"customerid_account@odata.bind": f"accounts({account})"})
    close = {"subject": "Done", "opportunityid@odata.bind": f"{call.root}opportunities({row})"}
    body = {"Status": status, "OpportunityClose": close}
    assert refusal(call("POST", message, json={"Status": status}))[0] == 400
    assert call("POST", message, json=body).status_code == 204
    kept = call.stored("opportunity", row)
    assert (kept["statecode"], kept["statuscode"]) == (state, status)
    assert refusal(call("POST", message, json=body))[0] == 400


def test_privileges_are_given_to_a_role_and_told_of_its_users(call):
    unit = {"businessunitid@odata.bind": f"businessunits({call.org.business_unit_id})"}
    role, user = call.create("roles", name="Reader", **unit), call.org.add_user("Rita Reader", roles=["Reader"])
    privilege = call.org.rows('SELECT "privilegeid" FROM "privilege" WHERE "name" = \'prvReadAccount\'')[0][0]
    own = f"systemusers({user})/{NAMESPACE}.RetrieveUserPrivileges()"
    assert call("GET", own).json()["RolePrivileges"] == []
    wanted = {"PrivilegeId": privilege, "Depth": "Global", "BusinessUnitId": call.org.business_unit_id}
    path = f"roles({role})/{NAMESPACE}.AddPrivilegesRole"
    assert call("POST", path, json={"Privileges": [wanted]}).status_code == 204
    found = call("GET", own).json()["RolePrivileges"]
    assert [(one["PrivilegeName"], one["Depth"]) for one in found] == [("prvReadAccount", "Global")]
    assert call("GET", f"RetrieveRolePrivilegesRole(RoleId={role})").json()["RolePrivileges"] == found
    assert call.org.can(user, "account", "Read") and not call.org.can(user, "account", "Write")
    odd = call("POST", path, json={"Privileges": [{**wanted, "Depth": "Ocean"}]})
    assert odd.status_code == 400 and "Ocean" in odd.json()["error"]["message"]


def test_a_users_permissions_on_secured_columns_are_told(call):
    call.steer(secured_columns=["account.revenue"])
    column = call.org.table("account").columns["revenue"]
    profile = call.create("fieldsecurityprofiles", name="Readers of money")
    values = {"entityname": "account", "attributelogicalname": "revenue", "canread": 4, "cancreate": 0, "canupdate": 0}
    bound = {"fieldsecurityprofileid@odata.bind": f"fieldsecurityprofiles({profile})"}
    call.create("fieldpermissions", **values, **bound)
    user = call.org.add_user("Rick Reader")
    path = f"systemusers({user})/{NAMESPACE}.RetrievePrincipalAttributePrivileges()"
    assert call("GET", path).json()["AttributePrivileges"] == []
    link = f"fieldsecurityprofiles({profile})/systemuserprofiles_association/$ref"
    assert call("POST", link, json={"@odata.id": f"systemusers({user})"}).status_code == 204
    told = call("GET", path).json()["AttributePrivileges"]
    rights = {"CanRead": 4, "CanCreate": 0, "CanUpdate": 0, "CanReadUnmasked": 0}
    assert told == [{"AttributeId": column.metadata_id, **rights}]
    call.steer(secured_columns=[])

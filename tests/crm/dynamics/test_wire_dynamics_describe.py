"""What Dynamics says of itself and its tables, and what is believed of it."""

import dataverse_wire as far
import pytest
from dataverse_wire import BASE, attribute, definition, guid

from connector.errors import UsageFault


@pytest.mark.parametrize(
    ("kind", "sandbox"), [("CustomerTest", True), ("Developer", True), (13, True), ("Customer", False)]
)
def test_what_kind_of_org_it_is_says_the_org(wire, login, kind, sandbox):
    wire.get(f"{BASE}WhoAmI", json={"UserId": guid(1), "OrganizationId": guid(2)})
    detail = {"OrganizationType": kind, "FriendlyName": "Acme"}
    wire.get(f"{BASE}RetrieveCurrentOrganization(AccessType=@p1)", json={"Detail": detail})
    wire.get(f"{BASE}systemusers({guid(1)})", json={"domainname": None, "fullname": "KAM"})
    me = login(auth="token").whoami()
    assert (me.is_sandbox, me.org_name, me.org_id, me.user_name) == (sandbox, "Acme", guid(2), "KAM")


def test_a_table_is_described_in_one_call(wire, login, tables):
    tables()
    crm = login(auth="token")
    fact = crm.describe("account")
    assert crm.client.session.calls == 1
    assert (fact.name, fact.label, fact.id_field) == ("account", "Account", "accountid")
    assert {n: f.type for n, f in fact.fields.items() if "." not in n} == {
        "accountid": "uniqueidentifier",
        "name": "string",
        "industrycode": "picklist",
        "kam_tags": "multiselect",
        "parentaccountid": "lookup",
        "customerid": "lookup",
        "customerid_account": "lookup",
        "customerid_contact": "lookup",
        "transactioncurrencyid": "lookup",
        "kam_due": "date",
        "kam_flag": "boolean",
        "numberofemployees": "integer",
        "modifiedon": "datetime",
    }
    assert fact.fields["industrycode"].values == ("Steel", "Bau")
    assert fact.fields["name"].length == 160
    assert fact.fields["customerid_contact"].reference_to == ("contact",)
    assert fact.fields["parentaccountid"].relationship_name == "parentaccountid"


def test_a_secured_column_without_permission_is_left_out_and_one_to_read_only_is_not_to_be_edited(wire, login, tables):
    columns = [attribute(n, "String", IsSecured=True) for n in ("hidden", "shown", "open")]
    tables(definition(attributes=[*far.ATTRIBUTES, *columns]))
    wire.get(f"{BASE}WhoAmI", json={"UserId": guid(1)})
    told = [
        {"AttributeId": "shown", "CanRead": 4, "CanCreate": 0, "CanUpdate": 0},
        {"AttributeId": "open", "CanRead": 4, "CanCreate": 4, "CanUpdate": 4},
    ]
    path = f"systemusers({guid(1)})/Microsoft.Dynamics.CRM.RetrievePrincipalAttributePrivileges()"
    wire.get(f"{BASE}{path}", json={"AttributePrivileges": told})
    fields = login(auth="token").describe("account").fields
    assert "hidden" not in fields
    assert [fields[n].updateable for n in ("shown", "open")] == [False, True]


def test_an_absent_table_is_described_as_none(login, tables):
    tables()
    assert login(auth="token").describe("nosuchthing") is None


def test_a_table_that_no_role_lets_this_user_read_is_described_as_none(wire, login, tables):
    rights = [{"PrivilegeType": kind, "PrivilegeId": guid(n)} for n, kind in ((1, "Create"), (2, "Read"))]
    tables(definition(Privileges=rights), definition("contact", Privileges=rights[:1]))
    wire.get(f"{BASE}WhoAmI", json={"UserId": guid(9)})
    path = f"{BASE}systemusers({guid(9)})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"
    wire.get(path, json={"RolePrivileges": [{"PrivilegeId": guid(1), "Depth": "Global"}]})
    crm = login(auth="token")
    assert crm.describe("account") is None
    assert crm.describe("contact") is not None


def test_a_name_that_can_be_no_table_never_reaches_the_crm(wire, login):
    with pytest.raises(UsageFault, match="can't be the name"):
        login(auth="token").describe("account')/Keys")
    assert len(wire.calls) == 0

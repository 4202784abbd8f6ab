"""Setup against an emulated org over HTTP: planned, made, kept, refused, removed."""

import csv
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.crm.http import HttpSettings, make_session
from connector.crm.protocol import RecordFact, SetupItem, SetupRequest
from connector.crm.salesforce.describe import describe
from connector.crm.salesforce.faults import read_refusal
from connector.crm.salesforce.login import Client
from connector.crm.salesforce.setup import Link, apply_setup, plan_setup, remove_setup
from connector.crm.settings import CrmSettings
from connector.emulator.salesforce.org.model import Field
from connector.emulator.salesforce.org.records import Org
from connector.emulator.server import Running, start
from connector.errors import AccessFault, UnreachableFault, UsageFault
from connector.schema import CRM_FIELDS, CrmField

CORE = tuple(field for field in CRM_FIELDS if field.group == "core")
INPUTS = tuple(field for field in CRM_FIELDS if field.group == "inputs")
REQUEST = SetupRequest(CORE + INPUTS, mark="1a2b3c4d")


@pytest.fixture
def running() -> Iterator[Running]:
    with start(Org()) as server:
        yield server


@pytest.fixture
def link(running: Running) -> Link:
    return linked(running, running.token)


def linked(running: Running, token: str) -> Link:
    session = make_session(HttpSettings(), sleep=lambda _: None)
    session.refusal = read_refusal
    settings = CrmSettings(kind="salesforce", url=running.url, auth="token", secret_env="TOKEN")
    client = Client(settings, {"TOKEN": token}, session)

    def look(record: str) -> RecordFact | None:
        client.described.pop(record, None)
        return describe(client, record)

    return Link(client, client.user_id, look, lambda _: None)


def actions(items: list[SetupItem], kind: str = "field") -> set[str]:
    return {item.action for item in items if item.kind == kind}


def refusals(items: list[SetupItem]) -> dict[str, str]:
    return {item.name: item.detail for item in items if item.action == "refuse"}


def account_fields(link: Link) -> dict[str, Any]:
    fact = link.describe("Account")
    assert fact is not None
    return {name: field for name, field in fact.fields.items() if name.startswith("KAM_")}


def test_a_plan_says_create_and_changes_nothing(link: Link) -> None:
    items = plan_setup(link, REQUEST)
    for kind in ("field", "permission_set", "list_view", "assignment"):
        assert actions(items, kind) == {"create"}, kind
    assert len([item for item in items if item.kind == "field"]) == len(REQUEST.fields)
    assert not account_fields(link)
    assert plan_setup(link, REQUEST) == items


def test_applying_makes_marked_fields_that_the_running_user_sees(link: Link) -> None:
    apply_setup(link, REQUEST)
    fields = account_fields(link)
    assert len(fields) == len(REQUEST.fields)
    assert all(field.help.endswith(" [kam 1a2b3c4d]") for field in fields.values())
    assert fields["KAM_Flag__c"].updateable and fields["KAM_Flag__c"].restricted
    assert fields["KAM_Flag__c"].values == CORE[0].values
    assert not fields["KAM_Status__c"].updateable  # only holders of Programme Owner edit what people decide
    assert fields["KAM_Sponsor__c"].reference_to == ("User",)


def test_applying_a_second_time_has_nothing_to_do(link: Link, running: Running) -> None:
    apply_setup(link, REQUEST)
    running.calls.clear()
    items = apply_setup(link, REQUEST)
    assert {item.action for item in items} == {"keep"}
    assert not [call for call in running.calls if not call.startswith("GET")]


def test_more_fields_are_added_without_hiding_the_earlier_ones(link: Link) -> None:
    apply_setup(link, REQUEST)
    programme = tuple(field for field in CRM_FIELDS if field.group == "programme")
    items = apply_setup(link, replace(REQUEST, fields=CORE + programme))
    assert len([i for i in items if i.action == "create"]) == len(programme)
    assert len(account_fields(link)) == len([field for field in CRM_FIELDS if field.table == "account"])
    assert actions(plan_setup(link, replace(REQUEST, fields=CORE)), "permission_set") == {"keep"}


def test_without_inputs_there_is_no_list_view_and_no_owner(link: Link) -> None:
    items = apply_setup(link, replace(REQUEST, fields=CORE))
    assert {item.name for item in items if item.kind == "permission_set"} == {"KAM_Connector", "KAM_Reader"}
    assert not actions(items, "list_view")


def test_a_field_of_somebody_else_is_refused_with_advice(link: Link, running: Running) -> None:
    add(running, "KAM_Flag__c")
    found = refusals(plan_setup(link, REQUEST))
    assert list(found) == ["Account.KAM_Flag__c"]
    assert "not ours" in found["Account.KAM_Flag__c"] and "[setup] prefix" in found["Account.KAM_Flag__c"]
    with pytest.raises(UsageFault, match="Nothing was changed"):
        apply_setup(link, REQUEST)
    assert list(account_fields(link)) == ["KAM_Flag__c"]
    assert not refusals(apply_setup(link, replace(REQUEST, prefix="ACME")))


def test_a_field_of_another_installation_is_refused(link: Link) -> None:
    apply_setup(link, REQUEST)
    found = refusals(plan_setup(link, replace(REQUEST, mark="ffffffff")))
    assert "another installation" in found["Account.KAM_Flag__c"]
    assert "not ours" in found["KAM_Connector"]


def test_a_hidden_field_of_somebody_else_is_not_overwritten(link: Link, running: Running) -> None:
    running.org.add_field("Account", Field("KAM_Why__c", "string", "Theirs", 255, custom=True))
    found = refusals(plan_setup(link, REQUEST))
    assert "hidden from this user" in found["Account.KAM_Why__c"]


def test_a_field_of_ours_with_another_type_is_refused(link: Link, running: Running) -> None:
    add(running, "KAM_Flag__c", help_text="What. [kam 1a2b3c4d]")
    assert "can change a type" in refusals(plan_setup(link, REQUEST))["Account.KAM_Flag__c"]


def test_what_differs_is_brought_back(link: Link, running: Running) -> None:
    apply_setup(link, REQUEST)
    field = running.org.object("Account").field("KAM_Why__c")
    assert field is not None
    running.org.add_field("Account", field.with_(label="Because"))
    items = apply_setup(link, REQUEST)
    assert [(i.name, i.detail) for i in items if i.action == "update"] == [("Account.KAM_Why__c", "label")]
    assert account_fields(link)["KAM_Why__c"].label == "KAM why"


def test_what_an_admin_granted_through_our_permission_set_stays(link: Link, running: Running) -> None:
    apply_setup(link, replace(REQUEST, fields=CORE))
    org = running.org
    ours = str(org.rows('SELECT "Id" FROM "PermissionSet" WHERE "Name" = \'KAM_Connector\'')[0][0])
    org.grant(ours, "Account", "Phone", edit=False)
    org.grant_object(ours, "Case", "Read")
    assert {item.action for item in plan_setup(link, replace(REQUEST, fields=CORE))} == {"keep"}
    apply_setup(link, REQUEST)
    sql = 'SELECT "PermissionsEdit" FROM "FieldPermissions" WHERE "ParentId" = ? AND "Field" = \'Account.Phone\''
    assert org.rows(sql, ours) == [(0,)]
    sql = 'SELECT "PermissionsRead", "PermissionsEdit" FROM "ObjectPermissions" WHERE "ParentId" = ?'
    sql += " AND \"SobjectType\" = 'Case'"
    assert org.rows(sql, ours) == [(1, 0)]


def test_an_apply_that_stopped_before_the_assignment_goes_on(link: Link, running: Running) -> None:
    apply_setup(link, REQUEST)
    for (one,) in running.org.rows('SELECT "Id" FROM "PermissionSetAssignment"'):
        running.org.delete(running.org.admin_id, "PermissionSetAssignment", str(one))
    planned = plan_setup(link, REQUEST)
    assert actions(planned) == {"keep"} and actions(planned, "assignment") == {"create"}
    apply_setup(link, REQUEST)
    assert len(account_fields(link)) == len(REQUEST.fields)


def test_the_package_can_be_handed_over(link: Link, tmp_path: Path) -> None:
    apply_setup(link, REQUEST, tmp_path / "setup.zip")
    assert not account_fields(link)
    with zipfile.ZipFile(tmp_path / "setup.zip") as archive:
        assert "package.xml" in archive.namelist() and "objects/Account.object" in archive.namelist()
    once = (tmp_path / "setup.zip").read_bytes()
    apply_setup(link, REQUEST, tmp_path / "setup.zip")
    assert (tmp_path / "setup.zip").read_bytes() == once


def test_a_user_who_may_not_change_fields_is_told_so(running: Running, tmp_path: Path) -> None:
    user = running.org.user_id("Standard User")
    link = linked(running, running.site.sessions.open(user))
    found = refusals(plan_setup(link, REQUEST))
    assert "--out" in found["Modify Metadata"]
    with pytest.raises(AccessFault, match="Modify Metadata"):
        apply_setup(link, REQUEST)
    apply_setup(link, REQUEST, tmp_path / "setup.zip")
    assert (tmp_path / "setup.zip").exists()


def test_what_the_org_refuses_is_shown_in_the_plan(link: Link) -> None:
    # 256 characters fit no text field; only the org's own check can say so
    wrong = CrmField("account", "kam_long", "text", "Long", "Too long.", length=256)
    found = refusals(plan_setup(link, replace(REQUEST, fields=(*CORE, wrong))))
    assert "maximum is: 255" in found["Account.KAM_Long__c"]


def test_a_deployment_that_never_ends_is_cancelled(link: Link, running: Running) -> None:
    # The emulator works when it is polled, so a real standstill needs an answer put in its place.
    still = {"deployResult": {"done": False, "status": "Pending"}}
    sent: list[tuple[str, str]] = []

    class Still(Client):
        def get(self, path: str, params: Any = None) -> Any:
            return still if path.startswith("metadata/") else super().get(path, params)

        def send(self, method: str, path: str, **more: Any) -> Any:
            sent.append((method, path.split("/", maxsplit=1)[0]))
            return super().send(method, path, **more)

    stuck = Still(link.client.settings, {"TOKEN": running.token}, link.client.session)
    with pytest.raises(UnreachableFault, match="told to cancel"):
        plan_setup(replace(link, client=stuck), REQUEST)
    assert sent == [("POST", "metadata"), ("PATCH", "metadata")]


def test_removal_exports_values_and_takes_only_what_is_marked(link: Link, running: Running, tmp_path: Path) -> None:
    apply_setup(link, REQUEST)
    add(running, "KAM_Theirs__c")
    admin = running.org.admin_id
    one = running.org.create(admin, "Account", {"Name": "A", "KAM_Flag__c": "On watch", "KAM_Why__c": 'He said "no"'})
    running.org.create(admin, "Account", {"Name": "B"})
    request = replace(REQUEST, remove=True)
    planned = plan_setup(link, request)
    assert actions(planned) == {"remove"} and "Account.KAM_Theirs__c" not in {item.name for item in planned}
    assert len(account_fields(link)) == len(REQUEST.fields) + 1
    items = apply_setup(link, request, tmp_path)
    assert [item for item in items if item.kind != "export"] == planned
    assert list(account_fields(link)) == ["KAM_Theirs__c"]
    with (tmp_path / "removed-Account.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["Id"], row["KAM_Flag__c"], row["KAM_Why__c"]) for row in rows] == [(one, "On watch", 'He said "no"')]
    assert not running.org.rows('SELECT 1 FROM "PermissionSet" WHERE "Name" LIKE \'KAM%\'')
    assert remove_setup(link, request, tmp_path) == []


def test_removal_never_overwrites_an_earlier_export(link: Link, tmp_path: Path) -> None:
    for _ in range(2):
        apply_setup(link, REQUEST)
        remove_setup(link, replace(REQUEST, remove=True), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"removed-Account.csv", "removed-Account-2.csv"}


def test_values_that_cannot_be_kept_stop_the_removal(link: Link, tmp_path: Path) -> None:
    apply_setup(link, REQUEST)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageFault, match="Nothing was removed"):
        remove_setup(link, replace(REQUEST, remove=True), tmp_path / "file")
    with pytest.raises(UsageFault, match="cannot be written"):
        apply_setup(link, REQUEST, tmp_path / "no folder" / "setup.zip")
    assert len(account_fields(link)) == len(REQUEST.fields)


@pytest.mark.parametrize("prefix", ["", "1A", "A__B", "A-B", "ABCDEFGHIJKLMNOP", "A'"])
def test_a_prefix_that_cannot_begin_a_name_is_a_usage_fault(link: Link, prefix: str) -> None:
    with pytest.raises(UsageFault, match="prefix"):
        plan_setup(link, replace(REQUEST, prefix=prefix))


def add(running: Running, name: str, **more: Any) -> None:
    """Put a text field of somebody else on Account, visible to the running user."""
    org = running.org
    org.add_field("Account", Field(name, "string", name, 255, custom=True, **more))
    owner = org.create(org.admin_id, "PermissionSet", {"Name": f"Of_{name[:-3]}", "Label": name}, system=True)
    org.grant(owner, "Account", name, edit=True)
    given = {"PermissionSetId": owner, "AssigneeId": org.admin_id}
    org.create(org.admin_id, "PermissionSetAssignment", given, system=True)

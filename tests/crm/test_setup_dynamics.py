"""Setup against an emulated Dataverse org over HTTP: planned, made, kept, refused, handed over, removed."""

import base64
import csv
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import pytest

from connector.crm.dynamics.describe import describe
from connector.crm.dynamics.faults import read_refusal
from connector.crm.dynamics.login import Client
from connector.crm.dynamics.setup import Link, apply_setup, plan_setup, remove_setup
from connector.crm.dynamics.setup.definitions import option_changes
from connector.crm.dynamics.setup.naming import Naming
from connector.crm.failures import Refusal
from connector.crm.http import HttpSettings, make_session
from connector.crm.protocol import RecordFact, SetupItem, SetupRequest
from connector.crm.settings import CrmSettings
from connector.emulator.dynamics.org.model import Column, Option
from connector.emulator.dynamics.org.records import Org
from connector.emulator.server import Running, start
from connector.errors import AccessFault, UnreachableFault, UsageFault
from connector.schema import CRM_FIELDS, CrmField

FIELDS = {field.column: field for field in CRM_FIELDS}
FLAG, WHY, STATUS = FIELDS["kam_flag"], FIELDS["kam_why"], FIELDS["kam_status"]
SCORES = (FIELDS["kam_score"], FIELDS["kam_rank"], FIELDS["net_value_12m"])
# one of each kind: a column takes the emulator a while, and every test makes its own
SOME = (FLAG, WHY, FIELDS["kam_as_of"], STATUS, FIELDS["nominated"], FIELDS["sponsor"], FIELDS["partnership"])
NUMBERS = count(1)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with start(Org()) as server:
        yield server


@pytest.fixture
def link(running: Running) -> Link:
    return linked(running, running.token)


@pytest.fixture
def request_() -> SetupRequest:
    """What an installation of its own asks for: one org serves for all, as prefix and mark keep them apart."""
    number = next(NUMBERS)
    return SetupRequest(SOME, mark=f"{number:08x}", prefix=f"K{number}")


def linked(running: Running, token: str) -> Link:
    session = make_session(HttpSettings(), sleep=lambda _: None)
    session.refusal = read_refusal
    settings = CrmSettings(kind="dynamics", url=running.url, auth="token", secret_env="TOKEN")
    client = Client(settings, {"TOKEN": token}, session)

    def look(record: str) -> RecordFact | None:
        client.forget()
        return describe(client, record)

    return Link(client, client.user_id, look, lambda _: None)


def actions(items: list[SetupItem], kind: str = "field") -> set[str]:
    return {item.action for item in items if item.kind == kind}


def refusals(items: list[SetupItem]) -> dict[str, str]:
    return {item.name: item.detail for item in items if item.action == "refuse"}


def ours(running: Running, request: SetupRequest) -> dict[str, Column]:
    """Our columns by what follows the prefix."""
    start = f"{request.prefix.lower()}_"
    columns = running.org.table("account").columns
    return {name.removeprefix(start): column for name, column in columns.items() if name.startswith(start)}


def named(running: Running, table: str, request: SetupRequest) -> list[str]:
    found = running.org.rows(f'SELECT name FROM "{table}" WHERE name LIKE ? ORDER BY 1', f"{request.prefix} %")
    return [str(name).removeprefix(request.prefix).strip() for (name,) in found]


def solution(running: Running, request: SetupRequest) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = running.org.rows(
        "SELECT description FROM solution WHERE uniquename = ?", request.prefix.lower()
    )
    return found


def acting(running: Running, *roles: str) -> str:
    """Token of a new user with these roles."""
    app = str(uuid4())
    running.org.add_user(f"Acting {app}", roles=roles, applicationid=app)
    return str(running.site.sessions.open(app))


def changes(running: Running) -> int:
    return sum(
        number
        for call, number in running.calls.items()
        if call.split()[0] in ("POST", "PUT", "PATCH", "DELETE") and "$batch" not in call
    )


def test_a_plan_says_create_and_changes_nothing(link: Link, running: Running, request_: SetupRequest) -> None:
    running.calls.clear()
    items = plan_setup(link, request_)
    for kind in ("publisher", "solution", "field", "role", "profile", "list_view", "assignment"):
        assert actions(items, kind) == {"create"}, kind
    assert len([item for item in items if item.kind == "field"]) == len(request_.fields)
    assert not ours(running, request_) and not changes(running)


def test_applying_makes_everything_once_and_a_second_time_nothing(
    link: Link, running: Running, request_: SetupRequest
) -> None:
    org = running.org
    apply_setup(link, request_)
    made = ours(running, request_)
    assert len(made) == len(request_.fields)
    assert all(column.description.endswith(f" [kam {request_.mark}]") for column in made.values())
    assert [(o.value, o.label) for o in made["flag"].options] == list(enumerate(FLAG.values, 727000000))
    kinds = {name: made[name].type for name in ("why", "as_of", "nominated", "sponsor", "partnership")}
    assert list(kinds.values()) == ["string", "datetime", "boolean", "lookup", "integer"]
    assert made["as_of"].behavior == "DateOnly" and made["sponsor"].targets == ("systemuser",)
    assert {name for name, column in made.items() if column.secured} == {"status"}
    assert named(running, "role", request_) == ["Connector", "Programme Owner", "Reader"]
    assert solution(running, request_) == [(f"Made by kam-connector. [kam {request_.mark}]",)]
    assert f"{request_.prefix} Connector" in org.access.roles(org.admin_id)
    running.calls.clear()
    assert {item.action for item in apply_setup(link, request_)} == {"keep"}
    assert not changes(running)


def test_only_a_programme_owner_may_edit_the_status(link: Link, running: Running, request_: SetupRequest) -> None:
    org = running.org
    apply_setup(link, request_)
    rights = {}
    for role in ("Connector", "Reader", "Programme Owner"):
        user = org.add_user(f"{request_.prefix} {role}", roles=("Basic User",))
        sql = "SELECT fieldsecurityprofileid FROM fieldsecurityprofile WHERE name = ?"
        ((profile,),) = org.rows(sql, f"{request_.prefix} {role}")
        assert not any(org.access.secured(user, org.table("account"))[f"{request_.prefix.lower()}_status"])
        body = {"@odata.id": f"{link.client.base}fieldsecurityprofiles({profile})"}
        link.client.send("POST", f"systemusers({user})/systemuserprofiles_association/$ref", json=body)
        rights[role] = org.access.secured(user, org.table("account"))[f"{request_.prefix.lower()}_status"]
    assert rights == {
        "Connector": (True, False, False),
        "Reader": (True, False, False),
        "Programme Owner": (True, True, True),
    }


def test_the_connector_role_reads_what_is_pulled_and_writes_accounts(
    link: Link, running: Running, request_: SetupRequest
) -> None:
    apply_setup(link, replace(request_, fields=(FLAG, WHY)))
    client = linked(running, acting(running, f"{request_.prefix} Connector")).client
    for records in ("accounts", "contacts", "opportunities", "activitypointers", "connections", "systemusers"):
        assert "value" in client.get(records, {"$top": 1}), records
    key = running.org.create(running.org.admin_id, "account", {"name": "A"})
    client.send("PATCH", f"accounts({key})", json={f"{request_.prefix.lower()}_why": "Because."})
    with pytest.raises(Refusal, match="403"):
        client.send("DELETE", f"accounts({key})")


def test_the_view_shows_the_key_accounts_of_whoever_looks(link: Link, running: Running, request_: SetupRequest) -> None:
    apply_setup(link, request_)
    org, status = running.org, f"{request_.prefix.lower()}_status"
    other = org.add_user("Somebody Else")
    for name, value, owner in (("Key one", 0, org.admin_id), ("Another", 1, org.admin_id), ("Theirs", 0, other)):
        values = {"name": name, status: 727000000 + value, "ownerid": ("systemuser", owner)}
        org.create(org.admin_id, "account", values)
    view = Naming(request_.prefix, request_.mark).id("view")
    assert [row["name"] for row in link.client.query(f"accounts?savedQuery={view}")] == ["Key one"]


def test_more_fields_are_added_and_scores_stay_hidden_from_readers(
    link: Link, running: Running, request_: SetupRequest
) -> None:
    apply_setup(link, replace(request_, fields=(FLAG, WHY)))
    assert named(running, "role", request_) == ["Connector", "Reader"]
    assert not named(running, "fieldsecurityprofile", request_)
    items = apply_setup(link, replace(request_, fields=(FLAG, *SCORES)))
    assert len([i for i in items if i.kind == "field" and i.action == "create"]) == len(SCORES)
    assert named(running, "fieldsecurityprofile", request_) == ["Connector", "Programme Owner"]
    kinds = {name: ours(running, request_)[name].type for name in ("score", "rank", "net_value_12m")}
    assert list(kinds.values()) == ["decimal", "integer", "decimal"]
    assert {item.action for item in plan_setup(link, replace(request_, fields=(FLAG, WHY)))} == {"keep"}


def test_a_column_of_somebody_else_is_refused_with_advice(link: Link, running: Running, request_: SetupRequest) -> None:
    name = f"{request_.prefix.lower()}_flag"
    running.org.add_column("account", Column(name, "string", "Theirs", name, max_length=100, custom=True))
    found = refusals(plan_setup(link, request_))
    assert list(found) == [f"account.{name}"]
    assert "not ours" in found[f"account.{name}"] and "map it" in found[f"account.{name}"]
    with pytest.raises(UsageFault, match="Nothing was changed"):
        apply_setup(link, request_)
    assert list(ours(running, request_)) == ["flag"]


def test_things_of_another_installation_and_a_changed_type_are_refused(link: Link, request_: SetupRequest) -> None:
    apply_setup(link, replace(request_, fields=(FLAG,)))
    prefix, column = request_.prefix, f"account.{request_.prefix.lower()}_flag"
    found = refusals(plan_setup(link, replace(request_, mark="ffffffff")))
    assert set(found) == {prefix.lower(), column, f"{prefix} Connector", f"{prefix} Reader"}
    assert "another installation" in found[column] and "not ours" in found[f"{prefix} Connector"]
    wrong = replace(FLAG, kind="text", length=50)
    assert "cannot be changed" in refusals(plan_setup(link, replace(request_, fields=(wrong,))))[column]


def test_what_differs_is_brought_back_and_an_option_that_is_missing_is_added(
    link: Link, running: Running, request_: SetupRequest
) -> None:
    org, small = running.org, replace(request_, fields=(FLAG, WHY))
    apply_setup(link, small)
    made = ours(running, small)
    changed = made["why"].with_(label="Because", max_length=100, required="Recommended")
    org.replace_column("account", changed)
    org.replace_column("account", made["flag"].with_(options=(*made["flag"].options[:2], Option(900, "Theirs"))))
    items = apply_setup(link, small)
    assert {(i.name, i.detail) for i in items if i.action == "update"} == {
        (f"account.{changed.name}", "label, length"),
        (f"account.{made['flag'].name}", "options"),
    }
    made = ours(running, small)
    assert (made["why"].label, made["why"].max_length, made["why"].required) == ("KAM why", 255, "Recommended")
    assert {option.label for option in made["flag"].options} == {*FLAG.values, "Theirs"}
    assert {item.action for item in plan_setup(link, small)} == {"keep"}


def test_an_option_that_records_hold_never_gets_another_meaning() -> None:
    def there(*labels: str) -> dict[str, Any]:
        texts = [{"LocalizedLabels": [{"Label": text, "LanguageCode": 1033}]} for text in labels]
        return {"OptionSet": {"Options": [{"Value": 727000000 + n, "Label": t} for n, t in enumerate(texts)]}}

    wish = CrmField("account", "kam_x", "picklist", "X", "X.", values=("High", "Middle", "Low"))
    assert option_changes(wish, there("High", "Low"), 1033) == ({727000003: "Middle"}, {})
    assert option_changes(wish, there("High", "Medium", "Low"), 1033) == ({}, {727000001: "Middle"})
    assert option_changes(wish, there("High", "Middle", "Low", "Theirs"), 1033) == ({}, {})


class Killed(Exception):
    """Stands for the end of the process."""


class Mortal(Client):
    """A client whose process ends after so many changes."""

    left = 0

    def send(self, method: str, path: str, **more: Any) -> Any:
        if method != "GET":
            if not self.left:
                raise Killed
            self.left -= 1
        return super().send(method, path, **more)


def test_an_apply_that_is_killed_again_and_again_gets_there(
    link: Link, running: Running, request_: SetupRequest
) -> None:
    small = replace(request_, fields=(FLAG, STATUS, FIELDS["sponsor"]))
    mortal = Mortal(link.client.settings, {"TOKEN": running.token}, link.client.session)
    running.calls.clear()
    lives = 0
    while True:
        lives, mortal.left = lives + 1, 5
        try:
            apply_setup(replace(link, client=mortal), small)
            break
        except Killed:
            assert lives < 20
    assert lives > 4
    assert {item.action for item in plan_setup(link, small)} == {"keep"}
    assert solution(running, small) == [(f"Made by kam-connector. [kam {small.mark}]",)]
    assert running.calls["POST /PublishXml"]
    running.org.replace_column("account", ours(running, small)["flag"].with_(label="Theirs"))
    mortal.left = 2  # all is as wished after these, but not published
    with pytest.raises(Killed):
        apply_setup(replace(link, client=mortal), small)
    assert [item.kind for item in plan_setup(link, small) if item.action != "keep"] == ["solution"]
    running.calls.clear()
    apply_setup(link, small)
    assert running.calls["POST /PublishXml"] == 1 and changes(running) == 3


def test_somebody_elses_customization_is_waited_for_but_not_for_ever(
    link: Link, running: Running, request_: SetupRequest
) -> None:
    said = {"error": {"code": "0x80071151", "message": "Cannot start another [EntityCustomization]"}}
    busy = {"kind": "status", "status": 429, "path": "*/Attributes", "method": "POST", "body": said}
    running.faults.add(**busy, times=8)
    pauses: list[float] = []
    patient = replace(link, sleep=pauses.append)
    apply_setup(patient, replace(request_, fields=(FLAG,)))
    assert pauses and all(10 <= pause <= 30 for pause in pauses) and list(ours(running, request_)) == ["flag"]
    running.faults.add(**busy)
    try:
        with pytest.raises(UnreachableFault, match="somebody else"):
            apply_setup(link, replace(request_, fields=(FLAG, WHY)))
    finally:
        running.faults.clear()


def test_a_user_who_may_not_change_tables_is_told_so(running: Running, request_: SetupRequest, tmp_path: Path) -> None:
    link = linked(running, acting(running, "Basic User"))
    found = refusals(plan_setup(link, request_))
    assert all("--out" in detail for detail in found.values()) and len(found) == 1
    with pytest.raises(AccessFault, match="--out"):
        apply_setup(link, request_)
    assert not ours(running, request_)
    apply_setup(link, request_, tmp_path / "setup.zip")
    assert (tmp_path / "setup.zip").exists()


def test_the_solution_can_be_handed_over_and_imported(
    link: Link, running: Running, request_: SetupRequest, tmp_path: Path
) -> None:
    path = tmp_path / "setup.zip"
    request = replace(request_, fields=CRM_FIELDS)
    planned = apply_setup(link, request, path)
    assert actions(planned) == {"create"} and not ours(running, request_)
    once = path.read_bytes()
    apply_setup(link, request, path)
    assert path.read_bytes() == once
    with zipfile.ZipFile(path) as archive:
        assert set(archive.namelist()) == {"[Content_Types].xml", "solution.xml", "customizations.xml"}
        for name in archive.namelist():
            ElementTree.fromstring(archive.read(name))
    body: dict[str, Any] = {"OverwriteUnmanagedCustomizations": True, "PublishWorkflows": True}
    body |= {"CustomizationFile": base64.b64encode(once).decode(), "ImportJobId": str(uuid4())}
    link.client.send("POST", "ImportSolution", json=body)
    # The index behind a key is built in the background, after an import as ever.
    left = {item.kind: item.action for item in plan_setup(link, request) if item.action != "keep"}
    assert left == {"key": "update", "assignment": "create"}
    assert len(ours(running, request_)) == len([field for field in CRM_FIELDS if field.table == "account"])
    manager = running.org.table("contact").columns[f"{request.prefix.lower()}_suggested_manager"]
    assert manager.targets == ("contact",)
    apply_setup(link, request)
    assert {item.action for item in plan_setup(link, request)} == {"keep"}


def test_removal_exports_values_and_takes_only_what_is_marked(
    link: Link, running: Running, request_: SetupRequest, tmp_path: Path
) -> None:
    org, start = running.org, f"{request_.prefix.lower()}_"
    apply_setup(link, request_)
    org.add_column("account", Column(f"{start}theirs", "string", "Theirs", "Theirs", max_length=9, custom=True))
    values = {"flag": 727000000, "why": 'He said "no"', "status": 727000001, "sponsor": org.admin_id}
    one = org.create(org.admin_id, "account", {"name": "A"} | {start + name: value for name, value in values.items()})
    org.create(org.admin_id, "account", {"name": "B", f"{start}theirs": "x"})
    request = replace(request_, remove=True)
    planned = plan_setup(link, request)
    assert {i.action for i in planned} == {"remove"} and f"account.{start}theirs" not in {i.name for i in planned}
    assert len(ours(running, request)) == len(request.fields) + 1
    items = apply_setup(link, request, tmp_path)
    assert [item for item in items if item.kind != "export"] == planned
    assert list(ours(running, request)) == ["theirs"]
    with (tmp_path / "removed-account.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    told = [(row["accountid"], *(row[start + name] for name in values)) for row in rows]
    assert told == [(one, "On watch", 'He said "no"', "Standard", org.admin_id)]
    assert not named(running, "role", request) and not named(running, "fieldsecurityprofile", request)
    assert not solution(running, request)
    assert not org.rows("SELECT 1 FROM publisher WHERE uniquename = ?", request.prefix.lower())
    assert remove_setup(link, request, tmp_path) == []
    apply_setup(link, replace(request_, fields=(FLAG,)))
    remove_setup(link, request, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"removed-account.csv", "removed-account-2.csv"}


def test_values_that_cannot_be_kept_stop_the_removal(
    link: Link, running: Running, request_: SetupRequest, tmp_path: Path
) -> None:
    request = replace(request_, fields=(FLAG,))
    apply_setup(link, request)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageFault, match="Nothing was removed"):
        remove_setup(link, replace(request, remove=True), tmp_path / "file")
    with pytest.raises(UsageFault, match="cannot be written"):
        apply_setup(link, request, tmp_path / "no folder" / "setup.zip")
    assert list(ours(running, request_)) == ["flag"]


def test_a_solution_that_holds_more_stays_with_its_publisher(
    link: Link, running: Running, request_: SetupRequest, tmp_path: Path
) -> None:
    request = replace(request_, fields=(FLAG,))
    apply_setup(link, request)
    org = running.org
    sql = "SELECT solutionid FROM solution WHERE uniquename = ?"
    ((key,),) = org.rows(sql, request.prefix.lower())
    theirs = {"solutionid": key, "componenttype": 60, "objectid": org.admin_id}
    org.create(org.admin_id, "solutioncomponent", theirs, system=True)
    items = remove_setup(link, replace(request, remove=True), tmp_path)
    assert {i.kind for i in items if i.action == "keep"} == {"solution", "publisher"} and not ours(running, request_)
    assert solution(running, request)


@pytest.mark.parametrize("prefix", ["", "K", "1A", "A_B", "A-B", "ABCDEFGHI", "A'", "mscrmx"])
def test_a_prefix_that_cannot_begin_a_name_is_a_usage_fault(prefix: str) -> None:
    with pytest.raises(UsageFault, match="prefix"):
        Naming(prefix, "1a2b3c4d")

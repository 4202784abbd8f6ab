"""Metadata deploys over HTTP: what a package makes, what it refuses, and that a refusal changes nothing."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from connector.emulator.salesforce.org.records import Org
from connector.emulator.server import Running, start

XMLNS = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
FLAG = (
    "<fields><fullName>KAM_Flag__c</fullName><label>KAM flag</label><type>Picklist</type><valueSet>"
    "<restricted>true</restricted><valueSetDefinition><sorted>false</sorted>"
    "<value><fullName>On watch</fullName><default>false</default><label>On watch</label></value>"
    "<value><fullName>None</fullName><default>false</default><label>None</label></value>"
    "</valueSetDefinition></valueSet></fields>"
)
WHY = (
    "<fields><fullName>KAM_Why__c</fullName><label>KAM why</label><type>Text</type><length>255</length>"
    "<inlineHelpText>Reasons [kam abc]</inlineHelpText></fields>"
)
VIEW = (
    "<listViews><fullName>KAM_Mine</fullName><columns>ACCOUNT.NAME</columns><columns>KAM_Flag__c</columns>"
    "<filterScope>Mine</filterScope><filters><field>KAM_Flag__c</field><operation>equals</operation>"
    "<value>On watch</value></filters><label>My key accounts</label></listViews>"
)
READER = (
    "<label>KAM Reader</label><fieldPermissions><field>Account.KAM_Flag__c</field><readable>true</readable>"
    "<editable>true</editable></fieldPermissions>"
)
GAP = (
    "<label>Gap</label><pluralLabel>Gaps</pluralLabel><nameField><label>Name</label><type>Text</type></nameField>"
    "<deploymentStatus>Deployed</deploymentStatus><sharingModel>ReadWrite</sharingModel>"
)
TO_ACCOUNT = (
    "<fields><fullName>Account__c</fullName><label>Account</label><type>Lookup</type><referenceTo>Account</referenceTo>"
    "<relationshipName>Gaps</relationshipName></fields>"
)


@pytest.fixture
def running() -> Iterator[Running]:
    with start(Org()) as server:
        yield server


def zipped(members: dict[str, list[str]], files: dict[str, str], deleted: dict[str, list[str]] | None = None) -> bytes:
    """Zip with manifest; `files` hold what stands inside the root element that the path's suffix tells."""
    roots = {"object": "CustomObject", "permissionset": "PermissionSet", "xml": "Package"}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        manifests = {"package.xml": members} | ({"destructiveChanges.xml": deleted} if deleted else {})
        for path, listed in manifests.items():
            types = "".join(
                f"<types>{''.join(f'<members>{n}</members>' for n in names)}<name>{kind}</name></types>"
                for kind, names in listed.items()
            )
            archive.writestr(path, f"<Package {XMLNS}>{types}<version>66.0</version></Package>")
        for path, inner in files.items():
            root = roots[path.rsplit(".", 1)[1]]
            archive.writestr(path, f"<{root} {XMLNS}>{inner}</{root}>")
    return buffer.getvalue()


BASIC = zipped(
    {
        "CustomField": ["Account.KAM_Flag__c", "Account.KAM_Why__c"],
        "ListView": ["Account.KAM_Mine"],
        "PermissionSet": ["KAM_Reader"],
    },
    {"objects/Account.object": FLAG + WHY + VIEW, "permissionsets/KAM_Reader.permissionset": READER},
)


def call(server: Running, method: str, path: str, token: str | None = None, **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {token or server.token}"}
    return requests.request(
        method, f"{server.url}/services/data/v66.0/{path}", headers=headers, timeout=10, proxies={"http": ""}, **more
    )


def send(server: Running, package: bytes, token: str | None = None, **options: Any) -> requests.Response:
    body = json.dumps({"deployOptions": {"singlePackage": True, "rollbackOnError": True} | options})
    files = {
        "json": (None, body, "application/json"),
        "file": ("deploy.zip", package, "application/zip"),
    }
    return call(server, "POST", "metadata/deployRequest", token, files=files)


def deployed(server: Running, package: bytes, **options: Any) -> dict[str, Any]:
    """Result of a deploy, polled to its end."""
    answer = send(server, package, **options)
    assert answer.status_code == 201, answer.text
    for _ in range(5):
        path = f"metadata/deployRequest/{answer.json()['id']}?includeDetails=true"
        result: dict[str, Any] = call(server, "GET", path).json()["deployResult"]
        if result["done"]:
            return result
    raise AssertionError("not done after five polls")


def problems(result: dict[str, Any]) -> dict[str, str]:
    return {entry["fullName"]: entry["problem"] for entry in result["details"]["componentFailures"]}


def flags(result: dict[str, Any]) -> dict[str, tuple[bool, bool, bool]]:
    listed = result["details"]["componentSuccesses"]
    parts = [entry for entry in listed if entry["componentType"]]  # the manifest is listed too
    return {entry["fullName"]: (entry["created"], entry["changed"], entry["deleted"]) for entry in parts}


def fields_of(server: Running, name: str, token: str | None = None) -> dict[str, Any]:
    return {field["name"]: field for field in call(server, "GET", f"sobjects/{name}/describe", token).json()["fields"]}


def assign(server: Running, name: str = "KAM_Reader") -> None:
    found = server.org.rows('SELECT "Id" FROM "PermissionSet" WHERE "Name" = ?', name)
    body = {"AssigneeId": server.org.admin_id, "PermissionSetId": found[0][0]}
    assert call(server, "POST", "sobjects/PermissionSetAssignment", json=body).status_code == 201


def test_a_deploy_goes_from_pending_to_succeeded_and_a_second_one_changes_nothing(running: Running) -> None:
    answer = send(running, BASIC)
    first = answer.json()
    assert first["deployResult"]["status"] == "Pending" and first["id"].startswith("0Af")
    path = f"metadata/deployRequest/{first['id']}"
    states = [call(running, "GET", path).json()["deployResult"]["status"] for _ in range(3)]
    assert states == ["InProgress", "Succeeded", "Succeeded"]
    again = deployed(running, BASIC)
    assert again["success"] and set(flags(again).values()) == {(False, False, False)}
    assert again["numberComponentsTotal"] == again["numberComponentsDeployed"] == 4


def test_what_was_made_is_told_as_created_and_then_as_changed(running: Running) -> None:
    assert flags(deployed(running, BASIC))["Account.KAM_Flag__c"] == (True, False, False)
    longer = zipped(
        {"CustomField": ["Account.KAM_Flag__c"]}, {"objects/Account.object": FLAG.replace("KAM flag", "Flag")}
    )
    assert flags(deployed(running, longer))["Account.KAM_Flag__c"] == (False, True, False)


def test_a_deployed_field_is_invisible_until_a_permission_set_is_assigned(running: Running) -> None:
    assert deployed(running, BASIC)["success"]
    assert "KAM_Flag__c" not in fields_of(running, "Account")
    assign(running)
    seen = fields_of(running, "Account")
    assert seen["KAM_Flag__c"]["restrictedPicklist"] and seen["KAM_Flag__c"]["updateable"]
    assert [value["value"] for value in seen["KAM_Flag__c"]["picklistValues"]] == ["On watch", "None"]
    assert "KAM_Why__c" not in seen  # no permission set grants it


def test_a_check_only_deploy_tells_everything_and_changes_nothing(running: Running) -> None:
    result = deployed(running, BASIC, checkOnly=True)
    assert result["success"] and flags(result)["Account.KAM_Why__c"] == (True, False, False)
    assert "kam_flag__c" not in running.org.object("Account").fields
    assert not running.org.rows('SELECT 1 FROM "PermissionSet" WHERE "Name" = ?', "KAM_Reader")
    assert flags(deployed(running, BASIC))["Account.KAM_Why__c"] == (True, False, False)


def test_one_failure_takes_everything_back(running: Running) -> None:
    broken = zipped(
        {"CustomField": ["Account.KAM_Flag__c", "Account.KAM_Why__c"]},
        {"objects/Account.object": FLAG + WHY.replace("255", "300")},
    )
    result = deployed(running, broken)
    assert (result["status"], result["success"], result["numberComponentErrors"]) == ("Failed", False, 1)
    assert problems(result) == {"Account.KAM_Why__c": "Invalid length, maximum is: 255"}
    assert "kam_flag__c" not in running.org.object("Account").fields
    partial = deployed(running, broken, rollbackOnError=False)
    assert partial["status"] == "SucceededPartial"
    assert "kam_flag__c" in running.org.object("Account").fields


def test_the_manifest_and_the_files_must_agree(running: Running) -> None:
    missing = zipped({"CustomField": ["Account.KAM_Flag__c", "Account.X__c"]}, {"objects/Account.object": FLAG})
    said = (
        "An object 'Account.X__c' of type CustomField was named in package.xml, but was not found in zipped directory"
    )
    assert problems(deployed(running, missing)) == {"Account.X__c": said}
    extra = zipped({"CustomField": ["Account.KAM_Flag__c"]}, {"objects/Account.object": FLAG + WHY})
    assert problems(deployed(running, extra)) == {"Account.KAM_Why__c": "Not in package.xml"}
    unknown = zipped({"ApexClass": ["X"]}, {})
    assert "Unknown type name 'ApexClass'" in problems(deployed(running, unknown))["package.xml"]


def test_elements_of_one_kind_stand_together(running: Running) -> None:
    package = zipped({"CustomObject": ["Account"]}, {"objects/Account.object": FLAG + VIEW + WHY})
    assert "Element fields is duplicated at this location" in next(iter(problems(deployed(running, package)).values()))


def test_a_file_that_is_no_zip_is_a_failure_not_a_crash(running: Running) -> None:
    assert "not a readable zip" in problems(deployed(running, b"no zip"))["package.xml"]
    assert problems(deployed(running, zipped({}, {"objects/Account.object": FLAG})))["Account.KAM_Flag__c"]


def test_a_permission_set_that_names_an_unknown_field_fails(running: Running) -> None:
    package = zipped(
        {"PermissionSet": ["KAM_Reader"]}, {"permissionsets/KAM_Reader.permissionset": READER.replace("Flag", "Flug")}
    )
    assert problems(deployed(running, package)) == {
        "KAM_Reader": "In field: field - no CustomField named Account.KAM_Flug__c found"
    }


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("<fieldPermissions><field>Account.Name</field><readable>true</readable></fieldPermissions>", "required field"),
        ("<fieldPermissions><field>Account.Phone</field><editable>true</editable></fieldPermissions>", "depends on"),
        ("<objectPermissions><object>Account</object><allowEdit>true</allowEdit></objectPermissions>", "Read Account"),
        ("<objectPermissions><object>X__c</object><allowRead>true</allowRead></objectPermissions>", "no CustomObject"),
        ("<userPermissions><name>Fly</name><enabled>true</enabled></userPermissions>", "Unknown user permission: Fly"),
    ],
)
def test_rights_that_cannot_stand_are_refused(running: Running, entry: str, problem: str) -> None:
    package = zipped({"PermissionSet": ["P"]}, {"permissionsets/P.permissionset": f"<label>P</label>{entry}"})
    assert problem in problems(deployed(running, package))["P"]


def test_a_permission_set_is_replaced_as_a_whole(running: Running) -> None:
    deployed(running, BASIC)
    assign(running)
    other = READER.replace("KAM_Flag__c", "KAM_Why__c")
    package = zipped({"PermissionSet": ["KAM_Reader"]}, {"permissionsets/KAM_Reader.permissionset": other})
    assert flags(deployed(running, package))["KAM_Reader"] == (False, True, False)
    seen = fields_of(running, "Account")
    assert "KAM_Why__c" in seen and "KAM_Flag__c" not in seen


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("<columns>KAM_Flag__c", "<columns>KAM_Flug__c", "Could not resolve list view column: KAM_Flug__c"),
        ("<field>KAM_Flag__c", "<field>KAM_Flug__c", "no CustomField named Account.KAM_Flug__c found"),
        ("Mine<", "Ours<", "not a valid value for the enum 'FilterScope'"),
        ("equals", "is", "not a valid value for the enum 'FilterOperation'"),
    ],
)
def test_list_views_name_only_what_exists(running: Running, old: str, new: str, problem: str) -> None:
    package = zipped({"CustomObject": ["Account"]}, {"objects/Account.object": FLAG + VIEW.replace(old, new)})
    assert problem in next(iter(problems(deployed(running, package)).values()))


def test_list_views_are_records_too(running: Running) -> None:
    deployed(running, BASIC)
    query = "query?q=SELECT+Name,SobjectType+FROM+ListView+WHERE+DeveloperName='KAM_Mine'"
    record = call(running, "GET", query).json()["records"][0]
    assert (record["Name"], record["SobjectType"]) == ("My key accounts", "Account")


def test_a_custom_object_comes_with_its_lookup_and_grants(running: Running) -> None:
    grants = (
        "<label>P</label><objectPermissions><object>KAM_Gap__c</object><allowRead>true</allowRead>"
        "<allowCreate>true</allowCreate></objectPermissions><fieldPermissions><field>KAM_Gap__c.Account__c</field>"
        "<readable>true</readable><editable>true</editable></fieldPermissions>"
    )
    package = zipped(
        {"CustomObject": ["KAM_Gap__c"], "PermissionSet": ["P"]},
        {"objects/KAM_Gap__c.object": GAP + TO_ACCOUNT, "permissionsets/P.permissionset": grants},
    )
    assert problems(deployed(running, package)) == {}
    assign(running, "P")
    account = call(running, "POST", "sobjects/Account", json={"Name": "A"}).json()["id"]
    made = call(running, "POST", "sobjects/KAM_Gap__c", json={"Name": "G", "Account__c": account})
    assert made.status_code == 201, made.text
    query = "query?q=SELECT+(SELECT+Name+FROM+Gaps__r)+FROM+Account"
    assert call(running, "GET", query).json()["records"][0]["Gaps__r"]["records"][0]["Name"] == "G"
    assert set(flags(deployed(running, package)).values()) == {(False, False, False)}


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        (TO_ACCOUNT.replace(">Account</ref", ">Planet</ref"), "referenceTo value of 'Planet' does not resolve"),
        (TO_ACCOUNT.replace("Gaps", "Contacts") + TO_ACCOUNT.replace("Account__c", "B__c"), ""),
        (TO_ACCOUNT + TO_ACCOUNT.replace("Account__c", "B__c"), "There is already a Child Relationship named Gaps"),
        (WHY.replace("<length>255</length>", ""), "Must specify 'length' for a CustomField of type Text"),
    ],
)
def test_lookups_need_a_target_and_a_free_name(running: Running, field: str, problem: str) -> None:
    package = zipped({"CustomObject": ["Contact"]}, {"objects/Contact.object": field})
    found = problems(deployed(running, package))
    assert (problem in next(iter(found.values()))) if problem else not found


def test_an_existing_field_cannot_change_its_type(running: Running) -> None:
    deployed(running, BASIC)
    number = "<type>Number</type><precision>5</precision><scale>0</scale>"
    other = WHY.replace("<type>Text</type><length>255</length>", number)
    package = zipped({"CustomField": ["Account.KAM_Why__c"]}, {"objects/Account.object": other})
    assert problems(deployed(running, package)) == {
        "Account.KAM_Why__c": "Cannot change field type from Text to Number via the API"
    }


def test_destructive_changes_delete_and_tell(running: Running) -> None:
    deployed(running, BASIC)
    gone = {"CustomField": ["Account.KAM_Flag__c"], "ListView": ["Account.KAM_Mine"], "PermissionSet": ["KAM_Reader"]}
    assert flags(deployed(running, zipped({}, {}, gone)))["Account.KAM_Flag__c"] == (False, False, True)
    assert "kam_flag__c" not in running.org.object("Account").fields
    assert not running.org.rows(
        'SELECT 1 FROM "ListView" UNION SELECT 1 FROM "FieldPermissions" WHERE "Field" LIKE \'%KAM%\''
    )
    again = deployed(running, zipped({}, {}, gone))
    assert problems(again)["Account.KAM_Flag__c"] == "No CustomField named: Account.KAM_Flag__c found"
    assert deployed(running, zipped({}, {}, gone), ignoreWarnings=True)["success"]
    assert flags(deployed(running, BASIC))["Account.KAM_Flag__c"] == (True, False, False)


def test_an_assigned_permission_set_and_standard_things_cannot_be_deleted(running: Running) -> None:
    deployed(running, BASIC)
    assign(running)
    gone = {"PermissionSet": ["KAM_Reader"], "CustomField": ["Account.Name"], "CustomObject": ["Account"]}
    found = problems(deployed(running, zipped({}, {}, gone)))
    assert "assigned to users" in found["KAM_Reader"]
    assert "standard field" in found["Account.Name"] and "standard object" in found["Account"]


def test_values_survive_a_failed_removal(running: Running) -> None:
    deployed(running, BASIC)
    assign(running)
    account = call(running, "POST", "sobjects/Account", json={"Name": "A", "KAM_Flag__c": "On watch"}).json()["id"]
    gone = {"CustomField": ["Account.KAM_Flag__c"], "PermissionSet": ["KAM_Reader"]}
    assert deployed(running, zipped({}, {}, gone))["status"] == "Failed"
    assert call(running, "GET", f"sobjects/Account/{account}").json()["KAM_Flag__c"] == "On watch"


def test_a_waiting_deploy_can_be_cancelled_and_a_finished_one_not(running: Running) -> None:
    waiting = send(running, BASIC).json()["id"]
    wish = {"deployResult": {"status": "Canceling"}}
    answer = call(running, "PATCH", f"metadata/deployRequest/{waiting}", json=wish)
    assert (answer.status_code, answer.json()["deployResult"]["status"]) == (202, "Canceled")
    assert call(running, "GET", f"metadata/deployRequest/{waiting}").json()["deployResult"]["done"]
    assert "kam_flag__c" not in running.org.object("Account").fields
    refused = call(running, "PATCH", f"metadata/deployRequest/{waiting}", json=wish)
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALID_ID_FIELD")
    assert call(running, "GET", "metadata/deployRequest/0Af000000000000AAA").status_code == 404


def test_users_without_the_right_are_refused(running: Running) -> None:
    token = running.site.sessions.open(running.org.user_id("Standard User"))
    answer = send(running, BASIC, token)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "INSUFFICIENT_ACCESS")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"checkOnly": "yes"}, "JSON_PARSER_ERROR"),
        ({"fast": True}, "JSON_PARSER_ERROR"),
        ({"testLevel": "None"}, "INVALID_INPUT"),
    ],
)
def test_options_that_are_not_understood_are_refused(running: Running, options: dict[str, Any], code: str) -> None:
    answer = send(running, BASIC, **options)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_production_insists_on_all_or_nothing(running: Running) -> None:
    running.org.set_sandbox(False)
    answer = send(running, BASIC, rollbackOnError=False)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_OPERATION")


def test_a_body_without_its_two_parts_is_refused(running: Running) -> None:
    answer = call(running, "POST", "metadata/deployRequest", files={"file": ("deploy.zip", BASIC, "application/zip")})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_MULTIPART_REQUEST")
    assert call(running, "POST", "metadata/deployRequest", json={}).status_code == 415

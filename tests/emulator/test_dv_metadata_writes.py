"""Changes of definitions over HTTP: what can be made, what is refused, and that a refusal changes nothing."""

import base64
import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from dv_caller import NAMESPACE, Dataverse, guid_in, refusal, serving

ATTRIBUTES = "EntityDefinitions(LogicalName='account')/Attributes"
KEYS = "EntityDefinitions(LogicalName='account')/Keys"
SOLUTION = {"MSCRM.SolutionUniqueName": "kam"}


@pytest.fixture(scope="module")
def call() -> Iterator[Dataverse]:
    with serving() as caller:
        named = {"customizationprefix": "kam", "customizationoptionvalueprefix": 72700}
        publisher = caller.create("publishers", uniquename="kam", friendlyname="kam", **named)
        bound = {"publisherid@odata.bind": f"publishers({publisher})"}
        caller.create("solutions", uniquename="kam", friendlyname="kam", version="1.0.0.0", **bound)
        yield caller


def label(*texts: str) -> dict[str, Any]:
    """A label in English, and in German when there are two texts."""
    entries = [{"Label": text, "LanguageCode": code} for text, code in zip(texts, (1033, 1031), strict=False)]
    return {"@odata.type": f"{NAMESPACE}.Label", "LocalizedLabels": entries}


def column(kind: str, name: str, **more: Any) -> dict[str, Any]:
    """The body of a new column."""
    body = {"@odata.type": f"{NAMESPACE}.{kind}AttributeMetadata", "SchemaName": name, "DisplayName": label(name)}
    return {**body, "RequiredLevel": {"Value": "None"}, **more}


def make(call: Dataverse, body: dict[str, Any], path: str = ATTRIBUTES) -> str:
    answer = call("POST", path, json=body, headers=SOLUTION)
    assert answer.status_code == 204, answer.text
    return guid_in(answer)


def seen(call: Dataverse, name: str, kind: str, query: str = "") -> Any:
    answer = call("GET", f"{ATTRIBUTES}(LogicalName='{name}')/{NAMESPACE}.{kind}AttributeMetadata{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def options(call: Dataverse, name: str) -> list[tuple[int, str]]:
    """Values and labels of a choice."""
    found = seen(call, name, "Picklist", "?$select=LogicalName&$expand=OptionSet($select=Options)")["OptionSet"]
    return [(one["Value"], one["Label"]["UserLocalizedLabel"]["Label"]) for one in found["Options"]]


@pytest.mark.parametrize(
    ("kind", "more", "value", "expected"),
    [
        ("String", {"MaxLength": 255, "FormatName": {"Value": "Url"}}, "x", {"FormatName": {"Value": "Url"}}),
        ("Memo", {"MaxLength": 32000, "Format": "TextArea"}, "long", {"MaxLength": 32000}),
        ("Integer", {"MinValue": 0, "MaxValue": 100, "Format": "None"}, 7, {"MaxValue": 100}),
        ("BigInt", {}, 5_000_000_000, {"AttributeType": "BigInt"}),
        ("Decimal", {"MinValue": 0, "MaxValue": 100, "Precision": 1}, 2.5, {"Precision": 1}),
        ("Double", {"Precision": 5}, 0.5, {"Precision": 5}),
        ("Money", {"Precision": 2, "PrecisionSource": 2}, 12.5, {"PrecisionSource": 2}),
        ("Boolean", {"DefaultValue": False}, True, {"DefaultValue": False}),
        ("DateTime", {"Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}}, "2025-08-15", {}),
        ("MultiSelectPicklist", {"OptionSet": {"Options": [{"Value": 1, "Label": label("A")}]}}, "1", {}),
    ],
)
def test_a_column_of_every_type_can_be_made_described_and_written_at_once(call, kind, more, value, expected):
    name = f"kam_any{kind.lower()}"
    answer = call("POST", ATTRIBUTES, json=column(kind, f"kam_Any{kind}", **more), headers=SOLUTION)
    assert answer.headers["OData-EntityId"].startswith(f"{call.root}{ATTRIBUTES}("), answer.text
    told = seen(call, name, kind)
    assert {key: told[key] for key in expected} == expected
    assert (told["MetadataId"], told["IsCustomAttribute"]) == (guid_in(answer), True)
    row = call.create("accounts", name="A", **{name: value})
    assert call("GET", f"accounts({row})?$select={name}").json()[name] == value


def test_money_brings_its_base_twin(call):
    make(call, column("Money", "kam_Net"))
    assert seen(call, "kam_net_base", "Money")["CalculationOf"] == "kam_net"
    assert refusal(call("DELETE", f"{ATTRIBUTES}(LogicalName='kam_net_base')")) == (400, "0x80047016")


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (column("String", "xyz_Foreign", MaxLength=10), (400, "0x80044366")),
        (column("String", "plain", MaxLength=10), (400, "0x80044366")),
        (column("String", "kam_Bad-Name", MaxLength=10), (400, "0x80044364")),
        (column("String", "kam_Long", MaxLength=4001), (400, "0x80040203")),
        (column("Memo", "kam_Memo", MaxLength=1_048_577), (400, "0x80040203")),
        (column("Decimal", "kam_Fine", Precision=11), (400, "0x80040203")),
        (column("Integer", "kam_Turned", MinValue=5, MaxValue=1), (400, "0x80040203")),
        (column("Money", "kam_Rich", MaxValue=1e15), (400, "0x80040203")),
        (column("String", "kam_Typo", MaxLenght=10), (400, "0x80048d19")),
        (column("String", "kam_Odd", FormatName={"Value": "Poem"}), (400, "0x80040203")),
        (column("Lookup", "kam_Lost"), (400, "0x80040203")),
        ({"SchemaName": "kam_Nothing"}, (400, "0x80048d19")),
        (column("Picklist", "kam_Twice", OptionSet={"Options": [{"Value": 1}, {"Value": 1}]}), (400, "0x80044310")),
    ],
)
def test_a_column_that_a_real_organisation_would_refuse_is_refused(call, body, refused):
    before = len(call.org.tables["account"].columns)
    assert refusal(call("POST", ATTRIBUTES, json=body)) == refused
    assert len(call.org.tables["account"].columns) == before


def test_what_exists_already_is_said_to_exist(call):
    make(call, column("String", "kam_Once"))
    again = call("POST", ATTRIBUTES, json=column("String", "kam_Once"))
    table = {"@odata.type": f"{NAMESPACE}.EntityMetadata", "SchemaName": "kam_Once", "OwnershipType": "UserOwned"}
    primary = [column("String", "kam_Name", IsPrimaryName=True)]
    assert refusal(again) == (400, "0x80047013")
    make(call, {**table, "Attributes": primary}, "EntityDefinitions")
    taken = call("POST", "EntityDefinitions", json={**table, "Attributes": primary})
    assert refusal(taken) == (400, "0x8004700b")


def test_an_unknown_solution_is_refused_and_a_known_one_gets_the_component(call):
    body = column("String", "kam_Member")
    wrong = call("POST", ATTRIBUTES, json=body, headers={"MSCRM.SolutionUniqueName": "nope"})
    assert refusal(wrong)[0] == 400
    made = make(call, body)
    rows = call("GET", f"solutioncomponents?$select=componenttype&$filter=objectid eq {made}").json()["value"]
    assert [row["componenttype"] for row in rows] == [2]
    assert call("DELETE", f"{ATTRIBUTES}({made})").status_code == 204
    assert not call("GET", f"solutioncomponents?$filter=objectid eq {made}").json()["value"]


def test_a_definition_is_replaced_whole_and_keeps_other_languages_only_when_asked(call):
    made = make(call, column("String", "kam_Text", MaxLength=100, DisplayName=label("Text", "Wort")))

    def put(merge: str) -> list[int]:
        whole = seen(call, "kam_text", "String")
        body = {key: value for key, value in whole.items() if not key.startswith("@")}
        body |= {"@odata.type": f"{NAMESPACE}.StringAttributeMetadata", "MaxLength": 200, "DisplayName": label("New")}
        answer = call("PUT", f"{ATTRIBUTES}({made})", json=body, headers={"MSCRM.MergeLabels": merge})
        assert answer.status_code == 204, answer.text
        told = seen(call, "kam_text", "String")
        assert (told["MaxLength"], told["DisplayName"]["UserLocalizedLabel"]["Label"]) == (200, "New")
        return [one["LanguageCode"] for one in told["DisplayName"]["LocalizedLabels"]]

    assert put("true") == [1033, 1031]
    assert put("false") == [1033]
    other = call("PUT", f"{ATTRIBUTES}({made})", json=column("Memo", "kam_Text"))
    assert refusal(other) == (400, "0x80040203")


def test_options_are_added_renamed_ordered_and_removed(call):
    first = [{"Value": 727000000, "Label": label("On watch")}, {"Value": 727000001, "Label": label("None")}]
    make(call, column("Picklist", "kam_Flag", OptionSet={"IsGlobal": False, "Options": first}))
    here = {"EntityLogicalName": "account", "AttributeLogicalName": "kam_flag"}

    def act(name: str, **more: Any) -> Any:
        answer = call("POST", name, json={**here, **more})
        assert answer.status_code in (200, 204), answer.text
        return answer.json()["NewOptionValue"] if answer.content else None

    assert act("InsertOptionValue", Label=label("Large"), SolutionUniqueName="kam") == 727000002
    act("UpdateOptionValue", Value=727000000, Label=label("Watched"), MergeLabels=True)
    act("OrderOption", Values=[727000002, 727000001, 727000000])
    act("DeleteOptionValue", Value=727000001)
    assert options(call, "kam_flag") == [(727000002, "Large"), (727000000, "Watched")]
    twice = call("POST", "InsertOptionValue", json={**here, "Value": 727000002, "Label": label("X")})
    assert refusal(twice) == (400, "0x80044310")
    assert refusal(call("POST", "OrderOption", json={**here, "Values": [1]})) == (400, "0x80040203")


def test_a_status_reason_belongs_to_a_state(call):
    body = {"EntityLogicalName": "account", "AttributeLogicalName": "statuscode", "StateCode": 1}
    made = call("POST", "InsertStatusValue", json={**body, "Label": label("Frozen"), "SolutionUniqueName": "kam"})
    assert made.json()["NewOptionValue"] == 727000000
    found = seen(call, "statuscode", "Status", "?$expand=OptionSet")["OptionSet"]["Options"][-1]
    assert (found["State"], found["Value"]) == (1, 727000000)


def test_columns_share_an_option_set_and_what_changes_there_changes_in_all(call):
    colours = {
        "@odata.type": f"{NAMESPACE}.OptionSetMetadata",
        "Name": "kam_colours",
        "DisplayName": label("Colours"),
        "OptionSetType": "Picklist",
        "Options": [{"Value": 1, "Label": label("Red")}],
    }
    made = make(call, colours, "GlobalOptionSetDefinitions")
    bind = {"GlobalOptionSet@odata.bind": f"/GlobalOptionSetDefinitions({made})"}
    one = make(call, column("Picklist", "kam_Paint", **bind))
    inserted = call("POST", "InsertOptionValue", json={"OptionSetName": "kam_colours", "Label": label("Blue")})
    value = inserted.json()["NewOptionValue"]
    told = seen(call, "kam_paint", "Picklist", "?$expand=OptionSet,GlobalOptionSet($select=Name,Options)")
    assert (told["OptionSet"], [o["Value"] for o in told["GlobalOptionSet"]["Options"]]) == (None, [1, value])
    assert call.create("accounts", name="A", kam_paint=value)
    path = f"GlobalOptionSetDefinitions(Name='kam_colours')/{NAMESPACE}.OptionSetMetadata"
    assert [o["Value"] for o in call("GET", path).json()["Options"]] == [1, value]
    assert refusal(call("DELETE", f"GlobalOptionSetDefinitions({made})")) == (400, "0x80048417")
    call("DELETE", f"{ATTRIBUTES}({one})")
    assert call("DELETE", f"GlobalOptionSetDefinitions({made})").status_code == 204


def relation(name: str, lookup: str, target: str = "systemuser", **more: Any) -> dict[str, Any]:
    """The body of a relationship with its lookup."""
    body = {"@odata.type": f"{NAMESPACE}.OneToManyRelationshipMetadata", "SchemaName": name}
    ends = {"ReferencedEntity": target, "ReferencingEntity": "account", "ReferencedAttribute": f"{target}id"}
    return {**body, **ends, "Lookup": column("Lookup", lookup), **more}


def test_a_lookup_is_made_by_its_relationship_and_goes_with_it(call):
    made = make(call, relation("kam_systemuser_account_sponsor", "kam_Sponsor"), "RelationshipDefinitions")
    assert seen(call, "kam_sponsor", "Lookup", "?$select=Targets")["Targets"] == ["systemuser"]
    bound = {"kam_Sponsor@odata.bind": f"systemusers({call.org.admin_id})"}
    row = call.create("accounts", name="A", **bound)
    assert call("GET", f"accounts({row})?$expand=kam_Sponsor($select=fullname)").json()["kam_Sponsor"]["fullname"]
    again = call("POST", "RelationshipDefinitions", json=relation("kam_systemuser_account_sponsor", "kam_Other"))
    assert refusal(again) == (400, "0x8004432b")
    assert call("DELETE", f"RelationshipDefinitions({made})").status_code == 204
    assert refusal(call("GET", f"{ATTRIBUTES}(LogicalName='kam_sponsor')")) == (404, "0x80040217")
    assert refusal(call("DELETE", "RelationshipDefinitions(SchemaName='account_parent_account')"))[1] == "0x8004f013"


def test_a_customer_lookup_leads_to_accounts_and_contacts(call):
    ends = [
        {"ReferencedEntity": one, "ReferencingEntity": "account", "SchemaName": f"kam_account_payer_{one}"}
        for one in ("account", "contact")
    ]
    body = {"Lookup": column("ComplexLookup", "kam_Payer"), "OneToManyRelationships": ends}
    made = call("POST", "CreateCustomerRelationships", json=body).json()
    assert len(made["RelationshipIds"]) == 2
    told = seen(call, "kam_payer", "Lookup")
    assert (told["MetadataId"], told["AttributeType"]) == (made["AttributeId"], "Customer")
    contact = call.create("contacts", lastname="P")
    row = call.create("accounts", name="A", **{"kam_Payer_contact@odata.bind": f"contacts({contact})"})
    assert call("GET", f"accounts({row})?$select=_kam_payer_value").json()["_kam_payer_value"] == contact


def test_two_tables_are_joined_many_to_many(call):
    body = {
        "@odata.type": f"{NAMESPACE}.ManyToManyRelationshipMetadata",
        "SchemaName": "kam_account_product",
        "Entity1LogicalName": "account",
        "Entity2LogicalName": "product",
        "IntersectEntityName": "kam_account_product",
    }
    made = make(call, body, "RelationshipDefinitions")
    path = f"RelationshipDefinitions({made})/{NAMESPACE}.ManyToManyRelationshipMetadata"
    told = call("GET", path).json()
    assert (told["Entity1IntersectAttribute"], told["Entity2IntersectAttribute"]) == ("accountid", "productid")


def test_tables_are_made_with_their_columns_and_taken_away_with_their_rows(call):
    entries = [
        column("ComplexString", "kam_Name", MaxLength=200, IsPrimaryName=True),
        column("ComplexInteger", "kam_N"),
    ]
    body = {"@odata.type": f"{NAMESPACE}.ComplexEntityMetadata", "SchemaName": "kam_Gap", "OwnershipType": "UserOwned"}
    texts = {"DisplayName": label("Gap"), "DisplayCollectionName": label("Gaps"), "HasNotes": True}
    answer = call(
        "POST", "CreateEntities?SolutionUniqueName=kam", json={"Entities": [{**body, **texts, "Attributes": entries}]}
    )
    (made,) = answer.json()["EntityIds"]
    told = call("GET", f"EntityDefinitions({made})").json()
    assert (told["EntitySetName"], told["PrimaryNameAttribute"], told["HasNotes"]) == ("kam_gaps", "kam_name", True)
    assert call.create("kam_gaps", kam_name="G", kam_n=3)
    change = {"ChangeTrackingEnabled": True, "DisplayName": label("Whitespace gap")}
    assert call("PUT", f"EntityDefinitions({made})", json=change).status_code == 204
    told = call("GET", f"EntityDefinitions({made})").json()
    assert (told["ChangeTrackingEnabled"], told["DisplayName"]["UserLocalizedLabel"]["Label"]) == (
        True,
        "Whitespace gap",
    )
    off = call("PUT", f"EntityDefinitions({made})", json={"ChangeTrackingEnabled": False})
    assert refusal(off) == (400, "0x80040203")
    assert call("DELETE", f"EntityDefinitions({made})").status_code == 204
    assert call("GET", "kam_gaps").status_code == 404
    assert refusal(call("DELETE", "EntityDefinitions(LogicalName='account')")) == (400, "0x8004f013")


def statuses(call: Dataverse) -> dict[str, str]:
    """How far the index of each key of account has come."""
    value = call("GET", f"{KEYS}?$select=SchemaName,EntityKeyIndexStatus").json()["value"]
    return {one["SchemaName"]: one["EntityKeyIndexStatus"] for one in value}


def test_a_key_becomes_active_while_somebody_looks_and_then_finds_rows(call):
    make(call, column("String", "kam_Code", MaxLength=20))
    make(call, {"SchemaName": "kam_CodeKey", "DisplayName": label("Code"), "KeyAttributes": ["kam_code"]}, KEYS)
    assert [statuses(call)["kam_CodeKey"] for _ in range(3)] == ["Pending", "InProgress", "Active"]
    row = call.create("accounts", name="A", kam_code="C-1")
    assert call("GET", "accounts(kam_code='C-1')?$select=name").json()["accountid"] == row
    assert refusal(call("POST", KEYS, json={"SchemaName": "kam_CodeKey", "KeyAttributes": ["name"]}))[1] == "0x80060893"
    assert refusal(call("POST", KEYS, json={"SchemaName": "kam_CodeKey2", "KeyAttributes": ["kam_code"]}))[1] == (
        "0x80060894"
    )
    assert refusal(call("DELETE", f"{ATTRIBUTES}(LogicalName='kam_code')")) == (400, "0x8004f01f")
    whole = column("String", "kam_Code", IsSecured=True)
    assert refusal(call("PUT", f"{ATTRIBUTES}(LogicalName='kam_code')", json=whole)) == (400, "0x80060896")
    assert call("DELETE", f"{KEYS}(LogicalName='kam_codekey')").status_code == 204
    assert call("DELETE", f"{ATTRIBUTES}(LogicalName='kam_code')").status_code == 204


def test_a_key_fails_over_duplicates_and_can_be_built_again(call, monkeypatch):
    make(call, column("String", "kam_Double", MaxLength=20))
    rows = [call.create("accounts", name="A", kam_double=text) for text in ("same", "SAME")]
    make(call, {"SchemaName": "kam_DoubleKey", "KeyAttributes": ["kam_double"]}, KEYS)
    clock = call.org.clock
    monkeypatch.setattr(call.org, "clock", lambda: clock() + timedelta(minutes=1))  # the index has had its time
    assert statuses(call)["kam_DoubleKey"] == "Failed"
    call("DELETE", f"accounts({rows[0]})")
    again = {"EntityLogicalName": "account", "EntityKeyLogicalName": "kam_doublekey"}
    assert call("POST", "ReactivateEntityKey", json=again).status_code == 204
    assert statuses(call)["kam_DoubleKey"] == "Pending"
    assert [statuses(call)["kam_DoubleKey"] for _ in range(2)][-1] == "Active"
    assert refusal(call("POST", "ReactivateEntityKey", json=again)) == (400, "0x80060897")


@pytest.mark.parametrize(
    "names", [["kam_no"], ["description"], [], ["name", "name"], ["name", "websiteurl", "emailaddress1"]]
)
def test_a_key_that_cannot_be_is_refused(call, names):
    body = {"SchemaName": "kam_Impossible", "KeyAttributes": names}
    assert refusal(call("POST", KEYS, json=body)) == (400, "0x8006088f")


def test_column_security_is_for_columns_that_can_have_it(call):
    make(call, column("String", "kam_Secret", IsSecured=True))
    assert seen(call, "kam_secret", "String")["IsSecured"] is True
    body = column("DateTime", "CreatedOn", IsSecured=True)
    assert refusal(call("PUT", f"{ATTRIBUTES}(LogicalName='createdon')", json=body)) == (400, "0x8004f501")


def test_only_customizers_change_definitions(call):
    seller = call.org.add_user("Sally Seller", roles=("Salesperson",))
    answer = call("POST", ATTRIBUTES, json=column("String", "kam_Forbidden"), headers={"MSCRMCallerID": seller})
    assert refusal(answer) == (403, "0x80040220")
    assert "prvCreateAttribute" in answer.json()["error"]["message"]


def test_only_one_change_of_definitions_runs_at_a_time(call):
    call.steer(customization_lock_seconds=60)
    locked = refusal(call("POST", ATTRIBUTES, json=column("String", "kam_Late")))
    call.steer(customization_lock_seconds=0)
    assert locked == (429, "0x80071151")
    make(call, column("String", "kam_Late"))


def test_publishing_names_tables_that_are_there(call):
    xml = "<importexportxml><entities><entity>{}</entity></entities></importexportxml>"
    assert call("POST", "PublishXml", json={"ParameterXml": xml.format("account")}).status_code == 204
    assert refusal(call("POST", "PublishXml", json={"ParameterXml": xml.format("nope")}))[0] == 400
    assert refusal(call("POST", "PublishXml", json={"ParameterXml": "<no"})) == (400, "0x80040203")
    assert call("POST", "PublishAllXml").status_code == 204


def test_columns_of_the_system_and_companions_stay(call):
    assert refusal(call("DELETE", f"{ATTRIBUTES}(LogicalName='name')")) == (400, "0x80047002")
    assert refusal(call("DELETE", f"{ATTRIBUTES}(LogicalName='revenue')")) == (400, "0x8004f013")
    assert refusal(call("DELETE", f"{ATTRIBUTES}(LogicalName='primarycontactidname')")) == (400, "0x80047016")
    assert call("PATCH", f"{ATTRIBUTES}(LogicalName='name')", json={}).status_code == 405


def test_a_solution_is_exported_and_what_was_taken_away_comes_back_with_its_import(call):
    choice = {"OptionSet": {"Options": [{"Value": 727000000, "Label": label("Yes & no", "Ja")}]}}
    made = [make(call, column("Picklist", "kam_Back", IsSecured=True, **choice))]
    make(call, relation("kam_systemuser_account_back", "kam_BackTo"), "RelationshipDefinitions")
    profile = guid_in(call("POST", "fieldsecurityprofiles", json={"name": "KAM Reader"}))
    bound = {"fieldsecurityprofileid@odata.bind": f"fieldsecurityprofiles({profile})"}
    call.create("fieldpermissions", entityname="account", attributelogicalname="kam_back", canread=4, **bound)
    role = call.create(
        "roles", name="KAM", **{"businessunitid@odata.bind": f"businessunits({call.org.business_unit_id})"}
    )
    privilege = call("GET", "privileges?$select=privilegeid&$filter=name eq 'prvReadAccount'").json()["value"][0]
    granted = [{"PrivilegeId": privilege["privilegeid"], "Depth": "Local", "BusinessUnitId": call.org.business_unit_id}]
    call("POST", f"roles({role})/{NAMESPACE}.AddPrivilegesRole", json={"Privileges": granted})
    view = call.create(
        "savedqueries", name="Mine", returnedtypecode="account", querytype=0, layoutxml="<grid/>",
        fetchxml='<fetch><entity name="account"><attribute name="name"/></entity></fetch>',
    )  # fmt: skip
    for kind, one in ((20, role), (70, profile), (26, view)):
        body = {"ComponentId": one, "ComponentType": kind, "SolutionUniqueName": "kam", "AddRequiredComponents": False}
        assert call("POST", "AddSolutionComponent", json=body).status_code == 200
    file = call("POST", "ExportSolution", json={"SolutionName": "kam", "Managed": False}).json()["ExportSolutionFile"]

    gone = [f"{ATTRIBUTES}({made[0]})", "RelationshipDefinitions(SchemaName='kam_systemuser_account_back')"]
    gone += [f"roles({role})", f"savedqueries({view})", f"fieldsecurityprofiles({profile})"]
    assert [call("DELETE", path).status_code for path in gone] == [204] * 5
    body = {"CustomizationFile": file, "OverwriteUnmanagedCustomizations": True, "PublishWorkflows": False}
    assert call("POST", "ImportSolution", json=body).status_code == 204

    assert options(call, "kam_back") == [(727000000, "Yes & no")]
    assert seen(call, "kam_back", "Picklist")["IsSecured"] is True
    assert seen(call, "kam_backto", "Lookup")["Targets"] == ["systemuser"]
    kept = call.org.rows('SELECT "privilegedepthmask" FROM "roleprivileges" WHERE "roleid" = ?', role)
    assert kept == [(2,)]
    assert "entity name" in call.stored("savedquery", view)["fetchxml"]
    permitted = call("GET", f"fieldpermissions?$filter=_fieldsecurityprofileid_value eq {profile}").json()["value"]
    assert [(one["attributelogicalname"], one["canread"]) for one in permitted] == [("kam_back", 4)]


def zipped(**files: str) -> str:
    """A zip of these files as base64; a double underscore stands for a dot."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for name, text in files.items():
            archive.writestr(name.replace("__", "."), text)
    return base64.b64encode(buffer.getvalue()).decode()


MANIFEST = (
    "<ImportExportXml><SolutionManifest><UniqueName>bad</UniqueName><Version>1.0</Version><Managed>{}</Managed>"
    "<Publisher><UniqueName>bad</UniqueName><CustomizationPrefix>bad</CustomizationPrefix></Publisher>"
    "</SolutionManifest></ImportExportXml>"
)
BROKEN = (
    '<ImportExportXml><Entities><Entity><Name>Account</Name><EntityInfo><entity Name="Account"><attributes>'
    '<attribute PhysicalName="bad_Good"><Type>nvarchar</Type><MaxLength>10</MaxLength><IsCustomField>1</IsCustomField>'
    '</attribute><attribute PhysicalName="bad_Bad"><Type>nvarchar</Type><MaxLength>99999</MaxLength>'
    "<IsCustomField>1</IsCustomField></attribute></attributes></entity></EntityInfo></Entity></Entities></ImportExportXml>"
)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("no base64!", "0x80048060"),
        (zipped(solution__xml="<x/>"), "0x80048060"),
        (zipped(solution__xml="<open>", customizations__xml="<x/>"), "0x8004802c"),
        (zipped(solution__xml="<!DOCTYPE a><a/>", customizations__xml="<a/>"), "0x8004802c"),
        (zipped(solution__xml=MANIFEST.format(1), customizations__xml="<ImportExportXml/>"), "0x80048033"),
        (zipped(solution__xml=MANIFEST.format(0), customizations__xml=BROKEN), "0x80040203"),
    ],
)
def test_a_bad_solution_file_is_refused_and_leaves_nothing_behind(call, file, code):
    assert refusal(call("POST", "ImportSolution", json={"CustomizationFile": file})) == (400, code)
    assert "bad_good" not in call.org.tables["account"].columns
    assert not call("GET", "solutions?$filter=uniquename eq 'bad'").json()["value"]

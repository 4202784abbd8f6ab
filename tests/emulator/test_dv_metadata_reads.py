"""Reads of definitions over HTTP: shapes, casts, filters, expansions, and what metadata refuses."""

import json
import time
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from dv_caller import NAMESPACE, Dataverse, refusal, serving

ACCOUNT = "EntityDefinitions(LogicalName='account')"
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
BASE_NAMES = (
    "MetadataId LogicalName SchemaName AttributeType AttributeTypeName DisplayName Description RequiredLevel"
    " IsPrimaryId IsPrimaryName IsValidForCreate IsValidForUpdate IsValidForRead IsCustomAttribute IsSecured"
    " CanBeSecuredForRead CanBeSecuredForCreate CanBeSecuredForUpdate AttributeOf IsValidODataAttribute"
)


@pytest.fixture(scope="module")
def call() -> Iterator[Dataverse]:
    with serving() as caller:
        yield caller


def found(call: Dataverse, path: str) -> Any:
    answer = call("GET", path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_table_is_found_by_name_by_id_and_by_filter(call):
    select = "$select=LogicalName,EntitySetName,PrimaryIdAttribute"
    one = found(call, f"{ACCOUNT}?{select}")
    assert one.pop("@odata.context") == (
        f"{call.root}$metadata#EntityDefinitions(LogicalName,EntitySetName,PrimaryIdAttribute)/$entity"
    )
    by_id = found(call, f"EntityDefinitions({one['MetadataId'].upper()})?{select}")
    by_filter = found(call, f"EntityDefinitions?{select}&$filter=LogicalName eq 'account'")
    assert one == {
        "LogicalName": "account",
        "EntitySetName": "accounts",
        "PrimaryIdAttribute": "accountid",
        "MetadataId": call.org.tables["account"].metadata_id,
    }
    assert (by_id["EntitySetName"], by_filter["value"]) == ("accounts", [one])


def test_a_table_tells_everything_a_client_may_ask_for(call):
    one = found(call, ACCOUNT)
    assert (one["ObjectTypeCode"], one["OwnershipType"], one["TableType"]) == (1, "UserOwned", "Standard")
    assert one["DisplayName"]["UserLocalizedLabel"]["Label"] == "Account"
    assert one["IsAuditEnabled"] == {
        "Value": True,
        "CanBeChanged": True,
        "ManagedPropertyLogicalName": "canmodifyauditsettings",
    }
    named = {entry["PrivilegeType"]: entry["Name"] for entry in one["Privileges"]}
    assert (named["Read"], named["AppendTo"]) == ("prvReadAccount", "prvAppendToAccount")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("OwnershipType eq Microsoft.Dynamics.CRM.OwnershipTypes'UserOwned'", {"account", "contact", "opportunity"}),
        ("IsAuditEnabled/Value eq true and ObjectTypeCode le 3", {"account", "contact", "opportunity"}),
        ("not (ObjectTypeCode gt 2) and IsIntersect eq false", {"account", "contact"}),
        ("TableType ne 'Virtual' and IsPrivate eq false and EntitySetName eq 'accounts'", {"account"}),
        ("ObjectTypeCode eq 1 or LogicalName eq 'contact'", {"account", "contact"}),
        ("MetadataId eq 00000000-0000-0000-0000-000000000000", set()),
    ],
)
def test_tables_are_filtered_by_simple_comparisons(call, condition, expected):
    value = found(call, f"EntityDefinitions?$select=LogicalName&$filter={condition}")["value"]
    names = {entry["LogicalName"] for entry in value}
    assert names >= expected if len(expected) > 2 else names == expected


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("EntityDefinitions?$filter=startswith(LogicalName,'acc')", (501, "0x8006088a")),
        ("EntityDefinitions?$filter=contains(LogicalName,'acc')", (501, "0x8006088a")),
        ("EntityDefinitions?$top=1", (501, "0x8006088a")),
        ("GlobalOptionSetDefinitions?$filter=Name eq 'x'", (501, "0x8006088a")),
        ("EntityDefinitions?$select=Nope", (400, "0x80060888")),
        ("EntityDefinitions?$filter=Nope eq 1", (400, "0x80060888")),
        ("EntityDefinitions?$filter=LogicalName eq", (400, "0x80060888")),
        (f"{ACCOUNT}/Attributes?$select=MaxLength", (400, "0x80060888")),
        (f"{ACCOUNT}/Attributes?$expand=OptionSet", (400, "0x80060888")),
        (f"{ACCOUNT}/Attributes/{NAMESPACE}.EnumAttributeMetadata", (404, "0x8006088a")),
        (f"{ACCOUNT}/Attributes(LogicalName='name')/{NAMESPACE}.MemoAttributeMetadata", (404, "0x80060888")),
        (f"{ACCOUNT}/Attributes(LogicalName='nope')", (404, "0x80040217")),
        (f"{ACCOUNT}/Nope", (404, "0x8006088a")),
        ("EntityDefinitions(LogicalName='nope')", (404, "0x80040217")),
        ("EntityDefinitions(SchemaName='Account')", (400, "0x80060888")),
    ],
)
def test_metadata_refuses_what_a_real_organisation_refuses(call, path, refused):
    assert refusal(call("GET", path)) == refused


def test_columns_name_their_class_and_have_the_properties_clients_read(call):
    value = found(call, f"{ACCOUNT}/Attributes")["value"]
    columns = {entry["LogicalName"]: entry for entry in value}
    assert next(iter(columns["name"])) == "@odata.type"
    assert columns["name"]["@odata.type"] == f"#{NAMESPACE}.StringAttributeMetadata"
    assert all(set(BASE_NAMES.split()) <= set(entry) for entry in value)
    assert columns["name"]["RequiredLevel"]["Value"] in ("ApplicationRequired", "SystemRequired")
    assert (columns["revenue_base"]["CalculationOf"], columns["revenue"]["AttributeType"]) == ("revenue", "Money")
    assert columns["ownerid"]["AttributeTypeName"] == {"Value": "OwnerType"}


def test_companions_that_show_texts_say_what_they_belong_to(call):
    columns = {entry["LogicalName"]: entry for entry in found(call, f"{ACCOUNT}/Attributes")["value"]}
    shown = columns["primarycontactidname"]
    assert (shown["AttributeOf"], shown["IsValidODataAttribute"]) == ("primarycontactid", False)
    assert columns["owneridtype"]["AttributeType"] == "EntityName"
    assert not any(name.removesuffix("name") in columns and entry["AttributeOf"] is None and name != "name"
                   for name, entry in columns.items() if name.endswith("idname"))  # fmt: skip


def test_choices_come_with_options_under_their_cast(call):
    path = f"{ACCOUNT}/Attributes/{NAMESPACE}.PicklistAttributeMetadata"
    answer = found(call, f"{path}?$select=LogicalName&$expand=OptionSet($select=Options),GlobalOptionSet")
    fragment = "(LogicalName,OptionSet(Options),GlobalOptionSet())"
    context = f"EntityDefinitions('account')/Attributes/{NAMESPACE}.PicklistAttributeMetadata{fragment}"
    assert answer["@odata.context"] == f"{call.root}$metadata#{context}"
    one = next(entry for entry in answer["value"] if entry["LogicalName"] == "customertypecode")
    option = one["OptionSet"]["Options"][2]
    label = option.pop("Label")
    assert set(one) == {"LogicalName", "MetadataId", "OptionSet", "GlobalOptionSet"}
    assert one["GlobalOptionSet"] is None
    assert (label["UserLocalizedLabel"]["Label"], label["LocalizedLabels"][0]["LanguageCode"]) == ("Customer", 1033)
    assert option == {
        "Value": 3,
        "Color": None,
        "IsManaged": True,
        "ExternalValue": "",
        "ParentValues": [],
        "Tag": None,
        "IsHidden": False,
        "MetadataId": None,
        "HasChanged": None,
        "Description": {"LocalizedLabels": [], "UserLocalizedLabel": None},
    }


def test_states_and_status_reasons_say_how_they_belong_together(call):
    table = "EntityDefinitions(LogicalName='opportunity')/Attributes(LogicalName='{}')"
    state = found(call, f"{table.format('statecode')}/{NAMESPACE}.StateAttributeMetadata?$expand=OptionSet")
    status = found(call, f"{table.format('statuscode')}/{NAMESPACE}.StatusAttributeMetadata?$expand=OptionSet")
    won = state["OptionSet"]["Options"][1]
    assert (won["@odata.type"], won["Value"], won["DefaultStatus"]) == (f"#{NAMESPACE}.StateOptionMetadata", 1, 3)
    states = {entry["Value"]: entry["State"] for entry in status["OptionSet"]["Options"]}
    assert states == {1: 0, 2: 0, 3: 1, 4: 2, 5: 2}


@pytest.mark.parametrize(
    ("table", "column", "kind", "expected"),
    [
        ("account", "name", "String", {"MaxLength": 160, "FormatName": {"Value": "Text"}}),
        ("account", "description", "Memo", {"MaxLength": 2000}),
        ("account", "revenue", "Money", {"PrecisionSource": 2}),
        ("account", "primarycontactid", "Lookup", {"Targets": ["contact"]}),
        ("contact", "parentcustomerid", "Lookup", {"AttributeType": "Customer", "Targets": ["account", "contact"]}),
        ("contact", "birthdate", "DateTime", {"Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}}),
        ("opportunity", "closeprobability", "Integer", {"MinValue": 0, "MaxValue": 100}),
        ("opportunityproduct", "quantity", "Decimal", {"AttributeTypeName": {"Value": "DecimalType"}}),
        ("opportunityproduct", "isproductoverridden", "Boolean", {"DefaultValue": False}),
    ],
)
def test_each_type_tells_its_own_properties_under_its_cast(call, table, column, kind, expected):
    path = f"EntityDefinitions(LogicalName='{table}')/Attributes(LogicalName='{column}')"
    one = found(call, f"{path}/{NAMESPACE}.{kind}AttributeMetadata?$select={','.join(expected)}")
    assert {name: one[name] for name in expected} == expected
    assert "@odata.type" not in one


def test_a_yes_no_column_has_two_options_that_can_be_asked_for_alone(call):
    path = "EntityDefinitions(LogicalName='opportunityproduct')/Attributes(LogicalName='isproductoverridden')"
    options = found(call, f"{path}/{NAMESPACE}.BooleanAttributeMetadata/OptionSet")
    assert (options["TrueOption"]["Value"], options["FalseOption"]["Value"]) == (1, 0)
    assert options["OptionSetType"] == "Boolean"


def test_relationships_lead_from_either_side_with_their_navigation_properties(call):
    wanted = "$select=SchemaName,ReferencingEntity,ReferencingAttribute,ReferencingEntityNavigationPropertyName"
    children = found(call, f"{ACCOUNT}/OneToManyRelationships?{wanted}&$filter=ReferencingEntity eq 'contact'")["value"]
    parents = found(call, f"EntityDefinitions(LogicalName='contact')/ManyToOneRelationships?{wanted}")["value"]
    one = next(entry for entry in children if entry["SchemaName"] == "contact_customer_accounts")
    assert one["ReferencingEntityNavigationPropertyName"] == "parentcustomerid_account"
    assert one in parents
    by_name = found(call, "RelationshipDefinitions?$filter=SchemaName eq 'contact_customer_accounts'")["value"][0]
    assert by_name["@odata.type"] == f"#{NAMESPACE}.OneToManyRelationshipMetadata"
    many = found(
        call, f"RelationshipDefinitions/{NAMESPACE}.ManyToManyRelationshipMetadata?$select=IntersectEntityName"
    )
    assert "systemuserroles" in {entry["IntersectEntityName"] for entry in many["value"]}


def test_columns_can_be_expanded_with_their_table_and_filtered_there(call):
    inner = "$select=LogicalName,AttributeType;$filter=IsPrimaryName eq true"
    answer = found(
        call, f"EntityDefinitions?$select=LogicalName&$filter=ObjectTypeCode le 2&$expand=Attributes({inner})"
    )
    names = {one["LogicalName"]: [entry["LogicalName"] for entry in one["Attributes"]] for one in answer["value"]}
    assert names == {"account": ["name"], "contact": ["fullname"]}


def test_typed_definitions_come_in_one_answer_of_retrieve_metadata_changes(call):
    query = {
        "Properties": {"PropertyNames": ["LogicalName", "Attributes"]},
        "Criteria": {"Conditions": [_equals("LogicalName", "account")]},
        "AttributeQuery": {
            "Properties": {"PropertyNames": ["LogicalName", "MaxLength", "OptionSet"]},
            "Criteria": {
                "FilterOperator": "Or",
                "Conditions": [_equals("LogicalName", "name"), _equals("LogicalName", "customertypecode")],
            },
        },
    }
    answer = call("GET", "RetrieveMetadataChanges(Query=@p1)", params={"@p1": json.dumps(query)}).json()
    (one,) = answer["EntityMetadata"]
    name, choice = one["Attributes"]
    assert (name["@odata.type"], name["MaxLength"]) == (f"#{NAMESPACE}.ComplexStringAttributeMetadata", 160)
    assert len(choice["OptionSet"]["Options"]) == 12
    assert answer["ServerVersionStamp"].split("!")[0].isdigit()


def _equals(name: str, value: str) -> dict[str, Any]:
    return {"PropertyName": name, "ConditionOperator": "Equals", "Value": {"Type": "System.String", "Value": value}}


def test_the_service_document_in_csdl_fits_together(call):
    answer = call("GET", "$metadata")
    assert answer.headers["content-type"] == "application/xml"
    schema = ElementTree.fromstring(answer.content).find(f".//{EDM}Schema")
    assert schema is not None
    types = {entry.get("Name"): entry for entry in schema.findall(f"{EDM}EntityType")}
    sets = {entry.get("Name"): entry.get("EntityType") for entry in schema.iter(f"{EDM}EntitySet")}
    assert sets["accounts"] == "mscrm.account"
    properties = {entry.get("Name"): entry.get("Type") for entry in types["account"].findall(f"{EDM}Property")}
    assert (properties["accountid"], properties["_primarycontactid_value"]) == ("Edm.Guid", "Edm.Guid")
    assert properties["revenue"] == "Edm.Decimal"
    for entry in types.values():
        for link in entry.findall(f"{EDM}NavigationProperty"):
            target = str(link.get("Type")).removeprefix("Collection(").rstrip(")").removeprefix("mscrm.")
            assert target in types, (entry.get("Name"), link.attrib)


def test_describing_a_table_is_quick_once_it_was_asked_for(call):
    path = f"{ACCOUNT}?$select=LogicalName&$expand=Attributes($select=LogicalName,AttributeType,DisplayName)"
    found(call, path)
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        found(call, path)
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.2  # about 10 ms on a quiet machine

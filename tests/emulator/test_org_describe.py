"""Describe: every key of a real org's answer, and only the fields the user may see."""

from typing import Any

import pytest

from connector.emulator.salesforce.org.describe import describe, describe_global
from connector.emulator.salesforce.org.model import Field, ObjectType, Problem
from connector.emulator.salesforce.org.records import Org


def words(text: str) -> set[str]:
    return set(text.split())


GLOBAL_KEYS = words(
    """
    activateable associateEntityType associateParentEntity createable custom customSetting deepCloneable deletable
    deprecatedAndHidden feedEnabled hasSubtypes isInterface isSubtype keyPrefix label labelPlural layoutable
    mergeable mruEnabled name queryable replicateable retrieveable searchable triggerable undeletable updateable
    urls
    """
)
OBJECT_KEYS = GLOBAL_KEYS | words(
    """
    actionOverrides childRelationships compactLayoutable defaultImplementation extendedBy extendsInterfaces
    implementedBy implementsInterfaces fields listviewable lookupLayoutable namedLayoutInfos networkScopeFieldName
    recordTypeInfos searchLayoutable sobjectDescribeOption supportedScopes
    """
)
FIELD_KEYS = words(
    """
    aggregatable aiPredictionField autoNumber byteLength calculated calculatedFormula cascadeDelete caseSensitive
    compoundFieldName controllerName createable custom defaultValue defaultValueFormula defaultedOnCreate
    dependentPicklist deprecatedAndHidden digits displayLocationInDecimal encrypted externalId extraTypeInfo
    filterable filteredLookupInfo formulaTreatNullNumberAsZero groupable highScaleNumber htmlFormatted idLookup
    inlineHelpText label length mask maskType name nameField namePointing nillable permissionable picklistValues
    polymorphicForeignKey precision queryByDistance referenceTargetField referenceTo relationshipName
    relationshipOrder restrictedDelete restrictedPicklist scale searchPrefilterable soapType sortable type unique
    updateable writeRequiresMasterRead
    """
)


@pytest.fixture(scope="module")
def org() -> Org:
    return Org()


def fields(org: Org, name: str, user: str = "") -> dict[str, dict[str, Any]]:
    found: Any = describe(org, user or org.admin_id, name, "60.0")["fields"]
    return {field["name"]: field for field in found}


def test_the_list_of_objects_has_every_key_in_alphabetical_order(org: Org) -> None:
    answer: Any = describe_global(org, org.admin_id, "60.0")
    assert (answer["encoding"], answer["maxBatchSize"]) == ("UTF-8", 200)
    names = [entry["name"] for entry in answer["sobjects"]]
    assert names == sorted(names)
    assert {"Account", "Opportunity", "Order"} <= set(names)
    assert not {"AccountContactRelation", "AccountTeamMember", "CurrencyType"} & set(names)
    for entry in answer["sobjects"]:
        assert set(entry) == GLOBAL_KEYS
        assert list(entry) == sorted(entry)


@pytest.mark.parametrize("name", ["account", "OpportunityLineItem", "User", "Task", "Organization"])
def test_an_object_has_every_key_of_a_real_describe(org: Org, name: str) -> None:
    answer: Any = describe(org, org.admin_id, name, "60.0")
    assert set(answer) == OBJECT_KEYS
    for field in answer["fields"]:
        assert set(field) == FIELD_KEYS
        assert list(field) == sorted(field)


def test_lengths_types_and_rights_of_fields_are_those_of_a_real_account(org: Org) -> None:
    found = fields(org, "Account")
    assert (found["Name"]["length"], found["Name"]["byteLength"], found["Name"]["soapType"]) == (255, 765, "xsd:string")
    assert (found["AnnualRevenue"]["precision"], found["AnnualRevenue"]["scale"]) == (18, 0)
    assert (found["NumberOfEmployees"]["digits"], found["NumberOfEmployees"]["soapType"]) == (8, "xsd:int")
    assert found["BillingCity"]["compoundFieldName"] == "BillingAddress"
    assert found["BillingAddress"]["type"] == "address" and not found["BillingAddress"]["createable"]
    assert not any(found["Description"][key] for key in ("filterable", "sortable", "groupable"))
    assert not found["CreatedDate"]["groupable"] and found["CreatedDate"]["sortable"]
    assert (found["ParentId"]["referenceTo"], found["ParentId"]["relationshipName"]) == (["Account"], "Parent")
    assert found["Id"]["idLookup"] and not found["Id"]["permissionable"]
    assert "RecordTypeId" not in found


def test_what_is_required_can_be_read_from_the_describe(org: Org) -> None:
    def required(name: str) -> set[str]:
        return {
            key for key, field in fields(org, name).items()
            if field["createable"] and not field["nillable"] and not field["defaultedOnCreate"]
        }  # fmt: skip

    assert required("Account") == {"Name"}
    assert required("Contact") == {"LastName"}
    assert required("Opportunity") == {"Name", "StageName", "CloseDate"}
    assert required("Task") == required("Case") == set()


def test_polymorphic_lookups_say_so(org: Org) -> None:
    what = fields(org, "Task")["WhatId"]
    assert what["polymorphicForeignKey"] and what["namePointing"] and "Opportunity" in what["referenceTo"]


def test_child_relationships_name_their_lists_or_null(org: Org) -> None:
    answer: Any = describe(org, org.admin_id, "Account", "60.0")
    found = {
        (child["childSObject"], child["field"]): child["relationshipName"] for child in answer["childRelationships"]
    }
    assert found["Contact", "AccountId"] == "Contacts"
    assert found["Task", "WhatId"] == "Tasks"
    assert found["Task", "AccountId"] is None


def test_stages_are_the_values_of_the_stage_field_even_after_a_rollback() -> None:
    org = Org()
    org.add_stage("Pilot")
    with pytest.raises(ZeroDivisionError), org.transaction():
        org.add_field("Account", Field("Gone__c", "boolean", custom=True))
        raise ZeroDivisionError
    stages = [value["value"] for value in fields(org, "Opportunity")["StageName"]["picklistValues"]]
    assert stages[0] == "Prospecting" and stages[-1] == "Pilot" and len(stages) == 11
    assert org.object("Account").field("Gone__c") is None


def test_a_field_without_grant_is_absent_and_one_read_only_is_not_writable() -> None:
    org = Org()
    for name in ("Seen__c", "Unseen__c"):
        org.add_field("Account", Field(name, "double", custom=True, precision=5, scale=1))
    chosen = org.create(org.admin_id, "PermissionSet", {"Name": "S", "Label": "S"})
    org.create(org.admin_id, "PermissionSetAssignment", {"PermissionSetId": chosen, "AssigneeId": org.admin_id})
    org.grant(chosen, "Account", "Seen__c", edit=False)
    found = fields(org, "Account")
    assert "Unseen__c" not in found
    seen = found["Seen__c"]
    assert (seen["custom"], seen["createable"], seen["updateable"], seen["precision"]) == (True, False, False, 5)
    assert list(found)[-1] == "Seen__c"


def test_an_object_out_of_sight_is_not_described(org: Org) -> None:
    org.add_object(ObjectType("Secret__c", "Secret", "Secrets", None, custom=True))
    user = org.user_id("Standard User")
    with pytest.raises(Problem, match="sObject type 'Secret__c' is not supported"):
        describe(org, user, "Secret__c", "60.0")
    listed: Any = describe_global(org, user, "60.0")
    assert "Secret__c" not in {entry["name"] for entry in listed["sobjects"]}
    assert {"Id", "Name", "OwnerId", "IsDeleted"} <= set(fields(org, "Secret__c"))


def test_the_master_record_type_is_always_there_and_others_join_it() -> None:
    org = Org()
    answer: Any = describe(org, org.admin_id, "Account", "60.0")
    assert [info["recordTypeId"] for info in answer["recordTypeInfos"]] == ["012000000000000AAA"]
    made = org.create(
        org.admin_id, "RecordType", {"Name": "Key", "DeveloperName": "Key", "SobjectType": "Account", "IsActive": True}
    )
    answer = describe(org, org.admin_id, "Account", "60.0")
    assert [info["recordTypeId"] for info in answer["recordTypeInfos"]] == [made, "012000000000000AAA"]
    assert "RecordTypeId" in fields(org, "Account")

"""Rules of custom field types, as metadata deploys apply them: pure functions on XML."""

import pytest

from connector.emulator.salesforce.metadata.elements import NAMESPACE, Refused, read
from connector.emulator.salesforce.metadata.fields import build, kind_of
from connector.emulator.salesforce.org.model import Field

VALUE_SET = (
    "<valueSet><restricted>true</restricted><valueSetDefinition><sorted>false</sorted>"
    "<value><fullName>Key</fullName><default>false</default><label>Key account</label></value>"
    "<value><fullName>Standard</fullName><default>true</default><label>Standard</label></value>"
    "</valueSetDefinition></valueSet>"
)
LOOKUP = "<referenceTo>User</referenceTo><relationshipName>KAM_Sponsored</relationshipName>"


def field(kind: str, more: str = "", name: str = "KAM_X__c", label: str = "X", old: Field | None = None) -> Field:
    text = f"<fullName>{name}</fullName><label>{label}</label><type>{kind}</type>{more}"
    node = read(f'<CustomField xmlns="{NAMESPACE}">{text}</CustomField>'.encode(), "CustomField")
    return build(node, old)


@pytest.mark.parametrize(
    ("kind", "more", "describe"),
    [
        ("Text", "<length>255</length>", "string"),
        ("TextArea", "", "textarea"),
        ("LongTextArea", "<length>32768</length><visibleLines>3</visibleLines>", "textarea"),
        ("Html", "<length>32768</length><visibleLines>25</visibleLines>", "textarea"),
        ("Number", "<precision>5</precision><scale>1</scale>", "double"),
        ("Percent", "<precision>5</precision><scale>2</scale>", "percent"),
        ("Currency", "<precision>18</precision><scale>2</scale>", "currency"),
        ("Checkbox", "<defaultValue>false</defaultValue>", "boolean"),
        ("Picklist", VALUE_SET, "picklist"),
        ("MultiselectPicklist", VALUE_SET + "<visibleLines>4</visibleLines>", "multipicklist"),
        ("Date", "", "date"),
        ("DateTime", "", "datetime"),
        ("Time", "", "time"),
        ("Url", "", "url"),
        ("Email", "<unique>true</unique><externalId>true</externalId>", "email"),
        ("Phone", "", "phone"),
        ("Lookup", LOOKUP, "reference"),
        ("MasterDetail", LOOKUP + "<relationshipOrder>0</relationshipOrder>", "reference"),
    ],
)
def test_every_field_type_is_built_and_known_again(kind: str, more: str, describe: str) -> None:
    built = field(kind, more)
    assert (built.type, built.custom, kind_of(built)) == (describe, True, kind)
    assert field(kind, more, old=built) == built


@pytest.mark.parametrize(
    ("kind", "more", "problem"),
    [
        ("Text", "", "Must specify 'length' for a CustomField of type Text"),
        ("Text", "<length>256</length>", "Invalid length, maximum is: 255"),
        ("Text", "<length>long</length>", "'long' is not a valid value for the type xsd:int"),
        ("TextArea", "<length>255</length>", "Can not specify 'length' for a CustomField of type TextArea"),
        ("LongTextArea", "<length>255</length><visibleLines>3</visibleLines>", "Invalid length, minimum is: 256"),
        ("LongTextArea", "<length>256</length>", "Must specify 'visibleLines' for a CustomField of type LongTextArea"),
        (
            "LongTextArea",
            "<required>true</required>",
            "Can not specify 'required' for a CustomField of type LongTextArea",
        ),
        ("Html", "<length>131073</length><visibleLines>25</visibleLines>", "Invalid length, maximum is: 131072"),
        ("Number", "<precision>19</precision><scale>0</scale>", "Invalid precision, maximum is: 18"),
        ("Number", "<precision>2</precision><scale>3</scale>", "Scale must be less than or equal to precision"),
        ("Checkbox", "", "Must specify 'defaultValue' for a CustomField of type Checkbox"),
        ("Checkbox", "<required>true</required>", "Can not specify 'required' for a CustomField of type Checkbox"),
        ("Date", "<externalId>true</externalId>", "Can not specify 'externalId' for a CustomField of type Date"),
        ("Picklist", "", "Must specify 'valueSet' for a CustomField of type Picklist"),
        ("Picklist", VALUE_SET.replace("Standard", "Key"), "Duplicate picklist value: key"),
        ("MultiselectPicklist", VALUE_SET, "Must specify 'visibleLines' for a CustomField of type MultiselectPicklist"),
        (
            "Lookup",
            "<referenceTo>User</referenceTo>",
            "Must specify 'relationshipName' for a CustomField of type Lookup",
        ),
        ("Lookup", LOOKUP + "<relationshipOrder>0</relationshipOrder>", "Can not specify 'relationshipOrder' for a"),
        (
            "MasterDetail",
            LOOKUP + "<deleteConstraint>Cascade</deleteConstraint>",
            "Can not specify 'deleteConstraint' for a",
        ),
        ("Text", "<length>5</length><length>6</length>", "Element length is duplicated at this location"),
        ("Text", "<colour>red</colour>", "colour invalid at this location in type CustomField"),
        ("Words", "", "Field type 'Words' is not valid"),
        ("Text", "<length>5</length><formula>Name</formula>", "computes no formulas"),
    ],
)
def test_a_field_that_breaks_a_rule_is_refused_with_the_reason(kind: str, more: str, problem: str) -> None:
    with pytest.raises(Refused) as refusal:
        field(kind, more)
    assert problem in refusal.value.problem


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("KAM_X", "must end in a custom suffix"),
        ("KAM__X__c", "two consecutive underscores"),
        ("1X__c", "begin with a letter"),
        ("X" * 41 + "__c", "max length=40"),
    ],
)
def test_names_follow_the_rules_of_api_names(name: str, problem: str) -> None:
    with pytest.raises(Refused) as refusal:
        field("Date", name=name)
    assert problem in refusal.value.problem
    assert field("Date", name="X" * 40 + "__c").name == "X" * 40 + "__c"


def test_an_existing_field_keeps_its_type() -> None:
    old = field("Text", "<length>80</length>")
    with pytest.raises(Refused) as refusal:
        field("Number", "<precision>5</precision><scale>0</scale>", old=old)
    assert refusal.value.problem == "Cannot change field type from Text to Number via the API"
    assert field("Text", "<length>120</length>", old=old).length == 120


def test_picklist_values_taken_out_stay_inactive() -> None:
    old = field("Picklist", VALUE_SET)
    smaller = VALUE_SET.replace(
        "<value><fullName>Key</fullName><default>false</default><label>Key account</label></value>", ""
    )
    built = field("Picklist", smaller, old=old)
    assert [(value.value, value.active) for value in built.picklist] == [("Standard", True), ("Key", False)]
    assert built.restricted


def test_a_refusal_names_line_and_column() -> None:
    text = f'<CustomField xmlns="{NAMESPACE}">\n<fullName>KAM_X__c</fullName>\n  <colour>red</colour></CustomField>'
    with pytest.raises(Refused) as refusal:
        build(read(text.encode(), "CustomField"), None)
    assert (refusal.value.line, refusal.value.column) == (3, 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<CustomField>", "must be in the namespace"),
        (f'<CustomField xmlns="{NAMESPACE}">', "Error parsing file"),
        ("", "Error parsing file"),
        (f'<!DOCTYPE x [<!ENTITY a "b">]><CustomField xmlns="{NAMESPACE}"/>', "DOCTYPE is not allowed"),
        (f'<Other xmlns="{NAMESPACE}"/>', "expected CustomField"),
    ],
)
def test_files_that_are_no_metadata_are_refused(text: str, problem: str) -> None:
    with pytest.raises(Refused) as refusal:
        read(text.encode(), "CustomField")
    assert problem in refusal.value.problem

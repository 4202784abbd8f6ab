"""What an `.object` file says besides its fields: the custom object itself, and list views.

In: the file's own elements, or one `<listViews>`. Out: a new ObjectType, or the refusal a real org would give.
Next room: `deploy`.
"""

import re

from connector.emulator.salesforce.metadata.elements import Node, once, only, words
from connector.emulator.salesforce.org.catalogue import finished
from connector.emulator.salesforce.org.model import Field, ObjectType

ELEMENTS = words(
    "label pluralLabel nameField deploymentStatus sharingModel externalSharingModel description enableActivities "
    "enableBulkApi enableFeeds enableHistory enableReports enableSearch enableSharing enableStreamingApi startsWith "
    "visibility gender allowInChatterGroups compactLayoutAssignment"
)
NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*__c")
SHARING = ("ReadWrite", "Read", "Private", "ControlledByParent")
EQUAL = ("enableBulkApi", "enableSharing", "enableStreamingApi")

VIEW_ELEMENTS = words("fullName label filterScope columns filters booleanFilter sharedTo language queue")
SCOPES = ("Everything", "Mine", "MineAndMyGroups", "Queue", "Delegated", "MyTerritory", "MyTeamTerritory", "Team")
OPERATIONS = words(
    "equals notEqual lessThan greaterThan lessOrEqual greaterOrEqual contains notContain startsWith includes excludes "
    "within"
)
# List views call standard fields by names older than the API; these are the ones of the objects people list most.
STANDARD = {
    "Account": "NAME SITE TYPE INDUSTRY RATING PHONE1 PHONE2 URL ACCOUNT_NUMBER SALES EMPLOYEES OWNERSHIP TICKER "
    "ADDRESS1_CITY ADDRESS1_STATE ADDRESS1_ZIP ADDRESS1_COUNTRY CREATED_DATE LAST_UPDATE LAST_ACTIVITY SOURCE "
    "DESCRIPTION",
    "Contact": "NAME FIRST_NAME LAST_NAME TITLE EMAIL PHONE1 PHONE3 DEPARTMENT CREATED_DATE LAST_UPDATE LAST_ACTIVITY",
    "Opportunity": "NAME AMOUNT CLOSE_DATE STAGE_NAME PROBABILITY TYPE CREATED_DATE LAST_UPDATE LAST_ACTIVITY",
}
OWNERS = frozenset({"CORE.USERS.ALIAS", "CORE.USERS.FIRST_NAME", "CORE.USERS.LAST_NAME", "CORE.USERS.FULL_NAME"})
CUSTOM = words(
    "NAME OBJECT_ID CREATED_DATE LAST_UPDATE LAST_ACTIVITY CREATEDBY_USER UPDATEDBY_USER OWNER.ALIAS OWNER.FIRST_NAME "
    "OWNER.LAST_NAME RECORDTYPE"
)


def build(name: str, node: Node) -> ObjectType:
    """Object of one file; standard objects have none of this and are not built."""
    check(node)
    if not NAME.fullmatch(name) or len(name) - len("__c") > 40:
        raise node.refuse(
            f"Invalid object name '{name}': letters, digits and single underscores, at most 40, ending in __c"
        )
    for tag, said in (("label", "label"), ("pluralLabel", "plural label")):
        if not node.get(tag):
            raise node.refuse(f"Must specify a non-empty {said} for the CustomObject")
    if node.get("deploymentStatus") not in ("Deployed", "InDevelopment"):
        raise node.refuse("Must specify a deploymentStatus (Deployed or InDevelopment) for the CustomObject")
    if node.get("sharingModel") not in SHARING:
        raise node.refuse(f"Must specify a sharingModel for the CustomObject, one of {', '.join(SHARING)}")
    if len({node.yes(tag) for tag in EQUAL}) > 1:
        raise node.refuse(f"{', '.join(EQUAL)} must all be true or all be false")
    label = node.get("label") or ""
    made = ObjectType(name, label, node.get("pluralLabel") or "", None, custom=True)
    made.fields["name"] = _name_field(node)
    return made


def check(node: Node) -> None:
    """Refuse elements that an object file cannot hold, or not twice."""
    once(node, frozenset(), "CustomObject")
    only(node, ELEMENTS, "CustomObject")


def _name_field(node: Node) -> Field:
    given = node.all("nameField")
    if not given or not given[0].get("label"):
        raise node.refuse("Must specify a nameField with a label for the CustomObject")
    said, label = given[0].get("type"), given[0].get("label") or ""
    if said not in ("Text", "AutoNumber"):
        raise given[0].refuse(f"nameField must be of type Text or AutoNumber, not {said}")
    auto = said == "AutoNumber"
    if auto and not given[0].get("displayFormat"):
        raise given[0].refuse("Must specify 'displayFormat' for a nameField of type AutoNumber")
    made = Field("Name", "string", label, 80, id_lookup=True, name_field=True, auto_number=auto, defaulted=True)
    return finished(made.with_(createable=not auto, updateable=not auto, nillable=not auto))


def check_view(node: Node, owner: ObjectType) -> None:
    """Refuse a list view whose name, scope, columns or filters the object cannot carry."""
    once(node, frozenset({"columns", "filters"}), "ListView")
    only(node, VIEW_ELEMENTS, "ListView")
    name, label = node.get("fullName") or "", node.get("label") or ""
    if not name.replace("_", "").isalnum() or not name[0].isalpha() or len(name) > 80:
        raise node.refuse(f"Invalid list view name '{name}': letters, digits and underscores, at most 80")
    if not label or len(label) > 40:
        raise node.refuse(f"List view label must have 1 to 40 characters: '{label}'")
    if node.get("filterScope") not in SCOPES:
        raise node.refuse(f"'{node.get('filterScope')}' is not a valid value for the enum 'FilterScope'")
    known = columns_of(owner)
    for column in node.all("columns"):
        if column.text.lower() not in known:
            raise column.refuse(f"Could not resolve list view column: {column.text}")
    for entry in node.all("filters"):
        _filter(entry, owner, known)


def columns_of(owner: ObjectType) -> frozenset[str]:
    """Names, lower-cased, by which list views of this object call its columns."""
    names = {field.name for field in owner.fields.values() if field.custom}
    if owner.custom:
        names |= CUSTOM
    else:
        prefix = owner.name.upper()
        names |= {f"{prefix}.{word}" for word in STANDARD.get(owner.name, "").split()} | OWNERS
    return frozenset(name.lower() for name in names)


def _filter(entry: Node, owner: ObjectType, known: frozenset[str]) -> None:
    only(entry, frozenset({"field", "operation", "value"}), "ListViewFilter")
    name = entry.get("field") or ""
    if name.lower() not in known:
        raise entry.refuse(f"In field: field - no CustomField named {owner.name}.{name} found")
    if entry.get("operation") not in OPERATIONS:
        raise entry.refuse(f"'{entry.get('operation')}' is not a valid value for the enum 'FilterOperation'")

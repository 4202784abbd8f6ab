"""List views: whether columns and filters name what the object has.

In: one `<listViews>` element and its object. Out: nothing, or the refusal a real org would give. Next room: `deploy`.
"""

from connector.emulator.salesforce.metadata.elements import Node, once, only, words
from connector.emulator.salesforce.org.model import ObjectType

ELEMENTS = words("fullName label filterScope columns filters booleanFilter sharedTo language queue")
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


def check(node: Node, owner: ObjectType) -> None:
    """Refuse a list view whose name, scope, columns or filters the object cannot carry."""
    once(node, frozenset({"columns", "filters"}), "ListView")
    only(node, ELEMENTS, "ListView")
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

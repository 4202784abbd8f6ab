"""Permission sets: what a `.permissionset` file grants, checked against the org's objects and fields.

In: the file's element and the org's objects. Out: PermissionSet values and the rows under it. Next room: `deploy`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.emulator.salesforce.metadata.elements import Node, once, only, words
from connector.emulator.salesforce.org.model import ObjectType

ELEMENTS = words("label description license hasActivationRequired fieldPermissions objectPermissions userPermissions")
REPEATABLE = frozenset({"fieldPermissions", "objectPermissions", "userPermissions"})
FIELD_ELEMENTS = frozenset({"field", "readable", "editable"})
# Element of the file, column of ObjectPermissions, and the rights it cannot stand without.
RIGHTS = {
    "allowRead": ("PermissionsRead", ()),
    "allowCreate": ("PermissionsCreate", ("allowRead",)),
    "allowEdit": ("PermissionsEdit", ("allowRead",)),
    "allowDelete": ("PermissionsDelete", ("allowRead", "allowEdit")),
    "viewAllRecords": ("PermissionsViewAllRecords", ("allowRead",)),
    "modifyAllRecords": ("PermissionsModifyAllRecords", ("allowRead", "allowEdit", "allowDelete", "viewAllRecords")),
    "viewAllFields": ("PermissionsViewAllFields", ("allowRead",)),
}
WORDS = {
    "allowRead": "Read",
    "allowCreate": "Create",
    "allowEdit": "Edit",
    "allowDelete": "Delete",
    "viewAllRecords": "View All",
    "modifyAllRecords": "Modify All",
    "viewAllFields": "View All Fields",
}


@dataclass
class Grants:
    """One permission set as records: its own values, and those of its two kinds of rows (without ParentId)."""

    values: dict[str, object]
    fields: list[dict[str, object]] = field(default_factory=list)
    objects: list[dict[str, object]] = field(default_factory=list)


def build(name: str, node: Node, objects: Mapping[str, ObjectType]) -> Grants:
    """Grants of one file; refuses what the org does not have and rights that lack what they depend on."""
    once(node, REPEATABLE, "PermissionSet")
    only(node, ELEMENTS, "PermissionSet")
    if not name.replace("_", "").isalnum() or not name[0].isalpha() or len(name) > 80:
        raise node.refuse(f"Invalid permission set name '{name}': letters, digits and underscores, at most 80")
    if not node.get("label"):
        raise node.refuse("Required field is missing: label")
    grants = Grants({"Name": name, "Label": node.get("label"), "Description": node.get("description") or None})
    grants.values["HasActivationRequired"] = node.yes("hasActivationRequired")
    grants.values |= _user(node, objects["permissionset"])
    for entry in node.all("objectPermissions"):
        grants.objects.append(_object(entry, objects))
    for entry in node.all("fieldPermissions"):
        grants.fields.append(_field(entry, objects))
    for rows, key in ((grants.fields, "Field"), (grants.objects, "SobjectType")):
        names = [str(row[key]) for row in rows]
        doubled = next((each for each in names if names.count(each) > 1), None)
        if doubled is not None:
            raise node.refuse(f"Duplicate permission for {doubled}")
    return grants


def _user(node: Node, permission_set: ObjectType) -> dict[str, object]:
    """System permissions, all of them: what a file leaves out is taken away."""
    values: dict[str, object] = {
        known.name: False for known in permission_set.fields.values() if known.name.startswith("Permissions")
    }
    for entry in node.all("userPermissions"):
        only(entry, frozenset({"name", "enabled"}), "PermissionSetUserPermission")
        column = f"Permissions{entry.get('name')}"
        if column not in values:
            raise entry.refuse(f"Unknown user permission: {entry.get('name')}")
        values[column] = entry.yes("enabled")
    return values


def _object(entry: Node, objects: Mapping[str, ObjectType]) -> dict[str, object]:
    only(entry, frozenset({"object", *RIGHTS}), "PermissionSetObjectPermissions")
    name = entry.get("object") or ""
    found = objects.get(name.lower())
    if found is None:
        raise entry.refuse(f"In field: object - no CustomObject named {name} found")
    for right, (_, needs) in RIGHTS.items():
        lacking = [f"{WORDS[need]} {found.name}" for need in needs if entry.yes(right) and not entry.yes(need)]
        if lacking:
            raise entry.refuse(f"Permission {WORDS[right]} {found.name} depends on permission(s): {', '.join(lacking)}")
    return {"SobjectType": found.name} | {column: entry.yes(right) for right, (column, _) in RIGHTS.items()}


def _field(entry: Node, objects: Mapping[str, ObjectType]) -> dict[str, object]:
    only(entry, FIELD_ELEMENTS, "PermissionSetFieldPermissions")
    full = entry.get("field") or ""
    owner, _, name = full.partition(".")
    found = objects.get(owner.lower())
    known = found.field(name) if found is not None else None
    if found is None or known is None:
        raise entry.refuse(f"In field: field - no CustomField named {full} found")
    if not known.permissionable:
        raise entry.refuse(f"You cannot deploy to a required field: {full}")
    readable, editable = entry.yes("readable"), entry.yes("editable")
    if editable and not readable:
        raise entry.refuse(f"Permission Edit {full} depends on permission(s): Read {full}")
    if editable and known.calculated:
        raise entry.refuse(f"Field {full} is not editable")
    return {
        "SobjectType": found.name,
        "Field": f"{found.name}.{known.name}",
        "PermissionsRead": readable,
        "PermissionsEdit": editable,
    }

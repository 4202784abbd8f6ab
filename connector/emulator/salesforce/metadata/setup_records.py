"""The records behind list views and permission sets: made, compared with what was there, and deleted.

In: checked elements. Out: rows of ListView, PermissionSet, FieldPermissions and ObjectPermissions, so that SOQL sees
them and field-level security follows. Next room: back to `answer`.
"""

from collections.abc import Mapping, Sequence

from connector.emulator.salesforce.metadata import grants
from connector.emulator.salesforce.metadata.elements import Node, Refused
from connector.emulator.salesforce.org.model import ObjectType
from connector.emulator.salesforce.org.records import Org

Put = tuple[str | None, bool, bool]
"""Record id, whether it is new, whether it changed."""


def put_view(org: Org, user_id: str, owner: ObjectType, node: Node) -> Put:
    """Record of one list view."""
    name = node.get("fullName") or ""
    values = {"Name": node.get("label"), "DeveloperName": name, "SobjectType": owner.name}
    found = _find(org, "ListView", {"SobjectType": owner.name, "DeveloperName": name})
    return _put(org, user_id, "ListView", found, values)


def put_set(org: Org, user_id: str, name: str, node: Node) -> Put:
    """Records of one permission set; what its file no longer grants is taken away."""
    wanted = grants.build(name, node, org.objects)
    found = _find(org, "PermissionSet", {"Name": name})
    parent, created, changed = _put(org, user_id, "PermissionSet", found, wanted.values)
    rows = (("FieldPermissions", "Field", wanted.fields), ("ObjectPermissions", "SobjectType", wanted.objects))
    for kind, key, entries in rows:
        kept = [entry for entry in entries if entry.get("PermissionsRead")]
        changed = _replace(org, user_id, kind, key, str(parent), kept) or changed
    org.access.clear()
    return parent, created, changed


def drop_view(org: Org, full: str) -> bool:
    """Delete a list view; False when there is none of that name."""
    owner, _, name = full.partition(".")
    found = _find(org, "ListView", {"SobjectType": owner, "DeveloperName": name})
    org.db.execute('DELETE FROM "ListView" WHERE "Id" = ?', (found,))
    return found is not None


def drop_set(org: Org, name: str) -> bool:
    """Delete a permission set with all it grants; refused while somebody has it."""
    found = _find(org, "PermissionSet", {"Name": name})
    if found is None:
        return False
    if org.rows('SELECT 1 FROM "PermissionSetAssignment" WHERE "PermissionSetId" = ?', found):
        raise Refused(f"You can't delete the permission set {name}: it is assigned to users")
    for kind in ("FieldPermissions", "ObjectPermissions"):
        org.db.execute(f'DELETE FROM "{kind}" WHERE "ParentId" = ?', (found,))
    org.db.execute('DELETE FROM "PermissionSet" WHERE "Id" = ?', (found,))
    org.access.clear()
    return True


def forget_object(org: Org, name: str) -> None:
    """Take away every list view of a deleted object; the org itself takes away the grants."""
    org.db.execute('DELETE FROM "ListView" WHERE "SobjectType" = ? COLLATE NOCASE', (name,))


def _find(org: Org, kind: str, key: Mapping[str, str]) -> str | None:
    where = " AND ".join(f'"{column}" = ? COLLATE NOCASE' for column in key)
    found = org.rows(f'SELECT "Id" FROM "{kind}" WHERE {where}', *key.values())
    return str(found[0][0]) if found else None


def _put(org: Org, user_id: str, kind: str, found: str | None, values: Mapping[str, object]) -> Put:
    """Create the record, or update what differs."""
    if found is None:
        return org.create(user_id, kind, dict(values), system=True), True, True
    columns = ", ".join(f'"{column}"' for column in values)
    have = org.rows(f'SELECT {columns} FROM "{kind}" WHERE "Id" = ?', found)[0]
    different = {column: value for (column, value), old in zip(values.items(), have, strict=True) if value != old}
    if different:
        org.update(user_id, kind, found, different, system=True)
    return found, False, bool(different)


def _replace(org: Org, user_id: str, kind: str, key: str, parent: str, entries: Sequence[Mapping[str, object]]) -> bool:
    """Make the rows under a permission set equal to the entries; whether anything changed."""
    listed = org.rows(f'SELECT "Id", "{key}" FROM "{kind}" WHERE "ParentId" = ?', parent)
    have = {str(row[1]).lower(): str(row[0]) for row in listed}
    changed = False
    for entry in entries:
        found = have.pop(str(entry[key]).lower(), None)
        values = entry if found is None else {k: v for k, v in entry.items() if k.startswith("Permissions")}
        changed = _put(org, user_id, kind, found, dict(values) | ({} if found else {"ParentId": parent}))[2] or changed
    for gone in have.values():
        org.db.execute(f'DELETE FROM "{kind}" WHERE "Id" = ?', (gone,))
    return changed or bool(have)

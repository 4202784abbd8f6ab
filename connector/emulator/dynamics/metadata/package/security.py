"""Roles, column security profiles and views of a solution file, kept as the rows they are.

Elements come in; rows leave, created or brought up to date. Next room: `exporting`.
"""

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from connector.emulator.dynamics.metadata.edit import rights
from connector.emulator.dynamics.metadata.package.xmltext import children, guid, inner, text, texts, whole, yes
from connector.emulator.dynamics.metadata.shapes.labels import english
from connector.emulator.dynamics.org.model import Problem, Table
from connector.emulator.dynamics.org.records import Org
from connector.emulator.dynamics.org.storage import quoted

ROLE, VIEW, PROFILE = 20, 26, 70
"""Types of solution components whose things are rows."""

DEPTHS = {"basic": 1, "local": 2, "deep": 4, "global": 8}


def put(org: Org, user_id: str, name: str, key: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Create the row with these key values, or update the one there is; gives its id."""
    table = org.table(name)
    where = " AND ".join(f"{quoted(column)} = ? COLLATE NOCASE" for column in key)
    sql = f"SELECT {quoted(table.primary_id)} FROM {quoted(name)} WHERE {where}"
    plain = [value[1] if isinstance(value, tuple) else value for value in key.values()]
    found = org.rows(sql, *plain)
    if found:
        org.update(user_id, name, str(found[0][0]), dict(values), system=True)
        return str(found[0][0])
    return org.create(user_id, name, {**key, **values}, system=True)


def add_roles(org: Org, user_id: str, root: Element, solution: str) -> None:
    """Roles with exactly the privileges that the file lists; privileges this system has not are passed over."""
    privileges = {
        str(name).lower(): str(row_id) for name, row_id in org.rows('SELECT "name", "privilegeid" FROM "privilege"')
    }
    for element in children(root, "Roles/Role"):
        role_id, name = guid(element.get("id")), element.get("name") or text(element, "RoleName")
        if not role_id or not name:
            raise Problem(400, "0x80048033", "customizations.xml: a Role needs an id and a name.")
        kept = put(org, user_id, "role", {"roleid": role_id}, {"name": name})
        wanted: dict[str, int] = {}
        for one in children(element, "RolePrivileges/RolePrivilege"):
            depth = DEPTHS.get((one.get("level") or "").lower())
            if depth is None:
                text_ = (
                    f"customizations.xml: role {name}: {one.get('name')} has the unknown level '{one.get('level')}'."
                )
                raise Problem(400, "0x80048033", text_)
            privilege_id = privileges.get((one.get("name") or "").lower())
            if privilege_id is not None:
                wanted[privilege_id] = depth
        _grant(org, user_id, kept, wanted)
        rights.belongs(org, user_id, solution, ROLE, kept)


def _grant(org: Org, user_id: str, role_id: str, wanted: dict[str, int]) -> None:
    """Make the privileges of a role those wanted."""
    table = org.table("roleprivileges")
    sql = f'SELECT {quoted(table.primary_id)}, "privilegeid" FROM "roleprivileges" WHERE "roleid" = ?'
    have = {str(privilege): str(row_id) for row_id, privilege in org.rows(sql, role_id)}
    for privilege, row_id in have.items():
        if privilege not in wanted:
            org.delete(user_id, "roleprivileges", row_id)
    for privilege, depth in wanted.items():
        values = {"privilegedepthmask": depth}
        if privilege in have:
            org.update(user_id, "roleprivileges", have[privilege], values, system=True)
        else:
            links: dict[str, object] = {"roleid": role_id, "privilegeid": privilege}
            org.create(user_id, "roleprivileges", {**links, **values}, system=True)


def add_profiles(org: Org, user_id: str, root: Element, solution: str) -> None:
    """Column security profiles with their permissions; a column must be there and secured."""
    for element in children(root, "FieldSecurityProfiles/FieldSecurityProfile"):
        profile_id, name = guid(element.get("fieldsecurityprofileid")), element.get("name") or ""
        if not profile_id or not name:
            raise Problem(400, "0x80048033", "customizations.xml: a FieldSecurityProfile needs an id and a name.")
        values = {"name": name, "description": element.get("description") or text(element, "Description") or None}
        kept = put(org, user_id, "fieldsecurityprofile", {"fieldsecurityprofileid": profile_id}, values)
        for one in children(element, "FieldPermissions/FieldPermission"):
            _permission(org, user_id, kept, one)
        rights.belongs(org, user_id, solution, PROFILE, kept)


def _permission(org: Org, user_id: str, profile_id: str, element: Element) -> None:
    table, column = text(element, "EntityName").lower(), text(element, "AttributeName").lower()
    found = org.tables[table].columns.get(column) if table in org.tables else None
    if found is None or not found.secured:
        reason = "Some field security permissions could not be imported because the following fields are not securable"
        raise Problem(400, "0x80048063", f"{reason}: {table}.{column}.")
    key = {
        "fieldsecurityprofileid": ("fieldsecurityprofile", profile_id),
        "entityname": table,
        "attributelogicalname": column,
    }
    fields = (("canread", "CanRead"), ("cancreate", "CanCreate"), ("canupdate", "CanUpdate"))
    values = {name: whole(text(element, tag), f"customizations.xml: {tag}") for name, tag in fields}
    values["canreadunmasked"] = whole(text(element, "CanReadUnmasked"), "customizations.xml: CanReadUnmasked")
    put(org, user_id, "fieldpermission", key, values)


def add_views(org: Org, user_id: str, entity: Element, table: Table, solution: str) -> None:
    """The views of a table."""
    for element in children(entity, "SavedQueries/savedqueries/savedquery"):
        view_id = guid(text(element, "savedqueryid"))
        if not view_id:
            raise Problem(400, "0x80048033", f"customizations.xml: a view of {table.name} has no savedqueryid.")
        values = {
            "name": english(texts(element, "LocalizedNames", "LocalizedName")),
            "description": english(texts(element, "Descriptions", "Description")) or None,
            "returnedtypecode": table.name,
            "fetchxml": inner(element, "fetchxml"),
            "layoutxml": inner(element, "layoutxml"),
            "querytype": whole(text(element, "querytype"), "customizations.xml: querytype"),
            "isdefault": yes(element, "isdefault"),
            "isquickfindquery": yes(element, "isquickfindquery"),
        }
        kept = put(org, user_id, "savedquery", {"savedqueryid": view_id}, values)
        rights.belongs(org, user_id, solution, VIEW, kept)

"""ExportSolution: what belongs to a solution as the zip of an unmanaged one, which ImportSolution takes again.

Parameters of the action come in; the zip as base64 leaves. Next room: back to `actions`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from connector.emulator.dynamics.metadata.edit import rights
from connector.emulator.dynamics.metadata.package.archive import pack
from connector.emulator.dynamics.metadata.package.bodies import BEHAVIORS, KINDS
from connector.emulator.dynamics.metadata.package.security import DEPTHS, PROFILE, ROLE, VIEW
from connector.emulator.dynamics.metadata.package.xmltext import parse
from connector.emulator.dynamics.metadata.shapes.attributes import KINDS as CLASSES
from connector.emulator.dynamics.metadata.shapes.labels import ENGLISH
from connector.emulator.dynamics.org.model import LOOKUPS, Column, Option, Problem, Relationship, Table
from connector.emulator.dynamics.org.records import Org

_TYPES = (
    '<?xml version="1.0" encoding="utf-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/octet-stream" /></Types>'
)
_LEVELS = {
    "None": "none", "Recommended": "recommended", "ApplicationRequired": "required", "SystemRequired": "systemrequired",
}  # fmt: skip
_XML_TYPES = {f"{kind}AttributeMetadata": name for name, kind in reversed(KINDS.items())}
_BEHAVIORS = {name: number for number, name in BEHAVIORS.items()}


def export_solution(org: Org, parameters: Mapping[str, Any]) -> str:
    """The solution's file; only unmanaged ones are made."""
    name = str(parameters.get("SolutionName") or "")
    found = org.dicts('SELECT * FROM "solution" WHERE "uniquename" = ? COLLATE NOCASE', name)
    if not found:
        text = "An error occurred while exporting a solution. The solution does not exist in this system."
        raise Problem(400, "0x80048037", text)
    if parameters.get("Managed"):
        raise Problem(
            400, "0x80048035", "An error occurred while exporting a Solution: only unmanaged ones are made here."
        )
    solution = found[0]
    sql = 'SELECT "componenttype", "objectid", "rootcomponentbehavior" FROM "solutioncomponent" WHERE "solutionid" = ?'
    components = [(int(kind), str(one), int(how or 0)) for kind, one, how in org.rows(sql, solution["solutionid"])]
    return pack(
        {
            "[Content_Types].xml": _TYPES,
            "customizations.xml": _text(_customizations(org, components)),
            "solution.xml": _text(_manifest(org, solution, components)),
        }
    )


def _text(root: Element) -> str:
    indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n'


def _line(parent: Element, tag: str, value: object) -> Element:
    made = SubElement(parent, tag)
    made.text = str(value)
    return made


def _texts(parent: Element, many: str, one: str, text: object, others: Mapping[int, str] | None = None) -> None:
    outer = SubElement(parent, many)
    for language, shown in ((ENGLISH, str(text or "")), *sorted((others or {}).items())):
        SubElement(outer, one, {"description": shown, "languagecode": str(language)})


def _manifest(org: Org, solution: Mapping[str, Any], components: Iterable[tuple[int, str, int]]) -> Element:
    root = Element("ImportExportXml", {"version": "9.2.0.0", "SolutionPackageVersion": "9.2", "languagecode": "1033"})
    inner = SubElement(root, "SolutionManifest")
    publisher = org.dicts('SELECT * FROM "publisher" WHERE "publisherid" = ?', solution["publisherid"])[0]
    _line(inner, "UniqueName", solution["uniquename"])
    _texts(inner, "LocalizedNames", "LocalizedName", solution["friendlyname"])
    _texts(inner, "Descriptions", "Description", solution["description"])
    _line(inner, "Version", solution["version"])
    _line(inner, "Managed", 0)
    owner = SubElement(inner, "Publisher")
    _line(owner, "UniqueName", publisher["uniquename"])
    _texts(owner, "LocalizedNames", "LocalizedName", publisher["friendlyname"])
    _texts(owner, "Descriptions", "Description", publisher["description"])
    _line(owner, "CustomizationPrefix", publisher["customizationprefix"])
    _line(owner, "CustomizationOptionValuePrefix", publisher["customizationoptionvalueprefix"] or 10000)
    roots = SubElement(inner, "RootComponents")
    names = {table.metadata_id: table.name for table in org.tables.values()}
    for kind, object_id, behavior in components:
        if kind == rights.ENTITY:
            SubElement(roots, "RootComponent", {"type": "1", "schemaName": names[object_id], "behavior": str(behavior)})
        elif kind in (ROLE, PROFILE):
            SubElement(roots, "RootComponent", {"type": str(kind), "id": f"{{{object_id}}}", "behavior": "0"})
    SubElement(inner, "MissingDependencies")
    return root


def _customizations(org: Org, components: Iterable[tuple[int, str, int]]) -> Element:
    by_kind: dict[int, set[str]] = {}
    for kind, object_id, _ in components:
        by_kind.setdefault(kind, set()).add(object_id)
    root = Element("ImportExportXml")
    entities, roles = SubElement(root, "Entities"), SubElement(root, "Roles")
    SubElement(root, "Workflows")
    profiles, links = SubElement(root, "FieldSecurityProfiles"), SubElement(root, "EntityRelationships")
    for table in org.tables.values():
        columns = [one for one in table.columns.values() if one.metadata_id in by_kind.get(rights.ATTRIBUTE, ())]
        if columns or table.metadata_id in by_kind.get(rights.ENTITY, ()):
            _entity(org, entities, table, columns, by_kind)
    for role in sorted(by_kind.get(ROLE, ())):
        _role(org, roles, role)
    for profile in sorted(by_kind.get(PROFILE, ())):
        _profile(org, profiles, profile)
    for one in org.relationships.values():
        if one.metadata_id in by_kind.get(rights.RELATIONSHIP, ()):
            _relationship(org, links, one)
    _line(SubElement(root, "Languages"), "Language", ENGLISH)
    return root


def _entity(org: Org, parent: Element, table: Table, columns: list[Column], by_kind: Mapping[int, set[str]]) -> None:
    outer = SubElement(parent, "Entity")
    _line(outer, "Name", table.schema_name).set("OriginalName", table.label)
    entity = SubElement(SubElement(outer, "EntityInfo"), "entity", {"Name": table.schema_name})
    if table.custom:
        _texts(entity, "LocalizedNames", "LocalizedName", table.label)
        _texts(entity, "LocalizedCollectionNames", "LocalizedCollectionName", table.label_plural)
        _texts(entity, "Descriptions", "Description", table.description)
        columns = [one for one in table.columns.values() if one.custom and not one.base_of and not one.primary_id]
    attributes = SubElement(entity, "attributes")
    for column in columns:
        if f"{CLASSES[column.type][2]}" in _XML_TYPES and not column.base_of:
            _attribute(attributes, column)
    if table.custom:
        _line(entity, "EntitySetName", table.set_name)
        _line(entity, "OwnershipTypeMask", "OrgOwned" if table.ownership == "OrganizationOwned" else "UserOwned")
        _line(entity, "ChangeTrackingEnabled", int(table.change_tracking))
    _keys(entity, table, by_kind.get(rights.KEY, set()))
    views = org.dicts('SELECT * FROM "savedquery" WHERE "returnedtypecode" = ?', table.name)
    views = [row for row in views if row["savedqueryid"] in by_kind.get(VIEW, ())]
    if views:
        holder = SubElement(SubElement(outer, "SavedQueries"), "savedqueries")
        for row in views:
            _view(holder, row)


def _attribute(parent: Element, column: Column) -> None:
    made = SubElement(parent, "attribute", {"PhysicalName": column.schema_name})
    mask = "PrimaryName|ValidForAdvancedFind" if column.primary_name else "ValidForAdvancedFind"
    lines: list[tuple[str, object]] = [
        ("Type", _XML_TYPES[CLASSES[column.type][2]]),
        ("Name", column.name),
        ("LogicalName", column.name),
        ("RequiredLevel", _LEVELS[column.required]),
        ("DisplayMask", f"{mask}|ValidForForm|ValidForGrid"),
        ("IsCustomField", int(column.custom)),
        ("IsSecured", int(column.secured)),
        *_details(column),
    ]
    for tag, value in lines:
        _line(made, tag, value)
    if column.options and not column.global_set:
        holder = SubElement(made, "optionset", {"Name": column.option_set})
        _line(holder, "OptionSetType", "bit" if column.type == "boolean" else "picklist")
        _options(SubElement(holder, "options"), column.options)
    _texts(made, "displaynames", "displayname", column.label)
    _texts(made, "Descriptions", "Description", column.description)


def _details(column: Column) -> list[tuple[str, object]]:
    bounds: list[tuple[str, object]] = [("MinValue", column.min_value), ("MaxValue", column.max_value)]
    details: dict[str, Callable[[], list[tuple[str, object]]]] = {
        "string": lambda: [("Format", column.format.lower()), ("MaxLength", column.max_length)],
        "memo": lambda: [("Format", column.format.lower()), ("MaxLength", column.max_length)],
        "integer": lambda: bounds,
        "decimal": lambda: [*bounds, ("Accuracy", column.precision)],
        "double": lambda: [*bounds, ("Accuracy", column.precision)],
        "money": lambda: [*bounds, ("Accuracy", column.precision), ("AccuracySource", column.precision_source)],
        "datetime": lambda: [
            ("Format", "date" if column.format == "DateOnly" else "datetime"),
            ("Behavior", _BEHAVIORS[column.behavior or "UserLocal"]),
        ],
        "boolean": lambda: [("AppDefaultValue", int(bool(column.default)))],
    }
    if column.type in LOOKUPS:
        return [("LookupStyle", "single")]
    if column.type in ("picklist", "multiselect"):
        default: list[tuple[str, object]] = [("AppDefaultValue", -1 if column.default is None else column.default)]
        return default + ([("OptionSetName", column.option_set)] if column.global_set else [])
    return details.get(column.type, list)()


def _options(parent: Element, options: Iterable[Option]) -> None:
    for option in options:
        made = SubElement(parent, "option", {"value": str(option.value), "ExternalValue": "", "IsHidden": "0"})
        _texts(made, "labels", "label", option.label, option.labels)


def _keys(parent: Element, table: Table, wanted: set[str]) -> None:
    keys = [one for one in table.keys.values() if one.metadata_id in wanted]
    holder = SubElement(parent, "EntityKeys") if keys else parent
    for one in keys:
        made = SubElement(holder, "EntityKey")
        _line(made, "Name", one.schema_name)
        _line(made, "LogicalName", one.name)
        names = SubElement(made, "EntityKeyAttributes")
        for name in one.columns:
            _line(names, "AttributeName", name)
        _texts(made, "displaynames", "displayname", one.label)


def _view(parent: Element, row: Mapping[str, Any]) -> None:
    made = SubElement(parent, "savedquery")
    _line(made, "isquickfindquery", int(bool(row["isquickfindquery"])))
    _line(made, "isdefault", int(bool(row["isdefault"])))
    _line(made, "savedqueryid", f"{{{row['savedqueryid']}}}")
    _line(made, "querytype", row["querytype"] or 0)
    for name in ("layoutxml", "fetchxml"):
        holder = SubElement(made, name)
        if row[name]:
            holder.append(parse(str(row[name]), name, "0x80048035"))
    _texts(made, "LocalizedNames", "LocalizedName", row["name"])
    _texts(made, "Descriptions", "Description", row["description"])


def _role(org: Org, parent: Element, role_id: str) -> None:
    names = org.rows('SELECT "name" FROM "role" WHERE "roleid" = ?', role_id)
    if not names:
        return
    made = SubElement(parent, "Role", {"id": f"{{{role_id}}}", "name": str(names[0][0])})
    holder = SubElement(made, "RolePrivileges")
    levels = {number: name.capitalize() for name, number in DEPTHS.items()}
    sql = (
        'SELECT p."name", r."privilegedepthmask" FROM "roleprivileges" r'
        ' JOIN "privilege" p ON p."privilegeid" = r."privilegeid" WHERE r."roleid" = ? ORDER BY p."name"'
    )
    for name, depth in org.rows(sql, role_id):
        SubElement(holder, "RolePrivilege", {"name": str(name), "level": levels.get(int(depth or 8), "Global")})


def _profile(org: Org, parent: Element, profile_id: str) -> None:
    found = org.dicts('SELECT * FROM "fieldsecurityprofile" WHERE "fieldsecurityprofileid" = ?', profile_id)
    if not found:
        return
    head = {"name": str(found[0]["name"]), "description": str(found[0]["description"] or "")}
    made = SubElement(parent, "FieldSecurityProfile", head | {"fieldsecurityprofileid": f"{{{profile_id}}}"})
    holder = SubElement(made, "FieldPermissions")
    for row in org.dicts('SELECT * FROM "fieldpermission" WHERE "fieldsecurityprofileid" = ?', profile_id):
        one = SubElement(holder, "FieldPermission")
        _line(one, "EntityName", row["entityname"])
        _line(one, "AttributeName", row["attributelogicalname"])
        for tag in ("CanRead", "CanUpdate", "CanCreate"):
            _line(one, tag, row[tag.lower()] or 0)


def _relationship(org: Org, parent: Element, one: Relationship) -> None:
    made = SubElement(parent, "EntityRelationship", {"Name": one.name})
    _line(made, "EntityRelationshipType", one.kind)
    if one.kind == "ManyToMany":
        _line(made, "FirstEntityName", org.tables[one.referenced].schema_name)
        _line(made, "SecondEntityName", org.tables[one.referencing].schema_name)
        _line(made, "IntersectEntityName", one.intersect)
        return
    _line(made, "ReferencingEntityName", org.tables[one.referencing].schema_name)
    _line(made, "ReferencedEntityName", org.tables[one.referenced].schema_name)
    for name, link in one.cascade.items():
        _line(made, f"Cascade{name}", link)
    _line(made, "ReferencingAttributeName", org.tables[one.referencing].columns[one.column].schema_name)
    roles = SubElement(made, "EntityRelationshipRoles")
    for number, navigation in (("1", one.nav_one), ("0", one.nav_many)):
        role = SubElement(roles, "EntityRelationshipRole")
        _line(role, "NavigationPropertyName", navigation)
        _line(role, "RelationshipRoleType", number)

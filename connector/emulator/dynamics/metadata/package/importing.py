"""ImportSolution: what a solution file brings becomes part of the organisation, all of it or nothing.

Parameters of the action come in; tables, columns, keys, relationships and rows of setup leave. Next room: `security`.
"""

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from connector.emulator.dynamics.metadata.edit import definitions, keys, options, relations, rights, tables
from connector.emulator.dynamics.metadata.edit.columns import changed_column
from connector.emulator.dynamics.metadata.package import bodies
from connector.emulator.dynamics.metadata.package.archive import Package, unpack
from connector.emulator.dynamics.metadata.package.security import add_profiles, add_roles, add_views, put
from connector.emulator.dynamics.metadata.package.xmltext import children, guid, text, texts, whole, yes
from connector.emulator.dynamics.metadata.shapes.labels import english
from connector.emulator.dynamics.metadata.shapes.shelf import shelf_of
from connector.emulator.dynamics.org.model import Problem, Table
from connector.emulator.dynamics.org.records import Org


def import_solution(org: Org, user_id: str, parameters: Mapping[str, Any]) -> str:
    """Import an unmanaged solution; gives the solution's id."""
    package = unpack(parameters.get("CustomizationFile"))
    name = text(package.manifest, "UniqueName")
    if not name:
        raise Problem(400, "0x8004f002", "solution.xml: the SolutionManifest has no UniqueName.")
    if yes(package.manifest, "Managed"):
        text_ = f"The solution '{name}' is managed: only unmanaged solutions can be imported here."
        raise Problem(400, "0x80048033", text_)
    solution = _solution(org, user_id, package.manifest, name)
    root = package.customizations
    for element in children(root, "optionsets/optionset"):
        _shared_set(org, user_id, element, name)
    for element in children(root, "Entities/Entity"):
        _table(org, user_id, element, name)
    _relationships(org, user_id, root, name)
    for element in children(root, "Entities/Entity"):
        table = org.tables[_named(element)]
        for one in children(element, "EntityInfo/entity/EntityKeys/EntityKey"):
            if text(one, "Name").lower() not in {kept.schema_name.lower() for kept in table.keys.values()}:
                keys.add_key(org, user_id, table, bodies.key(one), name)
        add_views(org, user_id, element, table, name)
    add_roles(org, user_id, root, name)
    add_profiles(org, user_id, root, name)
    _root_components(org, user_id, package, name)
    return solution


def _solution(org: Org, user_id: str, manifest: Element, name: str) -> str:
    """The rows of publisher and solution, new or brought up to date."""
    owner = manifest.find("Publisher")
    unique, prefix = text(owner, "UniqueName"), text(owner, "CustomizationPrefix")
    if not unique or not prefix:
        raise Problem(400, "0x8004f01c", "solution.xml: Publisher needs a UniqueName and a CustomizationPrefix.")
    values: dict[str, Any] = {
        "friendlyname": english(texts(owner, "LocalizedNames", "LocalizedName")) or unique,
        "description": english(texts(owner, "Descriptions", "Description")) or None,
        "customizationprefix": prefix.lower(),
        "customizationoptionvalueprefix": whole(
            text(owner, "CustomizationOptionValuePrefix"), "solution.xml: CustomizationOptionValuePrefix", 10000
        ),
    }
    publisher = put(org, user_id, "publisher", {"uniquename": unique}, values)
    managed = org.rows('SELECT "ismanaged" FROM "solution" WHERE "uniquename" = ? COLLATE NOCASE', name)
    if managed and managed[0][0]:
        text_ = "The solution is already installed on this system as a managed solution and the package supplied is"
        raise Problem(400, "0x80048041", f"{text_} attempting to install it in unmanaged mode.")
    values = {
        "friendlyname": english(texts(manifest, "LocalizedNames", "LocalizedName")) or name,
        "description": english(texts(manifest, "Descriptions", "Description")) or None,
        "version": text(manifest, "Version", "1.0.0.0"),
        "publisherid": ("publisher", publisher),
    }
    return put(org, user_id, "solution", {"uniquename": name}, values)


def _shared_set(org: Org, user_id: str, element: Element, solution: str) -> None:
    body = bodies.option_set(element)
    if shelf_of(org).option_set(str(body["Name"])) is None:
        options.add_set(org, user_id, body, solution)
    else:
        options.change_set(org, str(body["Name"]), body)


def _named(element: Element) -> str:
    """The logical name of the table that an entity element is about."""
    info = element.find("EntityInfo/entity")
    return (text(element, "Name") or (info.get("Name", "") if info is not None else "")).lower()


def _table(org: Org, user_id: str, element: Element, solution: str) -> None:
    """A table and its columns; lookups wait for their relationships."""
    name, entity = _named(element), element.find("EntityInfo/entity")
    entries = [one for one in children(entity, "attributes/attribute") if yes(one, "IsCustomField")]
    plain = [one for one in entries if text(one, "Type").lower() not in ("lookup", "customer", "primarykey")]
    table = org.tables.get(name)
    if table is None:
        if entity is None:
            text_ = f"customizations.xml: the entity {name} is not in this system, and nothing says what it is."
            raise Problem(400, "0x80048033", text_)
        made = [bodies.attribute(one, name) | {"IsPrimaryName": bodies.is_primary(one)} for one in plain]
        tables.add_table(org, user_id, bodies.table(element, entity, made), solution)
        return
    rights.belongs(org, user_id, solution, rights.ENTITY, table.metadata_id, rights.WITHOUT_SUBCOMPONENTS)
    for one in plain:
        _column(org, user_id, table, bodies.attribute(one, name), solution)


def _column(org: Org, user_id: str, table: Table, body: Mapping[str, Any], solution: str) -> None:
    """A column that is new, or one that is there and takes what the file says, its options too."""
    there = table.columns.get(str(body["SchemaName"]).lower())
    if there is None:
        definitions.add_column(org, user_id, table, body, solution)
        return
    definitions.change_column(org, user_id, table, there, body, merge=True, solution=solution)
    if there.type in ("picklist", "multiselect") and not there.global_set and body.get("OptionSet"):
        blank = there.with_(options=(), default=None)
        replaced = changed_column(org, table, blank, body)
        org.replace_column(table.name, replaced)


def _relationships(org: Org, user_id: str, root: Element, solution: str) -> None:
    """Relationships that are new, with the lookup columns that the tables' elements describe."""
    lookups = {
        (_named(element), (one.get("PhysicalName") or "").lower()): one
        for element in children(root, "Entities/Entity")
        for one in children(element, "EntityInfo/entity/attributes/attribute")
    }
    for element in children(root, "EntityRelationships/EntityRelationship"):
        if element.get("Name") in org.relationships:
            continue
        source = text(element, "ReferencingEntityName").lower()
        attribute = text(element, "ReferencingAttributeName").lower()
        found = lookups.pop((source, attribute), None)
        if found is None and text(element, "EntityRelationshipType") != "ManyToMany":
            if source in org.tables and attribute in org.tables[source].columns:
                continue  # a relationship of the system, exported along with the table
            text_ = f"customizations.xml: the relationship {element.get('Name')} has no column {source}.{attribute}."
            raise Problem(400, "0x80048033", text_)
        lookup = None if found is None else bodies.attribute(found, source)
        relations.add_relation(org, user_id, bodies.relationship(element, lookup), solution)
    for (source, attribute), one in lookups.items():
        kind = text(one, "Type").lower()
        lost = kind in ("lookup", "customer") and yes(one, "IsCustomField")
        if lost and attribute not in org.tables[source].columns:
            text_ = f"customizations.xml: the lookup {source}.{attribute} has no EntityRelationship."
            raise Problem(400, "0x80048033", text_)


def _root_components(org: Org, user_id: str, package: Package, solution: str) -> None:
    """Tables and rows that the manifest lists as part of the solution."""
    for element in children(package.manifest, "RootComponents/RootComponent"):
        kind = whole(element.get("type"), "solution.xml: RootComponent type")
        named = (element.get("schemaName") or "").lower()
        object_id = guid(element.get("id"))
        if kind == rights.ENTITY and named in org.tables:
            object_id = org.tables[named].metadata_id
        if object_id:
            behavior = whole(element.get("behavior"), "solution.xml: RootComponent behavior")
            rights.belongs(org, user_id, solution, kind, object_id, behavior)

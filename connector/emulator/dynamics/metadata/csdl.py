"""The `$metadata` document: every table as an entity type, with its keys, properties and navigation properties.

An organisation comes in; XML leaves, kept until a definition changes. Next room: `edit`.
"""

from collections.abc import Iterator
from weakref import WeakKeyDictionary
from xml.etree.ElementTree import Element, SubElement, tostring

from connector.emulator.dynamics.org.model import LOOKUPS, Column, Key, Table
from connector.emulator.dynamics.org.records import Org

EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
EDM = "http://docs.oasis-open.org/odata/ns/edm"
NAMESPACE = "Microsoft.Dynamics.CRM"
BASE = "crmbaseentity"
_TYPES = {
    "string": "Edm.String",
    "memo": "Edm.String",
    "integer": "Edm.Int32",
    "bigint": "Edm.Int64",
    "decimal": "Edm.Decimal",
    "double": "Edm.Double",
    "money": "Edm.Decimal",
    "boolean": "Edm.Boolean",
    "picklist": "Edm.Int32",
    "multiselect": "Edm.String",
    "state": "Edm.Int32",
    "status": "Edm.Int32",
    "uniqueidentifier": "Edm.Guid",
    "entityname": "Edm.String",
}
_made: "WeakKeyDictionary[Org, tuple[int, bytes]]" = WeakKeyDictionary()


def document(org: Org) -> bytes:
    """The whole document."""
    kept = _made.get(org)
    if kept is None or kept[0] != org.edition:
        kept = _made[org] = (org.edition, _document(org))
    return kept[1]


def _document(org: Org) -> bytes:
    root = Element("edmx:Edmx", {"Version": "4.0", "xmlns:edmx": EDMX})
    schema = SubElement(
        SubElement(root, "edmx:DataServices"), "Schema", {"Namespace": NAMESPACE, "Alias": "mscrm", "xmlns": EDM}
    )
    SubElement(schema, "EntityType", {"Name": BASE, "Abstract": "true"})
    for table in org.tables.values():
        _entity(org, schema, table)
    container = SubElement(schema, "EntityContainer", {"Name": "System"})
    for table in org.tables.values():
        entry = SubElement(container, "EntitySet", {"Name": table.set_name, "EntityType": f"mscrm.{table.name}"})
        for name, target, _many, _partner in _navigation(org, table):
            if target in org.tables:
                path = {"Path": name, "Target": org.tables[target].set_name}
                SubElement(entry, "NavigationPropertyBinding", path)
    text = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode()


def _entity(org: Org, schema: Element, table: Table) -> None:
    entity = SubElement(schema, "EntityType", {"Name": table.name, "BaseType": f"mscrm.{BASE}"})
    SubElement(SubElement(entity, "Key"), "PropertyRef", {"Name": table.primary_id})
    for column in table.columns.values():
        if column.type == "virtual":
            continue
        written = column.create or column.update
        if column.type in LOOKUPS:
            name = f"_{column.name}_value"
            entry = SubElement(entity, "Property", {"Name": name, "Type": "Edm.Guid"})
            _term(entry, "Org.OData.Core.V1.Computed", "Bool", "true")
            continue
        details = {"Name": column.name, "Type": type_of(column), "Unicode": "false"}
        if column.type in ("string", "memo") and column.max_length:
            details["MaxLength"] = str(column.max_length)
        if column.type in ("decimal", "money"):
            details["Scale"] = "Variable"
        entry = SubElement(entity, "Property", details)
        if not written:
            _term(entry, "Org.OData.Core.V1.Computed", "Bool", "true")
        if column.description:
            _term(entry, "Org.OData.Core.V1.Description", "String", column.description)
    for name, target, many, partner in _navigation(org, table):
        kind = f"Collection(mscrm.{target})" if many else f"mscrm.{target}"
        details = {"Name": name, "Type": kind} | ({} if many else {"Nullable": "true"})
        entry = SubElement(entity, "NavigationProperty", details | ({"Partner": partner[0]} if partner[0] else {}))
        if not many and target in org.tables:
            own = {"Property": f"_{partner[1]}_value", "ReferencedProperty": org.tables[target].primary_id}
            SubElement(entry, "ReferentialConstraint", own)
    for key in table.keys.values():
        if key.status == "Active":
            _alternate(entity, table, key)


def type_of(column: Column) -> str:
    """The primitive type that values of a column have on the wire."""
    if column.type == "datetime":
        return "Edm.Date" if column.behavior == "DateOnly" else "Edm.DateTimeOffset"
    return _TYPES[column.type]


def _navigation(org: Org, table: Table) -> Iterator[tuple[str, str, bool, tuple[str, str]]]:
    """Navigation properties: name, target, whether it leads to many, and the partner with the lookup's name."""
    seen: set[str] = set()
    pairs = {
        (one.column, one.referenced): one.nav_many
        for one in org.relationships.values()
        if one.referencing == table.name and one.kind == "OneToMany"
    }
    for column in table.columns.values():
        for target, name in column.navigation.items():
            if name not in seen:
                seen.add(name)
                yield name, target, False, (pairs.get((column.name, target), ""), column.name)
    for one in org.relationships.values():
        if one.kind == "OneToMany" and one.referenced == table.name and one.nav_many not in seen:
            seen.add(one.nav_many)
            yield one.nav_many, one.referencing, True, (one.nav_one, "")
        elif one.kind == "ManyToMany":
            sides = (
                (one.referenced, one.nav_many, one.referencing),
                (one.referencing, one.nav_many_other, one.referenced),
            )
            for side, name, target in sides:
                if side == table.name and name and name not in seen:
                    seen.add(name)
                    yield name, target, True, ("", "")


def _alternate(entity: Element, table: Table, key: Key) -> None:
    note = SubElement(entity, "Annotation", {"Term": "OData.Community.Keys.V1.AlternateKeys"})
    record = SubElement(SubElement(note, "Collection"), "Record", {"Type": "OData.Community.Keys.V1.AlternateKey"})
    parts = SubElement(SubElement(record, "PropertyValue", {"Property": "Key"}), "Collection")
    for name in key.columns:
        shown = f"_{name}_value" if table.columns[name].type in LOOKUPS else name
        part = SubElement(parts, "Record", {"Type": "OData.Community.Keys.V1.PropertyRef"})
        SubElement(part, "PropertyValue", {"Property": "Alias", "String": shown})
        SubElement(part, "PropertyValue", {"Property": "Name", "PropertyPath": shown})


def _term(entry: Element, term: str, kind: str, value: str) -> None:
    SubElement(entry, "Annotation", {"Term": term, kind: value})

"""Tables: made with their first columns, changed in what is said about them, taken away.

A body comes in; the table as the organisation keeps it leaves. Next room: `relations`.
"""

from collections.abc import Mapping
from typing import Any

from connector.emulator.dynamics.metadata.edit import rights, wording
from connector.emulator.dynamics.metadata.edit.columns import new_column
from connector.emulator.dynamics.metadata.edit.definitions import add_column
from connector.emulator.dynamics.metadata.shapes import extras
from connector.emulator.dynamics.metadata.shapes.labels import plain
from connector.emulator.dynamics.metadata.shapes.tables import NAMES
from connector.emulator.dynamics.org.model import Problem, Table
from connector.emulator.dynamics.org.records import Org

OWNERSHIPS = ("UserOwned", "OrganizationOwned")
_LABELS = ("DisplayName", "DisplayCollectionName", "Description")


def add_table(org: Org, user_id: str, body: Mapping[str, Any], solution: str | None = None) -> Table:
    """Add a table with the columns that its body brings; one text column must be its primary name."""
    wording.undeclared(body, NAMES | {"Attributes"}, "EntityMetadata")
    schema = wording.schema_name(org, body, "Entity")
    name = schema.lower()
    if name in org.tables:
        text = f"An entity with the specified name {schema} already exists. Please specify a unique name."
        raise Problem(400, "0x8004700b", text)
    ownership = body.get("OwnershipType") or "UserOwned"
    if ownership not in OWNERSHIPS:
        raise Problem(400, "0x80040203", f"The OwnershipType '{ownership}' is not valid for a custom entity.")
    first = _primary(body)
    label = wording.labelled(body, "DisplayName", schema)[0]
    set_name = str(body.get("EntitySetName") or plural(name))
    if org.table_of_set(set_name) is not None:
        raise Problem(400, "0x8004700b", f"An entity with the entity set name {set_name} already exists.")
    table = Table(
        name, schema, set_name, label, wording.labelled(body, "DisplayCollectionName", f"{label}s")[0], 0,
        f"{name}id", str(first["SchemaName"]).lower(), str(ownership), custom=True,
        activity=wording.flag(body, "IsActivity", False),
        change_tracking=wording.flag(body, "ChangeTrackingEnabled", False),
        description=wording.labelled(body, "Description")[0],
    )  # fmt: skip
    table.columns[table.primary_name] = new_column(org, table, {**first, "IsPrimaryName": True})
    kept = org.add_table(table)
    stamp = extras.moment(org)
    extras.note(
        org, kept.metadata_id, created=stamp, modified=stamp, labels=_labels(body),
        notes=wording.flag(body, "HasNotes", False), activities=wording.flag(body, "HasActivities", False),
    )  # fmt: skip
    rights.belongs(org, user_id, solution, rights.ENTITY, kept.metadata_id)
    for entry in body.get("Attributes") or []:
        if entry is not first:
            add_column(org, user_id, kept, entry)
    return org.tables[name]


def change_table(
    org: Org, user_id: str, table: Table, body: Mapping[str, Any], *, merge: bool, solution: str | None
) -> None:
    """Change what is said about a table; change tracking once on stays on."""
    wording.undeclared(body, NAMES | {"Attributes"}, "EntityMetadata")
    tracked = wording.flag(body, "ChangeTrackingEnabled", table.change_tracking)
    if table.change_tracking and not tracked:
        text = f"Change tracking of the entity {table.name} cannot be turned off once it is on."
        raise Problem(400, "0x80040203", text)
    table.label = wording.labelled(body, "DisplayName", table.label)[0]
    table.label_plural = wording.labelled(body, "DisplayCollectionName", table.label_plural)[0]
    table.description = wording.labelled(body, "Description", table.description)[0]
    table.change_tracking = tracked
    org.add_table(table)
    labels = _labels(body)
    before = extras.notes(org).get(table.metadata_id, {})
    if merge:
        old = before.get("labels", {})
        labels = {name: old.get(name, {}) | labels.get(name, {}) for name in old.keys() | labels.keys()}
    flags = {
        key: plain(body[name]) for key, name in (("notes", "HasNotes"), ("activities", "HasActivities")) if name in body
    }
    extras.note(org, table.metadata_id, modified=extras.moment(org), labels=labels, **flags)
    rights.belongs(org, user_id, solution, rights.ENTITY, table.metadata_id)


def drop_table(org: Org, user_id: str, table: Table) -> None:
    """Take a custom table away, with its rows and relationships."""
    if not table.custom:
        text = f"You cannot delete Entity {table.name}. Deletion cannot be performed when Entity is managed."
        raise Problem(400, "0x8004f013", text)
    related = [one for one in org.relationships.values() if table.name in (one.referenced, one.referencing)]
    ids = [table.metadata_id, *(column.metadata_id for column in table.columns.values())]
    ids += [one.metadata_id for one in related] + [one.metadata_id for one in table.keys.values()]
    org.drop_table(table.name)
    for metadata_id in ids:
        rights.gone(org, user_id, metadata_id)
        extras.drop_note(org, metadata_id)


def plural(name: str) -> str:
    """The name of the set that a new table gets."""
    if name.endswith("y") and name[-2:-1] not in tuple("aeiou_"):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "z", "ch", "sh")) else f"{name}s"


def _primary(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body of the column that names rows."""
    entries = [entry for entry in body.get("Attributes") or [] if isinstance(entry, Mapping)]
    named = [entry for entry in entries if plain(entry.get("IsPrimaryName"))]
    wanted = str(body.get("PrimaryNameAttribute") or "").lower()
    named = named or [entry for entry in entries if str(entry.get("SchemaName", "")).lower() == wanted]
    if len(named) != 1 or wording.class_of(named[0]) != "StringAttributeMetadata":
        text = f"PrimaryName attribute not found for Entity: {body.get('SchemaName', '')}"
        raise Problem(400, "0x80044355", text)
    return named[0]


def _labels(body: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    found = {name: wording.labelled(body, name)[1] for name in _LABELS}
    return {name: others for name, others in found.items() if others}

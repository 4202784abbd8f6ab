"""Columns of a table: added, changed and taken away.

A table and a body come in; the column as the organisation keeps it leaves. Next room: `tables`.
"""

from collections.abc import Mapping
from typing import Any

from connector.emulator.dynamics.metadata.edit import rights, wording
from connector.emulator.dynamics.metadata.edit.columns import changed_column, new_column
from connector.emulator.dynamics.metadata.shapes import extras
from connector.emulator.dynamics.metadata.shapes.attributes import securable
from connector.emulator.dynamics.org.model import Column, Problem, Table
from connector.emulator.dynamics.org.records import Org


def add_column(org: Org, user_id: str, table: Table, body: Mapping[str, Any], solution: str | None = None) -> Column:
    """Add a column; it becomes part of the solution, and its table with it."""
    column = new_column(org, table, body).with_(primary_name=False)  # a table has its primary name already
    return keep_column(org, user_id, table, column, body, solution)


def keep_column(
    org: Org, user_id: str, table: Table, column: Column, body: Mapping[str, Any], solution: str | None
) -> Column:
    """Add a column that is ready made; `body` brings other languages and the format of automatic numbers."""
    _check_secured(table, column)
    kept = org.add_column(table.name, column)
    stamp = extras.moment(org)
    automatic = {"auto_number": str(body["AutoNumberFormat"])} if body.get("AutoNumberFormat") else {}
    extras.note(org, kept.metadata_id, created=stamp, modified=stamp, labels=_labels(body), **automatic)
    rights.belongs(org, user_id, solution, rights.ENTITY, table.metadata_id, rights.WITHOUT_SUBCOMPONENTS)
    rights.belongs(org, user_id, solution, rights.ATTRIBUTE, kept.metadata_id)
    return kept


def change_column(
    org: Org, user_id: str, table: Table, column: Column, body: Mapping[str, Any], *, merge: bool, solution: str | None
) -> Column:
    """Change a column by its whole definition; `merge` keeps the labels in languages that the body does not have."""
    changed = changed_column(org, table, column, body)
    if changed.secured and not column.secured:
        _check_secured(table, changed)
    kept = org.replace_column(table.name, changed)
    labels = _labels(body)
    if merge:
        before = extras.notes(org).get(kept.metadata_id, {}).get("labels", {})
        labels = {name: before.get(name, {}) | labels.get(name, {}) for name in before.keys() | labels.keys()}
    automatic = {"auto_number": str(body["AutoNumberFormat"])} if "AutoNumberFormat" in body else {}
    extras.note(org, kept.metadata_id, modified=extras.moment(org), labels=labels, **automatic)
    rights.belongs(org, user_id, solution, rights.ENTITY, table.metadata_id, rights.WITHOUT_SUBCOMPONENTS)
    rights.belongs(org, user_id, solution, rights.ATTRIBUTE, kept.metadata_id)
    return kept


def drop_column(org: Org, user_id: str, table: Table, column: Column) -> None:
    """Take a custom column away, unless something still needs it."""
    if column.primary_name:
        raise Problem(400, "0x80047002", "The Primary UI Attribute is not valid for deletion")
    if column.base_of:
        raise Problem(400, "0x80047016", "The Child Attribute is not valid for deletion")
    if not column.custom or column.managed or column.primary_id:
        text = f"You cannot delete Attribute {column.name}. Deletion cannot be performed when Attribute is managed."
        raise Problem(400, "0x8004f013", text)
    users = _users(org, table, column.name)
    if users:
        text = (
            f"The Attribute({column.metadata_id}) component cannot be deleted because it is referenced by {len(users)} "
            f"other components. For a list of referenced components, use the RetrieveDependenciesForDeleteRequest."
        )
        raise Problem(400, "0x8004f01f", text)
    related = [one for one in org.relationships.values() if (one.referencing, one.column) == (table.name, column.name)]
    org.drop_column(table.name, column.name)
    for metadata_id in (column.metadata_id, *(one.metadata_id for one in related)):
        rights.gone(org, user_id, metadata_id)
        extras.drop_note(org, metadata_id)


def _labels(body: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Labels in other languages than English, for the properties that bodies have."""
    found = {name: wording.labelled(body, name)[1] for name in ("DisplayName", "Description")}
    return {name: others for name, others in found.items() if others}


def _check_secured(table: Table, column: Column) -> None:
    if not column.secured:
        return
    if not securable(table, column):
        raise Problem(400, "0x8004f501", f"The field '{column.name}' is not securable")
    keys = [one.schema_name for one in table.keys.values() if column.name in one.columns]
    if keys:
        text = f"The field {column.name} is not securable as it is part of entity keys ( {', '.join(keys)} ). "
        raise Problem(400, "0x80060896", f"{text}Please remove the field from all entity keys to make it securable.")


def _users(org: Org, table: Table, name: str) -> list[str]:
    """What needs a column: keys, views and forms that name it."""
    found = [f"key {one.schema_name}" for one in table.keys.values() if name in one.columns]
    quoted = f'%"{name}"%'
    views = 'SELECT "name" FROM "savedquery" WHERE "returnedtypecode" = ? AND ("fetchxml" LIKE ? OR "layoutxml" LIKE ?)'
    found += [f"view {row[0]}" for row in org.rows(views, table.name, quoted, quoted)]
    forms = 'SELECT "name" FROM "systemform" WHERE "objecttypecode" = ? AND "formxml" LIKE ?'
    return found + [f"form {row[0]}" for row in org.rows(forms, table.name, quoted)]

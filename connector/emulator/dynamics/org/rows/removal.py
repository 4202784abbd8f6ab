"""Deleting: the row, what hangs on it, and the links to it.

In: a row that is to go; out: deletions that change tracking tells. Next room: `bulk`.
"""

from typing import TYPE_CHECKING

from connector.emulator.dynamics.org.model import Problem, Relationship, Table
from connector.emulator.dynamics.org.rows.derived import MIRRORS
from connector.emulator.dynamics.org.rows.twins import concrete
from connector.emulator.dynamics.org.rows.values import Row
from connector.emulator.dynamics.org.storage import quoted

if TYPE_CHECKING:
    from connector.emulator.dynamics.org.records import Org


def remove(org: "Org", table: Table, row: Row) -> None:
    """Delete one row: its dependants go along, links to it are emptied, its twin goes too."""
    row_id = str(row[table.primary_id])
    sql = f"DELETE FROM {quoted(table.name)} WHERE {quoted(table.primary_id)} = ?"
    if not org.db.execute(sql, (row_id,)).rowcount:
        return  # it went already, as a dependant of a dependant
    org.note_deletion(table.name, row_id)
    for relationship in org.lookups_to(table.name):
        _release(org, relationship, row_id)
    for relationship in org.relationships.values():
        if relationship.kind == "ManyToMany" and table.name in (relationship.referenced, relationship.referencing):
            _unlink(org, relationship, table, row_id)
    if concrete(table):
        _remove_by_id(org, "activitypointer", row_id)
    elif table.name == "connection":
        _remove_by_id(org, "connection", str(row.get("relatedconnectionid")))
    elif table.name == "activitypointer":
        _remove_by_id(org, str(row.get("activitytypecode")), row_id)


def _release(org: "Org", relationship: Relationship, row_id: str) -> None:
    rule = relationship.cascade.get("Delete", "RemoveLink")
    if rule == "NoCascade":
        return
    child = org.table(relationship.referencing)
    column = child.columns.get(relationship.column)
    if column is None:
        return
    found = org.rows(
        f"SELECT {quoted(child.primary_id)} FROM {quoted(child.name)} WHERE {quoted(column.name)} = ?", row_id
    )
    if found and rule == "Restrict":
        message = "The object you tried to delete is associated with another object and cannot be deleted."
        raise Problem(400, "0x80040227", message)
    for (child_id,) in found:
        row = org.raw(child, str(child_id))
        if row is None:
            continue
        if rule == "Cascade":
            remove(org, child, row)
        else:
            gone: Row = {column.name: None}
            if column.many_targets:
                gone[f"{column.name}.type"] = None
            customer, *mirrors = MIRRORS.get(child.name, ("",))
            if column.name == customer:
                gone |= {mirror: None for mirror in mirrors if row.get(mirror) == row_id}
            org.rewrite(child, row, gone)


def _unlink(org: "Org", relationship: Relationship, table: Table, row_id: str) -> None:
    between = org.tables.get(relationship.intersect)
    for column in between.columns.values() if between else ():
        if between is not None and table.name in column.targets:
            sql = f"SELECT * FROM {quoted(between.name)} WHERE {quoted(column.name)} = ?"
            for link in org.dicts(sql, row_id):
                remove(org, between, link)


def _remove_by_id(org: "Org", name: str, row_id: str) -> None:
    table = org.tables.get(name)
    row = org.raw(table, row_id) if table is not None else None
    if table is not None and row is not None:
        remove(org, table, row)

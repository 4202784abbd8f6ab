"""Records on their way out and back: the recycle bin, and what goes with a parent.

In: a record to delete or restore; out: rows marked, emptied lookups, rows gone for good where no bin takes them.
Next room: `records`.
"""

from typing import TYPE_CHECKING

from connector.emulator.salesforce.org.catalogue import quoted
from connector.emulator.salesforce.org.model import Field, ObjectType, Problem
from connector.emulator.salesforce.org.rows.values import Row

if TYPE_CHECKING:
    from connector.emulator.salesforce.org.records import Org

_STAMPS = '"SystemModstamp" = ?, "LastModifiedDate" = ?, "LastModifiedById" = ?'
_NEVER_ASKED = ("CreatedById", "LastModifiedById")


def remove(org: "Org", user_id: str, kind: ObjectType, row: Row, root: str, *, soft: bool) -> None:
    """Delete a record and what hangs on it; with `soft` all of it can come back together with the record `root`."""
    for child in org.objects.values():
        for field in child.fields.values():
            if kind.name in field.reference_to and field.stored and field.name not in _NEVER_ASKED:
                _let_go(org, user_id, child, field, str(row["Id"]), root, soft=soft)
    table = quoted(kind.name)
    if soft and kind.soft_delete:
        stamp = org.stamp()
        sql = f'UPDATE {table} SET "IsDeleted" = 1, {_STAMPS} WHERE "Id" = ?'
        org.db.execute(sql, (stamp, stamp, user_id, row["Id"]))
        org.db.execute('INSERT INTO "_bin" VALUES (?, ?, ?)', (root, kind.name, row["Id"]))
    else:
        org.db.execute(f'DELETE FROM {table} WHERE "Id" = ?', (row["Id"],))


def restore(org: "Org", user_id: str, kind: ObjectType, record_id: str) -> None:
    """Bring a deleted record back, with what went along with it."""
    row = org.raw(kind, record_id)
    if row is None or not row.get("IsDeleted"):
        raise Problem(400, "UNDELETE_FAILED", "Entity is not in the recycle bin", [])
    stamp = org.stamp()
    for table, one in org.rows('SELECT "object", "id" FROM "_bin" WHERE "root" = ?', record_id):
        sql = f'UPDATE {quoted(str(table))} SET "IsDeleted" = 0, {_STAMPS} WHERE "Id" = ?'
        org.db.execute(sql, (stamp, stamp, user_id, one))
    org.db.execute('DELETE FROM "_bin" WHERE "root" = ?', (record_id,))


def _let_go(
    org: "Org", user_id: str, child: ObjectType, field: Field, record_id: str, root: str, *, soft: bool
) -> None:
    alive = ' AND NOT "IsDeleted"' if child.soft_delete else ""
    where = f"{quoted(field.name)} = ?{alive}"
    if field.cascade_delete:
        for (one,) in org.rows(f'SELECT "Id" FROM {quoted(child.name)} WHERE {where}', record_id):
            row = org.raw(child, str(one))
            if row is not None:
                remove(org, user_id, child, row, root, soft=soft)
    elif not soft or field.custom:
        sql = f'UPDATE {quoted(child.name)} SET {quoted(field.name)} = NULL, "SystemModstamp" = ? WHERE {where}'
        org.db.execute(sql, (org.stamp(), record_id))

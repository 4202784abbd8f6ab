"""Rows that exist twice: an activity and its `activitypointer`, a connection and its reverse.

In: a row that was stored; out: its twin, made or brought in step. Next room: `removal`.
"""

from typing import TYPE_CHECKING

from connector.emulator.dynamics.org.catalogue.activities import CONCRETE
from connector.emulator.dynamics.org.model import Table
from connector.emulator.dynamics.org.rows.values import Row, Stored
from connector.emulator.dynamics.org.storage import quoted

if TYPE_CHECKING:
    from connector.emulator.dynamics.org.records import Org

SWAPPED = {
    "record1id": "record2id", "record1id.type": "record2id.type", "record1objecttypecode": "record2objecttypecode",
    "record1roleid": "record2roleid",
}  # fmt: skip
"""Columns of a connection that change places in its reverse."""

COPIED = (
    "effectivestart", "effectiveend", "description", "statecode", "statuscode", "ownerid", "ownerid.type",
    "owninguser", "owningteam", "owningbusinessunit",
)  # fmt: skip
"""Columns of a connection that are the same in its reverse."""


def concrete(table: Table) -> bool:
    """Say whether rows of this table have a twin among the activities: the built-in kinds and custom activities."""
    return table.name in CONCRETE or (table.activity and table.name != "activitypointer")


def prepare_connection(org: "Org", row: Row) -> None:
    """Fill what a connection says about its two ends."""
    for number in (1, 2):
        target = row.get(f"record{number}id.type")
        row[f"record{number}objecttypecode"] = org.tables[str(target)].code if target in org.tables else None
    row["name"] = name_of(org, row.get("record2id.type"), row.get("record2id"))
    if row.get("relatedconnectionid") is None:
        row["ismaster"] = 1


def name_of(org: "Org", target: Stored, row_id: Stored) -> Stored:
    """Read the primary name of the row that a lookup points at."""
    table = org.tables.get(str(target))
    if table is None or row_id is None:
        return None
    sql = f"SELECT {quoted(table.primary_name)} FROM {quoted(table.name)} WHERE {quoted(table.primary_id)} = ?"
    found = org.rows(sql, row_id)
    return found[0][0] if found else None


def follow(org: "Org", table: Table, row: Row, old: Row | None) -> None:
    """Make the twin of a stored row, or bring it in step."""
    if concrete(table):
        _pointer(org, table, row)
    elif table.name == "connection":
        _reverse(org, table, row, old)


def pointer_columns(org: "Org", table: Table) -> list[str]:
    """List the SQL columns that an activity has in common with its `activitypointer`."""
    pointer, own = org.tables["activitypointer"], table.columns
    shared: list[str] = []
    for column in pointer.columns.values():
        if column.stored and column.name in own and column.name not in ("versionnumber", "statuscode"):
            shared.append(column.name)
            if column.many_targets and own[column.name].many_targets:
                shared.append(f"{column.name}.type")
    return shared


def _pointer(org: "Org", table: Table, row: Row) -> None:
    pointer = org.tables["activitypointer"]
    twin: Row = {name: row.get(name) for name in pointer_columns(org, table)}
    twin["activitytypecode"] = table.name
    twin["statuscode"] = int(str(row.get("statecode") or 0)) + 1
    before = org.raw(pointer, str(row["activityid"]))
    if before is None:
        org.insert(pointer, twin)
    else:
        org.rewrite(pointer, before, twin, stamps=False)


def _reverse(org: "Org", table: Table, row: Row, old: Row | None) -> None:
    twin = reversed_row(row)
    if old is None:
        twin["connectionid"] = org.new_guid("connection")
        twin["relatedconnectionid"], twin["ismaster"] = row["connectionid"], 0
        twin["name"] = name_of(org, twin.get("record2id.type"), twin.get("record2id"))
        stamps = ("createdon", "createdby", "modifiedon", "modifiedby")
        org.insert(table, {**twin, **{name: row[name] for name in stamps}})
        org.rewrite(table, row, {"relatedconnectionid": twin["connectionid"]}, stamps=False)
        return
    before = org.raw(table, str(row.get("relatedconnectionid")))
    if before is not None:
        twin["name"] = name_of(org, twin.get("record2id.type"), twin.get("record2id"))
        org.rewrite(
            table, before, {**twin, "modifiedon": row["modifiedon"], "modifiedby": row["modifiedby"]}, stamps=False
        )


def reversed_row(row: Row) -> Row:
    """Look at a connection from its other end."""
    twin: Row = {name: row.get(name) for name in COPIED}
    for one, other in SWAPPED.items():
        twin[one], twin[other] = row.get(other), row.get(one)
    return twin

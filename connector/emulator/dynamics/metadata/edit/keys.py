"""Alternate keys: asked for at once, usable when their index has been built in the background.

A body comes in; a key that is Pending leaves, and becomes InProgress, then Active or Failed, as time passes and as
somebody looks. Next room: `options`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connector.emulator.dynamics.metadata.edit import rights, wording
from connector.emulator.dynamics.org.model import LOOKUPS, Column, Key, Problem, Table
from connector.emulator.dynamics.org.records import Org
from connector.emulator.dynamics.org.storage import quoted

JOBS = "metadata_key_jobs"
MOST_KEYS, MOST_COLUMNS, MOST_BYTES = 10, 16, 900
TYPES = frozenset({"decimal", "integer", "string", "datetime", "picklist"}) | LOOKUPS
STAGES = ("Pending", "InProgress", "Active")
SECONDS = 2.0
"""A key leaves its stage after so many seconds of the org's clock, or the next time but one that it is looked at."""

PROPERTIES = ("SchemaName", "LogicalName", "DisplayName", "KeyAttributes", "MetadataId", "HasChanged", "IsCustomizable",
              "EntityLogicalName", "EntityKeyIndexStatus", "IntroducedVersion", "IsManaged", "IsExportKey",
              "IsSynchronous", "IsSecondaryKey")  # fmt: skip


def add_key(org: Org, user_id: str, table: Table, body: Mapping[str, Any], solution: str | None = None) -> Key:
    """Ask for an alternate key; its index is built later."""
    wording.undeclared(body, PROPERTIES, "EntityKeyMetadata")
    schema = wording.schema_name(org, body, "EntityKey")
    for one in table.keys.values():
        if one.schema_name.lower() == schema.lower():
            text = f"An entity key with the name {schema} already exists on entity {table.name}."
            raise Problem(400, "0x80060893", text)
    names = body.get("KeyAttributes") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _invalid("KeyAttributes must be a list of column names")
    columns = tuple(_column(table, name).name for name in names)
    if any(set(one.columns) == set(columns) for one in table.keys.values()):
        raise Problem(400, "0x80060894", "An entity key with the selected attributes already exists on entity.")
    _check_size(table, columns)
    label, _ = wording.labelled(body, "DisplayName", schema)
    made = Key(schema.lower(), schema, columns, label, "Pending", org.new_guid("entitykey"))
    kept = org.add_key(table.name, made)
    _schedule(org, table, kept)
    rights.belongs(org, user_id, solution, rights.ENTITY, table.metadata_id, rights.WITHOUT_SUBCOMPONENTS)
    rights.belongs(org, user_id, solution, rights.KEY, kept.metadata_id)
    return kept


def drop_key(org: Org, user_id: str, table: Table, key: Key) -> None:
    """Take an alternate key away."""
    org.drop_key(table.name, key.name)
    rights.gone(org, user_id, key.metadata_id)
    jobs = org.setting(JOBS, {})
    if jobs.pop(key.metadata_id, None) is not None:
        org.set_setting(JOBS, jobs)


def reactivate(org: Org, table: Table, name: str) -> None:
    """Build the index of a key anew whose index could not be built."""
    key = next((one for one in table.keys.values() if name.lower() in (one.name, one.schema_name.lower())), None)
    if key is None:
        raise Problem(404, "0x80040217", f"Could not find an entity key with specified name: {name}")
    if key.status != "Failed":
        raise Problem(400, "0x80060897", "Reactivate entity key is only supported for failed job")
    key.status = "Pending"
    org.add_key(table.name, key)
    _schedule(org, table, key)


def settle(org: Org, *, looked: bool = False) -> None:
    """Let the indexes under way come on; `looked` says that somebody is asking how far they have come."""
    jobs: dict[str, dict[str, Any]] = org.setting(JOBS, {})
    if not jobs:
        return
    now, left = org.clock(), {}
    for metadata_id, job in jobs.items():
        table = org.tables.get(job["table"])
        key = table.keys.get(job["key"]) if table else None
        if table is None or key is None:
            continue
        waited = (now - datetime.fromisoformat(job["since"])).total_seconds()
        job["looks"] += looked
        stage = max(min(int(waited // SECONDS), 2), job["looks"] - 1, 0)
        _advance(org, table, key, STAGES[min(stage, 2)])
        if key.status in ("Pending", "InProgress"):
            left[metadata_id] = job
    org.set_setting(JOBS, left)


def _advance(org: Org, table: Table, key: Key, status: str) -> None:
    if status == "Active" and repeated(org, table, key):
        status = "Failed"
    if status != key.status:
        key.status = status
        org.add_key(table.name, key)


def repeated(org: Org, table: Table, key: Key) -> bool:
    """Whether rows share values in the key's columns, so that its index cannot be built."""
    columns = [table.columns[name] for name in key.columns]
    parts = [f"{quoted(one.name)}{' COLLATE NOCASE' if one.type == 'string' else ''}" for one in columns]
    filled = " AND ".join(f"{quoted(one.name)} IS NOT NULL" for one in columns)
    sql = f"SELECT 1 FROM {quoted(table.name)} WHERE {filled} GROUP BY {', '.join(parts)} HAVING COUNT(*) > 1 LIMIT 1"
    return bool(org.rows(sql))


def _schedule(org: Org, table: Table, key: Key) -> None:
    jobs = org.setting(JOBS, {})
    moment = org.clock().astimezone(UTC).isoformat()
    jobs[key.metadata_id] = {"table": table.name, "key": key.name, "since": moment, "looks": 0}
    org.set_setting(JOBS, jobs)


def _column(table: Table, name: str) -> Column:
    column = table.columns.get(name.lower())
    if column is None:
        raise _invalid(f"attribute {name} does not exist on entity {table.name}")
    if column.type not in TYPES or column.base_of:
        raise _invalid(f"attribute {name} is of a type that keys cannot have")
    if column.secured:
        raise _invalid(f"attribute {name} is enabled for column security")
    return column


def _check_size(table: Table, names: tuple[str, ...]) -> None:
    if not names or len(set(names)) != len(names):
        raise _invalid("a key needs one or more different attributes")
    if len(names) > MOST_COLUMNS or len(table.keys) >= MOST_KEYS:
        raise _invalid(f"a table has at most {MOST_KEYS} keys of at most {MOST_COLUMNS} attributes")
    columns = [table.columns[name] for name in names]
    size = sum(one.max_length * 2 if one.type == "string" else 16 for one in columns)
    if size > MOST_BYTES:
        raise _invalid(f"the attributes together take {size} bytes, more than {MOST_BYTES}")


def _invalid(reason: str) -> Problem:
    return Problem(400, "0x8006088f", f"Invalid EntityKey Operation performed : {reason}")

"""The write path: what a user gives is checked as a real organisation checks it.

In: values by logical name, the row as it stands; out: column values, or the Problem that a real organisation answers.
Next room: `derived`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from connector.emulator.dynamics.org.model import LOOKUPS, Column, Key, Problem, Table
from connector.emulator.dynamics.org.rows.values import Row, checked, default_of, guid
from connector.emulator.dynamics.org.storage import quoted

if TYPE_CHECKING:
    from connector.emulator.dynamics.org.records import Org

_OPEN = frozenset({"systemuser", "team", "businessunit", "transactioncurrency", "organization"})
_REQUIRED = ("SystemRequired", "ApplicationRequired")


def changes(org: "Org", user_id: str, table: Table, given: Mapping[str, object], *, new: bool, system: bool) -> Row:
    """Check the given values one by one and turn them into column values; what is not writable is passed over."""
    row: Row = {}
    refused = frozenset() if system else org.unwritable(user_id, table.name, new)
    for name, value in given.items():
        column = table.column(name)
        if column.name in refused:
            code, verb = ("0x8004f502", "create") if new else ("0x8004f507", "update")
            message = f"Caller user with Id {user_id} does not have {verb} permissions for the secured attribute"
            raise Problem(403, code, f"{message} {column.name} of the entity {table.name}.")
        if not system and not (column.create if new else column.update):
            continue
        if column.type in LOOKUPS:
            _point(org, user_id, table, column, value, row, system=system)
        else:
            row[name] = checked(table, column, value)
    return row


def complete(org: "Org", user_id: str, table: Table, row: Row) -> None:
    """Fill a new row's defaults: owner, currency, options, the table's own organisation."""
    for column in table.columns.values():
        if column.default is not None and row.get(column.name) is None and column.type not in ("state", "status"):
            row[column.name] = default_of(column)
    if "ownerid" in table.columns and table.ownership == "UserOwned" and row.get("ownerid") is None:
        row["ownerid"], row["ownerid.type"] = user_id, "systemuser"
    for name, value in (
        ("transactioncurrencyid", org.currency_id), ("organizationid", org.org_id),
        ("businessunitid", org.business_unit_id),
    ):  # fmt: skip
        if name in table.columns and name != table.primary_id and row.get(name) is None:
            row[name] = value


def require(table: Table, row: Row, named: set[str] | None) -> None:
    """Refuse a new row in which a required column is empty, and a change (of the columns `named`) that empties one."""
    for column in table.columns.values():
        needed = column.required in _REQUIRED and column.create and (named is None or column.name in named)
        if needed and row.get(column.name) is None and column.type not in ("state", "status"):
            message = f"The required attribute '{column.name}' of the entity '{table.name}' has no value."
            raise Problem(400, "0x80040203", message)


def settle_state(table: Table, row: Row, named: set[str], old: Row | None) -> None:
    """Bring state and reason together: a state alone takes its default reason, a reason alone brings its state."""
    state, status = table.columns.get("statecode"), table.columns.get("statuscode")
    if state is None or status is None:
        return
    if row.get("statecode") is None:
        by_reason = next((one.state for one in status.options if one.value == row.get("statuscode")), None)
        row["statecode"] = int(str(state.default or 0)) if by_reason is None else by_reason
    changed = old is None or old.get("statecode") != row["statecode"]
    if row.get("statuscode") is None or (changed and "statecode" in named and "statuscode" not in named):
        row["statuscode"] = next((one.default_status for one in state.options if one.value == row["statecode"]), None)
    allowed = [one.value for one in status.options if one.state == row["statecode"]]
    if row["statuscode"] not in allowed:
        message = f"{row['statuscode']} is not a valid status code for state code {row['statecode']} on {table.name}"
        raise Problem(400, "0x80048408", f"{message} with Id {row.get(table.primary_id)}.")


def check_keys(org: "Org", table: Table, row: Row, old: Row | None) -> None:
    """Refuse a row whose id, or whose values of an alternate key, another row has."""
    own = row.get(table.primary_id)
    if old is None and org.rows(f"SELECT 1 FROM {quoted(table.name)} WHERE {quoted(table.primary_id)} = ?", own):
        raise Problem(412, "0x80040237", "Cannot insert duplicate key.")
    for key in table.keys.values():
        if key.status != "Active" or any(row.get(name) is None for name in key.columns):
            continue
        if old is not None and all(old.get(name) == row[name] for name in key.columns):
            continue
        if [one for one in org.find(table.name, {name: row[name] for name in key.columns}) if one != own]:
            raise Problem(412, "0x80060892", _duplicate(table, key))


def _duplicate(table: Table, key: Key) -> str:
    return (
        f"Entity Key {key.label or key.schema_name} violated. A record with the same value for {', '.join(key.columns)}"
        f" already exists. A duplicate record cannot be created. Select one or more unique values and try again."
    )


def _point(
    org: "Org", user_id: str, table: Table, column: Column, value: object, row: Row, *, system: bool
) -> None:  # fmt: skip
    if value is None:
        row[column.name] = None
        if column.many_targets:
            row[f"{column.name}.type"] = None
        return
    target, found = value if isinstance(value, tuple) else (column.targets[0], value)
    if target not in column.targets or (column.many_targets and not isinstance(value, tuple)):
        message = f"The lookup {column.name} of {table.name} does not lead to {target}; it leads to"
        raise Problem(400, "0x80040203", f"{message} {', '.join(column.targets)}.")
    try:
        row_id = guid(found)
    except ValueError as error:
        raise Problem(
            400, "0x80060888", f"The id {found!r} for {column.name} of {table.name} is not a guid."
        ) from error
    if not system:
        aim = org.table(target)
        if target not in _OPEN:
            org.demand(user_id, table.name, "Append")
            org.demand(user_id, target, "AppendTo")
        org.must_exist(aim, row_id)
    row[column.name] = row_id
    if column.many_targets:
        row[f"{column.name}.type"] = str(target)

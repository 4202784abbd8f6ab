"""The text between the brackets behind a set: a guid, the primary key by name, or an alternate key.

A table and that text come in; the id of a row, or the values of the key, leave. Next room: `rows`.
"""

from typing import Any
from uuid import UUID

from connector.emulator.dynamics.odata.names import bad_query, property_named
from connector.emulator.dynamics.odata.syntax import parse_key
from connector.emulator.dynamics.odata.values import from_node
from connector.emulator.dynamics.org.model import Column, Table
from connector.emulator.dynamics.org.records import Org

_UNNAMED = ("systemuser", "team")  # their primary key is inherited, so it has no name of its own here


def record_id(org: Org, table: Table, text: str) -> str | None:
    """The id of the row that a key means; None when an alternate key fits no row. A guid is not looked up."""
    guid = _guid(text)
    if guid is not None:
        return guid
    values = key_values(org, table, text)
    if list(values) == [table.primary_id]:
        return str(values[table.primary_id])
    found = org.find(table.name, values)
    return found[0] if found else None


def key_values(org: Org, table: Table, text: str) -> dict[str, Any]:
    """The values in a key by logical name, as a row made with this key would have them."""
    guid = _guid(text)
    if guid is not None:
        return {table.primary_id: guid}
    given = parse_key(text)
    if not given or "" in given:
        raise bad_query(f"Bad Request - Error in query syntax: '({text})' is no key of {table.set_name}.")
    values: dict[str, Any] = {}
    for name, node in given.items():
        column = _column(table, name)
        values[column.name] = from_node(column, node).value
    names = set(values)
    if names == {table.primary_id} and table.name not in _UNNAMED:
        return values
    if not any(set(key.columns) == names and key.status == "Active" for key in table.keys.values()):
        raise bad_query(
            f"The specified keys '{','.join(sorted(given))}' are no active alternate key of the entity '{table.name}'."
        )
    return values


def _guid(text: str) -> str | None:
    text = text.strip().strip("'{}")
    try:
        return str(UUID(text)) if len(text) == 36 else None
    except ValueError:
        return None


def _column(table: Table, name: str) -> Column:
    column = property_named(table, name) or table.columns.get(name)
    if column is None:
        raise bad_query(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table.name}'.")
    return column

"""What a body wants written: values by column, rows to make along with it, rows to tie to it.

A JSON object comes in; a `Payload` in the org's own terms leaves, or the refusal of a body that does not fit its table.
Next room: `links`, which ties rows.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from connector.emulator.dynamics.desk.call import Call, payload_problem
from connector.emulator.dynamics.desk.site import Site
from connector.emulator.dynamics.odata import keys
from connector.emulator.dynamics.org.model import CHOICES, LOOKUPS, Column, Problem, Relationship, Table

GUID = re.compile(r"\{?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?")
LOOKUP_VALUE = re.compile(r"_(.+)_value")
BIND = "odata.bind"
API = re.compile(r"^/?api/data/v[0-9.]+/")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_guid(value: object) -> bool:
    return isinstance(value, str) and GUID.fullmatch(value) is not None


EDM: dict[str, tuple[str, Callable[[object], bool]]] = {
    "string": ("String", _is_text),
    "memo": ("String", _is_text),
    "entityname": ("String", _is_text),
    "multiselect": ("String", _is_text),
    "integer": ("Int32", _is_whole),
    "bigint": ("Int64", _is_whole),
    "decimal": ("Decimal", _is_number),
    "money": ("Decimal", _is_number),
    "double": ("Double", _is_number),
    "boolean": ("Boolean", lambda value: isinstance(value, bool)),
    "datetime": ("DateTimeOffset", _is_text),
    "uniqueidentifier": ("Guid", _is_guid),
    **dict.fromkeys(CHOICES, ("Int32", _is_whole)),
}


@dataclass
class Payload:
    """What one body wants: `values` of columns, `children` to be created below the row, `ties` to existing rows."""

    values: dict[str, Any] = field(default_factory=dict)
    parents: list[tuple[Column, Table, dict[str, Any]]] = field(default_factory=list)
    children: list[tuple[Relationship, list[dict[str, Any]]]] = field(default_factory=list)
    ties: list[tuple[Relationship, list[tuple[Table, str]]]] = field(default_factory=list)


def read(site: Site, call: Call, table: Table, body: Mapping[str, Any]) -> Payload:
    """The payload of one row's body; refuses names the table does not have and values of the wrong type."""
    found = Payload()
    for name, value in body.items():
        prop, _, annotation = name.partition("@")
        if not prop:
            continue
        if annotation == BIND:
            _bind(site, call, table, prop, value, found)
        elif annotation:
            _check_annotated(table, prop, body)
        else:
            _value(site, table, prop, value, found)
    return found


def reference(site: Site, call: Call, text: object, table: Table | None = None) -> tuple[Table, str]:
    """The row that an address names: relative, absolute, by alternate key, or `$1` for a row of the change set."""
    path = address(call, text)
    name, bracket, rest = path.partition("(")
    target = site.org.table_of_set(name)
    if target is None or not bracket or not rest.endswith(")"):
        raise Problem(404, "0x8006088a", f"Resource not found for the segment '{name}'.")
    if table is not None and target.name != table.name:
        raise payload_problem(table.set_name, f"'{path}' does not lead to a row of type '{table.name}'.")
    return target, existing(site, target, rest[:-1])


def address(call: Call, text: object) -> str:
    """An address as a path below the root, with references of the change set replaced by their rows."""
    if not isinstance(text, str) or not text:
        raise payload_problem("", f"The address of a row was expected, but '{text}' was found.")
    if text.startswith("$"):
        found = call.references.get(text)
        if found is None:
            raise Problem(400, "0x0", f"Content-ID Reference: '{text}' does not exist in the batch context.")
        return found
    path = unquote(urlsplit(text).path if "://" in text else text)
    return API.sub("", path).lstrip("/")


def existing(site: Site, table: Table, key: str) -> str:
    """The id of the row that a key in brackets names; refuses a key without a row."""
    record_id = keys.record_id(site.org, table, key)
    if record_id is None:
        text = f"A record with the specified key values does not exist in {table.name} entity"
        raise Problem(404, "0x80060891", text)
    if not exists(site, table, record_id):
        raise missing(table, record_id)
    return record_id


def exists(site: Site, table: Table, record_id: str) -> bool:
    """Whether a row is there."""
    found = site.org.rows(f'SELECT 1 FROM "{table.name}" WHERE "{table.primary_id}" = ?', record_id.lower())
    return bool(found)


def missing(table: Table, record_id: str) -> Problem:
    """The refusal of an id without a row."""
    return Problem(404, "0x80040217", f"{table.schema_name} With Id = {record_id} Does Not Exist")


def check_version(site: Site, call: Call, table: Table, record_id: str) -> None:
    """Refuse a change of a row that is missing, or no longer the one the caller knew."""
    wanted = call.header("if-match")
    if wanted is None or wanted.strip() == "*":
        if not exists(site, table, record_id):
            raise missing(table, record_id)
        return
    if not table.optimistic or "versionnumber" not in table.columns:
        raise Problem(400, "0x8006088d", f"Optimistic concurrency isn't enabled for entity type {table.name}.")
    found = site.org.rows(f'SELECT "versionnumber" FROM "{table.name}" WHERE "{table.primary_id}" = ?', record_id)
    if not found:
        raise missing(table, record_id)
    if wanted.strip() not in (f'W/"{found[0][0]}"', f'"{found[0][0]}"'):
        text = "The version of the existing record doesn't match the RowVersion property provided."
        raise Problem(412, "0x80060882", text)


def address_of(table: Table, record_id: str) -> str:
    """A row's address below the root."""
    return f"{table.set_name}({record_id})"


def _bind(site: Site, call: Call, table: Table, nav: str, value: object, found: Payload) -> None:
    lookup = site.org.lookup_of(table, nav)
    if lookup is not None:
        column, _ = lookup
        if value is None:
            found.values[column.name] = None
            return
        target, record_id = reference(site, call, value)
        if target.name not in column.targets or column.navigation.get(target.name, nav) != nav:
            raise payload_problem(table.set_name, f"'{nav}' does not lead to a row of type '{target.name}'.")
        found.values[column.name] = (target.name, record_id)
        return
    relationship = site.org.children_of(table, nav)
    if relationship is None or not isinstance(value, list):
        raise undeclared(table, nav)
    found.ties.append((relationship, [reference(site, call, item) for item in value]))


def _value(site: Site, table: Table, name: str, value: object, found: Payload) -> None:
    column = table.columns.get(name)
    if column is not None and column.type not in LOOKUPS and column.type != "virtual":
        found.values[name] = _checked(table, column, value)
        return
    inner = LOOKUP_VALUE.fullmatch(name)
    if inner and inner[1] in table.columns:
        text = "CRM do not support direct update of Entity Reference properties, Use Navigation properties instead."
        raise Problem(400, "0x80060888", text)
    lookup = site.org.lookup_of(table, name)
    if lookup is not None and (value is None or isinstance(value, dict)):
        if value is not None:
            found.parents.append((*lookup, value))
        return
    relationship = site.org.children_of(table, name)
    if relationship is not None and isinstance(value, list):
        if not all(isinstance(item, dict) for item in value):
            raise payload_problem(table.set_name, f"Every item of '{name}' must be an object.")
        found.children.append((relationship, value))
        return
    if lookup is not None or relationship is not None or column is not None:
        text = f"A node of type 'PrimitiveValue' was read for the navigation property '{name}'; an object was expected."
        raise payload_problem(table.set_name, text)
    text = (
        f"The property '{name}' does not exist on type 'Microsoft.Dynamics.CRM.{table.name}'. "
        "Make sure to only use property names that are defined by the type."
    )
    raise payload_problem(table.set_name, text)


def _checked(table: Table, column: Column, value: object) -> object:
    if value is None:
        return None
    edm, fits = EDM[column.type]
    if not fits(value):
        text = f"Cannot convert the literal '{value}' to the expected type 'Edm.{edm}' of the property '{column.name}'."
        raise payload_problem(table.set_name, text)
    return value.strip("{}").lower() if column.type == "uniqueidentifier" and isinstance(value, str) else value


def _check_annotated(table: Table, name: str, body: Mapping[str, Any]) -> None:
    """Annotations that came with a read and are sent back mean nothing, but they must stand at a property."""
    inner = LOOKUP_VALUE.fullmatch(name)
    if name not in body and name not in table.columns and not (inner and inner[1] in table.columns):
        raise undeclared(table, name)


def undeclared(table: Table, name: str) -> Problem:
    """The refusal of a navigation property that the table does not have, which is often one in the wrong case."""
    text = (
        f"An undeclared property '{name}' which only has property annotations in the payload but no property value "
        "was found in the payload. In OData, only declared navigation properties and declared named streams can be "
        "represented as properties without values."
    )
    return payload_problem(table.set_name, text)


def looked_up(site: Site, table: Table, record_id: str, column: str) -> tuple[Table, str] | None:
    """The row that a row's lookup points at."""
    lookup = table.columns[column]
    kind = f'"{column}.type"' if lookup.many_targets else f"'{lookup.targets[0]}'"
    found = site.org.rows(
        f'SELECT "{column}", {kind} FROM "{table.name}" WHERE "{table.primary_id}" = ?', record_id.lower()
    )
    if not found:
        raise missing(table, record_id)
    other, target = found[0]
    return (site.org.table(target), str(other)) if other else None

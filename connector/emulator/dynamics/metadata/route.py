"""The doors of metadata: which room answers a path, and everything around a change of definitions.

A call and its segments come in; an answer leaves. Next room: `path`, then `reading` and `edit`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from connector.emulator.dynamics.desk.call import Answer, Call, empty
from connector.emulator.dynamics.desk.site import Site
from connector.emulator.dynamics.metadata.csdl import document
from connector.emulator.dynamics.metadata.edit import definitions, keys, options, relations, rights, tables, wording
from connector.emulator.dynamics.metadata.path import ROOTS, missing, resolve, split
from connector.emulator.dynamics.metadata.reading import read
from connector.emulator.dynamics.metadata.shapes.shape import Place
from connector.emulator.dynamics.metadata.shapes.shelf import shelf_of
from connector.emulator.dynamics.org.model import Column, Key, Problem, Relationship, Table
from connector.emulator.dynamics.org.records import Org

THINGS = {
    "EntityMetadata": "Entity",
    "AttributeMetadata": "Attribute",
    "EntityKeyMetadata": "Entity",
    "RelationshipMetadataBase": "Relationship",
    "OptionSetMetadataBase": "OptionSet",
}
RIGHTS = {"POST": "Create", "PUT": "Write", "DELETE": "Delete"}


def is_metadata(segments: Sequence[str]) -> bool:
    """Whether a path is about definitions."""
    return bool(segments) and (segments[0] == "$metadata" or segments[0].partition("(")[0] in ROOTS)


def answer(site: Site, call: Call, segments: Sequence[str]) -> Answer:
    """Answer a call about definitions."""
    if segments[0] == "$metadata":
        if len(segments) > 1:
            raise Problem(404, "0x8006088a", f"Resource not found for the segment '{segments[1]}'.")
        if call.method != "GET":
            raise _not_allowed(call.method, "$metadata")
        return Answer(200, [("Content-Type", "application/xml")], document(site.org))
    if call.method in ("GET", "HEAD"):
        return read(site, call, segments)
    if call.method not in RIGHTS:
        raise _not_allowed(call.method, segments[0])
    place, rest = resolve(shelf_of(site.org), segments)
    if rest:
        raise Problem(404, "0x8006088a", f"Resource not found for the segment '{rest[0]}'.")
    generic = _generic(place.declared)
    with changing(site, call, RIGHTS[call.method], THINGS.get(generic, "Customization")):
        return _change(site, call, segments, place, generic)


@contextmanager
def changing(site: Site, call: Call, right: str, thing: str) -> Iterator[None]:
    """Change definitions in this block: by somebody who may, all of it or nothing.

    That only one may do so at a time is seen to at the face, before the organisation's lock is waited for.
    """
    rights.demand(site.org, call.user_id, right, thing)
    with site.transaction():
        yield


def _change(site: Site, call: Call, segments: Sequence[str], place: Place, generic: str) -> Answer:
    if call.method == "POST" and place.many is not None:
        return _added(site.org, call, segments, generic)
    if place.one is None:
        raise _not_allowed(call.method, segments[-1])
    if call.method == "PUT":
        _replaced(site.org, call, segments, place, generic)
        shown = "/".join(segment for segment in segments if not segment.startswith("Microsoft.Dynamics.CRM."))
        return empty(204, [("OData-EntityId", f"{call.root}{shown}")])
    if call.method == "DELETE":
        _dropped(site.org, call, segments, place, generic)
        return empty()
    raise _not_allowed(call.method, segments[-1])


def _added(org: Org, call: Call, segments: Sequence[str], generic: str) -> Answer:
    body, solution = _body(call), rights.solution_named(call)
    user, sets = call.user_id, split(segments[0])[0]
    if solution:
        rights.solution_id(org, solution)
    adders: dict[str, Callable[[], str]] = {
        "EntityMetadata": lambda: tables.add_table(org, user, body, solution).metadata_id,
        "RelationshipMetadataBase": lambda: relations.add_relation(org, user, body, solution).metadata_id,
        "OptionSetMetadataBase": lambda: options.add_set(org, user, body, solution),
        "AttributeMetadata": lambda: (
            definitions.add_column(org, user, _table(org, segments), body, solution).metadata_id
        ),
        "EntityKeyMetadata": lambda: keys.add_key(org, user, _table(org, segments), body, solution).metadata_id,
    }
    if generic not in adders or (len(segments) > 1 and generic.endswith(("Base", "EntityMetadata"))):
        raise _not_allowed("POST", segments[-1])
    metadata_id = adders[generic]()
    if generic in ("AttributeMetadata", "EntityKeyMetadata"):
        table, below = _table(org, segments), segments[1].partition("(")[0]
        return empty(204, [("OData-EntityId", f"{call.root}{sets}(LogicalName='{table.name}')/{below}({metadata_id})")])
    return empty(204, [("OData-EntityId", f"{call.root}{sets}({metadata_id})")])


def _replaced(org: Org, call: Call, segments: Sequence[str], place: Place, generic: str) -> None:
    body, solution = _body(call), rights.solution_named(call)
    merge = (call.header("mscrm.mergelabels") or "").lower() == "true"
    match generic:
        case "EntityMetadata":
            tables.change_table(org, call.user_id, _table(org, segments), body, merge=merge, solution=solution)
        case "AttributeMetadata":
            table = _table(org, segments)
            column = _column(table, place)
            definitions.change_column(org, call.user_id, table, column, body, merge=merge, solution=solution)
        case "RelationshipMetadataBase":
            relations.change_relation(org, _relation(org, place), body)
        case "OptionSetMetadataBase":
            options.change_set(org, _name(place), body)
        case _:
            raise _not_allowed("PUT", segments[-1])


def _dropped(org: Org, call: Call, segments: Sequence[str], place: Place, generic: str) -> None:
    user = call.user_id
    match generic:
        case "EntityMetadata":
            tables.drop_table(org, user, _table(org, segments))
        case "AttributeMetadata":
            table = _table(org, segments)
            definitions.drop_column(org, user, table, _column(table, place))
        case "EntityKeyMetadata":
            table = _table(org, segments)
            keys.drop_key(org, user, table, _key(table, place))
        case "RelationshipMetadataBase":
            relations.drop_relation(org, user, _relation(org, place))
        case "OptionSetMetadataBase":
            options.drop_set(org, user, _name(place))


def _body(call: Call) -> dict[str, Any]:
    body = call.json()
    wording.well_formed(body)
    return body


def _generic(declared: str) -> str:
    """The class that a set is declared with, whatever it was narrowed to."""
    if declared.endswith("AttributeMetadata"):
        return "AttributeMetadata"
    if declared.endswith("RelationshipMetadata"):
        return "RelationshipMetadataBase"
    return "OptionSetMetadataBase" if declared.endswith("OptionSetMetadata") else declared


def _table(org: Org, segments: Sequence[str]) -> Table:
    place, _ = resolve(shelf_of(org), segments[:1])
    return org.tables[_name(place)]


def _name(place: Place) -> str:
    """The name by which the organisation knows what a path leads to."""
    assert place.one is not None  # noqa: S101 - callers have looked
    data = place.one.data
    return str(data.get("LogicalName") or data.get("Name") or data["SchemaName"])


def _column(table: Table, place: Place) -> Column:
    column = table.columns.get(_name(place))
    if column is None:  # a companion such as industrycodename has no column of its own
        text = f"The attribute {_name(place)} of {table.name} follows another attribute and cannot be changed itself."
        raise Problem(400, "0x80047016", text)
    return column


def _key(table: Table, place: Place) -> Key:
    return table.keys[_name(place)]


def _relation(org: Org, place: Place) -> Relationship:
    found = org.relationships.get(_name(place))
    if found is None:
        raise missing("RelationshipMetadataBase", "SchemaName", _name(place))
    return found


def _not_allowed(method: str, segment: str) -> Problem:
    return Problem(405, "0x80060888", f"The method {method} is not supported on '{segment}'.")

"""Paths into metadata: from segments such as `EntityDefinitions(LogicalName='account')/Attributes` to what they name.

Segments come in; a place with shapes leaves, and its path as contexts spell it. Next room: `reading`.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from connector.emulator.dynamics.metadata.query import LEADS, NAMES, follow
from connector.emulator.dynamics.metadata.shapes.shape import NAMESPACE, Place, Shape
from connector.emulator.dynamics.metadata.shapes.shelf import Shelf
from connector.emulator.dynamics.org.model import Problem

ROOTS = {
    "EntityDefinitions": "EntityMetadata",
    "RelationshipDefinitions": "RelationshipMetadataBase",
    "GlobalOptionSetDefinitions": "OptionSetMetadataBase",
}
_SEGMENT = re.compile(r"([\w.$]+)(?:\((.*)\))?", re.DOTALL)
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_KEYS = {
    "EntityMetadata": ("LogicalName", "an entity with specified entity logicalname"),
    "AttributeMetadata": ("LogicalName", "an attribute with specified name"),
    "EntityKeyMetadata": ("LogicalName", "an entity key with specified name"),
    "RelationshipMetadataBase": ("SchemaName", "a relationship with specified name"),
    "OptionSetMetadataBase": ("Name", "an optionset with specified name"),
}


def split(segment: str) -> tuple[str, str | None]:
    """A segment's name and what stands in its brackets."""
    found = _SEGMENT.fullmatch(segment.strip())
    if found is None:
        raise Problem(400, "0x80060888", f"The path segment '{segment}' cannot be read.")
    return found[1], found[2]


def resolve(shelf: Shelf, segments: Sequence[str]) -> tuple[Place, list[str]]:
    """The place that the segments lead to, and the segments that are left: a property's name, `$count`, `$value`."""
    name, key = split(segments[0])
    declared = ROOTS.get(name)
    if declared is None:
        raise Problem(404, "0x8006088a", f"Resource not found for the segment '{name}'.")
    if declared == "EntityMetadata" and key is not None:
        place = Place(declared, name, one=_entity(shelf, key))
    else:
        shapes = {"EntityMetadata": shelf.entities, "RelationshipMetadataBase": shelf.relations}
        place = _keyed(Place.of(declared, name, shapes.get(declared, shelf.option_sets)()), key)
    for number, segment in enumerate(segments[1:], 1):
        name, key = split(segment)
        if name.startswith(NAMESPACE):
            place = _keyed(_cast(place, name.removeprefix(NAMESPACE)), key)
        elif place.one is not None and name in place.one.links:
            place = _keyed(_followed(place, name), key)
        else:
            return place, list(segments[number:])
    return place, []


def _entity(shelf: Shelf, key: str) -> Shape:
    """One table, without making the shapes of all."""
    name, value = _key_of(key, "LogicalName")
    for table in shelf.org.tables.values():
        if (table.metadata_id if name == "MetadataId" else table.name) == value:
            return shelf.entity(table.name)
    raise missing("EntityMetadata", name, value)


def _keyed(place: Place, key: str | None) -> Place:
    if key is None:
        return place
    generic = "AttributeMetadata" if place.declared.endswith("AttributeMetadata") else place.declared
    generic = "RelationshipMetadataBase" if generic.endswith("RelationshipMetadata") else generic
    generic = "OptionSetMetadataBase" if generic.endswith("OptionSetMetadata") else generic
    natural = _KEYS[generic][0]
    name, value = _key_of(key, natural)
    for shape in place.many or ():
        found = shape.id if name == "MetadataId" else str(shape.data[natural])
        if found.lower() == value.lower():
            return replace(place, many=None, one=shape)
    raise missing(generic, name, value)


def missing(generic: str, key: str, value: str) -> Problem:
    """The refusal of a name or an id that nothing has."""
    text = "an object with specified MetadataId" if key == "MetadataId" else _KEYS[generic][1]
    return Problem(404, "0x80040217", f"Could not find {text}: {value}")


def _key_of(text: str, natural: str) -> tuple[str, str]:
    """Which key the brackets hold, and its value."""
    name, equals, value = text.partition("=")
    if not equals:
        name, value = "MetadataId", text
    name, value = name.strip(), value.strip()
    if name == "MetadataId" and _GUID.fullmatch(value):
        return name, value.lower()
    if name == natural and len(value) > 1 and value[0] == value[-1] == "'":
        return name, value[1:-1].replace("''", "'")
    raise Problem(400, "0x80060888", f"The key ({text}) is not one of this set: use {natural}='…' or the MetadataId.")


def _cast(place: Place, kind: str) -> Place:
    if kind not in NAMES and kind not in ("OptionSetMetadata", "BooleanOptionSetMetadata"):
        raise Problem(404, "0x8006088a", f"Resource not found for the segment '{NAMESPACE}{kind}'.")
    path = f"{place.path}/{NAMESPACE}{kind}"
    if place.one is not None:
        if place.one.kind != kind:
            text = f"The metadata found is a {place.one.kind}, not a {kind}."
            raise Problem(404, "0x80060888", text)
        return Place(kind, path, one=place.one)
    return Place.of(kind, path, (shape for shape in place.many or () if shape.kind == kind))


def _followed(place: Place, name: str) -> Place:
    shape: Any = place.one
    key = f"'{shape.data['LogicalName']}'" if "LogicalName" in shape.data else shape.id
    path = f"{place.path}({key})/{name}"
    found = follow(shape, name, place.declared)
    if isinstance(found, list):
        return Place.of(LEADS[name], path, found)
    if found is None:
        raise Problem(404, "0x80060888", f"The property '{name}' is empty here.")
    return Place(found.kind, path, one=found)

"""Trees: records and their children, made in one call, all of them or none.

A tree comes in; the ids of its records leave by their references, or what is wrong with the culprits.
Next room: `tooling`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from connector.emulator.salesforce.directory import DATA
from connector.emulator.salesforce.org.model import ObjectType, Problem
from connector.emulator.salesforce.rest import create_row
from connector.emulator.salesforce.site import Call, Site, object_of

MOST_RECORDS, MOST_LEVELS, MOST_TYPES = 200, 5, 5


@dataclass(frozen=True)
class Node:
    """One record of a tree: its object, its reference, its own values, and the field that points at its parent."""

    kind: ObjectType
    name: str
    values: dict[str, Any]
    link: str | None
    children: "tuple[Node, ...]"


class _UndoneError(Exception):
    """A record failed, so none is made."""


def routes(site: Site) -> list[Route]:
    """The tree resource."""
    return [Route(f"{DATA}/composite/tree/{{object}}", site.handler(partial(_tree, site)), methods=["POST"])]


def _tree(site: Site, call: Call) -> Response:
    kind = object_of(site, call.user_id, call.path["object"])
    records = call.json_object().get("records")
    if not isinstance(records, list) or not records:
        raise Problem(400, "REQUIRED_FIELD_MISSING", "At least 1 record is required")
    nodes = tuple(_node(site, kind, record, None, 1) for record in records)
    _check_tree(list(_walk(nodes)))
    made: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = []
    try:
        with site.org.transaction(), site.writes.transaction():
            _plant(nodes, None, partial(create_row, site, call.user_id), made, faults)
            if faults:
                raise _UndoneError
    except _UndoneError:
        return site.json({"hasErrors": True, "results": faults}, 400)
    return site.json({"hasErrors": False, "results": made}, 201)


def _node(site: Site, kind: ObjectType, record: Any, link: str | None, level: int) -> Node:
    attributes = record.get("attributes") if isinstance(record, dict) else None
    if not isinstance(attributes, dict) or not isinstance(attributes.get("referenceId"), str):
        raise Problem(400, "INVALID_INPUT", "Each record needs attributes with its type and its referenceId")
    if str(attributes.get("type", "")).lower() != kind.name.lower():
        raise Problem(400, "INVALID_INPUT", f"Records in this place must be of type {kind.name}")
    if level > MOST_LEVELS:
        raise Problem(400, "LIMIT_EXCEEDED", f"A tree may have {MOST_LEVELS} levels")
    values: dict[str, Any] = {}
    children: list[Node] = []
    for key, value in record.items():
        if isinstance(value, dict) and isinstance(value.get("records"), list):
            below, field = _child(site, kind, key)
            children += [_node(site, below, one, field, level + 1) for one in value["records"]]
        elif key != "attributes":
            values[key] = value
    return Node(kind, attributes["referenceId"], values, link, tuple(children))


def _child(site: Site, kind: ObjectType, relation: str) -> tuple[ObjectType, str]:
    for below in site.org.objects.values():
        for field in below.fields.values():
            name = field.child_relationship or ""
            name += "__r" if field.custom and name and not name.endswith("__r") else ""
            if name.lower() == relation.lower() and kind.name in field.reference_to:
                return below, field.name
    raise Problem(400, "INVALID_FIELD", f"No such column '{relation}' on sobject of type {kind.name}")


def _walk(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _walk(node.children)


def _check_tree(nodes: list[Node]) -> None:
    if len(nodes) > MOST_RECORDS or len({node.kind.name for node in nodes}) > MOST_TYPES:
        text = f"A tree may hold {MOST_RECORDS} records of {MOST_TYPES} types"
        raise Problem(400, "LIMIT_EXCEEDED", text)
    names = [node.name for node in nodes]
    if len(set(names)) < len(names):
        raise Problem(400, "INVALID_INPUT", "Duplicate ReferenceId provided in the request")


def _plant(
    nodes: Sequence[Node],
    parent: str | None,
    create: Callable[[ObjectType, dict[str, Any]], str],
    made: list[dict[str, Any]],
    faults: list[dict[str, Any]],
) -> None:
    """Create records from the top down; below one that fails nothing is tried."""
    for node in nodes:
        link = {node.link: parent} if node.link is not None else {}
        try:
            record_id = create(node.kind, {**node.values, **link})
        except Problem as problem:
            error = {"statusCode": problem.code, "message": problem.message, "fields": problem.fields or []}
            faults.append({"referenceId": node.name, "errors": [error]})
            continue
        made.append({"referenceId": node.name, "id": record_id})
        _plant(node.children, record_id, create, made, faults)

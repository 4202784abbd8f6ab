"""RetrieveMetadataChanges: typed definitions of many tables and columns in one answer.

A query expression comes in; definitions with only the properties it names leave. Next room: `actions`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from connector.emulator.dynamics.desk.call import Answer, Call, json_answer
from connector.emulator.dynamics.desk.site import Site
from connector.emulator.dynamics.metadata.edit.keys import settle
from connector.emulator.dynamics.metadata.edit.wording import well_formed
from connector.emulator.dynamics.metadata.shapes.shape import NAMESPACE, Shape
from connector.emulator.dynamics.metadata.shapes.shelf import shelf_of
from connector.emulator.dynamics.org.model import Problem

PARTS = {
    "Attributes": ("AttributeQuery", "Attributes"),
    "Keys": ("KeyQuery", "Keys"),
    "OneToManyRelationships": ("RelationshipQuery", "OneToManyRelationships"),
    "ManyToOneRelationships": ("RelationshipQuery", "ManyToOneRelationships"),
    "ManyToManyRelationships": ("RelationshipQuery", "ManyToManyRelationships"),
}
"""Properties of a table that hold other definitions, each with the part of the query that is about them."""

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda have, want: have == want,
    "NotEquals": lambda have, want: have != want,
    "In": lambda have, want: have in want,
    "NotIn": lambda have, want: have not in want,
    "GreaterThan": lambda have, want: have is not None and have > want,
    "LessThan": lambda have, want: have is not None and have < want,
}


def retrieve(site: Site, call: Call, parameters: Mapping[str, Any]) -> Answer:
    """Answer RetrieveMetadataChanges(Query=…); without stamps of old, everything counts as changed."""
    query = parameters.get("Query")
    if isinstance(query, str):
        try:
            query = orjson.loads(query)
        except orjson.JSONDecodeError as error:
            raise Problem(400, "0x80048d19", f"The Query of RetrieveMetadataChanges is no JSON: {error}") from error
    if not isinstance(query, Mapping):
        raise Problem(
            400, "0x80048d19", "RetrieveMetadataChanges needs a Query, as Query=@p1 with @p1 in the query string."
        )
    well_formed(query)
    settle(site.org, looked=_wants(query, "Keys"))
    org, found = site.org, []
    stamp = parameters.get("ClientVersionStamp")
    unchanged = isinstance(stamp, str) and stamp.partition("!")[0] == str(org.edition)
    for shape in [] if unchanged else shelf_of(org).entities():
        if _meets(query.get("Criteria"), shape):
            found.append(_entity(shape, query))
    return json_answer(
        {
            "@odata.context": f"{call.root}$metadata#{NAMESPACE}RetrieveMetadataChangesResponse",
            "ServerVersionStamp": f"{org.edition}!{org.clock():%m/%d/%Y %H:%M:%S}",
            "DeletedMetadata": {"Count": 0, "IsReadOnly": False, "Keys": [], "Values": []},
            "EntityMetadata": found,
        }
    )


def _entity(shape: Shape, query: Mapping[str, Any]) -> dict[str, Any]:
    made = _chosen(shape, query)
    for name, (part, link) in PARTS.items():
        if _wants(query, name):
            inner = query.get(part) or {}
            shapes: Any = shape.links[link]()
            made[name] = [_part(one, inner) for one in shapes if _meets(inner.get("Criteria"), one)]
    return made


def _part(shape: Shape, query: Mapping[str, Any]) -> dict[str, Any]:
    made = {"@odata.type": f"#{NAMESPACE}Complex{shape.kind}"} | _chosen(shape, query)
    for name in ("OptionSet", "GlobalOptionSet"):
        if _wants(query, name) and name in shape.links:
            found: Any = shape.links[name]()
            made[name] = None if found is None else dict(found.data)
    return made


def _wants(query: Mapping[str, Any], name: str) -> bool:
    properties = query.get("Properties") or {}
    return bool(properties.get("AllProperties")) or name in (properties.get("PropertyNames") or ())


def _chosen(shape: Shape, query: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that the query names; id and whether it changed are always there."""
    properties = query.get("Properties") or {}
    if properties.get("AllProperties"):
        return dict(shape.data)
    names = {*(properties.get("PropertyNames") or ()), "MetadataId", "HasChanged", "LogicalName"}
    return {name: value for name, value in shape.data.items() if name in names}


def _meets(criteria: Any, shape: Shape) -> bool:
    if not isinstance(criteria, Mapping):
        return True
    tests = [_condition(one, shape) for one in _listed(criteria, "Conditions")]
    tests += [_meets(one, shape) for one in _listed(criteria, "Filters")]
    either = criteria.get("FilterOperator") in ("Or", 1)
    return not tests or (any(tests) if either else all(tests))


def _listed(criteria: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = criteria.get(name) or []
    return found if isinstance(found, list) else []


def _condition(condition: Mapping[str, Any], shape: Shape) -> bool:
    name, operator = condition.get("PropertyName"), str(condition.get("ConditionOperator") or "Equals")
    if operator not in OPERATORS:
        raise Problem(400, "0x80040203", f"The ConditionOperator '{operator}' is not valid.")
    have = shape.data.get(str(name))
    have = have.get("Value") if isinstance(have, Mapping) and "Value" in have else have
    want = condition.get("Value")
    want = want.get("Value") if isinstance(want, Mapping) else want
    if isinstance(have, bool) and isinstance(want, str):
        want = want.strip().lower() == "true"
    return OPERATORS[operator](have, want)

"""Reads of metadata: definitions of tables, columns, keys, relationships and shared option sets.

A call and its segments come in; an answer in JSON leaves. Next room: `csdl`, and `edit` for writes.
"""

from collections.abc import Sequence
from typing import Any

from connector.emulator.dynamics.desk.call import Answer, Call, json_answer
from connector.emulator.dynamics.desk.site import Site
from connector.emulator.dynamics.metadata.edit.keys import settle
from connector.emulator.dynamics.metadata.path import resolve
from connector.emulator.dynamics.metadata.query import Query, keep, known, render
from connector.emulator.dynamics.metadata.shapes.shape import Place
from connector.emulator.dynamics.metadata.shapes.shelf import shelf_of
from connector.emulator.dynamics.org.model import Problem


def read(site: Site, call: Call, segments: Sequence[str]) -> Answer:
    """Answer a GET below one of the sets of definitions."""
    if any(part.startswith("Keys") for part in segments[1:]) or "Keys" in (call.option("$expand") or ""):
        settle(site.org, looked=True)
    place, rest = resolve(shelf_of(site.org), segments)
    query = Query.read(_with_aliases(call))
    if rest:
        return _part(call, place, rest, query)
    if place.one is not None:
        context = f"{call.root}$metadata#{place.path}{query.context()}/$entity"
        return json_answer({"@odata.context": context} | render(place.one, query, place.declared))
    found = keep(place.many or (), query, place.declared)
    body: dict[str, Any] = {"@odata.context": f"{call.root}$metadata#{place.path}{query.context()}"}
    if query.count:
        body["@odata.count"] = len(found)
    for name in query.select:
        known(name, place.declared, found[0] if found else None)
    body["value"] = [render(shape, query, place.declared) for shape in found]
    return json_answer(body)


def _part(call: Call, place: Place, rest: list[str], query: Query) -> Answer:
    """One property of one definition, or the number of definitions."""
    if rest == ["$count"] and place.many is not None:
        number = len(keep(place.many, query, place.declared))
        return Answer(200, [("Content-Type", "text/plain")], str(number).encode())
    name, raw = rest[0], rest[1:] == ["$value"]
    if place.one is None or name not in place.one.data or not (raw or len(rest) == 1):
        raise Problem(404, "0x8006088a", f"Resource not found for the segment '{name}'.")
    value = place.one.data[name]
    if raw:
        return Answer(200, [("Content-Type", "text/plain")], ("" if value is None else str(value)).encode())
    key = place.one.data.get("LogicalName") or place.one.id
    context = {"@odata.context": f"{call.root}$metadata#{place.path}('{key}')/{name}"}
    return json_answer(context | (value if isinstance(value, dict) else {"value": value}))


def _with_aliases(call: Call) -> Any:
    """Query options with the values of parameter aliases put in their places."""

    def option(name: str) -> str | None:
        value = call.option(name)
        for alias, stands_for in call.aliases.items():
            value = value.replace(alias, stands_for) if value is not None else None
        return value

    return option

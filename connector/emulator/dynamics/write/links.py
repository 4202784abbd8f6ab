"""Ties between rows: `…/$ref` sets or clears a lookup, adds a row to a collection or takes one out of it.

Calls come in; lookups and the rows of many-to-many tables change, each change noted as a write. Next room: `rows`.
"""

from typing import Any

from connector.emulator.dynamics.desk.call import Answer, Call, empty, json_answer, payload_problem
from connector.emulator.dynamics.desk.site import Site
from connector.emulator.dynamics.org.model import Problem, Relationship, Table
from connector.emulator.dynamics.write import payload


def answer(site: Site, call: Call, table: Table, record_id: str, nav: str, key: str | None) -> Answer:
    """Any request to `…/<nav>/$ref`, or to `…/<nav>(<key>)/$ref`."""
    if not payload.exists(site, table, record_id):
        raise payload.missing(table, record_id)
    lookup = site.org.lookup_of(table, nav)
    if lookup is not None and key is None:
        return _single(site, call, table, record_id, nav, lookup[0].name)
    relation = site.org.children_of(table, nav)
    if relation is None:
        raise Problem(404, "0x8006088a", f"Resource not found for the segment '{nav}'.")
    if call.method == "DELETE":
        site.unlocked(call)
        untie(site, call, table, record_id, relation, _target(site, call, table, relation, key))
    elif call.method in ("POST", "PUT"):
        site.unlocked(call)
        target, other = payload.reference(site, call, call.json().get("@odata.id"))
        tie(site, call, table, record_id, relation, target, other)
    else:
        raise not_allowed(call)
    return empty(204)


def tie(
    site: Site, call: Call, table: Table, record_id: str, relation: Relationship, target: Table, other: str
) -> None:
    """Tie a row to another over a collection: sets the other's lookup, or adds a row between the two."""
    if relation.kind != "ManyToMany":
        if target.name != relation.referencing:
            raise payload_problem(table.set_name, f"'{relation.nav_many}' holds no rows of '{target.name}'.")
        _change(site, call, target, other, {relation.column: (table.name, record_id)})
        return
    if target.name != other_side(relation, table.name):
        raise payload_problem(table.set_name, f"'{relation.name}' does not lead to rows of '{target.name}'.")
    site.org.associate(call.user_id, relation, *_sides(relation, table, record_id, other))
    _note(site, call, "associate", relation, record_id, other)


def untie(site: Site, call: Call, table: Table, record_id: str, relation: Relationship, end: tuple[Table, str]) -> None:
    """Take a row out of a collection."""
    target, other = end
    if relation.kind != "ManyToMany":
        _change(site, call, target, other, {relation.column: None})
        return
    site.org.disassociate(call.user_id, relation, *_sides(relation, table, record_id, other))
    _note(site, call, "disassociate", relation, record_id, other)


def other_side(relation: Relationship, name: str) -> str:
    """The table at the other side of a many-to-many relationship."""
    return relation.referencing if relation.referenced == name else relation.referenced


def not_allowed(call: Call) -> Problem:
    """The refusal of a method that a path does not know."""
    text = f"The requested resource does not support http method '{call.method}'."
    return Problem(405, "0x80060888", text)


def _single(site: Site, call: Call, table: Table, record_id: str, nav: str, column: str) -> Answer:
    if call.method in ("PUT", "POST"):
        site.unlocked(call)
        target, other = payload.reference(site, call, call.json().get("@odata.id"))
        allowed = table.columns[column]
        if target.name not in allowed.targets or allowed.navigation.get(target.name, nav) != nav:
            raise payload_problem(table.set_name, f"'{nav}' does not lead to a row of type '{target.name}'.")
        _change(site, call, table, record_id, {column: (target.name, other)})
        return empty(204)
    if call.method == "DELETE":
        site.unlocked(call)
        _change(site, call, table, record_id, {column: None})
        return empty(204)
    if call.method != "GET":
        raise not_allowed(call)
    found = payload.looked_up(site, table, record_id, column)
    if found is None:
        return empty(204)
    target, other = found
    context = f"{call.root}$metadata#$ref"
    return json_answer({"@odata.context": context, "@odata.id": call.root + payload.address_of(target, other)})


def _target(site: Site, call: Call, table: Table, relation: Relationship, key: str | None) -> tuple[Table, str]:
    """The other end of a tie to be cut, which the path names in brackets or the query by its address."""
    named = call.option("$id")
    if named is not None:
        return payload.reference(site, call, named)
    many = relation.kind == "ManyToMany"
    target = site.org.table(other_side(relation, table.name) if many else relation.referencing)
    if key is None:
        raise Problem(400, "0x80060888", "The row to take out must be named in brackets, or by $id.")
    return target, payload.existing(site, target, key)


def _sides(relation: Relationship, table: Table, record_id: str, other: str) -> tuple[str, str]:
    """The two ends of a many-to-many tie, the referenced side first."""
    return (record_id, other) if relation.referenced == table.name else (other, record_id)


def _note(site: Site, call: Call, action: str, relation: Relationship, record_id: str, other: str) -> None:
    site.writes.add(action, relation.intersect, record_id, call.user_id, {relation.name: other})


def _change(site: Site, call: Call, table: Table, record_id: str, values: dict[str, Any]) -> None:
    site.org.update(call.user_id, table.name, record_id, values)
    site.writes.add("update", table.name, record_id, call.user_id, values)

"""One row at a time: create, update or upsert, delete, set or clear one property, with the conditions of the caller.

Calls come in; the org's rows change, every write is noted in the log of writes, and small answers leave.
Next room: `bulk`, which writes many.
"""

from collections.abc import Mapping
from typing import Any

from connector.emulator.dynamics import read
from connector.emulator.dynamics.desk.call import Answer, Call, empty, json_answer, payload_problem
from connector.emulator.dynamics.desk.site import Site
from connector.emulator.dynamics.odata import keys
from connector.emulator.dynamics.org.model import Problem, Table
from connector.emulator.dynamics.write import links, payload
from connector.emulator.dynamics.write.payload import Payload

PARTIES = "activityparty"


def create(site: Site, call: Call, table: Table) -> Answer:
    """POST of a row, with everything nested in it."""
    body = call.json()
    site.unlocked(call)
    record_id = create_row(site, call, table, body)
    return _written(site, call, table, record_id, created=True)


def change(site: Site, call: Call, table: Table, key: str) -> Answer:
    """PATCH of a row: an update, or an insert when there is none and the caller does not forbid it."""
    body = call.json()
    record_id = keys.record_id(site.org, table, key)
    there = record_id is not None and payload.exists(site, table, record_id)
    if call.header("if-none-match") == "*" and there:
        raise Problem(412, "0x80040237", "A record with matching key values already exists.")
    if not there and call.header("if-match") is not None:
        payload.existing(site, table, key)  # refuses as a missing row is refused
    site.unlocked(call)
    if there and record_id is not None:
        payload.check_version(site, call, table, record_id)
        update_row(site, call, table, record_id, body)
        return _written(site, call, table, record_id, created=False)
    made = create_row(site, call, table, body, {**keys.key_values(site.org, table, key)})
    return _written(site, call, table, made, created=True)


def remove(site: Site, call: Call, table: Table, record_id: str) -> Answer:
    """DELETE of a row."""
    payload.check_version(site, call, table, record_id)
    site.unlocked(call)
    delete_row(site, call, table, record_id)
    return empty(204)


def put_property(site: Site, call: Call, table: Table, record_id: str, name: str) -> Answer:
    """PUT of one property."""
    body = call.json()
    if "value" not in body:
        raise payload_problem(table.set_name, "The body must hold the new value under the name 'value'.")
    return _set(site, call, table, record_id, {name: body["value"]})


def clear_property(site: Site, call: Call, table: Table, record_id: str, name: str) -> Answer:
    """DELETE of one property."""
    return _set(site, call, table, record_id, {name: None})


def _set(site: Site, call: Call, table: Table, record_id: str, body: dict[str, Any]) -> Answer:
    payload.check_version(site, call, table, record_id)
    site.unlocked(call)
    update_row(site, call, table, record_id, body)
    return _written(site, call, table, record_id, created=False)


def create_row(
    site: Site, call: Call, table: Table, body: Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> str:
    """Create a row and what is nested in its body, all or nothing, and note the writes; `given` are further values."""
    with site.transaction():
        wanted = payload.read(site, call, table, body)
        _make_parents(site, call, wanted)
        values = {**wanted.values, **(given or {})}
        record_id = site.org.create(call.user_id, table.name, values)
        site.writes.add("create", table.name, record_id, call.user_id, dict(body))
        _make_children(site, call, table, record_id, wanted)
    return record_id


def update_row(site: Site, call: Call, table: Table, record_id: str, body: Mapping[str, Any]) -> None:
    """Update a row and note the write; nested activity parties replace those that are there."""
    with site.transaction():
        wanted = payload.read(site, call, table, body)
        if wanted.parents or any(relation.referencing != PARTIES for relation, _ in wanted.children):
            text = "Deep update is not supported: a PATCH cannot hold related rows."
            raise Problem(400, "0x80060888", text)
        for relation, _ in wanted.children:
            _drop_parties(site, call, relation.column, record_id)
        values = {name: value for name, value in wanted.values.items() if name != table.primary_id}
        site.org.update(call.user_id, table.name, record_id, values)
        site.writes.add("update", table.name, record_id, call.user_id, dict(body))
        _make_children(site, call, table, record_id, wanted)


def delete_row(site: Site, call: Call, table: Table, record_id: str) -> None:
    """Delete a row and note the write."""
    site.org.delete(call.user_id, table.name, record_id)
    site.writes.add("delete", table.name, record_id, call.user_id, {})


def _written(site: Site, call: Call, table: Table, record_id: str, *, created: bool) -> Answer:
    entity = payload.address_of(table, record_id)
    if call.prefer["representation"]:
        data = read.representation(site, call, table, record_id)
        answer = json_answer(data, 201 if created else 200, [("Preference-Applied", "return=representation")])
    else:
        answer = empty(204, [("OData-EntityId", call.root + entity)])
    answer.entity = entity
    return answer


def _make_parents(site: Site, call: Call, wanted: Payload) -> None:
    for column, target, body in wanted.parents:
        wanted.values[column.name] = (target.name, create_row(site, call, target, body))


def _make_children(site: Site, call: Call, table: Table, record_id: str, wanted: Payload) -> None:
    for relation, bodies in wanted.children:
        if relation.kind == "ManyToMany":
            text = "Rows behind a many-to-many relationship cannot be created along with this one."
            raise Problem(400, "0x80060888", text)
        child = site.org.table(relation.referencing)
        for body in bodies:
            create_row(site, call, child, body, {relation.column: (table.name, record_id)})
    for relation, rows in wanted.ties:
        for target, other in rows:
            links.tie(site, call, table, record_id, relation, target, other)


def _drop_parties(site: Site, call: Call, column: str, record_id: str) -> None:
    parties = site.org.table(PARTIES)
    for (party,) in site.org.rows(f'SELECT "{parties.primary_id}" FROM "{PARTIES}" WHERE "{column}" = ?', record_id):
        site.org.delete(call.user_id, PARTIES, str(party))

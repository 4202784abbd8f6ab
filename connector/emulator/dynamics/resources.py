"""What a path means: the one dispatcher for requests of their own and for the parts of a batch.

A `Call` comes in and goes to `read`, `write`, `actions`, `metadata` or `batch`; their `Answer` leaves.
Next room: `read`.
"""

import re
from typing import Any

import orjson

from connector.emulator.dynamics import actions, batch, metadata, read
from connector.emulator.dynamics.desk.call import Answer, Call, empty, json_answer, split_outside
from connector.emulator.dynamics.desk.site import Site
from connector.emulator.dynamics.metadata.edit import rights
from connector.emulator.dynamics.org.model import Problem, Table
from connector.emulator.dynamics.write import links, payload, rows

NAMESPACE = "Microsoft.Dynamics.CRM."
COMPONENTS = {"role": 20, "savedquery": 26, "systemform": 60, "fieldsecurityprofile": 70}  # rows a solution may hold
UNFIT_FOR_KEYS = re.compile(r"'[^']*[/<>*%&:\\?+][^']*'")
READS = frozenset({"GET", "HEAD"})


def answer(site: Site, call: Call) -> Answer:
    """Carry out one request; a write is carried out whole or not at all."""
    site.usage.count(template(call), 0 if call.path.startswith("$batch") else 1)
    if call.method in READS:
        return _answer(site, call)
    if call.path.startswith("$batch"):
        if call.method != "POST":
            raise links.not_allowed(call)
        return batch.answer(site, call, answer)
    if call.in_batch and customizes(call):
        with site.customizing(), site.transaction():
            return _answer(site, call)
    with site.transaction():
        return _answer(site, call)


def customizes(call: Call) -> bool:
    """Whether a request changes definitions, which only one may do at a time."""
    if call.method in READS or not call.segments:
        return False
    name = _parted(call.segments[0])[0]
    return metadata.is_metadata(call.segments) or name.removeprefix(NAMESPACE) in metadata.ACTIONS


def template(call: Call) -> str:
    """Method and path with keys left out, by which requests are counted."""
    where = " (in batch)" if call.in_batch else ""
    parts = []
    for segment in call.segments:
        name, key = _parted(segment)
        parts.append(f"{name}({{key}})" if key else name)
    return f"{call.method}{where} /{'/'.join(parts)}"


def _answer(site: Site, call: Call) -> Answer:
    segments = call.segments
    if not segments:
        return _service_document(site, call)
    name, key = _parted(segments[0])
    if metadata.is_metadata(segments):
        return metadata.answer(site, call, segments)
    table = site.org.table_of_set(name)
    if table is not None:
        metadata.settle_keys(site.org)  # a key may serve as soon as its index is there, whoever asks
        return _of_set(site, call, table, key, segments[1:])
    return _unbound(site, call, name.removeprefix(NAMESPACE), key)


def _service_document(site: Site, call: Call) -> Answer:
    if call.method not in READS:
        raise links.not_allowed(call)
    sets = sorted(table.set_name for table in site.org.tables.values() if table.set_name)
    value = [{"name": name, "kind": "EntitySet", "url": name} for name in sets]
    return json_answer({"@odata.context": f"{call.root}$metadata", "value": value})


def _unbound(site: Site, call: Call, name: str, key: str | None) -> Answer:
    if name in actions.FUNCTIONS:
        _only(call, "GET")
        return actions.FUNCTIONS[name](site, call, parameters(call, key))
    if name in actions.ACTIONS:
        _only(call, "POST")
        return actions.ACTIONS[name](site, call, _body(call))
    if name in metadata.ACTIONS:
        given = parameters(call, key) if call.method in READS else _body(call)
        return metadata.ACTIONS[name](site, call, given)
    raise not_found(name)


def _of_set(site: Site, call: Call, table: Table, key: str | None, rest: list[str]) -> Answer:
    if key is not None:
        return _of_row(site, call, table, key, rest)
    if rest:
        name, inner = _parted(rest[0])
        if name == "$count" and len(rest) == 1:
            _only(call, "GET")
            return read.count(site, call, table)
        return _bound_to_set(site, call, table, name, inner)
    if call.method in READS:
        return read.collection(site, call, table)
    _only(call, "POST")
    return _shelved(site, call, table, rows.create(site, call, table))


def _shelved(site: Site, call: Call, table: Table, made: Answer) -> Answer:
    """Put a written row into the solution that the call names, where solutions hold such rows."""
    solution = rights.solution_named(call)
    if solution and table.name in COMPONENTS:
        row_id = made.entity.rpartition("(")[2].rstrip(")")
        rights.belongs(site.org, call.user_id, solution, COMPONENTS[table.name], row_id)
    return made


def _bound_to_set(site: Site, call: Call, table: Table, segment: str, key: str | None) -> Answer:
    name = segment.removeprefix(NAMESPACE)
    if segment.startswith(NAMESPACE) and name in actions.SET_ACTIONS:
        _only(call, "POST")
        return actions.SET_ACTIONS[name](site, call, table, _body(call))
    if segment.startswith(NAMESPACE) and name in actions.SET_FUNCTIONS:
        _only(call, "GET")
        return actions.SET_FUNCTIONS[name](site, call, table, parameters(call, key))
    raise not_found(segment)


def _of_row(site: Site, call: Call, table: Table, key: str, rest: list[str]) -> Answer:
    if UNFIT_FOR_KEYS.search(key):
        text = f"The key '{key}' holds a character that cannot stand in an alternate key of an address."
        raise Problem(400, "0x80060888", text)
    if not rest and call.method == "PATCH":
        return _shelved(site, call, table, rows.change(site, call, table, key))
    record_id = payload.existing(site, table, key)
    if not rest:
        if call.method in READS:
            return read.single(site, call, table, record_id)
        _only(call, "DELETE")
        return rows.remove(site, call, table, record_id)
    name, inner = _parted(rest[0])
    if name.startswith(NAMESPACE):
        return _bound_to_row(site, call, table, record_id, name, inner)
    if rest[1:] == ["$ref"]:
        return links.answer(site, call, table, record_id, name, inner)
    if (name in table.columns and site.org.lookup_of(table, name) is None) or name.startswith("_"):
        return _property(site, call, table, record_id, name, rest[1:])
    return _related(site, call, table, record_id, rest)


def _bound_to_row(site: Site, call: Call, table: Table, record_id: str, segment: str, key: str | None) -> Answer:
    name = segment.removeprefix(NAMESPACE)
    if name in actions.ROW_ACTIONS:
        _only(call, "POST")
        return actions.ROW_ACTIONS[name](site, call, table, record_id, _body(call))
    if name in actions.ROW_FUNCTIONS:
        _only(call, "GET")
        return actions.ROW_FUNCTIONS[name](site, call, table, record_id, parameters(call, key))
    raise not_found(segment)


def _property(site: Site, call: Call, table: Table, record_id: str, name: str, rest: list[str]) -> Answer:
    if call.method in READS and rest in ([], ["$value"]):
        return read.property_(site, call, table, record_id, name, bool(rest))
    if rest:
        raise not_found(rest[0])
    if call.method == "DELETE":
        return rows.clear_property(site, call, table, record_id, name)
    _only(call, "PUT")
    return rows.put_property(site, call, table, record_id, name)


def _related(site: Site, call: Call, table: Table, record_id: str, rest: list[str]) -> Answer:
    """What a navigation property leads to: another row, a collection, or one row of a collection."""
    name, key = _parted(rest[0])
    lookup = site.org.lookup_of(table, name)
    if lookup is not None and key is None:
        found = payload.looked_up(site, table, record_id, lookup[0].name)
        if found is None or (len(lookup[0].targets) > 1 and found[0].name != lookup[1].name and name != "ownerid"):
            return empty(204)
        return _of_row(site, call, found[0], found[1], rest[1:])
    relation = site.org.children_of(table, name)
    if relation is None:
        raise not_found(name)
    if key is not None:
        many = relation.kind == "ManyToMany"
        target = site.org.table(links.other_side(relation, table.name) if many else relation.referencing)
        return _of_row(site, call, target, key, rest[1:])
    _only(call, "GET")
    if len(rest) > 1:
        raise not_found(rest[1])
    return read.children(site, call, table, record_id, name)


def parameters(call: Call, text: str | None) -> dict[str, Any]:
    """The parameters of a function, with aliases replaced by what they stand for."""
    given: dict[str, Any] = {}
    for item in split_outside(text, ",") if text else []:
        name, _, value = item.partition("=")
        value = value.strip()
        given[name.strip()] = _literal(call.aliases.get(value, value) if value.startswith("@") else value)
    return given


def _literal(text: str) -> Any:
    """A literal of a function's parameter: quoted text, number, truth, null, JSON, or anything else as it stands."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if text[:1] == "[" and "'" in text and '"' not in text:
        return [_literal(item) for item in split_outside(text[1:-1], ",") if item.strip()]
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text  # a guid, a date or an enumeration's member


def _body(call: Call) -> dict[str, Any]:
    return call.json() if call.body.strip() else {}


def _parted(segment: str) -> tuple[str, str | None]:
    """A segment's name and what stands in its brackets; None when it has none."""
    name, bracket, rest = segment.partition("(")
    return (name, rest.removesuffix(")").strip()) if bracket else (name, None)


def _only(call: Call, method: str) -> None:
    if call.method != method and not (method == "GET" and call.method in READS):
        raise links.not_allowed(call)


def not_found(name: str) -> Problem:
    """The refusal of a path that leads nowhere."""
    return Problem(404, "0x8006088a", f"Resource not found for the segment '{name}'.")

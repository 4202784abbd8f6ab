"""Up to 200 rows in one call: create, update, upsert, delete and retrieve, with an outcome for each row.

A list of records comes in; a list of outcomes in the same order leaves, or, with allOrNone, nothing is changed at all.
Next room: `query`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from connector.emulator.salesforce.directory import DATA
from connector.emulator.salesforce.org.model import Field, ObjectType, Problem
from connector.emulator.salesforce.rest import (
    create_row,
    delete_row,
    key_field,
    lock_problem,
    update_row,
    upsert_row,
    without_attributes,
)
from connector.emulator.salesforce.site import Call, Site, object_of

MOST_RECORDS, MOST_CHUNKS, MOST_RETRIEVED = 200, 10, 2000
NO_ATTRIBUTES = "Nested object for polymorphic foreign key must have an attributes field before any other fields."
ROLLED_BACK = "Record rolled back because not all records were valid and the request was using AllOrNone header"
Outcome = dict[str, Any]
Step = Callable[[Any], Outcome]


def routes(site: Site) -> list[Route]:
    """Collections of rows."""

    def of(fn: Any) -> Any:
        return site.handler(partial(fn, site))

    base = f"{DATA}/composite/sobjects"
    return [
        Route(base, of(_create), methods=["POST"]),
        Route(base, of(_update), methods=["PATCH"]),
        Route(base, of(_delete), methods=["DELETE"]),
        Route(f"{base}/{{object}}", of(_retrieve), methods=["GET"]),
        Route(f"{base}/{{object}}", of(_retrieve_many), methods=["POST"]),
        Route(f"{base}/{{object}}/{{field}}", of(_upsert), methods=["PATCH"]),
    ]


def _create(site: Site, call: Call) -> Response:
    def step(record: Any) -> Outcome:
        kind = _kind_of(site, record)
        return _success(create_row(site, call.user_id, kind, without_attributes(record)))

    records, all_or_none = _records(call)
    return _each(site, call, records, all_or_none, step)


def _update(site: Site, call: Call) -> Response:
    def step(record: Any) -> Outcome:
        kind = _kind_of(site, record)
        record_id = _given_id(record)
        if not record_id:
            raise Problem(400, "MISSING_ARGUMENT", "Id not specified in an update call", [])
        values = {name: value for name, value in without_attributes(record).items() if name.lower() != "id"}
        update_row(site, call.user_id, kind, str(record_id), values)
        return _success(str(record_id))

    records, all_or_none = _records(call)
    return _each(site, call, records, all_or_none, step)


def _upsert(site: Site, call: Call) -> Response:
    kind = object_of(site, call.user_id, call.path["object"])
    field = key_field(site, call.user_id, kind, call.path["field"])

    def step(record: Any) -> Outcome:
        if _kind_of(site, record).name != kind.name:
            raise Problem(400, "INVALID_TYPE", f"All records of this call must be of type {kind.name}", [])
        return _upsert_one(site, call, kind, field, without_attributes(record))

    records, all_or_none = _records(call)
    return _each(site, call, records, all_or_none, step)


def _upsert_one(site: Site, call: Call, kind: ObjectType, field: Field, values: dict[str, Any]) -> Outcome:
    key = next((name for name in values if name.lower() == field.name.lower()), None)
    value = values.pop(key) if key else None
    if field.name != "Id":
        if value in (None, ""):
            raise Problem(400, "MISSING_ARGUMENT", f"{field.name} not specified", [])
        if len(site.org.find(kind, field, value)) > 1:
            raise Problem(400, "DUPLICATE_EXTERNAL_ID", f"{field.name}: more than one record found for external id", [])
    record_id, created = upsert_row(site, call.user_id, kind, field, value, values)
    return {**_success(record_id), "created": created}


def _delete(site: Site, call: Call) -> Response:
    def step(record_id: Any) -> Outcome:
        kind = next((one for one in site.org.objects.values() if one.key_prefix == record_id[:3]), None)
        if kind is None:
            raise Problem(400, "MALFORMED_ID", f"malformed id {record_id}", [])
        delete_row(site, call.user_id, kind, record_id)
        return _success(record_id)

    ids = [one.strip() for one in call.query.get("ids", "").split(",") if one.strip()]
    _check_count(ids)
    return _each(site, call, ids, call.query.get("allOrNone", "false").lower() == "true", step)


def _retrieve(site: Site, call: Call) -> Response:
    return _rows(site, call, call.query.get("ids", "").split(","), call.query.get("fields", "").split(","))


def _retrieve_many(site: Site, call: Call) -> Response:
    body = call.json_object()
    ids, names = body.get("ids"), body.get("fields")
    if not isinstance(ids, list) or not isinstance(names, list):
        raise Problem(400, "JSON_PARSER_ERROR", "The body must hold two lists, ids and fields")
    return _rows(site, call, [str(one) for one in ids], [str(one) for one in names])


def _rows(site: Site, call: Call, ids: Sequence[str], names: Sequence[str]) -> Response:
    kind = object_of(site, call.user_id, call.path["object"])
    ids, names = [one.strip() for one in ids if one.strip()], [one.strip() for one in names if one.strip()]
    if not ids or not names:
        missing = "ids" if not ids else "fields"
        raise Problem(400, "MISSING_ARGUMENT", f"The {missing} parameter must name at least one")
    if len(ids) > MOST_RETRIEVED:
        raise Problem(
            400, "EXCEEDED_ID_LIMIT", f"record limit reached. cannot retrieve more than {MOST_RETRIEVED} records"
        )
    readable = site.org.access.readable(call.user_id, kind.name)
    columns: list[str] = []
    for name in names:
        field = kind.field(name)
        if field is None or field.name not in readable:
            raise Problem(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {kind.name}")
        columns.append(field.name)
    return site.json([_row_or_none(site, call, kind, one, columns) for one in ids])


def _row_or_none(site: Site, call: Call, kind: ObjectType, record_id: str, columns: list[str]) -> Any:
    try:
        row = site.org.get(call.user_id, kind.name, record_id)
    except Problem:  # an unreadable id is a null in its place, never an error of the call
        return None
    wanted = columns if "Id" in columns else ["Id", *columns]
    return site.org.record_json(call.user_id, kind, row, wanted, call.version)


def _records(call: Call) -> tuple[list[Any], bool]:
    body = call.json_object()
    records, all_or_none = body.get("records"), body.get("allOrNone", False)
    if not isinstance(records, list):
        records = []
    if not isinstance(all_or_none, bool):
        raise Problem(400, "JSON_PARSER_ERROR", "allOrNone must be true or false")
    _check_count(records)
    if len([kind for kind, _ in groupby(records, key=_type_of)]) > MOST_CHUNKS:
        text = f"Cannot have more than {MOST_CHUNKS} chunks in a single operation."
        text += " Please rearrange the data to reduce chunking."
        raise Problem(400, "LIMIT_EXCEEDED", text)
    return records, all_or_none


def _check_count(records: Sequence[Any]) -> None:
    if not records:
        raise Problem(400, "REQUIRED_FIELD_MISSING", "At least 1 record is required")
    if len(records) > MOST_RECORDS:
        text = f"record limit reached. cannot submit more than {MOST_RECORDS} records into this call"
        raise Problem(400, "EXCEEDED_ID_LIMIT", text)


def _type_of(record: Any) -> str | None:
    attributes = record.get("attributes") if isinstance(record, dict) else None
    name = attributes.get("type") if isinstance(attributes, dict) else None
    return name.lower() if isinstance(name, str) else None


def _kind_of(site: Site, record: Any) -> ObjectType:
    name = _type_of(record)
    if name is None:
        raise Problem(400, "JSON_PARSER_ERROR", NO_ATTRIBUTES, [])
    return site.org.object(name)


def _given_id(record: Any) -> object:
    if not isinstance(record, dict):
        return record
    return next((value for name, value in record.items() if name.lower() == "id"), None)


class _RolledBackError(Exception):
    """A row failed and the caller wants all or none."""


def _each(site: Site, call: Call, records: Sequence[Any], all_or_none: bool, step: Step) -> Response:
    locked = site.faulty_rows(call, len(records))
    outcomes: list[Outcome] = []
    try:
        with site.org.transaction(), site.writes.transaction():
            for position, record in enumerate(records):
                outcomes.append(_one(site, record, step, position in locked))
            if all_or_none and not all(outcome["success"] for outcome in outcomes):
                raise _RolledBackError
    except _RolledBackError:
        undone = Problem(400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", ROLLED_BACK, [])
        outcomes = [_failure(undone) if outcome["success"] else outcome for outcome in outcomes]
    return site.json(outcomes)


def _one(site: Site, record: Any, step: Step, locked: bool) -> Outcome:
    try:
        if locked:
            raise lock_problem(str(_given_id(record) or "new"))
        return step(record)  # every write of one row is atomic by itself
    except Problem as problem:
        return _failure(problem)


def _success(record_id: str) -> Outcome:
    return {"id": record_id, "success": True, "errors": []}


def _failure(problem: Problem) -> Outcome:
    error = {"statusCode": problem.code, "message": problem.message, "fields": problem.fields or []}
    return {"success": False, "errors": [error]}

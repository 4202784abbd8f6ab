"""Single rows: create, read, update, delete, and all four by external id, with the conditions of optimistic locking.

Calls come in; the org's rows and the service's small answers leave, every write noted in the log of writes.
Next room: `collections`, which does the same for up to 200 rows.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from connector.emulator.salesforce.directory import DATA, http_date, unchanged_since
from connector.emulator.salesforce.org import describe, ids
from connector.emulator.salesforce.org.model import Field, ObjectType, Problem
from connector.emulator.salesforce.site import Call, Site, not_found, object_of

ROW = f"{DATA}/sobjects/{{object}}"
ID_LENGTHS = (15, 18)


def routes(site: Site) -> list[Route]:
    """Rows by id and by external id."""

    def of(fn: Any) -> Any:
        return site.handler(partial(fn, site))

    keyed = f"{ROW}/{{field}}/{{value:path}}"
    return [
        Route(ROW, of(_basic), methods=["GET"]),
        Route(ROW, of(_create), methods=["POST"]),
        Route(f"{ROW}/{{id}}", of(_read), methods=["GET"]),
        Route(f"{ROW}/{{id}}", of(_update), methods=["PATCH"]),
        Route(f"{ROW}/{{id}}", of(_overridden), methods=["POST"]),
        Route(f"{ROW}/{{id}}", of(_delete), methods=["DELETE"]),
        Route(keyed, of(_read_by_key), methods=["GET"]),
        Route(keyed, of(_upsert), methods=["PATCH"]),
        Route(keyed, of(_overridden), methods=["POST"]),
        Route(keyed, of(_delete_by_key), methods=["DELETE"]),
    ]


def key_field(site: Site, user_id: str, kind: ObjectType, name: str) -> Field:
    """The field a row may be addressed by: the id, an external id, or a field with idLookup, visible to the caller."""
    field = kind.field(name)
    visible = field is not None and (field.name == "Id" or field.name in site.org.access.readable(user_id, kind.name))
    if field is None or not visible or not (field.external_id or field.id_lookup or field.name == "Id"):
        text = f"Provided external ID field does not exist or is not accessible: {name}"
        raise Problem(404, "NOT_FOUND", text)
    return field


def create_row(site: Site, user_id: str, kind: ObjectType, values: Mapping[str, Any]) -> str:
    """Create a row and note the write."""
    record_id = site.org.create(user_id, kind.name, dict(values))
    site.writes.add("create", kind.name, record_id, user_id, dict(values))
    return record_id


def update_row(site: Site, user_id: str, kind: ObjectType, record_id: str, values: Mapping[str, Any]) -> None:
    """Update a row and note the write."""
    site.org.update(user_id, kind.name, record_id, dict(values))
    site.writes.add("update", kind.name, record_id, user_id, dict(values))


def delete_row(site: Site, user_id: str, kind: ObjectType, record_id: str) -> None:
    """Move a row to the recycle bin and note the write."""
    site.org.delete(user_id, kind.name, record_id)
    site.writes.add("delete", kind.name, record_id, user_id, {})


def upsert_row(
    site: Site, user_id: str, kind: ObjectType, field: Field, value: object, values: Mapping[str, Any]
) -> tuple[str, bool]:
    """Update the row with this key or create one, and note the write."""
    if field.name == "Id":
        if value is None:
            return create_row(site, user_id, kind, values), True
        update_row(site, user_id, kind, str(value), values)
        return str(value), False
    record_id, created = site.org.upsert(user_id, kind.name, field.name, value, dict(values))
    site.writes.add("create" if created else "update", kind.name, record_id, user_id, {**values, field.name: value})
    return record_id, created


def without_attributes(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record as sent, without the attributes that only describe it."""
    return {name: value for name, value in body.items() if name != "attributes"}


def lock_problem(record_id: str) -> Problem:
    """The refusal of a row that another transaction holds."""
    text = f"unable to obtain exclusive access to this record or 1 records: {record_id}"
    return Problem(400, "UNABLE_TO_LOCK_ROW", text, [])


def moment_of(stored: object) -> datetime:
    """A stored datetime as an aware one."""
    return datetime.strptime(str(stored)[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)


def _basic(site: Site, call: Call) -> Response:
    kind = object_of(site, call.user_id, call.path["object"])
    about = describe.entry(site.org, call.user_id, kind.name, call.version)
    return site.json({"objectDescribe": about, "recentItems": []})


def _created(site: Site, call: Call, kind: ObjectType, record_id: str, extra: dict[str, Any]) -> Response:
    location = f"/services/data/v{call.version}/sobjects/{kind.name}/{record_id}"
    body = {"id": record_id, "success": True, "errors": [], **extra}
    return site.json(body, 201, {"Location": location})


def _create(site: Site, call: Call) -> Response:
    kind = object_of(site, call.user_id, call.path["object"])
    values = without_attributes(call.json_object())
    _unlocked(site, call, "new")
    return _created(site, call, kind, create_row(site, call.user_id, kind, values), {})


def _read(site: Site, call: Call) -> Response:
    kind = object_of(site, call.user_id, call.path["object"])
    return _row_answer(site, call, kind, _checked_id(call.path["id"]))


def _row_answer(site: Site, call: Call, kind: ObjectType, record_id: str) -> Response:
    row = site.org.get(call.user_id, kind.name, record_id)
    readable = site.org.access.readable(call.user_id, kind.name)
    asked = call.query.get("fields")
    if asked is None:
        names = [field.name for field in kind.fields.values() if field.name in readable]
    else:
        names = [_readable_name(kind, readable, name.strip()) for name in asked.split(",") if name.strip()]
    changed = row.get("LastModifiedDate") or row.get("SystemModstamp")
    headers = {"Last-Modified": http_date(moment_of(changed))} if changed else {}
    if kind.name == "Account":
        headers["ETag"] = _etag(row)
        if headers["ETag"] in _listed(call.header("if-none-match")):
            return site.empty(304, headers)
    if changed and unchanged_since(call.header("if-modified-since"), moment_of(changed)):
        return site.empty(304, headers)
    return site.json(site.org.record_json(call.user_id, kind, row, names, call.version), headers=headers)


def _readable_name(kind: ObjectType, readable: frozenset[str], name: str) -> str:
    field = kind.field(name)
    if field is None or field.name not in readable:
        raise Problem(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {kind.name}")
    return field.name


def _update(site: Site, call: Call) -> Response:
    kind = object_of(site, call.user_id, call.path["object"])
    record_id = _present(site, kind, call.path["id"])
    values = without_attributes(call.json_object())
    _no_key(values, "Id")
    _conditions(site, call, kind, record_id)
    _unlocked(site, call, record_id)
    update_row(site, call.user_id, kind, record_id, values)
    return site.empty()


def _overridden(site: Site, call: Call) -> Response:
    """POST …/Id creates; else POST stands in for PATCH or DELETE, for callers whose HTTP library has neither."""
    if call.path.get("id", "").lower() == "id":
        return _create(site, call)
    method = call.query.get("_HttpMethod", "").upper()
    keyed = "field" in call.path
    if method == "PATCH":
        return _upsert(site, call) if keyed else _update(site, call)
    if method == "DELETE":
        return _delete_by_key(site, call) if keyed else _delete(site, call)
    allowed = "HTTP Method 'POST' not allowed. Allowed are DELETE,GET,HEAD,PATCH"
    raise Problem(405, "METHOD_NOT_ALLOWED", allowed)


def _delete(site: Site, call: Call) -> Response:
    kind = object_of(site, call.user_id, call.path["object"])
    record_id = _present(site, kind, call.path["id"])
    _unlocked(site, call, record_id)
    delete_row(site, call.user_id, kind, record_id)
    return site.empty()


def _by_key(site: Site, call: Call) -> tuple[ObjectType, Field, list[str]]:
    kind = object_of(site, call.user_id, call.path["object"])
    field = key_field(site, call.user_id, kind, call.path["field"])
    value = call.path["value"]
    return kind, field, [_present(site, kind, value)] if field.name == "Id" else site.org.find(kind, field, value)


def _several(site: Site, call: Call, kind: ObjectType, found: list[str]) -> Response:
    return site.json([f"/services/data/v{call.version}/sobjects/{kind.name}/{one}" for one in found], 300)


def _read_by_key(site: Site, call: Call) -> Response:
    kind, _, found = _by_key(site, call)
    if not found:
        raise not_found()
    return _several(site, call, kind, found) if len(found) > 1 else _row_answer(site, call, kind, found[0])


def _delete_by_key(site: Site, call: Call) -> Response:
    kind, _, found = _by_key(site, call)
    if not found:
        raise not_found()
    if len(found) > 1:
        return _several(site, call, kind, found)
    _unlocked(site, call, found[0])
    delete_row(site, call.user_id, kind, found[0])
    return site.empty()


def _upsert(site: Site, call: Call) -> Response:
    kind, field, found = _by_key(site, call)
    values = without_attributes(call.json_object())
    _no_key(values, field.name)
    if len(found) > 1:
        return _several(site, call, kind, found)
    if not found and call.query.get("updateOnly", "").lower() == "true":
        raise not_found()
    if found:
        _conditions(site, call, kind, found[0])
    _unlocked(site, call, found[0] if found else "new")
    record_id, created = upsert_row(site, call.user_id, kind, field, call.path["value"], values)
    number = float(call.version)
    if not created and number < 46:
        return site.empty()
    answer = _created(site, call, kind, record_id, {"created": created} if number >= 46 else {})
    answer.status_code = 201 if created else 200
    return answer


def _no_key(values: Mapping[str, Any], name: str) -> None:
    if any(given.lower() == name.lower() for given in values):
        raise Problem(400, "INVALID_FIELD", f"The {name} field should not be specified in the sobject data.", [name])


def _present(site: Site, kind: ObjectType, text: str) -> str:
    """The full id of a row that exists or lies in the recycle bin; a path to any other row leads nowhere."""
    record_id = ids.check(_checked_id(text))
    if record_id is None or site.org.raw(kind, record_id) is None:
        raise not_found()
    return record_id


def _checked_id(text: str) -> str:
    if len(text) not in ID_LENGTHS or not text.isascii() or not text.isalnum():
        raise Problem(404, "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {text}")
    return text


def _conditions(site: Site, call: Call, kind: ObjectType, record_id: str) -> None:
    """Refuse a change of a row that is no longer as the caller knew it."""
    since, wanted = call.header("if-unmodified-since"), call.header("if-match")
    if since is None and wanted is None:
        return
    row = site.org.get(call.user_id, kind.name, record_id)
    stale = since is not None and not unchanged_since(since, moment_of(row["LastModifiedDate"]))
    if wanted is not None and kind.name == "Account":
        stale = stale or not ({_etag(row), "*"} & set(_listed(wanted)))
    if stale:
        raise Problem(412, "PRECONDITION_FAILED", "The record has changed since the time or tag given by the caller")


def _etag(row: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(f"{row['Id']} {row['SystemModstamp']}".encode()).digest()
    return f'"{base64.b64encode(digest).decode()}"'


def _listed(header: str | None) -> list[str]:
    return [item.strip() for item in header.split(",")] if header else []


def _unlocked(site: Site, call: Call, record_id: str) -> None:
    if site.faulty_rows(call, 1):
        raise lock_problem(record_id)

"""Many rows in one call: CreateMultiple, UpdateMultiple, UpsertMultiple, all or nothing; and BulkDelete by a query.

A list of targets comes in; the org's rows change together or not at all. Next room: `actions`.
"""

from collections.abc import Mapping
from typing import Any

from connector.emulator.dynamics.desk.call import Answer, Call, empty, json_answer, payload_problem
from connector.emulator.dynamics.desk.site import Site
from connector.emulator.dynamics.odata import keys
from connector.emulator.dynamics.org.model import Problem, Table
from connector.emulator.dynamics.write import payload, rows

COMPARISONS = {
    "Equal": "= ? COLLATE NOCASE",
    "NotEqual": "<> ? COLLATE NOCASE",
    "GreaterThan": "> ?",
    "GreaterEqual": ">= ?",
    "LessThan": "< ?",
    "LessEqual": "<= ?",
    "Null": "IS NULL",
    "NotNull": "IS NOT NULL",
    "In": "IN ({marks})",
    "NotIn": "NOT IN ({marks})",
}
SUCCEEDED = {"statecode": 3, "statuscode": 30}


def create_multiple(site: Site, call: Call, table: Table, given: Mapping[str, Any]) -> Answer:
    """Create all targets; their ids come back in the order sent."""
    targets = _targets(site, call, table, given, "CreateMultiple")
    with site.as_one():
        ids = [rows.create_row(site, call, table, target) for target in targets]
    context = f"{call.root}$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse"
    return json_answer({"@odata.context": context, "Ids": ids})


def update_multiple(site: Site, call: Call, table: Table, given: Mapping[str, Any]) -> Answer:
    """Update all targets, each named by its id or its address."""
    targets = _targets(site, call, table, given, "UpdateMultiple")
    with site.as_one():
        for target in targets:
            rows.update_row(site, call, table, _named(site, call, table, target), target)
    return empty(204)


def upsert_multiple(site: Site, call: Call, table: Table, given: Mapping[str, Any]) -> Answer:
    """Update or create all targets, each named by its address or id; a key's columns are not repeated in the body."""
    targets = _targets(site, call, table, given, "UpsertMultiple")
    with site.as_one():
        for target in targets:
            _upsert(site, call, table, target)
    return empty(204)


def bulk_delete(site: Site, call: Call, given: Mapping[str, Any]) -> Answer:
    """Delete the rows of a set of queries as a job, which here has ended by the time its id is told."""
    queries = given.get("QuerySet")
    if not isinstance(queries, list) or not queries:
        raise Problem(400, "0x80040203", "BulkDelete needs a QuerySet with at least one query.")
    for query in queries:
        table = site.org.table(str(query.get("EntityName", "")))
        for record_id in _matching(site, table, query.get("Criteria") or {}):
            rows.delete_row(site, call, table, record_id)
            site.usage.used += 1
    values = {"name": str(given.get("JobName", "Bulk Delete")), "operationtype": 13, **SUCCEEDED}
    job = site.org.create(call.user_id, "asyncoperation", values, system=True)
    context = f"{call.root}$metadata#Microsoft.Dynamics.CRM.BulkDeleteResponse"
    return json_answer({"@odata.context": context, "JobId": job})


def _targets(site: Site, call: Call, table: Table, given: Mapping[str, Any], message: str) -> list[dict[str, Any]]:
    if not table.multiple:
        text = f"The '{message}' method does not support entities of type '{table.name}'."
        raise Problem(400, "0x80040800", f"{text} MessageProcessorCache returned MessageProcessor.Empty.")
    targets = given.get("Targets")
    if not isinstance(targets, list) or not targets or not all(isinstance(item, dict) for item in targets):
        raise payload_problem(table.set_name, f"{message} needs a collection 'Targets' with at least one row.")
    wanted = f"Microsoft.Dynamics.CRM.{table.name}"
    for number, target in enumerate(targets):
        if str(target.get("@odata.type", "")).removeprefix("#") != wanted:
            text = f"Row {number} of 'Targets' must carry '@odata.type' with the value '{wanted}'."
            raise payload_problem(table.set_name, text)
    site.unlocked(call, len(targets))
    site.usage.used += len(targets) - 1  # the request itself is counted already
    return targets


def _named(site: Site, call: Call, table: Table, target: Mapping[str, Any]) -> str:
    """The id of the existing row that a target names."""
    if "@odata.id" in target:
        return payload.reference(site, call, target["@odata.id"], table)[1]
    record_id = target.get(table.primary_id)
    if not isinstance(record_id, str):
        found = _by_key_columns(site, table, target)
        if found is None:
            text = f"Every row of 'Targets' must name its row by '{table.primary_id}' or by an alternate key."
            raise Problem(400, "0x80040203", text)
        return found
    return payload.existing(site, table, record_id)


def _by_key_columns(site: Site, table: Table, target: Mapping[str, Any]) -> str | None:
    """The row whose alternate key has the values that the target holds."""
    for key in table.keys.values():
        if all(target.get(name) is not None for name in key.columns):
            found = site.org.find(table.name, {name: target[name] for name in key.columns})
            if found:
                return found[0]
    return None


def _upsert(site: Site, call: Call, table: Table, target: dict[str, Any]) -> None:
    if "@odata.id" not in target:
        _upsert_by_id(site, call, table, target)
        return
    path = payload.address(call, target["@odata.id"])
    name, _, rest = path.partition("(")
    if name != table.set_name or not rest.endswith(")"):
        raise payload_problem(table.set_name, f"'{path}' is not the address of a row of '{table.set_name}'.")
    key = rest[:-1]
    record_id = keys.record_id(site.org, table, key)
    if record_id is not None and payload.exists(site, table, record_id):
        rows.update_row(site, call, table, record_id, target)
        return
    given = keys.key_values(site.org, table, key)
    repeated = sorted(set(given) & set(target))
    if repeated:
        text = f"The key column '{repeated[0]}' stands both in the address and in the body of a row to be created."
        raise payload_problem(table.set_name, text)
    rows.create_row(site, call, table, target, given)


def _upsert_by_id(site: Site, call: Call, table: Table, target: dict[str, Any]) -> None:
    record_id = target.get(table.primary_id)
    if isinstance(record_id, str) and payload.exists(site, table, record_id):
        rows.update_row(site, call, table, record_id, target)
    else:
        rows.create_row(site, call, table, target)


def _matching(site: Site, table: Table, criteria: Mapping[str, Any]) -> list[str]:
    where, values = _condition(table, criteria)
    sql = f'SELECT "{table.primary_id}" FROM "{table.name}" WHERE {where}'
    return [str(found) for (found,) in site.org.rows(sql, *values)]


def _condition(table: Table, criteria: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """A filter expression as SQL; its conditions and nested filters are joined by its operator."""
    parts: list[str] = []
    values: list[Any] = []
    for condition in criteria.get("Conditions") or []:
        name, operator = str(condition.get("AttributeName")), str(condition.get("Operator"))
        column = table.column(name)
        if operator not in COMPARISONS:
            raise Problem(400, "0x80040203", f"The condition operator '{operator}' is not supported here.")
        given = [item["Value"] if isinstance(item, dict) else item for item in condition.get("Values") or []]
        if column.type == "uniqueidentifier":
            given = [str(item).lower() for item in given]
        sql = COMPARISONS[operator].format(marks=", ".join("?" * len(given)))
        if sql.count("?") != len(given):
            raise Problem(400, "0x80040203", f"The condition on '{name}' has {len(given)} values.")
        parts.append(f'"{name}" {sql}')
        values += given
    for nested in criteria.get("Filters") or []:
        sql, inner = _condition(table, nested)
        parts.append(f"({sql})")
        values += inner
    joint = " OR " if str(criteria.get("FilterOperator", "And")).lower() in ("or", "1") else " AND "
    return joint.join(parts) or "1 = 1", values

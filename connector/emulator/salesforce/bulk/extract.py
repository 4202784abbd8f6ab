"""The work of a query job: records are read a stretch at a time and written as CSV lines into the job's table.

SOQL comes in and is refused here where the Bulk API does not take it; a full table leaves. Next room: `query_jobs`.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any

from connector.emulator.salesforce.bulk.jobs import Job, Jobs
from connector.emulator.salesforce.bulk.tables import Table
from connector.emulator.salesforce.org.catalogue import quoted
from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.soql.groups import is_aggregate, is_count
from connector.emulator.salesforce.soql.parse import parse
from connector.emulator.salesforce.soql.query import Plan, plan
from connector.emulator.salesforce.soql.select import Made
from connector.emulator.salesforce.soql.tree import Query, TypeOf

STRETCH = 20_000  # records read under one hold of the org's lock
# What the service reads in chunks of primary keys, besides every custom object.
CHUNKED = frozenset({
    "Account", "Contact", "Opportunity", "OpportunityLineItem", "OpportunityContactRole", "AccountContactRelation",
    "AccountTeamMember", "Task", "Event", "User", "Product2", "PricebookEntry", "Asset", "Case", "Contract",
})  # fmt: skip
EVERYTHING = (-(1 << 62), 1 << 62)


def chunked(job: Job) -> bool:
    """Whether a query job's object is read in chunks, which come in no order."""
    return job.object in CHUNKED or job.object.endswith("__c")


def planned(org: Org, user_id: str, text: str, version: str, *, include_deleted: bool) -> Plan:
    """Read a query for a job; refuses what only the REST API answers."""
    query = parse(text)
    _refuse_shapes(query)
    made = plan(org, user_id, query, text, include_deleted=include_deleted, version=version)
    for cell in made.cells:
        if isinstance(cell, Made):
            raise Problem(400, "API_ERROR", "Selecting compound data not supported in Bulk Query")
    return made


def _refuse_shapes(query: Query) -> None:
    if is_aggregate(query) or is_count(query) or query.group:
        raise Problem(400, "API_ERROR", "Aggregate Relationships not supported in Bulk Query")
    if query.offset is not None:
        raise Problem(400, "API_ERROR", "OFFSET is not supported in Bulk Query")
    if any(isinstance(item.what, Query) for item in query.items):
        raise Problem(400, "API_ERROR", "Parent to child relationships not supported in Bulk Query")
    if any(isinstance(item.what, TypeOf) for item in query.items):
        raise Problem(400, "API_ERROR", "TYPEOF is not supported in Bulk Query")


def table_of(job: Job, made: Plan) -> Table:
    """An empty table for a query's results."""
    return Table([cell.path for cell in made.cells], job.wish["columnDelimiter"], job.wish["lineEnding"])


def extract(jobs: Jobs, job: Job, made: Plan) -> None:
    """Fill the job's table; a query that neither sorts nor limits is read in stretches that come in no order."""
    org, table = jobs.org, job.tables["results"]
    columns, makers = _columns(made)
    sql = f"SELECT {', '.join(columns)} {made.tables}{made.order}{made.limit}"
    for first, last in _stretches(org, job, made):
        with jobs.step(job):
            cursor = org.db.cursor()
            cursor.row_factory = None
            _write(table, cursor.execute(sql, made.bound(first, last)), makers)
            job.processed = len(table)


def _write(table: Table, cursor: sqlite3.Cursor, makers: dict[int, Callable[[Any], object]]) -> None:
    while rows := cursor.fetchmany(STRETCH):
        if makers:
            table.write(_shaped(rows, makers))
        else:
            table.write_full(rows)


def _shaped(rows: Iterable[tuple[Any, ...]], makers: dict[int, Callable[[Any], object]]) -> Iterator[list[object]]:
    for row in rows:
        values = list(row)
        for index, make in makers.items():
            values[index] = make(values[index])
        yield values


def _columns(made: Plan) -> tuple[list[str], dict[int, Callable[[Any], object]]]:
    """SQL that gives each value as CSV has it, and functions for those that SQL cannot shape."""
    columns: list[str] = []
    makers: dict[int, Callable[[Any], object]] = {}
    for index, cell in enumerate(made.cells):
        assert not isinstance(cell, Made)  # noqa: S101 - `planned` refused them
        sql = made.columns[cell.index]
        if cell.type == "boolean":
            sql = f"CASE {sql} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
        elif cell.type == "datetime":
            sql = f"replace({sql}, '+0000', 'Z')"
        elif cell.convert is not None:
            makers[index] = cell.convert
        columns.append(f"coalesce({sql}, '')" if cell.convert is None else sql)
    return columns, makers


def _stretches(org: Org, job: Job, made: Plan) -> list[tuple[int, int]]:
    """Ranges of rowids in the order in which they are read: shuffled, as the service's own chunks come in any order."""
    if not chunked(job) or made.limit or not made.order.endswith(".rowid DESC"):
        return [EVERYTHING]
    lowest, highest = org.rows(f"SELECT MIN(rowid), MAX(rowid) FROM {quoted(made.object_name)}")[0]
    if lowest is None:
        return [EVERYTHING]
    ranges = [(first, first + STRETCH - 1) for first in range(int(str(lowest)), int(str(highest)) + 1, STRETCH)]
    ranges[-1] = (ranges[-1][0], EVERYTHING[1])  # what comes in meanwhile is read as well
    Random(job.id).shuffle(ranges)  # noqa: S311 - an order, no secret
    return ranges

"""Everything that reads rows: collections, single rows, properties, counts and the rows beside a row.

A `Call` and what its path named come in; an `Answer` leaves. Next room: `odata`.
"""

from typing import Any

import orjson

from connector.emulator.dynamics.desk.call import Answer, Call, empty, json_answer
from connector.emulator.dynamics.desk.site import Site
from connector.emulator.dynamics.odata.names import bad_query, need_property, wire_name
from connector.emulator.dynamics.odata.options import Options, read_options
from connector.emulator.dynamics.odata.reports.apply import apply_page
from connector.emulator.dynamics.odata.reports.fetchpage import fetch_page
from connector.emulator.dynamics.odata.reports.sql import sql_page
from connector.emulator.dynamics.odata.rows.delta import delta_count, delta_page, tracked_page
from connector.emulator.dynamics.odata.rows.expand import Expander
from connector.emulator.dynamics.odata.rows.links import context
from connector.emulator.dynamics.odata.rows.pages import MOST_ROWS, Frame, Page, rows_page
from connector.emulator.dynamics.odata.rows.reads import Reading
from connector.emulator.dynamics.odata.scope import linked
from connector.emulator.dynamics.org.model import Problem, Table

_STORED = {"savedquery": "savedquery", "userquery": "userquery"}


def collection(site: Site, call: Call, table: Table) -> Answer:
    """Rows of a table: a page of them, their changes, an aggregate, or what a query in FetchXML or SQL finds."""
    frame = _frame(site, call)
    with site.org.lock:
        page = _page(site, frame, table, read_options(call.query))
        return json_answer(page.body(frame), headers=_applied(call))


def _page(site: Site, frame: Frame, table: Table, options: Options) -> Page:
    call = frame.call
    fetch = call.option("fetchXml") or _stored_query(site, call)
    if fetch:
        return fetch_page(frame, table, fetch, options)
    sql = call.option("sql")
    if sql:
        return sql_page(frame, table, sql, options)
    if options.apply:
        return apply_page(frame, table, options)
    if options.deltatoken:
        return delta_page(frame, table, options)
    if call.prefer["track"] or 'istracking="True"' in options.skiptoken:
        return tracked_page(frame, table, options)
    return rows_page(frame, frame.reading(table, options))


def _stored_query(site: Site, call: Call) -> str:
    """The FetchXML of the view that `savedQuery` or `userQuery` names."""
    for option, table in _STORED.items():
        guid = call.option(option)
        if guid:
            return str(site.org.get(call.user_id, table, guid.strip().lower())["fetchxml"] or "")
    return ""


def children(site: Site, call: Call, table: Table, record_id: str, nav: str) -> Answer:
    """Rows that a collection-valued navigation property of a row leads to; or the one row of a single-valued one."""
    frame = _frame(site, call)
    with site.org.lock:
        if site.org.lookup_of(table, nav) is not None:
            return _parent(site, call, table, record_id, nav)
        page = rows_page(frame, _children(site, frame, table, record_id, nav))
        return json_answer(page.body(frame), headers=_applied(call))


def _children(site: Site, frame: Frame, table: Table, record_id: str, nav: str) -> Reading:
    relationship = site.org.children_of(table, nav)
    if relationship is None:
        raise Problem(404, "0x8006088a", f"Resource not found for the segment '{nav}'.")
    site.org.get(frame.call.user_id, table.name, record_id)  # a row that is not there has no children
    options = read_options(frame.call.query)
    probe = Reading(site.org, frame.call.user_id, table, Options())
    reading = frame.reading(probe.scope.children(table, nav)[1], options)
    statement = reading.statement
    owner = statement.alias()
    condition = linked(statement, relationship, nav, table, reading.table, owner, reading.scope.alias)
    key, bound = f'"{table.primary_id}"', statement.bind(record_id.lower())
    reading.conditions.append(
        f'EXISTS (SELECT 1 FROM "{table.name}" AS {owner} WHERE {owner}.{key} = {bound} AND {condition})'
    )
    return reading


def _parent(site: Site, call: Call, table: Table, record_id: str, nav: str) -> Answer:
    found = site.org.lookup_of(table, nav)
    if found is None:
        raise Problem(404, "0x8006088a", f"Resource not found for the segment '{nav}'.")
    column, target = found
    row = site.org.get(call.user_id, table.name, record_id)
    kind = row.get(f"{column.name}.type", target.name)
    if (
        row[column.name] is None
        or kind not in (target.name, None)
        or column.name in site.org.unreadable(call.user_id, table.name)
    ):
        return empty(204)
    return single(site, call, target, str(row[column.name]))


def single(site: Site, call: Call, table: Table, record_id: str) -> Answer:
    """One row; 304 when the caller has this version already."""
    with site.org.lock:
        options = read_options(call.query)
        text, etag = _row(site, call, table, record_id, options)
        known = call.header("if-none-match")
        plain = not options.expand and not call.prefer["annotations"]
        if known is not None and known.strip() == etag and plain and table.optimistic:
            return Answer(304, [("ETag", etag)])
        about = orjson.dumps(context(call, table.set_name, options, "/$entity")).decode()
        body = f'{{"@odata.context":{about},{text[1:]}'.encode()
        return json_answer(body, headers=[*([("ETag", etag)] if etag else []), *_applied(call)])


def _row(site: Site, call: Call, table: Table, record_id: str, options: Options) -> tuple[str, str]:
    """The text of a row and its etag."""
    for name in ("filter", "orderby", "apply", "skiptoken", "deltatoken"):
        if getattr(options, name):
            raise bad_query(f"The query parameter '${name}' is not supported for a single row.")
    frame = _frame(site, call)
    reading = frame.reading(table, options)
    versioned = "versionnumber" in table.columns
    reading.extra.append(f'{reading.scope.alias}."versionnumber"' if versioned else "NULL")
    reading.conditions.append(f"{reading.key} = {reading.statement.bind(record_id.lower())}")
    expander = Expander(reading, frame.nesting(options))
    found = reading.run(1)
    if not found.rows:
        raise Problem(404, "0x80040217", f"{table.schema_name} With Id = {record_id.lower()} Does Not Exist")
    return expander.add(found)[0], f'W/"{found.rows[0][1]}"' if versioned else ""


def representation(site: Site, call: Call, table: Table, record_id: str) -> dict[str, Any]:
    """The row that a write with `Prefer: return=representation` answers with."""
    with site.org.lock:
        options = read_options((name, value) for name, value in call.query if name.lower() in ("$select", "$expand"))
        text, _ = _row(site, call, table, record_id, options)
        about = context(call, table.set_name, options, "/$entity")
        row: dict[str, Any] = orjson.loads(text)
        return {"@odata.context": about, **row}


def property_(site: Site, call: Call, table: Table, record_id: str, name: str, raw: bool) -> Answer:
    """One property of a row, as JSON, or raw as text; 204 when it is empty."""
    with site.org.lock:
        column = need_property(table, name)
        text, etag = _row(site, call, table, record_id, Options(select=(wire_name(column),)))
        row = orjson.loads(text)
        value = row[wire_name(column)]
        if value is None:
            return empty(204)
        if raw:
            said = value if isinstance(value, str) else orjson.dumps(value).decode()
            return Answer(200, [("Content-Type", "text/plain")], said.encode())
        about = f"{call.root}$metadata#{table.set_name}({record_id.lower()})/{name}"
        headers = [*([("ETag", etag)] if etag else []), *_applied(call)]
        return json_answer({"@odata.context": about, "value": value}, headers=headers)


def count(site: Site, call: Call, table: Table) -> Answer:
    """The number of rows that meet the filter, at most 5,000, or of changes since a delta token."""
    frame, options = _frame(site, call), read_options(call.query)
    with site.org.lock:
        if options.deltatoken:
            return _number(delta_count(frame, table, options))
        return _number(frame.reading(table, options).count())


def count_children(site: Site, call: Call, table: Table, record_id: str, nav: str) -> Answer:
    """The number of rows that a collection-valued navigation property leads to."""
    with site.org.lock:
        return _number(_children(site, _frame(site, call), table, record_id, nav).count())


def _number(found: int) -> Answer:
    return Answer(200, [("Content-Type", "text/plain")], str(min(found, MOST_ROWS)).encode())


def _frame(site: Site, call: Call) -> Frame:
    return Frame(site.org, call, site.link_root(call), site.page_size)


def _applied(call: Call) -> list[tuple[str, str]]:
    """The header that repeats the preferences which were kept to."""
    prefer, kept = call.prefer, []
    if prefer["maxpagesize"]:
        kept.append(f"odata.maxpagesize={min(prefer['maxpagesize'], MOST_ROWS)}")
    if prefer["annotations"] is not None:
        kept.append(f'odata.include-annotations="{prefer["annotations"]}"')
    if prefer["track"]:
        kept.append("odata.track-changes")
    return [("Preference-Applied", ",".join(kept))] if kept else []

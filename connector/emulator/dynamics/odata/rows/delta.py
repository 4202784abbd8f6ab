"""Change tracking: everything with a link for the next time, and then what has changed or gone since.

A call with `Prefer: odata.track-changes` or `$deltatoken` comes in; a `Page` leaves. Next room: `reports`.

The token for the next time is taken when the first page is made. A row that changes while pages are read comes with
the next delta, and within a delta only versions up to that token are shown.
"""

from urllib.parse import quote

import orjson

from connector.emulator.dynamics.odata.names import bad_query
from connector.emulator.dynamics.odata.options import Options
from connector.emulator.dynamics.odata.rows.links import context, link
from connector.emulator.dynamics.odata.rows.pages import Frame, Page
from connector.emulator.dynamics.odata.rows.paging import Order, Token, cookie, read_skiptoken, skiptoken
from connector.emulator.dynamics.odata.rows.reads import Found, Reading
from connector.emulator.dynamics.org.model import Problem, Table

VERSION = "versionnumber"


def tracked_page(frame: Frame, table: Table, options: Options) -> Page:
    """One page of all rows of a table; the last page has the link to what changes from now on."""
    _check(table, options)
    token = read_skiptoken(options.skiptoken) if options.skiptoken else None
    tracking = token.tracking if token else frame.org.tracking_token()
    reading = frame.reading(table, options)
    found = reading.run(frame.size, token.last if token else None)
    page = Page(context(frame.call, table.set_name, options), found.texts)
    if found.more:
        number = token.page if token else 1
        inner = cookie(reading.orders, *reading.ends(found.rows), number)
        page.next_link = link(
            frame.link_root, frame.call, "$skiptoken", skiptoken(inner, number + 1, tracking=tracking)
        )
    else:
        page.delta_link = _delta_link(frame, tracking)
    return page


def delta_page(frame: Frame, table: Table, options: Options) -> Page:
    """One page of what changed since a token: rows by version, then the ids of rows that went."""
    _check(table, options)
    token = read_skiptoken(options.skiptoken) if options.skiptoken else Token(1, ())
    tracking = token.tracking or frame.org.tracking_token()
    start, until = frame.org.tracking_start(options.deltatoken), _version(tracking)
    found = _changed(frame, table, options, token, start, until)
    gone = [guid for guid, version in frame.org.deleted_since(table.name, start) if version <= until][token.deleted :]
    room = 0 if found.more else frame.size - len(found.texts)
    texts = found.texts + [_gone(frame, table, guid) for guid in gone[:room]]
    page = Page(context(frame.call, table.set_name, options, "/$delta"), texts)
    if found.more or len(gone) > room:
        last = found.rows[-1][1] if found.rows else int(token.last[0] or start) if token.last else start
        first = found.rows[0][1] if found.rows else last
        order = Order("", table.columns[VERSION], VERSION)
        inner = cookie([order], [first], [last], token.page)
        deleted = token.deleted + min(room, len(gone))
        text = skiptoken(inner, token.page + 1, tracking=tracking, deleted=deleted)
        since = quote(options.deltatoken, safe="").lower()
        page.next_link = link(frame.link_root, frame.call, "$deltatoken", f"{since}&$skiptoken={text}")
    else:
        page.delta_link = _delta_link(frame, tracking)
    return page


def delta_count(frame: Frame, table: Table, options: Options) -> int:
    """How many rows have changed or gone since a token."""
    _check(table, options)
    start = frame.org.tracking_start(options.deltatoken)
    reading = _since(frame, table, Options(), start)
    return reading.count() + len(frame.org.deleted_since(table.name, start))


def _check(table: Table, options: Options) -> None:
    given = {"filter": options.filter, "orderby": options.orderby, "expand": options.expand, "top": options.top}
    for name, value in given.items():
        if value or (name == "top" and value is not None):
            raise bad_query(f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.')
    if not table.change_tracking:
        raise Problem(400, "0x80072491", f"Entity {table.name} isn't enabled for change tracking.")


def _since(frame: Frame, table: Table, options: Options, version: int) -> Reading:
    reading = frame.reading(table, options)
    reading.conditions.append(f"{reading.scope.alias}.{VERSION} > {reading.statement.bind(version)}")
    return reading


def _changed(frame: Frame, table: Table, options: Options, token: Token, start: int, until: int) -> Found:
    reading = _since(frame, table, options, int(token.last[0] or start) if token.last else start)
    column = f"{reading.scope.alias}.{VERSION}"
    reading.conditions.append(f"{column} <= {reading.statement.bind(until)}")
    reading.extra.append(column)
    return reading.run(frame.size, first=[column])


def _gone(frame: Frame, table: Table, guid: str) -> str:
    about = f"{frame.call.root}$metadata#{table.set_name}/$deletedEntity"
    return orjson.dumps({"@odata.context": about, "id": guid, "reason": "deleted"}).decode()


def _version(tracking: str) -> int:
    return int(tracking.partition("!")[0])


def _delta_link(frame: Frame, tracking: str) -> str:
    token = quote(tracking, safe="")
    for letters in ("2F", "3A"):  # the service's percent signs are followed by small letters
        token = token.replace(f"%{letters}", f"%{letters.lower()}")
    return link(frame.link_root, frame.call, "$deltatoken", token)

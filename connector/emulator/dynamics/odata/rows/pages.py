"""Pages as they leave: rows, counts, annotations of the whole and the link to what follows.

A call and its options come in; a `Page` and then its bytes leave. Next room: `delta`.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

from connector.emulator.dynamics.desk.call import Call
from connector.emulator.dynamics.odata.options import Options
from connector.emulator.dynamics.odata.rows.expand import Expander, Nesting
from connector.emulator.dynamics.odata.rows.links import context, link
from connector.emulator.dynamics.odata.rows.paging import cookie, read_skiptoken, skiptoken
from connector.emulator.dynamics.odata.rows.reads import Reading
from connector.emulator.dynamics.odata.rows.writer import wanted_by
from connector.emulator.dynamics.org.model import Table
from connector.emulator.dynamics.org.records import Org

MOST_ROWS = 5000
CRM = "Microsoft.Dynamics.CRM."


@dataclass(frozen=True)
class Frame:
    """What surrounds every reading: the org, the call, where links begin, and the size of pages."""

    org: Org
    call: Call
    link_root: str
    page_size: int | None = None  # a test's wish, stronger than the caller's

    @property
    def size(self) -> int:
        """Rows of one page."""
        return self.page_size or min(self.call.prefer["maxpagesize"] or MOST_ROWS, MOST_ROWS)

    def reading(self, table: Table, options: Options) -> Reading:
        """A reading of this call's user, with the annotations of its preference."""
        return Reading(self.org, self.call.user_id, table, options, wanted_by(self.call.wants))

    def nesting(self, options: Options) -> Nesting:
        """What the expands of this call share."""
        return Nesting(self.call.root, options.nested, self.page_size or self.call.prefer["maxpagesize"])


@dataclass
class Page:
    """Rows as JSON texts with what goes before and behind them."""

    context: str
    texts: list[str]
    counted: int | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    next_link: str = ""
    delta_link: str = ""
    totals: bool = True

    def body(self, frame: Frame) -> bytes:
        """The bytes of the answer."""
        head: dict[str, Any] = {"@odata.context": self.context}
        if self.counted is not None:
            head["@odata.count"] = min(self.counted, MOST_ROWS)
        if self.totals:
            totals = {
                "totalrecordcount": -1 if self.counted is None else min(self.counted, MOST_ROWS),
                "totalrecordcountlimitexceeded": (self.counted or 0) > MOST_ROWS,
                "globalmetadataversion": str(frame.org.edition),
            }
            head |= {f"@{CRM}{name}": value for name, value in totals.items() if frame.call.wants(CRM + name)}
        head |= {f"@{name}": value for name, value in self.notes.items() if frame.call.wants(name)}
        tail = {"@odata.nextLink": self.next_link, "@odata.deltaLink": self.delta_link}
        links = "".join(f',"{name}":{orjson.dumps(text).decode()}' for name, text in tail.items() if text)
        # row by row: joined first, one letter beyond ASCII would make all of them wider
        rows = b",".join(map(str.encode, self.texts))
        return b"".join((orjson.dumps(head)[:-1], b',"value":[', rows, b"]", links.encode(), b"}"))


def rows_page(frame: Frame, reading: Reading) -> Page:
    """One page of a plain reading; `$top` counts only where the caller has set no page size."""
    options = reading.options
    top = options.top if frame.call.prefer["maxpagesize"] is None else None
    token = read_skiptoken(options.skiptoken) if options.skiptoken else None
    expander = Expander(reading, frame.nesting(options))
    counted = reading.count() if options.count else None
    found = reading.run(frame.size if top is None else min(top, MOST_ROWS), token.last if token else None)
    page = Page(context(frame.call, reading.table.set_name, options), expander.add(found), counted)
    if found.more and top is None:
        number = token.page if token else 1
        inner = cookie(reading.orders, *reading.ends(found.rows), number, frame.size if options.nested else 0)
        page.next_link = link(frame.link_root, frame.call, "$skiptoken", skiptoken(inner, number + 1))
    return page

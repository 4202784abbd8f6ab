"""FetchXML, answered: a page of rows with the cookie of the page behind it.

The XML of a query comes in; a `Page` leaves. Next room: `sql`.
"""

from connector.emulator.dynamics.odata.options import Options
from connector.emulator.dynamics.odata.reports.fetch import Fetch, read_fetch
from connector.emulator.dynamics.odata.reports.report import columns_named
from connector.emulator.dynamics.odata.rows.pages import CRM, Frame, Page
from connector.emulator.dynamics.odata.rows.paging import cookie, twice_encoded
from connector.emulator.dynamics.odata.rows.writer import Row
from connector.emulator.dynamics.org.model import Table


def fetch_page(frame: Frame, table: Table, text: str, options: Options) -> Page:
    """The page of a query in FetchXML that the query itself asks for."""
    fetch = read_fetch(frame, table, text)
    report = fetch.report
    counted = report.count() if options.count or fetch.total else None
    limit = fetch.size if fetch.top is None else fetch.top
    offset = 0 if fetch.top is not None or fetch.last is not None else (fetch.page - 1) * fetch.size
    rows, texts, more = report.run(limit, offset)
    page = Page(f"{frame.call.root}$metadata#{table.set_name}{columns_named(report.cells)}", texts)
    page.counted = counted
    if more and fetch.top is None:
        if fetch.orders:
            page.notes[f"{CRM}fetchxmlpagingcookie"] = _cookie(fetch, rows)
        page.notes[f"{CRM}morerecords"] = True
    return page


def _cookie(fetch: Fetch, rows: list[Row]) -> str:
    report = fetch.report
    columns = ", ".join(order.sql for order in fetch.orders)
    ends = []
    for row in (rows[0], rows[-1]):
        sql = f"SELECT {columns} FROM {report.scope.source} WHERE {report.key} = :cookie_id"
        ends.append(report.frame.org.db.execute(sql, {**report.statement.params, "cookie_id": row[0]}).fetchone())
    inner = cookie(fetch.orders, ends[0], ends[1], fetch.page)
    return f'<cookie pagenumber="{fetch.page + 1}" pagingcookie="{twice_encoded(inner)}" istracking="False" />'

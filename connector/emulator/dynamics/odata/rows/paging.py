"""Where the next page begins: the paging cookie, and the condition of SQL that finds the rows behind it.

Orders and the rows at a page's ends come in; cookies leave, and come back as conditions. Next room: `reads`.

The condition names the last row by its order columns and its primary key, so that rows made meanwhile move nothing.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from connector.emulator.dynamics.odata.names import bad_query, kind_of
from connector.emulator.dynamics.odata.values import Value
from connector.emulator.dynamics.org.model import Column


@dataclass(frozen=True)
class Order:
    """One column that rows are ordered by; `name` is the element it has in the cookie."""

    sql: str
    column: Column
    name: str
    descending: bool = False

    @property
    def text(self) -> bool:
        """Say whether texts are ordered, without regard to capitals."""
        return kind_of(self.column) == "text"

    @property
    def by(self) -> str:
        """What stands behind ORDER BY."""
        return self.sql + " COLLATE NOCASE" * self.text + " DESC" * self.descending


@dataclass(frozen=True)
class Token:
    """What a `$skiptoken` says: the page wanted, the last row before it, and what change tracking has to remember."""

    page: int
    last: tuple[str | None, ...]
    tracking: str = ""
    deleted: int = 0


def after(bind: Callable[[Value], str], orders: Sequence[Order], last: Sequence[str | None]) -> str:
    """The condition that finds the rows behind the last one of a page."""
    if len(last) != len(orders):
        raise bad_query("The paging cookie does not belong to this query: its columns are not those of the order.")
    parts: list[str] = []
    same: list[str] = []
    for order, text in zip(orders, last, strict=True):
        fold = " COLLATE NOCASE" * order.text
        value = bind(_value(order, text))
        if text is None:
            behind = "0" if order.descending else f"{order.sql} IS NOT NULL"
        elif order.descending:
            behind = f"({order.sql} < {value}{fold} OR {order.sql} IS NULL)"
        else:
            behind = f"{order.sql} > {value}{fold}"
        parts.append(" AND ".join([*same, behind]))
        same.append(f"{order.sql} IS {value}{fold}")
    # the first column's bound once more, alone, so that an index on it is used
    first = orders[0]
    bound = ""
    if last[0] is not None and not first.descending and len(orders) > 1:
        bound = f"{first.sql} >= {bind(_value(first, last[0]))}{' COLLATE NOCASE' * first.text} AND "
    return f"{bound}(" + " OR ".join(f"({part})" for part in parts) + ")"


def _value(order: Order, text: str | None) -> Value:
    if text is None:
        return None
    try:
        kind = kind_of(order.column)
        if kind in ("whole", "real", "yesno"):
            return float(text) if kind == "real" else int(text)
    except ValueError:
        raise bad_query(f"The paging cookie is damaged: '{text}' is no value of {order.name}.") from None
    return text.strip("{}").lower() if kind == "guid" else text


def cookie(orders: Sequence[Order], first: Sequence[Any], last: Sequence[Any], page: int, size: int = 0) -> str:
    """The inner cookie: the values that the first and the last row of a page have in the order's columns."""
    body = ""
    for order, low, high in zip(orders, first, last, strict=True):
        ends = f"{_end('last', order, high)} {_end('first', order, low)}"
        body += f"<{order.name} {ends} />"
    records = f' countOfRecords="{size}"' if size else ""
    return f'<cookie page="{page}"{records}>{body}</cookie>'


def _end(name: str, order: Order, value: Any) -> str:
    if value is None:
        return f'{name}null="1"'
    text = f"{{{str(value).upper()}}}" if kind_of(order.column) == "guid" else str(value)
    return f"{name}={quoteattr(text, {chr(34): '&quot;'})}"


def twice_encoded(text: str) -> str:
    """A text percent-encoded twice, in the service's small letters."""
    return _small(_small(text))


def _small(text: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quote(text, safe=""))


def skiptoken(inner: str, page: int, *, tracking: str = "", deleted: int = 0) -> str:
    """The value of `$skiptoken` as it stands in a link, for the page after `inner`."""
    more = f' trackingtoken="{tracking}" deleted="{deleted}"' if tracking else ""
    flag = "True" if tracking else "False"
    outer = f'<cookie pagenumber="{page}" pagingcookie="%s" istracking="{flag}"{more} />'
    return quote(outer, safe="=/%").replace("%s", twice_encoded(inner))


def read_skiptoken(text: str) -> Token:
    """What a `$skiptoken` of ours says."""
    try:
        outer = ElementTree.fromstring(text)  # noqa: S314 - a cookie of ours that came back; expat stops at bombs
        inner = ElementTree.fromstring(unquote(outer.get("pagingcookie", "")))  # noqa: S314 - as above
        page, deleted = int(outer.get("pagenumber", "")), int(outer.get("deleted", "0"))
    except (ElementTree.ParseError, ValueError) as error:
        raise bad_query(f"Malformed paging cookie in $skiptoken: {error}") from error
    last = tuple(None if item.get("lastnull") else item.get("last", "") for item in inner)
    return Token(page, last, outer.get("trackingtoken", ""), deleted)

"""What the report tells, read from the mirror's result tables in one transaction.

An open mirror, the context and the accounts asked for come in; a Book leaves: plain rows, no markup. Contacts enter
as counts only. Next room: `pages`.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.convert import iso_day
from connector.errors import UsageFault
from connector.insight.key_accounts import Settings
from connector.schema import Context
from connector.store.mirror import Mirror

Row = Mapping[str, Any]
# Control characters, and those that turn the direction of the text that follows: a name must not change its page.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
# Ids of both vendors that can't collide where capitals don't count: 18 characters end in a checksum, GUIDs are lower.
_PLAIN_ID = re.compile(r"[0-9A-Za-z]{18}|[0-9a-f-]{36}")
_PROGRAMME = "SELECT * FROM account_result WHERE in_programme = 1 ORDER BY rank IS NULL, rank, name, id"
_COUNTS = {
    "accounts": "1",
    "customers": "is_customer",
    "key": "coalesce(status = 'Key', 0)",
    "promote": "kam_proposal = 'Promote'",
    "demote": "kam_proposal = 'Demote'",
    "watch": "kam_flag = 'On watch'",
    "large": "kam_flag = 'Large, not key'",
    "emerging": "kam_flag = 'Emerging'",
    "needs_data": "kam_flag = 'Needs data'",
}


@dataclass(frozen=True)
class Account:
    """One account with what stands beside it: seats, families, and how many contacts on which level."""

    row: Row
    slots: Sequence[Row]
    cells: Sequence[Row]
    people: Sequence[Row]


@dataclass(frozen=True)
class Book:
    """Everything the report tells.

    programme: rows of its accounts, by rank. pages: the accounts that get a page. worth: value a year of every account
    that ever bought, in minor units, falling. cuts: where attractiveness and relationship part the boxes, if known.
    """

    day: str
    context: Context
    settings: Settings
    counts: Mapping[str, int]
    net: bool
    programme: Sequence[Row]
    pages: Sequence[Account]
    worth: Sequence[int]
    members_worth: int
    cuts: tuple[float | None, float | None]


def read(mirror: Mirror, context: Context, settings: Settings, ids: Sequence[str] = ()) -> Book:
    """Book of the programme's accounts, or with pages for the accounts of these ids only."""
    with mirror.atomic():  # one snapshot: an enrich beside us must not mix two days
        counts = _counts(mirror)
        if not counts["accounts"]:
            raise UsageFault(f"{mirror.path}: there are no accounts to report on. Run: kam pull, then: kam enrich")
        programme = _rows(mirror, _PROGRAMME)
        chosen = programme if not ids else [_row(mirror, i) for i in dict.fromkeys(ids)]
        buyers = _rows(
            mirror,
            "SELECT coalesce(yearly_minor, 0) AS worth, coalesce(status = 'Key', 0) AS member, cost_state"
            " FROM account_result WHERE value_rank IS NOT NULL ORDER BY worth DESC",
        )
        return Book(
            day=iso_day(context.as_of),
            context=context,
            settings=settings,
            counts=counts,
            net=any(b["cost_state"] == "net" for b in buyers),
            programme=programme,
            pages=[_account(mirror, row) for row in chosen],
            worth=[b["worth"] for b in buyers],
            members_worth=sum(max(b["worth"], 0) for b in buyers if b["member"]),
            cuts=_cuts(mirror),
        )


def file_name(account_id: str) -> str:
    """Name of an account's page: its id, or a digest of an id that isn't one a CRM gives."""
    if _PLAIN_ID.fullmatch(account_id):
        return f"{account_id}.html"
    return f"x-{hashlib.sha256(account_id.encode('utf-8', 'replace')).hexdigest()[:24]}.html"


def clean(value: Any) -> Any:
    """A text without characters that can't be seen, its blanks single; anything else as it is."""
    return " ".join(_UNSEEN.sub(" ", value).split()) if isinstance(value, str) else value


def _rows(mirror: Mirror, sql: str, values: Sequence[Any] = ()) -> list[Row]:
    # The id is a key and a file's name: it stays as it is.
    return [{c: v if c == "id" else clean(v) for c, v in row.items()} for row in mirror.rows(sql, values)]


def _row(mirror: Mirror, account_id: str) -> Row:
    found = _rows(mirror, "SELECT * FROM account_result WHERE id = ?", [account_id])
    if not found:
        raise UsageFault(f'account_result: there are no results for account "{account_id}" yet. Run: kam enrich')
    return found[0]


def _account(mirror: Mirror, row: Row) -> Account:
    return Account(
        row,
        _rows(mirror, "SELECT * FROM coverage_slot WHERE account_id = ? ORDER BY place, slot", [row["id"]]),
        _rows(
            mirror,
            "SELECT * FROM whitespace_cell WHERE account_id = ? ORDER BY shown = 0, shown, score DESC, family",
            [row["id"]],
        ),
        _rows(
            mirror,
            "SELECT level, band, count(*) AS contacts, sum(engaged) AS engaged FROM contact_result"
            " WHERE account_id = ? GROUP BY level, band",
            [row["id"]],
        ),
    )


def _counts(mirror: Mirror) -> dict[str, int]:
    sums = ", ".join(f"coalesce(sum({sql}), 0) AS {name}" for name, sql in _COUNTS.items())  # our own words only
    return dict(next(mirror.rows(f"SELECT {sums} FROM account_result")))  # noqa: S608


def _cuts(mirror: Mirror) -> tuple[float | None, float | None]:
    """Middle between the highest account below each cut and the lowest above it; None where a side is empty."""

    def cut(axis: str, above: str, below: str) -> float | None:
        sql = (
            f"SELECT min(CASE WHEN box IN ({above}) THEN {axis} END) AS low,"  # noqa: S608
            f" max(CASE WHEN box IN ({below}) THEN {axis} END) AS high FROM account_result"
        )
        row = next(mirror.rows(sql))
        return None if row["low"] is None or row["high"] is None else (row["low"] + row["high"]) / 2

    return (
        cut("attractiveness", "'Strategic', 'Star'", "'Status', 'Streamline'"),
        cut("relationship_axis", "'Strategic', 'Status'", "'Star', 'Streamline'"),
    )

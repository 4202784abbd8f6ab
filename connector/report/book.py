"""What the report tells, read from the newest results: all of one folder, so never of two days.

An open mirror, the context and the accounts asked for come in; a Book leaves: plain rows, no markup. Contacts enter
by role and number; their names, and those of our people, only where `[privacy] colleagues` is "named". Next room:
`pages`.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector.convert import iso_day
from connector.engine import query
from connector.errors import UsageFault
from connector.insight.chart.introduction import Privacy
from connector.insight.key_accounts import Settings
from connector.schema import Context
from connector.store import replays, results
from connector.store.mirror import Mirror

Row = Mapping[str, Any]
# Control characters, and those that turn the direction of the text that follows: a name must not change its page.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
# Texts of ours: they hold no such character but the marks that keep a name apart.
_OURS = {"kam_why", "kam_coverage_text", "kam_top_idea", "kam_alert"}
# Ids of both vendors that can't collide where capitals don't count: 18 characters end in a checksum, GUIDs are lower.
_PLAIN_ID = re.compile(r"[0-9A-Za-z]{18}|[0-9a-f-]{36}")
_PROGRAMME = "SELECT * FROM account_result WHERE in_programme = 1 ORDER BY rank IS NULL, rank, name, id"
_COUNTS = {
    "accounts": "true",
    "customers": "is_customer = 1",
    "key": "status = 'Key'",
    "promote": "kam_proposal = 'Promote'",
    "demote": "kam_proposal = 'Demote'",
    "watch": "kam_flag = 'On watch'",
    "large": "kam_flag = 'Large, not key'",
    "emerging": "kam_flag = 'Emerging'",
    "needs_data": "kam_flag = 'Needs data'",
}
# Seats, families, counted people, the chart and the way to an executive, in the order in which they are told.
_DETAILS = (
    "SELECT * FROM coverage_slot WHERE account_id IN {marks} ORDER BY place, slot",
    "SELECT * FROM whitespace_cell WHERE account_id IN {marks} ORDER BY shown = 0, shown, score DESC, family",
    "SELECT account_id, level, band, count(*) AS contacts, CAST(sum(engaged) AS BIGINT) AS engaged FROM contact_result"
    " WHERE account_id IN {marks} AND present = 1 GROUP BY account_id, level, band ORDER BY level, band",
    "SELECT * FROM contact_result WHERE account_id IN {marks} ORDER BY contact_id",
    "SELECT * FROM introduction WHERE account_id IN {marks} ORDER BY slot",
)
_ROLES = (
    "SELECT id AS contact_id, role FROM contact WHERE account_id IN {marks} AND role IS NOT NULL UNION"
    " SELECT s.contact_id, s.role FROM stakeholder AS s JOIN contact AS c ON c.id = s.contact_id"
    " WHERE c.account_id IN {marks} AND s.role IS NOT NULL ORDER BY contact_id, role"
)


@dataclass(frozen=True)
class Account:
    """One account with what stands beside it: seats, families, and how many contacts on which level.

    chart: a row per contact. ways: whom to ask for an introduction.
    """

    row: Row
    slots: Sequence[Row]
    cells: Sequence[Row]
    people: Sequence[Row]
    chart: Sequence[Row] = ()
    ways: Sequence[Row] = ()


@dataclass(frozen=True)
class Book:
    """Everything the report tells.

    programme: rows of its accounts, by rank. pages: the accounts that get a page. worth: value a year of every account
    that ever bought, in minor units, falling. cuts: where attractiveness and relationship part the boxes, if known.
    portfolio: how the value lies over the accounts; nothing is known where no account has any.
    weighed: what the criteria are held against. foretold: the newest back-test of whitespace, if there was one.
    win_rates: one row for each band of contacts. map: accounts of the heat map with their cells.
    warm: strength from which a contact counts as in touch. roles: of contacts, as people set them.
    names: of contacts and users, by id; nobody's unless names may be told.
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
    portfolio: Row
    weighed: Sequence[Row] = ()
    foretold: Row | None = None
    win_rates: Sequence[Row] = ()
    map: Sequence[tuple[Row, Sequence[Row]]] = ()
    privacy: Privacy = Privacy()
    warm: float = 40.0
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def read(
    mirror: Mirror,
    context: Context,
    settings: Settings,
    ids: Sequence[str] = (),
    *,
    privacy: Privacy | None = None,
    warm: float = 40.0,
) -> Book:
    """Book of the programme's accounts, or with pages for the accounts of these ids only."""
    folder = results.folder(mirror)
    counts = _counts(folder)
    if not counts["accounts"]:
        raise UsageFault(f"{mirror.path}: there are no accounts to report on. Run: kam pull, then: kam enrich")
    programme = _rows(folder, _PROGRAMME)
    chosen = programme if not ids else _chosen(folder, list(dict.fromkeys(ids)))
    buyers = _rows(
        folder,
        "SELECT coalesce(yearly_minor, 0) AS worth, coalesce(status = 'Key', false) AS member, cost_state"
        " FROM account_result WHERE value_rank IS NOT NULL ORDER BY worth DESC",
    )
    return Book(
        day=iso_day(context.as_of),
        context=context,
        settings=settings,
        counts=counts,
        net=any(b["cost_state"] == "net" for b in buyers),
        programme=programme,
        pages=_accounts(folder, chosen),
        worth=[b["worth"] for b in buyers],
        members_worth=sum(max(b["worth"], 0) for b in buyers if b["member"]),
        cuts=_cuts(folder),
        weighed=_rows(folder, "SELECT * FROM criterion_result"),
        win_rates=_rows(folder, "SELECT * FROM deal_win_rate ORDER BY place"),
        portfolio=_rows(folder, "SELECT * FROM portfolio")[0],
        foretold=replays.newest(mirror),
        map=_map(folder, [*programme, *(r for r in chosen if not r["in_programme"])]),
        privacy=privacy or Privacy(),
        warm=warm,
        roles=_roles(mirror, [r["id"] for r in chosen]),
        names=_names(mirror, [r["id"] for r in chosen]) if privacy and privacy.colleagues == "named" else {},
    )


def file_name(account_id: str) -> str:
    """Name of an account's page: its id, or a digest of an id that isn't one a CRM gives."""
    if _PLAIN_ID.fullmatch(account_id):
        return f"{account_id}.html"
    return f"x-{hashlib.sha256(account_id.encode('utf-8', 'replace')).hexdigest()[:24]}.html"


def clean(value: Any) -> Any:
    """A text without characters that can't be seen, its blanks single; anything else as it is."""
    return " ".join(_UNSEEN.sub(" ", value).split()) if isinstance(value, str) else value


def _rows(folder: Path, sql: str, values: Sequence[Any] = ()) -> list[Row]:
    # The id is a key and a file's name: it stays as it is.
    asis = {"id", *_OURS}
    return [{c: v if c in asis else clean(v) for c, v in row.items()} for row in query(folder, sql, values)]


def _chosen(folder: Path, ids: Sequence[str]) -> list[Row]:
    sql = f"SELECT * FROM account_result WHERE id IN {_marks(ids)}"  # noqa: S608
    found = {row["id"]: row for row in _rows(folder, sql, ids)}
    for account_id in ids:
        if account_id not in found:
            raise UsageFault(f'account_result: there are no results for account "{account_id}" yet. Run: kam enrich')
    return [found[i] for i in ids]


def _accounts(folder: Path, rows: Sequence[Row]) -> list[Account]:
    """The accounts with all that stands beside them; each file is read once for all of them."""
    ids = [row["id"] for row in rows]
    details: list[dict[str, list[Row]]] = []
    for sql in _DETAILS:
        found: dict[str, list[Row]] = {i: [] for i in ids}
        for row in query(folder, sql.format(marks=_marks(ids)), ids) if ids else ():
            found[row["account_id"]].append({c: clean(v) for c, v in row.items()})
        details.append(found)
    return [Account(row, *(found[row["id"]] for found in details)) for row in rows]


def _map(folder: Path, rows: Sequence[Row]) -> list[tuple[Row, Sequence[Row]]]:
    """The accounts with their whitespace cells."""
    ids = [row["id"] for row in rows]
    found: dict[str, list[Row]] = {i: [] for i in ids}
    sql = f"SELECT * FROM whitespace_cell WHERE account_id IN {_marks(ids)} ORDER BY family"  # noqa: S608
    for cell in _rows(folder, sql, ids) if ids else ():
        found[cell["account_id"]].append(cell)
    return [(row, found[row["id"]]) for row in rows]


def _roles(mirror: Mirror, ids: Sequence[str]) -> dict[str, list[str]]:
    """Roles that people gave to the contacts of these accounts."""
    made: dict[str, list[str]] = {}
    for row in mirror.rows(_ROLES.format(marks=_marks(ids)), [*ids, *ids]):
        made.setdefault(row["contact_id"], []).append(row["role"])
    return made


def _names(mirror: Mirror, ids: Sequence[str]) -> dict[str, str]:
    """Names of the contacts of these accounts, and of our people."""
    contacts = f"SELECT id, name FROM contact WHERE account_id IN {_marks(ids)}"  # noqa: S608
    found = [*mirror.rows(contacts, ids), *mirror.rows('SELECT id, name FROM "user"')]
    return {row["id"]: clean(row["name"]) for row in found if row["name"]}


def _marks(ids: Sequence[str]) -> str:
    return f"({', '.join('?' * len(ids))})"


def _counts(folder: Path) -> dict[str, int]:
    sums = ", ".join(
        f"CAST(count(CASE WHEN {sql} THEN 1 END) AS BIGINT) AS {name}" for name, sql in _COUNTS.items()
    )  # our own words only
    return dict(query(folder, f"SELECT {sums} FROM account_result")[0])  # noqa: S608


def _cuts(folder: Path) -> tuple[float | None, float | None]:
    """Middle between the highest account below each cut and the lowest above it; None where a side is empty."""

    def cut(axis: str, above: str, below: str) -> float | None:
        sql = (
            f"SELECT min(CASE WHEN box IN ({above}) THEN {axis} END) AS low,"  # noqa: S608
            f" max(CASE WHEN box IN ({below}) THEN {axis} END) AS high FROM account_result"
        )
        row = query(folder, sql)[0]
        return None if row["low"] is None or row["high"] is None else (row["low"] + row["high"]) / 2

    return (
        cut("attractiveness", "'Strategic', 'Star'", "'Status', 'Streamline'"),
        cut("relationship_axis", "'Strategic', 'Status'", "'Star', 'Streamline'"),
    )

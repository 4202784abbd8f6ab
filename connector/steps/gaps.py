"""What each whitespace gap shall hold as a record of its own in the CRM, so that people can report on gaps and answer.

Cells of whitespace, accounts and the gap records that the CRM has come in; wishes leave, known by a key of account and
family. A gap that is shown opens a record, and one that is a gap no more closes it; none is ever deleted. What is open
keeps its place while it is still a gap, so that records do not open and close as ideas overtake one another.
Next room: `diff`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from connector.engine import batches
from connector.insight.texts import catalogue
from connector.insight.texts.line import joined, one_line
from connector.mapping import WriteRule
from connector.schema import CRM_FIELDS, GAP_STATES, INPUT_COLUMNS, KEYED, gap_account, gap_key
from connector.steps.diff import Diff, Scope, Wanted, diff
from connector.store.mirror import Mirror

TABLE = "whitespace_gap"
OPEN, CLOSED = GAP_STATES
MOST = 3  # open records of an account
# Without these no record can be made; what else is not mapped is left out.
NEEDED = frozenset({KEYED[TABLE], "account", "family", "state"})
COLUMNS = frozenset(f.column for f in CRM_FIELDS if f.table == TABLE) - INPUT_COLUMNS
_READ = ("account_id", "name", "family", "state", "peers", "peer_owners", "pulled_by", "low_minor", "high_minor")
_REACH = {"programme": "a.in_programme = 1", "customers": "a.is_customer = 1", "all": "TRUE"}
_SOME = 1_000  # accounts asked for in one statement

Row = dict[str, Any]
Present = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Telling:
    """How gaps are told: as of which day, in which language, and what one minor unit is worth."""

    as_of: str
    language: str
    unit: float


def present(mirror: Mirror) -> dict[str, dict[str, Any]]:
    """Gap records as the CRM has them, by their key; one that somebody made by hand has none and is left alone."""
    known = (values for _, values in mirror.present(TABLE))
    return {values[KEYED[TABLE]]: values for values in known if values.get(KEYED[TABLE])}


def compare(
    mirror: Mirror,
    details: Path,
    scope: Scope,
    telling: Telling,
    rules: Mapping[str, WriteRule],
    known: Mapping[tuple[str, str], Any],
) -> Diff:
    """Changes that bring the CRM's gap records to the newest results; `known` is what we wrote last."""
    here = present(mirror)
    found = diff(TABLE, wanted(details, scope, here, telling), here, rules, known)
    return replace(found, gaps=sum(values.get("state") == OPEN for values in here.values()))


def wanted(details: Path, scope: Scope, here: Present, telling: Telling) -> Iterator[Wanted]:
    """What gap records shall hold: those that are shown in scope, and those that the CRM has open."""
    left = {k for k, values in here.items() if values.get("state") == OPEN}
    overtaken = left - {r["key"] for r in _shown(details, "TRUE")} if left else left
    standing = _standing(details, {gap_account(k) for k in overtaken})
    still = {k for k in overtaken if standing.get(k, {}).get("state") == "whitespace"}
    others: dict[str, list[Row]] = {}
    for k in sorted(still):
        others.setdefault(gap_account(k), []).append(standing[k])
    for account, rows in groupby(_shown(details, _REACH[scope], left), itemgetter("account_id")):
        for row in _seated([*rows, *others.pop(account, [])], left):
            left.discard(row["key"])
            yield _opened(row, here.get(row["key"], {}), telling)
    for row in (r for rows in others.values() for r in _seated(rows, left)):
        left.discard(row["key"])
        yield _opened(row, here[row["key"]], telling)
    for k in sorted(left):
        yield _closed(k, here[k], standing.get(k, {}), telling)


def _shown(details: Path, reach: str, also: Collection[str] = ()) -> Iterator[Row]:
    """Cells that are shown, of accounts in reach; beyond it those only that have an open record."""
    order = "ORDER BY c.account_id, c.shown"
    for row in _cells(details, f"c.state = 'whitespace' AND c.shown > 0 {order}", f"{reach} AS reached"):
        if row["reached"] or row["key"] in also:
            yield row


def _standing(details: Path, accounts: set[str]) -> dict[str, Row]:
    """Cells by key of the accounts that have an open record which is not shown; none where ideas are held back."""
    ids, found = sorted(accounts), dict[str, Row]()
    for first in range(0, len(ids), _SOME):
        some = ", ".join("'" + i.replace("'", "''") + "'" for i in ids[first : first + _SOME])
        for row in _cells(details, f"a.held_back IS NULL AND c.account_id IN ({some})", "TRUE AS reached"):
            found[row["key"]] = row
    return found


def _cells(details: Path, where: str, more: str) -> Iterator[Row]:
    read = ", ".join(f"{'a' if c == 'name' else 'c'}.{c}" for c in _READ)
    sql = f"SELECT {read}, {more} FROM whitespace_cell AS c JOIN account_result AS a ON a.id = c.account_id"  # noqa: S608
    for rows in batches(details, f"{sql} WHERE {where}"):
        for values in rows:
            row = dict(zip((*_READ, "reached"), values, strict=True))
            yield {**row, "key": gap_key(row["account_id"], row["family"])}


def _seated(rows: Sequence[Row], open_now: set[str]) -> list[Row]:
    """The gaps of one account that have a record open: those that have it now come first, then in their order."""
    return sorted(rows, key=lambda r: r["key"] not in open_now)[:MOST]


def _opened(row: Row, here: Mapping[str, Any], telling: Telling) -> Wanted:
    evidence = _evidence(row, telling)
    values = {
        "account": row["account_id"],
        "family": row["family"][:255],
        KEYED[TABLE]: row["key"],
        "state": OPEN,
        "since": (here.get("since") if here.get("state") == OPEN else None) or telling.as_of,
        "closed_on": None,
        "peer_owners": row["peer_owners"],
        "peers": row["peers"],
        "low": None if row["low_minor"] is None else row["low_minor"] * telling.unit,
        "high": None if row["high_minor"] is None else row["high_minor"] * telling.unit,
        "evidence": evidence,
    }
    return Wanted(row["key"], _name(row), values, {"": evidence}, COLUMNS)


def _closed(key: str, here: Mapping[str, Any], row: Row, telling: Telling) -> Wanted:
    state = row.get("state", "")
    why = "no idea any more" if state in ("", "whitespace") else f"no gap any more: {state.replace('_', ' ')}"
    name = _name({"name": row.get("name"), "family": here.get("family") or ""})
    values = {"state": CLOSED, "closed_on": telling.as_of}
    return Wanted(key, name, values, {"": why}, frozenset(values))


def _name(row: Mapping[str, Any]) -> str:
    return ": ".join(part for part in (row["name"], row["family"]) if part)


def _evidence(row: Row, telling: Telling) -> str:
    """Why it is an idea, in words: how many similar accounts have it, and what it goes with."""
    words = catalogue(telling.language)["idea"]
    parts = []
    if row["peer_owners"]:
        counted = words["peers_one" if row["peer_owners"] == 1 else "peers"]
        parts.append(counted.format(owners=row["peer_owners"], peers=row["peers"]))
    if row["pulled_by"] is not None:
        parts.append(words["pulled"].format(family=one_line(row["pulled_by"])[:150]))
    glue = catalogue(telling.language)["form"]["list"]
    return joined(parts or [one_line(row["family"]) or words["nameless"]], glue)

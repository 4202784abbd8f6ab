"""The programme as a whole: capacity, age, reviews, nominations, who is large yet not key, and how key accounts did.

The mirror with the newest results and the selections comes in; plain values leave. Managers and sponsors are counted
by how many accounts they have, never named or ordered. Next room: `cli.programme`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from connector.convert import iso_day
from connector.engine import query
from connector.insight.key_accounts import Settings
from connector.insight.programme_effect import LEAST_DAYS, Since, differences
from connector.steps import decide
from connector.store import results, selection
from connector.store.mirror import Mirror

Row = Mapping[str, Any]
# Even programmes of the largest companies stay below.
MOST_MEMBERS = 100
# Who has one or two key accounts beside more others than this looks after them on the side.
BESIDE = 40
QUARTER = 91
_LARGE = (
    "SELECT id, name, revenue_rank, value_rank, s_alignment, cap FROM account_result"
    " WHERE kam_flag = 'Large, not key' ORDER BY revenue_rank, name, id"
)
_CAP = "SELECT max(cap) AS cap FROM account_result"
_TOGETHER = (
    "SELECT id, name, status, kam_proposal, cap, coalesce(kam_manager_id, owner_id) AS manager_id, sponsor_id,"
    " sponsor_state FROM account_result WHERE status = 'Key' OR kam_proposal <> 'None' ORDER BY id"
)
_OTHERS = (
    "SELECT coalesce(kam_manager_id, owner_id) AS manager_id, count(*) AS others FROM account_result"
    " WHERE status IS DISTINCT FROM 'Key' GROUP BY 1"
)


def overview(mirror: Mirror, settings: Settings, as_of: int) -> dict[str, Any]:
    """Everything beside members, proposals and watch list, as plain values."""
    folder = results.folder(mirror)
    rows = query(folder, _TOGETHER)
    members = [r for r in rows if r["status"] == "Key"]
    kept = selection.kept(mirror)
    capacity = _capacity(query(folder, _CAP)[0]["cap"] or settings.cap, rows, members)
    beside = _beside(members, {r["manager_id"]: r["others"] for r in query(folder, _OTHERS)} if members else {})
    return {
        "capacity": capacity,
        "age": _age(mirror, kept, as_of),
        "reviews_due": _reviews(mirror, settings, as_of),
        "nominated": list(_nominated(mirror, as_of)),
        "large_not_key": [{**r, "why": _why_not(r, settings)} for r in query(folder, _LARGE)],
        "comparison": _comparison(mirror, kept, as_of),
        "hints": [*_too_many(capacity, settings.cap), *beside],
    }


def _capacity(cap: int, rows: Sequence[Row], members: Sequence[Row]) -> dict[str, Any]:
    """Places and how many are taken; how many managers and sponsors have how many key accounts."""
    proposed = Counter(r["kam_proposal"] for r in rows)
    return {
        "cap": cap,
        "members": len(members),
        "proposed": proposed["Promote"],
        "proposed_to_leave": proposed["Demote"],
        "managers": _spread(members, "manager_id", "managers"),
        "without_manager": sum(r["manager_id"] is None for r in members),
        "sponsors": _spread([r for r in members if r["sponsor_state"] != "left"], "sponsor_id", "sponsors"),
        "without_sponsor": sum(r["sponsor_state"] in ("none", "left") for r in members),
    }


def _spread(members: Sequence[Row], column: str, who: str) -> list[dict[str, int]]:
    each = Counter(r[column] for r in members if r[column] is not None)
    return [{"key_accounts": n, who: people} for n, people in sorted(Counter(each.values()).items())]


def _too_many(capacity: Row, wanted: int) -> Iterator[str]:
    """What to think about when there are more key accounts than anybody can look after."""
    members, proposed, cap = capacity["members"], capacity["proposed"], capacity["cap"]
    if max(wanted, members) > MOST_MEMBERS:
        yield (
            f"{max(wanted, members)} key accounts are more than anybody looks after well: even the largest programmes"
            f" stay under {MOST_MEMBERS}. Lower [key_accounts] cap in config.toml."
        )
    after = members + proposed - capacity["proposed_to_leave"]
    if after > cap and proposed:
        yield f"The programme has {cap} places: with every proposal approved it would have {after} key accounts."
    elif members > cap:
        yield f"The programme has {cap} places and {members} key accounts: nobody can be added before some leave."


def _beside(members: Sequence[Row], others: Mapping[str | None, int]) -> list[str]:
    """A hint about the set-up of the programme: key accounts that are looked after on the side."""
    each = Counter(r["manager_id"] for r in members if r["manager_id"] is not None)
    aside = sum(n for manager, n in each.items() if n <= 2 and others.get(manager, 0) > BESIDE)
    if not aside:
        return []
    told = "1 key account is" if aside == 1 else f"{aside} key accounts are"
    return [
        f"{told} looked after on the side of more than {BESIDE} others: key accounts need somebody who has little else."
    ]


def _age(mirror: Mirror, kept: Sequence[Row], as_of: int) -> dict[str, Any]:
    """Since when there are key accounts, as far as this store remembers."""
    since = [
        r["since_day"] for r in mirror.rows("SELECT min(since_day) AS since_day FROM programme WHERE status = 'Key'")
    ]
    days = [d for d in (*since, *(r["day"] for r in kept if r["chosen"])) if d is not None and d <= as_of]
    if not days:
        return {"since": None, "quarters": None}
    return {"since": iso_day(min(days)), "quarters": (as_of - min(days)) // QUARTER}


def _reviews(mirror: Mirror, settings: Settings, as_of: int) -> list[dict[str, Any]]:
    """Key accounts whose status is to be looked at again by now."""
    sql = (
        "SELECT r.id, r.name, coalesce(p.review_due_day, p.decided_day + ?) AS due_day FROM programme AS p"
        " JOIN account_result AS r ON r.id = p.account_id WHERE p.status = 'Key'"
        " AND coalesce(p.review_due_day, p.decided_day + ?) <= ? ORDER BY due_day, r.name, r.id"
    )
    days = settings.review_days
    found = mirror.rows(sql, [days, days, as_of])
    return [{"id": r["id"], "name": r["name"], "review_due": iso_day(r["due_day"])} for r in found]


def _nominated(mirror: Mirror, as_of: int) -> Iterator[dict[str, Any]]:
    """Whom people nominated, why and until when; and what is to be said against it."""
    sql = (
        "SELECT p.account_id AS id, r.name, p.nominated_reason AS reason, p.nominated_until_day AS until_day"
        " FROM programme AS p JOIN account_result AS r ON r.id = p.account_id WHERE p.nominated = 1"
        " ORDER BY until_day IS NULL, until_day, r.name, id"
    )
    for row in mirror.rows(sql):
        until, doubts = row.pop("until_day"), [decide.doubt(row["reason"])]
        doubts += ["no reason given"] if not row["reason"] else []
        doubts += ["no end given"] if until is None else ["ended"] if until < as_of else []
        note = "; ".join(d for d in doubts if d)
        yield {**row, "until": None if until is None else iso_day(until), "note": note}


def _why_not(row: Row, settings: Settings) -> str:
    """Why an account that buys much is no key account: by net value, else by fit, else by growth."""
    if row["value_rank"] > 2 * row["cap"]:
        return f"number {row['revenue_rank']} by revenue, number {row['value_rank']} by net value"
    if row["s_alignment"] is not None and row["s_alignment"] <= settings.low_fit:
        return "does not fit the strategy"
    return "does not grow"


def _comparison(mirror: Mirror, kept: Sequence[Row], as_of: int) -> dict[str, Any]:
    """Key accounts against those that came near, once their selection is four quarters old."""
    days = [r["day"] for r in kept if r["chosen"]]
    if not days or as_of - min(days) < LEAST_DAYS:
        return {"from": iso_day(min(days) + LEAST_DAYS) if days else None, "measures": []}
    rows = {r["account_id"]: r for r in selection.since(mirror, as_of, LEAST_DAYS)}
    marks = ", ".join("?" * len(rows))
    sql = f"SELECT id, revenue_365_minor FROM account_result WHERE id IN ({marks})"  # noqa: S608
    now = {r["id"]: r["revenue_365_minor"] for r in query(results.folder(mirror), sql, list(rows))}
    accounts = [
        Since(bool(r["chosen"]), r["revenue_minor"], now.get(i), r["won"], r["closed"], r["satisfaction"])
        for i, r in rows.items()
    ]
    return {"from": iso_day(min(days) + LEAST_DAYS), "measures": [asdict(d) for d in differences(accounts)]}

"""Mirror through the insights, back into the mirror: results per account, contact, deal and family.

The mirror, an engine, the context and each insight's settings come in; result tables leave. The arithmetic is in
`insight`; here it is only put in order. Next room: `insight`, then `diff`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from connector.engine import batches
from connector.insight import compute_all, explain
from connector.insight.steps import reads
from connector.schema import CRM_FIELDS, Context, Engine, Read
from connector.steps.diff import Wanted
from connector.store import results
from connector.store.mirror import Mirror

Scope = Literal["programme", "customers", "all"]
# Which insight a written column belongs to; what isn't named here belongs to key_accounts.
_INSIGHT = {
    "kam_coverage_text": "coverage",
    "coverage_percent": "coverage",
    "known_percent": "coverage",
    "engaged_contacts": "coverage",
    "kam_alert": "alerts",
    "kam_relationship_band": "relationship",
    "kam_whitespace_band": "whitespace",
    "kam_top_idea": "whitespace",
}
# Present values that an insight needs to stay calm.
_REMEMBERED = ("kam_flag", "kam_proposal", "kam_relationship_band", "kam_whitespace_band", "kam_quadrant")
_TEXTS = ("kam_why", "kam_top_idea")


@dataclass(frozen=True)
class WriteScope:
    """Which accounts an insight writes to: programme (Key, nominated, proposed, watched), customers or all."""

    key_accounts: Scope = "customers"
    relationship: Scope = "customers"
    whitespace: Scope = "customers"
    coverage: Scope = "programme"
    alerts: Scope = "programme"


class ResultEngine(Engine, Protocol):
    """An engine over one mirror, closed when done, that can also hand out large results."""

    def __enter__(self) -> "ResultEngine":
        """Open."""

    def __exit__(self, *_: object) -> None:
        """Close."""

    def snapshot(self, reads: Mapping[str, Read]) -> list[str]:
        """Take out of the mirror what is read of it, where that pays; names of the tables taken."""

    def save(self, sql: str, file: Path) -> int:
        """Write the rows of a SELECT to a Parquet file; their number."""


# Result table → SELECT over the insights' tables; each becomes a file of `store.results`.
RESULTS = {
    "account_result": "SELECT * FROM account_result",
    "contact_result": "SELECT * FROM contact_result",
    "opportunity_result": "SELECT * FROM opportunity_coverage",
    "whitespace_cell": "SELECT * FROM whitespace_cell WHERE state <> 'not_eligible'",
    "coverage_slot": "SELECT * FROM coverage_slot",
}
# What lists, diff and status read of an account stands in the mirror too; the rest of it in the file only.
LISTED = (
    *("id", "name", "owner_id", "root_id", "status", "rank", "score", "strikes", "last_review_day"),
    *("is_customer", "in_programme"),
    *(f.column for f in CRM_FIELDS if f.table == "account" and f.group != "inputs" and f.column != "kam_as_of"),
)
_LISTING = f"SELECT {', '.join(LISTED)} FROM account_result ORDER BY id"  # noqa: S608


def enrich(
    mirror: Mirror,
    open_engine: Callable[[Path], ResultEngine],
    context: Context,
    settings: Mapping[str, Any],
    say: Callable[[str], None] = lambda _: None,
    *,
    remember: bool = False,
) -> dict[str, int]:
    """Compute every insight and replace the result tables; number of accounts, contacts and cells.

    With `remember`, the day counts as a review: strikes and membership are kept for the next one.
    """
    with open_engine(mirror.path) as engine:
        engine.snapshot(reads())
        engine.load("present_value", _present(mirror))
        for name in compute_all(engine, context, settings):
            say(name)
        explain.texts(engine, context)
        say("explain")
        with results.renewed(mirror) as made:
            counts = {table: engine.save(sql, made / f"{table}.parquet") for table, sql in RESULTS.items()}
            say("results")
            with mirror.atomic():
                rows = batches(made, _LISTING)
                mirror.replace_result("account_result", LISTED, rows, ("id",))
                # A status that is hidden tonight is no status that was taken away.
                if remember and context.has("programme.status"):
                    _remember(mirror, context.as_of)
                mirror.meta("enriched_as_of", str(context.as_of))
                results.publish(mirror, made)
    return counts


def _remember(mirror: Mirror, as_of: int) -> None:
    """Keep what the next review needs to know: member since, strikes, the last review."""
    mirror.db.conn.execute(
        "UPDATE programme SET strikes = r.strikes, last_review_day = r.last_review_day,"
        " since_day = CASE WHEN r.status = 'Key' THEN coalesce(since_day, :as_of) END"
        " FROM account_result AS r WHERE r.id = programme.account_id"
        " AND (r.status = 'Key' OR programme.since_day IS NOT NULL OR programme.strikes > 0)",
        {"as_of": as_of},
    )


def _present(mirror: Mirror) -> dict[str, list[Any]]:
    """What the CRM shows now, as columns: bands, score and the family of the idea."""
    made: dict[str, list[Any]] = {c: [] for c in ("account_id", *_REMEMBERED, *_TEXTS, "kam_score", "top_family")}
    for account, values in mirror.present("account"):
        made["account_id"].append(account)
        for column in (*_REMEMBERED, *_TEXTS):
            made[column].append(values.get(column))
        made["kam_score"].append(float(values["kam_score"]) if values.get("kam_score") is not None else None)
        made["top_family"].append(explain.family_of(values.get("kam_top_idea")))
    return {c: np.array(v, dtype=np.float64 if c == "kam_score" else object) for c, v in made.items()}  # type: ignore[misc]


def wanted(mirror: Mirror, columns: Sequence[str], scope: WriteScope, as_of: str) -> Iterator[Wanted]:
    """What each account shall hold, by the newest results."""
    for row in mirror.rows("SELECT * FROM account_result ORDER BY id"):
        reach = {"all": True, "customers": bool(row["is_customer"]), "programme": bool(row["in_programme"])}
        scoped = frozenset(c for c in columns if reach[getattr(scope, _INSIGHT.get(c, "key_accounts"))])
        values = {c: row[c] for c in columns if c in row}
        values["kam_as_of"] = as_of
        why = {"": row["kam_why"] or "", "kam_coverage_text": row["kam_coverage_text"] or ""}
        why |= dict.fromkeys(("kam_whitespace_band", "kam_top_idea"), row["kam_top_idea"] or "")
        yield Wanted(row["id"], row["name"] or "", values, why, scoped)

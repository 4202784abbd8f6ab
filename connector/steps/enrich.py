"""Mirror through the insights, back into the mirror: results per account, contact, deal and family.

The mirror, an engine, the context and each insight's settings come in; result tables leave. The arithmetic is in
`insight`; here it is only put in order. Next room: `insight`, then `diff`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from connector import __version__
from connector.engine import Outdated, batches, query
from connector.insight import compute_all, explain, horizons, relationship
from connector.insight.steps import digest, reads
from connector.schema import CRM_FIELDS, Context, Engine, Read
from connector.steps import exposure
from connector.steps.diff import Wanted, WriteScope
from connector.store import kept, results, selection
from connector.store.kept import Kept
from connector.store.mirror import Mirror, mark_of

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
    "whitespace_low": "whitespace",
    "whitespace_high": "whitespace",
}
# Present values that an insight needs to stay calm.
_REMEMBERED = (
    *("kam_flag", "kam_proposal", "kam_relationship_band", "kam_whitespace_band", "kam_quadrant"),
    "pareto_class",
)
_TEXTS = ("kam_why", "kam_top_idea")
_SHOWN = (*_REMEMBERED, *_TEXTS, "sponsor_suggested")
# What an enrich says first where something is kept.
TAKEN_OVER, IN_FULL = "incremental", "in full"
# Beyond this share of accounts that differ, taking over the others costs more than it spares.
_MOST_CHANGED = 0.25


class Keeper(Protocol):
    """What an engine does that takes over what did not change."""

    def keep(self, reads: Mapping[str, Read], folder: Path) -> dict[str, int]:
        """Compute in full, and leave rows and kept tables in this folder; rows by table."""

    def reuse(self, reads: Mapping[str, Read], folder: Path, passed: Sequence[tuple[str, str, int, int]]) -> int:
        """Take over the tables of this folder for accounts that did not change; number of those that did."""

    def patch(self, name: str, arrays: Mapping[str, Any], noted: str) -> None:
        """Make table `name` of what was kept of it and of these rows, in place of the accounts noted under a name."""

    def leave(self, name: str) -> None:
        """Leave a table that was loaded for the next one, too."""

    def load(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Make temp table `name` from columns of equal length."""


class ResultEngine(Engine, Protocol):
    """An engine over one mirror, closed when done, that can also hand out large results."""

    def __enter__(self) -> "ResultEngine":
        """Open."""

    def __exit__(self, *_: object) -> None:
        """Close."""

    @property
    def keeper(self) -> "Keeper | None":
        """Itself, where tables of this mirror can be left for the next enrich, and it pays."""

    def snapshot(self, reads: Mapping[str, Read]) -> list[str]:
        """Take out of the mirror what is read of it, where that pays; names of the tables taken."""

    def save(self, sql: str, file: Path) -> int:
        """Write the rows of a SELECT to a Parquet file; their number."""


# Result table → SELECT over the insights' tables; each becomes a file of `store.results`.
RESULTS = {
    "account_result": "SELECT * FROM account_result",
    "contact_result": "SELECT * FROM contact_result",
    "opportunity_result": "SELECT * FROM opportunity_coverage",
    "whitespace_cell": "SELECT * FROM whitespace_cell",
    "coverage_slot": "SELECT * FROM coverage_slot",
    "criterion_result": "SELECT * FROM criterion_result",
    "portfolio": "SELECT * FROM portfolio",
    "whitespace_model": "SELECT * FROM whitespace_model",
    "introduction": "SELECT * FROM introduction",
    "deal_win_rate": "SELECT * FROM deal_win_rate",
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

    What did not change since the last full enrich is taken over from it, with the same results; the first thing said
    is how many accounts did, or why all are computed.

    With `remember`, the day counts as a review: strikes and membership are kept for the next one.
    """
    try:
        return _enrich(mirror, open_engine, context, settings, say, remember=remember)
    except Outdated as guard:
        kept.forget(mirror, f"{guard} is another")
        return _enrich(mirror, open_engine, context, settings, say, remember=remember)


def _enrich(
    mirror: Mirror,
    open_engine: Callable[[Path], ResultEngine],
    context: Context,
    settings: Mapping[str, Any],
    say: Callable[[str], None],
    *,
    remember: bool,
) -> dict[str, int]:
    with open_engine(mirror.path) as engine, ExitStack() as opened:
        start = _begin(engine, mirror, context, settings, opened)
        if start.told:
            say(start.told)
        for name in compute_all(engine, context, settings):
            say(name)
        explain.texts(engine, context)
        say("explain")
        with results.renewed(mirror) as made:
            parts = explain.parts(engine)
            counts = {table: _save(engine, sql, made, table, parts) for table, sql in RESULTS.items()}
            exposure.note(made, results.newest(mirror), context.as_of, counts=remember)
            say("results")
            with mirror.atomic():
                rows = batches(made, _LISTING)
                mirror.replace_result("account_result", LISTED, rows, ("id",))
                # A status that is hidden tonight is no status that was taken away.
                if remember and context.has("programme.status"):
                    _remember(mirror, context.as_of)
                    selection.remember(mirror, context.as_of, query(made, selection.CANDIDATES))
                mirror.meta("enriched_as_of", str(context.as_of))
                if start.leaves is not None:
                    kept.publish(mirror, start.leaves)
                results.publish(mirror, made)
    return counts


def _save(engine: ResultEngine, sql: str, made: Path, table: str, parts: Sequence[str]) -> int:
    """Save a result table, the widest one part by part; number of rows."""
    if table != "account_result":
        return engine.save(sql, made / f"{table}.parquet")
    return sum(engine.save(f"{sql} WHERE {part}", made / f"{table}.{n}.parquet") for n, part in enumerate(parts))


@dataclass(frozen=True)
class _Start:
    """How an enrich begins: what is told of it, and what it will leave for the next one."""

    told: str = ""
    leaves: Kept | None = None


def _begin(
    engine: ResultEngine,
    mirror: Mirror,
    context: Context,
    settings: Mapping[str, Any],
    opened: ExitStack,
) -> _Start:
    """Hand the engine the mirror, or what changed in it since the last full enrich."""
    keeper = engine.keeper
    if keeper is None:
        engine.snapshot(reads())
        engine.load("present_value", _columns(mirror.present("account")))
        return _Start()
    kept.tidy(mirror)
    marks, found = _marks(context, settings), kept.find(mirror)
    why = found if isinstance(found, str) else found[0].outdated(marks, context.as_of)
    if not isinstance(found, str) and not why:
        before, folder = found
        changed = keeper.reuse(reads(), folder, _passed(before.as_of, context.as_of, settings))
        share = f"{changed:,} of {mirror.count('account'):,} accounts changed"
        if changed <= _MOST_CHANGED * mirror.count("account"):
            noted = ((i, mirror.present_of("account", i)) for i in kept.noted(mirror, "present"))
            keeper.patch("present_value", _columns((i, p) for i, p in noted if p), "present")
            return _Start(f"{TAKEN_OVER}: {share}")
        why = share
    made = opened.enter_context(kept.renewed(mirror))
    rows = keeper.keep(reads(), made)
    keeper.load("present_value", _columns(mirror.present("account")))
    keeper.leave("present_value")
    leaves = Kept(made.name, context.as_of, marks, {**rows, "present": rows.get("account", 0)})
    return _Start(f"{IN_FULL}: {why}", leaves)


def _marks(context: Context, settings: Mapping[str, Any]) -> dict[str, str]:
    """What else kept tables depend on, by what is said when it differs."""
    return {
        "this is another version": f"{__version__} {digest()}",
        "revenue comes from another source": context.revenue,
        "settings changed": mark_of(sorted((name, repr(value)) for name, value in settings.items())),
        "other tables or columns are filled": mark_of(sorted(context.known)),
        "a new quarter of fading began": str(relationship.reference_day(context.as_of)),
        "four new weeks of the trend began": str(relationship.then_week(context.as_of)),
    }


def _passed(before: int, now: int, settings: Mapping[str, Any]) -> list[tuple[str, str, int, int]]:
    """Table, column and days (after the one, up to the other) whose rows count otherwise than they did then."""
    if before == now:
        return []
    low, high = sorted((before, now))
    return [(table, column, low - back, high - back) for table, column, back in horizons(settings)]


def _remember(mirror: Mirror, as_of: int) -> None:
    """Keep what the next review needs to know: member since, strikes, the last review."""
    mirror.db.conn.execute(
        "UPDATE programme SET strikes = r.strikes, last_review_day = r.last_review_day,"
        " since_day = CASE WHEN r.status = 'Key' THEN coalesce(since_day, :as_of) END"
        " FROM account_result AS r WHERE r.id = programme.account_id"
        " AND (r.status = 'Key' OR programme.since_day IS NOT NULL OR programme.strikes > 0)",
        {"as_of": as_of},
    )


def _columns(present: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, list[Any]]:
    """What the CRM shows of accounts now, as columns: bands, score and the family of the idea."""
    made: dict[str, list[Any]] = {c: [] for c in ("account_id", *_SHOWN, "kam_score", "top_family")}
    for account, values in present:
        made["account_id"].append(account)
        for column in _SHOWN:
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

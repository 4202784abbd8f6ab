"""Which ideas were shown to whom, from which day to which: so that what was suggested can be told from what was sold.

A folder of new results and the one before come in; `exposure` leaves, one row for each account, family and time it was
shown: from_day, and until_day once it is not any more. Without it a score could prove itself right. No CRM has these
rows: they are lost with the store, and begin anew. Next room: `cli.explain`, and what tests the scores.
"""

from pathlib import Path

from connector.engine import add

TABLE = "exposure"
_NONE = (
    "SELECT '' AS account_id, '' AS family, CAST(0 AS BIGINT) AS from_day, CAST(0 AS BIGINT) AS until_day WHERE false"
)
# The account must still be there: of one that was deleted nothing stays.
_KEPT = (
    "SELECT b.account_id, b.family, b.from_day, b.until_day FROM before AS b JOIN account_result AS a"
    " ON a.id = b.account_id"
)
_NOTED = """
    SELECT b.account_id, b.family, b.from_day,
        CASE WHEN b.until_day IS NULL AND s.family IS NULL THEN CAST({day} AS BIGINT) ELSE b.until_day END AS until_day
    FROM before AS b
    JOIN account_result AS a ON a.id = b.account_id
    LEFT JOIN (SELECT account_id, family FROM whitespace_cell WHERE shown > 0) AS s
        ON s.account_id = b.account_id AND s.family = b.family
    UNION ALL
    SELECT s.account_id, s.family, CAST({day} AS BIGINT), NULL
    FROM whitespace_cell AS s
    LEFT JOIN before AS b ON b.account_id = s.account_id AND b.family = s.family AND b.until_day IS NULL
    WHERE s.shown > 0 AND b.account_id IS NULL
"""


def note(made: Path, before: Path | None, as_of: int, *, counts: bool) -> None:
    """Write `exposure` beside new results: what was noted before, and where this day counts, who sees what from now."""
    noted = before / f"{TABLE}.parquet" if before is not None else None
    beside = {"before": noted if noted is not None and noted.exists() else _NONE}
    add(made, TABLE, _NOTED.format(day=int(as_of)) if counts else _KEPT, beside)

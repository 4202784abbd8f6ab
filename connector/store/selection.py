"""Which accounts were chosen for the programme and which came near, as it was on the day of each selection.

The results of a run come in; one row per account stays: the day, its rank and the cap then, whether it was chosen, and
what it had bought in the year before. Without it nobody could say later how key accounts did beside those that nearly
were. No CRM has these rows: they are lost with the store, and the comparison begins anew. Next room:
`insight.programme_effect`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from connector.store.mirror import Mirror

# Who leaves within a quarter was never looked after: an approval that was taken back is no selection.
LEAST_DAYS = 91
# What is asked of the results: everybody who may belong to a selection.
CANDIDATES = (
    "SELECT id, status, rank, cap, revenue_365_minor FROM account_result WHERE status = 'Key' OR rank <= 2 * cap"
    " ORDER BY id"
)
_KEEP = (
    "INSERT INTO selection (account_id, day, rank, cap, chosen, revenue_minor)"
    " VALUES (:id, :day, :rank, :cap, :chosen, :revenue_365_minor) ON CONFLICT (account_id) DO UPDATE SET"
    " day = excluded.day, rank = excluded.rank, cap = excluded.cap, chosen = excluded.chosen,"
    " revenue_minor = excluded.revenue_minor"
)
_AFTER = "{0} > b.day AND {0} <= ?1"


def remember(mirror: Mirror, as_of: int, candidates: Iterable[Mapping[str, Any]]) -> None:
    """Keep the day for accounts that are key from now on, and for those next in rank (cap + 1 to 2 x cap) beside them.

    Call it in a transaction. Once chosen an account counts as chosen, whatever becomes of it after a quarter.
    """
    rows = [{**row, "day": as_of, "chosen": int(row["status"] == "Key")} for row in candidates]
    members = {row["id"] for row in rows if row["chosen"]}
    execute = mirror.db.conn.execute
    for account in _chosen(mirror) - members:
        execute("DELETE FROM selection WHERE account_id = ? AND ? - day < ?", [account, as_of, LEAST_DAYS])
    execute("DELETE FROM selection WHERE day NOT IN (SELECT day FROM selection WHERE chosen = 1)")
    if new := members - _chosen(mirror):
        known = {row["account_id"] for row in kept(mirror)}
        near = {row["id"] for row in rows if not row["chosen"] and row["rank"] > row["cap"]} - known
        mirror.db.conn.executemany(_KEEP, [row for row in rows if row["id"] in new | near])


def kept(mirror: Mirror) -> list[dict[str, Any]]:
    """Every row, in the order of ids."""
    return list(mirror.rows("SELECT * FROM selection ORDER BY account_id"))


def _chosen(mirror: Mirror) -> set[str]:
    return {str(row["account_id"]) for row in kept(mirror) if row["chosen"]}


def since(mirror: Mirror, as_of: int, least_days: int) -> list[dict[str, Any]]:
    """Rows of selections that are old enough, with deals won and closed since, and satisfaction, of the whole group.

    Satisfaction is what the CRM says of the account, else the mean of its cases closed since.
    """
    sql = f"""
        WITH branch AS MATERIALIZED (
            SELECT account_id AS key_id, account_id, day FROM selection
            UNION SELECT s.account_id, r.id, s.day
            FROM account_result AS r CROSS JOIN selection AS s ON s.account_id = r.root_id),
        deals AS (
            SELECT b.key_id, sum(o.state = 'won') AS won, count(*) AS closed
            FROM opportunity AS o CROSS JOIN branch AS b ON b.account_id = o.account_id
            WHERE o.state IN ('won', 'lost') AND {_AFTER.format("o.close_day")} GROUP BY b.key_id),
        cases AS (
            SELECT b.key_id, avg(c.satisfaction) AS satisfaction
            FROM "case" AS c CROSS JOIN branch AS b ON b.account_id = c.account_id
            WHERE {_AFTER.format("c.closed_day")} GROUP BY b.key_id)
        SELECT s.*, coalesce(d.won, 0) AS won, coalesce(d.closed, 0) AS closed,
            coalesce(a.satisfaction, c.satisfaction) AS satisfaction
        FROM selection AS s
        JOIN account AS a ON a.id = s.account_id
        LEFT JOIN deals AS d ON d.key_id = s.account_id
        LEFT JOIN cases AS c ON c.key_id = s.account_id
        WHERE s.day <= ?1 - ?2 ORDER BY s.account_id"""
    return list(mirror.rows(sql, [as_of, least_days]))

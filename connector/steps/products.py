"""Single products within an account's families: which it has, and which are commonest among customers like it.

An open mirror with results and an account come in; rows and lines of text leave, worked out for this one account when
somebody asks. No other customer is named. Next room: `cli.explain`.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from connector.convert import iso_day
from connector.store.mirror import Mirror

Row = Mapping[str, Any]
# Customers of the same industry (of any, where it is unknown) that are nearest in size.
PEERS = 50
# Products told per family, of those it has and of those it lacks.
_TOLD = 3
_ROWS = """
    WITH me AS (SELECT industry, employees FROM account WHERE id = ?1),
    peer AS (
        SELECT a.id FROM account AS a CROSS JOIN me JOIN account_result AS r ON r.id = a.id
        WHERE a.id <> ?1 AND r.is_customer = 1 AND a.industry = coalesce(me.industry, a.industry)
        ORDER BY a.employees IS NULL, max(a.employees + 1.0, coalesce(me.employees, 0) + 1.0)
            / min(a.employees + 1.0, coalesce(me.employees, 0) + 1.0), a.id
        LIMIT ?3),
    held AS (
        SELECT o.account_id, l.product_id, o.close_day AS day
        FROM opportunity AS o CROSS JOIN opportunity_line AS l ON l.opportunity_id = o.id
        WHERE o.account_id IN (SELECT id FROM peer UNION SELECT ?1) AND o.state = 'won' AND o.close_day <= ?2
        UNION ALL
        SELECT account_id, product_id, installed_day FROM asset
        WHERE account_id IN (SELECT id FROM peer UNION SELECT ?1) AND coalesce(rival, 0) = 0
            AND coalesce(installed_day, 0) <= ?2
        UNION ALL
        SELECT account_id, product_id, starts_day FROM revenue
        WHERE account_id IN (SELECT id FROM peer UNION SELECT ?1) AND starts_day <= ?2)
    SELECT p.family, p.id, p.name, p.code, max(h.account_id = ?1) AS has,
        max(CASE WHEN h.account_id = ?1 THEN h.day END) AS last_day,
        count(DISTINCT CASE WHEN h.account_id <> ?1 THEN h.account_id END) AS owners,
        (SELECT count(*) FROM peer) AS peers
    FROM held AS h JOIN product AS p ON p.id = h.product_id
    WHERE p.family <> '' GROUP BY p.id ORDER BY p.family, has DESC, owners DESC, p.id"""


def of_account(mirror: Mirror, account_id: str, as_of: int) -> list[dict[str, Any]]:
    """Products that the account or its peers have, by family; those it has first, then the commonest."""
    return list(mirror.rows(_ROWS, [account_id, as_of, PEERS]))


def lines(rows: Sequence[Row], families: Sequence[str]) -> Iterator[str]:
    """One line for each of these families that it has something of, or that peers have."""
    for family, found in groupby(rows, key=lambda row: row["family"]):
        if family not in families:
            continue
        here = list(found)
        has = [f"{_name(r)} ({iso_day(r['last_day'])})" if r["last_day"] else _name(r) for r in here if r["has"]]
        lacks = [f"{_name(r)} ({r['owners']} of {r['peers']})" for r in here if not r["has"]]
        parts = [f"has {_some(has)}"] if has else []
        parts += [f"customers like it have {_some(lacks)}"] if lacks else []
        yield f"{family:<26} {'; '.join(parts)}"


def _name(row: Row) -> str:
    return str(row["name"] or row["code"] or row["id"])


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return ", ".join(names[:_TOLD]) + more

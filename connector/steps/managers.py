"""Who reports to whom where the CRM has no link between contacts: the manager's name, found within the account.

The mirror's contacts come in; `reports_to_id` is filled for those whose manager's name fits one person of the same
account. Two people of one name mean unknown. Next room: `enrich`.
"""

from connector.store.mirror import Mirror

_NAMES = """
CREATE TEMP TABLE manager AS
SELECT account_id, kam_name(name) AS name, max(id) AS id FROM contact
WHERE account_id IS NOT NULL AND name IS NOT NULL GROUP BY 1, 2 HAVING count(*) = 1
"""
_FOUND = """
UPDATE contact SET reports_to_id = found.id FROM (
  SELECT c._source, c._record, m.id FROM contact c
  LEFT JOIN manager m ON m.account_id = c.account_id AND m.name = kam_name(c.manager_name) AND m.id <> c.id
  WHERE c.reports_to_id IS NOT m.id
) AS found
WHERE contact._source = found._source AND contact._record = found._record
"""


def fill(mirror: Mirror, known: frozenset[str]) -> None:
    """Fill `reports_to_id` from names where the mapping reads managers' names and no link; `known` is what it reads."""
    if "contact.manager_name" not in known or "contact.reports_to_id" in known:
        return
    connection = mirror.db.conn
    connection.create_function("kam_name", 1, _plain, deterministic=True)
    with mirror.atomic():
        try:
            connection.execute(_NAMES)
            connection.execute("CREATE INDEX temp.manager_name ON manager (account_id, name)")
            connection.execute(_FOUND)
        finally:
            connection.execute("DROP TABLE IF EXISTS temp.manager")


def _plain(name: str | None) -> str | None:
    """A name without differences of case and spacing."""
    return " ".join(name.casefold().split()) if name else None

"""All records of the company in the order in which their ids are numbered, and how the org stores them.

A company that grows, or one that is whole, comes in; batches leave it and end in the org. Next room: `passing`.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby

from connector.emulator.company.model import Company
from connector.emulator.salesforce.org.catalogue import quoted
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.seed.deals import Deals
from connector.emulator.salesforce.seed.firms import customers, money, sellers, service
from connector.emulator.salesforce.seed.rows import Batch, Ids
from connector.emulator.salesforce.seed.touch import activities


def records(company: Company, ids: Ids, steps: Iterable[str]) -> Iterator[Batch]:
    """Make the company's records as it grows, by the names of its steps."""
    deals = None
    for step in steps:
        if step == "firms":
            yield from sellers(company, ids)
            yield from customers(company, ids)
            deals = Deals(company, ids)
        if deals is None:
            continue
        if step in ("deals", "dealt"):
            yield from deals.more()
        if step == "dealt":
            ids.take("opportunities", len(company.opportunities))
            ids.take("lines", len(company.lines))
            ids.take("contact_roles", len(company.contact_roles))
            yield from deals.lines()
            yield from deals.roles()
        if step == "touched":
            ids.take("cases", len(company.cases))
            ids.take("assets", len(company.assets))
            yield from money(company, ids)
            yield from deals.prices()
            yield from activities(company.activities, ids)
            yield from service(company, ids)


def store(org: Org, found: Iterable[Batch], tell: Callable[[str], None]) -> None:
    """Put records into the org, object by object."""
    for (name, new, _), group in groupby(found, key=lambda batch: (batch.name, batch.new, bool(batch.now))):
        tell(f"{org.object(name).label_plural.lower()} into the stand-in CRM")
        first = next(group)
        rows = chain.from_iterable(zip(*batch.columns.values(), strict=True) for batch in chain([first], group))
        if first.now:
            _replace(org, name, first)
        elif new:
            org.bulk_load(name, list(first.columns), rows, stored=True)
        else:
            key, *fields = first.columns
            settings = ", ".join(f"{quoted(field)} = ?{at}" for at, field in enumerate(fields, 2))
            org.db.executemany(f"UPDATE {quoted(name)} SET {settings} WHERE {quoted(key)} = ?1", rows)


def _replace(org: Org, name: str, batch: Batch) -> None:
    """Put other values in place of those that a column has, in the order of rows and without its index."""
    [(field, before)] = batch.columns.items()
    table, column = quoted(name), quoted(field)
    index = org.rows("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND name = ?", f"{name}.{field}")
    for one, _ in index:
        org.db.execute(f"DROP INDEX {quoted(one)}")
    values = json.dumps(dict(zip(map(str, before), batch.now, strict=True)))
    org.db.execute("CREATE TEMP TABLE became AS SELECT key, value FROM json_each(?)", (values,))
    org.db.execute("CREATE INDEX temp.became_key ON became (key, value)")
    org.db.execute(f"UPDATE {table} SET {column} = (SELECT value FROM became WHERE key = {column})")
    org.db.execute("DROP TABLE temp.became")
    for _, sql in index:
        org.db.execute(sql)


def finish(org: Org, following: int, leased: int) -> None:
    """Let the org go on counting where the company's records end."""
    org.set_setting("number.Case", org.rows('SELECT COUNT(*) FROM "Case"')[0][0])
    org.numbers.go_on(following, leased)

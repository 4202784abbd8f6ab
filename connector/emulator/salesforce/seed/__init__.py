"""The invented company as Salesforce records: what its admin set up, and what people and links then filled in.

An empty org and a `Company` come in; custom fields, currencies and the records of every table go into the org,
numbered in the company's order, and the ids leave by table. Reading order: `setup` (the admin's fields), `rows` (how
records are made), `firms`, `deals`, `touch` (tables, a line for each field), `records` (all of them, and how they are
stored), `passing` (the same in two processes). Next room: `soql` reads them.
"""

from collections.abc import Callable

from connector.emulator.company import STEPS
from connector.emulator.company.model import Company
from connector.emulator.salesforce.org.ids import INSTANCE, series
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.seed.deals import STAGES
from connector.emulator.salesforce.seed.passing import invent, receive
from connector.emulator.salesforce.seed.records import finish, records, store
from connector.emulator.salesforce.seed.rows import PREFIXES, Ids
from connector.emulator.salesforce.seed.setup import FIELDS, facts, set_up

__all__ = ["FIELDS", "STAGES", "invent", "receive", "seed"]


def seed(org: Org, company: Company, tell: Callable[[str], None] = lambda _: None) -> dict[str, list[str]]:
    """Fill an empty org with the company; the ids come back by the company's table names, in row order."""
    with org.transaction():
        set_up(org, company.products)
        ids = Ids(facts(org))
        store(org, records(company, ids, STEPS), tell)
        finish(org, ids.numbers.next, ids.numbers.leased)
    found = {
        table: list(series(prefix, INSTANCE, ids.first[table], len(getattr(company, table))))
        for table, prefix in PREFIXES.items()
    }
    first, count = ids.first["activities"], len(company.activities)
    tasks, events = (series(prefix, INSTANCE, first, count) for prefix in ("00T", "00U"))
    found["activities"] = [
        event if one.kind == "meeting" else task
        for one, task, event in zip(company.activities, tasks, events, strict=True)
    ]
    return found

"""The invented company as Dynamics 365 rows: what its admin set up, and what people and links then filled in.

An empty org and a `Company` come in; the rows of every table go into the org, numbered in the company's order, and the
ids leave by the company's table names. Reading order: `rows` (how rows are made), `setup` (the admin's columns),
`firms`, `deals`, `touch` (tables, a line for each column). Next room: `read`, which answers from them.
"""

from collections.abc import Callable

from connector.emulator.company.model import Company
from connector.emulator.dynamics.org.records import Org
from connector.emulator.dynamics.seed import deals, firms, touch
from connector.emulator.dynamics.seed.rows import Ids
from connector.emulator.dynamics.seed.setup import set_up


def seed(org: Org, company: Company, tell: Callable[[str], None] = lambda _: None) -> dict[str, list[str]]:
    """Fill an empty org with the company; the ids come back by the company's table names, in row order."""
    with org.transaction():
        set_up(org, company)
        ids = Ids(org, company)
        tell("people, products and firms into the stand-in CRM")
        firms.currencies(org, company, ids)
        firms.sellers(org, company, ids)
        firms.customers(org, company, ids)
        tell("deals into the stand-in CRM")
        deals.opportunities(org, company, ids)
        deals.stakeholders(org, company, ids)
        tell("activities into the stand-in CRM")
        ids.tables["activities"] = touch.activities(org, company, ids)
        firms.service(org, company, ids)
    return ids.tables

"""How the company's rows become rows of Dynamics 365: their ids, and columns that many tables have.

An org, a `Company` and a maker per column come in; rows are loaded. Next room: `setup`.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import TypeVar

from connector.emulator.company.firms import Exchange
from connector.emulator.company.model import Company
from connector.emulator.dynamics.org.records import Org

T = TypeVar("T")
Link = tuple[str, str] | None
"""A lookup's value: logical name of the table, and the id."""

_TABLES = {
    "users": "systemuser",
    "products": "product",
    "accounts": "account",
    "contacts": "contact",
    "opportunities": "opportunity",
    "lines": "opportunityproduct",
    "contact_roles": "connection",
    "cases": "incident",
    "assets": "msdyn_customerasset",
}


class Ids:
    """Ids of the company's rows, by table and row number, and of the rows that only Dynamics has."""

    def __init__(self, org: Org, company: Company) -> None:
        self.tables = {mine: [org.new_guid(its) for _ in getattr(company, mine)] for mine, its in _TABLES.items()}
        self.families = {
            family: org.new_guid("product") for family in dict.fromkeys(p.family for p in company.products)
        }
        self.roles = {
            role: org.new_guid("connectionrole") for role in dict.fromkeys(r.role for r in company.contact_roles)
        }
        self.exchange = Exchange(company.rates)
        self.currencies: dict[str, str] = {}

    def of(self, table: str, no: int | None) -> str | None:
        """The id of row `no`; nothing for nothing."""
        return None if no is None else self.tables[table][no - 1]

    def link(self, table: str, no: int | None) -> Link:
        """Row `no` as the value of a lookup that may point at several tables."""
        return None if no is None else (_TABLES[table], self.tables[table][no - 1])


def load_rows(org: Org, name: str, rows: Iterable[T], columns: Mapping[str, Callable[[T], object]]) -> None:
    """Load one row per row; a column is worked out by the function beside its name."""
    makers = list(columns.values())
    org.bulk_load(name, list(columns), ([make(row) for make in makers] for row in rows))


def moment(at: datetime) -> str:
    """A moment of the company, which keeps UTC and whole seconds, as rows hold it."""
    return f"{at.isoformat()[:19]}Z"


def stamps(created: Callable[[T], datetime], modified: Callable[[T], datetime]) -> dict[str, Callable[[T], object]]:
    """When rows were made and last changed."""
    return {"createdon": lambda row: moment(created(row)), "modifiedon": lambda row: moment(modified(row))}


def state(code: int, reason: int) -> dict[str, Callable[[T], object]]:
    """The same state and reason for all rows."""
    return {"statecode": lambda row: code, "statuscode": lambda row: reason}


def priced(ids: Ids, currency: Callable[[T], str], day: Callable[[T], date]) -> dict[str, Callable[[T], object]]:
    """The currency of a row, and the rate that was captured when it was saved."""
    return {
        "transactioncurrencyid": lambda row: ids.currencies[currency(row)],
        "exchangerate": lambda row: ids.exchange.rate(currency(row), day(row)),
    }

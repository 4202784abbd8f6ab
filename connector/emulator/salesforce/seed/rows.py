"""How rows of the company become columns of records: ids, days, moments; many rows at once, as that is quicker.

Rows and the org's facts come in; columns leave, in the form in which the org stores them. Next room: `firms`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, NamedTuple, TypeAlias, TypeVar

from connector.emulator.salesforce.org.ids import INSTANCE, Numbers, compose, series
from connector.emulator.salesforce.seed.setup import Facts

T = TypeVar("T")
Column: TypeAlias = Iterable[object]
Columns: TypeAlias = Mapping[str, Column]
_MANY = 5_000  # rows that are made at once

PREFIXES = {
    "users": "005",
    "products": "01t",
    "accounts": "001",
    "contacts": "003",
    "opportunities": "006",
    "lines": "00k",
    "contact_roles": "00K",
    "cases": "500",
    "assets": "02i",
}
"""How the ids of each table's records begin, in the order in which they are numbered."""


class Batch(NamedTuple):
    """Some records of an object; or with `now` other values for those in one column; or not `new`, changes by Id."""

    name: str
    columns: dict[str, Sequence[object]]
    now: Sequence[object] = ()
    new: bool = True


class Ids:
    """Ids of the company's rows, by table and row number: as many as were taken, in the order in which they were."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.numbers = Numbers(*facts.numbers, lambda _: None)
        self.first: dict[str, int] = {}
        self.tables: dict[str, list[str]] = {}  # of those that others point at

    def begin(self, table: str) -> None:
        """From here on the numbers belong to this table."""
        self.first[table] = self.numbers.next

    def more(self, table: str, rows: Sequence[Any]) -> list[str]:
        """Ids of rows that follow each other."""
        if not rows:
            return []
        return list(series(PREFIXES[table], INSTANCE, self.first[table] + rows[0].no - 1, len(rows)))

    def pointed_at(self, table: str, rows: Sequence[Any]) -> list[str]:
        """The same, kept for those that point at them."""
        ids = self.more(table, rows)
        self.tables.setdefault(table, []).extend(ids)
        return ids

    def take(self, table: str, count: int) -> None:
        """Give a table its numbers."""
        self.begin(table)
        self.numbers.take(count)

    def of(self, table: str, numbers: Iterable[int | None]) -> list[str | None]:
        """Ids of the rows with these numbers; nothing for nothing."""
        ids = self.tables[table]
        return [ids[no - 1] if no else None for no in numbers]

    def one_by_one(self, name: str, count: int) -> list[str]:
        """Ids of records that the company does not number itself."""
        return [compose(self.facts.prefixes[name], INSTANCE, self.numbers.take()) for _ in range(count)]


def batches(name: str, rows: Iterable[T], made: Callable[[list[T]], Columns]) -> Iterator[Batch]:
    """Records of an object in parts of a size that is quick to make and to pass on."""
    rows = iter(rows)
    while part := list(islice(rows, _MANY)):
        columns = made(part).items()
        yield Batch(name, {key: one if isinstance(one, list | tuple) else list(one) for key, one in columns})


def turned(rows: Sequence[Any]) -> Any:
    """Rows as one row of columns."""
    return type(rows[0])._make(zip(*rows, strict=True))


def days(values: Iterable[date | None]) -> list[str | None]:
    """Days as records hold them."""
    return [value.isoformat() if value else None for value in values]


def moments(values: Iterable[datetime | None]) -> list[str | None]:
    """Moments in UTC and whole seconds, as all of the company's are."""
    return [value.isoformat()[:19] + ".000+0000" if value else None for value in values]


def stamps(created: Column, modified: Column) -> Columns:
    """When records were made and last changed; two of the three stamps are alike."""
    return {"CreatedDate": created, "LastModifiedDate": modified, "SystemModstamp": modified}


def same(value: object, rows: Sequence[object]) -> list[object]:
    """One value for all rows."""
    return [value] * len(rows)

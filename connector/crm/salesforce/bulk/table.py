"""CSV of a job's results to the same raw values that REST gives: booleans, numbers, nulls.

A checked page comes in; rows in the order of the fields asked for leave, a few thousand at a time. Next room: `query`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import IO, Any

from connector.crm.protocol import RecordFact, Rows
from connector.crm.salesforce.bulk.cuts import Columns, columns
from connector.crm.salesforce.parts import STAMP

Make = Callable[[Sequence[str]], Sequence[Any]]


@dataclass(frozen=True)
class Found:
    """Some records of a job's results: rows, ids of the deleted, ids of all, and the newest stamp."""

    rows: Sequence[tuple[Any, ...]]
    deleted: list[str]
    ids: Sequence[str]
    newest: str


def _texts(values: Sequence[str]) -> Sequence[Any]:
    return [v or None for v in values] if "" in values else values


def _flags(values: Sequence[str]) -> Sequence[Any]:
    return [v == "true" if v else None for v in values]


def _ints(values: Sequence[str]) -> Sequence[Any]:
    return [int(v) if v else None for v in values]


def _numbers(values: Sequence[str]) -> Sequence[Any]:
    return [float(v) if v else None for v in values]


def _instants(values: Sequence[str]) -> Sequence[Any]:
    # REST writes the same instant with an offset, and what is written is compared with what was read
    text = "\n".join(values)
    if text.count("Z\n") + text.endswith("Z") == len(values):
        return f"{text}\n".replace("Z\n", "+0000\n").split("\n")[:-1]
    return [v[:-1] + "+0000" if v[-1:] == "Z" else v or None for v in values]


_MAKERS: dict[str, Make] = {
    "boolean": _flags,
    "int": _ints,
    "double": _numbers,
    "currency": _numbers,
    "percent": _numbers,
    "datetime": _instants,
}


class Table:
    """How pages of one query become rows: `names` are the columns as selected, `paths` the values of a row in order."""

    def __init__(self, names: Sequence[str], paths: Sequence[str], types: Sequence[str]) -> None:
        self.names = tuple(names)
        self._makers = [_MAKERS.get(kind, _texts) for kind in types]
        self._order = [self.names.index(path) for path in paths]
        self._id, self._stamp = self.names.index("Id"), self._place(STAMP)
        self._gone = self._place("IsDeleted")

    def _place(self, name: str) -> int | None:
        return self.names.index(name) if name in self.names else None

    def read(self, file: IO[bytes]) -> Iterator[Found]:
        """Rows of one page; a page whose lines don't fit its header raises ValueError."""
        file.seek(0)
        yield from map(self._found, columns(file))

    def _found(self, given: Columns) -> Found:
        if len(given) != len(self.names):
            raise ValueError(f"{len(given)} columns instead of {len(self.names)}")
        ids = given[self._id]
        newest = max(given[self._stamp]) if self._stamp is not None else ""
        gone = _flags(given[self._gone]) if self._gone is not None and "true" in given[self._gone] else None
        made = Rows([self._makers[place](given[place]) for place in self._order])
        if gone is None:
            return Found(made, [], ids, newest)
        return Found(list(compress(made, [not g for g in gone])), list(compress(ids, gone)), ids, newest)


def types(describe: Callable[[str], RecordFact | None], record: str, names: Sequence[str]) -> list[str]:
    """The org's word for the type of each column; a lookup's path is followed to the field at its end."""
    return [_type(describe, record, name.split(".")) for name in names]


def _type(describe: Callable[[str], RecordFact | None], record: str, steps: list[str]) -> str:
    fact = describe(record)
    if fact is None:
        return ""
    if len(steps) == 1:
        field = next((f for n, f in fact.fields.items() if n.lower() == steps[0].lower()), None)
        return field.type if field else ""
    way = next((f for f in fact.fields.values() if (f.relationship_name or "").lower() == steps[0].lower()), None)
    return _type(describe, way.reference_to[0], steps[1:]) if way and way.reference_to else ""

"""What of a table is asked for, and how a page of it becomes rows: a whole column at a time.

A description and field paths come in; a Plan that makes addresses and rows leaves. Next room: back to `read`.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import itemgetter
from typing import Any

import orjson

from connector.crm.dynamics.describe import CHOICES, TableFact
from connector.crm.dynamics.login import escaped
from connector.errors import nearest

STAMP, VERSION = "modifiedon", "versionnumber"
SMALL = "transactioncurrency"  # a few rows that half of all tables point at: read once rather than joined each time
FORMATTED = "OData.Community.Display.V1.FormattedValue"
TARGET = "Microsoft.Dynamics.CRM.lookuplogicalname"

Record = dict[str, Any]
Small = Callable[[str], Mapping[Any, Any]]


@dataclass(frozen=True)
class Column:
    """How one field of a row is found: its key on the wire, and what is done with the value.

    `labels`: of a choice, by number. `formatted`: the name behind a lookup. `target`: only when it points at this
    table. `inner`: the way through a record that was joined. `small`: a column of the small table it points at.
    """

    key: str
    labels: Mapping[int, str] | None = None
    several: bool = False
    formatted: bool = False
    target: str = ""
    inner: tuple[str, ...] = ()
    small: str = ""

    @property
    def annotations(self) -> set[str]:
        """Annotations without which this column can't be told."""
        return ({FORMATTED} if self.formatted else set()) | ({TARGET} if self.target else set())


@dataclass(frozen=True)
class Plan:
    """One read worked out: what to ask for, how rows are made, and what the cursor belongs to.

    `stamp` is the column that tells what changed, empty where a table has none; `tracked`: Dataverse itself tells.
    """

    record: str
    set_name: str
    key: str
    columns: tuple[Column, ...]
    paths: tuple[str, ...]
    where: str | None
    tracked: bool
    stamp: str

    @property
    def asked(self) -> str:
        """Mark of what was asked for: a cursor of another mapping doesn't count, so that new fields get filled.

        Labels belong to it: a record whose choice was given another name has not changed itself.
        """
        labels = [sorted((c.labels or {}).items()) for c in self.columns]
        return hashlib.sha256(orjson.dumps([self.record, self.paths, self.where, labels])).hexdigest()[:12]

    @property
    def prefer(self) -> tuple[str, ...]:
        """Preferences: the annotations that some column needs, and no others."""
        wanted = sorted(set[str]().union(*(c.annotations for c in self.columns)))
        return (f'odata.include-annotations="{",".join(wanted)}"',) if wanted else ()

    def address(self, bounds: Iterable[str] = ()) -> str:
        """Address of the first page of the records that meet `where` and some bounds."""
        stamp = () if self.tracked or not self.stamp else (self.stamp,)
        select = dict.fromkeys((self.key, *stamp, *(c.key for c in self.columns if not c.inner)))
        asked = [f"$select={','.join(select)}"]
        if joined := _expand([(c.key, *c.inner) for c in self.columns if c.inner]):
            asked.append(f"$expand={joined}")
        deep = any(len(c.inner) > 1 for c in self.columns)
        return f"{self.set_name}?{'&'.join([*asked, *self._which(bounds, ordered=not deep)])}"

    def keys(self) -> str:
        """Address of the ids of all records that meet `where`."""
        return f"{self.set_name}?{'&'.join([f'$select={self.key}', *self._which((), ordered=True)])}"

    def _which(self, bounds: Iterable[str], *, ordered: bool) -> list[str]:
        if self.tracked:
            return []  # change tracking takes neither filter nor order
        where = [*bounds, *([f"({self.where})"] if self.where else [])]
        made = [f"$filter={escaped(' and '.join(where))}"] if where else []
        return [*made, *([f"$orderby={self.key}"] if ordered else [])]


def columns_of(fact: TableFact, paths: Sequence[str]) -> tuple[list[Column], list[str], list[str]]:
    """Columns of these paths, the paths as Dataverse spells them, and every complaint about those it has not."""
    made, spelt, complaints = [], [], []
    for path in paths:
        found = _column(fact, path)
        if found is None:
            first, dot, _ = path.partition(".")
            ways = [f.relationship_name for f in fact.fields.values() if f.relationship_name]
            near = nearest(first if dot else path, ways if dot else list(fact.fields))
            complaints.append(
                f'{fact.name} has no column "{path}", or column security hides it.{near} Correct the mapping, then '
                "run: kam check"
            )
            continue
        made.append(found[0])
        spelt.append(found[1])
    return made, spelt, complaints


def row_maker(columns: Sequence[Column], small: Small) -> Callable[[list[Record]], list[tuple[Any, ...]]]:
    """A function that turns a page of records into tuples; `small` gives a column of the small table by id."""
    if not columns:
        return lambda page: [()] * len(page)
    changes = {place: change for place, c in enumerate(columns) if (change := _change(c, small)) is not None}
    # what was changed stands in the record beside what came: several columns may be of one value
    pick: Callable[[Record], Any] = itemgetter(*(str(n) if n in changes else c.key for n, c in enumerate(columns)))
    take = pick if len(columns) > 1 else lambda record: (pick(record),)

    def rows(page: list[Record]) -> list[tuple[Any, ...]]:
        for place, change in changes.items():
            made = change(list(map(itemgetter(columns[place].key), page)), page)
            slot = str(place)
            for record, value in zip(page, made, strict=True):
                record[slot] = value
        return list(map(take, page))

    return rows


class _Labels(dict[Any, Any]):
    """Labels by what is on the wire; a number without a label stays a number, and several numbers are joined."""

    def __init__(self, labels: Mapping[int, str], several: bool) -> None:
        super().__init__(((None, None), *labels.items()))
        self._several = several

    def __missing__(self, key: Any) -> Any:
        if self._several and isinstance(key, str):
            self[key] = ";".join(str(self[int(n)]) for n in key.split(",") if n.strip()) or None
        else:
            self[key] = str(key)
        return self[key]


def _change(column: Column, small: Small) -> Callable[[Sequence[Any], list[Record]], Sequence[Any]] | None:
    """What is done with a column of values, given the records they are from; None when they stay as they are."""
    if column.inner:
        steps, labels = column.inner, None if column.labels is None else _Labels(column.labels, column.several)

        def walk(values: Sequence[Any], page: list[Record]) -> Sequence[Any]:
            for step in steps:
                values = [None if v is None else v[step] for v in values]
            return values if labels is None else [labels[v] for v in values]

        return walk
    if column.small:
        known = dict(small(column.small))
        return lambda values, page: list(map(known.get, values))
    if column.labels is not None:
        found = _Labels(column.labels, column.several)
        return lambda values, page: list(map(found.__getitem__, values))
    if column.target or column.formatted:
        return _annotated(column)
    return None


def _annotated(column: Column) -> Callable[[Sequence[Any], list[Record]], Sequence[Any]]:
    """A lookup's id or name, when it points at the right table; annotations of empty lookups are left out."""
    name, kind, target = f"{column.key}@{FORMATTED}", f"{column.key}@{TARGET}", column.target

    def change(values: Sequence[Any], page: list[Record]) -> Sequence[Any]:
        if column.formatted:
            values = [record.get(name) for record in page]
        if not target:
            return values
        kinds = map(dict.get, page, repeat(kind))
        return [value if found == target else None for value, found in zip(values, kinds, strict=True)]

    return change


def _column(fact: TableFact, path: str) -> tuple[Column, str] | None:
    """A path's column and its spelling; None when a part of it isn't there."""
    known = {name.lower(): name for name in fact.fields}
    if real := known.get(path.lower()):
        return _own(fact, real), real
    first, _, rest = path.partition(".")
    way = next((f for f in fact.fields.values() if (f.relationship_name or "").lower() == first.lower()), None)
    if not rest or way is None or not way.reference_to:
        return None
    target = fact.look(way.reference_to[0])
    found = _column(target, rest) if target else None
    if target is None or found is None:
        return None
    inner, spelt = found
    spelt = f"{way.relationship_name}.{spelt}"
    own = _own(fact, way.name)
    if rest.lower() == target.primary_name:
        return Column(own.key, formatted=True, target=own.target), spelt
    if target.name == SMALL and not inner.inner and not inner.target:
        return Column(own.key, small=target_field(target, rest)), spelt
    if inner.target or inner.formatted or inner.small:
        return None  # annotations and the small table are of this table's own lookups only
    return Column(
        str(way.relationship_name), labels=inner.labels, several=inner.several, inner=(inner.key, *inner.inner)
    ), spelt


def target_field(target: TableFact, name: str) -> str:
    """A field of a table as Dataverse spells it."""
    return next(known for known in target.fields if known.lower() == name.lower())


def _own(fact: TableFact, name: str) -> Column:
    """The column of a table's own field."""
    base = fact.base.get(name, name)
    field = fact.fields[name]
    if fact.fields[base].type == "lookup":
        return Column(f"_{base}_value", target=field.reference_to[0] if base != name else "")
    if field.type in CHOICES:
        return Column(base, labels=fact.labels.get(base, {}), several=field.type == "multiselect")
    return Column(base)


def _expand(ways: Iterable[Sequence[str]]) -> str:
    """The `$expand` for ways through lookups, each ending in a column."""
    below: dict[str, list[Sequence[str]]] = {}
    for first, *rest in ways:
        below.setdefault(first, []).append(rest)
    made = []
    for way, rests in below.items():
        select = dict.fromkeys(rest[0] for rest in rests if len(rest) == 1)
        deeper = _expand([rest for rest in rests if len(rest) > 1])
        inside = [f"$select={','.join(select)}"] if select else []
        made.append(f"{way}({';'.join([*inside, *([f'$expand={deeper}'] if deeper else [])])})")
    return ",".join(made)

"""Rows inside rows: what `$expand` adds to a page, one query for each navigation property.

A page and its expands come in; the texts of its rows with the rows they lead to leave. Next room: `paging`.
"""

from collections import defaultdict
from dataclasses import dataclass

import orjson

from connector.emulator.dynamics.odata.names import bad_query
from connector.emulator.dynamics.odata.options import Expand, Options
from connector.emulator.dynamics.odata.rows.links import child_link
from connector.emulator.dynamics.odata.rows.paging import cookie, skiptoken
from connector.emulator.dynamics.odata.rows.reads import Found, Reading
from connector.emulator.dynamics.odata.scope import between, kind_sql, quoted
from connector.emulator.dynamics.org.model import Relationship, Table

MOST_CHILDREN = 5000
_ONLY = (
    "Only $select and $filter clause can be provided while doing $expand on many-to-one relationship or nested "
    "one-to-many relationship."
)


@dataclass(frozen=True)
class Nesting:
    """What all expands of one request share: the address links begin with, and the page size when they are nested."""

    root: str
    nested: bool
    page: int | None


class Expander:
    """The expands of one reading; made before it runs, because it needs columns of its rows."""

    def __init__(self, reading: Reading, nesting: Nesting) -> None:
        self.reading, self.nesting = reading, nesting
        self._steps: list[tuple[Expand, Relationship | None, Table, int]] = []
        for expand in reading.options.expand:
            self._prepare(expand)

    def _prepare(self, expand: Expand) -> None:
        reading = self.reading
        found = reading.org.lookup_of(reading.table, expand.nav)
        if found is None:
            relationship, child = reading.scope.children(reading.table, expand.nav)
            self._check_collection(expand, relationship)
            self._steps.append((expand, relationship, child, 0))
            return
        options = expand.options
        if options.orderby or options.top is not None:
            raise bad_query(_ONLY)
        column, target = found
        reading.scope.secure(reading.table, reading.scope.alias, column)
        at = 1 + len(reading.extra)
        reading.extra += [f"{reading.scope.alias}.{quoted(column.name)}", kind_sql(reading.scope.alias, column)]
        self._steps.append((expand, None, target, at))

    def _check_collection(self, expand: Expand, relationship: Relationship) -> None:
        if expand.reference:
            raise bad_query("Expand with $ref is only supported on lookup type navigation property.")
        if self.nesting.nested and (expand.options.orderby or expand.options.top is not None):
            raise bad_query(_ONLY)
        if self.nesting.nested and relationship.kind == "ManyToMany":
            raise bad_query(
                f"Expanding the many-to-many relationship '{expand.nav}' is not supported beside nested $expand."
            )

    def add(self, found: Found) -> list[str]:
        """The texts of the rows found, with what they expand to."""
        texts = found.texts
        for expand, relationship, target, at in self._steps:
            if not texts:
                break
            if relationship is not None:
                inside = self._collection(expand, relationship, target, found)
            else:
                inside = [f'"{expand.nav}":{text}' for text in self._single(expand, target, found, at)]
            texts = [f"{text[:-1]},{more}}}" for text, more in zip(texts, inside, strict=True)]
        return texts

    def _read(self, target: Table, options: Options, **more: object) -> tuple[Reading, "Expander"]:
        reading = Reading(self.reading.org, self.reading.user_id, target, options, self.reading.wanted)
        for name, value in more.items():
            setattr(reading, name, value)
        return reading, Expander(reading, self.nesting)

    def _single(self, expand: Expand, target: Table, found: Found, at: int) -> list[str]:
        ids = {row[at] for row in found.rows if row[at] is not None and row[at + 1] == target.name}
        if expand.reference:
            root = self.nesting.root
            made = {one: f'{{"@odata.id":"{root}{target.set_name}({one})"}}' for one in ids}
        else:
            reading, expander = self._read(target, expand.options, etag=False)
            reading.conditions.append(f"{reading.key} IN (SELECT value FROM json_each({_ids(reading, ids)}))")
            rows = reading.run(len(ids))
            made = dict(zip([row[0] for row in rows.rows], expander.add(rows), strict=True))
        return [made.get(row[at], "null") if row[at + 1] == target.name else "null" for row in found.rows]

    def _collection(self, expand: Expand, relationship: Relationship, child: Table, found: Found) -> list[str]:
        parent, nav = self.reading.table, expand.nav
        back = child.columns.get(relationship.column)
        reading, expander = self._read(child, expand.options, back=back, etag=True)
        ids = _ids(reading, {row[0] for row in found.rows})
        if back is not None:
            owner = f"{reading.scope.alias}.{quoted(back.name)}"
            if back.many_targets:
                reading.conditions.append(f"{kind_sql(reading.scope.alias, back)} = '{parent.name}'")
        else:
            owner = self._through(reading, relationship, parent, nav)
        reading.conditions.append(f"{owner} IN (SELECT value FROM json_each({ids}))")
        reading.extra.append(owner)
        place = len(reading.extra)
        rows = reading.run(MOST_CHILDREN * len(found.rows), first=[owner])
        by_parent: dict[str, list[int]] = defaultdict(list)
        for number, row in enumerate(rows.rows):
            by_parent[row[place]].append(number)
        texts = expander.add(rows)
        made = []
        for row in found.rows:
            numbers = by_parent.get(row[0], [])
            size = self._size(expand.options)
            shown = numbers[:size]
            link = self._link(expand, row[0], reading, rows, shown, more=len(numbers) > size)
            made.append(f'"{nav}":[{",".join(texts[n] for n in shown)}]{link}')
        return made

    def _size(self, options: Options) -> int:
        if self.nesting.nested:
            return self.nesting.page or MOST_CHILDREN
        return min(MOST_CHILDREN, MOST_CHILDREN if options.top is None else options.top)

    @staticmethod
    def _through(reading: Reading, relationship: Relationship, parent: Table, nav: str) -> str:
        """Join the table between, of a many-to-many relationship, and name the column with the parent's id."""
        mine, theirs = between(reading.org, relationship, parent, nav)
        link = reading.statement.alias()
        reading.scope.joins.append(
            f"JOIN {quoted(relationship.intersect)} AS {link} ON {link}.{quoted(theirs)} = {reading.key}"
        )
        return f"{link}.{quoted(mine)}"

    def _link(self, expand: Expand, owner: str, reading: Reading, rows: Found, shown: list[int], *, more: bool) -> str:
        """The link beside a collection; it pages only where pages are cut, beside a nested expand."""
        if self.nesting.nested and not more:
            return ""
        token = ""
        if self.nesting.nested:
            first, last = reading.ends([rows.rows[shown[0]], rows.rows[shown[-1]]])
            token = skiptoken(cookie(reading.orders, first, last, 1, len(shown)), 2)
        address = child_link(self.nesting.root, self.reading.table.set_name, owner, expand, token)
        return f',"{expand.nav}@odata.nextLink":{orjson.dumps(address).decode()}'


def _ids(reading: Reading, ids: set[str]) -> str:
    return reading.statement.bind(orjson.dumps(sorted(ids)).decode())

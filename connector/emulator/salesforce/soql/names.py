"""Names to tables and columns: which object a FROM means, which column a path means, and whether this user may see it.

In: paths from the tree, the org's objects and the user's rights; out: SQL for columns, and the joins they need. A
field that the user may not read is reported exactly like one that is not there. Next room: `terms`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

from connector.emulator.salesforce.org.catalogue import quoted
from connector.emulator.salesforce.org.model import Field, ObjectType
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.soql.tree import Path, Source, Text

MOST_LEVELS, MOST_RELATIONSHIPS = 5, 55
_OF_NAME = (
    "Id", "Name", "Type", "Alias", "Email", "FirstName", "LastName", "Phone", "Title", "Username", "IsActive",
    "ProfileId", "UserRoleId",
)  # fmt: skip
_ADVICE = (
    " If you are attempting to use a custom {0}, be sure to append the '{1}' after the {2} name. Please reference your"
    " WSDL or the describe call for the appropriate names."
)


@dataclass
class Statement:
    """One SQL statement while it is written: who asks, what for, and the values bound so far."""

    org: Org
    user_id: str
    text: Text
    now: datetime
    include_deleted: bool
    version: str
    values: list[object] = field(default_factory=list)
    tables: int = 0

    def bind(self, value: object) -> str:
        """Bind a value; gives the mark that stands for it in the SQL."""
        self.values.append(value)
        return f"?{len(self.values)}"

    def table(self) -> str:
        """Give the next free table alias."""
        self.tables += 1
        return f"t{self.tables}"

    def readable(self, kind: ObjectType) -> frozenset[str]:
        """List the fields of an object that the user may read."""
        return self.org.readable(self.user_id, kind.name)

    def alive(self, kind: ObjectType, table: str) -> list[str]:
        """Give the conditions that keep deleted and archived rows out, none for a query that asks for them."""
        if self.include_deleted:
            return []
        hiding = ["IsDeleted"] if kind.field("IsDeleted") else []
        if kind.name in ("Task", "Event") and kind.field("IsArchived"):
            hiding.append("IsArchived")
        return [f'{table}."{name}" = 0' for name in hiding]

    def find(self, path: Path) -> ObjectType:
        """Find the object that a FROM or a TYPEOF names."""
        kind = self.org.objects.get(path.text.lower())
        if kind is None or not self.readable(kind):
            advice = _ADVICE.format("object", "__c", "entity")
            self.text.refuse(path.place, "INVALID_TYPE", f"sObject type '{path.text}' is not supported.{advice}")
        return kind


@dataclass(frozen=True)
class Node:
    """One table of a query: the FROM object or a parent; `kind` is None where the parent may be of several kinds."""

    table: str
    kind: ObjectType | None
    path: tuple[str, ...]
    id_sql: str
    targets: tuple[ObjectType, ...] = ()

    @property
    def name(self) -> str:
        """Give the name under which messages speak of it."""
        return self.kind.name if self.kind else "Name"


@dataclass(frozen=True)
class Column:
    """A column that a path led to."""

    sql: str
    field: Field
    node: Node

    @property
    def path(self) -> str:
        """Give the path in the org's own spelling."""
        return ".".join((*self.node.path, self.field.name))


class Scope:
    """The tables that one FROM opens, growing by a join for every parent that a path goes through."""

    def __init__(self, statement: Statement, kind: ObjectType, source: Source) -> None:
        table = statement.table()
        self.statement, self.kind = statement, kind
        self.root = Node(table, kind, (), f'{table}."Id"')
        self.joins: list[str] = []
        self.nodes: dict[tuple[str, ...], Node] = {}
        self._columns: dict[tuple[str, ...], Column] = {}
        self._prefixes: dict[str, tuple[str, ...]] = {kind.name.lower(): (), source.path.names[-1].lower(): ()}
        if source.alias:
            self._prefixes[source.alias.lower()] = ()

    def also(self, source: Source) -> None:
        """Take a further FROM entry, such as `c.Account a`: an alias for a path."""
        names = self._stripped(source.path)
        self._node(names, source.path)
        self._prefixes[(source.alias or names[-1]).lower()] = names

    def column(self, path: Path) -> Column:
        """Find the column that a path means; the same path gives the same column, so that groups can be recognised."""
        names = self._stripped(path)
        key = tuple(name.lower() for name in names)
        if key not in self._columns:
            node = self._node(names[:-1], path)
            found = self._shared(node, names[-1]) if node.kind is None else self._own(node, node.kind, names[-1])
            self._columns[key] = found or self.missing(path, names[-1], node.name)
        return self._columns[key]

    def node(self, path: Path) -> tuple[Node, Field]:
        """Find the parent that a whole path means, as TYPEOF names it, and the reference that leads there."""
        names = self._stripped(path)
        before = self._node(names[:-1], path)
        if before.kind is None:
            return self._unknown(path, names[-1])
        return self._node(names, path), self._reference(before.kind, names[-1], path)

    def within(self, node: Node, kind: ObjectType, name: str, reference_sql: str) -> str:
        """Give one column of one of the kinds that a reference may point at, as a query inside the query."""
        table = self.statement.table()
        conditions = [f'{table}."Id" = {reference_sql}', *self.statement.alive(kind, table)]
        value = f"{table}.{quoted(name)}"
        return f"(SELECT {value} FROM {quoted(kind.name)} AS {table} WHERE {' AND '.join(conditions)})"

    def by_kind(self, reference_sql: str, values: Mapping[str, str]) -> str:
        """Choose among SQL values by the kind of record that a reference points at."""
        cases = "".join(
            f" WHEN {self.statement.bind(prefix)} THEN {value}" for prefix, value in values.items() if value != "NULL"
        )
        return f"CASE substr({reference_sql}, 1, 3){cases} END" if cases else "NULL"

    def type_of(self, node: Node) -> str:
        """Give the SQL of the name of the object that a reference of several kinds points at."""
        return self.by_kind(node.id_sql, {k.key_prefix or "": self.statement.bind(k.name) for k in node.targets})

    def missing(self, path: Path, name: str, entity: str) -> NoReturn:
        """Refuse a field that is not there, or not there for this user."""
        message = f"No such column '{name}' on entity '{entity}'." + _ADVICE.format("field", "__c", "custom field")
        self.statement.text.refuse(path.place, "INVALID_FIELD", message)

    def _stripped(self, path: Path) -> tuple[str, ...]:
        first = path.names[0].lower()
        if len(path.names) > 1 and first in self._prefixes:
            return self._prefixes[first] + path.names[1:]
        return path.names

    def _own(self, node: Node, kind: ObjectType, name: str) -> Column | None:
        found = kind.field(name)
        if found is None or found.name not in self.statement.readable(kind):
            return None
        return Column(f"{node.table}.{quoted(found.name)}", found, node)

    def _shared(self, node: Node, name: str) -> Column | None:
        """Find a field that records of several kinds share, the way the org's own Name object has them."""
        canonical = next((known for known in _OF_NAME if known.lower() == name.lower()), None)
        if canonical is None:
            return None
        if canonical == "Type":
            return Column(self.type_of(node), Field("Type", "string", length=40), node)
        values, model = {}, None
        for kind, own in self._matching(node, canonical):
            model = model or own
            values[kind.key_prefix or ""] = self.within(node, kind, own.name, node.id_sql)
        shared = (model or Field(canonical, "string")).with_(
            name=canonical, filterable=True, sortable=True, picklist=()
        )
        return Column(node.id_sql if canonical == "Id" else self.by_kind(node.id_sql, values), shared, node)

    def _matching(self, node: Node, name: str) -> Iterator[tuple[ObjectType, Field]]:
        for kind in node.targets:
            own = kind.field(name)
            if own is None and name == "Name":
                own = next((f for f in kind.fields.values() if f.name_field), None)
            if own is not None and own.stored and own.name in self.statement.readable(kind):
                yield kind, own

    def _node(self, names: tuple[str, ...], path: Path) -> Node:
        if not names:
            return self.root
        key = tuple(name.lower() for name in names)
        if key not in self.nodes:
            if len(names) > MOST_LEVELS or len(self.nodes) >= MOST_RELATIONSHIPS:
                message = f"A path may go through {MOST_LEVELS} relationships, a query through {MOST_RELATIONSHIPS}."
                self.statement.text.refuse(path.place, "MALFORMED_QUERY", message)
            self.nodes[key] = self._joined(self._node(names[:-1], path), names[-1], path)
        return self.nodes[key]

    def _joined(self, parent: Node, name: str, path: Path) -> Node:
        if parent.kind is None:
            return self._unknown(path, name)
        reference = self._reference(parent.kind, name, path)
        objects = self.statement.org.objects
        kinds = tuple(objects[t.lower()] for t in reference.reference_to if t.lower() in objects)
        kinds = tuple(kind for kind in kinds if self.statement.readable(kind))
        label, sql = reference.relationship_name or name, f"{parent.table}.{quoted(reference.name)}"
        if len(reference.reference_to) > 1:
            alive = {k.key_prefix: self.within(parent, k, "Id", sql) for k in kinds if k.key_prefix}
            return Node(
                "", None, (*parent.path, label), self.by_kind(sql, alive), tuple(k for k in kinds if k.key_prefix)
            )
        if not kinds:
            return self._unknown(path, name)
        table = self.statement.table()
        on = " AND ".join([f'{table}."Id" = {sql}', *self.statement.alive(kinds[0], table)])
        self.joins.append(f"LEFT JOIN {quoted(kinds[0].name)} AS {table} ON {on}")
        return Node(table, kinds[0], (*parent.path, label), f'{table}."Id"')

    def _reference(self, kind: ObjectType, name: str, path: Path) -> Field:
        readable = self.statement.readable(kind)
        for candidate in kind.fields.values():
            if (candidate.relationship_name or "").lower() == name.lower() and candidate.name in readable:
                return candidate
        return self._unknown(path, name)

    def _unknown(self, path: Path, name: str) -> NoReturn:
        advice = _ADVICE.format("relationship", "__r", "custom relationship")
        message = f"Didn't understand relationship '{name}' in field path.{advice}"
        self.statement.text.refuse(path.place, "INVALID_FIELD", message)


def child(scope: Scope, source: Source) -> tuple[ObjectType, Field, str]:
    """Find the object, the reference and the canonical name of the list that a subquery's FROM means."""
    wanted = source.path.names[-1]
    for kind in scope.statement.org.objects.values():
        readable = scope.statement.readable(kind)
        for reference in kind.fields.values():
            name = _list_name(reference)
            known = name.lower() == wanted.lower() and scope.kind.name in reference.reference_to
            if known and reference.name in readable:
                return kind, reference, name
    advice = _ADVICE.format("relationship", "__r", "custom relationship")
    message = f"Didn't understand relationship '{wanted}' in FROM part of query call.{advice}"
    return scope.statement.text.refuse(source.path.place, "INVALID_TYPE", message)


def _list_name(reference: Field) -> str:
    """Give the name of the parent's list of children; metadata names those of custom fields without the __r."""
    name = reference.child_relationship or ""
    return name + "__r" if name and reference.custom and not name.endswith("__r") else name

"""One SQL statement while it is put together: its parameters, its tables and the joins that paths ask for.

An org, a user and a table come in; pieces of SQL leave. Next room: `filters`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakSet

from connector.emulator.dynamics.odata.names import bad_query, need_property
from connector.emulator.dynamics.odata.values import FOLD, LIKE, Value, fold, matches
from connector.emulator.dynamics.org.model import Column, Problem, Relationship, Table
from connector.emulator.dynamics.org.records import Org

_prepared: WeakSet[Org] = WeakSet()


def prepare(org: Org) -> None:
    """Give an org's connection the functions that queries call; once, because each time drops what it has prepared."""
    if org not in _prepared:
        org.db.create_function(FOLD, 1, fold, deterministic=True)
        org.db.create_function(LIKE, 2, matches, deterministic=True)
        _prepared.add(org)


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


class Statement:
    """What all scopes of one SQL statement share."""

    def __init__(self, org: Org, user_id: str) -> None:
        self.org, self.user_id = org, user_id
        self.params: dict[str, Value] = {}
        self._aliases = 0
        self._hidden: dict[str, frozenset[str]] = {}

    def bind(self, value: Value) -> str:
        """Add a parameter and give its name."""
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f":{name}"

    def alias(self) -> str:
        """A name for one more table."""
        self._aliases += 1
        return f"t{self._aliases}"

    def hidden(self, table: Table) -> frozenset[str]:
        """Secured columns of a table that the user may not read."""
        if table.name not in self._hidden:
            self._hidden[table.name] = self.org.unreadable(self.user_id, table.name)
        return self._hidden[table.name]


@dataclass(frozen=True)
class Term:
    """A column of a joined table, as SQL names it."""

    sql: str
    column: Column
    table: Table
    alias: str

    @property
    def kind_sql(self) -> str:
        """SQL for the logical name of the table that a lookup points at."""
        return kind_sql(self.alias, self.column)


def kind_sql(alias: str, column: Column) -> str:
    """SQL for the logical name of the table that a lookup points at."""
    return f"{alias}.{quoted(column.name + '.type')}" if column.many_targets else f"'{column.targets[0]}'"


class Scope:
    """A table of the statement with what is joined to it; paths that begin alike share their joins."""

    def __init__(self, statement: Statement, table: Table) -> None:
        self.statement, self.table = statement, table
        self.alias = statement.alias()
        self.joins: list[str] = []
        self._followed: dict[tuple[str, ...], tuple[Table, str]] = {(): (table, self.alias)}

    @property
    def source(self) -> str:
        """What stands behind FROM."""
        return " ".join([f"{quoted(self.table.name)} AS {self.alias}", *self.joins])

    def follow(self, path: Sequence[str]) -> tuple[Table, str]:
        """The table at the end of single-valued navigation properties, joined, and its alias."""
        known = self._followed.get(tuple(path))
        if known is not None:
            return known
        table, alias = self.follow(path[:-1])
        found = self.statement.org.lookup_of(table, path[-1])
        if found is None:
            raise bad_query(
                f"Could not find a property named '{path[-1]}' on type 'Microsoft.Dynamics.CRM.{table.name}'."
            )
        column, target = found
        joined = self.statement.alias()
        self.joins.append(f"LEFT JOIN {self.to(target, joined, self.secure(table, alias, column).sql, alias, column)}")
        self._followed[tuple(path)] = target, joined
        return target, joined

    @staticmethod
    def to(target: Table, joined: str, sql: str, alias: str, column: Column) -> str:
        """The join to the table that a lookup points at."""
        kind = f" AND {kind_sql(alias, column)} = '{target.name}'" if column.many_targets else ""
        return f"{quoted(target.name)} AS {joined} ON {joined}.{quoted(target.primary_id)} = {sql}{kind}"

    def property(self, path: Sequence[str]) -> Term:
        """The column at the end of a path of property names."""
        table, alias = self.follow(path[:-1])
        return self.secure(table, alias, need_property(table, path[-1]))

    def secure(self, table: Table, alias: str, column: Column) -> Term:
        """A column that a condition or an order uses; refused when the user may not read it."""
        if column.name in self.statement.hidden(table):
            raise Problem(
                403, "0x8004F504", f"Caller does not have read permission for the secured attribute '{column.name}' "
                f"of the entity '{table.name}'. Its value cannot be used to filter, order or aggregate.",
            )  # fmt: skip
        return Term(f"{alias}.{quoted(column.name)}", column, table, alias)

    def own(self, column: Column) -> Term:
        """A column of the scope's own table."""
        return self.secure(self.table, self.alias, column)

    def children(self, table: Table, nav: str) -> tuple[Relationship, Table]:
        """The relationship behind a collection-valued navigation property, and the table at its end."""
        relationship = self.statement.org.children_of(table, nav)
        if relationship is None:
            raise bad_query(f"Could not find a property named '{nav}' on type 'Microsoft.Dynamics.CRM.{table.name}'.")
        return relationship, self.statement.org.table(other_end(relationship, table, nav))


def other_end(relationship: Relationship, table: Table, nav: str) -> str:
    """The logical name of the table to which a collection-valued navigation property leads."""
    if relationship.kind == "OneToMany":
        return relationship.referencing
    if relationship.referenced == relationship.referencing:
        return table.name
    return relationship.referencing if relationship.referenced == table.name else relationship.referenced


def linked(
    statement: Statement, relationship: Relationship, nav: str, parent: Table, child: Table, owner: str, own: str
) -> str:
    """The condition that makes the rows `own` the children of the rows `owner`, both aliases."""
    parent_id = f"{owner}.{quoted(parent.primary_id)}"
    if relationship.kind == "OneToMany":
        column = child.column(relationship.column)
        kind = f" AND {kind_sql(own, column)} = '{parent.name}'" if column.many_targets else ""
        return f"{own}.{quoted(column.name)} = {parent_id}{kind}"
    link = statement.alias()
    mine, theirs = between(statement.org, relationship, parent, nav)
    return (
        f"EXISTS (SELECT 1 FROM {quoted(relationship.intersect)} AS {link} WHERE {link}.{quoted(mine)} = {parent_id} "
        f"AND {link}.{quoted(theirs)} = {own}.{quoted(child.primary_id)})"
    )


def between(org: Org, relationship: Relationship, parent: Table, nav: str) -> tuple[str, str]:
    """The columns of the table between, of a many-to-many relationship: this side's id, and that of the other side."""
    columns = [c.name for c in org.table(relationship.intersect).columns.values() if c.targets]
    first = relationship.referenced == parent.name and nav == relationship.nav_many
    return (columns[0], columns[1]) if first else (columns[1], columns[0])

"""The tables as they stand: the catalogue, what was changed about it, and the SQL tables that go with it.

In: the catalogue, schema changes by administrators and loads; out: `tables`, `relationships`. Every change is kept in
the database in the transaction that made it. Next room: `access`.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from connector.emulator.dynamics.org import tables as sql
from connector.emulator.dynamics.org.catalogue.notation import base_twin
from connector.emulator.dynamics.org.catalogue.standard import standard, stateful, with_common_columns, with_currency
from connector.emulator.dynamics.org.model import LOOKUPS, Column, Key, Problem, Relationship, Table
from connector.emulator.dynamics.org.storage import Storage, quoted

_FIRST_CUSTOM_CODE = 10500
_KEY_TYPES = frozenset({"decimal", "integer", "string", "datetime", "lookup", "picklist", "customer", "owner"})
_IN_USE = "The {0} component cannot be deleted because it is referenced by {1} other components."


class Schema(Storage):
    """Tables, columns, relationships and keys of one organisation; class Org adds the rows."""

    def __init__(self, path: Path | None, clock: Callable[[], datetime]) -> None:
        super().__init__(path, clock)
        self.tables: dict[str, Table] = {}
        self.relationships: dict[str, Relationship] = {}
        sql.prepare(self.db)
        self.edition = int(self.setting("edition", 1))
        self._moves = 0
        with self.transaction():
            self._assemble()

    def table(self, name: str) -> Table:
        """Find a table by logical name; 0x80041102 when the organisation has none such."""
        found = self.tables.get(name)
        if found is None:
            message = (
                f"The entity with a name = '{name}' with namemapping = 'Logical' was not found in the MetadataCache."
            )
            raise Problem(400, "0x80041102", message)
        return found

    def table_of_set(self, set_name: str) -> Table | None:
        """Find a table by the name of its entity set."""
        return self._sets.get(set_name)

    def lookup_of(self, table: Table, nav: str) -> tuple[Column, Table] | None:
        """Find the lookup column and the target that a single-valued navigation property leads to."""
        found = self._single.get((table.name, nav))
        if found is None and table.activity and table.name != "activitypointer":  # inherited from activitypointer
            found = self._single.get(("activitypointer", nav))
        if found is None or found[0] not in table.columns or found[1] not in self.tables:
            return None
        return table.columns[found[0]], self.tables[found[1]]

    def children_of(self, table: Table, nav: str) -> Relationship | None:
        """Find the relationship that a collection-valued navigation property of a table stands for."""
        return self._many.get((table.name, nav))

    def lookups_to(self, name: str) -> list[Relationship]:
        """List the relationships whose rows point at rows of this table."""
        return self._pointing.get(name, [])

    def add_table(self, table: Table) -> Table:
        """Add a table, with the columns that all tables have; of one that is there, replace the description."""
        with self.transaction():
            new = table.name not in self.tables
            relationships: list[Relationship] = []
            if new:
                if table.set_name in self._sets:
                    raise Problem(
                        400, "0x8004700b", f"An entity with the specified name {table.schema_name} already exists."
                    )
                table.metadata_id = table.metadata_id or self.new_guid("entity")
                table.code = table.code or self._next_code()
                self._finish(table)
                if table.ownership in ("UserOwned", "OrganizationOwned") and table.custom:
                    stateful(table)
                relationships = with_common_columns(table)
            self.tables[table.name] = table
            sql.keep(self.db, "table", table.name, "", sql.table_body(table))
            for column in table.columns.values():
                self._finish_column(table, column)
            for key in table.keys.values():
                sql.keep(self.db, "key", table.name, key.name, vars(key))
            sql.make(self.db, table)
            for relationship in relationships:
                self._keep_relationship(relationship)
            self._changed()
            if new:
                self._table_added(table)
        return table

    def drop_table(self, name: str) -> None:
        """Take a custom table away, with its rows, its relationships and the lookups that led only to it."""
        with self.transaction():
            table = self.table(name)
            if not table.custom:
                raise Problem(
                    400, "0x80046001", f"The {table.schema_name} entity is a system entity and cannot be deleted."
                )
            for one in [r for r in self.relationships.values() if name in (r.referenced, r.referencing)]:
                if one.kind == "OneToMany" and one.referenced == name and one.referencing != name:
                    self.drop_relationship(one.name)
                else:
                    self._forget_relationship(one)
            del self.tables[name]
            sql.forget(self.db, name)
            self._changed()
            self._table_dropped(table)

    def add_column(self, table_name: str, column: Column) -> Column:
        """Add a column; rows have no value in it yet. Money brings its base twin and the currency along."""
        with self.transaction():
            table = self.table(table_name)
            if column.name in table.columns:
                message = f"Attribute with the name {column.name} already exists for the entity {table.name}."
                raise Problem(400, "0x80047013", message)
            column = self._finish_column(table, column)
            if column.type == "money":
                self._finish_column(table, base_twin(column))
                before = set(table.columns)
                for relationship in with_currency(table):
                    self._keep_relationship(relationship)
                for name in [name for name in table.columns if name not in before]:
                    self._finish_column(table, table.columns[name])
            sql.make(self.db, table)
            self._changed()
        return column

    def replace_column(self, table_name: str, column: Column) -> Column:
        """Change what is said about a column; its type stays."""
        with self.transaction():
            table = self.table(table_name)
            before = table.column(column.name)
            if before.type != column.type:
                message = (
                    f"The type of the attribute {column.name} cannot be changed from {before.type} to {column.type}."
                )
                raise Problem(400, "0x80040203", message)
            if column.secured and any(column.name in key.columns for key in table.keys.values()):
                message = f"Attribute {column.name} is part of a key and cannot be secured."
                raise Problem(400, "0x80040203", message)
            column = self._finish_column(table, column.with_(metadata_id=before.metadata_id))
            sql.make(self.db, table)
            self._changed()
        return column

    def drop_column(self, table_name: str, name: str) -> None:
        """Take a custom column away, with its values and what hangs on it."""
        with self.transaction():
            table = self.table(table_name)
            column = table.column(name)
            if not column.custom:
                raise Problem(400, "0x80040203", f"Attribute {name} of {table.name} is a system attribute and stays.")
            users = [key for key in table.keys.values() if name in key.columns]
            if users:
                raise Problem(400, "0x8004f01f", _IN_USE.format(f"Attribute({column.metadata_id})", len(users)))
            for one in [r for r in self.relationships.values() if (r.referencing, r.column) == (table_name, name)]:
                self._forget_relationship(one)
            for gone in (name, f"{name}_base") if column.type == "money" else (name,):
                sql.drop_column(self.db, table, table.columns.pop(gone))
                sql.keep(self.db, "column", table.name, gone, None)
            self._changed()
            self._column_dropped(table, name)

    def add_relationship(self, relationship: Relationship) -> Relationship:
        """Add a relationship; a lookup column or table between that is not there yet is made."""
        with self.transaction():
            if relationship.name in self.relationships:
                message = f"An entity relationship with the name {relationship.name} already exists."
                raise Problem(400, "0x80047007", message)
            self.table(relationship.referenced), self.table(relationship.referencing)
            if not relationship.metadata_id:
                relationship = Relationship(**{**vars(relationship), "metadata_id": self.new_guid("relationship")})
            if relationship.kind == "ManyToMany":
                self._make_between(relationship)
            else:
                self._make_lookup(relationship)
            self._keep_relationship(relationship)
            self._changed()
        return relationship

    def drop_relationship(self, name: str) -> None:
        """Take a custom relationship away, with its lookup column or its table between."""
        with self.transaction():
            relationship = self.relationships.get(name)
            if relationship is None or not relationship.custom:
                raise Problem(404, "0x80040217", f"There is no custom relationship with the name {name}.")
            self._forget_relationship(relationship)
            if relationship.kind == "ManyToMany":
                self.drop_table(relationship.intersect)
                return
            column = self.table(relationship.referencing).columns.get(relationship.column)
            if column is not None and len(column.targets) > 1:
                targets = tuple(target for target in column.targets if target != relationship.referenced)
                navigation = {target: column.navigation[target] for target in targets}
                self.replace_column(relationship.referencing, column.with_(targets=targets, navigation=navigation))
            elif column is not None and column.custom:
                self.drop_column(relationship.referencing, relationship.column)
            self._changed()

    def add_key(self, table_name: str, key: Key) -> Key:
        """Add an alternate key, or replace it; Failed when rows break it already."""
        with self.transaction():
            table = self.table(table_name)
            for column in map(table.column, key.columns):
                if column.type not in _KEY_TYPES or column.secured:
                    message = (
                        f"The attribute {column.name} cannot be part of a key of {table.name}: type {column.type}."
                    )
                    raise Problem(400, "0x80060891", message)
            if not 1 <= len(key.columns) <= 16 or (key.name not in table.keys and len(table.keys) >= 10):
                raise Problem(400, "0x80060895", f"{table.name}: a table has at most 10 keys of 1 to 16 columns.")
            key.metadata_id = key.metadata_id or self.new_guid("key")
            if key.status == "Active" and sql.has_duplicates(self.db, table, key):
                key.status = "Failed"
            table.keys[key.name] = key
            sql.keep(self.db, "key", table.name, key.name, vars(key))
            sql.index_key(self.db, table, key)
            self._changed()
        return key

    def drop_key(self, table_name: str, name: str) -> None:
        """Take an alternate key away."""
        with self.transaction():
            table = self.table(table_name)
            if table.keys.pop(name, None) is None:
                raise Problem(404, "0x80040217", f"The entity {table_name} has no key with the name {name}.")
            sql.keep(self.db, "key", table.name, name, None)
            self.db.execute(f"DROP INDEX IF EXISTS {quoted(f'key.{table_name}.{name}')}")
            self._changed()

    def _assemble(self) -> None:
        """Put the tables together from the catalogue and what was changed, and make their SQL tables."""
        self.tables, self.relationships = standard()
        sql.apply_changes(self.db, self.tables, self.relationships)
        for table in self.tables.values():
            sql.make(self.db, table)
        self._index()

    def _index(self) -> None:
        self._sets = {table.set_name: table for table in self.tables.values()}
        self._single: dict[tuple[str, str], tuple[str, str]] = {}
        self._many: dict[tuple[str, str], Relationship] = {}
        self._pointing: dict[str, list[Relationship]] = {}
        for table in self.tables.values():
            for column in table.columns.values():
                for target, nav in column.navigation.items():
                    self._single.setdefault((table.name, nav), (column.name, target))
        for one in self.relationships.values():
            self._many.setdefault((one.referenced, one.nav_many), one)
            if one.kind == "ManyToMany":
                self._many.setdefault((one.referencing, one.nav_many_other), one)
            else:
                self._pointing.setdefault(one.referenced, []).append(one)

    def _changed(self) -> None:
        self._moves += 1
        self.edition += 1
        self.set_setting("edition", self.edition)
        self._index()

    def _mark(self) -> int:
        return self._moves

    def _after_rollback(self, mark: int) -> None:
        super()._after_rollback(mark)
        if mark != self._moves:
            self._assemble()
            self._changed()

    def _table_added(self, table: Table) -> None:
        """Let the rooms above know: rights on the table."""

    def _table_dropped(self, table: Table) -> None:
        """Let the rooms above know: rights on the table."""

    def _column_dropped(self, table: Table, name: str) -> None:
        """Let the rooms above know: rights on the column."""

    def _finish(self, table: Table) -> None:
        if table.primary_id not in table.columns:
            first = Column(table.primary_id, "uniqueidentifier", table.label, required="SystemRequired", update=False)
            first = first.with_(primary_id=True, custom=table.custom)
            table.columns = {first.name: first, **table.columns}

    def _finish_column(self, table: Table, column: Column) -> Column:
        column = column.with_(
            metadata_id=column.metadata_id or self.new_guid("attribute"),
            schema_name=column.schema_name or column.name, label=column.label or column.name,
        )  # fmt: skip
        if column.type in LOOKUPS and not column.navigation:
            many = len(column.targets) > 1
            navigation = {one: f"{column.schema_name}_{one}" if many else column.schema_name for one in column.targets}
            column = column.with_(navigation=navigation)
        table.columns[column.name] = column
        sql.keep(self.db, "column", table.name, column.name, sql.column_body(column))
        return column

    def _keep_relationship(self, relationship: Relationship) -> None:
        self.relationships[relationship.name] = relationship
        sql.keep(self.db, "relationship", "", relationship.name, vars(relationship))

    def _forget_relationship(self, relationship: Relationship) -> None:
        self.relationships.pop(relationship.name, None)
        sql.keep(self.db, "relationship", "", relationship.name, None)

    def _make_lookup(self, relationship: Relationship) -> None:
        table = self.table(relationship.referencing)
        target, nav = relationship.referenced, relationship.nav_one or relationship.column
        column = table.columns.get(relationship.column)
        if column is None:
            self.add_column(table.name, Column(
                relationship.column, "lookup", relationship.column, nav, targets=(target,), navigation={target: nav},
                custom=relationship.custom,
            ))  # fmt: skip
        elif target not in column.targets:
            navigation = {**column.navigation, target: nav}
            self.replace_column(table.name, column.with_(targets=(*column.targets, target), navigation=navigation))
            sql.name_targets(self.db, table, column)

    def _make_between(self, relationship: Relationship) -> None:
        name, one, other = relationship.intersect, relationship.referenced, relationship.referencing
        if name in self.tables:
            return
        first, second = self.tables[one].primary_id, self.tables[other].primary_id
        if one == other:
            first, second = f"{first}one", f"{second}two"
        table = Table(
            name, name, f"{name}set", name, name, 0, f"{name}id", f"{name}id", "None", custom=relationship.custom,
            change_tracking=False, multiple=False,
        )  # fmt: skip
        for column, target in ((first, one), (second, other)):
            made = Column(column, "lookup", column, targets=(target,), navigation={target: column}, create=False)
            table.columns[column] = made.with_(custom=relationship.custom)
        self.add_table(table)

    def _next_code(self) -> int:
        return max(_FIRST_CUSTOM_CODE, *(table.code for table in self.tables.values())) + 1

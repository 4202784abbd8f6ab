"""The organisation itself: its rows, and every way to read and change them.

In: writes by users, whole exports; out: stored rows that queries read and the wire answers with. Every write is one
transaction, takes a version number and is checked by `rows.writing`. Next room: `odata`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from connector.emulator.dynamics.org.access import SOURCES, Access
from connector.emulator.dynamics.org.founding import found, offer_rights
from connector.emulator.dynamics.org.model import Problem, Relationship, Table
from connector.emulator.dynamics.org.rows import bulk, removal, twins, writing
from connector.emulator.dynamics.org.rows.derived import derive, ripple
from connector.emulator.dynamics.org.rows.values import Row, Stored, checked, guid
from connector.emulator.dynamics.org.storage import quoted
from connector.emulator.dynamics.org.tracking import Tracking


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


class Org(Tracking):
    """One emulated organisation: tables, rows, users and their rights, in one SQLite database."""

    def __init__(
        self, path: Path | None = None, *, clock: Callable[[], datetime] = utc_now, is_sandbox: bool = True,
        currency: str = "EUR",
    ) -> None:  # fmt: skip
        self.access = Access(self)
        self.org_id = self.tenant = self.admin_id = self.business_unit_id = self.currency_id = ""
        super().__init__(path, clock)
        if self.setting("org_id", None) is None:
            with self.transaction():
                found(self, currency, is_sandbox=is_sandbox)
        for name in ("org_id", "tenant", "admin_id", "business_unit_id", "currency_id"):
            setattr(self, name, str(self.setting(name, "")))

    @property
    def is_sandbox(self) -> bool:
        """Say whether the organisation is a sandbox."""
        return bool(self.setting("is_sandbox", True))

    def set_sandbox(self, is_sandbox: bool) -> None:
        """Make the organisation a sandbox, or a production organisation."""
        self.set_setting("is_sandbox", bool(is_sandbox))

    def create(self, user_id: str, name: str, values: Mapping[str, object], *, system: bool = False) -> str:
        """Create a row and give its id; `system` may set read-only columns and skips rights and required columns."""
        with self.transaction():
            table = self._permitted(user_id, name, "Create", system=system)
            row = writing.changes(self, user_id, table, values, new=True, system=system)
            named = {column for column, value in row.items() if value is not None}
            row[table.primary_id] = row.get(table.primary_id) or self.new_guid(name)
            writing.complete(self, user_id, table, row)
            self._settle(user_id, table, row, named, None, system=system)
            return str(row[table.primary_id])

    def update(
        self, user_id: str, name: str, row_id: str, values: Mapping[str, object], *, system: bool = False
    ) -> None:  # fmt: skip
        """Change a row; its version moves even when no value does."""
        with self.transaction():
            table = self._permitted(user_id, name, "Write", system=system)
            old = self.existing(table, row_id)
            given = {column: value for column, value in values.items() if column != table.primary_id}
            change = writing.changes(self, user_id, table, given, new=False, system=system)
            self._settle(user_id, table, {**old, **change}, set(change), old, system=system)

    def delete(self, user_id: str, name: str, row_id: str) -> None:
        """Delete a row and what hangs on it."""
        with self.transaction():
            table = self.table(name)
            self.access.demand(user_id, table, "Delete")
            removal.remove(self, table, self.existing(table, row_id))
            self._touched(table)

    def get(self, user_id: str, name: str, row_id: str) -> Row:
        """Read a row's stored values; 0x80040217 when it is absent."""
        with self.lock:
            table = self.table(name)
            self.access.demand(user_id, table, "Read")
            return self.existing(table, row_id)

    def existing(self, table: Table, row_id: str) -> Row:
        """Read the row that is wanted, whoever asks; 0x80040217 when it is absent."""
        row = self.raw(table, row_id)
        if row is None:
            raise Problem(404, "0x80040217", f"{table.schema_name} With Id = {row_id} Does Not Exist")
        return row

    def must_exist(self, table: Table, row_id: str) -> None:
        """Refuse an id that no row of this table has."""
        sql = f"SELECT 1 FROM {quoted(table.name)} WHERE {quoted(table.primary_id)} = ?"
        if not self.rows(sql, row_id):
            raise Problem(404, "0x80040217", f"{table.schema_name} With Id = {row_id} Does Not Exist")

    def find(self, name: str, values: Mapping[str, object]) -> list[str]:
        """List the ids of the rows that have these values; texts are compared without regard to case."""
        table = self.table(name)
        wanted: list[Stored] = []
        for column_name, given in values.items():
            value = given[1] if isinstance(given, tuple) else given
            wanted.append(checked(table, table.column(column_name), value))
        where = " AND ".join(f"{quoted(column)} = ? COLLATE NOCASE" for column in values)
        key = quoted(table.primary_id)
        return [str(one) for (one,) in self.rows(f"SELECT {key} FROM {quoted(name)} WHERE {where} ORDER BY 1", *wanted)]

    def bulk_load(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
        """Store many rows with the ids and stamps given, as text or Python values, and give their number."""
        table = self.table(name)
        with self.transaction():
            count = bulk.load(self, table, columns, rows)
            self._touched(table)
        return count

    def associate(self, user_id: str, relationship: Relationship, one_id: str, other_id: str) -> None:
        """Link two rows of a many-to-many relationship, its referenced side first; repeats are harmless."""
        with self.transaction():
            sides = self._sides(user_id, relationship, one_id, other_id)
            if not self._links(relationship, sides):
                values: dict[str, object] = dict(sides)
                self.create(user_id, relationship.intersect, values, system=True)

    def disassociate(self, user_id: str, relationship: Relationship, one_id: str, other_id: str) -> None:
        """Undo `associate`; 0x80040217 when the two are not linked."""
        with self.transaction():
            links = self._links(relationship, self._sides(user_id, relationship, one_id, other_id))
            if not links:
                raise Problem(404, "0x80040217", f"{relationship.name}: {one_id} and {other_id} are not associated.")
            for link in links:
                removal.remove(self, self.tables[relationship.intersect], link)
            self._touched(self.tables[relationship.intersect])

    def can(self, user_id: str, name: str, right: str) -> bool:
        """Say whether the user has a right on a table: Read, Create, Write, Delete, Append, AppendTo, Assign, Share."""
        with self.lock:
            return bool(self.access.depth(user_id, self.table(name), right))

    def demand(self, user_id: str, name: str, right: str) -> None:
        """Refuse with 0x80040220 what the user may not do."""
        with self.lock:
            self.access.demand(user_id, self.table(name), right)

    def unreadable(self, user_id: str, name: str) -> frozenset[str]:
        """List the secured columns of a table that the user may not read."""
        with self.lock:
            secured = self.access.secured(user_id, self.table(name))
            return frozenset(column for column, (read, _, _) in secured.items() if not read)

    def unwritable(self, user_id: str, name: str, new: bool) -> frozenset[str]:
        """List the secured columns of a table that the user may not set on creation, or not change."""
        with self.lock:
            secured = self.access.secured(user_id, self.table(name))
            return frozenset(
                column for column, (_, create, update) in secured.items() if not (create if new else update)
            )

    def is_admin(self, user_id: str) -> bool:
        """Say whether the user is a system administrator."""
        with self.lock:
            return self.access.is_admin(user_id)

    def secure_columns(self, names: Iterable[str]) -> None:
        """Secure exactly these columns ("account.revenue") from everybody without a permission, administrators too."""
        wanted = {tuple(name.split(".", 1)) for name in names}
        blind = bool(wanted)
        with self.transaction():
            for table in self.tables.values():
                for column in [*table.columns.values()]:
                    secured = (table.name, column.name) in wanted
                    wanted.discard((table.name, column.name))
                    if column.secured != secured:
                        self.replace_column(table.name, column.with_(secured=secured))
            if wanted:
                raise ValueError(f"no such columns: {', '.join('.'.join(pair) for pair in sorted(wanted))}")
            self.set_setting("administrators_blind", blind)
            self.access.clear()

    def bind_application(self, client_id: str) -> None:
        """Let the administrator be the application user of this client."""
        self.update(self.admin_id, "systemuser", self.admin_id, {"applicationid": client_id}, system=True)

    def user_of_application(self, client_id: str) -> str | None:
        """Find the application user of a client."""
        found = self.rows('SELECT "systemuserid" FROM "systemuser" WHERE "applicationid" = ?', client_id.lower())
        return str(found[0][0]) if found else None

    def add_user(
        self, fullname: str, *, domainname: str | None = None, roles: Sequence[str] = (),
        applicationid: str | None = None, disabled: bool = False,
    ) -> str:  # fmt: skip
        """Add a user with these roles."""
        first, _, last = fullname.rpartition(" ")
        name = domainname or f"{fullname.lower().replace(' ', '.')}@example.com"
        values: dict[str, object] = {
            "firstname": first or None, "lastname": last, "domainname": name, "internalemailaddress": name,
            "applicationid": applicationid, "isdisabled": disabled,
            "azureactivedirectoryobjectid": self.new_guid("aad"),
            "islicensed": applicationid is None, "accessmode": 4 if applicationid else 0,
        }  # fmt: skip
        with self.transaction():
            user_id = self.create(self.admin_id, "systemuser", values, system=True)
            for role in roles:
                self.assign_role(user_id, role)
        return user_id

    def user_id(self, name: str) -> str:
        """Find a user by full name or domain name."""
        found = self.rows('SELECT "systemuserid" FROM "systemuser" WHERE ? IN ("fullname", "domainname")', name)
        if not found:
            raise KeyError(f"no user is called {name!r}")
        return str(found[0][0])

    def assign_role(self, user_id: str, role: str) -> None:
        """Give a user a role by its name; repeats are harmless."""
        found = self.rows('SELECT "roleid" FROM "role" WHERE "name" = ?', role)
        if not found:
            raise KeyError(f"no role is called {role!r}")
        relationship = self.relationships["systemuserroles_association"]
        self.associate(self.admin_id or user_id, relationship, user_id, str(found[0][0]))

    def exchange_rate(self, currency_id: Stored) -> float:
        """Tell the units of a currency for one unit of the base currency; 1 for an unknown one."""
        sql = 'SELECT "exchangerate" FROM "transactioncurrency" WHERE "transactioncurrencyid" = ?'
        found = self.rows(sql, currency_id or self.currency_id)
        return float(found[0][0] or 1) if found else 1.0

    def next_number(self, name: str) -> str:
        """Count up the numbers that cases carry."""
        with self.lock:
            number = int(self.setting(f"number.{name}", 1000)) + 1
            self.set_setting(f"number.{name}", number)
            return f"CAS-{number:05d}-{guid(self.org_id)[:6].upper()}"

    def adopt_currency(self, currency_id: str) -> None:
        """Take a loaded currency as the base currency, in place of the one that the organisation began with."""
        with self.transaction():
            if currency_id != self.currency_id:
                sql = 'DELETE FROM "transactioncurrency" WHERE "transactioncurrencyid" = ?'
                self.db.execute(sql, (self.currency_id,))
                self.set_setting("currency_id", currency_id)
                self.db.execute('UPDATE "organization" SET "basecurrencyid" = ?', (currency_id,))
                self.currency_id = currency_id

    def _permitted(self, user_id: str, name: str, right: str, *, system: bool) -> Table:
        table = self.table(name)
        if system:
            return table
        if name == "activitypointer":
            message = (
                f"The '{'Update' if right == 'Write' else right}' method does not support entities of type '{name}'."
            )
            raise Problem(400, "0x80040800", message)
        self.access.demand(user_id, table, right)
        return table

    def _settle(
        self, user_id: str, table: Table, row: Row, named: set[str], old: Row | None, *, system: bool
    ) -> None:  # fmt: skip
        """Complete, check and store one row, then its twin."""
        writing.settle_state(table, row, named, old)
        derive(self, table, row, named, old)
        if table.name == "connection":
            twins.prepare_connection(self, row)
        if not system:
            writing.require(table, row, None if old is None else named)
        writing.check_keys(self, table, row, old)
        self._stamp(user_id, table, row, named, new=old is None)
        if old is None:
            self.insert(table, row)
        else:
            change = {name: value for name, value in row.items() if old.get(name) != value}
            self.rewrite(table, row, change, stamps=False)
        ripple(self, table, old, row)
        twins.follow(self, table, row, old)
        self._touched(table)

    def _stamp(self, user_id: str, table: Table, row: Row, named: set[str], *, new: bool) -> None:
        if "modifiedon" not in table.columns:
            return
        stamps: Row = {"modifiedon": self.stamp(), "modifiedby": user_id}
        if new:
            stamps |= {"createdon": row.get("overriddencreatedon") or self.stamp(), "createdby": user_id}
            if row.get("overriddencreatedon") is not None:
                row["overriddencreatedon"] = self.stamp()
        row.update({name: value for name, value in stamps.items() if name not in named})

    def _sides(self, user_id: str, relationship: Relationship, one_id: str, other_id: str) -> dict[str, str]:
        between = self.table(relationship.intersect)
        columns = [column.name for column in between.columns.values() if column.targets]
        ends = ((relationship.referenced, one_id), (relationship.referencing, other_id))
        for name, row_id in ends:
            self.access.demand(user_id, self.table(name), "Append")
            self.must_exist(self.table(name), row_id.lower())
        return {columns[0]: one_id.lower(), columns[1]: other_id.lower()}

    def _links(self, relationship: Relationship, sides: Mapping[str, str]) -> list[Row]:
        where = " AND ".join(f"{quoted(name)} = ?" for name in sides)
        return self.dicts(f"SELECT * FROM {quoted(relationship.intersect)} WHERE {where}", *sides.values())

    def _touched(self, table: Table) -> None:
        """Refresh what the organisation keeps in mind about rows of this table."""
        if table.name in SOURCES:
            self._rights_changed()

    def _rights_changed(self) -> None:
        self.edition += 1
        self.access.clear()

    def _changed(self) -> None:
        super()._changed()
        self.access.clear()

    def _after_rollback(self, mark: int) -> None:
        super()._after_rollback(mark)
        self.access.clear()
        for name in ("currency_id",):
            setattr(self, name, str(self.setting(name, getattr(self, name))))

    def _table_added(self, table: Table) -> None:
        offer_rights(self, [table])

    def _table_dropped(self, table: Table) -> None:
        self.db.execute('DELETE FROM "sdkmessagefilter" WHERE "primaryobjecttypecode" = ?', (table.name,))
        self.db.execute('DELETE FROM "fieldpermission" WHERE "entityname" = ?', (table.name,))

    def _column_dropped(self, table: Table, name: str) -> None:
        sql = 'DELETE FROM "fieldpermission" WHERE "entityname" = ? AND "attributelogicalname" = ?'
        self.db.execute(sql, (table.name, name))

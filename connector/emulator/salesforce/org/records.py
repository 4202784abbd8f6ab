"""The org itself: its records, and every way to read and change them.

In: writes by users, whole exports; out: stored rows that SOQL reads and the wire answers with. Every write is one
transaction, moves SystemModstamp and is checked by `rows.writing`. Next room: `describe`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from connector.emulator.salesforce.org import ids
from connector.emulator.salesforce.org.access import SOURCES
from connector.emulator.salesforce.org.catalogue import quoted, stage
from connector.emulator.salesforce.org.founding import found
from connector.emulator.salesforce.org.model import Field, ObjectType, PicklistValue, Problem
from connector.emulator.salesforce.org.rows import bulk, removal, values, writing
from connector.emulator.salesforce.org.rows.derived import derive, ripple
from connector.emulator.salesforce.org.rows.values import Row, Stored, checked
from connector.emulator.salesforce.org.schema import Schema


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


class Org(Schema):
    """One emulated org: objects, records, users and their rights, in one SQLite database."""

    def __init__(
        self, path: Path | None = None, *, clock: Callable[[], datetime] = utc_now, is_sandbox: bool = True,
        currency: str = "EUR", multi_currency: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(path, clock, currency)
        self.validation_rules = [writing.rule(condition) for condition in self.setting("rules", [])]
        self._writers: dict[tuple[object, ...], Callable[[Mapping[str, Stored]], dict[str, object]]] = {}
        if self.setting("org_id", None) is None:
            with self.transaction():
                found(self, is_sandbox=is_sandbox)
        self.org_id = str(self.setting("org_id", ""))
        self.admin_id = str(self.setting("admin_id", ""))
        self.pricebook_id = str(self.setting("pricebook_id", ""))
        if multi_currency:
            self.enable_feature("MultiCurrency")

    @property
    def is_sandbox(self) -> bool:
        """Say whether the org declares itself a sandbox; stored in Organization.IsSandbox."""
        return bool(self.rows('SELECT "IsSandbox" FROM "Organization"')[0][0])

    def set_sandbox(self, is_sandbox: bool) -> None:
        """Make the org a sandbox, or a production org."""
        self.update(self.admin_id, "Organization", self.org_id, {"IsSandbox": is_sandbox}, system=True)

    def user_id(self, name: str) -> str:
        """Find a user by Name or Username."""
        found = self.rows('SELECT "Id" FROM "User" WHERE ? IN ("Name", "Username")', name)
        if not found:
            raise KeyError(f"no user is called {name!r}")
        return str(found[0][0])

    def readable(self, user_id: str, name: str) -> frozenset[str]:
        """List the fields of an object that the user can see."""
        with self.lock:
            return self.access.readable(user_id, name)

    def editable(self, user_id: str, name: str) -> frozenset[str]:
        """List the fields of an object that the user may set."""
        with self.lock:
            return self.access.editable(user_id, name)

    def visible(self, user_id: str, name: str) -> ObjectType:
        """Find an object by API name; INVALID_TYPE when the org has none such or the user may not read it."""
        kind = self.object(name)
        if not self.access.can(user_id, name, "read"):
            raise self.unknown_type(name)
        return kind

    def create(self, user_id: str, name: str, given: Mapping[str, object], *, system: bool = False) -> str:
        """Create a record and give its id; `system` may set ids and read-only fields and skips rules."""
        with self.transaction():
            kind = self._permitted(user_id, name, "create", system=system)
            row = writing.changes(self, user_id, kind, given, new=True, system=system)
            named = set(row)
            row["Id"] = row.get("Id") or self.new_id(str(kind.key_prefix))
            self._settle(user_id, kind, row, named, None, system=system)
            return str(row["Id"])

    def update(
        self, user_id: str, name: str, record_id: str, given: Mapping[str, object], *, system: bool = False
    ) -> None:
        """Change a record; its stamps move even when no value does."""
        with self.transaction():
            kind = self._permitted(user_id, name, "edit", system=system)
            old = self.existing(kind, record_id)
            rest = {key: value for key, value in given.items() if key.lower() != "id"}
            change = writing.changes(self, user_id, kind, rest, new=False, system=system)
            self._settle(user_id, kind, {**old, **change}, set(change), old, system=system)

    def upsert(
        self, user_id: str, name: str, external: str, value: object, given: Mapping[str, object], *,
        update_only: bool = False,
    ) -> tuple[str, bool]:  # fmt: skip
        """Update the record with this external id, or create it; a 300 Problem lists several in its `fields`."""
        with self.transaction():
            kind = self.object(name)
            field = kind.field(external)
            if (
                field is None
                or not (field.external_id or field.id_lookup)
                or field.name not in self.access.readable(user_id, name)
            ):
                message = f"Provided external ID field does not exist or is not accessible: {external}"
                raise Problem(404, "NOT_FOUND", message)
            rest = {key: one for key, one in given.items() if key.lower() != field.name.lower()}
            if field.name == "Id":
                if value in (None, ""):
                    return self.create(user_id, name, rest), True
                self.update(user_id, name, str(value), rest)
                return str(ids.check(str(value))), False
            found = self.find(kind, field, value)
            if len(found) > 1:
                raise Problem(300, "MULTIPLE_CHOICES", f"{len(found)} records have {field.name} {value}", found)
            if found:
                self.update(user_id, name, found[0], rest)
                return found[0], False
            if update_only:
                raise Problem(404, "NOT_FOUND", "The requested resource does not exist")
            return self.create(user_id, name, {**rest, field.name: value}), True

    def delete(self, user_id: str, name: str, record_id: str) -> None:
        """Delete a record and what hangs on it; to the recycle bin where the object has one."""
        with self.transaction():
            kind = self._permitted(user_id, name, "delete", system=False)
            row = self.existing(kind, record_id)
            removal.remove(self, user_id, kind, row, str(row["Id"]), soft=kind.soft_delete and kind.undeletable)
            ripple(self, user_id, kind, row, None)
            self._touched(kind)

    def undelete(self, user_id: str, name: str, record_id: str) -> None:
        """Take a record out of the recycle bin, with what was deleted along with it."""
        with self.transaction():
            kind = self._permitted(user_id, name, "delete", system=False)
            removal.restore(self, user_id, kind, self._well_formed(kind, record_id))

    def bulk_load(
        self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, stored: bool = False
    ) -> int:
        """Store many records with the ids and stamps given, as text or Python values, and give their number.

        With `stored` values are in the form that columns hold, none is missing, and no parent has to follow.
        """
        kind = self.object(name)
        with self.transaction():
            count = bulk.load(self, kind, columns, rows, stored=stored)
            self._touched(kind)
        return count

    def get(self, user_id: str, name: str, record_id: str) -> Row:
        """Read a record's stored fields; 404 when it is absent, deleted or out of the user's sight."""
        with self.lock:
            kind = self.object(name)
            full = ids.check(record_id)
            row = self.raw(kind, full) if full and self.access.can(user_id, name, "read") else None
            if row is None or row.get("IsDeleted"):
                raise Problem(404, "NOT_FOUND", "The requested resource does not exist")
            return row

    def raw(self, kind: ObjectType, record_id: str) -> Row | None:
        """Read a record's stored fields, deleted or not, whoever asks."""
        with self.lock:
            cursor = self.db.execute(f'SELECT * FROM {quoted(kind.name)} WHERE "Id" = ?', (record_id,))
            found = cursor.fetchone()
            names = [column[0] for column in cursor.description]
        return dict(zip(names, found, strict=True)) if found else None

    def find(self, kind: ObjectType, field: Field, value: object) -> list[str]:
        """List the ids of the live records that have this value in this field."""
        alive = 'NOT "IsDeleted"' if kind.soft_delete else "1"
        collation = "" if field.type in ("id", "reference") else "COLLATE NOCASE"
        where = f"{quoted(field.name)} = ? {collation} AND {alive}"
        sql = f'SELECT "Id" FROM {quoted(kind.name)} WHERE {where} ORDER BY "Id"'
        return [str(row[0]) for row in self.rows(sql, checked(field, value))]

    def field(self, kind: ObjectType, name: str) -> Field:
        """Find a field of an object; KeyError when it has none such."""
        field = kind.field(name)
        if field is None:
            raise KeyError(f"{kind.name} has no field {name!r}")
        return field

    def record_json(
        self, user_id: str, kind: ObjectType, row: Mapping[str, Stored], fields: Sequence[str], version: str
    ) -> dict[str, object]:
        """Turn a stored row into a record: attributes, then those of the named fields that the user can see."""
        key = (self._edition, user_id, kind.name, tuple(fields), version)
        write = self._writers.get(key)
        if write is None:
            seen = self.readable(user_id, kind.name)
            if len(self._writers) > 500:
                self._writers.clear()
            write = values.writer(kind, [name for name in fields if name in seen], version)
            self._writers[key] = write
        return write(row)

    def add_rule(self, condition: Mapping[str, object]) -> None:
        """Add a validation rule in its JSON form; it survives a restart."""
        self.validation_rules.append(writing.rule(condition))
        self.set_setting("rules", [*self.setting("rules", []), dict(condition)])

    def clear_rules(self) -> None:
        """Drop all validation rules."""
        self.validation_rules.clear()
        self.set_setting("rules", [])

    def next_number(self, name: str) -> str:
        """Count up the numbers that an object's records carry, such as CaseNumber."""
        with self.lock:
            number = int(self.setting(f"number.{name}", 1000)) + 1
            self.set_setting(f"number.{name}", number)
            return f"{number:08d}"

    def entry_for(self, product_id: str, price: Stored) -> str | None:
        """Find the product's entry in the standard price book, making it when there is none."""
        sql = 'SELECT "Id" FROM "PricebookEntry" WHERE "Product2Id" = ? AND "Pricebook2Id" = ?'
        found = self.rows(sql, product_id, self.pricebook_id)
        if found:
            return str(found[0][0])
        entry = {"Product2Id": product_id, "Pricebook2Id": self.pricebook_id, "UnitPrice": price or 0, "IsActive": True}
        return self.create(self.admin_id, "PricebookEntry", entry, system=True)

    def grant(self, set_id: str, name: str, field: str, *, edit: bool) -> None:
        """Let the holders of a permission set read, and with `edit` change, a field; repeats are harmless."""
        kind = self.object(name)
        key = f"{kind.name}.{self.field(kind, field).name}"
        sql = 'SELECT "Id" FROM "FieldPermissions" WHERE "ParentId" = ? AND "Field" = ? COLLATE NOCASE'
        found = self.rows(sql, set_id, key)
        rights: dict[str, object] = {"PermissionsRead": True, "PermissionsEdit": edit}
        if found:
            self.update(self.admin_id, "FieldPermissions", str(found[0][0]), rights, system=True)
        else:
            row = {"ParentId": set_id, "SobjectType": kind.name, "Field": key, **rights}
            self.create(self.admin_id, "FieldPermissions", row, system=True)

    def grant_object(self, set_id: str, name: str, *rights: str) -> None:
        """Let the holders of a permission set Read, Create, Edit, Delete records of an object; repeats are harmless."""
        kind = self.object(name)
        given: dict[str, object] = {
            f"Permissions{right}": right in rights for right in ("Read", "Create", "Edit", "Delete")
        }
        found = self.rows(
            'SELECT "Id" FROM "ObjectPermissions" WHERE "ParentId" = ? AND "SobjectType" = ?', set_id, kind.name
        )
        if found:
            self.update(self.admin_id, "ObjectPermissions", str(found[0][0]), given, system=True)
        else:
            row = {"ParentId": set_id, "SobjectType": kind.name, **given}
            self.create(self.admin_id, "ObjectPermissions", row, system=True)

    def offer_record_types(self) -> None:
        """Give RecordTypeId to the objects that have record types."""
        for (name,) in self.rows('SELECT DISTINCT "SobjectType" FROM "RecordType"'):
            kind = self.objects.get(str(name).lower())
            if kind is not None:
                self.offer_record_type(kind)

    def offer_record_type(self, kind: ObjectType) -> None:
        """Give RecordTypeId to an object that does not have it yet."""
        if kind.field("RecordTypeId") is None:
            field = Field("RecordTypeId", "reference", "Record Type ID", reference_to=("RecordType",), defaulted=True)
            self.add_field(kind.name, field.with_(relationship_name="RecordType", permissionable=False))

    def set_identity(self, org_id: str) -> None:
        """Become the org of this id, as an export of Organization names it."""
        self.org_id = org_id
        self.set_setting("org_id", org_id)

    def set_standard_pricebook(self, record_id: str) -> None:
        """Take this price book as the standard one, in place of the one that the org began with."""
        self.db.execute('DELETE FROM "Pricebook2" WHERE "Id" = ?', (self.pricebook_id,))
        self.pricebook_id = record_id
        self.set_setting("pricebook_id", record_id)

    def offer_stages(self) -> None:
        """Make the values of Opportunity.StageName those of OpportunityStage."""
        found = self.rows('SELECT "MasterLabel", "IsActive" FROM "OpportunityStage" ORDER BY "SortOrder"')
        listed = tuple(PicklistValue(str(name), str(name), active=bool(active)) for name, active in found)
        for name, kind in (("StageName", self.object("Opportunity")), ("MasterLabel", None)):
            if kind is not None:
                kind.fields[name.lower()] = self.field(kind, name).with_(picklist=listed)

    def add_stage(self, name: str, *, closed: bool = False, won: bool = False) -> None:
        """Add an opportunity stage unless there is one of this name."""
        sql = 'SELECT 1 FROM "OpportunityStage" WHERE "MasterLabel" = ? COLLATE NOCASE'
        if not self.rows(sql, name):
            order = int(str(self.rows('SELECT COUNT(*) FROM "OpportunityStage"')[0][0])) + 1
            row = stage(name, order, 100 if won else 0 if closed else 50, won=won)
            self.create(self.admin_id, "OpportunityStage", {**row, "IsClosed": closed or won}, system=True)

    def _assemble(self) -> None:
        super()._assemble()
        self.offer_stages()

    def _permitted(self, user_id: str, name: str, right: str, *, system: bool) -> ObjectType:
        kind = self.object(name)
        if system:
            return kind
        self.visible(user_id, name)
        allowed = {"create": kind.createable, "edit": kind.updateable, "delete": kind.deletable}[right]
        if not allowed or not self.access.can(user_id, name, right):
            code = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" if not allowed else "INSUFFICIENT_ACCESS_OR_READONLY"
            message = (
                f"entity type {kind.name} does not support {right}"
                if not allowed
                else "insufficient access rights on object id"
            )
            raise Problem(400 if not allowed else 403, code, message, [])
        return kind

    def _well_formed(self, kind: ObjectType, record_id: str) -> str:
        full = ids.check(record_id)
        if full is None:
            raise Problem(400, "MALFORMED_ID", f"malformed id {record_id}", ["Id"])
        if full[:3] != kind.key_prefix:
            raise Problem(400, "MALFORMED_ID", f"{kind.label} ID: id value of incorrect type: {record_id}", ["Id"])
        return full

    def existing(self, kind: ObjectType, record_id: str) -> Row:
        """Read the record that is to be changed; Problem when it is deleted, or never was."""
        row = self.raw(kind, self._well_formed(kind, record_id))
        if row is None:
            raise Problem(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
        if row.get("IsDeleted"):
            raise Problem(404, "ENTITY_IS_DELETED", "entity is deleted", [])
        return row

    def _settle(
        self, user_id: str, kind: ObjectType, row: Row, named: set[str], old: Row | None, *, system: bool
    ) -> None:
        """Complete, check and store one row."""
        if old is None:
            writing.complete(self, user_id, kind, row)
        if not system:
            writing.require(kind, row)
        derive(self, kind, row, named, old)
        writing.validate(self, kind, row, old, rules=not system)
        self._stamp(user_id, row, named, new=old is None)
        columns = [name for name, value in row.items() if old is None or old.get(name) != value]
        if old is None:
            marks = ", ".join("?" * len(columns))
            sql = f"INSERT INTO {quoted(kind.name)} ({', '.join(map(quoted, columns))}) VALUES ({marks})"
            self.db.execute(sql, [row[name] for name in columns])
        elif columns:
            sql = (
                f'UPDATE {quoted(kind.name)} SET {", ".join(f"{quoted(name)} = ?" for name in columns)} WHERE "Id" = ?'
            )
            self.db.execute(sql, [*(row[name] for name in columns), row["Id"]])
        ripple(self, user_id, kind, old, row)
        self._touched(kind)

    def _stamp(self, user_id: str, row: Row, named: set[str], *, new: bool) -> None:
        stamps = {"LastModifiedDate": self.stamp(), "LastModifiedById": user_id, "SystemModstamp": self.stamp()}
        if new:
            stamps.update({"CreatedDate": self.stamp(), "CreatedById": user_id})
        row.update({name: value for name, value in stamps.items() if name not in named})

    def _touched(self, kind: ObjectType) -> None:
        """Refresh what the org keeps in mind about records of this object."""
        if kind.name.lower() in SOURCES:
            self._rights_changed()
        elif kind.name == "OpportunityStage":
            self.offer_stages()
        elif kind.name == "RecordType":
            self.offer_record_types()

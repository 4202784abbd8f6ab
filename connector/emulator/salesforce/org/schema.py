"""The org's database: its objects and fields as they stand, their tables, its settings, its clock and its ids.

In: the catalogue, schema changes by deploys and loads, features switched on; out: `objects`, tables, transactions.
Next room: `access`.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connector.emulator.salesforce.org import catalogue, ids
from connector.emulator.salesforce.org.access import Access
from connector.emulator.salesforce.org.catalogue import quoted
from connector.emulator.salesforce.org.model import Field, ObjectType, PicklistValue, Problem
from connector.emulator.salesforce.org.rows.values import instant

FEATURES = ("AccountContactRelation", "AccountTeamMember", "TaskRelation", "EventRelation", "MultiCurrency")
"""What an admin can switch on; a fresh org has none of it."""

_CACHE = 262_144  # KiB of pages that SQLite may hold
_UNKNOWN_TYPE = (
    "sObject type '{0}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' "
    "after the entity name. Please reference your WSDL or the describe call for the appropriate names."
)


class Schema:
    """Objects, fields, features, settings and transactions of one org; class Org adds the records."""

    def __init__(self, path: Path | None, clock: Callable[[], datetime], currency: str) -> None:
        # Without a path: in memory, until it is too large for that and SQLite lets it spill into a file without a name.
        self.db = sqlite3.connect(path or "", check_same_thread=False, isolation_level=None)
        self.lock = threading.RLock()
        self.clock = clock
        self.base_url = "https://localhost"  # the server puts its own address here
        self._last = datetime.min.replace(tzinfo=UTC)
        self._began: datetime | None = None
        self._depth = self._edition = 0
        self._prepare(on_disk=path is not None)
        self.currency = str(self.setting("currency", currency))
        following = int(self.setting("next", 1))
        self.numbers = ids.Numbers(following, following, lambda leased: self.set_setting("next", leased))
        self._catalogue, self._stages = catalogue.standard()
        self.access = Access(self, [tuple(pair) for pair in self.setting("hidden", [])])
        self.features: frozenset[str] = frozenset(self.setting("features", []))
        self.objects: dict[str, ObjectType] = {}
        with self.transaction():
            self._assemble()
        self.schema_changed = self.stamp()

    def object(self, name: str) -> ObjectType:
        """Find an object by API name, case-insensitively; INVALID_TYPE when the org has none such."""
        kind = self.objects.get(name.lower())
        if kind is None:
            raise self.unknown_type(name)
        return kind

    def unknown_type(self, name: str) -> Problem:
        """Word the refusal of an object that is not there, or out of the user's sight."""
        return Problem(400, "INVALID_TYPE", _UNKNOWN_TYPE.format(name))

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a query and give all its rows."""
        with self.lock:
            return self.db.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep everything done inside, or nothing of it when an exception comes out; may be nested."""
        with self.lock:
            name, edition = f"level{self._depth}", self._edition
            self._began = self._began if self._depth else None
            self.db.execute(f"SAVEPOINT {name}")
            self._depth += 1
            try:
                yield
            except BaseException:
                self.db.execute(f"ROLLBACK TO {name}")
                self._depth -= 1
                self._after_rollback(edition)
                self.db.execute(f"RELEASE {name}")
                raise
            self._depth -= 1
            self.db.execute(f"RELEASE {name}")

    def ticks(self) -> datetime:
        """Tell the org's time: whole seconds, never backwards, standing still within a transaction."""
        with self.lock:
            if self._depth and self._began is not None:
                return self._began
            self._last = max(self._last, self.clock().astimezone(UTC).replace(microsecond=0))
            self._began = self._last
            return self._last

    def stamp(self) -> str:
        """Give the org's time as records hold it."""
        return instant(self.ticks())

    def new_id(self, prefix: str) -> str:
        """Make an id that no record of this org has had."""
        with self.lock:
            return ids.compose(prefix, ids.INSTANCE, self.numbers.take())

    def keep_clear_of(self, kind: ObjectType, after: int) -> None:
        """Count on from the highest of the ids that were loaded, where they are of our own making."""
        sql = f'SELECT MAX("Id") FROM {quoted(kind.name)} WHERE rowid > ? AND SUBSTR("Id", 4, 3) = ?'
        highest = self.rows(sql, after, ids.INSTANCE)[0][0]
        if highest is not None:
            self.numbers.go_on(ids.number(str(highest)[6:15]) + 1, 0)

    def setting(self, key: str, default: Any) -> Any:
        """Read one of the org's own settings."""
        found = self.rows('SELECT "value" FROM "_org" WHERE "key" = ?', key)
        return json.loads(str(found[0][0])) if found else default

    def set_setting(self, key: str, value: Any) -> None:
        """Keep one of the org's own settings."""
        with self.lock:
            self.db.execute('INSERT OR REPLACE INTO "_org" VALUES (?, ?)', (key, json.dumps(value)))

    def add_object(self, kind: ObjectType) -> ObjectType:
        """Add a custom object, or take over what a deploy changed about one; adds audit fields when missing."""
        with self.transaction():
            if "id" not in kind.fields:
                kind = catalogue.with_system_fields(kind)
            kind.key_prefix = kind.key_prefix or self._new_prefix()
            self.objects[kind.name.lower()] = kind
            body = {key: value for key, value in vars(kind).items() if key != "fields"}
            self._keep(kind.name, "", body)
            for field in kind.fields.values():
                self._keep(kind.name, field.name, asdict(field))
            catalogue.make_table(self.db, kind)
            self._changed()
        return kind

    def add_field(self, name: str, field: Field) -> Field:
        """Add a field to an object, or replace its definition; existing records have no value in it."""
        with self.transaction():
            kind = self.object(name)
            field = catalogue.finished(field)
            before = kind.field(field.name)
            kind.fields = catalogue.inserted(kind.fields, field)
            self._keep(kind.name, field.name, asdict(field))
            if field.stored and before is None:
                catalogue.make_table(self.db, kind)
            self._changed()
        return field

    def remove_field(self, name: str, field_name: str) -> None:
        """Take a custom field away, with its values and the permissions on it."""
        with self.transaction():
            kind = self.object(name)
            field = kind.field(field_name)
            if field is None or not field.custom:
                message = "This custom field does not exist or is not accessible"
                raise Problem(400, "INVALID_CROSS_REFERENCE_KEY", f"{message}: {kind.name}.{field_name}")
            kind.fields = {key: one for key, one in kind.fields.items() if key != field.name.lower()}
            self.db.execute('DELETE FROM "_schema" WHERE "object" = ? AND "field" = ?', (kind.name, field.name))
            self.db.execute('DELETE FROM "FieldPermissions" WHERE "Field" = ?', (f"{kind.name}.{field.name}",))
            if field.stored:
                catalogue.drop_column(self.db, kind, field)
            self._changed()

    def remove_object(self, name: str) -> None:
        """Take a custom object away, with its records, the lookups to it and the permissions on it."""
        with self.transaction():
            kind = self.object(name)
            if not kind.custom:
                raise Problem(400, "INVALID_TYPE", f"{kind.name} is a standard object and cannot be removed")
            for other in list(self.objects.values()):
                for field in [f for f in other.fields.values() if f.custom and f.reference_to == (kind.name,)]:
                    self.remove_field(other.name, field.name)
            del self.objects[kind.name.lower()]
            self.db.execute('DELETE FROM "_schema" WHERE "object" = ?', (kind.name,))
            for table in ("FieldPermissions", "ObjectPermissions"):
                self.db.execute(f'DELETE FROM "{table}" WHERE "SobjectType" = ?', (kind.name,))
            self.db.execute(f"DROP TABLE {quoted(kind.name)}")
            self._changed()

    def enable_feature(self, name: str) -> None:
        """Switch an optional feature on: its objects and fields appear."""
        self._switch(name, self.features | {name})

    def disable_feature(self, name: str) -> None:
        """Switch an optional feature off: its objects and fields disappear, what they held stays in store."""
        self._switch(name, self.features - {name})

    def hide(self, name: str, field: str) -> None:
        """Take a field, even a standard one, out of everybody's sight."""
        self.access.hide(name, field)
        self._hidden_changed()

    def show(self, name: str, field: str) -> None:
        """End what `hide` began."""
        self.access.show(name, field)
        self._hidden_changed()

    def _hidden_changed(self) -> None:
        self.set_setting("hidden", sorted(self.access.hidden))
        self._changed()

    def _switch(self, name: str, features: frozenset[str]) -> None:
        if name not in FEATURES:
            raise ValueError(f"unknown feature {name!r}; there are {', '.join(FEATURES)}")
        with self.transaction():
            self.features = features
            self.set_setting("features", sorted(features))
            self._assemble()
            self._changed()

    def _prepare(self, *, on_disk: bool) -> None:
        self.db.create_collation("UNICODE_NOCASE", _compare)
        self.db.execute(f"PRAGMA journal_mode = {'WAL' if on_disk else 'MEMORY'}")
        self.db.execute(f"PRAGMA cache_size = -{_CACHE}")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.execute('CREATE TABLE IF NOT EXISTS "_org" ("key" TEXT PRIMARY KEY, "value" TEXT)')
        columns = '"object" TEXT, "field" TEXT, "body" TEXT, PRIMARY KEY ("object", "field")'
        self.db.execute(f'CREATE TABLE IF NOT EXISTS "_schema" ({columns})')
        self.db.execute('CREATE TABLE IF NOT EXISTS "_bin" ("root" TEXT, "object" TEXT, "id" TEXT)')

    def _assemble(self) -> None:
        """Put the objects together from the catalogue, the features and what was added, and make their tables."""
        objects: dict[str, ObjectType] = {}
        for key, kind in self._catalogue.items():
            if kind.feature is None or kind.feature in self.features:
                fields = {k: f for k, f in kind.fields.items() if f.feature is None or f.feature in self.features}
                objects[key] = replace(kind, fields=fields)
        added = self.rows('SELECT "object", "field", "body" FROM "_schema" ORDER BY "field" <> \'\', rowid')
        for name, field, body in added:
            entry = json.loads(str(body))
            if not field:
                objects[str(name).lower()] = ObjectType(**entry)
            elif str(name).lower() in objects:
                kind = objects[str(name).lower()]
                kind.fields = catalogue.inserted(kind.fields, _field(entry))
        self.objects = objects
        for kind in objects.values():
            catalogue.make_table(self.db, kind)

    def _after_rollback(self, edition: int) -> None:
        """Bring memory back to what the database holds again."""
        if self.numbers.leased > int(self.setting("next", 1)):
            self.set_setting("next", self.numbers.leased)
        if edition != self._edition:
            self.features = frozenset(self.setting("features", []))
            self._assemble()
            self._rights_changed()

    def _rights_changed(self) -> None:
        self._edition += 1
        self.access.clear()

    def _changed(self) -> None:
        self.schema_changed = self.stamp()
        self._rights_changed()

    def _keep(self, name: str, field: str, body: dict[str, Any]) -> None:
        sql = 'INSERT INTO "_schema" VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "body" = excluded."body"'
        self.db.execute(sql, (name, field, json.dumps(body)))

    def _new_prefix(self) -> str:
        used = {kind.key_prefix for kind in self.objects.values()}
        return next(p for p in (f"a{a}{b}" for a in "0123456789" for b in ids.DIGITS) if p not in used)


def _field(entry: dict[str, Any]) -> Field:
    picklist = tuple(PicklistValue(**value) for value in entry.pop("picklist"))
    return Field(**{**entry, "reference_to": tuple(entry["reference_to"]), "picklist": picklist})


def _compare(a: str, b: str) -> int:
    left, right = a.casefold(), b.casefold()
    return (left > right) - (left < right)

"""Carries out one package: deletions, objects, fields, list views, permission sets, all or nothing if so asked.

In: a Package and the org. Out: one Message for each component. Next room: `setup_records`, which stores the records
behind list views and permission sets.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from connector.emulator.salesforce.metadata import fields, objects, setup_records
from connector.emulator.salesforce.metadata.archive import Component, Package
from connector.emulator.salesforce.metadata.elements import Node, Refused
from connector.emulator.salesforce.org.model import Field, ObjectType, Problem
from connector.emulator.salesforce.org.records import Org

ORDER = ("CustomObject", "CustomField", "ListView", "PermissionSet")
MAX_FIELDS, MAX_RELATIONS = 500, 40


@dataclass(frozen=True)
class Message:
    """What became of one component; `problem` is set on failures and warnings."""

    kind: str
    name: str
    file: str
    id: str | None = None
    created: bool = False
    changed: bool = False
    deleted: bool = False
    problem: str | None = None
    warning: bool = False
    success: bool = True
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True)
class Options:
    """How a deploy behaves, as the caller asked."""

    check_only: bool = False
    rollback: bool = True
    ignore_warnings: bool = False


class _Undo(Exception):
    """Takes everything of this deploy back."""


def deploy(org: Org, user_id: str, package: Package, options: Options) -> list[Message]:
    """Messages of one deploy; a check, or a failure with `rollback`, leaves the org as it was."""
    messages = [
        Message(f.kind, f.name, f.file, problem=f.problem, success=False, line=f.line, column=f.column)
        for f in package.faults
    ]
    org.db.execute(
        'CREATE TABLE IF NOT EXISTS "_deployed" (kind TEXT, name TEXT, source TEXT, PRIMARY KEY (kind, name))'
    )
    if not any(fault.file == "package.xml" for fault in package.faults):
        messages.append(Message("", "package.xml", "package.xml", changed=True))  # real orgs list the manifest as well
    work = _Work(org, user_id, options)
    try:
        with org.transaction():
            messages += [work.delete(*entry) for entry in package.before]
            for kind in ORDER:
                messages += [work.add(part) for part in package.components if part.kind == kind]
            messages += [work.delete(*entry) for entry in package.after]
            if options.check_only or (options.rollback and not all(message.success for message in messages)):
                raise _Undo
    except _Undo:
        if not options.check_only:
            messages = [replace(m, id=None, created=False, changed=False, deleted=False) for m in messages]
    return messages


def canonical(node: Node) -> str:
    """Text that is equal for equal sources, whatever the order of different elements and the lines they stand on."""
    return json.dumps(_plain(node), ensure_ascii=False)


def _plain(node: Node) -> list[object]:
    children = sorted(node.children, key=lambda child: child.tag)
    # Order counts among columns and picklist values, which are all of one name; sorting is stable and keeps it.
    return [node.tag, node.text, [_plain(child) for child in children]]


class _Work:
    def __init__(self, org: Org, user_id: str, options: Options) -> None:
        self.org, self.user_id, self.options = org, user_id, options
        self.adders: dict[str, Callable[[Component], tuple[str | None, bool, bool]]] = {
            "CustomObject": self._object,
            "CustomField": self._field,
            "ListView": self._view,
            "PermissionSet": self._set,
        }

    def add(self, part: Component) -> Message:
        """Create or update one component; a refusal changes nothing."""
        try:
            with self.org.transaction():
                record_id, created, changed = self.adders[part.kind](part)
                changed = self._remember(part) or changed
        except Refused as refused:
            return _failure(part, refused.problem, refused.line, refused.column)
        except Problem as problem:
            return _failure(part, problem.message, part.node.line, part.node.column)
        return Message(part.kind, part.name, part.file, record_id, created, changed and not created)

    def delete(self, kind: str, name: str, file: str) -> Message:
        """Delete one component; deleting what is not there is a warning."""
        deleters: dict[str, Callable[[str], bool]] = {
            "CustomObject": self._drop_object,
            "CustomField": self._drop_field,
            "ListView": lambda full: setup_records.drop_view(self.org, full),
            "PermissionSet": lambda full: setup_records.drop_set(self.org, full),
        }
        try:
            with self.org.transaction():
                found = deleters[kind](name)
                self.org.db.execute(
                    'DELETE FROM "_deployed" WHERE kind = ? AND (name = ? OR name LIKE ?)',
                    (kind, name.lower(), name.lower() + ".%"),
                )
        except (Refused, Problem) as refused:
            return Message(kind, name, file, problem=str(refused), success=False)
        if not found:
            # The documentation treats a warning as an error unless the caller ignores warnings.
            ignored = self.options.ignore_warnings
            return Message(kind, name, file, problem=f"No {kind} named: {name} found", warning=True, success=ignored)
        return Message(kind, name, file, deleted=True)

    def _remember(self, part: Component) -> bool:
        """Keep the source; True when another source was kept before."""
        key, source = (part.kind, part.name.lower()), canonical(part.node)
        found = self.org.rows('SELECT source FROM "_deployed" WHERE kind = ? AND name = ?', *key)
        self.org.db.execute('INSERT OR REPLACE INTO "_deployed" VALUES (?, ?, ?)', (*key, source))
        return bool(found) and found[0][0] != source

    def _owner(self, part: Component) -> ObjectType:
        """Object that a field or list view belongs to."""
        owner = part.name.split(".", 1)[0]
        found = self.org.objects.get(owner.lower())
        if found is None:
            raise part.node.refuse(f"Entity Enumeration Or ID: bad value for restricted picklist field: {owner}")
        return found

    def _object(self, part: Component) -> tuple[str | None, bool, bool]:
        old = self.org.objects.get(part.name.lower())
        if old is not None and not old.custom:
            objects.check(part.node)
            return None, False, False
        made = objects.build(part.name, part.node)
        if old is None:
            self.org.add_object(made)
            return None, True, True
        changed = (old.label, old.label_plural) != (made.label, made.label_plural)
        if changed:
            old.label, old.label_plural = made.label, made.label_plural
            self.org.add_object(old)
        return None, False, changed

    def _field(self, part: Component) -> tuple[str | None, bool, bool]:
        owner = self._owner(part)
        name = part.node.get("fullName") or ""
        old = owner.field(name)
        if old is not None and not old.custom:
            raise part.node.refuse(f"There is already a field named {name} on {owner.label}.")
        made = fields.build(part.node, old)
        self._room(part, owner, made, old)
        self._target(part, made, owner, old)
        if old is None and not made.nillable and made.cascade_delete and self._filled(owner):
            raise part.node.refuse(f"Cannot create a MasterDetail field on {owner.name}: it has records already")
        if made == old:
            return None, False, False
        self.org.add_field(owner.name, made)
        return None, old is None, True

    def _room(self, part: Component, owner: ObjectType, made: Field, old: Field | None) -> None:
        custom = [field for field in owner.fields.values() if field.custom]
        if old is None and len(custom) >= MAX_FIELDS:
            raise part.node.refuse(
                f"You have reached the maximum number of {MAX_FIELDS} custom fields for {owner.label}"
            )
        if old is None and made.type == "reference" and sum(f.type == "reference" for f in custom) >= MAX_RELATIONS:
            raise part.node.refuse(
                f"You have reached the maximum number of {MAX_RELATIONS} relationships for {owner.label}"
            )

    def _target(self, part: Component, made: Field, owner: ObjectType, old: Field | None) -> None:
        """Refuse a lookup to what is not there, to something else than before, or under a taken list name."""
        for name in made.reference_to:
            if name.lower() not in self.org.objects:
                raise part.node.refuse(f"referenceTo value of '{name}' does not resolve to a valid sObject type")
        if old is not None and [name.lower() for name in old.reference_to] != [
            name.lower() for name in made.reference_to
        ]:
            raise part.node.refuse("Cannot change the referenceTo of an existing relationship field")
        for kind in self.org.objects.values():
            for other in kind.fields.values():
                same = (kind.name, other.name) == (owner.name, made.name)
                taken = other.child_relationship and other.child_relationship == made.child_relationship
                if taken and not same and set(other.reference_to) & set(made.reference_to):
                    name = (made.child_relationship or "").removesuffix("__r")
                    raise part.node.refuse(
                        f"There is already a Child Relationship named {name} on {made.reference_to[0]}."
                    )

    def _filled(self, owner: ObjectType) -> bool:
        return bool(self.org.rows(f'SELECT 1 FROM "{owner.name}" LIMIT 1'))

    def _view(self, part: Component) -> tuple[str | None, bool, bool]:
        owner = self._owner(part)
        objects.check_view(part.node, owner)
        return setup_records.put_view(self.org, self.user_id, owner, part.node)

    def _set(self, part: Component) -> tuple[str | None, bool, bool]:
        return setup_records.put_set(self.org, self.user_id, part.name, part.node)

    def _drop_field(self, full: str) -> bool:
        owner, _, name = full.partition(".")
        kind = self.org.objects.get(owner.lower())
        field = kind.field(name) if kind is not None else None
        if kind is None or field is None:
            return False
        if not field.custom:
            raise Refused(f"Cannot delete standard field {full}")
        self.org.remove_field(kind.name, field.name)
        return True

    def _drop_object(self, name: str) -> bool:
        kind = self.org.objects.get(name.lower())
        if kind is None:
            return False
        if not kind.custom:
            raise Refused(f"Cannot delete standard object {name}")
        for other in self.org.objects.values():
            for field in other.fields.values():
                if field.custom and other is not kind and kind.name in field.reference_to:
                    raise Refused(f"This custom object is referenced elsewhere: {other.name}.{field.name}")
        self.org.remove_object(kind.name)
        setup_records.forget_object(self.org, kind.name)
        return True


def _failure(part: Component, problem: str, line: int, column: int) -> Message:
    return Message(part.kind, part.name, part.file, problem=problem, success=False, line=line, column=column)

"""Who may see and change what: profiles, permission sets and field-level security, read from the org's own records.

In: PermissionSet, PermissionSetAssignment, FieldPermissions, ObjectPermissions and Profile rows; out: rights per user,
cached until one of those rows changes. Next room: `writing`.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from connector.emulator.salesforce.org.model import Field, ObjectType, Problem

SETUP = frozenset({
    "user", "userrole", "profile", "permissionset", "permissionsetassignment", "fieldpermissions", "objectpermissions",
    "organization", "recordtype", "currencytype", "datedconversionrate", "listview", "opportunitystage", "task",
    "event", "taskrelation", "eventrelation",
})  # fmt: skip
"""Objects that no ObjectPermissions row governs."""

GOVERNED = {
    "opportunitylineitem": "opportunity", "opportunitycontactrole": "opportunity", "orderitem": "order",
    "pricebookentry": "pricebook2", "accountcontactrelation": "account", "accountteammember": "account",
}  # fmt: skip
"""Objects whose rights are those of another."""

SOURCES = frozenset(
    ["user", "profile", "permissionset", "permissionsetassignment", "fieldpermissions", "objectpermissions"]
)
"""Objects whose records decide about rights: a change to them empties the cache."""

_OPEN_TO_ALL = frozenset(["task", "event", "taskrelation", "eventrelation", "listview"])
_RIGHTS = ("read", "create", "edit", "delete")


class Store(Protocol):
    """What rights are read from: an org's objects and its tables."""

    @property
    def objects(self) -> dict[str, ObjectType]:
        """Objects by lower-cased name."""
        ...

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a query."""
        ...


class Access:
    """Rights of the users of one org."""

    def __init__(self, org: Store, hidden: Iterable[tuple[str, str]] = ()) -> None:
        self._org = org
        self.hidden = {(kind.lower(), field.lower()) for kind, field in hidden}
        self.clear()

    def clear(self) -> None:
        """Forget what was worked out; the next question reads the records again."""
        self._sets: dict[str, tuple[str, ...]] = {}
        self._permissions: dict[tuple[str, str], bool] = {}
        self._objects: dict[str, dict[str, set[str]]] = {}
        self._grants: dict[str, dict[tuple[str, str], bool]] = {}
        self._readable: dict[tuple[str, str], frozenset[str]] = {}
        self._editable: dict[tuple[str, str], frozenset[str]] = {}

    def allowed(self, user_id: str, permission: str) -> bool:
        """Say whether the user's profile or a permission set grants a permission, such as `ApiEnabled`."""
        key = (user_id, permission)
        if key not in self._permissions:
            column = f'"Permissions{permission}"'
            marks = ",".join("?" * len(self.sets(user_id)))
            found = self._org.rows(
                'SELECT 1 FROM "User" u LEFT JOIN "Profile" p ON p."Id" = u."ProfileId"'
                f' WHERE u."Id" = ? AND u."IsActive" AND (p.{column} OR EXISTS'
                f' (SELECT 1 FROM "PermissionSet" WHERE "Id" IN ({marks}) AND {column}))',
                user_id, *self.sets(user_id),
            )  # fmt: skip
            self._permissions[key] = bool(found)
        return self._permissions[key]

    def require_api(self, user_id: str) -> None:
        """Refuse a user whom no profile or permission set lets use the API, or who is inactive."""
        if not self.allowed(user_id, "ApiEnabled"):
            raise Problem(403, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner")

    def sets(self, user_id: str) -> tuple[str, ...]:
        """List the ids of the permission sets that the user has, the profile's own among them."""
        if user_id not in self._sets:
            found = self._org.rows(
                'SELECT "PermissionSetId" FROM "PermissionSetAssignment"'
                ' WHERE "AssigneeId" = ? AND "PermissionSetId" NOT NULL'
                ' UNION SELECT s."Id" FROM "PermissionSet" s'
                ' JOIN "User" u ON s."ProfileId" = u."ProfileId" WHERE u."Id" = ?',
                user_id, user_id,
            )  # fmt: skip
            self._sets[user_id] = tuple(str(row[0]) for row in found)
        return self._sets[user_id]

    def can(self, user_id: str, name: str, right: str) -> bool:
        """Say whether the user may read, create, edit or delete records of an object."""
        key = GOVERNED.get(name.lower(), name.lower())
        if name.lower() != key and right != "read":
            right = "edit"
        if key in SETUP:
            return right == "read" or key in _OPEN_TO_ALL or self._administers(user_id, key)
        if self.allowed(user_id, "ModifyAllData") or (right == "read" and self.allowed(user_id, "ViewAllData")):
            return True
        return right in self._object_rights(user_id).get(key, ())

    def readable(self, user_id: str, name: str) -> frozenset[str]:
        """List the API names of the fields that the user can see; empty when the object itself is out of sight."""
        key = (user_id, name.lower())
        if key not in self._readable:
            kind = self._org.objects.get(name.lower())
            seen = kind is not None and self.can(user_id, name, "read")
            fields = kind.fields.values() if kind is not None and seen else ()
            self._readable[key] = frozenset(f.name for f in fields if self._granted(user_id, name, f, edit=False))
        return self._readable[key]

    def editable(self, user_id: str, name: str) -> frozenset[str]:
        """List the API names of the fields that the user may set, when creating or when updating."""
        key = (user_id, name.lower())
        if key not in self._editable:
            kind = self._org.objects.get(name.lower())
            may = kind is not None and (self.can(user_id, name, "create") or self.can(user_id, name, "edit"))
            fields = (
                [f for f in kind.fields.values() if f.createable or f.updateable] if kind is not None and may else []
            )
            self._editable[key] = frozenset(f.name for f in fields if self._granted(user_id, name, f, edit=True))
        return self._editable[key]

    def hide(self, name: str, field: str) -> None:
        """Take a field, even a standard one, out of everybody's sight."""
        self.hidden.add((name.lower(), field.lower()))
        self.clear()

    def show(self, name: str, field: str) -> None:
        """End what `hide` began."""
        self.hidden.discard((name.lower(), field.lower()))
        self.clear()

    def _granted(self, user_id: str, name: str, field: Field, *, edit: bool) -> bool:
        if (name.lower(), field.name.lower()) in self.hidden:
            return False
        if not field.custom or not field.permissionable:
            return True
        grant = self._field_grants(user_id).get((name.lower(), field.name.lower()))
        return bool(grant) if edit else grant is not None

    def _administers(self, user_id: str, key: str) -> bool:
        needed = ["ModifyAllData", "ManageUsers"]
        needed += ["AssignPermissionSets"] if key == "permissionsetassignment" else []
        return any(self.allowed(user_id, permission) for permission in needed)

    def _object_rights(self, user_id: str) -> dict[str, set[str]]:
        if user_id not in self._objects:
            rights: dict[str, set[str]] = {}
            marks = ",".join("?" * len(self.sets(user_id)))
            found = self._org.rows(
                'SELECT "SobjectType", "PermissionsRead", "PermissionsCreate", "PermissionsEdit", "PermissionsDelete"'
                f' FROM "ObjectPermissions" WHERE "ParentId" IN ({marks})',
                *self.sets(user_id),
            )
            for name, *flags in found:
                rights.setdefault(str(name).lower(), set()).update(
                    r for r, on in zip(_RIGHTS, flags, strict=True) if on
                )
            self._objects[user_id] = rights
        return self._objects[user_id]

    def _field_grants(self, user_id: str) -> dict[tuple[str, str], bool]:
        if user_id not in self._grants:
            grants: dict[tuple[str, str], bool] = {}
            marks = ",".join("?" * len(self.sets(user_id)))
            found = self._org.rows(
                'SELECT "SobjectType", "Field", "PermissionsEdit" FROM "FieldPermissions"'
                f' WHERE "ParentId" IN ({marks}) AND ("PermissionsRead" OR "PermissionsEdit")',
                *self.sets(user_id),
            )
            for name, field, edit in found:
                key = (str(name).lower(), str(field).rpartition(".")[2].lower())
                grants[key] = grants.get(key, False) or bool(edit)
            self._grants[user_id] = grants
        return self._grants[user_id]

"""Who may see and change what: roles with their privileges, and columns secured by profiles, read from ordinary rows.

In: systemuserroles, roleprivileges, systemuserprofiles and fieldpermission rows; out: rights per user, kept in mind
until one of those rows changes. Rights are those on whole tables: a depth below the organisation counts as a right, and
rows of other owners stay visible. Next room: `tracking`.
"""

from typing import Any, Protocol

from connector.emulator.dynamics.org.catalogue.activities import CONCRETE
from connector.emulator.dynamics.org.catalogue.notation import stable_id
from connector.emulator.dynamics.org.model import Column, Problem, Table

RIGHTS = {
    "Read": 1, "Write": 2, "Append": 4, "AppendTo": 16, "Create": 32, "Delete": 65536, "Share": 262144,
    "Assign": 524288,
}  # fmt: skip
"""The rights on a table, each with the number that `privilege.accessright` has for it."""

GLOBAL = 8
"""The depth of a privilege that reaches all rows of the organisation; 1 own rows, 2 business unit, 4 those below it."""

ADMINISTRATOR = "System Administrator"
"""The role that may everything, and the profile that sees all secured columns."""

SOURCES = frozenset({
    "systemuser", "role", "systemuserroles", "roleprivileges", "privilege", "fieldsecurityprofile", "fieldpermission",
    "systemuserprofiles",
})  # fmt: skip
"""Tables whose rows decide about rights."""

_GOVERNED = {
    "opportunityproduct": "Opportunity", "activityparty": "Activity", "activitypointer": "Activity",
    **dict.fromkeys(CONCRETE, "Activity"), "systemuser": "User", "roleprivileges": "Role", "systemuserroles": "Role",
    "systemuserprofiles": "FieldSecurityProfile", "fieldpermission": "FieldSecurityProfile", "privilege": "Role",
    "savedquery": "Query", "solutioncomponent": "Solution",
}  # fmt: skip


class _Source(Protocol):
    tables: dict[str, Table]

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]: ...

    def setting(self, name: str, default: Any) -> Any: ...


def privilege(table: Table, right: str) -> tuple[str, str]:
    """Give the name and the id of the privilege for a right on a table."""
    name = f"prv{right}{_GOVERNED.get(table.name, table.schema_name)}"
    return name, stable_id("privilege", name)


class Access:
    """The rights of all users of one organisation."""

    def __init__(self, org: _Source) -> None:
        self._org = org
        self.clear()

    def clear(self) -> None:
        """Forget what was read: rows that decide about rights, or tables, have changed."""
        self._depths: dict[str, dict[str, int]] = {}
        self._roles: dict[str, frozenset[str]] = {}
        self._secured: dict[tuple[str, str], dict[str, tuple[bool, bool, bool]]] = {}

    def roles(self, user_id: str) -> frozenset[str]:
        """List the names of the roles that a user has."""
        if user_id not in self._roles:
            sql = (
                'SELECT r."name" FROM "systemuserroles" u JOIN "role" r ON r."roleid" = u."roleid"'
                ' WHERE u."systemuserid" = ?'
            )
            self._roles[user_id] = frozenset(str(name) for (name,) in self._org.rows(sql, user_id))
        return self._roles[user_id]

    def is_admin(self, user_id: str) -> bool:
        """Say whether the user is a system administrator."""
        return ADMINISTRATOR in self.roles(user_id)

    def depth(self, user_id: str, table: Table, right: str) -> int:
        """Tell how far a user's right on a table reaches: 0 not at all, 8 all rows."""
        if self.is_admin(user_id):
            return GLOBAL
        return self.privileges(user_id).get(privilege(table, right)[1], 0)

    def privileges(self, user_id: str) -> dict[str, int]:
        """List the privileges that a user has through roles: id and greatest depth."""
        if user_id not in self._depths:
            sql = (
                'SELECT p."privilegeid", MAX(p."privilegedepthmask") FROM "systemuserroles" u'
                ' JOIN "roleprivileges" p ON p."roleid" = u."roleid" WHERE u."systemuserid" = ? GROUP BY 1'
            )
            self._depths[user_id] = {str(one): int(depth or 0) for one, depth in self._org.rows(sql, user_id)}
        return self._depths[user_id]

    def demand(self, user_id: str, table: Table, right: str) -> None:
        """Refuse what the user may not do, as a real organisation words it."""
        if self.depth(user_id, table, right):
            return
        name, privilege_id = privilege(table, right)
        message = (
            f"Principal user (Id={user_id}, type=8, roleCount={len(self.roles(user_id))},"
            f" privilegeCount={len(self.privileges(user_id))}, accessMode=0), is missing {name} privilege"
            f" (Id={privilege_id}) on OTC={table.code} for entity '{table.name}'. context.Caller={user_id}"
        )
        raise Problem(403, "0x80040220", message)

    def secured(self, user_id: str, table: Table) -> dict[str, tuple[bool, bool, bool]]:
        """Give for each secured column of a table whether the user may read it, set it on creation, and change it."""
        key = (user_id, table.name)
        if key not in self._secured:
            columns = [column for column in table.columns.values() if column.secured]
            self._secured[key] = {column.name: self._permissions(user_id, table, column) for column in columns}
            for column in columns:
                if column.type == "money":
                    self._secured[key][f"{column.name}_base"] = self._secured[key][column.name]
        return self._secured[key]

    def _permissions(self, user_id: str, table: Table, column: Column) -> tuple[bool, bool, bool]:
        profiles = (
            'FROM "systemuserprofiles" u JOIN "fieldsecurityprofile" p'
            ' ON p."fieldsecurityprofileid" = u."fieldsecurityprofileid" {0} WHERE u."systemuserid" = ?'
        )
        blind = self._org.setting("administrators_blind", False)
        if not blind and self._org.rows(f'SELECT 1 {profiles.format("")} AND p."name" = ?', user_id, ADMINISTRATOR):
            return True, True, True
        join = 'JOIN "fieldpermission" f ON f."fieldsecurityprofileid" = p."fieldsecurityprofileid"'
        sql = (
            'SELECT MAX(f."canread"), MAX(f."cancreate"), MAX(f."canupdate")'
            f' {profiles.format(join)} AND f."entityname" = ? AND f."attributelogicalname" = ?'
        )
        read, create, update = self._org.rows(sql, user_id, table.name, column.name)[0]
        return bool(read), bool(create), bool(update)

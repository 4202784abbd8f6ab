"""What the org has already: our columns, roles, profiles, view, solution and publisher.

In: a Link and the naming. Out: a State. Next room: `plan`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.crm.dynamics.setup.definitions import COMPARED, cast, options_of
from connector.crm.dynamics.setup.link import Link, any_of, found, quoted, rows
from connector.crm.dynamics.setup.naming import BY_NAME, FIRST_OPTION, PULLED, ROLES, Naming
from connector.schema import CrmField

Row = dict[str, Any]
ALLOWED, NOT_ALLOWED = 4, 0  # how a field permission says yes and no
DEPTHS = {"Basic": 1, "Local": 2, "Deep": 4, "Global": 8}
_BASE = "LogicalName,SchemaName,MetadataId,AttributeType,DisplayName,Description,IsSecured,IsCustomAttribute"


@dataclass(frozen=True)
class Privilege:
    """A right as the org knows it."""

    id: str
    name: str


@dataclass
class State:
    """What the org has at this moment."""

    language: int
    business_unit: str
    columns: dict[str, dict[str, Row]]  # custom columns by table and logical name
    privileges: dict[tuple[str, str], Privilege]  # by table and right
    basics: tuple[Privilege, ...]  # rights not bound to a table
    tables: dict[str, Row] = field(default_factory=dict)  # of our names, whoever made them, by logical name
    publisher: Row | None = None
    solution: Row | None = None
    role_rows: list[Row] = field(default_factory=list)  # of our names, whoever made them
    held: dict[str, frozenset[str]] = field(default_factory=dict)  # ids of privileges by role
    profile_rows: list[Row] = field(default_factory=list)  # of our names, whoever made them
    permitted: dict[str, dict[str, Row]] = field(default_factory=dict)  # by role: rows by table.column
    view: Row | None = None
    user_roles: frozenset[str] = frozenset()  # ids
    user_profiles: frozenset[str] = frozenset()

    def column(self, naming: Naming, wish: CrmField) -> Row | None:
        """The org's column of our name."""
        return self.columns.get(naming.table(wish.table), {}).get(naming.column(wish))

    def key(self, naming: Naming, table: str) -> Row | None:
        """The alternate key of a table of ours."""
        keys = self.tables.get(naming.table(table), {}).get("Keys") or ()
        return next((one for one in keys if str(one["SchemaName"]).lower() == naming.key(table).lower()), None)

    def role(self, naming: Naming, role: str) -> Row | None:
        """Our role, when it is there."""
        wanted = naming.id("role", role)
        return next((row for row in self.role_rows if row["roleid"] == wanted), None)

    def profile(self, naming: Naming, role: str) -> Row | None:
        """Our column security profile, when it is there."""
        wanted = naming.id("profile", role)
        return next((row for row in self.profile_rows if row["fieldsecurityprofileid"] == wanted), None)

    def assigned(self, naming: Naming, *, profile: bool) -> bool:
        """Whether the running user has our Connector role, and its profile if there is one."""
        has = naming.id("role", "Connector") in self.user_roles
        return has and (not profile or naming.id("profile", "Connector") in self.user_profiles)


def look(link: Link, naming: Naming) -> State:
    """What the org has at this moment."""
    privileges, basics = _privileges(link, naming)
    state = State(_language(link), _root(link), _columns(link, naming), privileges, basics, _tables(link, naming))
    state.publisher = _one(link, "publishers", "uniquename", naming.lower)
    state.solution = _one(link, "solutions", "uniquename", naming.lower)
    names = [naming.role(role) for role in ROLES]
    # a role is repeated in every business unit below; only the root's own is the role
    root = f"({any_of('name', names)}) and _businessunitid_value eq {state.business_unit}"
    state.role_rows = list(rows(link, f"roles?$select=roleid,name&$filter={root}"))
    profiles = f"fieldsecurityprofiles?$select=fieldsecurityprofileid,name&$filter={any_of('name', names)}"
    state.profile_rows = list(rows(link, profiles))
    for role in ROLES:
        if state.role(naming, role):
            state.held[role] = _held(link, naming.id("role", role))
        if state.profile(naming, role):
            state.permitted[role] = _permitted(link, naming.id("profile", role))
    state.view = found(link, f"savedqueries({naming.id('view')})?$select=savedqueryid,name")
    _assignments(link, state)
    return state


def _language(link: Link) -> int:
    found_rows = list(rows(link, "organizations?$select=languagecode"))
    return int(found_rows[0]["languagecode"]) if found_rows else 1033


def _root(link: Link) -> str:
    query = "businessunits?$select=businessunitid&$filter=_parentbusinessunitid_value eq null"
    return str(next(rows(link, query))["businessunitid"])


def _tables(link: Link, naming: Naming) -> dict[str, Row]:
    """Tables of our names, with their keys."""
    keys = "Keys($select=SchemaName,KeyAttributes,EntityKeyIndexStatus,MetadataId)"
    query = f"EntityDefinitions?$select=LogicalName,MetadataId,Description&$filter={any_of('LogicalName', naming.own)}"
    return {str(row["LogicalName"]): row for row in rows(link, f"{query}&$expand={keys}")}


def _columns(link: Link, naming: Naming) -> dict[str, dict[str, Row]]:
    """Custom columns of our tables; of each type, what setup compares. An org without Sales has no opportunities."""
    answer: dict[str, dict[str, Row]] = {}
    for table in naming.tables:
        path = f"EntityDefinitions(LogicalName='{table}')/Attributes?$select={_BASE}&$filter=IsCustomAttribute eq true"
        listed = found(link, path)
        columns = {str(row["LogicalName"]): row for row in (listed or {"value": ()})["value"]}
        for type_name in sorted({str(row["AttributeType"]) for row in columns.values()} & set(COMPARED)):
            for name, row in _special(link, table, type_name).items():
                if name in columns:
                    columns[name] |= row
        answer[table] = columns
    return answer


def _special(link: Link, table: str, type_name: str) -> dict[str, Row]:
    """Columns of one type with the properties that only its cast shows."""
    select = ",".join(filter(None, ("LogicalName", COMPARED[type_name])))
    expand = "&$expand=OptionSet($select=Options)" if type_name == "Picklist" else ""
    path = f"EntityDefinitions(LogicalName='{table}')/Attributes/{cast(type_name)}?$select={select}{expand}"
    return {str(row["LogicalName"]): row for row in rows(link, path)}


def _privileges(link: Link, naming: Naming) -> tuple[dict[tuple[str, str], Privilege], tuple[Privilege, ...]]:
    """Rights by table and right, for the tables of this org; and those that are bound to none."""
    query = f"EntityDefinitions?$select=LogicalName,Privileges&$filter={any_of('LogicalName', (*PULLED, *naming.own))}"
    bound = {
        (str(table["LogicalName"]), str(one["PrivilegeType"])): Privilege(str(one["PrivilegeId"]), str(one["Name"]))
        for table in rows(link, query)
        for one in table["Privileges"]
    }
    names = rows(link, f"privileges?$select=privilegeid,name&$filter={any_of('name', BY_NAME)}")
    return bound, tuple(Privilege(str(row["privilegeid"]), str(row["name"])) for row in names)


def _one(link: Link, path: str, column: str, value: str) -> Row | None:
    return next(rows(link, f"{path}?$filter={column} eq {quoted(value)}"), None)


def _held(link: Link, role_id: str) -> frozenset[str]:
    """Privileges of a role; how deep each reaches is an admin's to change."""
    query = f"roles({role_id})/roleprivileges_association?$select=privilegeid"
    return frozenset(str(row["privilegeid"]) for row in rows(link, query))


def _permitted(link: Link, profile_id: str) -> dict[str, Row]:
    select = "fieldpermissionid,entityname,attributelogicalname,canread,cancreate,canupdate"
    query = f"fieldpermissions?$select={select}&$filter=_fieldsecurityprofileid_value eq {profile_id}"
    return {f"{row['entityname']}.{row['attributelogicalname']}": row for row in rows(link, query)}


def _assignments(link: Link, state: State) -> None:
    user = f"systemusers({link.running_user()})"
    held = rows(link, f"{user}/systemuserroles_association?$select=roleid")
    state.user_roles = frozenset(str(row["roleid"]) for row in held)
    held = rows(link, f"{user}/systemuserprofiles_association?$select=fieldsecurityprofileid")
    state.user_profiles = frozenset(str(row["fieldsecurityprofileid"]) for row in held)


def wanted_privileges(state: State, rights: Mapping[tuple[str, str], str], *, basics: bool) -> dict[Privilege, str]:
    """Depth by privilege, for the tables this org has; rows of several tables may hang on one privilege."""
    wanted: dict[Privilege, str] = {}
    for key, depth in rights.items():
        privilege = state.privileges.get(key)
        if privilege is not None and DEPTHS[depth] > DEPTHS.get(wanted.get(privilege, ""), 0):
            wanted[privilege] = depth
    return wanted | (dict.fromkeys(state.basics, "Global") if basics else {})


def wanted_permission(editable: bool) -> dict[str, int]:
    """Columns of a field permission that shows a column, and lets it be edited or not."""
    may = ALLOWED if editable else NOT_ALLOWED
    return {"canread": ALLOWED, "cancreate": may, "canupdate": may}


def key_option(naming: Naming, state: State, status: CrmField) -> int:
    """Number of the option Key: the org's own where the column is there already."""
    there = options_of(state.column(naming, status) or {}, state.language)
    return next((number for number, text in there.items() if text == status.values[0]), FIRST_OPTION)

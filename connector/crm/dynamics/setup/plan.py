"""What setup would do: what the org has already, held against what this version wants.

In: a SetupRequest and a Link. Out: SetupItems; nothing changes. Every column carries this installation's mark at the
end of its description; without it, a column of our name is refused. Next room: `apply`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from connector.crm.dynamics.faults import spoken
from connector.crm.dynamics.setup.definitions import differences, text_of, type_of
from connector.crm.dynamics.setup.link import NO_RIGHT, Link, any_of, rows
from connector.crm.dynamics.setup.naming import (
    OPTION_PREFIX,
    OWN,
    ROLES,
    Naming,
    permissions,
    profiles,
    rights,
    roles,
    view_status,
)
from connector.crm.dynamics.setup.state import State, look, wanted_permission, wanted_privileges
from connector.crm.protocol import SetupItem, SetupRequest
from connector.schema import CRM_FIELDS, CrmField

# Rights without which nothing of ours can be made; the org's own names for them.
NEEDED = ("prvCreateAttribute", "prvCreateRole", "prvCreateSolution")

# Kinds of components that come along by themselves: tables as shells, relationships, and what hangs on them.
CARRIERS = frozenset({1, 3, 10, 11, 12})


@spoken()
def plan_setup(link: Link, request: SetupRequest) -> list[SetupItem]:
    """What apply_setup would do; changes nothing."""
    naming = Naming(request.prefix, request.mark)
    state = look(link, naming)
    if request.remove:
        return removals(link, naming, state)
    items = compare(naming, state, request.fields)[0]
    return items + missing_rights(link, items)


def compare(naming: Naming, state: State, fields: Iterable[CrmField]) -> tuple[list[SetupItem], tuple[CrmField, ...]]:
    """Items for everything wished, and the fields that roles, profiles and view are made for.

    Fields of ours that are there already count even when this request does not name them: what was granted for them
    stays granted.
    """
    asked = tuple(fields)
    present = tuple(f for f in CRM_FIELDS if f not in asked and _is_ours(naming, state, f))
    own = [table for table in OWN if any(wish.table == table for wish in (*asked, *present))]
    tables = [_table_item(naming, state, table) for table in own]
    columns = [_field_item(naming, state, wish) for wish in (*asked, *present)]
    refused = {item.name for item in (*tables, *columns) if item.action == "refuse"}
    wishes = tuple(wish for wish in (*asked, *present) if not {naming.full(wish), naming.table(wish.table)} & refused)
    items = [_publisher_item(naming, state), _solution_item(naming, state), *tables, *columns]
    items += [_key_item(naming, state, table) for table in own if naming.table(table) not in refused]
    fresh = any(item.action == "create" for item in tables)  # then there are rights that nobody has yet
    items += [_role_item(naming, state, role, wishes, fresh=fresh) for role in roles(wishes)]
    items += [_profile_item(naming, state, role, wishes) for role in profiles(wishes)]
    if view_status(wishes) is not None:
        items.append(SetupItem("list_view", naming.view, "keep" if state.view else "create"))
    has = state.assigned(naming, profile="Connector" in profiles(wishes))
    items.append(SetupItem("assignment", naming.role("Connector"), "keep" if has else "create", "to the running user"))
    return items, wishes


def missing_rights(link: Link, items: Iterable[SetupItem]) -> list[SetupItem]:
    """A refusal when something is to be made and this user may not; asked for only then."""
    if not any(item.action in ("create", "update") and item.kind != "assignment" for item in items):
        return []
    named = rows(link, f"privileges?$select=privilegeid,name&$filter={any_of('name', NEEDED)}")
    needed = {str(row["privilegeid"]): str(row["name"]) for row in named}
    path = f"systemusers({link.running_user()})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"
    held = {str(one["PrivilegeId"]) for one in link.client.get(path)["RolePrivileges"]}
    missing = sorted(name for key, name in needed.items() if key not in held)
    return [SetupItem("permission", ", ".join(missing), "refuse", NO_RIGHT)] if missing else []


def _is_ours(naming: Naming, state: State, wish: CrmField) -> bool:
    found = state.column(naming, wish)
    return found is not None and naming.is_ours(text_of(found["Description"], state.language))


def _elsewhere(naming: Naming, kind: str, name: str, description: str | None) -> SetupItem:
    other = "another installation of kam-connector made it" if "[kam " in (description or "") else "it is not ours"
    advice = f"set [setup] prefix to something else than {naming.prefix}"
    if kind == "field":
        advice = f"map it in mappings/dynamics.toml, or {advice}"
    return SetupItem(kind, name, "refuse", f"{name} exists already and {other}: {advice}")


def _publisher_item(naming: Naming, state: State) -> SetupItem:
    row = state.publisher
    if row is None:
        return SetupItem("publisher", naming.lower, "create", f"prefix {naming.lower}, choices from {OPTION_PREFIX}")
    if not naming.is_ours(row.get("description")):
        return _elsewhere(naming, "publisher", naming.lower, row.get("description"))
    return SetupItem("publisher", naming.lower, "keep")


def _solution_item(naming: Naming, state: State) -> SetupItem:
    row = state.solution
    if row is None:
        return SetupItem("solution", naming.lower, "create", "holds everything of ours")
    description = row.get("description")
    if not naming.is_ours(description):
        return _elsewhere(naming, "solution", naming.lower, description)
    if description == naming.pending:
        return SetupItem("solution", naming.lower, "update", "changes are not published yet")
    return SetupItem("solution", naming.lower, "keep")


def _table_item(naming: Naming, state: State, table: str) -> SetupItem:
    name = naming.table(table)
    found = state.tables.get(name)
    if found is None:
        return SetupItem("table", name, "create", OWN[table].label)
    description = text_of(found["Description"], state.language)
    return (
        SetupItem("table", name, "keep")
        if naming.is_ours(description)
        else _elsewhere(naming, "table", name, description)
    )


def _key_item(naming: Naming, state: State, table: str) -> SetupItem:
    found, name = state.key(naming, table), naming.key(table)
    if found is None:
        return SetupItem("key", name, "create", naming.key_column(table))
    status = found["EntityKeyIndexStatus"]
    return SetupItem("key", name, *(("keep",) if status == "Active" else ("update", f"its index is {status.lower()}")))


def _field_item(naming: Naming, state: State, wish: CrmField) -> SetupItem:
    name, found = naming.full(wish), state.column(naming, wish)
    if found is None:
        return SetupItem("field", name, "create", wish.label)
    if not _is_ours(naming, state, wish):
        return _elsewhere(naming, "field", name, text_of(found["Description"], state.language))
    if found["AttributeType"] != type_of(wish):
        change = f"{name} is of type {found['AttributeType']}, {type_of(wish)} is needed, and a type cannot be changed"
        return SetupItem("field", name, "refuse", f"{change}: run kam setup --remove, then kam setup --apply")
    different = differences(wish, found, naming, state.language)
    return SetupItem("field", name, "update" if different else "keep", ", ".join(different))


def _role_item(naming: Naming, state: State, role: str, wishes: Iterable[CrmField], *, fresh: bool) -> SetupItem:
    name = naming.role(role)
    if state.role(naming, role) is None:
        if any(row["name"] == name for row in state.role_rows):
            return _elsewhere(naming, "role", name, None)
        return SetupItem("role", name, "create", ROLES[role])
    held = state.held[role]
    wanted = wanted_privileges(state, rights(role, wishes, naming), basics=role == "Connector")
    same = not fresh and held >= {privilege.id for privilege in wanted}
    return SetupItem("role", name, "keep" if same else "update", "" if same else "what it grants")


def _profile_item(naming: Naming, state: State, role: str, wishes: Iterable[CrmField]) -> SetupItem:
    name = naming.role(role)
    if state.profile(naming, role) is None:
        if any(row["name"] == name for row in state.profile_rows):
            return _elsewhere(naming, "profile", name, None)
        return SetupItem("profile", name, "create", "column security")
    held: dict[str, dict[str, Any]] = state.permitted[role]
    same = all(
        wanted_permission(editable).items() <= held.get(naming.full(wish), {}).items()
        for wish, editable in permissions(role, wishes).items()
    )
    return SetupItem("profile", name, "keep" if same else "update", "" if same else "what it shows")


def marked_fields(naming: Naming, state: State) -> Iterator[tuple[str, dict[str, Any]]]:
    """Table and column of everything that carries our mark, whichever version made it."""
    for table, columns in state.columns.items():
        for column in columns.values():
            if naming.is_ours(text_of(column["Description"], state.language)):
                yield table, column


def own_tables(naming: Naming, state: State) -> list[str]:
    """Tables that carry our mark."""
    found = state.tables.items()
    return [name for name, row in found if naming.is_ours(text_of(row["Description"], state.language))]


def removals(link: Link, naming: Naming, state: State) -> list[SetupItem]:
    """Everything that carries our mark, to be removed; solution and publisher only when nothing else hangs on them."""
    items = []
    if state.view:
        items.append(SetupItem("list_view", naming.view, "remove"))
    for table in own_tables(naming, state):
        items.append(SetupItem("table", table, "remove", OWN[naming.own[table]].label))
    for table, column in marked_fields(naming, state):
        if table in naming.own:
            continue  # goes with its table
        label = text_of(column["DisplayName"], state.language)
        items.append(SetupItem("field", f"{table}.{column['LogicalName']}", "remove", label))
    ours = [role for role in ROLES if state.profile(naming, role)]
    items += [SetupItem("profile", naming.role(role), "remove", "column security") for role in ours]
    ours = [role for role in ROLES if state.role(naming, role)]
    items += [SetupItem("role", naming.role(role), "remove", ROLES[role]) for role in ours]
    return items + _containers(link, naming, state)


def _containers(link: Link, naming: Naming, state: State) -> list[SetupItem]:
    items = []
    solution, publisher = state.solution, state.publisher
    kept = False
    if solution is not None and naming.is_ours(solution.get("description")):
        others = strangers(link, naming, state, str(solution["solutionid"]))
        kept = bool(others)
        detail = f"holds {others} more of somebody else" if kept else ""
        items.append(SetupItem("solution", naming.lower, "keep" if kept else "remove", detail))
    if publisher is not None and naming.is_ours(publisher.get("description")):
        query = f"solutions?$select=uniquename&$filter=_publisherid_value eq {publisher['publisherid']}"
        used = [row["uniquename"] for row in rows(link, query) if row["uniquename"] != naming.lower]
        keep = kept or bool(used)
        items.append(SetupItem("publisher", naming.lower, "keep" if keep else "remove", ", ".join(used)))
    return items


def strangers(link: Link, naming: Naming, state: State, solution_id: str) -> int:
    """How many components of our solution are not ours; a table that only carries columns does not count."""
    ours = {str(column["MetadataId"]).lower() for _, column in marked_fields(naming, state)}
    ours |= {str(key["MetadataId"]).lower() for table in state.tables.values() for key in table.get("Keys") or ()}
    ours |= {naming.id("view")}
    ours |= {naming.id(kind, role) for kind in ("role", "profile") for role in ROLES}
    query = "solutioncomponents?$select=componenttype,objectid&$filter=_solutionid_value eq "
    parts = rows(link, query + solution_id)
    return sum(part["componenttype"] not in CARRIERS and str(part["objectid"]).lower() not in ours for part in parts)

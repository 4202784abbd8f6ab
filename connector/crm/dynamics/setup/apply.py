"""Carries setup out, one thing after the other, so that a stop at any point can be gone on from.

In: a SetupRequest and a Link. Out: the SetupItems that were carried out. Next room: `remove`.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from connector.crm.dynamics.faults import spoken
from connector.crm.dynamics.setup.definitions import (
    alternate_key,
    cast,
    column,
    differences,
    fetch_xml,
    label,
    layout_xml,
    option_changes,
    relationship,
    table,
    type_of,
    updated,
)
from connector.crm.dynamics.setup.link import Link, change, found, publish, rows
from connector.crm.dynamics.setup.naming import (
    LOOKUPS,
    OPTION_PREFIX,
    OWN,
    VERSION,
    Naming,
    names_rows,
    permissions,
    profiles,
    rights,
    roles,
    view_status,
)
from connector.crm.dynamics.setup.package import package
from connector.crm.dynamics.setup.plan import compare, missing_rights
from connector.crm.dynamics.setup.remove import remove_setup
from connector.crm.dynamics.setup.state import State, key_option, look, wanted_permission, wanted_privileges
from connector.crm.protocol import SetupItem, SetupRequest
from connector.errors import AccessFault, UnreachableFault, UsageFault
from connector.schema import CrmField

KEY_PAUSE, KEY_PATIENCE = 2.0, 600.0  # seconds, for the index behind a key
PAGE_CLICKS = (
    "Columns are made, but no form shows them yet. For the account form your people use:",
    "1. Open make.powerapps.com and choose the environment at the top right.",
    "2. Tables > Account > Forms: open the main form.",
    "3. Components > 1-column section: drag it onto the form, and drag the KAM columns from Table columns into it.",
    "4. Save and publish.",
    "5. Power Platform admin center > the environment > Settings > Users + permissions: give everybody who is to see",
    '   the columns the security role "KAM Reader" and the column security profile of the same name; those who decide',
    '   about key accounts get both named "KAM Programme Owner".',
    '6. The view "My key accounts" stands among the views of Accounts. With gaps: they stand under Related, and a',
    "   subgrid of them may be put onto the form.",
)


@spoken()
def apply_setup(link: Link, request: SetupRequest, out: Path | None = None) -> list[SetupItem]:
    """Create and update what the plan says, then assign Connector to the running user.

    `out` writes the solution there instead; when the request asks for removal, it is the folder for exported values.
    """
    if request.remove:
        return remove_setup(link, request, out or Path())
    naming = Naming(request.prefix, request.mark)
    state = look(link, naming)
    items, wishes = compare(naming, state, request.fields)
    if out is not None:
        _stop_at_refusals(items)
        _write(out, package(wishes, naming, state))
        return items
    _stop_at_refusals([*items, *missing_rights(link, items)])
    to_do = {(item.kind, item.name) for item in items if item.action in ("create", "update")}
    if {kind for kind, _ in to_do} - {"assignment"}:
        _make(link, naming, state, wishes, to_do)
    if any(kind == "assignment" for kind, _ in to_do):
        _assign(link, naming, state, wishes)
    return items


def _make(link: Link, naming: Naming, state: State, wishes: Sequence[CrmField], to_do: set[tuple[str, str]]) -> None:
    """Everything but the assignment, in an order in which nothing names what is not there yet.

    The solution says "not published yet" until all is: that is how the next apply knows of a stop in between.
    """
    _containers(link, naming, state)
    made = [name for name in OWN if ("table", naming.table(name)) in to_do]
    for name in made:
        change(link, "POST", "EntityDefinitions", table(name, naming, state.language), solution=naming.lower)
    for wish in wishes:
        if ("field", naming.full(wish)) in to_do and not (wish.table in made and names_rows(wish)):
            _column(link, naming, state, wish)
    for name in OWN:
        if ("key", naming.key(name)) in to_do:
            _key(link, naming, state, name)
    if made:
        state = look(link, naming)  # with the tables came rights on them
    for role in roles(wishes):
        if ("role", naming.role(role)) in to_do:
            _role(link, naming, state, role, wishes)
    for role in profiles(wishes):
        if ("profile", naming.role(role)) in to_do:
            _profile(link, naming, state, role, wishes)
    if ("list_view", naming.view) in to_do:
        _view(link, naming, state, wishes)
    publish(link, dict.fromkeys(naming.table(wish.table) for wish in wishes))
    _describe_solution(link, naming, state, naming.made)


def _containers(link: Link, naming: Naming, state: State) -> None:
    publisher = state.publisher["publisherid"] if state.publisher else naming.id("publisher")
    if state.publisher is None:
        body: dict[str, Any] = {
            "publisherid": publisher,
            "uniquename": naming.lower,
            "friendlyname": "kam-connector",
            "description": naming.made,
            "customizationprefix": naming.lower,
            "customizationoptionvalueprefix": OPTION_PREFIX,
        }
        change(link, "POST", "publishers", body)
    if state.solution is not None:
        _describe_solution(link, naming, state, naming.pending)
        return
    body = {
        "solutionid": naming.id("solution"),
        "uniquename": naming.lower,
        "friendlyname": "kam-connector",
        "description": naming.pending,
        "version": VERSION,
        "publisherid@odata.bind": f"/publishers({publisher})",
    }
    change(link, "POST", "solutions", body)


def _describe_solution(link: Link, naming: Naming, state: State, description: str) -> None:
    solution = state.solution["solutionid"] if state.solution else naming.id("solution")
    change(link, "PATCH", f"solutions({solution})", {"description": description})


def _column(link: Link, naming: Naming, state: State, wish: CrmField) -> None:
    there = state.column(naming, wish)
    if there is not None:
        _update(link, naming, state, wish, there)
    elif wish.kind in LOOKUPS:
        body = relationship(wish, naming, state.language)
        change(link, "POST", "RelationshipDefinitions", body, solution=naming.lower)
    else:
        path = f"EntityDefinitions(LogicalName='{naming.table(wish.table)}')/Attributes"
        change(link, "POST", path, column(wish, naming, state.language), solution=naming.lower)


def _key(link: Link, naming: Naming, state: State, name: str) -> None:
    """Make a table's key, and wait until its index is built: before, no row is found by it."""
    path, wanted = f"EntityDefinitions(LogicalName='{naming.table(name)}')/Keys", naming.key(name).lower()
    there = state.key(naming, name)
    if there is None:
        change(link, "POST", path, alternate_key(name, naming, state.language), solution=naming.lower)
    elif there["EntityKeyIndexStatus"] == "Failed":
        body = {"EntityLogicalName": naming.table(name), "EntityKeyLogicalName": wanted}
        change(link, "POST", "ReactivateEntityKey", body)
    waited = 0.0
    while waited < KEY_PATIENCE:
        found_ = rows(link, f"{path}?$select=SchemaName,EntityKeyIndexStatus")
        status = next((row["EntityKeyIndexStatus"] for row in found_ if row["SchemaName"].lower() == wanted), "")
        if status in ("Active", "Failed"):
            break
        link.sleep(KEY_PAUSE)
        waited += KEY_PAUSE
    else:
        status = "Pending"
    if status != "Active":
        said = "could not be built" if status == "Failed" else f"is not built after {KEY_PATIENCE:.0f} s"
        raise UnreachableFault(
            f"The index of the key {naming.key(name)} {said}. What was made is kept: look at make.powerapps.com > "
            f"Tables > {OWN[name].label} > Keys, then run kam setup --apply again."
        )


def _update(link: Link, naming: Naming, state: State, wish: CrmField, there: dict[str, Any]) -> None:
    """Replace a column's definition by itself with our wishes put in; options have actions of their own."""
    path = f"EntityDefinitions(LogicalName='{naming.table(wish.table)}')/Attributes({there['MetadataId']})"
    whole = found(link, f"{path}/{cast(type_of(wish))}")
    if whole is None:
        raise UsageFault(f"{naming.full(wish)} went away while it was being changed. Run kam setup --apply again.")
    if set(differences(wish, there, naming, state.language)) - {"options"}:
        change(link, "PUT", path, updated(wish, whole, naming, state.language), solution=naming.lower, merge=True)
    if wish.kind != "picklist":
        return
    added, renamed = option_changes(wish, there, state.language)
    for action, options in (("InsertOptionValue", added), ("UpdateOptionValue", renamed)):
        for number, text in options.items():
            change(link, "POST", action, _option(naming, state, wish, number, text), solution=naming.lower)


def _option(naming: Naming, state: State, wish: CrmField, number: int, text: str) -> dict[str, Any]:
    return {
        "EntityLogicalName": naming.table(wish.table),
        "AttributeLogicalName": naming.column(wish),
        "Value": number,
        "Label": label(text, state.language),
        "MergeLabels": True,
        "SolutionUniqueName": naming.lower,
    }


def _role(link: Link, naming: Naming, state: State, role: str, wishes: Sequence[CrmField]) -> None:
    key = naming.id("role", role)
    if state.role(naming, role) is None:
        body = {
            "roleid": key,
            "name": naming.role(role),
            "businessunitid@odata.bind": f"/businessunits({state.business_unit})",
        }
        change(link, "POST", "roles", body, solution=naming.lower)
    wanted = wanted_privileges(state, rights(role, wishes, naming), basics=role == "Connector")
    granted = [
        {"PrivilegeId": privilege.id, "Depth": depth, "BusinessUnitId": state.business_unit}
        for privilege, depth in wanted.items()
    ]
    change(link, "POST", f"roles({key})/Microsoft.Dynamics.CRM.AddPrivilegesRole", {"Privileges": granted})


def _profile(link: Link, naming: Naming, state: State, role: str, wishes: Sequence[CrmField]) -> None:
    key = naming.id("profile", role)
    if state.profile(naming, role) is None:
        body: dict[str, Any] = {"fieldsecurityprofileid": key, "name": naming.role(role), "description": naming.made}
        change(link, "POST", "fieldsecurityprofiles", body, solution=naming.lower)
    held = state.permitted.get(role, {})
    for wish, editable in permissions(role, wishes).items():
        wanted, there = wanted_permission(editable), held.get(naming.full(wish))
        if there is None:
            body = {
                **wanted,
                "fieldpermissionid": naming.id("permission", f"{role}/{naming.full(wish)}"),
                "entityname": naming.table(wish.table),
                "attributelogicalname": naming.column(wish),
                "fieldsecurityprofileid@odata.bind": f"/fieldsecurityprofiles({key})",
            }
            change(link, "POST", "fieldpermissions", body)
        elif not wanted.items() <= there.items():
            change(link, "PATCH", f"fieldpermissions({there['fieldpermissionid']})", wanted)


def _view(link: Link, naming: Naming, state: State, wishes: Sequence[CrmField]) -> None:
    status = view_status(wishes)
    if status is None:
        return
    body = {
        "savedqueryid": naming.id("view"),
        "name": naming.view,
        "description": naming.made,
        "returnedtypecode": status.table,
        "querytype": 0,
        "fetchxml": fetch_xml(wishes, status, naming, key_option(naming, state, status)),
        "layoutxml": layout_xml(wishes, status, naming),
    }
    change(link, "POST", "savedqueries", body, solution=naming.lower)


def _assign(link: Link, naming: Naming, state: State, wishes: Sequence[CrmField]) -> None:
    """Give the running user the Connector role and its profile; having them already is fine."""
    user = f"systemusers({link.running_user()})"
    wanted = [("systemuserroles_association", "roles", naming.id("role", "Connector"), state.user_roles)]
    if "Connector" in profiles(wishes):
        profile = naming.id("profile", "Connector")
        wanted.append(("systemuserprofiles_association", "fieldsecurityprofiles", profile, state.user_profiles))
    for association, kind, key, held in wanted:
        if key not in held:
            body = {"@odata.id": f"{link.client.base}{kind}({key})"}
            change(link, "POST", f"{user}/{association}/$ref", body)


def _write(out: Path, content: bytes) -> None:
    try:
        out.write_bytes(content)
    except OSError as error:
        raise UsageFault(
            f"--out: {out} cannot be written ({error.strerror}). Name a file in a folder of yours."
        ) from error


def _stop_at_refusals(items: Iterable[SetupItem]) -> None:
    refused = [item for item in items if item.action == "refuse"]
    if any(item.kind == "permission" for item in refused):
        raise AccessFault(*(item.detail for item in refused))
    if refused:
        raise UsageFault(*(item.detail for item in refused), "Nothing was changed.")

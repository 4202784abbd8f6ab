"""Carries setup out: deploys all or nothing, assigns the permission set, or removes what carries our mark.

In: a SetupRequest and a Link. Out: the SetupItems that were carried out. Next room: `plan` for what they are.
"""

from collections.abc import Iterable
from pathlib import Path

from connector.crm.failures import Refusal
from connector.crm.protocol import FieldFact, SetupItem, SetupRequest
from connector.crm.salesforce.faults import spoken
from connector.crm.salesforce.setup.deployment import Link, deploy, quoted, select
from connector.crm.salesforce.setup.export import export
from connector.crm.salesforce.setup.package import Naming, package, removal
from connector.crm.salesforce.setup.plan import (
    checked_items,
    compare,
    kept,
    look,
    marked_fields,
    members,
    needs_deploy,
    removals,
)
from connector.errors import AccessFault, UsageFault

PAGE_CLICKS = (
    "Fields are made, but no page shows them yet. For each account page your people use:",
    "1. Open an account, then the gear, then Edit Page.",
    "2. On a page with Dynamic Forms: drag a Field Section onto the page and the KAM fields into it.",
    "   Otherwise: click the details, follow the link to the page layout, and drag the KAM fields there.",
    "   With gaps: add the related list Whitespace gaps, with the columns your people answer in.",
    "3. Save, and Activate if asked.",
    "4. Setup > Permission Sets > KAM Reader > Manage Assignments: add everybody who is to see the fields.",
)


@spoken()
def apply_setup(link: Link, request: SetupRequest, out: Path | None = None) -> list[SetupItem]:
    """Create and update what the plan says, all or nothing, then assign Connector to the running user.

    `out` writes the package there instead; when the request asks for removal, it is the folder for exported values.
    """
    if request.remove:
        return remove_setup(link, request, out or Path())
    naming = Naming(request.prefix, request.mark)
    state = look(link, naming)
    if out is not None:
        items, wishes = compare(naming, state, request.fields)
        _stop_at_refusals(items)
        _write(out, package(wishes, naming, link.client.version, kept(naming, state)))
        return items
    if state.marked("Connector", naming) and "Connector" not in state.assigned:
        # An earlier attempt stopped before this; without it, our own fields look like hidden ones of somebody else.
        _assign(link, naming)
        state = look(link, naming)
    items, wishes = checked_items(link, naming, state, request.fields)
    _stop_at_refusals(items)
    if needs_deploy(items):
        made = package(wishes, naming, link.client.version, kept(naming, state))
        deploy(link, made, check_only=False).stop_at_problems()
    if any(item.kind == "assignment" and item.action == "create" for item in items):
        _assign(link, naming)
    return items


@spoken()
def remove_setup(link: Link, request: SetupRequest, exports: Path) -> list[SetupItem]:
    """Take away what carries our mark: values are written to CSV files in `exports` first."""
    naming = Naming(request.prefix, request.mark)
    state = look(link, naming)
    if state.marked("Connector", naming) and "Connector" not in state.assigned:
        _assign(link, naming)  # what cannot be seen could not be exported
        state = look(link, naming)
    items = removals(naming, state)
    fields = _by_record(marked_fields(naming, state))
    written = [export(link, record, names, exports) for record, names in fields.items()]
    first = members(items, "object", "field", "list_view")
    if first:
        deploy(link, removal(first, link.client.version), check_only=False).stop_at_problems()
    sets = members(items, "permission_set")
    if sets:
        _unassign(link, [str(row["Id"]) for role, row in state.sets.items() if state.marked(role, naming)])
        deploy(link, removal(sets, link.client.version), check_only=False).stop_at_problems()
    return [*written, *items]


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


def _assign(link: Link, naming: Naming) -> None:
    """Give the running user the Connector permission set; having it already is fine."""
    name = naming.set("Connector")
    found = list(select(link, ("Id",), "PermissionSet", f"WHERE Name = {quoted([name])}"))
    body = {"AssigneeId": link.running_user(), "PermissionSetId": found[0]["Id"]}
    try:
        link.client.send("POST", "sobjects/PermissionSetAssignment", repeatable=True, json=body)
    except Refusal as refusal:
        if refusal.code != "DUPLICATE_VALUE":
            advice = f"assign it in Setup > Permission Sets > {name} > Manage Assignments, then run: kam check"
            raise AccessFault(f"{name} could not be assigned to this user ({refusal.code}): {advice}") from None


def _unassign(link: Link, sets: list[str]) -> None:
    """Take the permission sets from everybody: Salesforce deletes none that somebody has."""
    held = f"WHERE PermissionSetId IN ({quoted(sets)})"
    for row in list(select(link, ("Id",), "PermissionSetAssignment", held)):
        try:
            link.client.send("DELETE", f"sobjects/PermissionSetAssignment/{row['Id']}", repeatable=True)
        except Refusal as refusal:
            if refusal.status != 404:  # somebody else took it away meanwhile, or a lost answer was asked for again
                raise


def _by_record(pairs: Iterable[tuple[str, FieldFact]]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for record, field in pairs:
        names.setdefault(record, []).append(field.name)
    return names

"""What setup would do: what the org has already, held against what this version wants.

In: a SetupRequest and a Link. Out: SetupItems, and the fields of the package; the org itself checks a plan.
Every field carries this installation's mark at the end of its help text; without it, a field of our name is refused.
Next room: `deployment`, then `apply`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from connector.crm.protocol import FieldFact, RecordFact, SetupItem, SetupRequest
from connector.crm.salesforce.faults import spoken
from connector.crm.salesforce.setup.deployment import Deployed, Link, deploy, quoted, select
from connector.crm.salesforce.setup.package import (
    OWN,
    RECORDS,
    RIGHTS,
    ROLES,
    Added,
    Naming,
    grants,
    object_grants,
    package,
    removal,
    roles,
    view_status,
)
from connector.errors import AccessFault
from connector.schema import CRM_FIELDS, KEYED, WRITE_COLUMNS, CrmField

TYPES = {"object": "CustomObject", "field": "CustomField", "permission_set": "PermissionSet", "list_view": "ListView"}
DESCRIBED = {
    "picklist": "picklist",
    "text": "string",
    "long_text": "textarea",
    "number": "double",
    "currency": "currency",
    "date": "date",
    "flag": "boolean",
    "user": "reference",
    "contact": "reference",
    "account": "reference",
    "key": "string",
}


@dataclass
class State:
    """What the org has already."""

    facts: dict[str, RecordFact]  # by record
    sets: dict[str, dict[str, Any]]  # PermissionSet rows by role
    granted: dict[str, Added]  # by role: all that the set grants, whoever put it there
    assigned: set[str]  # roles that the running user has
    view: bool

    def field(self, naming: Naming, wish: CrmField) -> FieldFact | None:
        """The org's field of our name, as this user sees it."""
        fact = self.facts.get(naming.record(wish.table))
        return _named(fact.fields, naming.field(wish)) if fact else None

    def hidden(self, naming: Naming, wish: CrmField) -> bool:
        """Whether the field is ours though this user cannot see it: our own permission set names it."""
        ours = self.granted["Connector"] if self.marked("Connector", naming) else Added()
        granted = naming.full(wish) in ours.fields or (
            wish.kind == "account" and naming.record(wish.table) in ours.objects
        )
        return self.field(naming, wish) is None and granted

    def marked(self, role: str, naming: Naming) -> bool:
        """Whether the permission set exists and is ours."""
        return naming.sign in str(self.sets.get(role, {}).get("Description") or "")


@spoken()
def plan_setup(link: Link, request: SetupRequest) -> list[SetupItem]:
    """What apply_setup would do; the org checks it without changing anything."""
    naming = Naming(request.prefix, request.mark)
    state = look(link, naming)
    if request.remove:
        return _checked_removal(link, naming, state)
    return checked_items(link, naming, state, request.fields)[0]


def checked_items(
    link: Link, naming: Naming, state: State, fields: Iterable[CrmField]
) -> tuple[list[SetupItem], tuple[CrmField, ...]]:
    """Items after the org's own check, and the fields of the package; without work to do, nothing is sent."""
    items, wishes = compare(naming, state, fields)
    if not needs_deploy(items):
        return items, wishes
    try:
        checked = deploy(link, package(wishes, naming, link.client.version, kept(naming, state)), check_only=True)
    except AccessFault as fault:
        return [*items, SetupItem("permission", "Modify Metadata", "refuse", str(fault))], wishes
    return _verdicts(items, checked, naming), wishes


def needs_deploy(items: Iterable[SetupItem]) -> bool:
    """Whether anything differs that only a deploy can make."""
    return any(item.action in ("create", "update") for item in items if item.kind != "assignment")


def look(link: Link, naming: Naming) -> State:
    """What the org has at this moment."""
    facts: dict[str, RecordFact] = {}
    for record in naming.records:
        fact = link.describe(record)
        if fact is None and record not in RECORDS.values():
            continue
        if fact is None:
            raise AccessFault(f"{record} is not visible to this user. Grant read and edit on {record}, then: kam setup")
        facts[record] = fact
    names = {naming.set(role): role for role in ROLES}
    rows = select(link, ("Id", "Name", "Description"), "PermissionSet", f"WHERE Name IN ({quoted(names)})")
    sets = {names[row["Name"]]: row for row in rows if row["Name"] in names}
    granted, assigned = _grants(link, {row["Id"]: role for role, row in sets.items()})
    view = select(
        link, ("Id",), "ListView", f"WHERE SobjectType = 'Account' AND DeveloperName = {quoted([naming.view])}"
    )
    return State(facts, sets, granted, assigned, any(view))


def _grants(link: Link, by_id: Mapping[str, str]) -> tuple[dict[str, Added], set[str]]:
    """What each of our permission sets grants, and which of them the running user has."""
    granted = {role: Added() for role in ROLES}
    if not by_id:
        return granted, set()
    under = f"WHERE ParentId IN ({quoted(by_id)})"
    for row in select(link, ("ParentId", "Field", "PermissionsEdit"), "FieldPermissions", under):
        granted[by_id[row["ParentId"]]].fields[row["Field"]] = row["PermissionsEdit"]
    for row in select(link, ("ParentId", "SobjectType", *RIGHTS.values()), "ObjectPermissions", under):
        held = {element: row[column] for element, column in RIGHTS.items()}
        granted[by_id[row["ParentId"]]].objects[row["SobjectType"]] = held
    held_by = f"WHERE AssigneeId = {quoted([link.running_user()])} AND PermissionSetId IN ({quoted(by_id)})"
    rows = select(link, ("PermissionSetId",), "PermissionSetAssignment", held_by)
    return granted, {by_id[row["PermissionSetId"]] for row in rows}


def compare(naming: Naming, state: State, fields: Iterable[CrmField]) -> tuple[list[SetupItem], tuple[CrmField, ...]]:
    """Items for everything wished, and the fields that the package shall hold.

    Fields of ours that are there already stay in the package even when this request does not name them: permission sets
    are replaced as a whole, so leaving them out would hide them.
    """
    asked = tuple(fields)
    present = tuple(f for f in CRM_FIELDS if f not in asked and _is_ours(naming, state, f))
    items = _object_items(naming, state, (*asked, *present))
    items += [_field_item(naming, state, wish) for wish in (*asked, *present)]
    refused = {item.name for item in items if item.action == "refuse"}
    wishes = tuple(
        wish
        for wish in (*asked, *present)
        if naming.full(wish) not in refused and naming.record(wish.table) not in refused
    )
    items += [_set_item(naming, state, role, wishes) for role in roles(wishes)]
    if view_status(wishes) is not None:
        items.append(_view_item(naming, state))
    has = "Connector" in state.assigned
    items.append(SetupItem("assignment", naming.set("Connector"), "keep" if has else "create", "to the running user"))
    return items, wishes


def kept(naming: Naming, state: State) -> dict[str, Added]:
    """Grants that the next package must repeat, by role; nothing of a set that is not ours."""
    return {role: added for role, added in state.granted.items() if state.marked(role, naming)}


def _is_ours(naming: Naming, state: State, wish: CrmField) -> bool:
    fact = state.field(naming, wish)
    return state.hidden(naming, wish) or (fact is not None and fact.help.rstrip().endswith(naming.sign))


def _object_items(naming: Naming, state: State, wishes: Iterable[CrmField]) -> list[SetupItem]:
    """Objects of our own; one is ours when its key carries our mark."""
    items = []
    for table in dict.fromkeys(wish.table for wish in wishes if wish.table in OWN):
        name, label = naming.record(table), OWN[table][1]
        key = WRITE_COLUMNS[table, KEYED[table]]
        if _is_ours(naming, state, key):
            items.append(SetupItem("object", name, "keep"))
        elif name in state.facts:
            advice = f"set [setup] prefix to something else than {naming.prefix}"
            items.append(SetupItem("object", name, "refuse", f"{name} exists already and it is not ours: {advice}"))
        else:
            items.append(SetupItem("object", name, "create", label))
    return items


def _field_item(naming: Naming, state: State, wish: CrmField) -> SetupItem:
    name, fact = naming.full(wish), state.field(naming, wish)
    if fact is None and state.hidden(naming, wish):
        return SetupItem("field", name, "keep", f"not visible until {naming.set('Connector')} is assigned")
    if fact is None:
        return SetupItem("field", name, "create", wish.label)
    if not fact.help.rstrip().endswith(naming.sign):
        advice = f"map it in mappings/salesforce.toml, or set [setup] prefix to something else than {naming.prefix}"
        other = "another installation of kam-connector made it" if "[kam " in fact.help else "it is not ours"
        return SetupItem("field", name, "refuse", f"{name} exists already and {other}: {advice}")
    if fact.type != DESCRIBED[wish.kind]:
        change = f"{name} is of type {fact.type}, {DESCRIBED[wish.kind]} is needed, and no deploy can change a type"
        return SetupItem("field", name, "refuse", f"{change}: run kam setup --remove, then kam setup --apply")
    different = _differences(naming, wish, fact)
    return SetupItem("field", name, "update" if different else "keep", ", ".join(different))


def _differences(naming: Naming, wish: CrmField, fact: FieldFact) -> list[str]:
    pairs: list[tuple[str, object, object]] = [
        ("label", wish.label, fact.label),
        ("help text", naming.help(wish), fact.help),
    ]
    if wish.kind in ("text", "long_text", "key"):
        pairs.append(("length", wish.length, fact.length))
    if wish.kind in ("number", "currency"):
        pairs.append(("scale", wish.scale, fact.scale))
    if wish.kind == "picklist":
        pairs.append(("values", wish.values, fact.values))
    return [word for word, wanted, have in pairs if wanted != have]


def _set_item(naming: Naming, state: State, role: str, wishes: Iterable[CrmField]) -> SetupItem:
    name = naming.set(role)
    if role not in state.sets:
        return SetupItem("permission_set", name, "create", ROLES[role])
    if not state.marked(role, naming):
        advice = "set [setup] prefix to something else, or rename that permission set"
        return SetupItem("permission_set", name, "refuse", f"{name} exists already and is not ours: {advice}")
    held, wishes = state.granted[role], tuple(wishes)
    same = all(held.fields.get(naming.full(wish)) == editable for wish, editable in grants(role, wishes).items())
    for record, rights in object_grants(role, wishes, naming).items():
        same = same and all(held.objects.get(record, {}).get(right) for right in rights)
    return SetupItem("permission_set", name, "keep" if same else "update", "" if same else "what it grants")


def _view_item(naming: Naming, state: State) -> SetupItem:
    name = f"Account.{naming.view}"
    if not state.view:
        return SetupItem("list_view", name, "create", "My key accounts")
    if not any(state.marked(role, naming) for role in ROLES):
        advice = "set [setup] prefix to something else, or rename that list view"
        return SetupItem("list_view", name, "refuse", f"{name} exists already and is not ours: {advice}")
    return SetupItem("list_view", name, "keep")


def _verdicts(items: list[SetupItem], checked: Deployed, naming: Naming) -> list[SetupItem]:
    """Items after the org's own check: what it refuses, and what exists though this user cannot see it."""
    answer = []
    for item in items:
        key = (TYPES.get(item.kind, ""), item.name.lower())
        problem = checked.problems.pop(key, None)
        if problem is not None:
            answer.append(replace(item, action="refuse", detail=f"{item.name}: Salesforce says: {problem}"))
        elif item.kind in ("object", "field") and item.action == "create" and key in checked.existing:
            advice = (
                f"let an admin make it visible to this user, then map it; or set [setup] prefix (now {naming.prefix})"
            )
            known = f"{item.name} exists already but is hidden from this user, so it may be somebody else's"
            answer.append(replace(item, action="refuse", detail=f"{known}: {advice}"))
        else:
            answer.append(item)
    return answer + [
        SetupItem(kind or "package", name, "refuse", f"{name}: Salesforce says: {problem}")
        for (kind, name), problem in checked.problems.items()
    ]


def marked_fields(naming: Naming, state: State) -> Iterator[tuple[str, FieldFact]]:
    """Record and field of everything that carries our mark, whichever version made it."""
    for record, fact in state.facts.items():
        for field in fact.fields.values():
            if field.name.endswith("__c") and field.help.rstrip().endswith(naming.sign):
                yield record, field


def removals(naming: Naming, state: State) -> list[SetupItem]:
    """Everything that carries our mark, to be removed."""
    own = {naming.record(table): label for table, (_, label, *_) in OWN.items()}
    marked = list(marked_fields(naming, state))
    # An object of ours goes as a whole, its records with it.
    items = [SetupItem("object", r, "remove", own[r]) for r in dict.fromkeys(r for r, _ in marked) if r in own]
    items += [SetupItem("field", f"{r}.{f.name}", "remove", f.label) for r, f in marked if r not in own]
    ours = [role for role in ROLES if state.marked(role, naming)]
    if ours and state.view:
        items.append(SetupItem("list_view", f"Account.{naming.view}", "remove", "My key accounts"))
    return items + [SetupItem("permission_set", naming.set(role), "remove", ROLES[role]) for role in ours]


def _checked_removal(link: Link, naming: Naming, state: State) -> list[SetupItem]:
    items = removals(naming, state)
    first = members(items, "object", "field", "list_view")
    if not first:
        return items
    return _verdicts(items, deploy(link, removal(first, link.client.version), check_only=True), naming)


def members(items: Iterable[SetupItem], *kinds: str) -> dict[str, list[str]]:
    """Names to be removed, by metadata type."""
    named: dict[str, list[str]] = {}
    for item in items:
        if item.kind in kinds and item.action == "remove":
            named.setdefault(TYPES[item.kind], []).append(item.name)
    return named


def _named(fields: Mapping[str, FieldFact], name: str) -> FieldFact | None:
    return next((fact for key, fact in fields.items() if key.lower() == name.lower()), None)

"""Who may change metadata, and which solution a change belongs to.

A call comes in; a refusal leaves, or rows of solutioncomponent. Next room: `wording`.
"""

from collections.abc import Mapping
from typing import Any

from connector.emulator.dynamics.desk.call import Call
from connector.emulator.dynamics.org.catalogue.notation import stable_id
from connector.emulator.dynamics.org.model import Problem
from connector.emulator.dynamics.org.records import Org

CUSTOMIZER = "System Customizer"
ENTITY, ATTRIBUTE, OPTION_SET, RELATIONSHIP, KEY = 1, 2, 9, 10, 14
"""Types of solution components, as `solutioncomponent.componenttype` numbers them."""

WITH_SUBCOMPONENTS, WITHOUT_SUBCOMPONENTS = 0, 1


def demand(org: Org, user_id: str, right: str, thing: str) -> None:
    """Refuse a user who may not change metadata; `thing` is what privileges call it: Entity, Attribute, OptionSet…"""
    roles = org.access.roles(user_id)
    name = f"prv{right}{thing}"
    privilege_id = stable_id("privilege", name)
    if org.access.is_admin(user_id) or CUSTOMIZER in roles or org.access.privileges(user_id).get(privilege_id):
        return
    text = (
        f"Principal user (Id={user_id}, type=8, roleCount={len(roles)}, "
        f"privilegeCount={len(org.access.privileges(user_id))}, accessMode=0), is missing {name} privilege "
        f"(Id={privilege_id}) on OTC=0 for entity '{thing.lower()}'. context.Caller={user_id}"
    )
    raise Problem(403, "0x80040220", text)


def solution_named(call: Call, body: Mapping[str, Any] | None = None) -> str | None:
    """The solution that a change is meant for, from the header, the query or the body."""
    named = call.header("mscrm.solutionuniquename") or call.option("SolutionUniqueName")
    return named or (str(body["SolutionUniqueName"]) if body and body.get("SolutionUniqueName") else None)


def solution_id(org: Org, name: str) -> str:
    """The unmanaged solution with this unique name."""
    found = org.rows('SELECT "solutionid", "ismanaged" FROM "solution" WHERE "uniquename" = ? COLLATE NOCASE', name)
    if not found:
        raise Problem(400, "0x80048037", f"The solution '{name}' does not exist in this system.")
    if found[0][1]:
        raise Problem(400, "0x8004f024", f"Cannot update solution '{name}' because it is a managed solution.")
    return str(found[0][0])


def belongs(
    org: Org, user_id: str, solution: str | None, kind: int, object_id: str, behavior: int = WITH_SUBCOMPONENTS
) -> str | None:
    """Note that a component belongs to a solution; the row's id, or None when no solution was named."""
    if not solution:
        return None
    owner = solution_id(org, solution)
    sql = 'SELECT "solutioncomponentid" FROM "solutioncomponent" WHERE "solutionid" = ? AND "objectid" = ?'
    found = org.rows(sql, owner, object_id)
    if found:
        return str(found[0][0])
    values = {
        "solutionid": ("solution", owner),
        "componenttype": kind,
        "objectid": object_id,
        "rootcomponentbehavior": behavior,
        "ismetadata": kind in (ENTITY, ATTRIBUTE, OPTION_SET, RELATIONSHIP, KEY),
    }
    return org.create(user_id, "solutioncomponent", values, system=True)


def gone(org: Org, user_id: str, object_id: str) -> None:
    """Take a deleted component out of all solutions."""
    for (row_id,) in org.rows('SELECT "solutioncomponentid" FROM "solutioncomponent" WHERE "objectid" = ?', object_id):
        org.delete(user_id, "solutioncomponent", str(row_id))

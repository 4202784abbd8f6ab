"""Functions and actions that are not about rows alone: who am I, the org, privileges, closing opportunities, counts.

A name, its parameters and, where it is bound, a row come in; answers in the documented shapes leave.
Next room: `batch`.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from connector.emulator.dynamics import read
from connector.emulator.dynamics.desk.call import Answer, Call, empty, json_answer, payload_problem
from connector.emulator.dynamics.desk.site import Site
from connector.emulator.dynamics.org.model import Problem, Table
from connector.emulator.dynamics.write import bulk, payload, rows

Parameters = Mapping[str, Any]
Unbound = Callable[[Site, Call, Parameters], Answer]
OnSet = Callable[[Site, Call, Table, Parameters], Answer]
OnRow = Callable[[Site, Call, Table, str, Parameters], Answer]

VERSION = "9.2.26101.00155"
ALLOWED, DENIED = 4, 0  # what a column's permission says
DEPTHS = {1: "Basic", 2: "Local", 4: "Deep", 8: "Global"}  # privilegedepthmask
EMPTY_GUID = "00000000-0000-0000-0000-000000000000"
OPEN, WON, LOST = 0, 1, 2


def reply(call: Call, kind: str, data: Mapping[str, Any]) -> Answer:
    """An answer of a complex type, with its context."""
    return json_answer({"@odata.context": f"{call.root}$metadata#Microsoft.Dynamics.CRM.{kind}", **data})


def _who_am_i(site: Site, call: Call, _given: Parameters) -> Answer:
    found = site.org.rows('SELECT "businessunitid" FROM "systemuser" WHERE "systemuserid" = ?', call.user_id)
    ids = {"BusinessUnitId": found[0][0], "UserId": call.user_id, "OrganizationId": site.org.org_id}
    return reply(call, "WhoAmIResponse", ids)


def _version(_site: Site, call: Call, _given: Parameters) -> Answer:
    return reply(call, "RetrieveVersionResponse", {"Version": VERSION})


def _organization(site: Site, call: Call, given: Parameters) -> Answer:
    if "AccessType" not in given:
        text = "The function 'RetrieveCurrentOrganization' needs the parameter 'AccessType'."
        raise Problem(400, "0x80060888", text)
    base = call.root.partition("/api/data/")[0]
    name = (urlsplit(base).hostname or "").partition(".")[0]
    endpoints = {
        "WebApplication": f"{base}/",
        "OrganizationService": f"{base}/XRMServices/2011/Organization.svc",
        "OrganizationDataService": f"{base}/XRMServices/2011/OrganizationData.svc",
    }
    detail = {
        "OrganizationId": site.org.org_id,
        "FriendlyName": "kam emulator",
        "OrganizationVersion": VERSION,
        "EnvironmentId": site.org.org_id,
        "DatacenterId": EMPTY_GUID,
        "Geo": "EMEA",
        "TenantId": site.tenant,
        "UrlName": name,
        "UniqueName": f"unq{site.org.org_id.replace('-', '')[:20]}",
        "State": "Enabled",
        "SchemaType": "Full",
        "OrganizationType": "CustomerTest" if site.org.is_sandbox else "Customer",
        "Endpoints": {
            "Count": len(endpoints),
            "IsReadOnly": False,
            "Keys": list(endpoints),
            "Values": list(endpoints.values()),
        },
    }
    return reply(call, "RetrieveCurrentOrganizationResponse", {"Detail": detail})


def _total_count(site: Site, call: Call, given: Parameters) -> Answer:
    names = given.get("EntityNames")
    if not isinstance(names, list) or not names:
        raise Problem(400, "0x80060888", "RetrieveTotalRecordCount needs EntityNames, as ['account'].")
    counts = []
    for name in names:
        table = site.org.table(str(name))
        site.org.demand(call.user_id, table.name, "Read")
        counts.append(site.org.rows(f'SELECT COUNT(*) FROM "{table.name}"')[0][0])
    collection = {"Count": len(names), "IsReadOnly": False, "Keys": names, "Values": counts}
    return reply(call, "RetrieveTotalRecordCountResponse", {"EntityRecordCountCollection": collection})


def _close(state: int, message: str) -> Unbound:
    """The action that closes an opportunity in this state."""

    def act(site: Site, call: Call, given: Parameters) -> Answer:
        status, close = given.get("Status"), given.get("OpportunityClose")
        if not isinstance(status, int) or not isinstance(close, dict):
            raise payload_problem("", f"{message} needs both parameters, Status and OpportunityClose.")
        site.unlocked(call)
        table, record_id = payload.reference(
            site, call, close.get("opportunityid@odata.bind"), site.org.table("opportunity")
        )
        if site.org.get(call.user_id, table.name, record_id)["statecode"] != OPEN:
            raise Problem(400, "0x80040203", "The opportunity cannot be closed, as it is not open.")
        values: dict[str, Any] = {"statecode": state, "statuscode": status}
        values |= {
            column: close[name]
            for name, column in (("actualrevenue", "actualvalue"), ("actualend", "actualclosedate"))
            if close.get(name) is not None
        }
        if "actualclosedate" not in values:
            values["actualclosedate"] = site.clock().date().isoformat()
        with site.transaction():
            rows.update_row(site, call, table, record_id, values)
        return empty(204)

    return act


def _user_privileges(site: Site, call: Call, _table: Table, record_id: str, _given: Parameters) -> Answer:
    where = 'rp."roleid" IN (SELECT "roleid" FROM "systemuserroles" WHERE "systemuserid" = ?)'
    return reply(call, "RetrieveUserPrivilegesResponse", {"RolePrivileges": _privileges(site, where, record_id)})


def _role_privileges(site: Site, call: Call, given: Parameters) -> Answer:
    where = 'rp."roleid" = ?'
    found = _privileges(site, where, str(given.get("RoleId", "")).lower())
    return reply(call, "RetrieveRolePrivilegesRoleResponse", {"RolePrivileges": found})


def _privileges(site: Site, where: str, value: str) -> list[dict[str, Any]]:
    """Privileges of roles, each at its widest depth."""
    found = site.org.rows(
        'SELECT p."privilegeid", p."name", MAX(rp."privilegedepthmask") FROM "roleprivileges" rp '
        f'JOIN "privilege" p ON p."privilegeid" = rp."privilegeid" WHERE {where} GROUP BY 1, 2 ORDER BY 2',
        value,
    )
    return [
        {
            "Depth": DEPTHS.get(int(mask or 1), "Global"),
            "PrivilegeId": privilege,
            "BusinessUnitId": site.org.business_unit_id,
            "PrivilegeName": name,
            "RecordFilterId": EMPTY_GUID,
            "RecordFilterUniqueName": "",
        }
        for privilege, name, mask in found
    ]


def _attribute_privileges(site: Site, call: Call, _table: Table, record_id: str, _given: Parameters) -> Answer:
    """Permissions on secured columns; a column on which the user has none at all is left out."""
    found = []
    for table in site.org.tables.values():
        secured = [column for column in table.columns.values() if column.secured]
        if not secured:
            continue
        closed = [
            site.org.unreadable(record_id, table.name),
            site.org.unwritable(record_id, table.name, True),
            site.org.unwritable(record_id, table.name, False),
        ]
        for column in secured:
            rights = [DENIED if column.name in names else ALLOWED for names in closed]
            if any(rights):
                entry = dict(zip(("CanRead", "CanCreate", "CanUpdate"), rights, strict=True))
                found.append({"AttributeId": column.metadata_id, **entry, "CanReadUnmasked": 0})
    return reply(call, "RetrievePrincipalAttributePrivilegesResponse", {"AttributePrivileges": found})


def _add_privileges(site: Site, call: Call, _table: Table, record_id: str, given: Parameters) -> Answer:
    wanted = given.get("Privileges")
    if not isinstance(wanted, list):
        raise payload_problem("roles", "AddPrivilegesRole needs a collection 'Privileges'.")
    with site.transaction():
        for item in wanted:
            _add_privilege(site, call, record_id, item)
    return empty(204)


def _add_privilege(site: Site, call: Call, role: str, item: Mapping[str, Any]) -> None:
    privilege = payload.existing(site, site.org.table("privilege"), str(item.get("PrivilegeId", "")))
    depth = str(item.get("Depth", ""))
    mask = next((mask for mask, name in DEPTHS.items() if depth in (name, str(mask.bit_length() - 1))), None)
    if mask is None:
        text = f"The depth '{depth}' of a privilege is unknown; use one of {', '.join(DEPTHS.values())}."
        raise payload_problem("roles", text)
    table = site.org.table("roleprivileges")
    values = {"roleid": role, "privilegeid": privilege, "privilegedepthmask": mask}
    sql = f'SELECT "{table.primary_id}" FROM "roleprivileges" WHERE "roleid" = ? AND "privilegeid" = ?'
    known = site.org.rows(sql, role, privilege)
    if known:
        made = str(known[0][0])
        site.org.update(call.user_id, table.name, made, {"privilegedepthmask": mask}, system=True)
    else:
        made = site.org.create(call.user_id, table.name, values, system=True)
    site.writes.add("update" if known else "create", table.name, made, call.user_id, values)


def _unpublished(site: Site, call: Call, table: Table, record_id: str, _given: Parameters) -> Answer:
    return read.single(site, call, table, record_id)


def _all_unpublished(site: Site, call: Call, table: Table, _given: Parameters) -> Answer:
    return read.collection(site, call, table)


def _delete_multiple(_site: Site, _call: Call, _table: Table, _given: Parameters) -> Answer:
    raise Problem(501, "0x80040203", "DeleteMultiple has not yet been implemented.")


FUNCTIONS: dict[str, Unbound] = {
    "WhoAmI": _who_am_i,
    "RetrieveVersion": _version,
    "RetrieveCurrentOrganization": _organization,
    "RetrieveTotalRecordCount": _total_count,
    "RetrieveRolePrivilegesRole": _role_privileges,
}
ACTIONS: dict[str, Unbound] = {
    "WinOpportunity": _close(WON, "WinOpportunity"),
    "LoseOpportunity": _close(LOST, "LoseOpportunity"),
    "BulkDelete": bulk.bulk_delete,
}
SET_FUNCTIONS: dict[str, OnSet] = {"RetrieveUnpublishedMultiple": _all_unpublished}
SET_ACTIONS: dict[str, OnSet] = {
    "CreateMultiple": bulk.create_multiple,
    "UpdateMultiple": bulk.update_multiple,
    "UpsertMultiple": bulk.upsert_multiple,
    "DeleteMultiple": _delete_multiple,
}
ROW_FUNCTIONS: dict[str, OnRow] = {
    "RetrieveUserPrivileges": _user_privileges,
    "RetrievePrincipalAttributePrivileges": _attribute_privileges,
    "RetrieveUnpublished": _unpublished,
}
ROW_ACTIONS: dict[str, OnRow] = {"AddPrivilegesRole": _add_privileges}

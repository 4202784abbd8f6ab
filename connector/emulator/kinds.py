"""The CRMs that can be emulated: how an org of each kind is made, and how it is filled.

The name of a CRM comes in; what makes and fills its org leaves. Next room: `server`, which serves one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.emulator.company.model import Company
from connector.emulator.dynamics import load as dynamics_load
from connector.emulator.dynamics import seed as dynamics_seed
from connector.emulator.dynamics.org.records import Org as DynamicsOrg
from connector.emulator.export import Loaded
from connector.emulator.salesforce import load as salesforce_load
from connector.emulator.salesforce import seed as salesforce_seed
from connector.emulator.salesforce.org.records import Org as SalesforceOrg
from connector.emulator.server import Running


@dataclass(frozen=True)
class Kind:
    """One CRM: `make(path, is_sandbox=…)` opens an org, `load` reads exports into it, `seed` plants a company.

    `login` tells what a client's settings must say to log in by key file; `appoint` does what an admin does by hand:
    it gives one person the right to decide about the programme, and tells the user name.
    """

    make: Callable[..., Any]
    load: Callable[[Any, Path], Loaded]
    seed: Callable[[Any, Company], dict[str, list[str]]]
    login: Callable[[Running], dict[str, str]]
    appoint: Callable[[Any], str]


def _salesforce_login(running: Running) -> dict[str, str]:
    user = running.org.rows('SELECT "Username" FROM "User" WHERE "Id" = ?', running.org.admin_id)[0][0]
    return {"url": running.url, "client_id": running.client_id, "username": user}


def _salesforce_appoint(org: SalesforceOrg) -> str:
    person = org.rows('SELECT "Id", "Username" FROM "User" WHERE "LastName" = \'Owner\' LIMIT 1')[0]
    owned = org.rows('SELECT "Id" FROM "PermissionSet" WHERE "Name" IN (\'KAM_Programme_Owner\', \'KAM_Connector\')')
    for (permission_set,) in owned:
        given = {"AssigneeId": person[0], "PermissionSetId": permission_set}
        org.create(org.admin_id, "PermissionSetAssignment", given)
    return str(person[1])


def _dynamics_login(running: Running) -> dict[str, str]:
    return {
        "url": running.url,
        "login_url": running.url,
        "tenant": str(running.tenant),
        "client_id": running.client_id,
        "auth": "certificate",
    }


def _dynamics_appoint(org: DynamicsOrg) -> str:
    name = "olive.owner@example.com"
    person = org.add_user("Olive Owner", domainname=name, roles=("KAM Programme Owner", "KAM Connector"))
    for (profile,) in org.rows("SELECT fieldsecurityprofileid FROM fieldsecurityprofile WHERE name LIKE 'KAM %'"):
        held = {"systemuserid": person, "fieldsecurityprofileid": profile}
        org.create(org.admin_id, "systemuserprofiles", held, system=True)
    return name


KINDS = {
    "salesforce": Kind(
        SalesforceOrg, salesforce_load.load, salesforce_seed.seed, _salesforce_login, _salesforce_appoint
    ),
    "dynamics": Kind(DynamicsOrg, dynamics_load.load, dynamics_seed.seed, _dynamics_login, _dynamics_appoint),
}

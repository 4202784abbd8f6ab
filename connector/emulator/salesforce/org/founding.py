"""The first records of a new org: its organization row, profiles, users, price book and opportunity stages.

In: an org with empty tables; out: the same org, ready for its first login. Next room: `records`.
"""

import secrets
from typing import TYPE_CHECKING

from connector.emulator.salesforce.org import ids
from connector.emulator.salesforce.org.access import SETUP

if TYPE_CHECKING:
    from connector.emulator.salesforce.org.records import Org

_ADMIN = ("ApiEnabled", "ModifyMetadata", "CustomizeApplication", "ViewSetup", "ManageUsers", "AssignPermissionSets",
          "ViewAllData", "ModifyAllData")  # fmt: skip
_PROFILES = {"System Administrator": _ADMIN, "Standard User": ("ApiEnabled", "ViewSetup")}
_USERS = (("Integration", "System Administrator"), ("Standard", "Standard User"), ("Programme", "Standard User"))
_SURNAMES = {"Integration": "User", "Standard": "User", "Programme": "Owner"}
_OUTSIDE_SETS = SETUP | {"opportunitylineitem", "opportunitycontactrole", "orderitem", "pricebookentry"}


def found(org: "Org", *, is_sandbox: bool) -> None:
    """Make the records that every new org has."""
    org.org_id = ids.to18("00D" + "Em0" + "".join(secrets.choice(ids.DIGITS) for _ in range(9)))
    org.admin_id = org.new_id("005")
    org.pricebook_id = org.new_id("01s")
    for key in ("org_id", "admin_id", "pricebook_id"):
        org.set_setting(key, getattr(org, key))
    org.set_setting("currency", org.currency)
    by, system = org.admin_id, True
    company: dict[str, object] = {
        "Id": org.org_id, "Name": "Emulated Org", "IsSandbox": is_sandbox, "OrganizationType": "Developer Edition",
        "InstanceName": "EMU1", "FiscalYearStartMonth": 1, "PrimaryContact": "Integration User",
    }  # fmt: skip
    org.create(by, "Organization", company, system=system)
    profiles: dict[str, str] = {}
    for name, granted in _PROFILES.items():
        rights: dict[str, object] = {f"Permissions{one}": True for one in granted}
        profiles[name] = org.create(by, "Profile", {"Name": name, "UserType": "Standard", **rights}, system=system)
        owned = {
            "Name": "X" + profiles[name],
            "Label": profiles[name],
            "ProfileId": profiles[name],
            "IsOwnedByProfile": True,
        }
        own_set = org.create(by, "PermissionSet", {**owned, **rights, "Type": "Profile"}, system=system)
        for kind in list(org.objects.values()):
            if kind.name.lower() not in _OUTSIDE_SETS:
                org.grant_object(own_set, kind.name, "Read", "Create", "Edit", "Delete")
    for first, profile in _USERS:
        _employ(org, first, profiles[profile], org.admin_id if first == "Integration" else org.new_id("005"))
    robot: dict[str, object] = {
        "LastName": "Automated Process",
        "Username": f"autoproc@{org.org_id.lower()}",
        "IsActive": True,
    }
    robot |= {"Alias": "autoproc", "Email": "autoproc@example.com", "UserType": "AutomatedProcess"}
    org.create(by, "User", robot, system=system)
    book: dict[str, object] = {
        "Id": org.pricebook_id,
        "Name": "Standard Price Book",
        "IsActive": True,
        "IsStandard": True,
    }
    org.create(by, "Pricebook2", book, system=system)
    for row in org._stages:
        org.create(by, "OpportunityStage", row, system=system)


def _employ(org: "Org", first: str, profile_id: str, user_id: str) -> None:
    last = _SURNAMES[first]
    mail = f"{first}.{last}@example.com".lower()
    org.create(org.admin_id, "User", {
        "Id": user_id, "FirstName": first, "LastName": last, "Username": mail, "Email": mail,
        "Alias": first[:8].lower(),
        "IsActive": True, "ProfileId": profile_id, "UserType": "Standard",
    }, system=True)  # fmt: skip

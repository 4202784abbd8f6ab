"""Rights and change tracking of the emulated Dataverse organisation."""

from datetime import UTC, datetime, timedelta

import pytest

from connector.emulator.dynamics.org.model import Problem
from connector.emulator.dynamics.org.records import Org


@pytest.fixture(scope="module")
def org() -> Org:
    """One organisation for the module; every test makes its own users and rows."""
    return Org()


def test_without_a_role_everything_is_refused_in_the_words_of_a_real_organisation(org: Org) -> None:
    user = org.add_user("Nora None")
    with pytest.raises(Problem) as caught:
        org.get(user, "incident", org.new_guid("incident"))
    assert (caught.value.status, caught.value.code) == (403, "0x80040220")
    assert f"Principal user (Id={user}, type=8, roleCount=0" in caught.value.message
    assert "is missing prvReadIncident privilege" in caught.value.message
    assert f"on OTC=112 for entity 'incident'. context.Caller={user}" in caught.value.message


def test_a_seller_works_on_accounts_but_not_on_roles(org: Org) -> None:
    user = org.add_user("Sam Seller", roles=["Salesperson"])
    made = org.create(user, "account", {"name": "A"})
    org.update(user, "account", made, {"name": "B"})
    assert org.get(user, "account", made)["ownerid"] == user
    assert (org.can(user, "account", "Write"), org.can(user, "role", "Create")) == (True, False)


def test_a_role_taken_away_takes_effect_at_once(org: Org) -> None:
    user = org.add_user("Rita Role", roles=["Salesperson"])
    role = str(org.rows('SELECT "roleid" FROM "role" WHERE "name" = ?', "Salesperson")[0][0])
    assert org.can(user, "contact", "Read")
    org.disassociate(org.admin_id, org.relationships["systemuserroles_association"], user, role)
    assert not org.can(user, "contact", "Read")


def test_a_secured_column_is_for_those_with_a_permission() -> None:
    org = Org()
    org.replace_column("account", org.table("account").column("revenue").with_(secured=True))
    user = org.add_user("Sue Secure", roles=["Salesperson"])
    assert org.unreadable(org.admin_id, "account") == frozenset()
    assert org.unreadable(user, "account") == {"revenue", "revenue_base"}
    with pytest.raises(Problem) as caught:
        org.create(user, "account", {"name": "A", "revenue": 1})
    assert (caught.value.status, caught.value.code) == (403, "0x8004f502")
    profile = org.create(org.admin_id, "fieldsecurityprofile", {"name": "P"})
    org.create(org.admin_id, "fieldpermission", {
        "fieldsecurityprofileid": profile, "entityname": "account", "attributelogicalname": "revenue", "canread": 4,
        "cancreate": 4, "canupdate": 0,
    })  # fmt: skip
    org.associate(org.admin_id, org.relationships["systemuserprofiles_association"], user, profile)
    made = org.create(user, "account", {"name": "A", "revenue": 1})
    with pytest.raises(Problem) as caught:
        org.update(user, "account", made, {"revenue": 2})
    assert caught.value.code == "0x8004f507"
    org.secure_columns(["account.sic"])
    assert org.unreadable(org.admin_id, "account") == org.unreadable(user, "account") == {"sic"}
    org.secure_columns([])
    assert org.unreadable(user, "account") == frozenset()


def test_the_application_user_is_found_by_its_client(org: Org) -> None:
    client = "0A1B2C3D-0000-4000-8000-000000000001"
    org.bind_application(client)
    assert org.user_of_application(client) == org.admin_id
    assert org.user_of_application(org.org_id) is None
    assert org.user_id("Kam Connector") == org.user_id("kam.connector@example.com") == org.admin_id


def test_a_token_tells_what_came_and_went_since(org: Org) -> None:
    stays = org.create(org.admin_id, "account", {"name": "old"})
    token = org.tracking_token()
    goes = org.create(org.admin_id, "account", {"name": "new"})
    org.delete(org.admin_id, "account", goes)
    org.update(org.admin_id, "account", stays, {})
    start = org.tracking_start(token)
    changed = org.rows('SELECT "accountid" FROM "account" WHERE "versionnumber" > ?', start)
    assert ([str(one) for (one,) in changed], [one for one, _ in org.deleted_since("account", start)]) == (
        [stays],
        [goes],
    )


def test_tokens_expire_after_the_days_set_or_on_demand() -> None:
    now = [datetime(2026, 3, 1, tzinfo=UTC)]
    org = Org(clock=lambda: now[0])
    token = org.tracking_token()
    assert token == f"{org.version}!03/01/2026 00:00:00"
    now[0] += timedelta(days=7)
    assert org.tracking_start(token) == org.version
    now[0] += timedelta(seconds=1)
    for _ in range(2):
        with pytest.raises(Problem) as caught:
            org.tracking_start(token)
        assert (caught.value.status, caught.value.code) == (400, "0x80044352")
        token = org.tracking_token()
        org.expire_tracking()
    assert org.tracking_start(org.tracking_token()) == org.version
    with pytest.raises(Problem, match="is not one that this organization made"):
        org.tracking_start("yesterday")

"""Rights: what a profile grants, what a permission set grants, and what nobody may see."""

import pytest

from connector.emulator.salesforce.org.model import Field, ObjectType, Problem
from connector.emulator.salesforce.org.records import Org


@pytest.fixture
def org() -> Org:
    made = Org()
    made.add_field("Account", Field("KAM_Flag__c", "string", length=40, custom=True))
    return made


def permission_set(org: Org, *users: str) -> str:
    made = org.create(org.admin_id, "PermissionSet", {"Name": "Some_Set", "Label": "Some set"})
    for user in users:
        org.create(org.admin_id, "PermissionSetAssignment", {"PermissionSetId": made, "AssigneeId": user})
    return made


def grant(org: Org, set_id: str, *, edit: bool) -> str:
    values = {"ParentId": set_id, "SobjectType": "Account", "Field": "Account.KAM_Flag__c", "PermissionsRead": True}
    return org.create(org.admin_id, "FieldPermissions", {**values, "PermissionsEdit": edit})


def test_standard_fields_are_readable_and_a_deployed_field_is_not_even_for_the_admin(org: Org) -> None:
    seen = org.readable(org.admin_id, "account")
    assert {"Id", "Name", "BillingAddress", "SystemModstamp"} <= seen
    assert "KAM_Flag__c" not in seen
    with pytest.raises(Problem) as caught:
        org.create(org.admin_id, "Account", {"Name": "A", "KAM_Flag__c": "x"})
    assert (caught.value.code, caught.value.fields) == ("INVALID_FIELD_FOR_INSERT_UPDATE", ["KAM_Flag__c"])


def test_a_permission_set_shows_the_field_to_those_it_is_assigned_to(org: Org) -> None:
    grant(org, permission_set(org, org.admin_id), edit=False)
    assert "KAM_Flag__c" in org.readable(org.admin_id, "Account")
    assert "KAM_Flag__c" not in org.editable(org.admin_id, "Account")
    assert "KAM_Flag__c" not in org.readable(org.user_id("Standard User"), "Account")


def test_edit_rights_can_be_given_and_taken_again(org: Org) -> None:
    row = grant(org, permission_set(org, org.admin_id), edit=True)
    made = org.create(org.admin_id, "Account", {"Name": "A", "KAM_Flag__c": "x"})
    org.update(org.admin_id, "FieldPermissions", row, {"PermissionsEdit": False})
    with pytest.raises(Problem, match="Unable to create/update fields: KAM_Flag__c"):
        org.update(org.admin_id, "Account", made, {"KAM_Flag__c": "y"})
    org.delete(org.admin_id, "FieldPermissions", row)
    assert "KAM_Flag__c" not in org.readable(org.admin_id, "Account")


def test_a_permission_that_was_rolled_back_was_never_given(org: Org) -> None:
    chosen = permission_set(org, org.admin_id)
    with pytest.raises(ZeroDivisionError), org.transaction():
        grant(org, chosen, edit=True)
        assert "KAM_Flag__c" in org.editable(org.admin_id, "Account")
        raise ZeroDivisionError
    assert "KAM_Flag__c" not in org.readable(org.admin_id, "Account")


def test_the_same_assignment_or_permission_twice_is_a_duplicate(org: Org) -> None:
    chosen = permission_set(org, org.admin_id)
    with pytest.raises(Problem) as caught:
        org.create(org.admin_id, "PermissionSetAssignment", {"PermissionSetId": chosen, "AssigneeId": org.admin_id})
    expected = f"Duplicate PermissionSetAssignment.  Assignee: {org.admin_id}; Permission Set: {chosen}"
    assert (caught.value.code, caught.value.message) == ("DUPLICATE_VALUE", expected)
    grant(org, chosen, edit=False)
    with pytest.raises(Problem) as caught:
        grant(org, chosen, edit=True)
    assert caught.value.code == "DUPLICATE_VALUE"


@pytest.mark.parametrize("field", ["Account.Nope__c", "Account.Id", "Account.OwnerId", "Account.Name"])
def test_fields_without_permissions_cannot_be_granted(org: Org, field: str) -> None:
    values = {"ParentId": permission_set(org), "SobjectType": "Account", "Field": field, "PermissionsRead": True}
    with pytest.raises(Problem) as caught:
        org.create(org.admin_id, "FieldPermissions", values)
    assert caught.value.code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


def test_granting_by_name_may_be_repeated(org: Org) -> None:
    chosen = permission_set(org, org.admin_id)
    for edit in (False, True, True):
        org.grant(chosen, "Account", "kam_flag__c", edit=edit)
    assert org.rows('SELECT "Field", "PermissionsEdit" FROM "FieldPermissions"') == [("Account.KAM_Flag__c", 1)]


def test_a_hidden_standard_field_is_hidden_from_everybody_until_it_is_shown(org: Org) -> None:
    org.hide("Account", "industry")
    assert "Industry" not in org.readable(org.admin_id, "Account") | org.editable(org.admin_id, "Account")
    org.show("Account", "Industry")
    assert "Industry" in org.readable(org.admin_id, "Account")


def test_a_custom_object_is_out_of_sight_without_object_permissions(org: Org) -> None:
    org.add_object(ObjectType("Gap__c", "Gap", "Gaps", None, custom=True))
    user = org.user_id("Programme Owner")
    with pytest.raises(Problem) as caught:
        org.create(user, "Gap__c", {"Name": "G"})
    assert caught.value.code == "INVALID_TYPE"
    chosen = permission_set(org, user)
    org.grant_object(chosen, "Gap__c", "Read")
    with pytest.raises(Problem) as caught:
        org.create(user, "Gap__c", {"Name": "G"})
    assert (caught.value.status, caught.value.code) == (403, "INSUFFICIENT_ACCESS_OR_READONLY")
    org.grant_object(chosen, "Gap__c", "Read", "Create")
    org.create(user, "Gap__c", {"Name": "G"})


def test_object_rights_of_a_profile_can_be_taken_away(org: Org) -> None:
    user = org.user_id("Standard User")
    made = org.create(user, "Account", {"Name": "A"})
    sql = 'SELECT s."Id" FROM "PermissionSet" s JOIN "User" u ON u."ProfileId" = s."ProfileId" WHERE u."Id" = ?'
    org.grant_object(str(org.rows(sql, user)[0][0]), "Account", "Read")
    with pytest.raises(Problem) as caught:
        org.update(user, "Account", made, {"Name": "B"})
    assert caught.value.code == "INSUFFICIENT_ACCESS_OR_READONLY"


def test_a_standard_user_cannot_hand_out_rights(org: Org) -> None:
    with pytest.raises(Problem) as caught:
        org.create(org.user_id("Standard User"), "PermissionSet", {"Name": "X", "Label": "X"})
    assert caught.value.code == "INSUFFICIENT_ACCESS_OR_READONLY"


def test_without_the_api_permission_a_user_is_turned_away(org: Org) -> None:
    user = org.user_id("Standard User")
    org.access.require_api(user)
    profile = org.get(org.admin_id, "User", user)["ProfileId"]
    org.update(org.admin_id, "Profile", str(profile), {"PermissionsApiEnabled": False})
    with pytest.raises(Problem) as caught:
        org.access.require_api(user)
    assert (caught.value.status, caught.value.code) == (403, "API_DISABLED_FOR_ORG")
    chosen = permission_set(org, user)
    org.update(org.admin_id, "PermissionSet", chosen, {"PermissionsApiEnabled": True})
    org.access.require_api(user)
    org.update(org.admin_id, "User", user, {"IsActive": False})
    with pytest.raises(Problem):
        org.access.require_api(user)


def test_json_leaves_out_what_the_user_cannot_see(org: Org) -> None:
    made = org.create(org.admin_id, "Account", {"Name": "A", "KAM_Flag__c": "secret"}, system=True)
    row = org.get(org.admin_id, "Account", made)
    record = org.record_json(org.admin_id, org.object("Account"), row, ["Name", "KAM_Flag__c"], "60.0")
    assert list(record) == ["attributes", "Name"]

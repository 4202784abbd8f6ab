"""Schema changes: fields and objects come and go, features are switched, and a restart remembers it."""

from pathlib import Path

import pytest

from connector.emulator.salesforce.org.model import Field, ObjectType, PicklistValue, Problem
from connector.emulator.salesforce.org.records import Org


def columns(org: Org, table: str) -> set[str]:
    return {str(row[1]) for row in org.rows(f'PRAGMA table_info("{table}")')}


def test_every_object_has_a_table_with_one_column_per_stored_field() -> None:
    org = Org()
    for kind in org.objects.values():
        assert columns(org, kind.name) == {field.name for field in kind.fields.values() if field.stored}


def test_a_new_field_is_empty_in_records_that_exist() -> None:
    org = Org()
    made = org.create(org.admin_id, "Account", {"Name": "A"})
    org.add_field("Account", Field("Score__c", "double", custom=True, precision=5, scale=1))
    org.add_field("Account", Field("Flag__c", "boolean", custom=True))
    row = org.get(org.admin_id, "Account", made)
    assert (row["Score__c"], row["Flag__c"]) == (None, 0)


def test_a_field_may_be_redefined_and_keeps_its_values() -> None:
    org = Org()
    org.add_field("Account", Field("Note__c", "string", length=10, custom=True))
    made = org.create(org.admin_id, "Account", {"Name": "A", "Note__c": "x"}, system=True)
    org.add_field("Account", Field("Note__c", "string", "Remark", length=20, custom=True))
    assert org.get(org.admin_id, "Account", made)["Note__c"] == "x"
    assert org.field(org.object("Account"), "Note__c").label == "Remark"


def test_a_removed_field_goes_with_its_column_and_permissions() -> None:
    org = Org()
    org.add_field("Account", Field("Gone__c", "string", length=10, custom=True, external_id=True))
    chosen = org.create(org.admin_id, "PermissionSet", {"Name": "S", "Label": "S"})
    org.grant(chosen, "Account", "Gone__c", edit=True)
    org.remove_field("Account", "gone__c")
    assert "Gone__c" not in columns(org, "Account")
    assert org.rows('SELECT * FROM "FieldPermissions"') == []
    with pytest.raises(Problem, match="does not exist or is not accessible"):
        org.remove_field("Account", "Gone__c")


def test_a_standard_field_cannot_be_removed() -> None:
    with pytest.raises(Problem):
        Org().remove_field("Account", "Industry")


def test_a_lookup_gets_its_path_name_and_a_table_index() -> None:
    org = Org()
    field = org.add_field("Account", Field("Sponsor__c", "reference", custom=True, reference_to=("User",)))
    assert (field.relationship_name, field.length) == ("Sponsor__r", 18)


def test_a_custom_object_gets_prefix_audit_fields_name_and_owner() -> None:
    org = Org()
    kind = org.add_object(ObjectType("Gap__c", "Gap", "Gaps", None, custom=True))
    other = org.add_object(ObjectType("Hole__c", "Hole", "Holes", None, custom=True))
    assert kind.key_prefix == "a00" and other.key_prefix == "a01"
    made = org.create(org.admin_id, "gap__c", {"Name": "G"})
    row = org.get(org.admin_id, "Gap__c", made)
    assert made.startswith("a00") and row["OwnerId"] == org.admin_id and row["SystemModstamp"]


def test_a_removed_object_takes_the_lookups_to_it_along() -> None:
    org = Org()
    org.add_object(ObjectType("Gap__c", "Gap", "Gaps", None, custom=True))
    org.add_field("Account", Field("Gap__c", "reference", custom=True, reference_to=("Gap__c",)))
    org.remove_object("Gap__c")
    assert "gap__c" not in org.objects
    assert org.object("Account").field("Gap__c") is None


def test_schema_changes_are_undone_with_their_transaction() -> None:
    org = Org()
    with pytest.raises(ZeroDivisionError), org.transaction():
        org.add_object(ObjectType("Gap__c", "Gap", "Gaps", None, custom=True))
        org.add_field("Account", Field("Score__c", "double", custom=True))
        org.enable_feature("AccountTeamMember")
        raise ZeroDivisionError
    assert not {"gap__c", "accountteammember"} & set(org.objects)
    assert org.object("Account").field("Score__c") is None
    assert "Score__c" not in columns(org, "Account")
    org.add_field("Account", Field("Score__c", "double", custom=True))


def test_a_restart_remembers_fields_objects_features_and_hidden_fields(tmp_path: Path) -> None:
    first = Org(tmp_path / "org.db")
    values = (PicklistValue("Strong", "Strong", default=True), PicklistValue("Weak", "Weak"))
    first.add_field("Account", Field("Band__c", "picklist", custom=True, picklist=values, restricted=True))
    first.add_object(ObjectType("Gap__c", "Gap", "Gaps", None, custom=True))
    first.add_field("Gap__c", Field("Account__c", "reference", custom=True, reference_to=("Account",)))
    first.enable_feature("AccountContactRelation")
    first.hide("Account", "Rating")
    kinds = {key: dict(kind.fields) for key, kind in first.objects.items()}
    first.db.close()
    second = Org(tmp_path / "org.db")
    assert {key: kind.fields for key, kind in second.objects.items()} == kinds
    assert "Rating" not in second.readable(second.admin_id, "Account")
    second.db.close()


def test_features_bring_their_objects_and_take_them_away_again() -> None:
    org = Org()
    assert "accountcontactrelation" not in org.objects
    org.enable_feature("AccountContactRelation")
    account = org.create(org.admin_id, "Account", {"Name": "A"})
    contact = org.create(org.admin_id, "Contact", {"LastName": "C", "AccountId": account})
    sql = 'SELECT "AccountId", "ContactId", "IsDirect", "IsActive" FROM "AccountContactRelation"'
    assert org.rows(sql) == [(account, contact, 1, 1)]
    org.update(org.admin_id, "Contact", contact, {"AccountId": None})
    assert org.rows(sql) == []
    org.disable_feature("AccountContactRelation")
    assert "accountcontactrelation" not in org.objects
    with pytest.raises(ValueError, match="unknown feature"):
        org.enable_feature("Teleportation")


def test_several_currencies_add_a_currency_to_every_money_object() -> None:
    org = Org(multi_currency=True, currency="CHF")
    made = org.create(org.admin_id, "Account", {"Name": "A"})
    assert org.get(org.admin_id, "Account", made)["CurrencyIsoCode"] == "CHF"
    rate = {"IsoCode": "USD", "ConversionRate": 1.1, "StartDate": "2026-01-01"}
    org.create(org.admin_id, "DatedConversionRate", rate)
    assert Org().object("Account").field("CurrencyIsoCode") is None

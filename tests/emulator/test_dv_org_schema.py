"""The schema of the emulated Dataverse organisation: the catalogue, changes to it, and what a restart remembers."""

from pathlib import Path

import pytest

from connector.emulator.dynamics.org.catalogue.standard import standard
from connector.emulator.dynamics.org.model import LOOKUPS, Column, Key, Option, Problem, Relationship, Table
from connector.emulator.dynamics.org.records import Org

ASSET = {
    "name": "new_asset", "schema_name": "new_Asset", "set_name": "new_assets", "label": "Asset",
    "label_plural": "Assets", "code": 0, "primary_id": "new_assetid", "primary_name": "new_name", "custom": True,
}  # fmt: skip


def asset() -> Table:
    name = Column("new_name", "string", "Name", "new_Name", max_length=50, custom=True, primary_name=True)
    return Table(**ASSET, columns={"new_name": name})  # type: ignore[arg-type]


def test_the_catalogue_hangs_together() -> None:
    tables, relationships = standard()
    assert len({table.set_name for table in tables.values()}) == len({table.code for table in tables.values()})
    for table in tables.values():
        assert table.columns[table.primary_id].primary_id and table.primary_name in table.columns
        assert table.metadata_id and all(column.metadata_id for column in table.columns.values())
        for column in table.columns.values():
            assert column.schema_name.lower() == column.name, column
            assert (column.type in LOOKUPS) == bool(column.targets), column
            assert set(column.targets) == set(column.navigation) and set(column.targets) <= tables.keys(), column
    for one in relationships.values():
        assert {one.referenced, one.referencing} <= tables.keys()
        assert one.kind == "ManyToMany" or one.column in tables[one.referencing].columns


def test_the_catalogue_says_what_the_reference_says() -> None:
    tables, relationships = standard()
    opportunity = tables["opportunity"].columns
    reasons = {option.value: option.state for option in opportunity["statuscode"].options}
    assert reasons == {1: 0, 2: 0, 3: 1, 4: 2, 5: 2}
    assert [option.label for option in opportunity["statecode"].options] == ["Open", "Won", "Lost"]
    assert opportunity["customerid"].navigation == {"account": "customerid_account", "contact": "customerid_contact"}
    task = tables["task"].columns["regardingobjectid"].navigation
    assert (task["account"], relationships["Account_Tasks"].nav_many) == (
        "regardingobjectid_account_task",
        "Account_Tasks",
    )
    assert len(tables["account"].columns["industrycode"].options) == 33
    named = {name: column.schema_name for name, column in tables["account"].columns.items()}
    assert [named[name] for name in ("numberofemployees", "address1_stateorprovince", "primarycontactid")] == [
        "NumberOfEmployees", "Address1_StateOrProvince", "PrimaryContactId",
    ]  # fmt: skip


def test_navigation_is_found_in_its_own_spelling_only() -> None:
    org = Org()
    contact, task = org.table("contact"), org.table("task")
    column, target = org.lookup_of(contact, "parentcustomerid_account") or (None, None)
    assert column is not None and target is not None
    assert (column.name, target.name) == ("parentcustomerid", "account")
    assert org.lookup_of(contact, "ParentCustomerId_account") is None
    for name in ("regardingobjectid_account_task", "regardingobjectid_account", "ownerid", "ownerid_task"):
        assert org.lookup_of(task, name), name
    lines = org.children_of(org.table("opportunity"), "product_opportunities")
    assert lines is not None and (lines.referencing, lines.column) == ("opportunityproduct", "opportunityid")
    assert org.children_of(org.table("opportunity"), "Product_Opportunities") is None


def test_what_was_added_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "org.db"
    org = Org(path, is_sandbox=False)
    made = org.create(org.admin_id, "account", {"name": "Acme"})
    options = (Option(1, "One", {1031: "Eins"}), Option(2, "Two"))
    org.add_column("account", Column("new_tier", "picklist", "Tier", "new_Tier", options=options, custom=True))
    org.add_table(asset())
    org.add_column("new_asset", Column("new_cost", "money", "Cost", "new_Cost", custom=True))
    org.add_relationship(Relationship(
        "new_account_asset", "OneToMany", "account", "new_asset", "new_accountid", "new_AccountId", "new_account_asset",
        custom=True,
    ))  # fmt: skip
    org.add_key("account", Key("new_number", "new_Number", ("accountnumber",), "Number"))
    values: dict[str, object] = {"new_name": "Pump", "new_accountid": made, "new_cost": 3}
    pump = org.create(org.admin_id, "new_asset", values)
    first, version, guid = org.tables, org.version, org.new_guid("x")
    org.db.close()
    org = Org(path)
    assert (org.is_sandbox, org.tables, org.org_id) == (False, first, org.setting("org_id", ""))
    assert org.version >= version and org.new_guid("x") > guid
    row = org.get(org.admin_id, "new_asset", pump)
    assert (row["new_accountid"], row["new_cost_base"], row["statecode"]) == (made, 3, 0)
    assert org.lookup_of(org.table("new_asset"), "new_AccountId")
    assert org.can(org.add_user("C", roles=["System Customizer"]), "new_asset", "Create")
    org.drop_table("new_asset")
    org.drop_key("account", "new_number")
    org.drop_column("account", "new_tier")
    org.db.close()
    tables, relationships = standard()
    assert (Org(path).tables, Org(path).relationships) == (tables, relationships)


def test_a_schema_change_in_a_transaction_that_fails_is_taken_back() -> None:
    org = Org()
    edition = org.edition
    with pytest.raises(ZeroDivisionError), org.transaction():
        org.add_table(asset())
        org.add_column("account", Column("new_x", "string", custom=True, max_length=10))
        raise ZeroDivisionError
    assert "new_asset" not in org.tables and "new_x" not in org.table("account").columns
    assert org.edition > edition and not org.rows("SELECT 1 FROM sqlite_master WHERE name = 'new_asset'")


def test_an_alternate_key_finds_rows_and_refuses_doubles() -> None:
    org = Org()
    made = org.create(org.admin_id, "account", {"name": "A", "accountnumber": "Ab-1"})
    org.add_key("account", Key("new_n", "new_N", ("accountnumber",)))
    assert org.find("account", {"accountnumber": "aB-1"}) == [made]
    with pytest.raises(Problem) as caught:
        org.create(org.admin_id, "account", {"name": "B", "accountnumber": "AB-1"})
    assert (caught.value.status, caught.value.code) == (412, "0x80060892")
    for _ in range(2):
        org.create(org.admin_id, "account", {"name": "B"})
    assert org.add_key("account", Key("new_m", "new_M", ("name",))).status == "Failed"
    with pytest.raises(Problem, match="cannot be part of a key"):
        org.add_key("account", Key("new_d", "new_D", ("description",)))


def test_a_lookup_gains_a_second_target_and_keeps_what_it_held() -> None:
    org = Org()
    account = org.create(org.admin_id, "account", {"name": "A"})
    for target in ("account", "contact"):
        org.add_relationship(Relationship(
            f"new_{target}_x", "OneToMany", target, "incident", "new_x", f"new_X_{target}", f"new_{target}_x",
            custom=True,
        ))  # fmt: skip
        if target == "account":
            made = org.create(org.admin_id, "incident", {
                "title": "T", "customerid": ("account", account), "new_x": account,
            })  # fmt: skip
    assert org.get(org.admin_id, "incident", made)["new_x.type"] == "account"
    contact = org.create(org.admin_id, "contact", {"lastname": "B"})
    org.update(org.admin_id, "incident", made, {"new_x": ("contact", contact)})
    org.drop_relationship("new_contact_x")
    assert org.table("incident").columns["new_x"].targets == ("account",)


def test_rows_of_a_many_to_many_relationship_are_linked_and_let_go() -> None:
    org = Org()
    relation = org.add_relationship(Relationship(
        "new_account_contact", "ManyToMany", "account", "contact", "", "", "new_account_contact", "new_between",
        "new_account_contact", custom=True,
    ))  # fmt: skip
    account = org.create(org.admin_id, "account", {"name": "A"})
    contact = org.create(org.admin_id, "contact", {"lastname": "B"})
    for _ in range(2):
        org.associate(org.admin_id, relation, account, contact)
    assert org.rows('SELECT "accountid", "contactid" FROM "new_between"') == [(account, contact)]
    org.delete(org.admin_id, "contact", contact)
    assert org.rows('SELECT * FROM "new_between"') == []
    org.drop_relationship(relation.name)
    assert "new_between" not in org.tables


def test_what_is_built_in_stays() -> None:
    org = Org()
    with pytest.raises(Problem, match="system entity"):
        org.drop_table("account")
    with pytest.raises(Problem, match="system attribute"):
        org.drop_column("account", "name")
    with pytest.raises(Problem, match="already exists"):
        org.add_column("account", Column("name", "string"))

"""Rows of the emulated Dataverse organisation: what is kept, what is refused, what follows from what is given."""

import pytest

from connector.emulator.dynamics.org.model import Problem
from connector.emulator.dynamics.org.records import Org


@pytest.fixture(scope="module")
def org() -> Org:
    """One organisation for the module; every test makes its own rows."""
    return Org()


def refusal(org: Org, table: str, **values: object) -> Problem:
    with pytest.raises(Problem) as caught:
        org.create(org.admin_id, table, values)
    return caught.value


def test_a_row_gets_its_owner_its_stamps_its_state_and_the_next_version(org: Org) -> None:
    before = org.version
    row = org.get(org.admin_id, "account", org.create(org.admin_id, "account", {"name": "Acme"}))
    assert (row["ownerid"], row["ownerid.type"], row["owninguser"]) == (org.admin_id, "systemuser", org.admin_id)
    assert row["owningbusinessunit"] == org.business_unit_id
    assert (row["statecode"], row["statuscode"], row["createdby"]) == (0, 1, org.admin_id)
    assert row["createdon"] == row["modifiedon"] and str(row["createdon"]).endswith("Z")
    assert row["versionnumber"] == org.version > before


def test_what_is_not_writable_is_passed_over_and_an_unknown_column_is_refused(org: Org) -> None:
    row = org.get(org.admin_id, "account", org.create(org.admin_id, "account", {"name": "A", "openrevenue": 5}))
    assert row["openrevenue"] is None
    assert refusal(org, "account", name="A", nope=1).code == "0x80041103"


@pytest.mark.parametrize(
    ("table", "values", "code"),
    [
        ("account", {"name": "x" * 161}, "0x80044331"),
        ("account", {"name": "A", "numberofemployees": -1}, "0x8004432f"),
        ("account", {"name": "A", "revenue": 1e15}, "0x80044330"),
        ("account", {"name": "A", "industrycode": 99}, "0x8004431a"),
        ("account", {"name": "A", "industrycode": "many"}, "0x80048d19"),
        ("account", {"name": "A", "statecode": 1, "statuscode": 1}, "0x80048408"),
        ("account", {"revenue": 1}, "0x80040203"),
        ("account", {"name": "A", "lastonholdtime": "1752-12-31T00:00:00Z"}, "0x80040239"),
        ("contact", {"lastname": "B", "birthdate": "1700-01-01"}, "0x80040239"),
        ("contact", {"lastname": "B", "parentcustomerid": ("systemuser", "x")}, "0x80040203"),
        ("activitypointer", {"subject": "s"}, "0x80040800"),
        ("nothing", {}, "0x80041102"),
    ],
)
def test_bad_values_are_refused_with_the_codes_of_a_real_organisation(
    org: Org, table: str, values: dict[str, object], code: str
) -> None:
    assert refusal(org, table, **values).code == code


def test_the_message_of_a_text_that_is_too_long_names_column_table_and_length(org: Org) -> None:
    assert refusal(org, "task", subject="x" * 201).message == (
        "A validation error occurred. The length of the 'subject' attribute of the 'task' entity exceeded the maximum"
        " allowed length of '200'."
    )


def test_a_lookup_to_a_row_that_is_not_there_is_refused(org: Org) -> None:
    gone = org.new_guid("account")
    problem = refusal(org, "contact", lastname="B", parentcustomerid=("account", gone))
    assert (problem.status, problem.code) == (404, "0x80040217")
    assert problem.message == f"Account With Id = {gone} Does Not Exist"


def test_a_state_alone_takes_its_first_reason_and_a_reason_of_another_state_is_refused(org: Org) -> None:
    deal_of = org.create(org.admin_id, "account", {"name": "A"})
    made = org.create(org.admin_id, "opportunity", {"name": "D", "parentaccountid": deal_of})
    org.update(org.admin_id, "opportunity", made, {"statecode": 1})
    row = org.get(org.admin_id, "opportunity", made)
    assert (row["statecode"], row["statuscode"], row["actualclosedate"]) == (1, 3, org.stamp()[:10])
    with pytest.raises(Problem, match="4 is not a valid status code for state code 1"):
        org.update(org.admin_id, "opportunity", made, {"statuscode": 4})


def test_customers_are_mirrored_by_what_they_are(org: Org) -> None:
    account = org.create(org.admin_id, "account", {"name": "A"})
    deal = org.create(org.admin_id, "opportunity", {"name": "D", "customerid": ("account", account)})
    row = org.get(org.admin_id, "opportunity", deal)
    assert (row["accountid"], row["contactid"], row["parentaccountid"]) == (account, None, account)
    contact = org.create(
        org.admin_id, "contact", {"firstname": "Ada", "lastname": "B", "parentcustomerid": ("account", account)}
    )
    org.update(org.admin_id, "contact", contact, {"parentcustomerid": ("contact", contact)})
    row = org.get(org.admin_id, "contact", contact)
    assert (row["fullname"], row["accountid"], row["parentcontactid"]) == ("Ada B", None, contact)


def test_money_is_kept_in_the_base_currency_at_the_rate_of_the_day_it_was_saved(org: Org) -> None:
    franc = {"currencyname": "Franc", "isocurrencycode": "CHF", "currencysymbol": "CHF", "exchangerate": 2}
    currency = org.create(org.admin_id, "transactioncurrency", franc)
    made = org.create(org.admin_id, "account", {"name": "A", "revenue": 100, "transactioncurrencyid": currency})
    org.update(org.admin_id, "transactioncurrency", currency, {"exchangerate": 4})
    org.update(org.admin_id, "account", made, {"name": "B"})
    row = org.get(org.admin_id, "account", made)
    assert (row["revenue_base"], row["exchangerate"]) == (50, 2)
    org.update(org.admin_id, "account", made, {"revenue": 200})
    row = org.get(org.admin_id, "account", made)
    assert (row["revenue_base"], row["exchangerate"]) == (50, 4)
    plain = org.get(org.admin_id, "account", org.create(org.admin_id, "account", {"name": "A"}))
    assert plain["transactioncurrencyid"] == org.currency_id


def test_a_connection_is_two_rows_that_change_and_go_together(org: Org) -> None:
    account = org.create(org.admin_id, "account", {"name": "Acme"})
    contact = org.create(org.admin_id, "contact", {"lastname": "Bell"})
    ends = {"record1id": ("account", account), "record2id": ("contact", contact)}
    made = org.create(org.admin_id, "connection", {**ends, "description": "old"})
    row = org.get(org.admin_id, "connection", made)
    twin = org.get(org.admin_id, "connection", str(row["relatedconnectionid"]))
    assert (row["name"], row["ismaster"], row["record2objecttypecode"]) == ("Bell", 1, 2)
    assert (twin["name"], twin["ismaster"], twin["record1id"], twin["record2id"]) == ("Acme", 0, contact, account)
    assert twin["relatedconnectionid"] == made
    org.update(org.admin_id, "connection", str(twin["connectionid"]), {"description": "new"})
    assert org.get(org.admin_id, "connection", made)["description"] == "new"
    org.delete(org.admin_id, "connection", made)
    assert org.rows('SELECT 1 FROM "connection" WHERE "record1id" IN (?, ?)', account, contact) == []


def test_an_activity_shows_among_all_activities_and_stays_in_step(org: Org) -> None:
    account = org.create(org.admin_id, "account", {"name": "Acme"})
    made = org.create(org.admin_id, "phonecall", {"subject": "s", "regardingobjectid": ("account", account)})
    org.update(org.admin_id, "phonecall", made, {"subject": "t", "statecode": 1})
    pointer = org.get(org.admin_id, "activitypointer", made)
    assert (pointer["activitytypecode"], pointer["subject"], pointer["regardingobjectid"]) == (
        "phonecall",
        "t",
        account,
    )
    assert (pointer["statecode"], pointer["statuscode"], pointer["actualend"]) == (1, 2, pointer["modifiedon"])
    assert org.get(org.admin_id, "phonecall", made)["statuscode"] == 2
    org.delete(org.admin_id, "phonecall", made)
    assert org.deleted_since("activitypointer", 0)[-1][0] == made


def test_deleting_an_account_takes_its_contacts_along_and_empties_links_to_it(org: Org) -> None:
    parent = org.create(org.admin_id, "account", {"name": "P"})
    child = org.create(org.admin_id, "account", {"name": "C", "parentaccountid": parent})
    contact = org.create(org.admin_id, "contact", {"lastname": "B", "parentcustomerid": ("account", parent)})
    version = org.version
    org.delete(org.admin_id, "account", parent.upper())
    row = org.get(org.admin_id, "account", child)
    assert row["parentaccountid"] is None and int(row["versionnumber"] or 0) > version
    assert [one for one, _ in org.deleted_since("contact", version)] == [contact]
    with pytest.raises(Problem, match="Contact With Id"):
        org.get(org.admin_id, "contact", contact)


def test_a_product_knows_the_families_above_it(org: Org) -> None:
    family = org.create(org.admin_id, "product", {"name": "F", "productstructure": 2}, system=True)
    made = org.create(org.admin_id, "product", {"name": "P", "parentproductid": family}, system=True)
    org.update(org.admin_id, "product", family, {"name": "G"})
    row = org.get(org.admin_id, "product", made)
    assert (row["hierarchypath"], row["statecode"], row["statuscode"]) == ("G\\P", 2, 0)


def test_a_transaction_that_fails_leaves_nothing_and_numbers_go_on(org: Org) -> None:
    before = org.new_guid("account")
    with pytest.raises(Problem), org.transaction():
        made = org.create(org.admin_id, "account", {"name": "A"})
        org.create(org.admin_id, "account", {})
    with pytest.raises(Problem, match="Does Not Exist"):
        org.get(org.admin_id, "account", made)
    assert before < made < org.new_guid("contact")


def test_an_id_that_is_taken_is_refused(org: Org) -> None:
    made = org.create(org.admin_id, "account", {"name": "A"})
    problem = refusal(org, "account", name="B", accountid=made)
    assert (problem.status, problem.code) == (412, "0x80040237")

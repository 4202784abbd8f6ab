"""The org's records: what is accepted, what is refused and how, what a write moves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.emulator.salesforce.org import ids
from connector.emulator.salesforce.org.model import Field, Problem
from connector.emulator.salesforce.org.records import Org


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, 12, 0, 0, 999_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def org(clock: Clock) -> Org:
    return Org(clock=clock)


def refusal(org: Org, kind: str, values: dict[str, object], user: str | None = None) -> Problem:
    with pytest.raises(Problem) as caught:
        org.create(user or org.admin_id, kind, values)
    return caught.value


def get(org: Org, kind: str, record_id: str) -> dict[str, object]:
    return dict(org.get(org.admin_id, kind, record_id))


def test_ids_are_extended_by_their_checksum_and_wrong_ones_are_told() -> None:
    assert ids.to18("001D000000IRFma") == "001D000000IRFmaIAH"
    assert ids.check("001D000000IRFma") == ids.check("001D000000IRFmaIAH") == "001D000000IRFmaIAH"
    assert [ids.check(bad) for bad in ("001D000000IRFmaIAX", "001D00000", "001D000000IRFm!", "")] == [None] * 4


def test_new_ids_are_well_formed_and_never_repeat(org: Org) -> None:
    made = [org.new_id("001") for _ in range(2500)]
    assert len(set(made)) == len(made)
    assert all(ids.check(one) == one for one in made)


def test_a_record_is_kept_with_its_stamps_and_owner(org: Org) -> None:
    made = org.create(org.admin_id, "account", {"name": "Acme", "NumberOfEmployees": "12", "AnnualRevenue": 5})
    row = get(org, "Account", made)
    assert (row["Name"], row["NumberOfEmployees"], row["AnnualRevenue"]) == ("Acme", 12, 5.0)
    assert row["OwnerId"] == row["CreatedById"] == row["LastModifiedById"] == org.admin_id
    assert row["CreatedDate"] == row["SystemModstamp"] == "2026-05-01T12:00:00.000+0000"


def test_every_user_write_moves_the_stamps_even_without_a_new_value(org: Org, clock: Clock) -> None:
    made = org.create(org.admin_id, "Account", {"Name": "Acme"})
    clock.now += timedelta(seconds=5)
    other = org.user_id("Standard User")
    org.update(other, "Account", made[:15], {"Name": "Acme"})
    row = get(org, "Account", made)
    assert row["LastModifiedDate"] == row["SystemModstamp"] == "2026-05-01T12:00:05.000+0000"
    assert (row["CreatedDate"], row["LastModifiedById"]) == ("2026-05-01T12:00:00.000+0000", other)


def test_the_org_s_time_never_runs_backwards(org: Org, clock: Clock) -> None:
    before = org.ticks()
    clock.now -= timedelta(hours=1)
    assert org.ticks() == before


def test_all_writes_of_one_transaction_carry_one_stamp(org: Org, clock: Clock) -> None:
    with org.transaction():
        for name in ("A", "B"):
            org.create(org.admin_id, "Account", {"Name": name})
            clock.now += timedelta(seconds=1)
    org.create(org.admin_id, "Account", {"Name": "C"})
    stamps = [row[0] for row in org.rows('SELECT "SystemModstamp" FROM "Account" ORDER BY rowid')]
    assert stamps[0] == stamps[1] < stamps[2]


def test_an_empty_text_is_stored_as_null(org: Org) -> None:
    made = org.create(org.admin_id, "Account", {"Name": "Acme", "Site": ""})
    assert get(org, "Account", made)["Site"] is None


@pytest.mark.parametrize(
    ("values", "code", "message", "fields"),
    [
        ({"FirstName": "A"}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"]),
        ({"LastName": "A", "Nope": 1}, "INVALID_FIELD", "No such column 'Nope' on sobject of type Contact", None),
        ({"LastName": "A" * 81}, "STRING_TOO_LONG", f"Last Name: data value too large: {'A' * 81} (max length=80)",
         ["LastName"]),
        ({"LastName": "A", "Email": "no"}, "INVALID_EMAIL_ADDRESS", "Email: invalid email address: no", ["Email"]),
        ({"LastName": "A", "AccountId": "junk"}, "MALFORMED_ID", "Account ID: id value of incorrect type: junk",
         ["AccountId"]),
        (
            {"LastName": "A", "AccountId": "003000000000001AAA"},
            "MALFORMED_ID", "Account ID: id value of incorrect type: 003000000000001AAA", ["AccountId"],
        ),
        (
            {"LastName": "A", "AccountId": "001000000000001AAA"},
            "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
            "insufficient access rights on cross-reference id: 001000000000001", [],
        ),
        (
            {"LastName": "A", "CleanStatus": "Spotless"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Clean Status: bad value for restricted picklist field: Spotless",
            ["CleanStatus"],
        ),
        ({"LastName": "A", "CreatedDate": "2020-01-01"}, "INVALID_FIELD_FOR_INSERT_UPDATE", None, ["CreatedDate"]),
    ],
)  # fmt: skip
def test_a_bad_contact_is_refused_as_a_real_org_refuses_it(
    org: Org, values: dict[str, object], code: str, message: str | None, fields: list[str] | None
) -> None:
    problem = refusal(org, "Contact", values)
    assert (problem.status, problem.code, problem.fields) == (400, code, fields)
    assert message is None or problem.message == message
    assert org.rows('SELECT COUNT(*) FROM "Contact"') == [(0,)]


@pytest.mark.parametrize(
    ("field", "value"), [("NumberOfEmployees", "many"), ("AnnualRevenue", True), ("NumberOfEmployees", 1.5)]
)
def test_a_value_of_the_wrong_type_is_a_parser_error(org: Org, field: str, value: object) -> None:
    assert refusal(org, "Account", {"Name": "A", field: value}).code == "JSON_PARSER_ERROR"


def test_a_number_too_large_for_its_field_is_refused(org: Org) -> None:
    problem = refusal(org, "Account", {"Name": "A", "NumberOfEmployees": 123_456_789})
    assert (problem.code, problem.fields) == ("NUMBER_OUTSIDE_VALID_RANGE", ["NumberOfEmployees"])


def test_a_day_that_does_not_exist_is_refused(org: Org) -> None:
    assert refusal(org, "Contact", {"LastName": "A", "Birthdate": "2026-02-30"}).code == "JSON_PARSER_ERROR"


def test_an_unknown_object_is_refused(org: Org) -> None:
    problem = refusal(org, "Accout", {"Name": "A"})
    assert (problem.status, problem.code) == (400, "INVALID_TYPE")
    assert "sObject type 'Accout' is not supported" in problem.message


def test_required_fields_cannot_be_emptied_by_an_update(org: Org) -> None:
    made = org.create(org.admin_id, "Account", {"Name": "Acme"})
    with pytest.raises(Problem, match="Required fields are missing"):
        org.update(org.admin_id, "Account", made, {"Name": None})


def test_accounts_may_be_each_other_s_parents(org: Org) -> None:
    first = org.create(org.admin_id, "Account", {"Name": "A"})
    second = org.create(org.admin_id, "Account", {"Name": "B", "ParentId": first})
    org.update(org.admin_id, "Account", first, {"ParentId": second})
    assert get(org, "Account", first)["ParentId"] == second


def test_unknown_ids_and_deleted_records_are_told_apart(org: Org) -> None:
    made = org.create(org.admin_id, "Account", {"Name": "A"})
    org.delete(org.admin_id, "Account", made)
    for record_id, code in ((made, "ENTITY_IS_DELETED"), ("001000000000001AAA", "INVALID_CROSS_REFERENCE_KEY")):
        with pytest.raises(Problem) as caught:
            org.update(org.admin_id, "Account", record_id, {"Name": "B"})
        assert caught.value.code == code
    with pytest.raises(Problem) as caught:
        org.get(org.admin_id, "Account", made)
    assert (caught.value.status, caught.value.code) == (404, "NOT_FOUND")


def test_a_deleted_account_takes_its_contacts_along_and_brings_them_back(org: Org, clock: Clock) -> None:
    account = org.create(org.admin_id, "Account", {"Name": "A"})
    contact = org.create(org.admin_id, "Contact", {"LastName": "C", "AccountId": account})
    clock.now += timedelta(seconds=9)
    org.delete(org.admin_id, "Account", account)
    sql = 'SELECT "IsDeleted", "SystemModstamp" FROM "Contact"'
    assert org.rows(sql) == [(1, "2026-05-01T12:00:09.000+0000")]
    org.undelete(org.admin_id, "Account", account)
    assert get(org, "Contact", contact)["AccountId"] == account


def deal(org: Org, **more: object) -> str:
    values = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-06-30", **more}
    return org.create(org.admin_id, "Opportunity", values)


def test_a_deleted_contact_role_leaves_no_trace(org: Org) -> None:
    contact = org.create(org.admin_id, "Contact", {"LastName": "C"})
    role = org.create(org.admin_id, "OpportunityContactRole", {"OpportunityId": deal(org), "ContactId": contact})
    org.delete(org.admin_id, "OpportunityContactRole", role)
    assert org.rows('SELECT * FROM "OpportunityContactRole"') == []


def test_only_one_contact_role_of_a_deal_is_primary(org: Org) -> None:
    opportunity, contact = deal(org), org.create(org.admin_id, "Contact", {"LastName": "C"})
    values = {"OpportunityId": opportunity, "ContactId": contact, "IsPrimary": True}
    first, second = (org.create(org.admin_id, "OpportunityContactRole", values) for _ in range(2))
    assert get(org, "OpportunityContactRole", first)["IsPrimary"] == 0
    assert get(org, "OpportunityContactRole", second)["IsPrimary"] == 1


def with_key(org: Org) -> None:
    org.add_field("Account", Field("Key__c", "string", length=40, custom=True, external_id=True, unique=True))
    made = org.create(org.admin_id, "PermissionSet", {"Name": "Keys", "Label": "Keys"})
    org.grant(made, "Account", "Key__c", edit=True)
    org.create(org.admin_id, "PermissionSetAssignment", {"PermissionSetId": made, "AssigneeId": org.admin_id})


def test_upsert_creates_once_and_updates_afterwards(org: Org) -> None:
    with_key(org)
    first = org.upsert(org.admin_id, "Account", "key__c", "k1", {"Name": "A"})
    second = org.upsert(org.admin_id, "Account", "Key__c", "K1", {"Name": "B"})
    assert first == (second[0], True) and not second[1]
    assert get(org, "Account", first[0])["Name"] == "B"


def test_upsert_lists_several_matches(org: Org) -> None:
    both = sorted(org.create(org.admin_id, "Contact", {"LastName": "A", "Email": "a@example.com"}) for _ in range(2))
    with pytest.raises(Problem) as caught:
        org.upsert(org.admin_id, "Contact", "Email", "A@example.com", {"LastName": "B"})
    assert (caught.value.status, caught.value.fields) == (300, both)


def test_upsert_by_a_field_that_is_no_external_id_is_refused(org: Org) -> None:
    with pytest.raises(Problem, match="Provided external ID field does not exist or is not accessible: Site"):
        org.upsert(org.admin_id, "Account", "Site", "x", {"Name": "A"})


def test_a_unique_value_cannot_be_used_twice(org: Org) -> None:
    with_key(org)
    first = org.create(org.admin_id, "Account", {"Name": "A", "Key__c": "k"})
    problem = refusal(org, "Account", {"Name": "B", "Key__c": "K"})
    assert problem.code == "DUPLICATE_VALUE"
    assert problem.message == f"duplicate value found: Key__c duplicates value on record with id: {first[:15]}"


def test_a_parent_can_be_named_by_its_external_id(org: Org) -> None:
    with_key(org)
    account = org.create(org.admin_id, "Account", {"Name": "A", "Key__c": "k"})
    contact = org.create(org.admin_id, "Contact", {"LastName": "C", "Account": {"Key__c": "k"}})
    assert get(org, "Contact", contact)["AccountId"] == account
    assert (
        "Foreign key external ID: z not found"
        in refusal(org, "Contact", {"LastName": "C", "Account": {"Key__c": "z"}}).message
    )


def test_a_validation_rule_refuses_by_its_message_but_not_a_load(org: Org) -> None:
    org.add_rule({"object": "Account", "field": "Site", "op": "blank", "message": "Say where."})
    problem = refusal(org, "Account", {"Name": "A"})
    assert (problem.code, problem.message, problem.fields) == (
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "Say where.",
        ["Site"],
    )
    org.create(org.admin_id, "Account", {"Name": "A"}, system=True)
    org.clear_rules()
    org.create(org.admin_id, "Account", {"Name": "A"})


@pytest.mark.parametrize(
    ("op", "value", "refused"),
    [("eq", 5, True), ("eq", 6, False), ("ne", 6, True), ("ne", 5, False), ("gt", 4, True),
     ("gt", 5, False), ("lt", 6, True), ("blank", None, False)],
)  # fmt: skip
def test_validation_rules_compare_as_they_say(org: Org, op: str, value: object, refused: bool) -> None:
    org.add_rule({"object": "Account", "field": "NumberOfEmployees", "op": op, "value": value, "message": "No."})
    if refused:
        assert (
            refusal(org, "Account", {"Name": "A", "NumberOfEmployees": 5}).code == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
        )
    else:
        org.create(org.admin_id, "Account", {"Name": "A", "NumberOfEmployees": 5})


def test_a_failed_transaction_leaves_nothing(org: Org) -> None:
    with pytest.raises(Problem), org.transaction():
        org.create(org.admin_id, "Account", {"Name": "A"})
        org.create(org.admin_id, "Account", {})
    assert org.rows('SELECT COUNT(*) FROM "Account"') == [(0,)]


def test_an_inner_failure_that_is_caught_keeps_the_rest(org: Org) -> None:
    with org.transaction():
        org.create(org.admin_id, "Account", {"Name": "A"})
        refusal(org, "Account", {})
        org.create(org.admin_id, "Account", {"Name": "B"})
    assert org.rows('SELECT COUNT(*) FROM "Account"') == [(2,)]


def test_an_inactive_user_cannot_become_owner(org: Org) -> None:
    leaver = org.user_id("Standard User")
    org.update(org.admin_id, "User", leaver, {"IsActive": False})
    assert refusal(org, "Account", {"Name": "A", "OwnerId": leaver}).code == "INACTIVE_OWNER_OR_USER"


def test_a_restarted_org_is_the_same_org(tmp_path: Path) -> None:
    first = Org(tmp_path / "org.db", is_sandbox=False)
    account = first.create(first.admin_id, "Account", {"Name": "A"})
    first.add_rule({"object": "Account", "field": "Site", "op": "blank", "message": "No."})
    first.db.close()
    second = Org(tmp_path / "org.db")
    assert (second.org_id, second.admin_id, second.is_sandbox) == (first.org_id, first.admin_id, False)
    assert second.get(second.admin_id, "Account", account)["Name"] == "A"
    assert len(second.validation_rules) == 1
    assert second.new_id("001") > account
    second.db.close()


def test_json_has_attributes_first_then_the_fields_in_order_with_composed_addresses(org: Org) -> None:
    made = org.create(org.admin_id, "Account", {"Name": "A", "BillingCity": "Köln", "AnnualRevenue": 5})
    kind, row = org.object("Account"), org.get(org.admin_id, "Account", made)
    names = ["Name", "BillingAddress", "ShippingAddress", "IsDeleted", "AnnualRevenue", "Site"]
    record = org.record_json(org.admin_id, kind, row, names, "60.0")
    assert list(record) == ["attributes", *names]
    assert record["attributes"] == {"type": "Account", "url": f"/services/data/v60.0/sobjects/Account/{made}"}
    assert record["IsDeleted"] is False and record["Site"] is None and record["ShippingAddress"] is None
    assert isinstance(record["AnnualRevenue"], float)
    address = record["BillingAddress"]
    assert isinstance(address, dict)
    assert list(address) == [
        "city",
        "country",
        "geocodeAccuracy",
        "latitude",
        "longitude",
        "postalCode",
        "state",
        "street",
    ]
    assert address["city"] == "Köln"


def test_bulk_load_keeps_ids_and_stamps_and_fills_what_is_missing(org: Org) -> None:
    rows = [("003Kz0000000001", "Meyer", "Ana", "2020-01-01T00:00:00Z"), ("003Kz0000000002IAA", "Ng", None, None)]
    assert org.bulk_load("Contact", ["Id", "LastName", "FirstName", "CreatedDate"], rows) == 2
    first, second = get(org, "Contact", ids.to18("003Kz0000000001")), get(org, "Contact", "003Kz0000000002IAA")
    assert (first["Name"], first["CreatedDate"], second["Name"]) == ("Ana Meyer", "2020-01-01T00:00:00.000+0000", "Ng")
    assert second["CreatedDate"] == second["SystemModstamp"] == first["SystemModstamp"] == org.stamp()
    assert first["OwnerId"] == org.admin_id


def test_ids_that_were_loaded_are_not_given_out_again(org: Org) -> None:
    highest = ids.compose("001", "Em0", 5000)
    org.bulk_load("Account", ["Id", "Name"], [(highest, "A")])
    assert org.new_id("001") > highest

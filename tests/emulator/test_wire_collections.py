"""Up to 200 rows in one call, over real HTTP."""

import pytest

NOWHERE = "001000000000000AAA"


def account(**values):
    return {"attributes": {"type": "Account"}, **values}


def created(call, *names: str) -> list[str]:
    body = {"records": [account(Name=name) for name in names]}
    return [one["id"] for one in call("POST", "/composite/sobjects", json=body).json()]


def codes(answer) -> list[str | None]:
    return [None if one["success"] else one["errors"][0]["statusCode"] for one in answer.json()]


def test_each_row_gets_its_own_outcome_in_the_order_sent(call):
    one, two = created(call, "A", "B")
    records = [account(id=one, Name="A2"), account(id=NOWHERE, Name="x"), account(id=two, Nmae="x"), account(Name="x")]
    answer = call("PATCH", "/composite/sobjects/", json={"allOrNone": False, "records": records})
    assert answer.status_code == 200
    assert answer.json()[0] == {"id": one, "success": True, "errors": []}
    assert codes(answer) == [None, "INVALID_CROSS_REFERENCE_KEY", "INVALID_FIELD", "MISSING_ARGUMENT"]
    assert answer.json()[3]["errors"][0]["message"] == "Id not specified in an update call"


def test_all_or_none_leaves_nothing_behind_when_one_row_fails(wire, call):
    records = [account(Name="A"), account(), account(Name="B")]
    answer = call("POST", "/composite/sobjects", json={"allOrNone": True, "records": records})
    rolled = "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert codes(answer) == [rolled, "REQUIRED_FIELD_MISSING", rolled]
    assert wire.org.rows('SELECT COUNT(*) FROM "Account"') == [(0,)]
    assert call("GET", "_emulator/writes").json() == {"writes": {}}


def test_a_record_without_attributes_fails_alone(call):
    answer = call("POST", "/composite/sobjects", json={"records": [{"Name": "A"}, account(Name="B"), 7]})
    assert codes(answer) == ["JSON_PARSER_ERROR", None, "JSON_PARSER_ERROR"]


def test_attributes_may_come_last(call):
    records = [{"Name": "A", "attributes": {"type": "account"}}]
    assert codes(call("POST", "/composite/sobjects", json={"records": records})) == [None]


@pytest.mark.parametrize("body", [{"records": []}, {}, {"allOrNone": False}])
def test_a_call_without_records_is_refused(call, body):
    answer = call("POST", "/composite/sobjects", json=body)
    assert (answer.status_code, answer.json()) == (
        400,
        [{"message": "At least 1 record is required", "errorCode": "REQUIRED_FIELD_MISSING"}],
    )


def test_two_hundred_records_pass_and_one_more_does_not(wire, call):
    records = [account(Name=str(number)) for number in range(201)]
    assert codes(call("POST", "/composite/sobjects", json={"records": records[:200]})) == [None] * 200
    refused = call("POST", "/composite/sobjects", json={"records": records})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")
    assert wire.org.rows('SELECT COUNT(*) FROM "Account"') == [(200,)]


def test_types_may_alternate_ten_times_and_no_more(call):
    pair = [account(Name="A"), {"attributes": {"type": "Contact"}, "LastName": "B"}]
    assert codes(call("POST", "/composite/sobjects", json={"records": pair * 5})) == [None] * 10
    refused = call("POST", "/composite/sobjects", json={"records": [*pair * 5, pair[0]]})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "LIMIT_EXCEEDED")


def test_one_call_is_counted_for_a_whole_collection(wire, call):
    before = wire.site.usage.used
    created(call, *"ABCDEFGH")
    assert wire.site.usage.used == before + 1


def test_an_upsert_tells_which_rows_it_created(call):
    (one,) = created(call, "A")
    records = [account(Id=one, Name="A2"), account(Id=None, Name="B"), account(Name="C"), {"Name": "D"}]
    answer = call("PATCH", "/composite/sobjects/Account/Id", json={"records": records})
    assert [row.get("created") for row in answer.json()] == [False, True, True, None]
    unknown = call("PATCH", "/composite/sobjects/Account/Nothing__c", json={"records": records})
    assert (unknown.status_code, unknown.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_deleting_tells_what_became_of_each_id(call):
    one, two = created(call, "A", "B")
    path = "/composite/sobjects"
    assert codes(call("DELETE", path, params={"ids": f"{one},{NOWHERE},xyz", "allOrNone": "false"})) == [
        None,
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
    ]
    answer = call("DELETE", path, params={"ids": f"{two},{one}", "allOrNone": "true"})
    assert codes(answer) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "ENTITY_IS_DELETED"]
    assert call("GET", f"/sobjects/Account/{two}").status_code == 200


def test_retrieving_puts_null_where_there_is_no_row(call):
    one, two = created(call, "A", "B")
    by_get = call("GET", "/composite/sobjects/Account", params={"ids": f"{two},{NOWHERE},{one}", "fields": "name"})
    assert [row and row["Name"] for row in by_get.json()] == ["B", None, "A"]
    by_post = call("POST", "/composite/sobjects/Account", json={"ids": [two, NOWHERE, one], "fields": ["Name"]})
    assert by_post.json() == by_get.json()
    bad = call("GET", "/composite/sobjects/Account", params={"ids": one, "fields": "Nmae"})
    assert (bad.status_code, bad.json()[0]["errorCode"]) == (400, "INVALID_FIELD")


def test_a_validation_rule_refuses_its_row_and_no_other(call):
    rule = {"object": "Account", "field": "NumberOfEmployees", "op": "gt", "value": 10, "message": "Too many people"}
    call.steer(validation_rules=[rule])
    records = [account(Name="A", NumberOfEmployees=5), account(Name="B", NumberOfEmployees=50)]
    answer = call("POST", "/composite/sobjects", json={"records": records})
    assert codes(answer) == [None, "FIELD_CUSTOM_VALIDATION_EXCEPTION"]
    assert answer.json()[1]["errors"][0]["message"] == "Too many people"


def test_locked_rows_are_refused_and_the_others_written(wire, call):
    wire.faults.add(kind="lock", method="PATCH", path="*/composite/sobjects", rows=0.3, times=1, seed=4)
    made = created(call, *"ABCDEFGHIJ")
    body = {"records": [account(id=one, Name="new") for one in made]}
    outcomes = call("PATCH", "/composite/sobjects", json=body).json()
    locked = [one for one in outcomes if not one["success"]]
    assert len(locked) == 3 and {one["errors"][0]["statusCode"] for one in locked} == {"UNABLE_TO_LOCK_ROW"}
    assert wire.org.rows('SELECT COUNT(*) FROM "Account" WHERE "Name" = \'new\'') == [(7,)]
    assert all(one["success"] for one in call("PATCH", "/composite/sobjects", json=body).json())

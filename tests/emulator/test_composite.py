"""Several requests in one: composite, batch, graph and tree, and the Tooling API's queries."""

import pytest

V = "/services/data/v60.0"


@pytest.fixture(scope="module")
def call(served):
    return served


def part(method, url, name, body=None):
    return {"method": method, "url": V + url, "referenceId": name, **({"body": body} if body else {})}


def composite(call, *parts, **more):
    answer = call("POST", "/composite", json={"compositeRequest": parts, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["compositeResponse"]


def count(call, kind):
    return call.query(f"SELECT COUNT() FROM {kind}")["totalSize"]


def test_a_later_part_may_refer_to_what_an_earlier_one_answered(call):
    answers = composite(
        call,
        part("POST", "/sobjects/Account", "firm", {"Name": "Referred", "NumberOfEmployees": 7}),
        part("POST", "/sobjects/Contact", "who", {"LastName": "One", "AccountId": "@{firm.id}"}),
        part("GET", "/query?q=SELECT+Id,Account.Name+FROM+Contact+WHERE+Id='@{who.id}'", "found"),
        part("PATCH", "/sobjects/Contact/@{found.records[0].Id}", "patched", {"Title": "@{found.records[0].Id}!"}),
    )
    assert [one["httpStatusCode"] for one in answers] == [201, 201, 200, 204]
    assert answers[2]["body"]["records"][0]["Account"]["Name"] == "Referred"
    assert answers[0]["httpHeaders"]["Location"].endswith(answers[0]["body"]["id"])
    assert answers[3] == {"body": None, "httpHeaders": {}, "httpStatusCode": 204, "referenceId": "patched"}


def test_a_part_that_fails_stands_alone_unless_all_or_none_is_asked(call):
    parts = [
        part("POST", "/sobjects/Account", "good", {"Name": "Kept"}),
        part("POST", "/sobjects/Contact", "bad", {"FirstName": "Nameless"}),
        part("GET", "/sobjects/Contact/@{bad.id}", "after"),
    ]
    before = count(call, "Account")
    alone = composite(call, *parts)
    assert [one["httpStatusCode"] for one in alone] == [201, 400, 400]
    assert alone[1]["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert "No value for bad.id" in alone[2]["body"][0]["message"]
    together = composite(call, *parts, allOrNone=True)
    codes = [one["body"][0]["errorCode"] for one in together]
    assert codes == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    assert count(call, "Account") == before + 1


def test_parts_lead_where_they_would_lead_alone(call):
    collection = {"records": [{"attributes": {"type": "Account"}, "Name": "In a collection"}]}
    answers = composite(
        call,
        part("POST", "/composite/sobjects", "many", collection),
        part("GET", "/sobjects/Nothing/describe", "nowhere"),
        part("GET", "/sobjects/Account/describe", "described"),
        part("PUT", "/sobjects/Account", "wrong"),
    )
    assert [one["httpStatusCode"] for one in answers] == [200, 404, 200, 405]
    assert answers[0]["body"][0]["success"] is True and answers[2]["body"]["name"] == "Account"


@pytest.mark.parametrize(
    "parts",
    [
        [part("GET", "/limits", f"r{n}") for n in range(26)],
        [part("GET", "/query?q=SELECT+Id+FROM+User", f"r{n}") for n in range(6)],
        [part("GET", "/limits", "same"), part("GET", "/limits", "same")],
        [],
    ],
)
def test_a_composite_request_has_limits(call, parts):
    assert call("POST", "/composite", json={"compositeRequest": parts}).status_code == 400


def test_a_batch_counts_each_request_and_may_halt(call):
    call("POST", "_emulator/reset", json={})
    parts = [
        {"method": "GET", "url": "v60.0/limits"},
        {"method": "GET", "url": "v60.0/sobjects/Nothing"},
        {"method": "POST", "url": "v60.0/sobjects/Account", "richInput": {"Name": "Batched"}},
    ]
    answer = call("POST", "/composite/batch", json={"batchRequests": parts}).json()
    assert (answer["hasErrors"], [one["statusCode"] for one in answer["results"]]) == (True, [200, 404, 201])
    assert call("GET", "_emulator/calls").json()["used"] == 4
    halted = call("POST", "/composite/batch", json={"batchRequests": parts, "haltOnError": True}).json()
    assert halted["results"][2]["statusCode"] == 412
    assert halted["results"][2]["result"][0]["errorCode"] == "BATCH_PROCESSING_HALTED"


def test_each_graph_succeeds_or_fails_as_a_whole(call):
    graphs = [
        {"graphId": name, "compositeRequest": [
            part("POST", "/sobjects/Account", "a", {"Name": name}), part("POST", "/sobjects/Contact", "c", contact),
        ]} for name, contact in (("good", {"LastName": "L", "AccountId": "@{a.id}"}), ("bad", {"FirstName": "F"}))
    ]  # fmt: skip
    before = count(call, "Account")
    answer = call("POST", "/composite/graph", json={"graphs": graphs}).json()["graphs"]
    assert [(one["graphId"], one["isSuccessful"]) for one in answer] == [("good", True), ("bad", False)]
    assert count(call, "Account") == before + 1


def test_a_tree_is_planted_whole_or_not_at_all(call):
    def tree(last):
        child = {"attributes": {"type": "Contact", "referenceId": "c"}, **last}
        root = {"attributes": {"type": "Account", "referenceId": "a"}, "Name": "Root", "Contacts": {"records": [child]}}
        return call("POST", "/composite/tree/Account", json={"records": [root]})

    answer = tree({"LastName": "Leaf"})
    assert (answer.status_code, answer.json()["hasErrors"]) == (201, False)
    made = {one["referenceId"]: one["id"] for one in answer.json()["results"]}
    found = call.query(f"SELECT AccountId FROM Contact WHERE Id = '{made['c']}'")
    assert found["records"][0]["AccountId"] == made["a"]
    before = count(call, "Account")
    refused = tree({"FirstName": "No last name"})
    assert (refused.status_code, refused.json()["hasErrors"]) == (400, True)
    assert refused.json()["results"][0]["referenceId"] == "c" and count(call, "Account") == before


def test_the_tooling_api_tells_of_objects_and_fields(call):
    soql = "SELECT QualifiedApiName, DataType FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Account'"
    found = call("GET", "/tooling/query", params={"q": soql, "columns": "true"}).json()
    assert {"QualifiedApiName": "Name", "DataType": "String"}.items() <= next(
        one for one in found["records"] if one["QualifiedApiName"] == "Name"
    ).items()
    assert [one["columnName"] for one in found["columnMetadata"]] == ["QualifiedApiName", "DataType"]
    assert call("GET", "/tooling/query", params={"q": "SELECT Id FROM ApexClass"}).json()["size"] == 0
    assert (
        call("GET", "/tooling/query", params={"q": "SELECT Id FROM Nothing"}).json()[0]["errorCode"] == "INVALID_TYPE"
    )


def test_fields_may_be_asked_for_by_group(call):
    call.create("Account", Name="Grouped")
    found = call.query("SELECT FIELDS(ALL) FROM Account LIMIT 1")["records"][0]
    assert {"Id", "Name", "SystemModstamp"} <= set(found)
    unbounded = call("GET", "/query", params={"q": "SELECT FIELDS(CUSTOM) FROM Account"})
    assert unbounded.status_code == 400
    asked = {"q": "SELECT COUNT(Id) n, Owner.Name FROM Account GROUP BY Owner.Name", "columns": "true"}
    told = call("GET", "/query", params=asked).json()["columnMetadata"]
    assert [(one["columnName"], one["aggregate"]) for one in told] == [("n", True), ("Name", True)]

"""Single rows over real HTTP."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest
import requests

from connector.emulator.salesforce.org.model import Field


@pytest.fixture
def keyed(wire):
    """Accounts with an external id that may occur twice, readable and writable by the token's user."""
    number = Field("Number__c", "string", "Number", length=40, custom=True, external_id=True, id_lookup=True)
    wire.org.add_field("Account", number)
    own = wire.org.create(wire.org.admin_id, "PermissionSet", {"Name": "Keyed", "Label": "Keyed"}, system=True)
    pair = {"PermissionSetId": own, "AssigneeId": wire.org.admin_id}
    wire.org.create(wire.org.admin_id, "PermissionSetAssignment", pair, system=True)
    wire.org.grant(own, "Account", "Number__c", edit=True)
    return wire


def test_a_created_row_can_be_read_changed_and_deleted(call):
    answer = call("POST", "/sobjects/account/", json={"name": "Ärger & Söhne 🙂"})
    record = answer.json()["id"]
    assert (answer.status_code, answer.json()) == (201, {"id": record, "success": True, "errors": []})
    assert answer.headers["Location"] == f"/services/data/v60.0/sobjects/Account/{record}"
    changed = call("PATCH", f"/sobjects/Account/{record}", json={"AnnualRevenue": 12})
    assert (changed.status_code, changed.content) == (204, b"") and "Content-Type" not in changed.headers
    row = call("GET", f"/sobjects/Account/{record[:15]}").json()
    assert (row["Name"], row["AnnualRevenue"]) == ("Ärger & Söhne 🙂", 12.0)
    assert next(iter(row)) == "attributes"
    assert call("DELETE", f"/sobjects/Account/{record}").status_code == 204
    again = call("DELETE", f"/sobjects/Account/{record}")
    assert (again.status_code, again.json()[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")


def test_chosen_fields_come_in_the_order_asked_for(call):
    record = call.create("Account", Name="A", AnnualRevenue=5)
    row = call("GET", f"/sobjects/Account/{record}", params={"fields": "annualrevenue,Name"})
    assert list(row.json())[1:3] == ["AnnualRevenue", "Name"] and '"AnnualRevenue":5.0' in row.text
    refused = call("GET", f"/sobjects/Account/{record}", params={"fields": "Nmae"})
    assert refused.json() == [
        {"message": "No such column 'Nmae' on sobject of type Account", "errorCode": "INVALID_FIELD"}
    ]


def test_a_refused_write_names_the_fields_at_fault(call):
    answer = call("POST", "/sobjects/Contact", json={"FirstName": "Ada"})
    assert (answer.status_code, answer.json()) == (
        400,
        [
            {
                "message": "Required fields are missing: [LastName]",
                "errorCode": "REQUIRED_FIELD_MISSING",
                "fields": ["LastName"],
            }
        ],
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sobjects/Acount/001000000000000AAA"),
        ("POST", "/sobjects/Acount"),
        ("GET", "/sobjects/Account/001000000000000AAA"),
        ("PATCH", "/sobjects/Account/001000000000000AAA"),
        ("PATCH", "/sobjects/Account/003000000000000AAA"),
        ("DELETE", "/sobjects/Account/001000000000000AAA"),
        ("GET", "/sobjects/Account/nonsense"),
        ("GET", "/no/such/thing"),
    ],
)
def test_what_is_not_there_is_a_404_with_the_code_first(call, method, path):
    answer = call(method, path, json={} if method in ("POST", "PATCH") else None)
    assert answer.status_code == 404
    assert next(iter(answer.json()[0])) == "errorCode" and answer.json()[0]["errorCode"] == "NOT_FOUND"


def test_a_method_that_a_resource_lacks_is_a_405_and_names_what_it_has(call):
    answer = call("PUT", "/limits")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.json()[0]["message"]


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"{not json", "application/json", "JSON_PARSER_ERROR"),
        (b"[]", "application/json", "JSON_PARSER_ERROR"),
        (b"Name=A", "application/x-www-form-urlencoded", "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_a_body_that_is_not_json_is_refused(call, body, kind, code):
    answer = call("POST", "/sobjects/Account", data=body, headers={"Content-Type": kind})
    assert answer.json()[0]["errorCode"] == code


def test_bodies_may_come_zipped_or_in_chunks(call):
    body = json.dumps({"Name": "Zipped"}).encode()
    zipped = {"Content-Type": "application/json; charset=utf-8", "Content-Encoding": "gzip"}
    assert call("POST", "/sobjects/Account", data=gzip.compress(body), headers=zipped).status_code == 201
    broken = call("POST", "/sobjects/Account", data=b"no gzip", headers=zipped)
    assert broken.status_code == 400
    chunks = call(
        "POST", "/sobjects/Account", data=iter([body[:5], body[5:]]), headers={"Content-Type": "application/json"}
    )
    assert chunks.status_code == 201


def test_an_upsert_creates_once_and_then_updates(keyed, call):
    path = "/sobjects/Account/Number__c/A%2F1"
    first = call("PATCH", path, json={"Name": "A"})
    second = call("PATCH", path, json={"Name": "B"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == {"id": first.json()["id"], "success": True, "errors": [], "created": True}
    assert second.json() == {**first.json(), "created": False}
    assert second.headers["Location"].endswith(first.json()["id"])
    assert call("GET", path).json()["Name"] == "B"
    assert call("DELETE", path).status_code == 204
    assert call("GET", path).status_code == 404


def test_an_upsert_of_an_old_version_says_nothing_when_it_updated(keyed, call_in):
    old = call_in("45.0")
    assert "created" not in old("PATCH", "/sobjects/Account/Number__c/1", json={"Name": "A"}).json()
    assert old("PATCH", "/sobjects/Account/Number__c/1", json={"Name": "A"}).status_code == 204


def test_an_upsert_that_may_only_update_creates_nothing(keyed, call):
    answer = call("PATCH", "/sobjects/Account/Number__c/1", params={"updateOnly": "true"}, json={"Name": "A"})
    assert answer.status_code == 404
    assert keyed.org.rows('SELECT COUNT(*) FROM "Account"') == [(0,)]


def test_several_rows_with_one_external_id_are_listed(keyed, call):
    made = sorted(call.create("Account", Name=name, Number__c="7") for name in "AB")
    for method in ("PATCH", "GET", "DELETE"):
        answer = call(method, "/sobjects/Account/Number__c/7", json={"Name": "C"} if method == "PATCH" else None)
        assert (answer.status_code, answer.json()) == (
            300,
            [f"/services/data/v60.0/sobjects/Account/{one}" for one in made],
        )


def test_a_field_that_is_no_key_cannot_address_a_row(keyed, call):
    for name in ("Industry", "Nonsense__c"):
        answer = call("PATCH", f"/sobjects/Account/{name}/1", json={"Name": "A"})
        assert answer.status_code == 404
        assert answer.json()[0]["message"].endswith(f"does not exist or is not accessible: {name}")


def test_the_id_may_stand_in_for_an_external_id(call):
    created = call("POST", "/sobjects/Account/Id", json={"Name": "A"}).json()["id"]
    answer = call("PATCH", f"/sobjects/Account/Id/{created}", json={"Name": "B"})
    assert (answer.status_code, answer.json()["created"]) == (200, False)
    refused = call("PATCH", f"/sobjects/Account/{created}", json={"Id": created, "Name": "B"})
    assert refused.json()[0]["message"] == "The Id field should not be specified in the sobject data."


def test_post_may_stand_in_for_patch(call):
    record = call.create("Account", Name="A")
    assert call("POST", f"/sobjects/Account/{record}?_HttpMethod=PATCH", json={"Name": "B"}).status_code == 204
    assert call("POST", f"/sobjects/Account/{record}", json={"Name": "B"}).status_code == 405


def http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def test_a_row_changed_since_the_caller_read_it_is_not_overwritten(call):
    record = call.create("Account", Name="A")
    path = f"/sobjects/Account/{record}"
    read = call("GET", path).headers["Last-Modified"]
    before = http_date(parsedate_to_datetime(read) - timedelta(seconds=1))
    stale = call("PATCH", path, json={"Name": "B"}, headers={"If-Unmodified-Since": before})
    assert (stale.status_code, call("GET", path).json()["Name"]) == (412, "A")
    assert call("PATCH", path, json={"Name": "B"}, headers={"If-Unmodified-Since": read}).status_code == 204
    assert call("PATCH", path, json={"Name": "B"}, headers={"If-Unmodified-Since": "soon"}).status_code == 400


def test_an_account_can_be_guarded_by_its_tag(call):
    record = call.create("Account", Name="A")
    path = f"/sobjects/Account/{record}"
    tag = call("GET", path).headers["ETag"]
    assert call("GET", path, headers={"If-None-Match": tag}).status_code == 304
    assert call("PATCH", path, json={"Name": "B"}, headers={"If-Match": '"other"'}).status_code == 412
    assert call("PATCH", path, json={"Name": "B"}, headers={"If-Match": tag}).status_code == 204


def test_an_unchanged_row_is_not_sent_again(call):
    record = call.create("Contact", LastName="A")
    later = http_date(datetime.now(UTC) + timedelta(hours=1))
    answer = call("GET", f"/sobjects/Contact/{record}", headers={"If-Modified-Since": later})
    assert (answer.status_code, answer.content) == (304, b"")


def test_every_write_is_noted_with_its_values(call):
    record = call.create("Account", Name="A")
    call("PATCH", f"/sobjects/Account/{record}", json={"Name": "B"})
    call("PATCH", f"/sobjects/Account/{record}", json={"Nmae": "refused"})
    call("DELETE", f"/sobjects/Account/{record}")
    noted = call("GET", "_emulator/writes", params={"id": record}).json()["writes"][record]
    assert [(one["action"], one["values"]) for one in noted] == [
        ("create", {"Name": "A"}),
        ("update", {"Name": "B"}),
        ("delete", {}),
    ]
    assert call("GET", "_emulator/writes", params={"object": "Contact"}).json() == {"writes": {}}


def test_many_callers_at_once_lose_nothing(wire, call):
    def create(number: int) -> int:
        with requests.Session() as session:
            headers = {"Authorization": f"Bearer {wire.token}"}
            url = f"{call.base}/sobjects/Account"
            return session.post(url, json={"Name": str(number)}, headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(create, range(40))) == [201] * 40
    names = {row[0] for row in wire.org.rows('SELECT "Name" FROM "Account"')}
    assert names == {str(number) for number in range(40)}
    assert wire.site.usage.used == 40

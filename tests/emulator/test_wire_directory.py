"""Versions, resources, limits, counts and describes, and the headers of answers, over real HTTP."""

from email.utils import parsedate_to_datetime

import pytest
import requests

STANDING = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "none",
    "Cache-Control": "no-cache,must-revalidate,max-age=0,no-store,private",
    "Vary": "Accept-Encoding",
    "Server": "sfdcedge",
    "X-SFDC-Edge-Cache": "none",
    "Content-Type": "application/json;charset=UTF-8",
    "Transfer-Encoding": "chunked",
}


def test_versions_are_listed_without_a_session_and_lead_to_themselves(wire):
    listed = requests.get(f"{wire.url}/services/data/", timeout=10)
    assert "Sforce-Limit-Info" not in listed.headers
    labels = {one["version"]: one["label"] for one in listed.json()}
    assert next(iter(labels)) == "31.0" and list(labels)[-1] == "67.0" and len(labels) == 37
    assert (labels["31.0"], labels["42.0"], labels["60.0"], labels["66.0"], labels["67.0"]) == (
        "Summer '14",
        "Spring ’18",
        "Spring '24",
        "Spring '26",
        "Summer '26",
    )


@pytest.mark.parametrize("version", ["31.0", "45.0", "66.0", "67.0"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_every_version_in_range_is_served_with_and_without_a_slash(call_in, version, slash):
    answer = call_in(version)("GET", f"/limits{slash}")
    assert answer.status_code == 200


def test_an_address_with_a_slash_at_its_end_is_served_too(wire):
    answer = requests.get(
        f"{wire.url}//services/data/v60.0/limits", headers={"Authorization": f"Bearer {wire.token}"}, timeout=10
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("version", "status"), [("30.0", 410), ("20.0", 410), ("68.0", 404), ("66", 404), ("66.5", 404), ("x", 404)]
)
def test_other_versions_are_gone_or_unknown(call_in, version, status):
    assert call_in(version)("GET", "/limits").status_code == status


def test_resources_name_the_version_asked_for_and_the_callers_identity(wire, call):
    listed = call("GET", "/").json()
    assert listed["query"] == "/services/data/v60.0/query"
    assert call("GET", listed["identity"].removeprefix(wire.url + "/")).json()["user_id"] == wire.org.admin_id


def test_a_data_answer_has_every_recorded_header(call):
    answer = call("GET", "/sobjects/")
    assert {name: answer.headers.get(name) for name in STANDING} == STANDING
    assert answer.headers["X-Request-Id"] == answer.headers["X-SFDC-Request-Id"]
    assert len(answer.headers["X-Request-Id"]) == 32
    assert parsedate_to_datetime(answer.headers["Date"])
    assert "BrowserId=" in answer.headers["Set-Cookie"]


def test_calls_are_counted_and_told_in_every_answer(call):
    first, second = call("GET", "/limits"), call("GET", "/nothing/here/at/all")
    assert first.headers["Sforce-Limit-Info"] == "api-usage=1/100000"
    assert second.status_code == 404
    assert call("GET", "/limits").json()["DailyApiRequests"] == {"Max": 100000, "Remaining": 99998}


def test_a_spent_allowance_refuses_every_further_call(call):
    call.steer(api_limit=2, api_used=0)
    assert [call("GET", "/limits").status_code for _ in range(3)] == [200, 200, 403]
    answer = call("GET", "/sobjects/")
    assert answer.json() == [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]


def test_calls_are_told_apart_by_method_and_path_template(wire, call):
    record = call.create("Account", Name="A")
    call("GET", f"/sobjects/Account/{record}")
    counted = call("GET", "_emulator/calls").json()
    assert counted["calls"] == {
        "POST /services/data/{version}/sobjects/{object}": 1,
        "GET /services/data/{version}/sobjects/{object}/{id}": 1,
    }
    assert dict(wire.calls) == counted["calls"]
    call("POST", "_emulator/reset")
    assert call("GET", "_emulator/calls").json()["calls"] == {}


def test_record_counts_leave_out_what_is_empty_or_unknown(call):
    call("DELETE", f"/sobjects/Account/{call.create('Account', Name='A')}")
    call.create("Contact", LastName="B")
    answer = call("GET", "/limits/recordCount", params={"sObjects": "account,Contact,Nothing"})
    assert answer.json() == {"sObjects": [{"count": 1, "name": "Contact"}]}


@pytest.mark.parametrize("path", ["/sobjects", "/sobjects/account/describe"])
def test_an_unchanged_describe_is_not_sent_again(wire, call, path):
    first = call("GET", path)
    assert first.headers["ETag"].endswith('--gzip"')
    since = {"If-Modified-Since": first.headers["Last-Modified"]}
    assert (call("GET", path, headers=since).status_code, call("GET", path, headers=since).content) == (304, b"")
    wire.org.hide("Account", "Phone")
    again = call("GET", path, headers=since)
    assert again.status_code == 200
    assert parsedate_to_datetime(again.headers["Last-Modified"]) > parsedate_to_datetime(first.headers["Last-Modified"])


def test_a_hidden_field_is_absent_everywhere(call):
    record = call.create("Account", Name="A")
    call.steer(hidden_fields=["Account.Phone"])
    described = call("GET", "/sobjects/Account/describe").json()
    assert "Phone" not in [field["name"] for field in described["fields"]]
    assert "Phone" not in call("GET", f"/sobjects/Account/{record}").json()
    assert call("GET", "/query", params={"q": "SELECT Phone FROM Account"}).json()[0]["errorCode"] == "INVALID_FIELD"
    call.steer(hidden_fields=[])
    assert "Phone" in call("GET", f"/sobjects/Account/{record}").json()


def test_an_optional_feature_brings_its_object(call):
    assert call("GET", "/sobjects/AccountTeamMember/describe").status_code == 404
    call.steer(features={"AccountTeamMember": True})
    assert call("GET", "/sobjects/AccountTeamMember/describe").status_code == 200
    call.steer(features={"AccountTeamMember": False})
    assert call("GET", "/sobjects/AccountTeamMember/describe").status_code == 404


def test_pretty_printing_is_done_when_asked_for(call):
    assert "\n" not in call("GET", "/limits").text
    pretty = call("GET", "/limits", headers={"X-PrettyPrint": "1"})
    assert pretty.text.startswith("{\n") and pretty.json()["DailyApiRequests"]


def test_answers_are_zipped_only_for_those_who_can_unzip(call):
    assert call("GET", "/sobjects").headers["Content-Encoding"] == "gzip"
    plain = call("GET", "/sobjects", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers and plain.json()["sobjects"]


@pytest.mark.parametrize(("uri", "header", "status"), [(17_000, 0, 414), (9_000, 9_000, 431), (9_000, 10, 200)])
def test_an_endless_uri_or_head_is_refused(call, uri, header, status):
    answer = call("GET", "/limits", params={"x": "a" * uri}, headers={"X-Filler": "b" * header})
    assert answer.status_code == status


def test_an_unknown_setting_is_refused_with_the_known_ones(call):
    answer = call("POST", "_emulator/org", json={"page_sise": 3, "api_limit": 1})
    assert answer.status_code == 400 and "page_size" in answer.json()["error"]
    assert call("GET", "_emulator/org").json()["api_limit"] == 100_000

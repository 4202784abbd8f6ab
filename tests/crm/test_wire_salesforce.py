"""Awkward answers of a Salesforce far away: what the wire can say, and that nothing is believed that should not be."""

import gzip
import json
import logging
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connector.crm.failures import Refusal
from connector.crm.protocol import ReadRequest, RecordWrite
from connector.crm.salesforce import connect
from connector.crm.salesforce.faults import DATA, ROWS, TOKEN, fault_of, row_outcome, scrub, token_fault
from connector.crm.salesforce.parts import Join
from connector.crm.salesforce.write import batches
from connector.crm.settings import CrmSettings
from connector.errors import AccessFault, ReserveReached, UnreachableFault, UsageFault

HOST = "https://acme.my.salesforce.com"
BASE = f"{HOST}/services/data/v66.0"
TOKEN_URL = f"{HOST}/services/oauth2/token"
ANSWER = {
    "access_token": "00Dxx!hush",
    "instance_url": HOST,
    "id": "https://login.salesforce.com/id/00Dxx0000000000EAA/005xx0000000000AAA",
    "token_type": "Bearer",
}
DESCRIBED = {
    "name": "Account",
    "label": "Account",
    "fields": [
        {"name": n, "type": t, "label": n, "updateable": True, "filterable": True}
        for n, t in (("Id", "id"), ("Name", "string"), ("SystemModstamp", "datetime"), ("IsDeleted", "boolean"))
    ],
}
NAMES = ReadRequest("Account", ("Id", "Name"))
ENDED = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


@pytest.fixture
def wire():
    """Plays answers; nothing leaves this machine."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as played:
        played.post(TOKEN_URL, json=ANSWER)
        played.get(f"{BASE}/sobjects/Account/describe", json=DESCRIBED)
        played.get(f"{BASE}/limits/recordCount", json={"sObjects": []})
        yield played


@pytest.fixture
def login():
    """Logs in with a client secret; settings may be changed."""
    made = []

    def log_in(**changes):
        settings = {
            "kind": "salesforce",
            "url": HOST,
            "auth": "client_credentials",
            "client_id": "key",
            "secret_env": "S",
        }
        made.append(connect(CrmSettings(**settings | changes), environ={"S": "secret"}, sleep=lambda seconds: None))
        return made[-1]

    yield log_in
    for one in made:
        one.client.session.close()


@pytest.fixture(scope="module")
def key_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "key.pem"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    words = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(*words))
    return path


def row(number, name="x", stamp="2026-05-01T07:00:00.000+0000", deleted=False):
    return {"attributes": {}, "Id": f"001{number:012d}AAA", "Name": name, "SystemModstamp": stamp, "IsDeleted": deleted}


def page(*rows, following=None):
    more = {"nextRecordsUrl": following} if following else {}
    return {"totalSize": len(rows), "done": not following, "records": list(rows), **more}


def read(crm, request=NAMES, since=None):
    return [r for batch in crm.read(request, since) for r in batch.rows]


# login


def claims(call):
    form = parse_qs(call.request.body)
    return jwt.decode(form["assertion"][0], options={"verify_signature": False})


@pytest.mark.parametrize(
    ("changes", "audience"),
    [
        ({}, "https://test.salesforce.com"),
        ({"environment": "production"}, "https://login.salesforce.com"),
        ({"login_url": HOST, "environment": "production"}, "https://login.salesforce.com"),
        ({"login_url": "https://login.salesforce.com"}, "https://login.salesforce.com"),
        ({"login_url": "https://partners.acme.example"}, "https://partners.acme.example"),
    ],
)
def test_an_assertion_is_for_the_login_host_of_the_environment(wire, login, key_file, changes, audience):
    wire.post(f"{changes.get('login_url', HOST)}/services/oauth2/token", json=ANSWER)
    login(auth="jwt", username="kam@acme.example", key_file=key_file, **changes)
    said = claims(wire.calls[0])
    assert (said["iss"], said["sub"], said["aud"]) == ("key", "kam@acme.example", audience)


def test_a_key_that_is_none_is_named_without_its_contents(wire, login, tmp_path):
    bad = tmp_path / "key.pem"
    bad.write_text("-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----")
    with pytest.raises(UsageFault, match=r"crm\.key_file: .*key\.pem is not a private RSA key") as raised:
        login(auth="jwt", username="kam@acme.example", key_file=bad)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example",
        "https://evilsalesforce.com",
        "https://acme.my.salesforce.com.evil.example",
        "http://acme.my.salesforce.com",
        "https://acme.my.salesforce.com@evil.example",
        "https://evil@acme.my.salesforce.com",
        "http://127.0.0.1:8080",
    ],
)
def test_the_token_goes_to_no_host_but_the_configured_or_the_vendors(wire, login, elsewhere):
    wire.replace(responses.POST, TOKEN_URL, json={**ANSWER, "instance_url": elsewhere})
    with pytest.raises(AccessFault, match=r"neither crm\.url nor a domain of Salesforce"):
        login()


def test_another_host_of_the_vendor_is_followed_after_a_login(wire, login):
    moved = "https://acme--uat.sandbox.my.salesforce.com"
    wire.replace(responses.POST, TOKEN_URL, json={**ANSWER, "instance_url": moved})
    assert login().client.url == moved


def test_the_identity_link_is_read_and_never_called(wire, login):
    assert login().client.user_id == "005xx0000000000AAA"
    assert len(wire.calls) == 1


def test_a_login_answered_by_a_page_says_that_something_stands_between(wire, login):
    wire.replace(responses.POST, TOKEN_URL, body="<html>Sign in to the guest network</html>", content_type="text/html")
    with pytest.raises(UnreachableFault, match="proxy") as raised:
        login()
    assert "guest" not in str(raised.value)


def test_a_host_without_a_login_is_told_as_a_wrong_address(wire, login):
    wire.replace(responses.POST, TOKEN_URL, body="<h1>404</h1>", status=404)
    with pytest.raises(UsageFault, match=r"Correct crm\.url"):
        login()


@pytest.mark.parametrize(("error", "words", "kind", "advice"), [line for line in TOKEN if line[0]])
def test_every_login_error_has_its_click(error, words, kind, advice):
    fault = token_fault(Refusal("POST acme", 400, error, words))
    assert type(fault) is kind
    assert advice in str(fault)


def test_a_login_is_tried_again_after_an_overload(wire, login):
    wire.replace(responses.POST, TOKEN_URL, status=503)
    wire.post(TOKEN_URL, json=ANSWER)
    login()
    assert len(wire.calls) == 2


# reading


def test_a_page_cut_short_is_asked_for_again(wire, login):
    wire.get(
        f"{BASE}/queryAll/", body='{"totalSize":1,"done":true,"records":[{"Id":"0', content_type="application/json"
    )
    wire.get(f"{BASE}/queryAll/", json=page(row(1)))
    assert len(read(login())) == 1


@pytest.mark.parametrize("body", ["", "<html>We are down for maintenance</html>", "[]", '{"done":false,"records":[]}'])
def test_an_answer_that_is_no_page_ends_as_unreachable_and_not_as_no_rows(wire, login, body):
    wire.get(f"{BASE}/queryAll/", body=body)
    with pytest.raises(UnreachableFault, match="try again later") as raised:
        read(login())
    assert "maintenance</html>" not in str(raised.value)


def test_a_page_arrives_zipped(wire, login):
    body = gzip.compress(json.dumps(page(row(1, "Zip"))).encode())
    wire.get(f"{BASE}/queryAll/", body=body, headers={"Content-Encoding": "gzip"})
    assert read(login()) == [("001000000000001AAA", "Zip")]


def test_a_connection_that_breaks_in_the_middle_of_a_read_is_made_anew(wire, login):
    wire.get(f"{BASE}/queryAll/", body=requests.exceptions.ChunkedEncodingError("cut"))
    wire.get(f"{BASE}/queryAll/", json=page(row(1)))
    assert len(read(login())) == 1


@pytest.mark.parametrize(
    "link", ["https://evil.example/next", "//evil.example/next", f"http://{urlsplit(HOST).netloc}/next"]
)
def test_a_next_page_elsewhere_is_not_fetched(wire, login, link):
    wire.get(f"{BASE}/queryAll/", json=page(row(1), following=link))
    with pytest.raises(AccessFault, match="does not follow"):
        read(login())
    assert all(call.request.url.startswith(HOST) for call in wire.calls)


def test_a_locator_that_expired_midway_starts_the_query_over_once(wire, login):
    wire.get(f"{BASE}/queryAll/", json=page(row(1), following="/services/data/v66.0/query/0r8-1"))
    wire.get(f"{BASE}/query/0r8-1", status=400, json=[{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid"}])
    wire.get(f"{BASE}/query/0r8-1", json=page(row(2)))
    assert [r[0][14] for r in read(login())] == ["1", "1", "2"]


def test_a_locator_that_keeps_expiring_is_given_up(wire, login):
    wire.get(f"{BASE}/queryAll/", json=page(row(1), following="/services/data/v66.0/query/0r8-1"))
    wire.get(f"{BASE}/query/0r8-1", status=400, json=[{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid"}])
    with pytest.raises(UsageFault, match="INVALID_QUERY_LOCATOR"):
        read(login())


def test_a_read_is_bounded_by_the_crms_own_clock_and_ordered(wire, login):
    dated = {"Date": "Fri, 01 May 2026 08:00:00 GMT"}
    wire.replace(responses.GET, f"{BASE}/sobjects/Account/describe", json=DESCRIBED, headers=dated)
    wire.get(f"{BASE}/queryAll/", json=page())
    crm = login()
    *_, last = crm.read(NAMES, None)
    read(crm, since=last.cursor)
    first, second = (parse_qs(urlsplit(c.request.url).query)["q"][0] for c in list(wire.calls)[-2:])
    assert "WHERE SystemModstamp <= 2026-05-01T08:00:0" in first
    assert "WHERE SystemModstamp >= 2026-05-01T07:50:00Z AND SystemModstamp <= 2026-05-01T08:00:0" in second
    assert second.endswith("ORDER BY SystemModstamp, Id")


def test_without_a_date_the_cursor_is_the_newest_stamp_read(wire, login):
    wire.get(
        f"{BASE}/queryAll/",
        json=page(row(1, stamp="2026-05-01T07:00:00.000+0000"), row(2, stamp="2026-05-01T07:30:00.000+0000")),
    )
    *_, last = login().read(NAMES, None)
    assert "2026-05-01T07:30:00" in last.cursor


def test_a_record_without_a_filterable_stamp_is_read_whole_each_time(wire, login):
    bare = {**DESCRIBED, "fields": [{**f, "filterable": f["name"] != "SystemModstamp"} for f in DESCRIBED["fields"]]}
    wire.replace(responses.GET, f"{BASE}/sobjects/Account/describe", json=bare)
    wire.get(f"{BASE}/queryAll/", json=page(row(1)))
    crm = login()
    *_, last = crm.read(NAMES, None)
    assert len(read(crm, since=last.cursor)) == 1
    assert "WHERE" not in wire.calls[-1].request.url


def test_parts_of_a_record_that_changed_between_them_are_held_back():
    joined = Join(2)
    whole = joined.add([[row(1), row(2)], [{**row(1), "Phone": "1"}, {**row(2, stamp="later"), "Phone": "2"}]])
    assert [(r["Name"], r["Phone"]) for r in whole] == [("x", "1")]
    assert joined.torn() == ["001000000000002AAA"]


def test_a_record_saved_between_its_parts_is_read_again_by_id(wire, login, monkeypatch):
    monkeypatch.setattr("connector.crm.salesforce.parts.URL_ROOM", 1)
    extra = {"name": "Phone", "type": "phone", "label": "Phone", "updateable": True, "filterable": True}
    described = {**DESCRIBED, "fields": [*DESCRIBED["fields"], extra]}
    wire.replace(responses.GET, f"{BASE}/sobjects/Account/describe", json=described)
    for stamp in ("first", "second", "second", "second"):
        wire.get(f"{BASE}/queryAll/", json=page({**row(1, f"of {stamp}", stamp), "Phone": f"of {stamp}"}))
    assert read(login(), ReadRequest("Account", ("Name", "Phone"))) == [("of second", "of second")]


def test_a_part_that_arrives_a_page_later_is_waited_for():
    joined = Join(2)
    assert joined.add([[row(1)], []]) == []
    assert len(joined.add([[], [row(1)]])) == 1
    assert joined.torn() == []


def test_an_ended_session_is_renewed_and_the_new_token_used(wire, login):
    crm = login()
    wire.replace(responses.POST, TOKEN_URL, json={**ANSWER, "access_token": "00Dxx!fresh"})
    wire.get(f"{BASE}/queryAll/", status=401, json=ENDED)
    wire.get(f"{BASE}/queryAll/", json=page(row(1)))
    assert len(read(crm)) == 1
    assert wire.calls[-1].request.headers["Authorization"] == "Bearer 00Dxx!fresh"


def test_a_session_that_ends_twice_is_an_access_fault(wire, login):
    wire.get(f"{BASE}/queryAll/", status=401, json=ENDED)
    with pytest.raises(AccessFault, match="INVALID_SESSION_ID"):
        read(login())


def test_too_many_calls_at_once_pass_and_the_days_limit_does_not(wire, login):
    crowded = {
        "errorCode": "REQUEST_LIMIT_EXCEEDED",
        "message": "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
    }
    spent = {"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}
    wire.get(f"{BASE}/queryAll/", status=403, json=[crowded])
    wire.get(f"{BASE}/queryAll/", status=403, json=[spent])
    with pytest.raises(ReserveReached):
        read(login())
    assert [c.response.status_code for c in wire.calls].count(403) == 2


def test_limits_fall_back_to_the_hint_of_the_last_answer(wire, login):
    denied = [{"errorCode": "INSUFFICIENT_ACCESS", "message": "View Setup and Configuration"}]
    wire.get(f"{BASE}/limits/", status=403, json=denied, headers={"Sforce-Limit-Info": "api-usage=10/100"})
    assert login().limits().remaining == 90


def test_simple_salesforce_is_what_asks_for_descriptions(wire, login):
    crm = login()
    crm.describe("Account")
    assert wire.calls[-1].request.headers["X-PrettyPrint"] == "1"
    assert wire.calls[-1].request.headers["Authorization"] == "Bearer 00Dxx!hush"


# writing


def changes(*numbers, record="Account", group=""):
    return [RecordWrite("account", record, f"001{n:012d}AAA", {"KAM_Why__c": "because"}, group) for n in numbers]


def test_an_overload_while_writing_leaves_the_batch_unknown_and_goes_on(wire, login):
    done = [{"id": "1", "success": True, "errors": []}]
    wire.patch(f"{BASE}/composite/sobjects", status=503, json=[{"errorCode": "SERVER_UNAVAILABLE", "message": "busy"}])
    wire.patch(f"{BASE}/composite/sobjects", json=done)
    outcomes = list(login().write([*changes(1), *changes(2, record="Contact")]))
    assert [o.state for o in outcomes] == ["unknown", "written"]


@pytest.mark.parametrize("body", ["", "[", "[]", "{}", "<html>"])
def test_an_answer_that_does_not_fit_the_batch_leaves_it_unknown(wire, login, body):
    wire.patch(f"{BASE}/composite/sobjects", body=body)
    assert [o.state for o in login().write(changes(1))] == ["unknown"]


def test_a_batch_refused_for_want_of_a_login_is_sent_again_after_it(wire, login):
    wire.patch(f"{BASE}/composite/sobjects", status=401, json=ENDED)
    wire.patch(f"{BASE}/composite/sobjects", json=[{"id": "1", "success": True, "errors": []}])
    assert [o.state for o in login().write(changes(1))] == ["written"]


def test_only_the_locked_rows_of_a_batch_are_sent_again(wire, login):
    locked = {"success": False, "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "busy", "fields": []}]}
    done = {"success": True, "errors": []}
    wire.patch(f"{BASE}/composite/sobjects", json=[done, locked, done])
    wire.patch(f"{BASE}/composite/sobjects", json=[done])
    outcomes = list(login().write(changes(1, 2, 3)))
    assert [o.state for o in outcomes] == ["written"] * 3
    assert [r["id"][14] for r in json.loads(wire.calls[-1].request.body)["records"]] == ["2"]


def test_a_batch_holds_two_hundred_of_one_record():
    sizes = [len(b) for b in batches([*changes(*range(450)), *changes(*range(5), record="Contact")])]
    assert sizes == [200, 200, 50, 5]


def test_children_of_one_parent_stay_in_one_batch():
    first = [w for n in range(150) for w in changes(n, group="a")]
    second = [w for n in range(150, 300) for w in changes(n, group="b")]
    assert [{w.group for w in b} for b in batches([*first, *second])] == [{"a"}, {"b"}]


def test_a_family_larger_than_a_batch_is_cut():
    assert [len(b) for b in batches([w for n in range(450) for w in changes(n, group="a")])] == [200, 200, 50]


def test_one_record_is_never_twice_in_a_batch():
    assert [len(b) for b in batches([*changes(1), *changes(1)])] == [1, 1]


# words


@pytest.mark.parametrize("code", sorted(DATA))
def test_every_known_code_says_what_to_do(code):
    assert DATA[code][1] in str(fault_of(Refusal("GET acme/query", 400, code, "")))


@pytest.mark.parametrize("code", sorted(ROWS))
def test_every_known_row_code_says_what_to_do_without_the_crms_words(code):
    state, _, message, names = row_outcome([{"statusCode": code, "message": "Ada Lovelace", "fields": ["X__c"]}], {})
    assert (state, message, names) == (*ROWS[code], ("X__c",))


def test_an_unknown_reference_to_the_record_itself_means_it_is_gone():
    assert row_outcome([{"statusCode": "INVALID_CROSS_REFERENCE_KEY", "message": "", "fields": []}], {})[0] == "gone"


def test_an_admins_words_are_kept_without_values_people_or_secrets():
    said = scrub(
        "Not allowed for Why not now (ada@acme.example, +49 30 1234567, 'Lovelace', 001xx000003DGb1AAG): ask Finance",
        {"KAM_Why__c": "Why not now"},
    )
    assert said == "Not allowed for … (… … … …): ask Finance" or not any(
        word in said for word in ("ada@", "1234567", "Lovelace", "001xx", "Why not now")
    )
    assert said.endswith("ask Finance")


def test_no_secret_and_no_value_reaches_the_log(wire, login, caplog):
    caplog.set_level(logging.DEBUG)
    wire.get(f"{BASE}/queryAll/", json=page(row(1, "Lovelace")))
    crm = login()
    read(crm, ReadRequest("Account", ("Name",), where="Name = 'Ada'"))
    assert not [w for w in ("hush", "secret", "Lovelace", "Ada") if w in caplog.text]
    assert "hush" not in repr(crm.client._login)


def test_a_secret_pasted_into_the_settings_is_not_repeated():
    settings = CrmSettings(
        kind="salesforce", url=HOST, auth="client_credentials", client_id="k", secret_env="p4ss-w0rd!"
    )
    (complaint,) = settings.complaints()
    assert complaint.startswith("crm.secret_env: ")
    assert "p4ss" not in complaint


def test_missing_files_are_complained_of_by_key(tmp_path: Path):
    settings = CrmSettings(
        kind="salesforce",
        url=HOST,
        auth="jwt",
        client_id="k",
        username="u",
        key_file=tmp_path / "no",
        ca_bundle=tmp_path / "no",
    )
    assert [c.partition(":")[0] for c in settings.complaints()] == ["crm.key_file", "crm.ca_bundle"]

"""Trouble on demand: rules from files, from Python and from the control endpoint."""

import json
import time

import pytest
import requests

from connector.emulator.faults import FaultError, Faults, Rule, load_faults
from connector.emulator.salesforce.org.records import Org
from connector.emulator.server import start


def test_a_toml_and_a_json_file_say_the_same(tmp_path):
    toml, other = tmp_path / "faults.toml", tmp_path / "faults.json"
    toml.write_text('[[fault]]\nkind = "status"\nstatus = 503\npath = "*/query"\nnth = [2, 3]\n')
    other.write_text(json.dumps({"fault": [{"kind": "status", "status": 503, "path": "*/query", "nth": [2, 3]}]}))
    assert load_faults(toml).rules == load_faults(other).rules


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[fault]]\nkind = "statsu"', "latency, status"),
        ('[[fault]]\nkind = "drop"\npaht = "x"', "paht"),
        ("[[fault]]\nstatus = 500", "needs a kind"),
        ('[[fault]]\nkind = "drop"\nwhen = "later"', "before or after"),
        ('[[fault]]\nkind = "drop"\nprobability = 2', "between 0 and 1"),
        ("[fault]", "[[fault]] tables"),
        ("x = ", "faults.toml"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_the_reason(tmp_path, text, told):
    file = tmp_path / "faults.toml"
    file.write_text(text)
    with pytest.raises(FaultError) as caught:
        load_faults(file)
    assert told in str(caught.value) and "faults.toml" in str(caught.value)


def test_counts_decide_which_requests_are_hit():
    def struck(rule: Rule) -> list[int]:
        return [number for number in range(1, 11) if rule.strikes("GET", "/a")]

    assert struck(Rule("drop", nth=3)) == [3]
    assert struck(Rule("drop", nth=[2, 5])) == [2, 5]
    assert struck(Rule("drop", every=4)) == [4, 8]
    assert struck(Rule("drop", times=2)) == [1, 2]
    assert struck(Rule("drop", every=2, times=3)) == [2, 4, 6]
    assert struck(Rule("drop", method="POST")) == []
    assert struck(Rule("drop", path="/b*")) == []


def test_dice_fall_the_same_for_the_same_seed():
    def thrown(seed: int) -> list[bool]:
        rule = Rule("drop", probability=0.5, seed=seed)
        return [rule.strikes("GET", "/") for _ in range(64)]

    assert thrown(1) == thrown(1) != thrown(2)
    assert 10 < sum(thrown(1)) < 54


@pytest.mark.parametrize(
    ("status", "code"), [(429, "REQUEST_LIMIT_EXCEEDED"), (500, "UNKNOWN_EXCEPTION"), (503, "SERVER_UNAVAILABLE")]
)
def test_a_refusal_speaks_the_services_language(wire, call, status, code):
    wire.faults.add(kind="status", status=status, times=1, headers={"Retry-After": "7"})
    answer = call("GET", "/limits")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)
    assert answer.headers["Retry-After"] == "7"
    assert call("GET", "/limits").status_code == 200


def test_a_refusal_may_have_any_body(wire, call):
    wire.faults.add(kind="status", status=502, body="<html>bad gateway</html>")
    assert call("GET", "/limits").text == "<html>bad gateway</html>"


def test_a_refused_write_was_not_carried_out_before_but_was_after(wire, call):
    wire.faults.add(kind="status", status=503, method="POST", times=1)
    assert call("POST", "/sobjects/Account", json={"Name": "A"}).status_code == 503
    assert wire.org.rows('SELECT COUNT(*) FROM "Account"') == [(0,)]
    wire.faults.add(kind="status", status=503, method="POST", times=1, when="after")
    assert call("POST", "/sobjects/Account", json={"Name": "A"}).status_code == 503
    assert wire.org.rows('SELECT COUNT(*) FROM "Account"') == [(1,)]


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_dropped_answer_breaks_in_its_middle(wire, call, declared, when):
    wire.faults.add(kind="drop", declared=declared, when=when, times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        call("POST", "/sobjects/Account", json={"Name": "A"})
    assert wire.org.rows('SELECT COUNT(*) FROM "Account"') == [(int(when == "after"),)]
    assert call("GET", "/limits").status_code == 200


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_may_be_closed_without_a_byte(wire, call, when):
    wire.faults.add(kind="hangup", when=when, times=1)
    with pytest.raises(requests.ConnectionError):
        call("POST", "/sobjects/Account", json={"Name": "A"})
    assert wire.org.rows('SELECT COUNT(*) FROM "Account"') == [(int(when == "after"),)]


def test_latency_is_felt(wire, call):
    call("GET", "/limits")
    wire.faults.add(kind="latency", seconds=0.3, times=1)
    begun = time.monotonic()
    call("GET", "/limits")
    assert time.monotonic() - begun >= 0.3


def test_a_session_may_end_in_the_middle_of_a_run(wire, call):
    wire.faults.add(kind="session", nth=2)
    assert call("GET", "/limits").status_code == 200
    assert call("GET", "/limits").json()[0]["errorCode"] == "INVALID_SESSION_ID"
    form = {"grant_type": "client_credentials", "client_id": wire.client_id, "client_secret": wire.secret}
    token = call("POST", "services/oauth2/token", data=form).json()["access_token"]
    assert call("GET", "/limits", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_the_days_calls_may_seem_spent(wire, call):
    wire.faults.add(kind="limit", path="*/query", times=1)
    answer = call("GET", "/query", params={"q": "SELECT Id FROM Account"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")


def test_a_locked_row_is_a_400_that_names_it(wire, call):
    record = call.create("Account", Name="A")
    wire.faults.add(kind="lock", times=1)
    answer = call("PATCH", f"/sobjects/Account/{record}", json={"Name": "B"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "UNABLE_TO_LOCK_ROW")
    assert record in answer.json()[0]["message"]
    assert call("PATCH", f"/sobjects/Account/{record}", json={"Name": "B"}).status_code == 204


def test_rules_come_and_go_through_the_control_endpoint(call):
    rules = {"faults": [{"kind": "status", "status": 500, "path": "*/limits"}]}
    assert call("POST", "_emulator/faults", json=rules).status_code == 200
    assert call("GET", "/limits").status_code == 500
    shown = call("GET", "_emulator/faults").json()["faults"]
    assert (shown[0]["seen"], shown[0]["struck"]) == (1, 1)
    wrong = call("POST", "_emulator/faults", json={"faults": [{"kind": "flood"}]})
    assert wrong.status_code == 400 and "latency" in wrong.json()["error"]
    assert call("GET", "/limits").status_code == 500
    call("DELETE", "_emulator/faults")
    assert call("GET", "/limits").status_code == 200


def test_rules_may_be_given_at_the_start(tmp_path):
    file = tmp_path / "faults.toml"
    file.write_text('[[fault]]\nkind = "status"\nstatus = 500')
    for given in (file, [{"kind": "status", "status": 500}], Faults([Rule("status", status=500)])):
        org = Org()
        with start(org, faults=given) as running:
            assert requests.get(f"{running.url}/services/data", timeout=10).status_code == 500
        org.db.close()

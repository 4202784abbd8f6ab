"""What one caller may ask for: service protection, its headers, the customization lock, and trouble on demand."""

import threading
from collections.abc import Iterator

import pytest
import requests
from dv_caller import Dataverse, refusal, serving

from connector.emulator.dynamics.desk.call import Call


@pytest.fixture(scope="module")
def served() -> Iterator[Dataverse]:
    with serving() as caller:
        yield caller


@pytest.fixture
def call(served) -> Iterator[Dataverse]:
    yield served
    served("POST", "/_emulator/reset")


def test_every_answer_tells_what_is_left(call):
    headers = call("GET", "WhoAmI").headers
    assert headers["x-ms-ratelimit-burst-remaining-xrm-requests"] == "5999"
    assert headers["x-ms-ratelimit-time-remaining-xrm-requests"].startswith("1,")
    assert headers["x-ms-dop-hint"] == "4"
    assert headers["OData-Version"] == "4.0" and headers["Cache-Control"] == "no-cache"
    assert len(headers["x-ms-service-request-id"]) == len(headers["REQ_ID"]) == 36
    assert not [name for name in headers if "sfdc" in name.lower()]
    call.steer(dop_hint=48)
    assert call("GET", "WhoAmI").headers["x-ms-dop-hint"] == "48"
    call.steer(dop_hint=4)


def test_too_many_requests_are_refused_until_the_window_moves_on(call, monkeypatch):
    protection = call.running.site.protection
    call.steer(request_limit=2)
    assert [call("GET", "WhoAmI").status_code for _ in range(2)] == [200, 200]
    answer = call("GET", "WhoAmI")
    assert refusal(answer) == (429, "0x80072322")
    assert "exceeded the limit of 2 over time window of 300 seconds" in answer.text
    waits = [int(answer.headers["Retry-After"]), int(call("GET", "WhoAmI").headers["Retry-After"])]
    assert 290 <= waits[0] < waits[1]
    later = protection.now() + 301
    monkeypatch.setattr(protection, "now", lambda: later)
    assert call("GET", "WhoAmI").status_code == 200


def test_too_much_work_is_refused(call):
    call("GET", "WhoAmI")
    call.steer(time_limit=0.001)
    answer = call("GET", "WhoAmI")
    assert refusal(answer) == (429, "0x80072321")
    assert answer.json()["error"]["message"].startswith("Combined execution time of incoming requests exceeded limit")
    assert int(answer.headers["Retry-After"]) > 0


def test_too_much_at_once_is_refused(call):
    """The organisation's lock is held, so that a request stays under way as long as the test wants."""
    call.steer(concurrency_limit=1)
    protection, told = call.running.site.protection, []
    with call.org.lock:
        first = threading.Thread(target=lambda: told.append(call("GET", "WhoAmI").status_code))
        first.start()
        while not any(load.running for load in list(protection._loads.values())):
            pass
        other = requests.get(f"{call.root}WhoAmI", headers=dict(call.session.headers), timeout=10)
    first.join()
    assert (refusal(other), other.headers["Retry-After"]) == ((429, "0x80072326"), "1")
    assert told == [200]


def test_definitions_are_changed_by_one_at_a_time(call):
    with call.running.site.customizing():
        assert refusal(call("POST", "PublishAllXml")) == (429, "0x80071151")
        assert call("GET", "WhoAmI").status_code == 200
    assert call("POST", "PublishAllXml").status_code == 204
    call.steer(customization_lock_seconds=60)
    assert refusal(call("POST", "PublishAllXml")) == (429, "0x80071151")
    assert call("POST", "accounts", json={"name": "A"}).status_code == 204
    call.steer(customization_lock_seconds=0)
    assert call("POST", "PublishAllXml").status_code == 204


def test_trouble_speaks_this_crms_language(call):
    faults = call.running.faults
    faults.add(kind="limit", times=1)
    limited = call("GET", "WhoAmI")
    assert (refusal(limited), limited.headers["Retry-After"]) == ((429, "0x80072322"), "30")
    faults.add(kind="status", status=429, headers={"Retry-After": "7"}, times=1)
    assert call("GET", "WhoAmI").headers["Retry-After"] == "7"
    faults.add(kind="status", status=503, times=1)
    assert refusal(call("GET", "WhoAmI")) == (503, "0x80040216")
    faults.add(kind="hangup", times=1)
    with pytest.raises(requests.ConnectionError):
        call("GET", "WhoAmI")
    faults.add(kind="lock", times=1)
    assert refusal(call("POST", "accounts", json={"name": "A"})) == (500, "0x80044150")
    assert call("POST", "accounts", json={"name": "A"}).status_code == 204


def test_a_setting_nobody_knows_is_refused_by_name(call):
    answer = call("POST", "/_emulator/org", json={"request_limt": 1})
    assert answer.status_code == 400 and "request_limit" in answer.json()["error"]


def test_links_may_be_made_to_point_elsewhere(call):
    call.steer(next_link_host="elsewhere.example.com")
    asked = Call("GET", "accounts", "", {}, b"", "", call.root)
    assert call.running.site.link_root(asked) == "http://elsewhere.example.com/api/data/v9.2/"

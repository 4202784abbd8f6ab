"""Bulk query jobs over real HTTP: their states, their pages, their CSV, and all that can go wrong with them."""

import csv
import io
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from connector.emulator.salesforce.org.records import Org
from connector.emulator.server import start

AWKWARD = 'He said "yes";\r\nthen, a | tab\t^ and ` and ünï\ncode'


@pytest.fixture(scope="module")
def call(served):
    org = served.running.org
    org.bulk_load(
        "Account", ("Name", "AnnualRevenue", "NumberOfEmployees"), [(AWKWARD, 12.5, 3), ("Plain", None, None)]
    )
    first = org.rows('SELECT MIN("Id") FROM "Account"')[0][0]
    org.bulk_load("Contact", ("LastName", "AccountId"), [(f"C{n}", first if n else None) for n in range(25)])
    return served


@pytest.fixture(autouse=True)
def fresh(call):
    call("POST", "_emulator/reset", json={})
    call.running.org.clock = lambda: datetime.now(UTC)
    call.session.headers["Authorization"] = f"Bearer {call.running.token}"


def create(call, soql, operation="query", **more):
    return call("POST", "/jobs/query", json={"operation": operation, "query": soql, **more})


def done(call, soql, operation="query", **more):
    """A job's id once it is complete."""
    made = create(call, soql, operation, **more)
    assert made.status_code == 200, made.text
    job = made.json()["id"]
    for _ in range(50):
        told = call("GET", f"/jobs/query/{job}").json()
        if told["state"] not in ("UploadComplete", "InProgress"):
            assert told["state"] == "JobComplete", told
            return job
    raise AssertionError(told)


def page(call, job, **params):
    answer = call("GET", f"/jobs/query/{job}/results", params=params, headers={"Accept": "text/csv"})
    answer.encoding = "utf-8"  # the service names no charset
    return answer


def rows(text, delimiter=","):
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def error(answer):
    return answer.status_code, answer.json()[0]["errorCode"]


def test_a_job_tells_what_it_is_and_goes_through_its_states(call):
    call.steer(bulk={"polls": 2})
    made = create(call, "SELECT Id FROM Contact", contentType="CSV", columnDelimiter="COMMA", lineEnding="LF").json()
    assert made["id"].startswith("750") and len(made["id"]) == 18 and made["apiVersion"] == 60.0
    assert (made["state"], made["object"], made["concurrencyMode"]) == ("UploadComplete", "Contact", "Parallel")
    told = [call("GET", f"/jobs/query/{made['id']}").json() for _ in range(3)]
    assert [one["state"] for one in told] == ["InProgress", "InProgress", "JobComplete"]
    assert (told[2]["jobType"], told[2]["numberRecordsProcessed"], told[2]["retries"]) == ("V2Query", 25, 0)
    assert told[2]["isPkChunkingSupported"] is True
    stages = create(call, "SELECT Id FROM OpportunityStage").json()["id"]
    assert call("GET", f"/jobs/query/{stages}").json()["isPkChunkingSupported"] is False


def test_a_job_may_take_time_by_the_orgs_clock(call):
    now = datetime.now(UTC)
    call.running.org.clock = lambda: now
    call.steer(bulk={"seconds": 60})
    job = create(call, "SELECT Id FROM Contact").json()["id"]
    assert call("GET", f"/jobs/query/{job}").json()["state"] == "InProgress"
    assert error(page(call, job)) == (400, "INVALIDJOBSTATE")
    call.running.org.clock = lambda: now + timedelta(seconds=61)
    assert call("GET", f"/jobs/query/{job}").json()["state"] == "JobComplete"


def test_a_held_job_stays_in_progress_until_it_is_let_go(call):
    call.steer(bulk={"hold": 0})
    job = create(call, "SELECT Id FROM Contact").json()["id"]
    assert [call("GET", f"/jobs/query/{job}").json()["state"] for _ in range(2)] == ["InProgress"] * 2
    assert error(call("DELETE", f"/jobs/query/{job}")) == (400, "INVALIDJOBSTATE")
    call.steer(bulk={"hold": None})
    assert call("GET", f"/jobs/query/{job}").json()["state"] == "JobComplete"


def test_csv_is_written_as_the_service_writes_it(call):
    soql = "SELECT Id, Name, AnnualRevenue, NumberOfEmployees, IsDeleted, CreatedDate, Owner.Name FROM Account"
    answer = page(call, done(call, soql))
    assert answer.headers["Content-Type"] == "text/csv"
    assert answer.text.startswith(
        '"Id","Name","AnnualRevenue","NumberOfEmployees","IsDeleted","CreatedDate","Owner.Name"\n'
    )
    found = {row[1]: row for row in rows(answer.text)[1:]}
    assert found[AWKWARD][2:5] == ["12.5", "3", "false"]
    assert found["Plain"][2:4] == ["", ""] and '"Plain","","","false"' in answer.text
    assert found["Plain"][5].endswith(".000Z") and found["Plain"][6] == "Integration User"


@pytest.mark.parametrize(("word", "delimiter"), [
    ("BACKQUOTE", "`"), ("CARET", "^"), ("COMMA", ","), ("PIPE", "|"), ("SEMICOLON", ";"), ("TAB", "\t"),
])  # fmt: skip
def test_every_delimiter_and_line_ending_is_served(call, word, delimiter):
    job = done(call, "SELECT Name, NumberOfEmployees FROM Account", columnDelimiter=word, lineEnding="CRLF")
    answer = page(call, job)
    assert answer.text.split("\r\n")[0] == f'"Name"{delimiter}"NumberOfEmployees"'
    assert sorted(rows(answer.text, delimiter)[1:]) == sorted([[AWKWARD, "3"], ["Plain", ""]])


def test_pages_follow_each_other_by_locators_and_hold_each_record_once(call):
    job = done(call, "SELECT Id, LastName FROM Contact")
    seen, locator, sizes = [], None, []
    while locator != "null":
        answer = page(call, job, maxRecords=10, **({"locator": locator} if locator else {}))
        found = rows(answer.text)
        assert found[0] == ["Id", "LastName"] and len(found) - 1 == int(answer.headers["Sforce-NumberOfRecords"])
        seen, locator = seen + [row[0] for row in found[1:]], answer.headers["Sforce-Locator"]
        sizes.append(len(found) - 1)
    assert sizes == [10, 10, 5] and len(set(seen)) == 25
    assert seen != sorted(seen), "the order of results is no promise, so it is not that of ids"
    assert error(page(call, job, locator="nonsense!")) == (400, "INVALID_QUERY_LOCATOR")


def test_pages_may_be_fetched_side_by_side(call):
    call.steer(bulk={"page_rows": 4})
    job = done(call, "SELECT Id FROM Contact")
    first = call("GET", f"/jobs/query/{job}/resultPages").json()
    assert (len(first["resultPages"]), first["done"]) == (5, False)
    second = call("GET", first["nextRecordsUrl"].lstrip("/")).json()
    assert (len(second["resultPages"]), second["done"]) == (2, True)
    urls = [one["resultUrl"] for one in first["resultPages"] + second["resultPages"]]
    found = [row[0] for url in reversed(urls) for row in rows(call("GET", url.lstrip("/")).text)[1:]]
    assert len(found) == len(set(found)) == 25


def test_an_empty_result_is_a_header(call):
    answer = page(call, done(call, "SELECT Id, Name FROM Account WHERE Name = 'nobody'"))
    assert answer.text == '"Id","Name"\n'
    assert (answer.headers["Sforce-NumberOfRecords"], answer.headers["Sforce-Locator"]) == ("0", "null")


def test_sorting_limits_and_deleted_records_are_served_as_asked(call):
    gone = call.create("Contact", LastName="Gone")
    call("DELETE", f"/sobjects/Contact/{gone}")
    sorted_names = rows(page(call, done(call, "SELECT LastName FROM Contact ORDER BY LastName LIMIT 3")).text)
    assert sorted_names == [["LastName"], ["C0"], ["C1"], ["C10"]]
    everything = page(call, done(call, "SELECT Id, IsDeleted FROM Contact", operation="queryAll")).text
    assert [gone, "true"] in rows(everything) and gone not in page(call, done(call, "SELECT Id FROM Contact")).text


@pytest.mark.parametrize("soql", [
    "SELECT COUNT() FROM Account", "SELECT COUNT(Id) FROM Account", "SELECT Name, COUNT(Id) FROM Account GROUP BY Name",
    "SELECT Id FROM Account LIMIT 1 OFFSET 1", "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
    "SELECT BillingAddress FROM Account", "SELECT TYPEOF What WHEN Account THEN Name END FROM Task",
    "SELECT Nothing FROM Account", "SELECT Id FROM Nothing", "SELECT FROM",
])  # fmt: skip
def test_what_bulk_cannot_answer_is_refused_when_the_job_is_made(call, soql):
    assert create(call, soql).status_code == 400
    assert call("GET", "/jobs/query").json()["records"] == []


def test_jobs_are_listed_aborted_and_deleted(call):
    call.steer(bulk={"hold": 0})
    job = create(call, "SELECT Id FROM Contact").json()["id"]
    assert call("PATCH", f"/jobs/query/{job}", json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert error(call("PATCH", f"/jobs/query/{job}", json={"state": "Aborted"})) == (400, "INVALIDJOBSTATE")
    listed = call("GET", "/jobs/query", params={"jobType": "V2Query"}).json()
    assert (listed["done"], [one["id"] for one in listed["records"]]) == (True, [job])
    assert call("DELETE", f"/jobs/query/{job}").status_code == 204
    assert error(call("GET", f"/jobs/query/{job}")) == (404, "NOT_FOUND")


@pytest.mark.parametrize(("state", "status"), [("Failed", 400), ("Aborted", 400), ("Deleted", 404)])
def test_an_admin_may_end_a_job(call, state, status):
    call.steer(bulk={"hold": 0})
    job = create(call, "SELECT Id FROM Contact").json()["id"]
    call.steer(bulk_jobs={"*": state})
    told = call("GET", f"/jobs/query/{job}").json()
    assert state == "Deleted" or told["state"] == state
    assert page(call, job).status_code == status


def test_results_are_for_the_version_of_the_job(call, call_in_served):
    job = done(call, "SELECT Id FROM Contact")
    assert page(call_in_served("61.0"), job).status_code == 409


def test_quotas_of_jobs_are_counted_and_end(call):
    done(call, "SELECT Id FROM Contact")
    left = call("GET", "/limits").json()["DailyBulkV2QueryJobs"]
    assert left == {"Max": 10000, "Remaining": 9999}
    call.steer(limits={"DailyBulkV2QueryJobs": {"Remaining": 0}})
    answer = create(call, "SELECT Id FROM Contact")
    assert error(answer) == (400, "LIMIT_EXCEEDED")
    assert "Max bulk v2 query jobs (10000) per 24 hrs has been reached" in answer.text
    call.steer(bulk={"unsupported": ["Contact"]}, limits={"DailyBulkV2QueryJobs": {"Remaining": 5}})
    assert error(create(call, "SELECT Id FROM Contact")) == (400, "INVALIDENTITY")


def test_a_truncated_page_has_fewer_rows_than_it_says(call):
    job = done(call, "SELECT Id FROM Contact")
    call.running.faults.add(kind="truncate", path="*/results", rows=3, times=1)
    broken, whole = page(call, job), page(call, job)
    assert broken.headers["Sforce-NumberOfRecords"] == whole.headers["Sforce-NumberOfRecords"] == "25"
    assert (len(rows(broken.text)), len(rows(whole.text))) == (23, 26)
    call.running.faults.add(kind="truncate", path="*/query", rows=0.2, times=1)
    assert len(call.query("SELECT Id FROM Contact")["records"]) == 20


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize("declared", [True, False])
def test_a_page_may_break_off_in_the_middle(call, encoding, declared):
    job = done(call, "SELECT Id, LastName FROM Contact")
    call.running.faults.add(kind="drop", path="*/results", when="after", at=0.9, declared=declared, times=1)
    url = f"{call.base}/jobs/query/{job}/results"
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        call.session.get(url, headers={"Accept-Encoding": encoding}, timeout=10)
    assert len(rows(page(call, job).text)) == 26


def test_a_page_may_trickle(call):
    job = done(call, "SELECT Id, LastName FROM Contact")
    call.running.faults.add(kind="trickle", path="*/results", seconds=0.3, pieces=6, times=1)
    began = time.monotonic()
    answer = call("GET", f"/jobs/query/{job}/results", stream=True)
    pieces = [piece for piece in answer.raw.stream(1 << 20, decode_content=True) if piece]
    assert len(pieces) >= 3 and time.monotonic() - began >= 0.25
    assert len(rows(b"".join(pieces).decode())) == 26


def test_results_may_be_gone_the_quota_spent_and_the_session_ended_midway(call):
    job = done(call, "SELECT Id FROM Contact")
    call.running.faults.add(kind="status", status=410, path="*/results", times=1)
    assert page(call, job).status_code == 410
    call.running.faults.add(kind="limit", path="*/results", times=1)
    assert error(page(call, job, maxRecords=5)) == (403, "REQUEST_LIMIT_EXCEEDED")
    call.running.faults.add(kind="session", path="*/results", nth=2)
    assert page(call, job, maxRecords=5).status_code == 200
    assert error(page(call, job, maxRecords=5)) == (401, "INVALID_SESSION_ID")
    call.running.site.sessions.keep(call.running.token, call.running.org.admin_id)


def test_a_server_that_stops_ends_its_jobs():
    org = Org()
    with start(org) as running:
        running.org.bulk_load("Account", ("Name",), [("A",)])
        held = {"Authorization": f"Bearer {running.token}"}
        requests.post(f"{running.url}/_emulator/org", json={"bulk": {"hold": 0}}, timeout=10)
        body = {"operation": "query", "query": "SELECT Id FROM Account"}
        made = requests.post(f"{running.url}/services/data/v60.0/jobs/query", json=body, headers=held, timeout=10)
        assert made.status_code == 200
    org.db.close()


@pytest.fixture
def call_in_served(call, caller_of):
    made = []

    def in_version(version):
        made.append(type(call)(call.running, version))
        return made[-1]

    yield in_version
    for one in made:
        one.session.close()

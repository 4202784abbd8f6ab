"""Bulk ingest jobs over real HTTP: uploads, the outcome of each row, and all that can go wrong with them."""

import csv
import gzip
import io
import json

import pytest
import requests
from simple_salesforce import Salesforce

from connector.emulator.salesforce.org.model import Field


@pytest.fixture(scope="module")
def call(served):
    org = served.running.org
    org.add_field("Account", Field("Key__c", "string", "Key", 40, custom=True, external_id=True, id_lookup=True))
    own = org.create(org.admin_id, "PermissionSet", {"Name": "Keyed", "Label": "Keyed"}, system=True)
    held = {"PermissionSetId": own, "AssigneeId": org.admin_id}
    org.create(org.admin_id, "PermissionSetAssignment", held, system=True)
    org.grant(own, "Account", "Key__c", edit=True)
    return served


@pytest.fixture(autouse=True)
def fresh(call):
    call("POST", "_emulator/reset", json={})
    call.running.org.db.execute('DELETE FROM "Account"')
    call.running.org.db.execute('DELETE FROM "Contact"')


@pytest.fixture
def accounts(call):
    """Ids of three accounts."""
    call.running.org.bulk_load("Account", ("Name", "Industry", "Key__c"), [(n, "Energy", f"k{n}") for n in "ABC"])
    return [row[0] for row in call.running.org.rows('SELECT "Id" FROM "Account" ORDER BY "Name"')]


def open_job(call, operation="update", kind="Account", **more):
    answer = call("POST", "/jobs/ingest", json={"operation": operation, "object": kind, "contentType": "CSV", **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def upload(call, job, body, **headers):
    body = body.encode() if isinstance(body, str) else body
    return call("PUT", job["contentUrl"], data=body, headers={"Content-Type": "text/csv", **headers})


def close(call, job, state="UploadComplete"):
    return call("PATCH", f"/jobs/ingest/{job['id']}", json={"state": state})


def poll(call, job):
    for _ in range(50):
        told = call("GET", f"/jobs/ingest/{job['id']}").json()
        if told["state"] not in ("UploadComplete", "InProgress"):
            return told
    raise AssertionError(told)


def sent(call, body, operation="update", kind="Account", **more):
    """A job that has been worked on, and what it says of itself."""
    job = open_job(call, operation, kind, **more)
    assert upload(call, job, body).status_code == 201
    assert close(call, job).json()["state"] == "UploadComplete"
    return job, poll(call, job)


def table(call, job, name, delimiter=","):
    answer = call("GET", f"/jobs/ingest/{job['id']}/{name}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv")
    return list(csv.reader(io.StringIO(answer.content.decode(), newline=""), delimiter=delimiter, strict=True))


def values(call, *names):
    listed = ", ".join(f'"{name}"' for name in names)
    return call.running.org.rows(f'SELECT {listed} FROM "Account" ORDER BY "Name"')


def error(answer):
    return answer.status_code, answer.json()[0]["errorCode"]


def test_a_job_is_made_filled_closed_and_worked_on(call, accounts):
    job = open_job(call)
    assert job["state"] == "Open" and job["apiVersion"] == 60.0
    assert job["contentUrl"] == f"services/data/v60.0/jobs/ingest/{job['id']}/batches"
    assert upload(call, job, f"Id,Name\n{accounts[0]},New\n").content == b""
    closed = close(call, job).json()
    assert closed["state"] == "UploadComplete" and not {"contentUrl", "lineEnding", "jobType"} & set(closed)
    told = poll(call, job)
    assert (told["state"], told["jobType"]) == ("JobComplete", "V2Ingest")
    assert (told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (1, 0)
    assert table(call, job, "successfulResults/") == [["sf__Id", "sf__Created", "Id", "Name"],
                                                      [accounts[0], "false", accounts[0], "New"]]  # fmt: skip
    assert values(call, "Name") == [("B",), ("C",), ("New",)]


def test_empty_leaves_alone_and_na_clears(call, accounts):
    sent(call, f"Id,Industry,Name\n{accounts[0]},,A\n{accounts[1]},#N/A,B\n{accounts[2]},Media,\n")
    assert values(call, "Name", "Industry") == [("A", "Energy"), ("B", None), ("C", "Media")]


def test_rows_fail_one_by_one_with_the_services_words(call, accounts):
    body = f"Id,Name,NumberOfEmployees\n{accounts[0]},Good,5\n{accounts[1]},Bad,five\n001000000000000AAA,None,1\n"
    job, told = sent(call, body + f"{accounts[2]},{'x' * 300},1\n")
    assert (told["state"], told["numberRecordsProcessed"], told["numberRecordsFailed"]) == ("JobComplete", 4, 3)
    failed = {row[0]: row for row in table(call, job, "failedResults")}
    assert failed["sf__Id"] == ["sf__Id", "sf__Error", "Id", "Name", "NumberOfEmployees"]
    said = "Failed to deserialize field at col 3. Due to, 'five' is not a valid value for the type xsd:int"
    assert failed[accounts[1]][1] == f"INVALID_FIELD:{said}:NumberOfEmployees --"
    assert failed["001000000000000AAA"][1] == "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--"
    assert failed[accounts[2]][1].startswith("STRING_TOO_LONG:") and failed[accounts[2]][1].endswith(":Name --")
    assert values(call, "Name") == [("B",), ("C",), ("Good",)]


def test_a_wrong_header_fails_the_job_and_touches_nothing(call, accounts):
    job, told = sent(call, f"Id,Nmae\n{accounts[0]},x\n")
    assert (told["state"], told["numberRecordsProcessed"]) == ("Failed", 0)
    assert told["errorMessage"] == "InvalidBatch : Field name not found : Nmae"
    for name in ("unprocessedrecords", "unprocessedRecords"):
        assert table(call, job, name) == [["Id", "Nmae"], [accounts[0], "x"]]
    assert table(call, job, "successfulResults") == [["sf__Id", "sf__Created", "Id", "Nmae"]]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("Id,Name\r\n{0},x\r\n", "LineEnding is invalid on user data. Current LineEnding setting is LF"),
        ('Id,Name\n{0},"x"y\n', "Failed to parse CSV"),
        ("Name\nx\n", "Field name not found : Id"),
        ("", "empty"),
        (b"Id,Name\n{0},\xff\n", "not UTF-8"),
    ],
)
def test_data_that_cannot_be_read_fails_the_job(call, accounts, body, told):
    body = body.replace(b"{0}", accounts[0].encode()) if isinstance(body, bytes) else body.format(accounts[0])
    assert told in sent(call, body)[1]["errorMessage"]


@pytest.mark.parametrize(("word", "delimiter"), [
    ("BACKQUOTE", "`"), ("CARET", "^"), ("COMMA", ","), ("PIPE", "|"), ("SEMICOLON", ";"), ("TAB", "\t"),
])  # fmt: skip
def test_every_delimiter_and_line_ending_is_taken_and_given_back(call, accounts, word, delimiter):
    name = 'A "quoted"\r\nname, with; `all|of^them\tinside'
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([["Id", "Name"], [accounts[0], name]])
    job, told = sent(call, text.getvalue(), columnDelimiter=word, lineEnding="CRLF")
    assert told["numberRecordsFailed"] == 0
    assert table(call, job, "successfulResults", delimiter)[1] == [accounts[0], "false", accounts[0], name]
    assert (name,) in values(call, "Name")


def test_records_are_inserted_upserted_deleted_and_purged(call, accounts):
    job, _ = sent(call, "LastName,Account.Key__c\nNew,kB\nOrphan,nope\n", "insert", "Contact")
    good, bad = table(call, job, "successfulResults")[1], table(call, job, "failedResults")[1]
    assert good[1:] == ["true", "New", "kB"] and "Foreign key external ID: nope not found" in bad[1]
    assert call.running.org.rows('SELECT "AccountId" FROM "Contact"') == [(accounts[1],)]
    job, _ = sent(call, "Key__c,Name\nkA,Changed\nkZ,Made\n,Lost\n", "upsert", externalIdFieldName="Key__c")
    assert {(row[1], row[2]) for row in table(call, job, "successfulResults")[1:]} == {("false", "kA"), ("true", "kZ")}
    assert table(call, job, "failedResults")[1][1].startswith("MISSING_ARGUMENT:")
    sent(call, f"Id\n{accounts[0]}\n", "delete")
    job, _ = sent(call, f"Id\n{accounts[1]}\n", "hardDelete")
    assert table(call, job, "successfulResults")[1][0] == accounts[1]
    left = dict(values(call, "Id", "IsDeleted"))
    assert left[accounts[0]] == 1 and accounts[1] not in left


def test_results_come_in_another_order_than_the_rows(call):
    job, _ = sent(call, "Name\n" + "".join(f"N{n}\n" for n in range(450)), "insert")
    found = [row[2] for row in table(call, job, "successfulResults")[1:]]
    assert len(found) == 450 and found != [f"N{n}" for n in range(450)]
    assert len(call("GET", "_emulator/writes").json()["writes"]) == 450


def test_a_job_that_is_aborted_tells_what_it_did_not_come_to(call):
    call.steer(bulk={"hold": 400, "batch_rows": 300})
    job = open_job(call, "insert")
    upload(call, job, "Name\n" + "".join(f"N{n}\n" for n in range(1000)))
    close(call, job)
    while call("GET", f"/jobs/ingest/{job['id']}").json()["numberRecordsProcessed"] < 400:
        pass
    assert close(call, job, "Aborted").json()["state"] == "Aborted"
    done, left = table(call, job, "successfulResults")[1:], table(call, job, "unprocessedrecords")[1:]
    assert len(done) + len(left) == 1000 and len(done) == len(values(call, "Name")) >= 400
    assert {row[2] for row in done} | {row[0] for row in left} == {f"N{n}" for n in range(1000)}


def test_the_quota_of_batches_may_end_in_the_middle(call):
    call.steer(bulk={"batch_rows": 10}, limits={"DailyBulkApiBatches": {"Remaining": 2}})
    job, told = sent(call, "Name\n" + "".join(f"N{n}\n" for n in range(25)), "insert")
    assert (told["state"], told["errorMessage"]) == ("Failed", "ExceededQuota : ApiBatchItems Limit exceeded.")
    assert (len(table(call, job, "successfulResults")), len(table(call, job, "unprocessedrecords"))) == (21, 6)
    refused = call("POST", "/jobs/ingest", json={"operation": "insert", "object": "Account"})
    assert error(refused) == (400, "EXCEEDEDQUOTA")


def test_rows_may_be_locked(call, accounts):
    job = open_job(call)
    upload(call, job, "Id,Name\n" + "".join(f"{one},L\n" for one in accounts))
    call.running.faults.add(kind="lock", method="PATCH", rows=2, times=1)
    close(call, job)
    assert poll(call, job)["numberRecordsFailed"] == 2
    assert all(row[1].startswith("UNABLE_TO_LOCK_ROW:") for row in table(call, job, "failedResults")[1:])


def test_uploads_may_be_chunked_zipped_and_inline(call, accounts):
    job = open_job(call)
    pieces = (piece.encode() for piece in ("Id,Na", "me\n", f"{accounts[0]},", "Chunked\n"))
    answer = call("PUT", job["contentUrl"], data=pieces, headers={"Content-Type": "text/csv"})
    assert answer.request.headers["Transfer-Encoding"] == "chunked" and answer.status_code == 201
    close(call, job)
    assert poll(call, job)["numberRecordsFailed"] == 0
    job = open_job(call)
    body = gzip.compress(f"Id,Name\n{accounts[1]},Zipped\n".encode())
    assert upload(call, job, body, **{"Content-Encoding": "gzip"}).status_code == 201
    close(call, job)
    assert poll(call, job)["numberRecordsFailed"] == 0
    wish = json.dumps({"operation": "update", "object": "Account", "contentType": "CSV"})
    parts = {
        "job": (None, wish, "application/json"),
        "content": ("content", f"Id,Name\n{accounts[2]},Inline\n", "text/csv"),
    }
    made = call("POST", "/jobs/ingest", files=parts).json()
    assert made["state"] == "UploadComplete" and poll(call, made)["numberRecordsFailed"] == 0
    assert values(call, "Name") == [("Chunked",), ("Inline",), ("Zipped",)]


def test_what_the_state_or_the_size_forbids_is_refused(call, accounts):
    call.steer(bulk={"upload_bytes": 60})
    job = open_job(call)
    assert error(close(call, job)) == (400, "INVALIDJOBSTATE")
    assert error(upload(call, job, f"Id,Name\n{accounts[0]},{'x' * 60}\n")) == (413, "REQUEST_TOO_LARGE")
    assert upload(call, job, f"Id,Name\n{accounts[0]},Y\n").status_code == 201
    assert error(upload(call, job, f"Id,Name\n{accounts[0]},Z\n")) == (400, "INVALIDJOBSTATE")
    assert error(call("DELETE", f"/jobs/ingest/{job['id']}")) == (400, "INVALIDJOBSTATE")
    assert close(call, job, "Aborted").json()["state"] == "Aborted"
    assert [one["state"] for one in call("GET", "/jobs/ingest").json()["records"]] == ["Aborted"]
    assert call("DELETE", f"/jobs/ingest/{job['id']}").status_code == 204
    assert error(call("GET", f"/jobs/ingest/{job['id']}")) == (404, "NOT_FOUND")
    for wrong in ({"operation": "merge"}, {"object": "Nothing"}, {"contentType": "XML"}, {"colour": "red"}):
        body = {"operation": "insert", "object": "Account", **wrong}
        assert call("POST", "/jobs/ingest", json=body).status_code == 400
    upsert = {"operation": "upsert", "object": "Account", "externalIdFieldName": "Phone"}
    assert error(call("POST", "/jobs/ingest", json=upsert)) == (400, "INVALIDJOB")


def test_simple_salesforce_loads_and_reads_in_bulk(secure, tmp_path):
    with requests.Session() as session:
        session.trust_env, session.verify = False, str(secure.ca)
        bulk = Salesforce(instance_url=secure.url, session_id=secure.token, session=session).bulk2.Account
        made = bulk.insert(records=[{"Name": f'N"{n}"\n'} for n in range(5)], wait=0)
        assert made[0]["numberRecordsProcessed"] == 5
        pages = list(bulk.query("SELECT Id, Name FROM Account", max_records=2, wait=0))
        found = [row for page in pages for row in csv.reader(io.StringIO(page, newline="")) if row[0] != "Id"]
        assert len(pages) == 3 and sorted(row[1] for row in found) == [f'N"{n}"\n' for n in range(5)]
        done = bulk.update(
            records=[{"Id": found[0][0], "Name": "New"}, {"Id": "001000000000000AAA", "Name": "x"}], wait=0
        )
        assert done[0]["numberRecordsFailed"] == 1
        assert "invalid cross reference id" in bulk.get_failed_records(done[0]["job_id"])
        assert bulk.get_unprocessed_records(done[0]["job_id"]) in ("Id,Name\n", "Name,Id\n")
        files = bulk.download("SELECT Id FROM Account", path=str(tmp_path), max_records=4, wait=0)
        assert [one["number_of_records"] for one in files] == [4, 1]

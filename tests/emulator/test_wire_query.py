"""Queries, their pages, and the replication calls, over real HTTP."""

from datetime import UTC, datetime, timedelta

import pytest

from connector.emulator.salesforce.org.records import Org
from connector.emulator.server import start


@pytest.fixture
def accounts(wire):
    """5,000 accounts, loaded and not written one by one."""
    rows = ((f"Account {number:05d}", number) for number in range(5000))
    wire.org.bulk_load("Account", ("Name", "NumberOfEmployees"), rows)
    return wire


def pages(call, soql: str, path: str = "/query", **more):
    page = call.query(soql, path, **more)
    yield page
    while not page["done"]:
        page = call("GET", page["nextRecordsUrl"].lstrip("/"), **more).json()
        yield page


def test_pages_follow_each_other_until_done(accounts, call):
    got = list(pages(call, "SELECT Id, Name FROM Account ORDER BY Name"))
    assert [len(page["records"]) for page in got] == [2000, 2000, 1000]
    assert [page["done"] for page in got] == [False, False, True]
    assert {page["totalSize"] for page in got} == {5000} and "nextRecordsUrl" not in got[-1]
    assert got[0]["nextRecordsUrl"].startswith("/services/data/v60.0/query/0r8")
    assert got[0]["nextRecordsUrl"].endswith("-2000")
    names = [row["Name"] for page in got for row in page["records"]]
    assert names == [f"Account {number:05d}" for number in range(5000)]


def test_a_long_text_column_makes_pages_shorter(accounts, call):
    assert len(call.query("SELECT Id, Description FROM Account")["records"]) == 1000
    assert len(call.query("SELECT Id, BillingStreet FROM Account")["records"]) == 2000
    assert len(call.query("SELECT Description FROM Product2 LIMIT 1")["records"]) == 0


@pytest.mark.parametrize(("wish", "rows"), [("500", 500), ("50", 200), ("9999", 2000), ("many", 2000)])
def test_the_batch_size_is_a_hint_within_bounds(accounts, call, wish, rows):
    hint = {"Sforce-Query-Options": f"batchSize={wish}"}
    assert len(call.query("SELECT Id FROM Account", headers=hint)["records"]) == rows


def test_a_test_may_fix_the_page_size(accounts, call):
    call.steer(page_size=3)
    assert [len(page["records"]) for page in pages(call, "SELECT Id FROM Account LIMIT 7")] == [3, 3, 1]


def test_pages_stay_as_they_were_when_rows_change_meanwhile(accounts, call):
    call.steer(page_size=2000)
    walk = pages(call, "SELECT Id, Name FROM Account ORDER BY Name")
    first = next(walk)
    gone = accounts.org.rows('SELECT "Id" FROM "Account" WHERE "Name" = \'Account 04999\'')[0][0]
    call("DELETE", f"/sobjects/Account/{gone}")
    call("PATCH", f"/sobjects/Account/{first['records'][0]['Id']}", json={"Name": "zzz"})
    assert [len(page["records"]) for page in walk] == [2000, 1000]


def test_query_all_sees_the_recycle_bin_and_pages_through_it(accounts, call):
    one = call.query("SELECT Id FROM Account LIMIT 1")["records"][0]["Id"]
    call("DELETE", f"/sobjects/Account/{one}")
    assert call.query("SELECT COUNT() FROM Account") == {"totalSize": 4999, "done": True, "records": []}
    got = list(pages(call, "SELECT Id, IsDeleted FROM Account", "/queryAll/"))
    assert sum(len(page["records"]) for page in got) == 5000
    assert [row["Id"] for page in got for row in page["records"] if row["IsDeleted"]] == [one]


@pytest.mark.parametrize("end", ["-99999", "-x", ""])
def test_a_garbled_locator_is_refused(accounts, call, end):
    locator = call.query("SELECT Id FROM Account")["nextRecordsUrl"].rpartition("/")[2].partition("-")[0]
    answer = call("GET", f"/query/{locator}{end}")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")


def test_a_locator_lives_two_days_for_its_own_user(caller_of):
    now = [datetime(2026, 3, 1, tzinfo=UTC)]
    org = Org(clock=lambda: now[0])
    with start(org) as running:
        call = caller_of(running)
        org.bulk_load("Account", ("Name",), (("A",) for _ in range(3)))
        call.steer(page_size=1)
        url = call.query("SELECT Id FROM Account")["nextRecordsUrl"].lstrip("/")
        other = running.site.sessions.open(org.user_id("Standard User"))
        stolen = call("GET", url, headers={"Authorization": f"Bearer {other}"})
        now[0] += timedelta(days=2)
        fresh = call("GET", url)
        now[0] += timedelta(seconds=1)
        stale = call("GET", url)
        call.session.close()
    org.db.close()
    assert (stolen.status_code, fresh.status_code, stale.status_code) == (400, 200, 400)
    assert stale.json() == [{"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}]


def test_a_user_holds_ten_queries_open_and_the_oldest_gives_way(accounts, call):
    urls = [call.query("SELECT Id FROM Account")["nextRecordsUrl"].lstrip("/") for _ in range(11)]
    assert [call("GET", url).status_code for url in urls] == [400] + [200] * 10


def test_a_malformed_query_is_explained_with_a_caret(call):
    answer = call("GET", "/query", params={"q": "SELECT Name FROM Accout"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_TYPE")
    assert "^" in answer.json()[0]["message"]
    assert call("GET", "/query").json()[0]["errorCode"] == "MALFORMED_QUERY"


def test_columns_are_described_on_request(call):
    answer = call("GET", "/query", params={"q": "SELECT Id, Owner.Name FROM Account", "columns": "true"}).json()
    shown = [
        (one["columnName"], [inner["columnName"] for inner in one["joinColumns"]]) for one in answer["columnMetadata"]
    ]
    assert shown == [("Id", []), ("Owner", ["Name"])]


def window(start: datetime, end: datetime) -> dict[str, str]:
    return {"start": start.isoformat(), "end": end.isoformat()}


def test_updated_and_deleted_tell_the_ids_of_a_window(call):
    now = datetime.now(UTC)
    kept, gone = call.create("Account", Name="A"), call.create("Account", Name="B")
    call("DELETE", f"/sobjects/Account/{gone}")
    span = window(now - timedelta(hours=1), now + timedelta(minutes=2))
    updated = call("GET", "/sobjects/Account/updated/", params=span).json()
    deleted = call("GET", "/sobjects/Account/deleted/", params=span).json()
    assert updated["ids"] == [kept]
    assert [one["id"] for one in deleted["deletedRecords"]] == [gone]
    assert set(deleted) == {"deletedRecords", "earliestDateAvailable", "latestDateCovered"}
    assert updated["latestDateCovered"].endswith(":00.000+0000")
    before = window(now - timedelta(hours=2), now - timedelta(hours=1))
    assert call("GET", "/sobjects/Account/updated/", params=before).json()["ids"] == []


@pytest.mark.parametrize(
    ("kind", "first", "last", "code"),
    [
        ("updated", -1, -2, "INVALID_REPLICATION_DATE"),
        ("updated", -31, 0, "INVALID_REPLICATION_DATE"),
        ("deleted", -16, 0, "INVALID_REPLICATION_DATE"),
        ("updated", 0, 0, "INVALID_REPLICATION_DATE"),
    ],
)
def test_a_window_that_is_turned_round_or_too_old_is_refused(call, kind, first, last, code):
    now = datetime.now(UTC)
    span = window(now + timedelta(days=first), now + timedelta(days=last))
    answer = call("GET", f"/sobjects/Account/{kind}", params=span)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)

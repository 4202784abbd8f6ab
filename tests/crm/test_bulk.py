"""Reads and writes of many records by jobs: over real HTTP against the emulator, and what a job must survive."""

import csv
import io
from dataclasses import replace
from random import Random

import pytest
import requests

from connector.crm.protocol import Limits, ReadRequest, RecordWrite
from connector.crm.salesforce import connect
from connector.crm.salesforce.bulk import choose, cuts, ingest, query
from connector.crm.salesforce.bulk.pages import Counter
from connector.crm.salesforce.bulk.table import Table
from connector.crm.settings import CrmSettings
from connector.emulator.faults import Faults
from connector.emulator.salesforce.org.records import Org
from connector.emulator.server import start
from connector.errors import UnreachableFault
from connector.store.journal import Journal
from connector.store.remembered import Remembered

NASTY = ['a "quoted" name', "two\nlines", "a\r\nreturn", "comma, comma", "nul\0nul", '"\n"', "ünï→😀", "x" * 255]
PARTS = ['"', "\n", ",", '"\n"', '","', "\r", "\0", "a", '""', "\r\n", "é", "x"]
PATHS = ("Id", "Name", "Description", "NumberOfEmployees", "AnnualRevenue", "CreatedDate", "IsDeleted", "Parent.Name")


MANY = ReadRequest("Account", PATHS)


class Killed(BaseException):
    """Stands for the end of the process: nothing of ours catches it."""


class Here:
    """One emulated org, and logins that prefer Bulk unless told otherwise."""

    def __init__(self, org, faults, running):
        self.org, self.faults, self.running, self.sessions = org, faults, running, []
        self.ids = []

    def crm(self, remember=None, sleep=lambda _: None, before_call=None, **settings):
        given = CrmSettings(
            kind="salesforce", url=self.running.url, auth="client_credentials",
            client_id=self.running.client_id, secret_env="KAM", bulk="always", bulk_page_rows=7,
        )  # fmt: skip
        made = connect(
            replace(given, **settings), environ={"KAM": self.running.secret}, sleep=sleep, remember=remember,
            before_call=before_call,
        )  # fmt: skip
        self.sessions.append(made.client.session)
        return made

    def control(self, name, **wish):
        return requests.post(f"{self.running.url}/_emulator/{name}", json=wish, timeout=10).raise_for_status()

    def steer(self, **wish):
        self.control("org", **wish)

    def value(self, key, name="Name"):
        return self.org.get(self.org.admin_id, "Account", key)[name]

    def jobs(self, kind):
        """Jobs that the org still holds."""
        return self.crm().client.get(f"jobs/{kind}")["records"]

    def called(self, method, part):
        return sum(n for call, n in self.running.calls.items() if call.startswith(method) and call.endswith(part))


@pytest.fixture(scope="module")
def shared():
    org, faults = Org(), Faults()
    with start(org, faults=faults) as running:
        here = Here(org, faults, running)
        for n in range(60):
            name = NASTY[n % len(NASTY)].replace("\0", "") if n < 16 else f"Account {n}"
            given = {"Name": name}
            if n % 3 == 0:
                given |= {"NumberOfEmployees": n, "AnnualRevenue": n * 1.5, "Description": NASTY[n % len(NASTY)]}
            if n == 5:
                given["Description"] = "long " * 6_000
            if n % 10 == 9:
                given["ParentId"] = here.ids[0]
            here.ids.append(org.create(org.admin_id, "Account", given))
        org.delete(org.admin_id, "Account", here.ids.pop())
        yield here
        for session in here.sessions:
            session.close()
    org.db.close()


@pytest.fixture
def here(shared):
    shared.control("reset")
    return shared


def everything(crm, since=None, request=MANY):
    batches = list(crm.read(request, since))
    rows = {r[0]: r for b in batches for r in b.rows}
    return rows, {d for b in batches for d in b.deleted}, batches


def update(key, table="account", group="", **values):
    return RecordWrite(table, "Account", key, values, group)


def outcomes(crm, writes):
    made = list(crm.write(writes))
    assert len(made) == len({o.id for o in made}) == len({w.id for w in writes})
    return {o.id: o for o in made}


# reading


def test_bulk_gives_the_same_raw_values_and_deletions_as_rest(here):
    by_rest, by_bulk = everything(here.crm(bulk="never")), everything(here.crm())
    assert by_bulk[:2] == by_rest[:2]
    assert len(by_bulk[0]) == 59 and by_bulk[1]
    assert str(by_bulk[2][0].way).startswith("by Bulk: ") and str(by_rest[2][0].way).startswith("by REST: ")
    assert [b.way for b in by_bulk[2][1:]] == [None] * 9
    assert here.jobs("query") == []


def test_a_page_with_fewer_rows_than_it_says_is_fetched_again_and_never_stored(here):
    rule = here.faults.add(kind="truncate", path="*/results", nth=[2, 5], rows=2)
    assert len(everything(here.crm())[0]) == 59
    assert rule.struck == 2


def test_a_download_that_breaks_off_is_fetched_again(here):
    here.faults.add(kind="drop", path="*/results", nth=[1, 4])
    assert len(everything(here.crm())[0]) == 59


def test_a_page_that_stays_short_is_an_error_that_says_so(here):
    here.faults.add(kind="truncate", path="*/results", rows=1)
    with pytest.raises(UnreachableFault, match="a table of 6 rows came, and 7 were promised"):
        everything(here.crm())


def test_a_session_that_ends_between_pages_is_renewed_once_for_all_of_them(here):
    here.faults.add(kind="session", path="*/results", nth=3)
    assert len(everything(here.crm())[0]) == 59


def test_a_killed_run_is_followed_by_one_that_takes_its_job_up(here):
    memory = {}

    def die(_):
        raise Killed

    with pytest.raises(Killed):
        everything(here.crm(memory, sleep=die))
    assert len(memory) == 1
    rows, _, batches = everything(here.crm(memory))
    assert len(rows) == 59
    assert here.called("POST", "/jobs/query") == 1
    assert batches[-1].cursor and memory == {} and here.jobs("query") == []


def test_what_changed_since_an_old_job_began_is_read_after_it(here, monkeypatch):
    memory = {}

    def die(_):
        raise Killed

    with pytest.raises(Killed):
        everything(here.crm(memory, sleep=die))
    job = here.jobs("query")[0]["id"]
    while here.crm().client.get(f"jobs/query/{job}")["state"] != "JobComplete":
        pass
    here.org.update(here.org.admin_id, "Account", here.ids[20], {"Name": "changed meanwhile"})
    monkeypatch.setattr(query, "FRESH", -1.0)
    assert everything(here.crm(memory))[0][here.ids[20]][1] == "changed meanwhile"


def test_a_job_that_is_left_is_taken_up_or_deleted_whatever_would_be_chosen_now(here):
    here.steer(bulk={"hold": 0})
    memory, gone = {}, {}

    def die(_):
        raise Killed

    for words in (memory, gone):
        with pytest.raises(Killed):
            everything(here.crm(words, sleep=die))
    assert len(here.jobs("query")) == 2
    assert "never" in str(everything(here.crm(gone, bulk="never"))[2][0].way)
    assert len(here.jobs("query")) == 1 and gone == {}
    by = everything(here.crm(memory, bulk="auto", sleep=lambda _: here.steer(bulk={"hold": None})))[2][0].way
    assert (by.by, by.why) == ("Bulk", "a job of an earlier run waits")
    assert here.called("POST", "/jobs/query") == 2 and here.jobs("query") == []


@pytest.mark.parametrize("end", ["Aborted", "Failed", "Deleted"])
def test_a_job_that_is_lost_is_made_once_more(here, end):
    here.steer(bulk={"hold": 0})
    ended = []

    def sleep(_):
        if not ended:
            ended.append(here.steer(bulk_jobs={"*": end}))
            here.steer(bulk={"hold": None})

    assert len(everything(here.crm(sleep=sleep))[0]) == 59
    assert here.called("POST", "/jobs/query") == 2


def test_a_job_that_is_lost_twice_is_an_error_that_says_where_to_look(here):
    here.steer(bulk={"hold": 0})
    with pytest.raises(UnreachableFault, match="Bulk Data Load Jobs"):
        everything(here.crm(sleep=lambda _: here.steer(bulk_jobs={"*": "Aborted"})))


def test_results_that_vanish_between_two_pages_make_a_new_job(here):
    here.faults.add(
        kind="status", path="*/results", nth=3, status=404, body=[{"errorCode": "NOT_FOUND", "message": ""}]
    )
    assert len(everything(here.crm())[0]) == 59
    assert here.called("POST", "/jobs/query") == 2


def test_an_object_that_bulk_does_not_know_is_read_by_rest_and_the_reason_told(here):
    here.steer(bulk={"unsupported": ["Account"]})
    rows, _, batches = everything(here.crm())
    assert len(rows) == 59
    assert "Bulk does not read this record (400 INVALIDENTITY)" in str(batches[0].way)


def test_a_spent_quota_is_known_beforehand_and_met_when_it_ends_midway(here):
    here.steer(limits={"DailyBulkV2QueryJobs": {"Remaining": 0}})
    batches = everything(here.crm())[2]
    assert "only 0 of today's DailyBulkV2QueryJobs are left" in str(batches[0].way)
    assert here.called("POST", "/jobs/query") == 0


def test_an_incremental_read_by_bulk_gives_what_changed_and_what_left_the_filter(here):
    crm = here.crm()
    asked = ReadRequest("Account", ("Id", "Name"), "Name != 'left'")
    cursor = everything(crm, request=asked)[2][-1].cursor
    here.org.update(here.org.admin_id, "Account", here.ids[30], {"Name": "left"})
    rows, gone, _ = everything(crm, cursor, asked)
    assert here.ids[30] not in rows and here.ids[30] in gone
    here.org.update(here.org.admin_id, "Account", here.ids[30], {"Name": "Account 30"})


# choosing


def test_the_first_page_tells_whether_a_read_is_worth_a_job(here):
    asked = ReadRequest("Account", ("Id", "Name"), "Name != 'x'")
    few = everything(here.crm(bulk="auto", bulk_read_rows=100), request=asked)[2][0].way
    assert (few.by, few.why) == ("REST", "they are fewer than 100 (crm.bulk_read_rows)")
    many = everything(here.crm(bulk="auto", bulk_read_rows=50), request=asked)[2][0].way
    assert (many.by, many.why) == ("Bulk", "they are 50 or more (crm.bulk_read_rows)")
    wide = everything(here.crm(bulk="auto", bulk_read_rows=100))[2][0].way
    assert (wide.by, wide.why) == ("Bulk", "they are 100 or more (crm.bulk_read_rows), their width counted 2-fold")


def test_a_read_that_would_eat_the_calls_left_goes_by_bulk(here):
    crm = here.crm(bulk="auto", bulk_page_rows=50_000).client
    crm.session.usage = Limits(900, 15_000)
    assert choose.reading(crm, 18_000, 20, "").why.startswith("they are 20,000 or more")
    assert choose.reading(crm, 19_000, 1, "").by == "REST"
    crm.session.usage = Limits(50, 15_000)
    assert choose.reading(crm, 19_000, 1, "").why == "REST would take 10 of the 50 calls that are left"


def test_a_compound_field_is_read_by_rest(here):
    crm = here.crm()
    way = everything(crm, request=ReadRequest("Account", ("Id", "BillingAddress")))[2][0].way
    assert way.why == "BillingAddress is a compound field, which Bulk does not give"


def test_the_way_of_a_write_is_told_before_it_is_made(here):
    told = here.crm(bulk="auto").capabilities.write_way
    assert (told(9_999).by, told(10_000).by) == ("collections", "Bulk")
    assert str(told(10_000)) == (
        "by Bulk: 10,000 records in about 10 calls, because they are 10,000 or more (crm.bulk_write_rows)"
    )
    assert here.crm(bulk="never").capabilities.write_way(10**6).why == 'crm.bulk = "never"'


# writing


def test_each_record_of_a_job_gets_its_outcome_and_blanks_are_blanked(here):
    gone = here.org.create(here.org.admin_id, "Account", {"Name": "to go"})
    here.org.delete(here.org.admin_id, "Account", gone)
    a, b, c, d = here.ids[20:24]
    here.org.update(here.org.admin_id, "Account", b, {"Site": "kept", "Fax": "1"})
    made = outcomes(
        here.crm(),
        [
            update(a, Name='multi\n"line", ok'),
            update(b, Fax=""),
            update(c, NumberOfEmployees=12, Name="x" * 300),
            update(d, AnnualRevenue=1234.5, Fax=ingest.BLANK),
            update(gone, Name="late"),
        ],
    )
    assert [made[i].state for i in (a, b, c, d, gone)] == ["written", "written", "refused", "written", "gone"]
    assert made[c].code == "STRING_TOO_LONG" and "x" * 9 not in made[c].message
    assert here.value(a) == 'multi\n"line", ok'
    assert (here.value(b, "Fax"), here.value(b, "Site")) == (None, "kept")
    assert (here.value(d, "AnnualRevenue"), here.value(d, "Fax")) == (1234.5, ingest.BLANK)
    assert here.jobs("ingest") == []


def test_locked_rows_go_on_by_collections_until_they_are_written(here):
    here.faults.add(kind="lock", method="PATCH", path="*/jobs/ingest/*", rows=3, times=1)
    made = outcomes(here.crm(), [update(i, Fax="locked?") for i in here.ids[20:40]])
    assert {o.state for o in made.values()} == {"written"}
    assert here.called("PATCH", "/composite/sobjects") == 1


def test_a_large_upload_becomes_several_jobs(here, monkeypatch):
    monkeypatch.setattr(ingest, "MOST_BYTES", 200)
    made = outcomes(here.crm(), [update(i, Fax="split") for i in here.ids[20:40]])
    assert {o.state for o in made.values()} == {"written"}
    assert here.called("POST", "/jobs/ingest") > 2


def test_children_of_one_parent_travel_together_and_serial_jobs_hold_one_batch_each(here, monkeypatch):
    for module in (choose, ingest):
        monkeypatch.setattr(module, "SERVER_BATCH", 10)
    crm = here.crm(bulk_serial=True)
    writes = [update(i, group=f"parent {n % 3}", Fax="family") for n, i in enumerate(here.ids[20:45])]
    assert {o.state for o in outcomes(crm, writes).values()} == {"written"}
    family = {w.id: w.group for w in writes}
    assert here.called("POST", "/jobs/ingest") == 3
    assert [family[e.id] for e in here.running.site.writes.entries] == sorted(family.values())
    told = str(crm.capabilities.write_way(25))
    assert told.endswith(
        'about 22 calls, because crm.bulk = "always", in jobs of 10 one after the other (crm.bulk_serial)'
    )


def test_a_job_that_vanished_leaves_its_records_unknown_so_that_they_are_read(here):
    here.steer(bulk={"hold": 0})
    made = outcomes(
        here.crm(sleep=lambda _: here.steer(bulk_jobs={"*": "Deleted"})), [update(i, Fax="?") for i in here.ids[20:24]]
    )
    assert {(o.state, o.code) for o in made.values()} == {("unknown", "NOT_TOLD")}


def test_what_a_failed_job_did_not_come_to_goes_by_collections(here):
    here.steer(bulk={"hold": 0})

    def fail(_):
        here.steer(bulk_jobs={"*": "Failed"})

    made = outcomes(here.crm(sleep=fail), [update(i, Fax="after all") for i in here.ids[20:30]])
    assert {o.state for o in made.values()} == {"written"}


def test_a_job_that_an_admin_aborts_twice_is_an_error(here):
    here.steer(bulk={"hold": 0})
    with pytest.raises(UnreachableFault, match="two Bulk jobs were aborted"):
        outcomes(
            here.crm(sleep=lambda _: here.steer(bulk_jobs={"*": "Aborted"})),
            [update(i, Fax="no") for i in here.ids[:4]],
        )


def test_a_spent_ingest_quota_sends_by_collections(here):
    here.steer(limits={"DailyBulkApiBatches": {"Remaining": 0}})
    made = outcomes(here.crm(), [update(i, Fax="quota") for i in here.ids[20:24]])
    assert {o.state for o in made.values()} == {"written"}


@pytest.mark.parametrize(("method", "path"), [("PUT", "*/batches"), ("PATCH", "*/jobs/ingest/*")])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_on_the_way_into_a_job_writes_nothing_twice(here, method, path, when):
    here.faults.add(kind="hangup", method=method, path=path, when=when, times=1)
    made = outcomes(here.crm(), [update(i, Fax=f"{method} {when}") for i in here.ids[20:24]])
    assert {o.state for o in made.values()} == {"written"}
    assert len(here.running.site.writes.entries) == 4


def test_a_job_that_was_begun_before_the_kill_is_waited_for_before_anything_is_read(here):
    memory, polled = {}, []
    here.steer(bulk={"hold": 0})

    def die(_):
        raise Killed

    with pytest.raises(Killed):
        outcomes(here.crm(memory, sleep=die), [update(i, Fax="in time") for i in here.ids[20:24]])
    assert [key.split()[0] for key in memory] == ["ingest"]

    def let_go(_):
        polled.append(here.steer(bulk={"hold": None}))

    crm = here.crm(memory, sleep=let_go)
    rows = everything(crm, request=ReadRequest("Account", ("Id", "Fax"), ids=tuple(here.ids[20:24])))[0]
    assert polled
    assert {fax for _, fax in rows.values()} == {"in time"}
    assert memory == {} and here.jobs("ingest") == []


# small parts


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_rows_are_counted_as_a_csv_reader_counts_them(piece):
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["Id", "Name"], *([n, n] for n in NASTY)])
    body = text.getvalue().encode()
    count = Counter()
    for at in range(0, len(body), piece):
        count.take(body[at : at + piece])
    assert (count.rows, count.whole) == (len(NASTY), True)
    cut = Counter()
    cut.take(body[:-3])
    assert not cut.whole


def page(*rows, **manner):
    file = io.BytesIO()
    text = io.TextIOWrapper(file, "utf-8", newline="")
    csv.writer(text, **{"quoting": csv.QUOTE_ALL, "lineterminator": "\n", **manner}).writerows([["Id", "Name"], *rows])
    text.flush()
    return text.detach()


def test_a_table_keeps_nul_returns_and_the_longest_field():
    given = [["1", "a\0b\r\nc"], ["2", "y" * 131_072], ["3", ""]]
    (found,) = Table(["Id", "Name"], ["Name"], ["id", "string"]).read(page(*given))
    assert list(found.rows) == [("a\0b\r\nc",), ("y" * 131_072,), (None,)]


@pytest.mark.parametrize("piece", [1, 3, 7, 50, 1 << 20])
def test_a_table_is_cut_as_a_csv_reader_reads_it(monkeypatch, piece):
    monkeypatch.setattr(cuts, "PIECE", piece)
    table = Table(["Id", "Name"], ["Id", "Name"], ["string", "string"])
    chance = Random(piece)
    for _ in range(200):
        rows = [["".join(chance.choices(PARTS, k=chance.randint(1, 4))) for _ in "ab"] for _ in range(4)]
        rows.insert(chance.randint(0, 4), ["plain", "x"])
        bare = chance.random() < 0.3 and not any("\r" in value for row in rows for value in row)
        file = page(
            *rows,
            quoting=csv.QUOTE_MINIMAL if bare else csv.QUOTE_ALL,
            lineterminator=chance.choice(("\n", "\n", "\r\n")),
        )
        assert [list(row) for found in table.read(file) for row in found.rows] == rows


@pytest.mark.parametrize("end", ['"1,a', '"1","a""\n', '"', '"1","a"\n"', '"1"\n', '"1","a","b"\n', '"1","a"b\n'])
def test_a_table_that_ends_too_early_or_has_lines_of_another_width_is_wrong(end):
    table = Table(["Id", "Name"], ["Id", "Name"], ["id", "string"])
    with pytest.raises(ValueError):
        list(table.read(io.BytesIO(f'"Id","Name"\n"0","z"\n{end}'.encode())))


def test_remembered_words_outlive_the_process(tmp_path):
    journal = Journal(tmp_path)
    words = Remembered(journal)
    words["query x"] = "1"
    words["ingest y"] = "2"
    del words["ingest y"]
    journal.close()
    journal = Journal(tmp_path)
    assert dict(Remembered(journal)) == {"query x": "1"}
    assert len(Remembered(journal, "other ")) == 0
    journal.close()

"""A Salesforce that cuts pages short, ends jobs, spends its quotas and hangs up, as a user of `kam` meets it."""

import errno
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bench import AS_OF, Bench, Said
from world import SECRET, World, keep_results, world

from connector.crm import salesforce
from connector.crm.protocol import RecordWrite
from connector.crm.salesforce.bulk import ingest, pages
from connector.errors import StoreFault
from connector.steps.pull import step
from connector.store.mirror import Mirror

NASTY = [
    'a "quoted" title', "two\nlines", "a\r\nreturn", "one\rreturn", 'comma, "comma"\n', "nul\0nul", '"', '""\n""', "\n",
    "=1+1", "ünï→😀", " blanks ", "#N/A", "null", "x" * 131_072, '"\n' * 65_536,
]  # fmt: skip
CONTACTS = 73
RESULTS = "*/jobs/query/*/results"


@pytest.fixture(scope="module")
def served(template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An org whose larger tables go by jobs, two or three pages to a job."""
    with world(template, tmp_path_factory.mktemp("bulk") / "world") as made:
        made.setting("config.toml", "[crm]\n", "[crm]\nbulk_read_rows = 30\nbulk_write_rows = 5\nbulk_page_rows = 40\n")
        yield made


@pytest.fixture
def org(served: World, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The same without faults and jobs; nothing was pulled yet."""
    monkeypatch.setenv(SECRET, served.running.secret)
    served.control("reset", "POST")
    served.control("org", "POST", bulk_jobs={"*": "Deleted"})
    served.running.calls.clear()
    shutil.rmtree(served.folder / "store", ignore_errors=True)
    return Bench(served.running, served.folder)


@pytest.fixture
def computed(org: Bench, ready_template: Path) -> Bench:
    """The same with results that no job computes anew."""
    shutil.copytree(ready_template / "store", org.folder / "store")
    keep_results(org.folder)
    return org


def fault(site: Bench, **rule: Any) -> Any:
    return site.running.faults.add(**rule)


def made(site: Bench) -> int:
    """Query jobs that were made."""
    return sum(n for call, n in site.running.calls.items() if call.startswith("POST") and call.endswith("/jobs/query"))


def contacts(site: Bench) -> int:
    return int(site.rows("SELECT count(*) FROM contact")[0][0])


def pulls_on(site: Bench, jobs: int) -> None:
    """Without the faults the same command brings everything, with so many jobs in all, and leaves none behind."""
    site.running.faults.clear()
    said = site.kam("pull", "contact")
    assert said.code == 0, said.all
    assert contacts(site) == CONTACTS
    assert made(site) == jobs
    assert not site.rows("SELECT * FROM meta WHERE key LIKE 'crm query %'", file="journal")


def test_hostile_values_are_stored_by_bulk_as_by_rest_and_by_a_process_of_its_own(
    org: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [key for (key,) in org.org.rows('SELECT "Id" FROM "Contact" ORDER BY "Id" LIMIT ?', len(NASTY))]
    before = [org.value(key, "Title", "Contact") for key in keys]
    for key, text in zip(keys, NASTY, strict=True):
        org.org.db.execute('UPDATE "Contact" SET "Title" = ?, "Department" = ? WHERE "Id" = ?', [text, text, key])
    stored = []
    try:
        for way, worth in (("auto", step.WORTH), ("never", step.WORTH), ("auto", 0)):
            monkeypatch.setattr(step, "WORTH", worth)
            org.configure(bulk=f'"{way}"')
            assert org.kam("pull", "contact", "--full").code == 0
            stored.append(org.rows("SELECT id, title, department, name, created_at FROM contact ORDER BY id"))
    finally:
        org.configure(bulk='"auto"')
        for key, title in zip(keys, before, strict=True):
            org.org.db.execute('UPDATE "Contact" SET "Title" = ?, "Department" = NULL WHERE "Id" = ?', [title, key])
    assert stored[0] == stored[1] == stored[2]
    assert made(org) == 2
    assert 131_072 in {len(title or "") for _, title, *_ in stored[0]}


def test_a_page_that_is_cut_short_is_fetched_again_and_never_stored(org: Bench) -> None:
    once = fault(org, kind="truncate", path=RESULTS, nth=2, rows=5)
    always = fault(org, kind="truncate", path=RESULTS, nth=list(range(3, 99)), rows=5)
    said = org.kam("pull", "contact")
    assert (said.code, once.struck) == (8, 1)
    assert always.struck > 1
    assert "a table of 28 rows came, and 33 were promised" in said.err
    assert "/results" in said.err
    assert "try again later" in said.err
    assert contacts(org) in (0, 40)  # the whole first page or nothing: never a part of one
    pulls_on(org, jobs=1)


def test_a_page_that_comes_late_and_after_the_next_one_loses_no_row(org: Bench) -> None:
    late = fault(org, kind="trickle", path=RESULTS, nth=1, seconds=0.4, pieces=4)
    assert org.kam("pull", "contact").code == 0
    assert (late.struck, contacts(org)) == (1, CONTACTS)


def test_a_session_that_ends_between_two_pieces_of_a_page_is_renewed_and_the_page_fetched_again(org: Bench) -> None:
    fault(org, kind="drop", path=RESULTS, nth=1, at=0.6, declared=False)
    ended = fault(org, kind="session", path=RESULTS, nth=2)
    assert org.kam("pull", "contact").code == 0
    assert (ended.struck, contacts(org)) == (1, CONTACTS)


def test_calls_that_are_spent_in_the_middle_stop_the_pull_and_the_next_one_takes_the_job_up(org: Bench) -> None:
    fault(org, kind="limit", path=RESULTS, nth=list(range(2, 99)))
    said = org.kam("pull", "contact")
    assert said.code == 7
    assert "24" in said.err
    pulls_on(org, jobs=1)


@pytest.mark.parametrize("status", [404, 410])
def test_results_that_were_deleted_in_the_middle_are_made_again(org: Bench, status: int) -> None:
    body = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
    fault(org, kind="status", path=RESULTS, nth=2, status=status, body=body)
    assert org.kam("pull", "contact").code == 0
    assert (contacts(org), made(org)) == (CONTACTS, 2)


@pytest.mark.parametrize("end", ["Aborted", "Failed"])
def test_an_admin_who_ends_every_job_is_told_of_with_the_place_to_look(
    org: Bench, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    org.steer(bulk={"hold": 0})
    monkeypatch.setitem(salesforce.connect.__kwdefaults__, "sleep", lambda _: org.steer(bulk_jobs={"*": end}))
    said = org.kam("pull", "contact")
    assert said.code == 8
    assert "Contact: a Bulk job ended as " + end in said.err
    assert "Setup > Bulk Data Load Jobs" in said.err
    assert 'crm.bulk = "never"' in said.err
    monkeypatch.setitem(salesforce.connect.__kwdefaults__, "sleep", lambda _: None)
    org.steer(bulk={"hold": None})
    pulls_on(org, jobs=3)


def test_a_full_temporary_folder_is_told_by_its_name(org: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as here:
        # a disk can't be filled here without harm to others
        here.setattr(pages, "tempfile", SimpleNamespace(TemporaryFile=Full, gettempdir=lambda: "/small"))
        said = org.kam("pull", "contact")
        with pytest.raises(StoreFault, match="/small: the disk is full"):
            list(ingest.uploads([RecordWrite("account", "Account", "1", {"Name": "x"})], ["Name"], [], 1))
    assert said.code == 9
    assert "/small: the disk is full" in said.err
    assert "TMPDIR" in said.err
    pulls_on(org, jobs=1)


def test_a_full_store_keeps_what_was_there_and_the_job_is_taken_up(org: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Mirror.__init__

    def small(mirror: Mirror, *given: Any) -> None:
        opened(mirror, *given)
        pages = mirror.db.execute("PRAGMA page_count").fetchone()[0]
        mirror.db.execute(f"PRAGMA max_page_count = {pages}")

    with monkeypatch.context() as here:
        # a disk can't be filled here without harm to others
        here.setattr(Mirror, "__init__", small)
        said = org.kam("pull", "contact")
    assert said.code == 9
    assert "disk is full" in said.err
    assert contacts(org) == 0
    pulls_on(org, jobs=1)


def test_quotas_that_end_midway_are_told_by_a_dry_run_and_stop_nothing(computed: Bench) -> None:
    computed.steer(limits={"DailyBulkV2QueryJobs": {"Remaining": 2}, "DailyBulkApiBatches": {"Remaining": 0}})
    said = computed.kam("run", "first_run", "--as-of", AS_OF, "--dry-run")
    assert said.code == 0, said.all
    # Three records are read at once: which of them take the two jobs that are left is chance.
    assert re.search(r"pull \w+: by Bulk: \d+ records in about \d+ calls, because they are 30 or more", said.err)
    assert "pull Task: by REST: " in said.err
    assert "today's Bulk query jobs, or the volume of their results, are used up (400 LIMIT_EXCEEDED)" in said.err
    assert "write back: would go by collections: 25 records in about 1 call, because only 0 of today's" in said.err
    assert made(computed) >= 3
    assert contacts(computed) == CONTACTS


def first_run(site: Bench) -> Said:
    said = site.first_run()
    assert said.code in (0, 4), said.all
    return said


def test_rows_that_a_job_refuses_are_told_and_undo_takes_the_others_back_though_the_quota_ends(
    served: World, computed: Bench
) -> None:
    before = served.ours()
    flag = computed.org.field(computed.org.object("Account"), "KAM_Flag__c")
    computed.org.add_field("Account", flag.with_(picklist=tuple(v for v in flag.picklist if v.value != "Emerging")))
    computed.steer(bulk={"batch_rows": 10})
    fault(computed, kind="lock", method="PATCH", path="*/jobs/ingest/*", rows=3, times=1)
    said = first_run(computed)
    refused = {i for (i,) in computed.rows("SELECT record_id FROM rejects", file="journal")}
    written = {i for i, row in served.ours().items() if row != before[i]}
    assert said.code == 4
    assert refused
    assert not refused & written
    assert len(refused | written) == 25
    listed = computed.kam("rejects")
    assert "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" in listed.out
    assert "by Bulk" in computed.kam("runs", "1").out
    computed.org.add_field("Account", flag)
    computed.steer(limits={"DailyBulkApiBatches": {"Remaining": 1}})
    taken_back = computed.kam("undo", "1")
    assert taken_back.code == 0, taken_back.all
    assert served.ours() == before
    assert served.control("org")["bulk"]["batch_rows"] == 10

"""The two files of the store: what is refused, what an operator is told, and that nothing is lost by it."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Migrations

from connector.errors import BusyFault, StoreFault, UsageFault
from connector.schema import TABLES, Change, mirror_columns
from connector.store import cursors, rejects, results, runs
from connector.store.journal import Journal
from connector.store.migrations import JOURNAL, MIRROR, open_database
from connector.store.mirror import CursorRow, Mirror

NOW = "2026-07-01T08:00:00Z"
ORG = {"org": "00D000000000001", "environment": "sandbox"}


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """A fresh mirror."""
    made = Mirror(tmp_path / "store")
    yield made
    made.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A fresh journal."""
    made = Journal(tmp_path / "store")
    yield made
    made.close()


def change(after: object = "new", key: str = "1") -> Change:
    """One change of an account."""
    return Change("account", key, "One", "kam_why", None, after, "because")


def test_every_table_of_the_schema_is_made_with_its_columns(mirror: Mirror) -> None:
    for name in TABLES:
        held = [r["name"] for r in mirror.rows(f"SELECT name FROM pragma_table_info('{name}')")]
        assert held == [*(n for n, _ in mirror_columns(name)), "_source", "_record", "_pull"]


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    for word in ("one", "two"):
        journal = Journal(tmp_path)
        known = journal.installation
        runs.begin(journal, word, "2026-06-30", NOW)
        journal.close()
    journal = Journal(tmp_path)
    assert [r.job for r in runs.latest(journal)] == ["two", "one"]
    assert journal.installation == known
    journal.close()


def test_the_files_are_for_the_owners_eyes_only(mirror: Mirror, journal: Journal) -> None:
    if os.name == "nt":
        pytest.skip("file modes are POSIX")
    assert [p.path.stat().st_mode & 0o777 for p in (mirror, journal)] == [0o600, 0o600]


def refused(folder: Path, words: str) -> None:
    """Both files are refused alike, with exit code 9, and are left as they were."""
    for opener, name in ((Mirror, "mirror.db"), (Journal, "journal.db")):
        before = (folder / name).read_bytes()
        with pytest.raises(StoreFault, match=words) as caught:
            opener(folder)
        assert caught.value.code == 9
        assert (folder / name).read_bytes() == before


def test_a_database_of_somebody_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    for name in ("mirror.db", "journal.db"):
        connection = sqlite3.connect(tmp_path / name)
        connection.execute("CREATE TABLE account (id TEXT)")
        connection.close()
    refused(tmp_path, "not a store of kam-connector")


def test_a_store_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    for migrations, name in ((MIRROR, "mirror.db"), (JOURNAL, "journal.db")):
        db = open_database(tmp_path / name, migrations, synchronous="FULL")
        later = Migrations(migrations.name)

        @later()
        def from_the_future(_: object) -> None:
            pass

        later.apply(db)
        db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.conn.close()
    refused(tmp_path, "newer version")


def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    for name in ("mirror.db", "journal.db"):
        (tmp_path / name).write_bytes(b"this is no database at all, only words " * 40)
    refused(tmp_path, "damaged or not a store")


def test_the_two_files_cannot_be_mistaken_for_each_other(tmp_path: Path) -> None:
    Journal(tmp_path).close()
    (tmp_path / "journal.db").rename(tmp_path / "mirror.db")
    with pytest.raises(StoreFault, match="not a store"):
        Mirror(tmp_path)


def test_a_page_that_was_overwritten_is_told_as_damage(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path)
    with mirror.atomic():
        mirror.upsert("account", "Account", [str(n) for n in range(2000)], {"name": ["x" * 50] * 2000}, 1)
    mirror.close()
    data = bytearray((tmp_path / "mirror.db").read_bytes())
    data[len(data) // 2 :] = os.urandom(len(data) - len(data) // 2)
    (tmp_path / "mirror.db").write_bytes(data)
    mirror = Mirror(tmp_path)
    with pytest.raises(StoreFault, match="damaged"):
        list(mirror.rows("SELECT * FROM account"))
    mirror.close()


def test_a_store_of_another_org_is_refused_in_both_files(mirror: Mirror, journal: Journal) -> None:
    for part in (mirror, journal):
        part.bind(ORG)
        part.bind(ORG)
        for other in ({"org": "00D000000000002"}, {"environment": "production"}):
            with pytest.raises(StoreFault, match="belongs to") as caught:
                part.bind({**ORG, **other})
            assert caught.value.code == 9


def fill_up(path: Path, connection: sqlite3.Connection) -> None:
    """Let a file grow no further."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_keeps_rows_and_cursor_as_they_were(mirror: Mirror) -> None:
    with mirror.atomic():
        mirror.upsert("account", "Account", ["1"], {"name": ["One"]}, 1)
        cursors.put(mirror, "Account", "", CursorRow("before", "mark", 1), NOW)
    fill_up(mirror.path, mirror.db.conn)
    keys = [str(n) for n in range(5000)]
    with pytest.raises(StoreFault, match="disk is full") as caught, mirror.atomic():
        mirror.upsert("account", "Account", keys, {"name": ["x" * 100] * len(keys)}, 2)
        cursors.put(mirror, "Account", "", CursorRow("after", "mark", 5000), NOW)
    assert caught.value.code == 9
    assert [r["name"] for r in mirror.rows("SELECT name FROM account")] == ["One"]
    assert cursors.get(mirror, "Account", "") == CursorRow("before", "mark", 1)


def test_a_full_disk_stops_the_journal_before_anything_is_sent(journal: Journal) -> None:
    run = runs.begin(journal, "test", "2026-06-30", NOW)
    fill_up(journal.path, journal.db.conn)
    with pytest.raises(StoreFault, match="disk is full"):
        journal.announce(run.id, [(change("x" * 100, str(n)), "KAM_Why__c") for n in range(5000)], NOW)
    assert journal.unsettled() == []


AS_ANOTHER = """
import os, sys
sys.path[:0] = {paths!r}
from pathlib import Path
from connector.errors import KamError
from connector.store.journal import Journal
from connector.store import runs
os.chdir(sys.argv[1])
os.setgid(65534); os.setuid(65534)
try:
    if sys.argv[2] == "lock":
        with runs.lock(Path()):
            pass
    else:
        Journal(Path())
except KamError as error:
    print(error)
    sys.exit(error.code)
"""


@pytest.mark.parametrize("what", ["open", "lock"])
def test_a_folder_one_may_not_write_to_is_told_as_such(tmp_path: Path, what: str) -> None:
    if os.name == "nt":
        pytest.skip("file modes are POSIX")
    Journal(tmp_path / "store").close()
    for path in (tmp_path / "store").iterdir():
        path.chmod(0o444)
    (tmp_path / "store").chmod(0o555)
    if os.getuid() == 0:
        # Modes do not bind root: another user looks at the folder.
        program = AS_ANOTHER.format(paths=sys.path)
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "store"), what], capture_output=True, text=True, check=False
        )
        code, said = done.returncode, done.stdout + done.stderr
    else:
        with pytest.raises(StoreFault) as caught:
            if what == "lock":
                with runs.lock(tmp_path / "store"):
                    pass
            else:
                Journal(tmp_path / "store")
        code, said = caught.value.code, str(caught.value)
    (tmp_path / "store").chmod(0o755)
    assert code == 9, said
    assert "right to write" in said


def test_a_path_that_is_a_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreFault, match="cannot be made"):
        Mirror(tmp_path / "store")


def test_one_run_at_a_time_and_the_next_when_it_is_over(tmp_path: Path) -> None:
    with runs.lock(tmp_path):
        with pytest.raises(BusyFault, match="another run is active") as caught, runs.lock(tmp_path):
            pass
        assert caught.value.code == 6
    with runs.lock(tmp_path):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    program = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from pathlib import Path; from connector.store import runs\n"
        "with runs.lock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyFault), runs.lock(tmp_path):
            pass
        holder.kill()
        holder.wait()
        with runs.lock(tmp_path):
            pass


def test_only_the_newest_run_of_a_job_that_never_ended_is_taken_up(journal: Journal) -> None:
    first = runs.begin(journal, "refresh", "2026-06-29", NOW)
    assert runs.interrupted(journal, "refresh") == first
    assert runs.interrupted(journal, "preview") is None
    second = runs.begin(journal, "refresh", "2026-06-30", NOW)
    assert runs.interrupted(journal, "refresh") == second
    runs.end(journal, second.id, "done", 0, "", NOW)
    assert runs.interrupted(journal, "refresh") is None


def test_a_run_is_noted_from_beginning_to_end(journal: Journal) -> None:
    run = runs.begin(journal, "refresh", "2026-06-30", NOW, undoes=None)
    runs.note(journal, run.id, "pull", {"pull": {"rows": {"account": 3}}})
    runs.end(journal, run.id, "halted", 5, "a guard", NOW)
    noted = runs.get(journal, run.id)
    assert noted is not None
    assert (noted.state, noted.code, noted.step, noted.message) == ("halted", 5, "pull", "a guard")
    assert noted.counts == {"pull": {"rows": {"account": 3}}}


@pytest.mark.parametrize("value", [None, "", "text \U0001f600 نام", True, False, 0, 12.5, -3])
def test_the_journal_gives_values_back_as_they_were(journal: Journal, value: object) -> None:
    journal.announce(1, [(change(value), "KAM_Why__c")], NOW, "me")
    (entry,) = journal.unsettled()
    assert (entry.before, entry.after, entry.who, entry.field) == (None, value, "me", "KAM_Why__c")
    assert type(entry.after) is type(value)


def test_the_last_value_known_to_be_written_counts_as_ours(journal: Journal) -> None:
    for after, state in (("one", "written"), ("two", "refused"), ("three", "written"), ("four", "kept")):
        (number,) = journal.announce(1, [(change(after), "KAM_Why__c")], NOW)
        journal.settle([(number, state, "", "")], NOW)
    journal.announce(1, [(change("five"), "KAM_Why__c")], NOW)
    assert journal.last_after("account", ["kam_why"]) == {("1", "kam_why"): "three"}
    assert journal.last_after("contact", ["kam_why"]) == {}


def test_a_halted_list_comes_back_as_it_was_and_a_second_halt_replaces_it(journal: Journal) -> None:
    journal.halt(3, [change("one"), change(None, "2")])
    journal.halt(3, [change("two")])
    assert [(c.id, c.column, c.before, c.after, c.why) for c in journal.halted(3)] == [
        ("1", "kam_why", None, "two", "because")
    ]
    assert journal.halted(4) == []


def test_an_open_reject_is_replaced_and_closed_by_a_write(journal: Journal) -> None:
    for code in ("ONE", "TWO"):
        rejects.add(journal, [rejects.Reject(1, "account", "1", code, "no", NOW)])
    assert [r.code for r in rejects.open_rejects(journal)] == ["TWO"]
    rejects.settle(journal, 2, [("account", "2"), ("contact", "1")])
    assert len(rejects.open_rejects(journal)) == 1
    rejects.settle(journal, 2, [("account", "1")])
    assert rejects.open_rejects(journal) == []


def test_present_holds_what_the_crm_holds_and_no_nulls(mirror: Mirror) -> None:
    mirror.set_present("account", ["1", "2"], {"kam_why": ["a", None], "kam_score": [5.0, 0.0]})
    mirror.set_present("account", ["1"], {"kam_why": [None]})
    assert dict(mirror.present("account")) == {"1": {"kam_score": 5.0}, "2": {"kam_score": 0.0}}
    mirror.forget_present("account", ["2"])
    assert mirror.present_of("account", "2") == {}


def test_one_id_in_two_records_is_two_rows(mirror: Mirror) -> None:
    for record in ("Task", "Event"):
        mirror.upsert("activity", record, ["1"], {"id": ["1"]}, 1)
    assert mirror.count("activity") == 2
    assert mirror.delete("activity", "Task", ["1"]) == 1
    assert (mirror.count("activity", "Task"), mirror.count("activity", "Event")) == (0, 1)


def test_accounts_are_found_by_id_by_name_and_by_a_part_of_it(mirror: Mirror) -> None:
    names = ["Brakes and Gears", "Brakes", "100% Steel"]
    mirror.upsert("account", "Account", ["1", "2", "3"], {"id": ["1", "2", "3"], "name": names}, 1)
    assert [[r["id"] for r in mirror.find_accounts(t)] for t in ("2", "brakes", "gears", "100%", "%", "none")] == [
        ["2"],
        ["2"],
        ["1"],
        ["3"],
        ["3"],
        [],
    ]


def test_a_result_is_replaced_whole(mirror: Mirror) -> None:
    mirror.replace_result("account_result", ["id", "score"], [[("1", 1.0)], [("2", None)]], ("id",))
    assert mirror.has_results()
    assert mirror.replace_result("account_result", ["id"], [[("3",)]], ("id",)) == 1
    assert list(mirror.rows("SELECT * FROM account_result")) == [{"id": "3"}]


def test_details_count_from_their_publication_on_and_an_enrich_that_fails_leaves_none(mirror: Mirror) -> None:
    with pytest.raises(UsageFault, match="no results yet"):
        results.folder(mirror)
    with results.renewed(mirror) as first:
        results.publish(mirror, first)
    with pytest.raises(RuntimeError), results.renewed(mirror) as second:
        (second / "half.parquet").touch()
        raise RuntimeError
    assert results.folder(mirror) == first
    assert not second.exists()


def test_the_details_before_stay_for_their_readers_until_the_next_enrich_or_a_tidy(mirror: Mirror) -> None:
    made = []
    for _ in range(3):
        with results.renewed(mirror) as folder:
            results.publish(mirror, folder)
        made.append(folder)
    assert [f.exists() for f in made] == [False, True, True]
    results.tidy(mirror)
    assert [f.exists() for f in made] == [False, False, True]

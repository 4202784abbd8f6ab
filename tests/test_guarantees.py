"""The guarantees of the design, each tried to be broken; the first is in test_kill, the eighth in test_planted."""

import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from world import AS_OF, SECRET, WRITE_PATH, World, keep_results

from connector import job
from connector.errors import AccessFault, GuardHalt, KamError, ReserveReached, StoreFault, UnreachableFault
from connector.store import runs


def code_of(here: World, name: str = "refresh", **options: Any) -> int:
    """Exit code of a run in this process."""
    try:
        return here.run(name, **options).code
    except KamError as error:
        return error.code


def written_fields(here: World) -> set[str]:
    """Names of the fields that were on the wire."""
    return {name for w in here.writes() for name in w["values"]}


def allowed_fields(here: World) -> set[str]:
    """Every field that the mapping's write parts name, less the inputs of people."""
    mapping = tomllib.loads((here.folder / "mappings/salesforce.toml").read_text(encoding="utf-8"))
    rules = mapping["account"]["write"].values()
    return {r if isinstance(r, str) else r["field"] for r in rules}


def last_run(here: World) -> runs.Run:
    """The newest run as noted."""
    with here.work() as work:
        return runs.latest(work.journal)[0]


def disturb(here: World, number: int = 3) -> list[str]:
    """Change our fields behind our back, so that the next run has something to write; the accounts."""
    chosen = [i for i in here.accounts if here.account(i)["KAM_Flag__c"]][:number]
    for key in chosen:
        here.edit(key, KAM_Relationship_Band__c="Strong", KAM_Top_Idea__c="typed by a person")
    return chosen


# 1: nothing lost, nothing twice, the same day kept


def test_a_run_that_was_cut_off_keeps_its_day_when_it_is_taken_up(rested: World) -> None:
    disturb(rested)
    before = rested.ours()
    with rested.work() as work:
        cut = runs.begin(work.journal, "refresh", "2026-06-15", "2026-06-15T02:15:00Z")
    rested.clock.forward(days=20)
    report = rested.run("refresh", as_of=None)
    assert (report.run, report.as_of) == (cut.id, "2026-06-15")
    assert before != rested.ours()
    after = rested.run("refresh", as_of=None)
    assert (after.run, after.as_of) == (cut.id + 1, "2026-07-22")


def test_a_run_taken_up_for_another_day_is_a_new_one(rested: World) -> None:
    with rested.work() as work:
        cut = runs.begin(work.journal, "refresh", "2026-06-15", "2026-06-15T02:15:00Z")
    report = rested.run("refresh", as_of=date(2026, 6, 30))
    assert report.run == cut.id + 1
    with rested.work() as work:
        closed = runs.get(work.journal, cut.id)
    assert closed is not None
    assert closed.state == "failed"


def test_a_run_taken_up_with_nothing_left_to_write_ends_well(rested: World) -> None:
    with rested.work() as work:
        cut = runs.begin(work.journal, "refresh", AS_OF.isoformat(), "2026-06-30T02:15:00Z")
    report = rested.run("refresh")
    assert (report.run, report.code, report.changes) == (cut.id, 0, [])
    assert rested.writes() == []


@pytest.mark.parametrize("name", ["preview", "refresh"])
def test_every_job_first_finds_out_what_became_of_a_write_that_was_cut_off(rested: World, name: str) -> None:
    with rested.work() as work:
        work.journal.execute("UPDATE journal SET state = 'sent'")
    assert rested.run(name).changes == []
    with rested.work() as work:
        states = {s for (s,) in work.journal.execute("SELECT DISTINCT state FROM journal")}
    assert states == {"written"}
    assert rested.writes() == []


def test_a_trial_does_not_end_a_run_that_was_cut_off(rested: World) -> None:
    with rested.work() as work:
        cut = runs.begin(work.journal, "refresh", AS_OF.isoformat(), "2026-06-30T02:15:00Z")
    assert rested.run("refresh", dry_run=True).run != cut.id
    assert rested.run("refresh").run == cut.id


def test_a_lost_mirror_is_pulled_again_and_nothing_is_written_twice(filled: World) -> None:
    before = filled.ours()
    for path in (filled.folder / "store").glob("mirror.db*"):
        path.unlink()
    assert filled.run("refresh").changes == []
    assert filled.writes() == []
    assert filled.ours() == before


def test_a_lost_store_writes_nothing_twice_either(filled: World) -> None:
    shutil.rmtree(filled.folder / "store")
    assert filled.run("refresh").changes == []
    assert filled.writes() == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "limit", "path": WRITE_PATH}, ReserveReached.code),
        (
            {
                "kind": "status",
                "path": WRITE_PATH,
                "status": 403,
                "body": [{"errorCode": "API_DISABLED_FOR_ORG", "message": "off"}],
            },
            AccessFault.code,
        ),
        ({"kind": "hangup", "path": WRITE_PATH, "times": 2}, UnreachableFault.code),
        ({"kind": "limit", "path": "*/queryAll*", "nth": 4}, ReserveReached.code),
    ],
)
def test_a_run_that_fails_midway_says_so_and_the_next_one_completes_it(
    rested: World, fault: dict[str, Any], code: int
) -> None:
    wanted = rested.ours()
    chosen = disturb(rested)
    rested.faults(fault)
    assert code_of(rested) == code
    assert (last_run(rested).state, last_run(rested).code) == ("failed", code)
    rested.faults()
    assert code_of(rested) == 0
    assert rested.ours() == wanted
    assert sorted({w["id"] for w in rested.writes()}) == sorted(chosen)
    assert len(rested.writes()) == len(chosen)


# 2: only the write part, no record made or deleted


def test_nothing_outside_the_write_part_is_written_and_no_record_is_made_or_deleted(ready: World) -> None:
    before = ready.state()
    ready.run("first_run")
    assert {w["action"] for w in ready.writes()} == {"update"}
    assert {w["object"] for w in ready.writes()} == {"Account"}
    assert written_fields(ready) <= allowed_fields(ready)
    after = ready.state()
    assert before.keys() == after.keys()
    for key, row in after.items():
        changed = {name for name in row if row[name] != before[key][name]}
        assert changed <= allowed_fields(ready)


def test_a_line_taken_out_of_the_write_part_is_not_written(ready: World) -> None:
    ready.setting("mappings/salesforce.toml", 'kam_flag = "KAM_Flag__c"\n', "")
    ready.run("first_run")
    assert "KAM_Flag__c" not in written_fields(ready)
    assert len(written_fields(ready)) > 3


def test_accounts_outside_the_write_scope_stay_untouched(ready: World) -> None:
    ready.run("first_run")
    prospects = [i for i in ready.accounts if ready.account(i)["Type"] == "Prospect"]
    assert prospects
    assert not {w["id"] for w in ready.writes()} & set(prospects)


def test_only_the_programme_gets_what_only_the_programme_needs(ready: World) -> None:
    report = ready.run("first_run")
    programme = {c.id for c in report.changes if c.column == "kam_proposal" and c.after == "Promote"}
    covered = {c.id for c in report.changes if c.column in ("kam_coverage_text", "kam_alert")}
    assert programme
    assert covered == programme


# 3: calm and constant


def test_a_run_without_a_change_writes_nothing_and_makes_the_same_calls_every_time(filled: World) -> None:
    made = []
    for night in range(3):
        if night:
            keep_results(filled.folder)  # the first night computed the same; computing makes no call
        filled.clock.forward(days=1)
        filled.running.calls.clear()
        assert filled.run("refresh").changes == []
        made.append(dict(filled.running.calls))
    assert filled.writes() == []
    assert made[0] == made[1] == made[2]


def test_calls_do_not_grow_with_the_number_of_rows(rested: World) -> None:
    rested.clock.forward(days=1)
    rested.running.calls.clear()
    rested.run("preview")
    few = dict(rested.running.calls)
    for n in range(60):
        rested.org.create(
            rested.org.admin_id, "Contact", {"LastName": f"New {n}", "AccountId": rested.accounts[n % 30]}
        )
    rested.clock.forward(days=1)
    rested.run("preview")
    rested.clock.forward(days=1)
    rested.running.calls.clear()
    rested.run("preview")
    assert dict(rested.running.calls) == few


# 4: a person's edit


def test_a_persons_edit_of_our_field_is_treated_as_the_mapping_says(rested: World) -> None:
    for mode, stays in (("keep", True), ("reject", True), ("overwrite", False)):
        rule = f'kam_relationship_band = {{ field = "KAM_Relationship_Band__c", on_human_edit = "{mode}" }}'
        path = rested.folder / "mappings/salesforce.toml"
        lines = path.read_text(encoding="utf-8").splitlines()
        changed = [rule if line.startswith("kam_relationship_band =") else line for line in lines]
        path.write_text("\n".join(changed), encoding="utf-8")
        key = next(i for i in rested.accounts if rested.account(i)["KAM_Flag__c"])
        rested.edit(key, KAM_Relationship_Band__c="Strong")
        report = rested.run("refresh")
        assert (rested.account(key)["KAM_Relationship_Band__c"] == "Strong") is stays, mode
        assert report.counts["diff"]["kept"] == (mode == "keep")
        assert report.counts["diff"]["rejected"] == (mode == "reject")


def test_undo_brings_the_org_back_and_leaves_a_persons_edit(filled: World) -> None:
    key = next(i for i in filled.accounts if filled.account(i)["KAM_Flag__c"])
    filled.edit(key, KAM_Why__c="a person was here")
    done = filled.call("undo", "1")
    assert done.code == 0, done.err
    assert key in done.err
    assert filled.ours()[key]["KAM_Why__c"] == "a person was here"
    left = {i: v for i, v in filled.ours().items() if i != key}
    typed = {"KAM_Strategic_Fit__c", "KAM_Partnership__c", "KAM_Nominated__c"}
    assert {name for row in left.values() for name in row} <= typed


# 5: unknown is not zero


def test_what_is_not_known_is_said_to_be_unknown_and_never_low(here: World) -> None:
    here.org.db.execute('DELETE FROM "Task"')
    report = here.run("preview")
    bands = {c.after for c in report.changes if c.column == "kam_relationship_band"}
    assert bands == {"Unknown"}


# 6: no secret, no person


def test_neither_the_secret_nor_a_person_is_in_what_a_failing_run_prints_or_notes(rested: World) -> None:
    disturb(rested)
    said = 'Not for "Kim Person" (kim@person.example)'
    rule = {"object": "Account", "field": "KAM_Flag__c", "op": "ne", "value": "x", "message": said}
    rested.control("org", "POST", validation_rules=[rule])
    done = rested.call("run", "refresh", "--as-of", AS_OF.isoformat())
    assert done.code == 4, done.err
    told = done.all + rested.call("status").all + rested.call("rejects").all
    stored = b"".join(p.read_bytes() for p in (rested.folder / "store").glob("journal.db*"))
    for word in (rested.environ[SECRET], rested.running.token, "Kim Person", "kim@person"):
        assert word not in told
        assert word.encode() not in stored


def test_people_are_in_no_text_on_an_account(filled: World) -> None:
    names = [str(n) for (n,) in filled.org.rows('SELECT "LastName" FROM "Contact"')]
    texts = " ".join(str(v) for row in filled.ours().values() for v in row.values())
    assert names
    assert not [n for n in names if n in texts]


# 7: every change has its reason


def test_every_change_carries_a_reason(ready: World) -> None:
    report = ready.run("first_run")
    assert report.changes
    assert not [c for c in report.changes if not c.why.strip()]


# 9: another org


def test_another_org_is_refused_and_nothing_is_read_or_written(filled: World) -> None:
    filled.org.db.execute('UPDATE "Organization" SET "Id" = \'00DEm0000009999MAA\'')
    filled.edit(filled.accounts[0], Name="Of another org")
    with pytest.raises(StoreFault, match="belongs to org") as caught:
        filled.run("refresh")
    assert caught.value.code == 9
    assert filled.writes() == []
    with filled.work() as work:
        assert work.mirror.find_accounts("Of another org") == []


def test_production_declared_as_sandbox_is_refused(filled: World) -> None:
    filled.org.set_sandbox(False)
    with pytest.raises(KamError, match="is a production org") as caught:
        filled.run("refresh")
    assert caught.value.code == 2
    assert filled.writes() == []


# Guards, the lock, the reserve, refused rows: what a run does when it must not or cannot go on


def stubborn(here: World, guards: str) -> None:
    """Set the guards of the nightly job."""
    path = here.folder / "jobs/refresh.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    word = guards.partition(" ")[0]
    path.write_text("\n".join(guards if line.startswith(word) else line for line in lines), encoding="utf-8")


def test_a_guard_halts_before_the_first_write_and_approval_releases_exactly_that_list(rested: World) -> None:
    wanted = rested.ours()
    chosen = disturb(rested, 10)
    with pytest.raises(GuardHalt, match="max_changed_share: 10 of 25") as caught:
        rested.run("refresh")
    assert caught.value.code == 5
    assert rested.writes() == []
    halted = last_run(rested)
    assert halted.state == "halted"
    other = next(i for i in rested.accounts if i not in chosen and rested.account(i)["KAM_Flag__c"])
    rested.edit(other, KAM_Flag__c="Emerging")
    done = rested.call("write-back", "--approve", str(halted.id))
    assert done.code == 0, done.err
    assert {w["id"] for w in rested.writes()} == set(chosen)
    changed = rested.ours()
    assert all(changed[i] == wanted[i] for i in chosen)
    assert changed[other]["KAM_Flag__c"] == "Emerging"


@pytest.mark.parametrize(
    ("guard", "word"),
    [("max_key_changes = 0", "max_key_changes"), ("max_changed_share = 0.0", "max_changed_share")],
)
def test_each_guard_halts_a_run(rested: World, guard: str, word: str) -> None:
    stubborn(rested, guard)
    promoted = [i for i in rested.accounts if rested.account(i)["KAM_Proposal__c"] == "Promote"]
    rested.edit(promoted[0], KAM_Proposal__c="None")
    disturb(rested, 2)
    with pytest.raises(GuardHalt, match=word):
        rested.run("refresh")
    assert rested.writes() == []


def test_a_value_that_would_be_blanked_halts_a_run(filled: World) -> None:
    # A result that vanished: what an insight no longer says would empty the field.
    with filled.work() as work:
        found = _blanked(work)
        with pytest.raises(GuardHalt, match="max_blanked"):
            job.guarded_write(
                work, runs.begin(work.journal, "t", "2026-06-30", "x").id, "2026-06-30", job.Guards(), found
            )
    assert filled.writes() == []


def _blanked(work: Any) -> Any:
    work.mirror.db.conn.execute(
        "UPDATE account_result SET kam_why = NULL WHERE id IN (SELECT id FROM account_result LIMIT 9)"
    )
    return job.run_diff(work, AS_OF.isoformat())


def test_an_emptied_org_halts_the_run_and_blanks_nothing(filled: World) -> None:
    for key in filled.accounts:
        filled.org.delete(filled.org.admin_id, "Account", key)
    with pytest.raises(GuardHalt, match="only 0 of 30"):
        filled.run("refresh")
    with filled.work() as work:
        assert work.mirror.count("account") == 30


@contextmanager
def occupied(here: World) -> Iterator[None]:
    """Hold the store as another run does."""
    with runs.lock(here.folder / "store"):
        yield


def test_a_second_run_is_turned_away(filled: World) -> None:
    with occupied(filled):
        done = filled.kam("run", "refresh")
    assert done.returncode == 6
    assert "another run is active" in done.stderr


def test_the_reserve_stops_a_run_and_the_next_one_goes_on(ready: World) -> None:
    ready.control("org", "POST", api_limit=100, api_used=55)
    done = ready.call("run", "first_run", "--as-of", AS_OF.isoformat())
    assert done.code == 7, done.err
    assert ready.writes() == []
    used = ready.control("calls")["used"]
    assert used <= 72
    ready.control("org", "POST", api_limit=100_000, api_used=0)
    assert ready.run("first_run").code == 0
    assert len({w["id"] for w in ready.writes()}) == 25


def test_a_refused_row_is_told_and_tried_again_by_the_next_run(rested: World) -> None:
    wanted = rested.ours()
    first, *others = disturb(rested, 4)
    name = rested.account(first)["Name"]
    rule = {"object": "Account", "field": "Name", "value": name, "message": "Ask the owner first"}
    rested.control("org", "POST", validation_rules=[rule])
    assert code_of(rested) == 4
    assert all(rested.ours()[i] == wanted[i] for i in others)
    assert rested.ours()[first] != wanted[first]
    assert code_of(rested) == 4
    rested.control("org", "POST", validation_rules=[])
    assert code_of(rested) == 0
    assert rested.ours() == wanted
    assert "Ask" not in rested.call("rejects").out


def test_a_record_deleted_between_diff_and_write_is_passed_over(rested: World) -> None:
    first, *others = disturb(rested, 3)
    wanted = {c.id for c in rested.run("preview").changes}
    assert first in wanted
    with rested.work() as work:
        found = job.run_diff(work, AS_OF.isoformat())
        rested.org.delete(rested.org.admin_id, "Account", first)
        current = runs.begin(work.journal, "test", AS_OF.isoformat(), "2026-07-01T00:00:00Z")
        written = job.guarded_write(work, current.id, AS_OF.isoformat(), job.Guards(), found)
    assert written.records == {"written": len(others), "gone": 1}
    assert code_of(rested) == 0


def test_the_first_write_to_production_waits_for_a_person(ready: World) -> None:
    ready.into_production()
    with pytest.raises(GuardHalt, match="first write to production"):
        ready.run("first_run")
    assert ready.writes() == []
    assert ready.call("write-back", "--approve", str(last_run(ready).id)).code == 0
    assert ready.writes()
    key = next(i for i in ready.accounts if ready.account(i)["KAM_Flag__c"])
    ready.edit(key, KAM_Relationship_Band__c="Strong")
    assert code_of(ready) == 0

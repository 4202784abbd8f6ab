"""Writing over real HTTP: one outcome per row, nothing said twice that arrived, and the journal always a step ahead."""

from collections import Counter
from collections.abc import Iterator

import pytest
from world import SECRET, WRITE_PATH, World

from connector.errors import AccessFault, ReserveReached, UnreachableFault
from connector.schema import Change
from connector.steps.pull import pull
from connector.steps.write_back import Written, as_they_stand, settle, write_back
from connector.store import rejects, runs
from connector.workspace import Workspace, stamp

NOW = "2026-07-01T08:00:00Z"


@pytest.fixture
def work(here: World) -> Iterator[Workspace]:
    """A workspace whose mirror has the accounts."""
    with here.work() as made:
        pull(made.crm, made.fieldmap, made.mirror, now=NOW, money_settings=made.corporate, tables=("account",))
        made.crm.client.session.sleep = lambda seconds: None  # type: ignore[attr-defined]
        here.control("reset", "POST")
        yield made


def change(key: str, after: object = "new", column: str = "kam_why", before: object = None) -> Change:
    """One change of an account."""
    return Change("account", key, "", column, before, after, "because")


def send(work: Workspace, changes: list[Change], who: str | None = None) -> Written:
    """Write changes as one run."""
    current = runs.begin(work.journal, "test", "2026-06-30", NOW)
    return write_back(work.pen(who), current.id, changes)


def states(work: Workspace) -> dict[str, int]:
    """Journal rows by state."""
    return dict(Counter(s for (s,) in work.journal.execute("SELECT state FROM journal")))


def texts(here: World) -> dict[str, int]:
    """What stands in KAM_Why__c, counted."""
    return dict(Counter(r["KAM_Why__c"] for r in here.state().values()))


def test_each_change_is_journalled_and_written_once(here: World, work: Workspace) -> None:
    assert send(work, [change(i) for i in here.accounts]).records == {"written": 30}
    assert states(work) == {"written": 30}
    assert [w["values"] for w in here.writes()] == [{"KAM_Why__c": "new"}] * 30
    assert work.mirror.present_of("account", here.accounts[0])["kam_why"] == "new"


def test_the_journal_is_ahead_of_the_wire(here: World, work: Workspace) -> None:
    here.faults({"kind": "status", "path": WRITE_PATH, "status": 400})
    with pytest.raises(Exception, match="400"):
        send(work, [change(here.accounts[0])])
    assert states(work) == {"sent": 1}


def test_nothing_to_write_makes_no_call(here: World, work: Workspace) -> None:
    calls = sum(here.running.calls.values())
    assert send(work, []).records == {}
    assert sum(here.running.calls.values()) == calls


def test_a_row_that_a_validation_rule_refuses_leaves_the_others_written(here: World, work: Workspace) -> None:
    many = [here.org.create(here.org.admin_id, "Account", {"Name": f"Extra {n}"}) for n in range(170)]
    rule = {"object": "Account", "field": "KAM_Why__c", "value": "bad", "message": "Not so"}
    here.control("org", "POST", validation_rules=[rule])
    changes = [change(i) for i in [*here.accounts, *many][:199]] + [change(many[-1], "bad")]
    done = send(work, changes)
    assert done.records == {"written": 199, "refused": 1}
    (row,) = rejects.open_rejects(work.journal)
    assert (row.id, row.code) == (many[-1], "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    here.control("org", "POST", validation_rules=[])
    assert send(work, [change(many[-1], "good")]).records == {"written": 1}
    assert rejects.open_rejects(work.journal) == []


def test_a_record_deleted_before_the_write_is_gone_and_the_rest_is_written(here: World, work: Workspace) -> None:
    here.org.delete(here.org.admin_id, "Account", here.accounts[7])
    done = send(work, [change(i) for i in here.accounts])
    assert done.records == {"written": 29, "gone": 1}
    assert rejects.open_rejects(work.journal) == []


def test_locked_rows_are_tried_again(here: World, work: Workspace) -> None:
    here.faults({"kind": "lock", "path": WRITE_PATH, "rows": 5, "times": 2})
    assert send(work, [change(i) for i in here.accounts]).records == {"written": 30}
    assert Counter(w["id"] for w in here.writes()).most_common(1)[0][1] == 1


def test_rows_that_stay_locked_are_refused_and_told(here: World, work: Workspace) -> None:
    here.faults({"kind": "lock", "path": WRITE_PATH, "rows": 2})
    done = send(work, [change(i) for i in here.accounts])
    assert done.records["refused"] == 2
    assert done.records["written"] == 28
    assert {r.code for r in rejects.open_rejects(work.journal)} == {"UNABLE_TO_LOCK_ROW"}


@pytest.mark.parametrize("kind", ["hangup", "drop", "status"])
def test_an_answer_lost_after_the_write_is_settled_by_reading(here: World, work: Workspace, kind: str) -> None:
    here.faults({"kind": kind, "path": WRITE_PATH, "when": "after", "nth": 1})
    assert send(work, [change(i) for i in here.accounts]).records == {"written": 30}
    assert len(here.writes()) == 30
    assert states(work) == {"written": 30}


def test_a_request_lost_before_the_write_is_sent_once_more(here: World, work: Workspace) -> None:
    here.faults({"kind": "hangup", "path": WRITE_PATH, "nth": 1})
    assert send(work, [change(i) for i in here.accounts]).records == {"written": 30}
    assert len(here.writes()) == 30
    assert states(work) == {"unsent": 30, "written": 30}


def test_answers_lost_twice_end_the_run_as_unreachable_and_leave_nothing_open(here: World, work: Workspace) -> None:
    here.faults({"kind": "hangup", "path": WRITE_PATH})
    with pytest.raises(UnreachableFault, match="30 records were lost twice"):
        send(work, [change(i) for i in here.accounts])
    assert here.writes() == []
    assert states(work) == {"unsent": 60}


def test_somebody_elses_value_is_left_alone_when_an_answer_was_lost(here: World, work: Workspace) -> None:
    here.faults({"kind": "status", "path": WRITE_PATH, "status": 400})
    with pytest.raises(Exception, match="400"):
        send(work, [change(here.accounts[0])])
    here.faults()
    here.edit(here.accounts[0], KAM_Why__c="a person was here")
    assert settle(work.pen()) == 1
    assert states(work) == {"kept": 1}
    assert here.account(here.accounts[0])["KAM_Why__c"] == "a person was here"


def test_a_record_deleted_while_its_outcome_was_unknown_is_gone(here: World, work: Workspace) -> None:
    here.faults({"kind": "status", "path": WRITE_PATH, "status": 400})
    with pytest.raises(Exception, match="400"):
        send(work, [change(here.accounts[0])])
    here.faults()
    here.org.delete(here.org.admin_id, "Account", here.accounts[0])
    settle(work.pen())
    assert states(work) == {"gone": 1}


def test_a_session_that_ends_before_the_write_is_renewed(here: World, work: Workspace) -> None:
    here.faults({"kind": "session", "path": WRITE_PATH, "nth": 1})
    assert send(work, [change(i) for i in here.accounts]).records == {"written": 30}
    assert len(here.writes()) == 30


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "limit", "path": WRITE_PATH, "nth": 2}, ReserveReached),
        (
            {
                "kind": "status",
                "path": WRITE_PATH,
                "nth": 2,
                "status": 403,
                "body": [{"errorCode": "API_DISABLED_FOR_ORG", "message": "off"}],
            },
            AccessFault,
        ),
    ],
)
def test_a_crm_that_shuts_its_door_midway_leaves_a_journal_the_next_command_settles(
    here: World, work: Workspace, fault: dict[str, object], error: type[Exception]
) -> None:
    many = [here.org.create(here.org.admin_id, "Account", {"Name": f"Extra {n}"}) for n in range(230)]
    here.faults(fault)
    with pytest.raises(error):
        send(work, [change(i) for i in [*here.accounts, *many]])
    here.faults()
    assert states(work) == {"written": 200, "sent": 60}
    assert settle(work.pen()) == 60
    assert states(work) == {"written": 200, "unsent": 60}
    assert settle(work.pen()) == 0


def test_outcomes_of_a_batch_that_was_not_full_are_kept_when_the_next_batch_fails(here: World, work: Workspace) -> None:
    # Children of one parent travel together, so the first batch has 120 rows and the second the other 120.
    many = [here.org.create(here.org.admin_id, "Account", {"Name": f"Extra {n}"}) for n in range(240)]
    families = {key: here.accounts[n // 120] for n, key in enumerate(many)}
    here.faults({"kind": "limit", "path": WRITE_PATH, "nth": 2})
    current = runs.begin(work.journal, "test", "2026-06-30", NOW)
    with pytest.raises(ReserveReached):
        write_back(work.pen(), current.id, [change(i) for i in many], families)
    assert states(work) == {"written": 120, "sent": 120}


def test_an_open_change_of_a_field_that_is_hidden_now_blocks_nobody(here: World, work: Workspace) -> None:
    here.faults({"kind": "status", "path": WRITE_PATH, "status": 400})
    with pytest.raises(Exception, match="400"):
        send(work, [change(here.accounts[0])])
    here.faults()
    here.control("org", "POST", hidden_fields=["Account.KAM_Why__c"])
    with here.work() as later:
        assert settle(later.pen()) == 1
        assert states(later) == {"kept": 1}


def test_an_open_change_that_the_mapping_no_longer_writes_is_settled_and_not_sent_again(
    here: World, work: Workspace
) -> None:
    here.faults({"kind": "status", "path": WRITE_PATH, "status": 400})
    with pytest.raises(Exception, match="400"):
        send(work, [change(here.accounts[0])])
    here.faults()
    text = (here.folder / "mappings/salesforce.toml").read_text(encoding="utf-8")
    (line,) = [row for row in text.splitlines() if row.startswith("kam_why")]
    here.setting("mappings/salesforce.toml", line, "")
    with here.work() as later:
        assert send(later, []).records == {}
        assert states(later) == {"unsent": 1}
    assert here.writes() == []


def test_a_persons_decision_is_held_against_the_record_as_it_stands(here: World, work: Workspace) -> None:
    first, second, third = here.accounts[:3]
    here.edit(first, KAM_Status__c="Standard")
    here.edit(second, KAM_Status__c="Key")
    here.org.delete(here.org.admin_id, "Account", third)
    decided = [change(i, "Key", "kam_status") for i in (first, second, third)]
    assert [(c.id, c.before) for c in as_they_stand(work.pen("me"), decided)] == [(first, "Standard")]
    assert send(work, decided, "me").records == {"written": 1}
    (row,) = work.journal.execute("SELECT before, after, who FROM journal").fetchall()
    assert row == ('"Standard"', '"Key"', "me")


def test_only_fields_of_the_write_part_are_ever_on_the_wire(here: World, work: Workspace) -> None:
    with pytest.raises(KeyError):
        send(work, [change(here.accounts[0], "x", "kam_top_secret")])
    assert here.writes() == []


def test_the_reserve_stops_the_write_before_it_is_made(here: World, work: Workspace) -> None:
    here.control("org", "POST", api_limit=1000, api_used=690)
    settle(work.pen())
    work.crm.count("Account")
    work.reserve = 0.311
    with pytest.raises(ReserveReached, match="daily API calls are left"):
        send(work, [change(here.accounts[0])])
    assert here.writes() == []
    assert states(work) == {"sent": 1}


def test_neither_secret_nor_text_of_a_record_is_in_the_message_of_a_refusal(here: World, work: Workspace) -> None:
    rule = {"object": "Account", "field": "KAM_Why__c", "value": "Kim Person", "message": "Kim Person is taboo"}
    here.control("org", "POST", validation_rules=[rule])
    send(work, [change(here.accounts[0], "Kim Person")])
    (row,) = rejects.open_rejects(work.journal)
    assert "Kim" not in row.message
    assert here.environ[SECRET] not in row.message
    assert stamp(work.clock()) == row.at

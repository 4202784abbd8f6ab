"""Undo over real HTTP: what stood before comes back, what a person edited since stays, and an undo can be undone."""

from collections.abc import Iterator

import pytest
from world import World

from connector.errors import UsageFault
from connector.schema import Change
from connector.steps import undo
from connector.steps.pull import pull
from connector.steps.write_back import write_back
from connector.store import runs
from connector.workspace import Workspace

NOW = "2026-07-01T08:00:00Z"


@pytest.fixture
def work(here: World) -> Iterator[Workspace]:
    """A workspace whose mirror has the accounts."""
    with here.work() as made:
        pull(made.crm, made.fieldmap, made.mirror, now=NOW, money_settings=made.corporate, tables=("account",))
        yield made


def write(work: Workspace, *changes: tuple[str, str, object, object]) -> int:
    """Write (id, column, before, after) as one run; its number."""
    current = runs.begin(work.journal, "test", "2026-06-30", NOW)
    write_back(work.pen(), current.id, [Change("account", i, "", c, b, a, "because") for i, c, b, a in changes])
    runs.end(work.journal, current.id, "done", 0, "", NOW)
    return current.id


def take_back(work: Workspace, run: int) -> int:
    """Undo a run; the number of the undo."""
    plan = undo.plan(work.pen(), run)
    current = runs.begin(work.journal, "undo", "2026-06-30", NOW, undoes=run)
    write_back(work.pen(), current.id, plan.changes)
    return current.id


def test_what_stood_before_comes_back(here: World, work: Workspace) -> None:
    here.edit(here.accounts[1], KAM_Why__c="old words", KAM_Score__c=40)
    before = here.state()
    run = write(work, (here.accounts[0], "kam_why", None, "new"), (here.accounts[1], "kam_why", "old words", "new"))
    assert here.state() != before
    take_back(work, run)
    assert here.state() == before


def test_what_a_person_edited_since_is_left_alone_and_listed(here: World, work: Workspace) -> None:
    run = write(work, *((i, "kam_why", None, "new") for i in here.accounts[:3]))
    here.edit(here.accounts[1], KAM_Why__c="a person was here")
    plan = undo.plan(work.pen(), run)
    assert [c.id for c in plan.changes] == [here.accounts[0], here.accounts[2]]
    assert [e.id for e in plan.edited] == [here.accounts[1]]
    take_back(work, run)
    assert here.account(here.accounts[1])["KAM_Why__c"] == "a person was here"


def test_a_person_who_took_it_back_already_is_no_edit_to_list(here: World, work: Workspace) -> None:
    run = write(work, (here.accounts[0], "kam_why", None, "new"))
    here.edit(here.accounts[0], KAM_Why__c=None)
    plan = undo.plan(work.pen(), run)
    assert (plan.changes, plan.edited) == ([], [])


def test_an_undo_can_be_undone(here: World, work: Workspace) -> None:
    run = write(work, (here.accounts[0], "kam_why", None, "new"))
    after = here.state()
    undone = take_back(work, run)
    take_back(work, undone)
    assert here.state() == after


def test_undoing_twice_changes_nothing_more(here: World, work: Workspace) -> None:
    run = write(work, (here.accounts[0], "kam_why", None, "new"))
    take_back(work, run)
    assert undo.plan(work.pen(), run).changes == []


def test_a_cell_that_one_run_wrote_twice_goes_back_to_before_the_first(here: World, work: Workspace) -> None:
    current = runs.begin(work.journal, "test", "2026-06-30", NOW)
    for before, after in ((None, "one"), ("one", "two")):
        write_back(work.pen(), current.id, [Change("account", here.accounts[0], "", "kam_why", before, after, "")])
    take_back(work, current.id)
    assert here.account(here.accounts[0])["KAM_Why__c"] is None


def test_a_later_runs_value_is_not_undone_with_an_earlier_run(here: World, work: Workspace) -> None:
    first = write(work, (here.accounts[0], "kam_why", None, "one"))
    write(work, (here.accounts[0], "kam_why", "one", "two"))
    plan = undo.plan(work.pen(), first)
    assert (plan.changes, [e.id for e in plan.edited]) == ([], [here.accounts[0]])


def test_records_that_are_gone_are_told(here: World, work: Workspace) -> None:
    run = write(work, *((i, "kam_why", None, "new") for i in here.accounts[:2]))
    here.org.delete(here.org.admin_id, "Account", here.accounts[0])
    plan = undo.plan(work.pen(), run)
    assert (plan.gone, [c.id for c in plan.changes]) == ({here.accounts[0]}, [here.accounts[1]])


def test_a_field_the_mapping_writes_elsewhere_now_is_refused_before_anything_is_sent(
    here: World, work: Workspace
) -> None:
    run = write(work, (here.accounts[0], "kam_why", None, "new"))
    here.setting("mappings/salesforce.toml", '"KAM_Why__c"', '"KAM_Top_Idea__c"')
    here.setting("mappings/salesforce.toml", 'kam_top_idea = "KAM_Top_Idea__c"', "")
    with here.work() as later, pytest.raises(UsageFault, match="kam_why"):
        undo.plan(later.pen(), run)


def test_there_must_be_something_to_undo(work: Workspace) -> None:
    with pytest.raises(UsageFault, match="there is no run 99"):
        undo.plan(work.pen(), 99)
    empty = runs.begin(work.journal, "test", "2026-06-30", NOW)
    with pytest.raises(UsageFault, match="wrote nothing"):
        undo.plan(work.pen(), empty.id)

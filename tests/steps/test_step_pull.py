"""The pull over real HTTP: what it reads and when, what it forgets, and how a guard stops it without a loss."""

import threading

import pytest
from world import World

from connector.errors import GuardHalt, UnreachableFault
from connector.steps.pull import Pulled, groups, pull
from connector.store import cursors
from connector.workspace import Workspace, stamp


def pulled(here: World, **options: object) -> Pulled:
    """Pull once, in a workspace of its own."""
    with here.work() as work:
        return again(work, **options)


def again(work: Workspace, **options: object) -> Pulled:
    """Pull in an open workspace."""
    now = stamp(work.clock())
    return pull(work.crm, work.fieldmap, work.mirror, now=now, money_settings=work.corporate, **options)  # type: ignore[arg-type]


def held(here: World, table: str = "account") -> dict[str, str]:
    """Id → name of the rows in the mirror."""
    with here.work() as work:
        return {r["id"]: r["name"] for r in work.mirror.rows(f"SELECT id, name FROM {table}")}


def reads(here: World, record: str = "Account") -> list[str]:
    """Cursors of a record."""
    with here.work() as work:
        rows = work.mirror.rows("SELECT cursor FROM cursors WHERE record = ?", [record])
        return [r["cursor"] for r in rows]


def test_the_second_pull_reads_what_changed_and_learns_of_deletions(here: World) -> None:
    assert pulled(here).rows["account"] == 30
    here.clock.forward(hours=1)
    here.edit(here.accounts[3], Name="Renamed")
    here.org.delete(here.org.admin_id, "Account", here.accounts[4])
    here.clock.forward(hours=1)
    second = pulled(here)
    assert (second.rows["account"], second.deleted["account"], second.full) == (1, 1, [])
    rows = held(here)
    assert rows[here.accounts[3]] == "Renamed"
    assert here.accounts[4] not in rows
    assert len(rows) == 29


def test_right_after_a_bulk_load_the_overlap_is_read_again_and_stored_once(here: World) -> None:
    here.edit(here.accounts[0], Name="Just now")
    assert pulled(here).rows["account"] == 30
    assert pulled(here).rows["account"] == 1
    assert len(held(here)) == 30


def test_what_changes_while_the_clock_stands_still_is_seen(ready: World) -> None:
    ready.edit(ready.accounts[0], Name="In the same second")
    pulled(ready)
    assert held(ready)[ready.accounts[0]] == "In the same second"


def test_a_hard_deleted_row_is_noticed_by_a_full_pull_only(ready: World) -> None:
    ready.org.db.execute('DELETE FROM "Contact" WHERE "Id" IN (SELECT "Id" FROM "Contact" LIMIT 1)')
    assert "contact" not in pulled(ready).deleted
    assert pulled(ready, full=True).deleted["contact"] == 1


def test_a_new_field_in_the_mapping_is_filled_for_old_rows(ready: World) -> None:
    ready.clock.forward(days=1)
    ready.setting("mappings/salesforce.toml", 'city = "BillingCity"', 'city = "BillingCity"\nsegment = "Name"')
    assert "account" in pulled(ready).full
    with ready.work() as work:
        assert [r["segment"] for r in work.mirror.rows("SELECT DISTINCT segment IS NULL AS segment FROM account")] == [
            0
        ]


def test_another_meaning_of_the_same_field_is_read_again(ready: World) -> None:
    ready.setting("mappings/salesforce.toml", 'Prospect = "prospect"', 'Prospect = "partner"')
    assert "account" in pulled(ready).full
    with ready.work() as work:
        kinds = {r["type"] for r in work.mirror.rows("SELECT DISTINCT type FROM account")}
    assert kinds == {"customer", "partner"}


def test_a_column_taken_out_of_the_mapping_becomes_unknown(ready: World) -> None:
    ready.setting("mappings/salesforce.toml", 'annual_revenue = "AnnualRevenue"\n', "")
    pulled(ready)
    with ready.work() as work:
        columns = "annual_revenue IS NULL AND annual_revenue_minor IS NULL"
        assert [r["n"] for r in work.mirror.rows(f"SELECT count(*) AS n FROM account WHERE {columns}")] == [30]


def test_what_the_programme_remembers_survives_every_kind_of_pull(ready: World) -> None:
    with ready.work() as work:
        work.mirror.db.conn.execute("UPDATE programme SET strikes = 1, since_day = 20000, last_review_day = 20100")
    ready.clock.forward(days=1)
    ready.edit(ready.accounts[0], Name="Touched")
    pulled(ready)
    pulled(ready, full=True)
    ready.setting("mappings/salesforce.toml", 'city = "BillingCity"\n', "")
    pulled(ready)
    with ready.work() as work:
        sql = "SELECT DISTINCT strikes, since_day, last_review_day FROM programme"
        assert list(work.mirror.rows(sql)) == [{"strikes": 1, "since_day": 20000, "last_review_day": 20100}]


def test_our_own_fields_are_kept_as_the_crm_has_them(here: World) -> None:
    here.edit(here.accounts[0], KAM_Why__c="typed", KAM_Flag__c="On watch")
    pulled(here)
    with here.work() as work:
        present = work.mirror.present_of("account", here.accounts[0])
    assert (present["kam_why"], present["kam_flag"]) == ("typed", "On watch")
    here.edit(here.accounts[0], KAM_Why__c=None)
    pulled(here)
    with here.work() as work:
        assert "kam_why" not in work.mirror.present_of("account", here.accounts[0])


def test_a_filter_on_accounts_leaves_our_fields_where_they_belong(here: World) -> None:
    here.setting("mappings/salesforce.toml", "[account.read]\n", "where = \"Type != 'Prospect'\"\n[account.read]\n")
    here.edit(here.accounts[0], KAM_Status__c="Key", KAM_Why__c="typed")
    pulled(here)
    with here.work() as work:
        assert work.mirror.count("account") == 25
        present = work.mirror.present_of("account", here.accounts[0])
    assert (present["kam_status"], present["kam_why"]) == ("Key", "typed")


def test_a_row_that_leaves_the_filter_leaves_the_mirror(here: World) -> None:
    here.setting("mappings/salesforce.toml", "[account.read]\n", "where = \"Type != 'Prospect'\"\n[account.read]\n")
    pulled(here)
    here.edit(here.accounts[0], Type="Prospect")
    assert pulled(here).deleted["account"] == 1
    assert here.accounts[0] not in held(here)


TWO = """
[[activity]]
record = "Task"
optional = true
where = "Status = 'Completed'"
[activity.read]
id = "Id"
at = "ActivityDate"
account_id = "AccountId"

[[activity]]
record = "Task"
optional = true
where = "Status != 'Completed'"
[activity.read]
id = "Id"
at = "ActivityDate"
account_id = "AccountId"

[[activity]]
record = "Event"
"""


def test_two_reads_of_one_record_do_not_take_each_others_rows(here: World) -> None:
    text = (here.folder / "mappings/salesforce.toml").read_text(encoding="utf-8")
    first = text.index('[[activity]]\nrecord = "Task"')
    here.setting("mappings/salesforce.toml", text[first : text.index('[[activity]]\nrecord = "Event"')], "")
    here.setting("mappings/salesforce.toml", '[[activity]]\nrecord = "Event"\n', TWO)
    pulled(here)
    (task,) = here.org.rows('SELECT "Id" FROM "Task" ORDER BY "Id" LIMIT 1')[0]
    for status in ("Not Started", "Completed"):
        here.org.update(here.org.admin_id, "Task", task, {"Status": status})
        pulled(here)
        with here.work() as work:
            assert work.mirror.count("activity", "Task") == 121
    assert "activity" not in pulled(here, full=True).deleted


def empty(here: World, share: float) -> None:
    """Make most accounts vanish as a lost sharing rule does: without a trace in the recycle bin."""
    gone = here.accounts[: round(len(here.accounts) * share)]
    here.org.db.executemany('DELETE FROM "Account" WHERE "Id" = ?', [(i,) for i in gone])


def test_an_empty_source_wipes_nothing(ready: World) -> None:
    before = reads(ready)
    empty(ready, 1.0)
    ready.clock.forward(days=1)
    for _ in range(2):
        with pytest.raises(GuardHalt, match="only 0 of 30 rows"):
            pulled(ready, full=True)
        assert len(held(ready)) == 30
        assert reads(ready) == before


def test_a_mass_deletion_halts_an_incremental_pull_without_moving_the_cursor_or_dropping_a_row(ready: World) -> None:
    before = reads(ready)
    ready.clock.forward(days=1)
    for key in ready.accounts[:20]:
        ready.org.delete(ready.org.admin_id, "Account", key)
    for _ in range(2):
        with pytest.raises(GuardHalt, match="only 10 of 30 rows"):
            pulled(ready)
        assert len(held(ready)) == 30
        assert reads(ready) == before
    assert pulled(ready, min_share=0.0).deleted["account"] == 20
    assert len(held(ready)) == 10
    pulled(ready)


def test_a_record_that_can_no_longer_be_read_halts_the_pull(ready: World) -> None:
    text = (ready.folder / "mappings/salesforce.toml").read_text(encoding="utf-8")
    ready.setting("mappings/salesforce.toml", 'record = "Task"', 'record = "Vanished"')
    with pytest.raises(GuardHalt, match="Task: cannot be read any more, and 242 rows"):
        pulled(ready)
    with ready.work() as work:
        assert work.mirror.count("activity") == 121
    assert pulled(ready, min_share=0.0).deleted["activity"] == 121
    pulled(ready)
    assert "Vanished" not in text


def test_an_abandoned_filter_does_not_make_the_data_look_old(ready: World) -> None:
    ready.setting("mappings/salesforce.toml", "[account.read]\n", "where = \"Name != 'x'\"\n[account.read]\n")
    ready.clock.forward(days=9)
    pulled(ready)
    with ready.work() as work:
        assert cursors.oldest(work.mirror) == stamp(ready.clock())


def test_a_read_that_breaks_midway_moves_no_cursor_and_the_next_one_completes_it(here: World) -> None:
    here.faults({"kind": "status", "path": "*/queryAll*", "status": 400, "nth": 3})
    with pytest.raises(Exception, match="400"):
        pulled(here)
    here.faults()
    assert sum(pulled(here).rows.values()) > 400
    with here.work() as work:
        assert {t: work.mirror.count(t) for t in ("account", "opportunity", "activity")} == {
            "account": 30,
            "opportunity": 100,
            "activity": 121,
        }


def test_a_session_that_ends_midway_is_renewed(here: World) -> None:
    here.faults({"kind": "session", "path": "*/query*", "nth": [3, 6]})
    assert pulled(here).rows["account"] == 30


def test_pages_of_any_size_make_the_same_mirror(here: World) -> None:
    here.control("org", "POST", page_size=7)
    assert pulled(here).rows["account"] == 30
    assert len(held(here)) == 30
    assert len(held(here, "contact")) == 73


def test_the_thread_that_reads_ahead_ends_when_its_reader_gives_up(ready: World) -> None:
    empty(ready, 1.0)
    with pytest.raises(GuardHalt):
        pulled(ready, full=True)
    assert not [t for t in threading.enumerate() if t.name == "pull-ahead"]


def test_one_table_can_be_pulled_alone(here: World) -> None:
    assert set(pulled(here, tables=("contact",)).rows) == {"contact"}
    with here.work() as work:
        assert work.mirror.count("account") == 0


def test_tables_of_one_record_are_read_in_one_pass(here: World) -> None:
    with here.work() as work:
        records = [g.record for g in groups(work.fieldmap)]
    assert len(records) == len(set(records))
    assert records.count("Account") == 1


def test_a_crm_that_is_gone_is_unreachable(here: World) -> None:
    with here.work() as work:
        work.fieldmap  # noqa: B018 (logged in and described before the CRM goes away)
        here.faults({"kind": "status", "path": "*/queryAll*", "status": 503})
        work.crm.client.session.sleep = lambda seconds: None  # type: ignore[attr-defined]
        with pytest.raises(UnreachableFault, match="503"):
            again(work)

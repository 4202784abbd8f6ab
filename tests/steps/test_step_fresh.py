"""Full pulls beside readers: the mirror of before or the mirror of after, and nothing in between."""

import sqlite3

import pytest
from test_step_pull import again, held, pulled
from world import World

from connector.errors import GuardHalt


def seen(here: World, sql: str) -> list[tuple[object, ...]]:
    """What another process sees in the mirror at this moment."""
    reader = sqlite3.connect(f"file:{here.folder / 'store' / 'mirror.db'}?mode=ro", uri=True)
    try:
        return reader.execute(sql).fetchall()
    finally:
        reader.close()


LOOK = (
    "SELECT (SELECT name FROM account ORDER BY id LIMIT 1), (SELECT count(*) FROM account),"
    " (SELECT count(*) FROM opportunity WHERE amount IS NOT NULL AND amount_minor IS NULL),"
    " (SELECT count(*) FROM present), (SELECT max(pulled_at) FROM cursors)"
)


def test_a_reader_sees_the_old_rows_until_a_full_pull_has_ended_and_the_new_ones_at_once(ready: World) -> None:
    (before,) = seen(ready, LOOK)
    ready.clock.forward(days=1)
    ready.edit(ready.accounts[0], Name="0 renamed", KAM_Why__c="typed")
    looks = []
    pulled(ready, full=True, say=lambda line: looks.append(seen(ready, LOOK)[0]))
    assert len(looks) > 5
    assert set(looks) == {before}
    (after,) = seen(ready, LOOK)
    assert after[:4] == ("0 renamed", 30, 0, before[3] + 1)  # type: ignore[operator]
    assert not seen(ready, "SELECT 1 FROM sqlite_master WHERE name LIKE 'fresh%'")
    assert seen(ready, "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = 'opportunity_line_opportunity_id'")


def test_a_full_pull_that_was_halted_leaves_the_old_rows_and_its_next_goes_on_where_it_was(ready: World) -> None:
    ready.clock.forward(days=1)
    ready.edit(ready.accounts[0], Name="Renamed")
    ready.org.db.execute('DELETE FROM "Opportunity"')
    for full in (["account", "programme", "contact"], []):
        with pytest.raises(GuardHalt, match="only 0 of 100 rows"):
            pulled(ready, full=True)
        assert "Renamed" not in held(ready).values()
        assert len(held(ready, "opportunity")) == 100
        ready.clock.forward(hours=1)
        ready.edit(ready.accounts[1], Name=f"Later {len(full)}")
    done = pulled(ready, full=True, min_share=0.0)
    assert not {"account", "contact"} & set(done.full)
    assert "opportunity" in done.full
    assert done.deleted["opportunity"] == 100
    assert {"Renamed", "Later 0"} <= set(held(ready).values())


def test_fresh_tables_of_yesterday_are_begun_anew(ready: World) -> None:
    ready.org.db.execute('DELETE FROM "Opportunity"')
    with pytest.raises(GuardHalt):
        pulled(ready, full=True)
    ready.clock.forward(days=2)
    assert "account" in pulled(ready, full=True, min_share=0.0).full


def test_a_table_of_two_records_keeps_the_rows_of_the_one_that_is_not_read_in_full(ready: World) -> None:
    ready.clock.forward(days=1)
    ready.setting(
        "mappings/salesforce.toml", '[activity.constant]\nkind = "meeting"', '[activity.constant]\nkind = "event"'
    )
    with ready.work() as work:
        before = [work.mirror.count("activity", record) for record in ("Task", "Event")]
        done = again(work)
        assert [work.mirror.count("activity", record) for record in ("Task", "Event")] == before
    assert before[0] > 100
    assert done.full == ["activity", "activity_contact"]

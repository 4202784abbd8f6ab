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


def test_a_reader_sees_the_old_rows_until_a_full_pull_has_ended_and_the_new_ones_at_once(here: World) -> None:
    pulled(here)
    (before,) = seen(here, LOOK)
    here.clock.forward(days=1)
    here.edit(here.accounts[0], Name="0 renamed", KAM_Why__c="typed")
    looks = []
    pulled(here, full=True, say=lambda line: looks.append(seen(here, LOOK)[0]))
    assert len(looks) > 5
    assert set(looks) == {before}
    (after,) = seen(here, LOOK)
    assert after[:4] == ("0 renamed", 30, 0, before[3] + 1)  # type: ignore[operator]
    assert not seen(here, "SELECT 1 FROM sqlite_master WHERE name LIKE 'fresh%'")
    assert seen(here, "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = 'opportunity_line_opportunity_id'")


def test_a_full_pull_that_was_halted_leaves_the_old_rows_and_its_next_goes_on_where_it_was(here: World) -> None:
    pulled(here)
    here.clock.forward(days=1)
    here.edit(here.accounts[0], Name="Renamed")
    here.org.db.execute('DELETE FROM "Opportunity"')
    for full in (["account", "programme", "contact"], []):
        with pytest.raises(GuardHalt, match="only 0 of 100 rows"):
            pulled(here, full=True)
        assert "Renamed" not in held(here).values()
        assert len(held(here, "opportunity")) == 100
        here.clock.forward(hours=1)
        here.edit(here.accounts[1], Name=f"Later {len(full)}")
    done = pulled(here, full=True, min_share=0.0)
    assert not {"account", "contact"} & set(done.full)
    assert "opportunity" in done.full
    assert done.deleted["opportunity"] == 100
    assert {"Renamed", "Later 0"} <= set(held(here).values())


def test_fresh_tables_of_yesterday_are_begun_anew(here: World) -> None:
    pulled(here)
    here.org.db.execute('DELETE FROM "Opportunity"')
    with pytest.raises(GuardHalt):
        pulled(here, full=True)
    here.clock.forward(days=2)
    assert "account" in pulled(here, full=True, min_share=0.0).full


def test_a_table_of_two_records_keeps_the_rows_of_the_one_that_is_not_read_in_full(here: World) -> None:
    pulled(here)
    here.clock.forward(days=1)
    here.setting(
        "mappings/salesforce.toml", '[activity.constant]\nkind = "meeting"', '[activity.constant]\nkind = "event"'
    )
    with here.work() as work:
        before = [work.mirror.count("activity", record) for record in ("Task", "Event")]
        done = again(work)
        assert [work.mirror.count("activity", record) for record in ("Task", "Event")] == before
    assert before[0] > 100
    assert done.full == ["activity", "activity_contact"]

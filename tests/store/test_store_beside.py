"""Rows that a process of its own stores: the same as without it, whatever becomes of the process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.errors import StoreFault
from connector.store import fresh
from connector.store.mirror import Mirror

NOW = "2026-01-01T00:00:00Z"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    made = Mirror(tmp_path)
    fresh.begin(made, {"contact": frozenset({"Contact"}), "present": frozenset()}, "mark", NOW)
    yield made
    made.close()


def stored(mirror: Mirror, killed_after: int | None = None) -> list[list[tuple[object, ...]]]:
    """Rows and written fields after batches that overlap, are out of order, and hold every kind of value."""
    for number in range(6):
        ids = [f"003{(i * 7919) % 130 + number * 60:05d}" for i in range(130)]
        with mirror.handed() if mirror.may_hand({"contact", "present"}) else mirror.atomic():
            names = [None if n % 3 else f"“{i}\0" for n, i in enumerate(ids)]
            columns = {"id": ids, "name": names, "attitude": [n / 7 for n in range(130)], "is_active": [1] * 130}
            mirror.upsert("contact", "Contact", ids, columns, number)
            mirror.set_present("contact", ids, {"a": names, "b": list(range(130)), "c": [None] * 130})
        if number == killed_after:
            assert mirror._writer is not None
            mirror._writer._process.kill()
    mirror.settled()
    tables = ("SELECT *, rowid FROM fresh_contact ORDER BY rowid", "SELECT * FROM fresh_present ORDER BY 1, 2, 3")
    return [list(mirror.db.conn.execute(sql)) for sql in tables]


@pytest.mark.parametrize("killed_after", [None, 0, 3, 5])
def test_rows_are_the_same_by_a_process_of_its_own_even_when_it_dies(
    mirror: Mirror, tmp_path: Path, killed_after: int | None
) -> None:
    mirror.helped()
    other = Mirror(tmp_path / "other")
    fresh.begin(other, {"contact": frozenset({"Contact"}), "present": frozenset()}, "mark", NOW)
    assert stored(mirror, killed_after) == stored(other)
    other.close()


def test_nothing_is_handed_over_that_readers_see_or_without_that_process(mirror: Mirror) -> None:
    assert not mirror.may_hand({"contact"})
    mirror.helped()
    assert mirror.may_hand({"contact", "present"})
    assert not mirror.may_hand({"contact", "account"})


def test_a_batch_that_cannot_be_stored_is_told_before_anything_else_is(mirror: Mirror) -> None:
    mirror.helped()
    mirror.db.conn.execute("DROP TABLE fresh_present")
    with mirror.handed():
        mirror.upsert("contact", "Contact", ["1"], {"id": ["1"]}, 1)
        mirror.set_present("contact", ["1"], {"a": ["x"]})
    with pytest.raises(StoreFault, match="no such table"), mirror.atomic():
        pytest.fail("a transaction began after rows were lost")
    assert not list(mirror.db.conn.execute("SELECT id FROM fresh_contact"))

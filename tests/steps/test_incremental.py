"""An enrich of what changed ends with the results of an enrich in full; and says why when it computes in full."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import edits
import pytest
from invented import copied, leave
from shared_folders import Once

from connector.engine import KeepingEngine, Outdated
from connector.insight.steps import reads
from connector.steps import enrich as enriching
from connector.store import kept
from connector.store.kept import Kept
from connector.store.mirror import Mirror

DAYS = (8, 0)
MARKS = {"settings changed": "a", "this is another version": "b"}


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """A mirror of no rows, of which something is kept."""
    made = Mirror(tmp_path)
    with made.atomic(), kept.renewed(made) as folder:
        kept.publish(made, Kept(folder.name, 100, MARKS, {"contact": 6_000, "account": 10}))
    yield made
    made.close()


def noted(mirror: Mirror) -> list[tuple[str, str]]:
    """What was noted as changed."""
    return [(r["table"], r["source"]) for r in mirror.rows("SELECT * FROM changed ORDER BY 1, 2")]


@pytest.mark.parametrize(("revenue", "days"), [("contracts", DAYS[:1]), ("won_deals", DAYS[1:])])
def test_after_random_edits_and_days_the_results_are_those_of_a_full_enrich(
    revenue: str, days: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, once: Once
) -> None:
    # In so small a company a day touches most accounts; the test is about taking over the others.
    monkeypatch.setattr(enriching, "_MOST_CHANGED", 1.0)
    said = []
    for done in edits.rounds(tmp_path, 1, days, revenue=revenue, begin=partial(copied, once("invented", leave))):
        said.append(done.said)
        for table, rows in done.taken_over.items():
            wrong = [(a, b) for a, b in zip(rows, done.in_full[table], strict=True) if a != b]
            assert wrong[:1] == [], f"{table} after {len(said) - 1} rounds: {done.said}"
    assert said[0] == "in full: nothing is kept yet"
    assert all(text.startswith("incremental: ") for text in said[1:]), said


def test_every_writer_notes_what_it_touched_and_only_of_tables_that_are_kept(mirror: Mirror) -> None:
    with mirror.atomic():
        mirror.upsert("contact", "Contact", ["C1", "C2"], {"id": ["C1", "C2"], "name": ["Ada", "Bo"]}, 1)
        mirror.upsert("user", "User", ["U1"], {"id": ["U1"]}, 1)
        mirror.delete("contact", "Contact", ["C3"])
        mirror.upsert("account", "Account", ["A1"], {"id": ["A1"]}, 1)
        mirror.sweep("account", "Account", 2)
    assert noted(mirror) == [("account", "A1"), ("contact", "C1"), ("contact", "C2"), ("contact", "C3")]


def test_too_many_changes_and_emptied_columns_give_up_what_is_kept(mirror: Mirror) -> None:
    ids = [f"C{n}" for n in range(2_001)]
    with mirror.atomic():
        mirror.upsert("contact", "Contact", ids[:2_000], {"id": ids[:2_000]}, 1)
        assert not isinstance(kept.find(mirror), str)
        mirror.upsert("contact", "Contact", ids[2_000:], {"id": ids[2_000:]}, 1)
    assert kept.find(mirror) == "much of contact changed"
    assert noted(mirror) == []
    kept.tidy(mirror)
    assert list((mirror.path.parent / "kept").iterdir()) == []


def test_what_is_kept_holds_for_its_marks_and_for_a_month() -> None:
    held = Kept("folder", 100, MARKS, {})
    assert held.outdated(MARKS, 100) == held.outdated(MARKS, 131) == ""
    assert held.outdated({**MARKS, "settings changed": "z"}, 100) == "settings changed"
    assert held.outdated(MARKS, 60) == "what is kept is 40 days away"


def test_a_mirror_restored_without_its_folder_is_computed_in_full(mirror: Mirror) -> None:
    found = kept.find(mirror)
    assert not isinstance(found, str)
    found[1].rmdir()
    assert kept.find(mirror) == "what was kept is gone"


def test_what_all_accounts_have_to_know_takes_over_nothing_when_it_changed(mirror: Mirror, tmp_path: Path) -> None:
    with KeepingEngine(mirror.path, least=0) as engine:
        engine.keep(reads(), tmp_path)
        engine.run("known", "SELECT 1 AS known", {}, "guard")
    with KeepingEngine(mirror.path, least=0) as engine:
        assert engine.reuse(reads(), tmp_path, []) == 0
        engine.run("known", "SELECT 1 AS known", {}, "guard")
        with pytest.raises(Outdated):
            engine.run("known", "SELECT 0 AS known", {}, "guard")

"""An enrich of what changed ends with the results of an enrich in full; and says why when it computes in full."""

from dataclasses import replace
from pathlib import Path

import edits
import pytest
from invented import invented

from connector.steps import enrich as enriching
from connector.store import kept

DAYS = (0, 1, 0, 7, -3)


def test_after_random_edits_and_days_the_results_are_those_of_a_full_enrich(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In so small a company a day touches most accounts; the test is about taking over the others.
    monkeypatch.setattr(enriching, "_MOST_CHANGED", 1.0)
    said = []
    for done in edits.rounds(tmp_path, 1, DAYS):
        said.append(done.said)
        for table, rows in done.taken_over.items():
            wrong = [(a, b) for a, b in zip(rows, done.in_full[table], strict=True) if a != b]
            assert wrong[:1] == [], f"{table} after {len(said) - 1} rounds: {done.said}"
    assert said[0] == "in full: nothing is kept yet"
    assert all(text.startswith("incremental: ") for text in said[1:]), said


def test_an_enrich_that_can_take_over_nothing_says_why(tmp_path: Path) -> None:
    mirror, context = invented(tmp_path)
    try:
        assert edits.enriched(mirror, context) == "in full: nothing is kept yet"
        assert (
            edits.enriched(mirror, replace(context, as_of=context.as_of + 40))
            == "in full: what is kept is 40 days away"
        )
        assert edits.enriched(mirror, replace(context, known=frozenset())).startswith(
            "in full: what is kept is 40 days"
        )
        kept.forget(mirror, "a person was forgotten")
        assert not list((tmp_path / "kept").iterdir())
        assert edits.enriched(mirror, context) == "in full: a person was forgotten"
    finally:
        mirror.close()

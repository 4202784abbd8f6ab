"""Guarantee 8: with no change in the CRM, thirty nights write to at most one account in a hundred a night."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from nights import company, nights

from connector import job
from connector.workspace import Workspace

NIGHTS, SHARE = 30, 0.01


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Workspace]:
    """The small invented company after its first run."""
    with company("small", tmp_path / "work") as work:
        yield work


def test_thirty_nights_without_a_change_are_calm_and_a_night_repeated_writes_nothing(small: Workspace) -> None:
    accounts = small.mirror.count("account")
    told = list(nights(small, NIGHTS))
    job.run_enrich(small, told[-1].day, remember=True)
    assert job.run_diff(small, told[-1].day).changes == []
    written = sum(n.accounts for n in told)
    columns = Counter(c.column for night in told for c in night.changes)
    assert written / NIGHTS <= SHARE * accounts, f"{written} writes in {NIGHTS} nights: {columns}"

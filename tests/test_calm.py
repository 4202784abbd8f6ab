"""Guarantee 8: with no change in the CRM, thirty nights write to at most one account in a hundred a night."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from nights import company, nights

from connector.workspace import Workspace

NIGHTS, SHARE = 30, 0.01


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Workspace]:
    """The small invented company after its first run."""
    with company("small", tmp_path / "work") as work:
        yield work


def test_thirty_nights_without_a_change_are_calm(small: Workspace) -> None:
    accounts = small.mirror.count("account")
    told = list(nights(small, NIGHTS))
    written = sum(n.accounts for n in told)
    by_column: dict[str, int] = {}
    for night in told:
        for change in night.changes:
            by_column[change.column] = by_column.get(change.column, 0) + 1
    assert written / NIGHTS <= SHARE * accounts, f"{written} writes in {NIGHTS} nights: {by_column}"


def test_the_same_night_again_writes_nothing(small: Workspace) -> None:
    assert small.mirror.count("account") == 300
    (first,) = nights(small, 1)
    (again,) = nights(small, 1)
    assert again.changes == (), first.day

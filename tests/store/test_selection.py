"""Who was chosen and who came near is remembered on the day, survives later days, and a decision taken back is none."""

from pathlib import Path
from typing import Any

import pytest

from connector.store import selection
from connector.store.mirror import Mirror


@pytest.fixture
def mirror(tmp_path: Path) -> Any:
    opened = Mirror(tmp_path)
    yield opened
    opened.close()


def results(*keys: str, names: str = "ABCDEF") -> list[dict[str, Any]]:
    """Accounts ranked by their letter in a programme of two places."""
    return [
        {"id": n, "status": "Key" if n in keys else None, "rank": rank, "cap": 2, "revenue_365_minor": 100 * rank}
        for rank, n in enumerate(names, 1)
        if n in keys or rank <= 4
    ]


def kept(mirror: Mirror) -> dict[str, tuple[Any, ...]]:
    return {r["account_id"]: (r["day"], r["rank"], r["chosen"], r["revenue_minor"]) for r in selection.kept(mirror)}


def test_the_day_a_person_approved_is_kept_with_those_next_in_rank(mirror: Mirror) -> None:
    selection.remember(mirror, 100, results())
    assert kept(mirror) == {}
    selection.remember(mirror, 101, results("A"))
    # Rank 3 and 4 came near; B is within the cap and was not chosen: neither.
    first = {"A": (101, 1, 1, 100), "C": (101, 3, 0, 300), "D": (101, 4, 0, 400)}
    assert kept(mirror) == first
    selection.remember(mirror, 150, results("A", names="DCBAEF"))
    assert kept(mirror) == first


def test_who_is_chosen_later_counts_from_that_day(mirror: Mirror) -> None:
    selection.remember(mirror, 101, results("A"))
    selection.remember(mirror, 300, results("A", "C", names="ABCEDF"))
    assert kept(mirror) == {
        "A": (101, 1, 1, 100), "C": (300, 3, 1, 300), "D": (101, 4, 0, 400), "E": (300, 4, 0, 400),
    }  # fmt: skip


def test_an_approval_taken_back_within_a_quarter_is_no_selection(mirror: Mirror) -> None:
    selection.remember(mirror, 101, results("A"))
    selection.remember(mirror, 140, results("A", "B"))
    selection.remember(mirror, 191, results("B"))
    # A left after 90 days, and with it whoever came near on its day: B's day has its own.
    assert {n: day for n, (day, *_) in kept(mirror).items()} == {"B": 140}
    selection.remember(mirror, 192, results())
    assert kept(mirror) == {}


def test_who_leaves_after_a_quarter_was_chosen_all_the_same(mirror: Mirror) -> None:
    selection.remember(mirror, 101, results("A"))
    selection.remember(mirror, 192, results("B"))
    assert {n: chosen for n, (_, _, chosen, _) in kept(mirror).items()} == {"A": 1, "B": 1, "C": 0, "D": 0}

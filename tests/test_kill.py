"""Guarantee 1: killed at any instant and started again, a run ends as one that was never killed."""

from pathlib import Path

import pytest
from killing import Ending, points, run_killed, run_whole

SEED, POINTS = 20_260_701, 8


@pytest.fixture(scope="module")
def whole(template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ending, list[str], float]:
    """A run that nobody kills."""
    ending, calls, seconds = run_whole(template, tmp_path_factory.mktemp("whole") / "world")
    assert ending.codes[0] == 0
    assert len(ending.ours) == 30
    assert sum(map(len, ending.ours.values())) > 200
    return ending, calls, seconds


@pytest.mark.parametrize("number", range(POINTS))
def test_killed_and_started_again_it_ends_as_if_never_killed(
    number: int, template: Path, tmp_path: Path, whole: tuple[Ending, list[str], float]
) -> None:
    never, calls, seconds = whole
    point = points(SEED, POINTS, calls, seconds)[number]
    ending = run_killed(template, tmp_path / "world", point)
    assert ending.codes[1] == 0, point
    assert ending.ours == never.ours, point
    assert ending.rest == never.rest, point
    assert ending.twice() == [], point
    assert ending.again() == 0, point
    assert ending.unsettled == 0, point
    # Taken up, not begun anew: one run, unless it was killed before it was noted or after it had ended.
    assert ending.runs == 1 or not ending.killed or point.when == "later", point


def test_most_of_the_points_really_kill(whole: tuple[Ending, list[str], float]) -> None:
    _, calls, seconds = whole
    drawn = points(SEED, POINTS, calls, seconds)
    assert {p.when for p in drawn} == {"before", "after", "later"}
    assert any(calls[p.call - 1].endswith("/composite/sobjects") for p in drawn)

"""Guarantee 1: killed at any instant and started again, a run ends as one that was never killed."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from killing import Ending, one_by_one, points, run_killed, run_whole, writing
from world import WORDS

SEED, POINTS = 20_260_701, 8


@dataclass
class Whole:
    """A run that nobody kills: its org as it was, how it ended, its calls, the seconds of its computing."""

    kind: str
    template: Path
    ending: Ending
    calls: list[str]
    seconds: float


@pytest.fixture(scope="module", params=list(WORDS))
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A run that nobody kills, in each CRM."""
    kind = request.param
    template = request.getfixturevalue("template" if kind == "salesforce" else "dynamics_template")
    ending, calls, seconds = run_whole(template, tmp_path_factory.mktemp("whole") / "world", kind)
    assert ending.codes[0] == 0
    assert len(ending.ours) == 30
    assert sum(map(len, ending.ours.values())) > 200
    return Whole(kind, template, ending, calls, seconds)


@pytest.mark.parametrize("number", range(POINTS))
def test_killed_and_started_again_it_ends_as_if_never_killed(number: int, tmp_path: Path, whole: Whole) -> None:
    never = whole.ending
    point = points(SEED, POINTS, whole.calls, whole.seconds)[number]
    ending = run_killed(whole.template, tmp_path / "world", point, whole.kind, batch=one_by_one(number))
    assert ending.codes[1] == 0, point
    assert ending.ours == never.ours, point
    assert ending.rest == never.rest, point
    assert ending.twice() == [], point
    assert ending.again() == 0, point
    assert ending.unsettled == 0, point
    # Taken up, not begun anew: one run, unless it was killed before it was noted or after it had ended.
    assert ending.runs == 1 or not ending.killed or point.when == "later", point


def test_most_of_the_points_really_kill(whole: Whole) -> None:
    drawn = points(SEED, POINTS, whole.calls, whole.seconds)
    assert {p.when for p in drawn} == {"before", "after", "later"}
    at_writes = [one_by_one(n) for n, p in enumerate(drawn) if p.call in writing(whole.calls)]
    assert {True, False} == set(at_writes)

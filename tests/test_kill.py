"""Guarantee 1: killed at any instant and started again, a run ends as one that was never killed."""

import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from forked import Forked
from killing import KIND, Ending, job_of, one_by_one, points, run_killed, run_whole, writing
from shared_folders import Once

SEED, POINTS = 20_260_701, 8


@dataclass
class Whole:
    """A run that nobody kills: the path it took, its org as it was, how it ended, the seconds of its computing."""

    path: str
    template: Path
    ending: Ending
    seconds: float


def begun(address: Path, words: Sequence[str], environ: Mapping[str, str], script: Path | None) -> Forked:
    """A process that needs no seconds to begin; the benchmark begins real ones."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    try:
        wish = {"words": words, "environ": environ, "folder": os.sep, "script": str(script or "")}
        return Forked(str(address), wish, [nowhere] * 3)
    finally:
        os.close(nowhere)


@pytest.fixture(scope="module", params=list(KIND))
def whole(request: pytest.FixtureRequest, once: Once, forks: Path) -> Whole:
    """A run that nobody kills, on each path."""
    path = request.param
    template = request.getfixturevalue("dynamics_template" if path == "dynamics" else "template")

    def make(folder: Path) -> None:
        told = run_whole(template, folder / "world", path, begin=partial(begun, forks))
        (folder / "told").write_bytes(pickle.dumps(told))

    ending, seconds = pickle.loads((once(f"whole-{path}", make) / "told").read_bytes())
    assert ending.codes[0] == 0
    assert len(ending.ours) == 30
    assert sum(map(len, ending.ours.values())) > 200
    assert (ending.made() > 2) == (path == "bulk")
    return Whole(path, template, ending, seconds)


@pytest.mark.parametrize("number", range(POINTS))
def test_killed_and_started_again_it_ends_as_if_never_killed(
    number: int, tmp_path: Path, whole: Whole, forks: Path
) -> None:
    never = whole.ending
    point = points(SEED, POINTS, never.calls, whole.seconds)[number]
    begin, batch = partial(begun, forks), one_by_one(number)
    ending = run_killed(whole.template, tmp_path / "world", point, whole.path, batch=batch, begin=begin)
    assert ending.codes[1] == 0, point
    assert ending.ours == never.ours, point
    assert ending.rest == never.rest, point
    assert ending.twice() == [], point
    assert ending.again() == 0, point
    assert ending.unsettled == 0, point
    assert ending.excess(never) == [], point
    # Taken up, not begun anew: one run, unless it was killed before it was noted or after it had ended.
    assert ending.runs == 1 or not ending.killed or point.when == "later", point


def test_most_of_the_points_really_kill(whole: Whole) -> None:
    calls = whole.ending.calls
    drawn = points(SEED, POINTS, calls, whole.seconds)
    if whole.path == "bulk":
        assert {p.when for p in drawn} == {"before", "after", "later", "running"}
        assert {"query", "ingest"} == {k for p in drawn if p.when == "running" and (k := job_of(calls, p))}
        return
    assert {p.when for p in drawn} == {"before", "after", "later"}
    at_writes = [one_by_one(n) for n, p in enumerate(drawn) if p.call in writing(calls)]
    assert {True, False} == set(at_writes)

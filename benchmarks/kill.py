"""Guarantee 1 at many points: kill a first run of 30 accounts at 60 seeded moments, start it again, compare.

`--path` names one way to the CRM: rest and bulk are Salesforce by small calls and by jobs; all are done without it. A
third of the moments lie at the write (by jobs: half at a job's calls, a quarter while a job is running at the server);
each is before a call is carried out, after it, or a while after its answer. Stamps are left out of the comparison.
Exits with 1 when one point ends otherwise than a run that was never killed.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from killing import KIND, Ending, one_by_one, points, run_killed, run_whole
from world import make_template

POINTS, SEED = 60, 1


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", choices=list(KIND), action="append")
    parser.add_argument("--points", type=int, default=POINTS)
    asked = parser.parse_args()
    wrong = [_measure(path, asked.points) for path in asked.path or KIND]
    return 1 if any(wrong) else 0


def _measure(path: str, count: int) -> int:
    """Kill at so many points on one path and print what came of it; the number of runs that ended otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "template").mkdir()
        template = make_template(root / "template", KIND[path])
        never, seconds = run_whole(template, root / "never", path)
        ended, took = [], []
        for number, point in enumerate(points(SEED, count, never.calls, seconds)):
            began = time.monotonic()
            ended.append(run_killed(template, root / str(number), point, path, batch=one_by_one(number)))
            took.append(time.monotonic() - began)
    wrong = [e for e in ended if not _alike(e, never)]
    print(f"{datetime.now(UTC):%Y-%m-%d} {path}: {count} points over {len(never.calls)} calls, {seconds:.1f} s a run")
    print("moments: " + ", ".join(f"{n} {when}" for when, n in Counter(e.point.when for e in ended).items()))
    print(f"killed: {sum(e.killed for e in ended)}, ended before the kill: {sum(not e.killed for e in ended)}")
    print(f"same CRM state as never killed: {count - len(wrong)} of {count}")
    print(f"cells written twice with a different value: {sum(len(e.twice()) for e in ended)}")
    print(f"cells sent again with the same value: {sum(e.again() for e in ended)}")
    print(f"journal rows left open: {sum(e.unsettled for e in ended)}")
    print(f"jobs made or left behind without need: {sum(len(e.excess(never)) for e in ended)}")
    print(f"kill and restart: {statistics.median(took):.1f} s in the median")
    for ending in wrong:
        print(f"WRONG at {ending.point}: exit codes {ending.codes}, cells written twice {ending.twice()[:3]}")
        print(f"  jobs without need: {ending.excess(never)}")
    return len(wrong)


def _alike(ending: Ending, never: Ending) -> bool:
    same = ending.ours == never.ours and ending.rest == never.rest
    return same and not (ending.twice() or ending.unsettled or ending.codes[1] or ending.excess(never))


if __name__ == "__main__":
    sys.exit(main())

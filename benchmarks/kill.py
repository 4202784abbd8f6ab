"""Guarantee 1 at many points: kill a first run of 30 accounts at 60 seeded moments, start it again, compare.

`--crm` names one CRM; both are done without it. A third of the moments lie at the write; each is before a call is
carried out, after it, or a while after its answer. Stamps are left out of the comparison. Exits with 1 when one point
ends otherwise than a run that was never killed.
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

from killing import Ending, one_by_one, points, run_killed, run_whole
from world import WORDS, make_template

POINTS, SEED = 60, 1


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crm", choices=list(WORDS), action="append")
    parser.add_argument("--points", type=int, default=POINTS)
    asked = parser.parse_args()
    wrong = [_measure(kind, asked.points) for kind in asked.crm or WORDS]
    return 1 if any(wrong) else 0


def _measure(kind: str, count: int) -> int:
    """Kill at so many points in one CRM and print what came of it; the number of runs that ended otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "template").mkdir()
        template = make_template(root / "template", kind)
        never, calls, seconds = run_whole(template, root / "never", kind)
        ended, took = [], []
        for number, point in enumerate(points(SEED, count, calls, seconds)):
            began = time.monotonic()
            ended.append(run_killed(template, root / str(number), point, kind, batch=one_by_one(number)))
            took.append(time.monotonic() - began)
    wrong = [e for e in ended if not _alike(e, never)]
    print(f"{datetime.now(UTC):%Y-%m-%d} {kind}: {count} points over {len(calls)} calls, {seconds:.1f} s of computing")
    print("moments: " + ", ".join(f"{n} {when}" for when, n in Counter(e.point.when for e in ended).items()))
    print(f"killed: {sum(e.killed for e in ended)}, ended before the kill: {sum(not e.killed for e in ended)}")
    print(f"same CRM state as never killed: {count - len(wrong)} of {count}")
    print(f"cells written twice with a different value: {sum(len(e.twice()) for e in ended)}")
    print(f"cells sent again with the same value: {sum(e.again() for e in ended)}")
    print(f"journal rows left open: {sum(e.unsettled for e in ended)}")
    print(f"kill and restart: {statistics.median(took):.1f} s in the median")
    for ending in wrong:
        print(f"WRONG at {ending.point}: exit codes {ending.codes}, cells written twice {ending.twice()[:3]}")
    return len(wrong)


def _alike(ending: Ending, never: Ending) -> bool:
    same = ending.ours == never.ours and ending.rest == never.rest
    return same and not ending.twice() and not ending.unsettled and ending.codes[1] == 0


if __name__ == "__main__":
    sys.exit(main())

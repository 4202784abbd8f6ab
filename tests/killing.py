"""Kills `kam` at a chosen moment and starts it again: for the test and the benchmark of guarantee 1.

A template org and a seed come in; how it ended, and what a run that was never killed ends with, leave. Three paths to
the CRM are killed on: Salesforce by small calls, Salesforce by Bulk jobs, Dynamics.
"""

import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from forked import Forked
from world import AS_OF, World, world

from connector.crm import salesforce
from connector.emulator.faults import Faults, Rule
from connector.emulator.salesforce.bulk.jobs import Jobs
from connector.store import runs
from connector.store.remembered import Remembered

JOB = "first_run"
Process = subprocess.Popen[bytes] | Forked
Begin = Callable[..., Process]
STEPS = 400  # a moment after a call is drawn from so many parts of a whole run's computing
BATCH = "/$batch"
WRITES = ("/composite/sobjects", "/Microsoft.Dynamics.CRM.UpdateMultiple")
KIND = {"rest": "salesforce", "bulk": "salesforce", "dynamics": "dynamics"}  # by path
# Jobs for what is many here, small calls for the rest; several pages to a job, and three batches to an upload.
BULK = "[crm]\nbulk_read_rows = 30\nbulk_write_rows = 1\nbulk_page_rows = 40\n"
BATCH_ROWS = 10
JOB_CALL = re.compile(r"/jobs/(query|ingest)(/|$)")
POLL = re.compile(r"GET .*/jobs/(query|ingest)/\w+$")


@dataclass(frozen=True)
class Point:
    """When to kill: at the n-th call of the run, before it is carried out, after it, or a while after its answer.

    `running`: the call begins a job, and the kill comes when it is first asked after; the job is not done by then.
    """

    call: int
    when: str
    wait: float = 0.0


class Killer(Faults):
    """Faults that kill a process at a call: the CRM decides the moment, not a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.point: Point | None = None
        self.process: Process | None = None
        self.calls: list[str] = []
        self.timer: threading.Timer | None = None
        self.jobs: Jobs | None = None  # the server's, where it has some
        self.held = 0  # questions that are yet to find the job running

    def striking(self, method: str, path: str) -> list[Rule]:
        """Count the call; the chosen one is the process's last, or nearly so."""
        self.calls.append(call := f"{method} {path}")
        point, process = self.point, self.process
        if self.held and POLL.match(call):
            self.held -= 1
            if point is not None and process is not None:
                process.kill()
                return [Rule("hangup")]
            if not self.held:
                self._hold(None)
        if point is None or process is None or len(self.calls) != point.call:
            return super().striking(method, path)
        if point.when == "running":
            self.held = 3  # the kill's own, one that the next run learns nothing from, and the last
            self._hold(0 if "/query" in path else BATCH_ROWS)
            return []
        if point.when == "later":
            self.timer = threading.Timer(point.wait, process.kill)
            self.timer.start()
            return []
        if point.when == "before":
            process.kill()
            return [Rule("hangup")]
        return [_Last(process)]

    def _hold(self, rows: int | None) -> None:
        """Let jobs stop once they have done so many records, or go on."""
        assert self.jobs is not None
        self.jobs.settings.hold = rows
        self.jobs.changed()


class _Last(Rule):
    """A hangup after the request was carried out; the process is killed when the server gets to it."""

    def __init__(self, process: Process) -> None:
        super().__init__("hangup", when="after")
        self.process = process

    def __getattribute__(self, name: str) -> Any:
        """The server asks for the kind only once the request is carried out."""
        value = super().__getattribute__(name)
        if name == "kind" and "process" in self.__dict__:
            self.process.kill()
        return value


@dataclass
class Ending:
    """How a killed and restarted run ended."""

    point: Point
    killed: bool
    ours: dict[str, dict[str, Any]]
    rest: dict[str, dict[str, Any]]
    writes: list[dict[str, Any]]
    codes: tuple[int, int]
    unsettled: int
    runs: int
    calls: list[str]
    cut: int  # calls of the process that was killed
    lost: int  # query jobs that were made, and no call shows that we knew their number
    left: list[str]  # other jobs that the server still has, and words that are still remembered of jobs

    def made(self, *, again: bool = False) -> int:
        """Query jobs that were made; or those that were made after the kill."""
        return sum(_makes(call) for call in self.calls[self.cut if again else 0 :])

    def excess(self, never: "Ending") -> list[str]:
        """Jobs that were made or left behind without need: one that was begun and not ended is to be taken up.

        A job whose number never reached us can't be taken up or deleted; the server forgets it.
        """
        first = self.calls[: self.cut]
        begun = sum(map(_makes, first)) - sum(c.startswith("DELETE ") and "/jobs/query/" in c for c in first)
        most = never.made() - max(0, begun - self.lost)
        found = [f"{self.made(again=True)} query jobs instead of {most}"] if self.made(again=True) > most else []
        return found + self.left

    def twice(self) -> list[tuple[str, str]]:
        """Cells that were written with more than one value."""
        seen: dict[tuple[str, str], set[str]] = {}
        for write in self.writes:
            for name, value in write["values"].items():
                seen.setdefault((write["id"], name), set()).add(str(value))
        return sorted(cell for cell, values in seen.items() if len(values) > 1)

    def again(self) -> int:
        """Cells that were sent more than once, whatever the value."""
        cells = [(w["id"], name) for w in self.writes for name in w["values"]]
        return len(cells) - len(set(cells))


def writing(calls: list[str]) -> list[int]:
    """Numbers of the calls that write: a `$batch` only after it was asked whether the table takes several records."""
    asked = next((n for n, call in enumerate(calls) if call.endswith("/sdkmessagefilters")), len(calls))
    return [n for n, call in enumerate(calls, 1) if call.endswith(WRITES) or (call.endswith(BATCH) and n > asked)]


def one_by_one(number: int) -> bool:
    """Whether a Dynamics of this point takes records in a `$batch` only: so both ways of writing meet the kill."""
    return number // 4 % 2 == 1


def _makes(call: str) -> bool:
    return call.startswith("POST ") and call.endswith("/jobs/query")


def job_of(calls: list[str], point: Point) -> str:
    """Which kind of job a point's call is about: query, ingest or none."""
    found = JOB_CALL.search(calls[point.call - 1]) if point.call else None
    return found[1] if found else ""


def points(seed: int, count: int, calls: list[str], seconds: float) -> list[Point]:
    """Seeded moments over a run of these calls: a third of them at the writes, where it hurts most.

    Where jobs were made, half of the moments lie at a job's calls, and a quarter while a job is running.
    """
    if any(map(JOB_CALL.search, calls)):
        return _job_points(seed, count, calls, seconds)
    dice = random.Random(seed)
    writes = writing(calls)
    made = []
    for n in range(count):
        when = ("before", "after", "later")[n % 3]
        call = dice.choice(writes) if writes and n % 3 == (n // 3) % 3 else dice.randint(1, len(calls))
        wait = dice.randrange(STEPS) / STEPS * seconds if when == "later" else 0.0
        made.append(Point(call, when, wait))
    return made


def _job_points(seed: int, count: int, calls: list[str], seconds: float) -> list[Point]:
    dice = random.Random(seed)
    numbered = list(enumerate(calls, 1))
    reads = [n for n, call in numbered if "/jobs/query" in call]
    writes = [n for n, call in numbered if "/jobs/ingest" in call]
    begun = [n for n, call in numbered if call.startswith("POST ") and call.endswith("/jobs/query")]
    closed = [n for n, call in numbered if call.startswith("PATCH ") and "/jobs/ingest/" in call]
    made = []
    for n in range(count):
        when = ("running", "before", "after", "later")[n % 4]
        if when == "running":
            among = (begun, closed)[n // 4 % 2]
        else:
            among = (writes, reads, list(range(1, len(calls) + 1)))[(n + n // 4) % 3]
        wait = dice.randrange(STEPS) / STEPS * seconds if when == "later" else 0.0
        made.append(Point(dice.choice(among), when, wait))
    return made


def as_process(words: Sequence[str], environ: Mapping[str, str], script: Path | None) -> Process:
    """Begin a `kam` as a shell does."""
    begun = [sys.executable, *([str(script)] if script else ["-m", "connector"]), *words]
    return subprocess.Popen(begun, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ)


def run_killed(
    template: Path, folder: Path, point: Point, path: str = "rest", *, batch: bool = False, begin: Begin = as_process
) -> Ending:
    """Start the job as a process, kill it at a point, and run it again until it ends by itself."""
    killer = Killer()
    with _world(template, folder, killer, path) as here:
        if batch and path == "dynamics":
            here.org.db.execute("DELETE FROM sdkmessagefilter WHERE primaryobjecttypecode = 'account'")
        killer.point = point
        first = _start(here, killer, path, begin)
        killer.point, cut = None, len(killer.calls)
        second = here.run(JOB).code
        return _ending(here, killer, point, (first, second), cut)


def run_whole(template: Path, folder: Path, path: str = "rest", *, begin: Begin = as_process) -> tuple[Ending, float]:
    """Run a job that nobody kills: how it ended, and the seconds that a run without a write takes."""
    killer = Killer()
    with _world(template, folder, killer, path) as here:
        code = _start(here, killer, path, begin)
        ending = _ending(here, killer, Point(0, "never"), (code, 0), 0)
        began = time.monotonic()
        here.run("preview")
        return ending, time.monotonic() - began


@contextmanager
def _world(template: Path, folder: Path, killer: Killer, path: str) -> Iterator[World]:
    with world(template, folder, faults=killer, kind=KIND[path]) as here:
        if path != "bulk":
            yield here
            return
        here.setting("config.toml", "[crm]\n", BULK)
        # The server closes its jobs when it ends, and is asked for nothing else of them.
        killer.jobs = next(c.__self__ for c in here.running.site.closing if isinstance(c.__self__, Jobs))
        killer.jobs.settings.batch_rows = BATCH_ROWS
        # What is waited for is killed at a call, so the seconds between two calls prove nothing.
        with patch.dict(salesforce.connect.__kwdefaults__, sleep=lambda _: None):
            yield here


def _start(here: World, killer: Killer, path: str, begin: Begin) -> int:
    """Run the job as a process of its own; its exit code, negative when it was killed."""
    words = ("run", JOB, "--as-of", AS_OF.isoformat(), "--dir", str(here.folder))
    with begin(words, here.shell(), Path(__file__).with_name("hasty.py") if path == "bulk" else None) as process:
        killer.process = process
        code = process.wait()
        if killer.timer is not None:
            killer.timer.cancel()
            killer.timer.join()
    killer.process = None
    return code


def _ending(here: World, killer: Killer, point: Point, codes: tuple[int, int], cut: int) -> Ending:
    calls = list(killer.calls)
    there = killer.jobs.all if killer.jobs else {}
    told = " ".join(calls)
    lost = {i for i in there if i not in told}
    left = [f"{job.operation} {job.state}" for i, job in there.items() if i not in lost]
    with here.work() as work:
        unsettled = len(work.journal.unsettled())
        held = len(runs.latest(work.journal))
        left += [word for word in Remembered(work.journal) if not word.startswith("speed ")]
    return Ending(
        point, codes[0] < 0, here.ours(), _rest(here), here.writes(), codes, unsettled, held, calls, cut,
        sum(there[i].kind == "query" for i in lost), left,
    )  # fmt: skip


def _rest(here: World) -> dict[str, dict[str, Any]]:
    """Everything on the accounts that is not ours."""
    ours = here.words.ours
    return {i: {k: v for k, v in row.items() if not k.startswith(ours)} for i, row in here.state().items()}

"""Kills `kam` at a chosen moment and starts it again: for the test and the benchmark of guarantee 1.

A template org and a seed come in; how it ended, and what a run that was never killed ends with, leave.
"""

import random
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from world import AS_OF, World, world

from connector.emulator.faults import Faults, Rule
from connector.store import runs

JOB = "first_run"
STEPS = 400  # a moment after a call is drawn from so many parts of a whole run's computing
BATCH = "/$batch"
WRITES = ("/composite/sobjects", "/Microsoft.Dynamics.CRM.UpdateMultiple")


@dataclass(frozen=True)
class Point:
    """When to kill: at the n-th call of the run, before it is carried out, after it, or a while after its answer."""

    call: int
    when: str
    wait: float = 0.0


class Killer(Faults):
    """Faults that kill a process at a call: the CRM decides the moment, not a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.point: Point | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.calls: list[str] = []
        self.timer: threading.Timer | None = None

    def striking(self, method: str, path: str) -> list[Rule]:
        """Count the call; the chosen one is the process's last, or nearly so."""
        self.calls.append(f"{method} {path}")
        point, process = self.point, self.process
        if point is None or process is None or len(self.calls) != point.call:
            return super().striking(method, path)
        if point.when == "later":
            self.timer = threading.Timer(point.wait, process.kill)
            self.timer.start()
            return []
        if point.when == "before":
            process.kill()
            return [Rule("hangup")]
        return [_Last(process)]


class _Last(Rule):
    """A hangup after the request was carried out; the process is killed when the server gets to it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
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


def points(seed: int, count: int, calls: list[str], seconds: float) -> list[Point]:
    """Seeded moments over a run of these calls: a third of them at the writes, where it hurts most."""
    dice = random.Random(seed)
    writes = writing(calls)
    made = []
    for n in range(count):
        when = ("before", "after", "later")[n % 3]
        call = dice.choice(writes) if writes and n % 3 == (n // 3) % 3 else dice.randint(1, len(calls))
        wait = dice.randrange(STEPS) / STEPS * seconds if when == "later" else 0.0
        made.append(Point(call, when, wait))
    return made


def run_killed(template: Path, folder: Path, point: Point, kind: str = "salesforce", *, batch: bool = False) -> Ending:
    """Start the job as a process, kill it at a point, and run it again until it ends by itself."""
    killer = Killer()
    with world(template, folder, faults=killer, kind=kind) as here:
        if batch and kind == "dynamics":
            here.org.db.execute("DELETE FROM sdkmessagefilter WHERE primaryobjecttypecode = 'account'")
        killer.point = point
        first = _start(here, killer)
        killer.point = None
        second = here.run(JOB).code
        return _ending(here, point, (first, second))


def run_whole(template: Path, folder: Path, kind: str = "salesforce") -> tuple[Ending, list[str], float]:
    """Run a job that nobody kills: how it ended, its calls, and the seconds that a run without a write takes."""
    killer = Killer()
    with world(template, folder, faults=killer, kind=kind) as here:
        code = _start(here, killer)
        ending, counted = _ending(here, Point(0, "never"), (code, 0)), len(killer.calls)
        began = time.monotonic()
        here.run("preview")
        return ending, killer.calls[:counted], time.monotonic() - began


def _start(here: World, killer: Killer) -> int:
    """Run the job as a process of its own; its exit code, negative when it was killed."""
    words = here.command("run", JOB, "--as-of", AS_OF.isoformat())
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=here.shell()) as process:
        killer.process = process
        code = process.wait()
        if killer.timer is not None:
            killer.timer.cancel()
            killer.timer.join()
    return code


def _ending(here: World, point: Point, codes: tuple[int, int]) -> Ending:
    with here.work() as work:
        unsettled = len(work.journal.unsettled())
        held = len(runs.latest(work.journal))
    return Ending(point, codes[0] < 0, here.ours(), _rest(here), here.writes(), codes, unsettled, held)


def _rest(here: World) -> dict[str, dict[str, Any]]:
    """Everything on the accounts that is not ours."""
    ours = here.words.ours
    return {i: {k: v for k, v in row.items() if not k.startswith(ours)} for i, row in here.state().items()}

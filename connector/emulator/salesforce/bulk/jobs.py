"""Jobs and how they go on: each works in a thread of its own, and its state is what polls and the clock let it show.

A job and its work come in; states, counts and an end leave: JobComplete, Failed or Aborted.
Next room: `query_jobs` and `ingest_jobs`, which make them.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.emulator.salesforce.bulk.settings import Settings
from connector.emulator.salesforce.bulk.tables import Table
from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.org.rows.values import instant

RUNNING = ("UploadComplete", "InProgress")
ENDED = ("JobComplete", "Failed", "Aborted")
PATIENCE = 0.3  # seconds that a poll waits for work that is nearly done, so that small jobs are done at the first poll
KEPT_DAYS = 7
log = logging.getLogger(__name__)


@dataclass
class Job:
    """One job; `wish` is what its creator asked for."""

    id: str
    kind: str  # query or ingest
    operation: str
    object: str
    user_id: str
    version: str
    created: datetime
    wish: dict[str, Any]
    state: str = "Open"
    changed: datetime = field(init=False)
    processed: int = 0
    failed: int = 0
    message: str | None = None
    tables: dict[str, Table] = field(default_factory=dict)
    outcome: str = ""  # the state that it will have once its end shows
    finished: threading.Event = field(default_factory=threading.Event)
    ended: datetime | None = None  # when the work was done, whenever that shows
    stop: bool = False
    polls: int = 0
    queued: datetime | None = None
    upload: Any = None  # the file that was sent, until it has been worked on

    def __post_init__(self) -> None:
        self.changed = self.created


class Stopped(Exception):
    """The job is to end before its work is done."""


class Failure(Exception):
    """The whole job fails; the text is its errorMessage."""


class Jobs:
    """All jobs of one org."""

    def __init__(self, org: Org, settings: Settings) -> None:
        self.org, self.settings = org, settings
        self.all: dict[str, Job] = {}
        self._turn = threading.Condition()
        self._threads: list[threading.Thread] = []
        self.closed = False

    def open(self, kind: str, operation: str, name: str, user_id: str, version: str, wish: dict[str, Any]) -> Job:
        """Make a job that does not work yet."""
        self._forget_old()
        now = self.org.clock()
        job = Job(self.org.new_id("750"), kind, operation, name, user_id, version, now, wish)
        self.all[job.id] = job
        return job

    def find(self, job_id: str, kind: str) -> Job:
        """The job of this id, its state brought up to date."""
        self._forget_old()
        job = next((one for one in self.listed(kind) if one.id[:15] == job_id[:15]), None)
        if job is None or len(job_id) not in (15, 18):
            raise Problem(404, "NOT_FOUND", "The requested resource does not exist")
        self.settle(job)
        return job

    def listed(self, *kinds: str) -> list[Job]:
        """The jobs of these kinds, the oldest first."""
        return [job for job in list(self.all.values()) if job.kind in kinds]

    def start(self, job: Job, work: Callable[[Job], None]) -> None:
        """Let a job begin to work."""
        job.state, job.queued = "UploadComplete", self.org.clock()
        job.changed = job.queued
        thread = threading.Thread(target=self._work, args=(job, work), name=f"bulk-{job.id}", daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()

    def settle(self, job: Job, *, poll: bool = False) -> None:
        """Bring the state up to date: what the work has come to shows after so many polls and seconds."""
        if job.state not in RUNNING or job.queued is None:
            return
        job.polls += poll
        passed = (self.org.clock() - job.queued).total_seconds()
        if job.polls >= self.settings.polls + poll and passed >= self.settings.seconds:
            if poll and not self._holding(job):
                job.finished.wait(PATIENCE)
            if job.finished.is_set():
                self._change(job, job.outcome)
                return
        if poll and job.state == "UploadComplete":
            self._change(job, "InProgress")

    def turn(self, job: Job) -> None:
        """Wait while the job is held; call it without the org's lock."""
        with self._turn:
            while self._holding(job) and not (job.stop or self.closed):
                self._turn.wait()

    @contextmanager
    def step(self, job: Job) -> Iterator[None]:
        """Do one stretch of a job's work, which nothing can interrupt; raises Stopped when the job is to end."""
        self.turn(job)
        with self.org.lock:
            if job.stop or self.closed:
                raise Stopped
            yield

    def end(self, job: Job, state: str, message: str | None = None) -> None:
        """End a job at once, as an admin or its owner may; what is done stays done."""
        with self.org.lock:  # no stretch of work is under way, and none will begin
            job.stop, job.message = True, message
            self._change(job, state)
        self.changed()

    def steer(self, wish: dict[str, str]) -> None:
        """End jobs from outside, by id or `*` for all that are not at their end: Aborted, Failed or Deleted."""
        for job_id, state in wish.items():
            if state not in ("Aborted", "Failed", "Deleted"):
                raise ValueError(f"a job can be made Aborted, Failed or Deleted, not {state!r}")
            for job in [one for one in self.listed("query", "ingest") if job_id in ("*", one.id)]:
                self.settle(job)
                if state == "Deleted":
                    self.delete(job)
                elif job.state not in ENDED:
                    self.end(job, state, "InternalServerError : An admin ended this job" if state == "Failed" else None)

    def delete(self, job: Job) -> None:
        """Forget a job and its results; an answer that is on its way still gets through."""
        with self.org.lock:
            job.stop = True
            self.all.pop(job.id, None)
        self.changed()
        if job.upload is not None and job.queued is None:  # nobody will work on it any more
            job.upload.close()

    def changed(self) -> None:
        """Let held jobs look again whether they may go on."""
        with self._turn:
            self._turn.notify_all()

    def close(self) -> None:
        """End all work; called when the server stops."""
        self.closed = True
        self.changed()
        for thread in self._threads:
            thread.join()
        for job in self.listed("query", "ingest"):
            self.delete(job)

    def _holding(self, job: Job) -> bool:
        return self.settings.hold is not None and job.processed >= self.settings.hold

    def _work(self, job: Job, work: Callable[[Job], None]) -> None:
        try:
            work(job)
            job.outcome = "JobComplete"
        except Stopped:
            job.outcome = "Aborted"
        except (Failure, Problem) as failure:
            job.outcome, job.message = "Failed", str(failure)
        except Exception as error:  # the emulator's own fault: it must show, in the log and in the job
            log.exception("job %s failed inside the emulator", job.id)
            job.outcome, job.message = "Failed", f"InternalServerError : {type(error).__name__}: {error}"
        finally:
            job.ended = self.org.clock()
            job.finished.set()

    def _change(self, job: Job, state: str) -> None:
        job.state, job.changed = state, self.org.clock()

    def _forget_old(self) -> None:
        now = self.org.clock()
        for job in self.listed("query", "ingest"):
            if (now - job.created).days >= KEPT_DAYS:
                self.delete(job)


def spent(job: Job) -> int:
    """Milliseconds that the work has taken."""
    return max(0, int(((job.ended or job.changed) - (job.queued or job.created)).total_seconds() * 1000))


def common_facts(job: Job) -> dict[str, Any]:
    """What every answer about a job says, in the service's order."""
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.object,
        "createdById": job.user_id,
        "createdDate": instant(job.created.replace(microsecond=0)),
        "systemModstamp": instant(job.changed.replace(microsecond=0)),
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version),
    }

"""Runs of a single command: noted from beginning to end like a job's, and looks at another day that change nothing.

A workspace comes in; a run's ending, or results on a copy of the mirror, are there inside the block. Next room: `job`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from connector.config import Config
from connector.errors import GuardHalt, KamError, RowsRefused
from connector.job import run_enrich
from connector.steps.write_back import REFUSED, Written
from connector.store import runs
from connector.workspace import Workspace, stamp


@dataclass
class Ending:
    """How a run outside the jobs goes: its number, counts, and the exit code so far."""

    run: int
    counts: dict[str, Any] = field(default_factory=dict)
    code: int = 0

    def wrote(self, written: Written) -> None:
        """Note what a write came to."""
        self.counts["write_back"] = written.records
        self.code = RowsRefused.code if written.records.get(REFUSED) else 0


@contextmanager
def recorded(work: Workspace, name: str, as_of: str, undoes: int | None = None) -> Iterator[Ending]:
    """A run of a single command, noted from its beginning to whatever ending it takes."""
    ending = Ending(runs.begin(work.journal, name, as_of, stamp(work.clock()), undoes=undoes).id)
    state, message = "done", ""
    try:
        yield ending
    except KamError as error:
        state, message = ("halted" if isinstance(error, GuardHalt) else "failed"), str(error)
        ending.code = error.code
        raise
    except BaseException as error:
        state, message, ending.code = "failed", type(error).__name__, 1
        raise
    finally:
        runs.note(work.journal, ending.run, state, ending.counts)
        runs.end(work.journal, ending.run, state, ending.code, message, stamp(work.clock()))


@contextmanager
def aside(work: Workspace, as_of: str, config: Config | None = None) -> Iterator[None]:
    """Results of another day, or by other settings, on a copy of the mirror: looking never changes what is written."""
    real, given = work.mirror, work.config
    with TemporaryDirectory(dir=work.config.store_dir, prefix="aside-") as folder:
        work.mirror = real.copy(Path(folder))
        work.config = config or given
        try:
            run_enrich(work, as_of)
            yield
        finally:
            work.mirror.close()
            work.mirror, work.config = real, given

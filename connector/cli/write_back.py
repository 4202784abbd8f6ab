"""`kam write-back`: write the changes, or release exactly the list that a guard halted."""

from dataclasses import replace
from pathlib import Path

import click

from connector import job
from connector.cli import shared
from connector.cli.diff import enriched_day
from connector.errors import RowsRefused, UsageFault
from connector.single import recorded
from connector.steps.diff import Diff, Guards
from connector.steps.write_back import REFUSED, Written, parents, settle, unchanged, write_back
from connector.store import runs
from connector.workspace import Workspace


@click.command("write-back", epilog="Example: kam write-back --approve 12")
@click.option("--dry-run", is_flag=True, help="Show the changes, write nothing.")
@click.option("--pilot", type=click.IntRange(min=1), metavar="N", help="Write the first N accounts only.")
@click.option("--approve", type=int, metavar="RUN", help="Write exactly the list that a guard halted in this run.")
@shared.folder_option
@shared.json_option
@click.pass_context
def command(
    ctx: click.Context, dry_run: bool, pilot: int | None, approve: int | None, folder: Path | None, as_json: bool
) -> None:
    """Write the changes of the newest results."""
    with shared.workspace(folder) as work, runs.lock(work.journal.path.parent):
        settle(work.pen())
        day = enriched_day(work)
        found = _approved(work, approve) if approve is not None else job.run_diff(work, day)
        if pilot is not None:
            first = list(dict.fromkeys(c.id for c in found.changes))[:pilot]
            found.changes = [c for c in found.changes if c.id in set(first)]
        if dry_run:
            shared.show_dry(found.changes, as_json)
            if way := job.way_of(work, found.changes):
                shared.say(f"write back: would go {way}")
            return
        written, number = send(work, day, found, approved=approve is not None)
        if approve is not None and pilot is None:
            work.journal.meta("approved", str(approve))  # production: a whole list was looked at once
        if as_json:
            shared.show_json(number, shared.change_rows(found.changes), counts=written.records)
        else:
            click.echo(f"run {number}: {job.words(written.records)}")
    ctx.exit(RowsRefused.code if written.records.get(REFUSED) else 0)


def send(
    work: Workspace, day: str, found: Diff, *, approved: bool = False, job_name: str = "write-back"
) -> tuple[Written, int]:
    """Write changes as a run of their own, past the guards unless a person approved them; counts and run number."""
    with recorded(work, job_name, day) as ending, shared.progress() as work.tell:
        _drop_stale(work, found)
        if approved:
            written = write_back(work.pen(), ending.run, found.changes, parents(work.mirror, found.changes))
        else:
            written = job.guarded_write(work, ending.run, day, Guards(), found)
        ending.wrote(written)
    return written, ending.run


def _drop_stale(work: Workspace, found: Diff) -> None:
    """Ask the CRM once more: the pull may be days old, and what a person edited since is not what was shown."""
    still = unchanged(work.pen(), found.changes)
    if len(still) < len(found.changes):
        gone = len(found.changes) - len(still)
        shared.say(f"note: {gone} of {len(found.changes)} values changed since they were shown; left alone")
    found.changes = still


def _approved(work: Workspace, run: int) -> Diff:
    """The halted list of a run, with the names of its accounts."""
    listed = work.journal.halted(run)
    if not listed:
        raise UsageFault(f"write-back --approve {run}: run {run} was not halted by a guard. Look: kam runs")
    known = work.fieldmap.writes()
    names = {r["id"]: r["name"] for r in work.mirror.rows("SELECT id, name FROM account")}
    return Diff(changes=[replace(c, name=names.get(c.id) or "") for c in listed if (c.table, c.column) in known])

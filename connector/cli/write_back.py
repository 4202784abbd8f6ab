"""`kam write-back`: write the changes, or release exactly the list that a guard halted."""

from pathlib import Path

import click

from connector import job
from connector.cli import shared
from connector.cli.diff import enriched_day
from connector.errors import GuardHalt, RowsRefused, UsageFault
from connector.schema import Change
from connector.steps.diff import Diff, Guards, same
from connector.steps.write_back import REFUSED, Written, settle, write_back
from connector.store import runs
from connector.workspace import Workspace, stamp


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
            return
        written, number = send(work, day, found, approved=approve is not None)
        if as_json:
            shared.show_json(number, shared.change_rows(found.changes), counts=written.records)
        else:
            click.echo(f"run {number}: {job.words(written.records)}")
    ctx.exit(RowsRefused.code if written.records.get(REFUSED) else 0)


def send(
    work: Workspace, day: str, found: Diff, *, approved: bool = False, job_name: str = "write-back"
) -> tuple[Written, int]:
    """Write changes as a run of their own, past the guards unless a person approved them; counts and run number."""
    current = runs.begin(work.journal, job_name, day, stamp(work.clock()))
    try:
        if approved:
            written = write_back(work.pen(), current.id, found.changes, job.parents(work))
        else:
            written = job.guarded_write(work, current.id, day, Guards(), found)
    except GuardHalt as error:
        runs.end(work.journal, current.id, "halted", error.code, str(error), stamp(work.clock()))
        raise
    code = RowsRefused.code if written.records.get(REFUSED) else 0
    runs.note(work.journal, current.id, "write_back", {"write_back": written.records})
    runs.end(work.journal, current.id, "done", code, "", stamp(work.clock()))
    return written, current.id


def _approved(work: Workspace, run: int) -> Diff:
    """The halted list of a run, less what the CRM holds differently by now: approval was for what was shown."""
    listed = work.journal.halted(run)
    if not listed:
        raise UsageFault(f"write-back --approve {run}: run {run} was not halted by a guard. Look: kam runs")
    known = work.fieldmap.writes()
    still: list[Change] = []
    for change in listed:
        here = work.mirror.present_of(change.table, change.id).get(change.column)
        if (change.table, change.column) in known and same(change.table, change.column, here, change.before):
            still.append(change)
    if len(still) < len(listed):
        shared.say(
            f"note: {len(listed) - len(still)} of {len(listed)} values changed since they were shown; left alone"
        )
    return Diff(changes=still)

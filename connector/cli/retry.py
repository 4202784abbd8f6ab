"""`kam retry`: send what the CRM refused once more."""

from pathlib import Path

import click

from connector import job
from connector.cli import shared
from connector.cli.diff import enriched_day
from connector.cli.write_back import send
from connector.errors import RowsRefused
from connector.steps.diff import Diff
from connector.steps.write_back import REFUSED, settle
from connector.store import rejects, runs
from connector.workspace import Workspace

# Runs whose values come from a person, not from results: what they sent can't be worked out again.
_BY_HAND = ("programme", "undo")


@click.command("retry", epilog="Example: kam retry --dry-run")
@click.option("--dry-run", is_flag=True, help="Show what would be sent, write nothing.")
@shared.folder_option
@shared.json_option
@click.pass_context
def command(ctx: click.Context, dry_run: bool, folder: Path | None, as_json: bool) -> None:
    """Work out the changes of the accounts with a refused row anew, and write them as any run does."""
    with shared.workspace(folder) as work, runs.lock(work.journal.path.parent):
        waiting, by_hand = _waiting(work)
        for reject in by_hand:
            name = "kam programme" if _job(work, reject.run) == "programme" else f"kam undo (run {reject.run})"
            shared.say(f"left alone: {reject.id} was refused in {name}, which only a person can repeat")
        if not waiting:
            _nothing(as_json)
            return
        settle(work.pen())
        day = enriched_day(work)
        found = _only(job.run_diff(work, day), waiting)
        if dry_run:
            shared.show_dry(found.changes, as_json)
            return
        written, number = send(work, day, found, job_name="retry")
        needless = waiting - {c.id for c in found.changes} - {i for i, _ in (*found.rejected, *found.kept)}
        tables = {r.id: r.table for r in rejects.open_rejects(work.journal)}
        rejects.settle(work.journal, number, [(tables[i], i) for i in sorted(needless)])
        if as_json:
            shared.show_json(number, shared.change_rows(found.changes), counts=written.records, settled=len(needless))
        else:
            ending = f"; no longer needed: {len(needless)}" if needless else ""
            click.echo(f"run {number}: {job.words(written.records)}{ending}")
    ctx.exit(RowsRefused.code if written.records.get(REFUSED) else 0)


def _waiting(work: Workspace) -> tuple[set[str], list[rejects.Reject]]:
    """Records whose refused values we can work out, and the rejects that only a person can repeat."""
    refused = rejects.open_rejects(work.journal)
    by_hand = [r for r in refused if _job(work, r.run) in _BY_HAND]
    return {r.id for r in refused} - {r.id for r in by_hand}, by_hand


def _job(work: Workspace, number: int) -> str:
    run = runs.get(work.journal, number)
    return run.job if run else ""


def _only(found: Diff, ids: set[str]) -> Diff:
    """The part of a diff that is about some records; the guards still measure it against all in scope."""
    return Diff(
        changes=[c for c in found.changes if c.id in ids],
        kept=[pair for pair in found.kept if pair[0] in ids],
        rejected=[pair for pair in found.rejected if pair[0] in ids],
        scope=found.scope,
        contacts=found.contacts,
        deals=found.deals,
        gaps=found.gaps,
    )


def _nothing(as_json: bool) -> None:
    if as_json:
        shared.show_json(None, [], counts={}, settled=0)
    else:
        click.echo("Nothing to send again.")

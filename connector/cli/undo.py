"""`kam undo RUN`: take back what a run wrote."""

from pathlib import Path

import click

from connector import job
from connector.cli import shared
from connector.single import recorded
from connector.steps import undo
from connector.steps.write_back import settle, write_back
from connector.store import runs
from connector.workspace import stamp


@click.command("undo", epilog="Example: kam undo 12 --dry-run")
@click.argument("run", type=int)
@click.option("--dry-run", is_flag=True, help="Show what would go back, write nothing.")
@click.option(
    "--as", "user", metavar="USERNAME", help="Write as this user: a decision needs an owner; Salesforce: jwt."
)
@shared.folder_option
@shared.json_option
@click.pass_context
def command(ctx: click.Context, run: int, dry_run: bool, user: str | None, folder: Path | None, as_json: bool) -> None:
    """Take back what a run wrote; what somebody edited since is left alone and listed."""
    with shared.workspace(folder, user) as work, runs.lock(work.journal.path.parent):
        settle(work.pen())
        plan = undo.plan(work.pen(), run)
        for entry in plan.edited:
            shared.say(f"left alone, edited since: {entry.table} {entry.id} {entry.column}")
        if plan.gone:
            shared.say(f"{shared.count(len(plan.gone), 'record')} deleted since: nothing to take back there")
        number, code = None, 0
        words = f"{shared.count(len(plan.changes), 'value')} would go back; nothing was written"
        if not dry_run:
            with recorded(work, "undo", stamp(work.clock())[:10], undoes=run) as ending:
                written = write_back(work.pen(), ending.run, plan.changes)
                ending.wrote(written)
                ending.counts["edited"] = len(plan.edited)
            number, code = ending.run, ending.code
            words = f"run {number} undid run {run}: {job.words(written.records)}"
            undone = runs.get(work.journal, run)
            if undone is not None and undone.job != "programme":  # what people decided, no run works out anew
                shared.say("note: the next run writes again what it computes; stop the schedule to keep it away")
        if as_json:
            shared.show_json(number, shared.change_rows(plan.changes), edited=len(plan.edited))
        else:
            if dry_run:
                shared.show_table(shared.change_rows(plan.changes), ["id", "column", "before", "after"])
            click.echo(words)
    ctx.exit(code)

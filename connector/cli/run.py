"""`kam run JOB`: run a job of jobs/."""

from datetime import date
from pathlib import Path

import click

from connector import job
from connector.cli import shared


@click.command("run", epilog="Example: kam run refresh")
@click.argument("name", metavar="JOB")
@click.option("--dry-run", is_flag=True, help="Pull, enrich and show, but write nothing.")
@shared.as_of_option
@shared.folder_option
@shared.json_option
@click.pass_context
def command(
    ctx: click.Context, name: str, dry_run: bool, as_of: date | None, folder: Path | None, as_json: bool
) -> None:
    """Run a job of jobs/; a run that was killed is taken up where it was."""
    with shared.workspace(folder) as work:
        with shared.progress() as work.tell:
            report = job.run(work, name, as_of=as_of, dry_run=dry_run, say=shared.say)
        for line in report.notes:
            shared.say(f"note: {line}")
        if as_json:
            shared.show_json(report.run, shared.change_rows(report.changes), counts=report.counts)
        else:
            _show(report, written="write_back" in report.counts)
    ctx.exit(report.code)


def _show(report: job.Report, written: bool) -> None:
    if not written and report.changes:
        rows = [{**c, "account": c["name"] or c["id"]} for c in shared.change_rows(report.changes[:30])]
        shared.show_table(rows, ["account", "column", "before", "after"])
        if len(report.changes) > 30:
            click.echo(f"… and {len(report.changes) - 30} more: kam diff")
    ending = (
        job.words(report.counts["write_back"])
        if written
        else f"{shared.changes_line(report.changes)}; nothing was written"
    )
    click.echo(f"run {report.run} ({report.job}, as of {report.as_of}): {ending}")

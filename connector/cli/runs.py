"""`kam runs`: what ran, or one run with everything it wrote."""

from dataclasses import asdict
from pathlib import Path

import click

from connector.cli import shared
from connector.errors import UsageFault
from connector.store import runs


@click.command("runs", epilog="Example: kam runs 12")
@click.argument("run", type=int, required=False)
@shared.folder_option
@shared.json_option
def command(run: int | None, folder: Path | None, as_json: bool) -> None:
    """What ran, newest first; or one run with every change it sent."""
    with shared.workspace(folder) as work:
        if run is None:
            found = runs.latest(work.journal, 50)
            rows, columns = (
                [asdict(r) for r in found],
                ["id", "job", "as_of", "started_at", "ended_at", "state", "code"],
            )
            more = {}
        else:
            one = runs.get(work.journal, run)
            if one is None:
                raise UsageFault(f"runs {run}: there is no run {run}. Look: kam runs")
            rows = [asdict(e) for e in work.journal.of_run(run)]
            columns, more = ["table", "id", "column", "before", "after", "state", "who"], asdict(one)
    if as_json:
        shared.show_json(run, rows, **more)
        return
    for name, value in more.items():
        click.echo(f"{name:<12} {'' if value is None else value}")
    shared.show_table(rows, columns)

"""`kam enrich`: compute the insights from the mirror."""

from datetime import UTC, date
from pathlib import Path

import click

from connector import job
from connector.cli import shared
from connector.store import runs


@click.command("enrich", epilog="Example: kam enrich --as-of 2026-06-30")
@shared.as_of_option
@shared.folder_option
@shared.json_option
def command(as_of: date | None, folder: Path | None, as_json: bool) -> None:
    """Compute the insights from the mirror; needs no login."""
    with shared.workspace(folder) as work, runs.lock(work.journal.path.parent):
        day = (as_of or work.clock().astimezone(UTC).date()).isoformat()
        counts = job.run_enrich(work, day, shared.say)
        if as_json:
            shared.show_json(None, [], counts=counts, as_of=day)
        else:
            click.echo(f"as of {day}: " + ", ".join(f"{n} {t}" for t, n in counts.items()))
            click.echo("Attributes such as industry or owner are as they stand now. Next: kam diff")

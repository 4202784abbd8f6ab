"""`kam rejects`: rows the CRM refused, with the reason."""

from dataclasses import asdict
from pathlib import Path

import click

from connector.cli import shared
from connector.store import rejects


@click.command("rejects", epilog="Example: kam rejects --json")
@shared.folder_option
@shared.json_option
def command(folder: Path | None, as_json: bool) -> None:
    """Rows whose last write the CRM refused; the next run tries them again."""
    with shared.workspace(folder) as work:
        rows = [asdict(r) for r in rejects.open_rejects(work.journal)]
    if as_json:
        shared.show_json(None, rows)
    else:
        shared.show_table(rows, ["run", "table", "id", "code", "message", "at"])
        ending = f"{shared.count(len(rows), 'refused row')}; the next run tries again. To try now: kam retry"
        click.echo(ending if rows else "No row is refused.")

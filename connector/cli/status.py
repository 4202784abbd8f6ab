"""`kam status`: how old the data is, how the last runs ended, what waits for a person."""

from dataclasses import asdict
from pathlib import Path

import click

from connector.cli import shared
from connector.convert import iso_day
from connector.store import cursors, rejects, runs


@click.command("status", epilog="Example: kam status --json")
@shared.folder_option
@shared.json_option
def command(folder: Path | None, as_json: bool) -> None:
    """How old the data is and how the last runs ended; needs no login."""
    with shared.workspace(folder) as work:
        last = runs.latest(work.journal, 5)
        refused = rejects.open_rejects(work.journal)
        unsettled = len({(e.table, e.id) for e in work.journal.unsettled()})
        day = work.mirror.meta("enriched_as_of")
        facts = {
            "org": work.mirror.meta("org"),
            "environment": work.config.crm.environment,
            "oldest_pull": cursors.oldest(work.mirror),
            "results_as_of": iso_day(int(day)) if day else None,
            "accounts": work.mirror.count("account"),
            "open_rejects": len(refused),
            "unsettled_records": unsettled,
        }
    if as_json:
        shared.show_json(last[0].id if last else None, [asdict(r) for r in last], status=facts)
        return
    for name, value in facts.items():
        click.echo(f"{name.replace('_', ' '):<18} {value if value is not None else 'none yet'}")
    click.echo()
    shared.show_table(
        [asdict(r) for r in last], ["id", "job", "as_of", "started_at", "state", "step", "code", "message"]
    )
    if refused:
        click.echo("Refused rows: kam rejects")
    if unsettled:
        click.echo("The last write was cut off; the next run settles it by reading before it writes.")

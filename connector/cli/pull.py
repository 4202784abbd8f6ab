"""`kam pull`: copy what changed from the CRM into the mirror."""

from pathlib import Path

import click

from connector.cli import shared
from connector.errors import UsageFault, nearest
from connector.job import rate_notes
from connector.schema import TABLES
from connector.steps.pull import pull
from connector.store import runs
from connector.workspace import stamp


@click.command("pull", epilog="Example: kam pull account contact --full")
@click.argument("tables", nargs=-1, metavar="[TABLE]…")
@click.option("--full", is_flag=True, help="Read everything again instead of only what changed.")
@shared.folder_option
@shared.json_option
def command(tables: tuple[str, ...], full: bool, folder: Path | None, as_json: bool) -> None:
    """Copy what changed from the CRM into the mirror."""
    unknown = [t for t in tables if t not in TABLES]
    if unknown:
        raise UsageFault(*(f"pull {t}: there is no such table.{nearest(t, list(TABLES))}" for t in unknown))
    with shared.workspace(folder) as work, runs.lock(work.journal.path.parent):
        with shared.progress() as tell:
            done = pull(
                work.crm,
                work.fieldmap,
                work.mirror,
                now=stamp(work.clock()),
                money_settings=work.corporate,
                tables=tables,
                full=full,
                say=shared.say,
                tell=tell,
            )
        for line in (*work.notes, *done.notes, *rate_notes(done.no_rate)):
            shared.say(f"note: {line}")
        if as_json:
            shared.show_json(None, [], counts=done.counts())
        else:
            rows = [
                {"table": t, "rows": n, "deleted": done.deleted.get(t, 0), "held": work.mirror.count(t)}
                for t, n in done.rows.items()
            ]
            shared.show_table(rows, ["table", "rows", "deleted", "held"])

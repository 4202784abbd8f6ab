"""`kam programme win-rate`: how this company's deals end by how many contacts were in touch early on."""

from pathlib import Path

import click

from connector.cli import shared
from connector.cli.diff import enriched_day
from connector.engine import query
from connector.insight.deals.told import win_rate_about, win_rates
from connector.insight.texts import catalogue
from connector.store import results

_LANGUAGE = "en"


@click.command("win-rate", epilog="Example: kam programme win-rate")
@shared.folder_option
@shared.json_option
@click.pass_context
def command(ctx: click.Context, folder: Path | None, as_json: bool) -> None:
    """How deals ended by the contacts in touch early on, raw and adjusted for amount: an association, not a cause."""
    with shared.workspace(folder or ctx.obj) as work:
        day = enriched_day(work)
        rows = query(results.folder(work.mirror), "SELECT * FROM deal_win_rate ORDER BY place")
    about = win_rate_about(rows[0], _LANGUAGE)
    if as_json:
        shared.show_json(None, rows, as_of=day, about=about)
        return
    words = catalogue(_LANGUAGE)["win_rate"]
    click.echo(f"{words['title'].format(days=rows[0]['by_days'])}, as of {day}\n{about}\n")
    if rows[0]["since_day"] is None:
        return
    shown = []
    for row in rows:
        raw, even = win_rates(row, _LANGUAGE)
        shown.append(
            {
                words["contacts"]: row["band"],
                words["deals"]: row["deals"],
                words["won"]: row["won"],
                words["raw"]: raw,
                words["even"]: even,
            }
        )
    shared.show_table(shown, list(shown[0]))

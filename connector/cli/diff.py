"""`kam diff`: show what would be written."""

import csv
import html
import sys
from pathlib import Path

import click

from connector import job
from connector.cli import shared
from connector.convert import iso_day
from connector.errors import UsageFault
from connector.schema import Change
from connector.workspace import Workspace

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
COLUMNS = ["table", "id", "name", "column", "before", "after", "why"]


@click.command("diff", epilog="Example: kam diff --format csv > changes.csv")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "html"]),
    default="table",
    help="How to show the changes.",
)
@shared.folder_option
@shared.json_option
def command(form: str, folder: Path | None, as_json: bool) -> None:
    """Show what would be written, against the CRM's values as the last pull saw them."""
    with shared.workspace(folder) as work:
        changes = job.run_diff(work, enriched_day(work)).changes
    if as_json or form == "json":
        shared.show_json(None, shared.change_rows(changes))
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, COLUMNS)
        writer.writeheader()
        writer.writerows({k: _safe(v) for k, v in row.items()} for row in shared.change_rows(changes))
    elif form == "html":
        click.echo(_html(changes))
    else:
        shared.show_table(shared.change_rows(changes), ["name", "column", "before", "after"])
        click.echo(shared.changes_line(changes))


def enriched_day(work: Workspace) -> str:
    """Day the newest results were computed for."""
    day = work.mirror.meta("enriched_as_of")
    if day is None:
        raise UsageFault(f"{work.mirror.path}: there are no results yet. Run: kam enrich")
    return iso_day(int(day))


def _safe(value: object) -> object:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _html(changes: list[Change]) -> str:
    rows = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(str(row[c] if row[c] is not None else ''))}</td>" for c in COLUMNS)
        + "</tr>"
        for row in shared.change_rows(changes)
    )
    head = "".join(f"<th>{c}</th>" for c in COLUMNS)
    return f'<!doctype html><meta charset="utf-8"><title>Changes</title><table><tr>{head}</tr>{rows}</table>'

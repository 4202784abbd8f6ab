"""`kam report`: the programme and its accounts as HTML pages."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import click

from connector.cli import shared
from connector.cli.diff import enriched_day
from connector.convert import epoch_day
from connector.report import book as books
from connector.report.pages import pages
from connector.report.shelf import put
from connector.schema import Context
from connector.single import aside
from connector.steps.money import read_rates
from connector.store import runs
from connector.workspace import Workspace


@click.command("report", epilog='Example: kam report --out report "Brakes and Gears"')
@click.argument("accounts", nargs=-1, metavar="[ACCOUNT]…")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to; else report/ in the deployment folder.",
)
@shared.as_of_option
@shared.folder_option
@shared.json_option
def command(
    accounts: tuple[str, ...], out: Path | None, as_of: date | None, folder: Path | None, as_json: bool
) -> None:
    """Write the programme's overview and a page per account as HTML; with ACCOUNT (name or id), pages of those only.

    Needs no login and no network; the pages neither. Pages of accounts that left the programme stay where they are.
    """
    with shared.workspace(folder) as work, ExitStack() as around:
        if as_of is not None:
            around.enter_context(runs.lock(work.journal.path.parent))
            around.enter_context(aside(work, as_of.isoformat()))
        book = read_book(work, accounts)
        made = put(out or work.folder / "report", pages(book))
    if as_json:
        items = [
            {"id": a.row["id"], "name": a.row["name"], "file": str(path.resolve())}
            for a, path in zip(book.pages, made, strict=False)
        ]
        shared.show_json(None, items, index=str(made[-1].resolve()), as_of=book.day)
        return
    n = len(book.pages)
    click.echo(
        f"the overview and {n} account page{'' if n == 1 else 's'}, as of {book.day}; attributes as they stand now"
    )
    click.echo(f"Open in a browser: {made[-1].resolve()}")


def write_report(work: Workspace, out: Path, accounts: Sequence[str] = ()) -> Path:
    """Write the report of the newest results to a folder; answers where its index.html is."""
    return put(out, pages(read_book(work, accounts)))[-1]


def read_book(work: Workspace, accounts: Sequence[str]) -> books.Book:
    """The newest results, with pages for the accounts meant by these ids or names, or for the whole programme."""
    day = epoch_day(enriched_day(work)) or 0
    ids = [shared.account_of(work, a)["id"] for a in accounts]
    company, digits = work.config.company, read_rates(work.mirror, work.corporate).digits
    context = Context(day, company.currency, digits, company.language, revenue=work.config.revenue.source)
    config = work.config
    return books.read(work.mirror, context, config.key_accounts, ids, privacy=config.privacy, warm=config.coverage.warm)

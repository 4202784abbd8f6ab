"""What several commands share: finding the folder, progress, tables, JSON, and days.

Nothing is decided here.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from connector.schema import Change
from connector.workspace import Workspace, find_folder, opened

JSON_VERSION = 1


def folder_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--dir`: the deployment folder."""
    return click.option(
        "--dir",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        help="Deployment folder; else the current one, else $KAM_DIR.",
    )(command)


def as_of_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--as-of`: the day to compute for."""
    return click.option(
        "--as-of",
        "as_of",
        metavar="DATE",
        callback=day,
        help="Compute as of this day (YYYY-MM-DD); deals and activities after it are left out.",
    )(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--json`: for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def day(_: click.Context, __: click.Parameter, value: str | None) -> date | None:
    """Click callback: a day from its ISO text."""
    if value is None:
        return None
    try:
        return datetime.strptime(value, "%Y-%m-%d").date()
    except ValueError as error:
        raise click.BadParameter(f'"{value}" is not a day; write it as 2026-06-30.') from error


@contextmanager
def workspace(folder: Path | None, username: str | None = None) -> Iterator[Workspace]:
    """The workspace of the command's folder, closed in the end."""
    with opened(find_folder(folder, os.environ), username=username) as work:
        yield work


def say(text: str) -> None:
    """One line of progress, to stderr."""
    click.echo(text, err=True)


def show_json(run: int | None, items: Sequence[Any], **more: Any) -> None:
    """Print the JSON envelope that every command shares."""
    click.echo(
        json.dumps({"version": JSON_VERSION, "run": run, "items": items, **more}, ensure_ascii=False, default=str)
    )


def show_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, widest: int = 60) -> None:
    """Print rows as a plain table; long cells are cut on a terminal only."""
    if not rows:
        return
    limit = widest if sys.stdout.isatty() else 10_000
    cells = [[_cut(_shown(r.get(c)), limit) for c in columns] for r in rows]
    widths = [max(len(c), *(len(row[i]) for row in cells)) for i, c in enumerate(columns)]
    click.echo("  ".join(c.ljust(w) for c, w in zip(columns, widths, strict=True)).rstrip())
    click.echo("  ".join("-" * w for w in widths))
    for row in cells:
        click.echo("  ".join(v.ljust(w) for v, w in zip(row, widths, strict=True)).rstrip())


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.10g}" if value.is_integer() else f"{value:.1f}"
    return "" if value is None else str(value)


def _cut(text: str, limit: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def change_rows(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Changes as plain rows."""
    return [asdict(c) for c in changes]


def account_of(work: Workspace, text: str) -> dict[str, Any]:
    """The one account meant by an id or a name; several matches are listed and end the command."""
    found = work.mirror.find_accounts(text)
    if len(found) == 1:
        return found[0]
    if not found:
        raise click.UsageError(f'No account is called "{text}". The names are those of the last pull: kam pull')
    show_table(found, ["id", "name", "city", "country"])
    raise click.UsageError(f'{len(found)} accounts match "{text}"; name one by its id.')

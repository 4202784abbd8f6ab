"""What several commands share: finding the folder, progress, tables, JSON, and days.

Nothing is decided here.
"""

import json
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from connector.cli import hush
from connector.errors import UsageFault
from connector.schema import Change
from connector.workspace import Workspace, find_folder, opened

JSON_VERSION = 1
FIRST_YEAR, LAST_YEAR = 1970, 2200  # a day outside of these is a slip of the pen
_CONTROLS = (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
REDRAWN = 1.0  # seconds
_STEERING = dict.fromkeys(_CONTROLS, "\N{REPLACEMENT CHARACTER}")


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
        found = datetime.strptime(value, "%Y-%m-%d").date()
    except ValueError as error:
        raise click.BadParameter(f'"{value}" is not a day; write it as 2026-06-30.') from error
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise click.BadParameter(f"{value} lies outside {FIRST_YEAR} to {LAST_YEAR}; write it as 2026-06-30.")
    return found


def days(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[date, ...]:
    """Click callback: days from their ISO texts."""
    return tuple(found for value in values if (found := day(ctx, param, value)))


@contextmanager
def workspace(folder: Path | None, username: str | None = None) -> Iterator[Workspace]:
    """The workspace of the command's folder, closed in the end."""
    with opened(find_folder(folder, os.environ), username=username) as work:
        yield work


class Progress(logging.Handler):
    """One line on a terminal that tells what is being done, redrawn every second; anywhere else nothing is shown.

    What the connector logs on its way is shown there too; its warnings are lines that stay.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._text, self._drawn, self._began = "", 0, time.monotonic()
        self._done, self._line = threading.Event(), threading.RLock()

    def __call__(self, text: str) -> None:
        """Say what is being done now; cheap enough for every page."""
        self._text = text

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line of the log."""
        if record.levelno >= logging.WARNING:
            say(record.getMessage())
        else:
            self(record.getMessage())

    @contextmanager
    def shown(self) -> Iterator["Progress"]:
        """Draw until the block ends; the line is gone then."""
        drawing = threading.Thread(target=self._draw, name="progress", daemon=True)
        drawing.start()
        try:
            yield self
        finally:
            self._done.set()
            drawing.join()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the line away while something else is printed."""
        with self._line:
            self._write("")
            yield

    def _draw(self) -> None:
        while not self._done.wait(REDRAWN):
            spent = int(time.monotonic() - self._began)
            self._write(f"{spent // 60:>3}:{spent % 60:02} {plain(self._text)}")
        self._write("")

    def _write(self, text: str) -> None:
        with self._line:
            text = text[: shutil.get_terminal_size().columns - 1]
            # Written over, not wiped first: a line that is wiped before it is drawn flickers.
            blank = " " * (self._drawn - len(text))
            if text or self._drawn:
                sys.stderr.write(f"\r{text}{blank}" if text else f"\r{blank}\r")
                sys.stderr.flush()
            self._drawn = len(text)


_progress: list[Progress] = []  # the one that is shown


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A function to call with what is being done; inside the block a terminal shows it."""
    if _progress or not sys.stderr.isatty():
        yield _progress[0] if _progress else _quiet
        return
    log = logging.getLogger("connector.crm")
    with Progress().shown() as line:
        _progress.append(line)
        before = log.level
        log.addHandler(line)
        log.setLevel(logging.INFO)
        try:
            yield line
        finally:
            log.removeHandler(line)
            log.setLevel(before)
            _progress.clear()


def _quiet(_: str) -> None:
    """Nobody looks."""


def say(text: str) -> None:
    """One line of progress, to stderr; a reader who went away is no reason to stop a run."""
    with _progress[0].aside() if _progress else nullcontext():
        try:
            click.echo(plain(text), err=True)
        except BrokenPipeError:
            hush(2)


def plain(text: str) -> str:
    """Text without what would steer a terminal or turn its reading order: names come from strangers."""
    return text.translate(_STEERING)


def count(number: int, thing: str) -> str:
    """`1 change`, `2 changes`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def show_json(run: int | None, items: Sequence[Any], **more: Any) -> None:
    """Print the JSON envelope that every command shares."""
    click.echo(
        json.dumps({"version": JSON_VERSION, "run": run, "items": items, **more}, ensure_ascii=False, default=str)
    )


def show_table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, widest: int = 60, err: bool = False
) -> None:
    """Print rows as a plain table; long cells are cut on a terminal only."""
    if not rows:
        return
    limit = widest if (sys.stderr if err else sys.stdout).isatty() else 10_000
    cells = [[_cut(_shown(r.get(c)), limit) for c in columns] for r in rows]
    widths = [max(len(c), *(len(row[i]) for row in cells)) for i, c in enumerate(columns)]
    for row in ([c.replace("_", " ") for c in columns], ["-" * w for w in widths], *cells):
        click.echo("  ".join(v.ljust(w) for v, w in zip(row, widths, strict=True)).rstrip(), err=err)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.10g}" if value.is_integer() else f"{value:.1f}"
    return "" if value is None else str(value)


def _cut(text: str, limit: int) -> str:
    text = plain(" ".join(text.split()))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def change_rows(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Changes as plain rows."""
    return [asdict(c) for c in changes]


def changes_line(changes: Sequence[Change]) -> str:
    """`12 changes on 3 accounts`."""
    return f"{count(len(changes), 'change')} on {count(len({c.id for c in changes}), 'account')}"


def show_dry(changes: Sequence[Change], as_json: bool) -> None:
    """Changes that would be written, and that none was."""
    if as_json:
        show_json(None, change_rows(changes))
    else:
        show_table(change_rows(changes), ["name", "column", "before", "after"])
        click.echo(f"{changes_line(changes)}; nothing was written")


def account_of(work: Workspace, text: str) -> dict[str, Any]:
    """The one account meant by an id or a name; several matches are listed and end the command."""
    found = work.mirror.find_accounts(text)
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageFault(
            f'{work.mirror.path}: no account is called "{plain(text)}". Correct the name, or bring new accounts in: kam'
            " pull"
        )
    show_table(found, ["id", "name", "city", "country"], err=True)
    many = "20 accounts or more" if len(found) == 20 else f"{len(found)} accounts"
    raise UsageFault(f'{many} match "{plain(text)}": they are listed above. Name one by its id.')

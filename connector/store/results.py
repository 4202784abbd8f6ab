"""Where the details of the results lie: Parquet files beside the mirror, one folder for each enrich.

`account_result` stands in the mirror with the columns that lists, diff and status read. Everything about an account,
and the wide tables beside it, goes column by column into `results/NUMBER/`: a million accounts have 25 million cells.
Which folder counts is said by the mirror, in the transaction that replaces `account_result`: both are always of one
day. Details of people lie in these files too: after a deletion, enrich and `tidy` leave nothing of them. Next room:
`steps.enrich`, which fills a folder; `cli.explain` and `report.book` read it by `engine.query`.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.errors import UsageFault
from connector.store.mirror import Mirror

_KEY = "results"
# Result tables that older versions kept in the mirror itself.
_FORMER = ("contact_result", "opportunity_result", "whitespace_cell", "coverage_slot")


def folder(mirror: Mirror) -> Path:
    """Folder of the newest results."""
    if (found := newest(mirror)) is None:
        raise UsageFault(f"{_shelf(mirror)}: there are no results yet. Run: kam enrich")
    return found


def newest(mirror: Mirror) -> Path | None:
    """The same, or None where there is none yet."""
    number = mirror.meta(_KEY)
    found = _shelf(mirror) / (number or "")
    return found if number is not None and found.is_dir() else None


@contextmanager
def renewed(mirror: Mirror) -> Iterator[Path]:
    """A new folder to fill; it counts from `publish` on. The one before stays until the next time, for its readers."""
    tidy(mirror)
    made = _shelf(mirror) / str(int(mirror.meta(_KEY) or 0) + 1)
    made.mkdir(parents=True, mode=0o700)
    try:
        yield made
    finally:
        if mirror.meta(_KEY) != made.name:
            shutil.rmtree(made, ignore_errors=True)


def publish(mirror: Mirror, made: Path) -> None:
    """Let this folder count from now on; call it in the transaction that replaces `account_result`."""
    for table in _FORMER:
        mirror.db.conn.execute(f'DROP TABLE IF EXISTS "{table}"')
    mirror.meta(_KEY, made.name)


def tidy(mirror: Mirror) -> None:
    """Drop every folder but the one that counts: older ones, and what a killed run left."""
    number = mirror.meta(_KEY)
    for old in _shelf(mirror).glob("*"):
        if old.name != number:
            shutil.rmtree(old, ignore_errors=True)


def _shelf(mirror: Mirror) -> Path:
    return mirror.path.parent / "results"

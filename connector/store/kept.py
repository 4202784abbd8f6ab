"""What an enrich keeps for the next one, and which rows changed since: so that a night costs what changed.

A folder of Parquet files in `kept/` holds the mirror's rows as the last full enrich read them, and the tables it made
of each account's own rows. Its note in `meta` says for which day, settings and version it holds. From then on every
writer of the mirror notes the rows it touches (`changed`), in the same transaction; once too many are noted, or a
writer can't tell which, what is kept is given up and the next enrich computes in full. Details of people lie here too:
`forget` leaves nothing of them. Next room: `steps.enrich`.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from tempfile import mkdtemp

from connector.store import changed
from connector.store.migrations import set_meta
from connector.store.mirror import Mirror

# Details of people who were deleted stay no longer than this.
_DAYS = 31


@dataclass(frozen=True)
class Kept:
    """What a kept folder holds for: the day, marks of all else that it depends on, rows by table."""

    folder: str
    as_of: int
    marks: Mapping[str, str]
    rows: Mapping[str, int]

    def outdated(self, marks: Mapping[str, str], as_of: int) -> str:
        """Why it does not hold under these marks and on this day; empty when it does."""
        if abs(as_of - self.as_of) > _DAYS:
            return f"what is kept is {abs(as_of - self.as_of)} days away"
        return next((said for said, mark in marks.items() if self.marks.get(said) != mark), "")


def find(mirror: Mirror) -> tuple[Kept, Path] | str:
    """What is kept and its folder; or why nothing is."""
    note = json.loads(mirror.meta(changed.KEY) or "{}")
    if "folder" not in note:
        return str(note.get("lost", "nothing is kept yet"))
    if set(note) != {f.name for f in fields(Kept)}:
        return "this is another version"
    found = Kept(**note)
    folder = _shelf(mirror) / found.folder
    return (found, folder) if folder.is_dir() else "what was kept is gone"


def noted(mirror: Mirror, table: str) -> list[str]:
    """Records of a table that changed since."""
    return [row["source"] for row in mirror.rows('SELECT source FROM changed WHERE "table" = ?', [table])]


@contextmanager
def renewed(mirror: Mirror) -> Iterator[Path]:
    """A new folder to fill; it counts from `publish` on, and is dropped when it was not published."""
    tidy(mirror)
    _shelf(mirror).mkdir(exist_ok=True, mode=0o700)
    # A name that never comes again: a mirror that was restored from a copy must not take another folder for its own.
    made = Path(mkdtemp(prefix="", dir=_shelf(mirror)))
    try:
        yield made
    finally:
        tidy(mirror)


def publish(mirror: Mirror, kept: Kept) -> None:
    """Let a folder count from now on, with no row changed since; call it in the transaction that stores the results."""
    set_meta(mirror.db, changed.KEY, json.dumps(asdict(kept)))
    changed.clear(mirror.db)


def forget(mirror: Mirror, why: str) -> None:
    """Give up what is kept: the next enrich computes in full."""
    with mirror.atomic():
        changed.give_up(mirror.db, why)
    tidy(mirror)


def tidy(mirror: Mirror) -> None:
    """Drop every folder but the one that counts."""
    number = json.loads(mirror.meta(changed.KEY) or "{}").get("folder")
    for old in _shelf(mirror).glob("*"):
        if old.name != number:
            shutil.rmtree(old, ignore_errors=True)


def _shelf(mirror: Mirror) -> Path:
    return mirror.path.parent / "kept"

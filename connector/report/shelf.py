"""Puts the pages on disk, each whole or not at all.

Paths and texts come in, files leave. Next room: the reader.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from connector.errors import UsageFault


def put(folder: Path, pages: Iterable[tuple[str, str]]) -> list[Path]:
    """Write each page beside its place and move it there; UsageFault when the folder can't be written."""
    made = []
    for name, text in pages:
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _put_one(path, text)
        except OSError as error:
            raise UsageFault(
                f"{path}: the report cannot be written: {error.strerror or error}. Give this user the right to write"
                " there and room on the disk, or another folder: kam report --out DIR"
            ) from error
        made.append(path)
    return made


def _put_one(path: Path, text: str) -> None:
    """Write a page; a reader sees the old one or the new one, never half."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)

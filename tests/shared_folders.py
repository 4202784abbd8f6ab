"""Folders that all workers of one run of the suite share: the first who asks makes one, the others wait for it.

A name and what fills the folder come in; the folder leaves. Nobody may change what is in it.
"""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

Make = Callable[[Path], object]
Once = Callable[[str, Make], Path]
MOST_SECONDS = 150


def made_once(folder: Path, make: Make) -> Path:
    """This folder, filled."""
    # SQLite's lock works between processes on every system, waits without a loop, and ends with its process.
    with closing(sqlite3.connect(folder.with_suffix(".lock"), timeout=MOST_SECONDS, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        done = folder.with_suffix(".done")
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one who gave up halfway
            folder.mkdir()
            make(folder)
            done.touch()
    return folder

"""Keeps the values of fields that are about to be removed: one CSV file for each record type.

In: a record's name and its fields. Out: a file beside the store, complete on disk before anything is removed.
Next room: back to `setup`.
"""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from connector.crm.protocol import SetupItem
from connector.crm.salesforce.setup.deployment import Link, select


def export(link: Link, record: str, fields: Sequence[str], folder: Path) -> SetupItem:
    """Write Id and values of every record that has any; never over an older file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = _free(folder, record)
    count = 0
    with path.open("x", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Id", *fields])
        for row in select(link, ("Id", *fields), record, "ORDER BY Id"):
            values = [row[name] for name in fields]
            if any(value not in (None, False) for value in values):
                writer.writerow([row["Id"], *values])
                count += 1
        file.flush()
        os.fsync(file.fileno())
    return SetupItem("export", str(path), "create", f"{count} of {record} with values")


def _free(folder: Path, record: str) -> Path:
    number = 1
    while True:
        tail = "" if number == 1 else f"-{number}"
        path = folder / f"removed-{record}{tail}.csv"
        if not path.exists():
            return path
        number += 1

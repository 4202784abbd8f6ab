"""Keeps the values of fields that are about to be removed: one CSV file for each record type.

In: a record's name and its fields. Out: a file beside the store, complete on disk before anything is removed.
Next room: back to `setup`.
"""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from connector.crm.protocol import SetupItem
from connector.crm.salesforce.setup.deployment import Link, select
from connector.errors import UsageFault


def export(link: Link, record: str, fields: Sequence[str], folder: Path) -> SetupItem:
    """Write Id and values of every record that has any; never over an older file."""
    names = ("Id", *fields)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _free(folder, record)
        with path.open("x", newline="", encoding="utf-8") as file:
            count = _copy(link, record, names, file)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        advice = "Nothing was removed. Make room there, or name another folder."
        raise UsageFault(f"{folder}: the values of {record} could not be kept ({error.strerror}). {advice}") from error
    return SetupItem("export", str(path), "create", f"{count} of {record} with values")


def _copy(link: Link, record: str, names: Sequence[str], file: TextIO) -> int:
    """Write the records that have any value; how many they are."""
    writer = csv.writer(file)
    writer.writerow(names)
    count = 0
    for row in select(link, names, record, "ORDER BY Id"):
        values = [row[name] for name in names]
        # A typed 0 is a value; an unticked box is what every record has.
        if any(value is not None and value is not False for value in values[1:]):
            writer.writerow(values)
            count += 1
    return count


def _free(folder: Path, record: str) -> Path:
    number = 1
    while True:
        tail = "" if number == 1 else f"-{number}"
        path = folder / f"removed-{record}{tail}.csv"
        if not path.exists():
            return path
        number += 1

"""CSV exports, whatever CRM they come from: every file of a folder as a header and rows of text, checked for form.

In: a folder as an export tool writes it; out: one `Export` per file, and what the values of a column look like. One
fault of form is a LoadError that names file and line. Next room: each face's `load`, which makes records of it.
"""

import csv
import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


class LoadError(ValueError):
    """An export that cannot be read: which file, which line, what is wrong with it."""

    def __init__(self, path: Path, line: int, what: str) -> None:
        super().__init__(f"{path.name} line {line}: {what}")
        self.path, self.line = path, line


@dataclass
class Loaded:
    """What a load brought: rows per table, and notes on what was left aside or looks odd."""

    rows: dict[str, int] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)


@dataclass
class Export:
    """One file: its header, its rows, and the line on which each row begins."""

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def column(self, index: int) -> Iterator[str]:
        """The values of a column, empty ones left out."""
        return (row[index] for row in self.rows if row[index])


def read_folder(directory: Path, named: str) -> dict[str, Export]:
    """Read every .csv file of a folder, by its name without the ending; `named` says how the files are to be named."""
    paths = sorted(Path(directory).glob("*.csv"))
    if not paths:
        raise FileNotFoundError(f"{directory} holds no .csv file; name a folder with {named} exports")
    return {path.stem: _read(path) for path in paths}


def _read(path: Path) -> Export:
    csv.field_size_limit(16_000_000)
    export = Export(path, [], [], [])
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader, line = csv.reader(file, strict=True), 1
            for row in reader:
                if not export.header:
                    export.header = [name.strip() for name in row]
                elif row:
                    if len(row) != len(export.header):
                        raise LoadError(
                            path,
                            line,
                            f"{len(row)} values for {len(export.header)} columns; quote values that hold commas",
                        )
                    export.rows.append(row)
                    export.lines.append(line)
                line = reader.line_num + 1
    except csv.Error as error:
        raise LoadError(
            path, reader.line_num, f"not readable as CSV ({error}); export it again with quoted values"
        ) from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise LoadError(path, line, "not UTF-8; export it again with UTF-8 encoding") from error
    _check_header(export)
    return export


def _check_header(export: Export) -> None:
    if not export.header:
        raise LoadError(export.path, 1, "the file is empty; the first line must name the fields")
    double = [name for name, count in Counter(name.lower() for name in export.header).items() if count > 1]
    if double or "" in export.header:
        what = f"the column {double[0]!r} stands twice" if double and double[0] else "a column has no name"
        raise LoadError(export.path, 1, f"{what}; give each column one field name")


def kind_of(values: Sequence[str], parse_moment: Callable[[str], object]) -> str:
    """The narrowest kind that holds all values of a column: boolean, number, day, moment or text."""
    if not values:
        return "text"
    if all(value.lower() in ("true", "false") for value in values):
        return "boolean"
    if all(_NUMBER.fullmatch(value) for value in values):
        return "number"
    if all(_is_day(value) for value in values):
        return "day"
    if all(_is_moment(value, parse_moment) for value in values):
        return "moment"
    return "text"


def places_of(values: Sequence[str]) -> int:
    """Decimal places that numbers need; six when all of them are written with an exponent."""
    plain = [len(value.partition(".")[2]) for value in values if "e" not in value.lower()]
    return max(plain) if plain else 6


def _is_day(value: str) -> bool:
    try:
        return len(value) == 10 and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_moment(value: str, parse: Callable[[str], object]) -> bool:
    try:
        return len(value) > 10 and bool(parse(value))
    except ValueError:
        return False

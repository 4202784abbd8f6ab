"""CSV exports in: every `<logicalname>.csv` of a folder becomes rows of an emulated org, with the ids they had.

In: a folder as an export tool writes it, files in any order; out: rows, columns and tables for what the org did not
know, and notes on what was left aside. All files are read before anything is stored; one fault, and nothing is.
Next room: `server`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from connector.emulator.dynamics.load.columns import Match, match
from connector.emulator.dynamics.org.model import LOOKUPS, Column, Table
from connector.emulator.dynamics.org.records import Org
from connector.emulator.dynamics.org.rows.bulk import Unreadable
from connector.emulator.dynamics.org.rows.values import guid
from connector.emulator.dynamics.org.storage import quoted
from connector.emulator.export import Export, Loaded, LoadError, read_folder

_ORDER = [
    "organization", "businessunit", "systemuser", "team", "transactioncurrency", "uomschedule", "uom", "pricelevel",
    "product", "account", "contact", "opportunity", "opportunityproduct", "incident", "connectionrole",
]  # fmt: skip
_TABLE_NAME = re.compile(r"[a-z][a-z0-9]{1,7}_\w+")
# How likely a deal is to be won in the usual phases; an export that has phases but no probability gets these.
_SHARES = {
    "prospecting": 10, "qualification": 10, "needs analysis": 20, "value proposition": 50, "id. decision makers": 60,
    "perception analysis": 70, "proposal/price quote": 75, "negotiation/review": 90, "closed won": 100,
    "closed lost": 0,
}  # fmt: skip

Reader = Callable[[str], object]


@dataclass
class Sheet:
    """One export beside the table that it fills; `at` is the position of the rows' own ids."""

    export: Export
    table: Table
    at: int | None


def load(org: Org, directory: Path) -> Loaded:
    """Read every `<logicalname>.csv` of a folder into the org, or raise LoadError and change nothing."""
    exports = read_folder(directory, "<logicalname>.csv")
    report = Loaded()
    with org.transaction():
        sheets = [_sheet(org, name.lower(), exports[name]) for name in sorted(exports, key=_rank)]
        homes = _homes(org, sheets)
        matches = [match(org, one.table, one.export, homes, report.notes) for one in sheets]
        for sheet, found in zip(sheets, matches, strict=True):
            _work_out_shares(org, sheet, found, report.notes)
            report.rows[sheet.table.name] = _store(org, sheet, found, homes)
        for sheet, found in zip(sheets, matches, strict=True):
            report.notes += _dangling(org, sheet, found)
    return report


def _rank(name: str) -> tuple[int, str]:
    name = name.lower()
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


def _sheet(org: Org, name: str, export: Export) -> Sheet:
    """Find the table that a file is about, or make it."""
    table = org.tables.get(name) or _make_table(org, name, export)
    header = [column.lower() for column in export.header]
    return Sheet(export, table, header.index(table.primary_id) if table.primary_id in header else None)


def _make_table(org: Org, name: str, export: Export) -> Table:
    if not _TABLE_NAME.fullmatch(name):
        advice = f"rename the file to new_{re.sub(r'[^a-z0-9_]', '', name)}.csv to have one made"
        raise LoadError(export.path, 1, f"the org has no table {export.path.stem!r}; {advice}")
    header = [column.lower() for column in export.header]
    label = name.partition("_")[2].replace("_", " ").capitalize()
    named = next((one for one in (f"{name.partition('_')[0]}_name", "name") if one in header), None)
    primary = Column(named or f"{name.partition('_')[0]}_name", "string", "Name", max_length=850, format="Text")
    columns = {primary.name: primary.with_(primary_name=True, custom=True)}
    return org.add_table(
        Table(name, name, f"{name}s", label, f"{label}s", 0, f"{name}id", primary.name, custom=True, columns=columns)
    )


def _homes(org: Org, sheets: list[Sheet]) -> dict[str, str]:
    """The table of every id that the exports bring, and of the people and teams that are there already."""
    homes = {str(row[0]): "systemuser" for row in org.rows("SELECT systemuserid FROM systemuser")}
    homes |= {str(row[0]): "team" for row in org.rows("SELECT teamid FROM team")}
    for sheet in sheets:
        if sheet.at is not None:
            homes |= {_id_of(sheet, row, line): sheet.table.name for row, line in _lines(sheet.export)}
    return homes


def _id_of(sheet: Sheet, row: list[str], line: int) -> str:
    value = row[sheet.at or 0]
    try:
        return guid(value)
    except ValueError:
        what = f"{value!r} is not an id of {sheet.table.name}: 32 hexadecimal digits in five groups"
        raise LoadError(sheet.export.path, line, what) from None


def _lines(export: Export) -> Iterator[tuple[list[str], int]]:
    return zip(export.rows, export.lines, strict=True)


def _work_out_shares(org: Org, sheet: Sheet, found: dict[int, Match], notes: list[str]) -> None:
    """Give deals the probability of their phase when the export has phases and no probability."""
    at = {one.column.name: index for index, one in found.items()}
    if sheet.table.name != "opportunity" or "stepname" not in at or "closeprobability" in at:
        return
    export = sheet.export
    found[len(export.header)] = Match(sheet.table.column("closeprobability"))
    export.header.append("closeprobability")
    closed = {"1": "100", "2": "0"}
    for row in export.rows:
        share = _SHARES.get(row[at["stepname"]].lower())
        state = row[at["statecode"]] if "statecode" in at else ""
        row.append(closed.get(state, "" if share is None else str(share)))
    notes.append(f"{export.path.name}: it has no closeprobability; worked out from stepname, as usual for each phase")


def _store(org: Org, sheet: Sheet, found: dict[int, Match], homes: dict[str, str]) -> int:
    readers = {index: _reader(one, homes) for index, one in found.items()}
    rows: Iterable[list[str]] = sheet.export.rows if sheet.at is None else _once(org, sheet)
    made = ([row[index] if read is None else read(row[index]) for index, read in readers.items()] for row in rows)
    try:
        return org.bulk_load(sheet.table.name, [one.column.name for one in found.values()], made)
    except Unreadable as fault:
        column = fault.column
        advice = "correct or empty it"
        if column.type == "picklist":
            advice = f"give the option's number, or name the column {column.name.removesuffix('code')}_label"
        what = f"{column.name} is {_shown(fault.value)!r}, which is not a {column.type}; {advice}"
        raise LoadError(sheet.export.path, sheet.export.lines[fault.row], what) from fault


def _shown(value: object) -> str:
    """What stood in the file, shortened."""
    return str(value[1] if isinstance(value, tuple) else value)[:80]


def _reader(one: Match, homes: dict[str, str]) -> Reader | None:
    """What makes a column's value of its text; None when the text will do."""
    if one.numbers:
        numbers = one.numbers
        return lambda text: numbers[text] if text else None
    if one.column.type in LOOKUPS and one.column.many_targets:
        usual = one.column.targets[0]
        return lambda text: (homes.get(text.strip("{} ").lower(), usual), text) if text else None
    return None


def _once(org: Org, sheet: Sheet) -> Iterator[list[str]]:
    """The rows, as long as none has the id of another."""
    table = sheet.table
    seen = {str(row[0]): 0 for row in org.rows(f"SELECT {quoted(table.primary_id)} FROM {quoted(table.name)}")}
    for row, line in _lines(sheet.export):
        own = _id_of(sheet, row, line)
        if own in seen:
            where = f"on line {seen[own]}" if seen[own] else "in the org already"
            raise LoadError(sheet.export.path, line, f"the id {own} stands {where}; each row may come once")
        seen[own] = line
        yield row


def _dangling(org: Org, sheet: Sheet, found: dict[int, Match]) -> list[str]:
    """Note the lookups whose target no file brought and the org does not have."""
    notes = []
    for column in (one.column for one in found.values() if one.column.type in LOOKUPS):
        targets = [org.tables[name] for name in column.targets if name in org.tables]
        absent = " AND ".join(
            f"NOT EXISTS (SELECT 1 FROM {quoted(t.name)} p WHERE p.{quoted(t.primary_id)} = c.{quoted(column.name)})"
            for t in targets
        )
        if absent:
            filled = f"c.{quoted(column.name)} IS NOT NULL AND {absent}"
            count = int(str(org.rows(f"SELECT COUNT(*) FROM {quoted(sheet.table.name)} c WHERE {filled}")[0][0]))
            if count:
                notes.append(
                    f"{sheet.export.path.name}: {count} rows have a {column.name} that no file brings; it is kept as it"
                    " is"
                )
    return notes

"""A run's journal backwards: what stood before comes back, what somebody edited since is left alone.

A record that the run made is closed, never deleted.

A run's number comes in; counts and the edits that were left alone leave. An undo is a run itself and can be undone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.errors import UsageFault
from connector.schema import GAP_STATES, WRITE_COLUMNS, Change
from connector.steps.diff import same
from connector.steps.write_back import WRITTEN, Pen, makes, read_fields, still_ours
from connector.store import runs
from connector.store.journal import Entry


@dataclass
class Undo:
    """What an undo will send, what it leaves alone because it was edited since, and records that are gone."""

    changes: list[Change] = field(default_factory=list)
    edited: list[Entry] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)


def plan(pen: Pen, run: int) -> Undo:
    """Read every field a run wrote and decide what goes back; raises UsageFault when the run wrote nothing."""
    if runs.get(pen.journal, run) is None:
        raise UsageFault(f"undo {run}: there is no run {run}. Look: kam runs")
    entries = [e for e in pen.journal.of_run(run) if e.state == WRITTEN]
    if not entries:
        raise UsageFault(f"undo {run}: run {run} wrote nothing, or all of it was refused. Look: kam runs {run}")
    if foreign := sorted({f"{e.table}.{e.column} ({e.field})" for e in entries if not still_ours(pen, e)}):
        raise UsageFault(
            f"undo {run}: {', '.join(foreign)}: the mapping does not write this now, the field is missing, or this user"
            " may not edit it. Restore the line of the mapping or the right, for the time of the undo."
        )
    result = Undo()
    for table in sorted({e.table for e in entries}):
        _plan_table(pen, [e for e in entries if e.table == table], run, result)
    return result


def _plan_table(pen: Pen, entries: Sequence[Entry], run: int, result: Undo) -> None:
    cells: dict[tuple[str, str], tuple[Entry, Entry]] = {}
    for entry in entries:  # a run may have written a cell twice: back to before the first, from the last
        first = cells.get((entry.id, entry.column), (entry, entry))[0]
        cells[entry.id, entry.column] = (first, entry)
    values, gone = read_fields(pen, entries[0].table, {e.id for e in entries}, sorted({e.field for e in entries}))
    result.gone |= gone | ({e.id for e in entries} - set(values))
    made = {e.id for e in entries if makes(e)}
    for (record_id, column), (first, last) in sorted(cells.items()):
        if record_id in result.gone or (first.table, column) not in WRITE_COLUMNS:
            continue
        if record_id in made:
            if column == "state":
                result.changes += _closing(pen, values[record_id], first, run)
            continue
        now = values[record_id][last.field]
        if not same(first.table, column, now, last.after):
            if not same(first.table, column, now, first.before):
                result.edited.append(last)
        elif not same(first.table, column, now, first.before):
            result.changes.append(
                Change(first.table, record_id, "", column, now, first.before, f"undo of run {run}: {first.why}")
            )


def _closing(pen: Pen, values: Mapping[str, Any], made: Entry, run: int) -> list[Change]:
    """What closes a gap record that a run made, unless it is closed already."""
    why, shut = f"undo of run {run}: {made.why}", {"state": GAP_STATES[1], "closed_on": pen.clock()[:10]}
    fields = {c: pen.rules[made.table, c].field for c in shut if (made.table, c) in pen.rules}
    if same(made.table, "state", values[made.field], GAP_STATES[1]):
        return []
    return [Change(made.table, made.id, "", c, values.get(fields[c]), shut[c], why) for c in fields]

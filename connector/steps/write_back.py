"""Changes to the CRM: each journalled before it is sent, each with one outcome.

A list of changes comes in; counts leave. An outcome that stayed unknown is settled by reading the record before
anything is sent again. Next room: `undo`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connector.crm.protocol import Crm, ReadRequest, RecordWrite
from connector.errors import UnreachableFault
from connector.mapping import WriteRule
from connector.schema import KEYED, Change, Outcome, gap_account
from connector.steps.diff import same
from connector.store import rejects
from connector.store.journal import Entry, Journal
from connector.store.mirror import Mirror

WRITTEN, REFUSED, GONE, KEPT, UNSENT = "written", "refused", "gone", "kept", "unsent"


@dataclass
class Written:
    """Records by outcome, and the changes of records whose outcome showed that nothing had arrived."""

    records: dict[str, int] = field(default_factory=dict)
    unsent: list[Change] = field(default_factory=list)
    settled: int = 0

    def add(self, state: str, count: int = 1) -> None:
        """Count records of one outcome."""
        self.records[state] = self.records.get(state, 0) + count


@dataclass(frozen=True)
class Pen:
    """What is needed to write: the CRM, the store, the fields that may be written and the records they are on."""

    crm: Crm
    mirror: Mirror
    journal: Journal
    rules: Mapping[tuple[str, str], WriteRule]
    records: Mapping[str, str]  # table → record
    keys: Mapping[str, str]  # table → the field that holds a record's id
    by: Mapping[str, str]  # table whose records we make ourselves → the field of their key, by which we know them
    clock: Callable[[], str]
    who: str | None = None
    tell: Callable[[str], None] = lambda _: None  # hears how many records are done


def write_back(pen: Pen, run: int, changes: Sequence[Change], groups: Mapping[str, str] | None = None) -> Written:
    """Send changes; `groups` names each record's parent, so that children of one parent travel together."""
    done = Written()
    if pen.who is not None:
        changes = as_they_stand(pen, changes)
    todo = _by_record(changes, groups or {})
    size = pen.crm.capabilities.write_way(len(todo)).at_once
    pen.tell(f"write back: {len(todo):,} records")
    for start in range(0, len(todo), size):
        _send(pen, run, todo[start : start + size], groups or {}, done)
    settle(pen, done)
    if done.unsent:
        # Nothing of these had arrived, the CRM itself says so: sending them once more can't write twice.
        again, done.unsent = done.unsent, []
        _send(pen, run, _by_record(again, groups or {}), groups or {}, done)
        settle(pen, done)
    if done.unsent:
        lost = len({(c.table, c.id) for c in done.unsent})
        raise UnreachableFault(
            f"write back: the answers for {lost} records were lost twice, and the CRM shows that nothing arrived."
            " They are not changed; what else was written is kept. Run again later."
        )
    return done


def parents(mirror: Mirror, changes: Sequence[Change]) -> dict[str, str]:
    """Account → its parent; contact, deal or gap → its account, so that children of one parent are sent together."""
    rows = mirror.rows("SELECT id, parent_id FROM account WHERE parent_id IS NOT NULL")
    found = {r["id"]: r["parent_id"] for r in rows}
    for table in sorted({c.table for c in changes} & {"contact", "opportunity"}):
        rows = mirror.rows(f"SELECT id, account_id FROM {table} WHERE account_id IS NOT NULL")  # noqa: S608
        found |= {r["id"]: r["account_id"] for r in rows}
    return found | {c.id: gap_account(c.id) for c in changes if c.table == "whitespace_gap"}


def as_they_stand(pen: Pen, changes: Sequence[Change]) -> list[Change]:
    """Changes with `before` as the CRM has it this moment, less those that are true already and records that are gone.

    A person's decision is about fields that the nightly user may not edit, and so never pulls into `present`.
    """
    made = []
    for table in dict.fromkeys(c.table for c in changes):
        mine = [c for c in changes if c.table == table]
        fields = {c.column: pen.rules[table, c.column].field for c in mine}
        values, gone = read_fields(pen, table, {c.id for c in mine}, sorted(set(fields.values())))
        for change in mine:
            if change.id in values and change.id not in gone:
                now = values[change.id][fields[change.column]]
                if not same(table, change.column, now, change.after):
                    made.append(replace(change, before=now))
    return made


def _by_record(changes: Sequence[Change], groups: Mapping[str, str]) -> list[list[Change]]:
    records: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        records.setdefault((change.table, change.id), []).append(change)
    return sorted(records.values(), key=lambda cs: (cs[0].table, groups.get(cs[0].id, cs[0].id), cs[0].id))


def _send(pen: Pen, run: int, records: Sequence[Sequence[Change]], groups: Mapping[str, str], done: Written) -> None:
    flat = [(c, pen.rules[c.table, c.column].field) for cs in records for c in cs]
    numbers = pen.journal.announce(run, flat, pen.clock(), pen.who)
    at: dict[tuple[str, str], list[tuple[int, Change]]] = {}
    for number, (change, _) in zip(numbers, flat, strict=True):
        at.setdefault((change.table, change.id), []).append((number, change))
    writes = [
        RecordWrite(
            table=cs[0].table,
            record=pen.records[cs[0].table],
            id=cs[0].id,
            values={pen.rules[c.table, c.column].field: c.after for c in cs},
            group=groups.get(cs[0].id, ""),
            by=pen.by.get(cs[0].table, ""),
            new=any(makes(c) for c in cs),
        )
        for cs in records
    ]
    waiting: list[Outcome] = []
    # Outcomes of a job come all at once: noting them in larger groups costs the disk less.
    most = max(pen.crm.capabilities.records_per_write, len(writes) // 40)
    try:
        for outcome in pen.crm.write(writes):
            waiting.append(outcome)
            if len(waiting) >= most:
                _note(pen, run, waiting, at, done)
                waiting = []
    finally:
        # Also when the CRM went away midway: an outcome that is known is never asked for again.
        _note(pen, run, waiting, at, done)


def makes(change: Change | Entry) -> bool:
    """Whether a change gives a record of ours its key: then the record is made with it."""
    return change.column == KEYED.get(change.table) and change.before is None and change.after is not None


def _note(
    pen: Pen,
    run: int,
    outcomes: Sequence[Outcome],
    at: Mapping[tuple[str, str], list[tuple[int, Change]]],
    done: Written,
) -> None:
    """Journal a group of outcomes; an unknown one stays open until `settle` has read the record."""
    known = [o for o in outcomes if o.state != "unknown"]
    now = pen.clock()
    pen.journal.settle([(n, o.state, o.code, o.message) for o in known for n, _ in at[o.table, o.id]], now)
    rejects.add(
        pen.journal, [rejects.Reject(run, o.table, o.id, o.code, o.message, now) for o in known if o.state == REFUSED]
    )
    rejects.settle(pen.journal, run, [(o.table, o.id) for o in known if o.state == WRITTEN])
    _remember(pen, [c for o in known if o.state == WRITTEN for _, c in at[o.table, o.id]])
    for outcome in known:
        done.add(outcome.state)
    pen.tell(f"write back: {sum(done.records.values()):,} records done")


def _remember(pen: Pen, changes: Iterable[Change]) -> None:
    """Put what was written into `present`; the next pull confirms it.

    Of records that we know by a key of ours the CRM's id may be new: they wait for that pull.
    """
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    for change in (c for c in changes if c.table not in pen.by):
        cells.setdefault((change.table, change.column), {})[change.id] = change.after
    with pen.mirror.atomic():
        for (table, column), values in cells.items():
            pen.mirror.set_present(table, list(values), {column: list(values.values())})


def settle(pen: Pen, done: Written | None = None) -> int:
    """Find out by reading what became of every change whose outcome is unknown; number of records settled."""
    entries = pen.journal.unsettled()
    done = done if done is not None else Written()
    by_table: dict[str, list[Entry]] = {}
    for entry in entries:
        by_table.setdefault(entry.table, []).append(entry)
    for table, found in by_table.items():
        # A record of ours whose key is not mapped any more can't be found.
        findable = table in pen.records and (table in pen.by or table not in KEYED)
        fact = pen.crm.describe(pen.records[table]) if findable else None
        known = [e for e in found if fact is not None and e.field in fact.fields]
        said = "not settled: the field is gone, or hidden from this user"
        pen.journal.settle([(e.number, KEPT, "", said) for e in found if e not in known], pen.clock())
        if known:
            values, gone = read_fields(pen, table, {e.id for e in known}, sorted({e.field for e in known}))
            _settle_table(pen, known, values, gone, done)
    records = {(e.table, e.id) for e in entries}
    done.settled += len(records)
    return len(records)


def still_ours(pen: Pen, entry: Entry) -> bool:
    """Whether the mapping still writes this column into the field that the entry names."""
    rule = pen.rules.get((entry.table, entry.column))
    return rule is not None and rule.field == entry.field


def _settle_table(
    pen: Pen, entries: Sequence[Entry], values: Mapping[str, Mapping[str, Any]], gone: set[str], done: Written
) -> None:
    verdicts, states = [], dict[tuple[str, str], str]()
    made = {e.id for e in entries if makes(e)}
    for entry in entries:
        now = values.get(entry.id, {}).get(entry.field)
        if (entry.id in gone or entry.id not in values) and entry.id not in made:
            state = GONE
        elif same(entry.table, entry.column, now, entry.after):
            state = WRITTEN
        elif same(entry.table, entry.column, now, entry.before):
            state = UNSENT
            # What the mapping doesn't write any more is not sent again.
            if still_ours(pen, entry):
                done.unsent.append(Change(entry.table, entry.id, "", entry.column, now, entry.after, entry.why))
        else:
            state = KEPT
        verdicts.append((entry.number, state, "", "settled by reading the record"))
        states[entry.table, entry.id] = state
    pen.journal.settle(verdicts, pen.clock())
    _remember(
        pen,
        [
            Change(e.table, e.id, "", e.column, None, values[e.id].get(e.field), "")
            for e in entries
            if e.id in values and e.id not in gone
        ],
    )
    for state in states.values():
        if state != UNSENT:
            done.add(state)


def unchanged(pen: Pen, changes: Sequence[Change]) -> list[Change]:
    """The changes whose field still holds, in the CRM itself, what it held when they were found."""
    still: list[Change] = []
    for table in dict.fromkeys(c.table for c in changes):
        mine = [c for c in changes if c.table == table]
        fields = sorted({pen.rules[c.table, c.column].field for c in mine})
        values, gone = read_fields(pen, table, {c.id for c in mine}, fields)
        made = {c.id for c in mine if makes(c)}
        for change in mine:
            if change.id not in gone and change.id in values:
                now = values[change.id][pen.rules[table, change.column].field]
                if same(table, change.column, now, change.before):
                    still.append(change)
            elif change.id in made:
                still.append(change)
    return still


def read_fields(
    pen: Pen, table: str, ids: Iterable[str], fields: Sequence[str]
) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """Fields of some records as the CRM has them now, and the ids of those that are gone."""
    by = pen.by.get(table, "")
    request = ReadRequest(pen.records[table], (by or pen.keys[table], *fields), ids=tuple(sorted(ids)), by=by)
    values: dict[str, dict[str, Any]] = {}
    gone: set[str] = set()
    for batch in pen.crm.read(request, None):
        gone.update(batch.deleted)
        for row in batch.rows:
            values[row[0]] = dict(zip(fields, row[1:], strict=True))
    return values, gone

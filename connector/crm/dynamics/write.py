"""A batch of changes to the CRM, one outcome for each; nothing is sent twice unless it surely wasn't carried out.

RecordWrites come in; Outcomes leave as answers arrive. Next room: `faults`.
"""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from connector.crm.dynamics.batch import Part, Reply, together
from connector.crm.dynamics.describe import CHOICES, TableFact, table
from connector.crm.dynamics.faults import refusal_of, row_outcome
from connector.crm.dynamics.login import Client, escaped, is_guid
from connector.crm.failures import AnswerLost, Refusal
from connector.crm.protocol import FieldFact, RecordWrite
from connector.schema import Outcome

BATCH = 500
PARTS = 100  # records of a `$batch`, which carries out one after the other
AT_ONCE = 4  # batches under way at a time, though the org may allow more
FOR_ALL = (401, 429)  # what is wrong with the call, not with a record
# An update must never make a record: without this, one that was deleted would come back nearly empty.
ONLY_EXISTING = {"If-Match": "*"}


class Unfit(Exception):
    """A value that can't be written: code, what to tell, and the field."""

    def __init__(self, code: str, message: str, name: str) -> None:
        super().__init__(code, message, name)
        self.code, self.message, self.name = code, message, name


@dataclass(frozen=True)
class Ready:
    """One record's change as it is sent."""

    write: RecordWrite
    body: dict[str, Any]


@dataclass
class _Sent:
    """What became of a batch: the outcomes that are known, and what ended it early."""

    outcomes: list[Outcome] = field(default_factory=list)
    error: Exception | None = None


def write(client: Client, writes: Sequence[RecordWrite]) -> Iterator[Outcome]:
    """One outcome for each record; an error leaves only after every outcome that is known."""
    bodies: dict[int, dict[str, Any]] = {}
    fit = []
    for one in writes:
        try:
            bodies[id(one)] = body_of(client, one)
            fit.append(one)
        except Unfit as unfit:
            yield Outcome(one.table, one.id, "refused", unfit.code, unfit.message, (unfit.name,))
    for wave in _waves(fit):
        yield from _send_all(client, [[Ready(w, bodies[id(w)]) for w in batch] for batch in batches(wave)])


def batches(writes: Sequence[RecordWrite]) -> Iterator[list[RecordWrite]]:
    """Batches of one record type each, children of one parent together, no id twice in one batch."""
    ordered = sorted(writes, key=lambda w: (w.record, w.group or w.id, w.id))
    batch: list[RecordWrite] = []
    ids: set[str] = set()
    for (record, _), members in groupby(ordered, key=lambda w: (w.record, w.group or w.id)):
        family = list(members)
        splits = len(family) <= BATCH < len(batch) + len(family)
        for one in family:
            if batch and (splits or len(batch) == BATCH or batch[0].record != record or one.id.lower() in ids):
                yield batch
                batch, ids, splits = [], set(), False
            batch.append(one)
            ids.add(one.id.lower())
    if batch:
        yield batch


def body_of(client: Client, one: RecordWrite) -> dict[str, Any]:
    """A record's new values as Dataverse takes them; raises Unfit for what it would not take, or take amiss."""
    fact = table(client, one.record)
    if fact is None or not (one.by or is_guid(one.id)):
        name = next(iter(one.values), "")
        raise Unfit("RECORD_UNKNOWN", "There is no such table, or the id is none of Dynamics.", name)
    made: dict[str, Any] = {}
    for name, value in one.values.items():
        if name == one.by:
            continue  # stands in the address: said twice, making the record would fail
        known = fact.fields.get(name)
        if known is None:
            said = f"The column {name} is missing, or column security hides it. Run: kam check"
            raise Unfit("COLUMN_UNKNOWN", said, name)
        key, sent = _value(fact, known, value)
        made[key] = sent
    return made


def _value(fact: TableFact, known: FieldFact, value: Any) -> tuple[str, Any]:
    """A property and its value: labels become numbers, ids become links."""
    if isinstance(value, float) and not math.isfinite(value):
        raise Unfit("NOT_A_NUMBER", f"The value for {known.name} is not a number.", known.name)
    if known.type == "lookup":
        return _link(fact, known, value)
    if value is None:
        return known.name, None
    if known.type in CHOICES:
        return known.name, _choice(fact, known, value)
    if known.type == "boolean":
        return known.name, bool(value)
    if known.type in ("integer", "bigint") and isinstance(value, float) and value.is_integer():
        return known.name, int(value)
    if known.type == "datetime" and isinstance(value, str) and len(value) == len("2026-05-01"):
        return known.name, f"{value}T00:00:00Z"
    return known.name, value


def _choice(fact: TableFact, known: FieldFact, value: Any) -> Any:
    numbers: dict[str, int] = {}
    for number, label in fact.labels[known.name].items():
        numbers.setdefault(label, number)
    words = [w.strip() for w in str(value).split(";") if w.strip()] if known.type == "multiselect" else [str(value)]
    if any(word not in numbers for word in words):
        raise Unfit(
            "OPTION_UNKNOWN",
            f"The choice {known.name} has no such label. Add it to the column's choices, or run: kam setup --apply",
            known.name,
        )
    found = [numbers[word] for word in words]
    return ",".join(map(str, found)) if known.type == "multiselect" else found[0]


def _link(fact: TableFact, known: FieldFact, value: Any) -> tuple[str, Any]:
    if known.relationship_name is None or not known.reference_to:
        raise Unfit("LOOKUP_AMBIGUOUS", "The lookup points at several tables: map the one that is meant.", known.name)
    key = f"{known.relationship_name}@odata.bind"
    if value is None:
        return key, None
    target = fact.sets(known.reference_to[0])
    if not target or not is_guid(str(value)):
        raise Unfit("LOOKUP_UNFIT", "The value is no id of a record.", known.name)
    return key, f"/{target}({value})"


def _waves(writes: Sequence[RecordWrite]) -> Iterator[list[RecordWrite]]:
    """Writes apart in time, so that none of a record is under way beside another of the same record."""
    rest = list(writes)
    while rest:
        seen: set[tuple[str, str]] = set()
        now: list[RecordWrite] = []
        later: list[RecordWrite] = []
        for one in rest:
            key = (one.record, one.id.lower())
            (later if key in seen else now).append(one)
            seen.add(key)
        yield now
        rest = later


def _send_all(client: Client, blocks: Sequence[list[Ready]]) -> Iterator[Outcome]:
    """Outcomes of batches, several under way at a time where the org allows it."""
    error: Exception | None = None
    with ThreadPoolExecutor(max(1, min(AT_ONCE, client.parallel, len(blocks)))) as pool:
        waiting = [pool.submit(_kept, client, block) for block in blocks]
        try:
            for done in as_completed(waiting):
                if done.cancelled():
                    continue
                sent = done.result()
                if sent.error is not None and error is None:
                    error = sent.error
                    for one in waiting:
                        one.cancel()
                yield from sent.outcomes
        finally:
            pool.shutdown(cancel_futures=True)
    if error is not None:
        raise error


def _kept(client: Client, block: list[Ready]) -> _Sent:
    """What became of a batch, its outcomes kept when an error ends it."""
    sent = _Sent()
    try:
        sent.outcomes.extend(_send(client, block))
    except Exception as error:  # raised again by whoever collects the outcomes
        sent.error = error
    return sent


def _send(client: Client, block: list[Ready]) -> Iterator[Outcome]:
    """Outcomes of one batch: all at once where the table allows it, else, or when a record is refused, one by one."""
    first = block[0].write
    fact = table(client, first.record)
    assert fact is not None  # noqa: S101 - each body was made from it
    if len(block) > 1 and not first.by and _takes_several(client, first.record):
        try:
            _update_multiple(client, fact, block)
            yield from (Outcome(r.write.table, r.write.id, "written") for r in block)
            return
        except AnswerLost as lost:
            yield from (_unknown(r, str(lost)) for r in block)
            return
        except Refusal as refusal:
            if refusal.status in FOR_ALL:
                raise
        # None of them was carried out: halved until few are left beside a bad one, which is then told what is wrong.
        if len(block) > PARTS:
            middle = len(block) // 2
            yield from _send(client, block[:middle])
            yield from _send(client, block[middle:])
            return
    for start in range(0, len(block), PARTS):
        yield from _singly(client, fact, block[start : start + PARTS])


def _update_multiple(client: Client, fact: TableFact, block: Sequence[Ready]) -> None:
    """Write all records of a batch, or none."""
    kind = f"Microsoft.Dynamics.CRM.{fact.name}"
    targets = [{"@odata.type": kind, fact.id_field: r.write.id, **r.body} for r in block]
    client.spend(len(block) - 1)
    client.send(
        "POST",
        f"{fact.set_name}/Microsoft.Dynamics.CRM.UpdateMultiple",
        json={"Targets": targets},
        headers=client.acting,
    )


def _singly(client: Client, fact: TableFact, block: Sequence[Ready]) -> Iterator[Outcome]:
    """Outcomes of records sent one by one; those turned away in passing come last, after some attempts."""
    held: list[tuple[Ready, Refusal]] = []
    for _ in client.session.rounds():
        held = []
        try:
            replies = _once(client, fact, block)
        except AnswerLost as lost:
            yield from (_unknown(r, str(lost)) for r in block)
            return
        for one, reply in zip(block, replies, strict=True):
            if reply.status < 400:
                yield Outcome(one.write.table, one.write.id, "written")
                continue
            refusal = refusal_of(reply.body, f"PATCH {client.base}{fact.set_name}", reply.status)
            if refusal.passing or reply.status == 429:
                held.append((one, refusal))
            else:
                yield _refused(one, refusal)
        block = [one for one, _ in held]
        if not block:
            return
    yield from (_refused(one, refusal) for one, refusal in held)


def _once(client: Client, fact: TableFact, block: Sequence[Ready]) -> list[Reply]:
    parts = [Part("PATCH", _place(fact, r.write), r.body, _conditions(client, r.write)) for r in block]
    if len(parts) > 1:
        return together(client, parts, repeatable=False)
    try:
        client.send("PATCH", parts[0].path, json=parts[0].body, headers=parts[0].headers)
    except Refusal as refusal:
        if refusal.status in FOR_ALL:
            raise
        error = {"code": refusal.code, "message": refusal.message}
        return [Reply(refusal.status, {"error": error} if refusal.code else None)]
    return [Reply(204)]


def _place(fact: TableFact, one: RecordWrite) -> str:
    """Address of a record, by its id or by a key of ours."""
    key = f"{one.by}='{escaped(one.id)}'" if one.by else one.id
    return f"{fact.set_name}({key})"


def _conditions(client: Client, one: RecordWrite) -> dict[str, str]:
    return {**({} if one.new else ONLY_EXISTING), **client.acting}


def _takes_several(client: Client, record: str) -> bool:
    """Whether a table takes UpdateMultiple; asked once per run."""
    asked = escaped(f"sdkmessageid/name eq 'UpdateMultiple' and primaryobjecttypecode eq '{record}'")
    path = f"sdkmessagefilters?$select=sdkmessagefilterid&$filter={asked}"
    return bool(client.once(path)["value"])


def _unknown(one: Ready, said: str) -> Outcome:
    return Outcome(one.write.table, one.write.id, "unknown", "ANSWER_LOST", said)


def _refused(one: Ready, refusal: Refusal) -> Outcome:
    state, code, message, names = row_outcome(refusal, one.write.values)
    return Outcome(one.write.table, one.write.id, state, code, message, names)

"""A batch of changes to the CRM, one outcome for each; nothing is sent twice unless it surely wasn't carried out.

RecordWrites come in; Outcomes leave as answers arrive. Next room: `faults`.
"""

import logging
import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from connector.crm.failures import AnswerLost
from connector.crm.protocol import RecordWrite
from connector.crm.salesforce.bulk import choose, ingest
from connector.crm.salesforce.faults import row_outcome
from connector.crm.salesforce.login import Client
from connector.schema import Outcome

BATCH = 200
LOCKED = "UNABLE_TO_LOCK_ROW"
# an alert rule would otherwise stop an edit that a person could confirm; a blocking rule still blocks
HEADERS = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
log = logging.getLogger(__name__)


def write(client: Client, writes: Sequence[RecordWrite]) -> Iterator[Outcome]:
    """One outcome for each record; only rows that were locked are sent again."""
    ingest.finish_left(client)
    fit = []
    for one in writes:
        if bad := [name for name, value in one.values.items() if isinstance(value, float) and not math.isfinite(value)]:
            yield Outcome(one.table, one.id, "refused", "NOT_A_NUMBER", "A value is not a number.", tuple(bad))
        else:
            fit.append(one)
    # Records that may have to be made: an ingest job of ours updates by id, and nothing else.
    yield from in_collections(client, [one for one in fit if one.by])
    fit = [one for one in fit if not one.by]
    way = choose.writing(client, len(fit))
    if fit:
        log.info("write: %s", way)
    if way.by == choose.BULK:
        yield from ingest.write(client, _ordered(fit), lambda some: in_collections(client, some))
    else:
        yield from in_collections(client, fit)


def in_collections(client: Client, writes: Sequence[RecordWrite]) -> Iterator[Outcome]:
    """One outcome for each record, a batch after the other: what locks each other is never sent at once."""
    for batch in batches(writes):
        yield from _send(client, batch)


def batches(writes: Sequence[RecordWrite]) -> Iterator[list[RecordWrite]]:
    """Batches of one record type each, children of one parent together, no id twice in one batch."""
    ordered = _ordered(writes)
    batch: list[RecordWrite] = []
    ids: set[str] = set()
    for (record, _), members in groupby(ordered, key=lambda w: (w.record, w.group or w.id)):
        family = list(members)
        splits = len(family) <= BATCH < len(batch) + len(family)
        for one in family:
            known = one.id if one.by else one.id[:15]
            if batch and (splits or len(batch) == BATCH or batch[0].record != record or known in ids):
                yield batch
                batch, ids, splits = [], set(), False
            batch.append(one)
            ids.add(known)
    if batch:
        yield batch


def _ordered(writes: Sequence[RecordWrite]) -> list[RecordWrite]:
    return sorted(writes, key=lambda w: (w.record, w.group or w.id, w.id))


def _send(client: Client, batch: list[RecordWrite]) -> Iterator[Outcome]:
    """Outcomes of one batch; locked rows come last, after as many attempts as the session allows."""
    locked: list[tuple[RecordWrite, Outcome]] = []
    for _ in client.session.rounds():
        held = []
        for one, outcome in zip(batch, _once(client, batch), strict=True):
            if outcome.code == LOCKED:
                held.append((one, outcome))
            else:
                yield outcome
        locked = held
        batch = [one for one, _ in held]
        if not batch:
            return
    yield from (outcome for _, outcome in locked)


def _once(client: Client, batch: Sequence[RecordWrite]) -> list[Outcome]:
    # By a key of ours a record is updated, or made where there is none; a batch is of one record type, so of one key.
    path = f"composite/sobjects/{batch[0].record}/{batch[0].by}" if batch[0].by else "composite/sobjects"
    records = [{"attributes": {"type": w.record}, **w.values, w.by or "id": w.id} for w in batch]
    try:
        answer = client.send("PATCH", path, json={"allOrNone": False, "records": records}, headers=HEADERS)
    except AnswerLost as lost:
        return [Outcome(w.table, w.id, "unknown", "ANSWER_LOST", str(lost)) for w in batch]
    if not isinstance(answer, list) or len(answer) != len(batch):
        said = "The answer does not fit the batch: each record is read before anything is sent again."
        return [Outcome(w.table, w.id, "unknown", "ANSWER_UNFIT", said) for w in batch]
    return [_outcome(w, told) for w, told in zip(batch, answer, strict=True)]


def _outcome(sent: RecordWrite, told: Any) -> Outcome:
    if isinstance(told, dict) and told.get("success") is True:
        return Outcome(sent.table, sent.id, "written")
    errors = told.get("errors") if isinstance(told, dict) else None
    state, code, message, names = row_outcome(errors if isinstance(errors, list) else [], sent.values)
    return Outcome(sent.table, sent.id, state, code, message, names)

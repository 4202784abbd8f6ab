"""A write by Bulk ingest jobs: update by Id, one outcome for each record, whatever becomes of the job.

RecordWrites in the order they should travel come in; Outcomes leave once a job has ended. What a job did not come to,
or could not lock, goes on by collections, one batch after the other. Next room: back to `write`.
"""

import csv
import io
import logging
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import IO, Any

from connector.crm.failures import AnswerLost, Refusal
from connector.crm.protocol import RecordWrite
from connector.crm.salesforce.bulk import jobs
from connector.crm.salesforce.bulk.choose import SERVER_BATCH
from connector.crm.salesforce.bulk.pages import download, no_room, temporary
from connector.crm.salesforce.faults import fault_of, row_outcome
from connector.crm.salesforce.login import Client
from connector.errors import UnreachableFault
from connector.schema import Outcome

KIND = "ingest"
MOST_BYTES = 95_000_000  # of the 100 MB that a job takes
BLANK = "#N/A"
LONGEST_VALUE, LONGEST_ROW = 131_072, 400_000
PIECE = 1 << 20
# What collections can still do: wait for a lock, and say that a duplicate is meant.
AGAIN = ("UNABLE_TO_LOCK_ROW", "DUPLICATES_DETECTED")
_SAID = re.compile(r"([A-Z0-9_]+):(.*):([^:]*)--\s*", re.DOTALL)
log = logging.getLogger(__name__)

Fallback = Callable[[Sequence[RecordWrite]], Iterator[Outcome]]


@dataclass
class Upload:
    """Rows of one job as CSV in a file without a name; each time it is sent it begins anew."""

    file: IO[bytes]
    size: int
    sent: dict[str, RecordWrite]  # by the id's first 15 characters

    def __len__(self) -> int:
        return self.size

    def add(self, line: bytes, one: RecordWrite | None = None) -> None:
        """Put a line into the file."""
        try:
            self.file.write(line)
        except OSError as error:
            raise no_room(error) from None
        self.size += len(line)
        if one is not None:
            self.sent[one.id[:15]] = one

    def whole(self) -> "Upload":
        """The upload itself once all of it is in the file."""
        try:
            self.file.flush()
        except OSError as error:
            raise no_room(error) from None
        return self

    def __iter__(self) -> Iterator[bytes]:
        self.file.seek(0)
        while piece := self.file.read(PIECE):
            yield piece


def write(client: Client, writes: Sequence[RecordWrite], fallback: Fallback) -> Iterator[Outcome]:
    """One outcome for each record; `fallback` takes what jobs can't carry or did not come to."""
    for record, members in groupby(writes, key=lambda w: w.record):
        some, odd = list(members), list[RecordWrite]()
        names = list(dict.fromkeys(name for w in some for name in w.values))
        # One batch of the server's to a job: batches of one job are worked on side by side, and may lock each other.
        most = SERVER_BATCH if client.settings.bulk_serial else len(some)
        for upload in uploads(some, names, odd, most):
            yield from _job(client, record, upload, fallback)
        yield from fallback(odd)


def uploads(writes: Sequence[RecordWrite], names: Sequence[str], odd: list[RecordWrite], most: int) -> Iterator[Upload]:
    """Files of at most MOST_BYTES and `most` records; `odd` gets what a CSV can't say, and who comes a second time."""
    header = _line(["Id", *names])
    made: Upload | None = None
    seen: set[str] = set()
    for one in writes:
        line = _line([one.id, *(_cell(one.values, name) for name in names)])
        if one.id[:15] in seen or not _sayable(one, line):
            odd.append(one)
            continue
        seen.add(one.id[:15])
        if made is not None and (made.size + len(line) > MOST_BYTES or len(made.sent) == most):
            yield made.whole()
            made = None
        if made is None:
            made = Upload(temporary(), 0, {})
            made.add(header)
        made.add(line, one)
    if made is not None:
        yield made.whole()


def finish_left(client: Client) -> None:
    """Let jobs that an earlier run closed come to their end, so that what is read now is what they left.

    One that was never closed is aborted: the org would not have begun it.
    """
    with client.lock:
        for key in [k for k in client.memory if k.startswith(f"{KIND} ")]:
            job = key.removeprefix(f"{KIND} ")
            try:
                told = jobs.look(client, KIND, job)
                if told["state"] == "Open":
                    jobs.drop(client, KIND, job, abort=True)
                else:
                    log.info("the Bulk job %s of an earlier run is waited for", job)
                    if told["state"] not in jobs.ENDED:
                        jobs.wait(client, KIND, job, 0)
                    jobs.drop(client, KIND, job)
            except jobs.Lost as lost:
                log.info("the Bulk job %s of an earlier run %s", job, lost)
            client.memory.pop(key, None)


def _job(client: Client, record: str, upload: Upload, fallback: Fallback) -> Iterator[Outcome]:
    """Outcomes of one job; a job that an admin aborts is made once more with the rest, then no more."""
    for attempt in (1, 2):
        try:
            with upload.file:
                job = _started(client, record, upload)
        except Refusal as refusal:
            log.warning("%s: Salesforce takes no Bulk job (%s); by collections instead", record, refusal.code)
            yield from fallback(list(upload.sent.values()))
            return
        rest = yield from _ended(client, job, upload, fallback)
        if rest is None:
            return
        if attempt == 2:
            raise UnreachableFault(
                f"{record}: two Bulk jobs were aborted, and {len(rest)} records were not written. See Setup > Bulk Data"
                ' Load Jobs for who aborted them; run again later, or set crm.bulk = "never".'
            )
        names = list(dict.fromkeys(name for w in rest for name in w.values))
        (upload,) = uploads(rest, names, [], len(rest))


def _started(client: Client, record: str, upload: Upload) -> str:
    """A job that has all rows and was told to begin; its id is remembered before it can."""
    for last in (False, True):
        job = jobs.make(client, KIND, object=record, operation="update")
        client.memory[f"{KIND} {job}"] = record
        path = f"jobs/{KIND}/{job}"
        try:
            client.send("PUT", f"{path}/batches", data=upload, headers={"Content-Type": "text/csv"})
        except (Refusal, UnreachableFault) as error:
            # Not closed, so that nothing of it was carried out; and a job takes one upload only.
            jobs.drop(client, KIND, job, abort=True)
            client.memory.pop(f"{KIND} {job}", None)
            if last or not isinstance(error, AnswerLost):
                raise
        else:
            _close(client, path)
            return job
    raise AssertionError("the second attempt returns or raises")


def _close(client: Client, path: str) -> None:
    """Tell a job to begin; when the answer is lost, its state tells whether it did."""
    for _ in client.session.rounds():
        try:
            client.send("PATCH", path, json={"state": "UploadComplete"})
            return
        except AnswerLost:
            if client.get(path)["state"] != "Open":
                return
    raise UnreachableFault(f"PATCH {path}: no answer. Nothing was carried out: try again later.")


def _ended(
    client: Client, job: str, upload: Upload, fallback: Fallback
) -> Generator[Outcome, None, list[RecordWrite] | None]:
    """Outcomes once the job has ended; records that it did not come to are given back when it was aborted."""
    left = dict(upload.sent)
    again: list[RecordWrite] = []
    try:
        told = jobs.wait(client, KIND, job, len(left))
        failed = int(told.get("numberRecordsFailed") or 0)
        done = int(told.get("numberRecordsProcessed") or 0) - failed
        for row in _rows(client, job, "successfulResults", done):
            if one := left.pop(row.get("sf__Id", "")[:15], None):
                yield Outcome(one.table, one.id, "written")
        for row in _rows(client, job, "failedResults", failed):
            one = left.pop((row.get("Id") or row.get("sf__Id") or "")[:15], None)
            if one is None:
                continue
            outcome = _refused(one, row.get("sf__Error", ""))
            if outcome.code in AGAIN:
                again.append(one)
            else:
                yield outcome
        unsent = [
            one
            for row in (_rows(client, job, "unprocessedrecords", None) if left else ())
            if (one := left.pop(row.get("Id", "")[:15], None))
        ]
    except (jobs.Lost, Refusal) as error:
        if isinstance(error, Refusal) and error.status not in (*jobs.GONE, 400):
            raise fault_of(error) from None
        log.warning("the Bulk job %s was lost: what became of %d records is read from the org", job, len(left))
        told, unsent = {"state": "deleted"}, []
    for one in left.values():
        said = f"The Bulk job {jobs.said(told)} does not tell what became of it: it is read first."
        yield Outcome(one.table, one.id, "unknown", "NOT_TOLD", said)
    jobs.drop(client, KIND, job)
    client.memory.pop(f"{KIND} {job}", None)
    if again:
        log.info("the Bulk job %s: %d records were locked and go by collections", job, len(again))
        yield from fallback(again)
    if told["state"] == "Aborted" and unsent:
        return unsent
    if unsent:
        log.warning("the Bulk job %s %s: %d records go by collections", job, jobs.said(told), len(unsent))
        yield from fallback(unsent)
    return None


def _rows(client: Client, job: str, name: str, count: int | None) -> Iterator[Mapping[str, str]]:
    """Rows of one of a job's three tables; `count` is how many the job says there are."""
    if count == 0:
        return
    with io.TextIOWrapper(
        download(client, f"jobs/{KIND}/{job}/{name}/", count), "utf-8", "replace", newline=""
    ) as text:
        text.seek(0)
        yield from csv.DictReader(text)


def _refused(one: RecordWrite, said: str) -> Outcome:
    """A row's outcome from `CODE:message:fields --`."""
    found = _SAID.fullmatch(said.strip())
    error: dict[str, Any] = {"message": said}
    if found:
        names = [name.strip() for name in found[3].split(",") if name.strip()]
        error = {"statusCode": found[1], "message": found[2], "fields": names}
    state, code, message, columns = row_outcome([error], one.values)
    return Outcome(one.table, one.id, state, code, message, columns)


def _cell(values: Mapping[str, Any], name: str) -> str:
    """A value as CSV says it: an empty cell leaves the field alone, so a blank has a word of its own."""
    if name not in values:
        return ""
    value = values[name]
    if value is None or value == "":
        return BLANK
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _sayable(one: RecordWrite, line: bytes) -> bool:
    texts = [v for v in one.values.values() if isinstance(v, str)]
    return len(line) <= LONGEST_ROW and all(v != BLANK and len(v) <= LONGEST_VALUE for v in texts)


def _line(cells: Sequence[str]) -> bytes:
    return (",".join('"' + c.replace('"', '""') + '"' if c else "" for c in cells) + "\n").encode()

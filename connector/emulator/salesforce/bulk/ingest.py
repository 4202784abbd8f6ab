"""The work of an ingest job: rows are written batch by batch, each with an outcome of its own.

An upload comes in; written records and three tables leave: successful, failed and unprocessed rows.
Next room: `ingest_jobs`.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from connector.emulator.faults import Rule
from connector.emulator.salesforce.bulk.intake import Column, Upload, columns_of, given_values, unreadable
from connector.emulator.salesforce.bulk.jobs import Failure, Job, Jobs, Stopped
from connector.emulator.salesforce.bulk.tables import Table
from connector.emulator.salesforce.org import ids
from connector.emulator.salesforce.org.catalogue import quoted
from connector.emulator.salesforce.org.model import ObjectType, Problem
from connector.emulator.salesforce.rest import (
    create_row,
    delete_row,
    key_field,
    lock_problem,
    update_row,
    upsert_row,
)
from connector.emulator.salesforce.site import Site

BATCHES = "DailyBulkApiBatches"
CHUNK = 200  # rows of one transaction
Write = Callable[[dict[str, object]], tuple[str, bool]]
Line = list[str]


class Ingest:
    """One job being worked on."""

    def __init__(self, site: Site, jobs: Jobs, job: Job, lock: Rule | None) -> None:
        self.site, self.jobs, self.job, self._lock = site, jobs, job, lock
        self._kind: ObjectType = site.org.object(job.object)
        self._columns: list[Column] = []
        self._write = _writer(site, job, self._kind)

    def __call__(self, job: Job) -> None:
        """Write all rows; what is left when the job has to end is put with the unprocessed ones."""
        with job.upload:
            upload = Upload(job.upload, job)
            self._open_tables(upload.header)
            rows = upload.rows()
            batch: list[Line] = []
            try:
                self._columns = columns_of(self.site.org, job, self._kind, upload.header)
                with self.jobs.step(job):
                    pass
                while batch := list(islice(rows, self.jobs.settings.batch_rows)):
                    self._batch(batch)
            except (Failure, Stopped):
                self._leave(batch, rows)
                raise
            finally:
                upload.close()

    def _open_tables(self, header: Sequence[str]) -> None:
        wish = (str(self.job.wish["columnDelimiter"]), str(self.job.wish["lineEnding"]))
        self.job.tables = {
            "successful": Table(("sf__Id", "sf__Created"), *wish, bare=header),
            "failed": Table(("sf__Id", "sf__Error"), *wish, bare=header),
            "unprocessed": Table((), *wish, bare=header),
        }

    def _batch(self, rows: list[Line]) -> None:
        """Write one batch; takes from `rows` what has been written. Results come in another order than the rows."""
        if self.site.allowances.left(BATCHES) < 1:
            raise Failure("ExceededQuota : ApiBatchItems Limit exceeded.")
        self.site.allowances.use(BATCHES)
        locked = self._locked(len(rows))
        good: list[Line] = []
        bad: list[Line] = []
        at, before = 0, self.job.failed
        try:
            while rows:
                chunk = rows[:CHUNK]
                with self.jobs.step(self.job):
                    with self.site.org.transaction():
                        for place, row in enumerate(chunk, at):
                            self._row(row, good, bad, locked=place in locked)
                    del rows[:CHUNK]
                    at += len(chunk)
                    self.job.processed += len(chunk)
                    self.job.failed = before + len(bad)
        finally:
            self.job.tables["successful"].write(reversed(good))
            self.job.tables["failed"].write(reversed(bad))

    def _row(self, row: Line, good: list[Line], bad: list[Line], *, locked: bool) -> None:
        try:
            if len(row) != len(self._columns):
                text = f"The row has {len(row)} values, the header {len(self._columns)}"
                raise Problem(400, "INVALID_FIELD", text, [])
            given = given_values(self._columns, row)
            if locked:
                raise lock_problem(str(given.get("Id") or "new"))
            record_id, created = self._write(given)
            good.append([record_id, "true" if created else "false", *row])
        except Problem as problem:
            bad.append([self._id_in(row), self._said(problem, row), *row])

    def _said(self, problem: Problem, row: Line) -> str:
        fields = problem.fields or []
        if problem.code in ("JSON_PARSER_ERROR", "MALFORMED_ID") and fields not in ([], ["Id"]):
            said = unreadable(self._columns, row, fields)
            if said is not None:
                return said
        return (
            f"{problem.code}:{problem.message}:{','.join(fields)} --"
            if fields
            else (f"{problem.code}:{problem.message}:--")
        )

    def _id_in(self, row: Line) -> str:
        at = next((n for n, column in enumerate(self._columns) if column.key == "Id"), None)
        full = ids.check(row[at]) if at is not None and at < len(row) else None
        return full or ""

    def _locked(self, count: int) -> frozenset[int]:
        """Rows of this batch that a fault rule locks; a rule with a number of rows means it for the whole job."""
        if self._lock is None or (self._lock.rows >= 1 and self.job.processed):
            return frozenset()
        return self._lock.rows_hit(count)

    def _leave(self, batch: list[Line], rows: Iterator[Line]) -> None:
        table = self.job.tables["unprocessed"]
        table.write(batch)
        try:
            while not self.jobs.closed and (more := list(islice(rows, self.jobs.settings.batch_rows))):
                table.write(more)
        except Failure:  # what cannot be read as CSV cannot be given back as rows; the job's message says so
            return


def _writer(site: Site, job: Job, kind: ObjectType) -> Write:
    """The function that writes one row's values; gives the record's id and whether it is new."""
    user = job.user_id

    def own_id(given: dict[str, object]) -> str:
        record_id = given.pop("Id", None)
        if not record_id:
            raise Problem(400, "MISSING_ARGUMENT", f"Id not specified in an {job.operation} call", [])
        return str(record_id)

    def insert(given: dict[str, object]) -> tuple[str, bool]:
        return create_row(site, user, kind, given), True

    def update(given: dict[str, object]) -> tuple[str, bool]:
        record_id = own_id(given)
        update_row(site, user, kind, record_id, given)
        return str(ids.check(record_id)), False

    def upsert(given: dict[str, object]) -> tuple[str, bool]:
        value = given.pop(external.name, None)
        if external.name != "Id":
            if value is None:
                raise Problem(400, "MISSING_ARGUMENT", f"{external.name} not specified", [])
            if len(site.org.find(kind, external, value)) > 1:
                text = f"{external.name}: more than one record found for external id field"
                raise Problem(400, "DUPLICATE_EXTERNAL_ID", text, [])
        return upsert_row(site, user, kind, external, value, given)

    def delete(given: dict[str, object]) -> tuple[str, bool]:
        record_id = str(ids.check(own_id(given)) or given)
        delete_row(site, user, kind, record_id)
        if job.operation == "hardDelete":
            _purge(site, record_id)
        return record_id, False

    if job.operation == "upsert":
        external = key_field(site, user, kind, str(job.wish["externalIdFieldName"]))
        return upsert
    return {"insert": insert, "update": update, "delete": delete, "hardDelete": delete}[job.operation]


def _purge(site: Site, record_id: str) -> None:
    """Empty the recycle bin of a record and of what was deleted along with it."""
    org = site.org
    for table, one in org.rows('SELECT "object", "id" FROM "_bin" WHERE "root" = ?', record_id):
        org.db.execute(f'DELETE FROM {quoted(str(table))} WHERE "Id" = ?', (one,))
    org.db.execute('DELETE FROM "_bin" WHERE "root" = ?', (record_id,))

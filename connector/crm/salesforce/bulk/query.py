"""A read by a Bulk query job: made or taken up, waited for, its pages turned into rows, and the job deleted.

A Plan and its conditions come in; Found rows leave. A job that was lost is replaced once. Next room: `pages`.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from connector.crm.failures import Refusal
from connector.crm.salesforce.bulk import jobs
from connector.crm.salesforce.bulk.choose import NoBulk
from connector.crm.salesforce.bulk.pages import pages
from connector.crm.salesforce.bulk.table import Found, Table, types
from connector.crm.salesforce.describe import describe
from connector.crm.salesforce.login import Client
from connector.crm.salesforce.parts import STAMP, Plan, soql
from connector.errors import UnreachableFault

KIND = "query"
FRESH = 600.0  # seconds after which a job's rows are old: what changed since is read after it
KEPT = 2 * 24 * 3600.0  # seconds after which a job is not taken up any more; the org keeps it for a week
# Refusals that REST would give as well: the query itself is at fault, or nothing may be asked at all.
_SAME_BY_REST = {
    "MALFORMED_QUERY", "INVALID_FIELD", "INVALID_TYPE", "INVALID_QUERY_FILTER_OPERATOR", "REQUEST_LIMIT_EXCEEDED",
    "INVALID_SESSION_ID",
}  # fmt: skip
NO_JOB = {
    "LIMIT_EXCEEDED": "today's Bulk query jobs, or the volume of their results, are used up",
    "EXCEEDEDQUOTA": "today's Bulk query jobs, or the volume of their results, are used up",
    "INVALIDENTITY": "Bulk does not read this record",
}
_LOST_PAGE = {"INVALID_QUERY_LOCATOR", "INVALIDJOBSTATE"}
log = logging.getLogger(__name__)


@dataclass
class Job:
    """A query job; `bounds` and `now` are what its query was made with, which matters once it is taken up later."""

    client: Client
    plan: Plan
    start: str | None
    bounds: list[str]
    now: float | None
    id: str
    rows: int = 0  # expected

    def found(self) -> Iterator[Found]:
        """The job's rows; when it is lost on the way a new one begins from the start, so rows may come twice."""
        try:
            yield from self._once()
        except jobs.Lost as lost:
            log.warning("%s: the Bulk job %s %s; a new one is made", self.plan.record, self.id, lost)
            self.forget()
            self._begin()
            try:
                yield from self._once()
            except jobs.Lost as again:
                self.forget()
                raise UnreachableFault(
                    f"{self.plan.record}: a Bulk job {lost}, and the one made in its place {again}. See Setup > Bulk"
                    ' Data Load Jobs for who ended them; set crm.bulk = "never" to read by REST instead.'
                ) from None

    @property
    def old(self) -> bool:
        """Whether so much time has passed since the job began that its rows are not what the org has now."""
        now = self.client.session.server_now()
        return self.now is not None and now is not None and now - self.now > FRESH

    def close(self) -> None:
        """Delete the job at the org and forget it."""
        jobs.drop(self.client, KIND, self.id)
        self.forget()

    def forget(self) -> None:
        """Forget the job here."""
        self.client.memory.pop(_key(self.plan), None)

    def _begin(self) -> None:
        try:
            self.id = jobs.make(
                self.client, KIND, operation="queryAll", query=_soql(self.plan, self.bounds), columnDelimiter="COMMA"
            )
        except Refusal as refusal:
            if refusal.code in _SAME_BY_REST or refusal.passing:
                raise
            why = NO_JOB.get(refusal.code, "Salesforce takes no Bulk job for it")
            raise NoBulk(f"{why} ({refusal.status} {refusal.code})") from None
        # Before anything is waited for: a run that is killed now is followed by one that takes this job up.
        kept = {"job": self.id, "start": self.start, "bounds": self.bounds, "now": self.now, "rows": self.rows}
        self.client.memory[_key(self.plan)] = orjson.dumps(kept).decode()

    def _once(self) -> Iterator[Found]:
        told = jobs.wait(self.client, KIND, self.id, self.rows)
        if told["state"] != jobs.COMPLETE:
            raise jobs.Lost(f"ended as {jobs.said(told)}")
        names = columns(self.plan)
        table = Table(names, self.plan.paths, types(lambda r: describe(self.client, r), self.plan.record, names))
        seen, path = 0, f"jobs/{KIND}/{self.id}/results"
        coming = pages(self.client, path, self.client.settings.bulk_page_rows)
        try:
            for file, rows in coming:
                seen += rows
                yield from table.read(file)
        except Refusal as refusal:
            if refusal.status in (*jobs.GONE, 409) or refusal.code in _LOST_PAGE:
                raise jobs.Lost("has no results any more") from None
            raise
        except ValueError as error:
            raise jobs.Lost(f"gave a table that does not fit the query ({error})") from None
        finally:
            coming.close()
        whole = told.get("numberRecordsProcessed")
        if isinstance(whole, int) and seen < whole:
            raise jobs.Lost(f"gave {seen} of {whole} rows")


def opened(client: Client, plan: Plan, start: str | None, bounds: Sequence[str], now: float | None, rows: int) -> Job:
    """The job that an earlier run began for the same question, else a new one; NoBulk when the org takes none."""
    made = left(client, plan, start, now)
    if made is not None:
        log.info("%s: the Bulk job %s of an earlier run is taken up", plan.record, made.id)
        return made
    made = Job(client, plan, start, list(bounds), now, "", rows)
    made._begin()
    return made


def left(client: Client, plan: Plan, start: str | None, now: float | None) -> Job | None:
    """The job that an earlier run began for the same question; one that is of no use any more is deleted."""
    kept = _kept(client, plan)
    if kept is None:
        return None
    made = Job(client, plan, start, list(kept["bounds"]), kept["now"], str(kept["job"]), int(kept["rows"]))
    usable = plan.stamped and kept["start"] == start and kept["now"] is not None and now is not None
    if usable and client.settings.bulk != "never" and now - kept["now"] < KEPT:
        return made
    made.close()
    return None


def columns(plan: Plan) -> list[str]:
    """What the query selects, in order."""
    base = ["Id", *(["IsDeleted"] if plan.deletable else []), *([STAMP] if plan.stamped else [])]
    return list(dict.fromkeys([*base, *plan.paths]))


def _soql(plan: Plan, bounds: Sequence[str]) -> str:
    # No order: sorting keeps the org from reading in chunks, and the mirror needs none.
    return soql(plan.record, columns(plan), [*bounds, *([f"({plan.where})"] if plan.where else [])])


def _key(plan: Plan) -> str:
    return f"query {plan.asked}"


def _kept(client: Client, plan: Plan) -> dict[str, Any] | None:
    text = client.memory.get(_key(plan))
    return orjson.loads(text) if text else None

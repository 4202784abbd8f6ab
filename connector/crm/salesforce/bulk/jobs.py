"""One job of the org from its making to its end: made, remembered, waited for, deleted.

What is asked for comes in; the job's id and how it ended leave. The id is remembered before anything is waited for, so
that the next run takes up what this one began. Next room: `query`, `ingest`.
"""

import logging
from typing import Any

from connector.crm.failures import Refusal
from connector.crm.salesforce.faults import scrub
from connector.crm.salesforce.login import Client
from connector.errors import UnreachableFault

ENDED = ("JobComplete", "Failed", "Aborted")
COMPLETE = "JobComplete"
GONE = (404, 410)
SHORTEST, LONGEST, MOST_WAIT = 0.5, 120.0, 6 * 3600.0
QUICK = 200_000.0  # records a second, as long as no job has told: so the first question comes early
TELLING = 1_000  # records from which on a job's speed says something
log = logging.getLogger(__name__)


class Lost(Exception):
    """A job that will give nothing any more: failed, aborted or deleted; the words say which."""


def make(client: Client, kind: str, **wish: str) -> str:
    """A new job's id. Said twice it makes two jobs, of which one stays without work and is forgotten by the org."""
    told = client.send(
        "POST", f"jobs/{kind}", repeatable=True,
        json={"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF", **wish},
    )  # fmt: skip
    return str(told["id"])


def look(client: Client, kind: str, job: str) -> dict[str, Any]:
    """What the org says of a job; Lost when it knows none."""
    try:
        told = client.get(f"jobs/{kind}/{job}")
    except Refusal as refusal:
        if refusal.status in GONE:
            raise Lost("was deleted") from None
        raise
    if not isinstance(told, dict) or "state" not in told:
        raise Lost("has no state")
    return told


def wait(client: Client, kind: str, job: str, rows: int) -> dict[str, Any]:
    """What the org says of a job once it has ended; asks when the speed of the last job, or its own, promises the end.

    A job of which much is known takes one question.
    """
    key = f"speed {kind}"
    speed = float(client.memory.get(key, QUICK))
    pause, waited = max(SHORTEST, min(LONGEST, 1.05 * rows / speed)), 0.0
    while True:
        client.session.sleep(pause)
        waited += pause
        told = look(client, kind, job)
        if told["state"] in ENDED:
            log.info("job %s ended as %s: %s records", job, told["state"], told.get("numberRecordsProcessed", "?"))
            done, spent = int(told.get("numberRecordsProcessed") or 0), int(told.get("totalProcessingTime") or 0)
            if done >= TELLING and spent > 0:
                client.memory[key] = f"{1000 * done / spent:.0f}"
            return told
        if waited > MOST_WAIT:
            raise UnreachableFault(
                f"jobs/{kind}: Salesforce has worked on a job for {MOST_WAIT / 3600:.0f} hours and is not done."
                " It goes on working: run again later, and the job is taken up where it is."
            )
        done = int(told.get("numberRecordsProcessed") or 0)
        log.info("%s job %s: %s records so far", kind, job, f"{done:,}")
        expected = waited * (rows - done) / done if 0 < done < rows else 1.5 * pause
        pause = min(LONGEST, max(SHORTEST, expected))


def said(told: dict[str, Any]) -> str:
    """How a job ended, in words without values."""
    message = scrub(str(told.get("errorMessage") or ""))
    return f"{told['state']}{f' ({message})' if message else ''}"


def drop(client: Client, kind: str, job: str, *, abort: bool = False) -> None:
    """Delete a job at the org, one that is still running too; what can't be deleted is forgotten there after a week.

    `abort`: it is known to run, or to wait for its rows.
    """
    for first in (abort, True):
        try:
            if first:
                client.send("PATCH", f"jobs/{kind}/{job}", repeatable=True, json={"state": "Aborted"})
            client.send("DELETE", f"jobs/{kind}/{job}", repeatable=True)
            return
        except (Refusal, UnreachableFault) as error:
            log.info("job %s was not deleted: %s", job, error)
            if first or not isinstance(error, Refusal) or error.status in GONE:
                return

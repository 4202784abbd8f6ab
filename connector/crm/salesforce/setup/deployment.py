"""Sends one metadata package and waits for its end; also the small queries that setup needs.

In: a zip. Out: Deployed, what the org says of each component. Next room: `apply`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.crm.failures import Refusal
from connector.crm.protocol import RecordFact
from connector.crm.salesforce.describe import whoami
from connector.crm.salesforce.login import Client
from connector.errors import AccessFault, UnreachableFault, UsageFault

FIRST_PAUSE, LONGEST_PAUSE, CEILING = 0.5, 10.0, 900.0  # seconds
NO_RIGHT = (
    'This user may not change the org\'s fields. Let an admin grant "Modify Metadata Through Metadata API Functions" '
    "for the time of the setup, or hand the package over with: kam setup --out setup.zip"
)


@dataclass(frozen=True)
class Link:
    """What setup needs of a logged-in org: its calls, the running user, and a way to wait."""

    client: Client
    user_id: str  # empty when the login didn't say
    describe: Callable[[str], RecordFact | None]  # a record type as it is now, never as it was before a deploy
    sleep: Callable[[float], None]

    def running_user(self) -> str:
        """Id of the user behind the login."""
        return self.user_id or whoami(self.client).user_id


@dataclass
class Deployed:
    """The org's word on each component, by metadata type and lower-cased full name."""

    problems: dict[tuple[str, str], str] = field(default_factory=dict)
    existing: set[tuple[str, str]] = field(default_factory=set)  # not created by this deploy: they were there before

    def stop_at_problems(self) -> None:
        """Raise everything the org refused; it has rolled the rest back."""
        if self.problems:
            lines = [f"{name}: Salesforce says: {problem}" for (_, name), problem in self.problems.items()]
            raise UsageFault(*lines, "Nothing was changed. Correct this in the org, then run: kam setup")


def deploy(link: Link, package: bytes, *, check_only: bool) -> Deployed:
    """Send a package, all or nothing, and wait until the org has dealt with it."""
    options = {"checkOnly": check_only, "rollbackOnError": True, "singlePackage": True, "ignoreWarnings": False}
    files = {
        "json": (None, json.dumps({"deployOptions": options}), "application/json"),
        "file": ("deploy.zip", package, "application/zip"),
    }
    try:
        # Deploying the same package twice ends as deploying it once, so it may be sent again when the answer is lost.
        job = link.client.send("POST", "metadata/deployRequest", repeatable=True, files=files)
    except Refusal as refusal:
        if refusal.code == "INSUFFICIENT_ACCESS":
            raise AccessFault(NO_RIGHT) from None
        raise
    return _deployed(_wait(link, str(job["id"])))


def quoted(values: Iterable[str]) -> str:
    """Texts as a list in a SOQL condition."""
    return ", ".join("'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" for value in values)


def select(link: Link, fields: Sequence[str], record: str, where: str = "") -> Iterator[dict[str, Any]]:
    """Records of a query, page by page; `where` holds what follows the record's name."""
    soql = " ".join(["SELECT", ", ".join(fields), "FROM", record, where]).strip()
    for page in link.client.pages(soql):
        yield from page["records"]


def _wait(link: Link, job_id: str) -> dict[str, Any]:
    pause, waited = FIRST_PAUSE, 0.0
    path = f"metadata/deployRequest/{job_id}"
    while waited < CEILING:
        result: dict[str, Any] = link.client.get(path, {"includeDetails": "true"})["deployResult"]
        if result["done"]:
            return result
        link.sleep(pause)
        waited += pause
        pause = min(pause * 1.5, LONGEST_PAUSE)
    link.client.send("PATCH", path, repeatable=True, json={"deployResult": {"status": "Canceling"}})
    raise UnreachableFault(
        f"The org did not finish deployment {job_id} within {CEILING:.0f} s; it was told to cancel. Look at Setup > "
        "Deployment Status, then run kam setup again: what was made already is kept."
    )


def _deployed(result: dict[str, Any]) -> Deployed:
    details = result.get("details") or {}
    answer = Deployed()
    for entry in details.get("componentFailures") or ():
        key = (str(entry.get("componentType") or ""), str(entry["fullName"]).lower())
        answer.problems[key] = str(entry.get("problem") or "no reason given")
    for entry in details.get("componentSuccesses") or ():
        if not entry.get("created") and not entry.get("deleted"):
            answer.existing.add((str(entry.get("componentType") or ""), str(entry["fullName"]).lower()))
    if not result.get("success") and not answer.problems:
        answer.problems["", "deployment"] = str(result.get("errorMessage") or f"status {result.get('status')}")
    return answer

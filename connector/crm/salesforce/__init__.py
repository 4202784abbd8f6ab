"""Salesforce: login, describe, read, write, setup and faults, behind the eight methods of `protocol.Crm`.

Settings come in; a logged-in Salesforce leaves. Next room: `login`.
"""

import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path

from connector.crm.http import HttpSettings, make_session
from connector.crm.protocol import (
    Batch,
    Capabilities,
    Identity,
    Limits,
    ReadRequest,
    RecordFact,
    RecordWrite,
    SetupItem,
    SetupRequest,
    Way,
)
from connector.crm.salesforce import describe, faults, read, setup, write
from connector.crm.salesforce.bulk import choose
from connector.crm.salesforce.login import Client
from connector.crm.settings import CrmSettings
from connector.errors import UsageFault
from connector.schema import Outcome


class Salesforce:
    """One logged-in org; every refusal leaves here as one of our errors."""

    capabilities = Capabilities(
        "salesforce",
        "__c",
        write.BATCH,
        deletions_in_read=True,
        where_language="SOQL",
        page_clicks=tuple(setup.PAGE_CLICKS),
        hand_over="deploys it with Workbench or `sf project deploy`",
    )

    def __init__(self, client: Client) -> None:
        self.client = client
        self.capabilities = replace(self.capabilities, write_way=self._write_way)

    def whoami(self) -> Identity:
        """Identity of the login; the first call of a run."""
        with faults.spoken():
            return describe.whoami(self.client)

    def describe(self, record: str) -> RecordFact | None:
        """Fields of one record as this user sees them; None when the record is absent or hidden."""
        with faults.spoken():
            return describe.describe(self.client, record)

    def count(self, record: str, where: str | None = None) -> int:
        """Number of records; raises UsageFault when `where` isn't understood."""
        with faults.spoken():
            return read.count(self.client, record, where)

    def read(self, request: ReadRequest, since: str | None) -> Iterator[Batch]:
        """Records changed since a cursor, or all of them when it is None; the last batch carries the new cursor."""
        with faults.spoken():
            yield from read.read(self.client, request, since)

    def write(self, writes: Sequence[RecordWrite]) -> Iterator[Outcome]:
        """One outcome for each record, in no promised order; an outcome's columns are field names."""
        with faults.spoken():
            yield from write.write(self.client, writes)

    def limits(self) -> Limits:
        """Calls left today."""
        with faults.spoken():
            return describe.limits(self.client)

    def plan_setup(self, request: SetupRequest) -> list[SetupItem]:
        """What apply_setup would do, checked by the org; changes nothing."""
        with faults.spoken():
            return setup.plan_setup(self._link(), request)

    def apply_setup(self, request: SetupRequest, out: Path | None = None) -> list[SetupItem]:
        """Create, update or remove what the plan says; with `out`, write the package there instead of sending it."""
        with faults.spoken():
            try:
                return setup.apply_setup(self._link(), request, out)
            finally:
                self.client.described.clear()

    def _write_way(self, count: int) -> Way:
        with faults.spoken():
            return choose.writing(self.client, count)

    def _link(self) -> setup.Link:
        def look(record: str) -> RecordFact | None:
            self.client.described.pop(record, None)  # setup changes fields, and must see them as they are now
            return describe.describe(self.client, record)

        return setup.Link(self.client, self.client.user_id, look, self.client.session.sleep)


def connect(
    settings: CrmSettings,
    *,
    environ: Mapping[str, str],
    http: HttpSettings | None = None,
    before_call: Callable[[Limits], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    remember: MutableMapping[str, str] | None = None,
) -> Salesforce:
    """A logged-in Salesforce; `before_call` sees the day's quota before each call and may raise ReserveReached.

    `remember` keeps the ids of jobs that the org works on, so that a killed run's next one takes them up.
    """
    if complaints := settings.complaints():
        raise UsageFault(*complaints)
    wanted = replace(http or HttpSettings(), ca_bundle=settings.ca_bundle, proxy=settings.proxy)
    session = make_session(wanted, sleep=sleep)
    session.refusal = faults.read_refusal
    session.before_call = before_call
    return Salesforce(Client(settings, environ, session, remember))

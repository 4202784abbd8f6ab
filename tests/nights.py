"""Nights without a change: enriches and diffs a company day by day, and carries the changes out in the mirror.

For the test and the benchmark of guarantee 8. What a night would write is put where the next pull would find it, so
thirty nights need one pull.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from world import deployment, environment

from connector import job
from connector.crm.protocol import SetupRequest
from connector.emulator.company import LAST_DAY, build, truth_in
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.seed import seed as plant
from connector.emulator.server import start
from connector.schema import CRM_FIELDS, Change
from connector.workspace import Workspace, opened, setup_fields

Truth = dict[str, Any]
# The lines of the mapping that wait to be opted in.
_PROGRAMME = "|".join(f.column for f in CRM_FIELDS if f.group == "programme")
_OPTED_IN = re.compile(rf"^# (({_PROGRAMME}) = )", re.M)


@dataclass(frozen=True)
class Night:
    """What one night would write."""

    day: str
    accounts: int
    changes: tuple[Change, ...]


@contextmanager
def company(size: str, folder: Path, seed: int = 1) -> Iterator[tuple[Workspace, Truth]]:
    """The workspace of an invented company after its first run, with the programme set mapped too, and its truth."""
    org, made = Org(), build(size, seed)
    ids = plant(org, made)
    try:
        with start(org) as running:
            mapping = deployment(folder, running) / "mappings" / "salesforce.toml"
            mapping.write_text(_OPTED_IN.sub(r"\1", mapping.read_text(encoding="utf-8")), encoding="utf-8")
            environ = environment(running)
            with opened(folder, environ=environ) as work:
                request = SetupRequest(setup_fields(("inputs", "programme")), work.journal.installation, "KAM")
                work.crm.apply_setup(request)
            with opened(folder, environ=environ) as work:
                job.run(work, "first_run", as_of=LAST_DAY)
                yield work, dict(truth_in(made, ids["accounts"], ids["contacts"]))
    finally:
        org.db.close()


def nights(work: Workspace, numbers: Iterable[int]) -> Iterator[Night]:
    """These nights after the company's last day, one by one; those between them see no run."""
    for number in numbers:
        day = (LAST_DAY + timedelta(days=number)).isoformat()
        job.run_enrich(work, day, remember=True)
        found = job.run_diff(work, day)
        with work.mirror.atomic():
            for change in found.changes:
                work.mirror.set_present(change.table, [change.id], {change.column: [change.after]})
        yield Night(day, len({c.id for c in found.changes}), tuple(found.changes))

"""API calls made by a refresh of the medium company: the first run, a night without change, a night with 1 % changed.

Run: python benchmarks/calls.py [--crm dynamics] [--company medium]. Counts come from the emulator, by method and path.
"""

import argparse
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from connector import job
from connector.cli.demo import prepare
from connector.crm.protocol import SetupRequest
from connector.emulator.company import LAST_DAY, build
from connector.emulator.kinds import KINDS
from connector.emulator.server import Running, start
from connector.workspace import opened, setup_fields

EDITS = {
    "salesforce": lambda account: ("Account", account, {"NumberOfEmployees": 4321}),
    "dynamics": lambda account: ("account", account, {"numberofemployees": 4321}),
}


def main() -> None:
    """Count and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--company", default="medium", choices=["small", "medium"])
    arguments.add_argument("--crm", default="salesforce", choices=list(KINDS))
    given = arguments.parse_args()
    kind = KINDS[given.crm]
    org, folder = kind.make(), Path(tempfile.mkdtemp(prefix="kam-calls-"))
    try:
        ids = kind.seed(org, build(given.company, 1))
        # Seeded records bear stamps of their past; the clock of the emulator is now, so nothing is within the overlap.
        with start(org) as crm:
            prepare(given.crm, folder, crm)
            with opened(folder) as work:
                work.crm.apply_setup(SetupRequest(setup_fields(()), work.journal.installation))
            _night(folder, crm, "first run", "first_run")
            _night(folder, crm, "the night after: our own writes come back once", "refresh")
            _night(folder, crm, "no change", "refresh")
            for account in ids["accounts"][::100]:
                org.update(org.admin_id, *EDITS[given.crm](account))
            _night(folder, crm, "1 % of the accounts changed", "refresh")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _night(folder: Path, crm: Running, title: str, name: str) -> None:
    crm.calls.clear()
    with opened(folder) as work:
        report = job.run(work, name, as_of=LAST_DAY)
    calls = Counter(crm.calls)
    parts = sum(count for what, count in calls.items() if "(in batch)" in what)
    told = f" with {parts} more requests inside batches" if parts else ""
    print(f"{title}: {sum(calls.values()) - parts} calls{told}, {report.counts['diff']['records']} records written")
    for what, count in calls.most_common():
        print(f"  {count:>5}  {what}")


if __name__ == "__main__":
    main()

"""API calls made by a refresh of the medium company: the first run, a night without change, a night with 1 % changed.

Run: python benchmarks/calls.py [--company medium]. Counts come from the emulator, by method and path.
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
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.seed import seed
from connector.emulator.server import Running, start
from connector.workspace import opened, setup_fields


def main() -> None:
    """Count and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--company", default="medium", choices=["small", "medium"])
    size = arguments.parse_args().company
    org, folder = Org(), Path(tempfile.mkdtemp(prefix="kam-calls-"))
    try:
        ids = seed(org, build(size, 1))
        # Seeded records bear stamps of their past; the clock of the emulator is now, so nothing is within the overlap.
        with start(org) as crm:
            prepare(folder, crm)
            with opened(folder) as work:
                work.crm.apply_setup(SetupRequest(setup_fields(()), work.journal.installation))
            _night(folder, crm, "first run", "first_run")
            _night(folder, crm, "the night after: our own writes come back once", "refresh")
            _night(folder, crm, "no change", "refresh")
            for account in ids["accounts"][::100]:
                org.update(org.admin_id, "Account", account, {"NumberOfEmployees": 4321})
            _night(folder, crm, "1 % of the accounts changed", "refresh")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _night(folder: Path, crm: Running, title: str, name: str) -> None:
    crm.calls.clear()
    with opened(folder) as work:
        report = job.run(work, name, as_of=LAST_DAY)
    calls = Counter(crm.calls)
    print(f"{title}: {sum(calls.values())} calls, {report.counts['diff']['records']} records written")
    for what, count in calls.most_common():
        print(f"  {count:>5}  {what}")


if __name__ == "__main__":
    main()

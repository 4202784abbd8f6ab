"""Guarantee 8 on the medium company: accounts written a night, for thirty nights without a change in the CRM.

`small` as an argument measures the small one. The aim is at most one account in a hundred a night on average.
"""

import statistics
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from nights import company, nights

NIGHTS = 30


def main(size: str) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, company(size, Path(folder) / "work") as (work, _):
        accounts = work.mirror.count("account")
        told = list(nights(work, range(1, NIGHTS + 1)))
    columns = Counter(c.column for night in told for c in night.changes)
    each = [night.accounts for night in told]
    mean = statistics.mean(each)
    print(f"{datetime.now(UTC):%Y-%m-%d}: the {size} company, {accounts} accounts, {NIGHTS} nights without a change")
    print("accounts written a night: " + " ".join(map(str, each)))
    print(f"mean {mean:.1f} = {mean / accounts:.2%} of the accounts (aim: at most 1 %), most {max(each)}")
    print("by field: " + ", ".join(f"{n} {c}" for c, n in columns.most_common()))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "medium")

"""REST pull of 100,000 contacts: our pull beside what people write today, and beside its two limits.

Run: python benchmarks/pull.py [--rows 100000] [--rounds 5]. Four ways take turns, so that a drifting machine hits all:
ours; simple-salesforce `query_all_iter` into sqlite-utils `insert_all`; the same pages to nowhere; the same rows from
memory into the same mirror. Prints ratios of the medians first.
"""

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import requests
import sqlite_utils
from simple_salesforce import Salesforce

from connector import mapping
from connector.crm import salesforce
from connector.crm.protocol import Batch, ReadRequest
from connector.crm.settings import CrmSettings
from connector.mapping import FieldMap
from connector.steps import pull as pulling
from connector.steps.money import Corporate
from connector.steps.pull import step
from connector.store.mirror import Mirror

ROOT = Path(__file__).parents[1]
FIELDS = [
    *("Id", "AccountId", "Name", "Title", "Department"),
    *("Email", "ReportsToId", "OwnerId", "CreatedDate", "LastModifiedDate"),
]


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kam-bench-"))
    try:
        _export(folder / "export", given.rows)
        with _Emulator(folder) as told:
            _measure(folder, told, given.rows, given.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _export(folder: Path, rows: int) -> None:
    folder.mkdir()
    with (folder / "Account.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Id", "Name"])
        writer.writerows([[f"001Kz{i:010d}", f"Account {i}"] for i in range(rows // 20 + 1)])
    with (folder / "Contact.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Id", "AccountId", "FirstName", "LastName", "Title", "Department", "Email"])
        writer.writerows(
            [
                f"003Kz{i:010d}",
                f"001Kz{i // 20:010d}",
                "Ada",
                f"Example {i}",
                "Head of Things",
                "IT",
                f"a{i}@example.com",
            ]
            for i in range(rows)
        )


class _Emulator:
    """`kam emulate` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._command = [
            sys.executable,
            "-m",
            "connector",
            "emulate",
            "salesforce",
            "--load",
            str(folder / "export"),
            "--tls",
        ]

    def __enter__(self) -> dict[str, str]:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        told: dict[str, str] = json.loads(self._process.stdout.readline())
        return told

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


def _measure(folder: Path, told: dict[str, str], rows: int, rounds: int) -> None:
    os.environ["BENCH_TOKEN"] = told["token"]
    settings = CrmSettings(
        kind="salesforce", url=told["url"], auth="token", secret_env="BENCH_TOKEN", ca_bundle=Path(told["ca"])
    )
    crm = salesforce.connect(settings, environ=os.environ)
    whole = mapping.load(ROOT / "mappings" / "salesforce.toml")
    source = next(s for s in whole.sources if s.table == "contact")
    here = set(FIELDS)
    source = mapping.replace(source, read=tuple(r for r in source.read if set(r.fields) <= here))
    fieldmap = FieldMap(whole.path, (source,))
    (group,) = pulling.groups(fieldmap)
    batches = list(crm.read(ReadRequest(group.record, group.fields, None), None))
    ways: dict[str, Callable[[Path], int]] = {
        "ours": lambda at: _ours(crm, fieldmap, at),
        "simple-salesforce + sqlite-utils": lambda at: _today(told, at),
        "the pages to nowhere": lambda _: _pages(told),
        "the rows from memory": lambda at: _memory(group, batches, at),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-1, rounds):
        for name, way in ways.items():
            at = folder / f"{number}-{name.split()[0]}-{len(name)}"
            at.mkdir()
            began = time.perf_counter()
            found = way(at)
            spent = time.perf_counter() - began
            assert found == rows, (name, found)
            if number >= 0:  # the first round warms up
                times[name].append(spent)
            shutil.rmtree(at)
    _tell(times, rows, rounds)


def _ours(crm: salesforce.Salesforce, fieldmap: FieldMap, at: Path) -> int:
    mirror = Mirror(at)
    done = pulling.pull(crm, fieldmap, mirror, now="2026-01-01T00:00:00Z", money_settings=Corporate(), full=True)
    mirror.close()
    return done.rows["contact"]


def _today(told: dict[str, str], at: Path) -> int:
    session = requests.Session()
    session.trust_env = False
    session.verify = told["ca"]
    crm = Salesforce(session_id=told["token"], instance_url=told["url"], session=session)
    db = sqlite_utils.Database(at / "plain.db")

    def rows() -> Iterator[dict[str, object]]:
        for record in crm.query_all_iter(f"SELECT {', '.join(FIELDS)} FROM Contact", include_deleted=True):
            record.pop("attributes")
            yield record

    db["contact"].insert_all(rows(), pk="Id")
    return db["contact"].count


def _pages(told: dict[str, str]) -> int:
    """Fetch every page and throw it away: what the wire and the emulator allow."""
    session = requests.Session()
    session.trust_env = False
    session.verify = told["ca"]
    session.headers["Authorization"] = f"Bearer {told['token']}"
    query = f"SELECT Id, IsDeleted, SystemModstamp, {', '.join(FIELDS[1:])} FROM Contact ORDER BY SystemModstamp, Id"
    url, wanted, seen = f"{told['url']}/services/data/v66.0/queryAll", {"q": query}, 0
    while True:
        body = session.get(url, params=wanted, timeout=60).content
        seen += body.count(b'"attributes"')
        at = body.find(b'"nextRecordsUrl":"', 0, 400)
        if at < 0:
            return seen
        start = at + len(b'"nextRecordsUrl":"')
        url, wanted = told["url"] + body[start : body.index(b'"', start)].decode(), {}


def _memory(group: pulling.Group, batches: list[Batch], at: Path) -> int:
    """Store rows that are already here: what the mirror allows."""
    mirror = Mirror(at)
    work = step.Work(mirror, 1, "2026-01-01T00:00:00Z", True, 0.5, {("contact", "Contact"): [group]})
    for batch in batches:
        with mirror.atomic():
            step.store(group, batch, work)
    mirror.close()
    return work.done.rows["contact"]


def _tell(times: dict[str, list[float]], rows: int, rounds: int) -> None:
    middle = {name: statistics.median(spent) for name, spent in times.items()}
    ours = middle["ours"]
    slower = max(middle["the pages to nowhere"], middle["the rows from memory"])
    pairs = [b / a for a, b in zip(times["ours"], times["simple-salesforce + sqlite-utils"], strict=True)]
    print(f"{time.strftime('%Y-%m-%d')}: {rows:,} contacts, median of {rounds} interleaved rounds")
    span = f"{min(pairs):.2f}..{max(pairs):.2f}"
    print(f"ratio to simple-salesforce + sqlite-utils: {statistics.median(pairs):.2f} (aim 3; {span})")
    print(f"ratio to the slower limit: {slower / ours:.2f} (aim 0.6)")
    for name, spent in middle.items():
        print(f"  {name:<34} {rows / spent:>9,.0f} rows/s  {spent:6.2f} s")


if __name__ == "__main__":
    main()

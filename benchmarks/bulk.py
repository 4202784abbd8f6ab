"""Bulk pull of contacts and Bulk write-back of accounts: ours beside what people run today, and beside the two limits.

Run: python benchmarks/bulk.py [--rows 200000] [--writes 200000] [--rounds 5]. The ways take turns, so that a drifting
machine hits all. Pull: ours; simple-salesforce bulk2 download into sqlite-utils, and into sqlite3 executemany; the same
pages to nowhere; the same rows from memory into the same mirror. Write: ours; simple-salesforce bulk2 update. Prints
ratios of the medians first. CPU seconds are those of this process, the emulator's not among them.
"""

import argparse
import csv
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import requests
import sqlite_utils
from pull import FIELDS, ROOT, _Emulator, _export, _memory
from simple_salesforce import Salesforce

from connector import mapping
from connector.crm import salesforce
from connector.crm.protocol import Batch, ReadRequest, RecordWrite
from connector.crm.salesforce.bulk import choose
from connector.crm.settings import CrmSettings
from connector.mapping import FieldMap
from connector.steps import pull as pulling
from connector.steps.money import Corporate
from connector.store.mirror import Mirror

SOQL = f"SELECT IsDeleted, SystemModstamp, {', '.join(FIELDS)} FROM Contact"  # 12 columns
PAGE = 50_000
DLT = "simple-salesforce bulk2 + dlt"
# dlt has requirements of its own: the environment variable DLT_PYTHON names a Python that has dlt[sqlalchemy] and
# simple-salesforce. Its way is left out where that is not set.
DLT_SCRIPT = """
import csv, sys, dlt, requests
from simple_salesforce import Salesforce
url, token, ca, at, soql, page = sys.argv[1:]
session = requests.Session()
session.trust_env, session.verify = False, ca
crm = Salesforce(session_id=token, instance_url=url, session=session, version="66.0")
@dlt.resource(name="contact", write_disposition="replace")
def contacts():
    for one in crm.bulk2.Contact.download(soql, path=at, max_records=int(page)):
        with open(one["file"], newline="", encoding="utf-8") as file:
            yield list(csv.DictReader(file))
store = dlt.destinations.sqlalchemy("sqlite:///" + at + "/plain.db")
dlt.pipeline("bench", destination=store, dataset_name="main", pipelines_dir=at + "/dlt").run(contacts())
"""
OURS, UTILS, MANY, NOWHERE, MEMORY = (
    "ours",
    "simple-salesforce bulk2 + sqlite-utils",
    "simple-salesforce bulk2 + executemany",
    "the pages to nowhere",
    "the rows from memory",
)


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=200_000)
    arguments.add_argument("--writes", type=int, default=200_000)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kam-bench-"))
    try:
        # the export has one account for twenty contacts
        _export(folder / "export", given.rows)
        _accounts(folder / "export" / "Account.csv", max(given.writes, given.rows // 20 + 1))
        with _Emulator(folder) as told:
            if given.rows:
                _pulls(folder, told, given.rows, given.rounds)
            if given.writes:
                _writes(folder, told, given.writes, given.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _accounts(path: Path, count: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Id", "Name"])
        writer.writerows([f"001Kz{i:010d}", f"Account {i}"] for i in range(count))


def _connect(told: dict[str, str]) -> salesforce.Salesforce:
    os.environ["BENCH_TOKEN"] = told["token"]
    settings = CrmSettings(
        kind="salesforce", url=told["url"], auth="token", secret_env="BENCH_TOKEN", ca_bundle=Path(told["ca"]),
        bulk="always", bulk_page_rows=PAGE,
    )  # fmt: skip
    return salesforce.connect(settings, environ=os.environ)


def _session(told: dict[str, str]) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = told["ca"]
    session.headers["Authorization"] = f"Bearer {told['token']}"
    return session


def _theirs(told: dict[str, str]) -> Salesforce:
    return Salesforce(session_id=told["token"], instance_url=told["url"], session=_session(told), version="66.0")


def _pulls(folder: Path, told: dict[str, str], rows: int, rounds: int) -> None:
    crm = _connect(told)
    whole = mapping.load(ROOT / "mappings" / "salesforce.toml")
    source = next(s for s in whole.sources if s.table == "contact")
    source = mapping.replace(source, read=tuple(r for r in source.read if set(r.fields) <= set(FIELDS)))
    fieldmap = FieldMap(whole.path, (source,))
    (group,) = pulling.groups(fieldmap)
    batches: list[Batch] = []
    ways: dict[str, Callable[[Path], int]] = {
        OURS: lambda at: _ours(crm, fieldmap, at),
        UTILS: lambda at: _into_utils(told, at),
        MANY: lambda at: _into_sqlite(told, at),
        NOWHERE: lambda _: _to_nowhere(told),
        MEMORY: lambda at: _memory(group, batches, at),
    }
    if os.environ.get("DLT_PYTHON"):
        ways[DLT] = lambda at: _into_dlt(told, at)
    crm.client.session.calls = 0
    # before anything else has touched this process's memory
    _ours(crm, fieldmap, _fresh(folder / "first"))
    peak, calls = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, crm.client.session.calls
    batches += crm.read(ReadRequest(group.record, group.fields, None), None)
    times = _interleaved(folder, ways, rows, rounds)
    middle = {name: statistics.median(wall for wall, _ in spent) for name, spent in times.items()}
    ours, today = middle[OURS], min(middle[UTILS], middle[MANY])
    print(f"{time.strftime('%Y-%m-%d')}: {rows:,} contacts of 12 columns by Bulk, median of {rounds} rounds")
    print(f"ratio to {UTILS}: {middle[UTILS] / ours:.2f} (aim 3)")
    print(f"ratio to {MANY}: {middle[MANY] / ours:.2f} (aim 1.5; the fastest of theirs: {today / ours:.2f})")
    if DLT in middle:
        print(f"ratio to {DLT}: {middle[DLT] / ours:.2f} (aim 3)")
    print(f"ratio to the slower limit: {max(middle[NOWHERE], middle[MEMORY]) / ours:.2f} (aim 0.8)")
    print(f"peak memory after the first pull: {peak} MB (aim 400); calls of it: {calls}")
    _table(times, rows)


def _interleaved(
    folder: Path, ways: dict[str, Callable[[Path], int]], rows: int, rounds: int
) -> dict[str, list[tuple[float, float]]]:
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(rounds):
        for place, (name, way) in enumerate(ways.items()):
            at = _fresh(folder / f"{number}-{place}")
            wall, cpu = time.perf_counter(), time.process_time()
            found = way(at)
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
            assert found == rows, (name, found)
            shutil.rmtree(at)
    return times


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _table(times: dict[str, list[tuple[float, float]]], rows: int) -> None:
    for name, spent in times.items():
        wall, cpu = (statistics.median(one) for one in zip(*spent, strict=True))
        print(f"  {name:<40} {rows / wall:>9,.0f} rows/s  {wall:6.2f} s  {cpu:6.2f} s of CPU")


def _ours(crm: salesforce.Salesforce, fieldmap: FieldMap, at: Path) -> int:
    mirror = Mirror(at)
    done = pulling.pull(crm, fieldmap, mirror, now="2026-01-01T00:00:00Z", money_settings=Corporate(), full=True)
    mirror.close()
    return done.rows["contact"]


def _files(told: dict[str, str], at: Path) -> Iterator[Path]:
    for one in _theirs(told).bulk2.Contact.download(SOQL, path=str(at), max_records=PAGE):
        yield Path(one["file"])


def _into_utils(told: dict[str, str], at: Path) -> int:
    db = sqlite_utils.Database(at / "plain.db")

    def rows() -> Iterator[dict[str, str]]:
        for path in _files(told, at):
            with path.open(newline="", encoding="utf-8") as file:
                yield from csv.DictReader(file)

    db["contact"].upsert_all(rows(), pk="Id")
    return int(db["contact"].count)


def _into_sqlite(told: dict[str, str], at: Path) -> int:
    connection = sqlite3.connect(at / "plain.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    names = ["IsDeleted", "SystemModstamp", *FIELDS]
    columns = ", ".join(f'"{n}"' + (" PRIMARY KEY" if n == "Id" else "") for n in names)
    connection.execute(f"CREATE TABLE contact ({columns})")
    for path in _files(told, at):
        with path.open(newline="", encoding="utf-8") as file:
            lines = csv.reader(file)
            next(lines)
            connection.execute("BEGIN")
            while some := list(islice(lines, 10_000)):
                connection.executemany(f"INSERT OR REPLACE INTO contact VALUES ({','.join('?' * len(names))})", some)
            connection.execute("COMMIT")
    (count,) = connection.execute("SELECT count(*) FROM contact").fetchone()
    connection.close()
    return int(count)


def _into_dlt(told: dict[str, str], at: Path) -> int:
    words = [told["url"], told["token"], told["ca"], str(at), SOQL, str(PAGE)]
    subprocess.run([os.environ["DLT_PYTHON"], "-c", DLT_SCRIPT, *words], check=True)
    connection = sqlite3.connect(at / "plain.db")
    (count,) = connection.execute("SELECT count(*) FROM contact").fetchone()
    connection.close()
    return int(count)


def _to_nowhere(told: dict[str, str]) -> int:
    """Fetch every page and throw it away: what the wire and the emulator allow."""
    session, base, seen, locator = _session(told), f"{told['url']}/services/data/v66.0/jobs/query", 0, ""
    job = session.post(base, json={"operation": "queryAll", "query": SOQL}, timeout=60).json()["id"]
    while session.get(f"{base}/{job}", timeout=60).json()["state"] != "JobComplete":
        time.sleep(0.2)
    while locator != "null":
        asked = {"maxRecords": str(PAGE), **({"locator": locator} if locator else {})}
        with session.get(f"{base}/{job}/results", params=asked, timeout=60, stream=True) as page:
            locator = page.headers["Sforce-Locator"]
            seen += int(page.headers["Sforce-NumberOfRecords"])
            for _ in page.iter_content(1 << 20):
                pass
    session.delete(f"{base}/{job}", timeout=60)
    return seen


def _calls(crm: salesforce.Salesforce, do: Callable[[], int]) -> int:
    crm.client.session.calls = 0
    do()
    return crm.client.session.calls


def _writes(folder: Path, told: dict[str, str], count: int, rounds: int) -> None:
    crm = _connect(told)
    turn = iter(range(10_000))

    def ours(_: Path) -> int:
        word = f"round {next(turn)}"
        writes = [
            RecordWrite("account", "Account", f"001Kz{i:010d}", {"Site": word, "NumberOfEmployees": i})
            for i in range(count)
        ]
        some = (writes[at : at + choose.AT_ONCE] for at in range(0, count, choose.AT_ONCE))
        return sum(o.state == "written" for one in some for o in crm.write(one))

    def theirs(at: Path) -> int:
        word = f"round {next(turn)}"
        with (at / "rows.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["Id", "Site", "NumberOfEmployees"])
            writer.writerows((f"001Kz{i:010d}", word, i) for i in range(count))
        bulk = _theirs(told).bulk2.Account
        done = 0
        for one in bulk.update(str(at / "rows.csv")):
            # what became of each row has to be asked for
            done += len(bulk.get_successful_records(one["job_id"]).splitlines()) - 1
            bulk.get_failed_records(one["job_id"])
        return done

    # A run has looked at the day's limits when it pulled; what a night before learned of the org's speed is remembered.
    crm.capabilities.write_way(count)
    calls = [_calls(crm, lambda: ours(folder)) for _ in range(2)]
    # Make, upload, close, ask once, successes, delete: a job that fails no row needs no less, and one asks at least
    # once. A job takes what an upload may hold, or what is handed over at once.
    least = 6 * -(-count // choose.AT_ONCE)
    times = _interleaved(folder, {OURS: ours, "simple-salesforce bulk2 update": theirs}, count, rounds)
    walls = [statistics.median(wall for wall, _ in spent) for spent in times.values()]
    print(f"{time.strftime('%Y-%m-%d')}: {count:,} accounts written by Bulk, median of {rounds} rounds")
    print(f"ratio to simple-salesforce bulk2 update: {walls[1] / walls[0]:.2f}")
    first, second = calls
    print(f"calls over the least possible: {second / least:.2f} (aim 1.1): {second} to {least}, the first time {first}")
    _table(times, count)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()

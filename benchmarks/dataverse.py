"""Dynamics: our pull and our write beside Microsoft's own powerplatform-dataverse-client on the same emulator.

Run: python benchmarks/dataverse.py [--rows 100000] [--writes 20000] [--rounds 5]. The ways take turns, so that a
drifting machine hits all of them. Pull: 100,000 contacts, the same columns, ours into the mirror, theirs page by page
into sqlite-utils. Write: two columns of 20,000 accounts by UpdateMultiple in blocks of 500, ours with an outcome for
every record; once as fast as the emulator answers, which carries out one request at a time, and once with half a second
for each block, as a service that is far away and runs plug-ins would take. Prints ratios of the medians first.
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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import requests
import sqlite_utils
from azure.core.credentials import AccessToken
from PowerPlatform.Dataverse.client import DataverseClient

from connector import mapping
from connector.crm import dynamics
from connector.crm.protocol import RecordWrite
from connector.crm.settings import CrmSettings
from connector.mapping import FieldMap
from connector.schema import TABLES
from connector.steps import pull as pulling
from connector.steps.money import Corporate
from connector.store.mirror import Mirror
from connector.workspace import with_ids

ROOT = Path(__file__).parents[1]
COLUMNS = {
    "id": "contactid",
    "account_id": "parentcustomerid_account",
    "name": "fullname",
    "title": "jobtitle",
    "department": "department",
    "email": "emailaddress1",
    "owner_id": "owninguser",
    "created_at": "createdon",
    "modified_at": "modifiedon",
}
THEIRS = [
    *("contactid", "_parentcustomerid_value", "fullname", "jobtitle", "department", "emailaddress1"),
    *("_owninguser_value", "createdon", "modifiedon"),
]
BLOCK = 500
Ways = dict[str, Callable[[Path, int], int]]


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--writes", type=int, default=20_000)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kam-bench-"))
    try:
        accounts = _export(folder / "export", given.rows, given.writes)
        with _Emulator(folder) as told:
            os.environ["BENCH_TOKEN"] = told["token"]
            os.environ["REQUESTS_CA_BUNDLE"] = told["ca"]
            crm = _ours(told)
            client = DataverseClient(told["url"], _Fixed(told["token"]))
            _tell("pull", given.rows, _turns(_pulls(crm, client), folder, given.rows, given.rounds))
            for title, wait in (("write", 0.0), ("write, half a second a block", 0.5)):
                _slow(told, wait)
                _tell(title, given.writes, _turns(_writes(crm, client, accounts), folder, given.writes, given.rounds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _guid(kind: int, number: int) -> str:
    return str(UUID(int=(kind << 96) + (0x4000 << 64) + (0x8 << 60) + number))


def _export(folder: Path, rows: int, writes: int) -> list[str]:
    folder.mkdir()
    accounts = [_guid(1, n) for n in range(max(writes, rows // 20 + 1))]
    with (folder / "account.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["accountid", "name"])
        writer.writerows([[a, f"Account {n}"] for n, a in enumerate(accounts)])
    with (folder / "contact.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["contactid", "parentcustomerid", "firstname", "lastname", "jobtitle", "department", "emailaddress1"]
        )
        writer.writerows(
            [_guid(2, n), accounts[n // 20], "Ada", f"Example {n}", "Head of Things", "IT", f"a{n}@example.com"]
            for n in range(rows)
        )
    return accounts[:writes]


def _slow(told: dict[str, str], seconds: float) -> None:
    rule = {"kind": "latency", "path": "*UpdateMultiple", "seconds": seconds}
    answer = requests.post(f"{told['url']}/_emulator/faults", json={"faults": [rule]}, verify=told["ca"], timeout=10)
    answer.raise_for_status()


class _Fixed:
    """A credential that is a token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        """The token, good for a day."""
        return AccessToken(self._token, int(time.time()) + 86_400)


class _Emulator:
    """`kam emulate` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._command = [sys.executable, "-m", "connector", "emulate", "dynamics", "--tls"]
        self._command += ["--load", str(folder / "export")]

    def __enter__(self) -> dict[str, str]:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        told: dict[str, str] = json.loads(self._process.stdout.readline())
        return told

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


def _ours(told: dict[str, str]) -> dynamics.Dynamics:
    settings = CrmSettings(
        kind="dynamics",
        url=told["url"],
        auth="token",
        secret_env="BENCH_TOKEN",
        ca_bundle=Path(told["ca"]),
        daily_requests=10**9,
    )
    return dynamics.connect(settings, environ=os.environ)


def _pulls(crm: dynamics.Dynamics, client: DataverseClient) -> Ways:
    whole = mapping.load(ROOT / "mappings" / "dynamics.toml")
    source = next(s for s in whole.sources if s.table == "contact")
    columns = {c.name: c for c in TABLES["contact"].columns}
    read = tuple(mapping.ReadRule(columns[c], (f,)) for c, f in COLUMNS.items())
    fieldmap = with_ids(FieldMap(whole.path, (mapping.replace(source, read=read, write=()),)), crm)

    def ours(at: Path, _: int) -> int:
        mirror = Mirror(at)
        done = pulling.pull(crm, fieldmap, mirror, now="2026-01-01T00:00:00Z", money_settings=Corporate(), full=True)
        mirror.close()
        return done.rows["contact"]

    def theirs(at: Path, _: int) -> int:
        db, count = sqlite_utils.Database(at / "theirs.db"), 0
        for page in client.records.list_pages("contact", select=THEIRS, page_size=5000):
            rows = [record.data for record in page]
            db["contact"].insert_all(rows, pk="contactid", alter=True)
            count += len(rows)
        db.close()
        return count

    return {"ours": ours, "powerplatform-dataverse-client": theirs}


def _writes(crm: dynamics.Dynamics, client: DataverseClient, accounts: list[str]) -> Ways:
    def values(number: int) -> list[dict[str, Any]]:
        return [{"telephone1": f"{number} {n}", "numberofemployees": n + number} for n in range(len(accounts))]

    def ours(_: Path, number: int) -> int:
        given = zip(accounts, values(number), strict=True)
        outcomes = crm.write([RecordWrite("account", "account", i, v) for i, v in given])
        return sum(o.state == "written" for o in outcomes)

    def theirs(_: Path, number: int) -> int:
        made = values(number)
        for start in range(0, len(accounts), BLOCK):
            client.records.update("account", accounts[start : start + BLOCK], made[start : start + BLOCK])
        return len(accounts)

    return {"ours": ours, "powerplatform-dataverse-client": theirs}


def _turns(ways: Ways, folder: Path, expected: int, rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-1, rounds):
        for place, (name, way) in enumerate(ways.items()):
            at = folder / f"{number}-{place}-{expected}"
            at.mkdir()
            began = time.perf_counter()
            found = way(at, 100 + 10 * number + place)
            spent = time.perf_counter() - began
            assert found == expected, (name, found)
            if number >= 0:  # the first round warms up
                times[name].append(spent)
            shutil.rmtree(at)
    return times


def _tell(what: str, rows: int, times: dict[str, Sequence[float]] | dict[str, list[float]]) -> None:
    middle = {name: statistics.median(spent) for name, spent in times.items()}
    print(f"{what}: ours is {middle['powerplatform-dataverse-client'] / middle['ours']:.2f} x the official client")
    for name, spent in times.items():
        print(f"  {name:<32} {rows / middle[name]:>9,.0f} rows/s  {min(spent):.2f} … {max(spent):.2f} s")


if __name__ == "__main__":
    main()

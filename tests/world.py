"""A small hand-made org behind a server that really listens, and a deployment folder that points at it.

Nothing comes in but a folder; tests and benchmarks get a `World`: the org, the workspace, and ways to meddle with both.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from connector import job
from connector.cli.init import write_folder
from connector.crm.protocol import SetupRequest
from connector.emulator.salesforce.org.records import Org
from connector.emulator.server import FaultSource, Running, start
from connector.workspace import Workspace, opened, setup_fields

AS_OF = date(2026, 6, 30)
ACCOUNTS = 30
SECRET = "KAM_TEST_SECRET"
WRITE_PATH = "/services/data/*/composite/sobjects"
STAMPS = frozenset({"SystemModstamp", "LastModifiedDate", "LastModifiedById"})
_FAMILIES = ("Pumps", "Valves", "Seals", "Service")
_TITLES = ("Chief Executive Officer", "Head of Procurement", "IT Manager", "Plant Engineer", "Chief Financial Officer")


@dataclass
class Clock:
    """A clock that stands still until it is told otherwise."""

    now: datetime = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def forward(self, **passed: float) -> None:
        """Let time pass."""
        self.now += timedelta(**passed)


def fill(org: Org, accounts: int = ACCOUNTS) -> list[str]:
    """Put hand-made accounts, contacts, deals with lines and calls into an org; the ids of the accounts."""
    stamp = datetime(2025, 1, 1, tzinfo=UTC)
    stamps = ["CreatedDate", "LastModifiedDate", "SystemModstamp"]

    def load(name: str, columns: list[str], rows: list[list[object]]) -> None:
        org.bulk_load(name, [*columns, *stamps], [[*row, stamp, stamp, stamp] for row in rows])

    ids = [org.new_id("001") for _ in range(accounts)]
    kinds = ["Prospect" if n % 6 == 5 else "Customer - Direct" for n in range(accounts)]
    load(
        "Account",
        ["Id", "Name", "Type", "Industry", "BillingCountry", "NumberOfEmployees", "AnnualRevenue"],
        [
            [ids[n], f"Company {n:02d}", kinds[n], ("Energy", "Chemicals")[n % 2], "DE", 20 + 30 * n, 1e6 + 2e5 * n]
            for n in range(accounts)
        ],
    )
    products = [org.new_id("01t") for _ in _FAMILIES]
    family = org.field(org.object("Product2"), "Family")
    org.add_field("Product2", family.with_(restricted=False))
    load(
        "Product2",
        ["Id", "Name", "Family", "IsActive"],
        [[p, f"{f} 1", f, True] for p, f in zip(products, _FAMILIES, strict=True)],
    )
    entries = [org.new_id("01u") for _ in products]
    load(
        "PricebookEntry",
        ["Id", "Product2Id", "Pricebook2Id", "UnitPrice", "IsActive"],
        [[e, p, org.pricebook_id, 100, True] for e, p in zip(entries, products, strict=True)],
    )
    people = [(n, k, org.new_id("003")) for n in range(accounts) for k in range(1 + n % 4)]
    load(
        "Contact",
        ["Id", "AccountId", "FirstName", "LastName", "Title"],
        [[c, ids[n], "Kim", f"Person {n}-{k}", _TITLES[(n + k) % len(_TITLES)]] for n, k, c in people],
    )
    deals = [(n, k, org.new_id("006")) for n in range(accounts) if kinds[n] != "Prospect" for k in range(2 + n % 5)]
    load(
        "Opportunity",
        ["Id", "AccountId", "Name", "StageName", "Amount", "CloseDate"],
        [
            [
                o,
                ids[n],
                f"Deal {n}-{k}",
                "Closed Won",
                1000.0 * (n + 1) * (1 + k % 2),
                AS_OF - timedelta(days=40 + 80 * k),
            ]
            for n, k, o in deals
        ],
    )
    load(
        "OpportunityLineItem",
        ["Id", "OpportunityId", "PricebookEntryId", "Product2Id", "Quantity", "UnitPrice", "TotalPrice"],
        [
            [org.new_id("00k"), o, entries[(n + k) % 3], products[(n + k) % 3], 10, 100.0 * (n + 1), 1000.0 * (n + 1)]
            for n, k, o in deals
        ],
    )
    load(
        "Task",
        ["Id", "WhoId", "WhatId", "AccountId", "Subject", "Type", "ActivityDate", "Status"],
        [
            [org.new_id("00T"), c, ids[n], ids[n], "Call", "Call", AS_OF - timedelta(days=5 + 7 * i), "Completed"]
            for n, k, c in people
            if n % 3
            for i in range(1 + n % 3)
        ],
    )
    return ids


def make_template(folder: Path) -> Path:
    """An org in a file with our fields set up and the hand-made records in it, to be copied by every test."""
    org = Org(folder / "org.db", clock=Clock(datetime(2026, 6, 1, tzinfo=UTC)))
    try:
        ids = fill(org)
        with start(org, state=folder) as running:
            _set_up(folder / "setup", running)
        # What an admin does by hand: the running user may decide about the programme, too.
        for (owners,) in org.rows('SELECT "Id" FROM "PermissionSet" WHERE "Name" = \'KAM_Programme_Owner\''):
            held = {"AssigneeId": org.admin_id, "PermissionSetId": owners}
            org.create(org.admin_id, "PermissionSetAssignment", held)
        for n, key in enumerate(ids[::2]):
            typed = {"KAM_Strategic_Fit__c": 5 - n % 3, "KAM_Partnership__c": 5 - n % 4}
            org.update(org.admin_id, "Account", key, typed)
    finally:
        org.db.close()
    return folder


def make_filled(template: Path, folder: Path) -> Path:
    """A template whose org has been through a first run, with the store that the run left."""
    with world(template, folder / "made") as made:
        made.run("first_run")
    shutil.copytree(template, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("org.db*", "setup"))
    shutil.copy(folder / "made" / "org.db", folder / "org.db")
    shutil.copytree(folder / "made" / "work" / "store", folder / "store")
    return folder


def _set_up(folder: Path, running: Running) -> None:
    with opened(deployment(folder, running), environ=environment(running)) as work:
        request = SetupRequest(setup_fields(("inputs", "programme")), work.journal.installation, "KAM")
        assert not [i for i in work.crm.apply_setup(request) if i.action == "refuse"]


@dataclass
class World:
    """One emulated org being served, and a deployment folder for it."""

    org: Org
    running: Running
    folder: Path
    clock: Clock
    accounts: list[str] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which `kam` finds its secret."""
        return environment(self.running)

    @contextmanager
    def work(self, **more: Any) -> Iterator[Workspace]:
        """The opened workspace."""
        with opened(self.folder, environ=self.environ, clock=self.clock, **more) as work:
            yield work

    def run(self, name: str = "refresh", **options: Any) -> job.Report:
        """Run a job in this process, as of the fixed day unless told otherwise."""
        options.setdefault("as_of", AS_OF)
        with self.work() as work:
            return job.run(work, name, **options)

    def shell(self) -> dict[str, str]:
        """The whole environment of a `kam` that is started as a process."""
        return {
            **self.environ,
            "PYTHONPATH": str(Path(__file__).parent.parent),
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
        }

    def command(self, *words: str) -> list[str]:
        """The words with which a shell would start `kam` on this folder."""
        folder = () if words[0] == "init" else ("--dir", str(self.folder))
        return [sys.executable, "-m", "connector", *words, *folder]

    def kam(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `kam` as a shell would."""
        return subprocess.run(
            self.command(*words),
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env=self.shell(),
        )

    def control(self, what: str, method: str = "GET", **wish: Any) -> Any:
        """Ask or steer the emulator by its control endpoint."""
        answer = _plain().request(method, f"{self.running.url}/_emulator/{what}", json=wish or None, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def rest(self, path: str) -> Any:
        """Read with plain REST, as any other client would."""
        url = f"{self.running.url}/services/data/v60.0/{path}"
        answer = _plain().get(url, headers={"Authorization": f"Bearer {self.running.token}"}, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def faults(self, *rules: dict[str, Any]) -> None:
        """Put exactly these faults in force."""
        self.running.faults.replace(rules)

    def edit(self, account: str, **values: Any) -> None:
        """Change an account as a person would in the CRM."""
        self.org.update(self.org.admin_id, "Account", account, values)

    def account(self, account: str) -> dict[str, Any]:
        """What the CRM holds of one account."""
        return dict(self.org.get(self.org.admin_id, "Account", account))

    def state(self, *, stamps: bool = False) -> dict[str, dict[str, Any]]:
        """Every account as the CRM holds it, without the stamps that each write moves."""
        cursor = self.org.db.execute('SELECT * FROM "Account" WHERE NOT "IsDeleted" ORDER BY "Id"')
        names = [d[0] for d in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
        return {r["Id"]: {k: v for k, v in r.items() if stamps or k not in STAMPS} for r in rows}

    def ours(self) -> dict[str, dict[str, Any]]:
        """Our fields of every account, those that are filled."""
        return {
            i: {k: v for k, v in row.items() if k.startswith("KAM_") and v not in (None, "")}
            for i, row in self.state().items()
        }

    def writes(self) -> list[dict[str, Any]]:
        """Every write the emulator carried out since the last reset, in order, as its control endpoint tells."""
        told = self.control("writes")["writes"]
        return sorted((w for ws in told.values() for w in ws), key=lambda w: w["number"])

    def setting(self, file: str, old: str, new: str) -> None:
        """Change one line of a file of the deployment folder."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")


def _plain() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["Connection"] = "close"
    return session


def environment(running: Running) -> dict[str, str]:
    """Where that folder finds its secret."""
    return {SECRET: running.secret}


def deployment(folder: Path, running: Running) -> Path:
    """Make a deployment folder that points at a served org."""
    write_folder(folder, "salesforce")
    (folder / "config.toml").write_text(
        f'[crm]\nkind = "salesforce"\nurl = "{running.url}"\nauth = "client_credentials"\n'
        f'client_id = "{running.client_id}"\nsecret_env = "{SECRET}"\n[engine]\nthreads = 1\n',
        encoding="utf-8",
    )
    return folder


@contextmanager
def world(template: Path, folder: Path, faults: FaultSource = None) -> Iterator[World]:
    """Serve a copy of the template's org, and point a deployment folder at it; the template's store comes along."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(template / "org.db", folder / "org.db")
    if (template / "store").is_dir():
        shutil.copytree(template / "store", folder / "work" / "store")
    clock = Clock()
    org = Org(folder / "org.db", clock=clock)
    try:
        with start(org, state=template, faults=faults) as running:
            ids = [str(i) for (i,) in org.rows('SELECT "Id" FROM "Account" ORDER BY "Id"')]
            yield World(org, running, deployment(folder / "work", running), clock, ids)
    finally:
        org.db.close()

"""A small hand-made org behind a server that really listens, and a deployment folder that points at it.

Nothing comes in but a folder; tests and benchmarks get a `World`: the org, the workspace, and ways to meddle with both.
"""

import io
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import requests
from handmade import ACCOUNTS, AS_OF, FILLS

from connector import cli, job
from connector.cli.init import write_folder
from connector.crm.protocol import SetupRequest
from connector.emulator.kinds import KINDS
from connector.emulator.server import FaultSource, Running, start
from connector.workspace import Workspace, opened, setup_fields

__all__ = ["ACCOUNTS", "AS_OF", "SECRET", "WORDS", "WRITE_PATH", "Clock", "Said", "Words", "World", "deployment",
           "environment", "fill", "kam", "keep_results", "make_filled", "make_org", "make_ready", "make_template",
           "template_of", "world"]  # fmt: skip
SECRET = "KAM_TEST_SECRET"


@dataclass
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """Both streams."""
        return self.out + self.err


def kam(*words: str) -> Said:
    """Run the command line's own entry in this process."""
    out, err = io.StringIO(), io.StringIO()
    with patch.object(sys, "argv", ["kam", *words]), redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as stopped:
            return Said(int(stopped.code or 0), out.getvalue(), err.getvalue())
    raise AssertionError("kam did not end by itself")


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


@dataclass(frozen=True)
class Words:
    """What one CRM calls things: its accounts, our fields, its stamps, its data API and the address of writes."""

    record: str
    key: str
    ours: str
    field: str
    stamps: frozenset[str]
    rest: str
    write_path: str
    config: str

    def name(self, field: str) -> str:
        """Name of a field of ours."""
        return self.field.format(field if self.ours == "KAM_" else field.lower())


WORDS = {
    "salesforce": Words(
        "Account",
        "Id",
        "KAM_",
        "KAM_{}__c",
        frozenset({"SystemModstamp", "LastModifiedDate", "LastModifiedById"}),
        "/services/data/v60.0/",
        "/services/data/*/composite/sobjects",
        'auth = "client_credentials"\n',
    ),
    "dynamics": Words(
        "account",
        "accountid",
        "kam_",
        "kam_{}",
        frozenset({"versionnumber", "modifiedon", "modifiedby", "modifiedonbehalfby"}),
        "/api/data/v9.2/",
        "/api/data/*/*Multiple",
        'auth = "client_secret"\ntenant = "{tenant}"\nlogin_url = "{url}"\n',
    ),
}
WRITE_PATH = WORDS["salesforce"].write_path


def kind_of(org: Any) -> str:
    """Which CRM an org is of."""
    return next(name for name in WORDS if f".{name}." in type(org).__module__)


def make_org(kind: str, path: Path | None, clock: Clock) -> Any:
    """An org of one CRM, its records in a file when a path is given."""
    return KINDS[kind].make(path, clock=clock)


def fill(org: Any, accounts: int = ACCOUNTS) -> list[str]:
    """Put hand-made accounts, contacts, deals with lines and calls into an org; the ids of the accounts."""
    return FILLS[kind_of(org)](org, accounts)


def make_template(folder: Path, kind: str = "salesforce") -> Path:
    """An org in a file with our fields set up and the hand-made records in it, to be copied by every test."""
    org, words = make_org(kind, folder / "org.db", Clock(datetime(2026, 6, 1, tzinfo=UTC))), WORDS[kind]
    try:
        ids = fill(org)
        with start(org, state=folder) as running:
            _set_up(folder / "setup", running)
            running.key_file  # noqa: B018 (made when asked for; several workers may ask at once)
        _let_decide(org)
        for n, key in enumerate(ids[::2]):
            typed = {words.name("Strategic_Fit"): 5 - n % 3, words.name("Partnership"): 5 - n % 4}
            org.update(org.admin_id, words.record, key, typed)
    finally:
        org.db.close()
    return folder


def make_ready(template: Path, folder: Path, kind: str = "salesforce") -> Path:
    """A template from whose org everything was pulled and computed, as a run does before it writes."""
    with template_of(template, folder, kind) as made, made.work() as work:
        job.run_pull(work, "pull_full", 0.0)
        job.run_enrich(work, AS_OF.isoformat(), remember=True)
    return folder


def make_filled(ready: Path, folder: Path, kind: str = "salesforce") -> Path:
    """The same after a first run, which had nothing left to compute."""
    with template_of(ready, folder, kind) as made:
        keep_results(made.folder)
        assert made.run("first_run").code == 0
    return folder


@contextmanager
def template_of(template: Path, folder: Path, kind: str = "salesforce") -> Iterator["World"]:
    """A world of a template; what became of its org and store is another template, in this folder, afterwards."""
    with world(template, folder / "made", kind=kind) as made:
        yield made
    shutil.copytree(template, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("org.db*", "setup", "store"))
    shutil.copy(folder / "made" / "org.db", folder / "org.db")
    shutil.copytree(folder / "made" / "work" / "store", folder / "store")
    shutil.rmtree(folder / "made")


def keep_results(folder: Path) -> None:
    """Take the computing out of every job of a deployment folder: what is computed already stays as it is.

    For what is about reading, writing and guarding; that a night computes anew is proven by those that leave it in.
    """
    for path in (folder / "jobs").glob("*.toml"):
        path.write_text(path.read_text(encoding="utf-8").replace('"enrich", ', ""), encoding="utf-8")


def _set_up(folder: Path, running: Running) -> None:
    with opened(deployment(folder, running), environ=environment(running)) as work:
        request = SetupRequest(setup_fields(("inputs", "programme")), work.journal.installation, "KAM")
        assert not [i for i in work.crm.apply_setup(request) if i.action == "refuse"]


def _let_decide(org: Any) -> None:
    """What an admin does by hand: the running user may decide about the programme, too."""
    if kind_of(org) == "dynamics":
        org.assign_role(org.admin_id, "KAM Programme Owner")
        return
    for (owners,) in org.rows('SELECT "Id" FROM "PermissionSet" WHERE "Name" = \'KAM_Programme_Owner\''):
        org.create(org.admin_id, "PermissionSetAssignment", {"AssigneeId": org.admin_id, "PermissionSetId": owners})


@dataclass
class World:
    """One emulated org being served, and a deployment folder for it."""

    org: Any
    running: Running
    folder: Path
    clock: Clock
    accounts: list[str] = field(default_factory=list)

    @property
    def words(self) -> Words:
        """What this CRM calls things."""
        return WORDS[kind_of(self.org)]

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

    def call(self, *words: str) -> Said:
        """Run `kam` in this process, which spares the seconds that a new one needs to begin."""
        with patch.dict(os.environ, self.environ):
            return kam(*words, "--dir", str(self.folder))

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
        url = f"{self.running.url}{self.words.rest}{path}"
        answer = _plain().get(url, headers={"Authorization": f"Bearer {self.running.token}"}, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def faults(self, *rules: dict[str, Any]) -> None:
        """Put exactly these faults in force."""
        self.running.faults.replace(rules)

    def edit(self, account: str, **values: Any) -> None:
        """Change an account as a person would in the CRM."""
        self.org.update(self.org.admin_id, self.words.record, account, values)

    def account(self, account: str) -> dict[str, Any]:
        """What the CRM holds of one account."""
        return dict(self.org.get(self.org.admin_id, self.words.record, account))

    def state(self, *, stamps: bool = False) -> dict[str, dict[str, Any]]:
        """Every account as the CRM holds it, without the stamps that each write moves."""
        words = self.words
        alive = ' WHERE NOT "IsDeleted"' if words.record == "Account" else ""
        cursor = self.org.db.execute(f'SELECT * FROM "{words.record}"{alive} ORDER BY "{words.key}"')
        names = [d[0] for d in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
        return {r[words.key]: {k: v for k, v in r.items() if stamps or k not in words.stamps} for r in rows}

    def ours(self) -> dict[str, dict[str, Any]]:
        """Our fields of every account, those that are filled."""
        return {
            i: {k: v for k, v in row.items() if k.startswith(self.words.ours) and v not in (None, "")}
            for i, row in self.state().items()
        }

    def writes(self) -> list[dict[str, Any]]:
        """Every write the emulator carried out since the last reset, in order, as its control endpoint tells."""
        told = self.control("writes")["writes"]
        for write in (w for ws in told.values() for w in ws):
            # In a bulk write a record's type and key stand among its values.
            write["values"] = {k: v for k, v in write["values"].items() if k[0] != "@" and k != self.words.key}
        return sorted((w for ws in told.values() for w in ws), key=lambda w: w["number"])

    def into_production(self) -> None:
        """Let the org be one of production, and the folder and its store say so, as if they had from the start."""
        self.org.set_sandbox(False)
        self.setting("config.toml", "[crm]\n", '[crm]\nenvironment = "production"\n')
        for path in (self.folder / "store").glob("*.db"):
            with closing(sqlite3.connect(path)) as store, store:
                store.execute("UPDATE meta SET value = 'production' WHERE key = 'environment'")

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
    kind = kind_of(running.org)
    write_folder(folder, kind)
    login = WORDS[kind].config.format(tenant=running.tenant, url=running.url)
    (folder / "config.toml").write_text(
        f'[crm]\nkind = "{kind}"\nurl = "{running.url}"\n{login}'
        f'client_id = "{running.client_id}"\nsecret_env = "{SECRET}"\n[engine]\nthreads = 1\n',
        encoding="utf-8",
    )
    return folder


@contextmanager
def world(template: Path, folder: Path, faults: FaultSource = None, kind: str = "salesforce") -> Iterator[World]:
    """Serve a copy of the template's org, and point a deployment folder at it; the template's store comes along."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(template / "org.db", folder / "org.db")
    if (template / "store").is_dir():
        shutil.copytree(template / "store", folder / "work" / "store")
    clock = Clock()
    org, words = make_org(kind, folder / "org.db", clock), WORDS[kind]
    try:
        with start(org, state=template, faults=faults) as running:
            ids = [str(i) for (i,) in org.rows(f'SELECT "{words.key}" FROM "{words.record}" ORDER BY "{words.key}"')]
            yield World(org, running, deployment(folder / "work", running), clock, ids)
    finally:
        org.db.close()

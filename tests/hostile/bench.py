"""`kam` as a person would call it, on an emulated org with hostile content; and ways to look behind it."""

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from world import SECRET, Said, World, kam, keep_results, world

from connector.crm import salesforce
from connector.emulator.salesforce.org.model import Field
from connector.emulator.salesforce.org.records import Org
from connector.emulator.server import Running, start

AS_OF = "2026-06-30"
FOUNDED = datetime(2024, 1, 10, 8, 0, tzinfo=UTC)


@dataclass
class Bench:
    """One emulated org and its folder."""

    running: Running
    folder: Path
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def org(self) -> Org:
        """The org itself."""
        return self.running.org

    def kam(self, *words: str) -> Said:
        """Run a command in this folder."""
        return kam(*words, "--dir", str(self.folder))

    def first_run(self) -> Said:
        """The first run, as of the fixed day."""
        return self.kam("run", "first_run", "--as-of", AS_OF)

    def configure(self, **values: str) -> None:
        """Set keys of the [crm] section; the values as TOML writes them."""
        path = self.folder / "config.toml"
        lines = path.read_text(encoding="utf-8").splitlines()
        lines = [line for line in lines if line.lstrip("# ").partition(" = ")[0] not in values]
        at = lines.index("[crm]") + 1
        lines[at:at] = [f"{key} = {value}" for key, value in values.items()]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def add_lines(self, text: str) -> None:
        """Put lines at the end of config.toml."""
        path = self.folder / "config.toml"
        path.write_text(f"{path.read_text(encoding='utf-8')}\n{text}\n", encoding="utf-8")

    def steer(self, **wish: Any) -> None:
        """Change the emulator's settings."""
        url = f"{self.running.url}/_emulator/org"
        requests.post(url, json=wish, timeout=10, verify=str(self.running.ca or True)).raise_for_status()

    def make(self, kind: str, **values: Any) -> str:
        """A record made by somebody else."""
        return self.org.create(self.org.admin_id, kind, values)

    def change(self, kind: str, key: str, **values: Any) -> None:
        """A record changed by somebody else."""
        self.org.update(self.org.admin_id, kind, key, values)

    def value(self, key: str, name: str, kind: str = "Account") -> Any:
        """What the CRM holds now."""
        return self.org.get(self.org.admin_id, kind, key)[name]

    def rows(self, sql: str, *values: Any, file: str = "mirror") -> list[Any]:
        """Rows of the store."""
        connection = sqlite3.connect(self.folder / "store" / f"{file}.db")
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def replace(self, file: str, old: str, new: str) -> None:
        """Change a text in a file of the folder."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, old
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def account(self, name: str, **values: Any) -> str:
        """A customer made by somebody else; its id is kept under its name."""
        self.ids[name] = self.make("Account", Name=name, **{"Type": "Customer - Direct", **values})
        return self.ids[name]

    def contact(self, account: str | None, last: str, title: str | None = None) -> str:
        """A contact, and a call with them."""
        made = self.make("Contact", AccountId=account, LastName=last, Title=title)
        self.make("Task", Subject="Call", Status="Completed", ActivityDate="2026-06-20", WhoId=made)
        return made

    def deal(self, account: str | None, amount: float | None, day: str = "2026-06-01", **more: Any) -> str:
        """A won deal, unless told otherwise."""
        values = {"Name": "Deal", "StageName": "Closed Won", "CloseDate": day, "AccountId": account, "Amount": amount}
        return self.make("Opportunity", **{**values, **more})


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without their pauses: none of these tests is about how long they are."""
    monkeypatch.setitem(salesforce.connect.__kwdefaults__, "sleep", lambda _: None)


@pytest.fixture
def site(here: World, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The hand-made org with our fields in it; nothing was pulled yet."""
    monkeypatch.setenv(SECRET, here.running.secret)
    return Bench(here.running, here.folder)


@pytest.fixture
def ready_site(ready: World, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The same with results that no job computes anew: for what is about writing them."""
    monkeypatch.setenv(SECRET, ready.running.secret)
    return Bench(ready.running, ready.folder)


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bench]:
    """An org without a customer and without our fields."""
    yield from serve(tmp_path / "bare")


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Bench]:
    """The same behind TLS, by an authority that nobody knows."""
    yield from serve(tmp_path / "secure", tls=True)


def serve(folder: Path, *, tls: bool = False, state: Path | None = None) -> Iterator[Bench]:
    """Serve an empty org and make its folder, with a key to log in."""
    org = Org(clock=lambda: FOUNDED)
    assert kam("init", str(folder)).code == 0
    try:
        with start(org, tls=tls, state=state) as running:
            shutil.copy(running.key_file, folder / "server.key")
            user = org.rows('SELECT "Username" FROM "User" WHERE "Id" = ?', org.admin_id)[0][0]
            made = Bench(running, folder)
            made.configure(url=f'"{running.url}"', client_id=f'"{running.client_id}"', username=f'"{user}"')
            yield made
    finally:
        org.db.close()


def custom(name: str, kind: str = "string", **more: Any) -> Field:
    """A field that somebody else made."""
    return Field(name, kind, name, length=80, custom=True, **more)


@pytest.fixture(scope="module")
def after_first_run(filled_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An org and its folder after a first run; its jobs compute nothing anew."""
    with world(filled_template, tmp_path_factory.mktemp("walked") / "world") as made:
        keep_results(made.folder)
        yield made


@pytest.fixture
def walked(after_first_run: World, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The same with its secret in the environment; tests leave it as it is."""
    monkeypatch.setenv(SECRET, after_first_run.running.secret)
    return Bench(after_first_run.running, after_first_run.folder, {"account": after_first_run.accounts[1]})

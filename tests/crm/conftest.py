"""A server that plays scripted bytes, an environment without proxies, and one logged-in CRM of each kind."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.crm import dynamics, salesforce
from connector.crm.settings import CrmSettings
from connector.emulator.kinds import KINDS
from connector.emulator.server import Running, start


@dataclass
class Script:
    """A listening server that answers each connection's request with the next scripted bytes, then closes."""

    answers: list[bytes]
    requests: list[bytes] = field(default_factory=list)
    url: str = ""


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path_factory.getbasetemp()))


@pytest.fixture
def scripted() -> Iterator[Callable[..., Script]]:
    """Starts servers; each is given the bytes of its answers."""
    listening: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(*answers: bytes) -> Script:
        door = socket.create_server(("127.0.0.1", 0))
        listening.append(door)
        script = Script(list(answers), url=f"http://127.0.0.1:{door.getsockname()[1]}")
        thread = threading.Thread(target=_play, args=(door, script), daemon=True)
        thread.start()
        threads.append(thread)
        return script

    yield start
    for door in listening:
        door.shutdown(socket.SHUT_RDWR)
        door.close()
    for thread in threads:
        thread.join(5)


def _play(door: socket.socket, script: Script) -> None:
    while script.answers:
        try:
            caller, _ = door.accept()
        except OSError:
            return
        with caller:
            caller.settimeout(5)
            script.requests.append(_request(caller))
            caller.sendall(script.answers.pop(0))


def _request(caller: socket.socket) -> bytes:
    said = b""
    while b"\r\n\r\n" not in said:
        more = caller.recv(65536)
        if not more or more[0] == 22:  # gone, or a TLS greeting
            return said + more
        said += more
    head, _, body = said.partition(b"\r\n\r\n")
    length = next((int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += caller.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


@pytest.fixture
def silent() -> Iterator[str]:
    """Address of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"


@dataclass(frozen=True)
class Words:
    """What differs between CRMs: names of records and fields, filters, paths of calls, codes, and what is advised."""

    record: str
    id: str
    name: str
    website: str
    employees: str
    phone: str
    parent: str
    parent_name: str
    stamp: str
    stamp_format: str
    wrong_name: str
    wrong_path: str
    wrong_behind: str
    is_two: str
    starts_with_a: str
    wrong_filters: tuple[str, str]
    reads: str
    writes: str
    no_such_id: str
    hidden: str
    wrong_secret: str
    no_right: str
    too_long: str
    busy: str


WORDS = {
    "salesforce": Words(
        record="Account",
        id="Id",
        name="Name",
        website="Website",
        employees="NumberOfEmployees",
        phone="Phone",
        parent="ParentId",
        parent_name="Parent.Name",
        stamp="SystemModstamp",
        stamp_format="%Y-%m-%dT%H:%M:%S.000+0000",
        wrong_name="Nme",
        wrong_path="Prnt.Name",
        wrong_behind="Parent.Nme",
        is_two="Name = 'Two'",
        starts_with_a="Name LIKE 'A%'",
        wrong_filters=("Nme = 'x'", "Name ="),
        reads="*query*",
        writes="*composite/sobjects*",
        no_such_id="001000000000000AAA",
        hidden="or field-level security hides it",
        wrong_secret="Consumer Secret",
        no_right="API Enabled",
        too_long="STRING_TOO_LONG",
        busy="UNABLE_TO_LOCK_ROW",
    ),
    "dynamics": Words(
        record="account",
        id="accountid",
        name="name",
        website="websiteurl",
        employees="numberofemployees",
        phone="telephone1",
        parent="parentaccountid",
        parent_name="parentaccountid.name",
        stamp="modifiedon",
        stamp_format="%Y-%m-%dT%H:%M:%SZ",
        wrong_name="nme",
        wrong_path="prntaccountid.name",
        wrong_behind="parentaccountid.nme",
        is_two="name eq 'Two'",
        starts_with_a="startswith(name,'A')",
        wrong_filters=("nme eq 'x'", "name eq"),
        reads="*/accounts*",
        writes="*/accounts[(/]*",
        no_such_id="00000000-0000-0000-0000-00000000dead",
        hidden="or column security hides it",
        wrong_secret="secret's Value, not its ID",
        no_right="security role",
        too_long="0x80044331",
        busy="0x80044150",
    ),
}

CONNECT: dict[str, Callable[..., Any]] = {"salesforce": salesforce.connect, "dynamics": dynamics.connect}


@dataclass
class Clock:
    """A clock of the emulated CRM that stands still until it is told otherwise."""

    now: datetime = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def forward(self, **passed: float) -> None:
        """Let time pass."""
        self.now += timedelta(**passed)


@dataclass
class Far:
    """One emulated CRM, how to reach it, the words that differ between CRMs, and ways to change it behind our back."""

    settings: CrmSettings
    environ: dict[str, str]
    running: Running
    clock: Clock
    its: Words
    sessions: list[Any] = field(default_factory=list)

    @property
    def org(self) -> Any:
        """The org itself."""
        return self.running.org

    def connect(self, **changes: Any) -> Any:
        """A fresh login; `changes` to the settings, and what else connect takes."""
        options = {key: changes.pop(key) for key in ("http", "before_call", "spent") if key in changes}
        settings = replace(self.settings, **changes)
        made = CONNECT[settings.kind](settings, environ=self.environ, sleep=lambda seconds: None, **options)
        self.sessions.append(made.client.session)
        return made

    def steer(self, **wish: Any) -> None:
        """Change the emulator's settings by its control endpoint."""
        requests.post(f"{self.running.url}/_emulator/org", json=wish, timeout=10).raise_for_status()

    def written(self, key: str) -> int:
        """How often the emulator carried out a write of a record since it was added."""
        told = requests.get(f"{self.running.url}/_emulator/writes", params={"id": key}, timeout=10)
        told.raise_for_status()
        return sum(write["action"] == "update" for writes in told.json()["writes"].values() for write in writes)

    def add(self, name: str, **values: Any) -> str:
        """A record made by somebody else."""
        return str(self.org.create(self.org.admin_id, self.its.record, {self.its.name: name, **values}))

    def slip_in(self, name: str, **ago: float) -> str:
        """A record that becomes visible only now, with a stamp of a while ago."""
        stamp = f"{self.clock.now - timedelta(**ago):{self.its.stamp_format}}"
        values = {self.its.name: name, self.its.stamp: stamp}
        return str(self.org.create(self.org.admin_id, self.its.record, values, system=True))

    def change(self, key: str, **values: Any) -> None:
        """A record changed by somebody else."""
        self.org.update(self.org.admin_id, self.its.record, key, values)

    def remove(self, key: str) -> None:
        """A record deleted by somebody else."""
        self.org.delete(self.org.admin_id, self.its.record, key)

    def hide(self, column: str) -> None:
        """A column that this user may no longer see."""
        if self.settings.kind == "salesforce":
            self.org.hide(self.its.record, column)
        else:
            self.steer(secured_columns=[f"{self.its.record}.{column}"])

    def take_rights(self) -> None:
        """Leave the user behind the login without the right to read anything."""
        self.steer(**({"api_enabled": False} if self.settings.kind == "salesforce" else {"no_role": True}))

    def value(self, key: str, column: str) -> Any:
        """What the CRM holds now."""
        return self.org.get(self.org.admin_id, self.its.record, key)[column]

    def sweep(self) -> None:
        """Leave nothing of what a test did to records and faults."""
        self.running.faults.clear()
        self.running.site.page_size = None
        self.org.db.execute(f'DELETE FROM "{self.its.record}"')
        while self.sessions:
            self.sessions.pop().close()


@contextlib.contextmanager
def served(kind: str, keys: Path, clock: Clock | None = None) -> Iterator[Far]:
    """An empty org of one CRM and how to log in to it; the keys in a folder are used again."""
    org = KINDS[kind].make(None, clock=clock or (lambda: datetime.now(UTC)))
    with start(org, state=keys) as running:
        settings = CrmSettings(
            kind=kind,
            url=running.url,
            auth="client_credentials" if kind == "salesforce" else "client_secret",
            login_url=None if kind == "salesforce" else running.url,
            tenant=running.tenant or "",
            client_id=running.client_id,
            secret_env="KAM",
        )
        made = Far(settings, {"KAM": running.secret}, running, clock or Clock(), WORDS[kind])
        yield made
        made.sweep()
    org.db.close()


Serve = Callable[..., Far]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for the keys of each CRM: making them takes longer than a test."""
    return {kind: tmp_path_factory.mktemp(f"keys-{kind}") for kind in WORDS}


@pytest.fixture(scope="module")
def shared(keys: dict[str, Path]) -> Iterator[Serve]:
    """Servers that several tests share; each test gets one without a record and without a fault."""
    with contextlib.ExitStack() as stack:
        running: dict[tuple[str, bool], Far] = {}

        def serve(kind: str, *, still: bool = False) -> Far:
            if (kind, still) not in running:
                running[kind, still] = stack.enter_context(served(kind, keys[kind], Clock() if still else None))
            far = running[kind, still]
            far.sweep()
            return replace(far, environ=dict(far.environ))

        yield serve


@pytest.fixture(params=list(WORDS))
def far(request: pytest.FixtureRequest, shared: Serve) -> Far:
    """An emulated CRM of each kind."""
    return shared(request.param)


@pytest.fixture(params=list(WORDS))
def later(request: pytest.FixtureRequest, shared: Serve) -> Far:
    """An emulated CRM of each kind, whose time a test lets pass."""
    return shared(request.param, still=True)


@pytest.fixture(params=list(WORDS))
def own(request: pytest.FixtureRequest, keys: dict[str, Path]) -> Iterator[Far]:
    """The same for a test that changes more than records and faults."""
    with served(request.param, keys[request.param]) as made:
        yield made


@pytest.fixture
def salesforce_far(shared: Serve) -> Far:
    """Salesforce alone."""
    return shared("salesforce")


@pytest.fixture
def dynamics_far(shared: Serve) -> Far:
    """Dynamics alone."""
    return shared("dynamics")


@pytest.fixture
def salesforce_alone(keys: dict[str, Path]) -> Iterator[Far]:
    """Salesforce for a test that changes more than records and faults."""
    with served("salesforce", keys["salesforce"]) as made:
        yield made


@pytest.fixture
def dynamics_alone(keys: dict[str, Path]) -> Iterator[Far]:
    """Dynamics for a test that changes more than records and faults."""
    with served("dynamics", keys["dynamics"]) as made:
        yield made

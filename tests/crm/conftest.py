"""A server that plays scripted bytes, an environment without proxies, and one logged-in CRM of each kind."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from connector.crm.salesforce import Salesforce, connect
from connector.crm.settings import CrmSettings
from connector.emulator.salesforce.org.records import Org, utc_now
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


@dataclass
class Far:
    """One emulated CRM, how to reach it, the words that differ between CRMs, and ways to change it behind our back."""

    settings: CrmSettings
    environ: dict[str, str]
    running: Running
    clock: "Clock"
    record: str = "Account"
    parent: str = "ParentId"
    name: str = "Name"
    stamp: str = "SystemModstamp"

    def connect(self, **changes: Any) -> Salesforce:
        """A fresh login; `changes` to the settings, and `http` and `before_call` as connect takes them."""
        options = {key: changes.pop(key) for key in ("http", "before_call") if key in changes}
        made = connect(replace(self.settings, **changes), environ=self.environ, sleep=lambda seconds: None, **options)
        self.sessions.append(made.client.session)
        return made

    sessions: list[Any] = field(default_factory=list)

    def steer(self, **wish: Any) -> None:
        """Change the emulator's settings by its control endpoint."""
        requests.post(f"{self.running.url}/_emulator/org", json=wish, timeout=10).raise_for_status()

    def add(self, name: str, **values: Any) -> str:
        """A record made by somebody else."""
        org = self.running.org
        return org.create(org.admin_id, self.record, {"Name": name, **values})

    def slip_in(self, name: str, **ago: float) -> str:
        """A record that becomes visible only now, with a stamp of a while ago."""
        org = self.running.org
        stamp = (self.clock.now - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        return org.create(org.admin_id, self.record, {"Name": name, self.stamp: stamp}, system=True)

    def change(self, key: str, **values: Any) -> None:
        """A record changed by somebody else."""
        org = self.running.org
        org.update(org.admin_id, self.record, key, values)

    def remove(self, key: str) -> None:
        """A record deleted by somebody else."""
        org = self.running.org
        org.delete(org.admin_id, self.record, key)

    def value(self, key: str, column: str) -> Any:
        """What the CRM holds now."""
        org = self.running.org
        return org.get(org.admin_id, self.record, key)[column]


@pytest.fixture(params=["salesforce"])
def far(request: pytest.FixtureRequest) -> Iterator[Far]:
    """One emulated CRM of each kind."""
    yield from _far(request.param, utc_now, Clock())


def _far(kind: str, now: Callable[[], datetime], clock: "Clock") -> Iterator[Far]:
    org = Org(clock=now)
    with start(org) as running:
        settings = CrmSettings(
            kind=kind, url=running.url, auth="client_credentials", client_id=running.client_id, secret_env="KAM"
        )
        made = Far(settings, {"KAM": running.secret}, running, clock)
        yield made
        for session in made.sessions:
            session.close()
    org.db.close()


@dataclass
class Clock:
    """A clock of the emulated CRM that stands still until it is told otherwise."""

    now: datetime = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)

    def forward(self, **passed: float) -> None:
        """Let time pass."""
        self.now += timedelta(**passed)


@pytest.fixture(params=["salesforce"])
def later(request: pytest.FixtureRequest) -> Iterator[Far]:
    """An emulated CRM whose time a test lets pass."""
    clock = Clock()
    yield from _far(request.param, lambda: clock.now, clock)

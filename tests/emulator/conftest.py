"""An emulated org that is really listening, and a caller that talks plain REST to it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from connector.emulator.salesforce.org.records import Org
from connector.emulator.server import Running, start


class Caller:
    """Plain requests against the data API of one emulated org, in one version."""

    def __init__(self, running: Running, version: str = "60.0") -> None:
        self.running = running
        self.session = requests.Session()
        self.session.trust_env = False  # a CA bundle named in the environment would win over ours
        self.session.verify = str(running.ca) if running.ca else True
        self.session.headers["Authorization"] = f"Bearer {running.token}"
        self.base = f"{running.url}/services/data/v{version}"

    def __call__(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send one request; paths beginning with a slash are below the versioned base, others below the site."""
        url = self.base + path if path.startswith("/") else f"{self.running.url}/{path}"
        return self.session.request(method, url, timeout=30, **more)

    def create(self, kind: str, **values: object) -> str:
        """Create a row and give its id."""
        answer = self("POST", f"/sobjects/{kind}", json=values)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def query(self, soql: str, path: str = "/query", **more: Any) -> Any:
        """Ask a query and give the first page."""
        answer = self("GET", path, params={"q": soql}, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def steer(self, **wish: object) -> None:
        """Change settings through the control endpoint."""
        answer = self("POST", "_emulator/org", json=wish)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def wire() -> Iterator[Running]:
    """An empty org behind plain HTTP."""
    org = Org()
    with start(org) as running:
        yield running
    org.db.close()


@pytest.fixture
def secure() -> Iterator[Running]:
    """An empty org behind TLS with its own CA."""
    org = Org()
    with start(org, tls=True) as running:
        yield running
    org.db.close()


@pytest.fixture
def call(wire: Running) -> Iterator[Caller]:
    """Version 60.0 of the empty org."""
    caller = Caller(wire)
    yield caller
    caller.session.close()


@pytest.fixture
def call_in(wire: Running) -> Iterator[Callable[[str], Caller]]:
    """Callers of the empty org in any version."""
    made: list[Caller] = []

    def make(version: str) -> Caller:
        made.append(Caller(wire, version))
        return made[-1]

    yield make
    for caller in made:
        caller.session.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Caller]:
    """Version 60.0 of an org that all tests of a module share."""
    org = Org()
    with start(org) as running:
        caller = Caller(running)
        yield caller
        caller.session.close()
    org.db.close()


@pytest.fixture
def caller_of() -> Callable[[Running], Caller]:
    """A caller of any emulator that a test starts itself."""
    return Caller

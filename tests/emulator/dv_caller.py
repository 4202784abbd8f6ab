"""A caller that talks plain Web API to an emulated Dataverse organisation that is really listening."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from connector.emulator.dynamics.org.records import Org
from connector.emulator.server import Running, start

NAMESPACE = "Microsoft.Dynamics.CRM"


class Dataverse:
    """Plain requests against the Web API of one emulated organisation."""

    def __init__(self, running: Running, version: str = "v9.2") -> None:
        self.running, self.org = running, running.org
        self.session = requests.Session()
        self.session.trust_env = False  # a CA bundle named in the environment would win over ours
        self.session.verify = str(running.ca) if running.ca else True
        self.session.headers["Authorization"] = f"Bearer {running.token}"
        self.root = f"{running.url}/api/data/{version}/"

    def __call__(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send one request; paths beginning with a slash are below the site, others below the versioned root."""
        url = self.running.url + path if path.startswith("/") else self.root + path
        return self.session.request(method, url, timeout=30, **more)

    def create(self, set_name: str, **values: object) -> str:
        """Create a row and give its id."""
        answer = self("POST", set_name, json=values)
        assert answer.status_code == 204, answer.text
        return guid_in(answer)

    def steer(self, **wish: object) -> None:
        """Change settings through the control endpoint."""
        answer = self("POST", "/_emulator/org", json=wish)
        assert answer.status_code == 200, answer.text

    def stored(self, table: str, row_id: str) -> dict[str, Any]:
        """A row as the organisation keeps it."""
        return dict(self.org.get(self.org.admin_id, table, row_id))

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.org.rows(f'SELECT COUNT(*) FROM "{table}"')[0][0])

    def token(self, **form: str) -> requests.Response:
        """Ask the token endpoint, as the app unless the form says otherwise."""
        running = self.running
        form = {
            "grant_type": "client_credentials",
            "client_id": running.client_id,
            "client_secret": running.secret,
            "scope": f"{running.url}/.default",
            **form,
        }
        return self("POST", f"/{form.pop('tenant', running.tenant)}/oauth2/v2.0/token", data=form)


@contextmanager
def serving(*, tls: bool = False) -> Iterator[Dataverse]:
    """A caller of a fresh organisation."""
    org = Org()
    with start(org, tls=tls) as running:
        caller = Dataverse(running)
        yield caller
        caller.session.close()
    org.db.close()


def guid_in(answer: requests.Response) -> str:
    """The id that an answer names in its OData-EntityId."""
    return answer.headers["OData-EntityId"].rpartition("(")[2].rstrip(")")


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]

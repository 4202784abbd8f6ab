"""A Dynamics far away whose answers the tests play."""

import dataverse_wire as far
import pytest
import responses
from dataverse_wire import BASE, HOST, definition, described

from connector.crm.dynamics import connect
from connector.crm.settings import CrmSettings


@pytest.fixture
def wire():
    """Plays answers; nothing leaves this machine."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as played:
        played.get(far.DISCOVERY, json=far.ENDPOINTS)
        played.post(far.TOKEN_URL, json=far.TOKEN)
        yield played


@pytest.fixture
def tables(wire):
    """Answers questions about tables; says which there are."""

    def tell(*known, **more):
        wire.add_callback(responses.POST, f"{BASE}$batch", described(*(known or (definition(),)), **more))

    return tell


@pytest.fixture
def login():
    """Logs in with a client secret, or as the settings say."""
    made = []

    def log_in(**changes):
        connecting = {k: changes.pop(k) for k in ("http", "before_call", "spent", "on_spent") if k in changes}
        settings = {"kind": "dynamics", "url": HOST, "auth": "client_secret", "client_id": "app"}
        settings |= {"tenant": far.TENANT, "secret_env": "S"} | changes
        environ = {"S": "p4ss"}
        made.append(connect(CrmSettings(**settings), environ=environ, sleep=lambda seconds: None, **connecting))
        return made[-1]

    yield log_in
    for one in made:
        one.client.session.close()

"""Starting and stopping: in a thread, as a process until a signal, and again with the same state."""

import asyncio
import json
import signal
import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from conftest import Caller

from connector.emulator.keys import open_keys
from connector.emulator.salesforce.face import build
from connector.emulator.salesforce.org.records import Org
from connector.emulator.server import start

PROGRAM = """
import sys
from pathlib import Path
from connector.emulator.salesforce.face import build
from connector.emulator.salesforce.org.records import Org
from connector.emulator.server import serve
state = Path(sys.argv[1])
state.mkdir(exist_ok=True)
serve(Org(state / "org.db"), tls=True, state=state)
"""


def test_a_stopped_emulator_leaves_no_listener_and_no_files():
    org = Org()
    with start(org) as running:
        private = running.key_file.parent
        assert requests.get(f"{running.url}/services/data", timeout=10).status_code == 200
        port = int(running.url.rpartition(":")[2])
    assert not private.exists()
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    org.db.close()


def test_stopping_does_not_wait_for_idle_clients(secure):
    call = Caller(secure)
    assert call("GET", "/limits").status_code == 200
    secure.stop()  # the fixture stops it once more, which must be harmless
    call.session.close()


def test_tls_is_trusted_by_its_own_ca_and_by_no_other(secure):
    call = Caller(secure)
    assert call("GET", "/limits").status_code == 200
    local = call.session.get(secure.url.replace("127.0.0.1", "localhost") + "/services/data", timeout=10)
    assert local.status_code == 200
    call.session.close()
    plain = ssl.create_default_context()
    host, port = "127.0.0.1", int(secure.url.rpartition(":")[2])
    with socket.create_connection((host, port), timeout=5) as raw, pytest.raises(ssl.SSLError):
        plain.wrap_socket(raw, server_hostname=host)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_the_private_key_is_its_owners_alone(secure):
    for file in (secure.key_file, secure.key_file.with_name("app.json"), secure.key_file.with_name("server.key")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_port_in_use_is_an_error_and_leaves_nothing_behind(wire):
    org = Org()
    with pytest.raises(OSError):
        start(org, port=int(wire.url.rpartition(":")[2]))
    org.db.close()


def test_a_restarted_emulator_is_the_same_org(tmp_path):
    def once() -> tuple[str, str, str, str, list[object]]:
        org = Org(tmp_path / "org.db")
        with start(org, tls=True, state=tmp_path) as running:
            call = Caller(running)
            call.create("Account", Name="A")
            found = call.query("SELECT Name FROM Account")["records"]
            call.session.close()
            ca = Path(str(running.ca)).read_text()
        org.db.close()
        return running.token, running.client_id, running.key_file.read_text(), ca, [row["Name"] for row in found]

    first, second = once(), once()
    assert first[:4] == second[:4]
    assert (first[4], second[4]) == (["A"], ["A", "A"])


def test_two_orgs_have_nothing_in_common(tmp_path):
    one, two = open_keys(tmp_path / "1", "00D000000000001"), open_keys(tmp_path / "2", "00D000000000002")
    assert one.token != two.token and one.public_key != two.public_key and one.secret != two.secret


@pytest.mark.skipif(sys.platform == "win32", reason="Windows processes do not stop by these signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_served_org_says_one_line_and_stops_cleanly_on_a_signal(tmp_path, number):
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        assert set(facts) == {"url", "token", "ca", "client_id", "secret", "key_file"}
        with requests.Session() as session:
            session.trust_env = False
            session.verify = facts["ca"]
            headers = {"Authorization": f"Bearer {facts['token']}"}
            answer = session.get(f"{facts['url']}/services/data/v60.0/limits", headers=headers, timeout=10)
            process.send_signal(number)
            rest, errors = process.communicate(timeout=20)
    assert (answer.status_code, process.returncode, rest) == (200, 0, "")
    assert "Traceback" not in errors and "Warning" not in errors


def test_the_control_endpoint_serves_only_this_machine(wire):
    """The app is called without a socket: not every machine that runs the tests has another address."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/_emulator/writes",
        "raw_path": b"/_emulator/writes",
        "query_string": b"",
        "headers": [],
        "client": ("203.0.113.7", 4711),
    }
    asyncio.run(build(wire.site)(scope, receive, send))
    assert sent[0]["status"] == 403

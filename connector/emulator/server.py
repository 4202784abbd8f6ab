"""Runs an emulated org as an HTTP server: in a thread for tests, or until a signal for `kam emulate`.

An `Org` comes in; an address, a token, a CA and a key file leave. Next room: `edge`.
"""

import asyncio
import json
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import uvicorn

from connector.emulator.dynamics import face as dynamics_face
from connector.emulator.dynamics.desk.site import Site as DynamicsSite
from connector.emulator.dynamics.org.records import Org as DynamicsOrg
from connector.emulator.edge import Edge, HttpProtocol
from connector.emulator.faults import Faults, load_faults, make_rule
from connector.emulator.keys import DYNAMICS, Sessions, make_certificates, open_keys
from connector.emulator.salesforce import face as salesforce_face
from connector.emulator.salesforce.org.records import Org as SalesforceOrg
from connector.emulator.salesforce.site import Site as SalesforceSite

HEAD_ROOM = 131_072  # bytes uvicorn accepts of a request head, so that the edge itself can answer 414 and 431
STOP_SECONDS = 2
TOKEN_SECONDS = 3599  # of a Dynamics token

Org = SalesforceOrg | DynamicsOrg
Site = SalesforceSite | DynamicsSite
FaultSource = Faults | Path | Iterable[Mapping[str, Any]] | None


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it accepts connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening and let go of every connection.

        Idle ones are cut at once: over TLS a polite end would wait for an answer that a client's pool never gives.
        """
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            if cycle is None or cycle.response_complete:
                _cut(connection)
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            _cut(connection)
        await asyncio.sleep(0)


def _cut(connection: Any) -> None:
    if connection.transport is not None:
        connection.transport.abort()


class Running:
    """An emulated org that is being served; use it as a context manager, or call `stop`."""

    def __init__(
        self, site: Site, server: _Server, thread: threading.Thread, ca: Path | None, private: Path | None
    ) -> None:
        self.site, self.ca = site, ca
        self._server, self._thread, self._private = server, thread, private
        self._keys = keys = site.keys
        self.url, self.faults = site.url, site.faults
        self.org: Any = site.org  # of the kind that was given to `start`
        self.tenant: str | None = site.tenant if isinstance(site, DynamicsSite) else None
        self.token, self.client_id, self.secret = keys.token, keys.client_id, keys.secret

    @property
    def key_file(self) -> Path:
        """Private key of the app a client logs in as."""
        return self._keys.key_file

    @property
    def calls(self) -> Counter[str]:
        """Counted API calls by method and path template; clear it to begin anew."""
        return self.site.usage.calls

    def stop(self) -> None:
        """Stop serving and remove what was only temporary; the org itself stays open."""
        self._server.should_exit = True
        self._thread.join()
        for close in self.site.closing if isinstance(self.site, SalesforceSite) else ():
            close()
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)

    def __enter__(self) -> "Running":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(
    org: Org,
    *,
    port: int = 0,
    tls: bool = False,
    faults: FaultSource = None,
    host: str = "127.0.0.1",
    state: Path | None = None,
) -> Running:
    """Serve an org of either kind from a thread; it accepts connections when this returns. `state` keeps its keys."""
    private = Path(tempfile.mkdtemp(prefix="kam-emulator-")) if state is None else None
    listening = None
    try:
        listening = _listen(host, port)
        site = _site(org, state or private or Path(), _rules(faults))
        if tls:
            make_certificates(site.keys)
        shown = f"[{host}]" if ":" in host else host
        site.url = f"{'https' if tls else 'http'}://{shown}:{listening.getsockname()[1]}"
        org.base_url = site.url
        server = _Server(_config(site, tls=tls))
        thread = threading.Thread(target=server.run, args=([listening],), name="kam-emulator", daemon=True)
        thread.start()
        _await_ready(server, thread)
    except BaseException:
        if listening is not None:
            listening.close()
        if private is not None:
            shutil.rmtree(private, ignore_errors=True)
        raise
    return Running(site, server, thread, site.keys.ca_file if tls else None, private)


def serve(
    org: Org,
    *,
    port: int = 0,
    tls: bool = False,
    faults: FaultSource = None,
    host: str = "127.0.0.1",
    state: Path | None = None,
) -> None:
    """Serve an org until SIGINT or SIGTERM; prints one line of JSON on standard output when ready."""
    signals: list[int] = []  # a plain list: a second signal inside Event.set would wait for itself

    def stop(number: int, _frame: FrameType | None) -> None:
        signals.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with start(org, port=port, tls=tls, faults=faults, host=host, state=state) as running:
        print(json.dumps(_facts(running)), flush=True)  # the contract of `kam emulate`: one line, then silence
        while not signals:
            time.sleep(0.2)
    print("emulator stopped", file=sys.stderr)


def _facts(running: Running) -> dict[str, str | None]:
    return {
        "url": running.url,
        "token": running.token,
        "ca": str(running.ca) if running.ca else None,
        "client_id": running.client_id,
        "secret": running.secret,
        "key_file": str(running.key_file),
        **({"tenant": running.tenant} if running.tenant else {}),
    }


def _rules(faults: FaultSource) -> Faults:
    if isinstance(faults, Path):
        return load_faults(faults)
    return faults if isinstance(faults, Faults) else Faults(make_rule(rule) for rule in faults or ())


def _site(org: Org, directory: Path, faults: Faults) -> Site:
    if isinstance(org, SalesforceOrg):
        keys = open_keys(directory, org.org_id)
        sessions = Sessions(org.org_id)
        sessions.keep(keys.token, org.admin_id)
        return SalesforceSite(org, keys, sessions, faults)
    keys = open_keys(directory, org.org_id, DYNAMICS)
    sessions = Sessions(org.org_id, TOKEN_SECONDS, style=DYNAMICS, sliding=False)
    sessions.keep(keys.token, keys.client_id)  # of the app: which user it is, is looked up at each request
    if org.user_of_application(keys.client_id) is None:  # bound again, the user would seem changed at every start
        org.bind_application(keys.client_id)
    return DynamicsSite(org, keys, sessions, faults)


def _app(site: Site) -> Edge:
    return dynamics_face.build(site) if isinstance(site, DynamicsSite) else salesforce_face.build(site)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


def _config(site: Site, *, tls: bool) -> uvicorn.Config:
    pem = site.keys.server_file if tls else None
    return uvicorn.Config(
        _app(site),
        loop="asyncio",
        http=HttpProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        h11_max_incomplete_event_size=HEAD_ROOM,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=STOP_SECONDS,
        ssl_certfile=pem,
        ssl_keyfile=pem,
    )


def _await_ready(server: _Server, thread: threading.Thread) -> None:
    while not server.ready.wait(0.1):
        if not thread.is_alive():
            raise RuntimeError("the emulator's server ended before it accepted connections")

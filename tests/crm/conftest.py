"""A server that plays scripted bytes, an environment without proxies, and one logged-in CRM of each kind."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest


@dataclass
class Script:
    """A listening server that answers each connection's request with the next scripted bytes, then closes."""

    answers: list[bytes]
    requests: list[bytes] = field(default_factory=list)
    url: str = ""


def plain(status: str, body: bytes = b"", *headers: str) -> bytes:
    """An HTTP/1.1 answer whose length is right."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


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

"""Messages after a run: when they are sent, what is in them, and that a failed one never fails the run."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from connector.notify import Notify, notify

# apprise imports a module of the standard library that later versions of Python lack.
pytestmark = pytest.mark.filterwarnings("ignore:.*imghdr.*:DeprecationWarning")
COUNTS = {"diff": {"records": 7}}


class _Box(BaseHTTPRequestHandler):
    said: list[dict[str, Any]]

    def do_POST(self) -> None:
        """Keep one message."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.said.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def box() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Address of somebody who listens, and what was said to them."""
    said: list[dict[str, Any]] = []
    handler = type("Box", (_Box,), {"said": said})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"json://127.0.0.1:{server.server_port}/kam", said
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("on", "state", "code", "sent"),
    [
        ("failure", "done", 0, False),
        ("failure", "done", 4, False),
        ("failure", "failed", 8, True),
        ("failure", "halted", 5, True),
        ("degraded", "done", 4, True),
        ("degraded", "done", 0, False),
        ("always", "done", 0, True),
    ],
)
def test_a_message_is_sent_when_it_was_asked_for(
    box: tuple[str, list[dict[str, Any]]], on: Any, state: str, code: int, sent: bool
) -> None:
    address, said = box
    settings = Notify("BOX", on)
    assert notify(settings, {"BOX": address}, "refresh", 3, state, code, "why\nmore", COUNTS) is sent
    assert len(said) == sent
    if sent:
        assert said[0]["title"] == f"kam refresh: {state}"
        assert "Run 3" in said[0]["message"]
        assert "7" in said[0]["message"]
        assert "more" not in said[0]["message"]


@pytest.mark.parametrize("environ", [{}, {"BOX": ""}, {"BOX": "nonsense://"}, {"BOX": "json://127.0.0.1:1/kam"}])
def test_a_message_that_cannot_be_sent_is_logged_and_nothing_more(
    environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert notify(Notify("BOX", "always"), environ, "refresh", 3, "done", 0, "", {}) is False
    assert "look at the addresses in $BOX" in caplog.text


def test_without_an_address_nothing_is_tried() -> None:
    assert notify(Notify(), {}, "refresh", 3, "failed", 8, "", {}) is False

"""How bytes travel: never waiting for ever, and in plain http to a server of this machine.

Prepared requests come in from `http`; raw answers leave. Next room: back to `http`.
"""

import re
from typing import Any

import requests
from requests.adapters import HTTPAdapter


class Patient(HTTPAdapter):
    """A transport that never waits for ever."""

    def __init__(self, timeout: tuple[float, float]) -> None:
        self.timeout = timeout
        super().__init__(pool_connections=4, pool_maxsize=8)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Answer to a request, with our timeouts unless the caller gave others."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self.timeout
        return super().send(request, *args, **kwargs)


class Plain(Patient):
    """A transport that speaks http where a library insists on https; mounted for one loopback address only."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Answer to a request whose https URL is sent as http."""
        request.url = re.sub(r"^https:", "http:", request.url or "")
        return super().send(request, *args, **kwargs)

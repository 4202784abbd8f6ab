"""The `[crm]` part of config.toml: which CRM, where, and how to log in; secrets only by the name of their variable.

A table of config.toml comes in; frozen settings and every complaint about them leave. Next room: `http`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from connector.errors import AccessFault

AUTHS = {
    "salesforce": ("jwt", "client_credentials", "token"),
    "dynamics": ("client_secret", "certificate", "token"),
}
# What each way of logging in cannot do without.
_NEEDS = {
    "jwt": ("client_id", "username", "key_file"),
    "client_credentials": ("client_id", "secret_env"),
    "token": ("secret_env",),
    "client_secret": ("client_id", "tenant", "secret_env"),
    "certificate": ("client_id", "tenant", "key_file"),
}
_MEANING = {
    "client_id": "the key of the app that an admin made for this connector",
    "username": "the user name the connector logs in as",
    "key_file": "the private key whose certificate was uploaded to the app (for dynamics: both in one PEM file)",
    "secret_env": "the NAME of the environment variable that holds the secret",
    "tenant": "the id of the Entra tenant (Entra admin center > Overview > Tenant ID)",
}


def is_loopback(url: str) -> bool:
    """True when the URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, kw_only=True)
class CrmSettings:
    """Which CRM, where, and how to log in; `secret_env` names an environment variable.

    `login_url` is the org's own address for Salesforce and the login host of the cloud for Dynamics when left out.
    `username` is for Dynamics the user that the connector acts for. `daily_requests`: what Dynamics allows in a day.
    """

    kind: str
    url: str
    auth: str
    login_url: str | None = None
    environment: str = "sandbox"
    client_id: str = ""
    username: str = ""
    tenant: str = ""
    secret_env: str = ""
    key_file: Path | None = None
    ca_bundle: Path | None = None
    proxy: str | None = None
    api_version: str = "66.0"
    daily_requests: int = 500_000
    bulk: str = "auto"  # never | always; Salesforce only, like the rest
    bulk_read_rows: int = 20_000
    bulk_write_rows: int = 10_000
    bulk_page_rows: int = 50_000
    bulk_serial: bool = False

    def secret(self, environ: Mapping[str, str]) -> str:
        """Value of the variable that `secret_env` names; AccessFault when it holds nothing that can be a secret."""
        value = environ.get(self.secret_env, "").strip()
        if not value or not re.fullmatch(r"[\x21-\x7e]+", value):
            state = "holds characters that no secret has" if value else "is not set"
            raise AccessFault(
                f"crm.secret_env: the environment variable {self.secret_env} {state}. "
                f"Set it where this job runs, e.g.: export {self.secret_env}=…"
            )
        return value

    def complaints(self) -> list[str]:
        """Everything wrong with these settings, each line beginning with its key; empty when nothing is."""
        return [*self._addresses(), *self._words(), *self._needs(), *self._files()]

    def _addresses(self) -> list[str]:
        found = []
        for key, value in (("url", self.url), ("login_url", self.login_url), ("proxy", self.proxy)):
            if value is None:
                continue
            try:
                parts = urlsplit(value)
                known = parts.scheme in ("https", "http") and bool(parts.hostname) and (parts.port or 1) > 0
            except ValueError:
                known = False
            if not known:
                found.append(f"crm.{key}: not an address. Write it as https://host, with the scheme.")
            elif key == "proxy":
                continue
            elif parts.scheme == "http" and not is_loopback(value):
                found.append(f"crm.{key}: plain http is allowed for this machine only. Write https://{parts.netloc}.")
            elif parts.path.strip("/") or parts.query or parts.username:
                found.append(f"crm.{key}: only scheme and host belong here. Leave off the path, query and user name.")
        return found

    def _words(self) -> list[str]:
        found = []
        if self.kind not in AUTHS:
            found.append(f'crm.kind: "{self.kind}" is not known. Use salesforce or dynamics.')
        elif self.auth not in AUTHS[self.kind]:
            known = ", ".join(AUTHS[self.kind])
            found.append(f'crm.auth: "{self.auth}" does not exist for {self.kind}. Use one of: {known}.')
        if self.environment not in ("sandbox", "production"):
            found.append(f'crm.environment: "{self.environment}" is not known. Use sandbox or production.')
        if self.kind == "salesforce" and not re.fullmatch(r"\d\d\.0", self.api_version):
            found.append(f'crm.api_version: "{self.api_version}" is not a version. Write it as "66.0".')
        if self.bulk not in ("auto", "never", "always"):
            found.append(f'crm.bulk: "{self.bulk}" is not known. Use auto, never or always.')
        for key in ("bulk_read_rows", "bulk_write_rows", "bulk_page_rows"):
            if getattr(self, key) < 1:
                found.append(f"crm.{key}: must be 1 or more, not {getattr(self, key)}.")
        if self.secret_env and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.secret_env):
            # The value is not repeated: whoever errs here has often pasted the secret itself.
            found.append("crm.secret_env: not a variable name. Name an environment variable; keep the secret in it.")
        if self.tenant and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", self.tenant):
            found.append("crm.tenant: not a tenant id. Copy it from Entra admin center > Overview > Tenant ID.")
        if self.daily_requests < 1:
            found.append(f"crm.daily_requests: {self.daily_requests} is no number of requests. Write 1 or more.")
        return found

    def _needs(self) -> list[str]:
        if self.auth not in AUTHS.get(self.kind, ()):
            return []
        return [
            f'crm.{key}: missing; auth = "{self.auth}" needs {_MEANING[key]}.'
            for key in _NEEDS[self.auth]
            if not getattr(self, key)
        ]

    def _files(self) -> list[str]:
        found = []
        for key, path in (("key_file", self.key_file), ("ca_bundle", self.ca_bundle)):
            if path is not None and not path.is_file():
                found.append(
                    f"crm.{key}: no such file: {path}. Correct the path; a relative one starts at config.toml."
                )
        return found

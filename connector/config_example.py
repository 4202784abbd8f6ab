"""Text of `config.example.toml`: every setting with its default, made from the settings themselves.

Nothing comes in; text leaves, for `kam init`, the committed file and its check.
"""

import textwrap
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from connector import config as configs

_CRM = {
    "salesforce": """\
[crm]
kind = "salesforce"
url = "https://yourcompany.my.salesforce.com"   # your org's My Domain
environment = "sandbox"                         # sandbox | production; checked against the org
auth = "jwt"                                    # jwt | client_credentials | token
client_id = ""                                  # consumer key of the External Client App
username = ""                                   # jwt: the user the connector logs in as
key_file = "server.key"                         # jwt: private key whose certificate the app knows
# secret_env = "KAM_SECRET"                     # client_credentials, token: NAME of the variable that holds it
# login_url = "https://test.salesforce.com"     # jwt: only when the token isn't asked of `url`
# ca_bundle = "ca.pem"                          # a certificate authority of your own
# proxy = "http://proxy:3128"
# api_version = "66.0"
# bulk = "auto"                                 # auto | never | always: jobs of the Bulk API for many records
# bulk_read_rows = 20000                        # auto: from so many records on, a read goes by Bulk
# bulk_write_rows = 10000                       # auto: from so many records on, a write goes by Bulk
# bulk_page_rows = 50000                        # records of one page of a job's results
# bulk_serial = false                           # true: what a job writes is never written side by side (locks)
""",
    "dynamics": """\
[crm]
kind = "dynamics"
url = "https://yourcompany.crm4.dynamics.com"   # address of the environment, as the browser shows it
environment = "sandbox"                         # sandbox | production; checked against the environment's type
auth = "client_secret"                          # client_secret | certificate | token
tenant = ""                                     # directory (tenant) id of Microsoft Entra
client_id = ""                                  # application (client) id of the app registration
secret_env = "KAM_SECRET"                       # client_secret, token: NAME of the variable that holds it
# key_file = "server.pem"                       # certificate: private key and certificate in one PEM file
# username = ""                                 # act for this user (kam programme --as does it for one command)
# login_url = "https://login.microsoftonline.com"   # another one in national clouds
# daily_requests = 500000                       # the environment's requests a day; no answer tells it
# ca_bundle = "ca.pem"                          # a certificate authority of your own
# proxy = "http://proxy:3128"
""",
}


def text(kind: str = "salesforce") -> str:
    """Contents of a fresh config.toml for one CRM; everything but [crm] stands at its default and can be left out."""
    parts = [
        "# Settings of kam-connector. Everything but [crm] may be left out; these are the defaults.\n"
        "# Secrets are never written here: name the environment variable that holds them.\n",
        _CRM[kind],
    ]
    parts += [_section(name, cls) for name, cls in configs.sections().items() if name != "crm"]
    return "\n".join(parts)


def _section(name: str, cls: type) -> str:
    paragraphs = " ".join((cls.__doc__ or "").split())
    about = textwrap.wrap(paragraphs, 116, initial_indent="# ", subsequent_indent="# ")
    lines = [*about, f"[{name}]"]
    examples = [f"# {line}" for f in fields(cls) for line in f.metadata.get("example", "").splitlines()]
    for item in (f for f in fields(cls) if "example" not in f.metadata):
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        meaning = item.metadata.get("meaning", "")
        line = f"{item.name} = {_toml(default)}"
        lines.append(f"{line:<43} # {meaning}" if meaning else line)
    return "\n".join([*lines, *examples]) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple | frozenset):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return str(value)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _toml(key)

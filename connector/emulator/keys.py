"""What is secret about an emulated org: its one app, the app's key pair, its sessions, and the CA behind --tls.

A directory comes in (a state directory, or a private temporary one); files, tokens and certificates leave.
How ids and tokens are spelt is a `Style`, one for each CRM.
Next room: `server`.
"""

import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

HOSTS = ("127.0.0.1", "localhost", "::1")
CERTIFICATE_DAYS = 3650


@dataclass(frozen=True)
class Style:
    """How a CRM spells an app's id, its secret and a session's token (of an org id); and whether it wants certificates.

    With `certificate` the key file holds a self-signed certificate behind the private key.
    """

    client_id: Callable[[], str]
    secret: Callable[[], str]
    token: Callable[[str], str]
    certificate: bool = False


@dataclass
class Keys:
    """The app a client logs in as: consumer key and secret, key pair, refresh token, and the first session's token.

    The key pair is made when somebody asks for it: that takes longer than all the rest of an emulator's start.
    """

    directory: Path
    client_id: str
    secret: str
    token: str
    refresh_token: str
    password: str
    certificate: bool = False  # whether the key file holds one behind the private key
    approved: bool = True  # False: nobody has approved the app, as before an admin pre-authorises it
    client_credentials: bool = True  # False: no Run-As user is set for client credentials
    rotate_refresh_tokens: bool = False
    password_logins: bool = False  # the username-password grant, which new orgs refuse
    _making: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def key_file(self) -> Path:
        """Private key that signs login assertions, with its certificate where the CRM knows the app by one."""
        path = self.directory / "key.pem"
        with self._making:
            if not path.exists():
                write_private(path, _new_key(self.certificate))
        return path

    @property
    def public_key(self) -> str:
        """The other half of the private key, by which the CRM checks an assertion."""
        public = serialization.load_pem_private_key(self.key_file.read_bytes(), None).public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return public.public_bytes(serialization.Encoding.PEM, form).decode()

    @property
    def ca_file(self) -> Path:
        """Certificate of the CA that signed the server's own."""
        return self.directory / "ca.pem"

    @property
    def server_file(self) -> Path:
        """Private key and certificate of the TLS server."""
        return self.directory / "server.key"

    def rotate(self) -> str:
        """New refresh token in place of the old one, kept before it is told."""
        self.refresh_token = _secret()
        _save(self)
        return self.refresh_token


def open_keys(directory: Path, org_id: str, style: Style | None = None) -> Keys:
    """The app of a state directory, made on first use; in the style of Salesforce unless another is given."""
    style = style or SALESFORCE
    directory.mkdir(parents=True, exist_ok=True)
    app_file = directory / "app.json"
    if app_file.exists():
        return Keys(directory, certificate=style.certificate, **json.loads(app_file.read_text()))
    keys = Keys(
        directory,
        client_id=style.client_id(),
        secret=style.secret(),
        token=style.token(org_id),
        refresh_token=_secret(),
        password=secrets.token_urlsafe(12),
        certificate=style.certificate,
    )
    _save(keys)
    return keys


def make_certificates(keys: Keys) -> None:
    """CA and server certificate for this machine's own names, kept from the first start on."""
    if keys.ca_file.exists() and keys.server_file.exists():
        return
    authority = trustme.CA(organization_name="kam emulator")
    server = authority.issue_cert(*HOSTS)
    chain = b"".join(blob.bytes() for blob in server.cert_chain_pems)
    write_private(keys.server_file, server.private_key_pem.bytes() + chain)
    keys.ca_file.write_bytes(authority.cert_pem.bytes())


def new_token(org_id: str) -> str:
    """A session token in the form clients recognise: the org's 15 characters, an exclamation mark, an opaque part."""
    return f"{org_id[:15]}!AQ{secrets.token_urlsafe(70)[:94]}"


SALESFORCE = Style(
    client_id=lambda: "3MVG9" + secrets.token_urlsafe(60),
    secret=lambda: secrets.token_hex(32).upper(),
    token=new_token,
)
DYNAMICS = Style(
    client_id=lambda: str(uuid4()),
    secret=lambda: f"{secrets.token_hex(3)[:3]}8Q~{secrets.token_urlsafe(40)[:34]}",
    token=lambda _org_id: secrets.token_urlsafe(96),
    certificate=True,
)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


@dataclass
class Session:
    """One login: whose, when it began or was last used, and after how many seconds from then it ends (None: never)."""

    user_id: str
    seen: float
    seconds: float | None


@dataclass
class Sessions:
    """Tokens that are good for calls; the clock is the machine's, as token lifetimes are real time.

    A session ends after idle `seconds`; when it is not `sliding`, so many seconds after it began, used or not.
    """

    org_id: str
    seconds: float = 7200
    now: Callable[[], float] = time.time
    live: dict[str, Session] = field(default_factory=dict)
    style: Style = SALESFORCE
    sliding: bool = True

    def open(self, user_id: str) -> str:
        """New token for a user."""
        token = self.style.token(self.org_id)
        self.live[token] = Session(user_id, self.now(), self.seconds)
        return token

    def keep(self, token: str, user_id: str) -> None:
        """Make a given token good for a user, without end."""
        self.live[token] = Session(user_id, self.now(), None)

    def user_of(self, token: str) -> str | None:
        """The user behind a token, None when it is unknown or has ended; using a session keeps it alive."""
        session = self.live.get(token)
        if session is None:
            return None
        now = self.now()
        if session.seconds is not None and now - session.seen > session.seconds:
            del self.live[token]
            return None
        if self.sliding:
            session.seen = now
        return session.user_id

    def end(self, token: str | None = None) -> None:
        """End one session, or all of them."""
        if token is None:
            self.live.clear()
        else:
            self.live.pop(token, None)


def _new_key(certificate: bool) -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem + _self_signed(key) if certificate else pem


def _self_signed(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kam emulator app")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def _secret() -> str:
    return "5Aep861" + secrets.token_urlsafe(60)


def _save(keys: Keys) -> None:
    kept = ("client_id", "secret", "token", "refresh_token", "password")
    text = json.dumps({name: getattr(keys, name) for name in kept}, indent=2)
    write_private(keys.directory / "app.json", text.encode())

"""A token from Microsoft Entra, and the client that carries it; the only code that sees a secret.

Settings and the environment come in; a logged-in Client leaves. Next room: `describe`.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import msal  # type: ignore[import-untyped]
import orjson
import requests
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connector.crm.dynamics.faults import token_fault
from connector.crm.failures import Refusal
from connector.crm.http import Session, no_login, origin
from connector.crm.protocol import Limits, RecordFact
from connector.crm.settings import CrmSettings, is_loopback
from connector.errors import AccessFault, UsageFault

API = "/api/data/v9.2/"
PAGE = 5_000
ME = "WhoAmI"
HEADERS = {"Accept": "application/json", "OData-MaxVersion": "4.0", "OData-Version": "4.0"}
# Where the apps of a cloud log in, by the end of the org's host name.
CLOUDS = (
    (".microsoftdynamics.us", "https://login.microsoftonline.us"),
    (".appsplatform.us", "https://login.microsoftonline.us"),
    (".dynamics.cn", "https://login.partner.microsoftonline.cn"),
    ("", "https://login.microsoftonline.com"),
)
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PRIVATE = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----", re.S)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.S)


class Client:
    """One logged-in org: calls below `/api/data/v9.2/`, pages of a query, and the descriptions seen so far.

    Raises `Refusal` with the code Dataverse gave; `faults.spoken` turns it into words. Several threads may share it.
    """

    def __init__(self, settings: CrmSettings, environ: Mapping[str, str], session: Session) -> None:
        self.settings, self.session = settings, session
        self.url = settings.url.rstrip("/")
        self.base = self.url + API
        self.described: dict[str, RecordFact | None] = {}
        self.remembered: dict[str, Any] = {}  # what else is asked for once in a run
        self.spend: Callable[[int], None] = lambda number: None  # counts what one call does beyond one request
        self.parallel = 1  # calls that the org wants at a time, as its answers say
        self._environ, self._caller = environ, ""
        self._lock, self._used = threading.Lock(), threading.local()
        self._token = log_in(settings, environ, session)
        session.headers.update(HEADERS)
        session.auth = self._sign
        session.renew = self._renew
        session.note = self._note
        if settings.username:
            self._caller = self._impersonated(settings.username)

    @property
    def user_id(self) -> str:
        """Id of the user that calls count for."""
        return str(self.once(ME)["UserId"])

    @property
    def acting_id(self) -> str:
        """Id of the user that writes count for: another one where `username` says so."""
        return self._caller or self.user_id

    @property
    def acting(self) -> dict[str, str]:
        """Headers of a write: reads are the application user's own, whoever decides."""
        return {"MSCRMCallerID": self._caller} if self._caller else {}

    def once(self, path: str) -> Any:
        """JSON of a resource that stays the same during a run, asked for once."""
        if path not in self.remembered:
            self.remembered[path] = self.get(path)
        return self.remembered[path]

    def forget(self) -> None:
        """Forget what was described: columns or rights have changed."""
        self.described.clear()
        self.remembered = {path: told for path, told in self.remembered.items() if path == ME}

    def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        """JSON of a resource below `/api/data/v9.2/`, or behind a link that the server gave."""
        return self.session.exchange("GET", self.address(path), parse=_json, params=params)

    def send(self, method: str, path: str, *, repeatable: bool = False, **body: Any) -> Any:
        """JSON answer to a request that changes something, None when empty.

        `body` takes what requests takes: data, headers, or `json`; `parse` reads the answer another way. Raises
        AnswerLost when the request may have been carried out and isn't `repeatable`.
        """
        if "json" in body:
            body["data"] = orjson.dumps(body.pop("json"), option=orjson.OPT_SERIALIZE_NUMPY)
            body["headers"] = {"Content-Type": "application/json", **body.get("headers", {})}
        parse = body.pop("parse", _json)
        return self.session.exchange(method, self.address(path), parse=parse, repeatable=repeatable, **body)

    def pages(self, path: str, prefer: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """Pages of a query as Dataverse sends them, to the last."""
        headers = {"Prefer": ",".join((f"odata.maxpagesize={PAGE}", *prefer))}
        url: str | None = path
        while url:
            page = self.session.exchange("GET", self.address(url), parse=_page, headers=headers)
            yield page
            url = page.get("@odata.nextLink")

    def query(self, path: str) -> list[dict[str, Any]]:
        """All records of a small query."""
        return [record for page in self.pages(path) for record in page["value"]]

    def address(self, path: str) -> str:
        """Full address of a path below `/api/data/v9.2/`; a link that the server gave goes through `follow`."""
        return self.follow(path) if "://" in path.partition("?")[0] else self.base + path

    def follow(self, link: str) -> str:
        """A link that the server gave as a full address; refused when it leads to another host."""
        url = urljoin(self.base, link)
        if origin(url) != origin(self.url) or urlsplit(url).scheme != urlsplit(self.url).scheme:
            raise AccessFault(
                f"{urlsplit(self.url).netloc} sent a link to {urlsplit(url).netloc}, and the connector does not follow "
                "it. Set crm.url to the org's own address; if it is that, something between here and Dynamics rewrites "
                "answers: ask your network team."
            )
        return url

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on a request, for our own host only."""
        if origin(request.url or "") == origin(self.url):
            self._used.token = self._token
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _renew(self) -> None:
        with self._lock:
            if getattr(self._used, "token", None) != self._token:
                return  # another thread has just done it
            if self.settings.auth == "token":
                raise AccessFault(
                    f"{urlsplit(self.url).netloc}: the token in ${self.settings.secret_env} has ended, or is for "
                    'another org. Put a fresh one there, or set crm.auth = "client_secret" so that the connector logs '
                    "in by itself."
                )
            self._token = log_in(self.settings, self._environ, self.session)

    def _note(self, headers: Mapping[str, str]) -> Limits | None:
        """What an answer says besides: how many calls at a time. Of the day's quota Dataverse says nothing."""
        if (hint := headers.get("x-ms-dop-hint", "")).isdigit():
            self.parallel = int(hint)
        return None

    def _impersonated(self, name: str) -> str:
        """Id of the user to act for, by the name it logs in with."""
        quoted = name.replace("'", "''")
        wanted = escaped(f"domainname eq '{quoted}'")
        found = self.query(f"systemusers?$select=systemuserid&$filter={wanted}")
        if len(found) != 1:
            raise AccessFault(
                f'--as, or crm.username: no user of the org logs in as "{name}". Correct it, or leave it out to work '
                "as the application user itself."
            )
        return str(found[0]["systemuserid"])


def escaped(text: str) -> str:
    """A text as it stands in the query of an address."""
    return quote(text, safe="',()=:@$/!*;")


def is_guid(text: str) -> bool:
    """Whether a text is an id of Dataverse."""
    return _GUID.fullmatch(text) is not None


def log_in(settings: CrmSettings, environ: Mapping[str, str], session: Session) -> str:
    """A fresh token by the way that `crm.auth` names."""
    if settings.auth == "token":
        return settings.secret(environ)
    # its log of what it sends and gets is not ours to vouch for
    logging.getLogger("msal").setLevel(logging.ERROR)
    login = (settings.login_url or login_host(settings.url)).rstrip("/")
    session.serve_plain(login)
    credential: Any = _certificate(settings) if settings.auth == "certificate" else settings.secret(environ)
    try:
        app = msal.ConfidentialClientApplication(
            settings.client_id,
            client_credential=credential,
            authority=f"https://{urlsplit(login).netloc}/{settings.tenant}",
            instance_discovery=False,  # asks Microsoft about hosts it doesn't know; this one is in our settings
            http_client=_Wire(session, login),
        )
        answer = app.acquire_token_for_client([f"{audience(settings)}/.default"])
        return str(answer["access_token"])
    except (ValueError, KeyError, TypeError):
        # the library's own words may quote what was sent
        raise UsageFault(
            f"{urlsplit(login).netloc}: the answer is not one of Microsoft Entra. Correct crm.login_url and "
            "crm.tenant, then run: kam check"
        ) from None


def login_host(url: str) -> str:
    """Where the apps of an org's cloud log in."""
    host = (urlsplit(url).hostname or "").lower()
    return next(login for end, login in CLOUDS if host.endswith(end))


def audience(settings: CrmSettings) -> str:
    """Who the token is for: the org's own address, also where crm.url names its API host."""
    return re.sub(r"^(https://[^./]+)\.api\.", r"\1.", settings.url.rstrip("/"))


@dataclass(frozen=True)
class _Reply:
    """An answer with the parts that msal looks at."""

    status_code: int
    headers: Mapping[str, str]
    text: str


class _Wire:
    """What msal needs of an HTTP client, through our session: its retry, its proxies, its certificates."""

    def __init__(self, session: Session, login: str) -> None:
        self._session, self._login = session, login

    def get(self, url: str, **more: Any) -> _Reply:
        return self._exchange("GET", url, **more)

    def post(self, url: str, **more: Any) -> _Reply:
        return self._exchange("POST", url, **more)

    def close(self) -> None:
        """Nothing: the session is closed by whoever made it."""

    def _exchange(self, method: str, url: str, **more: Any) -> _Reply:
        if origin(url) != origin(self._login):
            raise AccessFault(
                f"{urlsplit(self._login).netloc} sent the login to {urlsplit(url).netloc}, and the secret does not go "
                "there. Correct crm.login_url, then run: kam check"
            )
        try:
            return self._session.exchange(
                method, url, parse=self._reply, repeatable=True, renewable=False, auth=no_login, **more
            )
        except Refusal as refusal:
            raise token_fault(refusal) from None

    def _reply(self, response: requests.Response) -> _Reply:
        """The answer, if it is an object in JSON; msal takes https only, also of a server of this machine."""
        if not isinstance(orjson.loads(response.content), dict):
            raise ValueError("no object")
        text = response.text
        if is_loopback(self._login):
            text = text.replace(f"http://{urlsplit(self._login).netloc}/", f"https://{urlsplit(self._login).netloc}/")
        return _Reply(response.status_code, response.headers, text)


def _certificate(settings: CrmSettings) -> dict[str, str]:
    """Private key and certificate of `crm.key_file`, checked before anything is sent."""
    path = settings.key_file
    try:
        text = path.read_text() if path else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageFault(
            f"crm.key_file: {path} can't be read ({type(error).__name__}). Name a PEM file with the private key and "
            "its certificate."
        ) from None
    key, certificate = _PRIVATE.search(text), _CERTIFICATE.search(text)
    if not key or not certificate:
        missing = "certificate" if key else "private key" if certificate else "private key and no certificate"
        raise UsageFault(
            f"crm.key_file: {path} holds no {missing}. It must hold both, in PEM form: put them into one file, e.g.: "
            "cat key.pem certificate.pem > kam.pem"
        )
    _check_pair(settings, key[0], certificate[0])
    return {"private_key": key[0], "public_certificate": certificate[0]}


def _check_pair(settings: CrmSettings, key: str, certificate: str) -> None:
    try:
        private = load_pem_private_key(key.encode(), None)
        public = x509.load_pem_x509_certificate(certificate.encode())
        fits = private.public_key() == public.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # the library's own words may quote the key
        raise UsageFault(
            f"crm.key_file: {settings.key_file} can't be used: the private key must be in PEM form without a "
            "passphrase, the certificate in PEM form."
        ) from None
    if not fits:
        raise UsageFault(
            f"crm.key_file: the certificate in {settings.key_file} is not that of the private key. Put the key and its "
            "own certificate into one file."
        )
    if public.not_valid_after_utc < datetime.now(UTC):
        raise AccessFault(
            f"crm.key_file: the certificate in {settings.key_file} ended on {public.not_valid_after_utc:%Y-%m-%d}. "
            "Make a new one and upload it: Entra admin center > App registrations > the app > Certificates & secrets."
        )


def _json(response: requests.Response) -> Any:
    if response.status_code in (202, 204, 304) or not response.content:
        return None
    # a bare number of records begins with a byte order mark
    return orjson.loads(response.content.removeprefix(b"\xef\xbb\xbf"))


def _page(response: requests.Response) -> dict[str, Any]:
    """One page of a query; a ValueError when it isn't whole."""
    page = orjson.loads(response.content)
    if not isinstance(page, dict) or not isinstance(page.get("value"), list):
        raise ValueError("no page of a query")
    return page

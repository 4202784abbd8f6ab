"""A token from a named secret, and the client that carries it; the only code that sees a secret.

Settings and the environment come in; a logged-in Client leaves. Next room: `describe`.
"""

import threading
import time
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import jwt
import orjson
import requests
from simple_salesforce.api import Salesforce as SimpleSalesforce

from connector.crm.failures import Refusal
from connector.crm.http import Session, no_login, origin, place_of
from connector.crm.protocol import RecordFact
from connector.crm.salesforce.faults import token_fault
from connector.crm.settings import CrmSettings, is_loopback
from connector.errors import AccessFault, UsageFault

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
USERINFO = "/services/oauth2/userinfo"
CENTRAL = ("login.salesforce.com", "test.salesforce.com")
VENDOR = (".salesforce.com", ".force.com", ".salesforce.mil", ".cloudforce.com", ".sfcrmproducts.cn")
ASSERTION_SECONDS = 180  # longer ones risk refusal


@dataclass(frozen=True)
class Login:
    """What a login answered: the token, where to go with it, and the identity link (empty when unknown)."""

    token: str
    url: str
    identity: str

    def __repr__(self) -> str:
        return f"Login({self.url})"


class Client:
    """One logged-in org: calls below `/services/data/vNN.0/`, pages of a query, and the descriptions seen so far.

    Raises `Refusal` with the code Salesforce gave; `faults.spoken` turns it into words. `memory` outlives this process:
    it holds the jobs that the org works on for us. Several threads may call at once.
    """

    def __init__(
        self,
        settings: CrmSettings,
        environ: Mapping[str, str],
        session: Session,
        memory: MutableMapping[str, str] | None = None,
    ) -> None:
        self.settings, self.session = settings, session
        self.memory = {} if memory is None else memory
        self.lock = threading.RLock()
        self._signed = threading.local()
        self.counted: dict[str, int | None] = {}  # records of each type, about
        self.allowances: dict[str, Any] | None = None  # what `limits/` said, asked for once
        self.version = settings.api_version
        self.described: dict[str, RecordFact | None] = {}
        self._environ, self._user_id = environ, ""
        self._login = log_in(settings, environ, session)
        self.url = self._login.url
        self.base = f"/services/data/v{self.version}/"
        session.serve_plain(self.url)
        session.auth = self._sign
        session.renew = self._renew
        self.simple = SimpleSalesforce(
            session_id=self._login.token,
            instance_url=self.url,
            version=self.version,
            session=session,
            object_pairs_hook=None,
        )

    @property
    def user_id(self) -> str:
        """Id of the user behind the token, from the login's identity link; asked for when the login gave none."""
        if not self._user_id:
            told = self._login.identity.rstrip("/").rpartition("/")[2]
            self._user_id = told or self._userinfo()
        return self._user_id

    def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        """JSON of a resource below `/services/data/vNN.0/`, through simple-salesforce."""
        return self.simple.restful(path, params)

    def send(self, method: str, path: str, *, repeatable: bool = False, **body: Any) -> Any:
        """JSON answer to a request that changes something, None when empty.

        `body` takes what requests takes: data, files, headers, or `json`. Raises AnswerLost when the request may have
        been carried out and isn't `repeatable`.
        """
        if "json" in body:
            body["data"] = orjson.dumps(body.pop("json"), option=orjson.OPT_SERIALIZE_NUMPY)
            body["headers"] = {"Content-Type": "application/json", **body.get("headers", {})}
        return self.session.exchange(method, self.url + self.base + path, parse=_json, repeatable=repeatable, **body)

    def query_url(self, soql: str, *, include_deleted: bool = False) -> str:
        """Address of a query's first page."""
        # what a query string may hold unescaped stays so: ids and commas would grow threefold
        words = quote(soql, safe="',()=<>!*:.$@").replace("%20", "+")
        return f"{self.url}{self.base}{'queryAll' if include_deleted else 'query'}/?q={words}"

    def pages(self, soql: str, *, include_deleted: bool = False) -> Iterator[dict[str, Any]]:
        """Pages of a query as Salesforce sends them, until it says `done`."""
        url = self.query_url(soql, include_deleted=include_deleted)
        while True:
            page = self.session.exchange("GET", url, parse=_page)
            yield page
            if page["done"]:
                return
            url = self.follow(page["nextRecordsUrl"])

    def query(self, soql: str) -> list[dict[str, Any]]:
        """All records of a small query."""
        return [record for page in self.pages(soql) for record in page["records"]]

    def follow(self, link: str) -> str:
        """A link that the server gave as a full address; refused when it leads to another host."""
        url = urljoin(f"{self.url}/", link)
        if origin(url) != origin(self.url) or urlsplit(url).scheme != urlsplit(self.url).scheme:
            raise AccessFault(
                f"{urlsplit(self.url).netloc} sent a link to {urlsplit(url).netloc}, and the connector does not follow "
                "it. Something between here and Salesforce rewrites answers: ask your network team."
            )
        return url

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on a request, for our own host only."""
        if origin(request.url or "") == origin(self.url):
            self._signed.token = self._login.token
            request.headers["Authorization"] = f"Bearer {self._signed.token}"
        return request

    def _userinfo(self) -> str:
        try:
            return str(self.session.exchange("GET", self.url + USERINFO, parse=_json)["user_id"])
        except Refusal as refusal:
            if refusal.status == 403 and not refusal.code:  # how this one address says that a token has ended
                self._renew()
            raise

    def _renew(self) -> None:
        with self.lock:
            if getattr(self._signed, "token", None) == self._login.token:  # else another thread has logged in already
                self._log_in_again()

    def _log_in_again(self) -> None:
        if self.settings.auth == "token":
            raise AccessFault(
                f"{urlsplit(self.url).netloc}: the session token in ${self.settings.secret_env} has ended. "
                'Put a fresh one there, or set crm.auth = "jwt" so that the connector logs in by itself.'
            )
        login = log_in(self.settings, self._environ, self.session)
        if origin(login.url) != origin(self.url):
            raise AccessFault(
                f"The org moved from {self.url} to {login.url} during the run. Set crm.url and run again."
            )
        self._login = login


def log_in(settings: CrmSettings, environ: Mapping[str, str], session: Session) -> Login:
    """A fresh login by the way that `crm.auth` names."""
    if settings.auth == "token":
        return Login(settings.secret(environ), settings.url.rstrip("/"), "")
    form = (
        {"grant_type": JWT_GRANT, "assertion": _assertion(settings, time.time())}
        if settings.auth == "jwt"
        else {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.secret(environ),
        }
    )
    url = (settings.login_url or settings.url).rstrip("/") + "/services/oauth2/token"
    try:
        answer = session.exchange("POST", url, data=form, parse=_token, repeatable=True, renewable=False, auth=no_login)
    except Refusal as refusal:
        raise token_fault(refusal) from None
    return Login(answer["access_token"], instance_of(answer["instance_url"], settings, url), answer.get("id", ""))


def instance_of(given: str, settings: CrmSettings, asked: str) -> str:
    """The address for data calls that a login answered, if it is the configured host or one of Salesforce's."""
    parts = urlsplit(given)
    ours = origin(given) == origin(settings.url) and parts.scheme == urlsplit(settings.url).scheme
    vendors = parts.scheme == "https" and f".{parts.hostname or ''}".endswith(VENDOR) and parts.port in (None, 443)
    if "@" in parts.netloc or not (ours or vendors):
        raise AccessFault(
            f"{place_of('POST', asked)}: the login sent us to {parts.scheme}://{parts.netloc}, which is neither "
            "crm.url nor a domain of Salesforce, and the token does not go there. Set crm.url to the org's own address."
        )
    return f"{parts.scheme}://{parts.netloc}"


def audience(settings: CrmSettings) -> str:
    """Who the assertion is for: the central login host of the environment, or the login_url of an Experience site."""
    host = (urlsplit(settings.login_url or "").hostname or "").lower()
    if host in CENTRAL or (host and not f".{host}".endswith(VENDOR) and not is_loopback(settings.login_url or "")):
        return f"https://{host}"
    return f"https://{'test' if settings.environment == 'sandbox' else 'login'}.salesforce.com"


def _assertion(settings: CrmSettings, now: float) -> str:
    path = settings.key_file
    try:
        key = path.read_text() if path else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageFault(
            f"crm.key_file: {path} can't be read ({type(error).__name__}). Name the private key."
        ) from None
    claims = {
        "iss": settings.client_id,
        "sub": settings.username,
        "aud": audience(settings),
        "exp": int(now) + ASSERTION_SECONDS,
    }
    try:
        return jwt.encode(claims, key, algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        # the library's own words may quote the key
        raise UsageFault(
            f"crm.key_file: {path} is not a private RSA key in PEM form without a passphrase. "
            "Name the private key whose certificate the app knows."
        ) from None


def _json(response: requests.Response) -> Any:
    if response.status_code == 204 or (not response.content and response.status_code in (201, 202)):
        return None
    return orjson.loads(response.content)


def _page(response: requests.Response) -> dict[str, Any]:
    """One page of a query; a ValueError when it isn't whole."""
    page = orjson.loads(response.content)
    if not isinstance(page, dict) or not isinstance(page.get("records"), list):
        raise ValueError("no page of a query")
    if not page.get("done") and not page.get("nextRecordsUrl"):
        raise ValueError("a page that is neither the last nor names the next")
    return page


def _token(response: requests.Response) -> dict[str, str]:
    answer = orjson.loads(response.content)
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str) or "instance_url" not in answer:
        raise ValueError("no token")
    return answer

"""The one HTTP session: timeouts, pool, proxies, retry that asks "is it safe to say this twice?", redacted log.

Requests come in from a CRM's rooms; answers leave, or errors that say what happened, where, and what to do.
Next room: `salesforce.login` or `dynamics.login`.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import tenacity

from connector.crm.failures import Again, AnswerLost, Broken, Refusal, check_certificates, meaning
from connector.crm.protocol import Limits
from connector.crm.settings import is_loopback
from connector.crm.transport import Patient, Plain
from connector.errors import AccessFault, ReserveReached, UnreachableFault

__all__ = [
    "AnswerLost",
    "HttpSettings",
    "Refusal",
    "Session",
    "keep_reserve",
    "make_session",
    "no_login",
    "origin",
    "place_of",
]

T = TypeVar("T")
log = logging.getLogger(__name__)

_REPEATABLE = frozenset({"GET", "HEAD"})
_NOT_CARRIED_OUT = frozenset({420, 429})  # turned away at the door: safe to say again whatever it was
_PASSING = _NOT_CARRIED_OUT | {500, 502, 503, 504}
_SFORCE_USAGE = re.compile(r"(?<![-\w])api-usage=(\d+)/(\d+)")


@dataclass(frozen=True)
class HttpSettings:
    """Patience and the way out; seconds. A query may run two minutes before its first byte."""

    connect_timeout: float = 10.0
    read_timeout: float = 150.0
    attempts: int = 5
    total_seconds: float = 300.0
    longest_pause: float = 60.0
    ca_bundle: Path | None = None
    proxy: str | None = None


def place_of(method: str, url: str) -> str:
    """Method, host and path of a request, for messages and logs; never the query, which holds values."""
    parts = urlsplit(url)
    return f"{method} {parts.netloc}{parts.path}"


def origin(url: str) -> tuple[str, int | None]:
    """Host and port of a URL, the scheme's own port filled in; comparing these is the host rule."""
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def default_refusal(response: requests.Response, place: str) -> Refusal:
    """Refusal of an answer whose body isn't understood."""
    return Refusal(place, response.status_code)


def sforce_usage(headers: Mapping[str, str]) -> Limits | None:
    """The day's quota as Salesforce tells it with every answer; None where it doesn't."""
    found = _SFORCE_USAGE.search(headers.get("Sforce-Limit-Info", ""))
    return Limits(int(found[2]) - int(found[1]), int(found[2])) if found else None


def no_login(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave a request without our login; also keeps a .netrc of this machine out of it."""
    return request


class Session(requests.Session):
    """A requests session that repeats what may be repeated and speaks in our errors.

    `renew` logs in anew after a 401 and is called at most once per request; `before_call` may raise ReserveReached;
    `calls` counts every request that went out; `usage` is the CRM's last hint of the day's quota, which `note` finds
    in the headers of an answer. Several threads may share one session.
    """

    def __init__(self, settings: HttpSettings, sleep: Callable[[float], None]) -> None:
        super().__init__()
        self.settings = settings
        self.calls = 0
        self.usage = Limits(None, None)
        self.renew: Callable[[], None] | None = None
        self.before_call: Callable[[Limits], None] | None = None
        self.refusal: Callable[[requests.Response, str], Refusal] = default_refusal
        self.note: Callable[[Mapping[str, str]], Limits | None] = sforce_usage
        self._counting = threading.Lock()
        self.sleep = sleep
        self._server_date: tuple[float, float] | None = None
        self._pauses = tenacity.wait_random_exponential(multiplier=1, max=settings.longest_pause)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.mount("https://", Patient((settings.connect_timeout, settings.read_timeout)))
        self.mount("http://", Patient((settings.connect_timeout, settings.read_timeout)))

    def serve_plain(self, url: str) -> None:
        """Send https requests for this loopback http address as plain http: simple-salesforce knows https only."""
        if urlsplit(url).scheme == "http" and is_loopback(url):
            adapter = Plain((self.settings.connect_timeout, self.settings.read_timeout))
            self.mount(f"https://{urlsplit(url).netloc}/", adapter)

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """Answer below status 400 whose JSON, if it claims to be JSON, is whole."""
        return self.exchange(str(method).upper(), str(url), *args, parse=_whole, **kwargs)

    def exchange(
        self,
        method: str,
        url: str,
        *args: Any,
        parse: Callable[[requests.Response], T],
        repeatable: bool | None = None,
        renewable: bool = True,
        **kwargs: Any,
    ) -> T:
        """What `parse` makes of the answer; a ValueError of its counts as a broken answer.

        `repeatable` says whether the request may be said twice when its answer was lost (reads may).
        """
        may_repeat = method in _REPEATABLE if repeatable is None else repeatable
        policy = tenacity.Retrying(
            sleep=self.sleep,
            wait=self._pause,
            stop=tenacity.stop_after_attempt(self.settings.attempts)
            | tenacity.stop_before_delay(self.settings.total_seconds),
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, Again) and (may_repeat or not error.carried_out)
            ),
            reraise=True,
        )
        try:
            answer: T = policy(self._attempt, method, url, args, kwargs, parse, renewable)
            return answer
        except Again as again:
            if again.carried_out and not may_repeat:
                raise AnswerLost(f"{again.fault} Whether it was carried out is not known: it is read first.") from None
            raise again.fault from None

    def rounds(self) -> Iterator[int]:
        """Numbers of attempts up to the ceiling, with this policy's pause before each but the first."""
        for number in range(self.settings.attempts):
            if number:
                self.sleep(min(2.0**number, self.settings.longest_pause))
            yield number

    def server_now(self) -> float | None:
        """The CRM's clock, from its last Date header and the time passed since; None before the first answer."""
        if self._server_date is None:
            return None
        date, seen = self._server_date
        return date + time.monotonic() - seen

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where to go on, for reads on the same host only; a login or a body is never carried elsewhere."""
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        here = resp.url
        there = urljoin(here, target)
        same = origin(there) == origin(here) and urlsplit(there).scheme == urlsplit(here).scheme
        if not same or resp.request.method not in _REPEATABLE:
            resp.close()
            raise AccessFault(
                f"{place_of(resp.request.method or '', here)}: sent us on to {urlsplit(there).netloc}, and the "
                "connector does not follow. Set crm.url to the address the CRM has now, then run: kam check"
            )
        return target

    def _attempt(
        self,
        method: str,
        url: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        parse: Callable[[requests.Response], T],
        renewable: bool,
    ) -> T:
        place = place_of(method, url)
        response = self._send(method, url, place, args, kwargs)
        if response.status_code == 401 and renewable and self.renew is not None:
            self.renew()  # a 401 means that nothing was carried out, so this repeats anything
            response = self._send(method, url, place, args, kwargs)
        if response.status_code >= 400:
            raise self._failure(response, place)
        try:
            return parse(response)
        except Broken as broken:
            fault = UnreachableFault(f"{place}: {broken}. Such errors pass: try again later.")
            raise Again(fault, carried_out=True) from None
        except ValueError:
            advice = "Something in between (a proxy, a maintenance page) may have answered instead: try again later."
            fault = UnreachableFault(f"{place}: the answer is not whole JSON ({_kind(response)}). {advice}")
            raise Again(fault, carried_out=True) from None

    def _send(
        self, method: str, url: str, place: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> requests.Response:
        if self.before_call is not None:
            self.before_call(self.usage)
        with self._counting:
            self.calls += 1
        started = time.monotonic()
        try:
            # verify and proxies are given per request: on a session, requests lets the environment override them
            response = super().request(method, url, *args, **{**self._route(url), **kwargs})
        except (OSError, requests.RequestException) as error:
            log.debug("%s: %s", place, type(error).__name__)
            raise meaning(error, place, self.settings.ca_bundle) from None
        log.debug("%s: %s, %d ms", place, response.status_code, 1000 * (time.monotonic() - started))
        self._note(response)
        return response

    def _route(self, url: str) -> dict[str, Any]:
        route: dict[str, Any] = {}
        if self.settings.ca_bundle is not None:
            route["verify"] = str(self.settings.ca_bundle)
        if is_loopback(url):
            route["proxies"] = {"http": "", "https": ""}
        elif self.settings.proxy:
            route["proxies"] = {"http": self.settings.proxy, "https": self.settings.proxy}
        return route

    def _note(self, response: requests.Response) -> None:
        if (told := self.note(response.headers)) is not None:
            self.usage = told
        if (date := _http_date(response.headers.get("Date"))) is not None:
            self._server_date = (date, time.monotonic())

    def _failure(self, response: requests.Response, place: str) -> Exception:
        refusal = self.refusal(response, place)
        status = response.status_code
        if not refusal.passing and status not in _PASSING:
            return refusal
        pause = _retry_after(response)
        asked = f" and asked for {pause:.0f} s of patience" if pause else ""
        words = f"{place}: the CRM answered {status}{f' {refusal.code}' if refusal.code else ''}{asked}."
        fault = UnreachableFault(f"{words} Such errors pass: try again later.")
        carried_out = status not in _NOT_CARRIED_OUT and not refusal.passing
        return Again(refusal if refusal.passing else fault, carried_out=carried_out, pause=pause)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Again) and error.pause is not None:
            return error.pause
        return self._pauses(state)


def make_session(settings: HttpSettings, *, sleep: Callable[[float], None] = time.sleep) -> Session:
    """A session with these settings; tests pass a `sleep` that doesn't."""
    # urllib3 logs whole URLs, and a query's URL holds what we ask for
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    if settings.ca_bundle is not None:
        check_certificates(settings.ca_bundle)
    return Session(settings, sleep)


def keep_reserve(share: float) -> Callable[[Limits], None]:
    """A `before_call` that leaves this share of the day's calls to others."""

    def check(usage: Limits) -> None:
        if usage.maximum and usage.remaining is not None and usage.remaining < share * usage.maximum:
            raise ReserveReached(
                f"{usage.remaining} of {usage.maximum} daily API calls are left, and [api] reserve = {share:g} keeps "
                "that share for others. The run resumes next time; or lower the reserve in the job."
            )

    return check


def _whole(response: requests.Response) -> requests.Response:
    """The response itself; a ValueError when it says JSON and isn't."""
    if "json" in response.headers.get("Content-Type", "") and response.status_code not in (204, 304):
        response.json()
    return response


def _kind(response: requests.Response) -> str:
    """What came instead of data, without any of it."""
    kind = response.headers.get("Content-Type", "no content type").split(";")[0]
    return f"{response.status_code}, {kind}, {len(response.content)} bytes"


def _http_date(text: str | None) -> float | None:
    if not text:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def _retry_after(response: requests.Response) -> float | None:
    """Seconds the far side asks for; its dates are held against its own clock."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    until, now = _http_date(text), _http_date(response.headers.get("Date"))
    return None if until is None else max(0.0, until - (time.time() if now is None else now))

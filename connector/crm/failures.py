"""What a failed call means: passing or permanent, carried out or not, and what a person does about it.

Exceptions of the network and answers of status 400 or more come in; our errors leave. Next room: `http`.
"""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from socket import gaierror

import requests

from connector.errors import AccessFault, KamError, UnreachableFault, UsageFault


class AnswerLost(UnreachableFault):
    """A request went out and no usable answer came back: whether it was carried out is not known."""


class Broken(ValueError):
    """An answer that ended too early or contradicts itself; its words say how."""


class Refusal(Exception):
    """An answer of status 400 or more that repeating won't change, in the CRM's own words.

    `passing` marks one that a later attempt may not meet, and that is known not to have been carried out.
    """

    def __init__(
        self,
        place: str,
        status: int,
        code: str = "",
        message: str = "",
        fields: tuple[str, ...] = (),
        *,
        passing: bool = False,
    ) -> None:
        super().__init__(f"{place}: {status} {code}")
        self.place, self.status, self.code, self.message, self.fields = place, status, code, message, fields
        self.passing = passing


class Again(Exception):
    """An attempt failed in passing: what to raise at the ceiling, how long the far side asks us to wait."""

    def __init__(self, fault: Exception, *, carried_out: bool, pause: float | None = None) -> None:
        super().__init__(str(fault))
        self.fault, self.carried_out, self.pause = fault, carried_out, pause


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and everything behind it, wherever the libraries keep it."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        behind = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        waiting.extend(b for b in behind if isinstance(b, BaseException))


def meaning(error: Exception, place: str, ca_bundle: Path | None) -> Exception:
    """What a failed connection means: a permanent fault, or one worth another attempt."""
    behind = list(causes(error))
    host = place.partition(" ")[2].partition("/")[0]
    if fault := next((_certificate(c, host, ca_bundle) for c in behind if isinstance(c, ssl.CertificateError)), None):
        return fault
    if isinstance(error, requests.exceptions.ProxyError):
        words = "the proxy could not be reached or refused. Check crm.proxy, or HTTPS_PROXY and NO_PROXY."
        return Again(UnreachableFault(f"{place}: {words}"), carried_out=False)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return UsageFault(f"{place}: not an address one can call. Correct crm.url or crm.proxy.")
    if not isinstance(error, requests.RequestException):
        return _unusable(os.environ.get("REQUESTS_CA_BUNDLE", ca_bundle), error)
    never_left = any(isinstance(c, ConnectionRefusedError | gaierror) for c in behind)
    never_left = never_left or isinstance(error, requests.ConnectTimeout)
    words = "no connection" if never_left else "the connection broke or timed out"
    fault = UnreachableFault(
        f"{place}: {words} ({type(error).__name__}). Check crm.url and the network; try again later."
    )
    return Again(fault, carried_out=not never_left)


def check_certificates(ca_bundle: Path) -> None:
    """Raise UsageFault when a file can't be used as a list of trusted certificates."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca_bundle)
    except OSError as error:
        raise _unusable(ca_bundle, error) from None


def _unusable(ca_bundle: str | Path | None, error: Exception) -> UsageFault:
    return UsageFault(
        f"crm.ca_bundle: {ca_bundle} can't be used as a list of certificates ({type(error).__name__}). Name a readable "
        "PEM file; the environment variable REQUESTS_CA_BUNDLE counts when the setting is absent."
    )


def _certificate(error: BaseException, host: str, ca_bundle: Path | None) -> KamError:
    """What a refused certificate means, and the one thing to do about it."""
    code = getattr(error, "verify_code", 0)
    if code in (9, 10):
        said = "has expired or is not valid yet"
        advice = "Have it renewed, and check this machine's clock."
    elif code in (62, 63, 64):
        said = "belongs to another host"
        advice = "Correct crm.url; a proxy that opens TLS shows this too."
    else:
        said = "was issued by nobody this machine trusts"
        known = ca_bundle or "not set"
        advice = f"Name the issuer's PEM file in crm.ca_bundle (now: {known})."
    return AccessFault(f"The TLS certificate of {host} {said}. {advice} Then run: kam check")

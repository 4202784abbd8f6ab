"""How an app gets a token: the discovery document and the token endpoint of the identity service, for one tenant.

Form bodies come in; tokens, or refusals with the identity service's numbers, leave. Next room: `resources`.
"""

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import jwt
import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.emulator.dynamics.desk.site import Site, base_of

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DIRECTORY_HOST = "login.microsoftonline.com"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
ALGORITHMS = ["RS256", "PS256"]


@dataclass
class Refused(Exception):
    """A refusal of the token endpoint: OAuth error, the service's number, and what it says."""

    error: str
    number: int
    text: str
    status: int = 400


def routes(site: Site) -> list[Route]:
    """Discovery and tokens."""

    async def token(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_guarded, site, partial(_token, site, request, body))

    async def discovery(request: Request) -> Response:
        return await run_in_threadpool(_guarded, site, partial(_discovery, site, request))

    return [
        Route("/{tenant}/v2.0/.well-known/openid-configuration", discovery, methods=["GET"]),
        Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
    ]


def challenge(site: Site, base: str) -> str:
    """What a caller without a valid token is told about getting one."""
    return f"Bearer authorization_uri={base}/{site.tenant}/oauth2/authorize, resource_id={base}/"


def _guarded(site: Site, fn: Callable[[], dict[str, Any]]) -> Response:
    headers = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}
    with site.org.lock:
        try:
            data, status = fn(), 200
        except Refused as refused:
            data, status = _error(site, refused), refused.status
    return Response(orjson.dumps(data), status, headers, "application/json; charset=utf-8")


def _error(site: Site, refused: Refused) -> dict[str, Any]:
    trace, correlation = str(uuid4()), str(uuid4())
    stamp = site.clock().strftime("%Y-%m-%d %H:%M:%SZ")
    number = refused.number
    return {
        "error": refused.error,
        "error_description": (
            f"AADSTS{number}: {refused.text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
        ),
        "error_codes": [number],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://{DIRECTORY_HOST}/error?code={number}",
    }


def _base(site: Site, request: Request) -> str:
    return base_of(request.url.scheme, request.headers.get("host", ""), site)


def _check_tenant(site: Site, request: Request) -> str:
    tenant = str(request.path_params["tenant"])
    if tenant.lower() != site.tenant.lower():
        text = (
            f"Tenant '{tenant}' not found. Check that you have the correct tenant ID and are signing in to its cloud."
        )
        raise Refused("invalid_request", 90002, text)
    return tenant


def _discovery(site: Site, request: Request) -> dict[str, Any]:
    tenant, base = _check_tenant(site, request), _base(site, request)
    return {
        "token_endpoint": f"{base}/{tenant}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{base}/{tenant}/discovery/v2.0/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{base}/{tenant}/v2.0",
        "authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/authorize",
    }


def _token(site: Site, request: Request, body: bytes) -> dict[str, Any]:
    tenant = _check_tenant(site, request)
    form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    grant = form.get("grant_type")
    if grant is None:
        text = "The request body must contain the following parameter: 'grant_type'."
        raise Refused("invalid_request", 900144, text)
    if grant != "client_credentials":
        text = f"The app requested an unsupported grant type '{grant}'."
        raise Refused("unsupported_grant_type", 70003, text)
    _check_app(site, request, tenant, form)
    _check_scope(site, request, form.get("scope", ""))
    seconds = int(site.sessions.seconds)
    token = site.sessions.open(site.keys.client_id)
    return {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}


def _check_app(site: Site, request: Request, tenant: str, form: Mapping[str, str]) -> None:
    client_id, secret = form.get("client_id", ""), form.get("client_secret")
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        client_id, _, secret = base64.b64decode(encoded + "==").decode("utf-8", "replace").partition(":")
    if client_id.lower() != site.keys.client_id.lower():
        text = f"Application with identifier '{client_id}' was not found in the directory '{tenant}'."
        raise Refused("unauthorized_client", 700016, text)
    if form.get("client_assertion_type") == ASSERTION:
        _check_assertion(site, request, tenant, form.get("client_assertion", ""))
    elif secret is None:
        text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        raise Refused("invalid_client", 7000218, text, 401)
    elif not hmac.compare_digest(secret.encode(), site.keys.secret.encode()):
        text = "Invalid client secret provided. Send the secret's value, not the secret's id."
        raise Refused("invalid_client", 7000215, text, 401)
    elif site.secret_expired:
        text = f"The provided client secret keys for app '{client_id}' are expired."
        raise Refused("invalid_client", 7000222, text, 401)


def _check_assertion(site: Site, request: Request, tenant: str, assertion: str) -> None:
    """Whether the app's certificate signed this assertion for this token endpoint."""
    certificate = x509.load_pem_x509_certificate(site.keys.key_file.read_bytes())
    try:
        header = jwt.get_unverified_header(assertion)
        if not _names(header, certificate):
            raise _bad_assertion("The key was not found.")
        claims = jwt.decode(
            assertion,
            certificate.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
            algorithms=ALGORITHMS,
            options={"require": ["iss", "sub", "aud", "exp"], "verify_aud": False},
        )
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
        text = "Client assertion is not within its valid time range."
        raise Refused("invalid_client", 700024, text, 401) from error
    except (jwt.InvalidTokenError, ValueError) as error:
        raise _bad_assertion("The signature is not that of the app's certificate.") from error
    if {str(claims["iss"]).lower(), str(claims["sub"]).lower()} != {site.keys.client_id.lower()}:
        raise _bad_assertion("Issuer and subject must be the app's id.")
    audience = urlsplit(str(claims["aud"]))
    known = audience.netloc in (urlsplit(_base(site, request)).netloc, urlsplit(site.url).netloc, DIRECTORY_HOST)
    paths = (f"/{tenant}/oauth2/v2.0/token", f"/{tenant}/v2.0")
    if not known or audience.path.lower() not in [path.lower() for path in paths]:
        raise _bad_assertion("The audience is not this token endpoint.")


def _names(header: Mapping[str, Any], certificate: x509.Certificate) -> bool:
    """Whether the assertion's header names the certificate by its thumbprint."""
    for name, algorithm in (("x5t#S256", hashes.SHA256()), ("x5t", hashes.SHA1())):  # noqa: S303 - the header's own
        if name in header:
            expected = base64.urlsafe_b64encode(certificate.fingerprint(algorithm)).decode().rstrip("=")
            return str(header[name]).rstrip("=") == expected
    return False


def _bad_assertion(reason: str) -> Refused:
    text = f"The certificate with identifier used to sign the client assertion is not valid for the app: {reason}"
    return Refused("invalid_client", 700027, text, 401)


def _check_scope(site: Site, request: Request, scope: str) -> None:
    """The scope is the org's own address with `/.default`; which name of this machine it uses does not matter."""
    wanted = scope.split(" ", maxsplit=1)[0]
    if not wanted.endswith("/.default"):
        text = f"The scope '{scope}' is not valid: client credentials need a resource's id with /.default behind it."
        raise Refused("invalid_scope", 1002012, text)
    resource = urlsplit(wanted.removesuffix(".default").rstrip("/"))
    own = [urlsplit(site.url), urlsplit(_base(site, request))]
    hosts = {parts.hostname for parts in own}
    hosts |= LOOPBACK if hosts & LOOPBACK else set()
    if resource.hostname not in hosts or resource.port not in {parts.port for parts in own}:
        text = f"The resource principal named {resource.geturl()} was not found in the tenant."
        raise Refused("invalid_resource", 500011, text)

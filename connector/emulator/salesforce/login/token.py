"""How callers get a session and end it: the token endpoint, revoke and introspect.

Form bodies come in; tokens or the OAuth error of the real service leave. Next room: `soap`.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import jwt
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.site import Site, base_url, unzip, user_row

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST_ASSERTION = 24 * 3600  # seconds ahead that `exp` may lie


class OAuthError(Exception):
    """A refusal of the token endpoint: error and description."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status


def routes(site: Site) -> list[Route]:
    """The token endpoint and its two companions."""

    def endpoint(fn: Callable[[Site, Request, dict[str, str]], Response]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            body = await request.body()
            return await run_in_threadpool(_guarded, site, fn, request, body)

        return answer

    return [
        Route("/services/oauth2/token", endpoint(_token), methods=["POST"]),
        Route("/services/oauth2/revoke", endpoint(_revoke), methods=["GET", "POST"]),
        Route("/services/oauth2/introspect", endpoint(_introspect), methods=["POST"]),
    ]


def _guarded(
    site: Site, fn: Callable[[Site, Request, dict[str, str]], Response], request: Request, body: bytes
) -> Response:
    with site.org.lock:
        try:
            text = unzip(body, request.headers.get("content-encoding")).decode("utf-8", "replace")
            form = dict(request.query_params)
            if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
                form |= dict(parse_qsl(text, keep_blank_values=True))
            return fn(site, request, form)
        except OAuthError as refused:
            return site.json({"error": refused.error, "error_description": refused.description}, refused.status)
        except Problem as problem:
            return site.problem(problem)


def _token(site: Site, request: Request, form: dict[str, str]) -> Response:
    grant = form.get("grant_type", "")
    grants: dict[str, Callable[[Site, Request, dict[str, str]], dict[str, Any]]] = {
        JWT_GRANT: _by_assertion,
        "client_credentials": _by_client_credentials,
        "refresh_token": _by_refresh_token,
        "password": _by_password,
    }
    if grant not in grants:
        raise OAuthError("unsupported_grant_type", "grant type not supported")
    answer = grants[grant](site, request, form)
    return site.json(answer, headers={"Pragma": "no-cache"})


def _by_assertion(site: Site, request: Request, form: dict[str, str]) -> dict[str, Any]:
    try:
        claims = jwt.decode(
            form.get("assertion", ""),
            site.keys.public_key,
            algorithms=["RS256"],
            options={"require": ["iss", "sub", "aud", "exp"], "verify_aud": False},
        )
    except (jwt.InvalidTokenError, ValueError) as error:
        raise OAuthError("invalid_grant", "invalid assertion") from error
    if claims["iss"] != site.keys.client_id:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if int(claims["exp"]) > time.time() + LONGEST_ASSERTION:
        raise OAuthError("invalid_grant", "invalid assertion")
    expected = "https://test.salesforce.com" if site.org.is_sandbox else "https://login.salesforce.com"
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if expected not in [str(audience).rstrip("/") for audience in audiences]:
        raise OAuthError("invalid_grant", "audience is invalid")
    user = user_row(site, "Username", str(claims["sub"]))
    if user is None or not user["IsActive"] or not site.keys.approved:
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")
    return _session(site, request, user["Id"], scope="api")


def _by_client_credentials(site: Site, request: Request, form: dict[str, str]) -> dict[str, Any]:
    if request.headers.get("host", "").split(":")[0] in ("login.salesforce.com", "test.salesforce.com"):
        raise OAuthError("invalid_grant", "request not supported on this domain")
    _check_client(site, request, form, secret_needed=True)
    if not site.keys.client_credentials:
        raise OAuthError("invalid_grant", "no client credentials user enabled")
    return _session(site, request, site.org.admin_id, scope="api", api_instance_url=base_url(site, request))


def _by_refresh_token(site: Site, request: Request, form: dict[str, str]) -> dict[str, Any]:
    _check_client(site, request, form, secret_needed=False)
    if not _same(form.get("refresh_token", ""), site.keys.refresh_token):
        raise OAuthError("invalid_grant", "expired access/refresh token")
    extra = {"refresh_token": site.keys.rotate()} if site.keys.rotate_refresh_tokens else {}
    return _session(site, request, site.org.admin_id, scope="refresh_token api", **extra)


def _by_password(site: Site, request: Request, form: dict[str, str]) -> dict[str, Any]:
    _check_client(site, request, form, secret_needed=True)
    user = user_row(site, "Username", form.get("username", ""))
    if not site.keys.password_logins or user is None or not _same(form.get("password", ""), site.keys.password):
        raise OAuthError("invalid_grant", "authentication failure")
    return _session(site, request, user["Id"])


def _check_client(site: Site, request: Request, form: Mapping[str, str], *, secret_needed: bool) -> None:
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise OAuthError("invalid_client", "invalid client credentials") from error
    if not _same(client_id, site.keys.client_id):
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if (secret_needed or secret) and not _same(secret, site.keys.secret):
        raise OAuthError("invalid_client", "invalid client credentials")


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _session(site: Site, request: Request, user_id: str, **extra: str) -> dict[str, Any]:
    base = base_url(site, request)
    identity = f"{base}/id/{site.org.org_id}/{user_id}"
    issued = str(int(time.time() * 1000))
    signed = hmac.new(site.keys.secret.encode(), (identity + issued).encode(), hashlib.sha256).digest()
    return {
        "access_token": site.sessions.open(user_id),
        "signature": base64.b64encode(signed).decode(),
        **extra,
        "instance_url": base,
        "id": identity,
        "token_type": "Bearer",
        "issued_at": issued,
    }


def _revoke(site: Site, _request: Request, form: dict[str, str]) -> Response:
    token = form.get("token", "")
    if _same(token, site.keys.refresh_token):
        site.keys.rotate()
    elif site.sessions.user_of(token) is not None:
        site.sessions.end(token)
    else:
        raise OAuthError("unsupported_token_type", "this token type is not supported")
    return site.empty(200)


def _introspect(site: Site, request: Request, form: dict[str, str]) -> Response:
    _check_client(site, request, form, secret_needed=True)
    user_id = site.sessions.user_of(form.get("token", ""))
    user = user_row(site, "Id", user_id) if user_id else None
    if user is None:
        return site.json({"active": False})
    session = site.sessions.live[form["token"]]
    answer = {
        "active": True,
        "scope": "api",
        "client_id": site.keys.client_id,
        "username": user["Username"],
        "sub": f"{base_url(site, request)}/id/{site.org.org_id}/{user_id}",
        "token_type": "access_token",
        "iat": int(session.seen),
        "nbf": int(session.seen),
    }
    if session.seconds is not None:
        answer["exp"] = int(session.seen + session.seconds)
    return site.json(answer)

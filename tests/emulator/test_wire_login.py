"""The token endpoint and its neighbours, over real HTTP."""

import base64
import hashlib
import hmac
import time
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def assertion(wire, key=None, algorithm="RS256", **changes: Any) -> str:
    claims = {
        "iss": wire.client_id,
        "sub": "integration.user@example.com",
        "aud": "https://test.salesforce.com",
        "exp": int(time.time()) + 180,
    }
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(claims, key or wire.key_file.read_text(), algorithm=algorithm)


def by_assertion(call, text: str) -> requests.Response:
    return call("POST", "services/oauth2/token", data={"grant_type": JWT_GRANT, "assertion": text})


def test_a_signed_assertion_is_exchanged_for_a_session_that_works(wire, call):
    answer = by_assertion(call, assertion(wire))
    assert answer.status_code == 200
    token = answer.json()["access_token"]
    assert token.startswith(wire.org.org_id[:15] + "!")
    for scheme in ("Bearer", "OAuth"):
        assert call("GET", "/limits", headers={"Authorization": f"{scheme} {token}"}).status_code == 200


def test_a_token_answer_has_the_recorded_fields_and_forms(wire, call):
    answer = by_assertion(call, assertion(wire))
    body = answer.json()
    assert set(body) == {"access_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at"}
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Sforce-Limit-Info" not in answer.headers
    assert body["issued_at"].isdigit() and isinstance(body["issued_at"], str)
    assert body["instance_url"] == wire.url
    expected = hmac.new(wire.secret.encode(), (body["id"] + body["issued_at"]).encode(), hashlib.sha256).digest()
    assert base64.b64decode(body["signature"]) == expected


def stranger() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"aud": "https://login.salesforce.com"}, "invalid_grant", "audience is invalid"),
        ({"aud": "https://example.com"}, "invalid_grant", "audience is invalid"),
        ({"exp": 1_000_000_000}, "invalid_grant", "invalid assertion"),
        ({"exp": 9_000_000_000}, "invalid_grant", "invalid assertion"),
        ({"exp": None}, "invalid_grant", "invalid assertion"),
        ({"sub": "nobody@example.com"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"iss": "3MVG9nobody"}, "invalid_client_id", "client identifier invalid"),
    ],
)
def test_an_assertion_with_a_wrong_claim_is_refused(wire, call, changes, error, description):
    answer = by_assertion(call, assertion(wire, **changes))
    assert (answer.status_code, answer.json()) == (400, {"error": error, "error_description": description})


@pytest.mark.parametrize("kind", ["signed by a stranger", "unsigned", "signed with the public key", "garbage"])
def test_an_assertion_without_the_apps_signature_is_refused(wire, call, kind):
    text = {
        "signed by a stranger": lambda: assertion(wire, key=stranger()),
        "unsigned": lambda: jwt.encode({"iss": wire.client_id}, None, algorithm="none"),
        "signed with the public key": lambda: assertion(wire, key="s" * 64, algorithm="HS256"),
        "garbage": lambda: "not.a.token",
    }[kind]()
    answer = by_assertion(call, text)
    assert (answer.status_code, answer.json()["error_description"]) == (400, "invalid assertion")


def test_production_takes_the_audience_of_production_only(wire, call):
    call.steer(is_sandbox=False)
    assert by_assertion(call, assertion(wire, aud="https://login.salesforce.com")).status_code == 200
    assert by_assertion(call, assertion(wire)).json()["error_description"] == "audience is invalid"


def test_an_app_that_no_admin_approved_gets_no_session(wire, call):
    call.steer(approved=False)
    answer = by_assertion(call, assertion(wire))
    assert answer.json()["error_description"] == "user hasn't approved this consumer"


def test_client_credentials_work_in_the_form_and_in_the_header(wire, call):
    form = {"grant_type": "client_credentials", "client_id": wire.client_id, "client_secret": wire.secret}
    assert call("POST", "services/oauth2/token", data=form).json()["token_type"] == "Bearer"
    plain = requests.post(
        f"{wire.url}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(wire.client_id, wire.secret),
        timeout=10,
    )
    assert plain.status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "wrong"}, "invalid_client_id"),
        ({"client_secret": ""}, "invalid_client"),
        ({"grant_type": "client_credential"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "unsupported_grant_type"),
    ],
)
def test_wrong_client_credentials_are_refused(wire, call, changes, error):
    form = {"grant_type": "client_credentials", "client_id": wire.client_id, "client_secret": wire.secret, **changes}
    answer = call("POST", "services/oauth2/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_client_credentials_need_a_run_as_user_and_a_my_domain_host(wire, call):
    form = {"grant_type": "client_credentials", "client_id": wire.client_id, "client_secret": wire.secret}
    answer = call("POST", "services/oauth2/token", data=form, headers={"Host": "login.salesforce.com"})
    assert answer.json()["error_description"] == "request not supported on this domain"
    call.steer(client_credentials=False)
    answer = call("POST", "services/oauth2/token", data=form)
    assert answer.json()["error_description"] == "no client credentials user enabled"


def test_a_refresh_token_lasts_until_rotation_replaces_it(wire, call):
    def refresh(token: str) -> requests.Response:
        form = {"grant_type": "refresh_token", "client_id": wire.client_id, "refresh_token": token}
        return call("POST", "services/oauth2/token", data=form)

    first = wire.site.keys.refresh_token
    assert "refresh_token" not in refresh(first).json()
    call.steer(rotate_refresh_tokens=True)
    second = refresh(first).json()["refresh_token"]
    assert refresh(first).json()["error_description"] == "expired access/refresh token"
    assert refresh(second).status_code == 200


def test_password_logins_are_refused_as_new_orgs_refuse_them(wire, call):
    form = {
        "grant_type": "password",
        "client_id": wire.client_id,
        "client_secret": wire.secret,
        "username": "integration.user@example.com",
        "password": wire.site.keys.password,
    }
    assert call("POST", "services/oauth2/token", data=form).json()["error_description"] == "authentication failure"
    call.steer(password_logins=True)
    assert call("POST", "services/oauth2/token", data=form).status_code == 200


def test_a_revoked_session_is_over(wire, call):
    form = {"grant_type": "client_credentials", "client_id": wire.client_id, "client_secret": wire.secret}
    token = call("POST", "services/oauth2/token", data=form).json()["access_token"]
    asked = {"token": token, "client_id": wire.client_id, "client_secret": wire.secret}
    assert call("POST", "services/oauth2/introspect", data=asked).json()["active"] is True
    assert call("POST", "services/oauth2/revoke", data={"token": token}).status_code == 200
    assert call("POST", "services/oauth2/introspect", data=asked).json() == {"active": False}
    answer = call("GET", "/limits", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()) == (
        401,
        [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}],
    )


@pytest.mark.parametrize("header", [None, "", "Basic abc", "Bearer", "nonsense"])
def test_a_missing_or_garbled_header_is_another_error_than_an_ended_session(call, header):
    answer = call("GET", "/limits", headers={"Authorization": header})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_AUTH_HEADER")


def test_an_idle_session_ends_and_a_used_one_lives(wire, call):
    now = [1000.0]
    wire.site.sessions.now = lambda: now[0]
    call.steer(session_seconds=60)
    form = {"grant_type": "client_credentials", "client_id": wire.client_id, "client_secret": wire.secret}
    token = call("POST", "services/oauth2/token", data=form).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    for seconds in (50, 50):
        now[0] += seconds
        assert call("GET", "/limits", headers=headers).status_code == 200
    now[0] += 61
    assert call("GET", "/limits", headers=headers).status_code == 401
    assert call("GET", "/limits").status_code == 200  # the token of the start line has no end


def test_every_session_can_be_ended_at_once(call):
    call.steer(session_expired=True)
    assert call("GET", "/limits").json()[0]["errorCode"] == "INVALID_SESSION_ID"


def test_a_user_without_the_api_right_is_told_so(call):
    call.steer(api_enabled=False)
    answer = call("GET", "/limits")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "API_DISABLED_FOR_ORG")
    call.steer(api_enabled=True)
    assert call("GET", "/limits").status_code == 200


def test_userinfo_and_identity_name_the_sessions_user(wire, call):
    info = call("GET", "services/oauth2/userinfo")
    assert info.json()["user_id"] == wire.org.admin_id
    assert "{version}" in info.json()["urls"]["rest"] and "Sforce-Limit-Info" not in info.headers
    identity = call("GET", f"id/{wire.org.org_id}/{wire.org.admin_id}").json()
    assert identity["username"] == info.json()["preferred_username"]
    answer = call("GET", "services/oauth2/userinfo", headers={"Authorization": "Bearer wrong"})
    assert (answer.status_code, answer.text) == (403, "Bad_OAuth_Token")


def test_a_passwordless_soap_login_is_a_fault_with_a_code(call):
    envelope = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        '<login xmlns="urn:partner.soap.sforce.com"><username>integration.user@example.com</username>'
        "<password>wrong</password></login></e:Body></e:Envelope>"
    )
    answer = call("POST", "services/Soap/u/60.0", data=envelope, headers={"Content-Type": "text/xml"})
    assert answer.status_code == 500
    assert "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>" in answer.text
    newer = call("POST", "services/Soap/u/65.0", data=envelope, headers={"Content-Type": "text/xml"})
    assert "UNSUPPORTED_API_VERSION" in newer.text

"""Getting a token for an app, and what becomes of tokens: the token endpoint, msal, application users."""

import base64
import time
from collections.abc import Iterator

import jwt
import msal
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from dv_caller import Dataverse, refusal, serving

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture(scope="module")
def call() -> Iterator[Dataverse]:
    with serving(tls=True) as caller:
        yield caller


def certificate(call: Dataverse) -> x509.Certificate:
    return x509.load_pem_x509_certificate(call.running.key_file.read_bytes())


def assertion(call: Dataverse, key: object = None, named: str | None = None, **claims: object) -> str:
    now = int(time.time())
    told = {
        "iss": call.running.client_id,
        "sub": call.running.client_id,
        "aud": f"{call.running.url}/{call.running.tenant}/oauth2/v2.0/token",
        "exp": now + 600,
        "nbf": now - 10,
        "jti": "1",
    }
    thumbprint = base64.urlsafe_b64encode(certificate(call).fingerprint(hashes.SHA256())).decode().rstrip("=")
    return jwt.encode(
        {**told, **claims}, key or call.running.key_file.read_text(), "PS256", {"x5t#S256": named or thumbprint}
    )


def test_a_secret_buys_a_token_for_an_hour_that_the_data_api_takes(call):
    told = call.token().json()
    assert (told["token_type"], told["expires_in"], told["ext_expires_in"]) == ("Bearer", 3599, 3599)
    who = call("GET", "WhoAmI", headers={"Authorization": f"Bearer {told['access_token']}"}).json()
    assert who["UserId"] == call.org.admin_id


@pytest.mark.parametrize(
    ("form", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, 400, "unauthorized_client", 700016),
        ({"tenant": "elsewhere.example.com"}, 400, "invalid_request", 90002),
        ({"scope": "https://other.crm4.dynamics.com/.default"}, 400, "invalid_resource", 500011),
        ({"scope": "https://other.crm4.dynamics.com/user_impersonation"}, 400, "invalid_scope", 1002012),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"client_assertion_type": ASSERTION, "client_assertion": "no.jwt.here"}, 401, "invalid_client", 700027),
    ],
)
def test_a_refusal_carries_the_identity_services_number(call, form, status, error, number):
    answer = call.token(**form)
    told = answer.json()
    assert (answer.status_code, told["error"], told["error_codes"]) == (status, error, [number])
    assert told["error_description"].startswith(f"AADSTS{number}: ") and "Trace ID" in told["error_description"]


def test_a_secret_may_have_expired(call):
    call.steer(secret_expired=True)
    assert call.token().json()["error_codes"] == [7000222]
    call.steer(secret_expired=False)
    assert call.token().status_code == 200


@pytest.mark.parametrize("way", ["secret", "certificate", "old certificate"])
def test_msal_logs_in(call, way):
    running, made = call.running, certificate(call)
    key = running.key_file.read_text()
    credential = {
        "secret": running.secret,
        "certificate": {"private_key": key, "public_certificate": key},
        "old certificate": {"private_key": key, "thumbprint": made.fingerprint(hashes.SHA1()).hex()},
    }[way]
    app = msal.ConfidentialClientApplication(
        running.client_id,
        client_credential=credential,
        authority=f"{running.url}/{running.tenant}",
        instance_discovery=False,
        http_client=call.session,
    )
    told = app.acquire_token_for_client([f"{running.url}/.default"])
    assert "access_token" in told, told
    assert app.acquire_token_for_client([f"{running.url}/.default"])["token_source"] == "cache"


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"key": rsa.generate_private_key(public_exponent=65537, key_size=2048)}, 700027),
        ({"aud": "https://elsewhere.example.com/t/oauth2/v2.0/token"}, 700027),
        ({"iss": "somebody else"}, 700027),
        ({"named": "another-certificate"}, 700027),
        ({"exp": 1}, 700024),
        ({}, None),
    ],
)
def test_an_assertion_must_be_ours_for_here_and_now(call, change, number):
    form = {"client_assertion_type": ASSERTION, "client_assertion": assertion(call, **change)}
    told = call.token(client_secret="", **form).json()
    assert told.get("error_codes", [None]) == [number]


def test_a_token_ends_when_its_time_is_over_used_or_not(call, monkeypatch):
    token = call.token().json()["access_token"]
    bearer = {"headers": {"Authorization": f"Bearer {token}"}}
    now = time.time()
    monkeypatch.setattr(call.running.site.sessions, "now", lambda: now + 3500)
    assert call("GET", "WhoAmI", **bearer).status_code == 200
    monkeypatch.setattr(call.running.site.sessions, "now", lambda: now + 3700)
    answer = call("GET", "WhoAmI", **bearer)
    assert answer.status_code == 401
    assert f"authorization_uri={call.running.url}/{call.running.tenant}/" in answer.headers["WWW-Authenticate"]


def test_all_tokens_may_end_at_once(call):
    token = call.token().json()["access_token"]
    live = dict(call.running.site.sessions.live)
    call.steer(session_expired=True)
    assert call("GET", "WhoAmI", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    call.running.site.sessions.live.update(live)


@pytest.mark.parametrize(("switch", "code"), [("user_missing", "0x80072560"), ("user_disabled", "0x80040225")])
def test_a_token_needs_an_enabled_application_user(call, switch, code):
    call.steer(**{switch: True})
    assert refusal(call("GET", "WhoAmI")) == (403, code)
    call.steer(**{switch: False})
    assert call("GET", "WhoAmI").status_code == 200


def test_a_user_without_a_role_is_known_but_may_do_nothing(call):
    call.steer(no_role=True)
    assert call("GET", "WhoAmI").status_code == 200
    assert refusal(call("POST", "accounts", json={"name": "A"})) == (403, "0x80040220")
    call.steer(no_role=False)
    assert call("POST", "accounts", json={"name": "A"}).status_code == 204


def test_somebody_with_the_privilege_may_act_for_another(call):
    seller = call.org.add_user("Ann Seller", domainname="ann@example.com", roles=["System Administrator"])
    found = call("GET", "WhoAmI", headers={"MSCRMCallerID": seller}).json()
    assert found["UserId"] == seller
    made = call("POST", "accounts", json={"name": "A"}, headers={"MSCRMCallerID": seller})
    row = call.stored("account", made.headers["OData-EntityId"].rpartition("(")[2][:-1])
    assert (row["createdby"], row["ownerid"]) == (seller, seller)
    oid = call.stored("systemuser", seller)["azureactivedirectoryobjectid"]
    assert call("GET", "WhoAmI", headers={"CallerObjectId": oid}).json()["UserId"] == seller
    nobody = call("GET", "WhoAmI", headers={"MSCRMCallerID": "00000000-0000-0000-0000-000000000000"})
    assert refusal(nobody) == (403, "0x80072560")
    call.steer(no_role=True)
    assert refusal(call("GET", "WhoAmI", headers={"MSCRMCallerID": seller})) == (403, "0x80040220")
    call.steer(no_role=False)


def test_the_control_endpoint_tells_the_tenant_and_knows_every_switch_it_shows(call):
    shown = call("GET", "/_emulator/org").json()
    assert shown["tenant"] == call.running.tenant == call.org.tenant
    told = {name: value for name, value in shown.items() if name not in ("url", "org_id", "tenant")}
    call.steer(**told)
    assert call("GET", "/_emulator/org").json() == shown

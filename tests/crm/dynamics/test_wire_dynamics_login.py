"""Logging in to Dynamics: what is asked, what is refused, and what never leaves this machine."""

import datetime
from urllib.parse import parse_qs, unquote, urlsplit

import dataverse_wire as far
import pytest
import responses
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from dataverse_wire import (
    BASE,
    DELTA,
    HOST,
    ROW,
    error,
    guid,
    page,
    read,
)

from connector.crm.dynamics.faults import TOKEN, token_fault
from connector.crm.dynamics.login import login_host
from connector.crm.failures import Refusal
from connector.errors import AccessFault, UnreachableFault, UsageFault


def key_and_certificate(days=30):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kam")])
    now = datetime.datetime.now(datetime.UTC)
    ends = now + datetime.timedelta(days=days)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, ends - datetime.timedelta(days=60), ends)
    words = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    certificate = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return key.private_bytes(*words).decode(), certificate.decode()


@pytest.fixture(scope="module")
def pair():
    return key_and_certificate()


@pytest.fixture(scope="module")
def old():
    return key_and_certificate(days=-1)


def test_a_token_is_for_the_environment_and_asked_for_at_the_clouds_login(wire, login):
    login(url="https://acme.api.crm4.dynamics.com")
    form = parse_qs(wire.calls[-1].request.body)
    assert form["scope"] == [f"{HOST}/.default"]
    assert [urlsplit(c.request.url).netloc for c in wire.calls] == ["login.microsoftonline.com"] * 2


def test_each_cloud_has_its_login_host():
    hosts = {u: login_host(u) for u in (HOST, "https://a.crm.microsoftdynamics.us", "https://a.crm.dynamics.cn")}
    assert [urlsplit(h).netloc for h in hosts.values()] == [
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
    ]


def test_a_certificate_signs_the_login_and_stays_here(wire, login, pair, tmp_path):
    (tmp_path / "both.pem").write_text("\n".join(pair))
    login(auth="certificate", key_file=tmp_path / "both.pem", secret_env="")
    form = parse_qs(wire.calls[-1].request.body)
    assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    assert "client_secret" not in form


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{key}", "holds no certificate"),
        ("{certificate}", "holds no private key"),
        ("hush", "no private key and no certificate"),
        ("{key}{other}", "not that of the private key"),
        ("-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n{certificate}", "can't be used"),
        ("{old_key}{old}", "ended on"),
    ],
)
def test_what_is_wrong_with_a_key_file_is_told_before_anything_is_sent(wire, login, pair, old, tmp_path, text, said):
    words = {"key": pair[0], "certificate": pair[1], "other": old[1], "old_key": old[0], "old": old[1]}
    (tmp_path / "key.pem").write_text(text.format(**words))
    with pytest.raises((UsageFault, AccessFault), match=said) as raised:
        login(auth="certificate", key_file=tmp_path / "key.pem", secret_env="")
    assert "hush" not in str(raised.value)
    assert len(wire.calls) == 0


def test_the_secret_goes_to_no_host_but_the_login(wire, login):
    wire.replace(responses.GET, far.DISCOVERY, json={**far.ENDPOINTS, "token_endpoint": "https://evil.example/t/token"})
    with pytest.raises(AccessFault, match="the secret does not go there"):
        login()
    assert len(wire.calls) == 1


@pytest.mark.parametrize(("body", "kind"), [("<html>guest network</html>", UnreachableFault), ("{}", UsageFault)])
def test_a_login_answered_by_something_else_says_what_to_do(wire, login, body, kind):
    wire.replace(responses.GET, far.DISCOVERY, body=body)
    with pytest.raises(kind, match=r"proxy|crm\.login_url") as raised:
        login()
    assert "guest" not in str(raised.value)


@pytest.mark.parametrize("code", sorted(TOKEN))
def test_every_refused_login_has_its_click(code):
    fault = token_fault(Refusal("POST login", 401, code, f"{code}: No. Trace ID: 5 Correlation ID: 6"))
    assert type(fault) is TOKEN[code][0]
    assert TOKEN[code][1] in str(fault)
    assert "Trace" not in str(fault)


def test_a_refused_login_is_known_by_its_number(wire, login):
    body = {"error": "invalid_client", "error_description": "AADSTS7000222: The keys are expired. Trace ID: 1"}
    wire.replace(responses.POST, far.TOKEN_URL, status=401, json={**body, "error_codes": [7000222]})
    with pytest.raises(AccessFault, match=r"AADSTS7000222 .*make a new one"):
        login()


def test_an_overloaded_login_is_tried_again(wire, login):
    wire.replace(responses.POST, far.TOKEN_URL, status=503)
    wire.post(far.TOKEN_URL, json=far.TOKEN)
    login()
    assert len(wire.calls) == 3


def test_an_ended_token_is_renewed_once_and_the_new_one_used(wire, login, tables):
    tables()
    crm = login()
    wire.replace(responses.POST, far.TOKEN_URL, json={**far.TOKEN, "access_token": "hush-2"})
    wire.get(f"{BASE}accounts", status=401)
    wire.get(f"{BASE}accounts", json=page(ROW, deltaLink=f"{BASE}accounts{DELTA}"))
    assert len(read(crm)) == 1
    assert wire.calls[-1].request.headers["Authorization"] == "Bearer hush-2"


def test_a_token_that_is_refused_twice_is_an_access_fault(wire, login, tables):
    tables()
    wire.get(f"{BASE}accounts", status=401)
    with pytest.raises(AccessFault, match=r"crm\.tenant"):
        read(login())


def test_a_token_from_the_environment_cannot_be_renewed(wire, login):
    wire.get(f"{BASE}WhoAmI", status=401)
    with pytest.raises(AccessFault, match=r"\$S has ended"):
        login(auth="token").whoami()


def test_the_user_to_act_for_is_found_by_name_and_told_with_each_write(wire, login):
    wire.get(f"{BASE}systemusers", json=page({"systemuserid": guid(7)}))
    wire.get(f"{BASE}WhoAmI", json={"UserId": guid(8)})
    client = login(auth="token", username="o'neil@acme.example").client
    assert (client.user_id, client.acting_id) == (guid(8), guid(7))
    asked, then = (c.request for c in wire.calls)
    assert "domainname eq 'o''neil@acme.example'" in unquote(asked.url)
    assert "MSCRMCallerID" not in then.headers
    assert client.acting == {"MSCRMCallerID": guid(7)}


def test_an_unknown_user_to_act_for_is_named(wire, login):
    wire.get(f"{BASE}systemusers", json=page())
    with pytest.raises(AccessFault, match=r'crm\.username: no user .* "nobody@acme.example"'):
        login(auth="token", username="nobody@acme.example")


@pytest.mark.parametrize(
    ("status", "code", "message", "said"),
    [
        (403, "0x80072560", "The user is not a member of the organization.", "New app user"),
        (403, "0x80040225", "The specified user is disabled.", "Activate"),
        (
            403,
            "0x80040220",
            "Principal user (Id=…, type=8, roleCount=0), is missing prvReadAccount",
            "no security role",
        ),
        (
            403,
            "0x80040220",
            "Principal user (roleCount=5) is missing prvReadincident privilege",
            "lacks prvReadincident",
        ),
        (403, "", "", "security role KAM Connector"),
    ],
)
def test_a_user_without_rights_is_told_which_click_helps(wire, login, status, code, message, said):
    wire.get(f"{BASE}WhoAmI", status=status, json=error(code, message) if code else {})
    with pytest.raises(AccessFault, match=said):
        login(auth="token").whoami()

"""The one session against servers that really listen: what it says twice, what it never does, what it tells."""

import datetime
import gzip
import logging
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme

from connector.crm.failures import AnswerLost, Refusal
from connector.crm.http import HttpSettings, Session, keep_reserve, make_session
from connector.crm.protocol import Limits
from connector.errors import AccessFault, ReserveReached, UnreachableFault, UsageFault


def plain(status: str, body: bytes = b"", *headers: str) -> bytes:
    """An HTTP/1.1 answer whose length is right."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


JSON = "Content-Type: application/json"
GOOD = plain("200 OK", b'{"fine":1}', JSON)


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def session(pauses: list[float]):
    with make_session(HttpSettings(attempts=3), sleep=pauses.append) as made:
        yield made


def test_a_read_is_repeated_after_an_overload_and_then_answered(scripted, session):
    server = scripted(plain("503 Overloaded"), GOOD)
    assert session.request("GET", server.url).json() == {"fine": 1}
    assert session.calls == 2


def test_a_change_is_not_repeated_when_its_answer_was_lost(scripted, session):
    server = scripted(plain("503 Overloaded"), GOOD)
    with pytest.raises(AnswerLost, match="Whether it was carried out is not known"):
        session.request("PATCH", server.url, data=b"{}")
    assert session.calls == 1


def test_a_change_that_may_be_said_twice_is_repeated(scripted, session):
    server = scripted(plain("500 Oops"), GOOD)
    assert session.exchange("PATCH", server.url, parse=lambda r: r.json(), repeatable=True) == {"fine": 1}


def test_a_change_that_was_turned_away_at_the_door_is_repeated(scripted, session):
    server = scripted(plain("429 Too Many Requests"), GOOD)
    assert session.request("PATCH", server.url, data=b"{}").status_code == 200


def test_the_wait_that_the_server_asks_for_is_kept(scripted, session, pauses):
    server = scripted(plain("429 Too Many Requests", b"", "Retry-After: 17"), GOOD)
    session.request("GET", server.url)
    assert pauses == [17.0]


def test_a_wait_given_as_a_date_is_held_against_the_servers_own_clock(scripted, session, pauses):
    dates = ("Date: Sun, 22 Nov 2020 10:00:00 GMT", "Retry-After: Sun, 22 Nov 2020 10:00:40 GMT")
    server = scripted(plain("503 Overloaded", b"", *dates), GOOD)
    session.request("GET", server.url)
    assert pauses == [40.0]


def test_a_wait_longer_than_our_patience_ends_the_attempts_at_once(scripted, session, pauses):
    server = scripted(plain("503 Overloaded", b"", "Retry-After: 7200"), GOOD)
    with pytest.raises(UnreachableFault, match="asked for 7200 s"):
        session.request("GET", server.url)
    assert pauses == []


def test_attempts_have_a_ceiling(scripted, session):
    server = scripted(*[plain("502 Bad Gateway")] * 5)
    with pytest.raises(UnreachableFault, match="502"):
        session.request("GET", server.url)
    assert session.calls == 3


def test_an_answer_cut_off_midway_is_asked_for_again(scripted, session):
    cut = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n" + b'{"fine":'
    assert session.request("GET", scripted(cut, GOOD).url).json() == {"fine": 1}


def test_an_answer_cut_off_midway_leaves_a_change_unknown(scripted, session):
    cut = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n["
    with pytest.raises(AnswerLost):
        session.request("POST", scripted(cut, GOOD).url, data=b"[]")


def test_a_zipped_answer_is_unpacked(scripted, session):
    server = scripted(plain("200 OK", gzip.compress(b'{"fine":1}'), JSON, "Content-Encoding: gzip"))
    assert session.request("GET", server.url).json() == {"fine": 1}
    assert b"accept-encoding: gzip" in server.requests[0].lower()


def test_a_damaged_zipped_answer_is_asked_for_again(scripted, session):
    broken = plain("200 OK", b"not gzip at all", JSON, "Content-Encoding: gzip")
    assert session.request("GET", scripted(broken, GOOD).url).json() == {"fine": 1}


def test_nobody_listening_is_told_with_the_setting_to_check(session, unused_port):
    with pytest.raises(UnreachableFault, match=r"no connection.*Check crm.url"):
        session.request("GET", f"http://127.0.0.1:{unused_port}/x")


def test_a_change_is_repeated_when_nobody_listened(session, unused_port):
    with pytest.raises(UnreachableFault) as raised:
        session.request("PATCH", f"http://127.0.0.1:{unused_port}/x")
    assert not isinstance(raised.value, AnswerLost)
    assert session.calls == 3


def test_a_refusal_is_raised_at_once(scripted, session):
    with pytest.raises(Refusal) as raised:
        session.request("GET", scripted(plain("404 Not Found")).url)
    assert raised.value.status == 404


def test_an_ended_session_is_renewed_once_and_the_change_sent_again(scripted, session):
    renewed = []
    session.renew = lambda: renewed.append(1)
    server = scripted(plain("401 Unauthorized"), GOOD)
    assert session.request("PATCH", server.url, data=b"{}").status_code == 200
    assert renewed == [1]


def test_a_session_that_ends_twice_is_refused(scripted, session):
    renewed = []
    session.renew = lambda: renewed.append(1)
    with pytest.raises(Refusal):
        session.request("GET", scripted(*[plain("401 Unauthorized")] * 3).url)
    assert renewed == [1]


def test_a_redirect_to_another_host_is_not_followed(scripted, session):
    server = scripted(plain("302 Found", b"", "Location: https://evil.example/take"))
    with pytest.raises(AccessFault, match=r"sent us on to evil.example.*Set crm.url"):
        session.request("GET", server.url)


def test_a_redirected_change_is_not_followed_even_on_the_same_host(scripted, session):
    server = scripted(plain("307 Moved", b"", "Location: /elsewhere"), GOOD)
    with pytest.raises(AccessFault):
        session.request("POST", server.url, data=b"secret")
    assert len(server.requests) == 1


def test_a_read_is_redirected_on_the_same_host(scripted, session):
    assert session.request("GET", scripted(plain("302 Found", b"", "Location: /there"), GOOD).url).json() == {"fine": 1}


def test_an_https_address_of_this_machine_is_spoken_to_in_plain_http_when_told_so(scripted, session):
    server = scripted(GOOD)
    session.serve_plain(server.url)
    assert session.request("GET", server.url.replace("http:", "https:")).json() == {"fine": 1}


def test_a_silent_server_is_given_up(silent, pauses):
    hasty = HttpSettings(attempts=2, read_timeout=0.05)
    with make_session(hasty, sleep=pauses.append) as session, pytest.raises(UnreachableFault, match="timed out"):
        session.request("GET", silent)


def test_cookies_are_not_kept(scripted, session):
    server = scripted(plain("200 OK", b"", "Set-Cookie: BrowserId=x"), plain("200 OK"))
    session.request("GET", server.url)
    session.request("GET", server.url)
    assert b"cookie" not in server.requests[1].lower()


def test_this_machine_is_never_reached_through_a_proxy(scripted, session, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert session.request("GET", scripted(GOOD).url).json() == {"fine": 1}


def test_the_configured_proxy_is_asked_instead_of_the_environments(scripted, pauses, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    proxy = scripted(GOOD)
    with make_session(HttpSettings(proxy=proxy.url), sleep=pauses.append) as session:
        session.request("GET", "http://crm.example/data")
    assert proxy.requests[0].startswith(b"GET http://crm.example/data ")


def test_the_environments_proxy_is_used(scripted, session, monkeypatch):
    proxy = scripted(GOOD)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    session.request("GET", "http://crm.example/data")
    assert proxy.requests[0].startswith(b"GET http://crm.example/data ")


def test_a_proxy_that_is_down_is_named(pauses, unused_port):
    settings = HttpSettings(proxy=f"http://127.0.0.1:{unused_port}", attempts=1)
    with make_session(settings, sleep=pauses.append) as session, pytest.raises(UnreachableFault, match=r"crm\.proxy"):
        session.request("GET", "http://crm.example/data")


def test_neither_log_nor_message_holds_query_values_or_bodies(scripted, session, caplog):
    caplog.set_level(logging.DEBUG)
    server = scripted(*[plain("503 Overloaded", b"Ada Lovelace")] * 3)
    with pytest.raises(UnreachableFault) as raised:
        session.request("GET", f"{server.url}/query?q=Ada+Lovelace", headers={"Authorization": "Bearer hush"})
    told = caplog.text + str(raised.value)
    assert "/query" in told
    assert not [word for word in ("Ada", "Lovelace", "hush") if word in told]


def test_the_quota_hint_of_an_answer_is_kept(scripted, session):
    info = "Sforce-Limit-Info: per-app-api-usage=17/250(appName=x), api-usage=10018/100000"
    session.request("GET", scripted(plain("200 OK", b"", info)).url)
    assert session.usage == Limits(89982, 100000)


def test_calls_stop_before_the_share_of_others_is_touched(scripted, session):
    session.before_call = keep_reserve(0.3)
    server = scripted(plain("200 OK", b"", "Sforce-Limit-Info: api-usage=71/100"), GOOD)
    session.request("GET", server.url)
    with pytest.raises(ReserveReached, match=r"29 of 100 .* reserve = 0.3"):
        session.request("GET", server.url)
    assert len(server.requests) == 1


def test_the_servers_clock_is_known_after_the_first_answer(scripted, session):
    assert session.server_now() is None
    session.request("GET", scripted(plain("200 OK", b"", "Date: Sun, 22 Nov 2020 10:00:00 GMT")).url)
    began = datetime.datetime(2020, 11, 22, 10, tzinfo=datetime.UTC).timestamp()
    assert began <= session.server_now() < began + 60


def test_an_expired_certificate_is_named(tls, trusting):
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    url, ca = tls("127.0.0.1", yesterday)
    with pytest.raises(AccessFault, match=r"has expired.*kam check"):
        trusting(ca).request("GET", url)


def test_a_certificate_of_an_unknown_issuer_names_the_setting(tls, trusting):
    url, _ = tls("127.0.0.1", None)
    with pytest.raises(AccessFault, match=r"nobody this machine trusts.*crm.ca_bundle"):
        trusting(None).request("GET", url)


def test_a_certificate_of_another_host_is_told_apart(tls, trusting):
    url, ca = tls("crm.example", None)
    with pytest.raises(AccessFault, match="belongs to another host"):
        trusting(ca).request("GET", url)


def test_a_certificate_of_the_named_issuer_is_accepted_whatever_the_environment_says(tls, trusting, monkeypatch):
    url, ca = tls("127.0.0.1", None)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ssl.get_default_verify_paths().openssl_cafile)
    assert trusting(ca).request("GET", url).status_code == 200


def test_a_list_of_certificates_that_is_none_is_named(trusting, tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(UsageFault, match=r"crm.ca_bundle: .*ca.pem"):
        trusting(tmp_path / "ca.pem")


def test_tls_spoken_to_a_plain_server_is_told_as_a_broken_connection(scripted, trusting):
    server = scripted(plain("400 Bad Request"))
    with pytest.raises(UnreachableFault):
        trusting(None).request("GET", server.url.replace("http:", "https:"))


@pytest.fixture
def trusting():
    """Makes sessions that trust the certificates of a file."""
    made = []

    def make(ca: Path | None) -> Session:
        made.append(make_session(HttpSettings(attempts=1, ca_bundle=ca), sleep=lambda seconds: None))
        return made[-1]

    yield make
    for session in made:
        session.close()


@pytest.fixture
def tls(tmp_path):
    """Starts TLS servers with a certificate for a host, expired at a date."""
    running = []

    def start(host: str, not_after: datetime.datetime | None) -> tuple[str, Path]:
        issuer = trustme.CA()
        issuer.cert_pem.write_to_path(tmp_path / "issuer.pem")
        certificate = issuer.issue_cert(host, not_after=not_after)
        server = HTTPServer(("127.0.0.1", 0), _Fine)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        running.append(server)
        return f"https://127.0.0.1:{server.server_port}", tmp_path / "issuer.pem"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


class _Fine(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Keep quiet: the test reads what we log, not what the server does."""

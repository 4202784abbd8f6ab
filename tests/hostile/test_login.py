"""Logins and connections that can't work: one exit code, and the one thing to do."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from bench import Bench, serve
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from world import SECRET


def test_a_wrong_secret_is_an_access_fault_that_names_the_variable(
    site: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET, "wrong-secret-of-mine")
    said = site.kam("check")
    assert said.code == 3
    assert "crm.secret_env" in said.err
    assert "wrong-secret-of-mine" not in said.all


def test_a_secret_that_is_not_set_is_named_by_its_variable(site: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET)
    said = site.kam("check")
    assert said.code == 3
    assert f"export {SECRET}=" in said.err


def test_a_host_where_nobody_listens_is_unreachable(site: Bench) -> None:
    site.configure(url='"http://127.0.0.1:9"')
    said = site.kam("check")
    assert said.code == 8
    assert "crm.url" in said.err


def test_a_host_that_does_not_exist_is_unreachable(site: Bench) -> None:
    site.configure(url='"https://nowhere.invalid"')
    said = site.kam("check")
    assert said.code == 8
    assert "nowhere.invalid" in said.err


def test_an_unknown_authority_is_told_with_the_setting_that_names_it(secure: Bench) -> None:
    said = secure.kam("check")
    assert said.code == 3
    assert "crm.ca_bundle" in said.err


def test_with_the_authority_named_the_same_org_answers(secure: Bench) -> None:
    secure.configure(ca_bundle=f'"{secure.running.ca}"')
    said = secure.kam("check")
    assert said.code == 0, said.all


def test_a_bundle_that_is_no_bundle_is_a_wrong_setting(secure: Bench) -> None:
    (secure.folder / "no.pem").write_text("not a certificate", encoding="utf-8")
    secure.configure(ca_bundle='"no.pem"')
    said = secure.kam("check")
    assert said.code == 2
    assert "no.pem" in said.err


def test_an_expired_certificate_is_told_as_expired(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    authority = trustme.CA()
    long_ago = datetime.now(UTC) - timedelta(days=3)
    server = authority.issue_cert("127.0.0.1", not_before=long_ago - timedelta(days=9), not_after=long_ago)
    chain = b"".join(blob.bytes() for blob in server.cert_chain_pems)
    (state / "server.key").write_bytes(server.private_key_pem.bytes() + chain)
    (state / "ca.pem").write_bytes(authority.cert_pem.bytes())
    for site in serve(tmp_path / "work", tls=True, state=state):
        site.configure(ca_bundle=f'"{state / "ca.pem"}"')
        said = site.kam("check")
        assert said.code == 3
        assert "expired" in said.err
        assert "renewed" in said.err


def test_a_user_without_api_permission_is_told_which_permission(site: Bench) -> None:
    site.steer(api_enabled=False)
    said = site.kam("check")
    assert said.code == 3
    assert "API Enabled" in said.err


def test_a_key_of_another_app_is_told_as_a_certificate_to_upload(bare: Bench) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (bare.folder / "server.key").write_bytes(pem)
    said = bare.kam("check")
    assert said.code == 3
    assert "certificate that belongs to crm.key_file" in said.err


def test_production_declared_as_sandbox_reads_and_writes_nothing(site: Bench) -> None:
    site.steer(is_sandbox=False)
    said = site.first_run()
    assert said.code == 2
    assert "production" in said.err
    assert "Nothing was read or written" in said.err
    assert not any("composite" in call or "Account" in call for call in site.running.calls)
    assert not (site.folder / "store" / "mirror.db").exists() or site.rows("SELECT count(*) FROM account") == [(0,)]


def test_a_sandbox_declared_as_production_reads_and_writes_nothing(site: Bench) -> None:
    site.configure(environment='"production"')
    said = site.first_run()
    assert said.code == 2
    assert 'environment = "sandbox"' in said.err
    assert not any("composite" in call or "Account" in call for call in site.running.calls)


def test_a_jwt_login_for_the_wrong_environment_names_the_setting(bare: Bench) -> None:
    bare.steer(is_sandbox=False)
    said = bare.kam("check")
    assert said.code == 3
    assert "crm.environment" in said.err

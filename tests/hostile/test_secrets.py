"""No secret and no token in any output, error, log or file of ours, whatever fails."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import Bench, Said
from world import SECRET

from connector import cli, job

FAULTS = [
    [],
    [{"kind": "status", "path": "*/query*", "status": 500, "body": [{"errorCode": "X", "message": "{token}"}]}],
    [{"kind": "status", "path": "*/describe", "status": 400, "body": [{"errorCode": "X", "message": "{secret}"}]}],
    [{"kind": "drop", "path": "*/query*"}],
    [{"kind": "hangup", "path": "*/oauth2/token"}],
    [{"kind": "status", "path": "*/oauth2/token", "status": 400,
      "body": {"error": "invalid_grant", "error_description": "{secret}"}}],
    [{"kind": "limit"}],
    [{"kind": "session", "every": 1}],
    [{"kind": "status", "path": "*/composite/*", "status": 503, "body": "{secret} {token}"}],
]  # fmt: skip


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that any library logs, in full."""
    with caplog.at_level(logging.DEBUG):
        yield caplog


def leaks(site: Bench, said: Said, logged: pytest.LogCaptureFixture) -> list[str]:
    """Where a secret or a live token stands that should not."""
    secrets = [site.running.secret, site.running.token, *site.running.site.sessions.live]
    files = [p for p in site.folder.rglob("*") if p.is_file()]
    places: dict[str, bytes] = {str(p.relative_to(site.folder)): p.read_bytes() for p in files}
    places |= {"stdout": said.out.encode(), "stderr": said.err.encode(), "log": logged.text.encode()}
    return [place for place, content in places.items() if any(s.encode() in content for s in secrets)]


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_no_secret_leaves_through_any_failure(
    ready_site: Bench, logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setenv("KAM_DEBUG", "1")  # which says more than without it, never less
    filled = []
    for rule in FAULTS[number]:
        made = dict(rule)
        if isinstance(made.get("body"), str):
            made["body"] = fill(ready_site, made["body"])
        elif isinstance(made.get("body"), list):
            made["body"] = [{k: fill(ready_site, v) for k, v in made["body"][0].items()}]
        elif isinstance(made.get("body"), dict):
            made["body"] = {k: fill(ready_site, v) for k, v in made["body"].items()}
        filled.append(made)
    ready_site.running.faults.replace(filled)
    said = ready_site.first_run()
    assert said.code != 1, said.all
    assert (said.code == 0) == (not FAULTS[number])
    assert leaks(ready_site, said, logged) == []


def fill(site: Bench, text: str) -> str:
    return text.replace("{secret}", site.running.secret).replace("{token}", site.running.token)


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
def test_a_bug_of_ours_tells_its_place_but_no_value(
    site: Bench, logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, debug: bool
) -> None:
    if debug:
        monkeypatch.setenv("KAM_DEBUG", "1")

    def broken(*_: object, **__: object) -> None:
        raise KeyError("nobody expected this")

    # a bug can't be had from outside, so one is put in
    monkeypatch.setattr(job, "run_enrich", broken)
    said = site.first_run()
    assert said.code == 1
    assert ("nobody expected this" in said.err) == debug
    assert "KeyError in test_secrets.py" in said.err or debug
    assert leaks(site, said, logged) == []


def test_a_failed_login_with_a_pasted_secret_repeats_none_of_it(site: Bench, logged: pytest.LogCaptureFixture) -> None:
    site.configure(secret_env=f'"{site.running.secret[:40]}!"')
    said = site.kam("check")
    assert said.code == 2
    assert site.running.secret[:20] not in said.all


def test_a_token_that_ended_is_named_by_its_variable(site: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET, site.running.token)
    site.configure(auth='"token"')
    assert site.kam("check").code == 0
    site.steer(session_expired=True)
    said = site.kam("check")
    assert said.code == 3
    assert SECRET in said.err
    assert site.running.token not in said.all


def test_names_and_titles_of_contacts_are_in_no_log_and_no_error(site: Bench, logged: pytest.LogCaptureFixture) -> None:
    key = site.account("Customer")
    site.contact(key, "Quetzalcoatl", "Chief Xylophonist")
    site.running.faults.replace([{"kind": "lock", "rows": 5}])
    said = site.first_run()
    told = said.all + logged.text + str(site.rows("SELECT * FROM rejects", file="journal"))
    assert leaks(site, said, logged) == []  # of a whole run, from the login to the write
    assert "Quetzalcoatl" not in told
    assert "Xylophonist" not in told


def test_the_store_is_readable_by_its_owner_only(site: Bench) -> None:
    assert site.kam("pull", "account").code == 0
    for name in ("mirror.db", "journal.db"):
        assert (site.folder / "store" / name).stat().st_mode & 0o077 == 0


def test_main_is_what_the_package_starts() -> None:
    assert cli.main.__module__ == "connector.cli"
    assert Path(cli.__file__).name == "__init__.py"

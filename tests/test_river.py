"""The whole walk over real HTTP: init, setup, check, first run, refresh twice, undo, and the org is as before."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from world import SECRET, WORDS, Clock, World, deployment, fill, keep_results

from connector.cli import kam
from connector.emulator.kinds import KINDS
from connector.emulator.server import start

# One public set; the walk of the README takes the other.
SET, AS_OF, CURRENCY, ACCOUNTS = "maven-crm", "2018-01-01", "USD", 85
PAGES = {"salesforce": "sobjects/Account/{}", "dynamics": "accounts({})"}


@contextmanager
def bare(kind: str, folder: Path, org: Any) -> Iterator[World]:
    """An org that has none of our fields yet."""
    words = WORDS[kind]
    try:
        with start(org) as running:
            ids = [str(i) for (i,) in org.rows(f'SELECT "{words.key}" FROM "{words.record}" ORDER BY 1')]
            yield World(org, running, folder, Clock(), ids)
    finally:
        org.db.close()


Done = Callable[..., str]


def at_once(here: World) -> Done:
    """Output of commands that must end well; the walk of the README has a process for each."""

    def done(*words: str) -> str:
        ended = CliRunner().invoke(kam, [*words, "--dir", str(here.folder)], env=here.environ, catch_exceptions=False)
        assert ended.exit_code == 0, f"{' '.join(words)}: {ended.stderr}"
        return ended.stdout

    return done


def ours_filled(here: World) -> dict[str, dict[str, Any]]:
    """Our fields that are filled, of the accounts that have any."""
    filled = {i: {k: v for k, v in row.items() if v != 0} for i, row in here.ours().items()}
    return {i: row for i, row in filled.items() if row}


def walk(kind: str, here: World, done: Done, as_of: str) -> None:
    """Walk 2 of the manual, from `kam check` to `kam undo`; what is written shows by plain REST, too."""
    day = ("--as-of", as_of)
    before = here.state()
    done("check")
    plan = json.loads(done("setup", "--json"))["items"]
    assert {i["action"] for i in plan} == {"create"}
    assert json.loads(done("setup", "--apply", "--json"))["items"] == plan
    assert {i["action"] for i in json.loads(done("setup", "--json"))["items"]} == {"keep"}
    here.control("reset", "POST")
    preview = json.loads(done("run", "preview", *day, "--json"))
    assert preview["items"]
    assert here.writes() == []
    done("run", "first_run", *day)
    shown = {i["id"] for i in preview["items"]}
    assert set(ours_filled(here)) == shown
    # Any client sees it now.
    (some,) = sorted(shown)[:1]
    account: dict[str, Any] = here.rest(PAGES[kind].format(some))
    told = {i["column"]: i["after"] for i in preview["items"] if i["id"] == some}
    assert account[here.words.name("Why")] == told["kam_why"]
    assert account[here.words.name("As_Of")] == as_of
    # The first refresh reads our own writes back; from then on a night without a change is free.
    here.control("reset", "POST")
    calls: list[int] = []
    for night in range(2):
        if night:
            keep_results(here.folder)  # the walk of the README computes twice
        assert json.loads(done("run", "refresh", *day, "--json"))["items"] == []
        calls.append(here.control("calls")["used"])
        assert here.writes() == []
        here.control("reset", "POST")
    assert calls[0] == calls[1]
    done("undo", "2")
    assert ours_filled(here) == {}
    after = here.state()
    assert {i: {k: after[i][k] for k in row} for i, row in before.items()} == before
    assert before.keys() == after.keys()


def test_the_whole_walk_from_an_empty_folder_to_undo(tmp_path: Path) -> None:
    org = KINDS["salesforce"].make()
    fill(org)
    with bare("salesforce", tmp_path / "work", org) as here:
        made = here.kam("init", str(here.folder))
        assert str(here.folder / "config.toml") in made.stdout, made.stderr
        deployment(here.folder, here.running)
        walk("salesforce", here, at_once(here), "2026-06-30")


@pytest.mark.shared
@pytest.mark.parametrize("kind", list(KINDS))
def test_the_walk_on_data_that_nobody_here_invented(kind: str, shared_data: Path, tmp_path: Path) -> None:
    org = KINDS[kind].make(currency=CURRENCY)
    KINDS[kind].load(org, shared_data / SET / kind)
    with bare(kind, tmp_path / "work", org) as here:
        deployment(here.folder, here.running)
        here.setting("config.toml", "[engine]", f'[company]\ncurrency = "{CURRENCY}"\n[engine]')
        assert len(here.accounts) == ACCOUNTS
        walk(kind, here, at_once(here), AS_OF)


def test_the_secret_is_named_and_never_written_down(here: World) -> None:
    here.run("preview")
    kept = [p for p in here.folder.rglob("*") if p.is_file() and here.environ[SECRET].encode() in p.read_bytes()]
    assert kept == []

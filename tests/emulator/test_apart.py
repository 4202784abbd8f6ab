"""An org that is invented and served by processes of its own, as `kam demo` has it."""

import multiprocessing
import os
from dataclasses import replace

import pytest
import requests

from connector.emulator import kinds
from connector.emulator.kinds import KINDS, apart
from connector.emulator.salesforce.seed import receive


@pytest.fixture
def by_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_MANY", 0)  # as if a small company were worth a second process


@pytest.mark.usefixtures("by_two")
def test_an_org_apart_is_filled_by_two_and_served_until_nobody_needs_it() -> None:
    told: list[str] = []
    with apart("salesforce", "small", 1, told.append) as crm:
        answer = requests.get(f"{crm.login['url']}/services/data/", timeout=10)
        assert answer.ok
        assert crm.pid != os.getpid()
        os.kill(crm.pid, 0)  # it lives
        assert len(multiprocessing.active_children()) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(crm.pid, 0)
    assert "deals of 1 of 300 accounts" in told
    assert "opportunities into the stand-in CRM" in told


def test_an_org_apart_that_can_not_be_filled_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    ended = pytest.raises(RuntimeError, match="the process that fills the stand-in CRM ended with code 1")
    with ended, apart("salesforce", "tiny", 1, print):
        pass
    assert "there is no such size" in capfd.readouterr().err


@pytest.mark.usefixtures("by_two")
def test_whichever_of_the_two_dies_is_named_and_the_other_does_not_stay(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = KINDS["salesforce"]
    assert whole.halves is not None
    for halves, named in (((os.abort, receive), "invents the company"), ((whole.halves[0], os.abort), "fills the")):
        monkeypatch.setitem(KINDS, "salesforce", replace(whole, halves=halves))
        with pytest.raises(RuntimeError, match=f"the process that {named}"), apart("salesforce", "small", 1, print):
            pass
        assert "TypeError" in capfd.readouterr().err  # abort() takes no arguments
        assert multiprocessing.active_children() == []


@pytest.mark.usefixtures("by_two")
def test_who_is_interrupted_while_an_org_is_filled_leaves_nothing_running() -> None:
    def tell(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), apart("salesforce", "small", 1, tell):
        pass
    assert multiprocessing.active_children() == []

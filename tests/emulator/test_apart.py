"""An org that is invented and served by a process of its own, as `kam demo` has it."""

import os

import pytest
import requests

from connector.emulator.kinds import apart


def test_an_org_apart_is_filled_and_served_until_nobody_needs_it() -> None:
    told: list[str] = []
    with apart("salesforce", "small", 1, told.append) as crm:
        answer = requests.get(f"{crm.login['url']}/services/data/", timeout=10)
        assert answer.ok
        assert crm.pid != os.getpid()
        os.kill(crm.pid, 0)  # it lives
    with pytest.raises(ProcessLookupError):
        os.kill(crm.pid, 0)
    assert "deals and activities of 1 of 300 accounts" in told
    assert "deals into the stand-in CRM" in told


def test_an_org_apart_that_can_not_be_filled_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    ended = pytest.raises(RuntimeError, match="the emulator's process ended with code 1")
    with ended, apart("salesforce", "tiny", 1, print):
        pass
    assert "there is no such size" in capfd.readouterr().err

"""What `kam backtest` says of an org's own history, and when it refuses to."""

import json

import pytest
from bench import Bench

# The hand-made deals were won from 2025-04-16 to 2026-05-21, every eighty days.
DAYS = ("--at", "2025-08-01", "--at", "2025-09-01", "--at", "2025-11-22")


def test_it_tells_each_cut_and_all_together_and_writes_nothing(walked: Bench) -> None:
    before = walked.kam("runs").out
    said = walked.kam("backtest", "key-accounts", *DAYS, "--picks", "5")
    assert said.code == 0, said.all
    assert said.out.splitlines()[1].split()[:5] == ["rule", *DAYS[1::2], "together"]
    assert "Our value against plain last-year revenue:" in said.out
    told = json.loads(walked.kam("backtest", "key-accounts", *DAYS, "--picks", "5", "--json").out)
    assert {item["cut"] for item in told["items"]} == {*DAYS[1::2], None}
    assert all(item["caught_low"] <= item["caught_high"] for item in told["items"])
    assert walked.kam("runs").out == before


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ((), "905 days of history"),
        (DAYS[:4], "3 different days or more"),
        ((*DAYS, "--at", "2026-01-01"), "Name days from 2025-04-16 to 2025-11-22"),
    ],
)
def test_too_little_history_is_refused_with_advice(walked: Bench, words: tuple[str, ...], advice: str) -> None:
    said = walked.kam("backtest", "key-accounts", *words)
    assert said.code == 2
    assert advice in said.err

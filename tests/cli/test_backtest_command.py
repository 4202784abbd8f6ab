"""What `kam backtest` says of an org's own history, and when it refuses to."""

import json
import shutil
from pathlib import Path

import pytest
from bench import Bench

from connector.store import replays
from connector.store.mirror import Mirror

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


def test_the_ideas_are_replayed_and_status_and_report_tell_it(walked: Bench, tmp_path: Path) -> None:
    own = Bench(walked.running, Path(shutil.copytree(walked.folder, tmp_path / "own")))
    own.add_lines("[whitespace]\nminimum_accounts = 5\nminimum_families = 3")
    assert "whitespace backtest      none yet" in own.kam("status").out
    said = own.kam("backtest", "whitespace", "--cuts", "2", "--top", "4")
    assert said.code == 0, said.all
    assert said.out.splitlines()[1].split()[:4] == ["rule", "2025-11-22", "2026-02-20", "together"]
    assert "Our default against recent popularity: recall@5" in said.out
    told = json.loads(own.kam("backtest", "whitespace", "--cuts", "2", "--top", "4", "--json").out)
    assert {item["cut"] for item in told["items"]} == {"2025-11-22", "2026-02-20", None}
    assert (told["window"], told["top"]) == (90, 4)
    mirror = Mirror(own.folder / "store")
    try:
        assert (replays.newest(mirror) or {})["rules"] == told["rules"]
    finally:
        mirror.close()
    assert f"whitespace backtest      {told['day']}: recall@5 " in own.kam("status").out
    made = json.loads(own.kam("report", "--json").out)["index"]
    assert "Would the ideas have hit?" in Path(made).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("--cuts", "4"), "4 cuts need 450 days of history"),
        ((), "ideas are learned from 30 accounts and 5 families on"),
        (("--at", "2025-12-01"), "2 different days or more"),
        (("--at", "2025-12-01", "--at", "2026-03-01"), "Name days from 2025-07-15 to 2026-02-20"),
    ],
)
def test_too_little_to_learn_ideas_from_is_refused_with_advice(
    walked: Bench, words: tuple[str, ...], advice: str
) -> None:
    said = walked.kam("backtest", "whitespace", *words)
    assert (said.code, advice in said.err) == (2, True), said.all


def test_without_a_purchase_of_a_family_there_is_nothing_to_replay(site: Bench) -> None:
    said = site.kam("backtest", "whitespace")
    assert said.code == 2
    assert "kam pull" in said.err

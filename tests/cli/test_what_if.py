"""`kam programme what-if`: what other settings would change, and that it changes nothing."""

import json
from typing import Any

import pytest
from bench import Bench, kam
from world import World

from connector.cli import what_if
from connector.errors import UsageFault
from connector.insight.key_accounts import Settings

LOOK = "SELECT * FROM account_result ORDER BY id"


def moves(site: Bench, *wishes: str) -> list[dict[str, Any]]:
    said = site.kam("programme", "what-if", *(w for wish in wishes for w in ("--set", wish)), "--json")
    assert said.code == 0, said.all
    return list(json.loads(said.out)["items"])


def left_behind(site: Bench, org: World) -> Any:
    """Results, the store's files, and what was ever written to the CRM."""
    files = sorted(str(p) for p in (site.folder / "store").rglob("*.parquet"))
    return site.rows(LOOK), files, len(org.writes())


def test_it_says_who_would_enter_and_leave_and_changes_nothing(walked: Bench, after_first_run: World) -> None:
    before = left_behind(walked, after_first_run)
    proposed = {r[0] for r in walked.rows("SELECT id FROM account_result WHERE kam_proposal = 'Promote'")}
    assert proposed
    # Nobody reaches a threshold of 100.5 points, everybody who is ranked reaches 0.
    left = moves(walked, "threshold=100.5")
    assert {m["id"] for m in left} == proposed
    assert {(m["what"], m["how"]) for m in left} == {("leaves", "not proposed any more")}
    entered = moves(walked, "threshold=0", "cap_share=1.0")
    assert {m["what"] for m in entered} <= {"enters", "moves"}
    assert "enters" in {m["what"] for m in entered}
    assert left_behind(walked, after_first_run) == before


def test_what_would_change_it_is_told_of_the_first_and_of_a_later_account(walked: Bench) -> None:
    ranked = [r[0] for r in walked.rows("SELECT id FROM account_result WHERE rank IS NOT NULL ORDER BY rank")]
    for account, line in ((ranked[0], "nothing is needed: it is proposed"), (ranked[-1], "to be proposed it lacks")):
        said = walked.kam("explain", account)
        assert said.code == 0, said.all
        assert line in said.out
        assert "\nQuadrant\n" in said.out


def test_settings_are_wished_for_as_in_the_file_and_complaints_come_at_once(tmp_path: Any) -> None:
    now = Settings()
    wishes = ["criteria.growth=40", "cap=30", 'strategic_places=["Germany"]']
    other = what_if.wished(now, wishes, tmp_path)
    assert (other.criteria["growth"], other.criteria["value"], other.cap) == (40, 35, 30)
    assert now.criteria["growth"] == 25
    # 25 of 100 before, 40 of 115 after; the other shares shrink.
    assert "growth 25 (25%) → 40 (35%)" in what_if.changed(now, other)
    with pytest.raises(UsageFault) as refused:
        what_if.wished(now, ["cap=many", "bnad=2", "cap"], tmp_path)
    assert [part in str(refused.value) for part in ("cap: must be a whole", 'Nearest: "band"', "KEY=VALUE")] == [
        True
    ] * 3
    with pytest.raises(UsageFault, match=r"Nearest: .growth"):
        what_if.wished(now, ["criteria.grwth=4"], tmp_path)


def test_who_moves_is_told_apart_from_who_enters_and_leaves() -> None:
    def row(account: str, rank: int, **more: Any) -> dict[str, Any]:
        plain = {"kam_proposal": "None", "status": None, "outside": 0, "score": 50.0, "kam_flag": "None"}
        return {"id": account, "name": account, "rank": rank, **plain, **more}

    key = {"status": "Key"}
    before = {r["id"]: r for r in (row("A", 1, **key), row("B", 2, **key), row("C", 3, kam_proposal="Promote"),
                                   row("D", 9), row("E", 4, **key))}  # fmt: skip
    after = {r["id"]: r for r in (row("A", 2, **key), row("B", 40, outside=1, **key), row("C", 5),
                                  row("D", 1, kam_proposal="Promote"), row("E", 4, **key))}  # fmt: skip
    assert list(what_if.compared(before, before)) == []
    told = [(m["id"], m["what"], m["rank_before"], m["rank"], m["how"]) for m in what_if.compared(before, after)]
    assert told == [
        ("D", "enters", 9, 1, "proposed: Promote"),
        ("A", "moves", 1, 2, "stays key"),
        ("C", "leaves", 3, 5, "not proposed any more"),
        ("B", "leaves", 2, 40, "on watch; demotion is proposed after the reviews"),
    ]


def test_without_a_wish_it_says_how_to_give_one() -> None:
    said = kam("programme", "what-if")
    assert (said.code, "--set" in said.all) == (2, True)

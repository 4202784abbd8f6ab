"""A person's decisions as changes: what approve, decline, nominate and override mean, and what they refuse."""

from typing import Any

import pytest

from connector.errors import UsageFault
from connector.steps import decide

DUE = "2026-09-29"


def row(proposal: str, key: str = "1") -> dict[str, Any]:
    """An account with a proposal."""
    return {"id": key, "name": "One", "kam_proposal": proposal, "kam_why": "top 3"}


@pytest.mark.parametrize(
    ("decision", "proposal", "status"),
    [
        (decide.approve, "Promote", "Key"),
        (decide.approve, "Demote", "Standard"),
        (decide.decline, "Promote", "Standard"),
        (decide.decline, "Demote", "Key"),
    ],
)
def test_a_decision_sets_status_and_the_day_to_look_again(decision: Any, proposal: str, status: str) -> None:
    made = decision([row(proposal)], {}, DUE)
    assert {c.column: c.after for c in made} == {"kam_status": status, "review_due": DUE}
    assert all("top 3" in c.why and proposal in c.why for c in made)


def test_what_stands_already_is_not_sent() -> None:
    here = {"1": {"kam_status": "Key", "review_due": DUE}}
    assert decide.approve([row("Promote")], here, DUE) == []


def test_an_account_without_a_proposal_cannot_be_approved() -> None:
    with pytest.raises(UsageFault, match="no open proposal"):
        decide.approve([row("Promote"), row("None", "2")], {}, DUE)


def test_proposals_are_those_to_promote_and_to_demote() -> None:
    rows = [row(p, p) for p in ("Promote", "None", "Demote")]
    assert [r["id"] for r in decide.proposals(rows)] == ["Promote", "Demote"]


def test_a_nomination_carries_its_reason_and_its_end() -> None:
    made = decide.nominate(row("None"), {}, "new plant", "2026-12-31")
    assert {c.column: c.after for c in made} == {
        "nominated": True,
        "nominated_reason": "new plant",
        "nominated_until": "2026-12-31",
    }


def test_an_override_says_so_in_the_journal() -> None:
    made = decide.override(row("Promote"), {"1": {"kam_status": "Key"}}, "Not eligible", "sold off", DUE)
    assert [(c.column, c.before, c.after) for c in made] == [
        ("kam_status", "Key", "Not eligible"),
        ("review_due", None, DUE),
    ]
    assert all(c.why == "override: sold off" for c in made)

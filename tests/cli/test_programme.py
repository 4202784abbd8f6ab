"""The programme as people run it, in the CRM itself or by `kam programme`, over real HTTP."""

import json
from typing import Any

import pytest
from bench import Bench
from click.testing import CliRunner
from world import AS_OF, World

from connector import job
from connector.cli import kam
from connector.steps import decide
from connector.store import selection


def told(here: World, *words: str) -> Any:
    ended = CliRunner().invoke(kam, ["programme", *words, "--dir", str(here.folder)], env=here.environ)
    assert ended.exit_code == 0, ended.output
    return ended


def promoted(here: World) -> list[str]:
    with here.work() as work:
        rows = work.mirror.rows("SELECT id FROM account_result WHERE kam_proposal = 'Promote' ORDER BY rank")
        return [row["id"] for row in rows]


def test_a_status_typed_in_the_crm_is_taken_up_gets_a_sponsor_and_is_compared_after_four_quarters(
    filled: World,
) -> None:
    filled.setting("mappings/salesforce.toml", "# sponsor_suggested", "sponsor_suggested")
    users = [str(i) for (i,) in filled.org.rows('SELECT "Id" FROM "User" WHERE "IsActive" = 1 ORDER BY 1')]
    leader = next(i for i in users if i != filled.org.admin_id)
    filled.org.update(filled.org.admin_id, "User", leader, {"Title": "Chief Executive Officer"}, system=True)
    first, second, *_ = promoted(filled)

    for account in (first, second):
        filled.edit(account, KAM_Status__c="Key")
    filled.edit(second, KAM_Sponsor__c=leader)
    filled.run("refresh")

    # The first has nobody: said, and somebody suggested. The second has what a person chose.
    shown = {i: filled.account(i) for i in (first, second)}
    assert shown[first]["KAM_Alert__c"].lower().endswith("no sponsor named")
    assert shown[first]["KAM_Sponsor_Suggested__c"] == leader
    assert "sponsor" not in shown[second]["KAM_Alert__c"].lower()
    assert shown[second]["KAM_Sponsor_Suggested__c"] is None
    seen = json.loads(told(filled, "--json").output)
    assert seen["age"] == {"since": AS_OF.isoformat(), "quarters": 0}
    assert seen["capacity"]["managers"] == [{"key_accounts": 2, "managers": 1}]
    assert seen["capacity"]["sponsors"] == [{"key_accounts": 1, "sponsors": 1}]
    assert (seen["capacity"]["members"], seen["capacity"]["without_sponsor"]) == (2, 1)
    assert "from 2027-06-29 on; before four quarters nothing can be told" in told(filled).output

    with filled.work() as work:
        kept = selection.kept(work.mirror)
        job.run_enrich(work, "2027-07-05", remember=True)
        assert selection.kept(work.mirror) == kept
    assert {r["account_id"] for r in kept if r["chosen"]} == {first, second}

    seen = json.loads(told(filled, "--json").output)
    growth, wins, _ = seen["comparison"]["measures"]
    # Nobody bought anything in the year since: growth of -100 % on both sides, and no deal was closed.
    assert (seen["age"]["quarters"], growth["key"], growth["near"], wins["key"]) == (4, -1.0, -1.0, None)
    assert growth["key_accounts"] + growth["near_accounts"] == len(kept)
    words = told(filled).output
    assert "an association, not an effect" in words
    assert "+33 % spend, +20 % satisfaction and +15 % revenue" in words and "figures of the literature" in words


def test_a_doubtful_reason_is_told_and_kept_and_refuses_nothing(walked: Bench) -> None:
    words = ("programme", "nominate", "Company 04", "--until", "2026-12-31", "--dry-run", "--json")
    said = walked.kam(*words, "--reason", "an old customer")
    assert said.code == 0, said.all
    assert 'warning: "old customer" is no reason to expect value' in said.err
    # The reason goes into the CRM as it was typed; the doubt stays beside it in the journal.
    changes = json.loads(said.out)["items"]
    assert {c["after"] for c in changes if c["column"] == "nominated_reason"} == {"an old customer"}
    assert all("an old customer (warned: " in c["why"] for c in changes)
    for given in (("--reason", " ", "--until", "2026-12-31"), ("--reason", "new plant", "--until", "2026-01-01")):
        refused = walked.kam("programme", "nominate", "Company 04", *given)
        assert refused.code == 2, refused.all


@pytest.mark.parametrize("reason", ["golf", "Because they are an OLD CUSTOMER", "we know them for many years",
                                    "loyal since 1998", "a friend of the owner"])  # fmt: skip
def test_a_reason_of_the_past_is_doubtful(reason: str) -> None:
    assert decide.doubt(reason)


@pytest.mark.parametrize("reason", ["new plant in 2027", "develops a pump with us", "eco-friendly line", "", None])
def test_a_reason_that_names_what_is_to_come_is_not(reason: str | None) -> None:
    assert decide.doubt(reason) == ""

"""`kam retry`: refused rows once more, through the same guards, and only those."""

import json
from typing import Any

from bench import AS_OF, Bench
from world import World

RULE: dict[str, Any] = {"object": "Account", "field": "Name", "value": "Company 03", "message": "not this one"}


def refuse_one(site: Bench, here: World) -> str:
    """A first run in which a validation rule refuses one account; its id."""
    here.control("org", "POST", validation_rules=[RULE])
    said = site.first_run()
    assert said.code == 4, said.all
    (one,) = {r[0] for r in site.rows("SELECT record_id FROM rejects", file="journal")}
    return str(one)


def test_a_row_that_was_refused_is_written_once_the_rule_is_gone(site: Bench, here: World) -> None:
    one = refuse_one(site, here)
    assert site.value(one, "KAM_Why__c") is None
    assert site.kam("retry").code == 4
    here.control("org", "POST", validation_rules=[])
    shown = site.kam("retry", "--dry-run")
    assert shown.code == 0
    assert "nothing was written" in shown.out
    here.edit(site.rows("SELECT id FROM account WHERE name = 'Company 07'")[0][0], KAM_Why__c="mine")
    assert site.kam("pull", "account").code == 0
    before = len(here.writes())
    said = site.kam("retry")
    assert said.code == 0, said.all
    assert "1 written" in said.out
    assert {w["id"] for w in here.writes()[before:]} == {one}
    assert site.value(one, "KAM_Why__c")
    assert "No row is refused" in site.kam("rejects").out
    assert "Nothing to send again" in site.kam("retry").out


def test_a_reject_that_needs_nothing_any_more_is_closed(site: Bench, here: World) -> None:
    one = refuse_one(site, here)
    here.control("org", "POST", validation_rules=[])
    wanted = json.loads(site.kam("diff", "--json").out)["items"]
    fields = {c["column"]: c["after"] for c in wanted if c["id"] == one}
    names = {
        f"KAM_{'_'.join(w.capitalize() for w in c.removeprefix('kam_').split('_'))}__c": v for c, v in fields.items()
    }
    site.change("Account", one, **names)
    assert site.kam("pull", "account").code == 0
    said = site.kam("retry")
    assert said.code == 0, said.all
    assert "no longer needed: 1" in said.out
    assert "No row is refused" in site.kam("rejects").out


def test_a_refused_decision_of_a_person_is_left_to_that_person(site: Bench, here: World) -> None:
    assert site.first_run().code == 0
    here.control("org", "POST", validation_rules=[RULE])
    said = site.kam("programme", "override", "Company 03", "--status", "Key", "--reason", "test")
    assert said.code == 4, said.all
    here.control("org", "POST", validation_rules=[])
    said = site.kam("retry")
    assert said.code == 0
    assert "only a person can repeat" in said.err
    assert "1 refused row" in site.kam("rejects").out


def test_a_retry_passes_the_guards_of_any_run(site: Bench, here: World) -> None:
    site.steer(is_sandbox=False)
    site.configure(environment='"production"')
    here.control("org", "POST", validation_rules=[{**RULE, "field": "Type", "value": "Customer - Direct"}])
    assert site.first_run().code == 5
    assert site.kam("write-back", "--approve", "1", "--pilot", "3").code == 4
    here.control("org", "POST", validation_rules=[])
    said = site.kam("retry")
    assert said.code == 5, said.all
    assert "first write to production" in said.err
    assert "kam write-back --approve 3" in said.err
    assert here.writes() == []
    assert site.kam("write-back", "--approve", "3").code == 0
    assert "No row is refused" in site.kam("rejects").out


def test_the_day_of_a_retry_is_the_day_of_the_results(site: Bench, here: World) -> None:
    one = refuse_one(site, here)
    here.control("org", "POST", validation_rules=[])
    assert site.kam("retry").code == 0
    assert site.value(one, "KAM_As_Of__c") == AS_OF

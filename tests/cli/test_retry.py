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


def test_a_row_that_was_refused_is_written_once_the_rule_is_gone(ready_site: Bench, ready: World) -> None:
    one = refuse_one(ready_site, ready)
    assert ready_site.value(one, "KAM_Why__c") is None
    assert ready_site.kam("retry").code == 4
    ready.control("org", "POST", validation_rules=[])
    shown = ready_site.kam("retry", "--dry-run")
    assert shown.code == 0
    assert "nothing was written" in shown.out
    ready.edit(ready_site.rows("SELECT id FROM account WHERE name = 'Company 07'")[0][0], KAM_Why__c="mine")
    assert ready_site.kam("pull", "account").code == 0
    before = len(ready.writes())
    said = ready_site.kam("retry")
    assert said.code == 0, said.all
    assert "1 written" in said.out
    assert {w["id"] for w in ready.writes()[before:]} == {one}
    assert ready_site.value(one, "KAM_Why__c")
    assert "No row is refused" in ready_site.kam("rejects").out
    assert "Nothing to send again" in ready_site.kam("retry").out


def test_a_reject_that_needs_nothing_any_more_is_closed(ready_site: Bench, ready: World) -> None:
    one = refuse_one(ready_site, ready)
    ready.control("org", "POST", validation_rules=[])
    wanted = json.loads(ready_site.kam("diff", "--json").out)["items"]
    fields = {c["column"]: c["after"] for c in wanted if c["id"] == one}
    names = {
        f"KAM_{'_'.join(w.capitalize() for w in c.removeprefix('kam_').split('_'))}__c": v for c, v in fields.items()
    }
    ready_site.change("Account", one, **names)
    assert ready_site.kam("pull", "account").code == 0
    said = ready_site.kam("retry")
    assert said.code == 0, said.all
    assert "no longer needed: 1" in said.out
    assert "No row is refused" in ready_site.kam("rejects").out


def test_a_refused_decision_of_a_person_is_left_to_that_person(ready_site: Bench, ready: World) -> None:
    assert ready_site.first_run().code == 0
    ready.control("org", "POST", validation_rules=[RULE])
    said = ready_site.kam("programme", "override", "Company 03", "--status", "Key", "--reason", "test")
    assert said.code == 4, said.all
    ready.control("org", "POST", validation_rules=[])
    said = ready_site.kam("retry")
    assert said.code == 0
    assert "only a person can repeat" in said.err
    assert "1 refused row" in ready_site.kam("rejects").out


def test_a_retry_passes_the_guards_of_any_run(ready_site: Bench, ready: World) -> None:
    ready.into_production()
    ready.control("org", "POST", validation_rules=[{**RULE, "field": "Type", "value": "Customer - Direct"}])
    assert ready_site.first_run().code == 5
    assert ready_site.kam("write-back", "--approve", "1", "--pilot", "3").code == 4
    ready.control("org", "POST", validation_rules=[])
    said = ready_site.kam("retry")
    assert said.code == 5, said.all
    assert "first write to production" in said.err
    assert "kam write-back --approve 3" in said.err
    assert ready.writes() == []
    assert ready_site.kam("write-back", "--approve", "3").code == 0
    assert "No row is refused" in ready_site.kam("rejects").out


def test_the_day_of_a_retry_is_the_day_of_the_results(ready_site: Bench, ready: World) -> None:
    one = refuse_one(ready_site, ready)
    ready.control("org", "POST", validation_rules=[])
    assert ready_site.kam("retry").code == 0
    assert ready_site.value(one, "KAM_As_Of__c") == AS_OF

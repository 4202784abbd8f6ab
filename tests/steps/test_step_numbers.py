"""The numbers behind a score in the CRM: of the programme only, opted in by a line of the mapping, and calm."""

import json

from world import World


def test_the_programme_gets_its_numbers_and_a_night_without_news_writes_none(here: World) -> None:
    field = here.words.name("Insight_Json")
    line = f'insight_json = "{field}"'
    here.setting("mappings/salesforce.toml", f"# {line}", line)
    here.run("first_run")
    with here.work() as work:
        rows = work.mirror.rows("SELECT id, score, in_programme FROM account_result ORDER BY id")
        programme = {r["id"]: r["score"] for r in rows if r["in_programme"]}
    held = {account: here.account(account)[field] for account in here.accounts}
    told = {account: json.loads(text) for account, text in held.items() if text}
    assert told.keys() == programme.keys()
    assert {account: one["score"]["is"] for account, one in told.items()} == programme
    written = len(here.writes())
    here.clock.forward(days=1)
    here.run("refresh")
    assert len(here.writes()) == written

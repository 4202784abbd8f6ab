"""The numbers behind a score in the CRM: of the programme only, opted in by a line of the mapping, and calm."""

import json

from world import World


def test_the_programme_gets_its_numbers_and_a_night_without_news_writes_none(ready: World) -> None:
    field = ready.words.name("Insight_Json")
    line = f'insight_json = "{field}"'
    ready.setting("mappings/salesforce.toml", f"# {line}", line)
    ready.run("first_run")
    with ready.work() as work:
        rows = work.mirror.rows("SELECT id, score, in_programme FROM account_result ORDER BY id")
        programme = {r["id"]: r["score"] for r in rows if r["in_programme"]}
    held = {account: ready.account(account)[field] for account in ready.accounts}
    told = {account: json.loads(text) for account, text in held.items() if text}
    assert told.keys() == programme.keys()
    assert {account: one["score"]["is"] for account, one in told.items()} == programme
    written = len(ready.writes())
    ready.clock.forward(days=1)
    ready.run("refresh")
    assert len(ready.writes()) == written

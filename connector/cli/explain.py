"""`kam explain ACCOUNT`: how each number of an account came about, and what would change it."""

from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import click

from connector.cli import shared
from connector.cli.diff import enriched_day
from connector.convert import epoch_day
from connector.engine import query
from connector.errors import UsageFault
from connector.insight.chart.introduction import asking
from connector.insight.story import story
from connector.insight.texts import catalogue
from connector.mapping import FieldMap
from connector.schema import Context
from connector.single import aside
from connector.steps import products
from connector.steps.money import read_rates
from connector.store import results, runs

# Families in the order in which they are told, with the day since which an idea is shown.
_CELLS = """
    SELECT c.*, e.from_day AS shown_day
    FROM whitespace_cell AS c
    LEFT JOIN exposure AS e
        ON e.account_id = c.account_id AND e.family = c.family AND e.until_day IS NULL AND c.shown > 0
    WHERE c.account_id = ?
    ORDER BY c.shown = 0, c.shown, c.state = 'speculative', c.score DESC, c.family
"""


@click.command("explain", epilog='Example: kam explain "Brakes and Gears"')
@click.argument("account")
@shared.as_of_option
@shared.folder_option
@shared.json_option
def command(account: str, as_of: date | None, folder: Path | None, as_json: bool) -> None:
    """How each number of an account (by name or id) came about, and what would change it."""
    with shared.workspace(folder) as work, ExitStack() as around:
        if as_of is not None:
            around.enter_context(runs.lock(work.journal.path.parent))
            around.enter_context(aside(work, as_of.isoformat()))
        day = enriched_day(work)
        found = shared.account_of(work, account)
        details = results.folder(work.mirror)
        row = next(iter(query(details, "SELECT * FROM account_result WHERE id = ?", [found["id"]])), None)
        if row is None:
            raise UsageFault(f"explain {found['id']}: this account was pulled after the last results. Run: kam enrich")
        above = next(work.mirror.rows("SELECT id, name FROM account WHERE id = ?", [row["root_id"]]), None)
        slots = query(details, "SELECT * FROM coverage_slot WHERE account_id = ? ORDER BY place", [found["id"]])
        cells = query(details, _CELLS, [found["id"]])
        weighed = query(details, "SELECT * FROM criterion_result")
        learned = next(iter(query(details, "SELECT * FROM whitespace_model")), None)
        fields = crm_names(work.given_map)
        if row["sponsor_suggested"] is not None:
            who = work.mirror.rows('SELECT name FROM "user" WHERE id = ?', [row["sponsor_suggested"]])
            row["suggested_name"] = next((user["name"] for user in who), None)
        single = products.of_account(work.mirror, found["id"], epoch_day(day) or 0)
        config = work.config
        ways = query(details, "SELECT * FROM introduction WHERE account_id = ?", [found["id"]])
        names = {u["id"]: u["name"] for u in work.mirror.rows('SELECT id, name FROM "user"')} if ways else {}
        digits = read_rates(work.mirror, work.corporate).digits
        context = Context(epoch_day(day) or 0, config.company.currency, digits, revenue=config.revenue.source)
    seats = catalogue(context.language)["slot"]
    asks = [asking(way, seats, config.privacy, names.get(way["owner_id"])) for way in ways]
    if as_json:
        tables: dict[str, Any] = {"slots": slots, "families": cells, "criteria": weighed, "introductions": asks}
        tables["whitespace_model"] = [learned] if learned else []
        tables["products"] = [p for p in single if p["has"]]
        shared.show_json(None, [row], **tables, parent=above, as_of=day)
        return
    click.echo(shared.plain(f"{row['name']} ({row['id']}), as of {day}; attributes as they stand now"))
    parent = f"{above['name']} ({above['id']})" if above else None
    beside: dict[str, Any] = {"weighed": weighed, "fields": fields, "asks": asks}
    beside |= {"lost_days": config.whitespace.lost_days, "model": learned}
    told = list(story(row, slots, cells, context, config.key_accounts, parent=parent, **beside))
    families = [c["family"] for c in cells if c["state"] in ("owned", "lapsed") or c["shown"]]
    told += [("Products", lines)] if (lines := list(products.lines(single, families))) else []
    for title, lines in told:
        click.echo(f"\n{title}")
        for line in lines:
            click.echo(shared.plain(f"  {line}"))


def crm_names(given: FieldMap) -> dict[str, str]:
    """Our columns of account and the fields that the mapping fills them from."""
    rules = [rule for source in given.sources if source.table == "account" for rule in source.read]
    return {rule.column.name: rule.fields[0] for rule in rules}

"""`kam status`: how old the data is, how the last runs ended, what waits for a person."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from textwrap import shorten
from typing import Any

import click

from connector.cli import shared
from connector.convert import iso_day
from connector.insight.whitespace.backtest.rules import OURS
from connector.store import cursors, rejects, replays, runs
from connector.workspace import Workspace


@click.command("status", epilog="Example: kam status --json")
@shared.folder_option
@shared.json_option
def command(folder: Path | None, as_json: bool) -> None:
    """How old the data is and how the last runs ended; needs no login."""
    with shared.workspace(folder) as work:
        last = runs.latest(work.journal, 5)
        refused = rejects.open_rejects(work.journal)
        unsettled = len({(e.table, e.id) for e in work.journal.unsettled()})
        day = work.mirror.meta("enriched_as_of")
        facts = {
            "org": work.mirror.meta("org"),
            "environment": work.config.crm.environment,
            "oldest_pull": cursors.oldest(work.mirror),
            "results_as_of": iso_day(int(day)) if day else None,
            "accounts": work.mirror.count("account"),
            "deals_without_account": _count(work, "account_id IS NULL"),
            "deals_without_amount": _count(work, "amount IS NULL"),
            "currencies_without_rate": _no_rate(work),
            "open_rejects": len(refused),
            "unsettled_records": unsettled,
            "whitespace_backtest": _foretold(replays.newest(work.mirror)),
        }
    if as_json:
        shared.show_json(last[0].id if last else None, [asdict(r) for r in last], status=facts)
        return
    for name, value in facts.items():
        click.echo(f"{name.replace('_', ' '):<24} {_words(value)}")
    click.echo()
    # The whole message of one run: kam runs RUN.
    told = [asdict(r) | {"message": shorten(r.message or "", 120, placeholder=" …")} for r in last]
    shared.show_table(told, ["id", "job", "as_of", "started_at", "state", "step", "code", "message"])
    if facts["currencies_without_rate"]:
        click.echo("Deals in these currencies have no known value: give a rate in config.toml [company.rates].")
    if refused:
        click.echo("Refused rows: kam rejects; to send them again: kam retry")
    if unsettled:
        click.echo("The last write was cut off; the next run settles it by reading before it writes.")


def _count(work: Workspace, where: str) -> int:
    return int(next(work.mirror.rows(f"SELECT count(*) AS n FROM opportunity WHERE {where}"))["n"])  # noqa: S608


def _no_rate(work: Workspace) -> dict[str, int]:
    """Deals per currency that has no exchange rate: their value is unknown."""
    unknown = "FROM opportunity WHERE amount IS NOT NULL AND amount_minor IS NULL GROUP BY currency ORDER BY currency"
    return {str(r["currency"]): r["n"] for r in work.mirror.rows(f"SELECT currency, count(*) AS n {unknown}")}


def _foretold(found: Mapping[str, Any] | None) -> str | None:
    """The newest back-test of whitespace in one line."""
    if found is None or "recall_5" not in found["rules"][OURS]:
        return None
    point, low, high = found["rules"][OURS]["recall_5"]
    best = found["best_baseline"]
    return (
        f"{found['day']}: recall@5 {point:.2f} ({low:.2f} to {high:.2f}), {best}"
        f" {found['rules'][best]['recall_5'][0]:.2f}; against all simple rules: {found['claim']}"
    )


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} ({shared.count(n, 'deal')})" for name, n in value.items()) or "none"
    return "none yet" if value is None else str(value)

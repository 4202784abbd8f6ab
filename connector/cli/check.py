"""`kam check`: hold settings, login, permissions and mapping against the CRM."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click

from connector import job
from connector.cli import shared
from connector.cli.schedule import parse
from connector.convert import epoch_day
from connector.crm.protocol import ReadRequest
from connector.errors import UsageFault
from connector.insight import fit
from connector.insight.steps import reads
from connector.mapping import row_columns
from connector.schema import TABLES, Context
from connector.steps import money
from connector.workspace import Workspace


@click.command("check", epilog="Example: kam check --data")
@click.option("--data", is_flag=True, help="Also: rows and filled columns of the last pull, and what they allow.")
@click.option("--fit", "fits", is_flag=True, help="Also: does key account management suit this company, by its sales.")
@shared.as_of_option
@shared.folder_option
@shared.json_option
def command(data: bool, fits: bool, as_of: date | None, folder: Path | None, as_json: bool) -> None:
    """Hold settings, login, permissions, mapping and jobs against the CRM; changes nothing."""
    with shared.workspace(folder) as work:
        work.config  # noqa: B018 (settings first: a wrong line there makes the rest pointless)
        for path in sorted((work.folder / "jobs").glob("*.toml")):
            parse(job.load(work.folder, path.stem).schedule, f"jobs/{path.name}")
        work.given_map  # noqa: B018 (a typo in the mapping is told before anything is asked of the CRM)
        crm = work.crm
        _check_currency(work)
        who, limits, fieldmap = work.identity, crm.limits(), work.fieldmap
        facts = {
            "org": f"{who.org_name} ({who.org_id})" if who else "",
            "environment": work.config.crm.environment,
            "user": who.user_name if who else "",
            "calls left": f"{limits.remaining} of {limits.maximum}" if limits.maximum else "not told",
            "tables": ", ".join(dict.fromkeys(s.table for s in fieldmap.sources)),
            "not here": ", ".join(t for t in work.given_map.known() if t in TABLES and t not in fieldmap.known())
            or "-",
            "may write": ", ".join(rule.field for rule in fieldmap.writes().values()) or "nothing yet",
        }
        items = _data(work) if data else []
        found = _fit(work, as_of) if fits else []
    told = {"fit": [f._asdict() for f in found], "verdict": fit.verdict(found)} if fits else {}
    if as_json:
        shared.show_json(None, items, check=facts, notes=work.notes, **told)
        _refuse(found)
        return
    for name, value in facts.items():
        click.echo(f"{name:<12} {value}")
    for note in work.notes:
        click.echo(f"note: {note}")
    shared.show_table(items, ["table", "rows", "known", "unknown"])
    for finding in found:
        click.echo(f"\n{finding.measure}: {finding.figure}\n  {finding.says}: {finding.because}")
    if found:
        click.echo(f"\n{fit.verdict(found)}")
    _refuse(found)
    click.echo("All is well. Next: " + ("kam setup" if not fieldmap.writes() else "kam run preview"))


def _check_currency(work: Workspace) -> None:
    """Hold the configured currency against the rates of the CRM."""
    rates: list[tuple[str, float]] = []
    for source in (s for s in work.fieldmap.sources if s.table == "currency_rate"):
        fields = tuple(dict.fromkeys(f for rule in source.read for f in rule.fields))
        for batch in work.crm.read(ReadRequest(source.record, fields, source.where), None):
            made = row_columns(source, fields, batch.rows)
            days = made.get("from_day", [0] * len(batch.rows))
            dated = sorted(zip(days, made["currency"], made["rate"], strict=True), key=lambda row: row[0] or 0)
            rates += [(currency, rate) for _, currency, rate in dated if currency and rate]
    money.check_currency(rates, work.corporate)


def _fit(work: Workspace, as_of: date | None) -> list[fit.Finding]:
    """What the sales in the mirror say about key account management, as of a day or today."""
    if not work.mirror.count("account"):
        raise UsageFault(f"{work.mirror.path}: nothing was pulled yet. Run: kam pull")
    day = epoch_day((as_of or work.clock().date()).isoformat()) or 0
    config, digits = work.config, money.read_rates(work.mirror, work.corporate).digits
    context = Context(day, config.company.currency, digits, revenue=work.revenue)
    with job.open_engine(config, work.mirror.path) as engine:
        engine.snapshot({name: read for name, read in reads().items() if name in fit.READS})
        row = fit.measure(engine, context, config.net_value)
    return list(fit.findings(row, config.key_accounts, config.revenue.source.replace("_", " ")))


def _refuse(found: Sequence[fit.Finding]) -> None:
    """Raise UsageFault for what makes the results worthless."""
    if faults := [
        f"{f.measure}: {f.figure}. {f.because}; then run: kam check --fit" for f in found if f.says == "fault"
    ]:
        raise UsageFault(*faults)


def _data(work: Workspace) -> list[dict[str, Any]]:
    """Rows of each table and which optional columns hold nothing: those insights say unknown."""
    known = job.known_names(work.mirror)
    return [
        {
            "table": t.name,
            "rows": work.mirror.count(t.name),
            "known": sum(f"{t.name}.{c.name}" in known for c in t.columns),
            "unknown": ", ".join(c.name for c in t.columns if f"{t.name}.{c.name}" not in known),
        }
        for t in TABLES.values()
    ]

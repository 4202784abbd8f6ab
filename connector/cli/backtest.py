"""`kam backtest`: how well the rules would have done on this customer's own history."""

from collections.abc import Sequence
from datetime import UTC, date
from pathlib import Path
from typing import Any

import click

from connector import job
from connector.cli import backtest_whitespace, shared
from connector.convert import epoch_day, iso_day
from connector.errors import UsageFault
from connector.insight import backtest
from connector.insight.backtest import PLAIN, WINDOW, YEAR, Replay
from connector.insight.steps import reads
from connector.schema import Context
from connector.steps.money import read_rates
from connector.workspace import Workspace

LEAST_CUTS = 3
MEASURED = {"revenue": "Revenue", "net": "Net value"}
_ENDS = ("", "_low", "_high")  # of a range


@click.group("backtest", epilog="Example: kam backtest key-accounts")
def command() -> None:
    """Replay this company's own history: what our picks would have caught, beside simpler rules."""


@command.command("key-accounts", epilog="Example: kam backtest key-accounts --picks 25 --cuts 3")
@click.option("--picks", type=click.IntRange(min=1), default=25, show_default=True, help="Accounts picked at each cut.")
@click.option(
    "--cuts",
    type=click.IntRange(min=LEAST_CUTS),
    default=LEAST_CUTS,
    show_default=True,
    help="Days to look from, half a year apart, back from the last won deal.",
)
@click.option(
    "--at", "days", multiple=True, metavar="DATE", callback=shared.days, help="Look from this day; repeat it."
)
@shared.folder_option
@shared.json_option
def key_accounts(picks: int, cuts: int, days: tuple[date, ...], folder: Path | None, as_json: bool) -> None:
    """Share of the next 180 days' value that the picks of each value rule caught, and plain last-year revenue's.

    At each cut only deals closed up to it are known; attributes are as they stand now. Writes nothing.
    """
    with shared.workspace(folder) as work, job.open_engine(work.config, work.mirror.path) as engine:
        context = _context(work)
        engine.snapshot(reads())
        span = backtest.span(engine, context, work.config.net_value)
        chosen = _chosen(span, cuts, days)
        replays = backtest.replay(engine, context, work.config.net_value, chosen, picks)
    if as_json:
        items = [item for r in replays for item in _items(r, context)]
        shared.show_json(None, items, picks=picks, ahead=[_ahead(r, context) for r in replays])
        return
    for measure in dict.fromkeys(r.measure for r in replays):
        _show([r for r in replays if r.measure == measure], picks, context)


def _context(work: Workspace) -> Context:
    """As of today: what was won up to now."""
    company, today = work.config.company, work.clock().astimezone(UTC).date().isoformat()
    digits = read_rates(work.mirror, work.corporate).digits
    return Context(epoch_day(today) or 0, company.currency, digits, company.language, revenue=work.revenue)


def _chosen(span: tuple[int, int] | None, cuts: int, days: Sequence[date]) -> Sequence[int]:
    """The days to look from; UsageFault with advice where history is too short for them."""
    if span is None:
        raise UsageFault("backtest: there is no won deal in the mirror. Bring deals in: kam pull")
    first, last = span
    told = f"won deals reach from {iso_day(first)} to {iso_day(last)}"
    if days:
        return _named(days, first, last, told)
    found = backtest.days_back(first, last, cuts)
    if len(found) < cuts:
        fewer = (
            f"run with --cuts {len(found)}" if len(found) >= LEAST_CUTS else f"name {LEAST_CUTS} nearer days by --at"
        )
        raise UsageFault(
            f"backtest: {cuts} cuts need {YEAR + WINDOW * cuts} days of history, a year before the first and half a"
            f" year after each; {told}, {last - first} days. Wait until there is more, or {fewer}."
        )
    return found


def _named(days: Sequence[date], first: int, last: int, told: str) -> list[int]:
    found = sorted({epoch_day(day.isoformat()) or 0 for day in days})
    wrong = [iso_day(day) for day in found if not first <= day <= last - WINDOW]
    if wrong:
        raise UsageFault(
            f"backtest --at {', '.join(wrong)}: {told}; a cut needs a won deal before it and {WINDOW} days after it."
            f" Name days from {iso_day(first)} to {iso_day(last - WINDOW)}."
        )
    if len(found) < LEAST_CUTS:
        raise UsageFault(
            f"backtest --at: {LEAST_CUTS} different days or more are needed; one half year proves nothing."
        )
    return found


def _show(replays: Sequence[Replay], picks: int, context: Context) -> None:
    """One measure: a line for each rule with a column for each cut, and what may be said of our value."""
    whole = replays[-1]
    click.echo(f"{MEASURED[whole.measure]} of the {WINDOW} days after each cut that {picks} picks caught")
    heads = [_head(r) for r in replays]
    rows = [
        {"rule": name, **{h: _cell(r, name, context) for h, r in zip(heads, replays, strict=True)}}
        | {"95 % interval": _interval(whole.caught[name], context)}
        for name in whole.caught
    ]
    rows.append(
        {"rule": "all there was", **{h: _amount(r.total, context) for h, r in zip(heads, replays, strict=True)}}
    )
    rows.append({"rule": "accounts", **{h: str(r.accounts) for h, r in zip(heads, replays, strict=True)}})
    shared.show_table(rows, ["rule", *heads, "95 % interval"])
    for replay in replays[:-1]:
        click.echo(f"{_head(replay)}: {_against_best(replay)}")
    click.echo(_claim(whole, context))
    if any(r.accounts <= picks for r in replays):
        click.echo(f"No more accounts than picks at a cut tell nothing: give --picks less than {replays[0].accounts}.")
    click.echo()


def _head(replay: Replay) -> str:
    return "together" if replay.cut is None else iso_day(replay.cut)


def _cell(replay: Replay, name: str, context: Context) -> str:
    share = f" {replay.shares[name].point:.1%}" if name in replay.shares else ""
    return _amount(replay.caught[name].point, context) + share


def _amount(minor: float, context: Context) -> str:
    """Whole units, thousands parted by commas."""
    return f"{minor * 10.0**-context.digits:,.0f}"


def _interval(found: backtest.Range, context: Context) -> str:
    return f"{_amount(found.low, context)} to {_amount(found.high, context)}"


def _against_best(replay: Replay) -> str:
    if replay.of_best is None:
        return f"the best other rule was {replay.best}, and may have caught nothing"
    point, low, high = replay.of_best
    return f"our value caught {point:.3f} ({low:.2f} to {high:.2f}) of what the best other rule did: {replay.best}"


def _claim(whole: Replay, context: Context) -> str:
    """Our value against plain last-year revenue, in words that the interval bears."""
    ahead = whole.ahead
    return (
        f"Our value against {PLAIN}: {_amount(ahead.point, context)} {context.currency} more, 95 % interval"
        f" {_interval(ahead, context)}: {whole.verdict}."
    )


def _items(replay: Replay, context: Context) -> list[dict[str, Any]]:
    """Each rule's line of one cut, for programs."""
    unit = 10.0**-context.digits
    return [
        {
            "cut": None if replay.cut is None else iso_day(replay.cut),
            "measure": replay.measure,
            "rule": name,
            "accounts": replay.accounts,
            "total": replay.total * unit,
            **{f"caught{end}": value * unit for end, value in zip(_ENDS, caught, strict=True)},
            **{f"share{end}": value for end, value in zip(_ENDS, replay.shares.get(name, (None,) * 3), strict=True)},
        }
        for name, caught in replay.caught.items()
    ]


def _ahead(replay: Replay, context: Context) -> dict[str, Any]:
    """Our value beside plain last-year revenue and the best other rule, for programs."""
    unit = 10.0**-context.digits
    return {
        "cut": None if replay.cut is None else iso_day(replay.cut),
        "measure": replay.measure,
        **{f"ahead{end}": value * unit for end, value in zip(_ENDS, replay.ahead, strict=True)},
        "verdict": replay.verdict,
        "best": replay.best,
        **{f"of_best{end}": value for end, value in zip(_ENDS, replay.of_best or (None,) * 3, strict=True)},
    }


command.add_command(backtest_whitespace.command)

"""`kam backtest whitespace`: how well the ideas would have hit on this customer's own history."""

from collections.abc import Sequence
from datetime import UTC, date
from pathlib import Path
from typing import Any

import click

from connector import job
from connector.cli import shared
from connector.convert import epoch_day, iso_day
from connector.errors import BusyFault, UsageFault
from connector.insight.steps import reads
from connector.insight.whitespace.backtest import Replay, history, replay
from connector.insight.whitespace.backtest.measures import MEASURES
from connector.insight.whitespace.backtest.rules import BASELINES, OURS
from connector.insight.whitespace.settings import Settings
from connector.schema import Context
from connector.store import replays as store
from connector.store import runs
from connector.workspace import Workspace

LEAST_CUTS, MOST_CUTS, PER_REP = 2, 4, 5
# What the ideas need of the mirror: a large one is taken out of it table by table.
_READS = ("account", "asset", "opportunity", "opportunity_line", "product", "revenue")
_SHOWN = {
    "recall_1": "recall@1",
    "recall_3": "recall@3",
    "recall_5": "recall@5",
    "ndcg_5": "NDCG@5",
    "auc": "AUC per family",
    "cell_auc": "AUC of cells",
    "precision": "hits in top",
    "captured": "value in top",
    "ece": "ECE",
}


@click.command("whitespace", epilog="Example: kam backtest whitespace --cuts 2")
@click.option(
    "--cuts",
    type=click.IntRange(min=LEAST_CUTS),
    help=f"Days to look from, a window apart, back from the last purchase; else up to {MOST_CUTS}, as history allows.",
)
@click.option(
    "--at", "days", multiple=True, metavar="DATE", callback=shared.days, help="Look from this day; repeat it."
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    help=f"Ideas counted over all accounts; else {PER_REP} for each owner of accounts.",
)
@shared.folder_option
@shared.json_option
def command(cuts: int | None, days: tuple[date, ...], top: int | None, folder: Path | None, as_json: bool) -> None:
    """How many of the product families that accounts began to buy our scores had foretold, beside simpler rules.

    At each cut only purchases up to it are known; attributes are as they stand now. Writes nothing to the CRM; the
    report and kam status tell the newest result.
    """
    with shared.workspace(folder) as work:
        with job.open_engine(work.config, work.mirror.path) as engine:
            engine.snapshot({name: read for name, read in reads().items() if name in _READS})
            today = work.clock().astimezone(UTC).date().isoformat()
            past = history.read(engine, Context(epoch_day(today) or 0, revenue=work.revenue))
        window, chosen = _chosen(history.span(past), cuts, days)
        found = replay(past, chosen, window, top or max(past.reps, 1) * PER_REP, work.config.whitespace)
        _demand_enough(found, work.config.whitespace)
        told = _told(found, today)
        _keep(work, told)
    if as_json:
        shared.show_json(None, [item for r in found for item in _items(r)], **told)
        return
    _show(found)


def _keep(work: Workspace, told: dict[str, Any]) -> None:
    try:
        with runs.lock(work.mirror.path.parent):
            store.keep(work.mirror, told)
    except BusyFault:
        shared.say("A run is active: status and report keep telling the back-test before. To have this one, run again.")


def _chosen(span: tuple[int, int] | None, cuts: int | None, days: Sequence[date]) -> tuple[int, Sequence[int]]:
    """Length of a window and the days to look from; UsageFault with advice where history is too short for them."""
    if span is None:
        raise UsageFault(
            "backtest whitespace: no won deal in the mirror has a line with a product of a family. Bring them in: kam"
            " pull; what the mapping must name is said by: kam check --data"
        )
    first, last = span
    window = history.window_of(first, last)
    told = f"purchases reach from {iso_day(first)} to {iso_day(last)}, {last - first} days"
    if days:
        return window, _named(days, first, last, window, told)
    found = history.cuts_of(first, last, window, cuts or MOST_CUTS)
    if len(found) < (cuts or LEAST_CUTS):
        wanted = cuts or LEAST_CUTS
        fewer = f"run with --cuts {len(found)}" if len(found) >= LEAST_CUTS else "come back when there is more"
        raise UsageFault(
            f"backtest whitespace: {wanted} cuts need {window * (wanted + 1)} days of history, {window} before the"
            f" first and {window} after each; {told}. {fewer[0].upper()}{fewer[1:]}."
        )
    return window, found


def _named(days: Sequence[date], first: int, last: int, window: int, told: str) -> Sequence[int]:
    found = sorted({epoch_day(day.isoformat()) or 0 for day in days})
    wrong = [iso_day(day) for day in found if not first + window <= day <= last - window]
    if wrong:
        between = f"Name days from {iso_day(first + window)} to {iso_day(last - window)}."
        raise UsageFault(
            f"backtest whitespace --at {', '.join(wrong)}: {told}; a cut needs {window} days before it and after it."
            f" {between if first + window <= last - window else 'Come back when there is more.'}"
        )
    if len(found) < LEAST_CUTS:
        raise UsageFault(
            f"backtest whitespace --at: {LEAST_CUTS} different days or more are needed; one window proves nothing."
        )
    return found


def _demand_enough(found: Sequence[Replay], settings: Settings) -> None:
    """Refuse cuts at which the ideas themselves would have had too little to learn from, or nothing to foretell."""
    for one in found[:-1]:
        day = iso_day(one.cut or 0)
        if one.buyers < settings.minimum_accounts or one.families < settings.minimum_families:
            raise UsageFault(
                f"backtest whitespace: on {day} {shared.count(one.buyers, 'account')} had bought of"
                f" {one.families} product families; ideas are learned from {settings.minimum_accounts} accounts and"
                f" {settings.minimum_families} families on. Name later days by --at."
            )
        if not one.new:
            raise UsageFault(
                f"backtest whitespace: in the {one.window} days after {day} no account bought of a family that was"
                " new to it, so there is nothing to foretell. Name other days by --at."
            )


def _show(found: Sequence[Replay]) -> None:
    """Recall by cut, every measure of all cuts, and what may be claimed."""
    whole = found[-1]
    heads = ["together" if r.cut is None else iso_day(r.cut) for r in found]
    click.echo(
        f"Of the families that accounts began to buy within {whole.window} days after each cut: share among the first 5"
        " ideas of the account"
    )
    shared.show_table(
        [
            {"rule": name, **{h: _number(r, name, "recall_5") for h, r in zip(heads, found, strict=True)}}
            | {"95 % interval": _interval(whole, name)}
            for name in whole.found
        ]
        + [
            {
                "rule": "accounts / new cells",
                **{h: f"{r.accounts} / {r.new}" for h, r in zip(heads, found, strict=True)},
            }
        ],
        ["rule", *heads, "95 % interval"],
    )
    click.echo(f"\nAll measures, mean of the cuts; top: the {whole.picks} best ideas of all accounts")
    shared.show_table(
        [{"rule": n, **{_SHOWN[m]: _number(whole, n, m) for m in MEASURES}} for n in whole.found],
        ["rule", *_SHOWN.values()],
    )
    click.echo()
    for name in BASELINES:
        ahead = whole.ahead[name].get("recall_5")
        more = f"recall@5 {ahead.point:+.3f} ({ahead.low:+.3f} to {ahead.high:+.3f})" if ahead else "too few to tell"
        click.echo(f"Our default against {name}: {more}: {whole.verdict(name)}.")
    click.echo(_claim(whole))
    if whole.beyond:
        click.echo(f"Nobody could have proposed {whole.beyond} more: families that were new, or not sold for a year.")


def _claim(whole: Replay) -> str:
    if whole.claim == "better":
        return "It beats all three simple rules."
    return f"Against all three simple rules together: {whole.claim}."


def _number(found: Replay, name: str, measure: str) -> str:
    told = found.found[name].get(measure)
    return "-" if told is None else f"{told.point:.3f}"


def _interval(found: Replay, name: str) -> str:
    told = found.found[name].get("recall_5")
    return "-" if told is None else f"{told.low:.3f} to {told.high:.3f}"


def _told(found: Sequence[Replay], today: str) -> dict[str, Any]:
    """What is remembered: the mean of all cuts, and what may be claimed."""
    whole = found[-1]
    best = max(BASELINES, key=lambda name: _point(whole, name))
    return {
        "day": today,
        "cuts": [iso_day(r.cut) for r in found if r.cut is not None],
        "window": whole.window,
        "top": whole.picks,
        "accounts": whole.accounts,
        "new": whole.new,
        "beyond": whole.beyond,
        "claim": whole.claim,
        "best_baseline": best,
        "rules": {name: {m: _ends(r) for m, r in whole.found[name].items()} for name in (OURS, *BASELINES)},
        "ahead": {
            name: {"verdict": whole.verdict(name), **{m: _ends(r) for m, r in whole.ahead[name].items()}}
            for name in BASELINES
        },
    }


def _point(found: Replay, name: str) -> float:
    told = found.found[name].get("recall_5")
    return -1.0 if told is None else told.point


def _ends(found: tuple[float, float, float]) -> list[float]:
    return [round(value, 6) for value in found]


def _items(found: Replay) -> list[dict[str, Any]]:
    """Each rule's line of one cut, for programs."""
    return [
        {
            "cut": None if found.cut is None else iso_day(found.cut),
            "rule": name,
            **{n: getattr(found, n) for n in ("window", "accounts", "families", "adopters", "new", "beyond")},
            **{
                f"{measure}{end}": None if told is None else round(told[n], 6)
                for measure in MEASURES
                for told in [measures.get(measure)]
                for n, end in enumerate(("", "_low", "_high"))
            },
        }
        for name, measures in found.found.items()
    ]

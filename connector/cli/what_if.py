"""`kam programme what-if`: who would enter, leave and move by other settings; nothing is written."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click

from connector import config as configs
from connector.cli import shared
from connector.cli.diff import enriched_day
from connector.engine import query
from connector.errors import UsageFault
from connector.insight import criteria
from connector.insight.key_accounts import Settings
from connector.single import aside
from connector.store import results, runs
from connector.workspace import Workspace

Row = Mapping[str, Any]

# Those of the programme, and enough of those behind them to say where one goes who leaves it.
_ROWS = (
    "SELECT id, name, status, kam_proposal, kam_flag, outside, score, rank FROM account_result"
    " WHERE in_programme = 1 OR rank <= ? ORDER BY id"
)
_FURTHER = 8
_TITLES = {"enters": "Would enter", "leaves": "Would leave", "moves": "Would move"}


@click.command("what-if", epilog="Example: kam programme what-if --set criteria.growth=40 --set cap=30")
@click.option(
    "--set",
    "wishes",
    multiple=True,
    required=True,
    metavar="KEY=VALUE",
    help="A setting of [key_accounts], as criteria.growth=40, cap=30 or strategic_places='[\"DE\"]'; repeatable.",
)
@shared.folder_option
@shared.json_option
@click.pass_context
def command(ctx: click.Context, wishes: tuple[str, ...], folder: Path | None, as_json: bool) -> None:
    """Who would enter, leave and move by other settings of [key_accounts]; nothing is written."""
    with shared.workspace(folder or ctx.obj) as work, runs.lock(work.journal.path.parent):
        now = work.config.key_accounts
        other = wished(now, wishes, work.config.folder)
        day = enriched_day(work)
        # Both are computed from the same rows: what a pull brought since the last enrich is no effect of a setting.
        last = _FURTHER * max(now.cap, other.cap)
        before = _members(work, day, now, last)
        moves = list(compared(before, _members(work, day, other, last)))
    if as_json:
        shared.show_json(None, moves, settings=changed(now, other), as_of=day)
        return
    click.echo(f"As of {day}, if {'; '.join(changed(now, other)) or 'nothing were another'}:")
    for what, title in _TITLES.items():
        part = [m for m in moves if m["what"] == what]
        click.echo(f"\n{title}: {len(part)}")
        shared.show_table(part, ["name", "status", "rank_before", "rank", "score_before", "score", "how"])
    click.echo("\nNothing was written. To make it so, change [key_accounts] in config.toml, then: kam enrich")


def _members(work: Workspace, day: str, settings: Settings, last: int) -> dict[str, dict[str, Any]]:
    """Rows of the programme and near it by these settings, computed on a copy of the mirror."""
    with aside(work, day, replace(work.config, key_accounts=settings)):
        return {row["id"]: row for row in query(results.folder(work.mirror), _ROWS, [last])}


def wished(now: Settings, wishes: Sequence[str], folder: Path) -> Settings:
    """The settings with these wishes; raises UsageFault with every complaint."""
    values = {f.name: _plain(getattr(now, f.name)) for f in fields(now)}
    faults: list[str] = []
    for wish in wishes:
        key, mark, text = wish.partition("=")
        section, _, name = key.strip().partition(".")
        if not mark:
            faults.append(f"--set {wish}: write KEY=VALUE, as criteria.growth=40.")
        elif name and section == "criteria":
            values["criteria"][name] = _parsed(text)
        else:
            values[key.strip()] = _parsed(text)
    made = configs.build(Settings, values, "--set", faults, folder)
    if faults:
        raise UsageFault(*faults)
    settings: Settings = made
    return settings


def _plain(value: Any) -> Any:
    """A setting as TOML would give it."""
    return dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value


def _parsed(text: str) -> Any:
    """A value as in config.toml; what is no TOML is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def changed(now: Settings, other: Settings) -> list[str]:
    """What is another setting, in words; weights with their share of all."""
    said = []
    for item in fields(now):
        old, new = getattr(now, item.name), getattr(other, item.name)
        if item.name == "criteria":
            said += [
                f"{name} {_share(old, name)} → {_share(new, name)}"
                for name in criteria.NAMES
                if _share(old, name) != _share(new, name)
            ]
        elif old != new:
            said.append(f"{item.name} {old} → {new}")
    return said


def _share(weights: Mapping[str, int], name: str) -> str:
    return f"{weights.get(name, 0)} ({weights.get(name, 0) / sum(weights.values()):.0%})"


def _stands(row: Row | None) -> bool:
    """Whether an account would be in the programme: proposed for it, or key and within its range."""
    if row is None or row["kam_proposal"] == "Demote":
        return False
    return bool(row["kam_proposal"] == "Promote" or (row["status"] == "Key" and not row["outside"]))


def compared(before: Mapping[str, Row], after: Mapping[str, Row]) -> Iterator[dict[str, Any]]:
    """Accounts that enter, leave, or move within the programme, by their new rank."""
    found = []
    for account in before.keys() | after.keys():
        old, new = before.get(account), after.get(account)
        was, stays = _stands(old), _stands(new)
        if was == stays and not (was and old and new and old["rank"] != new["rank"]):
            continue
        known = new or old or {}
        who = {key: known[key] for key in ("id", "name", "status")}
        what = "moves" if was and stays else "enters" if stays else "leaves"
        found.append({"what": what, **who, **_sides(old, new), "how": _how(new)})
    yield from sorted(found, key=lambda m: (m["rank"] is None, m["rank"] or 0, m["id"]))


def _sides(old: Row | None, new: Row | None) -> dict[str, Any]:
    """Rank and score before and after; an account that is out of sight on one side has none there."""
    sides = {"rank_before": old and old["rank"], "rank": new and new["rank"]}
    return {**sides, "score_before": old and old["score"], "score": new and new["score"]}


def _how(new: Row | None) -> str:
    """By what an account would come in, stay or go."""
    if new is not None and new["kam_proposal"] != "None":
        return f"proposed: {new['kam_proposal']}"
    if new is not None and new["kam_flag"] == "Needs data":
        return "unrated: needs data"
    if new is None or new["status"] != "Key":
        return "not proposed any more"
    return "on watch; demotion is proposed after the reviews" if new["outside"] else "stays key"

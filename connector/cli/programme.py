"""`kam programme`: members, proposals and the watch list; and a person's decisions about them."""

import getpass
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click

from connector import job
from connector.cli import programme_view, shared, what_if, win_rate
from connector.cli.diff import enriched_day
from connector.convert import epoch_day
from connector.errors import UsageFault
from connector.schema import STATUSES, Change
from connector.single import recorded
from connector.steps import decide
from connector.steps.overview import overview
from connector.steps.write_back import settle, write_back
from connector.store import runs
from connector.workspace import Workspace

Decide = Callable[[list[dict[str, Any]], Mapping[str, Mapping[str, Any]], str], list[Change]]


@click.group("programme", invoke_without_command=True, epilog="Example: kam programme approve --all")
@shared.folder_option
@shared.json_option
@click.pass_context
def command(ctx: click.Context, folder: Path | None, as_json: bool) -> None:
    """Members, proposals and the watch list; approve, decline, nominate and override are a person's decisions."""
    ctx.obj = folder
    if ctx.invoked_subcommand is None:
        with shared.workspace(folder) as work:
            rows = _programme(work)
            told = overview(work.mirror, work.config.key_accounts, epoch_day(enriched_day(work)) or 0)
        if as_json:
            shared.show_json(None, rows, **told)
        else:
            _show(rows)
            programme_view.show(told)


def _programme(work: Workspace) -> list[dict[str, Any]]:
    enriched_day(work)
    return list(
        work.mirror.rows(
            "SELECT id, name, status, kam_proposal, kam_flag, score, rank, kam_why FROM account_result"
            " WHERE in_programme ORDER BY rank IS NULL, rank, name, id"
        )
    )


def _show(rows: list[dict[str, Any]]) -> None:
    parts: dict[str, Sequence[Mapping[str, Any]]] = {
        "Key accounts": [r for r in rows if r["status"] == "Key"],
        "Proposals": decide.proposals(rows),
        "On watch": [r for r in rows if r["kam_flag"] == "On watch"],
    }
    for title, part in parts.items():
        click.echo(f"{title}: {len(part)}")
        shared.show_table(part, ["name", "status", "kam_proposal", "score", "rank", "kam_why"])
        click.echo()
    if parts["Proposals"]:
        click.echo("Decide: kam programme approve ACCOUNT… (or --all), kam programme decline ACCOUNT…")


def _pick(work: Workspace, accounts: tuple[str, ...], everything: bool) -> list[dict[str, Any]]:
    rows = {r["id"]: r for r in _programme(work)}
    if everything:
        return [dict(r) for r in decide.proposals(list(rows.values()))]
    if not accounts:
        raise click.UsageError("Name at least one account, or --all for every open proposal.")
    found = [shared.account_of(work, a) for a in dict.fromkeys(accounts)]
    none = {"kam_proposal": "None", "kam_why": ""}
    return [rows.get(f["id"], {**f, **none}) for f in found]


def decision_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every decision takes."""
    for option in (
        shared.json_option,
        shared.folder_option,
        click.option("--dry-run", is_flag=True, help="Show what would be written."),
        click.option("--as", "user", metavar="USERNAME", help="Write as this user, who decides; Salesforce: auth jwt."),
    ):
        command = option(command)
    return command


def _send(
    ctx: click.Context,
    make: Callable[[Workspace], list[Change]],
    *,
    user: str | None,
    dry_run: bool,
    folder: Path | None,
    as_json: bool,
) -> int:
    """Write a person's decisions, journalled with who made them; the exit code."""
    with shared.workspace(folder or ctx.obj, user) as work, runs.lock(work.journal.path.parent):
        changes = make(work)
        if dry_run:
            shared.show_dry(changes, as_json)
            return 0
        pen = work.pen(user or _machine_user())
        missing = sorted({c.column for c in changes if ("account", c.column) not in pen.rules})
        if missing:
            raise UsageFault(
                f"programme: {', '.join(missing)} can't be written: the fields are missing or this user may not edit"
                " them. Make them with: kam setup --with inputs --apply. Only holders of the"
                f" {work.right} KAM Programme Owner may edit the status: assign it, and name the person with --as"
                " USERNAME."
            )
        settle(pen)
        with recorded(work, "programme", enriched_day(work)) as ending:
            written = write_back(pen, ending.run, changes)
            ending.wrote(written)
        if as_json:
            shared.show_json(ending.run, shared.change_rows(changes), counts=written.records)
        else:
            ending_words = job.words(written.records)
            click.echo(f"run {ending.run}: {ending_words}. The next refresh takes it up: kam run refresh")
    return ending.code


def _machine_user() -> str:
    """Who sits at this machine, as far as it knows: a container may run as a number without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def due(work: Workspace) -> str:
    """Day of the next review after a decision made now."""
    return decide.review_day(enriched_day(work), work.config.key_accounts.review_days)


def _decision(name: str, decision: Decide, about: str) -> None:
    """Make the subcommands approve and decline: alike but for the decision."""

    @command.command(name, help=about, epilog=f"Example: kam programme {name} --all")
    @click.argument("accounts", nargs=-1, metavar="[ACCOUNT]…")
    @click.option("--all", "everything", is_flag=True, help="Every open proposal.")
    @decision_options
    @click.pass_context
    def decided(ctx: click.Context, /, accounts: tuple[str, ...], everything: bool, **options: Any) -> None:
        def make(work: Workspace) -> list[Change]:
            return decision(_pick(work, accounts, everything), dict(work.mirror.present("account")), due(work))

        ctx.exit(_send(ctx, make, **options))


_decision("approve", decide.approve, "Accept proposals: Promote makes an account Key, Demote makes it Standard.")
_decision("decline", decide.decline, "Turn proposals down until the next review.")


def _warn(reason: str) -> None:
    """A doubtful reason is told and kept, never refused: the decision is a person's."""
    if said := decide.doubt(reason):
        shared.say(f"warning: {said}. It is kept with the decision.")


@command.command(
    "nominate", epilog='Example: kam programme nominate "Brakes and Gears" --reason "new plant" --until 2026-12-31'
)
@click.argument("account")
@click.option("--reason", required=True, help="Why; shown beside the account.")
@click.option("--until", required=True, callback=shared.day, metavar="DATE", help="When the nomination ends.")
@decision_options
@click.pass_context
def nominate(ctx: click.Context, /, account: str, reason: str, until: date, **options: Any) -> None:
    """Nominate an account for the programme, past the gates."""

    def make(work: Workspace) -> list[Change]:
        row = _pick(work, (account,), False)[0]
        if until.isoformat() < enriched_day(work):
            raise UsageFault(f"programme: {until} has passed on {enriched_day(work)}: name a day to come with --until.")
        _warn(reason)
        return decide.nominate(row, dict(work.mirror.present("account")), reason, until.isoformat())

    ctx.exit(_send(ctx, make, **options))


@command.command(
    "override", epilog='Example: kam programme override "Brakes and Gears" --status Standard --reason "sold off"'
)
@click.argument("account")
@click.option("--status", required=True, type=click.Choice(STATUSES), help="The status to set.")
@click.option("--reason", required=True, help="Why; kept in the journal.")
@click.option("--until", callback=shared.day, metavar="DATE", help="When to look again; else in a quarter.")
@decision_options
@click.pass_context
def override(ctx: click.Context, /, account: str, status: str, reason: str, until: date | None, **options: Any) -> None:
    """Set an account's status against the proposal."""

    def make(work: Workspace) -> list[Change]:
        row = _pick(work, (account,), False)[0]
        day = until.isoformat() if until else due(work)
        _warn(reason)
        return decide.override(row, dict(work.mirror.present("account")), status, reason, day)

    ctx.exit(_send(ctx, make, **options))


command.add_command(what_if.command)
command.add_command(win_rate.command)

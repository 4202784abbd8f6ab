"""`kam setup`: plan, make or remove our fields in the CRM."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click

from connector.cli import shared
from connector.crm.protocol import Capabilities, SetupItem, SetupRequest
from connector.errors import UsageFault
from connector.schema import INPUT_COLUMNS, CrmField
from connector.store import runs
from connector.workspace import Workspace, setup_fields

GROUPS = ("inputs", "programme", "contacts", "opportunities", "gaps")


@click.command("setup", epilog="Example: kam setup --with inputs --apply")
@click.option("--with", "groups", metavar="SETS", help=f"More fields: {', '.join(GROUPS)}; parted by commas.")
@click.option("--apply", "apply_", is_flag=True, help="Make what the plan says.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write a zip an admin can deploy instead.")
@click.option("--remove", is_flag=True, help="Plan the removal of our fields; with --apply, export their values first.")
@shared.folder_option
@shared.json_option
@click.pass_context
def command(
    ctx: click.Context,
    groups: str | None,
    apply_: bool,
    out: Path | None,
    remove: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Show what would be made in the CRM: fields, rights and a view; --apply makes it."""
    chosen = tuple(g.strip() for g in (groups or "").split(",") if g.strip())
    wrong = [g for g in chosen if g not in GROUPS]
    if wrong:
        raise UsageFault(
            *(f"setup --with {w}: there is no such set of fields. There are: {', '.join(GROUPS)}." for w in wrong)
        )
    with shared.workspace(folder) as work, runs.lock(work.journal.path.parent):
        fields = setup_fields(chosen, work.config.key_accounts.criteria)
        request = SetupRequest(fields, work.journal.installation, work.config.setup.prefix, remove)
        items = _carry_out(work, request, apply_, out)
        can, waiting = work.crm.capabilities, "" if remove else _waiting(work, fields)
    if as_json:
        shared.show_json(None, [vars(i) for i in items])
    else:
        _show(items, can, done=apply_ or out is not None, remove=remove, out=out)
        if waiting:
            click.echo(waiting)
    ctx.exit(2 if any(i.action == "refuse" for i in items) else 0)


def _waiting(work: Workspace, fields: Iterable[CrmField]) -> str:
    """Which of these fields no line of the mapping fills yet."""
    filled = work.given_map.writes()
    lacking = Counter(f.table for f in fields if (f.table, f.column) not in filled and f.column not in INPUT_COLUMNS)
    if not lacking:
        return ""
    told = ", ".join(f"[{table}.write] {number}" for table, number in lacking.items())
    return f"Filled once their lines in mappings/{work.config.crm.kind}.toml are uncommented: {told}"


def _carry_out(work: Workspace, request: SetupRequest, apply_: bool, out: Path | None) -> list[SetupItem]:
    if request.remove:
        # Values are exported beside the store before the fields go.
        return work.crm.apply_setup(request, work.config.store_dir) if apply_ else work.crm.plan_setup(request)
    if out is not None:
        return work.crm.apply_setup(request, out)
    return work.crm.apply_setup(request) if apply_ else work.crm.plan_setup(request)


def _show(items: list[SetupItem], can: Capabilities, *, done: bool, remove: bool, out: Path | None) -> None:
    shared.show_table([vars(i) for i in items], ["action", "kind", "name", "detail"])
    changes = sum(i.action in ("create", "update", "remove") for i in items)
    if any(i.action == "refuse" for i in items):
        click.echo("Nothing was changed: see the lines marked refuse.")
    elif out is not None and not remove:
        click.echo(f"Wrote {out}: hand it to an admin, who {can.hand_over}.")
    elif not done:
        click.echo(f"To do: {shared.count(changes, 'thing')}. Do it with --apply." if changes else "Nothing to do.")
    elif changes and not remove:
        click.echo(f"Done: {shared.count(changes, 'thing')}. To see the fields on a page:")
        for line in can.page_clicks:
            click.echo(f"  {line}")
    else:
        click.echo(f"Done: {shared.count(changes, 'thing')}." if changes else "Nothing to do.")

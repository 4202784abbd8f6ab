"""`kam demo`: the whole walk on an invented company, with nothing but this machine."""

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import click

from connector import job
from connector.cli import shared
from connector.cli.diff import enriched_day
from connector.cli.init import write_folder
from connector.cli.programme import due
from connector.cli.report import write_report
from connector.config import CONFIG
from connector.crm.protocol import SetupRequest
from connector.emulator.company import LAST_DAY
from connector.emulator.kinds import KINDS, apart
from connector.emulator.server import Running
from connector.errors import UsageFault
from connector.schema import Change
from connector.single import recorded
from connector.steps import decide
from connector.steps.write_back import write_back
from connector.store import runs
from connector.workspace import Workspace, opened, setup_fields

T = TypeVar("T")
_MARK = ".kam-demo"


@click.command("demo", epilog="Example: kam demo --company small")
@click.option(
    "--crm", "kind", type=click.Choice(list(KINDS)), default="salesforce", show_default=True, help="Which CRM."
)
@click.option(
    "--company",
    type=click.Choice(["small", "medium", "large"]),
    default="small",
    show_default=True,
    help="How large the invented company is.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Which invented company.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Folder of the deployment and the report.",
)
def command(kind: str, company: str, seed: int, out: Path) -> None:
    """Show the whole walk on an invented company: pull, enrich, diff, write back, approve, refresh, report.

    The stand-in CRM runs only while the demo does; the folder with the results stays.
    """
    began = time.monotonic()
    _clear(out)
    step = _Steps()
    with ExitStack() as around:
        crm = step(
            "invent a company and put it into the stand-in CRM",
            lambda tell: around.enter_context(apart(kind, company, seed, tell)),
        )
        step("kam init", lambda _: configure(kind, out, crm.login, crm.key_file))
        with opened(out) as work:
            fields = setup_fields(("inputs",))
            request = SetupRequest(fields, work.journal.installation, work.config.setup.prefix)
            items = step("kam setup --with inputs --apply", lambda _: work.crm.apply_setup(request))
            click.echo(f"     {sum(i.action == 'create' for i in items)} things made: fields, rights, a view")
        with opened(out) as work:
            step("kam check", lambda _: work.fieldmap)
            report = step("kam run first_run", lambda tell: _run(work, "first_run", tell))
            click.echo(f"     {report.counts['diff']['changes']} values on {report.counts['diff']['records']} accounts")
            del report  # a large company's list of changes is long
        owner = crm.appoint()
        with opened(out, username=owner) as work:
            approved = step("kam programme approve --all", lambda _: _approve(work, owner))
            click.echo(f"     {approved} accounts approved by {owner}")
        with opened(out) as work:
            step("kam run refresh", lambda tell: _run(work, "refresh", tell))
            again = step("kam run refresh, once more", lambda tell: _run(work, "refresh", tell))
            click.echo(f"     {len(again.changes)} changes: a night without news writes nothing")
            index = step("kam report", lambda _: write_report(work, out / "report", ()))
            _show(work)
    click.echo(f"\nDone in {time.monotonic() - began:.0f} s; nothing is left running. Look at:")
    click.echo(f"  {index}\n  kam explain ACCOUNT --dir {out}      how each number came about")
    click.echo(f"  kam programme --dir {out}            members, proposals, watch list")
    click.echo(f"  kam runs 1 --dir {out}               every change that was written")
    click.echo(f"Your own org: kam init DIR --crm {kind}, then the README's second walk.")


class _Steps:
    """Prints each step of the walk with the time it took."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, what: str, do: Callable[[Callable[[str], None]], T]) -> T:
        """Do one step and say so; it may tell what it is doing meanwhile."""
        self.number += 1
        began = time.monotonic()
        with shared.progress() as tell:
            tell(what)
            made = do(tell)
        click.echo(f"{self.number:>3}. {what} ({time.monotonic() - began:.1f} s)")
        return made


def _clear(out: Path) -> None:
    """Make room for the demo: an older demo of ours goes, anything else stays and is told."""
    if (out / _MARK).exists():
        shutil.rmtree(out)
    elif out.exists() and any(out.iterdir()):
        raise UsageFault(f"{out}: is not empty and no demo of ours. Give another folder: kam demo --out DIR")


def prepare(kind: str, out: Path, crm: Running) -> None:
    """A deployment folder that logs in to a running emulator."""
    configure(kind, out, KINDS[kind].login(crm), crm.key_file)


def configure(kind: str, out: Path, login: Mapping[str, str], key_file: Path) -> None:
    """A deployment folder that logs in as told."""
    write_folder(out, kind)
    (out / _MARK).write_text("made by kam demo; may be deleted\n", encoding="utf-8")
    shutil.copy(key_file, out / "server.pem")
    config = (out / CONFIG).read_text(encoding="utf-8")
    for key, value in {**login, "key_file": "server.pem"}.items():
        lines = [
            f'{key} = "{value}"' if line.removeprefix("# ").startswith(f"{key} = ") else line
            for line in config.splitlines()
        ]
        config = "\n".join(lines) + "\n"
    (out / CONFIG).write_text(config, encoding="utf-8")


def _run(work: Workspace, name: str, tell: Callable[[str], None]) -> job.Report:
    work.tell = tell
    return job.run(work, name, as_of=LAST_DAY)


def _approve(work: Workspace, owner: str) -> int:
    """Everything that `kam programme approve --all` does."""
    rows = list(work.mirror.rows("SELECT * FROM account_result WHERE kam_proposal IN ('Promote', 'Demote')"))
    changes: list[Change] = decide.approve(rows, dict(work.mirror.present("account")), due(work))
    with runs.lock(work.journal.path.parent), recorded(work, "programme", enriched_day(work)) as ending:
        written = write_back(work.pen(owner), ending.run, changes)
        ending.wrote(written)
    return written.records.get("written", 0)


def _show(work: Workspace) -> None:
    """The ten first key accounts as the CRM has them now."""
    picked = "SELECT id, name, status FROM account_result WHERE status = 'Key'"
    rows = list(work.mirror.rows(picked + " ORDER BY rank IS NULL, rank, name LIMIT 10"))
    shown = {"flag": "kam_flag", "relationship": "kam_relationship_band", "whitespace": "kam_whitespace_band"}
    texts = {"why": "kam_why", "coverage": "kam_coverage_text", "next": "kam_top_idea"}
    for row in rows:
        here = work.mirror.present_of("account", row["id"])
        row.update({title: here.get(column) for title, column in (shown | texts).items()})
    click.echo("\nKey accounts, as a rep sees them in the CRM:")
    shared.show_table(rows, ["name", "status", *shown, *texts], widest=70)

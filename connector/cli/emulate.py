"""`kam emulate CRM`: start the stand-in CRM on this machine."""

import json
from pathlib import Path
from typing import Any

import click

from connector.cli import shared
from connector.emulator.company import build, truth_in
from connector.emulator.export import LoadError
from connector.emulator.kinds import KINDS
from connector.emulator.server import serve
from connector.errors import UsageFault


@click.command("emulate", epilog="Example: kam emulate salesforce --company small --seed 7 --port 8443 --tls")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port; a free one when left out.")
@click.option("--tls", is_flag=True, help="Serve https, by a certificate authority made here.")
@click.option("--load", "export", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of CSVs.")
@click.option("--company", type=click.Choice(["small", "medium", "large"]), help="Fill it with an invented company.")
@click.option("--currency", metavar="ISO", help="The org's base currency; EUR when left out.")
@click.option("--seed", type=int, default=1, show_default=True, help="Which invented company.")
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Keep org and keys in this folder.")
@click.option("--faults", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Faults to play.")
@click.option("--production", is_flag=True, help="Be a production org instead of a sandbox.")
def command(
    kind: str,
    port: int,
    tls: bool,
    export: Path | None,
    company: str | None,
    currency: str | None,
    seed: int,
    state: Path | None,
    faults: Path | None,
    production: bool,
) -> None:
    """Start a stand-in for a CRM; prints one line of JSON when ready, stops on Ctrl-C."""
    if export is not None and company is not None:
        raise click.UsageError("Give --load or --company, not both.")
    if currency is not None and (company is not None or not (currency.isalpha() and len(currency) == 3)):
        raise click.UsageError("--currency is three letters, like USD; an invented company has currencies of its own.")
    if state is not None:
        state.mkdir(parents=True, exist_ok=True)
    # Written last: an emulator that was killed while it was filled begins anew.
    filled = state / "filled" if state is not None else None
    known = filled is not None and filled.exists()
    if state is not None and not known:
        for leftover in state.glob("org.db*"):
            leftover.unlink()
    money = {"currency": currency.upper()} if currency else {}
    org = KINDS[kind].make(state / "org.db" if state is not None else None, is_sandbox=not production, **money)
    if not known:
        fill(kind, org, export, company, seed, state)
        if filled is not None:
            filled.touch()
    serve(org, port=port, tls=tls, faults=faults, state=state)


def fill(kind: str, org: Any, export: Path | None, company: str | None, seed: int, state: Path | None) -> None:
    """Load an export or plant an invented company; its truth is written into the state folder."""
    if export is not None:
        try:
            loaded = KINDS[kind].load(org, export)
        except LoadError as error:
            raise UsageFault(str(error)) from error
        for note in loaded.notes:
            shared.say(f"note: {note}")
    elif company is not None:
        made = build(company, seed)
        ids = KINDS[kind].seed(org, made)
        if state is not None:
            truth = truth_in(made, ids["accounts"], ids["contacts"])
            (state / "truth.json").write_text(json.dumps(truth, ensure_ascii=False, indent=1), encoding="utf-8")

"""`kam init DIR`: make a deployment folder."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from connector import config_example
from connector.cli import shared
from connector.config import CONFIG
from connector.crm.settings import AUTHS
from connector.errors import UsageFault


@click.command("init", epilog="Example: kam init work --crm salesforce")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--crm", "kind", type=click.Choice(list(AUTHS)), default="salesforce", show_default=True, help="Which CRM."
)
@shared.json_option
def command(folder: Path, kind: str, as_json: bool) -> None:
    """Make a deployment folder: config.toml, mappings/ and jobs/. Files that exist are left alone."""
    made = write_folder(folder, kind)
    if as_json:
        shared.show_json(None, [{"file": str(path)} for path in made])
        return
    for path in made:
        click.echo(f"made {path}")
    click.echo(f"Next: fill in [crm] of {folder / CONFIG}, then run: kam check --dir {folder}")


def write_folder(folder: Path, kind: str) -> list[Path]:
    """Write what is missing in a deployment folder; the files made."""
    wanted: dict[Path, str] = {folder / CONFIG: config_example.text(kind)}
    for part in ("mappings", "jobs"):
        for name, text in _shipped(_home(part)):
            if part == "jobs" or name in (f"{kind}.toml", "README.md"):
                wanted[folder / part / name] = text
    made = []
    for path, text in wanted.items():
        if not path.exists():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                raise UsageFault(f"{path}: cannot be written: {error.strerror}. Choose another folder.") from error
            made.append(path)
    return made


def _home(part: str) -> Traversable:
    """Where the shipped copies are: inside the installed package, or at the root of a checkout."""
    inside = files("connector") / part
    return inside if inside.is_dir() else files("connector").joinpath("..", part)


def _shipped(folder: Traversable, prefix: str = "") -> list[tuple[str, str]]:
    found = []
    for item in sorted(folder.iterdir(), key=lambda i: i.name):
        if item.is_dir() and item.name != "__pycache__":
            found += _shipped(item, f"{prefix}{item.name}/")
        elif item.is_file() and not item.name.endswith(".pyc"):
            found.append((prefix + item.name, item.read_text(encoding="utf-8")))
    return found

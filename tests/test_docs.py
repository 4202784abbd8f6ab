"""What is written down is what the code says: generated parts, the example of settings, commands, links."""

import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import click
import pytest

from connector import config_example
from connector.cli import COMMANDS, kam
from connector.config import load
from connector.steps.diff import Guards

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "mappings/README.md", "jobs/README.md"]
GENERATED = ["README.md", "mappings/README.md", "jobs/README.md"]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", GENERATED)
def test_the_generated_parts_of_a_page_are_up_to_date(page: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "--diff", "-P", page],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + "\nRun: make fix"


def test_the_example_of_settings_is_what_the_settings_say() -> None:
    assert read("config.example.toml") == config_example.text()


def test_the_example_of_settings_can_be_read_once_its_blanks_are_filled(tmp_path: Path) -> None:
    text = read("config.example.toml").replace('client_id = ""', 'client_id = "3MVG"')
    (tmp_path / "config.toml").write_text(text.replace('username = ""', 'username = "a@example.com"'), "utf-8")
    (tmp_path / "server.key").touch()
    assert load(tmp_path).crm.kind == "salesforce"


def typed() -> list[tuple[str, str]]:
    """Every `kam …` that a page or an example shows, with where it stands."""
    found = []
    for page in PAGES:
        text = re.sub(r"<!-- \[\[\[cog.*?\]\]\] -->", "", read(page), flags=re.S)
        found += [(page, line) for line in re.findall(r"`(kam [^`]+)`", text)]
        for block in re.findall(r"```(?:bash|sh)\n(.*?)```", text, flags=re.S):
            found += [(page, line) for line in re.findall(r"^(kam .+?)(?: +#.*| > .*)?$", block, flags=re.M)]
    context = click.Context(kam)
    for name in COMMANDS:
        command = kam.get_command(context, name)
        assert command is not None
        found.append((f"kam {name} --help", (command.epilog or "").removeprefix("Example: ").split(" > ")[0]))
    return found


def test_every_command_that_is_shown_exists_with_its_options() -> None:
    wrong = []
    for page, line in typed():
        words = shlex.split(line)[1:]
        if not words or words[0] in ("COMMAND", "--help"):
            continue
        command = kam.get_command(click.Context(kam), words[0])
        if isinstance(command, click.Group) and len(words) > 1 and not words[1].startswith("-"):
            command = command.commands.get(words[1])
        known = {o for p in command.params for o in p.opts} | {"--help"} if command else set()
        if command is None or any(w.startswith("--") and w not in known for w in words):
            wrong.append(f"{page}: {line}")
    assert not wrong


def test_every_command_named_in_a_message_exists() -> None:
    missing = []
    for path in sorted((ROOT / "connector").rglob("*.py")):
        for word in re.findall(r"(?:[Rr]un:|Look:|with:|halted:|Next:|`) ?kam ([a-z][a-z-]*)", path.read_text("utf-8")):
            if word not in COMMANDS:
                missing.append(f"{path.relative_to(ROOT)}: kam {word}")
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", read(page)):
        file, _, anchor = target.partition("#")
        if target.startswith("https://"):
            continue
        at = (ROOT / page).parent / file if file else ROOT / page
        text = at.read_text(encoding="utf-8") if at.is_file() else ""
        heads = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", text, re.M)}
        if not at.exists() or (anchor and anchor not in heads):
            dead.append(target)
    assert not dead


def test_every_guard_is_described() -> None:
    assert [f.name for f in fields(Guards)] == re.findall(r"^\| (m\w+) \|", read("jobs/README.md"), re.M)


def test_every_chapter_a_newcomer_needs_is_in_the_readme() -> None:
    wanted = ["make demo", "make test", ".venv\\Scripts\\kam demo", "kam undo", "make fix"]
    text = read("README.md") + read("CONTRIBUTING.md")
    assert not [w for w in wanted if w not in text]

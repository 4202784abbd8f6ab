"""The rules of the house that a machine can hold: imports, sizes, words for help, packaging, what never goes in."""

import importlib
import inspect
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import connector
from connector.cli import COMMANDS, kam
from connector.crm.settings import AUTHS

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]
DATA_FOLDERS = {"connector.mappings": "mappings", "connector.jobs": "jobs", "connector.jobs.runners": "jobs/runners"}

MOST_LINES = 350
LONG = {
    "connector/schema.py": "the one vocabulary: two long tables, no logic",
    "connector/emulator/salesforce/org/records.py": "one class, the org; its work is in rows/",
}
# What both CRMs have by one name, yet with another signature.
APART = {
    "crm.connect": "Dynamics counts no calls for us: what was spent today goes in and out",
    "crm.faults.row_outcome": "Salesforce tells a row's errors in a list, Dynamics refuses it",
    "crm.login.Client.pages": "SOQL here, an address there",
    "crm.login.Client.query": "SOQL here, an address there",
    "crm.login.log_in": "Salesforce answers a login with an address, Entra only with a token",
    "crm.setup.package.package": "a metadata package here, a solution there",
    "crm.setup.plan.marked_fields": "columns are known by a description here, by their definition there",
    "crm.setup.plan.removals": "what depends on a column has to be asked of Dynamics",
}
MOST_MODULES = 8
CROWDED = {
    "connector": "the top of the house; placed by the layer contract",
    "connector/cli": "one command per file",
    "connector/emulator/salesforce": "a face: one module per kind of request, and what fills its org",
    "connector/insight": "one insight per module, and the three that explain them",
    "connector/insight/whitespace": "one step of the estimate per module, from who bought what to what speaks for it",
    "connector/steps": "the five steps, and what they decide, gather and fill in",
    "connector/store": "one kind of thing that is stored per module",
}


def tree(*patterns: str) -> list[Path]:
    """Files that are, or could be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z", "--", *patterns],
        cwd=ROOT, capture_output=True, check=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def modules() -> list[Path]:
    return tree("connector/*.py")


def run(*command: str, cwd: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, **more})


def test_the_import_contract_holds() -> None:
    done = run(sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_and_public_name_has_a_docstring() -> None:
    done = run(
        sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "D1", "--ignore", "D105,D107", "connector"
    )
    assert done.returncode == 0, done.stdout


def test_a_long_module_has_a_reason_and_a_reason_has_a_long_module() -> None:
    long = {short(p) for p in modules() if len(p.read_text(encoding="utf-8").splitlines()) > MOST_LINES}
    assert long == set(LONG)


def signatures(kind: str) -> dict[str, str]:
    """Signature of every public function and method of a CRM's rooms, the CRM's own name taken out."""
    package = f"connector.crm.{kind}"
    room = importlib.import_module(package)
    found: dict[str, str] = {}
    names = [package, *(info.name for info in pkgutil.walk_packages(room.__path__, f"{package}."))]
    for module in map(importlib.import_module, names):
        here = module.__name__.removeprefix("connector.crm.").replace(kind, "crm")
        things = [(n, o) for n, o in vars(module).items() if getattr(o, "__module__", "") == module.__name__]
        for name, thing in things:
            members = vars(thing).items() if inspect.isclass(thing) else [("", thing)]
            for member, function in members:
                if inspect.isfunction(function) and "_" not in (name[0], member[:1]):
                    whole = f"{here}.{name}.{member}".rstrip(".").replace(kind.title(), "Crm")
                    found[whole] = re.sub(rf"[\w.]*\b{kind}\.(\w+\.)*", "", str(inspect.signature(function)))
    return found


def test_what_both_crms_have_by_one_name_has_one_signature() -> None:
    one, other = signatures("salesforce"), signatures("dynamics")
    both = {name for name in one.keys() & other.keys() if one[name].replace("Salesforce", "Dynamics") != other[name]}
    assert both == set(APART)


def test_both_crms_have_the_rooms_of_the_protocol() -> None:
    one, other = signatures("salesforce"), signatures("dynamics")
    doors = {"connect", "login.log_in", "describe.whoami", "describe.describe", "describe.limits", "read.count",
             "read.read", "write.write", "write.batches", "faults.spoken", "faults.fault_of", "faults.token_fault",
             "setup.plan.plan_setup", "setup.apply.apply_setup"}  # fmt: skip
    assert {f"crm.{door}" for door in doors} <= one.keys() & other.keys()
    assert {n for n in one if n.startswith("crm.Crm.")} == {n for n in other if n.startswith("crm.Crm.")}


def test_a_crowded_folder_has_a_reason_and_a_reason_has_a_crowded_folder() -> None:
    folders: dict[str, int] = {}
    for path in modules():
        if path.name != "__init__.py":
            folders[short(path.parent)] = folders.get(short(path.parent), 0) + 1
    assert {f for f, n in folders.items() if n > MOST_MODULES} == set(CROWDED)


def commands() -> list[tuple[str, click.Command]]:
    """Every command with its name as it is typed, subcommands included."""
    context = click.Context(kam)
    found: list[tuple[str, click.Command]] = []
    for name in COMMANDS:
        command = kam.get_command(context, name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {word}", sub) for word, sub in command.commands.items()]
    return found


def test_every_command_has_an_example_that_is_its_own() -> None:
    wrong = [n for n, c in commands() if not (c.epilog or "").startswith(f"Example: kam {n.split(maxsplit=1)[0]}")]
    assert not wrong


def test_every_option_says_what_it_is_for() -> None:
    bare = [
        f"kam {name} {option.opts[0]}"
        for name, command in commands()
        for option in command.params
        if isinstance(option, click.Option) and not option.help and not option.hidden
    ]
    assert not bare


def test_the_help_of_every_command_is_printed_without_a_deployment_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, _ in commands():
        done = CliRunner().invoke(kam, [*name.split(), "--help"])
        assert (done.exit_code, "Example: kam" in done.output) == (0, True), f"kam {name}: {done.output}"
    assert not list(tmp_path.iterdir())


def test_every_command_has_a_file_and_every_file_a_command() -> None:
    files = {p.stem for p in tree("connector/cli/*.py")} - {"__init__"}
    assert {module for module, _ in COMMANDS.values()} <= files


def test_the_version_is_stated_once() -> None:
    assert "version" not in PYPROJECT["project"]
    assert version("kam-connector") == connector.__version__
    said = [short(p) for p in modules() if re.search(r"^__version__ *=", p.read_text(encoding="utf-8"), re.M)]
    assert said == ["connector/__init__.py"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert newest and newest[1].rstrip(",") == connector.__version__


def test_the_licence_is_named_by_its_identifier_and_lies_there_in_full() -> None:
    project = PYPROJECT["project"]
    assert (project["license"], project["license-files"]) == ("Apache-2.0", ["LICENSE"])
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text


def test_every_package_is_listed() -> None:
    here = {short(p.parent).replace("/", ".") for p in tree("connector/*__init__.py")}
    assert set(SETUPTOOLS["packages"]) == here | set(DATA_FOLDERS)
    assert SETUPTOOLS["package-dir"] == DATA_FOLDERS


def test_every_data_file_goes_into_the_wheel() -> None:
    left_out = []
    for path in tree("connector", "mappings", "jobs"):
        package = next((p for p, f in DATA_FOLDERS.items() if f == short(path.parent)), None)
        package = package or short(path.parent).replace("/", ".")
        patterns = SETUPTOOLS["package-data"]
        known = [*patterns["*"], *patterns.get(package, []), "*.py"]
        if package not in SETUPTOOLS["packages"] or not any(fnmatch(path.name, p) for p in known):
            left_out.append(short(path))
    assert not left_out


def test_kam_init_works_from_an_installed_wheel(tmp_path: Path) -> None:
    source, site, made = tmp_path / "source", tmp_path / "site", tmp_path / "made"
    for path in tree("connector", "mappings", "jobs", "pyproject.toml", "README.md", "LICENSE"):
        (source / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, source / path.relative_to(ROOT))
    built = run(
        sys.executable, "-m", "pip", "wheel", "-q", "--no-index", "--no-deps", "--no-build-isolation",
        "-w", str(tmp_path), str(source),
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    for kind in AUTHS:
        words = ("init", str(made / kind), "--crm", kind)
        done = run(sys.executable, "-m", "connector", *words, cwd=tmp_path, PYTHONPATH=str(site))
        assert done.returncode == 0, done.stderr
        others = {f"mappings/{other}.toml" for other in AUTHS if other != kind}
        shipped = {short(p) for p in tree("mappings", "jobs")} - others | {"config.toml"}
        assert shipped == {p.relative_to(made / kind).as_posix() for p in (made / kind).rglob("*") if p.is_file()}
    code = "import connector.engine, connector.insight, connector.emulator.server as s; print(s.__file__)"
    loaded = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(site))
    assert loaded.stdout.startswith(str(site)), loaded.stderr


def test_whatever_is_needed_is_pinned_exactly() -> None:
    files = ("constraints.txt", "constraints-spark.txt")
    lines = [line for name in files for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(pin.url is None and [s.operator for s in pin.specifier] == ["=="] for pin in pins)
    extras = PYPROJECT["project"]["optional-dependencies"].values()
    wanted = [Requirement(r) for r in [*PYPROJECT["project"]["dependencies"], *(r for e in extras for r in e)]]
    known = {canonicalize_name(pin.name): pin for pin in pins}
    loose = []
    for need in wanted:
        pin = known.get(canonicalize_name(need.name))
        exact = next(iter(pin.specifier)).version if pin else ""
        if need.name != "kam-connector" and (pin is None or not need.specifier.contains(exact)):
            loose.append(str(need))
    assert not loose


def test_no_registry_no_lock_file_and_no_path_of_one_machine_is_in_the_tree() -> None:
    files = tree()
    locks = {"uv.lock", "poetry.lock", "Pipfile.lock", "package-lock.json"}
    assert not [short(p) for p in files if p.name in locks]
    # Put together here, so that this file isn't found itself.
    places = "|".join(("work", "farm", "root"))
    pattern = re.compile(
        r"(index-ur" r"l|find-link" r"s)[ =]|https?://[^ ]*/simpl" rf"e/|(?<![\w.*])/({places})/|/home/\w+/",
    )
    found = []
    for path in files:
        if path.name != "LICENSE":
            text = path.read_bytes().decode(errors="replace")
            found += [f"{short(path)}:{n}" for n, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
    assert not found


def test_no_test_sleeps() -> None:
    call = re.compile(r"\b(time|asyncio)\.slee" r"p\(")
    assert not [short(p) for p in tree("tests/*.py") if call.search(p.read_text(encoding="utf-8"))]


def test_nothing_is_left_open_in_the_code() -> None:
    words = re.compile(r"TODO|FIXME|XXX|raise NotImplementedError|except Exception: *pass|except *:")
    assert not [short(p) for p in modules() if words.search(p.read_text(encoding="utf-8"))]


def test_no_merge_is_left_half_done() -> None:
    mark = re.compile(r"^(<{7}|>{7}) ", re.M)
    assert not [short(p) for p in tree() if mark.search(p.read_bytes().decode(errors="replace"))]


@pytest.mark.parametrize("runner", tree("jobs/runners/*"), ids=lambda p: p.name)
def test_a_runner_only_calls_kam_run(runner: Path) -> None:
    text = runner.read_text(encoding="utf-8")
    called = re.findall(r"kam run (\w+)", text) + re.findall(r'"kam", "run", "(\w+)"', text)
    jobs = {p.stem for p in (ROOT / "jobs").glob("*.toml")}
    assert set(called) <= jobs | {"kam"} and (called or runner.suffix in (".timer", ".py"))


def test_the_runners_keep_the_jobs_schedules() -> None:
    crontab = (ROOT / "jobs/runners/crontab.example").read_text(encoding="utf-8")
    for name, schedule in re.findall(r"^([\d*/ ,-]+?) +\S+/kam run (\w+)", crontab, re.M):
        job = tomllib.loads((ROOT / "jobs" / f"{schedule}.toml").read_text(encoding="utf-8"))
        assert name.split() == job["schedule"].split()
    refresh = tomllib.loads((ROOT / "jobs/refresh.toml").read_text(encoding="utf-8"))["schedule"]
    for runner in ("kubernetes.yaml", "airflow_dag.py"):
        assert f'"{refresh}"' in (ROOT / "jobs/runners" / runner).read_text(encoding="utf-8")

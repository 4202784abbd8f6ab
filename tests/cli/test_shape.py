"""What every command shares: an example, the JSON envelope, usage errors, folders, and plain output."""

import csv
import io
import json
import logging
import sys
import threading
from pathlib import Path

import pytest
from bench import AS_OF, Bench, kam

from connector import cli, job
from connector.cli import diff, shared
from connector.errors import EXIT_MEANING
from connector.schema import Change

COMMANDS = [(name,) for name in cli.COMMANDS] + [
    ("programme", n) for n in ("approve", "decline", "nominate", "override", "what-if", "win-rate")
]
COMMANDS += [("backtest", "key-accounts"), ("backtest", "whitespace")]
LOOKING = [
    ("check",), ("check", "--data"), ("pull", "account"), ("enrich", "--as-of", AS_OF), ("diff",),
    ("check", "--fit", "--as-of", AS_OF),
    ("diff", "--format", "json"), ("write-back", "--dry-run"), ("undo", "1", "--dry-run"), ("programme",),
    ("programme", "approve", "--all", "--dry-run"), ("programme", "decline", "--all", "--dry-run"), ("status",),
    ("programme", "win-rate"),
    ("runs",), ("runs", "1"), ("rejects",), ("retry",), ("explain", "Company 01"), ("schedule",),
    ("run", "refresh", "--as-of", AS_OF), ("run", "preview", "--as-of", AS_OF), ("write-back",),
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_helps_with_an_example_that_begins_with_its_own_name(words: tuple[str, ...]) -> None:
    said = kam(*words, "--help")
    assert said.code == 0
    assert f"Example: kam {' '.join(words)}" in said.out


def test_the_overview_names_every_command() -> None:
    said = kam("--help")
    assert said.code == 0
    assert all(f"\n  {name} " in said.out for name in cli.COMMANDS)


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_json_is_one_envelope_and_nothing_else(walked: Bench, words: tuple[str, ...]) -> None:
    said = walked.kam(*words, *([] if "json" in words else ["--json"]))
    assert said.code == 0, said.all
    told = json.loads(said.out)
    assert told["version"] == 1
    assert isinstance(told["items"], list)
    assert told["run"] is None or isinstance(told["run"], int)


def test_a_refused_setup_is_an_envelope_with_exit_code_2(walked: Bench) -> None:
    said = walked.kam("setup", "--json")
    assert said.code == 2  # the fields of this org were made from another folder
    assert {i["action"] for i in json.loads(said.out)["items"]} >= {"refuse"}


def test_init_tells_its_files_as_json(tmp_path: Path) -> None:
    told = json.loads(kam("init", str(tmp_path / "new"), "--json").out)
    assert [i["file"] for i in told["items"] if i["file"].endswith("config.toml")]


def test_a_change_in_json_has_the_seven_keys(walked: Bench) -> None:
    told = json.loads(walked.kam("undo", "1", "--dry-run", "--json").out)
    assert set(told["items"][0]) == {"table", "id", "name", "column", "before", "after", "why"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "refesh"), 'Nearest: "refresh"'),
        (("run", "refresh", "--as-of", "30.06.2026"), "write it as 2026-06-30"),
        (("run", "refresh", "--as-of", "2026-02-30"), "is not a day"),
        (("run", "refresh", "--as-of", "0026-06-30"), "lies outside 1970 to 2200"),
        (("pull", "acount"), 'Nearest: "account"'),
        (("explain", "Nobody Knows Ltd"), "kam pull"),
        (("runs", "99"), "kam runs"),
        (("undo", "99"), "kam runs"),
        (("write-back", "--approve", "99"), "kam runs"),
        (("programme", "approve"), "--all"),
        (("programme", "approve", "Nobody"), "kam pull"),
        (("nosuchcommand",), "No such command"),
        (("status", "--nosuchoption"), "No such option"),
    ],
)
def test_wrong_usage_is_exit_code_2_with_advice(walked: Bench, words: tuple[str, ...], expected: str) -> None:
    said = walked.kam(*words)
    assert said.code == 2, said.all
    assert expected in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("words", [("status",), ("check",), ("run", "refresh"), ("diff",), ("schedule",)], ids=" ".join)
def test_a_folder_without_config_names_the_command_that_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = kam(*words)
    assert said.code == 2
    assert "kam init" in said.err or "there is no such job" in said.err or "no job has a schedule" in said.err
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_dir_else_the_current_one_else_kam_dir(
    walked: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAM_DIR", str(walked.folder))
    monkeypatch.chdir(tmp_path)
    assert kam("status").code == 0
    (tmp_path / "config.toml").write_text("[nonsense]\n", encoding="utf-8")
    assert "nonsense" in kam("status").err
    assert kam("status", "--dir", str(walked.folder)).code == 0


def test_nothing_computed_yet_names_enrich(site: Bench) -> None:
    for words in (("diff",), ("explain", "x"), ("programme",), ("write-back",)):
        said = site.kam(*words)
        assert said.code == 2
        assert "kam enrich" in said.err


def test_csv_has_no_formula_and_loses_no_text(walked: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["=HYPERLINK(1)", "+1", "-1+2", "@SUM", "\t=1", "\r=1", "\n=1", "＝1", 'plain, with "quotes"', "🦄"]
    changes = [Change("account", str(n), name, "kam_why", name, name, name) for n, name in enumerate(names)]
    # the list of changes is made by hand: no pull brings names that begin with a line's end
    monkeypatch.setattr(job, "run_diff", lambda work, day: diff_of(changes))
    said = walked.kam("diff", "--format", "csv")
    assert said.code == 0
    rows = list(csv.DictReader(io.StringIO(said.out, newline="")))
    assert [row["id"] for row in rows] == [str(n) for n in range(len(names))]
    assert not [cell for row in rows for cell in row.values() if cell[:1] in "=+-@\t\r\n＝"]
    assert [row["name"].removeprefix("'") for row in rows] == names


def diff_of(changes: list[Change]) -> object:
    from connector.steps.diff import Diff

    return Diff(changes=changes)


def test_html_of_a_diff_escapes_names() -> None:
    page = diff._html([Change("account", "1", "<script>alert(1)</script>", "kam_why", None, "a & b", "")])
    assert "<script>alert" not in page
    assert "a &amp; b" in page


def test_what_steers_a_terminal_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    shared.show_table([{"name": "\x1b[31mred\x07 \u202eevil\x9b"}], ["name"])
    printed = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(printed)
    assert "red" in printed


class Terminal(io.StringIO):
    """A stream that says it is a terminal: the real one is not there in tests."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_what_is_being_done_and_keeps_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(shared, "REDRAWN", 0.001)
    with shared.progress() as tell:
        tell("pull: 12,000 rows of Contact")
        while "Contact" not in sys.stderr.getvalue():  # type: ignore[attr-defined]
            threading.Event().wait(0.001)
        logging.getLogger("connector.crm.salesforce").warning("a job was lost")
    shown = sys.stderr.getvalue()  # type: ignore[attr-defined]
    lines = [line.rpartition("\r")[2] for line in shown.split("\n")]
    assert "0:00 pull: 12,000 rows of Contact" in shown
    assert lines == ["a job was lost", ""]


def test_elsewhere_nothing_of_it_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with shared.progress() as tell:
        tell("pull: 12,000 rows of Contact")
        shared.say("pull: 20,000 rows")
    assert capsys.readouterr().err == "pull: 20,000 rows\n"


def test_one_is_one_and_two_are_two() -> None:
    assert [shared.count(n, "change") for n in (0, 1, 2)] == ["0 changes", "1 change", "2 changes"]


def test_every_exit_code_has_a_meaning() -> None:
    assert set(EXIT_MEANING) == set(range(10))


def test_two_runs_of_one_store_end_with_exit_code_6(walked: Bench) -> None:
    from connector.store import runs

    with runs.lock(walked.folder / "store"):
        assert walked.kam("enrich", "--as-of", AS_OF).code == 6
        assert walked.kam("status").code == 0

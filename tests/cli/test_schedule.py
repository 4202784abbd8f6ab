"""`kam schedule`: five fields to cron and systemd, and every fault of a schedule."""

import shutil
import subprocess
from pathlib import Path

import pytest
from bench import kam
from hypothesis import given
from hypothesis import strategies as st

from connector.cli import schedule
from connector.errors import UsageFault

FOLDER = "a folder with 100% blanks"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / FOLDER
    assert kam("init", str(made)).code == 0
    return made


def test_cron_lines_hold_schedule_zone_and_a_call_that_cron_does_not_cut(folder: Path) -> None:
    said = kam("schedule", "--dir", str(folder))
    assert said.code == 0
    line = next(line for line in said.out.splitlines() if line.startswith("15 2 * * *"))
    assert "run refresh --dir" in line
    assert line.count(r"100\% blanks") == line.count("%") == 2
    assert "CRON_TZ=UTC" in said.out
    assert "first_run" not in said.out


def test_help_says_plainly_that_it_runs_nothing() -> None:
    said = " ".join(kam("schedule", "--help").out.split())
    assert "This starts nothing" in said
    assert "cron's or systemd's business" in said


def test_units_are_accepted_by_systemd_itself(folder: Path) -> None:
    said = kam("schedule", "--print", "systemd", "--dir", str(folder))
    assert said.code == 0
    assert "100%% blanks" in said.out
    days = [line.removeprefix("OnCalendar=") for line in said.out.splitlines() if line.startswith("OnCalendar=")]
    assert days == ["Sun *-*-* 03:30:00 UTC", "*-*-* 02:15:00 UTC"]
    tool = shutil.which("systemd-analyze")
    if tool is not None:
        assert subprocess.run([tool, "calendar", *days], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15 2 * * *", ["*-*-* 02:15:00"]),
        ("*/20 8-10 * * mon-fri", ["Mon,Tue,Wed,Thu,Fri *-*-* 08,09,10:00,20,40:00"]),
        ("0 0 1 jan,jul *", ["*-01,07-01 00:00:00"]),
        ("5 4 * * 7", ["Sun *-*-* 04:05:00"]),
        ("0 6 13 * 5", ["*-*-13 06:00:00", "Fri *-*-* 06:00:00"]),
        ("0 22-23 * * 5-7", ["Sun,Fri,Sat *-*-* 22,23:00:00"]),
        ("10/25 * * * *", ["*-*-* *:10,35:00"]),
    ],
)
def test_five_fields_in_the_words_of_systemd(text: str, expected: list[str]) -> None:
    when = schedule.parse(text, "x")
    assert when is not None
    assert schedule.calendar(when) == expected


@pytest.mark.parametrize(
    "text",
    [
        "15 2 * *",
        "60 2 * * *",
        "x * * * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "1- * * * *",
        "0 0 0 * *",
        "0 0 * foo *",
        "1,,2 * * * *",
        "@daily",
    ],
)
def test_a_wrong_schedule_is_told_with_place_and_form(text: str) -> None:
    with pytest.raises(UsageFault, match=r"jobs/x\.toml schedule: .* Write five fields"):
        schedule.parse(text, "jobs/x.toml")


@given(st.lists(st.text("0123456789*/,-abcmonjan ", max_size=6), min_size=1, max_size=6))
def test_any_text_is_a_schedule_or_a_fault(parts: list[str]) -> None:
    try:
        when = schedule.parse(" ".join(parts), "x")
    except UsageFault:
        return
    assert when is None or all(line.endswith(":00") for line in schedule.calendar(when))


def test_check_and_schedule_both_refuse_a_wrong_schedule(folder: Path) -> None:
    path = folder / "jobs" / "refresh.toml"
    path.write_text(path.read_text().replace('"15 2 * * *"', '"at night"'))
    for command in ("schedule", "check"):
        said = kam(command, "--dir", str(folder))
        assert said.code == 2
        assert "config.toml" in said.err or "jobs/refresh.toml schedule" in said.err


def test_a_folder_whose_jobs_have_no_schedule_says_so(folder: Path) -> None:
    for name in ("refresh", "reconcile"):
        (folder / "jobs" / f"{name}.toml").unlink()
    said = kam("schedule", "--dir", str(folder))
    assert said.code == 2
    assert "no job has a schedule" in said.err

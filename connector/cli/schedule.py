"""`kam schedule`: print the jobs' schedules for cron or systemd; running them is their business.

The folder's job files come in; text leaves.
"""

import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from connector import job
from connector.cli import shared
from connector.errors import UsageFault
from connector.workspace import find_folder

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# Field of a schedule: lowest, highest, and the names some of them may have; 7 is Sunday too.
_FIELDS = {
    "minute": (0, 59, ()),
    "hour": (0, 23, ()),
    "day": (1, 31, ()),
    "month": (1, 12, _MONTHS),
    "weekday": (0, 7, _DAYS),
}


@dataclass(frozen=True)
class When:
    """A schedule of five fields: the values each of them allows, None for all of them."""

    minute: tuple[int, ...] | None
    hour: tuple[int, ...] | None
    day: tuple[int, ...] | None
    month: tuple[int, ...] | None
    weekday: tuple[int, ...] | None


@click.command("schedule", epilog="Example: kam schedule --print systemd")
@click.option(
    "--print", "form", type=click.Choice(["cron", "systemd"]), default="cron", show_default=True, help="For whom."
)
@shared.folder_option
@shared.json_option
def command(form: str, folder: Path | None, as_json: bool) -> None:
    """Print the schedules of jobs/ for cron or systemd.

    This starts nothing and waits for nothing: running the jobs is cron's or systemd's business.
    A run that meets another one ends at once with exit code 6, so that schedules may touch.
    """
    home = find_folder(folder, os.environ).resolve()
    jobs = {p.stem: job.load(home, p.stem) for p in sorted((home / "jobs").glob("*.toml"))}
    known = {name: (j, parse(j.schedule, f"jobs/{name}.toml")) for name, j in jobs.items()}
    timed = {name: (j, when) for name, (j, when) in known.items() if when is not None}
    if not timed:
        raise UsageFault(f'{home / "jobs"}: no job has a schedule. Give one a line like: schedule = "15 2 * * *"')
    if as_json:
        items = [
            {"job": n, "schedule": j.schedule, "timezone": j.timezone, "about": j.about} for n, (j, _) in timed.items()
        ]
        shared.show_json(None, items)
        return
    lines = _cron(home, timed) if form == "cron" else _systemd(home, timed)
    click.echo("\n".join(lines))


def parse(text: str, place: str) -> When | None:
    """A job's schedule, None when it has none; raises UsageFault with every fault."""
    if not text.strip():
        return None
    parts = text.split()
    advice = 'Write five fields (minute hour day month weekday), as "15 2 * * *".'
    if len(parts) != len(_FIELDS):
        raise UsageFault(f'{place} schedule: "{text}" has {shared.count(len(parts), "field")}. {advice}')
    faults, values = [], {}
    for part, (name, (low, high, words)) in zip(parts, _FIELDS.items(), strict=True):
        try:
            values[name] = _field(part, low, high, words)
        except ValueError:
            faults.append(f'{place} schedule: "{part}" is no {name} ({low} to {high}). {advice}')
    if faults:
        raise UsageFault(*faults)
    return When(**values)


def _field(text: str, low: int, high: int, words: tuple[str, ...]) -> tuple[int, ...] | None:
    """Values that one field allows: `*`, `5`, `1-5`, `*/15`, `1-5/2`, names, and lists of these."""
    if text == "*":
        return None
    found: set[int] = set()
    for part in text.lower().split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        start, end = (low, high) if span == "*" else (_number(first, low, words), _number(last or first, low, words))
        if step and not dash and span != "*":
            end = high
        width = int(step) if "/" in part else 1
        if not low <= start <= end <= high or width < 1 or (dash and not last):
            raise ValueError(text)
        found.update(range(start, end + 1, width))
    return tuple(sorted({0 if words is _DAYS and n == 7 else n for n in found}))


def _number(text: str, low: int, words: tuple[str, ...]) -> int:
    return words.index(text) + low if text in words else int(text)


Timed = dict[str, tuple[job.Job, When]]


def _call(home: Path, name: str) -> list[str]:
    return [sys.executable, "-m", "connector", "run", name, "--dir", str(home)]


def _cron(home: Path, timed: Timed) -> Iterator[str]:
    yield "# Jobs of kam-connector, for: crontab -e. Times are those of CRON_TZ where cron knows it (cronie), else the"
    yield "# machine's. Secrets that config.toml names by secret_env must be set in cron's environment."
    for name, (one, _) in timed.items():
        # cron takes a bare percent sign for the end of the line
        call = shlex.join(_call(home, name)).replace("%", r"\%")
        log = shlex.quote(str(home / "kam.log")).replace("%", r"\%")
        yield f"# {' '.join(one.about.split())}"
        yield f"CRON_TZ={one.timezone}"
        yield f"{' '.join(one.schedule.split())} {call} >> {log} 2>&1"


def _systemd(home: Path, timed: Timed) -> Iterator[str]:
    yield "# Units of kam-connector: put each part into /etc/systemd/system under the name above it, then:"
    yield "#   systemctl daemon-reload && systemctl enable --now " + " ".join(f"kam-{n}.timer" for n in timed)
    for name, (one, when) in timed.items():
        about = " ".join(one.about.split()).replace("%", "%%")
        call = " ".join(_unit_word(w) for w in _call(home, name))
        yield from ("", f"# kam-{name}.service", "[Unit]", f"Description=kam-connector: {about}")
        yield from ("Wants=network-online.target", "After=network-online.target", "", "[Service]", "Type=oneshot")
        yield "# the secret that config.toml names by secret_env, readable by root only"
        yield from ("EnvironmentFile=-/etc/kam/secret.env", f"ExecStart={call}")
        yield "# 7: the API reserve was reached; the next run goes on where this one stopped"
        yield "SuccessExitStatus=7"
        yield from ("", f"# kam-{name}.timer", "[Unit]", f"Description=When to run kam-{name}", "", "[Timer]")
        yield from (f"OnCalendar={line} {one.timezone}" for line in calendar(when))
        yield from ("Persistent=true", "", "[Install]", "WantedBy=timers.target")


def _unit_word(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def calendar(when: When) -> list[str]:
    """A schedule in systemd's words; day and weekday given together mean either, which takes two lines."""

    def date(day: tuple[int, ...] | None) -> str:
        return f"*-{_listed(when.month)}-{_listed(day)}"

    time = f"{_listed(when.hour)}:{_listed(when.minute)}:00"
    if when.weekday is None:
        return [f"{date(when.day)} {time}"]
    names = ",".join(_DAYS[n].capitalize() for n in when.weekday)
    weekly = f"{names} {date(None)} {time}"
    return [weekly] if when.day is None else [f"{date(when.day)} {time}", weekly]


def _listed(values: tuple[int, ...] | None) -> str:
    return "*" if values is None else ",".join(f"{n:02d}" for n in values)

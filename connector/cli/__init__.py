"""The command `kam`: one command per file, arguments in, text out, errors to exit codes.

Next room: `job`.
"""

import importlib
import io
import os
import sys
import traceback
from pathlib import Path

import click

from connector import __version__
from connector.errors import KamError

# Command → (module of this folder, one line for the overview). Loaded when used: `kam --help` answers at once.
COMMANDS = {
    "demo": ("demo", "Show the whole walk on an invented company."),
    "init": ("init", "Make a deployment folder: config.toml, mappings/, jobs/."),
    "check": ("check", "Hold settings, login, permissions and mapping against the CRM."),
    "setup": ("setup", "Plan, make or remove our fields in the CRM."),
    "run": ("run", "Run a job of jobs/."),
    "pull": ("pull", "Copy what changed from the CRM into the mirror."),
    "enrich": ("enrich", "Compute the insights from the mirror."),
    "diff": ("diff", "Show what would be written."),
    "write-back": ("write_back", "Write the changes, or release a halted run."),
    "undo": ("undo", "Take back what a run wrote."),
    "programme": ("programme", "Members, proposals and the watch list; a person's decisions."),
    "status": ("status", "How old the data is and how the last runs ended."),
    "runs": ("runs", "What ran, or one run in full."),
    "rejects": ("rejects", "Rows the CRM refused, with the reason."),
    "retry": ("retry", "Send what the CRM refused once more."),
    "explain": ("explain", "How each number of an account came about."),
    "report": ("report", "Write the HTML report."),
    "backtest": ("backtest", "Replay history: what our picks would have caught."),
    "schedule": ("schedule", "Print the jobs' schedules for cron or systemd."),
    "emulate": ("emulate", "Start the stand-in CRM on this machine."),
}


class Lazy(click.Group):
    """A group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"connector.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The overview, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kam")
def kam() -> None:
    """Key-account status, coverage and whitespace, computed from your CRM and written back into it.

    Begin with: kam demo. Every command has an example: kam COMMAND --help
    """


def main() -> None:
    """Run the command line; every fault ends in one of the exit codes of the README."""
    _speak_plainly()
    try:
        code = kam.main(standalone_mode=False)
        sys.stdout.flush()  # a closed pipe is met here, not when the interpreter ends
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show()
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped. Run the same command again to go on where it was.", err=True)
        code = 130
    except KamError as error:
        for fault in error.faults:
            click.echo(f"kam: {fault}", err=True)
        code = error.code
    except (BrokenPipeError, SystemExit):
        # The reader of our output went away (click ends by itself then); there is nobody left to tell.
        hush(1, 2)
        code = 0
    except Exception as error:
        _own_bug(error)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _speak_plainly() -> None:
    """Let no name of a customer stop a command: files and pipes get UTF-8, a terminal a mark for what it lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            if stream.isatty():
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8", newline="\n")


def hush(*numbers: int) -> None:
    """Send what is still unsaid on these streams nowhere, so that the interpreter's own end doesn't complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in numbers:
        os.dup2(nowhere, number)


def _own_bug(error: Exception) -> None:
    """Say where, not with what: a traceback's values may be people's data."""
    if os.environ.get("KAM_DEBUG"):
        traceback.print_exc()
        return
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno}"
    click.echo(
        f"kam: a bug of ours: {type(error).__name__} in {where}. Nothing is lost; run the command again. If it stays,"
        " report this line; KAM_DEBUG=1 shows the whole trace (look through it for data before you send it).",
        err=True,
    )

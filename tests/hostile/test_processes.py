"""Real processes: Ctrl-C, a reader that goes away, another encoding, and the module's own entry."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bench import AS_OF, Bench
from world import SECRET

posix = pytest.mark.skipif(os.name == "nt", reason="signals and pipes of POSIX")


def start(site: Bench, *words: str, **more: object) -> "subprocess.Popen[bytes]":
    environ = {SECRET: site.running.secret, "PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])}
    environ |= dict(more.pop("env", {}))  # type: ignore[call-overload]
    call = [sys.executable, "-m", "connector", *words, "--dir", str(site.folder)]
    return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, **more)  # type: ignore[call-overload,no-any-return]


@posix
def test_ctrl_c_stops_at_once_and_the_same_command_goes_on(ready_site: Bench) -> None:
    ready_site.running.faults.replace([{"kind": "latency", "seconds": 30, "path": "*/query*", "nth": 6}])
    # Tests that were started in the background ignore SIGINT, and so would what they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = start(ready_site, "run", "first_run", "--as-of", AS_OF)
    signal.signal(signal.SIGINT, before)
    while not any("describe" in call for call in ready_site.running.calls) and process.poll() is None:
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Run the same command again" in err
    assert b"Traceback" not in err
    ready_site.running.faults.clear()
    assert ready_site.first_run().code == 0
    assert [r[0] for r in ready_site.rows("SELECT state FROM runs", file="journal")] == ["done"]


@posix
@pytest.mark.parametrize("words", [("diff", "--format", "csv"), ("status",), ("explain", "Company 01")], ids=" ".join)
def test_a_reader_that_goes_away_is_no_fault(walked: Bench, words: tuple[str, ...]) -> None:
    process = start(walked, *words)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(20) == 0
    assert err == b""


@posix
def test_a_run_goes_on_when_nobody_reads_its_progress(walked: Bench) -> None:
    process = start(walked, "run", "refresh", "--as-of", AS_OF)
    assert process.stderr is not None
    assert process.stdout is not None
    process.stderr.close()
    out = process.stdout.read()
    process.stdout.close()
    assert process.wait(30) == 0
    assert b"run " in out


def test_names_survive_a_console_of_another_alphabet(walked: Bench) -> None:
    process = start(walked, "explain", "Company 01", env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "½".encode() in out

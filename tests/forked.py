"""`kam` as processes that begin at once: forked from one that has imported everything.

Importing everything takes seconds, which tests that start dozens of processes would pay dozens of times. What is forked
is a process like any other, with words, environment, folder, streams, locks and an end of its own; only that all can be
imported is not proven by it. `Forked` is one that a test begins; run as a script with `ask`, this module is a `kam`
for a shell. Both speak to `serve` by a socket: the wish and the streams go there, number and exit code come back.
"""

import importlib
import json
import os
import select
import signal
import socket
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path

Streams = Sequence[int]


class Forked:
    """A process that was forked: as much of `subprocess.Popen` as is asked for here."""

    def __init__(self, address: str, wish: Mapping[str, object], streams: Streams) -> None:
        self.line = socket.socket(socket.AF_UNIX)
        self.line.connect(address)
        socket.send_fds(self.line, [json.dumps(wish).encode() + b"\n"], list(streams))
        self.told = self.line.makefile("r")
        self.pid = int(self.told.readline())

    def kill(self) -> None:
        """End it, as `kill -9` does; nothing happens once it has ended."""
        os.kill(self.pid, signal.SIGKILL)  # it stays a zombie until we leave, so its number is nobody else's

    def wait(self) -> int:
        """Its exit code once it has ended; negative when it was killed."""
        return int(self.told.readline())

    def __enter__(self) -> "Forked":
        return self

    def __exit__(self, *_: object) -> None:
        self.told.close()
        self.line.close()


# DuckDB begins a thread when it is imported, and threads don't survive a fork: each process imports it by itself.
NOT_YET = types.ModuleType("duckdb")
NOT_YET.DuckDBPyConnection = object  # type: ignore[attr-defined]  # named by annotations


def know() -> None:
    """Import and read what any run of ours may: rooms, lexicons, texts, SQL."""
    import pkgutil
    from contextlib import suppress

    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    sys.modules["duckdb"] = NOT_YET
    import connector

    aside = ("connector.__main__", "connector.emulator")
    for found in pkgutil.walk_packages(connector.__path__, "connector."):
        if not found.name.startswith(aside):
            importlib.import_module(found.name)
    with suppress(ImportError):
        importlib.import_module("pandas")  # which DuckDB looks for, and does without
    from connector.insight import steps, texts
    from connector.insight.titles.lexicon import lexicon

    for language in texts.LANGUAGES:
        texts.catalogue(language)
        lexicon(language)
    steps.digest()
    steps.reads()
    tasks = Path("/proc/self/task")
    assert not tasks.is_dir() or len(list(tasks.iterdir())) == 1, "a thread was begun, which no fork survives"


def serve(address: str) -> None:
    """Learn everything and fork for whoever asks, until our input ends."""
    know()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that keep a process
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen()
        os.write(1, b"ready\n")
        while door in select.select([door, sys.stdin], [], [])[0]:
            asked, _ = door.accept()
            if os.fork() == 0:
                door.close()
                keep(asked)
            asked.close()


def keep(asked: socket.socket) -> None:
    """Fork what is wished for, tell its number and how it ended, and let go of it when the asker does."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, streams = b"", list[int]()
    while not text.endswith(b"\n"):
        more, came, *_ = socket.recv_fds(asked, 1 << 16, 3)
        text, streams = text + more, streams + came
    child = os.fork()
    if child == 0:
        asked.close()
        become(json.loads(text), streams)
    for stream in streams:
        os.close(stream)
    asked.sendall(b"%d\n" % child)
    ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    asked.sendall(b"%d\n" % (ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status))
    asked.recv(1)
    os.waitpid(child, 0)
    os._exit(0)


def become(wish: dict[str, object], streams: Streams) -> None:
    """Be a `kam` that somebody started in that folder; its SystemExit ends this process."""
    import runpy

    from connector import cli

    del sys.modules["duckdb"]
    duckdb = importlib.import_module("duckdb")
    for module in list(sys.modules.values()):
        if vars(module).get("duckdb") is NOT_YET:
            vars(module)["duckdb"] = duckdb
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # What Python made of our own streams, which may be files, would not do for pipes.
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.chdir(str(wish["folder"]))
    os.environ.clear()
    os.environ.update(dict(wish["environ"]))  # type: ignore[call-overload]
    sys.argv = ["kam", *list(wish["words"])]  # type: ignore[call-overload]
    if wish["script"]:
        runpy.run_path(str(wish["script"]), run_name="__main__")
    else:
        cli.main()
    sys.exit()


def ask(address: str, *words: str) -> int:
    """Be a `kam` in a shell; the exit code."""
    wish = {"words": words, "environ": dict(os.environ), "folder": os.getcwd(), "script": ""}  # noqa: PTH109 (light)
    with Forked(address, wish, (0, 1, 2)) as process:
        code = process.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit({"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:]))

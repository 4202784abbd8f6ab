"""`kam demo --company large` (100,000 accounts): seconds and memory of each of its steps, on Linux.

Run: python benchmarks/large.py [--company medium] [--crm dynamics]. Every half second the resident memory of the demo's
process (with what it begins to parse pages) and of the stand-in CRM's beside it is read; a step's figure is the highest
it saw, and so is the sum's. Exits with 1 when the large company takes more than ten minutes or 2 GB.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

EVERY, SECONDS, BYTES = 0.5, 600, 2 * 1000**3
PAGE, TICK = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


class Sampler(threading.Thread):
    """Reads what a process and its children hold, until it ends; peaks since they were last asked for."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(daemon=True)
        self.process, self._peaks, self._lock = process, (0, 0, 0), threading.Lock()
        self.cpu: dict[int, float] = {}
        self.most = (0, 0, 0)

    def run(self) -> None:
        """Sample."""
        while self.process.poll() is None:
            ours, theirs = _held(self.process.pid, self.cpu), 0
            for child in _children(self.process.pid):
                if _is_emulator(child):
                    theirs += _held(child, self.cpu)
                else:
                    ours += _held(child, self.cpu)
            now = (ours, theirs, ours + theirs)
            with self._lock:
                self._peaks = tuple(map(max, self._peaks, now))  # type: ignore[assignment]
                self.most = tuple(map(max, self.most, now))  # type: ignore[assignment]
            time.sleep(EVERY)

    def peaks(self) -> tuple[int, int, int]:
        """Highest of the demo, of the emulator, and of both together."""
        with self._lock:
            found, self._peaks = self._peaks, (0, 0, 0)
        return found


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--company", default="large", choices=["small", "medium", "large"])
    parser.add_argument("--crm", default="salesforce", choices=["salesforce", "dynamics"])
    given = parser.parse_args()
    began, last = time.monotonic(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kam-large-") as folder:
        command = [sys.executable, "-u", "-m", "connector", "demo", "--crm", given.crm, "--company", given.company]
        process = subprocess.Popen([*command, "--out", f"{folder}/demo"], stdout=subprocess.PIPE, text=True)
        sampler = Sampler(process)
        sampler.start()
        assert process.stdout is not None
        print("     s   MB: kam  emulator  both   step", flush=True)
        for line in process.stdout:
            if not line[:3].strip().isdigit() or line[3:5] != ". ":
                if line.startswith("     "):
                    print(f"{'':36}{line.strip()}", flush=True)
                continue
            now = time.monotonic()
            print(f"{now - last:6.1f} {_told(sampler.peaks())}   {line.strip()}", flush=True)
            last = now
        code = process.wait()
    spent = time.monotonic() - began
    print(
        f"{spent:6.1f} {_told(sampler.most)}   all of it; CPU {sum(sampler.cpu.values()):.0f} s; load {os.getloadavg()}"
    )
    return code or int(given.company == "large" and (spent > SECONDS or sampler.most[2] > BYTES))


def _told(peaks: tuple[int, int, int]) -> str:
    ours, theirs, both = (f"{held / 1e6:.0f}" for held in peaks)
    return f"{ours:>8} {theirs:>9} {both:>5}"


def _held(pid: int, cpu: dict[int, float]) -> int:
    """Resident bytes of a process, 0 when it is gone; its processor time goes into `cpu`."""
    try:
        pages = (Path("/proc") / str(pid) / "statm").read_text().split()[1]
        fields = (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return 0
    cpu[pid] = (int(fields[11]) + int(fields[12])) / TICK
    return int(pages) * PAGE


def _is_emulator(pid: int) -> bool:
    try:
        return b"spawn_main" in (Path("/proc") / str(pid) / "cmdline").read_bytes()
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    """Children that any thread of the process began."""
    found: list[int] = []
    for thread in (Path("/proc") / str(pid) / "task").glob("*/children"):
        try:
            found += [int(child) for child in thread.read_text().split()]
        except OSError:  # the thread has just ended
            continue
    return found


if __name__ == "__main__":
    raise SystemExit(main())

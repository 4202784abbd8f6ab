"""Service protection: how much one user may ask for in five minutes, and what is left of it.

Each request enters and leaves here; too much of it is refused with the seconds to wait. Next room: `site`.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from connector.emulator.dynamics.org.model import Problem

REQUESTS, MILLISECONDS, AT_ONCE, WINDOW = 6000, 1_200_000, 52, 300.0


class Throttled(Problem):
    """A refusal that says after how many seconds to come again."""

    def __init__(self, code: str, message: str, retry_after: int) -> None:
        super().__init__(429, code, message)
        self.retry_after = retry_after


@dataclass
class _Load:
    """What one user asked for lately: moments of requests, moments and lengths of execution, and requests under way."""

    begun: deque[float] = field(default_factory=deque)
    spent: deque[tuple[float, float]] = field(default_factory=deque)
    milliseconds: float = 0.0
    running: int = 0
    pushed: int = 0  # requests refused since the last one that was served: going on makes the wait longer

    def forget(self, before: float) -> None:
        """Drop what lies before the window."""
        while self.begun and self.begun[0] <= before:
            self.begun.popleft()
        while self.spent and self.spent[0][0] <= before:
            self.milliseconds -= self.spent.popleft()[1]


@dataclass
class Protection:
    """The limits of one server, counted for each user in a sliding window."""

    requests: int = REQUESTS
    milliseconds: float = MILLISECONDS
    at_once: int = AT_ONCE
    window: float = WINDOW
    now: Callable[[], float] = time.monotonic
    _loads: dict[str, _Load] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, user_id: str) -> None:
        """Let one request in, or refuse it."""
        with self._lock:
            load, now = self._load(user_id)
            window = f"over time window of {self.window:.0f} seconds."
            if load.running >= self.at_once:
                text = f"Number of concurrent requests exceeded the limit of {self.at_once}."
                raise self._refused(load, "0x80072326", text, 1)
            if len(load.begun) >= self.requests:
                text = f"Number of requests exceeded the limit of {self.requests} {window}"
                left = load.begun[0] + self.window - now if load.begun else self.window
                raise self._refused(load, "0x80072322", text, left)
            if load.milliseconds >= self.milliseconds:
                text = (
                    f"Combined execution time of incoming requests exceeded limit of {self.milliseconds:,.0f} "
                    f"milliseconds {window} Decrease number of concurrent requests or reduce the duration of requests "
                    "and try again later."
                )
                left = load.spent[0][0] + self.window - now if load.spent else self.window
                raise self._refused(load, "0x80072321", text, left)
            load.begun.append(now)
            load.running += 1
            load.pushed = 0

    def leave(self, user_id: str, seconds: float) -> None:
        """Note that a request ended after so many seconds of work."""
        with self._lock:
            load, now = self._load(user_id)
            load.running -= 1
            load.spent.append((now, seconds * 1000))
            load.milliseconds += seconds * 1000

    def left(self, user_id: str) -> tuple[int, float]:
        """Requests and seconds of execution that the user still has."""
        with self._lock:
            load, _ = self._load(user_id)
            return max(0, self.requests - len(load.begun)), max(0.0, (self.milliseconds - load.milliseconds) / 1000)

    def reset(self) -> None:
        """Forget what was asked for, and take back changed limits."""
        with self._lock:
            for load in self._loads.values():
                load.begun.clear()
                load.spent.clear()
                load.milliseconds, load.pushed = 0.0, 0
        self.requests, self.milliseconds, self.at_once, self.window = REQUESTS, MILLISECONDS, AT_ONCE, WINDOW

    def _load(self, user_id: str) -> tuple[_Load, float]:
        load, now = self._loads.setdefault(user_id, _Load()), self.now()
        load.forget(now - self.window)
        return load, now

    def _refused(self, load: _Load, code: str, message: str, seconds: float) -> Throttled:
        load.pushed += 1
        return Throttled(code, message, max(1, math.ceil(seconds)) + load.pushed - 1)

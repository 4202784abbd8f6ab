"""Small draws that every part of the company needs: words from the data files, days and moments, spread numbers.

A `random.Random` comes in, one value leaves; nothing here knows what it is for. Next room: `firms`.
"""

import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")
_OPEN = [
    time(8 + s // 3600, s // 60 % 60, s % 60, tzinfo=UTC) for s in range(0, 9 * 3600, 7)
]  # a working day's moments

_MOMENTS = len(_OPEN)


@cache
def words(name: str) -> dict[str, Any]:
    """One of the data files beside this module, by its name without the ending."""
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def stream(seed: int, what: str) -> Random:
    """A generator of its own for one part, so that a change in one part leaves the others as they were."""
    return Random(f"{seed}/{what}")  # noqa: S311 - an invented company keeps no secrets


def workday(day: date) -> date:
    """The day itself, or the Friday before a weekend."""
    past = day.weekday() - 4
    return day - timedelta(days=past) if past > 0 else day


def moment(rng: Random, day: date) -> datetime:
    """A moment within the working hours of a day."""
    return datetime.combine(day, _OPEN[int(rng.random() * _MOMENTS)])


def pick(rng: Random, items: Sequence[T]) -> T:
    """Any of the items; quicker than `choice`, which counts in a table of hundreds of thousands of rows."""
    return items[int(rng.random() * len(items))]


def between(rng: Random, first: date, last: date) -> date:
    """Any day of a span, both ends included."""
    return first + timedelta(days=int(rng.random() * ((last - first).days + 1)))


def bent(rng: Random, middle: float, spread: float, low: float, high: float) -> float:
    """A log-normal number around a median, held between two bounds."""
    return min(high, max(low, middle * float(rng.lognormvariate(0, spread))))


def evenly(rng: Random, items: list[int], share: float) -> set[int]:
    """A share of the items, taken at even steps of their order: whatever they are sorted by is represented alike."""
    if not items or share <= 0:
        return set()
    step, at = 1 / share, rng.random() / share
    chosen = set()
    while at < len(items):
        chosen.add(items[int(at)])
        at += step
    return chosen

"""Record ids: 15 case-sensitive characters, and the three more that make them safe where case is lost.

In: a key prefix and a number, or an id as somebody wrote it; out: the 18-character form that every answer uses.
Next room: `catalogue`.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""The 62 characters of ids, in their order."""
INSTANCE = "Em0"
"""Characters 4 to 6 of the ids that the emulator makes."""
_LEASE = 1000
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_UPPER = {ord(letter): "1" if letter.isupper() else "0" for letter in DIGITS}


@lru_cache(maxsize=65_536)
def _symbol(five: str) -> str:
    return _CHECK[int(five.translate(_UPPER)[::-1], 2)]


def to18(id15: str) -> str:
    """Extend a 15-character id by its checksum; the first 15 characters of a longer one count."""
    return id15[:15] + _symbol(id15[:5]) + _symbol(id15[5:10]) + _symbol(id15[10:15])


@lru_cache(maxsize=32_768)
def check(text: str) -> str | None:
    """Give the 18-character form of a well-formed id, or None for anything else, a wrong checksum included."""
    if len(text) not in (15, 18) or not (text.isascii() and text.isalnum()):
        return None
    full = to18(text)
    return full if len(text) == 15 or text == full else None


def compose(prefix: str, instance: str, number: int) -> str:
    """Build the id of record `number` of the kind that `prefix` stands for."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = DIGITS[rest] + digits
    return to18(prefix + instance + digits.rjust(12 - len(instance), "0"))


@lru_cache(maxsize=65_536)
def _endings(middle: str, two: str) -> list[str]:
    """The last digit and the checksum of the 62 ids that begin alike: only the last one's case tells them apart."""
    small, large = (_symbol(middle + digit) for digit in "aA")
    return [digit + two + (large if digit.isupper() else small) for digit in DIGITS]


def series(prefix: str, instance: str, first: int, count: int) -> Iterator[str]:
    """Build the ids of records in a row; a small part of the time that `compose` takes for each."""
    end = first + count
    while first < end:
        rest, last = divmod(first, 62)
        stem = compose(prefix, instance, rest * 62)
        endings = _endings(stem[10:14], stem[15:17])[last : last + end - first]
        yield from [stem[:14] + ending for ending in endings]
        first += len(endings)


def number(digits: str) -> int:
    """Read the number that `compose` wrote in the last characters of an id."""
    value = 0
    for digit in digits:
        value = value * 62 + DIGITS.index(digit)
    return value


class Numbers:
    """The numbers in ids, none of which is given twice; `keep` is told of one that none given out has reached."""

    def __init__(self, following: int, leased: int, keep: Callable[[int], object]) -> None:
        self.next, self.leased, self._keep = following, leased, keep

    def take(self, count: int = 1) -> int:
        """Take the next number, or the first of several."""
        first = self.next
        self.next += count
        if self.next > self.leased:
            self.leased = self.next + _LEASE
            self._keep(self.leased)
        return first

    def go_on(self, following: int, leased: int) -> None:
        """Go on from here, or from where we are if that is further."""
        self.next, self.leased = max(self.next, following), max(self.leased, leased, following)
        self._keep(self.leased)

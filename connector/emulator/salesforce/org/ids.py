"""Record ids: 15 case-sensitive characters, and the three more that make them safe where case is lost.

In: a key prefix and a number, or an id as somebody wrote it; out: the 18-character form that every answer uses.
Next room: `catalogue`.
"""

import re
from functools import lru_cache

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")


@lru_cache(maxsize=200_000)
def to18(id15: str) -> str:
    """Extend a 15-character id by its checksum; the first 15 characters of a longer one count."""
    head = id15[:15]
    tail = "".join(
        _CHECK[sum(1 << k for k, letter in enumerate(head[start : start + 5]) if "A" <= letter <= "Z")]
        for start in (0, 5, 10)
    )
    return head + tail


def check(text: str) -> str | None:
    """Give the 18-character form of a well-formed id, or None for anything else, a wrong checksum included."""
    if not _SHAPE.fullmatch(text):
        return None
    full = to18(text)
    return full if len(text) == 15 or text == full else None


def compose(prefix: str, instance: str, number: int) -> str:
    """Build the id of record `number` of the kind that `prefix` stands for."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return to18(prefix + instance + digits.rjust(12 - len(instance), "0"))

"""Parts of a text put together in one line that a field of the CRM has room for.

Parts come in, one line of at most 255 characters leaves. Next room: `explain`.
"""

import re
from collections.abc import Sequence
from unicodedata import category

from connector.insight.texts import ISOLATE, POP

LONGEST = 255
_JOINER = "\u200d"
# Control characters, and those that turn the direction of the text that follows: a name must not change its text.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")


def joined(parts: Sequence[str], glue: str, longest: int = LONGEST, *, named: bool = False) -> str:
    """Parts in one text of at most 255 characters; parts that don't fit are left out whole, the first one is cut.

    It begins with a capital, unless it begins with a name, which stays as it is.
    """
    text = cut(parts[0], longest)
    room = longest - length(text)
    for part in parts[1:]:
        more = glue + part
        if length(more) <= room:
            text, room = text + more, room - length(more)
    first = text[:1].upper()
    return text if named or length(first) != length(text[:1]) else first + text[1:]


def length(text: str) -> int:
    """Characters as both CRMs count them: in UTF-16, where an emoji takes two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, most: int) -> str:
    """A text's beginning of at most this length; no letter loses its marks, and what was set apart is closed."""
    if length(text) <= most:
        return text
    kept, hard, opened = "", "", 0
    for place, letter in enumerate(text):
        begun = text[:place]
        if length(begun) + opened > most:
            break
        hard = begun
        if not _belongs(text[place - 1 : place], letter):
            kept = begun + POP * opened
        opened += (letter == ISOLATE) - (letter == POP and opened > 0)
    return kept or hard  # a single letter with hundreds of marks


def _belongs(before: str, letter: str) -> bool:
    """Whether a character is part of the letter before it: an accent, a vowel sign, a piece of an emoji."""
    return _JOINER in (before, letter) or category(letter)[0] == "M" or "\U0001f3fb" <= letter <= "\U0001f3ff"


def one_line(text: str) -> str:
    """A text of the CRM without line ends, control characters and marks of direction."""
    return " ".join(_STEERING.sub(" ", text).split())

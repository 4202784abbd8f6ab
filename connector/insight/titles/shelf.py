"""Several languages' lexicons that read a title at once: its words are parted once, and each word is looked up once.

A plain title comes in; a key leaves, the same for all titles that say the same to every language, and on demand how
much each language knows of it and what its tokens are. Next room: `parser`, which believes one of the languages.
"""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import NamedTuple

from connector.insight.titles.lexicon import Lexicon, Read, Told
from connector.insight.titles.phrases import HARD
from connector.insight.titles.words import has_marks, part, scripts

# Words kept with what every language knows of them; the rest of 500,000 titles' words are read again.
_WORDS_KEPT = 1 << 16
_LATIN = frozenset({"latin"})

# The numbers of a title's words and which languages' own letters it has, or what each language tells of it.
Key = tuple[tuple[int, ...], tuple[bool, ...]] | tuple[Told, ...]


class Reading(NamedTuple):
    """A title in a language."""

    lexicon: Lexicon
    told: Told


class Shelf:
    """Lexicons of one script; words that are the same to all of them have one number."""

    def __init__(self, lexicons: Sequence[Lexicon]) -> None:
        self._lexicons = tuple(lexicons)
        self._letters = frozenset[str]().union(*(x.letters for x in lexicons))
        self._unmarked = (False,) * len(self._lexicons)
        self._words: list[tuple[Read, ...]] = []
        self._numbers: dict[tuple[Read, ...], int] = {}
        self._number = lru_cache(_WORDS_KEPT)(self._numbered)

    def key(self, made: str) -> Key:
        """What a title is to all languages; marks between letters make each part the words its own way."""
        if has_marks(made):
            return tuple([x.told(made) for x in self._lexicons])
        numbers = tuple([self._number(w) for w in part(made)])
        if made.isascii() or self._letters.isdisjoint(made):
            return numbers, self._unmarked
        return numbers, tuple([x.marked(made) for x in self._lexicons])

    def readings(self, key: Key) -> list[Reading]:
        """Readings of a title, by the language that knows most of it first."""
        told = zip(self._lexicons, self._told(key), strict=True)
        return sorted((Reading(x, t) for x, t in told), key=lambda r: (-r.told.known, r.lexicon.borrows))

    def _told(self, key: Key) -> Iterator[Told]:
        if not key or isinstance(key[0], Told):
            yield from (t for t in key if isinstance(t, Told))
            return
        words = [self._words[int(n)] for n in key[0]]
        for at, marked in enumerate(key[1]):
            reads = [w[at] for w in words]
            tokens = tuple(chain.from_iterable(r.tokens for r in reads))
            yield Told(tokens, sum(r.known for r in reads) + bool(marked), any(r.hot for r in reads))

    def _numbered(self, raw: str) -> int:
        read = tuple([Read((raw,), 0, False) if raw in HARD else x.word(raw) for x in self._lexicons])
        number = self._numbers.setdefault(read, len(self._words))
        if number == len(self._words):
            self._words.append(read)
        return number


def shelf(made: str, lexicons: Sequence[Lexicon]) -> Shelf:
    """Lexicons of the title's scripts; other scripts' lexicons borrow what Latin words they need."""
    return _shelf(tuple(lexicons), _LATIN if made.isascii() else frozenset(scripts(made)) or _LATIN)


@cache
def _shelf(lexicons: tuple[Lexicon, ...], written: frozenset[str]) -> Shelf:
    return Shelf([x for x in lexicons if x.script in written] or lexicons)

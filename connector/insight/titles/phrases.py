"""Finds a lexicon's phrases in a list of tokens.

Phrases come in as a native speaker writes them; a Phrasebook leaves. Next room: `words`, which makes the tokens.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_LONGEST_GAP = 4
# Stands for any word that no list of the lexicon has; no title contains it.
UNKNOWN = "\0"
HARD = frozenset(",/|;:()[]{}•·\n\r+–—-،؛")


class Match(NamedTuple):
    """One phrase found in a title: tokens[start:end], as the lexicon writes it."""

    start: int
    end: int
    phrase: str


class Phrasebook:
    """Finds phrases in a list of tokens, the longest first at each place.

    `*` alone stands for one to four tokens, `stem*` for a word that begins so, `*stem` for one that ends so and
    `*stem*` for one that has it anywhere. A word that the book has in full is that word; of several stems the one that
    ends last in the word counts, for compounds name the thing itself last, and of two that overlap the longer.
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for phrase in phrases:
            words = tuple(phrase.split())
            self._by_first.setdefault(words[0], []).append((words, phrase))
        every = {w for places in self._by_first.values() for words, _ in places for w in words} - {"*"}
        self.words = frozenset(w for w in every if "*" not in w)
        self._begins = {w[:-1] for w in every if w.endswith("*") and not w.startswith("*")}
        self._ends = {w[1:] for w in every if w.startswith("*") and not w.endswith("*")}
        self._within = [w[1:-1] for w in every if w.startswith("*") and w.endswith("*")]
        self.stemmed = bool(self._begins or self._ends or self._within)
        self._begin_lengths = sorted({len(s) for s in self._begins})
        self._end_lengths = sorted({len(s) for s in self._ends})
        # A glance at three letters, or two of the shortest stems, settles most words.
        self._first_letters = {s[:3] for s in self._begins}
        self._last_letters = {s[-3:] for s in self._ends}
        self._inside = re.compile("|".join(map(re.escape, self._within))) if self._within else None
        self._keys: dict[str, tuple[str, ...]] = {UNKNOWN: ()}

    def keys(self, word: str) -> tuple[str, ...]:
        """The words and stems of this book that a token is; kept, for only words of the lexicon are asked for."""
        found = self._keys.get(word)
        if found is None:
            found = self._keys[word] = self.stems(word)
        return found

    def begins(self, word: str) -> bool:
        """Whether any phrase begins with a token."""
        return any(key in self._by_first for key in self.keys(word))

    def stems(self, word: str) -> tuple[str, ...]:
        """The same, for a word that may be anybody's."""
        own = (word,) if word in self.words else ()
        if not self.stemmed:
            return own
        found = [(0, n, word[:n] + "*") for n in range(2, len(word) + 1) if word[:n] in self._begins]
        found += [(n, len(word), "*" + word[n:]) for n in range(len(word)) if word[n:] in self._ends]
        found += [(word.rindex(s), word.rindex(s) + len(s), f"*{s}*") for s in self._within if s in word]
        return own + tuple(stem for *_, stem in _last_first(found)) if found else own

    def stem_words(self) -> list[str]:
        """The stems, as the phrases write them."""
        begins, ends = (f"{s}*" for s in self._begins), (f"*{s}" for s in self._ends)
        return [*begins, *ends, *(f"*{s}*" for s in self._within)]

    def has_stem(self, word: str) -> bool:
        """Whether any stem stands in a word."""
        if word[:3] in self._first_letters or word[:2] in self._first_letters:
            for n in self._begin_lengths:
                if word[:n] in self._begins:
                    return True
        if word[-3:] in self._last_letters or word[-2:] in self._last_letters:
            for n in self._end_lengths:
                if word[-n:] in self._ends:
                    return True
        return self._inside is not None and self._inside.search(word) is not None

    def find(self, tokens: Sequence[str]) -> list[Match]:
        """Phrases from left to right that don't overlap."""
        found, at = [], 0
        while at < len(tokens):
            best = self._longest(tokens, at)
            if best is not None:
                found.append(best)
            at = best.end if best else at + 1
        return found

    def _longest(self, tokens: Sequence[str], at: int) -> Match | None:
        best: Match | None = None
        for key in self.keys(tokens[at]):
            for words, phrase in self._by_first.get(key, ()):
                end = self._reach(tokens, at, words)
                if end and (best is None or end > best.end):
                    best = Match(at, end, phrase)
        return best

    def _reach(self, tokens: Sequence[str], at: int, words: tuple[str, ...]) -> int:
        """Where the phrase ends when it stands at this place, else 0."""
        for number, word in enumerate(words):
            if word == "*":
                at = self._over_gap(tokens, at, words[number + 1])
                if not at:
                    return 0
            elif at >= len(tokens) or (tokens[at] != word and word not in self.keys(tokens[at])):
                return 0
            else:
                at += 1
        return at

    def _over_gap(self, tokens: Sequence[str], at: int, last: str) -> int:
        """Where the word behind one to four other tokens stands, else 0."""
        for place in range(at, min(at + _LONGEST_GAP + 1, len(tokens))):
            if place > at and (tokens[place] == last or last in self.keys(tokens[place])):
                return place
            if tokens[place] in HARD:
                return 0
        return 0


def _last_first(found: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Stems found in a word, as (start, end, stem): the last in front, or a longer one that overlaps it."""
    ordered = sorted(found, key=lambda s: (s[1], s[1] - s[0]), reverse=True)
    last = ordered[0]
    best = max((s for s in ordered if s[1] > last[0]), key=lambda s: (s[1] - s[0], s[1]))
    return [best, *(s for s in ordered if s is not best)]
